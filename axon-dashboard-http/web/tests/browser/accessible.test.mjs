// Accessibility: keyboard, screen readers, both themes, every width, and reduced motion.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { drawn, FAILED_LOADS, ready, stage, standing, STOOD, text } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const DESK = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** The violations that axe finds, as text. @param {Page} page @returns {Promise<string[]>} */
async function violationsOf(page) {
  // Evaluated by the debugger, since the page's policy forbids inline scripts.
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(AXE);
  return page.evaluate(async (tags) => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes.map((/** @type {any} */ node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
  }, RULES);
}

/** Makes one widget fail, another one stale, and a third one lack a figure. @param {Page} page */
async function trouble(page) {
  await page.route("**/stream?**", (route) => route.fulfill({ status: 503, body: "" }));
  await page.route(/\/campaign\/123\?/, async (route) => {
    const real = await (await route.fetch()).json();
    const missing = (/** @type {string} */ field) => ({ field, reason: "unavailable", detail: "no_answer", source: "redis", message: "" });
    delete real.data.realtime;
    Object.assign(real.widgets.realtime, { status: "unavailable", asOf: null, ageMs: null, missing: ["remainingStock", "hourlyInflow"].map(missing) });
    Object.assign(real.widgets.funnel, { status: "stale", asOf: new Date(Date.parse(real.timestamp) - 180_000).toISOString() });
    real.data.overview.purchaseCount = null;
    Object.assign(real.widgets.overview, { status: "partial", missing: [missing("purchaseCount")] });
    real.warnings.push({ code: "dates_ignored", message: "" });
    await route.fulfill({ json: real });
  });
}

/** Every page and state with a layout of its own. @type {[string, string, ((page: Page) => Promise<unknown>)?][]} */
const VIEWS = [
  ["the list", ""],
  ["a campaign", "campaigns/123"],
  ["an activity that has ended, everything unfolded", "activities/796", async (page) => {
    for (const unfold of await page.locator(".unfold-notes:visible, .unfold summary").all()) await unfold.click();
    await page.focus(".hint");
  }],
  ["the calendar", "campaigns/123", (page) => page.click('[data-value="custom"]')],
  ["a page of wrong days", "campaigns/123?period=custom&startDate=2024-11-08&endDate=2024-11-04"],
  ["a failed, an old and an incomplete widget", "campaigns/123", async (page) => {
    await trouble(page);
    await page.reload();
    await page.waitForSelector(".failure:visible");
  }],
];

for (const [where, lang, device] of /** @type {const} */ ([["a desk, in Korean", "ko", DESK], ["a phone, in English", "en", PHONE]])) {
  scene(`on ${where}, axe finds no violation on any page in either theme`, async ({ page, go }) => {
    for (const [view, path, prepare] of VIEWS) {
      await page.unrouteAll({ behavior: "ignoreErrors" });
      await go(`${path}${path.includes("?") ? "&" : "?"}lang=${lang}`);
      await prepare?.(page);
      for (const scheme of /** @type {const} */ (["light", "dark"])) {
        await page.emulateMedia({ colorScheme: scheme });
        await page.waitForSelector(`html[data-theme="${scheme}"]`);
        assert.deepEqual(await violationsOf(page), [], `${view}, ${scheme}`);
      }
    }
  }, { ...device, expected: FAILED_LOADS });
}

scene("axe finds no violation in the other language of desk and phone", async ({ page, go }) => {
  await go("campaigns/123?lang=en");
  assert.deepEqual(await violationsOf(page), []);
  await page.setViewportSize({ width: 360, height: 740 });
  await go("campaigns/123");
  assert.deepEqual(await violationsOf(page), []);
});

scene("axe finds no violation while figures load", async ({ page }) => {
  await page.route(/\/api\//, () => {});
  await page.goto(`${its.url}campaigns/123`);
  await page.waitForSelector(".frame.loading");
  assert.deepEqual((await violationsOf(page)).filter((one) => !one.startsWith("empty-heading")), []);
});

scene("each chart has its figures as a text and in a table beside it", async ({ page, go }) => {
  await go("campaigns/123");
  const charts = await page.locator("canvas").evaluateAll((all) => all.map((canvas) => ({
    role: canvas.getAttribute("role"),
    label: canvas.getAttribute("aria-label") ?? "",
    rows: [...(canvas.closest("[data-widget]")?.querySelectorAll("tbody tr") ?? [])].map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
  })));
  assert.deepEqual(charts.map(({ role, rows }) => [role, rows.length]), [["img", 4], ["img", 5], ["img", 24]]);
  const [funnel, promotion, inflow] = charts;
  for (const [step, count, rate] of funnel?.rows ?? []) assert.ok(funnel?.label.includes(`${step} ${count} (${rate})`), funnel?.label);
  for (const figure of promotion?.rows[0]?.slice(1) ?? []) assert.ok(promotion?.label.includes(figure), promotion?.label);
  for (const [hour = "", visits] of inflow?.rows ?? []) assert.ok(inflow?.label.includes(`${hour.slice(0, 5)} ${visits}`), inflow?.label);
});

/** The controls that Tab reaches, in document order. @param {Page} page */
const reachable = (page) => page.evaluate(() => [...document.querySelectorAll('a[href], button:enabled, summary, [tabindex="0"]')]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }))
  .map((one, index) => {
    one.setAttribute("data-stop", String(index));
    return `${one.tagName} ${one.getAttribute("aria-label") ?? one.textContent}`;
  }));

