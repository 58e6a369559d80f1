// data-tabs: a row of tabs that is wider than a narrow screen shows the current one.

for (const tabs of document.querySelectorAll("[data-tabs]")) {
  const current = tabs.querySelector("[aria-current]");
  if (current) tabs.scrollLeft = current.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
}
