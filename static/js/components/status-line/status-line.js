// @ts-check
/** What is going on, in words: loading, answered, failed. */
import { ApiError } from "../../api.js";
import { el, find } from "../../dom.js";
import { milliseconds } from "../../words.js";

const FIELD_WORDS = /** @type {Record<string, string>} */ ({
  image: "the photo",
  mask: "the painted mask",
  ground_truth: "the true outline",
  model: "the models",
  grid: "the squares",
  offset_px: "the shift",
});

/** Problems that a visitor can mend, in words that tell how. */
const PLAIN_WORDS = /** @type {Record<string, string>} */ ({
  body_too_large: "The file is larger than this server takes, which is 10 MB unless it was set otherwise. Choose a smaller one.",
});

/** A screen reader hears the status once it has stood for so long, not at every step of a drag. */
const QUIET_MS = 600;

export function createStatusLine() {
  const line = find(".status-line");
  const status = find("[data-status]");
  const spoken = find("[data-spoken-status]");
  const timing = find("[data-timing]");
  const problem = find("[data-problem]");
  const results = find("[data-results]");
  let speech = 0;

  /** @param {string} text */
  function tell(text) {
    status.textContent = text;
    window.clearTimeout(speech);
    speech = window.setTimeout(() => { spoken.textContent = text; }, QUIET_MS);
  }

  return {
    /** @param {boolean} busy */
    busy(busy) {
      results.setAttribute("aria-busy", String(busy));
      if (busy) line.dataset.busy = "true";
      else if (line.dataset.busy === "true") line.dataset.busy = "false";
    },
    /** @param {string} text @param {number} elapsedMs @param {string} precision */
    answered(text, elapsedMs, precision) {
      problem.hidden = true;
      line.dataset.busy = "false";
      tell(text);
      timing.textContent = `${milliseconds(elapsedMs)} · ${precision}`;
    },
    /** @param {string} text */
    say(text) {
      problem.hidden = true;
      tell(text);
      timing.textContent = "";
    },
    /** @param {unknown} error @param {() => void} [retry] */
    failed(error, retry) {
      line.dataset.busy = "error";
      tell("No answer");
      timing.textContent = "";
      problem.replaceChildren(...describe(error, retry));
      problem.hidden = false;
    },
  };
}

/** @param {unknown} error @param {() => void} [retry] */
export function describe(error, retry) {
  const known = error instanceof ApiError;
  const title = known ? error.title : "Something went wrong in this page";
  const detail = known && PLAIN_WORDS[error.code] || (error instanceof Error ? error.message : String(error));
  const about = known && error.field ? FIELD_WORDS[error.field] ?? "" : "";
  const hopeful = !known || error.status === 0 || error.status === 429 || error.status >= 500;
  return [
    el("h2", {}, about ? `${title}: ${about}` : title),
    el("p", {}, sentence(detail)),
    retry && hopeful ? el("button", { type: "button", className: "button button-small", on: { click: retry } }, "Try again") : "",
  ];
}

/** @param {string} text */
function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.?!]$/.test(start) ? start : `${start}.`;
}
