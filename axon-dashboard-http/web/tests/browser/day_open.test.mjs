// A page that stays open for a working day: its memory after eight hours of updates.

import assert from "node:assert/strict";
import { answer, drawn, stage } from "./stage.mjs";

const { its, scene } = stage();

/** Eight hours of an update each second. */
const UPDATES = 28_800;
const CHUNKS = 8;

scene("eight hours of updates leak no memory", async ({ page, context }) => {
  await page.addInitScript(() => {
    /** A stream whose events the test dispatches. */
    class FakeStream extends EventTarget {
      static CONNECTING = 0;
      readyState = 1;
      constructor() {
        super();
        Object.assign(window, { stream: this });
      }
      close() {}
    }
    Object.assign(window, { EventSource: FakeStream });
  });
  const real = await answer(its.url, "campaign/123");
  await page.goto(`${its.url}campaigns/123`);
  await page.waitForFunction(() => "stream" in window);
  const line = await context.newCDPSession(page);
  await line.send("Performance.enable");
  /** @param {number} from @param {number} count */
  const feed = (from, count) => page.evaluate(async ({ real, from, count }) => {
    const { data, widgets } = real;
    for (let index = from; index < from + count; index += 1) {
      const at = new Date(Date.parse("2024-11-12T10:30:00Z") + index * 1000).toISOString();
      real.timestamp = real.range.to = at;
      for (const state of Object.values(widgets)) Object.assign(state, { asOf: at, status: index % 97 ? "fresh" : "partial" });
      for (const name of ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount"]) data.overview[name] = index * 3 + name.length;
      data.overview.change.totalVisits = index % 5 ? index % 200 - 100 : null;
      widgets.overview.missing = index % 5 ? [] : [{ field: "change.totalVisits", reason: "zero_denominator", detail: null, source: null }];
      for (const step of data.funnel.steps) step.value = index + step.key.length;
      data.comparison.baseline.revenue = `${index}.25`;
      data.realtime.remainingStock = index % 117;
      data.realtime.hourlyInflow[23].visits = index % 3600;
      if (index % 3600 === 0) {
        // A new hour begins.
        const [, ...hours] = data.realtime.hourlyInflow;
        data.realtime.hourlyInflow = [...hours, { ...hours[22], from: at }];
      }
      // Every 500 updates, an activity is added and removed.
      const [first] = data.activities;
      data.activities = Array.from({ length: 3 + (index % 500 < 3 ? 1 : 0) }, (_, row) => ({ ...first, activityKey: String(row + 1), name: `${row} ${Math.floor(index / 500)}`, totalVisits: index + row }));
      /** @type {any} */ (window).stream.dispatchEvent(Object.assign(new Event("update"), { data: JSON.stringify(real) }));
      // Callbacks of animation frames run, and release what they hold.
      if (index % 100 === 0) await new Promise(requestAnimationFrame);
    }
  }, { real: /** @type {any} */ (real), from, count });
  const usage = async () => {
    await line.send("HeapProfiler.collectGarbage");
    const { metrics } = await line.send("Performance.getMetrics");
    const of = (/** @type {string} */ name) => metrics.find((one) => one.name === name)?.value ?? NaN;
    return { heap: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
  };
  await feed(0, 1);
  await drawn(page);
  const began = Date.now();
  const usages = [];
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
    await feed(1 + chunk * (UPDATES / CHUNKS), UPDATES / CHUNKS);
    usages.push(await usage());
  }
  const [early, late] = [usages[0], usages.at(-1)];
  assert.ok(early && late);
  const text = (/** @type {typeof early} */ { heap, nodes, listeners }) => `${(heap / 1e6).toFixed(2)} MB, ${nodes} nodes, ${listeners} listeners`;
  console.log(`after 1 hour ${text(early)}; after 8 hours ${text(late)}; ${((Date.now() - began) / UPDATES).toFixed(2)} ms an update`);
  assert.equal(await page.textContent('[data-figure="totalVisits"]'), (UPDATES * 3 + 11).toLocaleString("en"));
  // The engine's optimisation data grow a little and then stop; a leak would grow with every update.
  const leak = (late.heap - Number(usages.at(-3)?.heap)) / (2 * UPDATES / CHUNKS);
  assert.ok(late.heap < early.heap + 1e6 && leak < 16, `${leak} bytes an update: ${usages.map(text).join("; ")}`);
  assert.ok(late.nodes <= early.nodes + 50 && late.listeners <= early.listeners + 10, usages.map(text).join("; "));
});
