// How soon the page is of use on a slow line, and what it costs to fetch.

import assert from "node:assert/strict";
import { drawn, stage } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();

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
    streamed: () => [...seen.values()].reduce((sum, { url, bytes }) => sum + (url.endsWith("/stream") ? bytes : 0), 0),
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
  const [untilThen, streamed] = [bytes.total(), bytes.streamed()];
  await page.waitForSelector("canvas");
  await drawn(page);
  // What happens in the meantime is sent as well, however long that is.
  const total = bytes.total() - bytes.streamed() + streamed;
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
