// A store is cut off while the page is open, or before it is opened, and returns: only widgets that need it are flagged, the others
// stay live, no figure becomes 0, and the page recovers without a reload.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import ko from "../../src/i18n/ko.js";
import { open } from "./harness.mjs";
import { lacking, world } from "./stores.mjs";
import { agrees, api, dashesSayWhy, assertNotReloaded, markDocument, NONE, shown, text, within } from "./stores_page.mjs";

/** @typedef {import("./stores.mjs").Store} Store */
/** @typedef {import("./stores_page.mjs").Shown} Shown */

const skip = lacking();
// All times are in milliseconds.
/** The longest time until the page flags an outage: the budget of a hanging store is 2 s in these tests, and the sampler's tick 1 s. */
const FLAGGED = 6_000;
/** The longest time until the page has recovered: the circuit breaker probes the store each second. */
const HEALED = 6_000;
/** The longest time from a store's acknowledgement of a change until the page shows it. */
const LIVE = 5_000;

/** @type {Awaited<ReturnType<typeof world>>} */
let setup;
/** @type {Record<Store, Awaited<ReturnType<typeof setup.proxy>>>} */
let proxies;
/** @type {import("./stores.mjs").Server} */
let server;

before(async () => {
  if (skip) return;
  setup = await world("aug-2026", 10_000);
  proxies = { elasticsearch: await setup.proxy("elasticsearch"), mysql: await setup.proxy("mysql"), redis: await setup.proxy("redis") };
  server = await serve();
});
after(() => setup?.close());

/** A server that reaches each store through its proxy. */
const serve = () => setup.serve({ proxies: { elasticsearch: proxies.elasticsearch.address, mysql: proxies.mysql.address, redis: proxies.redis.address } });

/**
 * @typedef {object} Outage
 * @property {Store} store
 * @property {string} fault
 * @property {string[]} stale frames that need the store: stale if they had figures before
 * @property {string[]} failed frames without any figure, if the page is opened during the outage
 * @property {string[]} partial frames with some figures, if the page is opened during the outage
 * @property {number} uncached the index of a campaign that was not opened before
 * @property {string} moves a figure of another store
 * @property {(activity: number, campaign: number) => Promise<unknown>} move
 */
/** @type {Outage[]} */
const OUTAGES = [
  {
    store: "elasticsearch", fault: "blackhole", uncached: 2,
    stale: ["kpi", "funnel", "realtime", "inflow", "activities"], failed: ["kpi", "funnel", "inflow"], partial: ["realtime", "activities"],
    moves: "promotion.orders", move: (activity) => setup.stores.sell(activity),
  },
  {
    store: "mysql", fault: "blackhole", uncached: 1,
    stale: ["promotion"], failed: ["promotion"], partial: [],
    moves: "totalVisits", move: (activity, campaign) => setup.stores.visit(activity, campaign),
  },
  {
    store: "redis", fault: "refuse", uncached: 5,
    stale: ["realtime", "inflow", "activities"], failed: [], partial: ["realtime", "activities"],
    moves: "totalVisits", move: (activity, campaign) => setup.stores.visit(activity, campaign),
  },
];

/** Whether these frames have this status, and all others are fresh. @param {{names: string[], status: string}} expected */
const flagged = ({ names, status }) => {
  const frames = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-widget]")]);
  return frames.length > 0 && frames.every((frame) => frame.dataset.status === (names.includes(frame.dataset.widget ?? "") ? status : "fresh"));
};
const ALL_FRESH = { names: [], status: "fresh" };

/** The value of a figure, in whichever frame it is. @param {Shown} state @param {string} name */
const figure = (state, name) => Number(Object.values(state.frames).find((frame) => frame.figures[name])?.figures[name]?.replaceAll(",", ""));

/** Figures with those of the baseline masked, which grow with time. @param {Record<string, string>} [all] */
const steady = (all = {}) => Object.fromEntries(Object.entries(all).map(([name, text]) => [name, /^baseline\./.test(name) && text !== NONE ? "some" : text]));

/** The activity of a campaign with the most orders in the last week. @param {any} campaign */
function seller({ activities }) {
  const sold = (/** @type {any} */ one) => one.figures.periods["7d"].sales?.promotion.orders ?? 0;
  return [...activities].sort((one, other) => sold(other) - sold(one))[0].activityId;
}

