// @ts-check
/**
 * Sets the theme before the first paint: the visitor's choice, else what the system prefers.
 * A classic script, for a module would run after the first paint.
 */
(() => {
  const chosen = localStorage.getItem("ipvit-theme");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = chosen ?? (dark ? "dark" : "light");
})();
