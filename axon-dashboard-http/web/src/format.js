// Texts of numbers and dates. The server computes all counts and rates; this module only formats them.

import { lang } from "./words.js";

/** The text of a missing figure. */
export const NONE = "–";

/** @type {Map<string, any>} */
const formatters = new Map();

/**
 * A cached formatter: making one is expensive.
 * @template T
 * @param {string} key
 * @param {() => T} make
 * @returns {T}
 */
function once(key, make) {
  const cached = formatters.get(key);
  if (cached) return cached;
  const formatter = make();
  formatters.set(key, formatter);
  return formatter;
}

/** @param {Intl.NumberFormatOptions} options */
function numbers(options) {
  return once(JSON.stringify([lang(), options]), () => new Intl.NumberFormat(lang(), options));
}

/** @param {Intl.DateTimeFormatOptions} options */
function dates(options) {
  return once(JSON.stringify(["date", lang(), options]), () => new Intl.DateTimeFormat(lang(), options));
}

/** @param {number | null | undefined} value */
export function count(value) {
  return value === null || value === undefined ? NONE : numbers({ maximumFractionDigits: 2 }).format(value);
}

/** A percentage, as the server has rounded it. @param {number | null | undefined} value */
export function percent(value) {
  return value === null || value === undefined ? NONE : `${numbers({ maximumFractionDigits: 2 }).format(value)}%`;
}

/** A change in percent, always with its sign. @param {number} value */
export function change(value) {
  return `${numbers({ maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(value)}%`;
}

/**
 * Money, from an exact decimal as text.
 * @param {string | null | undefined} value
 * @param {string} currency
 * @param {boolean} [mean] keeps decimals that are zeros: a mean changes each second, and its width must not
 */
export function money(value, currency, mean = false) {
  if (value === null || value === undefined) return NONE;
  const exact = /** @type {Intl.StringNumericLiteral} */ (value);
  /** @type {Intl.NumberFormatOptions} */
  const options = { minimumFractionDigits: 2, maximumFractionDigits: 2, trailingZeroDisplay: mean ? "auto" : "stripIfInteger" };
  try {
    return numbers({ ...options, style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(exact);
  } catch {
    return `${numbers(options).format(exact)} ${currency}`;
  }
}

/** A number on an axis, in compact notation. @param {number} value */
export function short(value) {
  return numbers({ notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** A calendar date of the business zone (`2024-11-06`); text that is no date is returned unchanged. @param {string} date */
export function day(date) {
  const instant = new Date(`${date}T00:00:00Z`);
  return Number.isNaN(instant.getTime()) ? date : dates({ timeZone: "UTC", dateStyle: "medium" }).format(instant);
}

/** @param {number} year @param {number} month from 0 */
export function month(year, month) {
  return dates({ timeZone: "UTC", year: "numeric", month: "long" }).format(new Date(Date.UTC(year, month, 1)));
}

/** The days of the week from Sunday, short and long. */
export function weekdays() {
  const sunday = Date.UTC(2024, 0, 7);
  return Array.from({ length: 7 }, (_, index) => {
    const at = new Date(sunday + index * 86_400_000);
    return { short: dates({ timeZone: "UTC", weekday: "short" }).format(at), long: dates({ timeZone: "UTC", weekday: "long" }).format(at) };
  });
}

/** @param {string} instant @param {string} zone */
export function minute(instant, zone) {
  return dates({ timeZone: zone, dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }).format(new Date(instant));
}

/** @param {string | number} instant @param {string} zone */
export function second(instant, zone) {
  return dates({ timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(instant));
}

/** The time of an instant, with its date unless that is today. @param {string} instant @param {number} now @param {string} zone */
export function since(instant, now, zone) {
  if (today(Date.parse(instant), zone) === today(now, zone)) return second(instant, zone);
  return dates({ timeZone: zone, dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" }).format(new Date(instant));
}

/** @param {string} instant @param {string} zone */
export function hour(instant, zone) {
  return dates({ timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(instant));
}

/** A time span in the past, in the largest fitting unit. @param {number} ms */
export function ago(ms) {
  const relative = once(`ago ${lang()}`, () => new Intl.RelativeTimeFormat(lang(), { numeric: "always" }));
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return relative.format(-seconds, "second");
  if (seconds < 3600) return relative.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86_400) return relative.format(-Math.round(seconds / 3600), "hour");
  return relative.format(-Math.round(seconds / 86_400), "day");
}

/** Today's date in a zone, or in the viewer's own, at an instant. @param {number} instant @param {string} [zone] */
export function today(instant, zone) {
  const parts = once(`today ${zone}`, () => new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }));
  return parts.format(new Date(instant));
}
