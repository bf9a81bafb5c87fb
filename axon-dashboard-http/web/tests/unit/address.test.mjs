// The address is the page's state: what is written into it is read from it again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { link, MODES, parse, PERIODS } from "../../src/address.js";

/** @typedef {import("../../src/address.js").Address} Address */

const BASES = ["https://x.example/", "https://x.example/metrics-api/", "https://x.example/deep/er/%EC%8B%A4/", "http://127.0.0.1:8080/a/campaigns/"].map((base) => new URL(base));

/** @type {Address} */
const PLAIN = { view: "campaign", id: "123", period: "7d", startDate: "", endDate: "", mode: "", lang: "ko" };

/** @param {string} text @param {URL} [base] */
const read = (text, base = new URL("https://x.example/")) => parse(new URL(text, base), base);

test("what a link says is read from it again, wherever the router lies", () => {
  let seen = 0;
  for (const base of BASES) {
    for (const view of /** @type {const} */ (["campaigns", "campaign", "activity"])) {
      for (const period of PERIODS) {
        for (const mode of ["", ...MODES]) {
          for (const lang of /** @type {const} */ (["ko", "en"])) {
            const dates = period === "custom" ? { startDate: "2024-11-06", endDate: "2024-11-12" } : { startDate: "", endDate: "" };
            const address = { ...PLAIN, view, id: view === "campaigns" ? "" : "9223372036854775807", period, ...dates, mode, lang };
            assert.deepEqual(parse(new URL(link(address, base)), base), address);
            seen += 1;
          }
        }
      }
    }
  }
  assert.equal(seen, 4 * 3 * 4 * 3 * 2);
});

test("links lie below the router's root", () => {
  assert.equal(link(PLAIN, new URL("https://x.example/deep/er/")), "https://x.example/deep/er/campaigns/123");
  assert.equal(link({ ...PLAIN, view: "activity", id: "7", lang: "en" }, new URL("https://x.example/m/")), "https://x.example/m/activities/7?lang=en");
  assert.equal(link({ ...PLAIN, view: "campaigns", id: "" }, new URL("https://x.example/m/")), "https://x.example/m/campaigns", "a nested root may answer without a slash only");
});

test("what is as it is by itself is left out of a link", () => {
  assert.equal(new URL(link(PLAIN, new URL("https://x.example/"))).search, "");
  const other = link({ ...PLAIN, period: "custom", startDate: "2024-01-01", endDate: "2024-01-31", mode: "unique", lang: "en" }, new URL("https://x.example/"));
  assert.equal(new URL(other).search, "?period=custom&startDate=2024-01-01&endDate=2024-01-31&mode=unique&lang=en");
});

test("an address that says nothing is seven days, in Korean, counted as the server does", () => {
  assert.deepEqual(read("campaigns/123"), PLAIN);
  for (const path of ["", "campaigns", "campaigns/"]) assert.deepEqual(read(path), { ...PLAIN, view: "campaigns", id: "" }, path);
  assert.deepEqual(read("?period=&mode=&lang=&startDate=&endDate="), { ...PLAIN, view: "campaigns", id: "" });
});

test("values that mean nothing are as if they were not there", () => {
  for (const search of ["period=90d", "period=7D", "mode=people", "lang=fr", "period=custom", "period=custom&startDate=2024-01-01", "endDate=2024-01-01", "x=1&lang=EN", "period=__proto__"]) {
    assert.deepEqual(read(`campaigns/123?${search}`), PLAIN, search);
  }
});

test("two dates are a period of one's own, and beside a named period they are not used", () => {
  const dates = { startDate: "2024-01-01", endDate: "2024-01-31" };
  assert.deepEqual(read("campaigns/123?startDate=2024-01-01&endDate=2024-01-31"), { ...PLAIN, period: "custom", ...dates });
  assert.deepEqual(read("campaigns/123?period=1d&startDate=2024-01-01&endDate=2024-01-31"), { ...PLAIN, period: "1d" });
});

test("whatever stands where the number belongs is kept as text, for the server to judge", () => {
  for (const id of ["abc", "-1", "0", "1 2", "a/b", "%", "<script>", "선착순", "..", "99999999999999999999"]) {
    const base = new URL("https://x.example/m/");
    const found = parse(new URL(link({ ...PLAIN, id }, base)), base);
    // Dots are steps to a URL, and lead to no page of one.
    if (id === "..") assert.equal(found.view, "campaigns");
    else assert.deepEqual(found, { ...PLAIN, id });
  }
  assert.equal(read("campaigns/%E0%A4%A").id, "%E0%A4%A");
});

test("a path that is none of the page's shows the campaigns", () => {
  for (const path of ["campaign/123", "x", "CAMPAIGNS/1", "index.html"]) assert.equal(read(path).view, "campaigns", path);
});
