// The theme, light or dark: the system's until the viewer chooses one. Charts take their colours from the style sheet.

const KEY = "axon-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const still = matchMedia("(prefers-reduced-motion: reduce)");

/** The choice while the page is open, in case the browser stores nothing. @type {string | null} */
let choice = null;

function storedChoice() {
  try {
    return localStorage.getItem(KEY) ?? choice;
  } catch {
    return choice;
  }
}

export function isDark() {
  const name = storedChoice();
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
    // The browser stores nothing: the choice holds while the page is open.
  }
  apply();
}

/** Calls back when the theme changes. @param {() => void} onChange @returns {() => void} stops the calls */
export function watch(onChange) {
  window.addEventListener("axon:theme", onChange);
  return () => window.removeEventListener("axon:theme", onChange);
}

/** A colour of the style sheet. @param {string} name */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
