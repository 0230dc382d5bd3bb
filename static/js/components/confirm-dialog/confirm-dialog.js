// @ts-check
/** Asks once before something that cannot be undone. */
import { el } from "../../dom.js";

/**
 * @param {{title: string, words: string, yes: string, no: string}} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, words, yes, no }) {
  const dialog = el(
    "dialog",
    { className: "confirm-dialog", attrs: { "aria-labelledby": "confirm-title" } },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "confirm-title" }, title),
      el("p", {}, words),
      el(
        "div",
        { className: "confirm-answers" },
        el("button", { className: "button", value: "no" }, no),
        el("button", { className: "button button-danger", value: "yes" }, yes),
      ),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    dialog.showModal();
  });
}
