// Definitions of figures: on hover, on focus and by touch.

import assert from "node:assert/strict";
import { FAILED_LOADS, stage, text } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();

/** @returns {Promise<Map<string, import("../../src/types.js").Definition>>} */
async function definitions() {
  const { definitions } = await (await fetch(`${its.url}api/v1/dashboard/definitions`)).json();
  return new Map(definitions.map((/** @type {import("../../src/types.js").Definition} */ one) => [one.key, one]));
}

const VISITS = '[data-widget="kpi"] .card:first-child .hint';
const shown = (/** @type {Page} */ page) => page.waitForSelector("#bubble:not([hidden])");
const bubbleHidden = (/** @type {Page} */ page) => page.waitForSelector("#bubble[hidden]", { state: "attached" });

scene("every hint shows the server's definition of its figure", async ({ page, go }) => {
  await go("campaigns/123");
  const known = await definitions();
  const hints = page.locator(".hint");
  assert.ok(await hints.count() >= 22, `${await hints.count()}`);
  const formulas = new Set([...known.values()].map(({ formulaKo }) => formulaKo));
  for (const hint of await hints.all()) {
    await hint.focus();
    await shown(page);
    const lines = await page.locator("#bubble p").allInnerTexts();
    const of = [...known.values()].find(({ ko, formulaKo }) => ko === lines[0] && formulaKo === lines[1]);
    assert.ok(of && formulas.has(String(lines[1])), `${await hint.getAttribute("aria-label")}: ${lines}`);
    assert.match(String(lines[2]), /^단위: .+ · 출처: .+$/);
  }
});

scene("a definition opens on hover, and stays while it is hovered", async ({ page, go }) => {
  await go("campaigns/123?lang=en");
  const visits = (await definitions()).get("overview.totalVisits");
  await page.hover(VISITS);
  await shown(page);
  assert.ok((await text(page, "#bubble")).startsWith(`${visits?.en} ${visits?.formulaEn} Unit: events`));
  await page.hover("#bubble");
  // Longer than it stays after the pointer has left.
  await page.waitForTimeout(400);
  assert.ok(await page.isVisible("#bubble"));
  await page.mouse.move(5, 5);
  await bubbleHidden(page);
});

scene("a definition opens on focus, describes its button, closes with Esc", async ({ page, go }) => {
  await go("campaigns/123");
  await page.focus(VISITS);
  await shown(page);
  assert.equal(await page.getAttribute(VISITS, "aria-describedby"), "bubble");
  await page.keyboard.press("Escape");
  await bubbleHidden(page);
  assert.equal(await page.getAttribute(VISITS, "aria-describedby"), null);
  assert.ok(await page.evaluate((hint) => document.activeElement === document.querySelector(hint), VISITS));
  await page.keyboard.press("Enter");
  await shown(page);
  await page.keyboard.press("Tab");
  await page.waitForFunction(() => !document.querySelector('.card:first-child .hint')?.hasAttribute("aria-describedby"));
});

scene("a definition fits into the window, and closes on scrolling", async ({ page, go }) => {
  await go("campaigns/123");
  for (const hint of [VISITS, '[data-widget="activities"] th:last-child .hint']) {
    await page.locator(hint).scrollIntoViewIfNeeded();
    await page.hover(hint);
    await shown(page);
    const box = await page.locator("#bubble").boundingBox();
    assert.ok(box && box.x >= 0 && box.y >= 0 && box.x + box.width <= 1280 && box.y + box.height <= 900, JSON.stringify(box));
  }
  await page.mouse.wheel(0, -200);
  await bubbleHidden(page);
});

scene("a definition opens on a tap, and closes on a tap elsewhere", async ({ page, go }) => {
  await go("campaigns/123");
  for (let tap = 0; tap < 2; tap += 1) {
    await page.tap(VISITS);
    await shown(page);
    // Longer than the delay after which a bubble without a pointer closes.
    await page.waitForTimeout(400);
    assert.ok(await page.isVisible("#bubble"), `tap ${tap + 1}`);
  }
  await page.tap("h1");
  await bubbleHidden(page);
}, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });

scene("without definitions a hint shows the figure's name", async ({ page, go }) => {
  await page.route("**/definitions", (route) => route.fulfill({ status: 503, json: { status: 503, code: "unavailable" } }));
  await go("campaigns/123");
  await page.hover(VISITS);
  await shown(page);
  assert.equal(await text(page, "#bubble"), "방문");
}, { expected: FAILED_LOADS });
