// @ts-check
/**
 * The page of evaluations: what has been measured on this server, and a new one.
 *
 * @typedef {import("./evaluation-types.js").ExperimentFacts} ExperimentFacts
 * @typedef {import("./evaluation-types.js").JobRequest} JobRequest
 */
import { listModels } from "./api.js";
import { Catalogue } from "./catalogue.js";
import { JobForm } from "./components/job-form/job-form.js";
import { JobList } from "./components/job-list/job-list.js";
import { withKey } from "./components/key-dialog/key-dialog.js";
import { describe } from "./components/status-line/status-line.js";
import { setUpThemeToggle } from "./components/theme-toggle/theme-toggle.js";
import { el, find, findAll } from "./dom.js";
import { createJob, getJob, listDatasets, listExperiments } from "./evaluation-api.js";

/** What a first visit is offered, as far as this server can: a curve that shows the paper's point. */
const EXAMPLES = ["patch-drop", "patch-shuffle"];

class EvaluationsPage {
  /** @param {import("./components/job-form/job-form.js").Offer} offer */
  constructor(offer) {
    this.offer = offer;
    this.panel = find("[data-new-panel]");
    this.opener = find("[data-open-form]");
    this.example = find("[data-example]");
    this.form = new JobForm(offer, (job) => location.assign(`/evaluations/${job.id}`));
    this.list = new JobList({
      titles: new Map(offer.catalogue.models.map(({ name, title }) => [name, title])),
      onFirst: (empty) => this.#offerExample(empty),
    });
    this.opener.addEventListener("click", () => this.#open(this.panel.hidden === true, true));
    find("[data-run-example]").addEventListener("click", () => this.#runExample());
  }

  async start() {
    this.#setUpFilter();
    const again = new URLSearchParams(location.search).get("again");
    this.form.fill(again === null ? this.#example() : requestOf(await getJob(again)));
    this.#open(again !== null || location.hash === "#new", again !== null);
    await this.list.refresh();
  }

  /** @param {boolean} open @param {boolean} focus */
  #open(open, focus) {
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open && focus) find("[data-form-title]").focus();
  }

  #setUpFilter() {
    const experiment = /** @type {HTMLSelectElement} */ (find("#filter-experiment"));
    experiment.append(
      ...this.offer.experiments.map(({ name, title }) => el("option", { value: name }, title)),
    );
    experiment.addEventListener("change", () =>
      this.list.setFilter({ experiment: experiment.value }),
    );
    for (const radio of /** @type {HTMLInputElement[]} */ (findAll('[name="filter-state"]')))
      radio.addEventListener("change", () => this.list.setFilter({ state: radio.value }));
  }

  /** @returns {Partial<JobRequest>} */
  #example() {
    const names = this.offer.experiments.map(({ name }) => name);
    return { experiment: EXAMPLES.find((name) => names.includes(name)) ?? names[0] };
  }

  /** @param {boolean} empty whether nothing was evaluated here yet */
  #offerExample(empty) {
    this.example.hidden = !empty;
    find("[data-list]").hidden = empty;
  }

  async #runExample() {
    const button = /** @type {HTMLButtonElement} */ (find("[data-run-example]"));
    const request = this.form.request();
    this.#open(true, false);
    if (request === null) return;
    button.disabled = true;
    try {
      const job = await withKey(() => createJob(request));
      location.assign(`/evaluations/${job.id}`);
    } catch (error) {
      showProblem(error);
      button.disabled = false;
    }
  }
}

/** What was asked for when the job was made. @param {import("./evaluation-types.js").Job} job */
function requestOf({ experiment, models, dataset, params, seed }) {
  return { experiment, models, dataset: dataset.name, params, seed };
}

/** @param {unknown} error */
function showProblem(error) {
  const problem = find("[data-problem]");
  problem.replaceChildren(...describe(error, () => location.reload()));
  problem.hidden = false;
}

setUpThemeToggle();
try {
  const [{ experiments }, { datasets }, models] = await withKey(() =>
    Promise.all([listExperiments(), listDatasets(), listModels()]),
  );
  await new EvaluationsPage({ experiments, datasets, catalogue: new Catalogue(models) }).start();
} catch (error) {
  showProblem(error);
} finally {
  find("[data-page]").setAttribute("aria-busy", "false");
}
