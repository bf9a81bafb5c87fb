// Tables: sorting, and saving as CSV files.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { answer, FAILED_LOADS, stage, text, texts } from "./stage.mjs";

/** @typedef {import("../../src/types.js").ActivityRow} Row */
/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();
/** Past days: their figures do not change. */
const OVER = { period: "custom", startDate: "2024-11-04", endDate: "2024-11-08" };

/** Saves a table; returns the name of the file, and its cells. @param {Page} page @param {string} button @param {RegExp} names @returns {Promise<[string, string[][]]>} */
async function saveTable(page, button, names) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  const file = readFileSync(await download.path(), "utf8");
  assert.equal(file[0], "\ufeff");
  const name = download.suggestedFilename().match(names)?.[1] ?? assert.fail(download.suggestedFilename());
  const cells = (/** @type {string} */ line) => [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].slice(0, -1).map(([, cell = ""]) => cell.replace(/^"|"$/g, "").replaceAll('""', '"'));
  return [name, file.slice(1, -2).split("\r\n").map((line) => cells(`${line},`))];
}

/** A figure as text in a file. @param {unknown} value */
const cell = (value) => (value === null || value === undefined ? "" : String(value));

/** @param {Page} page */
const heads = (page) => page.evaluate(() => [...document.querySelectorAll('[data-widget="activities"] th[aria-sort]')].map((head) => `${head.getAttribute("data-column")} ${head.getAttribute("aria-sort")}`));

scene("each column sorts the activities in both directions", async ({ page, go }) => {
  await go(`campaigns/123?${new URLSearchParams(OVER)}`);
  const rows = (await answer(its.url, "campaign/123", OVER)).data.activities ?? [];
  assert.deepEqual(await heads(page), []);
  for (const column of /** @type {const} */ (["totalVisits", "totalParticipants", "approvedCount", "conversionRate"])) {
    const sorted = rows.map((row) => Number(row[column])).sort((one, other) => other - one).map((value) => value.toLocaleString("en") + (column === "conversionRate" ? "%" : ""));
    for (const [direction, expected] of [["descending", sorted], ["ascending", [...sorted].reverse()]]) {
      await page.click(`[data-widget="activities"] th[data-column="${column}"] .sort`);
      assert.deepEqual(await heads(page), [`${column} ${direction}`]);
      assert.deepEqual(await texts(page, `[data-widget="activities"] td[data-column="${column}"]`), expected);
    }
  }
});

scene("names are sorted by language, phases by time", async ({ page, go }) => {
  await go("campaigns/123");
  const names = ((await answer(its.url, "campaign/123")).data.activities ?? []).map(({ name }) => name).sort((one, other) => one.localeCompare(other, "ko"));
  await page.click('[data-widget="activities"] th[data-column="name"] .sort');
  assert.deepEqual(await heads(page), ["name ascending"]);
  assert.deepEqual(await texts(page, '[data-widget="activities"] tbody th'), names);
});

scene("missing figures are sorted last, and an update keeps the order", async ({ page, go }) => {
  const stock = [5, null, 30, 0, null];
  let served = stock;
  await page.route("**/stream?**", (route) => route.fulfill({ status: 503, body: "" }));
  await page.route("**/campaign/123?**", async (route) => {
    const real = await (await route.fetch()).json();
    const [first] = real.data.activities;
    real.data.activities = served.map((remainingStock, index) => ({ ...first, activityKey: String(index + 1), name: `n${index + 1}`, phase: ["ended", "running", "not_started"][index % 3], remainingStock }));
    await route.fulfill({ json: real });
  });
  await go("campaigns/123");
  const shown = () => texts(page, '[data-widget="activities"] td[data-column="remainingStock"] .figure > :first-child, [data-widget="activities"] td[data-column="remainingStock"] .figure:not(.missing)');
  const sort = (/** @type {string} */ column) => page.click(`[data-widget="activities"] th[data-column="${column}"] .sort`);
  await sort("remainingStock");
  assert.deepEqual(await shown(), ["30", "5", "0", "–", "–"]);
  await sort("remainingStock");
  assert.deepEqual(await shown(), ["0", "5", "30", "–", "–"]);
  served = [50, null, 30, 0, null];
  await page.waitForFunction(() => [...document.querySelectorAll('[data-widget="activities"] td[data-column="remainingStock"]')][2]?.textContent === "50");
  assert.deepEqual(await shown(), ["0", "30", "50", "–", "–"]);
  await sort("phase");
  assert.deepEqual(await texts(page, '[data-widget="activities"] .badge'), ["시작 전", "진행 중", "진행 중", "종료", "종료"]);
}, { expected: FAILED_LOADS });

