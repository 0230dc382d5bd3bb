// @ts-check
/**
 * What can be taken along: a link, the picture, the JSON and a curl line.
 *
 * @typedef {import("../../types.js").AnalysisRequest} AnalysisRequest
 * @typedef {import("../../types.js").Photo} Photo
 */
import { analysePicture } from "../../api.js";
import { curlLine } from "../../curl.js";
import { download, find } from "../../dom.js";

const NOTE_MS = 4000;

export class ShareBar {
  #note = find("[data-share-note]");
  #line = find("[data-curl]");
  #block = find(".curl");
  #saving = /** @type {HTMLButtonElement[]} */ ([
    find("[data-download-picture]"),
    find("[data-download-json]"),
  ]);
  /** @type {{request: AnalysisRequest, photo: Photo, answer: unknown} | null} */
  #seen = null;
  #lineNumber = 0;
  #noteTimer = 0;

  /** @param {{onError: (error: unknown) => void, beforeLink: () => void}} parts */
  constructor({ onError, beforeLink }) {
    this.onError = onError;
    find("[data-copy-link]").addEventListener("click", () => {
      beforeLink();
      this.#copy(location.href, "Link copied");
    });
    find("[data-copy-curl]").addEventListener("click", () => {
      this.#copy(this.#line.textContent ?? "", "Command copied");
    });
    this.#saving[0].addEventListener("click", () => this.#savePicture());
    this.#saving[1].addEventListener("click", () => this.#saveJson());
    this.clear();
  }

  /** @param {AnalysisRequest} request @param {Photo} photo @param {unknown} answer */
  async show(request, photo, answer) {
    this.#seen = { request, photo, answer };
    for (const button of this.#saving) button.disabled = false;
    const number = ++this.#lineNumber;
    const text = await curlLine(request, photo, location.origin);
    if (number !== this.#lineNumber) return;
    this.#line.textContent = text;
    this.#block.hidden = false;
  }

  /** Nothing to take along. */
  clear() {
    this.#seen = null;
    this.#lineNumber++;
    this.#block.hidden = true;
    for (const button of this.#saving) button.disabled = true;
  }

  #saveJson() {
    if (!this.#seen) return;
    const text = JSON.stringify(this.#seen.answer, null, 2);
    download(new Blob([text], { type: "application/json" }), this.#fileName("json"));
    this.#say("JSON saved");
  }

  async #savePicture() {
    if (!this.#seen) return;
    const name = this.#fileName("png");
    try {
      download(await analysePicture(this.#seen.request), name);
      this.#say("Picture saved");
    } catch (error) {
      this.onError(error);
    }
  }

  /** @param {string} ending */
  #fileName(ending) {
    if (!this.#seen) return `photo.${ending}`;
    const stem = this.#seen.photo.filename.replace(/\.\w+$/, "");
    return `${stem}${this.#seen.request.path.replace("/", "-")}.${ending}`;
  }

  /** @param {string} text @param {string} done */
  async #copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      this.#say(done);
    } catch {
      this.#say("The browser did not allow copying; select the text instead.");
    }
  }

  /** @param {string} text */
  #say(text) {
    this.#note.textContent = text;
    window.clearTimeout(this.#noteTimer);
    this.#noteTimer = window.setTimeout(() => {
      this.#note.textContent = "";
    }, NOTE_MS);
  }
}
