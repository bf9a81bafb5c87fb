// Figures that move: shown soon, quietly, and not at all while paused; and what is shown while the connection is not as it
// should be.

import assert from "node:assert/strict";
import { eventually, server } from "./harness.mjs";
import { answer, FAILED_LOADS, stage, text } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

// Visitors come each second. Most of the time is spent waiting for them.
const { its, scene } = stage(["--generate", "20000"], 6);

const visits = async (/** @type {Page} */ page) => Number((await text(page, '[data-figure="totalVisits"]')).replaceAll(",", ""));
const counted = async (url = its.url) => Number((await answer(url, "campaign/123")).data.overview?.totalVisits);
const connected = (/** @type {Page} */ page, /** @type {string} */ link) => page.waitForSelector(`.connection[data-link="${link}"]`);

/** Waits until the server has counted more visits. @param {string} [url] */
async function more(url) {
  const before = await counted(url);
  return eventually(() => counted(url), (now) => now > before, 10_000);
}

scene("what a visitor did is on the page within five seconds, again and again", async ({ page, go }) => {
  await go("campaigns/123");
  await connected(page, "live");
  for (let turn = 0; turn < 3; turn += 1) {
    const now = await more();
    await eventually(() => visits(page), (shown) => shown >= now, 5_000);
  }
});

scene("an update writes into what is there: nothing is made anew, nothing loses the focus or jumps", async ({ page, go }) => {
  await go("campaigns/123");
  await page.focus('[data-row="790"] a');
  const kept = await page.evaluate(() => {
    const nodes = [...document.querySelectorAll("#app *")].filter((node) => !node.closest(".spoken, .change, .notes, .missing"));
    const seen = { moved: 0, nodes: nodes.length };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) seen.moved += /** @type {any} */ (entry).value;
    }).observe({ type: "layout-shift" });
    Object.assign(window, { nodes, seen });
    return seen.nodes;
  });
  assert.ok(kept > 200);
  for (let turn = 0; turn < 2; turn += 1) {
    const now = await more();
    await eventually(() => visits(page), (shown) => shown >= now, 5_000);
  }
  const after = await page.evaluate(() => {
    const { nodes, seen } = /** @type {any} */ (window);
    return { gone: nodes.filter((/** @type {Node} */ node) => !node.isConnected).map((/** @type {Element} */ node) => `${node.tagName} ${node.className}: ${node.textContent}`), moved: seen.moved };
  });
  assert.deepEqual(after, { gone: [], moved: 0 });
  assert.ok(await page.evaluate(() => document.activeElement?.matches('[data-row="790"] a')));
});

scene("a figure that moved is marked for a moment", async ({ page, go }) => {
  await go("campaigns/123");
  await page.evaluate(() => {
    document.addEventListener("animationstart", (event) => {
      const at = /** @type {Element} */ (event.target);
      if (event.animationName === "changed") at.setAttribute("data-flashed", "");
    });
  });
  await page.waitForSelector("[data-figure][data-flashed]");
});

scene("while paused nothing moves, and afterwards the page catches up", async ({ page, go }) => {
  await go("campaigns/123");
  await connected(page, "live");
  await page.getByRole("button", { name: "일시정지" }).click();
  await connected(page, "paused");
  assert.match(await text(page, ".connection"), /일시정지됨/);
  const before = await visits(page);
  const now = await eventually(() => counted(), (seen) => seen > before + 1, 15_000);
  assert.equal(await visits(page), before);
  await page.getByRole("button", { name: "다시 시작" }).click();
  await connected(page, "live");
  await eventually(() => visits(page), (shown) => shown >= now);
});

scene("the page says as of when its figures are, in the business zone", async ({ page, go }) => {
  await go("campaigns/123");
  await connected(page, "live");
  const said = await text(page, ".as-of");
  assert.match(said, /^데이터 기준 \d\d:\d\d:\d\d$/);
  const [hour, minute, second] = said.slice(-8).split(":").map(Number);
  const seoul = new Date(Date.now() + 9 * 3_600_000);
  const apart = Math.abs((seoul.getTime() % 86_400_000) / 1000 - (Number(hour) * 3600 + Number(minute) * 60 + Number(second)));
  assert.ok(Math.min(apart, 86_400 - apart) < 5, `${said}, ${apart} s apart`);
});

/** Streams that a network may have instead of the server's. */
const BROKEN = /** @type {[string, (route: import("playwright-core").Route) => unknown][]} */ ([
  ["is refused", (route) => route.fulfill({ status: 503, headers: { "retry-after": "5" }, json: { status: 503, code: "overloaded" } })],
  ["is answered with a page", (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<h1>Welcome</h1>" })],
  ["never says anything", () => {}],
  ["is cut", (route) => route.abort("connectionreset")],
]);
for (const [how, answers] of BROKEN) {
  scene(`where the stream ${how} the page asks by itself, and figures move as before`, async ({ page, go }) => {
    await page.route("**/stream?**", answers);
    await go("campaigns/123");
    await connected(page, "polling");
    assert.match(await text(page, ".connection"), /자동 갱신 중/);
    const now = await more();
    await eventually(() => visits(page), (shown) => shown >= now, 5_000);
  }, { expected: /Failed to load resource|EventSource's response has a MIME type/ });
}

scene("a server that dies is said to be gone, and its figures stay; when it is back the page goes on by itself", async ({ page }) => {
  let own = await server(["--generate", "5000"]);
  try {
    await page.goto(`${own.url}campaigns/123`);
    await connected(page, "live");
    const before = await visits(page);
    await own.stop("SIGKILL");
    await connected(page, "reconnecting");
    assert.match(await text(page, ".connection"), /다시 연결하는 중/);
    // Older than ten seconds by then, and not passed off as new.
    await page.waitForSelector('[data-widget="kpi"].dim', { timeout: 15_000 });
    assert.match(await text(page, '[data-widget="kpi"] .pill'), /^갱신 지연 · 1\d초 전$/);
    assert.ok(await visits(page) >= before);
    await page.waitForFunction(() => document.querySelector(".connection")?.textContent?.includes("서버에 연결할 수 없습니다"));
    const { host } = new URL(own.url);
    own = await server(["--generate", "5000", "--listen", host]);
    await page.waitForSelector('.connection[data-link="live"]', { timeout: 20_000 });
    await page.waitForSelector('[data-widget="kpi"]:not(.dim)');
    const now = await more(own.url);
    await eventually(() => visits(page), (shown) => shown >= now);
  } finally {
    await own.stop();
  }
}, { expected: FAILED_LOADS });
