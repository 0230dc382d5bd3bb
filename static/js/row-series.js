// @ts-check
/**
 * Turns rows of results into curves: which rows belong together, what tells the curves apart, and
 * the paper's numbers beside them.
 *
 * @typedef {import("./evaluation-types.js").ChartData} ChartData
 * @typedef {import("./evaluation-types.js").ChartPoint} ChartPoint
 * @typedef {import("./evaluation-types.js").ChartSeries} ChartSeries
 * @typedef {import("./evaluation-types.js").PlotSpec} PlotSpec
 * @typedef {import("./evaluation-types.js").Row} Row
 */

/**
 * Rows of one job, the words that tell it from others ("" if it is alone), and its models, of which
 * some may have no rows yet.
 * @typedef {{label: string, rows: Row[], models: string[], titles: Map<string, string>}} Source
 * @typedef {{words: string[], points: {row: Row, x: number}[]}} Group
 */

/** Colours that tell curves apart; with more curves they repeat with other dashes. */
export const COLOURS = 8;
/** Where the job's label stands among a curve's words. */
const JOB_PLACE = 1;
/** An x axis that spans this factor has a step for each doubling. */
const DOUBLING_SPAN = 32;

/**
 * @param {Source[]} sources
 * @param {PlotSpec} plot
 * @param {string} metric
 * @param {Record<string, string>} metrics what each metric means
 * @returns {ChartData}
 */
export function chartOf(sources, plot, metric, metrics) {
  const rows = sources.flatMap((source) => source.rows).filter((row) => row.metric === metric);
  const across = acrossOf(rows, plot);
  const kind = kindOf(rows, across, plot.kind);
  const ticks = ticksOf(rows, across, kind);
  const at = (/** @type {Row} */ row) => row.condition[across] ?? "";
  const groups = groupsOf(sources, curveColumns(sources, metric, plot, across), metric, (row) =>
    ticks === null ? Number(at(row)) : ticks.indexOf(String(at(row))),
  );
  const models = sources.flatMap(({ models: own, titles }) =>
    own.map((model) => titles.get(model) ?? model),
  );
  const series = styled([...groups.values()], [...new Set(models)]);
  const yLabel = metric === plot.metric ? plot.y_label : (metrics[metric] ?? metric);
  return {
    kind,
    series,
    ticks,
    xLabel: across === plot.x ? plot.x_label : across.replaceAll("_", " "),
    yLabel,
    percent: yLabel.includes("%"),
    doubling: ticks === null && isDoubling(groups),
    sources: [...new Set(rows.flatMap(({ paper }) => (paper ? [paper.source] : [])))],
  };
}

/**
 * The condition on the x axis: the experiment's, or for a metric that has it not, the first that
 * varies.
 * @param {Row[]} rows
 * @param {PlotSpec} plot
 */
function acrossOf(rows, plot) {
  if (rows.some(({ condition }) => plot.x in condition)) return plot.x;
  const columns = Object.keys(rows[0]?.condition ?? {});
  const varies = (/** @type {string} */ column) =>
    new Set(rows.map(({ condition }) => condition[column])).size > 1;
  return columns.find(varies) ?? columns[0] ?? plot.x;
}

/**
 * A curve of one point is none: it becomes a bar.
 * @param {Row[]} rows
 * @param {string} across
 * @param {PlotSpec["kind"]} kind
 * @returns {"line" | "bar"}
 */
function kindOf(rows, across, kind) {
  const places = new Set(rows.map(({ condition }) => condition[across]));
  return kind === "line" && places.size > 1 ? "line" : "bar";
}

/**
 * Names under the x axis where it has no numbers (or bars stand on it); null for numbers.
 * @param {Row[]} rows
 * @param {string} column
 * @param {PlotSpec["kind"]} kind
 */
function ticksOf(rows, column, kind) {
  const values = [...new Set(rows.map((row) => row.condition[column] ?? ""))];
  if (kind !== "bar" && values.every((value) => typeof value === "number")) return null;
  return values.map(String);
}

/**
 * @param {Source[]} sources
 * @param {string[]} columns conditions that make different curves
 * @param {string} metric
 * @param {(row: Row) => number} place where a row stands on the x axis
 */
function groupsOf(sources, columns, metric, place) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  sources.forEach((source, number) => {
    for (const row of source.rows) {
      if (row.metric !== metric || row.value === null) continue;
      const own = columns.map((column) => seriesWord(column, row.condition[column]));
      const words = [source.titles.get(row.model) ?? row.model, source.label, ...own];
      const key = JSON.stringify([number, row.model, ...own]);
      const group = groups.get(key) ?? { words, points: [] };
      group.points.push({ row, x: place(row) });
      groups.set(key, group);
    }
  });
  return groups;
}

/**
 * Conditions that make different curves: those that the experiment names, and of the others as many
 * as it takes that no curve has two values at one place.
 * @param {Source[]} sources
 * @param {string} metric
 * @param {PlotSpec} plot
 * @param {string} across
 */
