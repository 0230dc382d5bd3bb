// @ts-check
/**
 * The only place that talks to the server. Every failure is an ApiError with words for people.
 *
 * @typedef {import("./types.js").AnalysisRequest} AnalysisRequest
 * @typedef {import("./types.js").Problem} Problem
 */

const KEY_NAME = "ipvit-api-key";

/** An answer other than success, or none at all. */
export class ApiError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail);
    this.name = "ApiError";
    this.title = problem.title;
    this.status = problem.status;
    this.code = problem.code;
    this.field = problem.field;
    this.matches = problem.matches ?? [];
  }
}

/** Keep the server's key for this tab. @param {string} key */
export function rememberKey(key) {
  sessionStorage.setItem(KEY_NAME, key);
}

/**
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
async function call(url, options = {}) {
  const headers = new Headers(options.headers);
  const key = sessionStorage.getItem(KEY_NAME);
  if (key) headers.set("X-API-Key", key);
  let response;
  try {
    response = await fetch(url, { ...options, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError({
      title: "The server does not answer",
      status: 0,
      code: "unreachable",
      detail: "Nothing came back. Is the server still running?",
    });
  }
  if (!response.ok) throw new ApiError(await readProblem(response));
  return response;
}

/**
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
async function readProblem(response) {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("json")) {
    const body = await response.json();
    if (typeof body.detail === "string") return body;
  }
  return {
    title: "The server could not answer",
    status: response.status,
    code: "unexpected",
    detail: `It said ${response.status} ${response.statusText}.`,
  };
}

/** @param {AnalysisRequest} request */
function formData(request) {
  const form = new FormData();
  for (const file of request.files) form.append(file.name, file.blob, file.filename);
  for (const [name, value] of request.fields) form.append(name, value);
  return form;
}

/**
 * Ask for an analysis.
 * @template Result
 * @param {AnalysisRequest} request
 * @param {AbortSignal} [signal]
 * @returns {Promise<Result>}
 */
export async function analyse(request, signal) {
  const response = await call(request.path, { method: "POST", body: formData(request), signal });
  return response.json();
}

/**
 * Ask for the composite picture of an analysis.
 * @param {AnalysisRequest} request
 */
export async function analysePicture(request) {
  const body = formData(request);
  const response = await call(request.path, { method: "POST", body, headers: { Accept: "image/png" } });
  return response.blob();
}

/** @returns {Promise<import("./types.js").ModelList>} */
export async function listModels() {
  return (await call("/models")).json();
}

/**
 * The bytes of a sample photo.
 * @param {string} url
 */
export async function fetchPhoto(url) {
  return (await call(url)).blob();
}
