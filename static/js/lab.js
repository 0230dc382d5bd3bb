// @ts-check
/**
 * The lab: joins photo, models, controls, answers, curve and link. Everything that is asked or
 * shown follows from the state in the store and the photo.
 *
 * @typedef {import("./types.js").Answer<any>} AnyAnswer
 * @typedef {import("./types.js").AnalysisRequest} AnalysisRequest
 * @typedef {import("./types.js").Photo} Photo
 * @typedef {import("./views.js").Part} Part
 */
import { analyse, listModels } from "./api.js";
import { Catalogue, modelView } from "./catalogue.js";
import { ConfidenceCurve } from "./components/confidence-curve/confidence-curve.js";
import { Controls } from "./components/control-bar/control-bar.js";
import { withKey } from "./components/key-dialog/key-dialog.js";
import { MaskPainter } from "./components/mask-painter/mask-painter.js";
import { createModeTabs } from "./components/mode-tabs/mode-tabs.js";
import { ModelChooser } from "./components/model-chooser/model-chooser.js";
import { PhotoPicker } from "./components/photo-picker/photo-picker.js";
import { ShareBar } from "./components/share-bar/share-bar.js";
import { StatusLine } from "./components/status-line/status-line.js";
import { onThemeChange, setUpThemeToggle } from "./components/theme-toggle/theme-toggle.js";
import { curveOf, markOf } from "./curve-data.js";
import { find } from "./dom.js";
import { LatestOnly } from "./latest.js";
import { LinkKeeper } from "./link-keeper.js";
import { Mask } from "./mask.js";
import { analysisRequest, curveRequest } from "./requests.js";
import { hashOf, stateOf } from "./state.js";
import { Store } from "./store.js";
import { ResultColumns, sentence } from "./views.js";

const CURVE_DEBOUNCE_MS = 350;
const FIRST_GRID = "8x8";

class Lab {
  /** @type {Photo | null} */
  photo = null;
  /** @type {Blob | null} */
  groundTruth = null;
  /** @type {AnyAnswer | null} */
  answer = null;
  #curveCode = "";

  /** @param {Catalogue} catalogue */
  constructor(catalogue) {
    this.catalogue = catalogue;
    this.store = new Store(stateOf(location.hash));
    this.status = new StatusLine();
    this.columns = new ResultColumns();
    this.curve = new ConfidenceCurve();
    this.link = new LinkKeeper();
    this.share = new ShareBar({
      onError: (error) => this.status.failed(error),
      beforeLink: () => this.link.flush(),
    });
    this.tabs = createModeTabs({ onChange: (mode) => this.store.set({ mode }) });
    this.chooser = new ModelChooser({
      catalogue,
      onChange: (models) => this.store.set({ models }),
    });
    this.controls = new Controls(this.store, catalogue);
    this.painter = new MaskPainter((mask) =>
      this.store.setControls("occlude", { mask: mask.toText() }),
    );
    this.picker = new PhotoPicker({
      onPhoto: (photo) => this.#takePhoto(photo),
      onError: (error) => this.status.failed(error),
    });
    this.asking = new LatestOnly({
      ask: (/** @type {AnalysisRequest} */ request, signal) =>
        withKey(() => analyse(request, signal, (words) => this.status.say(`${words}…`))),
      show: (answer, request) => this.#show(answer, request),
      fail: (error) => this.#fail(error),
      busy: (busy) => this.status.busy(busy),
    });
    this.askingCurve = new LatestOnly({
      ask: (/** @type {AnalysisRequest} */ request, signal) =>
        withKey(() => analyse(request, signal)),
      show: (/** @type {AnyAnswer} */ answer) => this.#showCurve(answer),
      fail: () => this.#hideCurve(),
      debounceMs: CURVE_DEBOUNCE_MS,
    });
  }

  start() {
    find("[data-extra]").append(this.curve.root);
    this.curve.root.hidden = true;
    this.store.subscribe((_, changed) => this.#changed(changed));
    onThemeChange(() => {
      this.curve.redraw();
      this.painter.draw();
    });
    this.#listenGroundTruth();
    const known = this.catalogue.chosen(this.store.state.models).map(({ name }) => name);
    this.store.set({ models: known.length > 0 ? known : this.catalogue.firstModels() });
    this.columns.showWaiting(this.store.state.models.length);
    if (this.store.state.models.length === 0)
      this.columns.showNothing("No model is ready on this server.");
    window.addEventListener("hashchange", () => this.#restore());
    return this.picker.open(this.store.state.photo).then(() => {
      if (this.photo === null) this.#waitForPhoto();
    });
  }

  /** @param {Set<string>} changed */
  #changed(changed) {
    this.#settleControls();
    const { state } = this.store;
    this.tabs.show(state.mode);
    this.chooser.show(state.models);
    this.controls.show();
    this.#showPainter();
    this.link.remember(hashOf(state));
    if (changed.has("mode")) {
      this.columns.showWaiting(state.models.length);
      this.share.clear();
      this.#hideCurve();
    }
    this.#ask();
  }

  /** Let the controls fit the models that are compared. */
  #settleControls() {
    const { state } = this.store;
    const models = this.catalogue.chosen(state.models);
    const { occlude, shuffle } = state;
    const grids = this.catalogue.commonGrids(models);
    if (occlude.grid !== "" && !grids.includes(occlude.grid)) occlude.grid = "";
    const pieces = this.catalogue.shuffleGrids(models);
    if (!pieces.includes(shuffle.grid))
      shuffle.grid = pieces[Math.floor(pieces.length / 2)] ?? "2x2";
    if (this.catalogue.saliencyDefault === null)
      occlude.saliency ||= this.catalogue.looking[0]?.name ?? "";
    if (occlude.kind === "custom") {
      if (occlude.grid === "") {
        const own = models[0]?.grid ?? FIRST_GRID;
        occlude.grid = grids.includes(own)
          ? own
          : grids.includes(FIRST_GRID)
            ? FIRST_GRID
            : (grids[0] ?? own);
      }
      const mask = occlude.mask === "" ? new Mask(occlude.grid) : Mask.fromText(occlude.mask);
      occlude.mask = (mask.grid === occlude.grid ? mask : mask.onGrid(occlude.grid)).toText();
    }
  }

