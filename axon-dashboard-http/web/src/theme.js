// Light or dark: as the system says, until the viewer chooses. Colours of charts come from the style sheet.

const KEY = "axon-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export const still = matchMedia("(prefers-reduced-motion: reduce)");

function chosen() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function isDark() {
  const choice = chosen();
  return choice ? choice === "dark" : dark.matches;
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
  const next = isDark() ? "light" : "dark";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Without storage the choice holds as long as the page.
    document.documentElement.dataset.theme = next;
    window.dispatchEvent(new Event("axon:theme"));
    return;
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
