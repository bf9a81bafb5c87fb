// The page: looks at the address, shows what it names, and again whenever it changes.

import * as address from "./address.js";
import { h } from "./dom.js";
import { header } from "./header.js";
import * as hint from "./hint.js";
import { campaigns } from "./pages/campaigns.js";
import { scope } from "./pages/scope.js";
import * as theme from "./theme.js";
import { speak, t } from "./words.js";

/** @type {(() => void)[]} */
let closing = [];
const place = h("div", { id: "app" });

/** The path that is shown. */
let shown = "";
/** How far down each address was left. @type {Map<string, number>} */
const depths = new Map();
let href = location.href;

/** @param {boolean} returned whether the viewer was here before */
function show(returned) {
  depths.set(href, scrollY);
  href = location.href;
  const now = address.read();
  const moved = shown !== "" && shown !== location.pathname;
  // Who pressed a button that made the page anew finds it pressed, and still in hand.
  const held = moved ? undefined : /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.value;
  for (const close of closing) close();
  speak(now.lang);
  const top = header(now);
  const titled = (/** @type {string} */ title) => {
    document.title = title ? `${title} · ${t("app.name")}` : t("app.name");
  };
  const page = now.view === "campaigns" ? campaigns(now) : scope(now, titled);
  titled(page.title);
  closing = [top.close, page.close];
  place.replaceChildren(top.element, page.element);
  if (held) /** @type {HTMLElement | null} */ (place.querySelector(`[data-value="${CSS.escape(held)}"]`))?.focus();
  if (moved) {
    page.element.focus({ preventScroll: true });
    scrollTo(0, returned ? (depths.get(href) ?? 0) : 0);
  }
  shown = location.pathname;
}

// The address moves under the page; where its sign is does not.
for (const sign of document.querySelectorAll('link[rel="icon"]')) sign.setAttribute("href", /** @type {HTMLLinkElement} */ (sign).href);
theme.start();
document.body.append(place);
hint.mount();
address.watch(show);
show(false);
