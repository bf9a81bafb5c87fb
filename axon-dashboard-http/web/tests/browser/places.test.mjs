// Served below a path of somebody else's, the page works as at the root, and asks for nothing beside.

import assert from "node:assert/strict";
import { mount } from "./proxy.mjs";
import { drawn, FAILED_LOADS, ready, stage, text } from "./stage.mjs";

const { its, scene } = stage();

/** A test on the server below a path. @param {string} name @param {(scene: import("./stage.mjs").Scene, place: {url: string, strays: string[]}) => Promise<void>} run @param {{expected?: RegExp}} [options] */
const nested = (name, run, options) => scene(name, async (own) => {
  const place = await mount(its.url, "/deep/er/");
  try {
    await run(own, place);
    assert.deepEqual(place.strays, []);
  } finally {
    place.stop();
  }
}, options);

nested("every page works below a nested path, and leads to the others", async ({ page }, place) => {
  await page.goto(place.url);
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

nested("what is not there is told below a nested path, too", async ({ page }, place) => {
  await page.goto(`${place.url}activities/999`);
  await ready(page);
  assert.match(await text(page, "[data-problem=not_found]"), /이런 활동이 없습니다/);
  await page.click("[data-problem] a");
  await page.waitForSelector("[data-campaign]");
  assert.equal(new URL(page.url()).pathname, "/deep/er/campaigns");
}, { expected: FAILED_LOADS });
