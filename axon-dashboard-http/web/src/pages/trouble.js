// The view of a problem, in place of a page without figures: the reason, a button to retry, and a link to the list.

import { follow, link } from "../address.js";
import { h, icon, ICONS } from "../dom.js";
import { known, t } from "../words.js";

/** @param {import("../types.js").Problem} problem @param {import("../address.js").Address} address */
export function sentence({ code, fields }, address) {
  if (code === "not_found") return t(address.view === "activity" ? "problem.not_found.activity" : "problem.not_found.campaign");
  if (code === "invalid_request") {
    const ids = ["campaignId", "activityId"];
    return fields.some((field) => ids.includes(field)) || fields.length === 0 ? t("problem.invalid_request.id") : t("problem.invalid_request", { fields: fields.join(", ") });
  }
  const key = `problem.${code}`;
  return known(key) ? t(key) : t("problem.unknown", { code });
}

/** @param {import("../types.js").Problem} problem @param {import("../address.js").Address} address @param {() => void} retry @param {"h1" | "h2"} [heading] */
export function trouble(problem, address, retry, heading = "h2") {
  const home = { ...address, view: /** @type {const} */ ("campaigns"), id: "" };
  return h("div", { class: "trouble", role: "alert", "data-problem": problem.code },
    icon(ICONS.warn), h(heading, {}, t("problem.title")), h("p", {}, sentence(problem, address)),
    h("p", { class: "ways" },
      h("button", { type: "button", class: "button", on: { click: retry } }, t("problem.retry")),
      address.view === "campaigns" ? null : h("a", { class: "button", href: link(home), on: { click: follow(home) } }, t("problem.home"))));
}
