// @ts-check
/**
 * Results over two axes as small multiples: a table of coloured numbers for each model and
 * condition, or where the axes are the patches of an image, a picture.
 *
 * @typedef {import("../../evaluation-types.js").PlotSpec} PlotSpec
 * @typedef {import("../../row-series.js").Source} Source
 * @typedef {import("./heatmap-data.js").HeatMap} HeatMap
 * @typedef {import("./heatmap-data.js").HeatMaps} HeatMaps
 * @typedef {[number, number]} Range
 */
import { el } from "../../dom.js";
import { measured } from "../../words.js";
import { heat, inkOn, mapsOf, ordered } from "./heatmap-data.js";

const AT_FIRST = 48;
const SCALE_STEPS = 24;
const PATCH_PX = 8;
const DROPPED_PX = 2;

export class HeatmapGrid {
  #shared = false;
  #all = false;
  /** @type {{sources: Source[], plot: PlotSpec, metric: string} | null} */
  #shown = null;

  constructor() {
    this.maps = el("div", { className: "heatmaps" });
    this.scale = el("input", { type: "checkbox" });
    this.scale.addEventListener("change", () => {
      this.#shared = this.scale.checked;
      this.#draw();
    });
    this.more = el("button", { type: "button", className: "button" });
    this.more.addEventListener("click", () => {
      this.#all = true;
      this.#draw();
    });
    this.dots = el("p", { className: "hint" }, "Dots mark the patches that were dropped.");
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
      this.dots,
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
    const found = mapsOf(sources, plot, metric);
    const { maps, patches } = found;
    const shared = this.#shared ? rangeOf(maps) : null;
    const shown = this.#all ? maps : maps.slice(0, AT_FIRST);
    const groups = [...new Set(shown.map(({ model }) => model))];
    const item = (/** @type {HeatMap} */ map) =>
      patches
        ? picture(map, shared ?? rangeOf([map]))
        : table(map, shared ?? rangeOf([map]), found);
    this.maps.className = patches ? "heatmaps" : "heatmaps heatmaps-wide";
    this.maps.replaceChildren(
      ...groups.map((model) =>
        el(
          "section",
          {},
          el("h3", { className: "heatmap-model" }, model),
          el(
            "ul",
            { className: patches ? "heatmap-list" : "heatmap-tables" },
            ...shown.filter((map) => map.model === model).map(item),
          ),
        ),
      ),
    );
    this.dots.hidden = !maps.some(({ cells }) => cells.some(({ dropped }) => dropped));
    this.more.hidden = shown.length === maps.length;
    this.more.textContent = `Show all ${maps.length} maps`;
  }
}

/** The least and the highest value. @param {HeatMap[]} maps @returns {Range} */
function rangeOf(maps) {
  const values = maps.flatMap(({ cells }) => cells.map(({ value }) => value));
  return [Math.min(...values), Math.max(...values)];
}

/** @param {number} value @param {Range} range */
function shareOf(value, [low, high]) {
  return high > low ? (value - low) / (high - low) : 0;
}

/** @param {HeatMap} map @param {Range} range @param {HeatMaps} labels */
function table({ model, words, cells }, range, { xLabel, yLabel }) {
  const [across, down] = [ordered(cells.map(({ x }) => x)), ordered(cells.map(({ y }) => y))];
  const values = new Map(cells.map(({ x, y, value }) => [JSON.stringify([x, y]), value]));
  return el(
    "li",
    {},
    words === "" ? null : el("p", {}, words),
    el(
      "div",
      {
        className: "table-scroll",
        tabIndex: 0,
        attrs: {
          role: "region",
          "aria-label": `Map of ${[model, words].filter(Boolean).join(", ")}`,
        },
      },
      el(
        "table",
        { className: "heat-table" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("th", { scope: "col" }, `${yLabel} \\ ${xLabel}`),
            ...across.map((x) => el("th", { scope: "col" }, x)),
          ),
        ),
        el(
          "tbody",
          {},
          ...down.map((y) =>
            el(
              "tr",
              {},
              el("th", { scope: "row" }, y),
              ...across.map((x) => tableCell(values.get(JSON.stringify([x, y])), range)),
            ),
          ),
        ),
      ),
    ),
  );
}

/** @param {number | undefined} value @param {Range} range */
function tableCell(value, range) {
  if (value === undefined) return el("td", {}, "–");
  const share = shareOf(value, range);
  const cell = el("td", {}, measured(value));
  cell.style.background = heat(share);
  cell.style.color = inkOn(share);
  return cell;
}

/** @param {HeatMap} map @param {Range} range */
function picture({ words, cells }, range) {
  const [across, down] = [ordered(cells.map(({ x }) => x)), ordered(cells.map(({ y }) => y))];
  const peak = cells.reduce((best, cell) => (cell.value > best.value ? cell : best), cells[0]);
  const canvas = el("canvas", {
    width: across.length * PATCH_PX,
    height: down.length * PATCH_PX,
    className: "heatmap",
    attrs: {
      role: "img",
      "aria-label": `${words}: highest ${measured(peak.value)} in row ${peak.y}, column ${peak.x}`,
    },
  });
  const ctx = canvas.getContext("2d");
  for (const { x, y, value, dropped } of ctx ? cells : []) {
    const [left, top] = [across.indexOf(x) * PATCH_PX, down.indexOf(y) * PATCH_PX];
    const share = shareOf(value, range);
    fill(ctx, heat(share), left, top, PATCH_PX);
    const inset = (PATCH_PX - DROPPED_PX) / 2;
    if (dropped) fill(ctx, inkOn(share), left + inset, top + inset, DROPPED_PX);
  }
  const [low, high] = rangeOf([{ model: "", words, cells }]);
  return el(
    "li",
    {},
    canvas,
    el("p", {}, words, el("span", { className: "hint" }, ` ${measured(low)} to ${measured(high)}`)),
  );
}

/**
 * @param {CanvasRenderingContext2D | null} ctx
 * @param {string} colour
 * @param {number} left
 * @param {number} top
 * @param {number} size
 */
function fill(ctx, colour, left, top, size) {
  if (!ctx) return;
  ctx.fillStyle = colour;
  ctx.fillRect(left, top, size, size);
}

function scaleBar() {
  const canvas = el("canvas", { width: SCALE_STEPS, height: 1, className: "heatmap-scale" });
  const ctx = canvas.getContext("2d");
  for (let step = 0; step < SCALE_STEPS; step++)
    fill(ctx, heat(step / (SCALE_STEPS - 1)), step, 0, 1);
  return el(
    "p",
    { className: "heatmap-key", attrs: { "aria-hidden": "true" } },
    "least",
    canvas,
    "most",
  );
}
