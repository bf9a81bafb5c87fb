// The definition of a figure, on hover, focus or touch. The whole page has one tooltip, the bubble.

import { h, fill, mark } from "./dom.js";
import { either, known, t } from "./words.js";

/** How long the bubble stays after the pointer has left its button, so that the pointer can reach the bubble, in milliseconds. */
const LEAVE_DELAY = 250;

const bubble = h("div", { class: "bubble", role: "tooltip", id: "bubble", hidden: true, on: { pointerenter: () => clearTimeout(leaving), pointerleave: leave } });
/** @type {Element | null} */
let owner = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;

export function mount() {
  document.body.append(bubble);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && owner) hide();
  });
  // Focusing a button may scroll the page: the bubble of the focused button moves along instead of closing.
  window.addEventListener("scroll", () => (owner && owner === document.activeElement ? put(owner) : hide()), { passive: true, capture: true });
}

function hide() {
  clearTimeout(leaving);
  owner?.removeAttribute("aria-describedby");
  owner = null;
  bubble.hidden = true;
}

/** Closes the bubble after a delay, unless its button has the focus. */
function leave() {
  if (owner !== document.activeElement) leaving = setTimeout(hide, LEAVE_DELAY);
}

/** @param {Element} at @param {(string | Node)[]} lines */
function show(at, lines) {
  hide();
  owner = at;
  // Inside `main`, since all content must be in a landmark.
  at.closest("main")?.append(bubble);
  fill(bubble, ...lines.map((line) => h("p", {}, line)));
  bubble.hidden = false;
  mark(at, "aria-describedby", "bubble");
  put(at);
}

/** Places the bubble above its button, or below if there is no room above. @param {Element} at */
function put(at) {
  const anchor = at.getBoundingClientRect();
  const { width, height } = bubble.getBoundingClientRect();
  const left = Math.max(8, Math.min(anchor.left + anchor.width / 2 - width / 2, innerWidth - width - 8));
  const above = anchor.top - height - 8;
  bubble.style.left = `${left}px`;
  bubble.style.top = `${above > 8 ? above : anchor.bottom + 8}px`;
}

/**
 * A small button that shows the definition of a figure.
 * @param {string} label the figure's name
 * @param {() => (string | Node)[]} lines
 */
export function hint(label, lines) {
  const say = () => show(button, lines());
  const button = h("button", {
    type: "button",
    class: "hint",
    "aria-label": t("frame.definition", { figure: label }),
    on: {
      pointerenter: say,
      pointerleave: leave,
      focus: say,
      blur: hide,
      click: () => (owner === button ? undefined : say()),
    },
  }, "?");
  return button;
}

/**
 * A hint with the definition of a figure, or with its name only while the definitions are unknown.
 * @param {Map<string, import("./types.js").Definition>} definitions
 * @param {string} key
 * @param {string} label
 */
export function definition(definitions, key, label) {
  return hint(label, () => {
    const text = definitions.get(key);
    if (!text) return [label];
    const unit = `unit.${text.unit}`;
    return [
      h("strong", {}, either(text.ko, text.en)),
      either(text.formulaKo, text.formulaEn),
      `${t("frame.unit", { unit: known(unit) ? t(unit) : text.unit })} · ${t("frame.source", { source: text.source })}`,
    ];
  });
}
