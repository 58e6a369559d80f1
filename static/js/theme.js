// data-theme-choice="light|dark|system": buttons that choose the colours; the choice is kept in this browser.
// A plain script in <head>, not a module, so that the first paint already has the right colours.
(() => {
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  const choice = () => localStorage.getItem("theme") ?? "system";

  function paint() {
    const isDark = choice() === "dark" || (choice() === "system" && systemIsDark.matches);
    document.documentElement.dataset.bsTheme = isDark ? "dark" : "light";
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice()));
    }
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-theme-choice]");
    if (!button) return;
    localStorage.setItem("theme", button.dataset.themeChoice);
    paint();
  });
  systemIsDark.addEventListener("change", paint);
  window.addEventListener("storage", paint);
  document.addEventListener("DOMContentLoaded", paint);
  paint();
})();
