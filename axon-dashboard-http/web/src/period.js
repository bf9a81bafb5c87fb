// The choice of the period: today, the last 7 or 30 days, or a custom range.

import { go, PERIODS } from "./address.js";
import { choose, days, MAX_DAYS, plus } from "./calendar.js";
import * as clock from "./clock.js";
import { h, icon, ICONS, mark, write } from "./dom.js";
import * as format from "./format.js";
import { t } from "./words.js";

/** @typedef {import("./address.js").Address} Address */
/** @typedef {import("./types.js").Answer} Answer */

/** A group of buttons, one of which is pressed. @template {string} T @param {string} label @param {readonly T[]} names @param {(name: T) => (string | Node)[]} text @param {(name: T) => void} onChoose */
export function choice(label, names, text, onChoose) {
  const buttons = names.map((name) => h("button", { type: "button", "data-value": name, on: { click: () => onChoose(name) } }, ...text(name)));
  return {
    element: h("div", { class: "choice", role: "group", "aria-label": label }, ...buttons),
    /** @param {string} name */
    press: (name) => buttons.forEach((button) => mark(button, "aria-pressed", String(button.dataset.value === name))),
  };
}

/** @param {Address} address */
export function period(address) {
  let zone = "";
  let close = () => {};
  let [from, to] = [address.startDate, address.endDate];
  const range = h("p", { class: "range" });
  const buttons = choice(t("period.label"), PERIODS,
    (name) => (name === "custom" ? [icon(ICONS.calendar), t("period.custom")] : [t(`period.${name}`)]),
    (name) => {
      if (name !== "custom") {
        go({ ...address, period: name, startDate: "", endDate: "" });
        return;
      }
      const today = format.today(clock.now(), zone || undefined);
      // A range that is too long is replaced by the last 7 days.
      const valid = from && to && days(from, to) <= MAX_DAYS;
      close = choose({
        today, zone, from: valid ? from : plus(today, -6), to: valid ? to : today,
        onChoose: (startDate, endDate) => go({ ...address, period: "custom", startDate, endDate }),
      });
    });
  buttons.press(address.period);
  return {
    element: h("div", { class: "period" }, buttons.element, range),
    close: () => close(),
    /** @param {Answer} answer */
    update({ range: { startDate, endDate, zone: businessZone, previous } }) {
      [zone, from, to] = [businessZone, startDate, endDate];
      const dates = startDate === endDate ? format.day(startDate) : t("dates.range", { from: format.day(startDate), to: format.day(endDate) });
      const comparison = previous && t("period.compared", { from: format.minute(previous.from, zone), to: format.minute(previous.to, zone) });
      write(range, [dates, t("period.zone", { zone }), comparison].filter(Boolean).join(" · "));
    },
  };
}
