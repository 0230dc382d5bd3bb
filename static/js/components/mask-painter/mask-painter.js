// @ts-check
/**
 * Paint which squares are hidden, with mouse, pen or finger, or with arrow keys and space.
 *
 * @typedef {import("../../types.js").Photo} Photo
 */
import { el, find } from "../../dom.js";
import { Mask } from "../../mask.js";
import { percent } from "../../words.js";

const WIDTH_PX = 840;
const HELP =
  "Drag over the photo to hide squares; start on a hidden one to show it again. " +
  "With the keyboard: arrow keys move, space hides or shows, shift with an arrow paints on.";

/** @typedef {{left: number, top: number, width: number, height: number}} View */

export class MaskPainter {
  /** @param {(mask: Mask) => void} onPaint */
  constructor(onPaint) {
    this.onPaint = onPaint;
    this.mask = new Mask("8x8");
    this.cursor = { row: 0, col: 0 };
    /** @type {View} */
    this.view = { left: 0, top: 0, width: 1, height: 1 };
    this.image = new Image();
    this.image.addEventListener("load", () => this.draw());
    /** @type {number | null} */
    this.brush = null;
    this.canvas = el("canvas", {
      className: "mask-canvas",
      width: WIDTH_PX,
      height: WIDTH_PX,
      tabIndex: 0,
      attrs: {
        role: "application",
        "aria-label": "Mask over the photo",
        "aria-describedby": "mask-help",
      },
    });
    this.count = el("p", { className: "mask-count" });
    this.place = el("p", { className: "visually-hidden", attrs: { "aria-live": "polite" } });
    find("[data-mask-painter]").replaceChildren(this.canvas, this.#side());
    this.#listen();
  }

  /** What stands beside the photo: the count, the buttons and how to paint. */
  #side() {
    /** @type {(text: string, change: (cell: number) => number) => HTMLButtonElement} */
    const button = (text, change) => {
      const click = () => this.#change(this.mask.cells.map(change));
      return el(
        "button",
        { type: "button", className: "button button-small", on: { click } },
        text,
      );
    };
    return el(
      "div",
      { className: "mask-side" },
      this.count,
      el(
        "div",
        { className: "mask-buttons" },
        button("Show all", () => 0),
        button("Invert", (cell) => 1 - cell),
        button("Hide all", () => 1),
      ),
      el("p", { className: "hint", id: "mask-help" }, HELP),
      this.place,
    );
  }

  /** @param {Photo} photo @param {View} view the part of the photo the model sees */
  showPhoto(photo, view) {
    this.view = view;
    this.canvas.height = Math.round((WIDTH_PX * photo.height) / photo.width) || WIDTH_PX;
    this.image.src = photo.url;
    this.draw();
  }

  /** @param {Mask} mask */
  showMask(mask) {
    if (mask.grid !== this.mask.grid) this.cursor = { row: 0, col: 0 };
    this.mask = mask;
    this.draw();
  }

  draw() {
    const { canvas, mask } = this;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const colour = getComputedStyle(canvas);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (this.image.naturalWidth > 0)
      context.drawImage(this.image, 0, 0, canvas.width, canvas.height);
    const box = this.#box();
    context.fillStyle = colour.getPropertyValue("--veil");
    context.beginPath();
    context.rect(0, 0, canvas.width, canvas.height);
    context.rect(box.x, box.y, box.width, box.height);
    context.fill("evenodd");
    context.fillStyle = colour.getPropertyValue("--painted");
    context.strokeStyle = colour.getPropertyValue("--grid-line");
    context.lineWidth = 1;
    for (let index = 0; index < mask.cells.length; index++) {
      const cell = this.#cellBox(Math.floor(index / mask.cols), index % mask.cols);
      if (mask.cells[index]) context.fillRect(cell.x, cell.y, cell.width, cell.height);
      context.strokeRect(cell.x, cell.y, cell.width, cell.height);
    }
    if (document.activeElement === canvas) {
      const cell = this.#cellBox(this.cursor.row, this.cursor.col);
      context.strokeStyle = colour.getPropertyValue("--focus");
      context.lineWidth = 6;
      context.strokeRect(cell.x + 3, cell.y + 3, cell.width - 6, cell.height - 6);
    }
    this.count.textContent = `${mask.count} of ${mask.cells.length} hidden (${percent(mask.count / mask.cells.length)})`;
  }

  #box() {
    const { width, height } = this.canvas;
    const { view } = this;
    return {
      x: view.left * width,
      y: view.top * height,
      width: view.width * width,
      height: view.height * height,
    };
  }

  /** @param {number} row @param {number} col */
  #cellBox(row, col) {
    const box = this.#box();
    const width = box.width / this.mask.cols;
    const height = box.height / this.mask.rows;
    return { x: box.x + col * width, y: box.y + row * height, width, height };
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      const index = this.#indexAt(event);
      if (index === null) return;
      canvas.setPointerCapture(event.pointerId);
      this.brush = 1 - this.mask.cells[index];
      this.#paint(index, this.brush);
    });
    canvas.addEventListener("pointermove", (event) => {
      const index = this.brush === null ? null : this.#indexAt(event);
      if (index !== null && this.brush !== null) this.#paint(index, this.brush);
    });
    for (const type of ["pointerup", "pointercancel"])
      canvas.addEventListener(type, () => {
        this.brush = null;
      });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const type of ["focus", "blur"]) canvas.addEventListener(type, () => this.draw());
  }

  /** @param {PointerEvent} event */
  #indexAt(event) {
    const { canvas, mask } = this;
    const box = this.#box();
    const x = (event.offsetX / canvas.clientWidth) * canvas.width - box.x;
    const y = (event.offsetY / canvas.clientHeight) * canvas.height - box.y;
    const col = Math.floor((x / box.width) * mask.cols);
    const row = Math.floor((y / box.height) * mask.rows);
    if (row < 0 || col < 0 || row >= mask.rows || col >= mask.cols) return null;
    this.cursor = { row, col };
    return row * mask.cols + col;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
      event.key
    ];
    const { mask, cursor } = this;
    const here = () => cursor.row * mask.cols + cursor.col;
    if (step) {
      event.preventDefault();
      const colour = mask.cells[here()];
      cursor.row = Math.min(mask.rows - 1, Math.max(0, cursor.row + step[0]));
      cursor.col = Math.min(mask.cols - 1, Math.max(0, cursor.col + step[1]));
      if (event.shiftKey) this.#paint(here(), colour);
      this.draw();
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      this.#paint(here(), 1 - mask.cells[here()]);
    } else {
      return;
    }
    this.place.textContent = `Row ${cursor.row + 1}, column ${cursor.col + 1}: ${this.mask.cells[here()] ? "hidden" : "shown"}`;
  }

  /** @param {number} index @param {number} cell */
  #paint(index, cell) {
    if (this.mask.cells[index] === cell) return;
    const cells = this.mask.cells.slice();
    cells[index] = cell;
    this.#change(cells);
  }

  /** @param {Uint8Array} cells */
  #change(cells) {
    this.mask = new Mask(this.mask.grid, cells);
    this.draw();
    this.onPaint(this.mask);
  }
}
