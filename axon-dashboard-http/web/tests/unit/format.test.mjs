// Numbers, money and times in both languages. Exact decimals, which need a newer engine than Node 18's, are tested in the browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../src/format.js";
import { speak } from "../../src/words.js";
import { inBoth } from "./world.mjs";

test("counts are grouped, and keep the server's decimals", () => {
  inBoth(() => {
    assert.equal(format.count(1_234_567), "1,234,567");
    assert.equal(format.count(25.5), "25.5");
    assert.equal(format.count(31.13), "31.13");
  });
});

test("a missing figure is a dash, and never 0", () => {
  inBoth(() => {
    for (const missing of [null, undefined]) {
      assert.deepEqual([format.count(missing), format.percent(missing), format.money(missing, "KRW")], ["–", "–", "–"]);
    }
    assert.deepEqual([format.count(0), format.percent(0)], ["0", "0%"]);
  });
});

test("percentages are as the server rounded them", () => {
  inBoth(() => {
    assert.deepEqual([3.65, 45.9, 100, 0.01, 99.99, 1234.5].map(format.percent), ["3.65%", "45.9%", "100%", "0.01%", "99.99%", "1,234.5%"]);
  });
});

test("a change has its sign, and none where nothing changed", () => {
  inBoth(() => assert.deepEqual([12.2, -2.9, 0].map(format.change), ["+12.2%", "-2.9%", "0%"]));
});

test("money has its currency's sign, or an unknown currency's code", () => {
  inBoth(() => {
    assert.equal(format.money("1345500.25", "KRW"), "₩1,345,500.25");
    assert.equal(format.money("1.55", "USD"), "$1.55");
    assert.equal(format.money("5.25", "???"), "5.25 ???");
  });
});

test("long figures on an axis are shortened in the language's own steps", () => {
  speak("ko");
  assert.equal(format.short(1_234_567), "123.5만");
  speak("en");
  assert.equal(format.short(1_234_567), "1.2M");
});

test("a calendar date is the same day for every viewer", () => {
  const zone = process.env.TZ;
  try {
    for (const viewer of ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Seoul"]) {
      process.env.TZ = viewer;
      speak("ko");
      assert.deepEqual([format.day("2024-11-06"), format.month(2024, 10)], ["2024. 11. 6.", "2024년 11월"]);
      speak("en");
      assert.deepEqual([format.day("2024-11-06"), format.month(2024, 10)], ["Nov 6, 2024", "November 2024"]);
    }
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

test("text that is no date is shown unchanged", () => {
  assert.equal(format.day("2024-13-99"), "2024-13-99");
});

test("an instant is shown in the business zone", () => {
  speak("ko");
  assert.equal(format.minute("2024-11-12T15:30:00Z", "Asia/Seoul"), "2024. 11. 13. 00:30");
  speak("en");
  assert.equal(format.minute("2024-11-12T15:30:00Z", "Asia/Seoul"), "Nov 13, 2024, 00:30");
  inBoth(() => {
    assert.equal(format.second("2024-11-12T15:00:09Z", "Asia/Seoul"), "00:00:09");
    assert.equal(format.second("2024-11-12T15:00:09Z", "America/Los_Angeles"), "07:00:09");
    assert.equal(format.hour("2024-11-12T15:00:00Z", "Asia/Kathmandu"), "20:45");
  });
});

test("today is the business zone's day, which begins at its own midnight", () => {
  const midnight = Date.parse("2024-11-12T15:00:00Z");
  assert.deepEqual([midnight - 1, midnight].map((at) => format.today(at, "Asia/Seoul")), ["2024-11-12", "2024-11-13"]);
  assert.equal(format.today(midnight, "America/Los_Angeles"), "2024-11-12");
});

test("a week begins on Sunday", () => {
  speak("ko");
  assert.deepEqual(format.weekdays().map(({ short }) => short).join(""), "일월화수목금토");
  speak("en");
  assert.deepEqual(format.weekdays().map(({ long }) => long[0]).join(""), "SMTWTFS");
});

test("an age is in the largest fitting unit, and never negative", () => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];
  speak("ko");
  assert.deepEqual([0, 59 * second, minute, 59 * minute, hour, 23 * hour, day, 3 * day].map(format.ago),
    ["0초 전", "59초 전", "1분 전", "59분 전", "1시간 전", "23시간 전", "1일 전", "3일 전"]);
  speak("en");
  assert.deepEqual([-5000, 2 * minute, 1.6 * hour].map(format.ago), ["0 seconds ago", "2 minutes ago", "2 hours ago"]);
});
