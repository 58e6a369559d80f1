// data-dialog-open="<id of a dialog>" opens it; data-dialog-close within a dialog closes it, as Escape does.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) document.getElementById(opener.dataset.dialogOpen).showModal();
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog").close();
});
