// The connection between server and page, on real stores: servers that crash or stop and return, and proxies that block streams.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { open } from "./harness.mjs";
import { lacking, world } from "./stores.mjs";
import { agrees, api, assertNotReloaded, get, markDocument, shown, text, within } from "./stores_page.mjs";

/** @typedef {import("playwright-core").Page} Page */

const skip = lacking();
const ROUNDS = 5;
/** The longest time from a store's acknowledgement of a change until the page shows it, in milliseconds. */
const LIVE = 5_000;

/** @type {Awaited<ReturnType<typeof world>>} */
let setup;
/** A running activity, and its campaign. */
let [activity, campaign] = [0, 0];

before(async () => {
  if (skip) return;
  setup = await world("aug-2026", 5_000);
  const first = setup.stores.expected.campaigns[0];
  [activity, campaign] = [first.activities[0].activityId, first.campaignId];
});
after(() => setup?.close());

const visits = '[data-widget="kpi"] [data-figure="totalVisits"]';

/** The visits of the activity, by a server's API. @param {string} url */
const visitsOf = async (url) => (await get(api(url, `activities/${activity}`))).data.overview.totalVisits;

/** Waits until the page shows this number of visits. @param {Page} page @param {number} expected */
const showsVisits = (page, expected) => within(page, ([selector = "", count]) => document.querySelector(selector)?.textContent === count, [visits, text(expected)], LIVE);

/** Waits until the page shows this state of the connection. @param {Page} page @param {string} link @param {number} ms */
const showsLink = (page, link, ms) => within(page, (expected) => document.querySelector(".connection")?.getAttribute("data-link") === expected, link, ms);

for (const [how, signal] of /** @type {const} */ ([["is killed", "SIGKILL"], ["is stopped", "SIGTERM"]])) {
  test(`the page keeps its figures while a server ${how} and returns`, { skip }, async (t) => {
    let server = await setup.serve();
    const { page, context, complaints } = await open(setup.chromium);
    try {
      await page.addInitScript(() => {
        const Plain = window.EventSource;
        const ends = /** @type {string[]} */ (/** @type {any} */ (window).ends = []);
        window.EventSource = class extends Plain {
          /** @param {string | URL} url */
          constructor(url) {
            super(url);
            this.addEventListener("end", (event) => ends.push(event.data));
          }
        };
      });
      await page.goto(`${server.url}activities/${activity}`);
      const before = await agrees(page, api(server.url, `activities/${activity}`));
      assert.equal(before.shown.link, "live");
      await markDocument(page);

      // Read just before: active users change with time.
      const last = await shown(page);
      await server.stop(signal);
      const went = performance.now();
      await showsLink(page, "reconnecting", 5_000);
      t.diagnostic(`reconnecting after ${Math.round(performance.now() - went)} ms`);
      const meanwhile = await shown(page);
      for (const [name, { figures, failed }] of Object.entries(meanwhile.frames)) {
        assert.deepEqual([failed, figures], [false, last.frames[name]?.figures], name);
      }
      const ends = await page.evaluate(() => /** @type {any} */ (window).ends);
      assert.deepEqual(ends, signal === "SIGTERM" ? ['{"reason":"shutdown"}'] : []);

      // In one case, the server is away for long enough that a reconnect of the browser fails.
      if (signal === "SIGKILL") await page.waitForEvent("requestfailed", { predicate: (request) => request.failure()?.errorText === "net::ERR_CONNECTION_REFUSED", timeout: 10_000 });
      server = await setup.serve({ args: ["--listen", new URL(server.url).host] });
      const came = performance.now();
      // Browsers reconnect 1.5 to 4.5 s after a failed attempt. The new server may need its whole budget for the first answer.
      await showsLink(page, "live", 15_000);
      t.diagnostic(`live again ${Math.round(performance.now() - came)} ms after the server`);
      const there = await visitsOf(server.url);
      await setup.stores.visit(activity, campaign);
      await showsVisits(page, there + 1);
      await agrees(page, api(server.url, `activities/${activity}`));
      await assertNotReloaded(page);
      // A broken connection, which is reset if the server had not read all it got, and a refused one while the server was away.
      for (const complaint of complaints) assert.match(complaint, /^error: Failed to load resource: net::ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|CONNECTION_REFUSED)$/);
    } finally {
      await context.close();
      await server.stop();
    }
  });
}

/**
 * A proxy that forwards everything except streams.
 * @param {string} upstream
 * @param {(stream: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => void} treat
 */
async function lossy(upstream, treat) {
  const proxy = createServer((incoming, response) => {
    const outgoing = request(new URL(incoming.url ?? "", upstream), { method: incoming.method, headers: incoming.headers }, (reply) => {
      if (reply.headers["content-type"]?.startsWith("text/event-stream")) {
        treat(reply, response);
        return;
      }
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
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

/** How each proxy treats a stream, and the console's messages. @type {Record<string, {treat: Parameters<typeof lossy>[1], says: string[]}>} */
const PROXIES = {
  "buffers streams until they end": { treat: (stream) => stream.resume(), says: [] },
  "cuts streams": { treat: (_stream, response) => response.destroy(), says: ["error: Failed to load resource: net::ERR_EMPTY_RESPONSE"] },
  "refuses streams with a page of its own": {
    treat: (_stream, response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>502</h1>"),
    says: ["error: Failed to load resource: the server responded with a status of 502 (Bad Gateway)"],
  },
};

test("behind a proxy that blocks streams the page polls, and is as live", { skip }, async (t) => {
  const server = await setup.serve();
  const behind = await Promise.all(Object.entries(PROXIES).map(async ([how, { treat, says }]) => ({ how, says, proxy: await lossy(server.url, treat), ...(await open(setup.chromium)) })));
  try {
    await Promise.all(behind.map(async ({ page, proxy, how }) => {
      await page.goto(`${proxy.url}activities/${activity}`);
      const began = performance.now();
      await showsLink(page, "polling", 10_000);
      t.diagnostic(`a proxy that ${how}: polling ${Math.round(performance.now() - began)} ms after it was loaded`);
      await agrees(page, api(proxy.url, `activities/${activity}`));
    }));
    const there = await visitsOf(server.url);
    /** @type {number[][]} */
    const times = behind.map(() => []);
    for (let round = 1; round <= ROUNDS; round += 1) {
      // At a different phase of each page's poll in each round.
      await new Promise((resolve) => setTimeout(resolve, (round * 2_000) / ROUNDS));
      await setup.stores.visit(activity, campaign);
      const began = performance.now();
      await Promise.all(behind.map(async ({ page }, index) => {
        await showsVisits(page, there + round);
        times[index]?.push(performance.now() - began);
      }));
    }
    for (const [index, { how, page, proxy, complaints, says }] of behind.entries()) {
      const sorted = (times[index] ?? []).sort((one, other) => one - other).map((ms) => (ms / 1000).toFixed(2));
      t.diagnostic(`a proxy that ${how}, from append to the page: median ${sorted[Math.floor(sorted.length / 2)]} s, max ${sorted.at(-1)} s of ${sorted.length}`);
      const { shown: state } = await agrees(page, api(proxy.url, `activities/${activity}`));
      assert.equal(state.link, "polling");
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
