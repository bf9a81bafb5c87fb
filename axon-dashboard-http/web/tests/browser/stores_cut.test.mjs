// A store that is cut off while the page is open, or before it is opened, and comes back: only what needs it is flagged, the
// rest goes on, nothing becomes 0, and all is well again without a reload.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import ko from "../../src/i18n/ko.js";
import { open } from "./harness.mjs";
import { lacking, world } from "./stores.mjs";
import { agrees, api, dashesSayWhy, NONE, shown, stayed, stays, text, within } from "./stores_page.mjs";

/** @typedef {import("./stores.mjs").Store} Store */
/** @typedef {import("./stores_page.mjs").Shown} Shown */

const skip = lacking();
/** The budget of a store that hangs is 2 s in these tests; then it is asked each second, and a page hears of it within one more. */
const FLAGGED = 6_000;
/** A store that is back is found within a second by the question that tries it. */
const HEALED = 6_000;
/** From the moment at which a store has taken something to the moment at which a viewer sees it. */
const LIVE = 5_000;

/** @type {Awaited<ReturnType<typeof world>>} */
let ground;
/** @type {Record<Store, Awaited<ReturnType<typeof ground.proxy>>>} */
let proxies;
/** @type {import("./stores.mjs").Server} */
let server;

before(async () => {
  if (skip) return;
  ground = await world("aug-2026", 10_000);
  proxies = { elasticsearch: await ground.proxy("elasticsearch"), mysql: await ground.proxy("mysql"), redis: await ground.proxy("redis") };
  server = await serve();
});
after(() => ground?.close());

/** A server that finds each store behind its proxy. */
const serve = () => ground.serve({ proxies: { elasticsearch: proxies.elasticsearch.address, mysql: proxies.mysql.address, redis: proxies.redis.address } });

/**
 * @typedef {object} Outage
 * @property {Store} store
 * @property {string} fault
 * @property {string[]} stale the frames that need the store
 * @property {string[]} failed those that have nothing to show without it
 * @property {string[]} partial those that lack some figures without it
 * @property {number} unseen the place of a campaign that nobody looked at before
 * @property {string} moves a figure that another store tells
 * @property {(activity: number, campaign: number) => Promise<unknown>} move
 */
/** @type {Outage[]} */
const OUTAGES = [
  {
    store: "elasticsearch", fault: "blackhole", unseen: 2,
    stale: ["kpi", "funnel", "realtime", "inflow", "activities"], failed: ["kpi", "funnel", "inflow"], partial: ["realtime", "activities"],
    moves: "promotion.orders", move: (activity) => ground.stores.sell(activity),
  },
  {
    store: "mysql", fault: "blackhole", unseen: 1,
    stale: ["promotion"], failed: ["promotion"], partial: [],
    moves: "totalVisits", move: (activity, campaign) => ground.stores.visit(activity, campaign),
  },
  {
    store: "redis", fault: "refuse", unseen: 5,
    stale: ["realtime", "inflow", "activities"], failed: [], partial: ["realtime", "activities"],
    moves: "totalVisits", move: (activity, campaign) => ground.stores.visit(activity, campaign),
  },
];

/** Holds where these frames have this state, and all others are fresh. @param {{names: string[], status: string}} wanted */
const flagged = ({ names, status }) => {
  const frames = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-widget]")]);
  return frames.length > 0 && frames.every((frame) => frame.dataset.status === (names.includes(frame.dataset.widget ?? "") ? status : "fresh"));
};
const ALL_FRESH = { names: [], status: "fresh" };

/** A figure of the frame that has it. @param {Shown} seen @param {string} name */
const figure = (seen, name) => Number(Object.values(seen.frames).find((frame) => frame.figures[name])?.figures[name]?.replaceAll(",", ""));

/** Figures without those that move by themselves: what would have been sold up to now. @param {Record<string, string>} [all] */
const steady = (all = {}) => Object.fromEntries(Object.entries(all).map(([name, said]) => [name, /^baseline\./.test(name) && said !== NONE ? "some" : said]));

/** An activity of a campaign, which sold something in the last week if one did. @param {any} campaign */
function seller({ activities }) {
  const sold = (/** @type {any} */ one) => one.figures.periods["7d"].sales?.promotion.orders ?? 0;
  return [...activities].sort((one, other) => sold(other) - sold(one))[0].activityId;
}