scene("sorting by keyboard keeps the focus on the column head", async ({ page, go }) => {
  await go("campaigns/123");
  await page.focus('th[data-column="totalVisits"] .sort');
  await page.keyboard.press("Enter");
  await page.keyboard.press("Space");
  assert.deepEqual(await heads(page), ["totalVisits ascending"]);
  assert.equal(await text(page, ":focus"), "방문");
});

scene("each table is saved with the figures that it shows", async ({ page, go }) => {
  await go(`campaigns/123?${new URLSearchParams(OVER)}`);
  const { data: { overview, funnel, comparison, realtime, activities } } = await answer(its.url, "campaign/123", OVER);
  assert.ok(overview?.previous && overview.change && funnel && comparison && realtime?.hourlyInflow && activities);
  const { previous, change } = overview;
  const names = /** @type {const} */ ({ totalVisits: "방문", totalParticipants: "참여", approvedCount: "승인", purchaseCount: "구매", conversionRate: "구매 전환율" });
  const figures = /** @type {(keyof typeof names)[]} */ (Object.keys(names));
  // The names of files contain scope, widget, range and `asOf`.
  const name = /^axon-campaign-123-(\w+)-2024-11-04-2024-11-08-as-of-2024-11-12T103\d\d\dZ\.csv$/;
  const save = (/** @type {string} */ widget) => saveTable(page, `[data-widget="${widget}"] header .tool`, name);

  assert.deepEqual(await save("kpi"), ["kpi", [
    ["지표", "값", "이전 기간", "변화율"], ...figures.map((name) => [names[name], ...[overview[name], previous[name], change[name]].map(cell)]),
  ]]);
  assert.deepEqual(await save("funnel"), ["funnel", [
    ["단계", "건수", "직전 대비", "첫 단계 대비", "이전 기간"],
    ...funnel.steps.map((step) => [step.name, ...[step.value, step.rate, step.rateFromFirst, step.previous?.value].map(cell)]),
  ]]);
  const kinds = [comparison.promotion, comparison.regular, /** @type {any} */ (comparison.baseline)];
  assert.deepEqual(await save("promotion"), ["promotion", [
    ["지표", "프로모션", "일반 판매", "이전 기준"],
    ...[["주문 수", "orders"], ["수량", "quantity"], ["매출", "revenue"], ["구매자", "buyers"], ["취소·환불", "cancelled"]].map(([label = "", key = ""]) => [label, ...kinds.map((kind) => cell(kind[key]))]),
  ]]);
  assert.deepEqual(await save("realtime"), ["realtime", [
    ["지표", "값"], ["잔여 수량", cell(realtime.remainingStock)], ["최초 수량", cell(realtime.initialStock)], ["누적 참여자", cell(realtime.participantsTotal)], ["최근 5분 활성 사용자", cell(realtime.activeUsers)],
  ]]);
  assert.deepEqual(await save("inflow"), ["inflow", [["시간", "방문"], ...realtime.hourlyInflow.map(({ from, visits }) => [from, String(visits)])]]);
  await page.click('th[data-column="totalVisits"] .sort');
  const sorted = [...activities].sort((one, other) => Number(other.totalVisits) - Number(one.totalVisits));
  assert.deepEqual(await save("activities"), ["activities", [
    ["활동", "상태", "방문", "참여", "승인", "구매", "구매 전환율", "잔여 수량"],
    ...sorted.map((row) => [row.name, "진행 중", ...figures.map((name) => cell(row[name])), cell(row.remainingStock)]),
  ]]);
});

scene("the shown campaigns are saved with all their activities", async ({ page, go }) => {
  await go("?lang=en");
  /** @type {import("../../src/types.js").CampaignList} */
  const { campaigns } = await (await fetch(`${its.url}api/v1/dashboard/campaigns`)).json();
  await page.click('[data-value="running"]');
  const rows = campaigns.filter(({ phase }) => phase === "running").flatMap(({ name, startAt, endAt, activities }) =>
    activities.map((one) => [name, "Running", startAt, endAt, one.name, "Running", one.startAt, one.endAt, one.limitCount].map(cell)));
  assert.deepEqual(await saveTable(page, ".title .tool", /^axon-(campaigns)\.csv$/), ["campaigns", [
    ["Campaigns", "Campaigns · State", "Campaigns · Starts", "Campaigns · Ends", "Activities", "Activities · State", "Activities · Starts", "Activities · Ends", "Limit"], ...rows,
  ]]);
});
