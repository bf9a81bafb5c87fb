// Hostile and unusual names: the page shows them as text, and runs nothing of them.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { drawn, stage, STILL } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Page} Page */

const RUN = "window.ran=(window.ran||0)+1";
const LONG = "가나다라마바사아자차".repeat(100);

/** A hundred different names that would run, break out of markup, overflow or confuse. */
const NAMES = [
  ...["script", "SCRIPT", "scr<script>ipt"].map((tag) => `<${tag}>${RUN}</${tag}>`),
  ...["onerror", "onload", "onmouseover", "onfocus", "onanimationstart", "onpointerenter", "onclick"].map((on) => `<img src=x ${on}="${RUN}" autofocus tabindex=0>`),
  ...["svg", "body", "iframe", "video", "details open", "input autofocus", "marquee", "object", "embed", "math"].map((tag) => `<${tag} onload="${RUN}" onfocus="${RUN}" ontoggle="${RUN}" onstart="${RUN}" src="javascript:${RUN}">`),
  `"><script>${RUN}</script>`, `'><img src=x onerror=${RUN}>`, `" onmouseover="${RUN}`, `' autofocus onfocus='${RUN}`, `\`onerror=${RUN}\``, `--><script>${RUN}</script><!--`, `</title><script>${RUN}</script>`,
  `</textarea><script>${RUN}</script>`, `</style><script>${RUN}</script>`, `]]><script>${RUN}</script>`, `<style>*{display:none!important}</style>`, `<link rel=stylesheet href=//x.invalid/a.css>`, `<base href=//x.invalid/>`,
  `<meta http-equiv=refresh content="0;url=//x.invalid">`, `<form action=//x.invalid><button>go</button></form>`, `<a href="javascript:${RUN}">x</a>`, `<template><script>${RUN}</script></template>`, `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `&lt;script&gt;${RUN}&lt;/script&gt;`, `&#60;img src=x onerror=${RUN}&#62;`, `\\u003cscript\\u003e${RUN}\\u003c/script\\u003e`, `%3Cscript%3E${RUN}%3C/script%3E`,
  `javascript:${RUN}`, `JaVaScRiPt:${RUN}`, `data:text/html,<script>${RUN}</script>`, `vbscript:${RUN}`, "//x.invalid/", "http://x.invalid/?a=1&b=2", "blob:x", "file:///etc/passwd", "#main", "?lang=en", "../../..", "./.", "a/b/c", "%00", "%2e%2e%2f",
  `{{constructor.constructor('${RUN}')()}}`, `\${${RUN}}`, `{figure}`, `{name} {to} {from}`, `<%= ${RUN} %>`, `#{${RUN}}`, `[[${RUN}]]`, `{%${RUN}%}`, "$&$1$`$'",
  "=1+1", `=HYPERLINK("http://x.invalid","x")`, "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", 'say "hi", ok', "a;b,c", "line\nbreak", "\ttab", "trailing ",
  "\u202Eesrever txet", "\u2067rtl\u2069 עברית العربية", "\u200Bzero\u200Bwidth\uFEFF", "Z̸̢̛̺͍͙̓̾̕a̷̛͓͚͗͌l̶̨̛̩͍g̴̭̈́͝o̵͍͐ ".repeat(4).trim(), "👩‍👩‍👧‍👦🏳️‍🌈🇰🇷👍🏽".repeat(4), "𝕱𝖆𝖓𝖈𝖞 𝓽𝓮𝔁𝓽", "\u0000null".replace("\u0000", "\u2400"), "ﷺ".repeat(20), "\u2028line\u2029para",
  LONG, "W".repeat(1000), "a ".repeat(500).trim(), "null", "undefined", "NaN", "[object Object]", "__proto__", "constructor", "toString", "0", "-0", "1e999", "선착순 'quoted' \\ back\\slash",
];
/** The number of activities of each campaign. */
const EACH = 4;

