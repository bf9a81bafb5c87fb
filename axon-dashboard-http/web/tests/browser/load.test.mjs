// How soon the page is of use on a slow line, what it costs to fetch, and what it holds after a day on a wall.

import assert from "node:assert/strict";
import { answer, drawn, stage, STILL } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

// One at a time: a slow line and a day of updates are measured.
const { its, scene } = stage(STILL, 1);

/** A line of 1.6 Mbit/s where each request waits for 150 ms. */
const SLOW = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 };

/** Counts every byte that comes over the line, and what came without it. @param {import("playwright-core").CDPSession} line */
async function meter(line) {
  /** @type {Map<string, {url: string, bytes: number, kept: boolean}>} */
  const seen = new Map();
  line.on("Network.requestWillBeSent", ({ requestId, request }) => seen.set(requestId, { url: new URL(request.url).pathname, bytes: 0, kept: false }));
  line.on("Network.requestServedFromCache", ({ requestId }) => Object.assign(seen.get(requestId) ?? {}, { kept: true }));
  line.on("Network.responseReceived", ({ requestId, response }) => {
    const one = seen.get(requestId);
    if (!one) return;
    one.kept ||= Boolean(response.fromDiskCache);
    one.bytes = response.encodedDataLength;
  });
  line.on("Network.dataReceived", ({ requestId, encodedDataLength }) => {
    const one = seen.get(requestId);
    if (one) one.bytes += encodedDataLength;
  });
  // With headers, where it has an end.
  line.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => Object.assign(seen.get(requestId) ?? {}, { bytes: encodedDataLength }));
  await line.send("Network.enable");
  return {
    total: () => [...seen.values()].reduce((sum, { bytes, kept }) => sum + (kept ? 0 : bytes), 0),
    fetched: () => [...seen.values()].filter(({ kept }) => !kept).map(({ url }) => url),
    forget: () => seen.clear(),
  };
}

/** Notes when the first figure was painted, from the beginning of the visit. @param {Page} page */
const watch = (page) => page.addInitScript(() => {
  const look = () => {
    const at = document.querySelector('.frame:not(.loading) [data-figure="totalVisits"]');
    if (!at || !/\d/.test(at.textContent ?? "")) return;
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => Object.assign(window, { useful: performance.now() })));
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
});

/** @param {Page} page */
const useful = (page) => page.waitForFunction(() => /** @type {any} */ (window).useful).then((found) => /** @type {Promise<number>} */ (found.jsonValue()));

scene("on a slow line the first figure stands within two seconds, and the whole page costs less than 200 KB; again it costs next to nothing", async ({ page, context }) => {
  const line = await context.newCDPSession(page);
  const bytes = await meter(line);
  await line.send("Network.emulateNetworkConditions", SLOW);
  await watch(page);
  await page.goto(`${its.url}campaigns/123`, { waitUntil: "commit" });
  const first = await useful(page);
  const untilThen = bytes.total();
  await page.waitForSelector("canvas");
  await drawn(page);
  const total = bytes.total();
  console.log(`first figure after ${(first / 1000).toFixed(2)} s and ${(untilThen / 1000).toFixed(1)} KB; the whole page ${(total / 1000).toFixed(1)} KB in ${bytes.fetched().length} requests`);
  assert.ok(first < 2000, `${first} ms`);
  assert.ok(total > 50_000 && total < 200_000, `${total} bytes`);

  bytes.forget();
  await page.goto(`${its.url}activities/790`, { waitUntil: "commit" });
  const again = await useful(page);
  await page.waitForSelector("canvas");
  await drawn(page);
  console.log(`a second page: first figure after ${(again / 1000).toFixed(2)} s, ${(bytes.total() / 1000).toFixed(1)} KB: ${bytes.fetched().join(" ")}`);
  assert.deepEqual(bytes.fetched().filter((url) => url.includes("/assets/")), []);
  assert.ok(bytes.total() < 30_000, `${bytes.total()} bytes`);
});

/** Eight hours of an update each second. */
const UPDATES = 28_800;
const CHUNKS = 8;

scene("eight hours of updates leave no more behind than the first", async ({ page, context }) => {
  await page.addInitScript(() => {
    /** A stream that a test speaks through. */
    class Fed extends EventTarget {
      static CONNECTING = 0;
      readyState = 1;
      constructor() {
        super();
        Object.assign(window, { fed: this });
      }
      close() {}
    }
    Object.assign(window, { EventSource: Fed });
  });
  const real = await answer(its.url, "campaign/123");
  await page.goto(`${its.url}campaigns/123`);
  await page.waitForFunction(() => "fed" in window);
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
        // An hour is over: another one begins.
        const [, ...hours] = data.realtime.hourlyInflow;
        data.realtime.hourlyInflow = [...hours, { ...hours[22], from: at }];
      }
      // Now and then activities come and go.
      const [first] = data.activities;
      data.activities = Array.from({ length: 3 + (index % 500 < 3 ? 1 : 0) }, (_, row) => ({ ...first, activityId: row + 1, name: `${row} ${Math.floor(index / 500)}`, totalVisits: index + row }));
      /** @type {any} */ (window).fed.dispatchEvent(Object.assign(new Event("update"), { data: JSON.stringify(real) }));
      // As often as a screen is drawn, so that what waits for one is let go.
      if (index % 100 === 0) await new Promise(requestAnimationFrame);
    }
  }, { real: /** @type {any} */ (real), from, count });
  const weigh = async () => {
    await line.send("HeapProfiler.collectGarbage");
    const { metrics } = await line.send("Performance.getMetrics");
    const of = (/** @type {string} */ name) => metrics.find((one) => one.name === name)?.value ?? NaN;
    return { heap: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
  };
  await feed(0, 1);
  await drawn(page);
  const began = Date.now();
  const weights = [];
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
    await feed(1 + chunk * (UPDATES / CHUNKS), UPDATES / CHUNKS);
    weights.push(await weigh());
  }
  const [early, late] = [weights[0], weights.at(-1)];
  assert.ok(early && late);
  const said = (/** @type {typeof early} */ { heap, nodes, listeners }) => `${(heap / 1e6).toFixed(2)} MB, ${nodes} nodes, ${listeners} listeners`;
  console.log(`after 1 hour ${said(early)}; after 8 hours ${said(late)}; ${((Date.now() - began) / UPDATES).toFixed(2)} ms an update`);
  assert.equal(await page.textContent('[data-figure="totalVisits"]'), (UPDATES * 3 + 11).toLocaleString("en"));
  // What the engine learns of the page's code is little and ends; what each update left behind would not.
  const leak = (late.heap - Number(weights.at(-3)?.heap)) / (2 * UPDATES / CHUNKS);
  assert.ok(late.heap < early.heap + 1e6 && leak < 16, `${leak} bytes an update: ${weights.map(said).join("; ")}`);
  assert.ok(late.nodes <= early.nodes + 50 && late.listeners <= early.listeners + 10, weights.map(said).join("; "));
});
