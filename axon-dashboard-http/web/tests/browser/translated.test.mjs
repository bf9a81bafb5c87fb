// No word that is not translated: in a language whose every word stands between brackets, whatever stands outside them is a
// figure, a date, a name, or the server's own.

import assert from "node:assert/strict";
import { drawn, FAILED_LOADS, ready, stage } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();

/** Replaces Korean by a language of brackets: each text as it is, between them. @param {Page} page */
const bracket = (page) => page.route("**/i18n/ko.js", async (route) => {
  const source = await (await route.fetch()).text();
  const body = source.replace(/^export default /m, "const words = ") + "\nexport default Object.fromEntries(Object.entries(words).map(([key, text]) => [key, `⟦${text}⟧`]));\n";
  await route.fulfill({ contentType: "text/javascript; charset=utf-8", body });
});

/** Every text that a viewer sees or hears: of nodes, of attributes, of charts, of the title. @param {Page} page @returns {Promise<[string, string][]>} */
const texts = (page) => page.evaluate(() => {
  /** @type {[string, string][]} */
  const found = [["title", document.title]];
  const where = (/** @type {Element} */ at) => `${at.tagName.toLowerCase()}.${at.getAttribute("class") ?? ""} in ${at.closest("[data-widget]")?.getAttribute("data-widget") ?? "the page"}`;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = /** @type {Element} */ (node.parentElement);
    // Names are data, and each language is named in its own.
    if (!node.textContent?.trim() || at.closest("script, noscript, [data-name], [lang]:not(html)")) continue;
    // A text that is put together is judged as the element's whole.
    found.push([where(at), node.textContent]);
  }
  for (const at of document.querySelectorAll("*")) {
    for (const name of ["aria-label", "aria-valuetext", "aria-description", "title", "placeholder", "alt", "data-label", "abbr"]) {
      const text = at.getAttribute(name);
      if (text) found.push([`${name} of ${where(at)}`, text]);
    }
  }
  for (const canvas of /** @type {NodeListOf<any>} */ (document.querySelectorAll("canvas"))) {
    for (const label of canvas.chart?.data.labels ?? []) found.push(["a chart's label", String(label)]);
    for (const set of canvas.chart?.data.datasets ?? []) if (set.label) found.push(["a chart's legend", set.label]);
  }
  return found;
});

/** What everything is called that is data. @returns {Promise<string[]>} */
async function names() {
  const { campaigns } = await (await fetch(`${its.url}api/v1/dashboard/campaigns`)).json();
  return campaigns.flatMap((/** @type {any} */ one) => [one.name, ...one.activities.map((/** @type {any} */ activity) => activity.name)]);
}

/** What comes from the server in the language that was asked for, and names. @returns {Promise<Set<string>>} */
async function given() {
  const { definitions } = await (await fetch(`${its.url}api/v1/dashboard/definitions`)).json();
  return new Set([...definitions.flatMap((/** @type {any} */ one) => [one.ko, one.formulaKo, one.source]), ...await names(), "방문", "참여", "승인", "구매"]);
}

/** What is left of a text without what is between brackets, and without figures, dates and signs. @param {string} text @param {Set<string>} server */
function untranslated(text, server) {
  let left = text;
  // Inside of brackets stand brackets where a text is put into another one.
  for (let before = ""; before !== left;) [before, left] = [left, left.replace(/⟦[^⟦⟧]*⟧/g, "")];
  for (const own of [...server].sort((one, other) => other.length - one.length)) left = left.replaceAll(own, "");
  return left
    .replace(/\d+월|\d+년|[일월화수목금토](?:요일)?(?=[,\s]|$)|\d+(?:초|분|시간|일) 전/gu, "")
    .replace(/[\d.,:%₩~–\-+()/·?=▲▼|\s]/g, "")
    .replace(/만|천|억/g, "");
}

/** @param {Page} page @param {string} place @param {Set<string>} server */
async function translated(page, place, server) {
  const all = await texts(page);
  assert.ok(all.filter(([, text]) => text.includes("⟦")).length > 8, `${place}: ${all.length} texts`);
  assert.deepEqual(all.filter(([, text]) => untranslated(text, server)), [], place);
}

