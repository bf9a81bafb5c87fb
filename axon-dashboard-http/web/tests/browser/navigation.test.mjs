// Navigation: to an activity and back, by the browser's history, by mouse and by keyboard, by a shared link.

import assert from "node:assert/strict";
import { FAILED_LOADS, ready, stage, text, texts } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();
const STATE = "period=custom&startDate=2024-11-04&endDate=2024-11-08&mode=unique&lang=en";

/** The state that a page shows: address, language, heading, pressed buttons, range and a figure. @param {Page} page */
async function state(page) {
  return {
    path: new URL(page.url()).pathname + new URL(page.url()).search,
    language: await page.getAttribute("html", "lang"),
    heading: await text(page, "h1"),
    pressed: await texts(page, 'header.top [aria-pressed="true"], .period [aria-pressed="true"], [data-widget="funnel"] [aria-pressed="true"]'),
    dates: (await text(page, ".range")).split(" · ")[0],
    visits: await text(page, '[data-figure="totalVisits"]'),
  };
}

/** Presses Tab until an element of a selector has the focus. @param {Page} page @param {string} selector */
async function tabTo(page, selector) {
  for (let press = 0; press < 100; press += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((target) => document.activeElement?.matches(target), selector)) return;
  }
  assert.fail(`${selector} cannot be reached with Tab`);
}

/** Waits until the page of a path is shown. @param {Page} page @param {string} path */
async function arrive(page, path) {
  await page.waitForURL((url) => url.pathname === path);
  await ready(page);
}

scene("a click leads to an activity, and the path leads back", async ({ page, go }) => {
  await go("campaigns/123");
  const name = await text(page, '[data-row="790"] a');
  await page.click('[data-row="790"] a');
  await arrive(page, "/activities/790");
  assert.equal(await text(page, "h1"), name);
  assert.equal(await page.title(), `${name} · 캠페인 대시보드`);
  assert.deepEqual(await texts(page, ".path a"), ["캠페인", "가을 감사 선착순 특가"]);
  await page.click(".path a >> nth=1");
  await arrive(page, "/campaigns/123");
  assert.equal(await text(page, "h1"), "가을 감사 선착순 특가");
  await page.click(".path a");
  await arrive(page, "/campaigns");
  assert.equal(await text(page, "h1"), "캠페인");
});

scene("the keyboard leads to an activity's content and back", async ({ page, go }) => {
  await go("campaigns/123");
  await tabTo(page, '[data-row="791"] a');
  await page.keyboard.press("Enter");
  await arrive(page, "/activities/791");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "캠페인");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await arrive(page, "/campaigns/123");
});

scene("the first Tab stop skips to the content", async ({ page, go }) => {
  await go("campaigns/123");
  await page.keyboard.press("Tab");
  assert.equal(await text(page, ":focus"), "본문으로 건너뛰기");
  assert.ok(await page.locator(":focus").isVisible());
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  assert.equal(await text(page, "h1"), "가을 감사 선착순 특가");
});

scene("the address keeps every choice over links, history and a reload", async ({ page, go }) => {
  await go(`campaigns/123?${STATE}`);
  const campaign = await state(page);
  assert.deepEqual(campaign, {
    path: `/campaigns/123?${STATE}`, language: "en", heading: "가을 감사 선착순 특가", pressed: ["English", "Custom", "People"], dates: "Nov 4, 2024 – Nov 8, 2024", visits: campaign.visits,
  });
  await page.click('[data-row="790"] a');
  await arrive(page, "/activities/790");
  const activity = await state(page);
  assert.deepEqual([activity.path, activity.pressed, activity.dates], [`/activities/790?${STATE}`, campaign.pressed, campaign.dates]);
  await page.reload();
  await ready(page);
  assert.deepEqual(await state(page), activity);
  await page.goBack();
  await arrive(page, "/campaigns/123");
  assert.deepEqual(await state(page), campaign);
  await page.goForward();
  await arrive(page, "/activities/790");
  assert.deepEqual(await state(page), activity);
  await page.click("header.top .brand");
  await arrive(page, "/campaigns");
  assert.equal(new URL(page.url()).search, `?${STATE}`);
  await page.click('[data-campaign="123"] h2 a');
  await arrive(page, "/campaigns/123");
  assert.deepEqual(await state(page), campaign);
});

scene("each choice is an entry of the browser's history", async ({ page, go }) => {
  await go("campaigns/123");
  /** @type {[string, string][]} */
  const steps = [['[data-value="30d"]', "?period=30d"], ['[data-value="unique"]', "?period=30d&mode=unique"], ['[data-value="en"]', "?period=30d&mode=unique&lang=en"]];
  for (const [button, search] of steps) {
    await page.click(button);
    await page.waitForURL((url) => url.search === search);
    await ready(page);
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-pressed")), "true", "the button keeps the focus");
  }
  for (const search of ["?period=30d&mode=unique", "?period=30d", ""]) {
    await page.goBack();
    await page.waitForURL((url) => url.search === search);
  }
  await ready(page);
  assert.deepEqual((await state(page)).pressed, ["한국어", "7일", "건수"]);
});

