// The element of a figure: it is written only if the figure has changed, and shows a dash with the reason if it is missing.

import { h, mark, spoken, write } from "./dom.js";
import { NONE } from "./format.js";
import * as notes from "./notes.js";

/** @typedef {import("./types.js").WidgetState} WidgetState */

/** The element of a figure, without a value yet. @param {string} [name] for tests and style */
export function element(name) {
  return h("span", { class: "figure", "data-figure": name ?? null }, NONE);
}

/**
 * Writes a figure. The reason of a missing one is the title of the dash, and text for screen readers.
 * @param {HTMLElement} at
 * @param {string} text
 * @param {WidgetState | undefined} state
 * @param {string} field its path inside the widget
 */
export function put(at, text, state, field) {
  if (text !== NONE) {
    mark(at, "title", null);
    at.classList.remove("missing");
    const before = at.dataset.shown;
    // The baseline grows each second by itself, so its changes are not marked.
    if (write(at, text) && before && before !== text && !field.startsWith("baseline.")) flash(at);
    at.dataset.shown = text;
    return;
  }
  const missing = state && notes.of(state.missing, field);
  const why = missing ? notes.reason(missing) : "";
  if (at.classList.contains("missing") && at.title === why) return;
  at.classList.add("missing");
  mark(at, "title", why || null);
  at.replaceChildren(h("span", { "aria-hidden": "true" }, NONE), spoken(why || NONE));
  delete at.dataset.shown;
}

/** Marks a changed number for a moment. @param {HTMLElement} at */
function flash(at) {
  at.classList.remove("changed");
  requestAnimationFrame(() => at.classList.add("changed"));
}
