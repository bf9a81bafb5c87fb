// Live figures: by a stream, and by polling where a proxy blocks streams. Lives here: the connection, which reports answers and its
// state to a listener. Lives elsewhere: requests (`api`), what is shown (`pages`).

import { ask, figures, isTransient } from "./api.js";

/** @typedef {import("./types.js").Answer} Answer */
/** @typedef {import("./types.js").Problem} Problem */
/** @typedef {"connecting" | "live" | "polling" | "reconnecting" | "paused" | "failing" | "over"} Link */
/**
 * @typedef {object} Listener
 * @property {(answer: Answer) => void} answer
 * @property {(beat: {timestamp: string, asOf: string | null} | null) => void} beat the latest answer is still current; null after a 304, which has no instants
 * @property {(link: Link) => void} link
 * @property {(problem: Problem) => void} problem there is no answer, and why
 */

// All times are in milliseconds.
/** The longest silence of a stream: the server sends an event at least every 5 s. */
const MAX_SILENCE = 12_000;
/** The longest time until the first event of a new stream. */
const MAX_FIRST_SILENCE = 4_000;
const POLL_INTERVAL = 1_000;
/** The number of polls between two attempts to open a stream. */
const POLLS_PER_ATTEMPT = 30;
const MAX_BACKOFF = 15_000;
/** The longest `Retry-After` that is honoured. */
const MAX_RETRY_AFTER = 600_000;
/** How long a hidden page keeps its connection. */
const HIDDEN_GRACE = 30_000;

export class Live {
  /** @type {EventSource | null} */
  #stream = null;
  /** Aborts the running poll. */
  #request = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Ends an attempt to open a stream while polling. @type {ReturnType<typeof setTimeout> | undefined} */
  #attemptTimer;
  /** Stops a hidden page. @type {ReturnType<typeof setTimeout> | undefined} */
  #hiddenTimer;
  #failures = 0;
  #polls = 0;
  /** @type {string | null} */
  #tag = null;
  /** Whether the stream has sent an event since it was opened or broke. */
  #received = false;
  #paused = false;
  #closed = false;

  /** @param {import("./address.js").Address} address @param {Listener} listener */
  constructor(address, listener) {
    this.address = address;
    this.listener = listener;
    this.onVisibilityChange = () => this.#adaptToVisibility();
    document.addEventListener("visibilitychange", this.onVisibilityChange);
    // A page that is opened in a hidden tab polls, so that it takes no stream from visible pages.
    if (document.hidden) {
      this.#fallBack();
      this.#adaptToVisibility();
    } else {
      this.#open();
    }
  }

  close() {
    this.#closed = true;
    document.removeEventListener("visibilitychange", this.onVisibilityChange);
    clearTimeout(this.#hiddenTimer);
    this.#stop();
  }

  /** Pauses or resumes: a paused page has no connection. @param {boolean} paused */
  pause(paused) {
    this.#paused = paused;
    this.#stop();
    if (paused) this.listener.link("paused");
    else this.retry();
  }

  /** Reconnects at once, without back-off. */
  retry() {
    if (this.#closed || this.#paused) return;
    this.#failures = 0;
    this.#open();
  }

  #stop() {
    this.#stream?.close();
    this.#stream = null;
    this.#request.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#attemptTimer);
  }

  #adaptToVisibility() {
    clearTimeout(this.#hiddenTimer);
    if (this.#paused || this.#closed) return;
    if (document.hidden) this.#hiddenTimer = setTimeout(() => this.#stop(), HIDDEN_GRACE);
    else if (!this.#stream) this.retry();
  }

  #open() {
    this.#stop();
    this.#polls = 0;
    this.listener.link(this.#failures ? "reconnecting" : "connecting");
    this.#listen();
    this.#watch(MAX_FIRST_SILENCE);
  }

  /** Opens a stream while polling; polls continue until its first event. */
  #attempt() {
    this.#listen();
    this.#attemptTimer = setTimeout(() => this.#endAttempt(), MAX_FIRST_SILENCE);
  }

  #endAttempt() {
    clearTimeout(this.#attemptTimer);
    this.#stream?.close();
    this.#stream = null;
  }

  #listen() {
    this.#received = false;
    const stream = new EventSource(figures(this.address, "stream"));
    this.#stream = stream;
    stream.addEventListener("update", (event) => {
      this.#receive("live");
      this.listener.answer(JSON.parse(event.data));
    });
    stream.addEventListener("heartbeat", (event) => {
      const beat = JSON.parse(event.data);
      this.#receive(beat.code ? "failing" : "live");
      if (!beat.code) this.listener.beat(beat);
    });
    stream.addEventListener("end", (event) => {
      if (JSON.parse(event.data).reason === "not_found") this.#end({ status: 404, code: "not_found", retryAfter: null, fields: [] });
    });
    stream.onerror = () => {
      // After a broken connection the browser reconnects by itself, after the stream's `retry`. If that fails once, the page polls.
      if (stream.readyState === EventSource.CONNECTING && this.#received) {
        this.#received = false;
        this.listener.link("reconnecting");
        this.#watch(MAX_SILENCE);
      } else if (this.#stream === stream) {
        if (this.#polls) this.#endAttempt();
        else this.#fallBack();
      }
    };
  }

  /** Notes an event of the stream, and stops polling. @param {Link} link */
  #receive(link) {
    this.#received = true;
    this.#failures = 0;
    this.#polls = 0;
    this.#request.abort();
    clearTimeout(this.#attemptTimer);
    this.listener.link(link);
    this.#watch(MAX_SILENCE);
  }

  /** Falls back to polling after this silence. @param {number} silence */
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
    const controller = new AbortController();
    this.#request = controller;
    this.#polls += 1;
    // With each attempt to open a stream, the answer is requested without its tag: a 304 has no instants.
    const attempt = this.#polls % POLLS_PER_ATTEMPT === 0;
    const reply = await ask(figures(this.address, "answer"), { signal: controller.signal, tag: attempt ? null : this.#tag });
    if (controller.signal.aborted) return;
    if (reply.ok) {
      this.#failures = 0;
      this.#tag = reply.tag;
      this.listener.link("polling");
      if (reply.value) this.listener.answer(reply.value);
      else this.listener.beat(null);
      if (attempt) this.#attempt();
      this.#timer = setTimeout(() => this.#poll(), POLL_INTERVAL);
    } else if (isTransient(reply.problem)) {
      this.#failures += 1;
      this.listener.link("reconnecting");
      this.listener.problem(reply.problem);
      const retryAfter = Math.min(MAX_RETRY_AFTER, (reply.problem.retryAfter ?? 1) * 1000);
      const wait = Math.max(retryAfter, Math.min(MAX_BACKOFF, 500 * 2 ** this.#failures));
      // With jitter, so that not all pages retry at once, and not before `Retry-After`.
      this.#timer = setTimeout(() => this.#open(), wait * (1 + Math.random() / 4));
    } else {
      this.#end(reply.problem);
    }
  }

  /** Stops after a problem that no retry can solve. @param {Problem} problem */
  #end(problem) {
    this.#stop();
    this.listener.link("over");
    this.listener.problem(problem);
  }
}
