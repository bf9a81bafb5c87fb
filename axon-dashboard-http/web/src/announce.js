// Announcements for screen readers: the latest figures, at most twice a minute.

import { h } from "./dom.js";

/** The minimum time between two announcements, in milliseconds. */
const MIN_INTERVAL = 30_000;

export function announcer() {
  const element = h("p", { class: "spoken", role: "status", "aria-live": "polite" });
  let last = -Infinity;
  let announced = "";
  /** @type {(() => void) | null} */
  let pending = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const flush = () => {
    pending?.();
    pending = null;
    timer = undefined;
  };
  return {
    element,
    /** Announces a text as soon as the interval allows; a later one replaces it. @param {string} key equal for equal figures, which are not announced twice @param {() => string} text */
    say(key, text) {
      if (key === announced) {
        pending = null;
        return;
      }
      pending = () => {
        last = performance.now();
        announced = key;
        element.textContent = text();
      };
      timer ??= setTimeout(flush, Math.max(0, last + MIN_INTERVAL - performance.now()));
    },
    close: () => clearTimeout(timer),
  };
}
