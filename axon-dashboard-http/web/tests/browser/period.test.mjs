// The custom period: chosen in a calendar by mouse, by keyboard and by touch.

import assert from "node:assert/strict";
import { ready, stage, text, texts } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const { scene } = stage();

const day = (/** @type {string} */ date) => `.month [data-date="${date}"]`;

/** The date that has the focus. @param {Page} page */
const focused = (page) => page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).dataset.date ?? null);

/** The days that are marked as selected. @param {Page} page */
const selected = (page) => page.evaluate(() => [...document.querySelectorAll('.month [aria-selected="true"] button')].map((button) => button.getAttribute("data-date")));

/** @param {Page} page */
async function open(page) {
  await page.click('[data-value="custom"]');
  await page.waitForSelector("dialog[open]");
}

/** Waits until the page shows the figures of an address. @param {Page} page @param {string} search */
async function arrive(page, search) {
  await page.waitForURL((url) => url.search === search);
  await ready(page);
}

scene("the calendar opens on the shown period and names its time zone", async ({ page, go }) => {
  await go("campaigns/123");
  await open(page);
  assert.equal(await text(page, "dialog h2"), "조회 기간 선택");
  assert.equal(await text(page, "dialog .quiet"), "시작일과 종료일을 차례로 고르세요. 최대 400일입니다. Asia/Seoul 기준");
  assert.equal(await text(page, "#calendar-month"), "2024년 11월");
  assert.deepEqual(await selected(page), ["06", "07", "08", "09", "10", "11", "12"].map((date) => `2024-11-${date}`));
  assert.equal(await text(page, ".calendar-range"), "시작일: 2024. 11. 6. · 종료일: 2024. 11. 12.");
  assert.equal(await focused(page), "2024-11-12");
  assert.equal(await page.getAttribute(day("2024-11-12"), "aria-current"), "date");
  assert.equal(await page.getAttribute(day("2024-11-12"), "aria-label"), "12, 화요일, 2024년 11월");
});

scene("two clicks choose a period, and applying it shows its figures", async ({ page, go }) => {
  await go("campaigns/123");
  await open(page);
  await page.click(day("2024-11-04"));
  assert.deepEqual(await selected(page), ["2024-11-04"]);
  assert.equal(await text(page, ".calendar-range"), "시작일: 2024. 11. 4. · 종료일: 선택 안 됨");
  assert.ok(await page.isDisabled("dialog .primary"));
  await page.click(day("2024-11-08"));
  assert.deepEqual(await selected(page), ["04", "05", "06", "07", "08"].map((date) => `2024-11-${date}`));
  await page.click("dialog .primary");
  await arrive(page, "?period=custom&startDate=2024-11-04&endDate=2024-11-08");
  assert.match(await text(page, ".range"), /^2024\. 11\. 4\. ~ 2024\. 11\. 8\. · Asia\/Seoul 기준/);
  assert.deepEqual(await texts(page, '.period [aria-pressed="true"]'), ["직접 선택"]);
  assert.equal(await page.locator("dialog").count(), 0);
});

scene("one day is a period, and an earlier day starts a new one", async ({ page, go }) => {
  await go("campaigns/123");
  await open(page);
  await page.click(day("2024-11-08"));
  await page.click(day("2024-11-05"));
  assert.deepEqual(await selected(page), ["2024-11-05"]);
  await page.click(day("2024-11-05"));
  assert.equal(await text(page, ".calendar-range"), "시작일: 2024. 11. 5. · 종료일: 2024. 11. 5.");
  await page.click("dialog .primary");
  await arrive(page, "?period=custom&startDate=2024-11-05&endDate=2024-11-05");
  assert.match(await text(page, ".range"), /^2024\. 11\. 5\. · /);
});

scene("future days and months cannot be chosen", async ({ page, go }) => {
  await go("campaigns/123");
  await open(page);
  for (const [date, disabled] of /** @type {[string, boolean][]} */ ([["2024-11-12", false], ["2024-11-13", true], ["2024-11-30", true], ["2024-10-31", false]])) {
    assert.equal(await page.isDisabled(day(date)), disabled, date);
  }
  assert.ok(await page.isDisabled('dialog [aria-label="다음 달"]'));
  await page.click('dialog [aria-label="이전 달"]');
  assert.equal(await text(page, "#calendar-month"), "2024년 10월");
  assert.ok(await page.isEnabled('dialog [aria-label="다음 달"]'));
});