for (const { store, fault, uncached, stale, failed, partial, moves, move } of OUTAGES) {
  test(`without ${store} only its widgets are flagged, until it is back`, { skip }, async (t) => {
    const { campaigns } = setup.stores.expected;
    const [campaign, other] = [campaigns[0].campaignId, campaigns[uncached].campaignId];
    const because = `${ko["reason.no_answer"]} (${store})`;
    const [early, late] = [await open(setup.chromium), await open(setup.chromium)];
    try {
      const { page } = early;
      await page.goto(`${server.url}campaigns/${campaign}`);
      const before = (await agrees(page, api(server.url, `campaigns/${campaign}`))).shown;
      await markDocument(page);

      await proxies[store].set(fault);
      let began = performance.now();
      await within(page, flagged, { names: stale, status: "stale" }, FLAGGED);
      t.diagnostic(`stale ${Math.round(performance.now() - began)} ms after it was cut off`);
      const during = await shown(page);
      assert.equal(during.link, "live");
      for (const name of stale) {
        const frame = during.frames[name];
        assert.deepEqual(steady(frame?.figures), steady(before.frames[name]?.figures), `${name} keeps its last figures`);
        assert.ok(frame?.dim && frame.kind === "stale" && /^\d+초 전 값$/.test(frame.pill), `${name} says its age: ${JSON.stringify(frame)}`);
      }

      // Another viewer opens a page whose answer is not cached.
      began = performance.now();
      await late.page.goto(`${server.url}campaigns/${other}`);
      await late.page.waitForSelector('[data-widget="activities"]:not(.loading)', { timeout: FLAGGED });
      t.diagnostic(`a page opened during the outage is ready after ${Math.round(performance.now() - began)} ms`);
      const lacking = await shown(late.page);
      dashesSayWhy(lacking);
      for (const [name, frame] of Object.entries(lacking.frames)) {
        const status = failed.includes(name) ? "unavailable" : partial.includes(name) ? "partial" : "fresh";
        assert.equal(frame.status, status, name);
        assert.equal(frame.failed, status === "unavailable", name);
        if (frame.failed) assert.equal(frame.why, because, name);
        if (status === "partial") assert.ok(frame.notes.some((note) => note.endsWith(because)), `${name}: ${frame.notes}`);
        // Figures of the store are dashes, never 0.
        for (const [key, text] of Object.entries(frame.figures)) if (frame.reasons[key] === ko["reason.no_answer"]) assert.equal(text, NONE, `${name} ${key}`);
      }
      for (const name of partial) assert.ok(Object.values(lacking.frames[name]?.reasons ?? {}).includes(ko["reason.no_answer"]), name);
      for (const name of failed) {
        const request = late.page.waitForRequest(/\/stream\?/);
        await late.page.click(`[data-widget="${name}"] .failure button`);
        await request;
      }

      // Fresh figures stay fresh as long as heartbeats arrive, even without an update for longer than the limit of late figures.
      if (store === "mysql") {
        await within(page, () => Number(document.querySelector('[data-widget="promotion"] .pill')?.textContent?.match(/^\d+/)?.[0]) >= 13, null, 20_000);
        const quiet = await shown(page);
        for (const [name, frame] of Object.entries(quiet.frames)) if (!stale.includes(name)) assert.deepEqual([frame.pill, frame.dim], ["", false], name);
      }
      // Figures of other stores stay live.
      const current = figure(await shown(page), moves);
      await move(seller(campaigns[0]), campaign);
      const expected = text(current + 1);
      await within(page, ([name, value]) => document.querySelector(`[data-figure="${name}"]`)?.textContent === value, [moves, expected], LIVE);
      for (const name of stale) assert.equal((await shown(page)).frames[name]?.status, "stale");

      await proxies[store].set("none");
      began = performance.now();
      // The late viewer presses the retry button, unless its figures have recovered already.
      await late.page.evaluate(() => /** @type {HTMLElement | null} */ (document.querySelector(".failure:not([hidden]) button"))?.click());
      await Promise.all([page, late.page].map((one) => within(one, flagged, ALL_FRESH, HEALED)));
      t.diagnostic(`fresh again ${Math.round(performance.now() - began)} ms after it came back`);
      const { shown: healed } = await agrees(page, api(server.url, `campaigns/${campaign}`));
      for (const [name, frame] of Object.entries(healed.frames)) assert.deepEqual([frame.pill, frame.dim], ["", false], name);
      await agrees(late.page, api(server.url, `campaigns/${other}`));
      await assertNotReloaded(page);
      assert.deepEqual([early.complaints, late.complaints], [[], []]);
    } finally {
      await proxies[store].set("none");
      await early.context.close();
      await late.context.close();
    }
  });
}

test("a server started without MySQL shows a problem until MySQL is back", { skip }, async (t) => {
  await proxies.mysql.set("refuse");
  const cut = await serve();
  const [list, campaign] = [await open(setup.chromium), await open(setup.chromium)];
  try {
    await list.page.goto(cut.url);
    await campaign.page.goto(`${cut.url}campaigns/${setup.stores.expected.campaigns[0].campaignId}`);
    for (const { page } of [list, campaign]) {
      await page.waitForSelector('[data-problem="unavailable"][role="alert"]', { timeout: FLAGGED });
      assert.ok((await page.textContent("[data-problem]"))?.includes(ko["problem.unavailable"]));
      assert.equal(await page.isVisible("[data-figure]"), false, "no figure at all");
      const request = page.waitForRequest(/\/api\/v1\/dashboard\//);
      await page.click("[data-problem] button");
      await request;
    }
    await proxies.mysql.set("none");
    const began = performance.now();
    await Promise.all([
      list.page.waitForSelector("[data-campaign]", { timeout: HEALED }),
      within(campaign.page, flagged, ALL_FRESH, 2 * HEALED),
    ]);
    t.diagnostic(`recovered ${Math.round(performance.now() - began)} ms after MySQL returned`);
    for (const { complaints } of [list, campaign]) assert.deepEqual([...new Set(complaints)], ["error: Failed to load resource: the server responded with a status of 503 (Service Unavailable)"]);
  } finally {
    await proxies.mysql.set("none");
    await list.context.close();
    await campaign.context.close();
    await cut.stop();
  }
});
