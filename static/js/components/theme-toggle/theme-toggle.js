// @ts-check
/** The button that changes between light and dark and remembers the choice. */
import { find } from "../../dom.js";

const CHANGED = "ipvit:theme";

export function setUpThemeToggle() {
  const button = find("[data-theme-toggle]");
  const label = find("[data-theme-label]");
  const root = document.documentElement;
  const describe = () => {
    label.textContent = `Switch to the ${root.dataset.theme === "dark" ? "light" : "dark"} theme`;
  };
  const change = (/** @type {string} */ theme) => {
    root.dataset.theme = theme;
    describe();
    document.dispatchEvent(new CustomEvent(CHANGED));
  };
  button.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("ipvit-theme", theme);
    change(theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    if (localStorage.getItem("ipvit-theme") === null) change(event.matches ? "dark" : "light");
  });
  describe();
}

/** @param {() => void} listener */
export function onThemeChange(listener) {
  document.addEventListener(CHANGED, listener);
}