scene("the keyboard chooses a period, and the focus returns", async ({ page, go }) => {
  await go("campaigns/123");
  await page.focus('[data-value="custom"]');
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  /** @type {[string, string][]} */
  const steps = [
    ["ArrowLeft", "2024-11-11"], ["ArrowUp", "2024-11-04"], ["ArrowRight", "2024-11-05"], ["ArrowDown", "2024-11-12"], ["ArrowDown", "2024-11-12"],
    ["Home", "2024-11-10"], ["End", "2024-11-12"], ["PageUp", "2024-10-12"], ["PageUp", "2024-09-12"], ["PageDown", "2024-10-12"], ["End", "2024-10-12"],
    ["Home", "2024-10-06"], ["ArrowLeft", "2024-10-05"],
  ];
  for (const [key, date] of steps) {
    await page.keyboard.press(key);
    assert.equal(await focused(page), date, key);
  }
  await page.keyboard.press("Enter");
  for (let press = 0; press < 3; press += 1) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  assert.equal(await text(page, ".calendar-range"), "시작일: 2024. 10. 5. · 종료일: 2024. 10. 26.");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await text(page, ":focus"), "적용");
  await page.keyboard.press("Enter");
  await arrive(page, "?period=custom&startDate=2024-10-05&endDate=2024-10-26");
  assert.equal(await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).dataset.value), "custom");
});

scene("Esc and cancel change nothing, and return the focus", async ({ page, go }) => {
  await go("campaigns/123");
  for (const close of [() => page.keyboard.press("Escape"), () => page.getByRole("button", { name: "취소", exact: true }).click()]) {
    await page.focus('[data-value="custom"]');
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog[open]");
    await page.click(day("2024-11-04"));
    await page.click(day("2024-11-05"));
    await close();
    await page.waitForSelector("dialog", { state: "detached" });
    assert.equal(new URL(page.url()).search, "");
    assert.equal(await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).dataset.value), "custom");
  }
});

scene("Tab stays inside the open calendar", async ({ page, go }) => {
  await go("campaigns/123");
  await open(page);
  for (let press = 0; press < 12; press += 1) {
    await page.keyboard.press("Tab");
    // After the last control, Tab leaves for the browser's own controls, and then returns to the first.
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog")));
  }
});

scene("more than 400 days are refused before a request", async ({ page, go }) => {
  await go("campaigns/123");
  await open(page);
  const turn = async (/** @type {string} */ key) => {
    for (let press = 0; press < 13; press += 1) await page.keyboard.press(key);
  };
  await turn("PageUp");
  assert.equal(await focused(page), "2023-10-12");
  await page.click(day("2023-10-09"));
  await turn("PageDown");
  // The 401st day: the 400th is the day before.
  await page.click(day("2024-11-12"));
  assert.equal(await text(page, ".calendar-range"), "최대 400일까지 고를 수 있습니다.");
  assert.ok(await page.isDisabled("dialog .primary"));
  await turn("PageUp");
  await page.click(day("2023-10-09"));
  await turn("PageDown");
  await page.click(day("2024-11-11"));
  await page.click("dialog .primary");
  await arrive(page, "?period=custom&startDate=2023-10-09&endDate=2024-11-11");
  assert.equal(await page.locator("[data-problem]").count(), 0);
});

scene("a period can be chosen by touch", async ({ page, go }) => {
  await go("campaigns/123?lang=en");
  await page.tap('[data-value="custom"]');
  await page.tap('dialog [aria-label="Previous month"]');
  await page.tap(day("2024-10-01"));
  await page.tap(day("2024-10-31"));
  const box = await page.locator("dialog").boundingBox();
  assert.ok(box && box.x >= 0 && box.x + box.width <= 360 && box.y >= 0 && box.y + box.height <= 640, JSON.stringify(box));
  await page.tap("dialog .primary");
  await arrive(page, "?period=custom&startDate=2024-10-01&endDate=2024-10-31&lang=en");
}, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
