// A dialog to choose a first and a last day. Days are dates of the business zone as text (`2024-11-06`), independent of the
// viewer's clock and time zone.

import { fill, h, icon, ICONS, mark, write } from "./dom.js";
import * as format from "./format.js";
import { t } from "./words.js";

/** The longest range that the server answers for, in days. */
export const MAX_DAYS = 400;
const DAY = 86_400_000;

/** @param {string} date */
const toTime = (date) => Date.parse(`${date}T00:00:00Z`);
/** @param {number} time */
const toDate = (time) => new Date(time).toISOString().slice(0, 10);
/** @param {string} date @param {number} days */
export const plus = (date, days) => toDate(toTime(date) + days * DAY);
/** How many days from one date to another, both counted. @param {string} from @param {string} to */
export const days = (from, to) => Math.round((toTime(to) - toTime(from)) / DAY) + 1;

/** The same day of another month, or the last day of that month. @param {string} date @param {number} months */
export function plusMonths(date, months) {
  const [year = 0, month = 1, day = 1] = date.split("-").map(Number);
  const last = new Date(Date.UTC(year, month + months, 0)).getUTCDate();
  return toDate(Date.UTC(year, month - 1 + months, Math.min(day, last)));
}

/** The days that a month's sheet shows, in weeks from Sunday. @param {string} date any day of the month */
export function sheet(date) {
  const first = `${date.slice(0, 8)}01`;
  const start = plus(first, -new Date(toTime(first)).getUTCDay());
  const end = plus(plusMonths(first, 1), -1);
  const weeks = Math.ceil(days(start, end) / 7);
  return Array.from({ length: weeks }, (_, week) => Array.from({ length: 7 }, (_, day) => plus(start, week * 7 + day)));
}

/**
 * Opens the dialog, and returns a function that closes it.
 * @param {object} options
 * @param {string} options.today the last day that can be chosen
 * @param {string} options.from @param {string} options.to
 * @param {string} options.zone empty while it is unknown
 * @param {(from: string, to: string) => void} options.onChoose
 */
export function choose({ today, from, to, zone, onChoose }) {
  let first = from;
  let last = to;
  /** The day that has the focus, or would have it. */
  let cursor = to && to <= today ? to : today;

  const title = h("h3", { id: "calendar-month", "aria-live": "polite" });
  const grid = h("table", { class: "month", role: "grid", "aria-labelledby": "calendar-month" });
  const range = h("p", { class: "calendar-range", role: "status" });
  const apply = h("button", { type: "submit", value: "apply", class: "button primary" }, t("calendar.apply"));
  /** @param {number} by */
  const turn = (by) => {
    cursor = clamp(plusMonths(cursor, by));
    draw(false);
    // A disabled button loses the focus.
    if (next.disabled && by > 0) back.focus();
  };
  const back = h("button", { type: "button", class: "tool", "aria-label": t("calendar.previous"), on: { click: () => turn(-1) } }, icon(ICONS.back));
  const next = h("button", { type: "button", class: "tool", "aria-label": t("calendar.next"), on: { click: () => turn(1) } }, icon(ICONS.next));
  // The browser returns the focus to the button that opened the dialog.
  const onClose = () => {
    dialog.remove();
    if (dialog.returnValue === apply.value) onChoose(first, last);
  };
  const dialog = h("dialog", { class: "calendar", "aria-labelledby": "calendar-title", on: { close: onClose } },
    h("form", { method: "dialog" },
      h("h2", { id: "calendar-title" }, t("calendar.title")),
      h("p", { class: "quiet" }, t("calendar.hint", { days: MAX_DAYS }), zone && ` ${t("period.zone", { zone })}`),
      h("div", { class: "calendar-head" }, back, title, next),
      grid, range,
      h("div", { class: "calendar-foot" },
        h("button", { type: "button", class: "button", on: { click: () => dialog.close() } }, t("calendar.cancel")), apply)));

  /** @param {string} date */
  function clamp(date) {
    return date > today ? today : date;
  }

  /** @param {string} date */
  function pick(date) {
    if (!first || last || date < first) [first, last] = [date, ""];
    else last = date;
    cursor = date;
    draw(true);
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const weekday = new Date(toTime(cursor)).getUTCDay();
    /** @type {Record<string, string>} */
    const targets = {
      ArrowLeft: plus(cursor, -1), ArrowRight: plus(cursor, 1), ArrowUp: plus(cursor, -7), ArrowDown: plus(cursor, 7),
      Home: plus(cursor, -weekday), End: plus(cursor, 6 - weekday), PageUp: plusMonths(cursor, -1), PageDown: plusMonths(cursor, 1),
    };
    const target = targets[event.key];
    if (!target) return;
    event.preventDefault();
    cursor = clamp(target);
    draw(true);
  }

  /** @param {boolean} focus whether the day at the cursor gets the focus */
  function draw(focus) {
    write(title, format.month(Number(cursor.slice(0, 4)), Number(cursor.slice(5, 7)) - 1));
    next.disabled = cursor.slice(0, 7) >= today.slice(0, 7);
    const head = h("thead", {}, h("tr", {}, ...format.weekdays().map(({ short, long }) => h("th", { scope: "col", abbr: long }, short))));
    const weeks = sheet(cursor).map((week) => h("tr", {}, ...week.map((date) => h("td", { role: "gridcell", "aria-selected": String(inside(date)) }, day(date)))));
    fill(grid, head, h("tbody", { on: { keydown: key } }, ...weeks));
    const long = first && last ? days(first, last) > MAX_DAYS : false;
    const dayText = (/** @type {string} */ date) => (date ? format.day(date) : t("calendar.unset"));
    write(range, long ? t("calendar.tooLong", { days: MAX_DAYS }) : `${t("calendar.start")}: ${dayText(first)} · ${t("calendar.end")}: ${dayText(last)}`);
    apply.disabled = !first || !last || long;
    if (focus) /** @type {HTMLElement | null} */ (grid.querySelector('[tabindex="0"]'))?.focus();
  }

  /** @param {string} date */
  function inside(date) {
    return date === first || Boolean(last) && date >= first && date <= last;
  }

  /** @param {string} date */
  function day(date) {
    const number = Number(date.slice(8));
    // The label begins with the visible text, so that speech control finds the button by it (WCAG 2.5.3).
    const label = [number, format.weekdays()[new Date(toTime(date)).getUTCDay()]?.long, format.month(Number(date.slice(0, 4)), Number(date.slice(5, 7)) - 1)].join(", ");
    const button = h("button", {
      type: "button", "data-date": date, tabindex: date === cursor ? "0" : "-1", "aria-label": label,
      disabled: date > today, class: date.slice(0, 7) === cursor.slice(0, 7) ? null : "other",
      on: { click: () => pick(date) },
    }, number);
    mark(button, "aria-current", date === today ? "date" : null);
    if (date === first || date === last) button.classList.add("end");
    return button;
  }

  draw(false);
  document.body.append(dialog);
  dialog.showModal();
  draw(true);
  return () => dialog.close();
}
