// A figure in its place: written only when it changed, and a dash with its reason where it is missing.

import { h, mark, spoken, write } from "./dom.js";
import { NONE } from "./format.js";
import * as notes from "./notes.js";

/** @typedef {import("./types.js").WidgetState} WidgetState */

/** A place for a figure. @param {string} [name] for tests and style */
export function place(name) {
  return h("span", { class: "figure", "data-figure": name ?? null }, NONE);
}

/**
 * Writes a figure. Where it is missing, the dash says why to everybody: as a title, and as text that is read out.
 * @param {HTMLElement} at
 * @param {string} text
 * @param {WidgetState | undefined} state
 * @param {string} field its path inside the widget
 */
export function put(at, text, state, field) {
  if (text !== NONE) {
    mark(at, "title", null);
    at.classList.remove("missing");
    const had = at.dataset.shown;
    // What is to be expected grows by itself, each second: no news.
    if (write(at, text) && had && had !== text && !field.startsWith("baseline.")) flash(at);
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

/** A number that moved is marked for a moment. @param {HTMLElement} at */
function flash(at) {
  at.classList.remove("changed");
  requestAnimationFrame(() => at.classList.add("changed"));
}
