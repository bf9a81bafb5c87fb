// The list of campaigns: content, filter, problems and links.

import assert from "node:assert/strict";
import { FAILED_LOADS, stage, text, texts } from "./stage.mjs";

const { its, scene } = stage();

/** @returns {Promise<import("../../src/types.js").CampaignList>} */
const fetchList = async () => (await fetch(`${its.url}api/v1/dashboard/campaigns`)).json();

/** An instant as the page formats it. @param {string | null} instant */
function dateText(instant) {
  if (!instant) return "미정";
  const [date = "", time = ""] = new Date(Date.parse(instant) + 9 * 3_600_000).toISOString().split("T");
  const [year, month, day] = date.split("-").map(Number);
  return `${year}. ${month}. ${day}. ${time.slice(0, 5)}`;
}

const PHASES = { not_started: "시작 전", running: "진행 중", ended: "종료" };

scene("each campaign has its phase, dates, activities and limits", async ({ page, go }) => {
  await go("");
  const { campaigns } = await fetchList();
  assert.ok(campaigns.length >= 5);
  assert.equal(await page.locator(".campaign").count(), campaigns.length);
  for (const { campaignKey, name, phase, startAt, endAt, activities } of campaigns) {
    const own = `[data-campaign="${campaignKey}"]`;
    assert.equal(await text(page, `${own} h2`), name);
    assert.equal(await text(page, `${own} > header .badge`), PHASES[phase]);
    assert.equal(await text(page, `${own} > header .quiet`), `${dateText(startAt)} ~ ${dateText(endAt)}`);
    const rows = activities.map((one) => [
      one.name, PHASES[one.phase], `${dateText(one.startAt)} ~ ${dateText(one.endAt)}`, one.limitCount === null ? "한도 없음" : String(one.limitCount),
    ].join(" "));
    assert.deepEqual(await texts(page, `${own} tbody tr`), rows);
  }
  assert.equal(await page.title(), "캠페인 · 캠페인 대시보드");
  assert.equal(await text(page, ".title .quiet"), "Asia/Seoul 기준");
});

scene("the filter shows the campaigns of one phase", async ({ page, go }) => {
  await go("");
  const { campaigns } = await fetchList();
  for (const phase of /** @type {const} */ (["ended", "not_started", "running"])) {
    await page.click(`[data-value="${phase}"]`);
    assert.deepEqual(await texts(page, ".campaign h2"), campaigns.filter((one) => one.phase === phase).map(({ name }) => name));
    assert.deepEqual(await texts(page, '.title [aria-pressed="true"]'), [PHASES[phase]]);
  }
  await page.click('[data-value="all"]');
  assert.equal(await page.locator(".campaign").count(), campaigns.length);
});

scene("a phase without campaigns says so", async ({ page, go }) => {
  await page.route("**/campaigns", async (route) => {
    const list = await (await route.fetch()).json();
    await route.fulfill({ json: { ...list, campaigns: list.campaigns.filter((/** @type {{phase: string}} */ one) => one.phase !== "ended") } });
  });
  await go("");
  await page.click('[data-value="ended"]');
  assert.equal(await text(page, ".campaigns"), "이 상태의 캠페인이 없습니다.");
});

scene("a list without campaigns says so", async ({ page, go }) => {
  await page.route("**/campaigns", (route) => route.fulfill({ json: { campaigns: [], zone: "Asia/Seoul" } }));
  await go("?lang=en");
  assert.equal(await text(page, ".campaigns"), "There are no campaigns yet.");
});

scene("a campaign without activities and dates is listed", async ({ page, go }) => {
  const bare = { campaignKey: "1", name: "x", phase: "running", startAt: null, endAt: null, activities: [] };
  await page.route("**/campaigns", (route) => route.fulfill({ json: { campaigns: [bare], zone: "Asia/Seoul" } }));
  await go("");
  assert.deepEqual(await texts(page, ".campaign .quiet"), ["미정 ~ 미정", "활동 없음"]);
});

scene("an unavailable list says why, and is loaded again on request", async ({ page, go }) => {
  let down = true;
  await page.route("**/campaigns", (route) => (down ? route.fulfill({ status: 503, json: { status: 503, code: "unavailable" } }) : route.continue()));
  await go("");
  assert.match(await text(page, "[data-problem=unavailable]"), /지금은 어떤 값도 가져올 수 없습니다/);
  down = false;
  await page.getByRole("button", { name: "다시 시도" }).click();
  await page.waitForSelector("[data-campaign]");
  assert.equal(await page.locator("[data-problem]").count(), 0);
}, { expected: FAILED_LOADS });

scene("an unavailable list is loaded again without a click", async ({ page, go }) => {
  await page.clock.install();
  let down = true;
  await page.route("**/campaigns", (route) => (down ? route.abort() : route.continue()));
  await go("");
  assert.match(await text(page, "[data-problem=unreachable]"), /곧 다시 시도합니다/);
  down = false;
  await page.clock.runFor(3_000);
  await page.waitForSelector("[data-campaign]");
}, { expected: FAILED_LOADS });

scene("a list that is still the same is not sent again", async ({ page, go }) => {
  await page.clock.install();
  await go("");
  const again = page.waitForResponse("**/api/v1/dashboard/campaigns");
  await page.clock.runFor(30_000);
  assert.equal((await again).status(), 304);
  assert.equal(await page.locator(".campaign").count(), (await fetchList()).campaigns.length);
});

scene("names link to their campaign or activity", async ({ page, go }) => {
  await go("");
  await page.click('[data-campaign="123"] h2 a');
  await page.waitForSelector('[data-widget="activities"][data-status="fresh"]');
  assert.equal(new URL(page.url()).pathname, "/campaigns/123");
  await page.goBack();
  await page.click('[data-campaign="123"] tbody tr:nth-child(2) a');
  await page.waitForSelector('[data-widget="kpi"][data-status="fresh"]');
  assert.equal(new URL(page.url()).pathname, "/activities/790");
});
