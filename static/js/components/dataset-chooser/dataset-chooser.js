// @ts-check
/**
 * Which data set is evaluated: those that ship, those of this server, or a zip of one's own.
 *
 * @typedef {import("../../evaluation-types.js").DatasetFacts} DatasetFacts
 * @typedef {import("../../evaluation-types.js").ExperimentFacts} ExperimentFacts
 */
import { ApiError } from "../../api.js";
import { el } from "../../dom.js";
import { deleteDataset, listDatasets, uploadDataset } from "../../evaluation-api.js";
import { counted, percent } from "../../words.js";
import { confirm } from "../confirm-dialog/confirm-dialog.js";
import { withKey } from "../key-dialog/key-dialog.js";

const KINDS = /** @type {Record<string, string>} */ ({
  folder: "a folder for each class",
  csv: "images with a list of labels",
  voc: "PASCAL VOC segmentation",
});

export class DatasetChooser {
  /** @type {DatasetFacts[]} */
  #datasets = [];
  /** @type {ExperimentFacts | null} */
  #experiment = null;
  #chosen = "";

  /** @param {(name: string) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.list = el("div", { className: "dataset-options" });
    this.problem = el("p", { className: "field-problem", hidden: true });
    this.upload = new DatasetUpload((facts) => this.#take(facts));
    this.root = el(
      "fieldset",
      { className: "form-part" },
      el("legend", { className: "form-part-title" }, "Data set"),
      this.list,
      this.problem,
      this.upload.root,
    );
  }

  /** @param {DatasetFacts[]} datasets */
  setDatasets(datasets) {
    this.#datasets = datasets;
  }

  /** @param {ExperimentFacts} experiment @param {string} chosen */
  show(experiment, chosen) {
    this.#experiment = experiment;
    this.#chosen = chosen;
    this.#fill();
  }

  /** The first that suits the experiment. @param {ExperimentFacts} experiment */
  firstFor(experiment) {
    return this.#datasets.find((facts) => obstacle(facts, experiment) === null)?.name ?? "";
  }

  /** @param {string} name @param {ExperimentFacts} experiment */
  suits(name, experiment) {
    const facts = this.#datasets.find((one) => one.name === name);
    return facts !== undefined && obstacle(facts, experiment) === null;
  }

  /** @param {string} words "" for none */
  complain(words) {
    this.problem.textContent = words;
    this.problem.hidden = words === "";
  }

  focus() {
    this.list.querySelector("input")?.focus();
  }

  #fill() {
    const experiment = this.#experiment;
    if (!experiment) return;
    this.list.replaceChildren(
      ...this.#datasets.map((facts) => {
        const why = obstacle(facts, experiment);
        const input = el("input", {
          type: "radio",
          name: "dataset",
          value: facts.name,
          checked: facts.name === this.#chosen,
          disabled: why !== null,
        });
        input.addEventListener("change", () => {
          this.#chosen = facts.name;
          this.onChange(facts.name);
        });
        const label = el(
          "label",
          { className: "option" },
          input,
          el("span", { className: "option-name" }, facts.title || facts.name),
          el("span", { className: "option-note" }, why ?? describe(facts)),
        );
        return el("div", { className: "dataset-option" }, label, this.#remover(facts));
      }),
    );
  }

  /** Deletes a data set that was uploaded; null for the others. @param {DatasetFacts} facts */
  #remover({ name, deletable }) {
    if (!deletable) return null;
    const words = el("span", { className: "visually-hidden" }, ` the data set ${name}`);
    const button = { type: "button", className: "button button-small" };
    const remove = async () => {
      const sure = await confirm({
        title: `Delete ${name}?`,
        words: "Its images are deleted from this server. Evaluations that used it stay.",
        yes: "Delete it",
        no: "Keep it",
      });
      if (!sure) return;
      try {
        await withKey(() => deleteDataset(name));
        await this.#reload();
      } catch (error) {
        this.complain(explain(error));
      }
    };
    return el("button", { ...button, on: { click: remove } }, "Delete", words);
  }

  /** Ask again what there is; a data set that is gone gives way to the first that suits. */
  async #reload() {
    this.#datasets = (await withKey(listDatasets)).datasets;
    const experiment = this.#experiment;
    if (experiment && !this.suits(this.#chosen, experiment)) {
      this.#chosen = this.firstFor(experiment);
      this.onChange(this.#chosen);
    }
    this.#fill();
  }

  /** A data set has arrived. @param {DatasetFacts} facts */
  async #take(facts) {
    await this.#reload();
    const suits = this.#experiment && obstacle(facts, this.#experiment) === null;
    if (suits) this.#chosen = facts.name;
    this.#fill();
    if (suits) this.onChange(facts.name);
  }
}

