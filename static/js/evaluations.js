// @ts-check
/**
 * The page of evaluations: what has been measured on this server, and a new one.
 *
 * @typedef {import("./evaluation-types.js").ExperimentFacts} ExperimentFacts
 * @typedef {import("./evaluation-types.js").JobRequest} JobRequest
 */
import { listModels } from "./api.js";
import { Catalogue } from "./catalogue.js";
import { exampleCard, examplesFor } from "./components/example-jobs/example-jobs.js";
import { JobForm } from "./components/job-form/job-form.js";
import { JobList } from "./components/job-list/job-list.js";
import { withKey } from "./components/key-dialog/key-dialog.js";
import { describe } from "./components/status-line/status-line.js";
import { setUpThemeToggle } from "./components/theme-toggle/theme-toggle.js";
import { el, find, findAll } from "./dom.js";
import { createJob, getJob, listDatasets, listExperiments } from "./evaluation-api.js";

class EvaluationsPage {
  /** @param {import("./components/job-form/job-form.js").Offer} offer */
  constructor(offer) {
    this.offer = offer;
    this.panel = find("[data-new-panel]");
    this.opener = find("[data-open-form]");
    this.examples = examplesFor(offer.experiments, offer.datasets);
    this.form = new JobForm(offer, (job) => location.assign(`/evaluations/${job.id}`));
    this.list = new JobList({
      titles: new Map(offer.catalogue.models.map(({ name, title }) => [name, title])),
      onFirst: (empty) => this.#welcome(empty),
    });
    this.opener.addEventListener("click", () => this.#open(this.panel.hidden === true, true));
    find("[data-example-list]").replaceChildren(
      ...this.examples.map((example) =>
        exampleCard(example, {
          onRun: (request, button) => this.#run(request, button),
          onLook: (request) => this.#look(request),
        }),
      ),
    );
  }

  async start() {
    this.#setUpFilter();
    const again = new URLSearchParams(location.search).get("again");
    this.form.fill(
      again === null ? (this.examples[0]?.request ?? {}) : requestOf(await getJob(again)),
    );
    this.#open(again !== null || location.hash === "#new", again !== null);
    await this.list.refresh();
  }

  /** @param {boolean} open @param {boolean} focus */
  #open(open, focus) {
    this.panel.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open && focus) this.form.focus();
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
      radio.addEventListener("change", () =>
        this.list.setFilter({ states: radio.value.split(" ").filter(Boolean) }),
      );
  }

  /** @param {boolean} empty whether nothing was evaluated here yet */
  #welcome(empty) {
    find("[data-examples]").hidden = !empty || this.examples.length === 0;
    find("[data-list]").hidden = empty;
    if (empty && this.examples.length === 0) this.#open(true, false);
  }

  /** @param {JobRequest} request */
  #look(request) {
    this.form.fill(request);
    this.#open(true, true);
  }

  /** @param {JobRequest} request @param {HTMLButtonElement} button */
  async #run(request, button) {
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
