// The lines of a log on the page: as many as are useful, in groups so that the oldest leave cheaply. Text is only ever
// set as text.

import { parts, plain } from "./ansi.js";

const MAX_LINES = 5000;
const GROUP_LINES = 100;

const pad = (number, width = 2) => String(number).padStart(width, "0");

function timeOf(stamp) {
  const date = new Date(`${stamp.slice(0, 23)}Z`);
  const time = document.createElement("time");
  time.className = "log-time";
  time.dateTime = `${stamp}Z`;
  time.title = date.toLocaleString();
  time.textContent = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)} `;
  return time;
}

function span(className, text) {
  const element = document.createElement("span");
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

export class Rows {
  constructor(box) {
    this.box = box;
    this.groups = []; // {element, items}
    this.size = 0;
    this.releases = new Map(); // label → the release whose lines came last
    this.changed = () => {};
  }

  get items() {
    return this.groups.flatMap((group) => group.items);
  }

  append(items) {
    const added = [];
    for (const item of items) {
      const release = this.#newRelease(item.source);
      if (release) this.#put({ remark: `Release ${release} started`, stamp: item.stamp }, added);
      this.#put(item, added);
    }
    const removed = this.#trim();
    this.changed(added, removed);
  }

  #newRelease(source) {
    if (!source?.release) return 0;
    const before = this.releases.get(source.label);
    if (before === undefined || source.release > before) this.releases.set(source.label, source.release);
    return before !== undefined && source.release > before ? source.release : 0;
  }

  #put(item, added) {
    let group = this.groups.at(-1);
    if (!group || group.items.length >= GROUP_LINES) {
      group = { element: document.createElement("div"), items: [] };
      group.element.className = "log-group";
      this.groups.push(group);
      this.box.append(group.element);
    }
    item.row = this.#draw(item);
    group.items.push(item);
    group.element.append(item.row);
    this.size += 1;
    added.push(item);
  }

  #draw(item) {
    const row = document.createElement("div");
    if (item.remark) {
      row.className = `log-remark${item.isLoss ? " is-loss" : ""}`;
      row.textContent = item.remark;
      return row;
    }
    row.className = item.isError ? "log-row is-error" : "log-row";
    const text = document.createElement("span");
    text.className = "log-text";
    for (const [part, classes] of parts(item.text)) text.append(classes ? span(classes, part) : part);
    row.append(timeOf(item.stamp), span(`log-source log-colour-${item.source.colour}`, `${item.source.label} `), text);
    return row;
  }

  #trim() {
    const removed = [];
    while (this.size - this.groups[0].items.length >= MAX_LINES) {
      const group = this.groups.shift();
      group.element.remove();
      this.size -= group.items.length;
      removed.push(...group.items);
    }
    return removed;
  }
}

export function asText(items) {
  const lines = items.map((item) =>
    item.remark
      ? `--- ${item.remark}`
      : `${item.stamp}Z ${item.source.label} ${item.isError ? "stderr" : "stdout"} ${plain(item.text)}`,
  );
  return `${lines.join("\n")}\n`;
}
