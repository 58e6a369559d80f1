// Colours of terminals (SGR sequences) as parts with classes; there is nothing else to escape to.

const SGR = /\x1b\[([0-9;:]*)m/g;
const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const FLAG_ENDS = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };
const BASIC = [
  [0, 0, 0], [205, 49, 49], [13, 188, 121], [229, 229, 16], [36, 114, 200], [188, 63, 188], [17, 168, 205], [200, 200, 200],
  [102, 102, 102], [241, 76, 76], [35, 209, 139], [245, 245, 67], [59, 142, 234], [214, 112, 214], [41, 184, 219], [255, 255, 255],
];
const LEVELS = [0, 95, 135, 175, 215, 255];

// The nearest of the sixteen colours that have classes.
function nearest(colour) {
  const distance = (other) => other.reduce((total, value, i) => total + (value - colour[i]) ** 2, 0);
  return BASIC.reduce((best, other, index) => (distance(other) < distance(BASIC[best]) ? index : best), 0);
}

function fromPalette(number) {
  if (number < 16) return number;
  if (number >= 232) return nearest(Array(3).fill(8 + 10 * (number - 232)));
  const cube = number - 16;
  return nearest([LEVELS[Math.floor(cube / 36) % 6], LEVELS[Math.floor(cube / 6) % 6], LEVELS[cube % 6]]);
}

function apply(style, codes) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    const ground = code < 40 || (code >= 90 && code < 100) ? "fg" : "bg";
    if (code === 0) {
      style.flags.clear();
      style.fg = style.bg = undefined;
    } else if (FLAGS[code]) style.flags.add(FLAGS[code]);
    else if (FLAG_ENDS[code]) FLAG_ENDS[code].forEach((flag) => style.flags.delete(flag));
    else if ((code >= 30 && code <= 37) || (code >= 40 && code <= 47)) style[ground] = code % 10;
    else if ((code >= 90 && code <= 97) || (code >= 100 && code <= 107)) style[ground] = 8 + (code % 10);
    else if (code === 39 || code === 49) style[ground] = undefined;
    else if (code === 38 || code === 48) {
      if (codes[i + 1] === 5) style[ground] = fromPalette(Math.min(255, codes[i + 2] ?? 0));
      else if (codes[i + 1] === 2) style[ground] = nearest([codes[i + 2] ?? 0, codes[i + 3] ?? 0, codes[i + 4] ?? 0]);
      i += codes[i + 1] === 5 ? 2 : 4;
    }
  }
}

function classesOf(style) {
  const classes = [...style.flags].map((flag) => `ansi-${flag}`);
  if (style.fg !== undefined) classes.push(`ansi-fg-${style.fg}`);
  if (style.bg !== undefined) classes.push(`ansi-bg-${style.bg}`);
  return classes.join(" ");
}

export const plain = (text) => (text.includes("\x1b") ? text.replace(SGR, "") : text);

// [text, classes] for each part of the line.
export function parts(text) {
  if (!text.includes("\x1b")) return [[text, ""]];
  const found = [];
  const style = { flags: new Set(), fg: undefined, bg: undefined };
  let end = 0;
  for (const match of text.matchAll(SGR)) {
    if (match.index > end) found.push([text.slice(end, match.index), classesOf(style)]);
    apply(style, match[1] === "" ? [0] : match[1].split(/[;:]/).map(Number));
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push([text.slice(end), classesOf(style)]);
  return found;
}