/**
 * Why this data set does not suit the experiment; null if it does.
 * @param {DatasetFacts} facts
 * @param {ExperimentFacts} experiment
 */
function obstacle(facts, { needs }) {
  if (facts.problem) return facts.problem;
  if (needs.includes("labels") && facts.has_labels === false)
    return "Has no labels, and this experiment counts right answers.";
  if (needs.includes("masks") && facts.has_masks === false)
    return "Has no outlines of objects, and this experiment compares with them.";
  return null;
}

/** @param {DatasetFacts} facts */
function describe(facts) {
  const classes = Array.isArray(facts.classes) ? facts.classes.length : facts.classes;
  return [
    facts.images === null ? "not counted yet" : counted(facts.images, "image"),
    classes ? `${classes} classes` : "",
    KINDS[facts.kind ?? ""] ?? facts.kind,
    facts.source === "sample" ? "ships with the lab" : "",
    facts.credit ?? "",
  ]
    .filter((part) => part)
    .join(" · ");
}

/** Sends a zip and says how far it has come. */
class DatasetUpload {
  /** @type {AbortController | null} */
  #sending = null;

  /** @param {(facts: DatasetFacts) => void} onDone */
  constructor(onDone) {
    this.onDone = onDone;
    this.file = el("input", { type: "file", id: "upload-file", accept: ".zip,application/zip" });
    this.name = el("input", { type: "text", id: "upload-name", autocomplete: "off" });
    this.send = el("button", { type: "button", className: "button button-small" }, "Upload");
    this.bar = el("progress", { max: 1, value: 0, attrs: { "aria-label": "Upload" } });
    this.bar.hidden = true;
    this.words = el("p", { className: "upload-words", attrs: { role: "status" } });
    this.file.addEventListener("change", () => this.#propose());
    this.send.addEventListener("click", () => (this.#sending ? this.#sending.abort() : this.#go()));
    for (const input of [this.name, this.file])
      input.addEventListener("input", (event) => event.stopPropagation());
    this.root = el(
      "details",
      { className: "upload" },
      el("summary", {}, "Use images of your own"),
      el(
        "p",
        { className: "hint" },
        "A zip with a folder of images for each class, or images beside a labels.csv (columns " +
          "file and label), or the PASCAL VOC layout with outlines. Up to 10,000 images of 20 MB, 5 GB " +
          "together, unless this server was set otherwise. It stays on this server until deleted.",
      ),
      el(
        "div",
        { className: "control-row" },
        el(
          "div",
          { className: "field" },
          el("label", { htmlFor: "upload-file" }, "Zip file"),
          this.file,
        ),
        el(
          "div",
          { className: "field" },
          el("label", { htmlFor: "upload-name" }, "Name"),
          this.name,
        ),
        this.send,
      ),
      this.bar,
      this.words,
    );
  }

  /** A name made from the file's, unless one was given. */
  #propose() {
    const file = this.file.files?.[0];
    if (!file || this.name.value !== "") return;
    this.name.value = file.name
      .replace(/\.zip$/i, "")
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, "-")
      .replace(/^-+|-+$/g, "");
  }

  async #go() {
    const file = this.file.files?.[0];
    const name = this.name.value.trim();
    if (!file || name === "") {
      this.#say(file ? "Give it a name first." : "Choose a zip file first.", true);
      (file ? this.name : this.file).focus();
      return;
    }
    const sending = (this.#sending = new AbortController());
    this.send.textContent = "Stop";
    this.bar.hidden = false;
    try {
      const facts = await withKey(() =>
        uploadDataset(name, file, (share) => this.#progress(share), sending.signal),
      );
      this.file.value = "";
      this.name.value = "";
      const images = facts.images === null ? "" : `: ${counted(facts.images, "image")}`;
      this.#say(`${facts.name} is here${images}.`, false);
      this.onDone(facts);
    } catch (error) {
      this.#say(sending.signal.aborted ? "Stopped." : explain(error), !sending.signal.aborted);
    } finally {
      this.#sending = null;
      this.send.textContent = "Upload";
      this.bar.hidden = true;
    }
  }

  /** @param {number} share */
  #progress(share) {
    this.bar.value = share;
    this.#say(share < 1 ? `${percent(share)} sent` : "Sent; the server unpacks it…", false);
  }

  /** @param {string} words @param {boolean} bad */
  #say(words, bad) {
    this.words.textContent = words;
    this.words.classList.toggle("field-problem", bad);
  }
}

/** @param {unknown} error */
function explain(error) {
  if (error instanceof ApiError) return `${error.title}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
