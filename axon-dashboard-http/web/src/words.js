// The page's texts in both languages. A key without a text is shown itself; a test fails for it.

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

/** Sets the page's language. @param {"ko" | "en"} name */
export function speak(name) {
  language = name;
  document.documentElement.lang = name;
}

/**
 * The text of a key, with each `{name}` replaced by its value.
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = LANGUAGES[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Whether there is a text for a key, which may contain a code of the server. @param {string} key @returns {key is Key} */
export function known(key) {
  return Object.hasOwn(LANGUAGES[language], key);
}

/** The text in the page's language. @param {string} korean @param {string} english */
export function either(korean, english) {
  return language === "ko" ? korean : english;
}
