// @ts-check
/**
 * A card a model: what it is, whether it is here or how to fetch it, how it was trained, by whom.
 *
 * @typedef {import("../../types.js").ModelFacts} ModelFacts
 */
import { el } from "../../dom.js";
import { gridWords } from "../../words.js";

const FAMILIES = /** @type {Record<string, string>} */ ({
  pocket: "Pocket models",
  deit: "DeiT",
  vit: "ViT",
  sin: "Trained on stylised images",
  dino: "DINO",
  "no-pos": "Without positions",
  "patch-size": "Other patch sizes",
  swin: "Swin",
  cnn: "Convolutional networks",
});

/** @param {string} family */
export function familyName(family) {
  return FAMILIES[family] ?? family;
}

/** @param {ModelFacts} facts */
export function modelCard(facts) {
  const attention =
    facts.heads > 0 ? `${facts.depth} blocks of ${facts.heads} heads` : "none to look at";
  return el(
    "article",
    { className: "model-card", id: facts.name, data: { ready: String(facts.ready) } },
    el("header", {}, el("h3", {}, facts.title), el("code", { className: "model-id" }, facts.name)),
    el("p", { className: "ready-mark", data: { ready: String(facts.ready) } }, readiness(facts)),
    facts.note ? el("p", {}, facts.note) : null,
    facts.ready || facts.pull === null ? null : pullLine(facts.pull),
    factList([
      ["Input", `${facts.input_px} × ${facts.input_px} px`],
      [
        "Patches",
        facts.patch_px ? `${gridWords(facts.grid)} of ${facts.patch_px} px` : "none (convolutions)",
      ],
      ["Attention", attention],
      ["Tokens", facts.tokens.join(", ") || "none"],
      [
        "Classes",
        facts.num_classes
          ? `${facts.num_classes} (${facts.labels ?? "unnamed"})`
          : "none: features only",
      ],
      ["Architecture", facts.architecture],
      ["Protocol", facts.preprocessing],
      ["Paper", facts.paper],
      ["Licence", facts.licence],
    ]),
    facts.card
      ? el("details", {}, el("summary", {}, "How it was trained"), factList(flatten(facts.card)))
      : null,
  );
}

/** @param {ModelFacts} facts */
function readiness(facts) {
  if (facts.ready) return facts.loaded ? "Ready, in memory" : "Ready, loads at first use";
  return facts.pull ? "Not on this machine" : "Not available here";
}

/** @param {string} command */
function pullLine(command) {
  const button = el("button", { type: "button", className: "button button-small" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command);
    button.textContent = "Copied";
  });
  return el("p", { className: "pull-line" }, el("code", {}, command), button);
}

/** @param {[string, string][]} facts */
function factList(facts) {
  return el(
    "dl",
    { className: "facts" },
    ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}

/**
 * A training record of any shape as lines of name and value.
 * @param {Record<string, unknown>} record
 * @param {string} [prefix]
 * @returns {[string, string][]}
 */
function flatten(record, prefix = "") {
  return Object.entries(record).flatMap(([key, value]) => {
    const name = prefix + key.replaceAll("_", " ");
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      return flatten(/** @type {Record<string, unknown>} */ (value), `${name}: `);
    }
    return [/** @type {[string, string]} */ ([name, words(value)])];
  });
}

/** @param {unknown} value @returns {string} */
function words(value) {
  if (Array.isArray(value)) return value.map(words).join(", ");
  if (typeof value === "number" && !Number.isInteger(value))
    return String(Number(value.toPrecision(4)));
  return value === null ? "–" : String(value);
}
