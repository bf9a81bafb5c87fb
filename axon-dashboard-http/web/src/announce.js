// One quiet voice for who does not see the page: the latest figures, at most twice a minute.

import { h } from "./dom.js";

const APART = 30_000;

export function voice() {
  const element = h("p", { class: "spoken", role: "status", "aria-live": "polite" });
  let last = -Infinity;
  let said = "";
  return {
    element,
    /** @param {string} what that it is about @param {() => string} text */
    say(what, text) {
      const now = performance.now();
      if (what === said || now - last < APART) return;
      last = now;
      said = what;
      element.textContent = text();
    },
  };
}
