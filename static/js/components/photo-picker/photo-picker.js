// @ts-check
/**
 * Where the photo comes from: a sample, a file, a drop anywhere on the page, or the clipboard.
 *
 * @typedef {import("../../types.js").Photo} Photo
 */
import { fetchPhoto } from "../../api.js";
import { find, findAll } from "../../dom.js";
import { OWN_PHOTO } from "../../state.js";

/**
 * @param {object} parts
 * @param {(photo: Photo) => void} parts.onPhoto
 * @param {(error: unknown) => void} parts.onError
 */
export function createPhotoPicker({ onPhoto, onError }) {
  const preview = /** @type {HTMLImageElement} */ (find("[data-photo-preview]"));
  const credit = find("[data-photo-credit]");
  const missing = find("[data-photo-missing]");
  const input = /** @type {HTMLInputElement} */ (find("#photo-file"));
  const samples = /** @type {HTMLButtonElement[]} */ (findAll("[data-sample]"));
  let asked = 0;
  let shownUrl = "";

  /** @param {Photo} photo */
  async function accept(photo) {
    const number = ++asked;
    if (shownUrl) URL.revokeObjectURL(shownUrl);
    shownUrl = photo.url;
    preview.src = photo.url;
    preview.alt = photo.alt;
    await preview.decode().catch(() => undefined);
    if (number !== asked) return;
    preview.hidden = preview.naturalWidth === 0;
    missing.hidden = true;
    credit.textContent = photo.credit;
    for (const button of samples) button.setAttribute("aria-pressed", String(button.dataset.sample === photo.name));
    onPhoto({ ...photo, width: preview.naturalWidth, height: preview.naturalHeight });
  }

  /** @param {File} file */
  function acceptFile(file) {
    const filename = file.name || "pasted.png";
    return accept({
      name: OWN_PHOTO, filename, blob: file, url: URL.createObjectURL(file),
      alt: `Your photo ${filename}`, credit: filename, sample: null, width: 0, height: 0,
    });
  }

  /** @param {HTMLButtonElement} button */
  async function acceptSample(button) {
    const { sample = "", url = "", file = "", title = "", alt = "", credit: author = "" } = button.dataset;
    try {
      const blob = await fetchPhoto(url);
      await accept({
        name: sample, filename: file, blob, url: URL.createObjectURL(blob),
        alt, credit: `${title}. ${author}`, sample: url, width: 0, height: 0,
      });
    } catch (error) {
      onError(error);
    }
  }

  for (const button of samples) button.addEventListener("click", () => acceptSample(button));
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) acceptFile(file);
    input.value = "";
  });
  listenForDrops(acceptFile);
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) acceptFile(file);
  });

  return {
    /** Open a sample by name, by default the first, or ask for the visitor's own photo again. @param {string} name */
    open(name) {
      const button = samples.find(({ dataset }) => dataset.sample === name);
      if (button) return acceptSample(button);
      missing.hidden = name !== OWN_PHOTO;
      if (name !== OWN_PHOTO && samples.length > 0) return acceptSample(samples[0]);
      return Promise.resolve();
    },
  };
}

/** @param {(file: File) => void} onFile */
function listenForDrops(onFile) {
  const veil = find("[data-drop-veil]");
  const hasFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) veil.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!hasFile(event)) return;
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) onFile(file);
  });
}