  #showPainter() {
    const { occlude, models } = this.store.state;
    const facts = this.catalogue.chosen(models)[0];
    if (occlude.kind !== "custom" || !facts || !this.photo) return;
    this.painter.showMask(Mask.fromText(occlude.mask));
    this.painter.showPhoto(this.photo, modelView(facts, this.photo.width, this.photo.height));
  }

  /** @param {Photo} photo */
  #takePhoto(photo) {
    this.photo = photo;
    if (this.groundTruth !== null) this.#setGroundTruth(null);
    this.store.set({ photo: photo.name });
  }

  #waitForPhoto() {
    this.columns.showNothing("Choose a photo to begin.");
    this.status.busy(false);
    this.status.say("Waiting for a photo");
  }

  /** The chosen models, and which of them take part. @returns {Part[]} */
  #parts() {
    const { state } = this.store;
    return this.catalogue.chosen(state.models).map((facts, place) => ({
      facts,
      slot: place + 1,
      why: this.catalogue.obstacle(facts, state),
    }));
  }

  #ask() {
    const { photo } = this;
    if (photo === null) return;
    const taking = this.#parts()
      .filter(({ why }) => why === null)
      .map(({ facts }) => facts);
    if (taking.length === 0) {
      this.#hideCurve();
      this.asking.cancel();
      this.share.clear();
      this.columns.show(this.store.state.mode, this.#parts(), {
        models: [],
        image: { width: 0, height: 0, format: "" },
        elapsed_ms: 0,
      });
      this.status.say("None of the chosen models can take part");
      return;
    }
    this.asking.schedule(() => analysisRequest(this.store.state, photo, taking, this.groundTruth));
    this.#askCurve(photo, taking);
  }

  /** @param {Photo} photo @param {import("./types.js").ModelFacts[]} models */
  #askCurve(photo, models) {
    const { state } = this.store;
    if (
      state.mode === "attend" ||
      state.mode === "segment" ||
      (state.mode === "occlude" && state.occlude.kind === "custom")
    ) {
      this.#hideCurve();
      return;
    }
    this.curve.setMark(markOf(state, this.answer));
    const request = curveRequest(state, photo, models, this.catalogue.shuffleGrids(models));
    const code = JSON.stringify([photo.url, request.path, request.fields]);
    if (code === this.#curveCode) return;
    this.#curveCode = code;
    this.curve.root.hidden = false;
    this.curve.showWaiting();
    this.askingCurve.schedule(() => request);
  }

  /** @param {AnyAnswer} answer @param {AnalysisRequest} request */
  #show(answer, request) {
    const { state } = this.store;
    if (!this.photo || !request.path.endsWith(pathOf(state.mode))) return;
    this.answer = answer;
    this.columns.show(state.mode, this.#parts(), answer);
    this.status.answered(
      sentence(state.mode, answer),
      answer.elapsed_ms,
      answer.models[0]?.precision ?? "",
    );
    this.share.show(request, this.photo, answer);
    this.curve.setMark(markOf(state, answer));
  }

  /** @param {unknown} error */
  #fail(error) {
    this.status.failed(error, () => this.#ask());
    this.share.clear();
    this.columns.showNothing("There is no answer to show. The message above says why.");
    this.#hideCurve();
  }

  /** @param {AnyAnswer} answer */
  #showCurve(answer) {
    const { state } = this.store;
    const { lines, words } = curveOf(state, answer, (model) => state.models.indexOf(model) + 1);
    this.curve.show(lines, words);
    this.curve.setMark(markOf(state, this.answer));
  }

  #hideCurve() {
    this.askingCurve.cancel();
    this.#curveCode = "";
    this.curve.clear();
    this.curve.root.hidden = true;
  }

  #listenGroundTruth() {
    const input = /** @type {HTMLInputElement} */ (find("#segment-truth"));
    input.addEventListener("change", () => this.#setGroundTruth(input.files?.[0] ?? null));
    find("[data-clear-truth]").addEventListener("click", () => this.#setGroundTruth(null));
  }

  /** @param {Blob | null} file */
  #setGroundTruth(file) {
    this.groundTruth = file;
    find("[data-clear-truth]").hidden = file === null;
    if (file === null) /** @type {HTMLInputElement} */ (find("#segment-truth")).value = "";
    this.#ask();
  }

  /** The visitor went to another link of this page. */
  #restore() {
    const state = stateOf(location.hash);
    const known = this.catalogue.chosen(state.models).map(({ name }) => name);
    const other = state.photo !== this.store.state.photo;
    this.store.set({ ...state, models: known.length > 0 ? known : this.catalogue.firstModels() });
    if (other) this.picker.open(state.photo);
  }
}

/** @param {import("./types.js").Mode} mode */
function pathOf(mode) {
  return mode === "attend" ? "/attention" : `/${mode}`;
}

setUpThemeToggle();
try {
  await new Lab(new Catalogue(await withKey(listModels))).start();
} catch (error) {
  new StatusLine().failed(error, () => location.reload());
}
