// The way between server and page, on real stores: a server that dies or is told to stop and comes back, and proxies through
// which no stream passes.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { open } from "./harness.mjs";
import { lacking, world } from "./stores.mjs";
import { agrees, api, get, shown, stayed, stays, text, within } from "./stores_page.mjs";

/** @typedef {import("playwright-core").Page} Page */

const skip = lacking();
const ROUNDS = 5;
/** From the moment at which a store has taken something to the moment at which a viewer sees it. */
const LIVE = 5_000;

/** @type {Awaited<ReturnType<typeof world>>} */
let ground;
/** An activity that runs, and its campaign. */
let [activity, campaign] = [0, 0];

before(async () => {
  if (skip) return;
  ground = await world("aug-2026", 5_000);
  const found = ground.stores.expected.campaigns[0];
  [activity, campaign] = [found.activities[0].activityId, found.campaignId];
});
after(() => ground?.close());

const visits = '[data-widget="kpi"] [data-figure="totalVisits"]';

/** What a server's viewers see of an activity. @param {string} url */
const counted = async (url) => (await get(api(url, `activities/${activity}`))).data.overview.totalVisits;

/** Waits until the page shows so many visits. @param {Page} page @param {number} wanted */
const counts = (page, wanted) => within(page, ([selector = "", count]) => document.querySelector(selector)?.textContent === count, [visits, text(wanted)], LIVE);

/** Waits until the connection is said to be so. @param {Page} page @param {string} link @param {number} ms */
const linked = (page, link, ms) => within(page, (wanted) => document.querySelector(".connection")?.getAttribute("data-link") === wanted, link, ms);

for (const [how, signal] of /** @type {const} */ ([["dies", "SIGKILL"], ["is told to stop", "SIGTERM"]])) {
  test(`a server that ${how} and comes back is found again, and the figures stay meanwhile`, { skip }, async (t) => {
    let server = await ground.serve();
    const { page, context, complaints } = await open(ground.chromium);
    try {
      await page.addInitScript(() => {
        const Plain = window.EventSource;
        const told = /** @type {string[]} */ (/** @type {any} */ (window).told = []);
        window.EventSource = class extends Plain {
          /** @param {string | URL} url */
          constructor(url) {
            super(url);
            this.addEventListener("end", (event) => told.push(event.data));
          }
        };
      });
      await page.goto(`${server.url}activities/${activity}`);
      const before = await agrees(page, api(server.url, `activities/${activity}`));
      assert.equal(before.shown.link, "live");
      await stays(page);

      await server.stop(signal);
      const went = performance.now();
      await linked(page, "reconnecting", 3_000);
      t.diagnostic(`reconnecting after ${Math.round(performance.now() - went)} ms`);
      const meanwhile = await shown(page);
      for (const [name, { figures, failed }] of Object.entries(meanwhile.frames)) {
        assert.deepEqual([failed, figures], [false, before.shown.frames[name]?.figures], name);
      }
      const told = await page.evaluate(() => /** @type {any} */ (window).told);
      assert.deepEqual(told, signal === "SIGTERM" ? ['{"reason":"shutdown"}'] : []);

      // Once for long enough that the browser comes again in vain.
      if (signal === "SIGKILL") await page.waitForEvent("requestfailed", { predicate: (asked) => asked.failure()?.errorText === "net::ERR_CONNECTION_REFUSED", timeout: 10_000 });
      server = await ground.serve({ args: ["--listen", new URL(server.url).host] });
      const came = performance.now();
      // Browsers come again 1.5 to 4.5 s after the one that did not get through.
      await linked(page, "live", 8_000);
      t.diagnostic(`live again ${Math.round(performance.now() - came)} ms after the server`);
      const there = await counted(server.url);
      await ground.stores.visit(activity, campaign);
      await counts(page, there + 1);
      await agrees(page, api(server.url, `activities/${activity}`));
      await stayed(page);
      // Of a connection that broke off, and of one that nobody took while the server was away.
      for (const complaint of complaints) assert.match(complaint, /^error: Failed to load resource: net::ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_REFUSED)$/);
    } finally {
      await context.close();
      await server.stop();
    }
  });
}

/**
 * A proxy through which everything passes but streams.
 * @param {string} upstream
 * @param {(stream: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => void} treat
 */
async function lossy(upstream, treat) {
  const proxy = createServer((asked, response) => {
    const onwards = request(new URL(asked.url ?? "", upstream), { method: asked.method, headers: asked.headers }, (answered) => {
      if (answered.headers["content-type"]?.startsWith("text/event-stream")) {
        treat(answered, response);
        return;
      }
      response.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(response);
    });
    onwards.on("error", () => response.destroy());
    response.on("close", () => onwards.destroy());
    asked.pipe(onwards);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  return {
    url: `http://127.0.0.1:${address.port}/`,
    stop() {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

/** How each treats a stream, and what the console says of it. @type {Record<string, {treat: Parameters<typeof lossy>[1], says: string[]}>} */
const PROXIES = {
  "collects streams until they end": { treat: (stream) => stream.resume(), says: [] },
  "cuts streams": { treat: (_stream, response) => response.destroy(), says: ["error: Failed to load resource: net::ERR_EMPTY_RESPONSE"] },
  "refuses streams in words of its own": {
    treat: (_stream, response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>502</h1>"),
    says: ["error: Failed to load resource: the server responded with a status of 502 (Bad Gateway)"],
  },
};

test("behind a proxy that collects, cuts or refuses streams the page polls, and is as live", { skip }, async (t) => {
  const server = await ground.serve();
  const behind = await Promise.all(Object.entries(PROXIES).map(async ([how, { treat, says }]) => ({ how, says, proxy: await lossy(server.url, treat), ...(await open(ground.chromium)) })));
  try {
    await Promise.all(behind.map(async ({ page, proxy, how }) => {
      await page.goto(`${proxy.url}activities/${activity}`);
      const began = performance.now();
      await linked(page, "polling", 10_000);
      t.diagnostic(`a proxy that ${how}: polling ${Math.round(performance.now() - began)} ms after it was loaded`);
      await agrees(page, api(proxy.url, `activities/${activity}`));
    }));
    const there = await counted(server.url);
    /** @type {number[][]} */
    const times = behind.map(() => []);
    for (let round = 1; round <= ROUNDS; round += 1) {
      // At another moment of each page's two seconds each time.
      await new Promise((resolve) => setTimeout(resolve, (round * 2_000) / ROUNDS));
      await ground.stores.visit(activity, campaign);
      const began = performance.now();
      await Promise.all(behind.map(async ({ page }, index) => {
        await counts(page, there + round);
        times[index]?.push(performance.now() - began);
      }));
    }
    for (const [index, { how, page, proxy, complaints, says }] of behind.entries()) {
      const sorted = (times[index] ?? []).sort((one, other) => one - other).map((ms) => (ms / 1000).toFixed(2));
      t.diagnostic(`a proxy that ${how}, from append to the page: median ${sorted[Math.floor(sorted.length / 2)]} s, max ${sorted.at(-1)} s of ${sorted.length}`);
      const { shown: seen } = await agrees(page, api(proxy.url, `activities/${activity}`));
      assert.equal(seen.link, "polling");
      assert.deepEqual([...new Set(complaints)], says, how);
    }
  } finally {
    for (const { context, proxy } of behind) {
      await context.close();
      proxy.stop();
    }
    await server.stop();
  }
});
