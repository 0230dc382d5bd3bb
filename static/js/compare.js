// @ts-check
/**
 * Several evaluations in one figure: one for each experiment among them, curves named by what
 * tells the jobs apart.
 *
 * @typedef {import("./evaluation-types.js").ExperimentFacts} ExperimentFacts
 * @typedef {import("./evaluation-types.js").Job} Job
 * @typedef {import("./evaluation-types.js").Result} Result
 * @typedef {{job: Job, result: Result | null}} Entry
 */
import { ApiError, listModels } from "./api.js";
import { stateWords } from "./components/job-list/job-list.js";
import { withKey } from "./components/key-dialog/key-dialog.js";
import { ResultView } from "./components/result-view/result-view.js";
import { textOf } from "./components/schema-form/parameter-schema.js";
import { describe } from "./components/status-line/status-line.js";
import { setUpThemeToggle } from "./components/theme-toggle/theme-toggle.js";
import { el, find } from "./dom.js";
import { getJob, jobResult, listExperiments } from "./evaluation-api.js";
import { ago, fieldName } from "./words.js";

/** Curves are named by what tells the jobs apart if that is short, and else by letters. */
const LONGEST_LABEL = 18;

/** @param {string} id @returns {Promise<Entry>} */
async function readEntry(id) {
  const job = await getJob(id);
  try {
    return { job, result: await jobResult(id) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) return { job, result: null };
    throw error;
  }
}

/**
 * Settings in which the jobs differ, by name: one value a job.
 * @param {Job[]} jobs
 * @returns {Map<string, string[]>}
 */
function differences(jobs) {
  const names = new Set(jobs.flatMap(({ params }) => Object.keys(params)));
  /** @type {[string, string[]][]} */
  const settings = [
    ["Data set", jobs.map(({ dataset }) => dataset.name)],
    ...[...names].map(
      (name) =>
        /** @type {[string, string[]]} */ ([
          fieldName(name),
          jobs.map(({ params }) => textOf(params[name] ?? null) || "automatic"),
        ]),
    ),
    ["Seed", jobs.map(({ seed }) => String(seed))],
  ];
  return new Map(settings.filter(([, values]) => new Set(values).size > 1));
}

/**
 * A short name for each job: what it differs in, or when it was made where it does not.
 * @param {Job[]} jobs
 */
function labelsOf(jobs) {
  const settings = [...differences(jobs)];
  const labels = jobs.map((_, place) =>
    settings.map(([name, values]) => `${name.toLowerCase()} ${values[place]}`).join(", "),
  );
  return labels.map((label, place) => {
    const alone = labels.filter((other) => other === label).length === 1 && label !== "";
    return alone ? label : [label, `job ${jobs[place].id.slice(0, 6)}`].filter(Boolean).join(", ");
  });
}

/**
 * @param {ExperimentFacts} experiment
 * @param {Entry[]} entries
 * @param {Map<string, string>} titles
 */
function section(experiment, entries, titles) {
  const view = new ResultView(experiment.plot, experiment.metrics);
  const words = entries.length > 1 ? labelsOf(entries.map(({ job }) => job)) : [""];
  const short = words.every((label) => label.length <= LONGEST_LABEL);
  const labels = short ? words : words.map((_, place) => letter(place));
  view.wait("None of these evaluations has numbers yet.");
  const root = el(
    "section",
    { className: "panel compare-section" },
    el(
      "div",
      { className: "explanation" },
      el("h2", { className: "explanation-question" }, experiment.title),
      el(
        "p",
        {},
        el("strong", {}, experiment.look_for),
        " ",
        el("span", { className: "paper-ref" }, experiment.paper),
      ),
    ),
    el(
      "ul",
      { className: "compare-jobs" },
      ...entries.map((entry, place) =>
        jobItem(entry, short ? "" : letter(place), words[place], titles),
      ),
    ),
    view.root,
  );
  return {
    root,
    draw: () =>
      view.show(
        entries.map(({ job, result }, place) => ({
          label: labels[place],
          models: job.models,
          rows: result?.rows ?? [],
          titles,
        })),
      ),
  };
}

/** A, B, … Z, then numbers. @param {number} place */
function letter(place) {
  return place < 26 ? String.fromCharCode(65 + place) : String(place + 1);
}

/** @param {Entry} entry @param {string} mark @param {string} label @param {Map<string, string>} titles */
function jobItem({ job, result }, mark, label, titles) {
  const models = job.models.map((name) => titles.get(name) ?? name).join(", ");
  const missing = result === null ? " It has no numbers yet." : "";
  return el(
    "li",
    {},
    el("span", { className: "state-badge", data: { state: job.state } }, stateWords(job)),
    el(
      "span",
      {},
      mark === "" ? null : el("b", {}, `${mark}: `),
      el("a", { href: `/evaluations/${job.id}` }, label || models),
      ` ${label ? `${models}, ` : ""}${ago(job.created_at)}.${missing}`,
    ),
  );
}

/** @param {unknown} error */
function showProblem(error) {
  const problem = find("[data-problem]");
  problem.replaceChildren(...describe(error, () => location.reload()));
  problem.hidden = false;
}

setUpThemeToggle();
const ids = [...new Set(new URLSearchParams(location.search).getAll("job"))];
try {
  find("[data-no-jobs]").hidden = ids.length > 0;
  const [entries, { experiments }, { models }] = await withKey(() =>
    Promise.all([Promise.all(ids.map(readEntry)), listExperiments(), listModels()]),
  );
  const titles = new Map(models.map(({ name, title }) => [name, title]));
  const sections = experiments.flatMap((experiment) => {
    const own = entries.filter(({ job }) => job.experiment === experiment.name);
    return own.length > 0 ? [section(experiment, own, titles)] : [];
  });
  find("[data-sections]").replaceChildren(...sections.map(({ root }) => root));
  for (const { draw } of sections) draw();
} catch (error) {
  showProblem(error);
} finally {
  find("[data-sections]").setAttribute("aria-busy", "false");
}
find("[data-copy-link]").addEventListener("click", async () => {
  const note = find("[data-note]");
  try {
    await navigator.clipboard.writeText(location.href);
    note.textContent = "Link copied";
  } catch {
    note.textContent = "The browser did not allow copying; the address bar has the link.";
  }
});