scene("a shared link shows another viewer the same page", async ({ page, go }) => {
  await go("campaigns/123");
  await page.click('[data-value="30d"]');
  await page.click('[data-value="unique"]');
  await page.click('[data-value="en"]');
  await page.waitForURL(/lang=en/);
  await ready(page);
  const sent = await state(page);
  const other = await its.chromium.newContext({ locale: "de-DE", timezoneId: "America/New_York" });
  const opened = await other.newPage();
  await opened.goto(page.url());
  await ready(opened);
  assert.deepEqual(await state(opened), sent);
  await other.close();
});

scene("a click with Ctrl opens another tab, and leaves this one", async ({ page, context, go }) => {
  await go("campaigns/123");
  const opening = context.waitForEvent("page");
  await page.click('[data-row="790"] a', { modifiers: ["Control"] });
  const other = await opening;
  await other.waitForURL("**/activities/790");
  assert.equal(new URL(page.url()).pathname, "/campaigns/123");
});

scene("the language can be switched on every page, and links keep it", async ({ page, go }) => {
  await go("");
  await page.click('[data-value="en"]');
  assert.deepEqual([await page.getAttribute("html", "lang"), await text(page, "h1"), await page.title()], ["en", "Campaigns", "Campaigns · Campaign dashboard"]);
  await page.waitForSelector("[data-campaign]");
  await page.click('[data-campaign="123"] h2 a');
  await arrive(page, "/campaigns/123");
  assert.equal(await text(page, '[data-widget="kpi"] h2'), "Key figures");
  await page.click('[data-value="ko"]');
  assert.equal(await page.getAttribute("html", "lang"), "ko");
  assert.equal(await text(page, '[data-widget="kpi"] h2'), "핵심 지표");
  assert.equal(new URL(page.url()).search, "");
});

/** @param {Page} page */
const surface = (page) => page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]);

scene("the theme is the system's until the viewer chooses one", async ({ page, go }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await go("campaigns/123");
  assert.deepEqual(await surface(page), ["dark", "rgb(14, 17, 22)"]);
  await page.emulateMedia({ colorScheme: "light" });
  await page.waitForSelector('html[data-theme="light"]');
  assert.deepEqual(await surface(page), ["light", "rgb(244, 245, 248)"]);
  await page.getByRole("button", { name: "어두운 화면으로" }).click();
  assert.equal((await surface(page))[0], "dark");
  assert.equal(await page.evaluate(() => /** @type {any} */ (document.querySelector(".picture-funnel canvas")).chart.data.datasets[0].backgroundColor[0]), "#b9c6ff", "charts follow");
  await page.reload();
  assert.equal((await surface(page))[0], "dark");
  await go("");
  assert.equal((await surface(page))[0], "dark");
  await page.getByRole("button", { name: "밝은 화면으로" }).click();
  assert.equal((await surface(page))[0], "light");
});

/** Paths with the code and the text of their problem. @type {[string, string, string][]} */
const TROUBLES = [
  ["campaigns/999", "not_found", "이런 캠페인이 없습니다"],
  ["activities/999", "not_found", "이런 활동이 없습니다"],
  ["campaigns/abc", "invalid_request", "주소의 번호가 올바르지 않습니다"],
  ["campaigns/99999999999999999999", "invalid_request", "주소의 번호가 올바르지 않습니다"],
  ["campaigns/123?period=custom&startDate=2024-02-30&endDate=2024-03-01", "invalid_request", "주소에 잘못된 값이 있습니다: startDate"],
  ["campaigns/123?period=custom&startDate=2024-11-08&endDate=2024-11-04", "invalid_request", "주소에 잘못된 값이 있습니다"],
  ["campaigns/123?period=custom&startDate=2023-01-01&endDate=2024-11-04", "invalid_request", "주소에 잘못된 값이 있습니다"],
];
scene("unknown and invalid addresses show a problem with a link to the list", async ({ page, go }) => {
  for (const [path, code, sentence] of TROUBLES) {
    await go(path);
    assert.ok((await text(page, `[data-problem=${code}]`)).includes(sentence), path);
    assert.deepEqual(await texts(page, "[data-problem] .ways > *"), ["다시 시도", "캠페인 목록으로"]);
    assert.equal(await page.locator("[data-widget]:visible, .connection:visible").count(), 0);
    assert.deepEqual(await texts(page, "h1:visible"), ["페이지를 보여 드릴 수 없습니다"]);
    assert.equal(await page.title(), "페이지를 보여 드릴 수 없습니다 · 캠페인 대시보드");
    // If the dates are invalid, others can be chosen.
    assert.equal(await page.locator(".period").isVisible(), path.includes("period="));
    await page.click("[data-problem] a");
    await page.waitForSelector("[data-campaign]");
    assert.equal(new URL(page.url()).pathname, "/campaigns");
  }
}, { expected: FAILED_LOADS });

scene("invalid dates in the address can be replaced", async ({ page, go }) => {
  await go("campaigns/123?period=custom&startDate=2023-01-01&endDate=2024-11-04");
  await page.click('[data-value="1d"]');
  await page.waitForSelector('[data-widget="kpi"][data-status="fresh"]');
  assert.equal(await page.locator("[data-problem]").count(), 0);
}, { expected: FAILED_LOADS });
