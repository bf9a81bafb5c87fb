// The page shows what the API answers: every figure of every widget, at every address.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { eventually } from "./harness.mjs";
import { answer, FAILED_LOADS, stage, text, texts } from "./stage.mjs";

/** @typedef {import("../../src/types.js").Answer} Answer */
/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();
/** Past days: their figures do not change. */
const OVER = { period: "custom", startDate: "2024-11-04", endDate: "2024-11-08" };

/** The text of a figure, computed independently of the page. @param {number | string | null | undefined} value */
const plain = (value) => {
  if (value === null || value === undefined) return "–";
  const [whole = "", part = ""] = String(value).replace(/\.00$/, "").split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part && `.${part}`);
};
/** @param {number | null | undefined} value */
const percent = (value) => (value === null || value === undefined ? "–" : `${plain(value)}%`);
/** @param {string | null} value @param {string} kind a mean keeps its two decimals */
const won = (value, kind) => (value === null ? "–" : `₩${plain(value)}${kind === "baseline" && value.endsWith(".00") ? ".00" : ""}`);
/** @param {number | null | undefined} value */
const change = (value) => {
  if (value === null || value === undefined) return "–";
  return `${value > 0 ? "▲" : value < 0 ? "▼" : "="} ${percent(Math.abs(value))}`;
};

const OVERVIEW = /** @type {const} */ (["totalVisits", "totalParticipants", "approvedCount", "purchaseCount", "conversionRate"]);

/** The expected text of every figure of an answer, by widget and path. @param {Answer} answer */
function expectedFigures({ data: { overview, funnel, comparison, realtime, activities } }) {
  /** @type {Record<string, string>} */
  const all = {};
  for (const name of OVERVIEW) {
    const format = name === "conversionRate" ? percent : plain;
    all[`kpi ${name}`] = format(overview?.[name]);
    all[`kpi previous.${name}`] = format(overview?.previous?.[name]);
    all[`kpi change.${name}`] = change(overview?.change?.[name]);
  }
  (funnel?.steps ?? []).forEach((step, index) => {
    all[`funnel steps[${index}].value`] = plain(step.value);
    all[`funnel steps[${index}].rate`] = percent(step.rate);
    all[`funnel steps[${index}].rateFromFirst`] = percent(step.rateFromFirst);
    all[`funnel steps[${index}].previous.value`] = plain(step.previous?.value);
  });
  for (const figure of /** @type {const} */ (["orders", "quantity", "revenue", "buyers", "cancelled"])) {
    for (const kind of /** @type {const} */ (["promotion", "regular", "baseline"])) {
      const value = /** @type {any} */ (comparison?.[kind])?.[figure] ?? null;
      all[`promotion ${kind}.${figure}`] = figure === "revenue" ? won(value, kind) : plain(value);
    }
  }
  for (const figure of /** @type {const} */ (["remainingStock", "participantsTotal", "activeUsers"])) all[`realtime ${figure}`] = plain(realtime?.[figure]);
  for (const row of activities ?? []) {
    for (const name of OVERVIEW) all[`activities activities[${row.activityKey}].${name}`] = (name === "conversionRate" ? percent : plain)(row[name]);
    all[`activities activities[${row.activityKey}].remainingStock`] = plain(row.remainingStock);
  }
  return all;
}

/** The text of every figure on the page, by widget and path. @param {Page} page @returns {Promise<Record<string, string>>} */
function shownFigures(page) {
  return page.evaluate(() => Object.fromEntries([...document.querySelectorAll("[data-figure]")].map((at) => {
    const visible = at.querySelector("[aria-hidden]");
    return [`${at.closest("[data-widget]")?.getAttribute("data-widget")} ${at.getAttribute("data-figure")}`, (visible ?? at).textContent ?? ""];
  })));
}

/** Waits until the page shows the API's answer, and returns that answer. @param {Page} page @param {string} path @param {Record<string, string>} [query] */
async function agree(page, path, query) {
  const compare = async () => {
    const current = await answer(its.url, path, query);
    return { current, expected: expectedFigures(current), shown: await shownFigures(page) };
  };
  const { current } = await eventually(compare, ({ expected, shown }) => isDeepStrictEqual(expected, shown));
  return current;
}

