// @ts-check
/**
 * The tabs of the four experiments, after the ARIA tabs pattern: arrow keys move, Home and End jump.
 *
 * @typedef {import("../../types.js").Mode} Mode
 */
import { find, findAll } from "../../dom.js";

/**
 * @param {object} parts
 * @param {(mode: Mode) => void} parts.onChange
 * @returns {{show: (mode: Mode) => void}}
 */
export function createModeTabs({ onChange }) {
  const tabs = /** @type {HTMLButtonElement[]} */ (findAll('[role="tab"]'));
  const modeOf = (/** @type {HTMLElement} */ tab) => /** @type {Mode} */ (tab.dataset.mode);

  /** @param {Mode} mode */
  const show = (mode) => {
    for (const tab of tabs) {
      const selected = modeOf(tab) === mode;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      find(`#panel-${modeOf(tab)}`).hidden = !selected;
    }
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => onChange(modeOf(tab)));
    tab.addEventListener("keydown", (event) => {
      const index = tabs.indexOf(tab);
      const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[
        event.key
      ];
      if (next === undefined) return;
      event.preventDefault();
      const target = tabs[(next + tabs.length) % tabs.length];
      target.focus();
      onChange(modeOf(target));
    });
  }
  return { show };
}
