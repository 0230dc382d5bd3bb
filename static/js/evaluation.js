// @ts-check
/**
 * The page of one evaluation. All of it follows from the job and its rows, which the server keeps:
 * a reload in the middle shows the same.
 *
 * @typedef {import("./evaluation-types.js").Job} Job
 * @typedef {import("./evaluation-types.js").ExperimentFacts} ExperimentFacts
 * @typedef {import("./evaluation-types.js").Result} Result
 * @typedef {import("./evaluation-types.js").Row} Row
 */
import { ApiError, listModels } from "./api.js";
import { confirm } from "./components/confirm-dialog/confirm-dialog.js";
import { explanation } from "./components/job-form/job-form.js";
import { isActive } from "./components/job-list/job-list.js";
import { JobProgress } from "./components/job-progress/job-progress.js";
import { failedImages, jobRecord } from "./components/job-record/job-record.js";
import { withKey } from "./components/key-dialog/key-dialog.js";
import { ResultView } from "./components/result-view/result-view.js";
import { describe } from "./components/status-line/status-line.js";
import { setUpThemeToggle } from "./components/theme-toggle/theme-toggle.js";
import { download, find, findAll } from "./dom.js";
import {
  cancelJob,
  forgetJob,
  getJob,
  jobFile,
  jobResult,
  listExperiments,
} from "./evaluation-api.js";
import { watchJob } from "./job-watch.js";
import { mergeRows } from "./row-series.js";

const NOTE_MS = 4000;

class EvaluationPage {
  /** @type {Row[]} */
  #rows = [];
  /** @type {Result | null} */
  #result = null;
  #noteTimer = 0;

  /** @param {Job} job @param {ExperimentFacts} experiment @param {Map<string, string>} titles */
  constructor(job, experiment, titles) {
    this.job = job;
    this.experiment = experiment;
    this.titles = titles;
    this.progress = new JobProgress();
    this.view = new ResultView(experiment.plot, experiment.metrics);
    this.cancel = /** @type {HTMLButtonElement} */ (find("[data-cancel]"));
    this.forget = find("[data-forget]");
    this.note = find("[data-note]");
    find("[data-explanation]").replaceChildren(...explanation(experiment));
    find("[data-subject]").textContent =
      `${job.models.map((name) => titles.get(name) ?? name).join(", ")} on ${job.dataset.name}`;
    find("[data-progress]").replaceChildren(this.progress.root);
    find("[data-view]").replaceChildren(this.view.root);
    /** @type {HTMLAnchorElement} */ (find("[data-again]")).href = `/evaluations?again=${job.id}`;
    document.title = `${job.title} · IPViT Lab`;
    this.#listen();
  }

  async start() {
    this.#show(this.job);
    await this.#readResult();
    if (!isActive(this.job)) return;
    const leaving = new AbortController();
    window.addEventListener("pagehide", () => leaving.abort());
    await watchJob(
      this.job.id,
      {
        onJob: (job) => this.#show(job),
        onRows: (rows) => this.#showRows(mergeRows(this.#rows, rows)),
        onConnection: (connection) => this.progress.showConnection(connection, false),
        onEnd: () => this.#end(),
      },
      leaving.signal,
    );
  }