scene("a campaign's page shows every figure that the API answers", async ({ page, go }) => {
  await go("campaigns/123");
  const { data, scope } = await agree(page, "campaign/123");
  assert.equal(Object.keys(expectedFigures(/** @type {Answer} */ ({ data }))).length, 15 + 16 + 15 + 3 + 18);
  assert.equal(await text(page, "h1"), scope.name);
  assert.equal(await page.title(), `${scope.name} · 캠페인 대시보드`);
  assert.equal(await text(page, ".title .badge"), "진행 중");
  assert.equal(await text(page, ".dates"), "2024. 11. 2. 10:00 ~ 2024. 11. 17. 00:00");
});

scene("an activity's page shows its own figures, and no table of activities", async ({ page, go }) => {
  await go("activities/790");
  const { scope } = await agree(page, "activity/790");
  assert.equal(await text(page, "h1"), scope.name);
  assert.equal(await page.locator('[data-widget="activities"]').count(), 0);
});

scene("campaigns that ended, did not start or lack a funnel show figures", async ({ page, go }) => {
  for (const [id, phase] of [["125", "종료"], ["126", "시작 전"], ["127", "진행 중"]]) {
    await go(`campaigns/${id}`);
    await agree(page, `campaign/${id}`);
    assert.equal(await text(page, ".title .badge"), phase);
  }
});

scene("another period shows the figures of that period", async ({ page, go }) => {
  for (const [period = "", name] of [["1d", "오늘"], ["30d", "30일"]]) {
    await go(`campaigns/123?period=${period}`);
    await agree(page, "campaign/123", { period });
    assert.deepEqual(await texts(page, '.period [aria-pressed="true"]'), [name]);
  }
});

scene("a custom period shows the figures of its days", async ({ page, go }) => {
  await go(`campaigns/123?${new URLSearchParams(OVER)}`);
  await agree(page, "campaign/123", OVER);
  assert.equal(await text(page, ".range"), "2024. 11. 4. ~ 2024. 11. 8. · Asia/Seoul 기준 · 비교: 2024. 10. 28. 00:00 ~ 2024. 11. 2. 00:00");
});

scene("the unique mode shows counts of people", async ({ page, go }) => {
  await go("campaigns/123?mode=unique");
  const people = await agree(page, "campaign/123", { mode: "unique" });
  const events = await answer(its.url, "campaign/123");
  assert.notEqual(people.data.overview?.totalVisits, events.data.overview?.totalVisits);
  assert.deepEqual(await texts(page, '[data-widget="funnel"] [aria-pressed="true"]'), ["인원"]);
  assert.match(await text(page, '[data-widget="kpi"] header'), /집계 방식: 인원/);
  assert.equal(await text(page, '[data-widget="activities"] .frame-body > .quiet'), "집계 방식과 무관하게 건수로 셉니다.");
});

scene("each hour of the last day has its visits; the current one is marked", async ({ page, go }) => {
  await go("campaigns/123");
  await page.click(".unfold summary");
  const compare = async () => ({ hours: (await answer(its.url, "campaign/123")).data.realtime?.hourlyInflow ?? [], rows: await texts(page, ".unfold tbody tr") });
  const { hours } = await eventually(compare, ({ hours, rows }) => isDeepStrictEqual(rows, hours.map(({ from, visits, state }) => {
    const hour = String((Number(from.slice(11, 13)) + 9) % 24).padStart(2, "0");
    return `${hour}:00${state === "in_progress" ? " (진행 중)" : ""} ${plain(visits)}`;
  })));
  assert.deepEqual(hours.map(({ state }) => state), [...Array(23).fill("complete"), "in_progress"]);
  const bars = await page.evaluate(() => {
    const chart = /** @type {any} */ (document.querySelector(".picture-inflow canvas")).chart;
    const [{ data, backgroundColor, borderWidth }] = chart.data.datasets;
    return { data, hollow: backgroundColor.map((/** @type {string} */ colour, /** @type {number} */ index) => colour === "transparent" && borderWidth[index] > 0) };
  });
  assert.deepEqual(bars, { data: hours.map(({ visits }) => visits), hollow: hours.map(({ state }) => state === "in_progress") });
});

