// @ts-check
/**
 * From an answer over the whole range of the slider to the lines of the curve.
 *
 * @typedef {import("./types.js").Answer<any>} AnyAnswer
 * @typedef {import("./types.js").State} State
 * @typedef {import("./components/confidence-curve/confidence-curve.js").Line} Line
 * @typedef {import("./components/confidence-curve/confidence-curve.js").Words} Words
 */
import { summarise } from "./components/confidence-curve/confidence-curve.js";
import { parseGrid, percent } from "./words.js";

const HIDDEN_WORDS = {
  random: "squares are hidden at random",
  salient: "what the looking model attends to is hidden",
  non_salient: "what the looking model ignores is hidden",
  custom: "squares are hidden",
};

/**
 * @param {State} state
 * @param {AnyAnswer} answer
 * @param {(model: string) => number} slotOf
 * @returns {{lines: Line[], words: Words}}
 */
export function curveOf(state, answer, slotOf) {
  const occlude = state.mode === "occlude";
  const draws =
    occlude && state.occlude.kind !== "random"
      ? 1
      : new Set(answer.models[0]?.results.map((/** @type {any} */ { seed }) => seed)).size;
  const lines = answer.models.map((entry) => ({
    title: entry.title,
    slot: slotOf(entry.model),
    points: summarise(
      entry.results.map((/** @type {any} */ result) => ({
        x: occlude ? result.information_loss : result.cells,
        y: result.clean_class_probability,
      })),
      draws,
    ),
  }));
  return {
    lines,
    words: {
      title: occlude
        ? `Confidence in the first answer while ${HIDDEN_WORDS[state.occlude.kind]}`
        : "Confidence in the first answer with smaller and smaller pieces",
      axis: occlude ? "information loss (share of squares hidden)" : "pieces",
      x: occlude ? percent : String,
      log: !occlude,
      ticks: occlude
        ? undefined
        : [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort(
            (a, b) => a - b,
          ),
      draws,
    },
  };
}

/**
 * Where the slider stands on the curve's axis.
 * @param {State} state
 * @param {AnyAnswer | null} answer
 * @returns {number | null}
 */
export function markOf(state, answer) {
  if (state.mode === "shuffle") {
    const { rows, cols } = parseGrid(state.shuffle.grid);
    return rows * cols;
  }
  return answer?.models[0]?.results?.[0]?.information_loss ?? null;
}
