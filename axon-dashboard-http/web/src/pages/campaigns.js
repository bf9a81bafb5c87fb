// The campaigns: how each stands, when, with which activities and limits. Read again every half minute, as the server
// reads its catalog.

import { follow, link } from "../address.js";
import { ask, mayPass } from "../api.js";
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

const AGAIN = 30_000;
const SOON = 3_000;
/** The latest list, so that who comes back finds it at once. @type {CampaignList | undefined} */
let list;
/** When it was read, by the clock that is at hand. */
let readAt = 0;
const PHASES = /** @type {const} */ (["all", "running", "not_started", "ended"]);

/** @param {Address} address */
export function campaigns(address) {
  /** @type {typeof PHASES[number]} */
  let phase = "all";
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  let shown = "";
  /** Cards by what they say. @type {Map<string, HTMLElement>} */
  let cards = new Map();
  const asking = new AbortController();
  const lead = h("p", { class: "quiet" });
  const stale = h("div", { class: "note warn", role: "status", hidden: true });
  const place = h("div", { class: "campaigns loading", "aria-busy": "true" }, ...Array.from({ length: 3 }, () => h("div", { class: "campaign skeleton" })));
  const filter = choice(t("campaigns.filter"), PHASES, (name) => [name === "all" ? t("campaigns.all") : t(`phase.${name}`)], (name) => {
    phase = name;
    filter.press(phase);
    show();
  });
  filter.press(phase);
  const saver = h("button", {
    type: "button", class: "tool", title: t("frame.csv"), "aria-label": t("frame.csv.of", { table: t("campaigns.title") }),
    on: { click: () => csv.save("axon-campaigns", rows(chosen())) },
  }, icon(ICONS.save));
  const chosen = () => (list?.campaigns ?? []).filter((campaign) => phase === "all" || campaign.phase === phase);
  const element = h("main", { id: "main", tabindex: "-1" },
    h("div", { class: "title" }, h("h1", {}, t("campaigns.title")), lead, h("span", { class: "spacer" }), filter.element, saver), stale, place);

  async function load() {
    clearTimeout(timer);
    const reply = await ask("api/v1/dashboard/campaigns", { signal: asking.signal });
    if (asking.signal.aborted) return;
    stale.hidden = reply.ok || !list;
    if (reply.ok) {
      list = reply.value;
      readAt = clock.now();
      show();
      timer = setTimeout(load, AGAIN);
      return;
    }
    const why = sentence(reply.problem, address);
    if (list) {
      const text = t("campaigns.stale", { ago: format.ago(clock.now() - readAt), why });
      fill(stale, text, " ", h("button", { type: "button", class: "button small", on: { click: load } }, t("frame.retry")));
    } else if (shown !== why) {
      shown = why;
      ready();
      fill(place, trouble(reply.problem, address, load));
    }
    // Not all pages at the same moment, and none before the server said.
    const wait = Math.max(SOON, (reply.problem.retryAfter ?? 0) * 1000) * (1 + Math.random() / 4);
    if (mayPass(reply.problem)) timer = setTimeout(load, wait);
  }

  function ready() {
    place.classList.remove("loading");
    place.removeAttribute("aria-busy");
  }

  function show() {
    if (!list) return;
    const text = JSON.stringify([list, phase]);
    if (text === shown) return;
    shown = text;
    ready();
    const { zone } = list;
    lead.textContent = t("campaigns.lead", { zone });
    const campaigns = chosen();
    if (campaigns.length === 0) fill(place, h("p", { class: "quiet empty" }, t(list.campaigns.length ? "campaigns.none" : "campaigns.empty")));
    else keep(campaigns, zone);
  }

  /** Cards that say the same stay: with the focus, and where they are scrolled to. @param {Campaign[]} campaigns @param {string} zone */
  function keep(campaigns, zone) {
    const before = cards;
    cards = new Map(campaigns.map((campaign) => {
      const said = JSON.stringify([campaign, zone]);
      return [said, before.get(said) ?? card(campaign, zone, address)];
    }));
    const wanted = [...cards.values()];
    const kept = new Set(wanted);
    for (const child of [...place.children]) if (!kept.has(/** @type {HTMLElement} */ (child))) child.remove();
    wanted.forEach((element, index) => {
      if (place.children[index] !== element) place.insertBefore(element, place.children[index] ?? null);
    });
  }

  show();
  load();
  return {
    element,
    title: t("campaigns.title"),
    close() {
      asking.abort();
      clearTimeout(timer);
    },
  };
}

/** A line for each activity, and one for a campaign that has none. @param {Campaign[]} campaigns @returns {csv.Cell[][]} */
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
  const there = { ...address, view: /** @type {const} */ ("campaign"), id: String(campaign.campaignId) };
  const rows = campaign.activities.map((activity) => {
    const deeper = { ...address, view: /** @type {const} */ ("activity"), id: String(activity.activityId) };
    return h("tr", {},
      h("th", { scope: "row", class: "text" }, h("a", { href: link(deeper), on: { click: follow(deeper) } }, h("bdi", { "data-name": true }, activity.name))),
      h("td", { class: "text" }, badge(activity.phase)),
      h("td", { class: "text" }, ...dates(activity, zone)),
      h("td", { class: "number", "data-label": activity.limitCount === null ? null : t("campaigns.limit") }, activity.limitCount === null ? t("campaigns.unlimited") : format.count(activity.limitCount)));
  });
  return h("article", { class: "campaign", "data-campaign": campaign.campaignId },
    h("header", {},
      h("h2", {}, h("a", { href: link(there), on: { click: follow(there) } }, h("bdi", { "data-name": true }, campaign.name))),
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
