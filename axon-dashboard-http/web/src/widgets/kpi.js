// The key figures: four totals and the conversion rate, each with its change against the previous period.

import { h, mark, spoken, write } from "../dom.js";
import { element, put } from "../figure.js";
import * as format from "../format.js";
import { Frame } from "../frame.js";
import { definition } from "../hint.js";
import { reason } from "../notes.js";
import { t } from "../words.js";

/** @typedef {import("../types.js").Answer} Answer */
/** @typedef {import("../types.js").WidgetState} WidgetState */

/** @type {(keyof import("../types.js").OverviewFigures)[]} */
const FIGURES = ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount", "conversionRate"];

/** Longer figures, in characters, are written smaller, to fit a phone. */
const LONG = 9;

/** @param {string} name */
const formatOf = (name) => (name === "conversionRate" ? format.percent : format.count);

/** @param {import("../pages/scope.js").Context} context */
export function kpi({ definitions, retry }) {
  /** @type {Answer["data"]["overview"]} */
  let latest;
  const cards = FIGURES.map((name) => {
    const label = t(`kpi.${name}`);
    const value = element(name);
    const before = element(`previous.${name}`);
    const change = h("span", { class: "change", "data-figure": `change.${name}` });
    const card = h("div", { class: "card" },
      h("dt", {}, label, definition(definitions, `overview.${name}`, label)),
      h("dd", {}, value, h("span", { class: "card-change" }, change, h("span", { class: "before" }, t("kpi.before"), " ", before))));
    return { name, value, before, change, card };
  });
  const mode = h("span", { class: "quiet" });
  const frame = new Frame({
    widget: "overview", name: "kpi", title: t("kpi.title"), retry, tools: [mode],
    rows: () => [
      [t("kpi.figure"), t("kpi.value"), t("kpi.before"), t("kpi.change")],
      ...FIGURES.map((name) => [t(`kpi.${name}`), latest?.[name], latest?.previous?.[name], latest?.change?.[name]]),
    ],
  });
  frame.body.append(h("dl", { class: "cards" }, ...cards.map(({ card }) => card)));

  return {
    frame,
    /** @param {Answer} answer */
    update(answer) {
      if (!frame.update(answer)) return;
      const overview = answer.data.overview;
      const state = answer.widgets.overview;
      latest = overview;
      write(mode, `${t("mode.label")}: ${t(answer.mode === "count" ? "mode.count" : "mode.unique")}`);
      for (const { name, value, before, change } of cards) {
        const text = formatOf(name)(overview?.[name]);
        put(value, text, state, name);
        value.classList.toggle("long", text.length > LONG);
        put(before, formatOf(name)(overview?.previous?.[name]), state, `previous.${name}`);
        showChange(change, overview?.change?.[name] ?? null, state, `change.${name}`);
      }
    },
  };
}

/** Shows a change. Its direction is an arrow and words, never colour alone. @param {HTMLElement} at @param {number | null} value @param {WidgetState | undefined} state @param {string} field */
function showChange(at, value, state, field) {
  const direction = value === null ? "none" : value > 0 ? "up" : value < 0 ? "down" : "same";
  const text = value === null ? format.NONE : format.change(value);
  const missing = state?.missing.find((one) => one.field === field);
  const sentence = direction === "none"
    ? `${t("kpi.noChange")}${missing ? `: ${reason(missing)}` : ""}`
    : direction === "same" ? t("kpi.change.same")
    : t(`kpi.change.${direction}`, { change: text.replace(/^[+\-−]/, "") });
  if (at.dataset.direction === direction && at.title === sentence) return;
  mark(at, "data-direction", direction);
  at.title = sentence;
  const arrow = { up: "▲", down: "▼", same: "=", none: "" }[direction];
  at.replaceChildren(h("span", { "aria-hidden": "true" }, arrow ? `${arrow} ${text.replace(/^[+\-−]/, "")}` : text), spoken(sentence));
}
