// The entry module: shows the page of the address, and again whenever the address changes.

import * as address from "./address.js";
import { h } from "./dom.js";
import { header } from "./header.js";
import * as hint from "./hint.js";
import { campaigns } from "./pages/campaigns.js";
import { scope } from "./pages/scope.js";
import * as theme from "./theme.js";
import { speak, t } from "./words.js";

/** @type {(() => void)[]} */
let closers = [];
const root = h("div", { id: "app" });

/** The path of the page that is shown. */
let path = "";
/** The scroll position at which each address was left. @type {Map<string, number>} */
const scrollPositions = new Map();
let href = location.href;

/** @param {boolean} returned whether the browser's "back" or "forward" led here */
function show(returned) {
  scrollPositions.set(href, scrollY);
  href = location.href;
  const now = address.read();
  const moved = path !== "" && path !== location.pathname;
  // A button may have changed the address and so replaced the page: its new copy gets the focus.
  const focused = moved ? undefined : /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.value;
  for (const close of closers) close();
  speak(now.lang);
  const top = header(now);
  const setTitle = (/** @type {string} */ title) => {
    document.title = title ? `${title} · ${t("app.name")}` : t("app.name");
  };
  const page = now.view === "campaigns" ? campaigns(now) : scope(now, setTitle);
  setTitle(page.title);
  closers = [top.close, page.close];
  root.replaceChildren(top.element, page.element);
  if (focused) /** @type {HTMLElement | null} */ (root.querySelector(`[data-value="${CSS.escape(focused)}"]`))?.focus();
  if (moved) {
    page.element.focus({ preventScroll: true });
    scrollTo(0, returned ? (scrollPositions.get(href) ?? 0) : 0);
  }
  path = location.pathname;
}

// The icon's link is made absolute: a relative one would be resolved against each new address.
for (const icon of document.querySelectorAll('link[rel="icon"]')) icon.setAttribute("href", /** @type {HTMLLinkElement} */ (icon).href);
theme.start();
document.body.append(root);
hint.mount();
address.watch(show);
show(false);
