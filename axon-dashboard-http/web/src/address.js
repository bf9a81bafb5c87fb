// The address is the page's state: which page, of what, over which time, counted how, in which language. Reading and
// writing it lives here; nothing else looks at `location`.

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

/** Where the router lies: this module is served from `assets/<version>/` under it. */
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
  const asked = url.searchParams;
  const dates = { startDate: asked.get("startDate") ?? "", endDate: asked.get("endDate") ?? "" };
  const custom = Boolean(dates.startDate && dates.endDate);
  const named = /** @type {Period} */ (asked.get("period") ?? (custom ? "custom" : "7d"));
  const period = PERIODS.includes(named) && (named !== "custom" || custom) ? named : "7d";
  const mode = asked.get("mode") ?? "";
  return {
    view,
    id: view === "campaigns" ? "" : decode(segment),
    period,
    ...(period === "custom" ? dates : { startDate: "", endDate: "" }),
    mode: MODES.includes(mode) ? mode : "",
    lang: asked.get("lang") === "en" ? "en" : "ko",
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

/** The address as a link. What is as it is by itself is left out. @param {Address} address @param {URL} [base] */
export function link(address, base = BASE) {
  // The list has a path of its own beside the root: of a nested router a host may know the root only without a slash.
  const path = { campaigns: "campaigns", campaign: "campaigns/", activity: "activities/" }[address.view];
  const url = new URL(path + encodeURIComponent(address.id), base);
  const asked = url.searchParams;
  if (address.period !== "7d") asked.set("period", address.period);
  if (address.period === "custom") {
    asked.set("startDate", address.startDate);
    asked.set("endDate", address.endDate);
  }
  if (address.mode) asked.set("mode", address.mode);
  if (address.lang !== "ko") asked.set("lang", address.lang);
  return url.href;
}

/** Goes to an address as a step that "back" undoes. @param {Address} address */
export function go(address) {
  const href = link(address);
  if (href !== location.href) history.pushState(null, "", href);
  window.dispatchEvent(new Event("axon:address"));
}

/**
 * Calls back when the address changed, and tells whether the browser's "back" or "forward" did it. A place within the page is no
 * other address.
 * @param {(returned: boolean) => void} changed
 */
export function watch(changed) {
  const here = () => location.pathname + location.search;
  let last = here();
  const look = (/** @type {Event} */ event) => {
    if (here() === last) return;
    last = here();
    changed(event.type === "popstate");
  };
  window.addEventListener("axon:address", look);
  window.addEventListener("popstate", look);
}

/**
 * The listener of a link inside the page: a plain click changes the address without loading anything; any other one is
 * the browser's.
 * @param {Address} address
 */
export function follow(address) {
  return (/** @type {MouseEvent} */ event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(address);
  };
}
