// Text is only ever set as text, and nothing is run that is not a file of this folder.
import js from "@eslint/js";
import noUnsanitized from "eslint-plugin-no-unsanitized";
import globals from "globals";

const markup = "Text is set as text: textContent, append.";
const strings = "No text is run as a program.";

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
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "createContextualFragment", "srcdoc", "setHTMLUnsafe"].map(
          (property) => ({ property, message: markup }),
        ),
        ...["write", "writeln"].map((property) => ({ object: "document", property, message: markup })),
        ...["eval", "Function"].map((property) => ({ object: "window", property, message: strings })),
      ],
    },
  },
  // The page is modules in a browser.
  { files: ["src/**"], languageOptions: { globals: { ...globals.browser } } },
  { files: ["*.mjs"], languageOptions: { globals: globals.node } },
  // Tests hand functions to the browser, which run there.
  { files: ["tests/**"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
