// @ts-check
/**
 * Experiments, data sets and jobs, as the server knows them.
 *
 * @typedef {import("./evaluation-types.js").DatasetFacts} DatasetFacts
 * @typedef {import("./evaluation-types.js").Estimate} Estimate
 * @typedef {import("./evaluation-types.js").ExperimentFacts} ExperimentFacts
 * @typedef {import("./evaluation-types.js").Job} Job
 * @typedef {import("./evaluation-types.js").JobList} JobList
 * @typedef {import("./evaluation-types.js").JobRequest} JobRequest
 * @typedef {import("./evaluation-types.js").Result} Result
 */
import { asJson, call, callJson, unreachable, upload } from "./api.js";

/** @returns {Promise<{experiments: ExperimentFacts[]}>} */
export function listExperiments() {
  return callJson("/experiments");
}

/** @returns {Promise<{datasets: DatasetFacts[]}>} */
export function listDatasets() {
  return callJson("/datasets");
}

/**
 * Send a zip of a data set.
 * @param {string} name
 * @param {File} file
 * @param {(share: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<DatasetFacts>}
 */
export function uploadDataset(name, file, onProgress, signal) {
  const form = new FormData();
  form.append("name", name);
  form.append("file", file, file.name);
  return upload("/datasets", form, onProgress, signal);
}

/** @param {string} name */
export async function deleteDataset(name) {
  await call(`/datasets/${name.split("/").map(encodeURIComponent).join("/")}`, {
    method: "DELETE",
  });
}

/** @param {JobRequest} request @returns {Promise<Job>} */
export function createJob(request) {
  return callJson("/jobs", asJson(request));
}

/** @param {JobRequest} request @param {AbortSignal} signal @returns {Promise<Estimate>} */
export function estimateJob(request, signal) {
  return callJson("/jobs/estimate", { ...asJson(request), signal });
}

/**
 * The newest jobs first.
 * @param {{states?: string[], experiment?: string, before?: string, limit: number}} filter
 * @returns {Promise<JobList>}
 */
export function listJobs({ states = [], experiment = "", before = "", limit }) {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const state of states) query.append("state", state);
  if (experiment) query.set("experiment", experiment);
  if (before) query.set("before", before);
  return callJson(`/jobs?${query}`);
}

/** @param {string} id @returns {Promise<Job>} */
export function getJob(id) {
  return callJson(jobPath(id));
}

/** @param {string} id @returns {Promise<Job>} */
export function cancelJob(id) {
  return callJson(jobPath(id), { method: "DELETE" });
}

/** Remove the record of a job that has ended. @param {string} id */
export async function forgetJob(id) {
  await call(`${jobPath(id)}?purge=true`, { method: "DELETE" });
}

/**
 * What a job found; of one that still runs, what it has found so far.
 * @param {string} id
 * @returns {Promise<Result>}
 */
export function jobResult(id) {
  return callJson(`${jobPath(id)}/result?format=json&partial=true`);
}

/** @param {string} id @param {"json" | "csv" | "png"} format */
export async function jobFile(id, format) {
  return (await call(`${jobPath(id)}/result?format=${format}&partial=true`)).blob();
}

/**
 * The stream of what happens to a job.
 * @param {string} id
 * @param {string} lastEvent the last event that was seen, "" for none
 * @param {AbortSignal} signal
 */
export async function jobEvents(id, lastEvent, signal) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "text/event-stream" };
  if (lastEvent) headers["Last-Event-ID"] = lastEvent;
  const { body } = await call(`${jobPath(id)}/events`, { headers, signal });
  if (body === null) throw unreachable();
  return body;
}

/** @param {string} id */
function jobPath(id) {
  return `/jobs/${encodeURIComponent(id)}`;
}
