// @ts-check
/**
 * Which columns an answer fills: kept from answer to answer while the same models are compared in
 * the same experiment, so that pictures change in place.
 *
 * @typedef {import("./types.js").Answer<any>} AnyAnswer
 * @typedef {import("./types.js").ModelFacts} ModelFacts
 * @typedef {import("./types.js").Mode} Mode
 */
import { AttentionColumn, SegmentColumn } from "./components/map-gallery/map-gallery.js";
import { ChangedPhotoColumn, emptyColumn } from "./components/model-column/model-column.js";
import { el, find } from "./dom.js";
import { percent, shortLabel } from "./words.js";

/**
 * @typedef {{facts: ModelFacts, slot: number, why: string | null}} Part
 * @typedef {{root: HTMLElement, fill: (entry: any) => void}} Column
 */

/** @type {Record<Mode, (part: Part) => Column>} */
const COLUMNS = {
  occlude({ facts, slot }) {
    const column = new ChangedPhotoColumn(facts, slot, "what is left");
    return { root: column.root, fill: (entry) => column.showOccluded(entry) };
  },
  shuffle({ facts, slot }) {
    const column = new ChangedPhotoColumn(facts, slot, "the pieces shuffled");
    return { root: column.root, fill: (entry) => column.showShuffled(entry) };
  },
  attend({ facts, slot }) {
    const column = new AttentionColumn(facts, slot);
    return { root: column.root, fill: (entry) => column.show(entry) };
  },
  segment({ facts, slot }) {
    const column = new SegmentColumn(facts, slot);
    return { root: column.root, fill: (entry) => column.show(entry) };
  },
};

export class ResultColumns {
  #code = "";
  /** @type {Map<string, Column>} */
  #columns = new Map();

  constructor() {
    this.root = find("[data-columns]");
  }

  /** Columns that breathe until the first answer. @param {number} count */
  showWaiting(count) {
    this.#code = "";
    this.#lay(
      Array.from({ length: Math.max(1, count) }, () => el("div", { className: "skeleton" })),
    );
  }

  /** @param {string} words */
  showNothing(words) {
    this.#code = "";
    this.#lay([el("p", { className: "panel placeholder-text" }, words)]);
  }

  /** @param {Mode} mode @param {Part[]} parts @param {AnyAnswer} answer */
  show(mode, parts, answer) {
    const code = JSON.stringify([
      mode,
      parts.map(({ facts, slot, why }) => [facts.name, slot, why]),
    ]);
    if (code !== this.#code) {
      this.#columns.clear();
      this.#lay(
        parts.map((part) => {
          if (part.why !== null) return emptyColumn(part.facts, part.slot, part.why);
          const column = COLUMNS[mode](part);
          this.#columns.set(part.facts.name, column);
          return column.root;
        }),
      );
      this.#code = code;
    }
    for (const entry of answer.models) this.#columns.get(entry.model)?.fill(entry);
  }

  /** @param {HTMLElement[]} elements */
  #lay(elements) {
    this.root.dataset.count = String(elements.length);
    this.root.replaceChildren(...elements);
  }
}

/**
 * The answer in one sentence, for the status line and for screen readers.
 * @param {Mode} mode
 * @param {AnyAnswer} answer
 */
export function sentence(mode, answer) {
  const parts = answer.models.map((entry) => {
    if (mode === "occlude" || mode === "shuffle") {
      const { prediction_kept: kept, top } = entry.results[0];
      return `${entry.title}: ${kept ? "still" : "now"} ${shortLabel(top[0].label)}, ${percent(top[0].probability)}`;
    }
    if (mode === "attend")
      return `${entry.title}: ${entry.maps.length === 1 ? "one map" : `${entry.maps.length} maps`}`;
    return `${entry.title}: head ${entry.chosen.head + 1} chosen`;
  });
  return parts.join(" · ");
}