for (const { store, fault, unseen, stale, failed, partial, moves, move } of OUTAGES) {
  test(`${store} is cut off while pages are open and opened: what needs it is flagged, the rest goes on, and all is fresh again without a reload`, { skip }, async (t) => {
    const { campaigns } = ground.stores.expected;
    const [campaign, other] = [campaigns[0].campaignId, campaigns[unseen].campaignId];
    const because = `${ko["reason.no_answer"]} (${store})`;
    const [early, late] = [await open(ground.chromium), await open(ground.chromium)];
    try {
      const { page } = early;
      await page.goto(`${server.url}campaigns/${campaign}`);
      const before = (await agrees(page, api(server.url, `campaigns/${campaign}`))).shown;
      await stays(page);

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

      // Somebody else opens a page that nobody has opened before.
      began = performance.now();
      await late.page.goto(`${server.url}campaigns/${other}`);
      await late.page.waitForSelector('[data-widget="activities"]:not(.loading)', { timeout: FLAGGED });
      t.diagnostic(`a page opened meanwhile says what it lacks after ${Math.round(performance.now() - began)} ms`);
      const lacking = await shown(late.page);
      dashesSayWhy(lacking);
      for (const [name, frame] of Object.entries(lacking.frames)) {
        const status = failed.includes(name) ? "unavailable" : partial.includes(name) ? "partial" : "fresh";
        assert.equal(frame.status, status, name);
        assert.equal(frame.failed, status === "unavailable", name);
        if (frame.failed) assert.equal(frame.why, because, name);
        if (status === "partial") assert.ok(frame.notes.some((note) => note.endsWith(because)), `${name}: ${frame.notes}`);
        // What the store would have told is a dash for its sake; nothing is 0.
        for (const [key, said] of Object.entries(frame.figures)) if (frame.reasons[key] === ko["reason.no_answer"]) assert.equal(said, NONE, `${name} ${key}`);
      }
      for (const name of partial) assert.ok(Object.values(lacking.frames[name]?.reasons ?? {}).includes(ko["reason.no_answer"]), name);
      for (const name of failed) {
        const asked = late.page.waitForRequest(/\/stream\?/);
        await late.page.click(`[data-widget="${name}"] .failure button`);
        await asked;
      }

      // A quiet page is no late one: what is fresh is so for as long as the server says that nothing happened.
      if (store === "mysql") {
        await within(page, () => Number(document.querySelector('[data-widget="promotion"] .pill')?.textContent?.match(/^\d+/)?.[0]) >= 13, null, 20_000);
        const quiet = await shown(page);
        for (const [name, frame] of Object.entries(quiet.frames)) if (!stale.includes(name)) assert.deepEqual([frame.pill, frame.dim], ["", false], name);
      }
      // Other stores' figures go on.
      const there = figure(await shown(page), moves);
      await move(seller(campaigns[0]), campaign);
      const wanted = text(there + 1);
      await within(page, ([name, said]) => document.querySelector(`[data-figure="${name}"]`)?.textContent === said, [moves, wanted], LIVE);
      for (const name of stale) assert.equal((await shown(page)).frames[name]?.status, "stale");

      await proxies[store].set("none");
      began = performance.now();
      // Whoever cannot wait presses the button, unless the figures have come already.
      await late.page.evaluate(() => /** @type {HTMLElement | null} */ (document.querySelector(".failure:not([hidden]) button"))?.click());
      await Promise.all([page, late.page].map((one) => within(one, flagged, ALL_FRESH, HEALED)));
      t.diagnostic(`fresh again ${Math.round(performance.now() - began)} ms after it came back`);
      const { shown: healed } = await agrees(page, api(server.url, `campaigns/${campaign}`));
      for (const [name, frame] of Object.entries(healed.frames)) assert.deepEqual([frame.pill, frame.dim], ["", false], name);
      await agrees(late.page, api(server.url, `campaigns/${other}`));
      await stayed(page);
      assert.deepEqual([early.complaints, late.complaints], [[], []]);
    } finally {
      await proxies[store].set("none");
      await early.context.close();
      await late.context.close();
    }
  });
}

test("a server that starts while MySQL is cut off has no catalog: the pages say so, can be asked again, and come by themselves", { skip }, async (t) => {
  await proxies.mysql.set("refuse");
  const cut = await serve();
  const [list, campaign] = [await open(ground.chromium), await open(ground.chromium)];
  try {
    await list.page.goto(cut.url);
    await campaign.page.goto(`${cut.url}campaigns/${ground.stores.expected.campaigns[0].campaignId}`);
    for (const { page } of [list, campaign]) {
      await page.waitForSelector('[data-problem="unavailable"][role="alert"]', { timeout: FLAGGED });
      assert.ok((await page.textContent("[data-problem]"))?.includes(ko["problem.unavailable"]));
      assert.equal(await page.isVisible("[data-figure]"), false, "no figure at all");
      const asked = page.waitForRequest(/\/api\/v1\/dashboard\//);
      await page.click("[data-problem] button");
      await asked;
    }
    await proxies.mysql.set("none");
    const began = performance.now();
    await Promise.all([
      list.page.waitForSelector("[data-campaign]", { timeout: HEALED }),
      within(campaign.page, flagged, ALL_FRESH, 2 * HEALED),
    ]);
    t.diagnostic(`there ${Math.round(performance.now() - began)} ms after it came back`);
    for (const { complaints } of [list, campaign]) assert.deepEqual([...new Set(complaints)], ["error: Failed to load resource: the server responded with a status of 503 (Service Unavailable)"]);
  } finally {
    await proxies.mysql.set("none");
    await list.context.close();
    await campaign.context.close();
    await cut.stop();
  }
});
