// @ts-check
/**
 * Which data set is evaluated: those that ship, those of this server, or a zip of one's own.
 *
 * @typedef {import("../../evaluation-types.js").DatasetFacts} DatasetFacts
 * @typedef {import("../../evaluation-types.js").ExperimentFacts} ExperimentFacts
 */
import { el } from "../../dom.js";
import { deleteDataset, listDatasets } from "../../evaluation-api.js";
import { counted } from "../../words.js";
import { confirm } from "../confirm-dialog/confirm-dialog.js";
import { withKey } from "../key-dialog/key-dialog.js";
import { DatasetUpload, explain } from "./dataset-upload.js";

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
    this.about = el("p", { className: "hint dataset-about" });
    this.problem = el("p", { className: "field-problem", hidden: true });
    this.upload = new DatasetUpload((facts) => this.#take(facts));
    this.root = el(
      "fieldset",
      { className: "form-part" },
      el("legend", { className: "form-part-title" }, "Data set"),
      this.list,
      this.about,
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
    this.#describeChosen();
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
          this.#describeChosen();
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

  /** What the chosen one is and whom to thank for it. */
  #describeChosen() {
    const facts = this.#datasets.find(({ name }) => name === this.#chosen);
    const { description = "", credit = "", licence = "" } = facts ?? {};
    this.about.textContent = [description, credit, licence && `Licence: ${licence}.`]
      .filter((part) => part)
      .join(" ");
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
  ]
    .filter((part) => part)
    .join(" · ");
}
