// One server and one browser for the tests of a file, and scenes: tests with a page of their own, which must have no complaints.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUDGETS, browser, open, server } from "./harness.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../../src/types.js").Answer} Answer */

/** Generated campaigns at a fixed instant, a Tuesday evening in Seoul. No more events are generated; the clock runs on. */
export const NOW = "2024-11-12T10:30:20Z";
export const STILL = ["--generate", "20000", "--still", "--now", NOW];

/**
 * @typedef {object} Scene
 * @property {Page} page
 * @property {import("playwright-core").BrowserContext} context
 * @property {string[]} complaints of the console, of scripts and of the policy; must be empty at the end
 * @property {(path: string) => Promise<void>} go opens a path below the router's root, and waits until the page is ready
 */

/**
 * @param {string[]} [args] of the server
 * @param {number} [together] how many scenes run concurrently
 */
export function stage(args = STILL, together = 3) {
  /** @type {{url: string, chromium: import("playwright-core").Browser, server: Awaited<ReturnType<typeof server>>}} */
  const its = /** @type {any} */ ({});
  /** @type {[string, () => Promise<void>][]} */
  const scenes = [];
  test("all scenes of a file share one server and one browser", { concurrency: together }, async (all) => {
    [its.server, its.chromium] = await Promise.all([server(args, BUDGETS), browser()]);
    its.url = its.server.url;
    try {
      assert.ok(scenes.length > 0);
      await Promise.all(scenes.map(([name, play]) => all.test(name, play)));
    } finally {
      await its.chromium.close();
      await its.server.stop();
    }
  });

  /**
   * A test with a page of its own.
   * @param {string} name
   * @param {(scene: Scene) => Promise<void>} run
   * @param {import("playwright-core").BrowserContextOptions & {expected?: RegExp}} [options] `expected` matches the complaints that are allowed
   */
  function scene(name, run, { expected, ...options } = {}) {
    scenes.push([name, async () => {
      const { page, context, complaints } = await open(its.chromium, options);
      page.setDefaultTimeout(10_000);
      try {
        const go = async (/** @type {string} */ path) => {
          await page.goto(its.url + path);
          await ready(page);
        };
        await run({ page, context, complaints, go });
        assert.deepEqual(complaints.filter((one) => !expected?.test(one)), []);
      } finally {
        // Requests that are still running must not fail the test.
        await page.unrouteAll({ behavior: "ignoreErrors" });
        await context.close();
      }
    }]);
  }
  return { its, scene };
}

/** The time on the page's clock when `standing` pauses it, in milliseconds. */
export const STOOD = 8_000;

/**
 * Opens a path, and pauses the page's clock: a test advances it, independent of the machine's speed.
 * @param {Scene} scene @param {string} path
 */
export async function standing({ page, go }, path) {
  const began = Date.parse(NOW);
  await page.clock.install({ time: began });
  await go(path);
  await page.clock.pauseAt(began + STOOD);
}

/** Chromium reports each unsuccessful response; the page must handle them. */
export const FAILED_LOADS = /^error: Failed to load resource/;

/** Waits until a page shows widgets with figures, campaigns or a problem, and its charts are drawn. @param {Page} page */
export async function ready(page) {
  await page.waitForSelector('[data-widget="kpi"]:not([data-status="loading"]), .campaigns:not(.loading), [data-problem]', { state: "attached" });
  if (await page.locator("canvas").first().isVisible()) await drawn(page);
}

/** Waits until every visible chart has been drawn. @param {Page} page */
export function drawn(page) {
  return page.waitForFunction(() => [...document.querySelectorAll("canvas")].every((canvas) => canvas.offsetParent === null || "chart" in canvas));
}

/** The API's answer for a page, with other parameters for the page's query. @param {string} url @param {string} path such as `campaign/123` @param {Record<string, string>} [query] @returns {Promise<Answer>} */
export async function answer(url, path, query = {}) {
  const widgets = `overview,funnel,comparison,realtime${path.startsWith("campaign") ? ",activities" : ""}`;
  const reply = await fetch(`${url}api/v1/dashboard/${path}?${new URLSearchParams({ widgets, compare: "previous", ...query })}`);
  assert.equal(reply.status, 200);
  return reply.json();
}

/** The visible text of a selector, with runs of whitespace replaced by one space. @param {Page} page @param {string} selector */
export async function text(page, selector) {
  return (await page.locator(selector).innerText()).replace(/\s+/g, " ").trim();
}

/** The visible texts of all elements of a selector, as by `text`. @param {Page} page @param {string} selector */
export async function texts(page, selector) {
  return (await page.locator(selector).allInnerTexts()).map((one) => one.replace(/\s+/g, " ").trim());
}
