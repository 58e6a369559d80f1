// data-once: a form that is sent once, however often its button is clicked; its button shows that it was heard.

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-once]");
  if (!form) return;
  if (form.dataset.once === "sent") {
    event.preventDefault();
    return;
  }
  form.dataset.once = "sent";
  event.submitter?.setAttribute("aria-busy", "true");
});

// A page that the Back button brings back from memory can be sent again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-once]")) form.dataset.once = "";
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});
