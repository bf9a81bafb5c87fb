// Sales of the promotion, beside regular sales of the same time and the baseline, which is computed from the weeks before.

import { base, Picture } from "../chart.js";
import { h, mark, write } from "../dom.js";
import * as format from "../format.js";
import { Frame } from "../frame.js";
import { definition } from "../hint.js";
import { Table } from "../table.js";
import { t } from "../words.js";
import { figureIn } from "./funnel.js";

/** @typedef {import("../types.js").Answer} Answer */
/** @typedef {import("../types.js").Comparison} Comparison */
/** @typedef {"promotion" | "regular" | "baseline"} Kind */
/** @typedef {"orders" | "revenue"} Measure */

/** @type {Kind[]} */
const KINDS = ["promotion", "regular", "baseline"];
/** @type {Measure[]} */
const MEASURES = ["orders", "revenue"];
/** The figures of each group of bars: all in one unit. */
const GROUPS = { orders: /** @type {const} */ (["orders", "quantity", "buyers"]), revenue: /** @type {const} */ (["revenue"]) };
const FIGURES = /** @type {const} */ (["orders", "quantity", "revenue", "buyers", "cancelled"]);
/** @typedef {typeof FIGURES[number]} Figure */
/** The baseline has no cancelled orders. The server does not list that as missing, so the page adds it. */
const NO_FIGURE = { field: "baseline.cancelled", reason: "not_supported", detail: null, source: null, message: "" };

/** @param {import("../pages/scope.js").Context} context */
export function promotion({ definitions, retry }) {
  /** @type {Measure} */
  let measure = "orders";
  /** @type {Answer | undefined} */
  let answer;
  const picture = new Picture("promotion", describe);
  const buttons = MEASURES.map((name) => h("button", {
    type: "button", "aria-pressed": String(name === measure), "data-measure": name,
    on: { click: () => choose(name) },
  }, t(`promotion.measure.${name}`)));
  const table = new Table({
    caption: t("promotion.title"),
    columns: [
      { key: "figure", title: t("kpi.figure"), text: true },
      ...KINDS.map((kind) => ({ key: kind, title: t(`promotion.${kind}`) })),
    ],
    key: (/** @type {Figure} */ figure) => figure,
    write: ([name, ...cells], figure) => {
      const comparison = answer?.data.comparison;
      if (!comparison || !name) return;
      if (!name.firstChild) {
        const label = t(`promotion.${figure}`);
        name.append(label, definition(definitions, `comparison.promotion.${figure}`, label));
      }
      const whole = answer?.widgets.comparison;
      const state = whole && { ...whole, missing: [...whole.missing, NO_FIGURE] };
      KINDS.forEach((kind, index) => {
        const cell = cells[index];
        if (cell) figureIn(cell, text(comparison, kind, figure), state, `${kind}.${figure}`);
      });
    },
  });
  const method = h("p", { class: "quiet" });
  const others = h("p", { class: "quiet" });
  const tools = h("div", { class: "choice small", role: "group", "aria-label": t("promotion.measure") }, ...buttons);
  const frame = new Frame({
    widget: "comparison", name: "promotion", title: t("promotion.title"), retry, tools: [tools],
    rows: () => [
      [t("kpi.figure"), ...KINDS.map((kind) => t(`promotion.${kind}`))],
      ...FIGURES.map((figure) => [t(`promotion.${figure}`), ...KINDS.map((kind) => answer?.data.comparison && raw(answer.data.comparison, kind, figure))]),
    ],
  });
  frame.body.append(h("div", { class: "beside" }, picture.element, table.element), method, others, h("p", { class: "quiet" }, t("promotion.caveat")));

  /** @param {Measure} name */
  function choose(name) {
    measure = name;
    for (const button of buttons) mark(button, "aria-pressed", String(button.dataset.measure === name));
    draw();
  }

  function draw() {
    const comparison = answer?.data.comparison;
    if (!comparison) return;
    const bars = KINDS.map((kind) => `${t(`promotion.${kind}`)} ${text(comparison, kind, measure)}`);
    picture.update({ comparison, measure }, t("promotion.chart", { measure: t(`promotion.measure.${measure}`), bars: bars.join(", ") }));
  }

  return {
    frame,
    close: () => picture.close(),
    /** @param {Answer} latest */
    update(latest) {
      answer = latest;
      if (!frame.update(latest)) return;
      const comparison = latest.data.comparison;
      if (!comparison) return;
      table.update([...FIGURES]);
      const { method: how, weeks } = comparison.baseline;
      method.hidden = !how;
      write(method, how ? t(`promotion.method.${how}`, { weeks: format.count(weeks) }) : "");
      const list = (comparison.otherPromotions ?? []).map((one) => t("promotion.other", { activity: one.activityKey, orders: format.count(one.orders) }));
      others.hidden = list.length === 0;
      write(others, t("promotion.others", { list: list.join(", ") }));
      draw();
    },
  };
}

/** @param {Comparison} comparison @param {Kind} kind @param {Figure} figure */
function raw(comparison, kind, figure) {
  if (kind === "baseline") return figure === "cancelled" ? null : comparison.baseline[figure];
  return comparison[kind][figure];
}

/** @param {Comparison} comparison @param {Kind} kind @param {Figure} figure */
function text(comparison, kind, figure) {
  const value = raw(comparison, kind, figure);
  return figure === "revenue" ? format.money(/** @type {string | null} */ (value), comparison.currency, kind === "baseline") : format.count(/** @type {number | null} */ (value));
}

/** @param {{comparison: Comparison, measure: Measure}} shown @param {import("../chart.js").Colours} colour */
function describe({ comparison, measure }, colour) {
  const groups = GROUPS[measure];
  return {
    type: "bar",
    data: {
      labels: groups.map((figure) => t(`promotion.${figure}`)),
      datasets: KINDS.map((kind) => ({
        label: t(`promotion.${kind}`),
        // A missing figure has no bar; money becomes a number for its height only.
        data: groups.map((figure) => {
          const value = raw(comparison, kind, figure);
          return value === null ? null : Number(value);
        }),
        // Distinguishable without colours: the baseline is hollow.
        backgroundColor: kind === "baseline" ? "transparent" : colour(kind),
        borderColor: colour(kind),
        borderWidth: kind === "baseline" ? 2 : 0,
        borderRadius: 3,
        maxBarThickness: 44,
      })),
    },
    options: {
      ...base(),
      scales: { x: { grid: { display: false } }, y: { beginAtZero: true, ticks: { maxTicksLimit: 5, precision: 0, callback: (/** @type {number} */ value) => format.short(value) } } },
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            label: (/** @type {{datasetIndex: number, dataIndex: number}} */ item) => {
              const [kind, figure] = [KINDS[item.datasetIndex], groups[item.dataIndex]];
              return kind && figure ? `${t(`promotion.${kind}`)} ${text(comparison, kind, figure)}` : "";
            },
          },
        },
      },
    },
  };
}
