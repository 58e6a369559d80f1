// data-filter="<id of a list>": an input that hides the list's items whose text does not contain what was typed.

document.addEventListener("input", (event) => {
  const input = event.target.closest("[data-filter]");
  if (!input) return;
  const wanted = input.value.trim().toLowerCase();
  for (const item of document.getElementById(input.dataset.filter).children) {
    item.hidden = !item.textContent.toLowerCase().includes(wanted);
  }
});
