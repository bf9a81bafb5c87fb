// Tables that are updated in place, and that can be sorted.

import { fill, h, mark } from "./dom.js";
import { lang, t } from "./words.js";

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {boolean} [text] left-aligned as text; figures are right-aligned
 * @property {Node | null} [extra] an element beside the title
 */

/**
 * A table with fixed columns. A row is created once per key, and its cells are then updated.
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
   * @param {string} options.caption for screen readers only
   * @param {Column[]} options.columns
   * @param {(row: Row) => string} options.key
   * @param {(cells: HTMLTableCellElement[], row: Row) => void} options.write
   * @param {(row: Row, column: string) => string | number | null} [options.sort] the value that a row is sorted by; with it, the column heads are buttons
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

  /** The rows in the order of the table. */
  rows() {
    const { sort } = this.options;
    const order = this.#order;
    if (!sort || !order) return this.#shown;
    return [...this.#shown].sort((left, right) => {
      const [a, b] = [sort(left, order.column), sort(right, order.column)];
      // Missing values come last in both directions.
      if (a === null || b === null) return Number(a === null) - Number(b === null);
      const less = typeof a === "string" || typeof b === "string" ? String(a).localeCompare(String(b), lang()) : a - b;
      return order.down ? -less : less;
    });
  }

  /** @param {Row[]} rows */
  update(rows) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
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
      let entry = this.#rows.get(key);
      if (!entry) {
        const cells = this.options.columns.map((column, at) =>
          at === 0 ? h("th", { scope: "row", class: "text" }) : h("td", { class: column.text ? "text" : "number", "data-column": column.key }));
        entry = { element: h("tr", { "data-row": key }, ...cells), cells };
        this.#rows.set(key, entry);
      }
      this.options.write(entry.cells, row);
      const current = this.body.children[index];
      if (current !== entry.element) this.body.insertBefore(entry.element, current ?? null);
    });
    // An element loses the focus when its row is moved.
    if (focused && focused !== document.activeElement && this.body.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** Removes all rows. @param {string} text shown instead of rows */
  empty(text) {
    this.#rows.clear();
    this.#shown = [];
    this.#placeholder = h("tr", {}, h("td", { colspan: this.options.columns.length, class: "quiet" }, text));
    fill(this.body, this.#placeholder);
  }
}
