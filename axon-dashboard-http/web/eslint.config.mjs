// Three rules beside the recommended ones: text is never parsed as markup, text is never run as code, and the page reads ids as
// text only.
import js from "@eslint/js";
import noUnsanitized from "eslint-plugin-no-unsanitized";
import globals from "globals";

const markup = "Do not parse text as markup: use textContent or append.";
const strings = "Do not run text as code.";
const ids = "Ids as numbers are not exact above 2^53: use the key.";
const restricted = [
  ...["innerHTML", "outerHTML", "insertAdjacentHTML", "createContextualFragment", "srcdoc", "setHTMLUnsafe"].map(
    (property) => ({ property, message: markup }),
  ),
  ...["write", "writeln"].map((property) => ({ object: "document", property, message: markup })),
  ...["eval", "Function"].map((property) => ({ object: "window", property, message: strings })),
];

export default [
  { ignores: ["build", "dist", ".dist-*"] },
  js.configs.recommended,
  noUnsanitized.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-restricted-properties": ["error", ...restricted],
    },
  },
  // The page's modules run in a browser.
  {
    files: ["src/**"],
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      "no-restricted-properties": [
        "error", ...restricted, ...["campaignId", "activityId", "products"].map((property) => ({ property, message: ids })),
      ],
    },
  },
  { files: ["*.mjs"], languageOptions: { globals: globals.node } },
  // Tests run in Node, and pass functions to the browser.
  { files: ["tests/**"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
