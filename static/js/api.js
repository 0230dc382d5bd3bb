// @ts-check
/**
 * The only place that talks to the server. Every failure is an ApiError with words for people.
 *
 * @typedef {import("./types.js").AnalysisRequest} AnalysisRequest
 * @typedef {import("./types.js").Problem} Problem
 */

const KEY_NAME = "ipvit-api-key";
const MAX_ATTEMPTS = 30;
const LONGEST_WAIT_S = 10;

/** An answer other than success, or none at all. */
export class ApiError extends Error {
  /** @param {Problem} problem @param {number | null} [retryAfterS] when the server wants to be asked again */
  constructor(problem, retryAfterS = null) {
    super(problem.detail);
    this.name = "ApiError";
    this.title = problem.title;
    this.status = problem.status;
    this.code = problem.code;
    this.field = problem.field;
    this.matches = problem.matches ?? [];
    this.retryAfterS = retryAfterS;
  }
}

/** Keep the server's key for this tab. @param {string} key */
export function rememberKey(key) {
  sessionStorage.setItem(KEY_NAME, key);
}

/**
 * Any request, with the key of this tab.
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function call(url, options = {}) {
  const headers = new Headers(options.headers);
  const key = sessionStorage.getItem(KEY_NAME);
  if (key) headers.set("X-API-Key", key);
  let response;
  try {
    response = await fetch(url, { ...options, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (!response.ok) throw new ApiError(await readProblem(response), readRetryAfter(response));
  return response;
}

export function unreachable() {
  return new ApiError({
    title: "The server does not answer",
    status: 0,
    code: "unreachable",
    detail: "Nothing came back. Is the server still running?",
  });
}

/** @param {Response} response */
function readRetryAfter(response) {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  return seconds >= 0 && seconds <= LONGEST_WAIT_S ? seconds : null;
}

/**
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
async function readProblem(response) {
  return problemOf(await response.text(), response.status, response.statusText);
}

/**
 * @param {string} text
 * @param {number} status
 * @param {string} statusText
 * @returns {Problem}
 */
function problemOf(text, status, statusText) {
  try {
    const body = JSON.parse(text);
    if (typeof body.detail === "string") return body;
  } catch {
    // Something between here and the server answered in its own words.
  }
  return {
    title: "The server could not answer",
    status,
    code: "unexpected",
    detail: `It said ${status} ${statusText}.`,
  };
}

/**
 * @template Body
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<Body>}
 */
export async function callJson(url, options) {
  return (await call(url, options)).json();
}

/** @param {unknown} body @returns {RequestInit} */
export function asJson(body) {
  return {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
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
 * Ask for an analysis. A server that is still starting or has too much to do says when to come
 * back, and is asked again then.
 * @template Result
 * @param {AnalysisRequest} request
 * @param {AbortSignal} [signal]
 * @param {(detail: string) => void} [onWait] told why it takes longer
 * @returns {Promise<Result>}
 */
export async function analyse(request, signal, onWait) {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await call(request.path, {
        method: "POST",
        body: formData(request),
        signal,
      });
      return await response.json();
    } catch (error) {
      if (!(error instanceof ApiError) || error.retryAfterS === null || attempt >= MAX_ATTEMPTS)
        throw error;
      onWait?.(error.title);
      await pause(error.retryAfterS * 1000, signal);
    }
  }
}

/** @param {number} ms @param {AbortSignal} [signal] */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("no longer wanted", "AbortError"));
    });
  });
}

/**
 * Ask for the composite picture of an analysis.
 * @param {AnalysisRequest} request
 */
export async function analysePicture(request) {
  const body = formData(request);
  const response = await call(request.path, {
    method: "POST",
    body,
    headers: { Accept: "image/png" },
  });
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

/**
 * Send something large and tell how much of it has gone, which `fetch` cannot.
 * @template Result
 * @param {string} url
 * @param {FormData} form
 * @param {(share: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<Result>}
 */
export function upload(url, form, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    const key = sessionStorage.getItem(KEY_NAME);
    if (key) request.setRequestHeader("X-API-Key", key);
    request.upload.addEventListener("progress", ({ loaded, total }) =>
      onProgress(total > 0 ? loaded / total : 0),
    );
    request.addEventListener("load", () => {
      const { status, statusText, responseText } = request;
      if (status < 300) resolve(JSON.parse(responseText));
      else reject(new ApiError(problemOf(responseText, status, statusText)));
    });
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("abort", () =>
      reject(new DOMException("no longer wanted", "AbortError")),
    );
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
