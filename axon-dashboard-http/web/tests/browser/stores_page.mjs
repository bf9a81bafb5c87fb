// The state that the page shows, and the state expected for an answer of the API, computed independently of the page's modules.

import assert from "node:assert/strict";
import { eventually } from "./harness.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../../src/types.js").Answer} Answer */
/** @typedef {Record<string, string>} Figures */

export const NONE = "–";
/** The frames of a page, and the widget of the answer that each shows. @type {Record<string, import("../../src/types.js").WidgetName>} */
export const FRAMES = { kpi: "overview", funnel: "funnel", realtime: "realtime", promotion: "comparison", inflow: "realtime", activities: "activities" };

/** @param {number | null | undefined} value */
const count = (value) => (value === null || value === undefined ? NONE : new Intl.NumberFormat("ko", { maximumFractionDigits: 2 }).format(value));
/** A count as the page writes it. @param {number} value */
export const text = (value) => count(value);
/** @param {number | null | undefined} value */
const percent = (value) => (value === null || value === undefined ? NONE : `${count(value)}%`);

/** @param {number | null | undefined} value */
function change(value) {
  if (value === null || value === undefined) return NONE;
  const size = percent(Math.abs(value));
  return value === 0 ? `= ${size}` : `${value > 0 ? "▲" : "▼"} ${size}`;
}

/** @param {string | null} value an exact decimal @param {string} kind a mean keeps its two decimals */
function won(value, kind) {
  if (value === null) return NONE;
  const [whole = "0", rest = ""] = value.split(".");
  return `₩${new Intl.NumberFormat("ko").format(BigInt(whole))}${kind !== "baseline" && /^0*$/.test(rest) ? "" : `.${rest}`}`;
}

/**
 * The expected figures of each frame, by their names.
 * @param {Answer} answer
 * @returns {Record<string, Figures>}
 */
export function figures({ data: { overview, funnel, comparison, realtime, activities } }) {
  /** @type {Record<string, Figures>} */
  const frames = {};
  if (overview) {
    frames.kpi = {};
    for (const name of /** @type {const} */ (["totalVisits", "totalParticipants", "approvedCount", "purchaseCount", "conversionRate"])) {
      const write = name === "conversionRate" ? percent : count;
      frames.kpi[name] = write(overview[name]);
      frames.kpi[`previous.${name}`] = write(overview.previous?.[name]);
      frames.kpi[`change.${name}`] = change(overview.change?.[name]);
    }
  }
  if (funnel) {
    frames.funnel = Object.fromEntries(funnel.steps.flatMap((step, index) => [
      [`steps[${index}].value`, count(step.value)],
      [`steps[${index}].rate`, percent(step.rate)],
      [`steps[${index}].rateFromFirst`, percent(step.rateFromFirst)],
      [`steps[${index}].previous.value`, count(step.previous?.value)],
    ]));
  }
  if (realtime) {
    frames.realtime = Object.fromEntries(/** @type {const} */ (["remainingStock", "participantsTotal", "activeUsers"]).map((name) => [name, count(realtime[name])]));
    frames.inflow = Object.fromEntries((realtime.hourlyInflow ?? []).map((hour) => [hour.from, count(hour.visits)]));
  }
  if (comparison) {
    frames.promotion = {};
    for (const [kind, one] of Object.entries({ promotion: comparison.promotion, regular: comparison.regular, baseline: { ...comparison.baseline, cancelled: null } })) {
      for (const name of /** @type {const} */ (["orders", "quantity", "buyers", "cancelled"])) frames.promotion[`${kind}.${name}`] = count(one[name]);
      frames.promotion[`${kind}.revenue`] = won(one.revenue, kind);
    }
  }
  if (activities) {
    frames.activities = Object.fromEntries(activities.flatMap((row) => [
      ...(/** @type {const} */ (["totalVisits", "totalParticipants", "approvedCount", "purchaseCount", "remainingStock"])).map((name) => [`activities[${row.activityKey}].${name}`, count(row[name])]),
      [`activities[${row.activityKey}].conversionRate`, percent(row.conversionRate)],
    ]));
  }
  return frames;
}

