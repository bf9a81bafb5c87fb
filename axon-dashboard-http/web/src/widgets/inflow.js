// Visits per hour of the last day. The hour in progress is hollow: it is not over, and nothing is guessed of its rest.

import { base, Picture } from "../chart.js";
import { h, write } from "../dom.js";
import * as format from "../format.js";
import { Frame } from "../frame.js";
import { reason } from "../notes.js";
import { Table } from "../table.js";
import { t } from "../words.js";

/** @typedef {import("../types.js").Answer} Answer */
/** @typedef {import("../types.js").InflowBucket} Bucket */

/** @param {import("../pages/scope.js").Context} context */
export function inflow({ retry }) {
  /** @type {Bucket[]} */
  let hours = [];
  let zone = "UTC";
  const picture = new Picture("inflow", (/** @type {{hours: Bucket[], zone: string}} */ shown, colour) => describe(shown, colour));
  const lost = h("p", { class: "quiet empty", hidden: true });
  const table = new Table({
    caption: t("inflow.title"),
    columns: [{ key: "hour", title: t("inflow.hour"), text: true }, { key: "visits", title: t("inflow.visits") }],
    key: (/** @type {Bucket} */ bucket) => bucket.from,
    write: ([name, visits], bucket) => {
      if (!name || !visits) return;
      write(name, format.hour(bucket.from, zone) + (bucket.state === "in_progress" ? ` (${t("inflow.inProgress")})` : ""));
      write(visits, format.count(bucket.visits));
    },
  });
  const frame = new Frame({
    widget: "realtime", name: "inflow", title: t("inflow.title"), retry,
    owns: (field) => field === "hourlyInflow", single: true,
    rows: () => [[t("inflow.hour"), t("inflow.visits")], ...hours.map((bucket) => [bucket.from, bucket.visits])],
  });
  const whole = h("div", {}, h("p", { class: "quiet" }, t("inflow.lead")), picture.element,
    h("details", { class: "unfold" }, h("summary", {}, t("inflow.table")), table.element));
  frame.body.append(lost, whole);

  return {
    frame,
    close: () => picture.close(),
    /** @param {Answer} answer */
    update(answer) {
      if (!frame.update(answer)) return;
      const found = answer.data.realtime?.hourlyInflow ?? null;
      const missing = answer.widgets.realtime?.missing.find((one) => one.field === "hourlyInflow");
      lost.hidden = found !== null;
      whole.hidden = found === null;
      write(lost, missing ? reason(missing) : "");
      hours = found ?? [];
      zone = answer.range.zone;
      table.update(hours);
      const bars = hours.map((bucket) => t("inflow.bar", { hour: format.hour(bucket.from, zone), visits: format.count(bucket.visits) }));
      picture.update({ hours, zone }, t("inflow.chart", { hours: bars.join(", ") }));
    },
  };
}

/** @param {{hours: Bucket[], zone: string}} shown @param {import("../chart.js").Colours} colour */
function describe({ hours, zone }, colour) {
  const open = (/** @type {Bucket} */ bucket) => bucket.state === "in_progress";
  return {
    type: "bar",
    data: {
      labels: hours.map((bucket) => format.hour(bucket.from, zone)),
      datasets: [{
        data: hours.map((bucket) => bucket.visits),
        backgroundColor: hours.map((bucket) => (open(bucket) ? "transparent" : colour("accent-soft"))),
        borderColor: colour("accent"),
        borderWidth: hours.map((bucket) => (open(bucket) ? 2 : 0)),
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
              const bucket = hours[item.dataIndex];
              return bucket ? `${t("inflow.visits")} ${format.count(bucket.visits)}${open(bucket) ? ` (${t("inflow.inProgress")})` : ""}` : "";
            },
          },
        },
      },
    },
  };
}