/** Has everything go wrong that can at once. @param {Page} page */
async function wrong(page) {
  await page.route("**/stream?**", (route) => route.fulfill({ status: 503, body: "" }));
  await page.route(/\/campaign\/123\?/, async (route) => {
    const real = await (await route.fetch()).json();
    const lost = (/** @type {string} */ field) => ({ field, reason: "unavailable", detail: "no_answer", source: null, message: "in English" });
    const warn = (/** @type {string} */ code, field = "") => ({ code, field, message: "in English", data: { limit: 1, held: 2, counter: 3, members: null, seconds: 128, hours: 5 } });
    real.data.realtime.hourlyInflow = null;
    real.data.overview.purchaseCount = null;
    real.phase = "ended";
    Object.assign(real.widgets.overview, { status: "partial", missing: ["purchaseCount", "change.totalVisits", "previous.conversionRate"].map(lost), warnings: [warn("assumed_lag")] });
    Object.assign(real.widgets.funnel, { status: "stale", asOf: new Date(Date.parse(real.timestamp) - 180_000).toISOString(), missing: ["steps[1].rate", "steps[2].previous.value"].map(lost), warnings: [warn("missing_upstream", "steps[1].value")] });
    Object.assign(real.widgets.comparison, { warnings: [warn("baseline_fallback", "baseline.method"), warn("baseline_old", "baseline")] });
    Object.assign(real.widgets.realtime, { status: "partial", missing: [lost("hourlyInflow")], warnings: [warn("oversold", "remainingStock"), warn("derived"), warn("time_resolution")] });
    delete real.data.activities;
    Object.assign(real.widgets.activities, { status: "unavailable", asOf: null, missing: [lost("activities[790].remainingStock")] });
    real.warnings.push(warn("dates_ignored"));
    await route.fulfill({ json: real });
  });
}

/** @type {[string, string, ((page: Page) => Promise<unknown>)?][]} */
const PLACES = [
  ["the list", ""],
  ["a list of nothing", "", async (page) => {
    await page.route("**/campaigns", (route) => route.fulfill({ json: { campaigns: [], zone: "Asia/Seoul" } }));
    await page.reload();
    await page.waitForSelector(".campaigns .empty");
  }],
  ["a campaign, everything unfolded", "campaigns/123?mode=unique&period=1d", async (page) => {
    for (const unfold of await page.locator(".unfold-notes:visible, .unfold summary").all()) await unfold.click();
    await page.click('[data-measure="revenue"]');
  }],
  ["an activity that has not started", "activities/797"],
  ["a campaign of gifts", "campaigns/127?period=custom&startDate=2024-08-01&endDate=2024-08-02"],
  ["a campaign paused", "campaigns/123", (page) => page.click(".pause")],
  ["the calendar, with too many days chosen", "campaigns/123", async (page) => {
    await page.click('[data-value="custom"]');
    for (let press = 0; press < 14; press += 1) await page.keyboard.press("PageUp");
    await page.keyboard.press("Enter");
    for (let press = 0; press < 14; press += 1) await page.keyboard.press("PageDown");
    await page.keyboard.press("Enter");
  }],
  ["a definition", "campaigns/123", (page) => page.focus(".hint")],
  ["no such campaign", "campaigns/999"],
  ["a number that is none", "campaigns/abc"],
  ["a server that cannot be reached", "campaigns/123", async (page) => {
    await page.route("**/api/v1/dashboard/campaign/**", (route) => route.abort());
    await page.reload();
    await ready(page);
  }],
  ["widgets that lost figures, are old, or failed", "campaigns/123", async (page) => {
    await wrong(page);
    await page.reload();
    await page.waitForSelector(".failure:visible");
    for (const unfold of await page.locator(".unfold-notes:visible").all()) await unfold.click();
  }],
];

scene("every word of every page and state comes from the language's own file", async ({ page, go }) => {
  await bracket(page);
  const server = await given();
  for (const [place, path, lead] of PLACES) {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await bracket(page);
    await go(path);
    await lead?.(page);
    if (path.startsWith("campaigns/1") && !place.includes("reached")) await drawn(page);
    await translated(page, place, server);
  }
}, { expected: FAILED_LOADS });

scene("a word in a module would be found", async ({ page, go }) => {
  await bracket(page);
  await go("campaigns/123");
  const server = await given();
  for (const [selector, attribute] of [["h2", null], [".tool", "aria-label"], [".figure", "title"]]) {
    // An update would write over what is put there.
    await page.click(".pause");
    await page.evaluate(([selector, attribute]) => {
      const at = document.querySelector(String(selector));
      if (attribute) at?.setAttribute(attribute, "Left over");
      else at?.append(" 남은 말");
    }, [selector, attribute]);
    assert.equal((await texts(page)).filter(([, text]) => untranslated(text, server)).length, 1, String(selector));
    await go("campaigns/123");
  }
});

scene("in English no page and no state has a word of Korean but in names", async ({ page, go }) => {
  const data = await names();
  for (const [place, path, lead] of PLACES) {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await go(`${path}${path.includes("?") ? "&" : "?"}lang=en`);
    await lead?.(page);
    const korean = (await texts(page)).filter(([, text]) => /\p{Script=Hangul}/u.test(data.reduce((left, name) => left.replaceAll(name, ""), text)));
    assert.deepEqual(korean, [], place);
  }
}, { expected: FAILED_LOADS });