/**
 * @typedef {object} Frame
 * @property {string} status
 * @property {string} pill the status text beside the title; empty if there is none
 * @property {string} kind of the pill
 * @property {boolean} dim
 * @property {boolean} failed whether it shows a failure instead of figures
 * @property {string} why
 * @property {string[]} notes
 * @property {Figures} figures
 * @property {Figures} reasons of figures that are missing
 * @property {(number | null)[][]} drawn the chart's figures
 */
/**
 * @typedef {object} Shown
 * @property {string} title
 * @property {string} phase
 * @property {string} link the state of the connection
 * @property {string} linkText the text of the connection
 * @property {string} trouble the code of the problem; empty if there is none
 * @property {Record<string, Frame>} frames
 */

/** The current state of the page. @param {Page} page @returns {Promise<Shown>} */
export function shown(page) {
  return page.evaluate(() => {
    const text = (/** @type {Element | null | undefined} */ at) => at?.textContent ?? "";
    const attribute = (/** @type {Element | null} */ at, /** @type {string} */ name) => at?.getAttribute(name) ?? "";
    const frames = [...document.querySelectorAll("[data-widget]")].map((frame) => {
      const find = (/** @type {string} */ selector) => /** @type {HTMLElement | null} */ (frame.querySelector(selector));
      const elements = /** @type {HTMLElement[]} */ ([...frame.querySelectorAll("[data-figure]")]);
      // The visible text of dashes and arrows, not the one for screen readers.
      const visible = (/** @type {HTMLElement} */ element) => text(element.querySelector(":scope > [aria-hidden]") ?? element);
      const figures = elements.map((element) => [element.dataset.figure, visible(element)]);
      const reasons = elements.filter((element) => element.classList.contains("missing")).map((element) => [element.dataset.figure, element.title]);
      const name = attribute(frame, "data-widget");
      const hours = name === "inflow" ? [...frame.querySelectorAll("tr[data-row]")].map((row) => [attribute(row, "data-row"), text(row.querySelector("td"))]) : [];
      const pill = find(".pill");
      const canvas = /** @type {any} */ (frame.querySelector("canvas"));
      return [name, {
        status: attribute(frame, "data-status"),
        pill: pill?.hidden ? "" : text(pill),
        kind: pill?.hidden ? "" : attribute(pill, "data-kind"),
        dim: frame.classList.contains("dim"),
        failed: !find(".failure")?.hidden,
        why: find(".failure")?.hidden ? "" : text(find(".why")),
        notes: find(".notes")?.hidden ? [] : [...frame.querySelectorAll(".notes li")].map(text),
        figures: Object.fromEntries([...figures, ...hours]),
        reasons: Object.fromEntries(reasons),
        drawn: (canvas?.chart?.data.datasets ?? []).map((/** @type {any} */ set) => [...set.data]),
      }];
    });
    const connection = document.querySelector(".connection");
    return {
      title: text(document.querySelector("h1")),
      phase: attribute(document.querySelector(".title .badge"), "data-phase"),
      link: attribute(connection, "data-link"),
      linkText: text(connection?.querySelector(":scope > span:nth-child(2)")),
      trouble: attribute(document.querySelector("[data-problem]"), "data-problem"),
      frames: Object.fromEntries(frames),
    };
  });
}

/** @param {import("../../src/types.js").Comparison} comparison @param {"promotion" | "regular" | "baseline"} kind */
const bars = (comparison, kind) => [comparison[kind].orders, comparison[kind].quantity, comparison[kind].buyers];

/**
 * Waits until the page shows exactly what the API answers: every figure, every frame's status, the charts.
 * @param {Page} page @param {string} url of the API's answer @param {number} [ms]
 */
