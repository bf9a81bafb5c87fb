// A campaign or an activity: its widgets over a period, live. Each widget stands alone; what came is handed to all.

import { follow, go, link, MODES } from "../address.js";
import { voice } from "../announce.js";
import { definitions as fetchDefinitions } from "../api.js";
import * as clock from "../clock.js";
import { fill, h, icon, ICONS, mark, write } from "../dom.js";
import * as format from "../format.js";
import { Live } from "../live.js";
import * as notes from "../notes.js";
import { choice, period } from "../period.js";
import { known, t } from "../words.js";
import { activities } from "../widgets/activities.js";
import { funnel } from "../widgets/funnel.js";
import { inflow } from "../widgets/inflow.js";
import { kpi } from "../widgets/kpi.js";
import { promotion } from "../widgets/promotion.js";
import { realtime } from "../widgets/realtime.js";
import { sentence, trouble } from "./trouble.js";

/** @typedef {import("../address.js").Address} Address */
/** @typedef {import("../types.js").Answer} Answer */
/** @typedef {import("../types.js").Problem} Problem */
/**
 * What a widget is given.
 * @typedef {object} Context
 * @property {Address} address
 * @property {Map<string, import("../types.js").Definition>} definitions filled once they are known
 * @property {() => void} retry
 * @property {Node[]} tools
 */
/** @typedef {{frame: import("../frame.js").Frame, update: (answer: Answer) => void, close?: () => void}} Widget */

/** Answers that overtake one another are less than this apart, in milliseconds. */
const SET_BACK = 5_000;

/** @param {Address} address @param {(title: string) => void} titled */
export function scope(address, titled) {
  /** @type {Map<string, import("../types.js").Definition>} */
  const definitions = new Map();

  const modes = choice(t("mode.label"), MODES, (name) => [t(name === "count" ? "mode.count" : "mode.unique")], (mode) => go({ ...address, mode }));
  modes.element.classList.add("small");
  /** @type {Context} */
  const context = { address, definitions, retry: () => again(), tools: [modes.element] };
  /** @type {Widget[]} */
  const widgets = [kpi, funnel, realtime, promotion, inflow].map((make) => make(context));
  if (address.view === "campaign") widgets.push(activities(context));

  const path = h("nav", { class: "path", "aria-label": t("app.path") });
  const name = h("bdi", { "data-name": true });
  const phase = h("span", { class: "badge", hidden: true });
  const dates = h("p", { class: "quiet dates" });
  const periods = period(address);
  const status = connection(() => live.pause(status.toggle()), () => again());
  /** Asks again at once; who had paused goes on. */
  const again = () => (status.paused() ? live.pause(status.toggle()) : live.retry());
  const note = h("p", { class: "note", hidden: true });
  const warnings = h("p", { class: "note warn", hidden: true });
  const problem = h("div", {});
  const spoken = voice();
  const grid = h("div", { class: "grid" }, ...widgets.map(({ frame }) => frame.element));
  const heading = h("div", { class: "title" }, h("h1", {}, name), phase, h("span", { class: "spacer" }), status.element);
  const when = h("div", { class: "when" }, dates, note);
  const element = h("main", { id: "main", tabindex: "-1" }, path, heading, when, periods.element, warnings, problem, grid, spoken.element);
  /** @param {boolean} shown */
  const figures = (shown) => {
    for (const part of [heading, when, grid]) part.hidden = !shown;
  };

  /** @type {Answer | undefined} */
  let latest;
  let wrong = "";
  const live = new Live(address, {
    answer(answer) {
      const first = !latest;
      if (latest && overtaken(answer, latest)) return;
      latest = answer;
      wrong = "";
      clock.set(answer.timestamp);
      fill(problem);
      figures(true);
      periods.element.hidden = false;
      if (first) trail(path, answer, address);
      write(name, answer.scope.name);
      titled(answer.scope.name);
      phase.hidden = false;
      mark(phase, "data-phase", answer.phase);
      write(phase, t(`phase.${answer.phase}`));
      showDates(answer, dates, note);
      const told = answer.warnings.map((one) => notes.warning("overview", one, answer));
      warnings.hidden = told.length === 0;
      write(warnings, told.join(" · "));
      periods.update(answer);
      modes.press(answer.mode);
      for (const widget of widgets) widget.update(answer);
      age();
      announce(answer);
    },
    beat(beat) {
      if (beat) clock.set(beat.timestamp);
      for (const { frame } of widgets) frame.beat(beat);
      age();
    },
    link: (link) => status.show(link),
    problem(found) {
      // With figures on the page, these stay, and grow old visibly.
      if (latest && found.code !== "not_found") {
        status.why(sentence(found, address));
        return;
      }
      // Said once, however often it is tried.
      if (wrong === sentence(found, address)) return;
      wrong = sentence(found, address);
      figures(false);
      // Other days may be chosen where these are what is wrong.
      periods.element.hidden = found.code !== "invalid_request" || found.fields.some((field) => /Id$/.test(field)) || found.fields.length === 0;
      fill(problem, trouble(found, address, again, "h1"));
      titled(t("problem.title"));
    },
  });
  // After the figures, which matter more on a slow line.
  fetchDefinitions().then((found) => found.forEach((definition, key) => definitions.set(key, definition)));

  function age() {
    for (const { frame } of widgets) frame.age();
    const known = widgets.map(({ frame }) => frame.asOf).filter((asOf) => asOf !== null && asOf !== undefined);
    const oldest = known.sort()[0];
    if (oldest && latest) status.asOf(t("live.asOf", { time: format.since(oldest, clock.now(), latest.range.zone) }));
  }
  const ticking = setInterval(age, 1000);

  /** @param {Answer} answer */
  function announce({ data: { overview }, widgets: { overview: state }, range }) {
    if (!overview || !state?.asOf) return;
    const { asOf } = state;
    const figures = { visits: overview.totalVisits, participants: overview.totalParticipants, approved: overview.approvedCount, purchases: overview.purchaseCount };
    const values = Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, format.count(value)]));
    spoken.say(JSON.stringify(figures), () => t("live.summary", { ...values, time: format.since(asOf, clock.now(), range.zone) }));
  }

  return {
    element,
    title: "",
    close() {
      live.close();
      clearInterval(ticking);
      periods.close();
      spoken.close();
      for (const widget of widgets) widget.close?.();
    },
  };
}

