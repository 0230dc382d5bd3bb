// @ts-check
/**
 * The numbers behind the figure: one line a row, with its interval and the paper's number.
 *
 * @typedef {import("../../evaluation-types.js").PlotSpec} PlotSpec
 * @typedef {import("../../evaluation-types.js").Row} Row
 * @typedef {import("../../row-series.js").Source} Source
 */
import { el } from "../../dom.js";
import { count, fieldName, measured } from "../../words.js";

const AT_FIRST = 60;

export class ResultTable {
  #all = false;
  /** @type {{sources: Source[], metric: string} | null} */
  #shown = null;

  constructor() {
    this.scroll = el("div", {
      className: "table-scroll",
      tabIndex: 0,
      attrs: { role: "region", "aria-label": "Numbers" },
    });
    this.more = el("button", { type: "button", className: "button button-small" });
    this.more.addEventListener("click", () => {
      this.#all = true;
      this.#fill();
    });
    this.root = el("div", { className: "result-table" }, this.scroll, this.more);
  }

  /** @param {Source[]} sources @param {string} metric */
  show(sources, metric) {
    this.#shown = { sources, metric };
    this.#fill();
  }

  #fill() {
    if (!this.#shown) return;
    const { sources, metric } = this.#shown;
    const lines = sources.flatMap((source) =>
      source.rows.filter((row) => row.metric === metric).map((row) => ({ source, row })),
    );
    const columns = [...new Set(lines.flatMap(({ row }) => Object.keys(row.condition)))];
    const several = sources.length > 1;
    const papers = lines.some(({ row }) => row.paper);
    const heads = [
      ...(several ? ["Job"] : []),
      "Model",
      ...columns.map(fieldName),
      "Value",
      "± s.e.",
      "95 % interval",
      "Images",
      "Runs",
      ...(papers ? ["Paper"] : []),
    ];
    const shown = this.#all ? lines : lines.slice(0, AT_FIRST);
    this.scroll.replaceChildren(
      el(
        "table",
        { className: "numbers" },
        el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
        el(
          "tbody",
          {},
          ...shown.map(({ source, row }) => line(source, row, columns, several, papers)),
        ),
      ),
    );
    this.more.hidden = shown.length === lines.length;
    this.more.textContent = `Show all ${count(lines.length)} lines`;
  }
}

/**
 * @param {Source} source
 * @param {Row} row
 * @param {string[]} columns
 * @param {boolean} several
 * @param {boolean} papers
 */
function line(source, row, columns, several, papers) {
  const interval =
    row.low95 === null || row.high95 === null
      ? "–"
      : `${measured(row.low95)} – ${measured(row.high95)}`;
  return el(
    "tr",
    {},
    several && el("td", { className: "words" }, source.label),
    el("th", { scope: "row", className: "words" }, source.titles.get(row.model) ?? row.model),
    ...columns.map((column) => el("td", {}, String(row.condition[column] ?? "–"))),
    el("td", {}, el("b", {}, row.value === null ? "–" : measured(row.value))),
    el("td", {}, row.standard_error === null ? "–" : measured(row.standard_error)),
    el("td", {}, interval),
    el("td", {}, count(row.images)),
    el("td", {}, String(row.runs)),
    papers &&
      el("td", { title: row.paper?.source ?? "" }, row.paper ? measured(row.paper.value) : "–"),
  );
}
