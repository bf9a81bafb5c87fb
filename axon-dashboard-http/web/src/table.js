// Tables that are kept and written into, and that can be sorted.

import { fill, h, mark } from "./dom.js";
import { lang, t } from "./words.js";

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {boolean} [text] aligned as text; figures stand to the right
 * @property {Node | null} [extra] beside the title
 */

/**
 * A table of fixed columns; rows are made once per key and then written into.
 * @template Row
 */
export class Table {
  /** @type {Map<string, {element: HTMLTableRowElement, cells: HTMLTableCellElement[]}>} */
  #rows = new Map();
  /** @type {{column: string, down: boolean} | null} */
  #order = null;
  /** @type {Row[]} */
  #shown = [];
  /** @type {HTMLTableRowElement | undefined} */
  #placeholder;

  /**
   * @param {object} options
   * @param {string} options.caption read out, not seen
   * @param {Column[]} options.columns
   * @param {(row: Row) => string} options.key
   * @param {(cells: HTMLTableCellElement[], row: Row) => void} options.write
   * @param {(row: Row, column: string) => string | number | null} [options.sort] what a row is sorted by; makes the heads buttons
   */
  constructor(options) {
    this.options = options;
    this.head = h("tr", {}, ...options.columns.map((column) => this.#head(column)));
    this.body = h("tbody", {});
    this.element = h("div", { class: "table", tabindex: "0", role: "group", "aria-label": options.caption },
      h("table", {}, h("caption", { class: "spoken" }, options.caption), h("thead", {}, this.head), this.body));
  }

  /** @param {Column} column */
  #head(column) {
    const head = h("th", { scope: "col", class: column.text ? "text" : "number", "data-column": column.key });
    if (!this.options.sort) {
      head.append(column.title);
    } else {
      head.append(h("button", {
        type: "button", class: "sort", title: t("table.sort", { column: column.title }), on: { click: () => this.#sortBy(column.key) },
      }, column.title));
    }
    if (column.extra) head.append(column.extra);
    return head;
  }

  /** @param {string} column */
  #sortBy(column) {
    const down = this.#order?.column === column ? !this.#order.down : !this.options.columns.find((one) => one.key === column)?.text;
    this.#order = { column, down };
    for (const head of this.head.children) {
      const own = head.getAttribute("data-column") === column;
      mark(head, "aria-sort", own ? (down ? "descending" : "ascending") : null);
    }
    this.update(this.#shown);
  }

  /** The rows in the order that is shown. */
  rows() {
    const { sort } = this.options;
    const order = this.#order;
    if (!sort || !order) return this.#shown;
    return [...this.#shown].sort((left, right) => {
      const [a, b] = [sort(left, order.column), sort(right, order.column)];
      // What is missing comes last, whichever way.
      if (a === null || b === null) return Number(a === null) - Number(b === null);
      const less = typeof a === "string" || typeof b === "string" ? String(a).localeCompare(String(b), lang()) : a - b;
      return order.down ? -less : less;
    });
  }

  /** @param {Row[]} rows */
  update(rows) {
    const held = /** @type {HTMLElement | null} */ (document.activeElement);
    this.#shown = rows;
    this.#placeholder?.remove();
    const keys = new Set(rows.map(this.options.key));
    for (const [key, { element }] of this.#rows) {
      if (!keys.has(key)) {
        element.remove();
        this.#rows.delete(key);
      }
    }
    this.rows().forEach((row, index) => {
      const key = this.options.key(row);
      let made = this.#rows.get(key);
      if (!made) {
        const cells = this.options.columns.map((column, at) =>
          at === 0 ? h("th", { scope: "row", class: "text" }) : h("td", { class: column.text ? "text" : "number", "data-column": column.key }));
        made = { element: h("tr", { "data-row": key }, ...cells), cells };
        this.#rows.set(key, made);
      }
      this.options.write(made.cells, row);
      const there = this.body.children[index];
      if (there !== made.element) this.body.insertBefore(made.element, there ?? null);
    });
    // A row that is moved loses the focus.
    if (held && held !== document.activeElement && this.body.contains(held)) held.focus({ preventScroll: true });
  }

  /** @param {string} text shown instead of rows */
  empty(text) {
    this.#rows.clear();
    this.#shown = [];
    this.#placeholder = h("tr", {}, h("td", { colspan: this.options.columns.length, class: "quiet" }, text));
    fill(this.body, this.#placeholder);
  }
}
