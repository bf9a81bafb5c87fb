// The table of a campaign's activities: sortable, each with a link to its page.

import { follow, link } from "../address.js";
import { h, mark, write } from "../dom.js";
import * as format from "../format.js";
import { Frame } from "../frame.js";
import { definition } from "../hint.js";
import { Table } from "../table.js";
import { t } from "../words.js";
import { figureIn } from "./funnel.js";

/** @typedef {import("../types.js").Answer} Answer */
/** @typedef {import("../types.js").ActivityRow} Row */

const FIGURES = /** @type {const} */ (["totalVisits", "totalParticipants", "approvedCount", "purchaseCount", "conversionRate", "remainingStock"]);
const PHASES = { not_started: 0, running: 1, ended: 2 };

/** @param {import("../pages/scope.js").Context} context */
export function activities({ address, definitions, retry }) {
  /** @type {Answer | undefined} */
  let answer;
  const table = new Table({
    caption: t("activities.title"),
    columns: [
      { key: "name", title: t("activities.name"), text: true },
      { key: "phase", title: t("activities.phase"), text: true },
      ...FIGURES.map((key) => ({ key, title: t(`activities.${key}`), extra: definition(definitions, `activities[].${key}`, t(`activities.${key}`)) })),
    ],
    key: (/** @type {Row} */ row) => row.activityKey,
    write: ([name, phase, ...figures], row) => {
      if (!name || !phase) return;
      let anchor = /** @type {HTMLAnchorElement | null} */ (name.firstElementChild);
      if (!anchor) {
        const target = { ...address, view: /** @type {const} */ ("activity"), id: row.activityKey };
        anchor = h("a", { href: link(target), on: { click: follow(target) } }, h("bdi", { "data-name": true }));
        name.append(anchor);
      }
      write(/** @type {Element} */ (anchor.firstElementChild), row.name);
      let badge = phase.firstElementChild;
      if (!badge) {
        badge = h("span", { class: "badge" });
        phase.append(badge);
      }
      mark(badge, "data-phase", row.phase);
      write(badge, t(`phase.${row.phase}`));
      FIGURES.forEach((figure, index) => {
        const cell = figures[index];
        const text = figure === "conversionRate" ? format.percent(row[figure]) : format.count(row[figure]);
        if (cell) figureIn(cell, text, answer?.widgets.activities, `activities[${row.activityKey}].${figure}`);
      });
    },
    sort: (row, column) => {
      if (column === "name") return row.name;
      if (column === "phase") return PHASES[row.phase];
      return row[/** @type {typeof FIGURES[number]} */ (column)];
    },
  });
  const frame = new Frame({
    widget: "activities", name: "activities", title: t("activities.title"), retry,
    rows: () => [
      [t("activities.name"), t("activities.phase"), ...FIGURES.map((figure) => t(`activities.${figure}`))],
      ...table.rows().map((row) => [row.name, t(`phase.${row.phase}`), ...FIGURES.map((figure) => row[figure])]),
    ],
  });
  const note = h("p", { class: "quiet", hidden: true }, t("activities.inCounts"));
  frame.body.append(table.element, note);

  return {
    frame,
    /** @param {Answer} latest */
    update(latest) {
      answer = latest;
      if (!frame.update(latest)) return;
      const rows = latest.data.activities ?? [];
      note.hidden = latest.mode === "count";
      if (rows.length === 0) table.empty(t("activities.empty"));
      else table.update(rows);
    },
  };
}
