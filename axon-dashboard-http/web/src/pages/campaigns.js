// The list of campaigns: phase, dates, activities and limits. It is loaded every half minute, as often as the server loads its
// catalog.

import { follow, link } from "../address.js";
import { ask, isTransient } from "../api.js";
import * as clock from "../clock.js";
import * as csv from "../csv.js";
import { fill, h, icon, ICONS } from "../dom.js";
import * as format from "../format.js";
import { choice } from "../period.js";
import { t } from "../words.js";
import { sentence, trouble } from "./trouble.js";

/** @typedef {import("../address.js").Address} Address */
/** @typedef {import("../types.js").CampaignList} CampaignList */
/** @typedef {import("../types.js").ListedCampaign} Campaign */

/** Milliseconds from one load to the next, and after a failure at least. */
const REFRESH_INTERVAL = 30_000;
const RETRY_INTERVAL = 3_000;
/** The latest list, cached for a viewer who comes back. @type {CampaignList | undefined} */
let list;
/** The tag of that list. @type {string | null} */
let tag = null;
/** When the list was loaded, by the server's clock or, while that is unknown, the viewer's. */
let loadedAt = 0;
const PHASES = /** @type {const} */ (["all", "running", "not_started", "ended"]);

/** @param {Address} address */
export function campaigns(address) {
  /** @type {typeof PHASES[number]} */
  let phase = "all";
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  /** The content that is shown, to skip updates that change nothing. */
  let shown = "";
  /** Cards by their content. @type {Map<string, HTMLElement>} */
  let cards = new Map();
  const controller = new AbortController();
  const lead = h("p", { class: "quiet" });
  const stale = h("div", { class: "note warn", role: "status", hidden: true });
  const container = h("div", { class: "campaigns loading", "aria-busy": "true" }, ...Array.from({ length: 3 }, () => h("div", { class: "campaign skeleton" })));
  const filter = choice(t("campaigns.filter"), PHASES, (name) => [name === "all" ? t("campaigns.all") : t(`phase.${name}`)], (name) => {
    phase = name;
    filter.press(phase);
    show();
  });
  filter.press(phase);
  const saver = h("button", {
    type: "button", class: "tool", title: t("frame.csv"), "aria-label": t("frame.csv.of", { table: t("campaigns.title") }),
    on: { click: () => csv.save("axon-campaigns", rows(ofPhase())) },
  }, icon(ICONS.save));
  const ofPhase = () => (list?.campaigns ?? []).filter((campaign) => phase === "all" || campaign.phase === phase);
  const element = h("main", { id: "main", tabindex: "-1" },
    h("div", { class: "title" }, h("h1", {}, t("campaigns.title")), lead, h("span", { class: "spacer" }), filter.element, saver), stale, container);

  async function load() {
    clearTimeout(timer);
    const reply = await ask("api/v1/dashboard/campaigns", { signal: controller.signal, tag });
    if (controller.signal.aborted) return;
    stale.hidden = reply.ok || !list;
    if (reply.ok) {
      // Null where the list is still the same.
      list = reply.value ?? list;
      tag = reply.tag;
      loadedAt = clock.now();
      show();
      timer = setTimeout(load, REFRESH_INTERVAL);
      return;
    }
    const why = sentence(reply.problem, address);
    if (list) {
      const text = t("campaigns.stale", { ago: format.ago(clock.now() - loadedAt), why });
      fill(stale, text, " ", h("button", { type: "button", class: "button small", on: { click: load } }, t("frame.retry")));
    } else if (shown !== why) {
      shown = why;
      ready();
      fill(container, trouble(reply.problem, address, load));
    }
    // With jitter, so that not all pages retry at once, and not before `Retry-After`.
    const wait = Math.max(RETRY_INTERVAL, (reply.problem.retryAfter ?? 0) * 1000) * (1 + Math.random() / 4);
    if (isTransient(reply.problem)) timer = setTimeout(load, wait);
  }

  function ready() {
    container.classList.remove("loading");
    container.removeAttribute("aria-busy");
  }

  function show() {
    if (!list) return;
    const text = JSON.stringify([list, phase]);
    if (text === shown) return;
    shown = text;
    ready();
    const { zone } = list;
    lead.textContent = t("campaigns.lead", { zone });
    const campaigns = ofPhase();
    if (campaigns.length === 0) fill(container, h("p", { class: "quiet empty" }, t(list.campaigns.length ? "campaigns.none" : "campaigns.empty")));
    else showCards(campaigns, zone);
  }

  /** Reuses the cards whose content is unchanged, so that they keep focus and scroll position. @param {Campaign[]} campaigns @param {string} zone */
  function showCards(campaigns, zone) {
    const before = cards;
    cards = new Map(campaigns.map((campaign) => {
      const content = JSON.stringify([campaign, zone]);
      return [content, before.get(content) ?? card(campaign, zone, address)];
    }));
    const elements = [...cards.values()];
    const current = new Set(elements);
    for (const child of [...container.children]) if (!current.has(/** @type {HTMLElement} */ (child))) child.remove();
    elements.forEach((element, index) => {
      if (container.children[index] !== element) container.insertBefore(element, container.children[index] ?? null);
    });
  }

  show();
  load();
  return {
    element,
    title: t("campaigns.title"),
    close() {
      controller.abort();
      clearTimeout(timer);
    },
  };
}

