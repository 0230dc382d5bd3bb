// @ts-check
/**
 * The command that asks the same question from a terminal.
 *
 * @typedef {import("./types.js").AnalysisRequest} AnalysisRequest
 * @typedef {import("./types.js").Photo} Photo
 */

/** @param {string} text */
function quoted(text) {
  return /^[\w./:@=%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param {Blob} blob */
async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}

/**
 * One line: a sample photo is fetched first, a painted mask travels inside the line.
 * @param {AnalysisRequest} request
 * @param {Photo} photo
 * @param {string} origin
 */
export async function curlLine(request, photo, origin) {
  const parts = ["curl"];
  let before = photo.sample === null ? "" : `curl -sO ${quoted(origin + photo.sample)} && `;
  for (const file of request.files) {
    if (file.name === "mask") {
      before += `printf %s ${quoted(await base64(file.blob))} | base64 -d | `;
      parts.push("-F", quoted("mask=@-;filename=mask.png;type=image/png"));
    } else {
      parts.push("-F", quoted(`${file.name}=@${file.filename}`));
    }
  }
  for (const [name, value] of request.fields) parts.push("-F", quoted(`${name}=${value}`));
  parts.push(quoted(origin + request.path));
  return before + parts.join(" ");
}