const folder = mkdtempSync(join(tmpdir(), "axon-names-"));
after(() => rmSync(folder, { recursive: true }));
const catalog = join(folder, "catalog.json");
const between = { startAt: "2024-11-01T00:00:00Z", endAt: "2024-12-01T00:00:00Z" };
const campaigns = Array.from({ length: NAMES.length / (EACH + 1) }, (_, index) => {
  const [name, ...activities] = NAMES.slice(index * (EACH + 1), (index + 1) * (EACH + 1));
  return { id: index + 1, name, ...between, activities: activities.map((name, at) => ({ id: (index + 1) * 100 + at, name, type: "FIRST_COME_FIRST_SERVE", ...between, limitCount: 10, productId: 1 })) };
});
writeFileSync(catalog, JSON.stringify({ currency: "KRW", campaigns }));
const events = join(folder, "events.ndjson");
const visit = (/** @type {number} */ activityId) => JSON.stringify({ triggerType: "PAGE_VIEW", occurredAt: "2024-11-12T09:00:00Z", userId: 7, properties: { activityId } });
// The first campaign has no visits, so that its rates are missing and its notes name them.
writeFileSync(events, campaigns.slice(1).flatMap(({ activities }) => activities.map(({ id }) => `${visit(id)}\n`)).join(""));

const { scene } = stage([...STILL.slice(3), "--catalog", catalog, "--events", events]);

/** Every name on the page, in document order. @param {Page} page */
const names = (page) => page.locator("[data-name]:visible").evaluateAll((all) => all.map((one) => one.textContent));

/** Asserts that no script ran, that no element was added, and that the page is not wider than its window. @param {Page} page */
async function harmless(page) {
  assert.equal(await page.evaluate(() => /** @type {any} */ (window).ran ?? 0), 0);
  assert.equal(await page.locator("#app").locator("script, iframe, object, embed, form, base, meta, style, img, video, [onerror], [onload], [onfocus], [onclick]").count(), 0);
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(Number(width[0]) <= Number(width[1]), `${width} at ${page.url()}`);
}

/** The dialogs and the requests to other hosts from now on. @param {Page} page */
function watch(page) {
  /** @type {string[]} */
  const effects = [];
  page.on("dialog", (dialog) => {
    effects.push(dialog.message());
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (new URL(request.url()).hostname !== "127.0.0.1") effects.push(request.url());
  });
  return effects;
}

scene("the list shows a hundred hostile names as text and runs none", async ({ page, go }) => {
  assert.deepEqual([NAMES.length, new Set(NAMES).size], [100, 100]);
  const effects = watch(page);
  await go("");
  assert.deepEqual(await names(page), NAMES);
  // Hovering and focusing would run injected event handlers.
  for (const name of await page.locator("h2 [data-name]").all()) await name.hover();
  for (let press = 0; press < 40; press += 1) await page.keyboard.press("Tab");
  await harmless(page);
  assert.deepEqual(effects, []);
});

scene("each hostile name is only text in headings, titles and links", async ({ page, go }) => {
  const effects = watch(page);
  await go("campaigns/1");
  for (const { id, name, activities } of campaigns) {
    await page.evaluate((path) => {
      history.pushState(null, "", path);
      dispatchEvent(new Event("axon:address"));
    }, `/campaigns/${id}`);
    await page.waitForSelector(`[data-widget="activities"] [data-row="${id}00"]`);
    assert.deepEqual(await names(page), [name, ...activities.map((one) => one.name)]);
    assert.equal(await page.evaluate(() => document.title), `${name} · 캠페인 대시보드`.replace(/[\t\n\f\r ]+/g, " ").replace(/^ | $/g, ""));
    await harmless(page);
  }
  const deep = campaigns.flatMap((campaign) => campaign.activities.slice(-1).map((activity) => ({ campaign, activity })));
  for (const { campaign, activity } of deep) {
    await page.evaluate((path) => {
      history.pushState(null, "", path);
      dispatchEvent(new Event("axon:address"));
    }, `/activities/${activity.id}`);
    await page.waitForFunction((name) => document.querySelector("h1")?.textContent === name, activity.name);
    assert.deepEqual(await names(page), [campaign.name, activity.name]);
    await harmless(page);
  }
  assert.deepEqual(effects, []);
}, { viewport: { width: 360, height: 740 } });

scene("in the list hostile names stay inside a phone's width", async ({ page, go }) => {
  await go("?lang=en");
  assert.deepEqual(await names(page), NAMES);
  await harmless(page);
}, { viewport: { width: 360, height: 740 } });

scene("notes, labels and files contain hostile names as text", async ({ page, go }) => {
  await go("campaigns/1");
  await drawn(page);
  const rows = campaigns[0]?.activities ?? [];
  await page.click('[data-widget="activities"] .unfold-notes');
  const notes = (await page.locator('[data-widget="activities"] .notes li').allTextContents()).join("\n");
  assert.ok(rows.some(({ name }) => notes.includes(name)), notes);
  await harmless(page);
  await page.click('[data-widget="activities"] th[data-column="name"] .sort');
  await harmless(page);
});
