// Light or dark: as the system says, until the viewer chooses. Colours of charts come from the style sheet.

const KEY = "axon-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Where nothing can be stored a choice holds as long as the page. @type {string | null} */
let choice = null;

function chosen() {
  try {
    return localStorage.getItem(KEY) ?? choice;
  } catch {
    return choice;
  }
}

export function isDark() {
  const name = chosen();
  return name ? name === "dark" : dark.matches;
}

function apply() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  window.dispatchEvent(new Event("axon:theme"));
}

export function start() {
  dark.addEventListener("change", apply);
  apply();
}

export function toggle() {
  choice = isDark() ? "light" : "dark";
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // It is not remembered.
  }
  apply();
}

/** @param {() => void} changed @returns {() => void} the way to stop listening */
export function watch(changed) {
  window.addEventListener("axon:theme", changed);
  return () => window.removeEventListener("axon:theme", changed);
}

/** A colour of the style sheet. @param {string} name */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
