// Keeps htmx swaps from disturbing: what a person holds (an open menu, a pressed button) is swapped when let go of,
// and an answer that is really another page (the sign-in page, after the session ended) becomes that page.

const HELD = ":active, [aria-expanded='true']";
const waiting = new Set();

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr, requestConfig } = event.detail;
  if (xhr.responseURL && new URL(xhr.responseURL).pathname !== new URL(requestConfig.path, location).pathname) {
    event.detail.shouldSwap = false;
    location.reload();
  } else if (target.querySelector(HELD)) {
    event.detail.shouldSwap = false;
    waiting.add(requestConfig.elt.id);
  }
});

function letGo() {
  for (const id of waiting) {
    const element = document.getElementById(id);
    if (element?.querySelector(HELD)) continue;
    waiting.delete(id);
    element?.dispatchEvent(new CustomEvent("live"));
  }
}

document.addEventListener("hidden.bs.dropdown", () => setTimeout(letGo));
document.addEventListener("pointerup", () => setTimeout(letGo));
document.addEventListener("keyup", () => setTimeout(letGo));
