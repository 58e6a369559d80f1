// data-graph="<id of a JSON script>": draws the list data-graph-of of that script, a value per step of time, with
// uPlot; data-graph-unit (cores or bytes) words the values, data-graph-name says what they are. Times are UTC.

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

const utc = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", dateStyle: "medium", timeStyle: "short" });
const utcDay = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", dateStyle: "medium" });

function options(element, { starts, ends, step }, width) {
  const colour = (name) => getComputedStyle(element).getPropertyValue(`--graph-${name}`).trim();
  const words = WORDS[element.dataset.graphUnit];
  const moment = (seconds) => (step < 86400 ? utc : utcDay).format(seconds * 1000);
  const axis = { stroke: colour("ink"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { x: { range: [starts[0], ends] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, space: 60 },
      {
        ...axis,
        size: 72,
        splits: element.dataset.graphUnit === "bytes" ? byteMarks : undefined,
        values: (_, marks) => marks.map((mark) => words(mark).replace(/ cores?$/, "")),
      },
    ],
    cursor: { y: false, drag: { x: false }, sync: { key: element.dataset.graph } },
    series: [
      { label: "Time", value: (_, seconds) => (seconds === null ? "" : moment(seconds)) },
      {
        label: element.dataset.graphName,
        stroke: colour("line"),
        fill: colour("fill"),
        width: 1.5,
        points: { show: false },
        paths: uPlot.paths.stepped({ align: 1 }),
        value: (_, value) => (value === null ? "" : words(value)),
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
  let plot;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot(options(element, series, width()), data(element, series), element);
    plot.root.querySelector("canvas").setAttribute("role", "img");
    plot.root.querySelector("canvas").setAttribute("aria-label", element.dataset.graphName);
  };
  draw();
  new ResizeObserver(() => plot.setSize({ width: width(), height: HEIGHT })).observe(element);
  // Colours are drawn, not styled: another theme is another drawing.
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
}

document.querySelectorAll("[data-graph]").forEach(graph);
