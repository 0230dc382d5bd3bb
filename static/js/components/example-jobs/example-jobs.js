// @ts-check
/**
 * Ready evaluations for a first visit: each shows one point of the paper on images that ship with
 * the lab, with models that ship too.
 *
 * @typedef {import("../../evaluation-types.js").DatasetFacts} DatasetFacts
 * @typedef {import("../../evaluation-types.js").ExperimentFacts} ExperimentFacts
 * @typedef {import("../../evaluation-types.js").JobRequest} JobRequest
 * @typedef {{question: string, words: string, request: JobRequest}} Example
 */
import { el } from "../../dom.js";

/** @type {Example[]} */
const EXAMPLES = [
  {
    question: "How much can you hide?",
    words:
      "Ever more of each image is blacked out. Watch the transformer’s curve stay up where the convolutional network’s falls.",
    request: {
      experiment: "patch-drop",
      models: ["pocket_deit", "pocket_cnn"],
      dataset: "cifar10-sample",
      params: { runs: 3 },
      seed: 0,
    },
  },
  {
    question: "Does order matter?",
    words:
      "Each image is cut up and its pieces are put back at random. The model trained without positions should not notice, until the pieces are smaller than its patches.",
    request: {
      experiment: "patch-shuffle",
      models: ["pocket_deit", "pocket_deit_nopos", "pocket_cnn"],
      dataset: "cifar10-sample",
      params: { runs: 3 },
      seed: 0,
    },
  },
  {
    question: "Does it see the object?",
    words:
      "Attention is cut off at a share of its mass and held against exact outlines. Compare the class token with the one that learned shape, and both with an untrained network.",
    request: {
      experiment: "segmentation",
      models: ["pocket_deit_shape", "pocket_deit"],
      dataset: "shapes-with-masks",
      params: {},
      seed: 0,
    },
  },
];

/**
 * Those that can run on this server.
 * @param {ExperimentFacts[]} experiments
 * @param {DatasetFacts[]} datasets
 */
export function examplesFor(experiments, datasets) {
  return EXAMPLES.filter(({ request }) => {
    const facts = experiments.find(({ name }) => name === request.experiment);
    const set = datasets.find(({ name }) => name === request.dataset);
    const able = (/** @type {string} */ name) =>
      facts?.models.some((model) => model.name === name && model.ready && model.supported);
    return facts && set && set.problem === null && request.models.every(able);
  });
}

/**
 * @param {Example} example
 * @param {{onRun: (request: JobRequest, button: HTMLButtonElement) => void, onLook: (request: JobRequest) => void}} parts
 */
export function exampleCard({ question, words, request }, { onRun, onLook }) {
  const run = el("button", { type: "button", className: "button button-primary" }, "Run it");
  const about = () => el("span", { className: "visually-hidden" }, ` (${question})`);
  run.append(about());
  run.addEventListener("click", () => onRun(request, run));
  const look = el("button", { type: "button", className: "button" }, "See its settings");
  look.append(about());
  look.addEventListener("click", () => onLook(request));
  return el(
    "li",
    { className: "panel example-card" },
    el("h3", {}, question),
    el("p", {}, words),
    el("div", { className: "example-actions" }, run, look),
  );
}
