// @ts-check
/**
 * Which models an evaluation compares; those that cannot take part say why.
 *
 * @typedef {import("../../catalogue.js").Catalogue} Catalogue
 * @typedef {import("../../evaluation-types.js").ExperimentFacts} ExperimentFacts
 * @typedef {import("../../evaluation-types.js").ExperimentModel} ExperimentModel
 */
import { el } from "../../dom.js";

export class ModelPicks {
  /** @type {string[]} */
  #chosen = [];

  /** @param {Catalogue} catalogue @param {(names: string[]) => void} onChange */
  constructor(catalogue, onChange) {
    this.catalogue = catalogue;
    this.onChange = onChange;
    this.list = el("div", { className: "model-picks" });
    this.others = el("details", { className: "model-others" });
    this.problem = el("p", { className: "field-problem", hidden: true });
    this.root = el(
      "fieldset",
      { className: "form-part" },
      el("legend", { className: "form-part-title" }, "Models"),
      this.list,
      this.problem,
      this.others,
    );
  }

  /** @param {ExperimentFacts} experiment @param {string[]} chosen */
  show(experiment, chosen) {
    const able = experiment.models.filter(isAble);
    const unable = experiment.models.filter((model) => !isAble(model));
    this.#chosen = chosen;
    this.list.replaceChildren(
      ...(able.length > 0
        ? able.map((model) => this.#option(model))
        : [el("p", {}, "No model on this server can take part.")]),
    );
    this.others.hidden = unable.length === 0;
    this.others.replaceChildren(
      el("summary", {}, `${unable.length} cannot take part: see why`),
      el(
        "ul",
        {},
        ...unable.map((model) =>
          el("li", {}, el("b", {}, this.#title(model.name)), ` ${this.#why(model)}`),
        ),
      ),
    );
  }

  /** Those of `names` that can take part. @param {ExperimentFacts} experiment @param {string[]} names */
  able(experiment, names) {
    return names.filter((name) =>
      experiment.models.some((model) => model.name === name && isAble(model)),
    );
  }

  /** What a first visit compares. @param {ExperimentFacts} experiment */
  firstFor(experiment) {
    const first = this.able(experiment, this.catalogue.firstModels());
    return first.length > 0
      ? first
      : experiment.models
          .filter(isAble)
          .slice(0, 1)
          .map(({ name }) => name);
  }

  /** @param {string} words "" for none */
  complain(words) {
    this.problem.textContent = words;
    this.problem.hidden = words === "";
  }

  focus() {
    this.list.querySelector("input")?.focus();
  }

  /** @param {ExperimentModel} model */
  #option({ name }) {
    const facts = this.catalogue.byName.get(name);
    const input = el("input", {
      type: "checkbox",
      name: "model",
      value: name,
      checked: this.#chosen.includes(name),
    });
    input.addEventListener("change", () => {
      const others = this.#chosen.filter((other) => other !== name);
      this.#chosen = input.checked ? [...others, name] : others;
      this.onChange(this.#chosen);
    });
    return el(
      "label",
      { className: "option" },
      input,
      el("span", { className: "option-name" }, this.#title(name)),
      facts?.note ? el("span", { className: "option-note" }, facts.note) : null,
    );
  }

  /** @param {string} name */
  #title(name) {
    return this.catalogue.byName.get(name)?.title ?? name;
  }

  /** @param {ExperimentModel} model */
  #why({ name, supported, why }) {
    if (!supported && why) return why;
    const pull = this.catalogue.byName.get(name)?.pull;
    return pull ? `is not on this machine: ${pull}` : (why ?? "is not available here");
  }
}

/** @param {ExperimentModel} model */
function isAble({ ready, supported }) {
  return ready && supported;
}
