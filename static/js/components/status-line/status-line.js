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
  body_too_large:
    "The file is larger than this server takes, which is 10 MB unless it was set otherwise. " +
    "Choose a smaller one.",
});

/** A screen reader hears the status once it has stood for so long, not at every step of a drag. */
const QUIET_MS = 600;

export class StatusLine {
  #line = find(".status-line");
  #status = find("[data-status]");
  #spoken = find("[data-spoken-status]");
  #timing = find("[data-timing]");
  #problem = find("[data-problem]");
  #results = find("[data-results]");
  #speech = 0;

  /** @param {boolean} busy */
  busy(busy) {
    this.#results.setAttribute("aria-busy", String(busy));
    if (busy) this.#line.dataset.busy = "true";
    else if (this.#line.dataset.busy === "true") this.#line.dataset.busy = "false";
  }

  /** @param {string} text @param {number} elapsedMs @param {string} precision */
  answered(text, elapsedMs, precision) {
    this.say(text);
    this.#line.dataset.busy = "false";
    this.#timing.textContent = `${milliseconds(elapsedMs)} · ${precision}`;
  }

  /** @param {string} text */
  say(text) {
    this.#problem.hidden = true;
    this.#timing.textContent = "";
    this.#tell(text);
  }

  /** @param {unknown} error @param {() => void} [retry] */
  failed(error, retry) {
    this.#line.dataset.busy = "error";
    this.#timing.textContent = "";
    this.#tell("No answer");
    this.#problem.replaceChildren(...describe(error, retry));
    this.#problem.hidden = false;
    this.#problem.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} text */
  #tell(text) {
    this.#status.textContent = text;
    window.clearTimeout(this.#speech);
    this.#speech = window.setTimeout(() => {
      this.#spoken.textContent = text;
    }, QUIET_MS);
  }
}

/**
 * An error in words for people, with a button where trying again can help.
 * @param {unknown} error
 * @param {() => void} [retry]
 */
export function describe(error, retry) {
  const known = error instanceof ApiError ? error : null;
  const title = known?.title ?? "Something went wrong in this page";
  const detail = error instanceof Error ? error.message : String(error);
  const about = FIELD_WORDS[known?.field ?? ""];
  const hopeful = !known || known.status === 0 || known.status === 429 || known.status >= 500;
  const button = { type: "button", className: "button button-small", on: { click: retry } };
  return [
    el("h2", {}, about ? `${title}: ${about}` : title),
    el("p", {}, PLAIN_WORDS[known?.code ?? ""] ?? sentence(detail)),
    retry && hopeful ? el("button", button, "Try again") : "",
  ];
}

/** @param {string} text */
function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.?!]$/.test(start) ? start : `${start}.`;
}
