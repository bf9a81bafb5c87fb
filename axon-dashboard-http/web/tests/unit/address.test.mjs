// The address is the page's state: links and parsing agree.

import assert from "node:assert/strict";
import { test } from "node:test";
import { link, MODES, parse, PERIODS } from "../../src/address.js";

/** @typedef {import("../../src/address.js").Address} Address */

const BASES = ["https://x.example/", "https://x.example/metrics-api/", "https://x.example/deep/er/%EC%8B%A4/", "http://127.0.0.1:8080/a/campaigns/"].map((base) => new URL(base));

/** @type {Address} */
const PLAIN = { view: "campaign", id: "123", period: "7d", startDate: "", endDate: "", mode: "", lang: "ko" };

/** @param {string} text @param {URL} [base] */
const read = (text, base = new URL("https://x.example/")) => parse(new URL(text, base), base);

test("a link is parsed to its address at every mount", () => {
  let count = 0;
  for (const base of BASES) {
    for (const view of /** @type {const} */ (["campaigns", "campaign", "activity"])) {
      for (const period of PERIODS) {
        for (const mode of ["", ...MODES]) {
          for (const lang of /** @type {const} */ (["ko", "en"])) {
            const dates = period === "custom" ? { startDate: "2024-11-06", endDate: "2024-11-12" } : { startDate: "", endDate: "" };
            const address = { ...PLAIN, view, id: view === "campaigns" ? "" : "9223372036854775807", period, ...dates, mode, lang };
            assert.deepEqual(parse(new URL(link(address, base)), base), address);
            count += 1;
          }
        }
      }
    }
  }
  assert.equal(count, 4 * 3 * 4 * 3 * 2);
});

test("links lie below the router's root", () => {
  assert.equal(link(PLAIN, new URL("https://x.example/deep/er/")), "https://x.example/deep/er/campaigns/123");
  assert.equal(link({ ...PLAIN, view: "activity", id: "7", lang: "en" }, new URL("https://x.example/m/")), "https://x.example/m/activities/7?lang=en");
  assert.equal(link({ ...PLAIN, view: "campaigns", id: "" }, new URL("https://x.example/m/")), "https://x.example/m/campaigns", "a nested root may be served only without a trailing slash");
});

test("a link leaves out default values", () => {
  assert.equal(new URL(link(PLAIN, new URL("https://x.example/"))).search, "");
  const other = link({ ...PLAIN, period: "custom", startDate: "2024-01-01", endDate: "2024-01-31", mode: "unique", lang: "en" }, new URL("https://x.example/"));
  assert.equal(new URL(other).search, "?period=custom&startDate=2024-01-01&endDate=2024-01-31&mode=unique&lang=en");
});

test("an empty address means 7 days, Korean, the server's mode", () => {
  assert.deepEqual(read("campaigns/123"), PLAIN);
  for (const path of ["", "campaigns", "campaigns/"]) assert.deepEqual(read(path), { ...PLAIN, view: "campaigns", id: "" }, path);
  assert.deepEqual(read("?period=&mode=&lang=&startDate=&endDate="), { ...PLAIN, view: "campaigns", id: "" });
});

test("unknown values are ignored", () => {
  for (const search of ["period=90d", "period=7D", "mode=people", "lang=fr", "period=custom", "period=custom&startDate=2024-01-01", "endDate=2024-01-01", "x=1&lang=EN", "period=__proto__"]) {
    assert.deepEqual(read(`campaigns/123?${search}`), PLAIN, search);
  }
});

test("two dates are a custom period, unless another period is named", () => {
  const dates = { startDate: "2024-01-01", endDate: "2024-01-31" };
  assert.deepEqual(read("campaigns/123?startDate=2024-01-01&endDate=2024-01-31"), { ...PLAIN, period: "custom", ...dates });
  assert.deepEqual(read("campaigns/123?period=1d&startDate=2024-01-01&endDate=2024-01-31"), { ...PLAIN, period: "1d" });
});

test("an invalid id is kept as text, for the server to validate", () => {
  for (const id of ["abc", "-1", "0", "1 2", "a/b", "%", "<script>", "선착순", "..", "99999999999999999999"]) {
    const base = new URL("https://x.example/m/");
    const address = parse(new URL(link({ ...PLAIN, id }, base)), base);
    // URLs resolve dots, so this id leads to the list.
    if (id === "..") assert.equal(address.view, "campaigns");
    else assert.deepEqual(address, { ...PLAIN, id });
  }
  assert.equal(read("campaigns/%E0%A4%A").id, "%E0%A4%A");
});

test("an unknown path shows the campaigns", () => {
  for (const path of ["campaign/123", "x", "CAMPAIGNS/1", "index.html"]) assert.equal(read(path).view, "campaigns", path);
});
