// The states of widgets: loading, stale, late, partial, failed and empty. Each has a text, and none looks like a figure.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { answer, drawn, FAILED_LOADS, ready, stage, standing, text, texts } from "./stage.mjs";

/** @typedef {import("../../src/types.js").Answer} Answer */
/** @typedef {import("../../src/types.js").MissingFigure} MissingFigure */
/** @typedef {import("../../src/types.js").WidgetName} WidgetName */
/** @typedef {import("./stage.mjs").Page} Page */

const { its, scene } = stage();
const FIGURES = /\/api\/v1\/dashboard\/(?:campaign|activity)\/\d+\?/;
const STREAM = "**/stream?**";

/** Each frame of the page with the widget that it shows. @type {[string, WidgetName][]} */
const FRAMES = [["kpi", "overview"], ["funnel", "funnel"], ["promotion", "comparison"], ["realtime", "realtime"], ["inflow", "realtime"], ["activities", "activities"]];

/**
 * Makes the page poll instead of stream, and alters the server's answers. For null, the request is never answered.
 * @param {Page} page
 * @param {(answer: Answer) => Answer | null | void} alter
 */
async function give(page, alter) {
  await page.route(STREAM, (route) => route.fulfill({ status: 503, body: "" }));
  await page.route(FIGURES, async (route) => {
    /** @type {Answer} */
    const real = await (await route.fetch()).json();
    const altered = alter(real);
    if (altered !== null) await route.fulfill({ json: altered ?? real });
  });
}

/** @param {string} field @param {string} [reason] @param {string | null} [detail] @param {string | null} [source] @returns {MissingFigure} */
const missingFigure = (field, reason = "unavailable", detail = "no_answer", source = "elasticsearch") => ({ field, reason, detail, source, message: "" });

/** @param {Page} page @returns {Promise<Record<string, string | null>>} the status of each frame */
const statuses = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll("[data-widget]")].map((frame) => [frame.getAttribute("data-widget"), frame.getAttribute("data-status")])));
const ALL_FRESH = Object.fromEntries(FRAMES.map(([frame]) => [frame, "fresh"]));