export function curveColumns(sources, metric, plot, across) {
  const tables = sources.map(({ rows }) => rows.filter((row) => row.metric === metric));
  const known = new Set(tables.flat().flatMap(({ condition }) => Object.keys(condition)));
  const columns = plot.series.filter((column) => known.has(column) && column !== across);
  const places = (/** @type {string[]} */ chosen) =>
    tables.reduce((sum, rows) => {
      const keys = rows.map((row) =>
        JSON.stringify([row.model, ...chosen.map((column) => row.condition[column])]),
      );
      return sum + new Set(keys).size;
    }, 0);
  let told = places([across, ...columns]);
  for (const column of known) {
    if (column === across || columns.includes(column)) continue;
    const more = places([across, ...columns, column]);
    if (more === told) continue;
    columns.push(column);
    told = more;
  }
  return columns;
}

/** Whether x spans so much, from small to large, that each doubling deserves its step. @param {Map<string, Group>} groups */
function isDoubling(groups) {
  const xs = [...groups.values()].flatMap(({ points }) => points.map(({ x }) => x));
  return xs.length > 0 && Math.min(...xs) > 0 && Math.max(...xs) / Math.min(...xs) >= DOUBLING_SPAN;
}

/** A value that says nothing by itself gets its column's name. @param {string} column @param {unknown} value */
function seriesWord(column, value) {
  if (value === undefined) return "";
  return typeof value === "number"
    ? `${column.replaceAll("_", " ")} ${value}`
    : String(value).replaceAll("_", "-");
}

/**
 * Colour by the first thing that differs (model, job, condition), dashes by the rest, and as title
 * only what differs.
 * @param {Group[]} groups
 * @param {string[]} models those without rows yet too, so that no colour changes when they come
 * @returns {ChartSeries[]}
 */
function styled(groups, models) {
  const width = groups[0]?.words.length ?? 0;
  const varying = telling(groups, width, models.length > 1);
  const [colouring = 0, ...dashing] = varying;
  const colours = colouring === 0 ? models : distinct(groups, (words) => words[colouring]);
  const dashCode = (/** @type {string[]} */ words) =>
    JSON.stringify(dashing.map((place) => words[place]));
  /** @type {Set<string>} */
  const published = new Set();
  const isNew = (/** @type {ChartSeries} */ { slot, points }) => {
    const code = JSON.stringify([slot, points.map(({ x, y }) => [x, y])]);
    return !published.has(code) && published.add(code);
  };
  return groups.flatMap(({ words, points }) => {
    const colour = Math.max(0, colours.indexOf(words[colouring]));
    const alike = groups.filter((other) => other.words[colouring] === words[colouring]);
    const dash = distinct(alike, dashCode).indexOf(dashCode(words));
    const named = varying.length > 0 ? varying : [0];
    const title = titleOf(words, named);
    const style = {
      slot: (colour % COLOURS) + 1,
      dash: dash + Math.floor(colour / COLOURS),
    };
    const ordered = [...points].sort((a, b) => a.x - b.x);
    return [
      { key: title, title, ...style, paper: false, points: ordered.map(ownPoint) },
      ...paperSeries(title, titleOf(words, named.filter(notJob)), style, ordered).filter(isNew),
    ];
  });
}

/**
 * Places of the words that tell the groups apart; one that says nothing new, such as the grid where
 * it follows from the model, is left out.
 * @param {Group[]} groups
 * @param {number} width
 * @param {boolean} models whether there are several models, all of them counted
 */
function telling(groups, width, models) {
  let places = models ? [0] : [];
  let told = models ? distinct(groups, (words) => words[0]).length : 1;
  for (let place = places.length; place < width; place++) {
    const more = [...places, place];
    const parts = distinct(groups, (words) => JSON.stringify(more.map((each) => words[each])));
    if (parts.length > told) [places, told] = [more, parts.length];
  }
  return places;
}

/** @param {Group[]} groups @param {(words: string[]) => string} of */
function distinct(groups, of) {
  return [...new Set(groups.map(({ words }) => of(words)))];
}

/** @param {string[]} words @param {number[]} places */
function titleOf(words, places) {
  const said = places.map((place) => words[place]).filter((word) => word !== "");
  return said.join(" · ") || words[0];
}

/** What a paper reports is the same for every job. @param {number} place */
const notJob = (place) => place !== JOB_PLACE;

/** @param {{row: Row, x: number}} point @returns {ChartPoint} */
function ownPoint({ row, x }) {
  return { x, y: row.value ?? NaN, low: row.low95, high: row.high95, row };
}

/**
 * What a paper reports for the same conditions, where it does.
 * @param {string} title of the curve beside it
 * @param {string} words
 * @param {{slot: number, dash: number}} style
 * @param {{row: Row, x: number}[]} points
 * @returns {ChartSeries[]}
 */
function paperSeries(title, words, style, points) {
  const known = points.flatMap(({ row, x }) =>
    row.paper ? [{ x, y: row.paper.value, low: null, high: null, row }] : [],
  );
  if (known.length === 0) return [];
  return [
    {
      key: `${title} (paper)`,
      title: `${words}, as published`,
      ...style,
      paper: true,
      points: known,
    },
  ];
}

/**
 * Rows so far with newer ones laid over them: a row is known by model, metric and condition.
 * @param {Row[]} old
 * @param {Row[]} newer
 * @returns {Row[]}
 */
export function mergeRows(old, newer) {
  const rows = new Map(old.map((row) => [rowKey(row), row]));
  for (const row of newer) rows.set(rowKey(row), row);
  return [...rows.values()];
}

/** @param {Row} row */
function rowKey(row) {
  return JSON.stringify([row.model, row.metric, ...Object.entries(row.condition).flat()]);
}
