// Mounts: below a nested path the page works as at the root, and requests nothing outside that path.

import assert from "node:assert/strict";
import { mount } from "./proxy.mjs";
import { drawn, FAILED_LOADS, ready, stage, text } from "./stage.mjs";

const { its, scene } = stage();

/** A test on a server below a nested path. @param {string} name @param {(scene: import("./stage.mjs").Scene, mounted: {url: string, strays: string[]}) => Promise<void>} run @param {{expected?: RegExp}} [options] */
const nested = (name, run, options) => scene(name, async (own) => {
  const mounted = await mount(its.url, "/deep/er/");
  try {
    await run(own, mounted);
    assert.deepEqual(mounted.strays, []);
  } finally {
    mounted.stop();
  }
}, options);

nested("every page and link works below a nested path", async ({ page }, mounted) => {
  await page.goto(mounted.url);
  await page.click('[data-campaign="123"] h2 a');
  await page.waitForSelector('[data-widget="activities"][data-status="fresh"]');
  await drawn(page);
  assert.equal(new URL(page.url()).pathname, "/deep/er/campaigns/123");
  await page.reload();
  await ready(page);
  await page.click('[data-row="790"] a');
  await page.waitForURL("**/deep/er/activities/790");
  await ready(page);
  await page.click('[data-value="30d"]');
  await page.waitForURL("**/deep/er/activities/790?period=30d");
  await page.click(".path a >> nth=1");
  await page.waitForURL("**/deep/er/campaigns/123?period=30d");
  await page.goBack();
  await ready(page);
  await page.waitForSelector('.connection[data-link="live"]');
  await page.click("header.top .brand");
  await page.waitForURL("**/deep/er/campaigns?period=30d");
  await page.waitForSelector("[data-campaign]");
  await page.reload();
  await page.waitForSelector("[data-campaign]");
});

nested("an unknown activity is a problem below a nested path", async ({ page }, mounted) => {
  await page.goto(`${mounted.url}activities/999`);
  await ready(page);
  assert.match(await text(page, "[data-problem=not_found]"), /이런 활동이 없습니다/);
  await page.click("[data-problem] a");
  await page.waitForSelector("[data-campaign]");
  assert.equal(new URL(page.url()).pathname, "/deep/er/campaigns");
}, { expected: FAILED_LOADS });