scene("Tab reaches every control in document order with a visible focus", async ({ page, go }) => {
  for (const path of ["campaigns/123", "", "campaigns/999"]) {
    await go(path);
    const all = await reachable(page);
    assert.ok(all.length > (path.includes("999") ? 5 : 20), all.join());
    await page.evaluate(() => /** @type {HTMLElement | null} */ (document.activeElement)?.blur());
    for (const [index, control] of all.entries()) {
      await page.keyboard.press("Tab");
      const state = await page.evaluate(() => {
        const at = /** @type {HTMLElement} */ (document.activeElement);
        const { outlineStyle, outlineWidth } = getComputedStyle(at);
        const { left, right, top, bottom } = at.getBoundingClientRect();
        return { stop: at.dataset.stop, outline: `${outlineWidth} ${outlineStyle}`, inside: right > 0 && bottom > 0 && left < innerWidth && top < innerHeight };
      });
      assert.deepEqual(state, { stop: String(index), outline: "2px solid", inside: true }, control);
    }
  }
}, { expected: FAILED_LOADS });

scene("screen readers announce figures at most twice a minute", async ({ page, ...scene }) => {
  let visits = 1000;
  await page.route("**/stream?**", (route) => route.fulfill({ status: 503, body: "" }));
  await page.route(/\/campaign\/123\?/, async (route) => {
    const real = await (await route.fetch()).json();
    real.data.overview.totalVisits = visits += 1;
    await route.fulfill({ json: real });
  });
  await standing({ page, ...scene }, "campaigns/123");
  await page.evaluate(() => {
    const announcements = [{ at: performance.now(), text: document.querySelector('p.spoken[role="status"]')?.textContent }];
    new MutationObserver(() => announcements.push({ at: performance.now(), text: document.querySelector('p.spoken[role="status"]')?.textContent }))
      .observe(/** @type {Node} */ (document.querySelector('p.spoken[role="status"]')), { childList: true, characterData: true, subtree: true });
    Object.assign(window, { announcements });
  });
  for (let second = 0; second < 70; second += 1) {
    // Compared with the page and not with the answers: an answer may be on its way while the page's clock is paused.
    const before = Number((await page.textContent('[data-figure="totalVisits"]'))?.replace(/\D/g, ""));
    await page.clock.runFor(1_000);
    await page.waitForFunction((more) => Number(document.querySelector('[data-figure="totalVisits"]')?.textContent?.replace(/\D/g, "")) > more, before);
  }
  /** @type {{at: number, text: string}[]} */
  const announcements = await page.evaluate(() => /** @type {any} */ (window).announcements);
  assert.equal(announcements.length, 3, JSON.stringify(announcements));
  announcements.forEach((one, index) => {
    assert.match(one.text, /^방문 1,0\d\d, 참여 \d+, 승인 \d+, 구매 \d+\. 데이터 기준 \d\d:\d\d:\d\d\.$/);
    // The first announcement was made before the observer started.
    assert.ok(one.at - Number(announcements[index - 1]?.at ?? -Infinity) >= (index === 1 ? 30_000 - STOOD : 30_000), JSON.stringify(announcements));
  });
}, { expected: FAILED_LOADS });