export async function agrees(page, url, ms = 10_000) {
  /** @type {{answer: Answer, shown: Shown, off: unknown}} */
  const last = await eventually(async () => {
    const answer = /** @type {Answer} */ (await (await fetch(url)).json());
    const now = await shown(page);
    return { answer, shown: now, off: difference(answer, now) };
  }, ({ off }) => off === null, ms);
  return last;
}

/** The differences between the page and an answer; null if there are none. @param {Answer} answer @param {Shown} shown */
function difference(answer, shown) {
  const expected = figures(answer);
  const { data: { funnel, comparison, realtime } } = answer;
  /** @type {Record<string, (number | null)[][]>} */
  const drawn = {
    kpi: [], realtime: [], activities: [],
    funnel: [funnel?.steps.map((step) => step.value ?? 0) ?? []],
    promotion: comparison ? (/** @type {const} */ (["promotion", "regular", "baseline"])).map((kind) => bars(comparison, kind)) : [],
    inflow: [realtime?.hourlyInflow?.map((hour) => hour.visits) ?? []],
  };
  const off = [];
  if (shown.title !== answer.scope.name || shown.phase !== answer.phase) off.push([shown.title, shown.phase]);
  for (const [name, frame] of Object.entries(shown.frames)) {
    const texts = expected[name] ?? {};
    for (const key of new Set([...Object.keys(texts), ...Object.keys(frame.figures)])) {
      if (frame.figures[key] !== texts[key]) off.push(`${name} ${key}: ${frame.figures[key]}, not ${texts[key]}`);
    }
    const state = answer.widgets[FRAMES[name] ?? "overview"];
    if (name !== "inflow" && name !== "realtime" && frame.status !== state?.status) off.push(`${name} is ${frame.status}, not ${state?.status}`);
    if (!isEqual(frame.drawn, drawn[name])) off.push(`${name} draws ${JSON.stringify(frame.drawn)}, not ${JSON.stringify(drawn[name])}`);
  }
  return off.length ? off : null;
}

/** @param {unknown} one @param {unknown} other */
const isEqual = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Asserts that each dash has a reason. @param {Shown} shown */
export function dashesSayWhy(shown) {
  for (const [name, { figures: all, reasons, failed }] of Object.entries(shown.frames)) {
    if (failed) continue;
    for (const [key, text] of Object.entries(all)) {
      if (text === NONE && !key.startsWith("change.")) assert.ok(reasons[key], `${name} ${key} is a dash without a reason`);
    }
  }
}

/** Marks the document, so that a reload can be detected. @param {Page} page */
export const markDocument = (page) => page.evaluate(() => void Object.assign(window, { marked: true }));
/** Asserts that the page was not reloaded since it was marked. @param {Page} page */
export const assertNotReloaded = async (page) => assert.ok(await page.evaluate(() => "marked" in window), "the page was reloaded");

/** @param {string} url */
export async function get(url) {
  const response = await fetch(url);
  assert.equal(response.status, 200, url);
  return response.json();
}

/** The URL of the API's answer for a page. @param {string} server @param {string} path of the page */
export function api(server, path) {
  const url = new URL(path, server);
  const [, folder = "", id = ""] = url.pathname.split("/");
  const view = folder === "campaigns" ? "campaign" : "activity";
  const query = new URLSearchParams({
    widgets: view === "campaign" ? "overview,funnel,comparison,realtime,activities" : "overview,funnel,comparison,realtime",
    period: "7d", compare: "previous", ...Object.fromEntries(url.searchParams),
  });
  return `${server}api/v1/dashboard/${view}/${id}?${query}`;
}

/**
 * Waits until a condition holds in the page, checked with every frame that is drawn.
 * @template Argument
 * @param {Page} page @param {(argument: Argument) => boolean} holds @param {Argument} argument @param {number} ms
 */
export async function within(page, holds, argument, ms) {
  await page.waitForFunction(/** @type {any} */ (holds), argument, { timeout: ms }).catch(async (error) => {
    throw new Error(`${error.message}; expected ${JSON.stringify(argument)}, the page shows ${JSON.stringify(await shown(page))}`);
  });
}