  /** @param {Job} job */
  #show(job) {
    this.job = job;
    this.progress.show(job);
    this.cancel.hidden = !isActive(job);
    this.cancel.disabled = job.cancel_requested;
    this.forget.hidden = isActive(job);
    const problem = find("[data-job-problem]");
    problem.hidden = job.error === null;
    if (job.error) find("[data-job-error]").textContent = job.error.detail;
    this.view.wait(waitingWords(job, this.experiment));
    this.#showRecord();
  }

  /** @param {Row[]} rows */
  #showRows(rows) {
    this.#rows = rows;
    this.view.show([{ label: "", rows, models: this.job.models, titles: this.titles }]);
    for (const button of /** @type {HTMLButtonElement[]} */ (findAll("[data-save]")))
      button.disabled = rows.length === 0;
  }

  #showRecord() {
    find("[data-record]").replaceChildren(
      ...jobRecord(this.job, this.#result, this.titles).filter((part) => part !== null),
    );
    const failed = this.#result?.failed ?? [];
    find("[data-failed-panel]").hidden = failed.length === 0;
    find("[data-failed]").replaceChildren(...failedImages(failed));
    find("[data-command-block]").hidden = !this.#result;
    find("[data-command]").textContent = this.#result?.command ?? "";
  }

  /** What is known so far; a job that has nothing yet is no error. */
  async #readResult() {
    try {
      const result = await withKey(() => jobResult(this.job.id));
      this.#result = result;
      for (const { name, title } of result.models) this.titles.set(name, title);
      this.#showRows(isActive(this.job) ? mergeRows(this.#rows, result.rows) : result.rows);
      this.#showRecord();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) throw error;
    }
  }

  async #end() {
    this.progress.showConnection("open", true);
    try {
      this.#show(await withKey(() => getJob(this.job.id)));
      await this.#readResult();
    } catch (error) {
      showProblem(error);
    }
  }

  #listen() {
    this.cancel.addEventListener("click", () => this.#cancel());
    this.forget.addEventListener("click", () => this.#forget());
    find("[data-copy-link]").addEventListener("click", () =>
      this.#copy(location.href, "Link copied"),
    );
    find("[data-copy-command]").addEventListener("click", () =>
      this.#copy(this.#result?.command ?? "", "Command copied"),
    );
    for (const button of findAll("[data-save]")) {
      const format = /** @type {"json" | "csv" | "png"} */ (button.dataset.save);
      button.addEventListener("click", () => this.#save(format));
    }
  }

  async #cancel() {
    const sure = await confirm({
      title: "Stop this evaluation?",
      words:
        "What it has measured so far is kept, but it cannot go on from there; the same settings can be run again at any time.",
      yes: "Stop it",
      no: "Let it run",
    });
    if (!sure || !isActive(this.job)) return;
    try {
      this.#show(await withKey(() => cancelJob(this.job.id)));
    } catch (error) {
      showProblem(error);
    }
  }

  async #forget() {
    const sure = await confirm({
      title: "Delete this evaluation?",
      words: "Its numbers go with it, and links to this page stop working.",
      yes: "Delete it",
      no: "Keep it",
    });
    if (!sure) return;
    try {
      await withKey(() => forgetJob(this.job.id));
      location.assign("/evaluations");
    } catch (error) {
      showProblem(error);
    }
  }

  /** @param {"json" | "csv" | "png"} format */
  async #save(format) {
    try {
      const blob = await withKey(() => jobFile(this.job.id, format));
      download(blob, `${this.job.experiment}-${this.job.id}.${format}`);
      this.#say(`${format.toUpperCase()} saved`);
    } catch (error) {
      showProblem(error);
    }
  }

  /** @param {string} text @param {string} done */
  async #copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      this.#say(done);
    } catch {
      this.#say("The browser did not allow copying; select the text instead.");
    }
  }

  /** @param {string} text */
  #say(text) {
    this.note.textContent = text;
    window.clearTimeout(this.#noteTimer);
    this.#noteTimer = window.setTimeout(() => (this.note.textContent = ""), NOTE_MS);
  }
}

/** @param {Job} job @param {ExperimentFacts} experiment */
function waitingWords(job, { incremental }) {
  if (isActive(job) && !incremental)
    return "These numbers need every image: the figure appears at the end.";
  if (job.state === "queued") return "The figure grows here once the first images are through.";
  if (job.state === "running") return "Measuring the first images…";
  return "There is nothing to draw.";
}

/** @param {unknown} error */
function showProblem(error) {
  const problem = find("[data-problem]");
  const missing = error instanceof ApiError && error.status === 404;
  problem.replaceChildren(...describe(error, () => location.reload()));
  problem.hidden = false;
  find("[data-back]").hidden = !missing;
}

setUpThemeToggle();
try {
  const id = decodeURIComponent(location.pathname.split("/").pop() ?? "");
  const [job, { experiments }, { models }] = await withKey(() =>
    Promise.all([getJob(id), listExperiments(), listModels()]),
  );
  const experiment = experiments.find(({ name }) => name === job.experiment);
  if (!experiment) throw new Error(`This server knows no experiment called ${job.experiment}.`);
  const titles = new Map(models.map(({ name, title }) => [name, title]));
  const page = new EvaluationPage(job, experiment, titles);
  find("[data-job]").hidden = false;
  find("[data-page]").setAttribute("aria-busy", "false");
  await page.start();
} catch (error) {
  showProblem(error);
} finally {
  find("[data-page]").setAttribute("aria-busy", "false");
}
