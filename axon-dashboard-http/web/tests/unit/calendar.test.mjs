// Calendar arithmetic on dates, independent of the machine's time zone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { days, MAX_DAYS, plus, plusMonths, sheet } from "../../src/calendar.js";

test("a day after the last of February is the 29th in leap years only", () => {
  for (const [from, to] of [["2024-02-28", "2024-02-29"], ["2023-02-28", "2023-03-01"], ["2000-02-28", "2000-02-29"], ["2100-02-28", "2100-03-01"]]) {
    assert.equal(plus(String(from), 1), to);
    assert.equal(plus(String(to), -1), from);
  }
});

test("days continue over months, years and daylight saving", () => {
  assert.equal(plus("2024-12-31", 1), "2025-01-01");
  assert.equal(plus("2024-11-12", -6), "2024-11-06");
  // Two years of single steps: no day is skipped or repeated, not even days of 23 and 25 hours.
  let date = "2023-01-01";
  const dates = new Set();
  while (date < "2025-01-01") {
    dates.add(date);
    date = plus(date, 1);
  }
  assert.equal(dates.size, 365 + 366);
});

test("both ends of a range are counted", () => {
  assert.equal(days("2024-11-06", "2024-11-12"), 7);
  assert.equal(days("2024-11-12", "2024-11-12"), 1);
  assert.equal(days("2024-01-01", "2024-12-31"), 366);
  assert.equal(days("2024-11-12", "2024-11-11"), 0);
  assert.equal(days("2023-10-10", plus("2023-10-10", MAX_DAYS - 1)), 400);
});

test("another month has the same day, or its last one if it is shorter", () => {
  for (const [from, by, to] of /** @type {[string, number, string][]} */ ([
    ["2024-01-31", 1, "2024-02-29"], ["2023-01-31", 1, "2023-02-28"], ["2024-03-31", -1, "2024-02-29"], ["2024-05-31", 1, "2024-06-30"],
    ["2024-12-15", 1, "2025-01-15"], ["2024-01-15", -1, "2023-12-15"], ["2024-02-29", 12, "2025-02-28"], ["2024-02-29", -48, "2020-02-29"],
  ])) assert.equal(plusMonths(from, by), to, `${from} ${by}`);
});

test("a month's sheet has whole weeks from Sunday and every day once", () => {
  for (let month = "2020-01-15"; month < "2028-01-01"; month = plusMonths(month, 1)) {
    const weeks = sheet(month);
    const all = weeks.flat();
    assert.ok(weeks.every((week) => week.length === 7));
    assert.equal(new Date(`${all[0]}T00:00:00Z`).getUTCDay(), 0, month);
    assert.deepEqual(all, all.map((_, index) => plus(String(all[0]), index)));
    const own = all.filter((date) => date.startsWith(month.slice(0, 7)));
    const last = plus(plusMonths(`${month.slice(0, 8)}01`, 1), -1);
    assert.deepEqual([own[0], own.at(-1), own.length], [`${month.slice(0, 8)}01`, last, Number(last.slice(8))]);
    // No week has only days of other months.
    for (const week of weeks) assert.ok(week.some((date) => own.includes(date)), month);
  }
});

test("a sheet has four to six weeks", () => {
  assert.deepEqual(["2015-02-10", "2024-11-12", "2024-06-30"].map((date) => sheet(date).length), [4, 5, 6]);
});
