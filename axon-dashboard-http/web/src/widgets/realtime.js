// The current state: stock with its thresholds, participants, active users.

import { h, mark, write } from "../dom.js";
import { element, put } from "../figure.js";
import * as format from "../format.js";
import { Frame } from "../frame.js";
import { definition } from "../hint.js";
import { t } from "../words.js";

/** @typedef {import("../types.js").Answer} Answer */

/** Shares of the limit below which stock counts as low or middle. They only choose the bar's colour and word. */
const LOW = 0.1;
const MIDDLE = 0.5;

/** @param {import("../pages/scope.js").Context} context */
export function realtime({ definitions, retry }) {
  /** @type {Answer["data"]["realtime"]} */
  let latest;
  const stock = element("remainingStock");
  const limit = h("span", { class: "of" });
  const level = h("span", { class: "level" });
  const bar = h("span", { class: "stock-fill" });
  const track = h("div", { class: "stock", role: "meter", "aria-label": t("realtime.remainingStock"), "aria-valuemin": "0" }, bar);
  const participants = element("participantsTotal");
  const active = element("activeUsers");
  const updated = h("p", { class: "quiet" });
  /** @param {import("../words.js").Key} key @param {string} figure @param {Node[]} children */
  const item = (key, figure, children) => h("div", { class: "fact" }, h("dt", {}, t(key), definition(definitions, `realtime.${figure}`, t(key))), h("dd", {}, ...children));
  const frame = new Frame({
    widget: "realtime", name: "realtime", title: t("realtime.title"), retry,
    owns: (field) => field !== "hourlyInflow",
    rows: () => [
      [t("kpi.figure"), t("kpi.value")],
      [t("realtime.remainingStock"), latest?.remainingStock],
      [t("figures.initialStock"), latest?.initialStock],
      [t("realtime.participantsTotal"), latest?.participantsTotal],
      [t("realtime.activeUsers"), latest?.activeUsers],
    ],
  });
  frame.body.append(
    h("dl", { class: "facts" },
      item("realtime.remainingStock", "remainingStock", [stock, limit, level, track]),
      item("realtime.participantsTotal", "participantsTotal", [participants]),
      item("realtime.activeUsers", "activeUsers", [active])),
    updated);

  return {
    frame,
    /** @param {Answer} answer */
    update(answer) {
      if (!frame.update(answer)) return;
      const data = answer.data.realtime;
      const state = answer.widgets.realtime;
      if (!data) return;
      latest = data;
      put(stock, format.count(data.remainingStock), state, "remainingStock");
      put(participants, format.count(data.participantsTotal), state, "participantsTotal");
      put(active, format.count(data.activeUsers), state, "activeUsers");
      const { remainingStock: left, initialStock: all } = data;
      write(limit, all === null ? "" : t("realtime.of", { limit: format.count(all) }));
      write(updated, data.lastUpdated ? t("realtime.updated", { time: format.second(data.lastUpdated, answer.range.zone) }) : "");
      const known = left !== null && all !== null && all > 0;
      track.hidden = !known;
      level.hidden = !known;
      if (!known) return;
      const share = left / all;
      const name = left === 0 ? "out" : share < LOW ? "low" : share < MIDDLE ? "middle" : "high";
      bar.style.width = `${share * 100}%`;
      mark(track, "data-level", name);
      mark(level, "data-level", name);
      write(level, t(`realtime.stock.${name}`));
      mark(track, "aria-valuenow", String(left));
      mark(track, "aria-valuemax", String(all));
      mark(track, "aria-valuetext", `${format.count(left)} ${t("realtime.of", { limit: format.count(all) })}, ${t(`realtime.stock.${name}`)}`);
    },
  };
}
