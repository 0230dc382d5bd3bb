// @ts-check
/**
 * The state and the link that restores it: everything that shapes the picture is in the URL's hash.
 *
 * @typedef {import("./types.js").State} State
 * @typedef {import("./types.js").Mode} Mode
 */

/** @type {readonly Mode[]} */
export const MODES = ["occlude", "shuffle", "attend", "segment"];
export const OWN_PHOTO = "own";
export const MAX_MODELS = 4;

/** @returns {State} */
export function defaultState() {
  return {
    mode: "occlude",
    photo: "",
    models: [],
    occlude: {
      kind: "random",
      ratio: 0.5,
      seed: 0,
      grid: "",
      offset: 0,
      saliency: "",
      saliencyHead: "",
      mask: "",
    },
    shuffle: { grid: "4x4", seed: 0 },
    attend: { layer: -1, head: "", token: "cls", method: "raw" },
    segment: { token: "cls", threshold: 0.9 },
  };
}

/** @type {Record<Mode, Record<string, (text: string) => unknown>>} */
const READERS = {
  occlude: {
    kind: oneOf("random", "salient", "non_salient", "custom"),
    ratio: number(0, 1),
    seed: number(0, 999999),
    grid: matching(/^(\d+x\d+)?$/),
    offset: number(0, 1024),
    saliency: matching(/^[\w.:-]*$/),
    saliencyHead: matching(/^\d*$/),
    mask: matching(/^(\d+x\d+\.[\w-]*)?$/),
  },
  shuffle: { grid: matching(/^\d+x\d+$/), seed: number(0, 999999) },
  attend: {
    layer: number(-1, 255),
    head: matching(/^\d*$/),
    token: oneOf("cls", "shape"),
    method: oneOf("raw", "rollout"),
  },
  segment: { token: oneOf("cls", "shape"), threshold: number(0.01, 1) },
};

/** @param {...string} values */
function oneOf(...values) {
  return (/** @type {string} */ text) => (values.includes(text) ? text : undefined);
}

/** @param {number} low @param {number} high */
function number(low, high) {
  return (/** @type {string} */ text) => {
    const value = Number(text);
    return text !== "" && value >= low && value <= high ? value : undefined;
  };
}

/** @param {RegExp} pattern */
function matching(pattern) {
  return (/** @type {string} */ text) => (pattern.test(text) ? text : undefined);
}

/**
 * The hash that restores the state: the mode, photo, models and those controls of this mode that
 * are not as usual.
 * @param {State} state
 */
export function hashOf(state) {
  const query = new URLSearchParams({ mode: state.mode, photo: state.photo });
  for (const model of state.models) query.append("model", model);
  const usual = defaultState();
  for (const mode of MODES) {
    for (const key of Object.keys(READERS[mode])) {
      const value = Reflect.get(state[mode], key);
      const prefix = mode === state.mode ? "" : `${mode}.`;
      if (value !== Reflect.get(usual[mode], key)) query.set(prefix + key, String(value));
    }
  }
  return `#${query}`;
}

/**
 * Read a hash; whatever is missing or makes no sense is as usual.
 * @param {string} hash
 * @returns {State}
 */
export function stateOf(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const state = defaultState();
  const mode = /** @type {Mode} */ (query.get("mode"));
  if (MODES.includes(mode)) state.mode = mode;
  state.photo = query.get("photo") || state.photo;
  state.models = query.getAll("model").slice(0, MAX_MODELS);
  for (const name of MODES) {
    for (const [key, read] of Object.entries(READERS[name])) {
      const prefix = name === state.mode ? "" : `${name}.`;
      const text = query.get(prefix + key);
      const value = text === null ? undefined : read(text);
      if (value !== undefined) Reflect.set(state[name], key, value);
    }
  }
  return state;
}
