// @ts-check
/**
 * Reads server-sent events from the body of an answer. The browser's EventSource cannot send the
 * API key, nor tell why it was refused; this can, for the request is an ordinary one.
 *
 * @typedef {{type: string, data: string, id: string}} ServerEvent
 */

/**
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<ServerEvent>}
 */
export async function* readEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let event = emptyEvent();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (text + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
      text = lines.pop() ?? "";
      for (const line of lines) {
        if (line !== "") takeLine(event, line);
        else {
          if (event.lines.length > 0)
            yield { type: event.type, data: event.lines.join("\n"), id: event.id };
          event = { ...emptyEvent(), id: event.id };
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function emptyEvent() {
  return { type: "message", id: "", lines: /** @type {string[]} */ ([]) };
}

/**
 * One line of an event; lines that begin with a colon only keep the connection alive.
 * @param {{type: string, id: string, lines: string[]}} event
 * @param {string} line
 */
function takeLine(event, line) {
  const colon = line.indexOf(":");
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (name === "event") event.type = value;
  else if (name === "data") event.lines.push(value);
  else if (name === "id") event.id = value;
}
