// @ts-check
/** Numbers as people read them. */

/** 0.4123 -> "41 %", and small shares as "0.4 %". @param {number} share */
export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.05) return "<0.1 %";
  const digits = value > 0 && value < 1 ? 1 : 0;
  return `${value.toFixed(digits)} %`;
}

/** @param {number} ms */
export function milliseconds(ms) {
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`;
}

/** "German shepherd, German shepherd dog" -> "German shepherd". @param {string} label */
export function shortLabel(label) {
  return label.split(",")[0];
}

/** "8x14" -> {rows: 8, cols: 14}. @param {string} text */
export function parseGrid(text) {
  const [rows, cols] = text.split("x").map(Number);
  return { rows, cols };
}

/** "8x14" -> "8 × 14". @param {string} text */
export function gridWords(text) {
  return text.replace("x", " × ");
}
