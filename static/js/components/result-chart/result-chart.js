// @ts-check
/**
 * The figure of an evaluation: a curve or a row of bars for each model and condition with 95 %
 * intervals, and the paper's numbers as hollow marks. Curves are switched by their legend.
 *
 * @typedef {import("../../evaluation-types.js").ChartData} ChartData
 * @typedef {import("../../evaluation-types.js").ChartSeries} ChartSeries
 */
import uPlot from "../../../vendor/uplot-1.6.32/uPlot.esm.js";
import { el } from "../../dom.js";
import { measured } from "../../words.js";
import { alignedData, chartOptions } from "./chart-options.js";

const HEIGHT_PX = 400;
const HEIGHT_NARROW_PX = 300;
const NARROW_PX = 520;
const READ_AT_MOST = 8;

export class ResultChart {
  /** @type {uPlot | null} */
  #plot = null;
  /** @type {ChartData | null} */
  #data = null;
  /** @type {Set<string>} */
  #hidden = new Set();
  #bars = false;
  #legendCode = "";

  constructor() {
    this.legend = el("ul", { className: "chart-legend" });
    this.plotRoot = el("div", { className: "chart-plot", attrs: { "aria-hidden": "true" } });
    this.readout = el("p", { className: "chart-readout", attrs: { "aria-hidden": "true" } });
    this.note = el("p", { className: "hint" });
    this.root = el(
      "div",
      { className: "result-chart" },
      this.legend,
      this.plotRoot,
      this.readout,
      this.note,
    );
    new ResizeObserver(() => this.#resize()).observe(this.plotRoot);
  }

  /** @param {ChartData} data */
  show(data) {
    this.#data = data;
    this.#bars = data.kind === "bar";
    this.#showLegend(data.series);
    this.#describe(data);
    this.redraw();
  }

  /** Draw anew, in the colours of the theme as it is now. */
  redraw() {
    this.#plot?.destroy();
    this.#plot = null;
    const data = this.#data;
    if (data && data.series.length > 0) {
      const options = chartOptions(data, {
        ...this.#size(),
        bars: this.#bars,
        hidden: this.#hidden,
        onPoint: (index) => this.#read(index),
      });
      this.#plot = new uPlot(options, alignedData(data, this.#bars), this.plotRoot);
    }
    this.#read(null);
  }

  #size() {
    const width = this.plotRoot.clientWidth || 600;
    return { width, height: width < NARROW_PX ? HEIGHT_NARROW_PX : HEIGHT_PX };
  }

  #resize() {
    const size = this.#size();
    if (this.#plot && size.width !== this.#plot.width) this.#plot.setSize(size);
  }

  /** @param {ChartData} data */
  #describe({ series, sources }) {
    const whiskers = series.some(({ points }) => points.some(({ low }) => low !== null));
    this.note.textContent = [
      whiskers ? "Whiskers are 95 % intervals over the images." : "",
      sources.length > 0 ? `Hollow diamonds are the paper’s numbers: ${sources.join("; ")}.` : "",
    ]
      .filter((text) => text !== "")
      .join(" ");
  }

  /** @param {ChartSeries[]} series */
  #showLegend(series) {
    const code = JSON.stringify([
      this.#bars,
      ...series.map(({ key, slot, dash }) => [key, slot, dash]),
    ]);
    if (code === this.#legendCode) return;
    this.#legendCode = code;
    this.legend.replaceChildren(...series.map((one) => el("li", {}, this.#legendButton(one))));
  }

  /** @param {ChartSeries} series */
  #legendButton(series) {
    const button = el(
      "button",
      {
        type: "button",
        className: "chart-key",
        attrs: { "aria-pressed": String(!this.#hidden.has(series.key)) },
        title: "Show or hide this curve",
      },
      el("i", {
        data: {
          bars: String(this.#bars),
          slot: String(series.slot),
          paper: String(series.paper),
          dash: `${series.dash % 5}`,
        },
        attrs: { "aria-hidden": "true" },
      }),
      series.title,
    );
    button.addEventListener("click", () => {
      if (!this.#hidden.delete(series.key)) this.#hidden.add(series.key);
      button.setAttribute("aria-pressed", String(!this.#hidden.has(series.key)));
      this.redraw();
    });
    return button;
  }

  /** Say the values under the pointer. @param {number | null} index */
  #read(index) {
    const data = this.#data;
    if (!data) return;
    const x = index === null ? undefined : this.#plot?.data[0][index];
    if (x === undefined || x === null) {
      this.readout.textContent = "Point at the figure to read it.";
      return;
    }
    const at = data.ticks ? Math.round(x) : x;
    const shown = data.series.filter(({ key }) => !this.#hidden.has(key));
    const values = shown.flatMap((series) => {
      const point = series.points.find((one) => one.x === at);
      return point ? [{ series, y: point.y }] : [];
    });
    this.readout.replaceChildren(
      `At ${data.ticks ? data.ticks[at] : Number(at.toFixed(3))}`,
      ...values
        .slice(0, READ_AT_MOST)
        .flatMap(({ series, y }) => [` · ${series.title} `, el("b", {}, measured(y))]),
    );
  }
}