scene("the funnel's chart shows the steps of its table", async ({ page, go }) => {
  await go(`campaigns/123?${new URLSearchParams(OVER)}`);
  const { data } = await answer(its.url, "campaign/123", OVER);
  const steps = data.funnel?.steps ?? [];
  assert.deepEqual(await page.evaluate(() => {
    const { type, data } = /** @type {any} */ (document.querySelector(".picture-funnel canvas")).chart.config;
    return { type, labels: data.labels, data: data.datasets[0].data };
  }), { type: "funnel", labels: steps.map(({ name }) => name), data: steps.map(({ value }) => value) });
});

scene("the promotion's bars show orders or revenue, with a hollow baseline", async ({ page, go }) => {
  await go(`campaigns/123?${new URLSearchParams(OVER)}`);
  const { data: { comparison } } = await answer(its.url, "campaign/123", OVER);
  assert.ok(comparison);
  const drawn = () => page.evaluate(() => /** @type {any} */ (document.querySelector(".picture-promotion canvas")).chart.data.datasets.map(
    (/** @type {any} */ set) => ({ label: set.label, data: set.data, hollow: set.backgroundColor === "transparent" && set.borderWidth > 0 })));
  const { promotion, regular, baseline } = comparison;
  assert.deepEqual(await drawn(), [
    { label: "프로모션", data: [promotion.orders, promotion.quantity, promotion.buyers], hollow: false },
    { label: "일반 판매", data: [regular.orders, regular.quantity, regular.buyers], hollow: false },
    { label: "이전 기준", data: [baseline.orders, baseline.quantity, baseline.buyers], hollow: true },
  ]);
  assert.equal(baseline.buyers, null);
  await page.click('[data-measure="revenue"]');
  assert.deepEqual((await drawn()).map((/** @type {{data: number[]}} */ { data }) => data), [[Number(promotion.revenue)], [Number(regular.revenue)], [Number(baseline.revenue)]]);
  assert.deepEqual(await texts(page, '[data-widget="promotion"] [aria-pressed="true"]'), ["매출"]);
});

scene("the stock's bar, colour and word show the remaining share", async ({ page, go }) => {
  let left = 0;
  await page.route("**/activity/790?**", async (route) => {
    const real = await (await route.fetch()).json();
    Object.assign(real.data.realtime, { remainingStock: left, initialStock: 1000 });
    await route.fulfill({ json: real });
  });
  await page.route("**/stream?**", (route) => route.fulfill({ status: 503, body: "" }));
  for (const [stock, level, words] of /** @type {[number, string, string][]} */ ([[0, "out", "소진"], [99, "low", "곧 소진"], [100, "middle", "절반 미만"], [499, "middle", "절반 미만"], [500, "high", "여유"], [1000, "high", "여유"]])) {
    left = stock;
    await go("activities/790");
    assert.equal(await text(page, ".level"), words);
    assert.equal(await page.getAttribute(".stock", "data-level"), level);
    assert.equal(await page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector(".stock-fill")).style.width), `${stock / 10}%`);
    assert.deepEqual(await page.evaluate(() => ["valuenow", "valuemax", "valuetext"].map((name) => document.querySelector("[role=meter]")?.getAttribute(`aria-${name}`))),
      [String(stock), "1000", `${plain(stock)} / 1,000, ${words}`]);
  }
}, { expected: FAILED_LOADS });

scene("money is shown to its last digit, and a mean keeps its width", async ({ page, go }) => {
  const amounts = { promotion: "12345678901234567890.05", regular: "9007199254740993.00", baseline: "1809928.00" };
  await page.route("**/stream?**", (route) => route.fulfill({ status: 503, body: "" }));
  await page.route("**/activity/790?**", async (route) => {
    const real = await (await route.fetch()).json();
    for (const [kind, revenue] of Object.entries(amounts)) real.data.comparison[kind].revenue = revenue;
    await route.fulfill({ json: real });
  });
  await go("activities/790");
  const shown = await Promise.all(Object.keys(amounts).map((kind) => text(page, `[data-figure="${kind}.revenue"]`)));
  assert.deepEqual(shown, ["₩12,345,678,901,234,567,890.05", "₩9,007,199,254,740,993", "₩1,809,928.00"]);
}, { expected: FAILED_LOADS });
