// Ids above 2^53, which are not exact as numbers here: each link opens its own campaign or activity.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { NOW, stage, text, texts } from "./stage.mjs";

/** Two campaigns whose ids are one number to JavaScript, and their activities, whose ids are as well. */
const SPRING = { id: "1726275868403174400", name: "Spring A", activities: [{ id: "1726275868403174410", name: "Spring first", visits: 10 }, { id: "1726275868403174411", name: "Spring second", visits: 4 }] };
const AUTUMN = { id: "1726275868403174403", name: "Autumn B", activities: [{ id: "1726275868403174412", name: "Autumn first", visits: 1 }, { id: "1726275868403174413", name: "Autumn second", visits: 2 }] };
const CAMPAIGNS = [SPRING, AUTUMN];
const PRODUCT = "1726275868403174456";

const folder = mkdtempSync(join(tmpdir(), "axon-ids-"));
after(() => rmSync(folder, { recursive: true }));
// Written by hand: as numbers the ids would change.
const catalog = join(folder, "catalog.json");
const activity = (/** @type {{id: string, name: string}} */ { id, name }) => `{"id": ${id}, "name": "${name}", "type": "FIRST_COME_FIRST_SERVE", "limitCount": 100, "productId": ${PRODUCT}}`;
writeFileSync(catalog, `{"currency": "KRW", "campaigns": [${CAMPAIGNS.map(({ id, name, activities }) => `{"id": ${id}, "name": "${name}", "activities": [${activities.map(activity)}]}`)}]}`);
const events = join(folder, "events.ndjson");
const visit = (/** @type {string} */ id, /** @type {number} */ user) => `{"triggerType": "PAGE_VIEW", "occurredAt": "2024-11-12T09:00:00Z", "userId": ${user}, "properties": {"activityId": ${id}}}\n`;
writeFileSync(events, CAMPAIGNS.flatMap(({ activities }) => activities.flatMap(({ id, visits }) => Array.from({ length: visits }, (_, user) => visit(id, user + 1)))).join(""));
// An order of each campaign, so that each is another promotion of the other's product.
const ledger = join(folder, "ledger.ndjson");
writeFileSync(ledger, CAMPAIGNS.map(({ activities: [first] }, index) => `{"kind": "purchase", "id": ${index + 1}, "userId": 1, "productId": ${PRODUCT}, "activityId": ${first?.id}, "price": "100", "quantity": 1, "status": "CONFIRMED", "purchaseAt": "2024-11-12T09:00:00Z"}\n`).join(""));

const { its, scene } = stage(["--now", NOW, "--catalog", catalog, "--events", events, "--ledger", ledger]);

assert.equal(Number(SPRING.id), Number(AUTUMN.id));

scene("each link opens its own campaign and activity", async ({ page, go }) => {
  await go("");
  for (const { id, name, activities } of CAMPAIGNS) {
    const visits = activities.reduce((sum, one) => sum + one.visits, 0);
    await page.click(`[data-campaign="${id}"] h2 a`);
    await page.waitForURL(`**/campaigns/${id}`);
    await page.waitForSelector('[data-widget="activities"][data-status="fresh"]');
    assert.equal(await text(page, "h1"), name);
    assert.equal(await text(page, '[data-figure="totalVisits"]'), String(visits));
    for (const one of activities) {
      // From the campaign's table, and back by the link above the figures.
      assert.equal(await text(page, `[data-figure="activities[${one.id}].totalVisits"]`), String(one.visits));
      await page.click(`[data-row="${one.id}"] a`);
      await page.waitForURL(`**/activities/${one.id}`);
      await page.waitForSelector('[data-widget="kpi"][data-status="fresh"]');
      assert.deepEqual([await text(page, "h1"), await text(page, '[data-figure="totalVisits"]')], [one.name, String(one.visits)]);
      await page.click(".path a >> nth=1");
      await page.waitForURL(`**/campaigns/${id}`);
      await page.waitForSelector('[data-widget="activities"][data-status="fresh"]');
      assert.equal(await text(page, "h1"), name);
    }
    await page.click(".path a >> nth=0");
    await page.waitForSelector("[data-campaign]");
    // From the list.
    for (const [index, one] of activities.entries()) {
      await page.click(`[data-campaign="${id}"] tbody tr:nth-child(${index + 1}) a`);
      await page.waitForURL(`**/activities/${one.id}`);
      await page.waitForSelector('[data-widget="kpi"][data-status="fresh"]');
      assert.equal(await text(page, "h1"), one.name);
      await page.goBack();
      await page.waitForSelector("[data-campaign]");
    }
  }
});

scene("an activity of another campaign is named by its own id", async ({ page, go }) => {
  await go(`campaigns/${AUTUMN.id}`);
  const notes = (await texts(page, '[data-widget="promotion"]')).join(" ");
  assert.ok(notes.includes(`활동 ${SPRING.activities[0]?.id} 주문 1건`), notes);
});

scene("the API's keys and links are exact", async ({ page, go }) => {
  await go("");
  const get = (/** @type {string} */ path) => page.evaluate(async (url) => (await fetch(url)).json(), its.url + path);
  const list = await get("api/v1/dashboard/campaigns");
  for (const [index, { id, name, activities }] of CAMPAIGNS.entries()) {
    const listed = list.campaigns[index];
    assert.equal(listed.campaignKey, id);
    const { campaignKey, scope, data: { comparison } } = await get(listed.links.self);
    assert.deepEqual([campaignKey, scope.name, comparison.productKeys], [id, name, [PRODUCT]]);
    assert.equal(comparison.otherPromotions[0].campaignKey, CAMPAIGNS[1 - index]?.id);
    const rows = (await get(listed.links.activities)).data.activities;
    assert.deepEqual(rows.map((/** @type {{activityKey: string}} */ row) => row.activityKey), activities.map((one) => one.id));
    for (const [place, one] of activities.entries()) {
      const answer = await get(listed.activities[place].links.self);
      assert.deepEqual([answer.activityKey, answer.campaignKey, answer.scope.name], [one.id, id, one.name]);
      assert.equal((await get(answer.links.campaign)).scope.name, name);
    }
  }
});
