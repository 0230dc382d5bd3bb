// @ts-check
/** Building and finding elements without markup in strings: text can never become HTML. */

/**
 * @typedef {Node | string | null | undefined | false} Child
 */

/**
 * Make an element. Keys of `props` are DOM properties, but for three: `data` (the dataset),
 * `attrs` (attributes) and `on` (listeners).
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name === "attrs")
      for (const [key, text] of Object.entries(value)) element.setAttribute(key, String(text));
    else if (name === "on")
      for (const [type, listener] of Object.entries(value))
        element.addEventListener(type, listener);
    else Reflect.set(element, name, value);
  }
  element.append(
    ...children.filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/**
 * The one element that must be there.
 * @template {Element} [Kind=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {Kind}
 */
export function find(selector, root = document) {
  const element = root.querySelector(selector);
  if (!element) throw new Error(`no element matches ${selector}`);
  return /** @type {any} */ (element);
}

/**
 * @template {Element} [Kind=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {Kind[]}
 */
export function findAll(selector, root = document) {
  return /** @type {any} */ ([...root.querySelectorAll(selector)]);
}

/** @param {Blob} blob @param {string} filename */
export function download(blob, filename) {
  const url = URL.createObjectURL(blob);
  const link = el("a", { href: url, download: filename });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
