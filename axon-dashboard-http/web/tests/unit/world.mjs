// Fakes of the browser for tests in Node: a document, a clock, streams and requests that a test controls. Nothing happens by itself.

import { speak } from "../../src/words.js";

class Document extends EventTarget {
  hidden = false;
  documentElement = { lang: "" };
  /** The number of listeners. */
  listening = 0;

  /** @override @param {Parameters<EventTarget["addEventListener"]>} listener */
  addEventListener(...listener) {
    this.listening += 1;
    super.addEventListener(...listener);
  }

  /** @override @param {Parameters<EventTarget["removeEventListener"]>} listener */
  removeEventListener(...listener) {
    this.listening -= 1;
    super.removeEventListener(...listener);
  }
}

/** The page's document, the same for all tests of a file. */
export const page = new Document();
Object.assign(globalThis, { document: page });

/** Runs a function in each language of the page. @param {(lang: "ko" | "en") => void} run */
export function inBoth(run) {
  for (const lang of /** @type {const} */ (["ko", "en"])) {
    speak(lang);
    run(lang);
  }
}

/** Waits until all promises that can settle have settled. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that only a test advances. `install` replaces the global timers by its own. */
export class Clock {
  now = 0;
  /** @type {Map<number, {at: number, run: () => void}>} */
  #timers = new Map();
  #next = 1;
  /** @type {[typeof setTimeout, typeof clearTimeout] | undefined} */
  #own;

  install() {
    this.#own = [globalThis.setTimeout, globalThis.clearTimeout];
    const set = (/** @type {() => void} */ run, ms = 0) => {
      // As in browsers, a delay of more than 31 bits is due at once.
      this.#timers.set(this.#next, { at: this.now + (ms > 0x7fff_ffff ? 0 : ms), run });
      return this.#next++;
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: (/** @type {number} */ timer) => this.#timers.delete(timer) });
  }

  restore() {
    if (this.#own) [globalThis.setTimeout, globalThis.clearTimeout] = this.#own;
  }

  /** The number of pending timers. */
  get waiting() {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer is due; infinite without timers. */
  get next() {
    return Math.min(...[...this.#timers.values()].map(({ at }) => at)) - this.now;
  }

  /** Advances the clock, and runs each timer at its time. @param {number} ms */
  async pass(ms) {
    const until = this.now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.now = due[1].at;
      due[1].run();
      await settle();
    }
    this.now = until;
  }
}

/** An `EventSource` whose events a test dispatches. */
export class Stream extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 2;
  /** @type {Stream[]} all streams that were opened */
  static all = [];
  readyState = Stream.CONNECTING;
  /** @type {(() => void) | null} */
  onerror = null;

  /** @param {URL} url */
  constructor(url) {
    super();
    this.url = new URL(url);
    Stream.all.push(this);
  }

  static get last() {
    const last = Stream.all.at(-1);
    if (!last) throw new Error("no stream was opened");
    return last;
  }

  get closed() {
    return this.readyState === Stream.CLOSED;
  }

  close() {
    this.readyState = Stream.CLOSED;
  }

  /** @param {"update" | "heartbeat" | "end"} name @param {unknown} data */
  say(name, data) {
    if (this.closed) throw new Error(`the stream is closed, so it has no event ${name}`);
    this.readyState = Stream.OPEN;
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }

  /** Breaks the connection; the browser reconnects by itself. */
  break() {
    this.readyState = Stream.CONNECTING;
    this.onerror?.();
  }

  /** Ends the stream, as after a response that is no stream: the browser does not reconnect. */
  refuse() {
    this.readyState = Stream.CLOSED;
    this.onerror?.();
  }
}

/** @typedef {{status?: number, body?: unknown, headers?: Record<string, string>} | Error} Reply */

/** A `fetch` whose requests a test answers. */
export class Requests {
  /** @type {{url: URL, signal: AbortSignal, headers: unknown, answer: (reply: Reply) => Promise<void>}[]} */
  all = [];
  #own = globalThis.fetch;

  install() {
    globalThis.fetch = (url, init) => new Promise((resolve, reject) => {
      const signal = /** @type {AbortSignal} */ (init?.signal);
      signal.addEventListener("abort", () => reject(signal.reason));
      const answer = async (/** @type {Reply} */ reply) => {
        if (reply instanceof Error) reject(reply);
        else {
          const { status = 200, body, headers } = reply;
          // A 304 must not have a body.
          resolve(new Response(status === 304 || typeof body === "string" ? /** @type {string | undefined} */ (body) : JSON.stringify(body), { status, headers }));
        }
        await settle();
      };
      this.all.push({ url: new URL(String(url)), signal, headers: init?.headers, answer });
    });
  }

  restore() {
    globalThis.fetch = this.#own;
  }

  get last() {
    const last = this.all.at(-1);
    if (!last) throw new Error("there was no request");
    return last;
  }
}
