// One quiet voice for who does not see the page: the latest figures, at most twice a minute.

import { h } from "./dom.js";

const APART = 30_000;

export function voice() {
  const element = h("p", { class: "spoken", role: "status", "aria-live": "polite" });
  let last = -Infinity;
  let said = "";
  /** @type {(() => void) | null} */
  let waiting = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const speak = () => {
    waiting?.();
    waiting = null;
    timer = undefined;
  };
  return {
    element,
    /** Says it now, or when it may. @param {string} what that it is about @param {() => string} text */
    say(what, text) {
      if (what === said) {
        waiting = null;
        return;
      }
      waiting = () => {
        last = performance.now();
        said = what;
        element.textContent = text();
      };
      timer ??= setTimeout(speak, Math.max(0, last + APART - performance.now()));
    },
    close: () => clearTimeout(timer),
  };
}
