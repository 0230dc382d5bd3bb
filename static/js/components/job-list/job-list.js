// @ts-check
/**
 * The evaluations of this server, newest first: how far each is, and which to compare.
 *
 * @typedef {import("../../evaluation-types.js").Job} Job
 */
import { el, find } from "../../dom.js";
import { listJobs } from "../../evaluation-api.js";
import { ago, count, duration } from "../../words.js";
import { withKey } from "../key-dialog/key-dialog.js";
import { describe } from "../status-line/status-line.js";

const PAGE = 25;
const REFRESH_MS = 2500;
export const STATE_WORDS = /** @type {Record<string, string>} */ ({
  queued: "Waiting",
  running: "Running",
  succeeded: "Done",
  failed: "Failed",
  cancelled: "Stopped",
});

/** @param {Job} job */
export function isActive({ state }) {
  return state === "queued" || state === "running";
}

/** The word for a job's state; one that was told to stop says so at once. @param {Job} job */
export function stateWords(job) {
  return isActive(job) && job.cancel_requested ? "Stopping" : STATE_WORDS[job.state];
}

export class JobList {
  /** @type {Map<string, JobLine>} */
  #lines = new Map();
  /** @type {Set<string>} */
  #picked = new Set();
  /** @type {string | null} */
  #next = null;
  #filter = { states: /** @type {string[]} */ ([]), experiment: "" };
  #asked = 0;
  #timer = 0;

  /** @param {{titles: Map<string, string>, onFirst: (empty: boolean) => void}} parts */
  constructor({ titles, onFirst }) {
    this.titles = titles;
    this.onFirst = onFirst;
    this.root = find("[data-job-list]");
    this.empty = find("[data-no-jobs]");
    this.problem = find("[data-list-problem]");
    this.more = /** @type {HTMLButtonElement} */ (find("[data-more-jobs]"));
    this.compare = /** @type {HTMLAnchorElement} */ (find("[data-compare]"));
    this.compareWords = find("[data-compare-words]");
    this.more.addEventListener("click", () => this.#load(this.#next ?? ""));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.refresh();
    });
    this.#showPicked();
  }

  /** @param {{states?: string[], experiment?: string}} filter */
  setFilter(filter) {
    this.#filter = { ...this.#filter, ...filter };
    this.#lines.clear();
    this.#next = null;
    this.root.setAttribute("aria-busy", "true");
    return this.#load("");
  }

  /** Ask again for the newest. */
  refresh() {
    return this.#load("");
  }

  /** @param {string} before the job to go on after, "" for the newest */
  async #load(before) {
    const asked = ++this.#asked;
    window.clearTimeout(this.#timer);
    try {
      const answer = await withKey(() => listJobs({ ...this.#filter, limit: PAGE, before }));
      if (asked !== this.#asked) return;
      this.problem.hidden = true;
      this.#take(answer.jobs, before === "");
      if (before !== "" || this.#lines.size <= PAGE) this.#next = answer.next;
      this.#lay();
    } catch (error) {
      if (asked !== this.#asked) return;
      this.problem.replaceChildren(...describe(error, () => this.refresh()));
      this.problem.hidden = false;
    }
    this.#schedule();
  }

  /** @param {Job[]} jobs @param {boolean} newest */
  #take(jobs, newest) {
    const fresh = jobs.filter(({ id }) => !this.#lines.has(id));
    const added = new Map(
      fresh.map((job) => [job.id, new JobLine(job, this.titles, (id, on) => this.#pick(id, on))]),
    );
    this.#lines = new Map(newest ? [...added, ...this.#lines] : [...this.#lines, ...added]);
    for (const job of jobs) this.#lines.get(job.id)?.show(job);
  }

  #lay() {
    const items = [...this.#lines.values()].map(({ root }) => root);
    items.forEach((item, place) => {
      if (this.root.children[place] !== item)
        this.root.insertBefore(item, this.root.children[place] ?? null);
    });
    while (this.root.children.length > items.length) this.root.lastElementChild?.remove();
    this.root.setAttribute("aria-busy", "false");
    const filtered = this.#filter.states.length > 0 || this.#filter.experiment !== "";
    this.empty.hidden = items.length > 0;
    this.empty.textContent = filtered
      ? "No evaluation matches. Choose another state or experiment above."
      : "Nothing has been evaluated here yet.";
    this.more.hidden = this.#next === null;
    if (!filtered) this.onFirst(items.length === 0);
  }

  #schedule() {
    const active = [...this.#lines.values()].some(({ job }) => isActive(job));
    if (active && !document.hidden)
      this.#timer = window.setTimeout(() => this.refresh(), REFRESH_MS);
  }

  /** @param {string} id @param {boolean} on */
  #pick(id, on) {
    if (on) this.#picked.add(id);
    else this.#picked.delete(id);
    this.#showPicked();
  }

  #showPicked() {
    const ids = [...this.#picked];
    const enough = ids.length >= 2;
    this.compareWords.textContent =
      ids.length === 0
        ? "Tick two or more to see them in one figure."
        : enough
          ? ""
          : "Tick another to compare with.";
    this.compare.hidden = !enough;
    this.compare.textContent = `Compare ${ids.length} evaluations`;
    this.compare.href = `/evaluations/compare?${new URLSearchParams(ids.map((id) => ["job", id]))}`;
  }
}

/** One job in the list, changed in place. */
class JobLine {
  /** @param {Job} job @param {Map<string, string>} titles @param {(id: string, on: boolean) => void} onPick */
  constructor(job, titles, onPick) {
    this.job = job;
    this.pick = el("input", { type: "checkbox" });
    this.pick.addEventListener("change", () => onPick(job.id, this.pick.checked));
    this.badge = el("span", { className: "state-badge" });
    this.bar = el("progress", { max: 1, attrs: { "aria-label": `Progress of ${job.title}` } });
    this.facts = el("p", { className: "job-facts" });
    const models = job.models.map((name) => titles.get(name) ?? name).join(", ");
    this.root = el(
      "li",
      { className: "job-line", data: { job: job.id } },
      el(
        "label",
        { className: "job-pick" },
        this.pick,
        el("span", { className: "visually-hidden" }, `Compare ${job.title}, ${models}`),
      ),
      el(
        "div",
        { className: "job-words" },
        el("a", { className: "job-title", href: `/evaluations/${job.id}` }, job.title),
        el("p", {}, `${models} on ${job.dataset.name}`),
        this.facts,
      ),
      el("div", { className: "job-state" }, this.badge, this.bar),
    );
  }

  /** @param {Job} job */
  show(job) {
    this.job = job;
    this.badge.textContent = stateWords(job);
    this.badge.dataset.state = job.state;
    this.bar.hidden = !isActive(job);
    const { done, total } = job.progress;
    this.bar.value = total > 0 ? done / total : 0;
    this.facts.textContent = factsOf(job);
    this.facts.title = new Date(job.created_at).toLocaleString();
  }
}

/** @param {Job} job */
function factsOf(job) {
  const { progress, failed_images: failed } = job;
  const took =
    job.started_at && job.finished_at
      ? `took ${duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)}`
      : "";
  const going =
    job.state === "running"
      ? `${count(progress.done)} of ${count(progress.total)} images${progress.eta_s === null ? "" : `, ${duration(progress.eta_s)} left`}`
      : "";
  const broken = failed > 0 ? `${failed} unreadable` : "";
  const wrong = job.error?.detail ?? "";
  return [ago(job.created_at), going, took, broken, wrong]
    .filter((part) => part !== "")
    .join(" · ");
}
