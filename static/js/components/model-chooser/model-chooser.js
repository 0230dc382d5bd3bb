// @ts-check
/**
 * Which models are compared: up to four, each with its own colour.
 *
 * @typedef {import("../../catalogue.js").Catalogue} Catalogue
 * @typedef {import("../../types.js").ModelFacts} ModelFacts
 */
import { el, find } from "../../dom.js";
import { MAX_MODELS } from "../../state.js";

export class ModelChooser {
  #count = find("[data-model-count]");
  /** @type {string[]} */
  #chosen = [];

  /**
   * @param {object} parts
   * @param {Catalogue} parts.catalogue
   * @param {(names: string[]) => void} parts.onChange
   */
  constructor({ catalogue, onChange }) {
    this.onChange = onChange;
    this.options = new Map(catalogue.ready.map((facts) => [facts.name, this.#option(facts)]));
    const labels = [...this.options.values()].map(({ label }) => label);
    const root = find("[data-model-list]");
    root.replaceChildren(
      labels.length > 0
        ? el("div", { className: "model-options" }, ...labels)
        : el("p", {}, "No model is ready on this server."),
      moreToFetch(catalogue),
    );
    root.setAttribute("aria-busy", "false");
  }

  /** @param {string[]} names the chosen models, in the order of their columns */
  show(names) {
    this.#chosen = names;
    this.#count.textContent = `${names.length} of at most ${MAX_MODELS}`;
    for (const [name, { input, label }] of this.options) {
      const slot = names.indexOf(name) + 1;
      input.checked = slot > 0;
      input.disabled = slot === 0 && names.length >= MAX_MODELS;
      label.dataset.slot = slot > 0 ? String(slot) : "";
    }
  }

  /** @param {ModelFacts} facts */
  #option(facts) {
    const input = el("input", { type: "checkbox", name: "model", value: facts.name });
    input.addEventListener("change", () => {
      const others = this.#chosen.filter((name) => name !== facts.name);
      const next = input.checked ? [...others, facts.name] : others;
      if (next.length === 0) input.checked = true;
      else this.onChange(next);
    });
    const label = el(
      "label",
      { className: "model-option" },
      input,
      el("span", { className: "model-name" }, facts.title),
      facts.note ? el("span", { className: "model-note" }, facts.note) : null,
    );
    return { input, label };
  }
}

/** @param {Catalogue} catalogue */
function moreToFetch(catalogue) {
  const missing = catalogue.models.filter(({ ready, pull }) => !ready && pull !== null).length;
  if (missing === 0) return "";
  const link = el("a", { href: "/model-cards" }, "see all models");
  return el("p", { className: "model-more" }, `${missing} more can be fetched: `, link);
}
