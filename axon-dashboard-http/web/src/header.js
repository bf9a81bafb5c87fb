// The header of every page: the link to the list, the language, the theme.

import { follow, go, link } from "./address.js";
import { fill, h, icon, ICONS, mark } from "./dom.js";
import { choice } from "./period.js";
import * as theme from "./theme.js";
import { t } from "./words.js";

/** @typedef {import("./address.js").Address} Address */

const LANGUAGES = /** @type {const} */ ({ ko: "한국어", en: "English" });

/** @param {Address} address */
export function header(address) {
  const home = { ...address, view: /** @type {const} */ ("campaigns"), id: "" };
  const languages = choice(t("app.language"), /** @type {("ko" | "en")[]} */ (["ko", "en"]),
    (name) => [h("span", { lang: name }, LANGUAGES[name])], (name) => go({ ...address, lang: name }));
  languages.press(address.lang);
  languages.element.classList.add("small");
  const themeButton = h("button", { type: "button", class: "tool", on: { click: theme.toggle } });
  const showTheme = () => {
    const dark = theme.isDark();
    const label = t(dark ? "app.theme.light" : "app.theme.dark");
    mark(themeButton, "aria-label", label);
    themeButton.title = label;
    fill(themeButton, icon(dark ? ICONS.light : ICONS.dark));
  };
  showTheme();
  const element = h("header", { class: "top" },
    h("a", { class: "skip", href: "#main" }, t("app.skip")),
    h("a", { class: "brand", href: link(home), on: { click: follow(home) } }, h("span", { class: "logo", "aria-hidden": "true" }), t("app.name")),
    h("span", { class: "spacer" }), languages.element, themeButton);
  return { element, close: theme.watch(showTheme) };
}
