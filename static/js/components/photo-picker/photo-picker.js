// @ts-check
/**
 * Where the photo comes from: a sample, a file, a drop anywhere on the page, or the clipboard.
 *
 * @typedef {import("../../types.js").Photo} Photo
 */
import { fetchPhoto } from "../../api.js";
import { find, findAll } from "../../dom.js";
import { OWN_PHOTO } from "../../state.js";

export class PhotoPicker {
  #preview = /** @type {HTMLImageElement} */ (find("[data-photo-preview]"));
  #credit = find("[data-photo-credit]");
  #missing = find("[data-photo-missing]");
  #samples = /** @type {HTMLButtonElement[]} */ (findAll("[data-sample]"));
  #asked = 0;

  /**
   * @param {object} parts
   * @param {(photo: Photo) => void} parts.onPhoto
   * @param {(error: unknown) => void} parts.onError
   */
  constructor({ onPhoto, onError }) {
    this.onPhoto = onPhoto;
    this.onError = onError;
    for (const button of this.#samples) {
      button.addEventListener("click", () => this.#acceptSample(button));
    }
    const input = /** @type {HTMLInputElement} */ (find("#photo-file"));
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) this.#acceptFile(file);
      input.value = "";
    });
    listenForDrops((file) => this.#acceptFile(file));
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const file = files.find(({ type }) => type.startsWith("image/"));
      if (file) this.#acceptFile(file);
    });
  }

  /**
   * Open a sample by name, by default the first, or ask for the visitor's own photo again.
   * @param {string} name
   */
  async open(name) {
    const known = this.#samples.find(({ dataset }) => dataset.sample === name);
    this.#missing.hidden = name !== OWN_PHOTO;
    const button = known ?? (name === OWN_PHOTO ? undefined : this.#samples[0]);
    if (button) await this.#acceptSample(button);
  }

  /** @param {File} file */
  #acceptFile(file) {
    const filename = file.name || "pasted.png";
    const alt = `Your photo ${filename}`;
    return this.#accept(file, { name: OWN_PHOTO, filename, alt, credit: filename, sample: null });
  }

  /** @param {HTMLButtonElement} button */
  async #acceptSample(button) {
    const { sample = "", url = "", file = "", title = "", alt = "", credit = "" } = button.dataset;
    try {
      await this.#accept(await fetchPhoto(url), {
        name: sample,
        filename: file,
        alt,
        credit: `${title}. ${credit}`,
        sample: url,
      });
    } catch (error) {
      this.onError(error);
    }
  }

  /**
   * Show the photo and hand it on, unless another was chosen meanwhile.
   * @param {Blob} blob
   * @param {Pick<Photo, "name" | "filename" | "alt" | "credit" | "sample">} facts
   */
  async #accept(blob, facts) {
    const number = ++this.#asked;
    const preview = this.#preview;
    const old = preview.src;
    preview.src = URL.createObjectURL(blob);
    preview.alt = facts.alt;
    if (old) URL.revokeObjectURL(old);
    await preview.decode().catch(() => undefined);
    if (number !== this.#asked) return;
    preview.hidden = preview.naturalWidth === 0;
    this.#missing.hidden = true;
    this.#credit.textContent = facts.credit;
    for (const button of this.#samples) {
      button.setAttribute("aria-pressed", String(button.dataset.sample === facts.name));
    }
    const { naturalWidth: width, naturalHeight: height } = preview;
    this.onPhoto({ ...facts, blob, url: preview.src, width, height });
  }
}

/** @param {(file: File) => void} onFile */
function listenForDrops(onFile) {
  const veil = find("[data-drop-veil]");
  /** @param {DragEvent} event */
  const hasFile = (event) => event.dataTransfer?.types.includes("Files") ?? false;
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
