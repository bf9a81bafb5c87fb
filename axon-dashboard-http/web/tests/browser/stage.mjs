// One server and one browser for the tests of a file, and scenes on them: a page that must have nothing to complain about.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUDGETS, browser, open, server } from "./harness.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../../src/types.js").Answer} Answer */

/** Generated campaigns as they stand at one instant, on a Tuesday evening in Seoul. The clock goes on from there. */
export const NOW = "2024-11-12T10:30:20Z";
export const STILL = ["--generate", "20000", "--still", "--now", NOW];

/**
 * @typedef {object} Scene
 * @property {Page} page
 * @property {import("playwright-core").BrowserContext} context
 * @property {string[]} complaints what the console, a script or the policy said; none is to be left at the end
 * @property {(path: string) => Promise<void>} go shows an address below the router's root, until there is something to see
 */

/**
 * @param {string[]} [args] of the server
 * @param {number} [together] how many scenes are played at the same time
 */
export function stage(args = STILL, together = 3) {
  /** @type {{url: string, chromium: import("playwright-core").Browser, server: Awaited<ReturnType<typeof server>>}} */
  const its = /** @type {any} */ ({});
  /** @type {[string, () => Promise<void>][]} */
  const scenes = [];
  test("one server and one browser are enough for all scenes of a file", { concurrency: together }, async (all) => {
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
   * @param {import("playwright-core").BrowserContextOptions & {expected?: RegExp}} [options] what complaints it is about, where it is about some
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
        // What a page still asks for at its end is answered by nobody.
        await page.unrouteAll({ behavior: "ignoreErrors" });
        await context.close();
      }
    }]);
  }
  return { its, scene };
}

/** How far the page's clock has come where `standing` has stopped it. */
export const STOOD = 8_000;

/**
 * Shows an address on a clock that stands from then on, until a test lets it go on: however slow the machine is.
 * @param {Scene} scene @param {string} path
 */
export async function standing({ page, go }, path) {
  const began = Date.parse(NOW);
  await page.clock.install({ time: began });
  await go(path);
  await page.clock.pauseAt(began + STOOD);
}

/** Chromium says so of every answer that is no success; the page is to live with it. */
export const FAILED_LOADS = /^error: Failed to load resource/;

/** Waits until a page shows what it has: widgets with figures, campaigns, or why there is nothing. @param {Page} page */
export async function ready(page) {
  await page.waitForSelector('[data-widget="kpi"]:not([data-status="loading"]), .campaigns:not(.loading), [data-problem]', { state: "attached" });
  if (await page.locator("canvas").first().isVisible()) await drawn(page);
}

/** Waits until every chart in sight has been drawn. @param {Page} page */
export function drawn(page) {
  return page.waitForFunction(() => [...document.querySelectorAll("canvas")].every((canvas) => canvas.offsetParent === null || "chart" in canvas));
}

/** The API's answer of its own for what a page shows. @param {string} url @param {string} path such as `campaign/123` @param {Record<string, string>} [asked] @returns {Promise<Answer>} */
export async function answer(url, path, asked = {}) {
  const widgets = `overview,funnel,comparison,realtime${path.startsWith("campaign") ? ",activities" : ""}`;
  const reply = await fetch(`${url}api/v1/dashboard/${path}?${new URLSearchParams({ widgets, compare: "previous", ...asked })}`);
  assert.equal(reply.status, 200);
  return reply.json();
}

/** The text at a selector, spaces made plain. @param {Page} page @param {string} selector */
export async function text(page, selector) {
  return (await page.locator(selector).innerText()).replace(/\s+/g, " ").trim();
}

/** The texts of all elements of a selector. @param {Page} page @param {string} selector */
export async function texts(page, selector) {
  return (await page.locator(selector).allInnerTexts()).map((one) => one.replace(/\s+/g, " ").trim());
}
