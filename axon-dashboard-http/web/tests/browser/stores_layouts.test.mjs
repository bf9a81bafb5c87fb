// The page on stores as the platform laid them out before, and where its pipeline is broken: what they cannot tell is a dash
// that says why, never a 0, and all else is shown.

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
 * Looks at a campaign and at one of its activities over each period, on stores of a layout.
 * @param {"dec-2025" | "rejected"} layout @param {keyof typeof ko} reason that the layout is known for
 * @param {(seen: Shown, answer: Answer) => void} check
 */
async function look(layout, reason, check) {
  const { stores, chromium, serve, close } = await world(layout, 5_000);
  try {
    const server = await serve();
    const { page, complaints } = await open(chromium);
    const [campaign] = stores.expected.campaigns;
    for (const path of ["", "?period=1d", "?period=30d", "?mode=unique"].map((query) => `campaigns/${campaign.campaignId}${query}`).concat(`activities/${campaign.activities[0].activityId}`)) {
      await page.goto(server.url + path);
      const { shown, answer } = await agrees(page, api(server.url, path));
      dashesSayWhy(shown);
      // Each figure that the answer has for missing for this reason is a dash that says so, wherever it has a place.
      const lost = Object.entries(shown.frames).flatMap(([name, frame]) => {
        const missing = answer.widgets[FRAMES[name] ?? "overview"]?.missing ?? [];
        return missing.filter((one) => `reason.${one.detail}` === reason && one.field in frame.figures).map(({ field }) => ({ name, field, text: frame.figures[field], why: frame.reasons[field] }));
      });
      assert.ok(lost.length > 0, path);
      for (const { name, field, text, why } of lost) {
        assert.equal(text, NONE, `${path} ${name} ${field}`);
        if (!field.startsWith("change.")) assert.equal(why, ko[reason], `${path} ${name} ${field}`);
      }
      check(shown, answer);
      // What the page does not draw beside the inflow is said in its place.
      const hours = answer.data.realtime?.hourlyInflow;
      const said = await page.locator('[data-widget="inflow"] .frame-body > .empty').filter({ visible: true }).allTextContents();
      assert.deepEqual(said, hours ? [] : [ko[reason]], path);
    }
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
}

test("where the index refused every visit, what visitors did is dashes that say so, and purchases, sales and stock are shown", { skip }, () =>
  look("rejected", "reason.no_records", ({ frames }) => {
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

test("where times are stored in steps of two minutes, the users of the last five are a dash that says so, and all else is shown with a note", { skip }, () =>
  look("dec-2025", "reason.time_resolution", ({ frames }) => {
    assert.equal(frames.realtime?.figures.activeUsers, NONE);
    for (const name of ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount"]) assert.match(frames.kpi?.figures[name] ?? "", /^[\d,]+$/);
    const coarse = ko["warning.time_resolution"].replace("{seconds}", "128");
    for (const name of ["kpi", "funnel", "inflow"]) assert.ok(frames[name]?.notes.includes(coarse), name);
    assert.equal(Object.keys(frames.inflow?.figures ?? {}).length, 24);
    // Nor does this layout keep what was cancelled.
    assert.equal(frames.promotion?.reasons["promotion.cancelled"], ko["reason.no_status"]);
    assert.match(frames.promotion?.figures["regular.revenue"] ?? "", /^₩[\d,]+$/);
  }));
