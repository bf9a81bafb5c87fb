// The address is the page's state: view, id, period, counting mode and language. Lives here: reading and writing it; no other
// module uses `location`, except to restore the scroll position (`main`).

/** @typedef {"campaigns" | "campaign" | "activity"} View */
/** @typedef {"1d" | "7d" | "30d" | "custom"} Period */
/**
 * @typedef {object} Address
 * @property {View} view
 * @property {string} id of a campaign or an activity; empty for the list
 * @property {Period} period
 * @property {string} startDate only with `custom`
 * @property {string} endDate only with `custom`
 * @property {string} mode empty for the server's own
 * @property {"ko" | "en"} lang
 */

/** The router's root: this module is served from `assets/<version>/` below it. */
export const BASE = new URL("../../", import.meta.url);

/** @type {Period[]} */
export const PERIODS = ["1d", "7d", "30d", "custom"];
export const MODES = ["count", "unique"];

/** @returns {Address} */
export function read() {
  return parse(new URL(location.href), BASE);
}

/** @param {URL} url @param {URL} base @returns {Address} */
export function parse(url, base) {
  const [folder = "", segment = ""] = url.pathname.slice(base.pathname.length).split("/");
  const view = folder === "campaigns" && segment ? "campaign" : folder === "activities" ? "activity" : "campaigns";
  const query = url.searchParams;
  const dates = { startDate: query.get("startDate") ?? "", endDate: query.get("endDate") ?? "" };
  const custom = Boolean(dates.startDate && dates.endDate);
  const word = /** @type {Period} */ (query.get("period") ?? (custom ? "custom" : "7d"));
  const period = PERIODS.includes(word) && (word !== "custom" || custom) ? word : "7d";
  const mode = query.get("mode") ?? "";
  return {
    view,
    id: view === "campaigns" ? "" : decode(segment),
    period,
    ...(period === "custom" ? dates : { startDate: "", endDate: "" }),
    mode: MODES.includes(mode) ? mode : "",
    lang: query.get("lang") === "en" ? "en" : "ko",
  };
}

/** @param {string} segment */
function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The address as a URL. Default values are left out. @param {Address} address @param {URL} [base] */
export function link(address, base = BASE) {
  // The list has a path of its own: a host that nests the router may serve the root only without a trailing slash.
  const path = { campaigns: "campaigns", campaign: "campaigns/", activity: "activities/" }[address.view];
  const url = new URL(path + encodeURIComponent(address.id), base);
  const query = url.searchParams;
  if (address.period !== "7d") query.set("period", address.period);
  if (address.period === "custom") {
    query.set("startDate", address.startDate);
    query.set("endDate", address.endDate);
  }
  if (address.mode) query.set("mode", address.mode);
  if (address.lang !== "ko") query.set("lang", address.lang);
  return url.href;
}

/** Goes to an address, as a new entry of the browser's history. @param {Address} address */
export function go(address) {
  const href = link(address);
  if (href !== location.href) history.pushState(null, "", href);
  window.dispatchEvent(new Event("axon:address"));
}

/**
 * Calls back when the address has changed, with whether the browser's "back" or "forward" changed it. A changed fragment is not a
 * changed address.
 * @param {(returned: boolean) => void} onChange
 */
export function watch(onChange) {
  const current = () => location.pathname + location.search;
  let last = current();
  const check = (/** @type {Event} */ event) => {
    if (current() === last) return;
    last = current();
    onChange(event.type === "popstate");
  };
  window.addEventListener("axon:address", check);
  window.addEventListener("popstate", check);
}

/**
 * The click listener of a link inside the page: a plain click changes the address without loading a document. The browser handles
 * any other click.
 * @param {Address} address
 */
export function follow(address) {
  return (/** @type {MouseEvent} */ event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(address);
  };
}
