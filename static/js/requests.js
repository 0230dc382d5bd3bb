// @ts-check
/**
 * The request that answers what the controls say: one description for the server and for curl.
 *
 * @typedef {import("./types.js").AnalysisRequest} AnalysisRequest
 * @typedef {import("./types.js").ModelFacts} ModelFacts
 * @typedef {import("./types.js").Photo} Photo
 * @typedef {import("./types.js").State} State
 * @typedef {import("./types.js").Upload} Upload
 */
import { Mask } from "./mask.js";

const MOST_CLASSES = 10;
const CURVE_RATIOS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
/** Attention can rest on very few patches: the ends of the range say most. */
const CURVE_MASSES = [0, 0.01, 0.02, 0.05, ...CURVE_RATIOS.slice(1, -1), 0.95, 0.98, 0.99, 1];
const CURVE_SEEDS = 5;

export const PATHS = {
  occlude: "/occlude",
  shuffle: "/shuffle",
  attend: "/attention",
  segment: "/segment",
};

/**
 * @param {State} state
 * @param {Photo} photo
 * @param {ModelFacts[]} models the models that take part
 * @param {Blob | null} groundTruth
 * @returns {Promise<AnalysisRequest>}
 */
export async function analysisRequest(state, photo, models, groundTruth) {
  const request = newRequest(PATHS[state.mode], photo, models);
  if (state.mode === "occlude") await addOcclusion(request, state, models);
  if (state.mode === "shuffle") {
    add(request, "grid", state.shuffle.grid);
    add(request, "seed", state.shuffle.seed);
    add(request, "top_k", classCount(models));
  }
  if (state.mode === "attend") {
    add(request, "layer", state.attend.layer);
    if (state.attend.head !== "" && state.attend.method === "raw")
      add(request, "head", state.attend.head);
    add(request, "token", state.attend.token);
    add(request, "method", state.attend.method);
  }
  if (state.mode === "segment") {
    add(request, "token", state.segment.token);
    add(request, "threshold", state.segment.threshold);
    if (groundTruth)
      request.files.push({ name: "ground_truth", filename: "ground-truth.png", blob: groundTruth });
  }
  return request;
}

/**
 * Confidence in the clean class over the whole range of the slider; no pictures.
 * @param {State} state
 * @param {Photo} photo
 * @param {ModelFacts[]} models
 * @param {string[]} shuffleGrids
 * @returns {AnalysisRequest}
 */
export function curveRequest(state, photo, models, shuffleGrids) {
  const request = newRequest(PATHS[state.mode], photo, models);
  if (state.mode === "occlude") {
    const { kind, grid, offset, saliency, saliencyHead } = state.occlude;
    add(request, "mode", kind);
    for (const ratio of kind === "random" ? CURVE_RATIOS : CURVE_MASSES)
      add(request, "ratio", ratio);
    if (kind === "random") addSeeds(request, state.occlude.seed);
    else addSaliency(request, saliency, saliencyHead);
    if (grid) add(request, "grid", grid);
    if (offset) add(request, "offset_px", offset);
  } else {
    for (const grid of shuffleGrids) add(request, "grid", grid);
    addSeeds(request, state.shuffle.seed);
  }
  add(request, "top_k", 1);
  add(request, "include_images", false);
  return request;
}

/**
 * @param {string} path
 * @param {Photo} photo
 * @param {ModelFacts[]} models
 * @returns {AnalysisRequest}
 */
function newRequest(path, photo, models) {
  return {
    path,
    fields: models.map((facts) => ["model", facts.name]),
    files: [{ name: "image", filename: photo.filename, blob: photo.blob }],
  };
}

/**
 * @param {AnalysisRequest} request
 * @param {State} state
 * @param {ModelFacts[]} models
 */
async function addOcclusion(request, state, models) {
  const { kind, ratio, seed, grid, offset, saliency, saliencyHead, mask } = state.occlude;
  add(request, "mode", kind);
  if (kind === "custom") {
    const painted = Mask.fromText(mask);
    add(request, "grid", painted.grid);
    request.files.push({ name: "mask", filename: "mask.png", blob: await painted.toPng() });
  } else {
    add(request, "ratio", ratio);
    if (grid) add(request, "grid", grid);
  }
  if (kind === "random") add(request, "seed", seed);
  if (kind === "salient" || kind === "non_salient") addSaliency(request, saliency, saliencyHead);
  if (offset) add(request, "offset_px", offset);
  add(request, "top_k", classCount(models));
}

/** @param {AnalysisRequest} request @param {string} model @param {string} head */
function addSaliency(request, model, head) {
  if (model) add(request, "saliency_model", model);
  if (model && head !== "") add(request, "saliency_head", head);
}

/** @param {AnalysisRequest} request @param {number} first */
function addSeeds(request, first) {
  for (let seed = first; seed < first + CURVE_SEEDS; seed++) add(request, "seed", seed);
}

/** @param {AnalysisRequest} request @param {string} name @param {string | number | boolean} value */
function add(request, name, value) {
  request.fields.push([name, String(value)]);
}

/** @param {ModelFacts[]} models */
function classCount(models) {
  return Math.min(MOST_CLASSES, ...models.map((facts) => facts.num_classes));
}
