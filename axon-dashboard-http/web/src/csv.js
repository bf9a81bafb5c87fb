// Tables as CSV files for spreadsheets.

/** @typedef {string | number | null | undefined} Cell */

/**
 * The text of a file. It starts with a byte order mark, so that spreadsheets read it as UTF-8. A missing figure is an empty cell.
 * Text that a spreadsheet would run as a formula gets a leading apostrophe.
 * @param {Cell[][]} rows
 */
export function text(rows) {
  return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** @param {Cell} value */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @param {string} name @param {Cell[][]} rows */
export function save(name, rows) {
  const url = URL.createObjectURL(new Blob([text(rows)], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
