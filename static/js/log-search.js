// Search in the lines that are loaded: every match is highlighted (without touching the page) and counted; Enter and
// Shift-Enter go from one to the next.

const MAX_HIGHLIGHTS = 2000;

// Where `wanted` occurs in the row's text, as ranges across its coloured parts.
function rangesIn(element, wanted) {
  const nodes = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const places = [];
  let text = "";
  while (nodes.nextNode()) {
    places.push([text.length, nodes.currentNode]);
    text += nodes.currentNode.data;
  }
  const lower = text.toLowerCase();
  if (lower.length !== text.length) return []; // a letter whose lower case is longer: positions would be wrong
  const at = (position) => {
    const [start, node] = places.findLast(([start]) => start <= position);
    return [node, position - start];
  };
  const ranges = [];
  for (let start = lower.indexOf(wanted); start >= 0; start = lower.indexOf(wanted, start + wanted.length)) {
    const range = new Range();
    range.setStart(...at(start));
    const [node, offset] = at(start + wanted.length - 1);
    range.setEnd(node, offset + 1);
    ranges.push(range);
  }
  return ranges;
}

export class Search {
  constructor(rows, output, moved) {
    this.rows = rows;
    this.output = output;
    this.moved = moved;
    this.wanted = "";
    this.found = new Map(); // item → ranges, in the order of the lines
    this.total = 0;
    this.current = undefined;
    this.all = new Highlight();
    this.one = new Highlight();
    this.one.priority = 1;
    CSS.highlights.set("log-match", this.all);
    CSS.highlights.set("log-current", this.one);
    rows.changed = (added, removed) => this.#follow(added, removed);
  }

  look(text) {
    this.wanted = text.toLowerCase();
    this.found.clear();
    this.all.clear();
    this.one.clear();
    this.total = 0;
    this.current = undefined;
    if (this.wanted) this.#add(this.rows.items);
    this.#show();
  }

  // To the next match, or the one before it; at first to the last, which is the newest.
  step(direction) {
    const ranges = [...this.found.values()].flat();
    if (!ranges.length) return;
    const index = ranges.indexOf(this.current);
    const next = index < 0 ? ranges.length - 1 : (index + direction + ranges.length) % ranges.length;
    this.current = ranges[next];
    this.one.clear();
    this.one.add(this.current);
    this.moved();
    this.current.startContainer.parentElement.scrollIntoView({ block: "center", inline: "nearest" });
    this.#show(`${next + 1} of `);
  }

  #follow(added, removed) {
    if (!this.wanted) return;
    for (const item of removed) {
      for (const range of this.found.get(item) ?? []) {
        this.all.delete(range);
        this.total -= 1;
      }
      this.found.delete(item);
    }
    this.#add(added);
    this.#show();
  }

  #add(items) {
    for (const item of items) {
      if (item.remark) continue;
      const ranges = rangesIn(item.row.lastElementChild, this.wanted);
      if (!ranges.length) continue;
      this.found.set(item, ranges);
      this.total += ranges.length;
      if (this.all.size < MAX_HIGHLIGHTS) ranges.forEach((range) => this.all.add(range));
    }
  }

  #show(place = "") {
    this.output.hidden = !this.wanted;
    this.output.value = `${place}${this.total.toLocaleString("en")} ${this.total === 1 ? "match" : "matches"}`;
  }
}
