// The page on an earlier layout of the stores, and on an index that rejected events: figures that cannot be computed are dashes with
// a reason, never 0, and all others are shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import ko from "../../src/i18n/ko.js";
import { open } from "./harness.mjs";
import { lacking, world } from "./stores.mjs";
import { agrees, api, dashesSayWhy, FRAMES, NONE } from "./stores_page.mjs";

/** @typedef {import("./stores_page.mjs").Shown} Shown */
/** @typedef {import("../../src/types.js").Answer} Answer */

const skip = lacking();

/**
 * Checks a campaign over each period, and one of its activities, on stores of a layout.
 * @param {"dec-2025" | "rejected"} layout @param {keyof typeof ko} reason of the figures that this layout cannot give
 * @param {(shown: Shown, answer: Answer) => void} check
 */
async function checkLayout(layout, reason, check) {
  const { stores, chromium, serve, close } = await world(layout, 5_000);
  try {
    const server = await serve();
    const { page, complaints } = await open(chromium);
    const [campaign] = stores.expected.campaigns;
    for (const path of ["", "?period=1d", "?period=30d", "?mode=unique"].map((query) => `campaigns/${campaign.campaignId}${query}`).concat(`activities/${campaign.activities[0].activityId}`)) {
      await page.goto(server.url + path);
      const { shown, answer } = await agrees(page, api(server.url, path));
      dashesSayWhy(shown);
      // Each figure that is missing for this reason is a dash with the reason, in every frame that shows it.
      const dashes = Object.entries(shown.frames).flatMap(([name, frame]) => {
        const missing = answer.widgets[FRAMES[name] ?? "overview"]?.missing ?? [];
        return missing.filter((one) => `reason.${one.detail}` === reason && one.field in frame.figures).map(({ field }) => ({ name, field, text: frame.figures[field], why: frame.reasons[field] }));
      });
      assert.ok(dashes.length > 0, path);
      for (const { name, field, text, why } of dashes) {
        assert.equal(text, NONE, `${path} ${name} ${field}`);
        if (!field.startsWith("change.")) assert.equal(why, ko[reason], `${path} ${name} ${field}`);
      }
      check(shown, answer);
      // Without an inflow, its frame shows the reason instead of the chart.
      const hours = answer.data.realtime?.hourlyInflow;
      const texts = await page.locator('[data-widget="inflow"] .frame-body > .empty').filter({ visible: true }).allTextContents();
      assert.deepEqual(texts, hours ? [] : [ko[reason]], path);
    }
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
}

test("on an index that refused visits only behavior is missing", { skip }, () =>
  checkLayout("rejected", "reason.no_records", ({ frames }) => {
    for (const name of ["totalVisits", "totalParticipants", "approvedCount", "conversionRate"]) assert.equal(frames.kpi?.figures[name], NONE);
    for (const [name, text] of Object.entries(frames.funnel?.figures ?? {})) assert.equal(text === NONE, !/^steps\[3\]\.(previous\.)?value$/.test(name), name);
    assert.deepEqual(frames.inflow?.figures, {});
    assert.match(frames.kpi?.figures.purchaseCount ?? "", /^[\d,]+$/);
    assert.match(frames.realtime?.figures.participantsTotal ?? "", /^[\d,]+$/);
    assert.match(frames.promotion?.figures["regular.revenue"] ?? "", /^₩[\d,]+$/);
    for (const [name, text] of Object.entries(frames.activities?.figures ?? {})) {
      if (/\.(totalVisits|totalParticipants|approvedCount|conversionRate)$/.test(name)) assert.equal(text, NONE, name);
    }
  }));

test("on times stored in steps of two minutes only active users are missing", { skip }, () =>
  checkLayout("dec-2025", "reason.time_resolution", ({ frames }) => {
    assert.equal(frames.realtime?.figures.activeUsers, NONE);
    for (const name of ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount"]) assert.match(frames.kpi?.figures[name] ?? "", /^[\d,]+$/);
    const coarse = ko["warning.time_resolution"].replace("{seconds}", "128");
    for (const name of ["kpi", "funnel", "inflow"]) assert.ok(frames[name]?.notes.includes(coarse), name);
    assert.equal(Object.keys(frames.inflow?.figures ?? {}).length, 24);
    // This layout has no status of purchases, either.
    assert.equal(frames.promotion?.reasons["promotion.cancelled"], ko["reason.no_status"]);
    assert.match(frames.promotion?.figures["regular.revenue"] ?? "", /^₩[\d,]+$/);
  }));
