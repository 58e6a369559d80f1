// data-log-url: a live log. Lines come as bytes (apps/streams/lines.py says how), remarks about them as JSON.
//
// What is on the page is bounded: the oldest lines leave, and lines that come faster than they can be shown are left
// out, with a row that says how many. Whoever reads on (scrolled up, or paused) has a page that holds still; new lines
// wait, and are counted.

import { Rows, asText } from "./log-rows.js";
import { Search } from "./log-search.js";
import { HealingSocket } from "./socket.js";

const MAX_WAITING = 5000;
const FRAME_MS = 6; // of a frame's 16, so that the tab stays responsive
const AT_ONCE = 50;
const NEAR_THE_END_PX = 24;
const COLOURS = 6;
const HEAD = "#".charCodeAt(0);
const decoder = new TextDecoder();

const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

function remembered(name, otherwise) {
  try {
    return localStorage.getItem(`log-${name}`) ?? otherwise;
  } catch {
    return otherwise; // a browser that keeps nothing
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`log-${name}`, value);
  } catch {
    // as above
  }
}

// What a remark of the server says, and whether lines are missing there.
function wordsOf(remark, label) {
  if (remark.dropped) return [`${count(remark.dropped, "line")} dropped`, true];
  if (remark.gap) return [`${count(remark.gap, "line")} lost when the log was rotated`, true];
  if (remark.gap === null) return ["Lines may be missing here: the log was rotated", true];
  if (remark.ended !== undefined) return [`${label} stopped (exit ${remark.ended}${remark.oom ? ", out of memory" : ""})`, false];
  if (remark.started) return [`${label} started again`, false];
  return ["", false];
}

class LogView {
  constructor(root) {
    this.root = root;
    this.sources = new Map();
    this.waiting = []; // lines and remarks that are not on the page yet
    this.skipped = 0;
    this.past = []; // it comes container by container, and is put in order when the server says that it is complete
    this.isLive = false;
    this.isPaused = false;
    this.isAtEnd = true;
    this.frame = 0;
    this.box = this.#find("lines");
    this.pill = this.#find("pill");
    this.rows = new Rows(this.box);
    this.search = new Search(this.rows, this.#find("matches"), () => (this.isAtEnd = false));
    this.#bindTools();
    this.socket = new HealingSocket(root.dataset.logUrl, {
      opened: () => this.#opened(),
      received: (message) => (message instanceof ArrayBuffer ? this.#takeLines(message) : this.#takeNews(message)),
      lost: () => this.#say("Connection lost, trying again…", "yellow"),
      refused: () => this.#say("This log is no longer open to you", "red"),
    });
  }

  #find(name) {
    return this.root.querySelector(`[data-log-${name}]`);
  }

  // --- from the socket -----------------------------------------------------------------------------------------------

  #opened() {
    this.isLive = false;
    const from = {};
    for (const [id, { seen, floor }] of this.sources) {
      // Of a stream that said nothing yet, everything before the first line shown counts as seen.
      if (floor) from[id] = { o: seen.o ?? [floor, 0], e: seen.e ?? [floor, 0] };
    }
    this.socket.send({ from });
  }

