// @ts-check
/**
 * A new evaluation: which experiment, on what, with which settings, and how long it will take.
 *
 * @typedef {import("../../catalogue.js").Catalogue} Catalogue
 * @typedef {import("../../evaluation-types.js").DatasetFacts} DatasetFacts
 * @typedef {import("../../evaluation-types.js").Estimate} Estimate
 * @typedef {import("../../evaluation-types.js").ExperimentFacts} ExperimentFacts
 * @typedef {import("../../evaluation-types.js").Job} Job
 * @typedef {import("../../evaluation-types.js").JobRequest} JobRequest
 * @typedef {import("../../evaluation-types.js").ParameterValue} ParameterValue
 */
import { ApiError } from "../../api.js";
import { el, find } from "../../dom.js";
import { createJob, estimateJob } from "../../evaluation-api.js";
import { LatestOnly } from "../../latest.js";
import { count, counted, duration } from "../../words.js";
import { DatasetChooser } from "../dataset-chooser/dataset-chooser.js";
import { withKey } from "../key-dialog/key-dialog.js";
import { SchemaForm } from "../schema-form/schema-form.js";
import { describe } from "../status-line/status-line.js";
import { ModelPicks } from "./model-picks.js";

const ESTIMATE_DEBOUNCE_MS = 350;
const HIGHEST_SEED = Number.MAX_SAFE_INTEGER;

/** @typedef {{experiments: ExperimentFacts[], datasets: DatasetFacts[], catalogue: Catalogue}} Offer */

export class JobForm {
  /** @type {ExperimentFacts} */
  #experiment;
  /** @type {string[]} */
  #models = [];
  #dataset = "";
  /** Settings of experiments that were left for another. @type {Map<string, Record<string, ParameterValue>>} */
  #drafts = new Map();

  /** @param {Offer} offer @param {(job: Job) => void} onCreated */
  constructor({ experiments, datasets, catalogue }, onCreated) {
    this.experiments = experiments;
    this.onCreated = onCreated;
    this.#experiment = experiments[0];
    const looking = new Map(catalogue.looking.map(({ name, title }) => [name, title]));
    this.parameters = new SchemaForm(looking, () => this.#changed());
    this.models = new ModelPicks(catalogue, (names) => {
      this.#models = names;
      this.#changed();
    });
    this.datasets = new DatasetChooser((name) => {
      this.#dataset = name;
      this.#changed();
    });
    this.datasets.setDatasets(datasets);
    this.seed = /** @type {HTMLInputElement} */ (find("#job-seed"));
    this.seed.max = String(HIGHEST_SEED);
    this.submit = /** @type {HTMLButtonElement} */ (find("[data-submit-job]"));
    this.estimate = find("[data-estimate]");
    this.problem = find("[data-form-problem]");
    this.estimating = new LatestOnly({
      ask: (/** @type {JobRequest} */ request, signal) =>
        withKey(() => estimateJob(request, signal)),
      show: (answer) => this.#showEstimate(answer),
      fail: (error) => this.#fail(error, false),
      busy: (busy) => this.estimate.setAttribute("aria-busy", String(busy)),
      debounceMs: ESTIMATE_DEBOUNCE_MS,
    });
    find("[data-form-choices]").replaceChildren(this.models.root, this.datasets.root);
    find("[data-form-parameters]").replaceChildren(this.parameters.root);
    this.seed.addEventListener("input", () => this.#changed());
    const form = /** @type {HTMLFormElement} */ (find("[data-job-form]"));
    form.noValidate = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#create();
    });
    this.#listExperiments();
  }

  /** Where somebody who opens the form begins. */
  focus() {
    this.#radio(this.#experiment).focus();
  }

  /** Fill everything in, as far as it still exists. @param {Partial<JobRequest>} request */
  fill({ experiment, models = [], dataset = "", params = {}, seed = 0 }) {
    const facts = this.experiments.find(({ name }) => name === experiment) ?? this.experiments[0];
    this.#drafts.set(facts.name, params);
    this.#models = models;
    this.#dataset = dataset;
    this.seed.value = String(seed);
    this.#choose(facts);
  }