scene("a problem is announced to screen readers at once", async ({ page, go }) => {
  await go("campaigns/999");
  assert.equal(await page.getAttribute("[data-problem]", "role"), "alert");
}, { expected: FAILED_LOADS });

scene("with reduced motion nothing is animated", async ({ page, go }) => {
  /** @type {import("playwright-core").Route[]} */
  const held = [];
  let holding = true;
  await page.route(/\/api\//, async (route) => (holding ? held.push(route) : route.continue()));
  await page.goto(`${its.url}campaigns/123`);
  await page.waitForSelector(".frame.loading");
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  holding = false;
  await Promise.all(held.map((route) => route.continue()));
  await ready(page);
  await page.evaluate(() => {
    for (const figure of document.querySelectorAll(".figure")) figure.classList.add("changed");
    document.querySelector(".frame")?.classList.add("dim");
  });
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  // The same page without reduced motion has animations, so the test can detect them.
  await page.emulateMedia({ reducedMotion: "no-preference" });
  assert.ok(await page.evaluate(() => document.getAnimations().length) > 10);
  await go("campaigns/123");
}, { reducedMotion: "reduce" });

scene("no page is wider than the window, from 320 to 1920 pixels", async ({ page, go }) => {
  for (const path of ["", "campaigns/123", "activities/790", "campaigns/999"]) {
    for (const lang of ["ko", "en"]) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await go(`${path}?lang=${lang}`);
      for (const width of [320, 360, 768, 1080, 1280, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        const scrollWidth = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(scrollWidth <= width, `${path} in ${lang}: ${scrollWidth} in ${width}`);
      }
    }
  }
}, { expected: FAILED_LOADS });

/** The relative luminance of a colour (WCAG 2). @param {string} colour as `#rrggbb` or `rgb(r, g, b)` */
function luminance(colour) {
  const parts = colour.startsWith("#") ? [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) : (colour.match(/\d+/g) ?? []).map(Number);
  const [red = 0, green = 0, blue = 0] = parts.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

scene("every colour of a chart has enough contrast in both themes", async ({ page, go }) => {
  await go("activities/790");
  for (const scheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.waitForSelector(`html[data-theme="${scheme}"]`);
    await drawn(page);
    const { surface, ...colours } = await page.evaluate(() => {
      const style = getComputedStyle(document.documentElement);
      const names = ["surface", "promotion", "regular", "baseline", "step-0", "step-1", "step-2", "step-3", "accent", "accent-soft"];
      const colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
      const bar = /** @type {HTMLElement} */ (document.querySelector(".stock-fill"));
      const track = /** @type {HTMLElement} */ (document.querySelector(".stock"));
      for (const level of ["low", "middle", "high"]) {
        track.dataset.level = level;
        colours[`stock ${level}`] = getComputedStyle(bar).backgroundColor;
      }
      return colours;
    });
    for (const [name, colour] of Object.entries(colours)) {
      const [bright = 0, dark = 0] = [luminance(String(colour)), luminance(String(surface))].sort((one, other) => other - one);
      const contrast = (bright + 0.05) / (dark + 0.05);
      assert.ok(contrast >= 3, `${name} ${colour} on ${surface} in ${scheme}: ${contrast.toFixed(2)}`);
    }
  }
});

scene("the page has its language, and each language is named in itself", async ({ page, go }) => {
  for (const lang of ["ko", "en"]) {
    await go(`campaigns/123?lang=${lang}`);
    assert.equal(await page.getAttribute("html", "lang"), lang);
    assert.deepEqual(await page.locator("header.top [lang]").evaluateAll((all) => all.map((one) => `${one.getAttribute("lang")} ${one.textContent}`)), ["ko 한국어", "en English"]);
  }
  assert.equal(await text(page, "header.top .brand"), "Campaign dashboard");
});
