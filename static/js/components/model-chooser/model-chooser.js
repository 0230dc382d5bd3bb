// @ts-check
/**
 * Which models are compared: up to four, each with its own colour.
 *
 * @typedef {import("../../catalogue.js").Catalogue} Catalogue
 */
import { el, find } from "../../dom.js";
import { MAX_MODELS } from "../../state.js";

/**
 * @param {object} parts
 * @param {Catalogue} parts.catalogue
 * @param {(names: string[]) => void} parts.onChange
 */
export function createModelChooser({ catalogue, onChange }) {
  const root = find("[data-model-list]");
  const count = find("[data-model-count]");
  /** @type {string[]} */
  let chosen = [];
  const options = new Map(catalogue.ready.map((facts) => [facts.name, option(facts)]));

  /** @param {import("../../types.js").ModelFacts} facts */
  function option(facts) {
    const input = el("input", { type: "checkbox", name: "model", value: facts.name });
    input.addEventListener("change", () => {
      const next = input.checked ? [...chosen, facts.name] : chosen.filter((name) => name !== facts.name);
      if (next.length === 0) input.checked = true;
      else onChange(next);
    });
    const label = el("label", { className: "model-option" }, input,
      el("span", { className: "model-name" }, facts.title),
      facts.note ? el("span", { className: "model-note" }, facts.note) : null);
    return { input, label };
  }

  const missing = catalogue.models.filter(({ ready, pull }) => !ready && pull !== null).length;
  root.replaceChildren(
    catalogue.ready.length > 0
      ? el("div", { className: "model-options" }, ...[...options.values()].map(({ label }) => label))
      : el("p", {}, "No model is ready on this server."),
    missing > 0 ? el("p", { className: "model-more" }, `${missing} more can be fetched: `, el("a", { href: "/model-cards" }, "see all models")) : "",
  );
  root.setAttribute("aria-busy", "false");

  return {
    /** @param {string[]} names */
    show(names) {
      chosen = names;
      count.textContent = `${names.length} of at most ${MAX_MODELS}`;
      for (const [name, { input, label }] of options) {
        const slot = names.indexOf(name) + 1;
        input.checked = slot > 0;
        input.disabled = slot === 0 && names.length >= MAX_MODELS;
        label.dataset.slot = slot > 0 ? String(slot) : "";
      }
    },
  };
}
