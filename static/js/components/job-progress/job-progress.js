// @ts-check
/**
 * How far a job is: the bar, images a second, the time left, and whether this page still hears it.
 *
 * @typedef {import("../../evaluation-types.js").Connection} Connection
 * @typedef {import("../../evaluation-types.js").Job} Job
 */
import { el } from "../../dom.js";
import { count, duration, percent } from "../../words.js";
import { isActive, stateWords } from "../job-list/job-list.js";

/** A screen reader hears of the progress this often, not at every step. */
const SPOKEN_STEP = 0.25;

export class JobProgress {
  #spoken = "";

  constructor() {
    this.badge = el("span", { className: "state-badge" });
    this.words = el("p", { className: "progress-words" });
    this.connection = el("p", { className: "connection", attrs: { role: "status" } });
    this.bar = el("progress", { max: 1, attrs: { "aria-label": "Progress" } });
    this.facts = el("dl", { className: "progress-facts" });
    this.status = el("p", { className: "visually-hidden", attrs: { role: "status" } });
    this.root = el(
      "div",
      { className: "job-progress" },
      el("div", { className: "progress-head" }, this.badge, this.words, this.connection),
      this.bar,
      this.facts,
      this.status,
    );
  }

  /** @param {Job} job */
  show(job) {
    const { done, total } = job.progress;
    const share = total > 0 ? done / total : 0;
    this.badge.textContent = stateWords(job);
    this.badge.dataset.state = job.state;
    this.words.textContent = sentence(job);
    this.bar.hidden = job.state === "succeeded";
    this.bar.value = share;
    this.facts.replaceChildren(
      ...factsOf(job).flatMap(([name, value]) => [
        el("div", {}, el("dt", {}, name), el("dd", {}, value)),
      ]),
    );
    this.#speak(job, share);
  }

  /** @param {Connection} connection @param {boolean} ended */
  showConnection(connection, ended) {
    this.connection.textContent =
      connection === "reconnecting" && !ended ? "The line to the server broke; trying again…" : "";
  }

  /** @param {Job} job @param {number} share */
  #speak(job, share) {
    const step = Math.floor(share / SPOKEN_STEP) * SPOKEN_STEP;
    const words = isActive(job) ? `${stateWords(job)}, ${percent(step)} done` : sentence(job);
    if (words === this.#spoken) return;
    this.#spoken = words;
    this.status.textContent = words;
  }
}

/** @param {Job} job */
function sentence(job) {
  const { done, total } = job.progress;
  if (job.state === "queued") return "It starts as soon as a worker is free.";
  if (job.state === "running")
    return job.cancel_requested
      ? "It stops within seconds."
      : percent(total > 0 ? done / total : 0);
  if (job.state === "failed") return "It ended with an error.";
  if (job.state === "cancelled") return `Stopped after ${count(done)} of ${count(total)} images.`;
  return `${count(total)} images evaluated.`;
}

/** @param {Job} job @returns {[string, string][]} */
function factsOf(job) {
  const { done, total, images_per_s: rate, eta_s: eta } = job.progress;
  /** @type {[string, string | null][]} */
  const facts = [
    [job.models.length > 1 ? "Images × models" : "Images", `${count(done)} of ${count(total)}`],
    ["Images a second", rate === null ? null : rate < 10 ? rate.toFixed(1) : count(rate)],
    ["Time left", isActive(job) && eta !== null ? duration(eta) : null],
    ["Took", tookWords(job)],
    ["Started", job.started_at ? new Date(job.started_at).toLocaleString() : null],
    ["Unreadable images", job.failed_images > 0 ? count(job.failed_images) : null],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
}

/** @param {Job} job */
function tookWords({ started_at: started, finished_at: finished }) {
  return started && finished ? duration((Date.parse(finished) - Date.parse(started)) / 1000) : null;
}
