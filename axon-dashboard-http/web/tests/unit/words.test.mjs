// The page's words: both languages say everything, nothing is said that has no words, and no words are there for nothing.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import ts from "typescript";
import en from "../../src/i18n/en.js";
import ko from "../../src/i18n/ko.js";
import { either, known, lang, speak, t } from "../../src/words.js";
import { page } from "./world.mjs";

const SOURCE = new URL("../../src/", import.meta.url);
const KEYS = /** @type {(keyof typeof ko)[]} */ (Object.keys(ko));

/** What a text leaves open. @param {string} text */
const places = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

/** Every text in the modules, and every one that is put together, as a pattern of the keys it can become. */
function texts() {
  /** @type {{whole: Set<string>, patterns: RegExp[]}} */
  const found = { whole: new Set(), patterns: [] };
  const modules = readdirSync(SOURCE, { recursive: true }).map(String).filter((name) => name.endsWith(".js") && !name.startsWith("i18n"));
  assert.ok(modules.length > 20, `only ${modules}`);
  for (const name of modules) {
    /** @param {import("typescript").Node} node */
    const walk = (node) => {
      if (ts.isStringLiteralLike(node)) found.whole.add(node.text);
      if (ts.isTemplateExpression(node)) {
        const quoted = (/** @type {string} */ text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
        const pattern = quoted(node.head.text) + node.templateSpans.map(({ literal }) => `\\w+${quoted(literal.text)}`).join("");
        // What begins with something unknown could be anything.
        if (node.head.text.includes(".")) found.patterns.push(new RegExp(`^${pattern}$`));
      }
      ts.forEachChild(node, walk);
    };
    walk(ts.createSourceFile(name, readFileSync(new URL(name, SOURCE), "utf8"), ts.ScriptTarget.Latest));
  }
  return found;
}

const { whole, patterns } = texts();

test("both languages have words for the same keys", () => {
  assert.deepEqual(Object.keys(en).sort(), [...KEYS].sort());
});

test("both languages leave the same places open", () => {
  for (const key of KEYS) assert.deepEqual(places(en[key]), places(ko[key]), key);
});

test("no words are empty, and only English ones are without Hangul", () => {
  for (const key of KEYS) {
    assert.ok(ko[key].trim() && en[key].trim(), key);
    assert.doesNotMatch(en[key], /\p{Script=Hangul}/u, key);
    // Figures and signs alone are the same everywhere.
    if (/[a-z]{2}/i.test(ko[key].replace(/\{\w+\}/g, "").replaceAll("CSV", ""))) assert.match(ko[key], /\p{Script=Hangul}/u, key);
  }
});

test("every key that the modules name has words", () => {
  const groups = new Set(KEYS.map((key) => key.split(".")[0]));
  const named = [...whole].filter((text) => /^[a-z]+(\.\w+)+$/i.test(text) && groups.has(text.split(".")[0]));
  assert.ok(named.length > 100, `only ${named.length}`);
  assert.deepEqual(named.filter((text) => !(text in ko)), []);
});

test("every key that the modules put together can have words", () => {
  const groups = new RegExp(`^\\^(${[...new Set(KEYS.map((key) => key.split(".")[0]))].join("|")})\\\\\\.`);
  // The figures' definitions have keys of the server's own.
  const own = patterns.filter((pattern) => groups.test(pattern.source) && !/\[|overview|comparison|^\^realtime/.test(pattern.source));
  assert.ok(own.length > 10, `only ${own}`);
  assert.deepEqual(own.filter((pattern) => !KEYS.some((key) => pattern.test(key))).map(String), []);
});

test("every key is used", () => {
  assert.deepEqual(KEYS.filter((key) => !whole.has(key) && !patterns.some((pattern) => pattern.test(key))), []);
});

test("what a text leaves open is filled in as text, and stays where nothing is given", () => {
  speak("en");
  assert.equal(t("dates.range", { from: "{to}", to: "$&" }), "{to} – $&");
  assert.equal(t("realtime.of", { limit: 0 }), "of 0");
  assert.equal(t("realtime.of"), "of {limit}");
});

test("speaking a language sets the document's", () => {
  for (const language of /** @type {const} */ (["en", "ko"])) {
    speak(language);
    assert.deepEqual([lang(), page.documentElement.lang, either("ko", "en")], [language, language, language]);
  }
});

test("there are words for keys only, not for what every object has", () => {
  assert.ok(known("reason.no_answer"));
  for (const key of ["reason.new_code", "toString", "constructor", "__proto__", ""]) assert.ok(!known(key), key);
});
