// @ts-check
/**
 * A painted mask: one bit a cell, true where the photo is hidden. In the link it is
 * `ROWSxCOLS.base64url`; to the server it goes as a PNG of one pixel a cell.
 */
import { parseGrid } from "./words.js";

export class Mask {
  /** @param {string} grid @param {Uint8Array} [cells] */
  constructor(grid, cells) {
    const { rows, cols } = parseGrid(grid);
    this.grid = grid;
    this.rows = rows;
    this.cols = cols;
    this.cells = cells ?? new Uint8Array(rows * cols);
  }

  get count() {
    return this.cells.reduce((sum, cell) => sum + cell, 0);
  }

  /** The mask's own text, for the link. */
  toText() {
    const bytes = new Uint8Array(Math.ceil(this.cells.length / 8));
    this.cells.forEach((cell, index) => {
      if (cell) bytes[index >> 3] |= 1 << (index & 7);
    });
    const text = btoa(String.fromCharCode(...bytes));
    return `${this.grid}.${text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
  }

  /**
   * Read a link's mask; one that does not fit is an empty mask of its grid.
   * @param {string} text
   */
  static fromText(text) {
    const [grid, code = ""] = text.split(".");
    const mask = new Mask(grid);
    let bytes = "";
    try {
      bytes = atob(code.replaceAll("-", "+").replaceAll("_", "/"));
    } catch {
      return mask;
    }
    for (let index = 0; index < mask.cells.length; index++) {
      mask.cells[index] = (bytes.charCodeAt(index >> 3) >> (index & 7)) & 1;
    }
    return mask;
  }

  /**
   * The same painting on another grid: a cell is hidden where the old one at its middle was.
   * @param {string} grid
   */
  onGrid(grid) {
    const next = new Mask(grid);
    for (let row = 0; row < next.rows; row++) {
      for (let col = 0; col < next.cols; col++) {
        const oldRow = Math.floor(((row + 0.5) / next.rows) * this.rows);
        const oldCol = Math.floor(((col + 0.5) / next.cols) * this.cols);
        next.cells[row * next.cols + col] = this.cells[oldRow * this.cols + oldCol];
      }
    }
    return next;
  }

  /**
   * White where hidden, black where kept, one pixel a cell.
   * @returns {Promise<Blob>}
   */
  toPng() {
    const canvas = document.createElement("canvas");
    canvas.width = this.cols;
    canvas.height = this.rows;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const pixels = context.createImageData(this.cols, this.rows);
    this.cells.forEach((cell, index) =>
      pixels.data.set([cell * 255, cell * 255, cell * 255, 255], index * 4),
    );
    context.putImageData(pixels, 0, 0);
    return new Promise((resolve, reject) => {
      canvas.toBlob(
        (blob) => (blob ? resolve(blob) : reject(new Error("the mask could not be encoded"))),
        "image/png",
      );
    });
  }
}
