// @ts-check
/**
 * The controls of each experiment: they show the state and change it, and know nothing else.
 *
 * @typedef {import("../../catalogue.js").Catalogue} Catalogue
 * @typedef {import("../../store.js").Store} Store
 * @typedef {import("../../types.js").ModelFacts} ModelFacts
 */
import { el, find, findAll } from "../../dom.js";
import { gridWords, parseGrid } from "../../words.js";

const HIGHEST_SEED = 999999;

/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (find(`#${id}`));
/** @param {string} id */
const select = (id) => /** @type {HTMLSelectElement} */ (find(`#${id}`));

/**
 * @param {HTMLInputElement} range
 * @param {number} value
 * @param {string} words
 */
function showRange(range, value, words) {
  range.value = String(value);
  const [low, high] = [Number(range.min), Number(range.max)];
  range.style.setProperty("--fill", `${high > low ? ((value - low) / (high - low)) * 100 : 100}%`);
  range.setAttribute("aria-valuetext", words);
  find(`[data-output="${range.id}"]`).textContent = words;
}

/** @param {HTMLSelectElement} list @param {[string, string][]} options @param {string} value */
function showOptions(list, options, value) {
  const code = JSON.stringify(options);
  if (list.dataset.options !== code) {
    list.replaceChildren(...options.map(([key, text]) => el("option", { value: key }, text)));
    list.dataset.options = code;
  }
  list.value = options.some(([key]) => key === value) ? value : (options[0]?.[0] ?? "");
}

/** @param {string} name @param {string} value */
function showChoice(name, value) {
  for (const radio of /** @type {HTMLInputElement[]} */ (findAll(`input[name="${name}"]`)))
    radio.checked = radio.value === value;
}

/** @param {string} name @param {(value: string) => void} change */
function onChoice(name, change) {
  for (const radio of /** @type {HTMLInputElement[]} */ (findAll(`input[name="${name}"]`))) {
    radio.addEventListener("change", () => change(radio.value));
  }
}

/** @param {string} id @param {(seed: number) => void} change */
function onSeed(id, change) {
  const field = input(id);
  const clean = (/** @type {number} */ seed) =>
    Math.min(HIGHEST_SEED, Math.max(0, Math.trunc(seed) || 0));
  field.addEventListener("input", () => field.value !== "" && change(clean(field.valueAsNumber)));
  find(`[data-redraw="${id}"]`).addEventListener("click", () =>
    change((clean(field.valueAsNumber) + 1) % (HIGHEST_SEED + 1)),
  );
}

/** @param {HTMLInputElement} field @param {number} value */
function showNumber(field, value) {
  if (document.activeElement !== field || field.valueAsNumber !== value)
    field.value = String(value);
}

export class Controls {
  /** @param {Store} store @param {Catalogue} catalogue */
  constructor(store, catalogue) {
    this.store = store;
    this.catalogue = catalogue;
    for (const form of findAll("[data-controls]"))
      form.addEventListener("submit", (event) => event.preventDefault());
    this.#listenOcclude();
    this.#listenOthers();
  }

