// @ts-check
/**
 * Results over two axes as small multiples: one map for each model and condition, such as a head
 * of a block.
 *
 * @typedef {import("../../evaluation-types.js").PlotSpec} PlotSpec
 * @typedef {import("../../evaluation-types.js").Row} Row
 * @typedef {import("../../row-series.js").Source} Source
 * @typedef {{model: string, words: string, cells: {x: string, y: string, value: number}[]}} HeatMap
 */
import { el } from "../../dom.js";
import { measured } from "../../words.js";

const AT_FIRST = 48;
const STEPS = 24;

export class HeatmapGrid {
  #shared = false;
  #all = false;
  /** @type {{sources: Source[], plot: PlotSpec, metric: string} | null} */
  #shown = null;

  constructor() {
    this.maps = el("div", { className: "heatmaps" });
    this.scale = el("input", { type: "checkbox", id: "heatmap-scale" });
    this.scale.addEventListener("change", () => {
      this.#shared = this.scale.checked;
      this.#draw();
    });
    this.more = el("button", { type: "button", className: "button" });
    this.more.addEventListener("click", () => {
      this.#all = true;
      this.#draw();
    });
    this.root = el(
      "div",
      { className: "heatmap-grid" },
      el(
        "div",
        { className: "heatmap-head" },
        el("label", { className: "check" }, this.scale, "One scale for all maps"),
        scaleBar(),
      ),
      this.maps,
      this.more,
    );
  }

  /** @param {Source[]} sources @param {PlotSpec} plot @param {string} metric */
  show(sources, plot, metric) {
    this.#shown = { sources, plot, metric };
    this.#draw();
  }

  #draw() {
    if (!this.#shown) return;
    const { sources, plot, metric } = this.#shown;
    const maps = mapsOf(sources, plot, metric);
    const most = Math.max(...maps.flatMap(({ cells }) => cells.map(({ value }) => value)));
    const least = Math.min(...maps.flatMap(({ cells }) => cells.map(({ value }) => value)));
    const shown = this.#all ? maps : maps.slice(0, AT_FIRST);
    const groups = [...new Set(shown.map(({ model }) => model))];
    this.maps.replaceChildren(
      ...groups.map((model) =>
        el(
          "section",
          {},
          el("h3", { className: "heatmap-model" }, model),
          el(
            "ul",
            { className: "heatmap-list" },
            ...shown
              .filter((map) => map.model === model)
              .map((map) => figure(map, this.#shared ? [least, most] : null)),
          ),
        ),
      ),
    );
    this.more.hidden = shown.length === maps.length;
    this.more.textContent = `Show all ${maps.length} maps`;
  }
}

/**
 * @param {Source[]} sources
 * @param {PlotSpec} plot
 * @param {string} metric
 * @returns {HeatMap[]}
 */
function mapsOf(sources, plot, metric) {
  /** @type {Map<string, HeatMap>} */
  const maps = new Map();
  for (const { label, rows, titles } of sources) {
    for (const row of rows) {
      if (row.metric !== metric || row.value === null) continue;
      const words = plot.series
        .map((column) => `${column.replaceAll("_", " ")} ${row.condition[column] ?? ""}`)
        .join(", ");
      const title = titles.get(row.model) ?? row.model;
      const model = label === "" ? title : `${title} · ${label}`;
      const key = JSON.stringify([model, words]);
      const map = maps.get(key) ?? { model, words, cells: [] };
      const [x, y] = [plot.x, plot.y ?? ""].map((column) => String(row.condition[column] ?? ""));
      map.cells.push({ x, y, value: row.value });
      maps.set(key, map);
    }
  }
  return [...maps.values()];
}

/**
 * @param {HeatMap} map
 * @param {[number, number] | null} range the colours' ends; null for the map's own
 */
function figure({ words, cells }, range) {
  const [across, down] = [ordered(cells.map(({ x }) => x)), ordered(cells.map(({ y }) => y))];
  const values = cells.map(({ value }) => value);
  const [low, high] = range ?? [Math.min(...values), Math.max(...values)];
  const peak = cells.reduce((best, cell) => (cell.value > best.value ? cell : best), cells[0]);
  const canvas = el("canvas", {
    width: across.length,
    height: down.length,
    className: "heatmap",
    attrs: {
      role: "img",
      "aria-label": `${words}: highest ${measured(peak.value)} at ${peak.x}, ${peak.y}`,
    },
  });
  const ctx = canvas.getContext("2d");
  if (ctx) {
    for (const { x, y, value } of cells) {
      ctx.fillStyle = heat(high > low ? (value - low) / (high - low) : 0);
      ctx.fillRect(across.indexOf(x), down.indexOf(y), 1, 1);
    }
  }
  return el(
    "li",
    {},
    canvas,
    el(
      "p",
      {},
      words,
      el(
        "span",
        { className: "hint" },
        ` ${measured(Math.min(...values))} to ${measured(peak.value)}`,
      ),
    ),
  );
}

/** @param {string[]} values */
function ordered(values) {
  const distinct = [...new Set(values)];
  return distinct.every((value) => value !== "" && !Number.isNaN(Number(value)))
    ? distinct.sort((a, b) => Number(a) - Number(b))
    : distinct;
}

/** Violet over red and orange to yellow, as the lab's heatmaps. @param {number} share */
function heat(share) {
  return `oklch(${(0.22 + 0.71 * share).toFixed(3)} 0.17 ${(-75 + 180 * share).toFixed(1)})`;
}

function scaleBar() {
  const canvas = el("canvas", { width: STEPS, height: 1, className: "heatmap-scale" });
  const ctx = canvas.getContext("2d");
  for (let step = 0; ctx && step < STEPS; step++) {
    ctx.fillStyle = heat(step / (STEPS - 1));
    ctx.fillRect(step, 0, 1, 1);
  }
  return el(
    "p",
    { className: "heatmap-key", attrs: { "aria-hidden": "true" } },
    "least",
    canvas,
    "most",
  );
}
