// A WebSocket that heals: it is opened again with growing pauses until it is closed from here or refused from there.

const PAUSES_MS = [300, 700, 1500, 3000, 5000, 10000];
const REFUSED = 4000; // and an HTTP status: what a page at this address would have answered

export class HealingSocket {
  // handlers: opened(), received(data), lost(), refused(status). `lost` is called once per loss, also the first.
  constructor(path, handlers) {
    this.url = new URL(path, location.href.replace(/^http/, "ws"));
    this.handlers = handlers;
    this.failures = 0;
    this.isLost = false;
    addEventListener("online", () => this.#hurry());
    addEventListener("pageshow", (event) => event.persisted && this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    this.#open();
  }

  send(content) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(content));
  }

  #open() {
    this.timer = undefined;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      // One that is refused is open for a moment: the server speaks first to those that are not.
      this.isLost = false;
      this.handlers.opened?.();
    };
    socket.onmessage = (event) => {
      this.failures = 0;
      this.handlers.received?.(typeof event.data === "string" ? JSON.parse(event.data) : event.data);
    };
    socket.onclose = (event) => this.#closed(event.code);
    this.socket = socket;
  }

  #closed(code) {
    const status = code - REFUSED;
    if (status === 401) {
      location.reload(); // to the sign-in page, and back here
    } else if (status === 403 || status === 404) {
      this.handlers.refused?.(status);
    } else {
      if (!this.isLost) this.handlers.lost?.();
      this.isLost = true;
      const pause = PAUSES_MS[Math.min(this.failures++, PAUSES_MS.length - 1)];
      this.timer = setTimeout(() => this.#open(), pause * (0.75 + Math.random() / 2));
    }
  }

  #hurry() {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.#open();
  }
}
