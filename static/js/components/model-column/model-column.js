// @ts-check
/**
 * One column a model: its picture, its verdict and its probabilities.
 *
 * @typedef {import("../../types.js").ModelFacts} ModelFacts
 * @typedef {import("../../types.js").OccludedModel} OccludedModel
 * @typedef {import("../../types.js").ShuffledModel} ShuffledModel
 * @typedef {import("../../types.js").ClassProbability} ClassProbability
 */
import { el } from "../../dom.js";
import { gridWords, percent, shortLabel } from "../../words.js";
import { PredictionBars } from "../prediction-bars/prediction-bars.js";

/**
 * The frame that every experiment's column shares.
 * @param {ModelFacts} facts
 * @param {number} slot
 * @param {...(Node | string)} body
 */
export function columnFrame(facts, slot, ...body) {
  const note = el("span", { className: "model-facts" });
  const root = el(
    "article",
    { className: "model-column", data: { slot: String(slot), model: facts.name } },
    el("header", {}, el("h3", {}, facts.title), note),
    ...body,
  );
  return { root, note };
}

/**
 * A column that says why this model has no part in this experiment.
 * @param {ModelFacts} facts
 * @param {number} slot
 * @param {string} why
 */
export function emptyColumn(facts, slot, why) {
  return columnFrame(facts, slot, el("p", { className: "model-none" }, why)).root;
}

/** A model's answer to a changed photo, kept and changed in place while the slider moves. */
export class ChangedPhotoColumn {
  /** @param {ModelFacts} facts @param {number} slot @param {string} nowWords */
  constructor(facts, slot, nowWords) {
    this.picture = el("img", { alt: "", width: 768, height: 576 });
    this.caption = el("figcaption");
    this.mark = el("span", { className: "verdict-mark", attrs: { "aria-hidden": "true" } });
    this.words = el("span");
    this.verdict = el("p", { className: "verdict" }, this.mark, this.words);
    this.bars = new PredictionBars(nowWords);
    const { root, note } = columnFrame(
      facts,
      slot,
      el(
        "div",
        { className: "model-body" },
        el("figure", { className: "model-picture" }, this.picture, this.caption),
        el("div", { className: "model-body-text" }, this.verdict, this.bars.root),
      ),
    );
    this.root = root;
    this.note = note;
    this.title = facts.title;
  }

  /** @param {OccludedModel} answer */
  showOccluded(answer) {
    const result = answer.results[0];
    const mass =
      result.attention_mass === null ? "" : `, ${percent(result.attention_mass)} of the attention`;
    this.#show(
      answer.clean.top,
      result,
      `${gridWords(answer.grid)} squares`,
      `${result.dropped_patches} of ${result.patches} squares hidden (${percent(result.information_loss)})${mass}`,
    );
  }

  /** @param {ShuffledModel} answer */
  showShuffled(answer) {
    const result = answer.results[0];
    this.#show(
      answer.clean.top,
      result,
      `${gridWords(result.grid)} pieces`,
      `${result.cells} pieces in random order`,
    );
  }

  /**
   * @param {ClassProbability[]} clean
   * @param {import("../../types.js").Variant} result
   * @param {string} note
   * @param {string} caption
   */
  #show(clean, result, note, caption) {
    this.note.textContent = note;
    this.caption.textContent = `${caption}. Faded: outside its view.`;
    if (result.image) this.picture.src = result.image;
    const now = result.top[0];
    this.picture.alt = `What ${this.title} was shown: ${caption}`;
    this.verdict.dataset.kept = String(result.prediction_kept);
    this.mark.textContent = result.prediction_kept ? "✓" : "✗";
    this.words.replaceChildren(
      result.prediction_kept ? "Still " : "Now ",
      el("em", {}, shortLabel(now.label)),
      " ",
      el(
        "small",
        {},
        result.prediction_kept
          ? `${percent(now.probability)} sure, ${percent(clean[0].probability)} before`
          : `${percent(now.probability)} sure; it was ${shortLabel(clean[0].label)}`,
      ),
    );
    this.bars.show(clean, result.top, result.clean_class_probability);
  }
}
