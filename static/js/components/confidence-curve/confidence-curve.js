// @ts-check
/**
 * Confidence in the clean class over the whole range of the slider: a line a model, its spread
 * over the draws as a band, and a mark where the slider stands.
 */
import uPlot from "../../../vendor/uplot-1.6.32/uPlot.esm.js";
import { el } from "../../dom.js";
import { percent } from "../../words.js";

const HEIGHT_PX = 300;
const BAND_ALPHA = 0.16;
const AXIS_FONT = "13px Instrument Sans";

/**
 * @typedef {{x: number, mean: number, spread: number}} Point
 * @typedef {{title: string, slot: number, points: Point[]}} Line
 * @typedef {{title: string, axis: string, x: (value: number) => string, log: boolean, ticks?: number[], draws: number}} Words
 */

/** @param {string} name @param {number} [alpha] */
function colour(name, alpha = 1) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  if (alpha === 1) return value;
  const [r, g, b] = [1, 3, 5].map((start) => parseInt(value.slice(start, start + 2), 16));
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

export class ConfidenceCurve {
  constructor() {
    this.title = el("h2", { className: "panel-title", id: "curve-title" });
    this.legend = el("ul", { className: "curve-legend" });
    this.plotRoot = el("div", { className: "curve-plot", attrs: { "aria-hidden": "true" } });
    this.readout = el("p", { className: "curve-readout", attrs: { "aria-hidden": "true" } });
    this.tableRoot = el("div", {
      className: "curve-table-scroll",
      tabIndex: 0,
      attrs: { role: "region", "aria-label": "Numbers of the curve" },
    });
    this.root = el(
      "section",
      { className: "panel curve", attrs: { "aria-labelledby": "curve-title" } },
      el("div", { className: "curve-head" }, this.title, this.legend),
      this.plotRoot,
      this.readout,
      el("details", {}, el("summary", {}, "The numbers"), this.tableRoot),
    );
    /** @type {uPlot | null} */
    this.plot = null;
    /** @type {Line[]} */
    this.lines = [];
    /** @type {Words | null} */
    this.words = null;
    /** @type {number | null} */
    this.mark = null;
    new ResizeObserver(() =>
      this.plot?.setSize({ width: this.plotRoot.clientWidth, height: HEIGHT_PX }),
    ).observe(this.plotRoot);
  }

  /** @param {Line[]} lines @param {Words} words */
  show(lines, words) {
    this.lines = lines;
    this.words = words;
    this.title.textContent = words.title;
    this.legend.replaceChildren(
      ...lines.map((line) =>
        el("li", {}, el("i", { data: { slot: String(line.slot) } }), line.title),
      ),
    );
    this.#fillTable();
    this.redraw();
  }

  /** Say that the numbers are being asked for; an older curve stays until they come. */
  showWaiting() {
    if (this.lines.length > 0) return;
    this.title.textContent = "Confidence over the whole range";
    this.readout.textContent = "Measuring…";
  }

  /** Nothing is known any more. */
  clear() {
    this.lines = [];
    this.words = null;
    this.legend.replaceChildren();
    this.tableRoot.replaceChildren();
    this.redraw();
  }

  /** Where the slider stands now. @param {number | null} x */
  setMark(x) {
    this.mark = x;
    this.plot?.redraw(false);
  }

  /** Draw anew, in the colours of the theme as it is now. */
  redraw() {
    this.plot?.destroy();
    this.plot = null;
    if (this.words && this.lines.length > 0)
      this.plot = new uPlot(this.#options(this.words), this.#data(), this.plotRoot);
    this.#read(null);
  }

  #data() {
    const tables = this.lines.map(({ points }) => [
      points.map(({ x }) => x),
      points.map(({ mean }) => mean),
      points.map(({ mean, spread }) => Math.min(1, mean + spread)),
      points.map(({ mean, spread }) => Math.max(0, mean - spread)),
    ]);
    return uPlot.join(/** @type {any} */ (tables));
  }

