// data-live="<topics>": an element that is fetched again (htmx, hx-trigger="live") when one of its topics changes.
// One socket per page, named by the body's data-live-socket. [data-connection] is shown while nothing can be heard.

import { HealingSocket } from "./socket.js";

const PAUSE_MS = 250; // at most four times a second for each element
const SHOW_LOSS_MS = 1500;

const refreshes = new Map(); // by element, also across swaps: {at, isBusy, isDue, timer}
const notice = document.querySelector("[data-connection]");
let heard = [];
let isCut = false; // the socket is closed
let isPaused = false; // the socket is open, but its server hears nothing
let noticeTimer;

const keyOf = (element) => element.id || element.getAttribute("hx-get");
const topicsOf = (element) => element.dataset.live.split(/\s+/).filter(Boolean);
const elements = () => [...document.querySelectorAll("[data-live]")];

function stateOf(key) {
  if (!refreshes.has(key)) refreshes.set(key, { at: -Infinity, isBusy: false, isDue: false, timer: undefined });
  return refreshes.get(key);
}

function refresh(key) {
  const state = stateOf(key);
  state.isDue = true;
  // A request that is on its way may have been answered before the change: ask again after it.
  if (state.isBusy || state.timer !== undefined) return;
  const wait = state.at + PAUSE_MS - performance.now();
  if (wait > 0) {
    state.timer = setTimeout(() => {
      state.timer = undefined;
      refresh(key);
    }, wait);
    return;
  }
  state.isDue = false;
  const element = elements().find((candidate) => keyOf(candidate) === key);
  if (!element) {
    refreshes.delete(key);
    return;
  }
  state.at = performance.now();
  element.dispatchEvent(new CustomEvent("live"));
}

function refreshAll(topics) {
  for (const element of elements()) {
    if (topicsOf(element).some((topic) => topics.includes(topic))) refresh(keyOf(element));
  }
}

const liveElementOf = (event) => {
  const element = event.detail.requestConfig?.elt ?? event.detail.elt;
  return element?.dataset?.live === undefined ? undefined : element;
};

document.addEventListener("htmx:beforeSend", (event) => {
  const element = liveElementOf(event);
  if (element) stateOf(keyOf(element)).isBusy = true;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const element = liveElementOf(event);
  if (!element) return;
  const state = stateOf(keyOf(element));
  state.isBusy = false;
  if (state.isDue) refresh(keyOf(element));
});

function showLoss() {
  clearTimeout(noticeTimer);
  if (!notice) return;
  if (isCut || isPaused) noticeTimer = setTimeout(() => (notice.hidden = false), SHOW_LOSS_MS);
  else notice.hidden = true;
}

function start(path) {
  let told = "";
  const tell = (isNew) => {
    const topics = [...new Set(elements().flatMap(topicsOf))].sort();
    if (!isNew && topics.join() === told) return;
    told = topics.join();
    socket.send({ topics });
  };
  const socket = new HealingSocket(path, {
    opened: () => {
      heard = [];
      isPaused = false; // the server says so if it is
      tell(true);
    },
    received: (message) => {
      if (message.changed) refreshAll([message.changed]);
      if (message.paused !== undefined) {
        isPaused = message.paused;
        showLoss();
      }
      if (message.topics) {
        // What changed before it could be heard is fetched now, so that nothing is missed.
        const added = message.topics.filter((topic) => !heard.includes(topic));
        heard = message.topics;
        isCut = false;
        showLoss();
        refreshAll(added);
      }
    },
    lost: () => {
      isCut = true;
      showLoss();
    },
    refused: () => location.reload(), // the page's own door says why
  });
  new MutationObserver(() => tell(false)).observe(document.body, {
    subtree: true,
    childList: true,
    attributeFilter: ["data-live"],
  });
}

if (document.body.dataset.liveSocket) start(document.body.dataset.liveSocket);