/** Two ways may lead here, and the slower one comes late. A clock that was set back is none. @param {Answer} answer @param {Answer} latest */
function overtaken(answer, latest) {
  const by = Date.parse(latest.timestamp) - Date.parse(answer.timestamp);
  return by > 0 && by < SET_BACK;
}

/** How the connection is, since when the data is, and the way to pause, or to begin anew. @param {() => void} toggled @param {() => void} again */
function connection(toggled, again) {
  let paused = false;
  let over = false;
  const text = h("span", { role: "status" });
  const asOf = h("span", { class: "as-of" });
  const button = h("button", { type: "button", class: "button small pause", on: { click: () => (over ? again() : toggled()) } });
  const element = h("div", { class: "connection", "data-link": "connecting" }, h("span", { class: "dot", "aria-hidden": "true" }), text, asOf, button);
  const buttons = () => {
    if (over) fill(button, t("frame.retry"));
    else fill(button, icon(paused ? ICONS.play : ICONS.pause), t(paused ? "live.resume" : "live.pause"));
  };
  buttons();
  return {
    element,
    paused: () => paused,
    toggle() {
      paused = !paused;
      buttons();
      return paused;
    },
    /** @param {import("../live.js").Link} link */
    show(link) {
      mark(element, "data-link", link);
      element.title = "";
      if (over !== (link === "over")) {
        over = link === "over";
        buttons();
      }
      const key = `live.${link}`;
      write(text, known(key) ? t(key) : "");
    },
    /** @param {string} sentence */
    why(sentence) {
      element.title = sentence;
      write(text, sentence);
    },
    /** @param {string} said */
    asOf: (said) => write(asOf, said),
  };
}

/** The way back up. @param {Element} path @param {Answer} answer @param {Address} address */
function trail(path, answer, address) {
  const up = (/** @type {Address} */ there, /** @type {Node | string} */ text) => h("a", { href: link(there), on: { click: follow(there) } }, text);
  const steps = [up({ ...address, view: "campaigns", id: "" }, t("campaigns.title"))];
  if (address.view === "activity") {
    steps.push(up({ ...address, view: "campaign", id: String(answer.campaignId) }, h("bdi", { "data-name": true }, answer.scope.campaignName ?? "")));
  }
  fill(path, ...steps.flatMap((step, index) => (index ? [h("span", { "aria-hidden": "true" }, "/"), step] : [step])));
}

/** @param {Answer} answer @param {HTMLElement} dates @param {HTMLElement} note */
function showDates({ scope: { startAt, endAt }, phase, range: { zone } }, dates, note) {
  const say = (/** @type {string | null} */ instant) => (instant ? format.minute(instant, zone) : t("dates.open"));
  write(dates, t("dates.range", { from: say(startAt), to: say(endAt) }));
  note.hidden = phase === "running";
  if (phase === "not_started") write(note, startAt ? t("phase.note.not_started", { date: say(startAt) }) : t("phase.note.not_started.open"));
  if (phase === "ended") write(note, t("phase.note.ended", { date: say(endAt) }));
}
