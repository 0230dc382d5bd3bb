// @ts-check
/**
 * Results of one experiment, from one job or several: the metric to look at, the figure, and the
 * numbers behind it.
 *
 * @typedef {import("../../evaluation-types.js").PlotSpec} PlotSpec
 * @typedef {import("../../row-series.js").Source} Source
 */
import { el } from "../../dom.js";
import { chartOf } from "../../row-series.js";
import { fieldName } from "../../words.js";
import { HeatmapGrid } from "../heatmap-grid/heatmap-grid.js";
import { ResultChart } from "../result-chart/result-chart.js";
import { ResultTable } from "../result-table/result-table.js";
import { onThemeChange } from "../theme-toggle/theme-toggle.js";

const LONGEST_NAME = 32;
let views = 0;

export class ResultView {
  #metric = "";
  /** @type {Source[]} */
  #sources = [];

  /** @param {PlotSpec} plot @param {Record<string, string>} metrics what each metric means */
  constructor(plot, metrics) {
    this.plot = plot;
    this.metrics = metrics;
    this.name = `metric-${++views}`;
    this.choice = el("div", { className: "choice-options" });
    this.chooser = el("fieldset", { className: "choice" }, el("legend", {}, "Show"), this.choice);
    this.meaning = el("p", { className: "hint" });
    this.waiting = el("p", { className: "placeholder-text result-waiting" });
    this.chart = new ResultChart();
    this.heatmaps = new HeatmapGrid();
    this.table = new ResultTable();
    this.numbers = el("details", {}, el("summary", {}, "The numbers"), this.table.root);
    this.figure = plot.kind === "heatmap" ? this.heatmaps.root : this.chart.root;
    this.root = el(
      "div",
      { className: "result-view" },
      this.chooser,
      this.meaning,
      this.waiting,
      this.figure,
      this.numbers,
    );
    onThemeChange(() => this.chart.redraw());
    this.wait("");
  }

  /** Nothing to show yet, and why. @param {string} words */
  wait(words) {
    if (this.#sources.some(({ rows }) => rows.length > 0)) return;
    this.waiting.textContent = words;
    this.#reveal(false);
  }

  /** @param {Source[]} sources */
  show(sources) {
    this.#sources = sources;
    const rows = sources.flatMap((source) => source.rows);
    if (rows.length === 0) return;
    const metrics = [...new Set(rows.map(({ metric }) => metric))];
    if (!metrics.includes(this.#metric))
      this.#metric = metrics.includes(this.plot.metric) ? this.plot.metric : metrics[0];
    this.#reveal(true);
    this.#offer(metrics);
    this.#draw();
  }

  #draw() {
    const { plot, metrics } = this;
    this.meaning.textContent = metrics[this.#metric] ?? "";
    if (plot.kind === "heatmap") this.heatmaps.show(this.#sources, plot, this.#metric);
    else this.chart.show(chartOf(this.#sources, plot, this.#metric, metrics));
    this.table.show(this.#sources, this.#metric);
  }

  /** @param {string[]} metrics */
  #offer(metrics) {
    this.chooser.hidden = metrics.length < 2;
    if (this.choice.childElementCount === metrics.length) return;
    this.choice.replaceChildren(
      ...metrics.map((metric) => {
        const radio = el("input", {
          type: "radio",
          name: this.name,
          value: metric,
          checked: metric === this.#metric,
        });
        radio.addEventListener("change", () => {
          this.#metric = metric;
          this.#draw();
        });
        return el("label", {}, radio, el("span", {}, metricName(metric, this.metrics[metric])));
      }),
    );
  }

  /** @param {boolean} filled */
  #reveal(filled) {
    this.waiting.hidden = filled;
    for (const part of [this.figure, this.numbers, this.meaning]) part.hidden = !filled;
    if (!filled) this.chooser.hidden = true;
  }
}

/** The name before the colon of a meaning, where it is short enough. @param {string} metric @param {string} [meaning] */
function metricName(metric, meaning = "") {
  const name = meaning.split(":")[0];
  return name.length < meaning.length && name.length <= LONGEST_NAME ? name : fieldName(metric);
}
