// @ts-check
/**
 * Turns rows into maps: one for each model and condition, with what stands across and down.
 *
 * @typedef {import("../../evaluation-types.js").PlotSpec} PlotSpec
 * @typedef {import("../../evaluation-types.js").Row} Row
 * @typedef {import("../../row-series.js").Source} Source
 * @typedef {{x: string, y: string, value: number, dropped: boolean}} Cell
 * @typedef {{model: string, words: string, cells: Cell[]}} HeatMap
 * @typedef {{maps: HeatMap[], patches: boolean, xLabel: string, yLabel: string}} HeatMaps
 */
import { curveColumns } from "../../row-series.js";

/** Columns of rows that are patches of an image. */
const PATCH = { x: "col", y: "row" };

/**
 * @param {Source[]} sources
 * @param {PlotSpec} plot
 * @param {string} metric
 * @returns {HeatMaps}
 */
export function mapsOf(sources, plot, metric) {
  const rows = sources.flatMap((source) => source.rows).filter((row) => row.metric === metric);
  const patches = rows.some(({ condition }) => PATCH.x in condition && PATCH.y in condition);
  const axes = patches ? PATCH : { x: plot.x, y: plot.y ?? "" };
  const columns = mapColumns(sources, plot, metric, axes);
  /** @type {Map<string, HeatMap>} */
  const maps = new Map();
  for (const { label, rows: own, titles } of sources) {
    for (const row of own) {
      if (row.metric !== metric || row.value === null) continue;
      const title = titles.get(row.model) ?? row.model;
      const model = label === "" ? title : `${title} · ${label}`;
      const words = columns
        .map((column) => `${column.replaceAll("_", " ")} ${row.condition[column] ?? ""}`)
        .join(", ");
      const key = JSON.stringify([model, words]);
      const map = maps.get(key) ?? { model, words, cells: [] };
      const [x, y] = [axes.x, axes.y].map((column) => String(row.condition[column] ?? ""));
      map.cells.push({ x, y, value: row.value, dropped: row.condition.dropped === 1 });
      maps.set(key, map);
    }
  }
  const labels = patches
    ? { xLabel: "column", yLabel: "row" }
    : { xLabel: plot.x_label, yLabel: plot.y_label };
  return { maps: [...maps.values()], patches, ...labels };
}

/**
 * Conditions that make different maps and say something.
 * @param {Source[]} sources
 * @param {PlotSpec} plot
 * @param {string} metric
 * @param {{x: string, y: string}} axes
 */
function mapColumns(sources, plot, metric, axes) {
  const rows = sources.flatMap((source) => source.rows).filter((row) => row.metric === metric);
  return curveColumns(sources, metric, plot, axes.x).filter(
    (column) =>
      column !== axes.y &&
      column !== "dropped" &&
      new Set(rows.map(({ condition }) => condition[column])).size > 1,
  );
}

/** In order of numbers where all are numbers, else as they came. @param {string[]} values */
export function ordered(values) {
  const distinct = [...new Set(values)];
  return distinct.every((value) => value !== "" && !Number.isNaN(Number(value)))
    ? distinct.sort((a, b) => Number(a) - Number(b))
    : distinct;
}

/** Violet over red and orange to yellow, as the lab's heatmaps. @param {number} share */
export function heat(share) {
  return `oklch(${(0.22 + 0.71 * share).toFixed(3)} 0.17 ${(-75 + 180 * share).toFixed(1)})`;
}

/** Black or white, whichever is easier to read on a colour of the scale. @param {number} share */
export function inkOn(share) {
  const canvas = new OffscreenCanvas(1, 1);
  const ctx = canvas.getContext("2d");
  if (!ctx) return "#fff";
  ctx.fillStyle = heat(share);
  ctx.fillRect(0, 0, 1, 1);
  const [r, g, b] = [...ctx.getImageData(0, 0, 1, 1).data].map((byte) => {
    const level = byte / 255;
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}
