// @ts-check
/**
 * The state of the lab, in one place; whoever changes it tells what changed.
 *
 * @typedef {import("./types.js").State} State
 */

/** @typedef {(state: State, changed: Set<string>) => void} Listener */

export class Store {
  /** @type {Listener[]} */
  #listeners = [];

  /** @param {State} state */
  constructor(state) {
    this.state = state;
  }

  /** @param {Listener} listener */
  subscribe(listener) {
    this.#listeners.push(listener);
  }

  /**
   * Change top-level entries.
   * @param {Partial<State>} changes
   */
  set(changes) {
    this.state = { ...this.state, ...changes };
    this.#tell(new Set(Object.keys(changes)));
  }

  /**
   * Change some controls of a mode.
   * @template {"occlude" | "shuffle" | "attend" | "segment"} Name
   * @param {Name} mode
   * @param {Partial<State[Name]>} changes
   */
  setControls(mode, changes) {
    this.state = { ...this.state, [mode]: { ...this.state[mode], ...changes } };
    this.#tell(new Set([mode, ...Object.keys(changes).map((key) => `${mode}.${key}`)]));
  }

  /** @param {Set<string>} changed */
  #tell(changed) {
    for (const listener of this.#listeners) listener(this.state, changed);
  }
}
