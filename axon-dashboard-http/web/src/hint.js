// What a figure means, on hover, focus or touch. One bubble for the whole page.

import { h, fill, mark } from "./dom.js";
import { either, known, t } from "./words.js";

/** So long the way from a button to its bubble may take. */
const WAY = 250;

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
  // What has the focus may be scrolled into sight by it.
  window.addEventListener("scroll", () => (owner && owner === document.activeElement ? put(owner) : hide()), { passive: true, capture: true });
}

function hide() {
  clearTimeout(leaving);
  owner?.removeAttribute("aria-describedby");
  owner = null;
  bubble.hidden = true;
}

/** The pointer went, perhaps on to the bubble. Who has the focus keeps it. */
function leave() {
  if (owner !== document.activeElement) leaving = setTimeout(hide, WAY);
}

/** @param {Element} at @param {(string | Node)[]} lines */
function show(at, lines) {
  hide();
  owner = at;
  // Among what it is about, not beside the page.
  at.closest("main")?.append(bubble);
  fill(bubble, ...lines.map((line) => h("p", {}, line)));
  bubble.hidden = false;
  mark(at, "aria-describedby", "bubble");
  put(at);
}

/** Above what it is about, or below where there is no room. @param {Element} at */
function put(at) {
  const anchor = at.getBoundingClientRect();
  const { width, height } = bubble.getBoundingClientRect();
  const left = Math.max(8, Math.min(anchor.left + anchor.width / 2 - width / 2, innerWidth - width - 8));
  const above = anchor.top - height - 8;
  bubble.style.left = `${left}px`;
  bubble.style.top = `${above > 8 ? above : anchor.bottom + 8}px`;
}

/**
 * A small button that says what a figure means.
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
 * The definition of a figure by its key, once it is known.
 * @param {Map<string, import("./types.js").Definition>} definitions
 * @param {string} key
 * @param {string} label
 */
export function definition(definitions, key, label) {
  return hint(label, () => {
    const found = definitions.get(key);
    if (!found) return [label];
    const unit = `unit.${found.unit}`;
    return [
      h("strong", {}, either(found.ko, found.en)),
      either(found.formulaKo, found.formulaEn),
      `${t("frame.unit", { unit: known(unit) ? t(unit) : found.unit })} · ${t("frame.source", { source: found.source })}`,
    ];
  });
}