  #listExperiments() {
    const list = find("[data-experiments]");
    list.replaceChildren(
      ...this.experiments.map((facts) => {
        const input = el("input", { type: "radio", name: "experiment", value: facts.name });
        input.addEventListener("change", () => {
          this.#drafts.set(this.#experiment.name, this.parameters.read().values);
          this.#choose(facts);
        });
        return el(
          "label",
          { className: "option experiment-option" },
          input,
          el("span", { className: "option-name" }, facts.title),
          el("span", { className: "option-note" }, facts.paper),
        );
      }),
    );
  }

  /** @param {ExperimentFacts} facts */
  #choose(facts) {
    this.#experiment = facts;
    this.#radio(facts).checked = true;
    find("[data-explanation]").replaceChildren(...explanation(facts));
    const able = this.models.able(facts, this.#models);
    this.#models = able.length > 0 ? able : this.models.firstFor(facts);
    if (!this.datasets.suits(this.#dataset, facts)) this.#dataset = this.datasets.firstFor(facts);
    this.models.show(facts, this.#models);
    this.datasets.show(facts, this.#dataset);
    this.parameters.show(facts.parameters, this.#drafts.get(facts.name) ?? {});
    this.#changed();
  }

  /** @param {ExperimentFacts} facts @returns {HTMLInputElement} */
  #radio({ name }) {
    return find(`input[name="experiment"][value="${CSS.escape(name)}"]`);
  }

  /** What the form asks for, or null while something in it makes no sense. @returns {JobRequest | null} */
  request() {
    this.problem.hidden = true;
    const { values, valid } = this.parameters.read();
    this.models.complain(this.#models.length > 0 ? "" : "Choose at least one model.");
    this.datasets.complain(this.#dataset === "" ? "No data set here suits this experiment." : "");
    const seed = Number(this.seed.value || "0");
    const seedFits = Number.isInteger(seed) && seed >= 0 && seed <= HIGHEST_SEED;
    this.seed.setAttribute("aria-invalid", String(!seedFits));
    if (!valid || this.#models.length === 0 || this.#dataset === "" || !seedFits) return null;
    const { name: experiment } = this.#experiment;
    return { experiment, models: this.#models, dataset: this.#dataset, params: values, seed };
  }

  #changed() {
    const request = this.request();
    if (request !== null) {
      this.estimating.schedule(() => request);
      return;
    }
    this.estimating.cancel();
    this.estimate.textContent = "Something above does not make sense yet.";
  }

  /** @param {Estimate} estimate */
  #showEstimate({ images, forwards, seconds, basis }) {
    this.estimate.replaceChildren(
      el("b", {}, `About ${duration(seconds)}`),
      basis === "measured" ? ", as measured here before. " : ", a guess until it runs. ",
      el(
        "span",
        { className: "estimate-detail" },
        `${counted(images / this.#models.length, "image")} × ${counted(this.#models.length, "model")}: ${count(forwards)} forward passes.`,
      ),
    );
  }

  async #create() {
    const request = this.request();
    if (request === null) {
      this.#focusProblem();
      return;
    }
    this.submit.disabled = true;
    try {
      this.onCreated(await withKey(() => createJob(request)));
    } catch (error) {
      this.#fail(error, true);
    } finally {
      this.submit.disabled = false;
    }
  }

  #focusProblem() {
    if (this.#models.length === 0) this.models.focus();
    else if (this.#dataset === "") this.datasets.focus();
    else if (this.seed.getAttribute("aria-invalid") === "true") this.seed.focus();
    else this.parameters.focusProblem();
  }

  /** Say what is wrong beside the control that can mend it. @param {unknown} error @param {boolean} submitted */
  #fail(error, submitted) {
    this.estimate.textContent = "No estimate: the settings do not fit together.";
    const field = error instanceof ApiError ? (error.field ?? "") : "";
    const words = error instanceof Error ? error.message : String(error);
    const matches = error instanceof ApiError ? error.matches : [];
    const full = matches.length > 0 ? `${words} Near: ${matches.join(", ")}.` : words;
    const parameter = field.replace(/^params\./, "").split(".")[0];
    if (/^models?\b/.test(field)) this.models.complain(full);
    else if (field === "dataset") this.datasets.complain(full);
    else if (!this.parameters.complain(parameter, full)) {
      this.estimate.textContent = "No estimate.";
      this.problem.replaceChildren(...describe(error, () => this.#changed()));
      this.problem.hidden = false;
      return;
    }
    if (!submitted) return;
    if (/^models?\b/.test(field)) this.models.focus();
    else if (field === "dataset") this.datasets.focus();
    else this.parameters.focus(parameter);
  }
}

/** What happens, what to look for, and where the paper shows it. @param {{title: string, summary: string, look_for: string, paper: string}} facts */
export function explanation({ title, summary, look_for: lookFor, paper }) {
  return [
    el("h2", { className: "explanation-question" }, title),
    el(
      "p",
      {},
      `${summary} `,
      el("strong", {}, lookFor),
      " ",
      el("span", { className: "paper-ref" }, paper),
    ),
  ];
}
