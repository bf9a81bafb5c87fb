// Loading on a slow line: the time until the first figure, and the bytes that are sent.

import assert from "node:assert/strict";
import { drawn, stage } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();

/** A line of 1.6 Mbit/s with a latency of 150 ms. */
const SLOW = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 };

/** Counts the bytes of each request, and which requests were served from the browser's cache. @param {import("playwright-core").CDPSession} line */
async function meter(line) {
  /** @type {Map<string, {url: string, bytes: number, cached: boolean}>} */
  const requests = new Map();
  line.on("Network.requestWillBeSent", ({ requestId, request }) => requests.set(requestId, { url: new URL(request.url).pathname, bytes: 0, cached: false }));
  line.on("Network.requestServedFromCache", ({ requestId }) => Object.assign(requests.get(requestId) ?? {}, { cached: true }));
  line.on("Network.responseReceived", ({ requestId, response }) => {
    const one = requests.get(requestId);
    if (!one) return;
    one.cached ||= Boolean(response.fromDiskCache);
    one.bytes = response.encodedDataLength;
  });
  line.on("Network.dataReceived", ({ requestId, encodedDataLength }) => {
    const one = requests.get(requestId);
    if (one) one.bytes += encodedDataLength;
  });
  // A finished request's total includes its headers.
  line.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => Object.assign(requests.get(requestId) ?? {}, { bytes: encodedDataLength }));
  await line.send("Network.enable");
  return {
    total: () => [...requests.values()].reduce((sum, { bytes, cached }) => sum + (cached ? 0 : bytes), 0),
    streamed: () => [...requests.values()].reduce((sum, { url, bytes }) => sum + (url.endsWith("/stream") ? bytes : 0), 0),
    fetched: () => [...requests.values()].filter(({ cached }) => !cached).map(({ url }) => url),
    reset: () => requests.clear(),
  };
}

/** Records when the first figure was painted, in milliseconds since the navigation. @param {Page} page */
const watch = (page) => page.addInitScript(() => {
  const check = () => {
    const at = document.querySelector('.frame:not(.loading) [data-figure="totalVisits"]');
    if (!at || !/\d/.test(at.textContent ?? "")) return;
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => Object.assign(window, { useful: performance.now() })));
  };
  const observer = new MutationObserver(check);
  observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
});

/** @param {Page} page */
const useful = (page) => page.waitForFunction(() => /** @type {any} */ (window).useful).then((handle) => /** @type {Promise<number>} */ (handle.jsonValue()));

scene("a slow line shows figures within 2 s and loads less than 200 KB", async ({ page, context }) => {
  const line = await context.newCDPSession(page);
  const bytes = await meter(line);
  await line.send("Network.emulateNetworkConditions", SLOW);
  await watch(page);
  await page.goto(`${its.url}campaigns/123`, { waitUntil: "commit" });
  const first = await useful(page);
  const [untilThen, streamed] = [bytes.total(), bytes.streamed()];
  await page.waitForSelector("canvas");
  await drawn(page);
  // Updates that the stream has sent since then do not count: their number depends on the time that drawing took.
  const total = bytes.total() - bytes.streamed() + streamed;
  console.log(`first figure after ${(first / 1000).toFixed(2)} s and ${(untilThen / 1000).toFixed(1)} KB; the whole page ${(total / 1000).toFixed(1)} KB in ${bytes.fetched().length} requests`);
  assert.ok(first < 2000, `${first} ms`);
  assert.ok(total > 50_000 && total < 200_000, `${total} bytes`);

  bytes.reset();
  await page.goto(`${its.url}activities/790`, { waitUntil: "commit" });
  const again = await useful(page);
  await page.waitForSelector("canvas");
  await drawn(page);
  console.log(`a second page: first figure after ${(again / 1000).toFixed(2)} s, ${(bytes.total() / 1000).toFixed(1)} KB: ${bytes.fetched().join(" ")}`);
  assert.deepEqual(bytes.fetched().filter((url) => url.includes("/assets/")), []);
  assert.ok(bytes.total() < 30_000, `${bytes.total()} bytes`);
});
