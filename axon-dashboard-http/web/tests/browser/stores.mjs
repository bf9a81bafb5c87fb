// Real stores for the browser tests. They are filled under unique names, written to independently of the server, cut off by a proxy,
// and cleaned up. Their addresses are in the environment variables that `scripts/services env` prints.

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

/** The reason to skip tests on real stores, for the option `skip`; false if there is none. */
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
  // A minute ago: all generated events are in the past, so figures change only by the test's own writes.
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

  /** The settings of the stores' addresses; a store with a proxy is reached through it. @param {Partial<Addresses>} proxies */
  const settings = (proxies) => {
    /** @type {Record<string, string>} */
    const values = { ...BUDGETS, "redis.connect_ms": "1000" };
    for (const store of /** @type {Store[]} */ (Object.keys(at))) {
      const url = new URL(at[store]);
      if (url.password) values[`${store}.password`] = decodeURIComponent(url.password);
      const proxy = proxies[store];
      if (proxy) values[`${store}.url`] = behind(url, proxy, store === "mysql" ? `/${database}` : url.pathname);
    }
    return values;
  };

  const expected = JSON.parse(await readFile(totals, "utf8"));
  return {
    expected,
    /** The stores' addresses. */
    at,
    /**
     * A server over these stores.
     * @param {{proxies?: Partial<Addresses>, args?: string[], settings?: Record<string, string>}} [more]
     */
    serve: ({ proxies = {}, args = [], settings: further = {} } = {}) => server(["--config", config, ...args], { ...settings(proxies), ...further }),
    /**
     * Adds a page view of an activity, now. Resolves when Elasticsearch has acknowledged it.
     * @param {number} activity @param {number} campaign
     */
    visit: (activity, campaign) => search(at.elasticsearch, "POST", `/${name}-axon.event.behavior/_doc`, {
      eventId: 3, eventName: "페이지 조회", triggerType: "PAGE_VIEW", occurredAt: new Date().toISOString(),
      userId: newUserId(), sessionId: randomBytes(8).toString("hex"),
      pageUrl: `http://shop.example/campaign-activity/${activity}`, properties: { activityId: activity, campaignId: campaign },
    }),
    /** Gives a new user a slot of an activity: in the counter and among the members. @param {number} activity */
    take: (activity) => redis(at.redis, async (command) => {
      await command("SADD", `${name}:campaign:${activity}:users`, String(newUserId()));
      await command("INCR", `${name}:campaign:${activity}:counter`);
    }),
    /** Adds a purchase of an activity by a new user, now: a copy of an earlier one. @param {number} activity */
    sell: (activity) => sql(at.mysql, `INSERT INTO ${database}.purchases
      (user_id, product_id, campaign_activity_id, purchase_type, price, quantity, purchase_at, status)
      SELECT ${newUserId()}, product_id, campaign_activity_id, purchase_type, price, quantity, '${seoul(new Date())}', status
      FROM ${database}.purchases WHERE campaign_activity_id = ${activity} AND status = 'CONFIRMED' LIMIT 1`),
    remove,
  };
}

/** A user id above those of the generator. */
function newUserId() {
  return 900_000_000 + Math.floor(Math.random() * 90_000_000);
}

/** An instant as the platform's database stores it: in the time zone of Seoul. @param {Date} instant */
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
    /** Sets the proxy's fault; `none` removes it. Resolves when the proxy has confirmed it. @param {string} fault */
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
 * Filled stores, a browser, and the servers and proxies that a test starts. `close` ends all of it, also after a failed test.
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
  /** Registers a started program to be stopped at the end, in reverse order of the starts. @template {{stop(): Promise<unknown>}} Started @param {Promise<Started>} starting */
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
