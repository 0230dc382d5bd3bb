// @ts-check
/** Asks for the server's API key when it wants one. */
import { ApiError, rememberKey } from "../../api.js";
import { find } from "../../dom.js";

/**
 * Run a task; if the server asks for a key, ask the visitor and run it again.
 * @template Result
 * @param {() => Promise<Result>} task
 * @returns {Promise<Result>}
 */
export async function withKey(task) {
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      const key = await askForKey();
      if (key === "") throw error;
      rememberKey(key);
    }
  }
}

/** @type {Promise<string> | null} */
let asking = null;

/** @returns {Promise<string>} the key, empty if the visitor gave none */
function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = /** @type {HTMLDialogElement} */ (find("[data-key-dialog]"));
    const input = /** @type {HTMLInputElement} */ (find("#api-key"));
    input.value = "";
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => {
        asking = null;
        resolve(input.value.trim());
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}
