// The page of a campaign or an activity: its widgets over a period, live. Each answer is passed to all widgets; they are
// independent of each other.

import { follow, go, link, MODES } from "../address.js";
import { announcer } from "../announce.js";
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
 * The context that a widget is made with.
 * @typedef {object} Context
 * @property {Address} address
 * @property {Map<string, import("../types.js").Definition>} definitions empty until they are loaded
 * @property {() => void} retry
 * @property {Node[]} tools
 */
/** @typedef {{frame: import("../frame.js").Frame, update: (answer: Answer) => void, close?: () => void}} Widget */

/** By how much an answer may be older than one that arrived before it, in milliseconds. A larger difference means that the server's clock was set back. */
const MAX_OVERTAKE = 5_000;

/** @param {Address} address @param {(title: string) => void} setTitle */
export function scope(address, setTitle) {
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
  /** Reconnects at once; a paused page resumes. */
  const again = () => (status.paused() ? live.pause(status.toggle()) : live.retry());
  const note = h("p", { class: "note", hidden: true });
  const warnings = h("p", { class: "note warn", hidden: true });
  const problem = h("div", {});
  const announcements = announcer();
  const grid = h("div", { class: "grid" }, ...widgets.map(({ frame }) => frame.element));
  const heading = h("div", { class: "title" }, h("h1", {}, name), phase, h("span", { class: "spacer" }), status.element);
  const when = h("div", { class: "when" }, dates, note);
  const element = h("main", { id: "main", tabindex: "-1" }, path, heading, when, periods.element, warnings, problem, grid, announcements.element);
  /** @param {boolean} visible */
  const showFigures = (visible) => {
    for (const part of [heading, when, grid]) part.hidden = !visible;
  };

  /** @type {Answer | undefined} */
  let latest;
  /** The text of the problem that is shown. */
  let problemText = "";
  const live = new Live(address, {
    answer(answer) {
      const first = !latest;
      if (latest && isOvertaken(answer, latest)) return;
      latest = answer;
      problemText = "";
      clock.set(answer.timestamp);
      fill(problem);
      showFigures(true);
      periods.element.hidden = false;
      if (first) trail(path, answer, address);
      write(name, answer.scope.name);
      setTitle(answer.scope.name);
      phase.hidden = false;
      mark(phase, "data-phase", answer.phase);
      write(phase, t(`phase.${answer.phase}`));
      showDates(answer, dates, note);
      const texts = answer.warnings.map((one) => notes.warning("overview", one, answer));
      warnings.hidden = texts.length === 0;
      write(warnings, texts.join(" · "));
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
    problem(reason) {
      // Figures that are on the page stay, and their age is shown.
      if (latest && reason.code !== "not_found") {
        status.why(sentence(reason, address));
        return;
      }
      // Not replaced by each retry, so that screen readers announce it once.
      if (problemText === sentence(reason, address)) return;
      problemText = sentence(reason, address);
      showFigures(false);
      // If the dates are invalid, others can be chosen.
      periods.element.hidden = reason.code !== "invalid_request" || reason.fields.some((field) => /Id$/.test(field)) || reason.fields.length === 0;
      fill(problem, trouble(reason, address, again, "h1"));
      setTitle(t("problem.title"));
    },
  });
  // After the figures, which come first on a slow line.
  fetchDefinitions().then((loaded) => loaded.forEach((definition, key) => definitions.set(key, definition)));

  function age() {
    for (const { frame } of widgets) frame.age();
    const instants = widgets.map(({ frame }) => frame.asOf).filter((asOf) => asOf !== null && asOf !== undefined);
    const oldest = instants.sort()[0];
    if (oldest && latest) status.asOf(t("live.asOf", { time: format.since(oldest, clock.now(), latest.range.zone) }));
  }
  const ageTimer = setInterval(age, 1000);

  /** @param {Answer} answer */
  function announce({ data: { overview }, widgets: { overview: state }, range }) {
    if (!overview || !state?.asOf) return;
    const { asOf } = state;
    const figures = { visits: overview.totalVisits, participants: overview.totalParticipants, approved: overview.approvedCount, purchases: overview.purchaseCount };
    const values = Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, format.count(value)]));
    announcements.say(JSON.stringify(figures), () => t("live.summary", { ...values, time: format.since(asOf, clock.now(), range.zone) }));
  }

  return {
    element,
    title: "",
    close() {
      live.close();
      clearInterval(ageTimer);
      periods.close();
      announcements.close();
      for (const widget of widgets) widget.close?.();
    },
  };
}

/** Whether an answer is older than the latest one: a poll may end after a newer event of the stream. @param {Answer} answer @param {Answer} latest */
function isOvertaken(answer, latest) {
  const by = Date.parse(latest.timestamp) - Date.parse(answer.timestamp);
  return by > 0 && by < MAX_OVERTAKE;
}

/** The state of the connection, the instant of the figures, and a button to pause, resume or reconnect. @param {() => void} onToggle @param {() => void} again */
function connection(onToggle, again) {
  let paused = false;
  let over = false;
  const text = h("span", { role: "status" });
  const asOf = h("span", { class: "as-of" });
  const button = h("button", { type: "button", class: "button small pause", on: { click: () => (over ? again() : onToggle()) } });
  const element = h("div", { class: "connection", "data-link": "connecting" }, h("span", { class: "dot", "aria-hidden": "true" }), text, asOf, button);
  const showButton = () => {
    if (over) fill(button, t("frame.retry"));
    else fill(button, icon(paused ? ICONS.play : ICONS.pause), t(paused ? "live.resume" : "live.pause"));
  };
  showButton();
  return {
    element,
    paused: () => paused,
    toggle() {
      paused = !paused;
      showButton();
      return paused;
    },
    /** @param {import("../live.js").Link} link */
    show(link) {
      mark(element, "data-link", link);
      element.title = "";
      if (over !== (link === "over")) {
        over = link === "over";
        showButton();
      }
      const key = `live.${link}`;
      write(text, known(key) ? t(key) : "");
    },
    /** @param {string} sentence */
    why(sentence) {
      element.title = sentence;
      write(text, sentence);
    },
    /** @param {string} text */
    asOf: (text) => write(asOf, text),
  };
}

/** The links to the pages above this one. @param {Element} path @param {Answer} answer @param {Address} address */
function trail(path, answer, address) {
  const up = (/** @type {Address} */ target, /** @type {Node | string} */ text) => h("a", { href: link(target), on: { click: follow(target) } }, text);
  const steps = [up({ ...address, view: "campaigns", id: "" }, t("campaigns.title"))];
  if (address.view === "activity") {
    steps.push(up({ ...address, view: "campaign", id: answer.campaignKey }, h("bdi", { "data-name": true }, answer.scope.campaignName ?? "")));
  }
  fill(path, ...steps.flatMap((step, index) => (index ? [h("span", { "aria-hidden": "true" }, "/"), step] : [step])));
}

/** @param {Answer} answer @param {HTMLElement} dates @param {HTMLElement} note */
function showDates({ scope: { startAt, endAt }, phase, range: { zone } }, dates, note) {
  const date = (/** @type {string | null} */ instant) => (instant ? format.minute(instant, zone) : t("dates.open"));
  write(dates, t("dates.range", { from: date(startAt), to: date(endAt) }));
  note.hidden = phase === "running";
  if (phase === "not_started") write(note, startAt ? t("phase.note.not_started", { date: date(startAt) }) : t("phase.note.not_started.open"));
  if (phase === "ended") write(note, t("phase.note.ended", { date: date(endAt) }));
}
