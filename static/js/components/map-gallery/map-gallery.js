// @ts-check
/**
 * Columns of pictures, one a head: attention maps and segmentations.
 *
 * @typedef {import("../../types.js").AttendingModel} AttendingModel
 * @typedef {import("../../types.js").ModelFacts} ModelFacts
 * @typedef {import("../../types.js").SegmentedModel} SegmentedModel
 */
import { el } from "../../dom.js";
import { gridWords, percent } from "../../words.js";
import { columnFrame } from "../model-column/model-column.js";

/** The maps of one model; the one chosen is shown large. */
export class AttentionColumn {
  /** @param {ModelFacts} facts @param {number} slot */
  constructor(facts, slot) {
    this.title = facts.title;
    this.chosen = 0;
    this.large = el("img", { alt: "", width: 768, height: 576 });
    this.caption = el("figcaption");
    this.maps = el("div", { className: "maps" });
    this.heading = el("p", { className: "maps-title" });
    const { root, note } = columnFrame(
      facts,
      slot,
      el(
        "div",
        { className: "model-body" },
        el("figure", { className: "model-picture" }, this.large, this.caption),
        el("div", { className: "model-body-text" }, this.heading, this.maps),
      ),
    );
    this.root = root;
    this.note = note;
  }

  /** @param {AttendingModel} answer */
  show(answer) {
    const maps = answer.maps;
    this.note.textContent = `${gridWords(answer.grid)} patches, ${answer.layers} blocks`;
    this.chosen = Math.min(this.chosen, maps.length - 1);
    const pictures = [
      ...maps.map((map) => ({
        source: map.overlay,
        name: mapName(map),
        words: `${percent(map.patch_mass)} on patches`,
      })),
      { source: answer.original, name: "Photo", words: "nothing laid over" },
    ];
    this.heading.textContent =
      maps.length > 1
        ? `The ${maps.length} heads of block ${maps[0].layer + 1}: choose one`
        : "Choose what to show";
    this.#showThumbnails(pictures);
    this.#choose(this.chosen, pictures);
  }

  /**
   * One button a picture; the focus stays where it was.
   * @param {{source: string, name: string, words: string}[]} pictures
   */
  #showThumbnails(pictures) {
    const active = /** @type {Element} */ (document.activeElement);
    const focused = [...this.maps.children].indexOf(active);
    const buttons = pictures.map((picture, index) =>
      el(
        "button",
        { type: "button", className: "map", on: { click: () => this.#choose(index, pictures) } },
        el("img", { src: picture.source, alt: "" }),
        el("span", {}, el("b", {}, picture.name), ` ${picture.words}`),
      ),
    );
    this.maps.replaceChildren(...buttons);
    if (focused >= 0) buttons[Math.min(focused, buttons.length - 1)].focus();
  }

  /** @param {number} index @param {{source: string, name: string, words: string}[]} pictures */
  #choose(index, pictures) {
    this.chosen = index;
    const picture = pictures[index];
    this.large.src = picture.source;
    this.large.alt = `${this.title}, ${picture.name}`;
    this.caption.textContent = `${picture.name}: ${picture.words}`;
    [...this.maps.children].forEach((button, place) =>
      button.setAttribute("aria-pressed", String(place === index)),
    );
  }
}

/** @param {import("../../types.js").AttentionMap} map */
function mapName(map) {
  return map.head === null ? `Rollout to block ${map.layer + 1}` : `Head ${map.head + 1}`;
}

/** The segmentations of one model. */
export class SegmentColumn {
  /** @param {ModelFacts} facts @param {number} slot */
  constructor(facts, slot) {
    this.title = facts.title;
    this.large = el("img", { alt: "", width: 768, height: 576 });
    this.caption = el("figcaption");
    this.masks = el("div", { className: "maps" });
    this.heading = el("p", { className: "maps-title" });
    this.scores = el("dl", { className: "scores" });
    const { root, note } = columnFrame(
      facts,
      slot,
      el(
        "div",
        { className: "model-body" },
        el("figure", { className: "model-picture" }, this.large, this.caption),
        el("div", { className: "model-body-text" }, this.heading, this.masks, this.scores),
      ),
    );
    this.root = root;
    this.note = note;
  }

  /** @param {SegmentedModel} answer */
  show(answer) {
    const { chosen } = answer;
    this.note.textContent = `${gridWords(answer.grid)} patches`;
    if (answer.overlay) this.large.src = answer.overlay;
    const coverage = answer.heads.find(({ head }) => head === chosen.head)?.coverage ?? 0;
    this.large.alt = `Segmentation by ${this.title}: head ${chosen.head + 1} covers ${percent(coverage)} of the patches`;
    this.caption.textContent = `Head ${chosen.head + 1}, ${chosen.why}`;
    this.heading.textContent = "What each head takes for the object";
    this.masks.replaceChildren(
      ...answer.heads.map((head) =>
        el(
          "figure",
          {
            className: "map map-mask",
            data: { chosen: String(head.head === chosen.head) },
          },
          el("img", { src: head.mask ?? "", alt: `Mask of head ${head.head + 1}` }),
          el(
            "span",
            {},
            el("b", {}, `Head ${head.head + 1}`),
            ` ${percent(head.coverage)} covered`,
            head.jaccard === null ? "" : `, Jaccard ${head.jaccard.toFixed(2)}`,
          ),
        ),
      ),
    );
    const scores = answer.jaccard;
    this.scores.replaceChildren(
      ...(scores === null
        ? []
        : [
            ...score(
              "Best head",
              `${scores.best.toFixed(3)} (head ${scores.best_head + 1}, chosen with the true outline)`,
            ),
            ...score(
              "Fixed head",
              `${scores.fixed.toFixed(3)} (head ${scores.fixed_head + 1}, chosen without it)`,
            ),
          ]),
    );
  }
}

/** @param {string} name @param {string} value */
function score(name, value) {
  return [el("dt", {}, name), el("dd", {}, value)];
}
