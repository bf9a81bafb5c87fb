// Screenshots of the page, for people to review: build/screenshots.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { FAILED_LOADS, stage, STILL } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const FOLDER = new URL("../../build/screenshots/", import.meta.url);
mkdirSync(FOLDER, { recursive: true });

// Enough events for sales in every widget.
const { scene } = stage(["--generate", "100000", ...STILL.slice(2)]);

const DESK = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const WALL = { viewport: { width: 1920, height: 1080 } };

/**
 * How much content a picture has: the share of its bytes that differ from PNG's prediction from their neighbours. It is close to 0
 * for a blank page.
 * @param {Buffer} png
 */
function content(png) {
  const parts = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const lines = inflateSync(Buffer.concat(parts));
  let differ = 0;
  for (const byte of lines) if (byte > 4) differ += 1;
  return differ / lines.length;
}

/** @param {Page} page @param {string} name */
async function picture(page, name) {
  const shot = await page.screenshot({ fullPage: true, animations: "disabled" });
  writeFileSync(new URL(`${name}.png`, FOLDER), shot);
  const [width, height] = [shot.readUInt32BE(16), shot.readUInt32BE(20)];
  const viewport = page.viewportSize();
  assert.ok(viewport && width % viewport.width === 0 && height >= viewport.height, `${name}: ${width} x ${height}`);
  assert.ok(content(shot) > 0.002, `${name} is blank: ${content(shot)}`);
}

/** Makes one widget fail, another one stale, and a third one lack a figure. @param {Page} page */
async function trouble(page) {
  await page.route("**/stream?**", (route) => route.fulfill({ status: 503, body: "" }));
  await page.route(/\/campaign\/124\?/, async (route) => {
    const real = await (await route.fetch()).json();
    const missing = (/** @type {string} */ field) => ({ field, reason: "unavailable", detail: "no_answer", source: "redis", message: "" });
    delete real.data.realtime;
    Object.assign(real.widgets.realtime, { status: "unavailable", asOf: null, ageMs: null, missing: ["remainingStock", "hourlyInflow"].map(missing) });
    Object.assign(real.widgets.funnel, { status: "stale", asOf: new Date(Date.parse(real.timestamp) - 180_000).toISOString() });
    real.data.overview.purchaseCount = null;
    Object.assign(real.widgets.overview, { status: "partial", missing: [missing("purchaseCount")] });
    await route.fulfill({ json: real });
  });
}

/** Gives everything long names and large figures. @param {Page} page */
async function long(page) {
  const name = "연말 결산 감사 대축제 선착순 한정 특가 프로모션과 아주아주 긴 이름을 가진 활동 The Longest Name Anybody Ever Gave";
  await page.route("**/stream?**", (route) => route.fulfill({ status: 503, body: "" }));
  await page.route(/\/campaign\/124\?/, async (route) => {
    const real = await (await route.fetch()).json();
    real.scope.name = name;
    for (const row of real.data.activities) row.name = `${row.activityKey} ${name}`;
    for (const kind of ["promotion", "regular", "baseline"]) real.data.comparison[kind].revenue = "12345678901.50";
    real.data.overview.totalVisits = 1_234_567_890;
    await route.fulfill({ json: real });
  });
}

/** @type {[string, string, import("playwright-core").BrowserContextOptions, ((page: Page) => Promise<unknown>)?, ((page: Page) => Promise<unknown>)?][]} */
const PICTURES = [
  ["campaigns-ko-desktop", "", DESK],
  ["campaign-ko-desktop", "campaigns/124", DESK],
  ["activity-en-desktop-dark", "activities/792?lang=en", { ...DESK, colorScheme: "dark" }],
  ["campaign-en-phone-dark", "campaigns/124?lang=en", { ...PHONE, colorScheme: "dark" }],
  ["campaign-en-tablet", "campaigns/124?lang=en&mode=unique", { viewport: { width: 768, height: 1024 } }],
  ["campaign-ko-wall", "campaigns/124?period=30d", WALL],
  ["not-started-ko-desktop", "campaigns/126?period=custom&startDate=2024-08-01&endDate=2024-08-02", DESK],
  ["calendar-ko-desktop", "campaigns/124", DESK, undefined, (page) => page.click('[data-value="custom"]')],
  ["failed-ko-desktop", "campaigns/124", DESK, trouble],
  ["failed-en-phone-dark", "campaigns/124?lang=en", { ...PHONE, colorScheme: "dark" }, trouble],
  ["long-names-ko-phone", "campaigns/124", PHONE, long],
];
for (const [name, path, device, before, after] of PICTURES) {
  scene(`the picture ${name} shows the page`, async ({ page, go }) => {
    await before?.(page);
    await go(path);
    await after?.(page);
    await picture(page, name);
  }, { ...device, expected: FAILED_LOADS });
}
