// Texts of missing figures and warnings: each code that the server may send has one.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import en from "../../src/i18n/en.js";
import ko from "../../src/i18n/ko.js";
import { figure, reason, reasons, warning } from "../../src/notes.js";
import { known, speak, t } from "../../src/words.js";
import { inBoth } from "./world.mjs";

/** @typedef {import("../../src/types.js").Answer} Answer */
/** @typedef {import("../../src/types.js").WidgetName} WidgetName */

const ROOT = new URL("../../../../", import.meta.url);
const read = (/** @type {string} */ path) => readFileSync(new URL(path, ROOT), "utf8");

/** @type {Answer} an answer with every widget, as sent by the server */
const answer = JSON.parse(read("axon-dashboard-http/tests/golden/campaign.json"));

/** The cells of the table under a heading of the guide, by row. @param {string} heading */
function codes(heading) {
  const section = read("docs/operate/answers.md").split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  // Without the table's head; the line below it does not start with "| ".
  const rows = section.split("\n").filter((line) => line.startsWith("| ")).slice(1);
  assert.ok(rows.length > 5, `the guide has no table of ${heading}`);
  return rows.map((row) => row.split("|").slice(1).map((cell) => cell.trim().replaceAll("`", "")));
}

const REASONS = codes("Reasons").map(([reason = "", detail = ""]) => ({ reason, detail: detail || null }));
const WARNINGS = codes("Warnings").map(([code = ""]) => code);

/** The codes of an enumeration in the OpenAPI document. @param {string} schema @returns {string[]} */
const codesOf = (schema) => JSON.parse(read("axon-dashboard-http/tests/golden/openapi.json")).components.schemas[schema].enum;

/** The paths of all figures of the answer, with their widgets. @returns {[WidgetName, string][]} */
function figures() {
  /** @type {[WidgetName, string][]} */
  const paths = [];
  /** @param {WidgetName} widget @param {string} path @param {any} value */
  const walk = (widget, path, value) => {
    const name = path.split(".").pop() ?? "";
    if (Array.isArray(value) && name === "steps") value.forEach((step, index) => walk(widget, `steps[${index}]`, step));
    else if (Array.isArray(value) && name === "activities") for (const row of value) walk(widget, `activities[${row.activityKey}]`, row);
    else if (value && typeof value === "object" && !Array.isArray(value)) for (const [key, inner] of Object.entries(value)) walk(widget, path ? `${path}.${key}` : key, inner);
    // Names and keys are no figures.
    else if (!["key", "name", "nameEn", "type", "phase", "activityId", "activityKey", "currency", "products", "productKeys"].includes(name)) paths.push([widget, path]);
  };
  for (const [widget, data] of Object.entries(answer.data)) walk(/** @type {WidgetName} */ (widget), widget === "activities" ? "activities" : "", data);
  return paths;
}

test("the guide and the API's document name the same reasons and warnings", () => {
  assert.deepEqual([...new Set(REASONS.map(({ reason }) => reason))].sort(), codesOf("MissingReason").sort());
  assert.deepEqual([...WARNINGS].sort(), codesOf("WarningCode").sort());
});

test("every reason and every detail of the guide has a text", () => {
  inBoth(() => {
    for (const one of REASONS) {
      const key = `reason.${one.detail ?? one.reason}`;
      assert.ok(known(key), key);
      assert.equal(reason(one), t(/** @type {import("../../src/words.js").Key} */ (key)));
    }
  });
});

test("every warning of the guide has a text with all placeholders filled", () => {
  inBoth(() => {
    for (const code of WARNINGS) {
      assert.ok(known(`warning.${code}`), code);
      const text = warning("realtime", { code, message: "", field: "remainingStock", data: { limit: 1, held: 2, counter: null, members: 3, seconds: 128, hours: 5 } }, answer);
      assert.doesNotMatch(text, /[{}]/, code);
    }
  });
});

