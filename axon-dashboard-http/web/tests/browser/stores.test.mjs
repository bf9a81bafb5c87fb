// The page on Elasticsearch, MySQL and Redis in the layout of August 2026: every figure is that of its store, and a change is on the
// page within five seconds.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import ko from "../../src/i18n/ko.js";
import { open } from "./harness.mjs";
import { lacking, world } from "./stores.mjs";
import { agrees, api, dashesSayWhy, get, NONE, text, within } from "./stores_page.mjs";

/** @typedef {import("../../src/types.js").CampaignList} CampaignList */

const skip = lacking();
const ROUNDS = 5;
/** The longest time from a store's acknowledgement of a change until the page shows it, in milliseconds. */
const LIVE = 5_000;

/** @type {Awaited<ReturnType<typeof world>>} */
let setup;
/** @type {import("./stores.mjs").Server} */
let server;

before(async () => {
  if (skip) return;
  setup = await world("aug-2026", 20_000);
  server = await setup.serve();
});
after(() => setup?.close());

/** @returns {Promise<CampaignList>} */
const campaigns = () => get(`${server.url}api/v1/dashboard/campaigns`);

test("the list shows every campaign and activity of MySQL's catalog", { skip }, async () => {
  const list = await campaigns();
  const { page, context, complaints } = await open(setup.chromium);
  await page.goto(server.url);
  await page.waitForSelector("[data-campaign]");
  const shown = await page.$$eval("[data-campaign]", (cards) => cards.map((card) => ({
    campaignKey: card.getAttribute("data-campaign"),
    name: card.querySelector("h2")?.textContent,
    phase: card.querySelector("header .badge")?.getAttribute("data-phase"),
    dates: [...card.querySelectorAll("header time")].map((time) => time.getAttribute("datetime")),
    activities: [...card.querySelectorAll("tbody tr")].map((row) => ({
      name: row.querySelector("th")?.textContent,
      phase: row.querySelector(".badge")?.getAttribute("data-phase"),
      dates: [...row.querySelectorAll("time")].map((time) => time.getAttribute("datetime")),
      limit: row.querySelector("td.number")?.textContent,
    })),
  })));
  const limit = (/** @type {number | null} */ count) => (count === null ? ko["campaigns.unlimited"] : text(count));
  assert.deepEqual(shown, list.campaigns.map(({ campaignKey, name, phase, startAt, endAt, activities }) => ({
    campaignKey, name, phase, dates: [startAt, endAt],
    activities: activities.map((one) => ({ name: one.name, phase: one.phase, dates: [one.startAt, one.endAt], limit: limit(one.limitCount) })),
  })));
  assert.ok(shown.length >= 6 && new Set(shown.map((one) => one.phase)).size === 3, "campaigns in each phase");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("every campaign and kind of activity shows the API's figures", { skip }, async () => {
  const list = await campaigns();
  const { page, context, complaints } = await open(setup.chromium);
  // Each campaign, and one activity of each combination of type, phase and whether it has a limit.
  const sorts = new Map(list.campaigns.flatMap(({ activities }) => activities).map((one) => [`${one.type} ${one.phase} ${one.limitCount === null}`, `activities/${one.activityKey}`]));
  const pages = [...list.campaigns.map(({ campaignKey }) => `campaigns/${campaignKey}`), ...sorts.values()];
  const first = pages[0];
  for (const path of [...pages, `${first}?period=1d`, `${first}?period=30d`, `${first}?mode=unique`]) {
    await page.goto(server.url + path);
    const { answer, shown } = await agrees(page, api(server.url, path));
    dashesSayWhy(shown);
    for (const [name, frame] of Object.entries(shown.frames)) {
      assert.ok(["fresh", "partial"].includes(frame.status), `${path} ${name} is ${frame.status}`);
    }
    // The lag of Elasticsearch is assumed, which the widget's notes must say.
    if (answer.widgets.overview?.warnings.some((one) => one.code === "assumed_lag")) assert.ok(shown.frames.kpi?.notes.includes(ko["warning.assumed_lag"]), path);
    if (path === first) {
      assert.ok(shown.frames.kpi?.notes.includes(ko["warning.assumed_lag"]));
      assert.ok((answer.data.overview?.totalVisits ?? 0) > 0 && (answer.data.comparison?.promotion.orders ?? 0) > 0 && (answer.data.realtime?.participantsTotal ?? 0) > 0);
    }
  }
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the page shows the generated counts, sales and stock", { skip }, async () => {
  const { expected } = setup.stores;
  // The generator also makes events of clocks that are ahead: this server's clock starts at the instant of the expected totals.
  const still = await setup.serve({ args: ["--now", expected.asOf] });
  const { page, context, complaints } = await open(setup.chromium);
  try {
    for (const { campaignId, figures } of expected.campaigns.filter((/** @type {any} */ one) => one.figures.funnel)) {
      const { counts, sales } = figures.periods["30d"];
      await page.goto(`${still.url}campaigns/${campaignId}?period=30d`);
      const { answer, shown } = await agrees(page, api(still.url, `campaigns/${campaignId}?period=30d`));
      const names = ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount"];
      if (answer.phase === "ended") {
        assert.deepEqual(names.map((name) => shown.frames.kpi?.figures[name]), counts.map(text), `campaign ${campaignId}`);
      }
      assert.equal(shown.frames.promotion?.figures["promotion.orders"], text(sales.promotion.orders));
      assert.equal(shown.frames.realtime?.figures.participantsTotal, text(figures.stock.participantsTotal));
    }
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
    await still.stop();
  }
});

test("each figure's definition names its store", { skip }, async () => {
  const { page, context, complaints } = await open(setup.chromium);
  await page.goto(`${server.url}campaigns/${(await campaigns()).campaigns[0]?.campaignKey}`);
  await page.waitForSelector('[data-widget="kpi"][data-status="fresh"]');
  const sources = { kpi: "elasticsearch", funnel: "elasticsearch", promotion: "mysql", realtime: "redis" };
  for (const [frame, source] of Object.entries(sources)) {
    const button = page.locator(`[data-widget="${frame}"] button.hint`).first();
    await button.focus();
    await within(page, (text) => (document.querySelector("#bubble:not([hidden])")?.textContent ?? "").includes(text), ko["frame.source"].replace("{source}", source), 5_000);
    await button.blur();
  }
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a visit, a slot and a sale are on the open page within five seconds", { skip }, async (t) => {
  const { stores, chromium } = setup;
  const running = (await campaigns()).campaigns.filter((campaign) => campaign.phase === "running").flatMap((campaign) => campaign.activities.map((activity) => ({ activityId: Number(activity.activityKey), campaignId: Number(campaign.campaignKey), phase: activity.phase })));
  /** @type {{activityId: number, campaignId: number, stock: number, participants: number, visits: number, orders: number} | undefined} */
  let candidate;
  for (const { activityId, campaignId, phase } of running) {
    const { data: { realtime, overview, comparison } } = await get(api(server.url, `activities/${activityId}`));
    const state = { activityId, campaignId, stock: realtime.remainingStock, participants: realtime.participantsTotal, visits: overview.totalVisits, orders: comparison.promotion.orders };
    if (phase === "running" && state.stock > ROUNDS && state.orders > 0) candidate ??= state;
  }
  assert.ok(candidate, "a running activity with free slots and orders");
  const { activityId, campaignId, stock, visits, orders, participants } = candidate;

  const { page, context, complaints } = await open(chromium);
  await page.goto(`${server.url}activities/${activityId}`);
  await agrees(page, api(server.url, `activities/${activityId}`));
  assert.equal(await page.getAttribute(".connection", "data-link"), "live");
  const figure = (/** @type {string} */ name) => `[data-figure="${name}"]`;
  /** @type {Record<string, {at: string, count: (round: number) => string, happens: () => Promise<unknown>}>} */
  const kinds = {
    elasticsearch: { at: figure("totalVisits"), count: (round) => text(visits + round), happens: () => stores.visit(activityId, campaignId) },
    redis: { at: figure("remainingStock"), count: (round) => text(stock - round), happens: () => stores.take(activityId) },
    mysql: { at: figure("promotion.orders"), count: (round) => text(orders + round), happens: () => stores.sell(activityId) },
  };
  const times = Object.fromEntries(Object.keys(kinds).map((store) => [store, /** @type {number[]} */ ([])]));
  for (let round = 1; round <= ROUNDS; round += 1) {
    // At a different phase of the sampler's tick in each round.
    await new Promise((resolve) => setTimeout(resolve, (round * 1_000) / ROUNDS));
    await Promise.all(Object.entries(kinds).map(async ([store, { at, count, happens }]) => {
      await happens();
      const began = performance.now();
      await within(page, ([selector = "", expected]) => document.querySelector(selector)?.textContent === expected, [at, count(round)], LIVE);
      times[store]?.push(performance.now() - began);
    }));
  }
  for (const [store, all] of Object.entries(times)) {
    const sorted = all.sort((one, other) => one - other).map((ms) => (ms / 1000).toFixed(2));
    t.diagnostic(`${store}, from append to the page: median ${sorted[Math.floor(sorted.length / 2)]} s, max ${sorted.at(-1)} s of ${sorted.length}`);
  }
  const { shown } = await agrees(page, api(server.url, `activities/${activityId}`));
  assert.equal(shown.frames.realtime?.figures.participantsTotal, text(participants + ROUNDS));
  assert.notEqual(shown.frames.inflow?.figures[Object.keys(shown.frames.inflow.figures).at(-1) ?? ""], NONE);
  assert.deepEqual(complaints, []);
  await context.close();
});