/** The rows of the file: one for each activity, and one for a campaign without activities. @param {Campaign[]} campaigns @returns {csv.Cell[][]} */
function rows(campaigns) {
  const columns = /** @type {import("../words.js").Key[]} */ (["phase", "campaigns.dates.start", "campaigns.dates.end"]);
  const of = (/** @type {string} */ owner) => [owner, ...columns.map((column) => t("figure.of", { owner, figure: t(column) }))];
  const head = [...of(t("campaigns.title")), ...of(t("campaigns.activities")), t("campaigns.limit")];
  const lines = campaigns.flatMap(({ name, phase, startAt, endAt, activities }) => {
    const own = [name, t(`phase.${phase}`), startAt, endAt];
    if (activities.length === 0) return [own];
    return activities.map((activity) => [...own, activity.name, t(`phase.${activity.phase}`), activity.startAt, activity.endAt, activity.limitCount]);
  });
  return [head, ...lines];
}

/** @param {string | null} instant @param {string} zone */
const date = (instant, zone) => (instant ? h("time", { datetime: instant }, format.minute(instant, zone)) : t("dates.open"));

/** @param {{startAt: string | null, endAt: string | null}} between @param {string} zone */
const dates = ({ startAt, endAt }, zone) => [date(startAt, zone), ` ${t("dates.between")} `, date(endAt, zone)];

/** @param {Campaign} campaign @param {string} zone @param {Address} address */
function card(campaign, zone, address) {
  const target = { ...address, view: /** @type {const} */ ("campaign"), id: campaign.campaignKey };
  const rows = campaign.activities.map((activity) => {
    const activityTarget = { ...address, view: /** @type {const} */ ("activity"), id: activity.activityKey };
    return h("tr", {},
      h("th", { scope: "row", class: "text" }, h("a", { href: link(activityTarget), on: { click: follow(activityTarget) } }, h("bdi", { "data-name": true }, activity.name))),
      h("td", { class: "text" }, badge(activity.phase)),
      h("td", { class: "text" }, ...dates(activity, zone)),
      h("td", { class: "number", "data-label": activity.limitCount === null ? null : t("campaigns.limit") }, activity.limitCount === null ? t("campaigns.unlimited") : format.count(activity.limitCount)));
  });
  return h("article", { class: "campaign", "data-campaign": campaign.campaignKey },
    h("header", {},
      h("h2", {}, h("a", { href: link(target), on: { click: follow(target) } }, h("bdi", { "data-name": true }, campaign.name))),
      badge(campaign.phase),
      h("p", { class: "quiet" }, ...dates(campaign, zone))),
    rows.length === 0
      ? h("p", { class: "quiet" }, t("campaigns.noActivities"))
      : h("div", { class: "table" },
        h("table", {},
          h("thead", {}, h("tr", {},
            h("th", { scope: "col", class: "text" }, t("campaigns.activities")), h("th", { scope: "col", class: "text" }, t("phase")),
            h("th", { scope: "col", class: "text" }, t("campaigns.dates")), h("th", { scope: "col", class: "number" }, t("campaigns.limit")))),
          h("tbody", {}, ...rows))));
}

/** @param {import("../types.js").Phase} phase */
export function badge(phase) {
  return h("span", { class: "badge", "data-phase": phase }, t(`phase.${phase}`));
}
