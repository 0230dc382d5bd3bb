// @ts-check
/**
 * What the server's models can do, and which settings suit several of them at once.
 *
 * @typedef {import("./types.js").ModelFacts} ModelFacts
 * @typedef {import("./types.js").ModelList} ModelList
 * @typedef {import("./types.js").Mode} Mode
 * @typedef {import("./types.js").State} State
 */

const GRIDS = [
  "2x2",
  "2x4",
  "4x4",
  "4x8",
  "7x7",
  "8x8",
  "14x14",
  "16x16",
  "28x28",
  "32x32",
  "224x224",
];
const SHUFFLE_CELLS_MAX = 256;

export class Catalogue {
  /** @param {ModelList} list */
  constructor(list) {
    this.models = list.models;
    this.saliencyDefault = list.saliency_default;
    this.defaults = list.default;
    this.byName = new Map(list.models.map((facts) => [facts.name, facts]));
  }

  get ready() {
    return this.models.filter((facts) => facts.ready);
  }

  /** Models that can say what is salient. */
  get looking() {
    return this.ready.filter((facts) => facts.tokens.length > 0);
  }

  /**
   * What a first visit compares: the server's default and a convolutional network beside it.
   * @returns {string[]}
   */
  firstModels() {
    const first = this.byName.get(this.defaults[0]) ?? this.ready[0];
    if (!first) return [];
    const other = this.ready.find(
      (facts) =>
        facts.tokens.length === 0 && facts.labels === first.labels && facts.labels !== null,
    );
    return other ? [first.name, other.name] : [first.name];
  }

  /**
   * The chosen models that are ready, in the order chosen.
   * @param {string[]} names
   */
  chosen(names) {
    return names.flatMap((name) => this.byName.get(name) ?? []).filter((facts) => facts.ready);
  }

  /**
   * Why this model cannot take part in this experiment; null if it can.
   * @param {ModelFacts} facts
   * @param {State} state
   * @returns {string | null}
   */
  obstacle(facts, state) {
    if (state.mode === "occlude" || state.mode === "shuffle") {
      return facts.num_classes > 0
        ? null
        : "This model names no classes: it only looks. Try it under Attend or Segment.";
    }
    if (facts.tokens.length === 0) {
      return "This network has no class token that attends to patches, so there is nothing to look at here. Choose a transformer.";
    }
    const token = state[state.mode].token;
    if (!facts.tokens.includes(token)) {
      return `This model has no ${token === "cls" ? "class" : token} token. The ones trained to keep shape apart have one.`;
    }
    return null;
  }

  /**
   * The grids that divide the input of every model.
   * @param {ModelFacts[]} models
   */
  commonGrids(models) {
    return GRIDS.filter((grid) => {
      const [rows, cols] = grid.split("x").map(Number);
      return models.every((facts) => facts.input_px % rows === 0 && facts.input_px % cols === 0);
    });
  }

  /** @param {ModelFacts[]} models */
  shuffleGrids(models) {
    return this.commonGrids(models).filter((grid) => {
      const [rows, cols] = grid.split("x").map(Number);
      return rows * cols <= SHUFFLE_CELLS_MAX;
    });
  }
}

/**
 * The part of a photo that a model sees, in shares of its width and height.
 * @param {ModelFacts} facts
 * @param {number} width
 * @param {number} height
 */
export function modelView(facts, width, height) {
  if (facts.squash) return { left: 0, top: 0, width: 1, height: 1 };
  const side = Math.min(width, height) * Math.min(1, facts.crop_px / facts.resize_px);
  return {
    left: (width - side) / 2 / width,
    top: (height - side) / 2 / height,
    width: side / width,
    height: side / height,
  };
}
