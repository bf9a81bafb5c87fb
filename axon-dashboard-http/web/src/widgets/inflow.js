// Visits per hour of the last day. The bar of the hour in progress is hollow: its count is not final, and is not extrapolated.

import { base, Picture } from "../chart.js";
import { h, write } from "../dom.js";
import * as format from "../format.js";
import { Frame } from "../frame.js";
import { definition } from "../hint.js";
import { reason } from "../notes.js";
import { Table } from "../table.js";
import { t } from "../words.js";

/** @typedef {import("../types.js").Answer} Answer */
/** @typedef {import("../types.js").InflowBucket & {hour: string}} Hour a bucket with its label on the page */

/** @param {import("../pages/scope.js").Context} context */
export function inflow({ definitions, retry }) {
  /** @type {Hour[]} */
  let hours = [];
  const picture = new Picture("inflow", describe);
  const reasonText = h("p", { class: "quiet empty", hidden: true });
  const table = new Table({
    caption: t("inflow.title"),
    columns: [{ key: "hour", title: t("inflow.hour"), text: true }, { key: "visits", title: t("inflow.visits") }],
    key: (/** @type {Hour} */ { from }) => from,
    write: ([name, visits], hour) => {
      if (!name || !visits) return;
      write(name, hour.hour + (open(hour) ? ` (${t("inflow.inProgress")})` : ""));
      write(visits, format.count(hour.visits));
    },
  });
  const frame = new Frame({
    widget: "realtime", name: "inflow", title: t("inflow.title"), retry,
    owns: (field) => field === "hourlyInflow", single: true,
    rows: () => [[t("inflow.hour"), t("inflow.visits")], ...hours.map(({ from, visits }) => [from, visits])],
  });
  const content = h("div", {}, h("p", { class: "quiet" }, t("inflow.lead"), definition(definitions, "realtime.hourlyInflow[].visits", t("inflow.title"))), picture.element,
    h("details", { class: "unfold" }, h("summary", {}, t("inflow.table")), table.element));
  frame.body.append(reasonText, content);

  return {
    frame,
    close: () => picture.close(),
    /** @param {Answer} answer */
    update(answer) {
      if (!frame.update(answer)) return;
      const buckets = answer.data.realtime?.hourlyInflow ?? null;
      const missing = answer.widgets.realtime?.missing.find((one) => one.field === "hourlyInflow");
      reasonText.hidden = buckets !== null;
      content.hidden = buckets === null;
      write(reasonText, missing ? reason(missing) : "");
      hours = (buckets ?? []).map((bucket) => ({ ...bucket, hour: format.hour(bucket.from, answer.range.zone) }));
      table.update(hours);
      const bars = hours.map(({ hour, visits }) => t("inflow.bar", { hour, visits: format.count(visits) }));
      picture.update(hours, t("inflow.chart", { hours: bars.join(", ") }));
    },
  };
}

/** @param {Hour} hour */
const open = ({ state }) => state === "in_progress";

/** @param {Hour[]} hours @param {import("../chart.js").Colours} colour */
function describe(hours, colour) {
  const filled = colour("accent-soft");
  return {
    type: "bar",
    data: {
      labels: hours.map(({ hour }) => hour),
      datasets: [{
        data: hours.map(({ visits }) => visits),
        backgroundColor: hours.map((hour) => (open(hour) ? "transparent" : filled)),
        borderColor: colour("accent"),
        borderWidth: hours.map((hour) => (open(hour) ? 2 : 0)),
        borderRadius: 2,
      }],
    },
    options: {
      ...base(),
      scales: {
        x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkip: true, autoSkipPadding: 16 } },
        y: { beginAtZero: true, ticks: { maxTicksLimit: 4, precision: 0, callback: (/** @type {number} */ value) => format.short(value) } },
      },
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            label: (/** @type {{dataIndex: number}} */ item) => {
              const hour = hours[item.dataIndex];
              return hour ? `${t("inflow.visits")} ${format.count(hour.visits)}${open(hour) ? ` (${t("inflow.inProgress")})` : ""}` : "";
            },
          },
        },
      },
    },
  };
}
