// @ts-check
/**
 * Asks while the visitor still moves the slider, and never lets an old answer replace a newer one.
 *
 * Every request gets a number. An answer is shown only if its number is higher than that of the
 * answer on the screen, and it aborts every older request still on its way. A few requests may be
 * on their way at once, so that a long drag on a slow server still shows answers: when too many
 * are, the youngest makes room for the newest, for the oldest will be back first.
 */
const MAX_IN_FLIGHT = 3;

/** @template Request, Answer */
export class LatestOnly {
  #sequence = 0;
  #shown = 0;
  /** @type {number | undefined} */
  #timer;
  /** @type {Map<number, AbortController>} */
  #inFlight = new Map();

  /**
   * @param {object} parts
   * @param {(request: Request, signal: AbortSignal) => Promise<Answer>} parts.ask
   * @param {(answer: Answer, request: Request) => void} parts.show
   * @param {(error: unknown, request: Request) => void} parts.fail
   * @param {(busy: boolean) => void} [parts.busy]
   * @param {number} [parts.debounceMs]
   */
  constructor({ ask, show, fail, busy = () => {}, debounceMs = 70 }) {
    this.ask = ask;
    this.show = show;
    this.fail = fail;
    this.busy = busy;
    this.debounceMs = debounceMs;
  }

  /**
   * Ask for the request that `make` builds when its time has come. A drag keeps the first timer,
   * so that it is answered about every `debounceMs` and not only when it ends.
   * @param {() => Request | null | Promise<Request | null>} make
   */
  schedule(make) {
    this.make = make;
    this.busy(true);
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      this.#send();
    }, this.debounceMs);
  }

  /** Forget everything that is on its way. */
  cancel() {
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#abortUpTo(this.#sequence);
    this.#shown = this.#sequence;
    this.busy(false);
  }

  async #send() {
    const number = ++this.#sequence;
    const controller = new AbortController();
    this.#makeRoom();
    this.#inFlight.set(number, controller);
    /** @type {Request | null} */
    let request = null;
    try {
      request = (await this.make?.()) ?? null;
      if (request === null || controller.signal.aborted) return;
      const answer = await this.ask(request, controller.signal);
      if (number <= this.#shown) return;
      this.#accept(number);
      this.show(answer, request);
    } catch (error) {
      if (controller.signal.aborted || number <= this.#shown) return;
      this.#accept(number);
      if (request !== null) this.fail(error, request);
      else throw error;
    } finally {
      this.#inFlight.delete(number);
      if (this.#inFlight.size === 0 && this.#timer === undefined) this.busy(false);
    }
  }

  /** @param {number} number */
  #accept(number) {
    this.#shown = number;
    this.#abortUpTo(number - 1);
  }

  #makeRoom() {
    if (this.#inFlight.size < MAX_IN_FLIGHT) return;
    const youngest = Math.max(...this.#inFlight.keys());
    this.#inFlight.get(youngest)?.abort();
    this.#inFlight.delete(youngest);
  }

  /** @param {number} number */
  #abortUpTo(number) {
    for (const [key, controller] of this.#inFlight) {
      if (key > number) continue;
      controller.abort();
      this.#inFlight.delete(key);
    }
  }
}
