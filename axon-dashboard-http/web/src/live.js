// The figures, live: a stream, and polling where streams do not pass. Says what came and how the connection does; shows
// nothing itself. Lives elsewhere: what is asked (`api`), what is shown (`pages`).

import { ask, figures, mayPass } from "./api.js";

/** @typedef {import("./types.js").Answer} Answer */
/** @typedef {import("./types.js").Problem} Problem */
/** @typedef {"connecting" | "live" | "polling" | "reconnecting" | "paused" | "failing" | "over"} Link */
/**
 * @typedef {object} Listener
 * @property {(answer: Answer) => void} answer
 * @property {(beat: {timestamp: string, asOf: string | null} | null) => void} beat what was said is still so; null: and no instant was named
 * @property {(link: Link) => void} link
 * @property {(problem: Problem) => void} problem there is no answer, and why
 */

/** The server says something every 5 s: silence for longer means that nothing passes any more. */
const SILENCE = 12_000;
/** So long a new stream may be silent before the figures are asked for apart. */
const PATIENCE = 4_000;
const POLL = 1_000;
/** So many polls until a stream is tried again, beside them. */
const POLLS = 30;
const LONGEST_WAIT = 15_000;
/** So long a server may ask to be left alone. */
const LONGEST_REST = 600_000;
/** Nobody looks at a hidden page: it gives its stream back. */
const HIDDEN = 30_000;

export class Live {
  /** @type {EventSource | null} */
  #stream = null;
  #asking = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #trial;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hiding;
  #failures = 0;
  #polls = 0;
  /** @type {string | null} */
  #tag = null;
  #heard = false;
  #paused = false;
  #closed = false;

  /** @param {import("./address.js").Address} address @param {Listener} listener */
  constructor(address, listener) {
    this.address = address;
    this.listener = listener;
    this.look = () => this.#look();
    document.addEventListener("visibilitychange", this.look);
    // Opened where nobody looks yet, it keeps no stream from those that are looked at.
    if (document.hidden) {
      this.#fallBack();
      this.#look();
    } else {
      this.#open();
    }
  }

  close() {
    this.#closed = true;
    document.removeEventListener("visibilitychange", this.look);
    clearTimeout(this.#hiding);
    this.#stop();
  }

  /** Whether nothing new is shown on purpose. @param {boolean} paused */
  pause(paused) {
    this.#paused = paused;
    this.#stop();
    if (paused) this.listener.link("paused");
    else this.retry();
  }

  /** Asks again at once. */
  retry() {
    if (this.#closed || this.#paused) return;
    this.#failures = 0;
    this.#open();
  }

  #stop() {
    this.#stream?.close();
    this.#stream = null;
    this.#asking.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#trial);
  }

  #look() {
    clearTimeout(this.#hiding);
    if (this.#paused || this.#closed) return;
    if (document.hidden) this.#hiding = setTimeout(() => this.#stop(), HIDDEN);
    else if (!this.#stream) this.retry();
  }

  #open() {
    this.#stop();
    this.#polls = 0;
    this.listener.link(this.#failures ? "reconnecting" : "connecting");
    this.#listen();
    this.#watch(PATIENCE);
  }

  /** A stream beside the polling, which goes on until the stream is heard. */
  #try() {
    this.#listen();
    this.#trial = setTimeout(() => this.#leave(), PATIENCE);
  }

  #leave() {
    clearTimeout(this.#trial);
    this.#stream?.close();
    this.#stream = null;
  }

  #listen() {
    this.#heard = false;
    const stream = new EventSource(figures(this.address, "stream"));
    this.#stream = stream;
    stream.addEventListener("update", (event) => {
      this.#hear("live");
      this.listener.answer(JSON.parse(event.data));
    });
    stream.addEventListener("heartbeat", (event) => {
      const beat = JSON.parse(event.data);
      this.#hear(beat.code ? "failing" : "live");
      if (!beat.code) this.listener.beat(beat);
    });
    stream.addEventListener("end", (event) => {
      if (JSON.parse(event.data).reason === "not_found") this.#give({ status: 404, code: "not_found", retryAfter: null, fields: [] });
    });
    stream.onerror = () => {
      // Still open to the browser: it comes back by itself, when the server said it should; in vain once.
      if (stream.readyState === EventSource.CONNECTING && this.#heard) {
        this.#heard = false;
        this.listener.link("reconnecting");
        this.#watch(SILENCE);
      } else if (this.#stream === stream) {
        if (this.#polls) this.#leave();
        else this.#fallBack();
      }
    };
  }

  /** @param {Link} link */
  #hear(link) {
    this.#heard = true;
    this.#failures = 0;
    this.#polls = 0;
    this.#asking.abort();
    clearTimeout(this.#trial);
    this.listener.link(link);
    this.#watch(SILENCE);
  }

  /** Silence for longer than this, and the figures are asked for apart. @param {number} silence */
  #watch(silence) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fallBack(), silence);
  }

  #fallBack() {
    this.#stop();
    this.#tag = null;
    this.#poll();
  }

  async #poll() {
    const asking = new AbortController();
    this.#asking = asking;
    this.#polls += 1;
    const whole = this.#polls % POLLS === 0;
    const reply = await ask(figures(this.address, "answer"), { signal: asking.signal, tag: whole ? null : this.#tag });
    if (asking.signal.aborted) return;
    if (reply.ok) {
      this.#failures = 0;
      this.#tag = reply.tag;
      this.listener.link("polling");
      if (reply.value) this.listener.answer(reply.value);
      else this.listener.beat(null);
      if (whole) this.#try();
      this.#timer = setTimeout(() => this.#poll(), POLL);
    } else if (mayPass(reply.problem)) {
      this.#failures += 1;
      this.listener.link("reconnecting");
      this.listener.problem(reply.problem);
      const asked = Math.min(LONGEST_REST, (reply.problem.retryAfter ?? 1) * 1000);
      const wait = Math.max(asked, Math.min(LONGEST_WAIT, 500 * 2 ** this.#failures));
      // Not all pages at the same moment, and none before the server said.
      this.#timer = setTimeout(() => this.#open(), wait * (1 + Math.random() / 4));
    } else {
      this.#give(reply.problem);
    }
  }

  /** Nothing more comes. @param {Problem} problem */
  #give(problem) {
    this.#stop();
    this.listener.link("over");
    this.listener.problem(problem);
  }
}
