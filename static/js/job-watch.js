// @ts-check
/**
 * Follows a job to its end over whatever interrupts the line: a server that restarts, a laptop
 * that was closed. Events carry ids, so that a new line goes on where the old one broke.
 *
 * @typedef {import("./evaluation-types.js").JobListener} JobListener
 */
import { ApiError, pause } from "./api.js";
import { jobEvents } from "./evaluation-api.js";
import { readEvents } from "./event-stream.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
/** The server says something at least every 15 s; a line this quiet is dead. */
const SILENCE_MS = 45_000;

/**
 * @param {string} id
 * @param {JobListener} listener
 * @param {AbortSignal} signal
 * @returns {Promise<void>} when the job has ended; rejects where trying again cannot help
 */
export async function watchJob(id, listener, signal) {
  let lastEvent = "";
  let wait = FIRST_PAUSE_MS;
  listener.onConnection("connecting");
  while (!signal.aborted) {
    const line = new Line(signal);
    try {
      const body = await jobEvents(id, lastEvent, line.signal);
      listener.onConnection("open");
      for await (const event of readEvents(line.listen(body))) {
        wait = FIRST_PAUSE_MS;
        lastEvent = event.id || lastEvent;
        if (event.type === "end") {
          listener.onEnd();
          return;
        }
        tell(listener, event);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) throw error;
    } finally {
      line.close();
    }
    listener.onConnection("reconnecting");
    await pause(wait, signal).catch(() => undefined);
    wait = Math.min(LONGEST_PAUSE_MS, wait * 2);
  }
}

/** One connection, given up when nothing was heard for too long. */
class Line {
  #controller = new AbortController();
  #timer = 0;

  /** @param {AbortSignal} outer */
  constructor(outer) {
    this.signal = AbortSignal.any([outer, this.#controller.signal]);
    this.#rewind();
  }

  /** @param {ReadableStream<Uint8Array>} body */
  listen(body) {
    const heard = new TransformStream({
      transform: (chunk, controller) => {
        this.#rewind();
        controller.enqueue(chunk);
      },
    });
    return body.pipeThrough(heard);
  }

  close() {
    window.clearTimeout(this.#timer);
    this.#controller.abort();
  }

  #rewind() {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#controller.abort(), SILENCE_MS);
  }
}

/** @param {JobListener} listener @param {import("./event-stream.js").ServerEvent} event */
function tell(listener, event) {
  if (event.type === "job") listener.onJob(JSON.parse(event.data));
  if (event.type === "rows") {
    const { rows, images } = JSON.parse(event.data);
    listener.onRows(rows, images);
  }
}

/** A refusal stays one; a server that is away or busy may come back. @param {unknown} error */
function isFinal(error) {
  return (
    error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429
  );
}
