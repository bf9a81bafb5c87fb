// The page's own words. A key that has none is shown as it is, and a test finds it.

import en from "./i18n/en.js";
import ko from "./i18n/ko.js";

/** @typedef {keyof typeof ko} Key */

/** @type {Record<"ko" | "en", Record<string, string>>} */
const LANGUAGES = { ko, en };

/** @type {"ko" | "en"} */
let language = "ko";

export function lang() {
  return language;
}

/** @param {"ko" | "en"} chosen */
export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
}

/**
 * A sentence, `{name}` in it replaced.
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = LANGUAGES[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Whether there are words for a code that came over the wire. @param {string} key @returns {key is Key} */
export function known(key) {
  return Object.hasOwn(LANGUAGES[language], key);
}

/** The one of two texts that is in the page's language. @param {string} korean @param {string} english */
export function either(korean, english) {
  return language === "ko" ? korean : english;
}
