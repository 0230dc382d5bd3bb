// @ts-check
/**
 * Everything needed to get the same numbers again: settings, weights, versions, and the command.
 *
 * @typedef {import("../../evaluation-types.js").Job} Job
 * @typedef {import("../../evaluation-types.js").Result} Result
 * @typedef {import("../../evaluation-types.js").FailedImage} FailedImage
 */
import { el } from "../../dom.js";
import { count, counted, duration, fieldName } from "../../words.js";
import { textOf } from "../schema-form/parameter-schema.js";

const FAILED_AT_FIRST = 20;

/** @param {Job} job @param {Result | null} result @param {Map<string, string>} titles */
export function jobRecord(job, result, titles) {
  const { dataset } = job;
  const classes = Array.isArray(dataset.classes) ? dataset.classes.length : dataset.classes;
  return [
    factList([
      ["Models", job.models.map((name) => titles.get(name) ?? name).join(", ")],
      [
        "Data set",
        `${dataset.name}, ${counted(dataset.images, "image")}${classes ? `, ${classes} classes` : ""}`,
      ],
      ...Object.entries(job.params).map(
        ([name, value]) =>
          /** @type {[string, string]} */ ([fieldName(name), textOf(value) || "automatic"]),
      ),
      ["Seed", String(job.seed)],
      ["Submitted", new Date(job.created_at).toLocaleString()],
    ]),
    result && result.models.length > 0 ? machines(result) : null,
    el(
      "details",
      {},
      el("summary", {}, "Fingerprints and versions"),
      factList([
        ["Data set", dataset.fingerprint ?? "not known yet"],
        ...(result?.models ?? []).map(
          ({ title, weights_sha256: hash }) =>
            /** @type {[string, string]} */ ([title, hash ?? "no weights file"]),
        ),
        ...Object.entries(result?.versions ?? {}),
      ]),
    ),
  ];
}

/** @param {Result} result */
function machines({ models }) {
  const heads = ["Model", "Precision", "Device", "Protocol", "Images", "Computed for"];
  return el(
    "div",
    {
      className: "table-scroll",
      tabIndex: 0,
      attrs: { role: "region", "aria-label": "How each model ran" },
    },
    el(
      "table",
      { className: "numbers" },
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      el(
        "tbody",
        {},
        ...models.map((model) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, model.title),
            el("td", {}, model.precision),
            el("td", {}, model.device),
            el("td", { className: "protocol" }, model.preprocessing),
            el("td", {}, count(model.images)),
            el("td", {}, duration(model.seconds)),
          ),
        ),
      ),
    ),
  );
}

/** Images that could not be read, with what was wrong. @param {FailedImage[]} failed */
export function failedImages(failed) {
  const line = (/** @type {FailedImage} */ { path, error }) =>
    el("li", {}, el("code", {}, path), ` ${error}`);
  const list = el(
    "ul",
    {
      className: "failed-list",
      tabIndex: 0,
      attrs: { "aria-label": "Images that could not be read" },
    },
    ...failed.slice(0, FAILED_AT_FIRST).map(line),
  );
  const rest = failed.slice(FAILED_AT_FIRST);
  const more = el(
    "button",
    { type: "button", className: "button button-small", hidden: rest.length === 0 },
    `Show ${count(rest.length)} more`,
  );
  more.addEventListener("click", () => {
    list.append(...rest.map(line));
    more.remove();
  });
  return [list, more];
}

/** @param {[string, string][]} facts */
function factList(facts) {
  return el(
    "dl",
    { className: "facts" },
    ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}
