// CSV files: a spreadsheet reads exactly the page's values, and runs none as a formula.

import assert from "node:assert/strict";
import { test } from "node:test";
import { text } from "../../src/csv.js";

/** The lines of a file. @param {import("../../src/csv.js").Cell[][]} rows */
const lines = (rows) => text(rows).replace(/^\ufeff/, "").split("\r\n").slice(0, -1);

test("a file begins with a byte order mark, and each line ends", () => {
  assert.equal(text([["방문", 1234]]), "\ufeff방문,1234\r\n");
});

test("a missing figure is an empty cell, and a measured 0 is 0", () => {
  assert.deepEqual(lines([["a", null, undefined, 0, ""]]), ["a,,,0,"]);
});

test("text that a spreadsheet would run is escaped", () => {
  for (const evil of ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "=HYPERLINK(\"http://x\",\"y\")", "=cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0"]) {
    const [line = ""] = lines([[evil]]);
    const cell = line.startsWith('"') ? line.slice(1, -1).replaceAll('""', '"') : line;
    assert.equal(cell, `'${evil}`);
  }
});

test("a line break at the start of a cell starts no formula in it", () => {
  for (const evil of ["\r=1", "\n=1", "\r\n=1"]) assert.equal(text([[evil]]), `\ufeff"'${evil}"\r\n`);
});

test("a number is no formula, even below zero", () => {
  assert.deepEqual(lines([[-2.9, 0.1, 1e21]]), ["-2.9,0.1,1e+21"]);
});

test("quotes, commas and line breaks stay inside their cell", () => {
  assert.deepEqual(lines([['say "hi"', "a,b", "plain"]]), ['"say ""hi""","a,b",plain']);
  assert.equal(text([["a\nb", "c\r\nd"]]), '\ufeff"a\nb","c\r\nd"\r\n');
});

test("rows keep their order", () => {
  assert.deepEqual(lines([["단계", "건수"], ["방문", 2], ["구매", 1]]), ["단계,건수", "방문,2", "구매,1"]);
});

test("exact money stays exact", () => {
  assert.deepEqual(lines([["123456789012345678901.25"]]), ["123456789012345678901.25"]);
});
