// @ts-check
/**
 * Brings images of one's own to the server.
 *
 * @typedef {import("../../evaluation-types.js").DatasetFacts} DatasetFacts
 */
import { ApiError } from "../../api.js";
import { el } from "../../dom.js";
import { uploadDataset } from "../../evaluation-api.js";
import { counted, percent } from "../../words.js";
import { withKey } from "../key-dialog/key-dialog.js";

/** Sends a zip and says how far it has come. */
export class DatasetUpload {
  /** @type {AbortController | null} */
  #sending = null;

  /** @param {(facts: DatasetFacts) => void} onDone */
  constructor(onDone) {
    this.onDone = onDone;
    this.file = el("input", { type: "file", id: "upload-file", accept: ".zip,application/zip" });
    this.name = el("input", { type: "text", id: "upload-name", autocomplete: "off" });
    this.send = el("button", { type: "button", className: "button button-small" }, "Upload");
    this.bar = el("progress", { max: 1, value: 0, attrs: { "aria-label": "Upload" } });
    this.bar.hidden = true;
    this.words = el("p", { className: "upload-words", attrs: { role: "status" } });
    this.file.addEventListener("change", () => this.#propose());
    this.send.addEventListener("click", () => (this.#sending ? this.#sending.abort() : this.#go()));
    for (const input of [this.name, this.file])
      input.addEventListener("input", (event) => event.stopPropagation());
    this.root = el(
      "details",
      { className: "upload" },
      el("summary", {}, "Use images of your own"),
      el(
        "p",
        { className: "hint" },
        "A zip with a folder of images for each class, or images beside a labels.csv (columns " +
          "file and label), or the PASCAL VOC layout with outlines. Up to 10,000 images of 20 MB, 5 GB " +
          "together, unless this server was set otherwise. It stays on this server until deleted.",
      ),
      el(
        "div",
        { className: "control-row" },
        el(
          "div",
          { className: "field" },
          el("label", { htmlFor: "upload-file" }, "Zip file"),
          this.file,
        ),
        el(
          "div",
          { className: "field" },
          el("label", { htmlFor: "upload-name" }, "Name"),
          this.name,
        ),
        this.send,
      ),
      this.bar,
      this.words,
    );
  }

  /** A name made from the file's, unless one was given. */
  #propose() {
    const file = this.file.files?.[0];
    if (!file || this.name.value !== "") return;
    this.name.value = file.name
      .replace(/\.zip$/i, "")
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, "-")
      .replace(/^-+|-+$/g, "");
  }

  async #go() {
    const file = this.file.files?.[0];
    const name = this.name.value.trim();
    if (!file || name === "") {
      this.#say(file ? "Give it a name first." : "Choose a zip file first.", true);
      (file ? this.name : this.file).focus();
      return;
    }
    const sending = (this.#sending = new AbortController());
    this.send.textContent = "Stop";
    this.bar.hidden = false;
    try {
      const facts = await withKey(() =>
        uploadDataset(name, file, (share) => this.#progress(share), sending.signal),
      );
      this.file.value = "";
      this.name.value = "";
      const images = facts.images === null ? "" : `: ${counted(facts.images, "image")}`;
      this.#say(`${facts.name} is here${images}.`, false);
      this.onDone(facts);
    } catch (error) {
      this.#say(sending.signal.aborted ? "Stopped." : explain(error), !sending.signal.aborted);
    } finally {
      this.#sending = null;
      this.send.textContent = "Upload";
      this.bar.hidden = true;
    }
  }

  /** @param {number} share */
  #progress(share) {
    this.bar.value = share;
    this.#say(share < 1 ? `${percent(share)} sent` : "Sent; the server unpacks it…", false);
  }

  /** @param {string} words @param {boolean} bad */
  #say(words, bad) {
    this.words.textContent = words;
    this.words.classList.toggle("field-problem", bad);
  }
}

/** @param {unknown} error */
export function explain(error) {
  if (error instanceof ApiError) return `${error.title}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
