// The harness of the browser tests: the server's binary, one Chromium, and pages that record every complaint of the console and of
// the content security policy.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const ROOT = new URL("../../../../", import.meta.url);

/** The path of a program of the package axon-examples. @param {string} name */
export function example(name) {
  const server = process.env.AXON_PAGE_SERVER ?? new URL("target/debug/examples/dashboard_server", ROOT).pathname;
  const path = `${dirname(server)}/${name}`;
  assert.ok(existsSync(path), `${path} is missing: cargo build -p axon-examples --examples`);
  return path;
}

/**
 * Starts a program, and waits until it has printed the address that it listens on.
 * @param {string} path
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
export async function start(path, args, env = {}) {
  const child = spawn(path, args, { env: { RUST_LOG: "warn", ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (data) => (log += data));
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const url = line.match(/http:\/\/[\d.:]+/)?.[0];
    if (!url) continue;
    return {
      url: `${url}/`,
      child,
      log: () => log,
      async stop(signal = "SIGTERM") {
        child.kill(/** @type {NodeJS.Signals} */ (signal));
        await ended;
      },
    };
  }
  throw new Error(`${path} did not start: ${log}`);
}

/** Budgets that hold on a busy machine, on which several scenes run at once. A query to a hanging store fails after its budget. */
export const BUDGETS = {
  "budgets.answer_ms": "2500", "budgets.catalog_ms": "1500", "budgets.behavior_ms": "2000", "budgets.ledger_ms": "2000",
  "budgets.realtime_ms": "1000",
};

/** A server with generated campaigns, unless the arguments and settings name other data. @param {string[]} [args] @param {Record<string, string>} [settings] by their keys */
export function server(args = [], settings = {}) {
  const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`AXON_DASHBOARD__${key.toUpperCase().replaceAll(".", "__")}`, value]));
  return start(example("dashboard_server"), [...args, ...(args.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"])], env);
}

export function browser() {
  return chromium.launch({
    executablePath: process.env.AXON_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
}

/**
 * A page in a context of its own. `complaints` collects all errors and warnings of the console, of scripts and of the policy. A
 * test that expects none asserts that it is empty.
 * @param {import("playwright-core").Browser} chromium
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function open(chromium, options = {}) {
  const context = await chromium.newContext({ locale: "ko-KR", timezoneId: "Asia/Seoul", viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`script: ${error.stack ?? error.message}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  return { context, page, complaints };
}

/** Reads a value until a condition holds for it; fails with the latest value after a timeout. @template T @param {() => Promise<T>} read @param {(value: T) => boolean} holds @param {number} [ms] */
export async function eventually(read, holds, ms = 5_000) {
  const until = Date.now() + ms;
  let value = await read();
  while (!holds(value)) {
    assert.ok(Date.now() < until, `the condition did not hold within ${ms} ms; the latest value: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    value = await read();
  }
  return value;
}
