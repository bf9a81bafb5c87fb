// The page's texts: both languages have the same keys, every used key has a text, and every text is used.

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

/** The placeholders of a text. @param {string} text */
const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

/** Every string literal of the modules, and every template as a pattern of the keys that it can become. */
function texts() {
  /** @type {{whole: Set<string>, patterns: RegExp[]}} */
  const texts = { whole: new Set(), patterns: [] };
  const modules = readdirSync(SOURCE, { recursive: true }).map(String).filter((name) => name.endsWith(".js") && !name.startsWith("i18n"));
  assert.ok(modules.length > 20, `only ${modules}`);
  for (const name of modules) {
    /** @param {import("typescript").Node} node */
    const walk = (node) => {
      if (ts.isStringLiteralLike(node)) texts.whole.add(node.text);
      if (ts.isTemplateExpression(node)) {
        const quoted = (/** @type {string} */ text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
        const pattern = quoted(node.head.text) + node.templateSpans.map(({ literal }) => `\\w+${quoted(literal.text)}`).join("");
        // A template without a group at its start could match any key.
        if (node.head.text.includes(".")) texts.patterns.push(new RegExp(`^${pattern}$`));
      }
      ts.forEachChild(node, walk);
    };
    walk(ts.createSourceFile(name, readFileSync(new URL(name, SOURCE), "utf8"), ts.ScriptTarget.Latest));
  }
  return texts;
}

const { whole, patterns } = texts();

test("both languages have the same keys", () => {
  assert.deepEqual(Object.keys(en).sort(), [...KEYS].sort());
});

test("both languages have the same placeholders", () => {
  for (const key of KEYS) assert.deepEqual(placeholders(en[key]), placeholders(ko[key]), key);
});

test("no text is empty, and only Korean texts contain Hangul", () => {
  for (const key of KEYS) {
    assert.ok(ko[key].trim() && en[key].trim(), key);
    assert.doesNotMatch(en[key], /\p{Script=Hangul}/u, key);
    // Texts of figures and signs only are equal in both languages.
    if (/[a-z]{2}/i.test(ko[key].replace(/\{\w+\}/g, "").replaceAll("CSV", ""))) assert.match(ko[key], /\p{Script=Hangul}/u, key);
  }
});

test("every key that the modules name has a text", () => {
  const groups = new Set(KEYS.map((key) => key.split(".")[0]));
  const keys = [...whole].filter((text) => /^[a-z]+(\.\w+)+$/i.test(text) && groups.has(text.split(".")[0]));
  assert.ok(keys.length > 100, `only ${keys.length}`);
  assert.deepEqual(keys.filter((text) => !(text in ko)), []);
});

test("every key that the modules compose can match a text", () => {
  const groups = new RegExp(`^\\^(${[...new Set(KEYS.map((key) => key.split(".")[0]))].join("|")})\\\\\\.`);
  // The keys of definitions are the server's.
  const own = patterns.filter((pattern) => groups.test(pattern.source) && !/\[|overview|comparison|^\^realtime/.test(pattern.source));
  assert.ok(own.length > 10, `only ${own}`);
  assert.deepEqual(own.filter((pattern) => !KEYS.some((key) => pattern.test(key))).map(String), []);
});

test("every key is used", () => {
  assert.deepEqual(KEYS.filter((key) => !whole.has(key) && !patterns.some((pattern) => pattern.test(key))), []);
});

test("placeholders are filled as text, and stay without a value", () => {
  speak("en");
  assert.equal(t("dates.range", { from: "{to}", to: "$&" }), "{to} – $&");
  assert.equal(t("realtime.of", { limit: 0 }), "of 0");
  assert.equal(t("realtime.of"), "of {limit}");
});

test("setting a language sets the document's", () => {
  for (const language of /** @type {const} */ (["en", "ko"])) {
    speak(language);
    assert.deepEqual([lang(), page.documentElement.lang, either("ko", "en")], [language, language, language]);
  }
});

test("only keys have a text, not properties of every object", () => {
  assert.ok(known("reason.no_answer"));
  for (const key of ["reason.new_code", "toString", "constructor", "__proto__", ""]) assert.ok(!known(key), key);
});
