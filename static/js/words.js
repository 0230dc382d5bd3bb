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

/** 12345 -> "12,345". @param {number} value */
export function count(value) {
  return value.toLocaleString("en", { maximumFractionDigits: 0 });
}

/** 3 of "image" -> "3 images". @param {number} value @param {string} noun */
export function counted(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** 75 -> "1 min 15 s". @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return "under a second";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 10) return `${minutes} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  if (minutes < 60) return `${Math.round(whole / 60)} min`;
  const hours = Math.floor(whole / 3600);
  const rest = Math.round((whole % 3600) / 60);
  return hours < 48 ? `${hours} h${rest ? ` ${rest} min` : ""}` : `${Math.round(hours / 24)} days`;
}

/** How long ago, as "just now" or "3 h ago". @param {string} time @param {number} [nowMs] */
export function ago(time, nowMs = Date.now()) {
  const minutes = Math.floor((nowMs - Date.parse(time)) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / 60 / 24)} days ago`;
}

/** A number with as many digits as tell something. @param {number} value */
export function measured(value) {
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** "drop_ratio" -> "Drop ratio", "offset_px" -> "Offset (px)". @param {string} name */
export function fieldName(name) {
  const words = name.replace(/_px$/, " (px)").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
