// data-copy="<id of an element>": copies its text and says so on the button for a moment.

const SHOWN_MS = 1500;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const icon = button.querySelector(".ti");
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  } catch {
    return; // the browser refuses outside https and localhost; the text can still be selected
  }
  icon.classList.replace("ti-copy", "ti-check");
  button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    icon.classList.replace("ti-check", "ti-copy");
    button.setAttribute("aria-label", "Copy");
  }, SHOWN_MS);
});
