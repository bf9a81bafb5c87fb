// Real stores for the browser tests: filled under names of their own, written to beside the server, cut off behind a proxy,
// and emptied again. The environment says where they are, as `scripts/services env` has it.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { BUDGETS, browser, example, server } from "./harness.mjs";
import { redis, search, sql } from "./stores_wire.mjs";

/** @typedef {"elasticsearch" | "mysql" | "redis"} Store */
/** @typedef {Record<Store, string>} Addresses */
/** @typedef {Awaited<ReturnType<typeof server>>} Server */

/** @returns {Addresses} */
function addresses() {
  const { AXON_TEST_ELASTICSEARCH_URL, AXON_TEST_MYSQL_URL, AXON_TEST_MARIADB_URL, AXON_TEST_REDIS_URL } = process.env;
  return { elasticsearch: AXON_TEST_ELASTICSEARCH_URL ?? "", mysql: AXON_TEST_MYSQL_URL || AXON_TEST_MARIADB_URL || "", redis: AXON_TEST_REDIS_URL ?? "" };
}

/** Why there can be no test on real stores, to be given as `skip`; false where there can. */
export function lacking() {
  const { elasticsearch, mysql, redis } = addresses();
  if (!elasticsearch) return "AXON_TEST_ELASTICSEARCH_URL is not set";
  if (!mysql) return "neither AXON_TEST_MYSQL_URL nor AXON_TEST_MARIADB_URL is set";
  return redis ? false : "AXON_TEST_REDIS_URL is not set";
}

/**
 * Fills the stores in a layout.
 * @param {"aug-2026" | "dec-2025" | "rejected"} layout
 * @param {number} events
 */
async function fill(layout, events) {
  const at = addresses();
  const name = `axon-page-test-${randomBytes(4).toString("hex")}`;
  const database = name.replaceAll("-", "_");
  const folder = await mkdtemp(join(tmpdir(), "axon-page-"));
  const [config, totals] = [join(folder, "dashboard.toml"), join(folder, "expected.json")];
  // A minute ago: the last events of the generator are past, and nothing moves but what a test moves.
  const now = new Date(Math.floor(Date.now() / 1000 - 60) * 1000).toISOString();
  const options = {
    layout, events, now, elasticsearch: at.elasticsearch, mysql: at.mysql, redis: at.redis,
    "index-prefix": `${name}-`, database, "key-prefix": `${name}:`, expected: totals,
  };
  const remove = async () => {
    const deleted = await Promise.allSettled([
      ...["behavior", "commerce"].map((kind) => search(at.elasticsearch, "DELETE", `/${name}-axon.event.${kind}?ignore_unavailable=true`)),
      sql(at.mysql, `DROP DATABASE IF EXISTS ${database}`),
      redis(at.redis, async (command) => {
        const keys = /** @type {string[]} */ (await command("KEYS", `${name}:*`));
        if (keys.length > 0) await command("DEL", ...keys);
      }),
      rm(folder, { recursive: true }),
    ]);
    for (const one of deleted) if (one.status === "rejected") throw one.reason;
  };
  try {
    const args = Object.entries(options).flatMap(([option, value]) => [`--${option}`, String(value)]);
    const { stdout } = await promisify(execFile)(example("load_stores"), ["--quiet", ...args]);
    await writeFile(config, stdout);
  } catch (error) {
    await remove();
    throw error;
  }

  /** The settings that name a store; behind a proxy where there is one. @param {Partial<Addresses>} proxies */
  const settings = (proxies) => {
    /** @type {Record<string, string>} */
    const found = { ...BUDGETS, "redis.connect_ms": "1000" };
    for (const store of /** @type {Store[]} */ (Object.keys(at))) {
      const url = new URL(at[store]);
      if (url.password) found[`${store}.password`] = decodeURIComponent(url.password);
      const proxy = proxies[store];
      if (proxy) found[`${store}.url`] = behind(url, proxy, store === "mysql" ? `/${database}` : url.pathname);
    }
    return found;
  };

  const expected = JSON.parse(await readFile(totals, "utf8"));
  return {
    expected,
    /** What is where. */
    at,
    /**
     * A server over these stores.
     * @param {{proxies?: Partial<Addresses>, args?: string[], settings?: Record<string, string>}} [more]
     */
    serve: ({ proxies = {}, args = [], settings: further = {} } = {}) => server(["--config", config, ...args], { ...settings(proxies), ...further }),
    /**
     * Somebody looks at an activity's page: an event that happens now. Resolves once Elasticsearch has taken it.
     * @param {number} activity @param {number} campaign
     */
    visit: (activity, campaign) => search(at.elasticsearch, "POST", `/${name}-axon.event.behavior/_doc`, {
      eventId: 3, eventName: "페이지 조회", triggerType: "PAGE_VIEW", occurredAt: new Date().toISOString(),
      userId: nobody(), sessionId: randomBytes(8).toString("hex"),
      pageUrl: `http://shop.example/campaign-activity/${activity}`, properties: { activityId: activity, campaignId: campaign },
    }),
    /** Somebody new gets a slot of an activity, by the counter and among the members. @param {number} activity */
    take: (activity) => redis(at.redis, async (command) => {
      await command("SADD", `${name}:campaign:${activity}:users`, String(nobody()));
      await command("INCR", `${name}:campaign:${activity}:counter`);
    }),
    /** Somebody new buys what somebody bought through an activity before, now. @param {number} activity */
    sell: (activity) => sql(at.mysql, `INSERT INTO ${database}.purchases
      (user_id, product_id, campaign_activity_id, purchase_type, price, quantity, purchase_at, status)
      SELECT ${nobody()}, product_id, campaign_activity_id, purchase_type, price, quantity, '${seoul(new Date())}', status
      FROM ${database}.purchases WHERE campaign_activity_id = ${activity} AND status = 'CONFIRMED' LIMIT 1`),
    remove,
  };
}