  /** @param {Words} words @returns {uPlot.Options} */
  #options(words) {
    return {
      width: this.plotRoot.clientWidth || 600,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: false, distr: words.log ? 3 : 1, log: 2 }, y: { range: [0, 1] } },
      series: [{}, ...this.lines.flatMap(seriesOf)],
      bands: this.lines.map(({ slot }, place) => ({
        series: [3 * place + 2, 3 * place + 3],
        fill: colour(`--model-${slot}`, BAND_ALPHA),
      })),
      axes: axesOf(words),
      hooks: {
        draw: [(plot) => this.#drawMark(plot)],
        setCursor: [(plot) => this.#read(plot.cursor.idx ?? null)],
      },
    };
  }

  /** @param {uPlot} plot */
  #drawMark(plot) {
    if (this.mark === null) return;
    const x = Math.round(plot.valToPos(this.mark, "x", true));
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour("--accent");
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  /** Say the values under the pointer. @param {number | null} index */
  #read(index) {
    const { words, plot } = this;
    if (!words) return;
    if (index === null || !plot) {
      this.readout.textContent =
        words.draws > 1
          ? `Mean of ${words.draws} draws; the band is one standard deviation. Point at the curve to read it.`
          : "One run: nothing is drawn at random here. Point at the curve to read it.";
      return;
    }
    const x = plot.data[0][index];
    const parts = this.lines.flatMap(({ title, points }) => {
      const point = nearest(points, x);
      return point
        ? [
            ` · ${title} `,
            el(
              "b",
              {},
              `${percent(point.mean)}${words.draws > 1 ? ` ± ${percent(point.spread)}` : ""}`,
            ),
          ]
        : [];
    });
    this.readout.replaceChildren(`At ${words.x(x)}`, ...parts);
  }

  #fillTable() {
    const { words } = this;
    if (!words) return;
    const head = el(
      "tr",
      {},
      el("th", { scope: "col" }, words.axis),
      ...this.lines.map(({ title }) => el("th", { scope: "col" }, title)),
    );
    const rows = (this.lines[0]?.points ?? []).map((point, place) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, words.x(point.x)),
        ...this.lines.map(({ points }) => {
          const own = points[place];
          return el(
            "td",
            {},
            own ? `${percent(own.mean)}${words.draws > 1 ? ` ± ${percent(own.spread)}` : ""}` : "–",
          );
        }),
      ),
    );
    this.tableRoot.replaceChildren(
      el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)),
    );
  }
}

/**
 * The mean, and the invisible edges of its band.
 * @param {Line} line
 * @returns {uPlot.Series[]}
 */
function seriesOf({ title, slot }) {
  const stroke = colour(`--model-${slot}`);
  const edge = { stroke: "transparent", width: 1, spanGaps: true, points: { show: false } };
  const points = { show: true, size: 7, fill: stroke };
  return [{ label: title, stroke, width: 2.5, spanGaps: true, points }, edge, { ...edge }];
}

/** @param {Words} words @returns {uPlot.Axis[]} */
function axesOf({ axis: label, x, ticks }) {
  /** @type {uPlot.Axis} */
  const both = {
    stroke: colour("--ink-soft"),
    font: AXIS_FONT,
    labelFont: AXIS_FONT,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  /** @type {uPlot.Axis} */
  const across = {
    ...both,
    label,
    size: 32,
    labelSize: 22,
    labelGap: 0,
    values: (_, values) => values.map((value) => (value === null ? "" : x(value))),
  };
  if (ticks) {
    across.splits = () => ticks;
    across.filter = (_, splits) => splits;
  }
  const up = (/** @type {number[]} */ values) =>
    values.map((value) => `${Math.round(value * 100)} %`);
  return [across, { ...both, size: 54, values: (_, values) => up(values) }];
}

/** @param {Point[]} points @param {number} x */
function nearest(points, x) {
  return points.reduce(
    (best, point) => (Math.abs(point.x - x) < Math.abs(best.x - x) ? point : best),
    points[0],
  );
}

/**
 * Mean and standard deviation of the confidence at each step.
 * @param {{x: number, y: number}[]} samples one a draw, draws of a step beside each other
 * @param {number} draws
 * @returns {Point[]}
 */
export function summarise(samples, draws) {
  /** @type {Point[]} */
  const points = [];
  for (let start = 0; start < samples.length; start += draws) {
    const group = samples.slice(start, start + draws);
    const mean = group.reduce((sum, { y }) => sum + y, 0) / group.length;
    const variance = group.reduce((sum, { y }) => sum + (y - mean) ** 2, 0) / group.length;
    points.push({ x: group[0].x, mean, spread: Math.sqrt(variance) });
  }
  return points.filter((point, place) => place === 0 || point.x > points[place - 1].x);
}