  #listenOcclude() {
    const { store } = this;
    onChoice("kind", (kind) => store.setControls("occlude", { kind: /** @type {any} */ (kind) }));
    input("occlude-ratio").addEventListener("input", (event) => {
      const percentage = /** @type {HTMLInputElement} */ (event.target).valueAsNumber;
      store.setControls("occlude", { ratio: percentage / 100 });
    });
    onSeed("occlude-seed", (seed) => store.setControls("occlude", { seed }));
    select("occlude-grid").addEventListener("change", () =>
      store.setControls("occlude", { grid: select("occlude-grid").value }),
    );
    input("occlude-offset").addEventListener("input", () => {
      const field = input("occlude-offset");
      if (field.validity.valid && field.value !== "")
        store.setControls("occlude", { offset: field.valueAsNumber });
    });
    select("occlude-saliency").addEventListener("change", () => {
      store.setControls("occlude", {
        saliency: select("occlude-saliency").value,
        saliencyHead: "",
      });
    });
    select("occlude-saliency-head").addEventListener("change", () => {
      store.setControls("occlude", { saliencyHead: select("occlude-saliency-head").value });
    });
  }

  #listenOthers() {
    const { store } = this;
    input("shuffle-grid").addEventListener("input", () => {
      const grids = this.catalogue.shuffleGrids(this.catalogue.chosen(store.state.models));
      store.setControls("shuffle", { grid: grids[input("shuffle-grid").valueAsNumber] });
    });
    onSeed("shuffle-seed", (seed) => store.setControls("shuffle", { seed }));
    input("attend-layer").addEventListener("input", () => {
      const range = input("attend-layer");
      const layer = range.value === range.max ? -1 : range.valueAsNumber - 1;
      store.setControls("attend", { layer });
    });
    onChoice("method", (method) =>
      store.setControls("attend", { method: /** @type {any} */ (method) }),
    );
    onChoice("attend-token", (token) =>
      store.setControls("attend", { token: /** @type {any} */ (token) }),
    );
    select("attend-head").addEventListener("change", () =>
      store.setControls("attend", { head: select("attend-head").value }),
    );
    input("segment-threshold").addEventListener("input", () => {
      store.setControls("segment", { threshold: input("segment-threshold").valueAsNumber / 100 });
    });
    onChoice("segment-token", (token) =>
      store.setControls("segment", { token: /** @type {any} */ (token) }),
    );
  }

  /** Show the state as it is. */
  show() {
    const { state } = this.store;
    const models = this.catalogue.chosen(state.models);
    this.#showOcclude(state.occlude, models);
    this.#showShuffle(state.shuffle, models);
    this.#showAttend(
      state.attend,
      models.filter(({ depth }) => depth > 0),
    );
    const { threshold, token } = state.segment;
    showRange(
      input("segment-threshold"),
      Math.round(threshold * 100),
      `${Math.round(threshold * 100)} %`,
    );
    showChoice("segment-token", token);
  }

  /** @param {import("../../types.js").OccludeControls} occlude @param {ModelFacts[]} models */
  #showOcclude(occlude, models) {
    const { kind } = occlude;
    showChoice("kind", kind);
    for (const part of findAll("[data-when-kind]"))
      part.hidden = !(part.dataset.whenKind ?? "").split(" ").includes(kind);
    const percentage = Math.round(occlude.ratio * 100);
    const label = find('label[for="occlude-ratio"]');
    label.textContent =
      kind === "random" ? "Hidden" : `${kind === "salient" ? "Most" : "Least"} attention hidden`;
    showRange(input("occlude-ratio"), percentage, `${percentage} %`);
    showNumber(input("occlude-seed"), occlude.seed);
    const own = models
      .map(({ grid }) => grid)
      .filter((grid, place, all) => all.indexOf(grid) === place);
    /** @type {[string, string][]} */
    const grids = this.catalogue.commonGrids(models).map((grid) => [grid, gridName(grid, models)]);
    const first = own.length === 1 ? `the model’s own, ${gridWords(own[0])}` : "each model’s own";
    showOptions(
      select("occlude-grid"),
      kind === "custom" ? grids.filter(([grid]) => cells(grid) <= 1024) : [["", first], ...grids],
      occlude.grid,
    );
    const offset = input("occlude-offset");
    offset.max = String(Math.min(64, ...models.map(({ input_px: px }) => px)) - 1);
    showNumber(offset, occlude.offset);
    this.#showSaliency(occlude);
  }

  /** @param {import("../../types.js").OccludeControls} occlude */
  #showSaliency(occlude) {
    const { byName, looking, saliencyDefault } = this.catalogue;
    const standard = byName.get(saliencyDefault ?? "");
    /** @type {[string, string][]} */
    const named = looking.map(({ name, title }) => [name, title]);
    if (standard) named.unshift(["", `${standard.title} (default)`]);
    showOptions(select("occlude-saliency"), named, occlude.saliency);
    const heads = byName.get(occlude.saliency)?.heads ?? 0;
    const head = select("occlude-saliency-head");
    head.disabled = heads === 0;
    showOptions(head, [["", "usual"], ...headOptions(heads)], occlude.saliencyHead);
  }

  /** @param {import("../../types.js").ShuffleControls} shuffle @param {ModelFacts[]} models */
  #showShuffle(shuffle, models) {
    const grids = this.catalogue.shuffleGrids(models);
    const range = input("shuffle-grid");
    range.max = String(Math.max(0, grids.length - 1));
    showRange(range, Math.max(0, grids.indexOf(shuffle.grid)), `${gridWords(shuffle.grid)} pieces`);
    showNumber(input("shuffle-seed"), shuffle.seed);
  }

  /** @param {import("../../types.js").AttendControls} attend @param {ModelFacts[]} models */
  #showAttend(attend, models) {
    const depth = models.length > 0 ? Math.min(...models.map((facts) => facts.depth)) : 1;
    const heads = models.length > 0 ? Math.min(...models.map((facts) => facts.heads)) : 0;
    const range = input("attend-layer");
    range.max = String(depth);
    const layer = attend.layer < 0 || attend.layer >= depth ? depth : attend.layer + 1;
    showRange(range, layer, `${layer} of ${depth}`);
    showChoice("method", attend.method);
    showChoice("attend-token", attend.token);
    showOptions(
      select("attend-head"),
      [["", "all, side by side"], ...headOptions(heads)],
      attend.head,
    );
    select("attend-head").disabled = attend.method === "rollout";
  }
}

/** @param {number} count @returns {[string, string][]} */
function headOptions(count) {
  return Array.from({ length: count }, (_, head) => [String(head), `head ${head + 1}`]);
}

/** @param {string} grid */
function cells(grid) {
  const { rows, cols } = parseGrid(grid);
  return rows * cols;
}

/** @param {string} grid @param {ModelFacts[]} models */
function gridName(grid, models) {
  const { rows, cols } = parseGrid(grid);
  const pixels =
    models.length > 0 && models.every(({ input_px: px }) => px === rows && px === cols);
  return pixels ? `${gridWords(grid)}, single pixels` : gridWords(grid);
}