  #source(id) {
    let source = this.sources.get(id);
    if (!source) {
      source = { label: "", release: 0, colour: 0, seen: {}, floor: "", stamp: "", remark: "" };
      this.sources.set(id, source);
    }
    return source;
  }

  #takeNews(news) {
    if (news.sources) this.#takeSources(news.sources);
    if (news.error !== undefined) this.#takeError(news.error);
    if (news.live) this.#becomeLive();
    if (news.source) this.#takeRemark(this.#source(news.source), news);
  }

  #takeSources(found) {
    const labels = [...new Set(found.map(({ label }) => label))].sort();
    for (const { id, label, release } of found) {
      Object.assign(this.#source(id), { label, release, colour: labels.indexOf(label) % COLOURS });
    }
    this.root.classList.toggle("has-labels", labels.length > 1);
  }

  #takeError(sentence) {
    this.error = sentence;
    this.#sayHowItIs();
  }

  #takeRemark(source, news) {
    const [remark, isLoss] = wordsOf(news, source.label);
    // After a reconnect the last remark comes again.
    if (!remark || source.remark === remark) return;
    source.remark = remark;
    this.#take([{ source, remark, isLoss, stamp: source.stamp }]);
  }

  #takeLines(buffer) {
    const rows = decoder.decode(buffer).split("\n");
    rows.pop();
    let index = 0;
    if (this.isLive && rows.length > 2 * MAX_WAITING) {
      // More than can ever be shown: begin at the last head before the lines that may be.
      index = rows.length - MAX_WAITING;
      while (rows[index].charCodeAt(0) !== HEAD) index -= 1;
      this.skipped += rows.slice(0, index).filter((row) => row.charCodeAt(0) !== HEAD).length;
    }
    const lines = [];
    let source;
    let second = "";
    for (; index < rows.length; index++) {
      const row = rows[index];
      if (row.charCodeAt(0) === HEAD) {
        const [id, start] = row.slice(1).split(" ");
        source = this.#source(id);
        second = start;
        continue;
      }
      const stream = row[0];
      const stamp = second + row.slice(1, 10);
      const before = source.seen[stream];
      source.seen[stream] = before?.[0] === stamp ? [stamp, before[1] + 1] : [stamp, 1];
      source.floor ||= stamp;
      source.stamp = stamp;
      source.remark = "";
      lines.push({ source, stamp, isError: stream === "e", text: row.slice(10) });
    }
    this.#take(lines);
  }

  #becomeLive() {
    const past = this.past;
    this.past = [];
    this.isLive = true;
    past.sort((one, other) => (one.stamp < other.stamp ? -1 : one.stamp > other.stamp ? 1 : 0));
    this.#take(past);
    this.#sayHowItIs();
    this.#find("empty").hidden = this.rows.size + this.waiting.length > 0;
  }

  #take(items) {
    if (!this.isLive) {
      this.past = this.past.concat(items);
      return;
    }
    this.waiting = this.waiting.concat(items);
    if (this.waiting.length > MAX_WAITING) {
      const left = this.waiting.splice(0, this.waiting.length - MAX_WAITING);
      this.skipped += left.filter((item) => !item.remark).length;
    }
    this.#wake();
  }

  // --- to the page ---------------------------------------------------------------------------------------------------

  get #isHeld() {
    return this.isPaused || !this.isAtEnd;
  }

  #wake() {
    if (this.#isHeld) this.#showPill();
    else if (!this.frame && this.waiting.length) this.frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.frame = 0;
    if (this.#isHeld) {
      this.#showPill();
      return;
    }
    const began = performance.now();
    this.#find("empty").hidden = true;
    if (this.skipped) {
      this.rows.append([{ remark: `${count(this.skipped, "line")} dropped`, isLoss: true, stamp: this.waiting[0].stamp }]);
      this.skipped = 0;
    }
    let drawn = 0;
    while (drawn < this.waiting.length && performance.now() - began < FRAME_MS) {
      this.rows.append(this.waiting.slice(drawn, drawn + AT_ONCE));
      drawn += AT_ONCE;
    }
    this.waiting.splice(0, drawn);
    this.#toEnd();
    this.#showPill();
    this.#wake();
  }

  #toEnd() {
    this.box.scrollTop = this.box.scrollHeight;
  }

  #showPill() {
    const lines = this.waiting.length + this.skipped;
    this.pill.hidden = !this.#isHeld || lines === 0;
    if (!this.pill.hidden) this.pill.textContent = count(lines, "new line");
  }

  #say(text, tone) {
    const state = this.#find("state");
    state.textContent = text;
    state.className = `log-state tone-${tone}`;
  }

  #sayHowItIs() {
    if (this.error) this.#say(this.error, "yellow");
    else if (!this.isLive) this.#say("Loading…", "secondary");
    else if (this.isPaused) this.#say("Paused", "secondary");
    else this.#say("Live", "green");
  }

  // --- from the reader -----------------------------------------------------------------------------------------------

  #bindTools() {
    this.box.addEventListener("scroll", () => {
      this.isAtEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR_THE_END_PX;
      this.#wake();
    });
    new ResizeObserver(() => this.#isHeld || this.#toEnd()).observe(this.box);
    this.pill.addEventListener("click", () => {
      this.#pause(false);
      this.#goOn();
    });
    const pause = this.#find("pause");
    pause.addEventListener("click", () => {
      this.#pause(!this.isPaused);
      if (!this.isPaused) this.#goOn();
    });
    for (const button of this.root.querySelectorAll("[data-log-toggle]")) this.#bindToggle(button);
    this.#find("download").addEventListener("click", () => this.#download());
    const input = this.#find("search");
    input.addEventListener("input", () => this.search.look(input.value));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.search.step(event.shiftKey ? 1 : -1);
    });
  }

  #pause(isPaused) {
    this.isPaused = isPaused;
    const button = this.#find("pause");
    button.setAttribute("aria-pressed", isPaused);
    button.querySelector("i").className = `ti ti-player-${isPaused ? "play" : "pause"}`;
    this.#find("pause-word").textContent = isPaused ? "Go on" : "Pause";
    this.#sayHowItIs();
  }

  #goOn() {
    this.isAtEnd = true;
    this.#toEnd();
    this.#wake();
    this.#showPill();
  }

  #bindToggle(button) {
    const name = button.dataset.logToggle;
    const show = (isOn) => {
      button.setAttribute("aria-pressed", isOn);
      this.root.classList.toggle(`is-${name}`, isOn);
      if (!this.#isHeld) this.#toEnd();
    };
    show(remembered(name, button.getAttribute("aria-pressed")) === "true");
    button.addEventListener("click", () => {
      const isOn = button.getAttribute("aria-pressed") !== "true";
      remember(name, isOn);
      show(isOn);
    });
  }

  #download() {
    const link = document.createElement("a");
    const url = URL.createObjectURL(new Blob([asText([...this.rows.items, ...this.waiting])], { type: "text/plain" }));
    link.href = url;
    link.download = `${this.root.dataset.logName}.log`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}

for (const root of document.querySelectorAll("[data-log-url]")) new LogView(root);