test("no reason or warning has a text without being in the guide", () => {
  const codes = new Set(REASONS.flatMap(({ reason, detail }) => [reason, detail]));
  for (const words of [ko, en]) {
    const keys = Object.keys(words);
    assert.deepEqual(keys.filter((key) => key.startsWith("reason.") && key !== "reason.unknown" && !codes.has(key.slice(7))), []);
    assert.deepEqual(keys.filter((key) => key.startsWith("warning.") && key !== "warning.unknown" && !WARNINGS.includes(key.slice(8))), []);
  }
});

test("every problem that a page can meet has a text", () => {
  inBoth(() => {
    for (const code of codesOf("ProblemCode")) {
      if (code === "method_not_allowed") continue;
      assert.ok(known(`problem.${code}`) || known(`problem.${code}.campaign`) && known(`problem.${code}.activity`), code);
    }
  });
});

test("an unknown detail falls back to its reason, then to its code", () => {
  inBoth(() => {
    assert.equal(reason({ reason: "unavailable", detail: "on_fire" }), t("reason.unavailable"));
    assert.equal(reason({ reason: "cursed", detail: null }), t("reason.unknown", { code: "cursed" }));
    assert.equal(reason({ reason: "cursed", detail: "twice" }), t("reason.unknown", { code: "twice" }));
    assert.equal(warning("overview", { code: "new_one", message: "x" }, answer), t("warning.unknown", { code: "new_one" }));
  });
});

test("every figure of an answer has a name on the page", () => {
  const all = figures();
  assert.ok(all.length > 60 && ["steps[3].previous.value", "activities[789].remainingStock", "change.totalVisits"].every((path) => all.some(([, one]) => one === path)));
  inBoth((lang) => {
    for (const [widget, path] of all) {
      const label = figure(widget, path, answer);
      const last = path.split(/[.\]]/).pop() ?? "";
      assert.doesNotMatch(label, /[a-z][A-Z]|[[\]{}]/, `${widget} ${path}`);
      assert.notEqual(label, last, `${widget} ${path}`);
      if (lang === "ko") assert.match(label, /\p{Script=Hangul}/u, `${widget} ${path}`);
      // The activity's own name is "A", without Hangul.
      else assert.doesNotMatch(label, /\p{Script=Hangul}/u, `${widget} ${path}`);
    }
  });
});

test("the name of a nested figure names its owner", () => {
  speak("ko");
  assert.equal(figure("funnel", "steps[3].value", answer), "구매");
  assert.equal(figure("funnel", "steps[3].previous.value", answer), "이전 기간 구매");
  assert.equal(figure("funnel", "steps[1].rate", answer), "참여 · 직전 대비");
  assert.equal(figure("overview", "change.totalVisits", answer), "방문 변화율");
  assert.equal(figure("comparison", "baseline.buyers", answer), "이전 기준 · 구매자");
  assert.equal(figure("activities", "activities[789].remainingStock", answer), "A · 잔여 수량");
  speak("en");
  assert.equal(figure("funnel", "steps[3].previous.value", answer), "Purchase of the previous period");
  assert.equal(figure("activities", "activities[5].remainingStock", answer), "Activity 5 · Remaining stock");
  assert.equal(figure("funnel", "steps[9].value", answer), "Step");
});

test("figures with one reason share a line that names the first four", () => {
  speak("en");
  const missing = ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount", "conversionRate"].map((field) =>
    ({ field, reason: "unavailable", detail: "no_answer", source: "elasticsearch", message: "" }));
  const other = { field: "change.totalVisits", reason: "zero_denominator", detail: null, source: null, message: "" };
  assert.deepEqual(reasons("overview", [...missing, other], answer), [
    "Visits, Participants, Approved, Purchases and 1 more: the store does not answer (elasticsearch)",
    "change of Visits: a share of nothing",
  ]);
});

test("a warning shows its numbers, and a dash for a missing one", () => {
  speak("en");
  const drift = { code: "counter_drift", message: "", field: "activities[789].remainingStock", data: { counter: null, members: 2100 } };
  assert.equal(warning("realtime", drift, answer), "A · Remaining stock: the counter (–) and the participants (2,100) differ");
});
