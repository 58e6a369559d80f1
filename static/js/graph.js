// data-graph="<id of a JSON script>": draws the list data-graph-of of that script, a value per step of time, with
// uPlot; data-graph-unit (cores or bytes) words the values. [data-graph-caption] within says what is drawn, and the value
// under the pointer, in all graphs of the script at once. Times are UTC.

const { uPlot } = window;
const HEIGHT = 170;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function bytes(value) {
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < UNITS.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${Number(size.toFixed(size < 100 ? 1 : 0))} ${UNITS[unit]}`;
}

const cores = (value) => `${Number(value.toPrecision(3))} ${value === 1 ? "core" : "cores"}`;
const WORDS = { bytes, cores };

// Marks of an axis at round numbers of the unit that the largest value has.
function byteMarks(_, __, least, most, step) {
  const unit = 1024 ** Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(most || 1) / 10)));
  const scale = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((size) => size * unit);
  const apart = scale.find((size) => size >= step) ?? step;
  const marks = [];
  for (let mark = Math.ceil(least / apart) * apart; mark <= most; mark += apart) marks.push(mark);
  return marks;
}

const formatter = (parts) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...parts });
const DAY = { day: "numeric", month: "short" };
const HOUR = { hour: "2-digit", minute: "2-digit" };
const DATES = { day: formatter(DAY), hour: formatter(HOUR), month: formatter({ month: "short", year: "numeric" }) };
const exactDay = formatter({ ...DAY, year: "numeric" });
const exactHour = formatter({ ...DAY, ...HOUR, year: "numeric", timeZoneName: "short" });

function dateMarks(_, marks, __, ___, step) {
  return marks.map((seconds) => {
    const format = step >= 28 * 86400 ? "month" : seconds % 86400 === 0 ? "day" : "hour";
    return DATES[format].format(seconds * 1000);
  });
}

function options(element, { starts, ends, step }, width) {
  const colour = (name) => getComputedStyle(element).getPropertyValue(`--graph-${name}`);
  const unit = element.dataset.graphUnit;
  const axis = { stroke: colour("ink"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
  const caption = element.querySelector("[data-graph-caption]");
  const told = caption.textContent;
  const tell = ({ cursor: { idx }, data: [times, values] }) => {
    const value = values[idx];
    const format = step < 86400 ? exactHour : exactDay;
    caption.textContent = value === undefined ? told : `${format.format(times[idx] * 1000)}: ${WORDS[unit](value)}`;
  };
  const least = unit === "bytes" ? 1024 ** 2 : 1;
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { x: { range: [starts[0], ends] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : least] } },
    axes: [
      { ...axis, grid: { show: false }, space: 64, size: 26, values: dateMarks },
      {
        ...axis,
        size: 72,
        splits: unit === "bytes" ? byteMarks : undefined,
        values: (_, marks) => marks.map((mark) => WORDS[unit](mark).replace(/ cores?$/, "")),
      },
    ],
    cursor: { y: false, drag: { x: false }, sync: { key: element.dataset.graph } },
    hooks: { setCursor: [tell] },
    series: [
      {},
      {
        stroke: colour("line"),
        fill: colour("fill"),
        width: 1.5,
        points: { show: false },
        paths: uPlot.paths.stepped({ align: 1 }),
      },
    ],
  };
}

// A value holds until the next one, so the last one is drawn up to the end of its step.
function data(element, series) {
  const values = series[element.dataset.graphOf];
  return [[...series.starts, series.ends], [...values, values.at(-1)]];
}

function graph(element) {
  const series = JSON.parse(document.getElementById(element.dataset.graph).textContent);
  const width = () => {
    const style = getComputedStyle(element);
    return element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  };
  const name = element.querySelector("[data-graph-caption]").textContent;
  let plot;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot(options(element, series, width()), data(element, series), element);
    const canvas = plot.root.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", name);
  };
  draw();
  new ResizeObserver(() => plot.setSize({ width: width(), height: HEIGHT })).observe(element);
  // Colours are drawn, not styled: another theme is another drawing.
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
}

document.querySelectorAll("[data-graph]").forEach(graph);
