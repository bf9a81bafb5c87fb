// Texts of missing figures and of warnings.

import * as format from "./format.js";
import { WIDGETS } from "./widgets/registry.js";
import { known, lang, t } from "./words.js";

/** @typedef {import("./types.js").MissingFigure} MissingFigure */
/** @typedef {import("./types.js").Warning} Warning */
/** @typedef {import("./types.js").WidgetName} WidgetName */
/** @typedef {import("./types.js").Answer} Answer */

/** The most figures that are named for one reason; the others are counted. */
const MAX_NAMED = 4;

/** @param {{reason: string, detail: string | null}} missing */
export function reason({ reason, detail }) {
  for (const code of [detail, reason]) {
    const key = `reason.${code}`;
    if (known(key)) return t(key);
  }
  return t("reason.unknown", { code: detail ?? reason });
}

/** @type {WeakMap<MissingFigure[], Map<string, MissingFigure>>} */
const byField = new WeakMap();

/** The missing figure of a path, if any. There may be thousands, so each list is indexed once. @param {MissingFigure[]} missing @param {string} field */
export function of(missing, field) {
  let fields = byField.get(missing);
  if (!fields) {
    fields = new Map(missing.map((one) => [one.field, one]));
    byField.set(missing, fields);
  }
  return fields.get(field);
}

/**
 * The reasons of a widget, one line for all figures that share one.
 * @param {WidgetName} widget @param {MissingFigure[]} missing @param {Answer} answer
 */
export function reasons(widget, missing, answer) {
  /** @type {Map<string, MissingFigure[]>} */
  const groups = new Map();
  for (const one of missing) {
    const key = JSON.stringify([one.reason, one.detail, one.source]);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()].map((group) => {
    const names = group.slice(0, MAX_NAMED).map((one) => figure(widget, one.field, answer)).join(", ");
    const figures = group.length > MAX_NAMED ? `${names} ${t("figure.more", { count: group.length - MAX_NAMED })}` : names;
    const [first] = group;
    const source = first?.source;
    const values = { figures, reason: first ? reason(first) : "", source: source ?? "" };
    return source ? t("note.missing.source", values) : t("note.missing", values);
  });
}

/** @param {WidgetName} widget @param {Warning} warning @param {Answer} answer */
export function warning(widget, { code, field, data = {} }, answer) {
  if (code === "records_left_out") return leftOut(widget, field, data, answer);
  const key = `warning.${code}`;
  if (!known(key)) return t("warning.unknown", { code });
  /** @type {Record<string, string>} */
  const values = { figure: field ? figure(widget, field, answer) : "" };
  for (const name of ["limit", "held", "counter", "members", "seconds", "hours", "rows", "records"]) {
    values[name] = format.count(number(data[name]));
  }
  return t(key, values);
}

/**
 * Records that were left out: of a figure, or somewhere in a store.
 * @param {WidgetName} widget @param {string | undefined} field @param {NonNullable<Warning["data"]>} data @param {Answer} answer
 */
function leftOut(widget, field, data, answer) {
  const why = `left_out.${data.reason}`;
  const values = {
    figure: field ? figure(widget, field, answer) : "",
    source: String(data.source ?? ""),
    records: format.count(number(data.records)),
    of: format.count(number(data.of)),
    why: known(why) ? t(why) : String(data.reason),
  };
  if (typeof data.records !== "number") return t("left_out.uncounted", values);
  return t(data.where === "store" ? "left_out.in_store" : "warning.records_left_out", values);
}

/** @param {number | string | null | undefined} value */
function number(value) {
  return typeof value === "number" ? value : null;
}

/**
 * The name of a figure on the page, by its path inside a widget.
 * @param {WidgetName} widget @param {string} field @param {Answer} answer
 * @returns {string}
 */
export function figure(widget, field, answer) {
  const before = field.match(/^(previous|change)\.(.+)$/);
  if (before?.[2]) {
    const inner = figure(widget, before[2], answer);
    return before[1] === "previous" ? t("figure.previous", { figure: inner }) : t("figure.change", { figure: inner });
  }
  const step = field.match(/^steps\[(\d+)\]\.(previous\.)?(\w+)$/);
  if (step) {
    const data = answer.data.funnel?.steps[Number(step[1])];
    const owner = data ? (lang() === "ko" ? data.name : data.nameEn) : t("funnel.step");
    const name = step[3] === "value" ? owner : t("figure.of", { owner, figure: word(`funnel.${step[3]}`) });
    return step[2] ? t("figure.previous", { figure: name }) : name;
  }
  const activity = field.match(/^activities\[(\d+)\]\.(\w+)$/);
  if (activity) {
    const id = activity[1] ?? "";
    const owner = answer.data.activities?.find((row) => row.activityKey === id)?.name ?? t("figure.activity", { id });
    const key = known(`activities.${activity[2]}`) ? `activities.${activity[2]}` : `realtime.${activity[2]}`;
    return t("figure.of", { owner, figure: word(key) });
  }
  const sales = field.match(/^(promotion|regular|baseline)(?:\.([\w.]+))?$/);
  if (sales) {
    const owner = word(`promotion.${sales[1]}`);
    return sales[2] ? t("figure.of", { owner, figure: word(`promotion.${sales[2].replace(".", "_")}`) }) : owner;
  }
  return word(`${WIDGETS[widget].words}.${field}`);
}

/** @param {string} key */
function word(key) {
  if (known(key)) return t(key);
  const last = `figures.${key.split(".").pop()}`;
  return known(last) ? t(last) : String(key.split(".").pop());
}
