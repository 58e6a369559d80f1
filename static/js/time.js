// data-ago, data-elapsed, data-left: keeps the words of <time> elements current, as the tags of these names write them.

function words(seconds) {
  if (seconds < 60) return [`${seconds} s`];
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return [`${minutes} min`, `${seconds % 60} s`];
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return [`${hours} h`, `${minutes % 60} min`];
  return [`${Math.floor(hours / 24)} d`, `${hours % 24} h`];
}

function textOf(element) {
  const passed = (Date.now() - Date.parse(element.dateTime)) / 1000;
  const seconds = Math.max(0, Math.floor("left" in element.dataset ? -passed : passed));
  if ("elapsed" in element.dataset || "left" in element.dataset) return words(seconds).join(" ");
  return seconds < 5 ? "just now" : `${words(seconds)[0]} ago`;
}

function tick() {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-ago], [data-elapsed], [data-left]")) {
    const text = textOf(element);
    if (element.textContent !== text) element.textContent = text;
  }
}

setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
