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

/** @param {{onError: (error: unknown) => void, beforeLink: () => void}} parts */
export function createShareBar({ onError, beforeLink }) {
  const note = find("[data-share-note]");
  const line = find("[data-curl]");
  const block = find(".curl");
  const buttons = /** @type {HTMLButtonElement[]} */ ([find("[data-download-picture]"), find("[data-download-json]"), find("[data-copy-curl]")]);
  /** @type {{request: AnalysisRequest, photo: Photo, answer: unknown} | null} */
  let seen = null;
  let lineNumber = 0;
  let noteTimer = 0;
  const enable = (/** @type {boolean} */ enabled) => buttons.forEach((button) => { button.disabled = !enabled; });

  /** @param {string} text */
  function say(text) {
    note.textContent = text;
    window.clearTimeout(noteTimer);
    noteTimer = window.setTimeout(() => { note.textContent = ""; }, NOTE_MS);
  }

  /** @param {string} text @param {string} done */
  async function copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      say(done);
    } catch {
      say("The browser did not allow copying; select the text instead.");
    }
  }

  const fileName = (/** @type {string} */ ending) => {
    const stem = seen?.photo.filename.replace(/\.\w+$/, "") ?? "photo";
    return `${stem}${seen?.request.path.replace("/", "-") ?? ""}.${ending}`;
  };
  find("[data-copy-link]").addEventListener("click", () => {
    beforeLink();
    copy(location.href, "Link copied");
  });
  find("[data-copy-curl]").addEventListener("click", () => copy(line.textContent ?? "", "Command copied"));
  find("[data-download-json]").addEventListener("click", () => {
    if (!seen) return;
    download(new Blob([JSON.stringify(seen.answer, null, 2)], { type: "application/json" }), fileName("json"));
    say("JSON saved");
  });
  find("[data-download-picture]").addEventListener("click", async () => {
    if (!seen) return;
    const name = fileName("png");
    try {
      download(await analysePicture(seen.request), name);
      say("Picture saved");
    } catch (error) {
      onError(error);
    }
  });
  enable(false);
  block.hidden = true;

  return {
    /** @param {AnalysisRequest} request @param {Photo} photo @param {unknown} answer */
    async show(request, photo, answer) {
      seen = { request, photo, answer };
      enable(true);
      const number = ++lineNumber;
      const text = await curlLine(request, photo, location.origin);
      if (number !== lineNumber) return;
      line.textContent = text;
      block.hidden = false;
    },
    /** Nothing to take along. */
    clear() {
      seen = null;
      lineNumber++;
      block.hidden = true;
      enable(false);
    },
  };
}