/** Sums up the layout shifts since the page began, except those after input. @param {Page} page */
async function watchShifts(page) {
  await page.addInitScript(() => {
    const shifts = { sum: 0, what: /** @type {string[]} */ ([]) };
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of /** @type {any[]} */ (list.getEntries())) {
        if (entry.hadRecentInput) continue;
        shifts.sum += entry.value;
        shifts.what.push(...entry.sources.map((/** @type {any} */ { node }) => `${entry.value.toFixed(3)} ${node?.nodeName} ${node?.className ?? ""}`));
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

for (const [where, viewport] of /** @type {[string, {width: number, height: number}][]} */ ([["a desk", { width: 1280, height: 900 }], ["a phone", { width: 360, height: 740 }]])) {
  scene(`on ${where} a loading page has placeholders, and its layout is stable`, async ({ page }) => {
    await watchShifts(page);
    /** @type {import("playwright-core").Route[] | null} */
    let pending = null;
    await page.route(/\/api\//, async (route) => (pending ? pending.push(route) : route.continue()));
    for (const path of ["campaigns/123", "activities/790", ""]) {
      pending = [];
      await page.goto(its.url + path);
      if (path) {
        await page.waitForSelector('[data-widget="kpi"]');
        for (const state of Object.values(await statuses(page))) assert.equal(state, "loading");
        assert.equal(await page.locator('[data-widget][aria-busy="true"]').count(), path.startsWith("campaign") ? 6 : 5);
        assert.equal(await page.locator("[data-figure]:visible").count(), 0);
        assert.equal(await page.evaluate(() => getComputedStyle(/** @type {Element} */ (document.querySelector(".frame-body"))).animationName), "wait");
      } else {
        assert.equal(await page.locator(".campaign.skeleton").count(), 3);
      }
      const routes = pending;
      pending = null;
      await Promise.all(routes.map((route) => route.continue()));
      await ready(page);
      if (path) {
        await drawn(page);
        assert.deepEqual([...new Set(Object.values(await statuses(page)))], ["fresh"]);
        assert.equal(await page.locator("[aria-busy]").count(), 0);
      }
      const { sum, what } = await page.evaluate(() => /** @type {any} */ (window).shifts);
      console.log(`layout shift of /${path} on ${where}: ${sum.toFixed(4)}`);
      assert.ok(sum < 0.05, `${path}: ${sum} by ${what.join(", ")}`);
    }
  }, { viewport });
}

scene("a campaign that has not started shows its start and its figures", async ({ page, go }) => {
  await go("campaigns/126");
  assert.equal(await text(page, ".note:not(.warn)"), "아직 시작하지 않았습니다. 시작: 2024. 11. 15. 10:00");
  assert.equal(await text(page, '[data-widget="realtime"] dd >> nth=0'), "49 / 49 여유");
  assert.equal(await text(page, '[data-figure="steps[3].value"]'), "0");
});

scene("a period without records says so, and its zeros are 0", async ({ page, go }) => {
  await go("campaigns/126?period=custom&startDate=2024-08-01&endDate=2024-08-02");
  assert.deepEqual(await texts(page, '[data-widget="funnel"] .empty:visible'), ["이 기간에는 아직 기록이 없습니다."]);
  assert.equal(await text(page, '[data-figure="totalVisits"]'), "0");
  assert.equal(await page.getAttribute('[data-widget="kpi"] [data-figure="conversionRate"]', "title"), "나눌 값이 0입니다");
});

scene("an ended campaign says so, and keeps its last figures", async ({ page, go }) => {
  await go("campaigns/125");
  assert.equal(await text(page, ".note:not(.warn)"), "종료되었습니다. 종료: 2024. 10. 29. 00:00 · 실시간 값은 마지막으로 확인된 값입니다.");
  assert.deepEqual(await statuses(page), ALL_FRESH);
});

scene("a running campaign has no note", async ({ page, go }) => {
  await go("campaigns/123");
  assert.equal(await page.locator(".note:visible").count(), 0);
  assert.equal(await page.locator('[data-widget="funnel"] .empty:visible').count(), 0);
  assert.equal(await page.locator(".pill:visible").count(), 0);
});

scene("a campaign without activities has a table that says so", async ({ page, go }) => {
  await give(page, (real) => {
    real.data.activities = [];
  });
  await go("campaigns/123");
  assert.equal(await text(page, '[data-widget="activities"] tbody'), "이 캠페인에는 아직 활동이 없습니다.");
}, { expected: FAILED_LOADS });

/** One figure of each frame, which a test removes. @type {Record<string, [WidgetName, string, (data: any) => void]>} */
const PARTS = {
  kpi: ["overview", "purchaseCount", (data) => (data.overview.purchaseCount = null)],
  funnel: ["funnel", "steps[3].value", (data) => (data.funnel.steps[3].value = null)],
  promotion: ["comparison", "regular.revenue", (data) => (data.comparison.regular.revenue = null)],
  realtime: ["realtime", "remainingStock", (data) => (data.realtime.remainingStock = null)],
  activities: ["activities", "activities[790].remainingStock", (data) => (data.activities[1].remainingStock = null)],
};

scene("a widget with a missing figure names it, and shows the others", async ({ page, go }) => {
  let part = "";
  await give(page, ({ data, widgets }) => {
    const [widget, field, take] = PARTS[part] ?? assert.fail(part);
    take(data);
    Object.assign(/** @type {object} */ (widgets[widget]), { status: "partial", missing: [missingFigure(field)] });
  });
  for (part of Object.keys(PARTS)) {
    await go("campaigns/123");
    const [, field] = PARTS[part] ?? assert.fail(part);
    const own = `[data-widget="${part}"]`;
    assert.deepEqual(await statuses(page), { ...ALL_FRESH, [part]: "partial" });
    assert.equal(await text(page, `${own} .pill`), "일부 누락");
    const figure = page.locator(`${own} [data-figure="${field}"]`);
    assert.equal(await figure.getAttribute("title"), "저장소가 응답하지 않습니다");
    assert.deepEqual(await figure.locator("> *").allTextContents(), ["–", "저장소가 응답하지 않습니다"]);
    assert.deepEqual(await figure.locator("> *").evaluateAll((parts) => parts.map((one) => one.getAttribute("aria-hidden") ?? one.className)), ["true", "spoken"]);
    await page.click(`${own} .unfold-notes`);
    const lines = await texts(page, `${own} .notes li`);
    assert.ok(lines.some((line) => /: 저장소가 응답하지 않습니다 \(elasticsearch\)$/.test(line)), lines.join());
    const others = page.locator(`${own} [data-figure]:not(.missing)`);
    assert.ok(await others.count() > 1 && (await others.allInnerTexts()).every((one) => /\d/.test(one)));
  }
}, { expected: FAILED_LOADS });

scene("an unknown stock has neither a bar nor a level", async ({ page, go }) => {
  await give(page, ({ data, widgets }) => {
    Object.assign(/** @type {object} */ (data.realtime), { remainingStock: null });
    Object.assign(/** @type {object} */ (widgets.realtime), { missing: [missingFigure("remainingStock", "unlimited", null, null)] });
  });
  await go("campaigns/123");
  assert.equal(await page.getAttribute('[data-figure="remainingStock"]', "title"), "한도가 없는 활동이 있습니다");
  assert.equal(await page.locator(".stock:visible, .level:visible").count(), 0);
}, { expected: FAILED_LOADS });

scene("a failed widget says why, offers a retry, and fails alone", async ({ page, go }) => {
  let failing = "";
  await give(page, ({ data, widgets }) => {
    if (!failing) return;
    const widget = /** @type {WidgetName} */ (failing);
    delete data[widget];
    Object.assign(/** @type {object} */ (widgets[widget]), { status: "unavailable", asOf: null, ageMs: null, missing: ["remainingStock", "hourlyInflow"].map((field) => missingFigure(field, "unavailable", "no_answer", "redis")) });
  });
  for (const widget of new Set(FRAMES.map(([, widget]) => widget))) {
    failing = widget;
    await go("campaigns/123");
    assert.deepEqual(await statuses(page), Object.fromEntries(FRAMES.map(([frame, of]) => [frame, of === widget ? "unavailable" : "fresh"])));
    for (const [frame] of FRAMES.filter(([, of]) => of === widget)) {
      const own = `[data-widget="${frame}"]`;
      assert.equal(await text(page, `${own} .pill`), "불러오지 못함");
      assert.equal(await text(page, `${own} .failure`), "지금은 이 값을 보여 드릴 수 없습니다. 저장소가 응답하지 않습니다 (redis) 다시 시도");
      assert.equal(await page.locator(`${own} .frame-body:visible, ${own} [data-figure]:visible, ${own} canvas:visible`).count(), 0);
    }
    failing = "";
    // The click may fail: a poll may have replaced the failure before it.
    await page.locator(".failure:visible button").first().click({ timeout: 2_000 }).catch(() => {});
    await page.waitForFunction((count) => document.querySelectorAll('[data-status="fresh"]').length === count, FRAMES.length);
    assert.equal(await page.locator(".failure:visible").count(), 0);
  }
}, { expected: FAILED_LOADS });

scene("an unavailable inflow fails alone", async ({ page, go }) => {
  await give(page, ({ data, widgets }) => {
    Object.assign(/** @type {object} */ (data.realtime), { hourlyInflow: null });
    Object.assign(/** @type {object} */ (widgets.realtime), { status: "partial", missing: [missingFigure("hourlyInflow")] });
  });
  await go("campaigns/123");
  assert.deepEqual(await statuses(page), { ...ALL_FRESH, inflow: "unavailable" });
}, { expected: FAILED_LOADS });

scene("an inflow that is not measured shows the reason in its frame", async ({ page, go }) => {
  await give(page, ({ data, widgets }) => {
    Object.assign(/** @type {object} */ (data.realtime), { hourlyInflow: null });
    Object.assign(/** @type {object} */ (widgets.realtime), { missing: [missingFigure("hourlyInflow", "not_measured", "no_index")] });
  });
  await go("campaigns/123");
  assert.equal(await text(page, '[data-widget="inflow"] .empty'), "읽을 색인이나 테이블이 없습니다");
  assert.equal(await page.locator('[data-widget="inflow"] canvas:visible').count(), 0);
}, { expected: FAILED_LOADS });

scene("stale figures are dimmed and show their age", async ({ page, go }) => {
  await give(page, ({ timestamp, widgets }) => {
    for (const state of Object.values(widgets)) Object.assign(state, { status: "stale", asOf: new Date(Date.parse(timestamp) - 180_000).toISOString(), ageMs: 180_000 });
  });
  await go("campaigns/123");
  for (const [frame] of FRAMES) {
    assert.equal(await page.getAttribute(`[data-widget="${frame}"]`, "data-status"), "stale");
    assert.equal(await text(page, `[data-widget="${frame}"] .pill`), "3분 전 값");
    await page.waitForFunction((name) => getComputedStyle(/** @type {Element} */ (document.querySelector(`[data-widget="${name}"] .frame-body`))).filter === "grayscale(1)", frame);
  }
  assert.match(await text(page, '[data-figure="totalVisits"]'), /^[\d,]+$/);
}, { expected: FAILED_LOADS });

/** Answers only the first request. @param {Page} page */
async function once(page) {
  let first = true;
  await give(page, (real) => {
    if (!first) return null;
    first = false;
    for (const state of Object.values(real.widgets)) Object.assign(state, { asOf: real.timestamp, ageMs: 0 });
  });
}

scene("live figures are dimmed after ten seconds, not earlier", async ({ page, ...scene }) => {
  await once(page);
  await standing({ page, ...scene }, "campaigns/123");
  await page.clock.runFor(1_500);
  assert.equal(await page.locator(".dim").count(), 0);
  await page.clock.runFor(10_000);
  assert.equal(await page.locator(".frame.dim").count(), FRAMES.length);
  assert.match(await text(page, '[data-widget="kpi"] .pill'), /^갱신 지연 · 1\d초 전$/);
}, { expected: FAILED_LOADS });

scene("figures of past days have no growing age", async ({ page, ...scene }) => {
  await once(page);
  await standing({ page, ...scene }, "campaigns/123?period=custom&startDate=2024-11-04&endDate=2024-11-08");
  await page.clock.runFor(60_000);
  assert.equal(await page.locator('[data-widget="kpi"].dim, [data-widget="funnel"].dim, [data-widget="promotion"].dim').count(), 0);
}, { expected: FAILED_LOADS });

scene("without an answer the page says why, and keeps figures it has", async ({ page, ...scene }) => {
  let down = true;
  let requests = 0;
  await page.route(STREAM, (route) => route.fulfill({ status: 503, body: "" }));
  await page.route(FIGURES, (route) => {
    requests += 1;
    return down ? route.fulfill({ status: 503, json: { status: 503, code: "unavailable" } }) : route.continue();
  });
  // The page's clock is paused, so the page does not retry by itself: only the button loads the figures.
  await standing({ page, ...scene }, "campaigns/123");
  assert.match(await text(page, "[data-problem=unavailable]"), /지금은 어떤 값도 가져올 수 없습니다/);
  assert.equal(await page.locator("[data-widget]:visible").count(), 0);
  // A request that the page sent before its clock was paused must not be the one that brings the figures.
  for (let sent = -1; sent !== requests; await sleep(1_000)) sent = requests;
  down = false;
  await page.click("[data-problem] button");
  await page.waitForSelector('[data-widget="kpi"][data-status="fresh"]');
  const before = await text(page, '[data-figure="totalVisits"]');
  down = true;
  await page.clock.resume();
  await page.waitForSelector('.connection[data-link="reconnecting"]:has-text("지금은 어떤 값도 가져올 수 없습니다")');
  assert.equal(await text(page, '[data-figure="totalVisits"]'), before);
}, { expected: FAILED_LOADS });

scene("every figure that is null is a dash with its reason, never 0", async ({ page, go }) => {
  await give(page, ({ data, widgets }) => {
    for (const [widget, inside] of Object.entries(data)) {
      /** @type {MissingFigure[]} */
      const missing = [];
      /** @param {any} value @param {string} path */
      const empty = (value, path) => {
        for (const [key, inner] of Object.entries(value)) {
          const row = value[key]?.activityKey;
          const at = Array.isArray(value) ? `${path}[${row ?? key}]` : path ? `${path}.${key}` : key;
          if (["hourlyInflow", "products", "productKeys", "otherPromotions"].includes(key)) continue;
          if (typeof inner === "object" && inner) empty(inner, at);
          else if (!["key", "name", "nameEn", "type", "phase", "activityId", "activityKey", "currency"].includes(key)) {
            value[key] = null;
            missing.push(missingFigure(at, "not_measured", "no_source", null));
          }
        }
      };
      empty(inside, widget === "activities" ? "activities" : "");
      Object.assign(/** @type {object} */ (widgets[/** @type {WidgetName} */ (widget)]), { missing });
    }
  });
  await go("campaigns/123");
  const figures = await page.evaluate(() => [...document.querySelectorAll("[data-figure]")].map((at) => ({
    name: at.getAttribute("data-figure"), shown: at.querySelector("[aria-hidden]")?.textContent, spoken: at.querySelector(".spoken")?.textContent, title: at.getAttribute("title"),
  })));
  assert.equal(figures.length, 15 + 16 + 15 + 3 + 18);
  for (const { name, shown, spoken, title } of figures) {
    assert.equal(shown, "–", String(name));
    const why = name?.startsWith("change.") ? "비교할 값 없음: 연결된 저장소가 없습니다" : name === "baseline.cancelled" ? /./ : "연결된 저장소가 없습니다";
    if (typeof why === "string") assert.deepEqual([title, spoken], [why, why], String(name));
    else assert.ok(title && title === spoken, String(name));
  }
  assert.doesNotMatch(await page.evaluate(() => document.body.innerText), /null|NaN|undefined|Infinity/);
  for (const label of await page.locator(".picture-funnel canvas, .picture-promotion canvas").evaluateAll((all) => all.map((one) => one.getAttribute("aria-label") ?? ""))) {
    assert.match(label, /–/);
    assert.doesNotMatch(label, /\d|null|NaN/);
  }
}, { expected: FAILED_LOADS });

scene("a missing figure has no bar, not an empty one", async ({ page, go }) => {
  await go("campaigns/123");
  const { data } = await answer(its.url, "campaign/123");
  assert.equal(data.comparison?.baseline.buyers, null);
  assert.equal(await page.evaluate(() => /** @type {any} */ (document.querySelector(".picture-promotion canvas")).chart.data.datasets[2].data[2]), null);
});

scene("warnings are shown at their widget, general ones above all widgets", async ({ page, go }) => {
  await give(page, ({ widgets, warnings }) => {
    warnings.push({ code: "dates_ignored", message: "" });
    widgets.funnel?.warnings.push({ code: "missing_upstream", message: "", field: "steps[1].value" });
    widgets.comparison?.warnings.push({ code: "from_the_future", message: "" });
  });
  await go("campaigns/123");
  assert.equal(await text(page, ".note.warn"), "주소의 날짜는 직접 선택한 기간에만 쓰입니다");
  await page.click('[data-widget="funnel"] .unfold-notes');
  assert.deepEqual(await texts(page, '[data-widget="funnel"] .notes li'), ["참여에는 기록이 있는데 직전 단계에는 없습니다. 수집에 문제가 있을 수 있습니다"]);
  await page.click('[data-widget="promotion"] .unfold-notes');
  assert.ok((await texts(page, '[data-widget="promotion"] .notes li')).includes("서버가 알린 내용: from_the_future"));
  await page.click('[data-widget="realtime"] .unfold-notes');
  assert.deepEqual(await texts(page, '[data-widget="realtime"] .notes li'), ["Keyboard Night Drop · 잔여 수량: 카운터(24)와 참여자 수(21)가 다릅니다"]);
}, { expected: FAILED_LOADS });

scene("records that were left out are a line of their own where the figures are partial", async ({ page, go }) => {
  await give(page, ({ widgets }) => {
    const leftOut = { code: "records_left_out", message: "" };
    const { overview, funnel, comparison } = widgets;
    if (!overview || !funnel || !comparison) throw new Error("a widget is missing");
    overview.status = funnel.status = "partial";
    overview.warnings.push({ ...leftOut, field: "totalVisits", data: { reason: "no_time", records: 5, of: 21, where: "window" } });
    funnel.warnings.push(
      { ...leftOut, data: { reason: "no_time", records: 1_234, of: 20_000, where: "store", source: "memory" } },
      { ...leftOut, field: "steps[3].value", data: { reason: "not_believed", records: 2, of: 9, where: "window" } },
    );
    // Within the tolerance: only among the notes.
    comparison.warnings.push({ ...leftOut, field: "promotion", data: { reason: "unknown_status", records: 1, of: 2_000, where: "window" } });
  });
  await go("campaigns/123");
  assert.equal(await text(page, '[data-widget="kpi"] .left-out'), "방문: 기록 21건 중 5건은 시각이 없거나 읽을 수 없어 제외했습니다");
  assert.equal(await text(page, '[data-widget="funnel"] .left-out'), "memory의 기록 20,000건 중 1,234건은 시각이 없거나 읽을 수 없어 제외했습니다. 이 수치에 속할 수도 있습니다 (외 1건)");
  assert.equal(await page.isVisible('[data-widget="promotion"] .left-out'), false);
  await page.click('[data-widget="promotion"] .unfold-notes');
  assert.ok((await texts(page, '[data-widget="promotion"] .notes li')).some((line) => line.includes("기록 2,000건 중 1건은 상태값을 알 수 없어")));
});

scene("without charts the tables show every figure", async ({ page }) => {
  await page.route("**/vendor/**", (route) => route.abort());
  await page.goto(`${its.url}campaigns/123`);
  await page.waitForSelector('[data-widget="activities"][data-status="fresh"]');
  await page.waitForSelector(".picture p");
  assert.deepEqual(await texts(page, ".picture"), Array(3).fill("차트를 그릴 수 없어 표로 보여 드립니다."));
  assert.match(await text(page, '[data-figure="steps[0].value"]'), /\d/);
}, { expected: FAILED_LOADS });
