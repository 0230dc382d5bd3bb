// @ts-check
/**
 * Keeps the address of the page in step with the state. Browsers allow few changes of the address
 * in a short time, and a drag makes many: the first is written at once, the rest when time allows.
 */
const PAUSE_MS = 400;

export class LinkKeeper {
  #hash = location.hash;
  #lastMs = -Infinity;
  /** @type {number | undefined} */
  #timer;

  /** @param {string} hash */
  remember(hash) {
    this.#hash = hash;
    if (this.#timer !== undefined) return;
    const wait = this.#lastMs + PAUSE_MS - performance.now();
    if (wait <= 0) this.flush();
    else this.#timer = window.setTimeout(() => this.flush(), wait);
  }

  /** Write the newest state into the address now. */
  flush() {
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lastMs = performance.now();
    if (location.hash !== this.#hash) history.replaceState(null, "", this.#hash);
  }
}
