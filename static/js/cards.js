// @ts-check
/** The page of model cards: every model of the server, by family, all or only those that are ready. */
import { listModels } from "./api.js";
import { withKey } from "./components/key-dialog/key-dialog.js";
import { familyName, modelCard } from "./components/model-cards/model-cards.js";
import { describe } from "./components/status-line/status-line.js";
import { setUpThemeToggle } from "./components/theme-toggle/theme-toggle.js";
import { el, find } from "./dom.js";

/** @typedef {import("./types.js").ModelFacts} ModelFacts */

/** @param {ModelFacts[]} models */
function families(models) {
  /** @type {Map<string, ModelFacts[]>} */
  const groups = new Map();
  for (const facts of models)
    groups.set(facts.family, [...(groups.get(facts.family) ?? []), facts]);
  return [...groups].sort(([a], [b]) => Number(b === "pocket") - Number(a === "pocket"));
}

/** @param {ModelFacts[]} models */
function showCards(models) {
  const root = find("[data-model-cards]");
  root.setAttribute("aria-busy", "false");
  root.replaceChildren(
    ...(models.length === 0
      ? [el("p", { className: "panel placeholder-text" }, "No model here.")]
      : families(models).flatMap(([family, members]) => [
          el("h2", { className: "cards-family" }, familyName(family)),
          el("div", { className: "cards" }, ...members.map(modelCard)),
        ])),
  );
}

/** @param {ModelFacts[]} models */
function showFilter(models) {
  const ready = models.filter((facts) => facts.ready);
  const choices = [
    { words: `All ${models.length}`, models },
    { words: `Ready here: ${ready.length}`, models: ready },
    {
      words: `To be fetched: ${models.length - ready.length}`,
      models: models.filter((facts) => !facts.ready),
    },
  ];
  const buttons = choices.map((choice, place) =>
    el(
      "button",
      {
        type: "button",
        className: "button",
        attrs: { "aria-pressed": String(place === 0) },
        on: {
          click: () => {
            buttons.forEach((button, other) =>
              button.setAttribute("aria-pressed", String(other === place)),
            );
            showCards(choice.models);
          },
        },
      },
      choice.words,
    ),
  );
  find("[data-filter]").replaceChildren(...buttons);
}

setUpThemeToggle();
try {
  const { models } = await withKey(listModels);
  showFilter(models);
  showCards(models);
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  const problem = find("[data-problem]");
  problem.replaceChildren(...describe(error, () => location.reload()));
  problem.hidden = false;
  find("[data-model-cards]").replaceChildren();
}