/** Somebody whom the generator does not know. */
function nobody() {
  return 900_000_000 + Math.floor(Math.random() * 90_000_000);
}

/** An instant as the platform's database has it: by the clock of Seoul. @param {Date} instant */
function seoul(instant) {
  return new Date(instant.getTime() + 9 * 3_600_000).toISOString().replace("T", " ").replace("Z", "");
}

/** An address with another host and port, and without its password. @param {URL} url @param {string} host @param {string} path */
function behind(url, host, path) {
  const user = url.username ? `${url.username}@` : "";
  return `${url.protocol}//${user}${host}${path}`;
}

/** A proxy of the examples in front of a store. @param {Store} store */
async function proxy(store) {
  const url = new URL(addresses()[store]);
  const port = url.port || { elasticsearch: "9200", mysql: "3306", redis: "6379" }[store];
  const child = spawn(example("fault_proxy"), ["--upstream", `${url.hostname}:${port}`, "--every", "0"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const address = (await lines.next()).value?.split(" ")[0];
  assert.ok(address, "the proxy did not start");
  return {
    address,
    /** Breaks the store in this way; `none` mends it. Resolves once that is so. @param {string} fault */
    async set(fault) {
      child.stdin.write(`${fault}\n`);
      assert.equal((await lines.next()).value, `fault ${fault}`);
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
}

/**
 * Filled stores, a browser, and what a test starts beside them; all of it ends with the world, whatever became of a test.
 * @param {Parameters<typeof fill>[0]} layout @param {number} events
 */
export async function world(layout, events) {
  const stores = await fill(layout, events);
  /** @type {(() => Promise<unknown>)[]} */
  const ends = [stores.remove];
  const close = async () => {
    const ended = [];
    for (const end of ends) ended.push(...(await Promise.allSettled([end()])));
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  };
  /** Started once, and ended before what was started before it. @template {{stop(): Promise<unknown>}} Started @param {Promise<Started>} starting */
  const keep = async (starting) => {
    const started = await starting;
    ends.unshift(() => started.stop());
    return started;
  };
  try {
    const chromium = await browser();
    ends.unshift(() => chromium.close());
    return {
      stores,
      chromium,
      /** @param {Parameters<typeof stores.serve>[0]} [more] */
      serve: (more) => keep(stores.serve(more)),
      /** @param {Store} store */
      proxy: (store) => keep(proxy(store)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
