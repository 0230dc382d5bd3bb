// @ts-check
/**
 * The clean prediction beside the changed one: a thin bar for the whole photo, a thick one for
 * what is left. Rows keep their place while the slider moves.
 *
 * @typedef {import("../../types.js").ClassProbability} ClassProbability
 */
import { el } from "../../dom.js";
import { percent, shortLabel } from "../../words.js";

const ROWS_CLEAN = 3;
const ROWS = 5;

export class PredictionBars {
  /** @param {string} nowWords what the thick bar stands for */
  constructor(nowWords) {
    this.nowWords = nowWords;
    this.list = el("ul", { className: "bars" });
    this.root = el(
      "div",
      { className: "model-body-text" },
      el(
        "p",
        { className: "bars-legend", attrs: { "aria-hidden": "true" } },
        el("span", {}, "whole photo"),
        el("span", { className: "bars-legend-now" }, nowWords),
      ),
      this.list,
    );
    /** @type {Map<number, ReturnType<typeof makeRow>>} */
    this.rows = new Map();
  }

  /**
   * @param {ClassProbability[]} clean
   * @param {ClassProbability[]} now
   * @param {number} cleanClassNow probability of the clean winner now, even if it is not in `now`
   */
  show(clean, now, cleanClassNow) {
    const shown = choose(clean, now);
    const kept = new Map();
    for (const entry of shown)
      kept.set(entry.index, this.rows.get(entry.index) ?? makeRow(entry.label));
    this.rows = kept;
    const elements = shown.map(({ index }) => kept.get(index).root);
    if (
      elements.some((element, place) => this.list.children[place] !== element) ||
      this.list.children.length !== elements.length
    ) {
      this.list.replaceChildren(...elements);
    }
    const nowOf = new Map(now.map(({ index, probability }) => [index, probability]));
    if (clean.length > 0) nowOf.set(clean[0].index, cleanClassNow);
    const cleanOf = new Map(clean.map(({ index, probability }) => [index, probability]));
    for (const { index, label } of shown) {
      kept
        .get(index)
        .show(label, cleanOf.get(index), nowOf.get(index), index === now[0]?.index, this.nowWords);
    }
  }
}

/**
 * The likeliest of the clean photo, then the likeliest now that are not among them.
 * @param {ClassProbability[]} clean
 * @param {ClassProbability[]} now
 */
function choose(clean, now) {
  const shown = clean.slice(0, ROWS_CLEAN);
  for (const entry of [...now, ...clean]) {
    if (shown.length >= ROWS) break;
    if (!shown.some(({ index }) => index === entry.index)) shown.push(entry);
  }
  return shown;
}

/** @param {string} text */
function makeRow(text) {
  const label = el("span", { className: "bar-label" }, shortLabel(text));
  const cleanBar = el("i");
  const nowBar = el("i", { className: "bar-now" });
  const numbers = el("span", { className: "bar-numbers", attrs: { "aria-hidden": "true" } });
  const spoken = el("span", { className: "visually-hidden" });
  const root = el(
    "li",
    { className: "bar" },
    label,
    el("span", { className: "bar-tracks", attrs: { "aria-hidden": "true" } }, cleanBar, nowBar),
    numbers,
    spoken,
  );
  return {
    root,
    /**
     * @param {string} name
     * @param {number | undefined} clean
     * @param {number | undefined} now
     * @param {boolean} first
     * @param {string} nowWords
     */
    show(name, clean, now, first, nowWords) {
      root.dataset.first = String(first);
      label.title = name;
      cleanBar.style.width = `${(clean ?? 0) * 100}%`;
      nowBar.style.width = `${(now ?? 0) * 100}%`;
      const [cleanText, nowText] = [clean, now].map((share) =>
        share === undefined ? "–" : percent(share),
      );
      numbers.replaceChildren(cleanText.replace(" %", ""), " → ", el("b", {}, nowText));
      spoken.textContent = `: ${cleanText} on the whole photo, ${nowText} with ${nowWords}`;
    },
  };
}
