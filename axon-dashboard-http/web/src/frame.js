// What every widget has around it: title, how far to trust it, what is missing and why, its table as a file. A widget that
// failed says so in its own frame and takes nothing else with it.

import * as clock from "./clock.js";
import * as csv from "./csv.js";
import { fill, h, icon, ICONS, mark, write } from "./dom.js";
import * as format from "./format.js";
import * as notes from "./notes.js";
import { WIDGETS } from "./widgets/registry.js";
import { t } from "./words.js";

/** @typedef {import("./types.js").Answer} Answer */
/** @typedef {import("./types.js").MissingFigure} MissingFigure */
/** @typedef {import("./types.js").WidgetName} WidgetName */
/** @typedef {import("./types.js").WidgetState} WidgetState */

/** Live figures that are older than this are dimmed. */
const LATE = 10_000;

/**
 * @typedef {object} Options
 * @property {WidgetName} widget whose state it shows
 * @property {string} name for style and tests
 * @property {string} title
 * @property {() => void} retry
 * @property {() => csv.Cell[][]} [rows] its table, for a file; asked for while there is one
 * @property {Node[]} [tools] what stands beside the title
 * @property {(field: string) => boolean} [owns] which of the widget's figures it shows, where that is not all
 * @property {boolean} [single] whether it has nothing to show once one of them is lost
 */

export class Frame {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    const id = `widget-${options.name}`;
    this.pill = h("span", { class: "pill", hidden: true });
    this.body = h("div", { class: "frame-body" });
    this.lines = h("ul", { id: `${id}-notes`, hidden: true });
    this.notes = h("div", { class: "notes", hidden: true }, this.lines);
    this.count = h("button", { type: "button", class: "unfold-notes", hidden: true, "aria-expanded": "false", "aria-controls": `${id}-notes`, on: { click: () => this.#unfold() } });
    this.saver = this.#saver();
    this.why = h("p", { class: "why" });
    this.failure = h("div", { class: "failure", hidden: true },
      icon(ICONS.warn), h("p", {}, t("frame.failed")), this.why,
      h("button", { type: "button", class: "button", on: { click: options.retry } }, t("frame.retry")));
    this.element = h("section", { class: `frame frame-${options.name} loading`, "aria-labelledby": id, "aria-busy": "true", "data-widget": options.name, "data-status": "loading" },
      h("header", { class: "frame-head" },
        h("h2", { id }, options.title), this.pill, this.count, h("div", { class: "frame-tools" }, ...(options.tools ?? []), this.saver)),
      this.notes, this.body, this.failure);
    this.file = `axon-${options.name}`;
    /** @type {WidgetState | undefined} */
    this.state = undefined;
  }

  #saver() {
    const { rows, title } = this.options;
    if (!rows) return null;
    return h("button", {
      type: "button", class: "tool", hidden: true, title: t("frame.csv"), "aria-label": t("frame.csv.of", { table: title }),
      on: { click: () => csv.save(this.file, rows()) },
    }, icon(ICONS.save));
  }

  /**
   * Shows how the widget is; whether it has something to show.
   * @param {Answer} answer
   */
  update(answer) {
    const whole = answer.widgets[this.options.widget];
    if (!whole) return false;
    const state = own(whole, this.options);
    this.state = state;
    this.live = answer.range.inProgress || WIDGETS[this.options.widget].live;
    this.asOf = state.asOf;
    this.behind = state.asOf ? Date.parse(answer.timestamp) - Date.parse(state.asOf) : 0;
    const failed = state.status === "unavailable";
    this.element.classList.remove("loading");
    mark(this.element, "aria-busy", null);
    mark(this.element, "data-status", state.status);
    this.file = fileName(this.options.name, answer, state);
    if (this.saver) this.saver.hidden = failed;
    this.body.hidden = failed;
    this.failure.hidden = !failed;
    const missing = notes.reasons(this.options.widget, state.missing, answer);
    if (failed) {
      const lost = state.missing.find((one) => one.reason === "unavailable") ?? state.missing[0];
      write(this.why, lost ? notes.reason(lost) + (lost.source ? ` (${lost.source})` : "") : "");
    }
    const warnings = state.warnings.map((one) => notes.warning(this.options.widget, one, answer));
    this.#note(failed ? [] : [...new Set([...missing, ...warnings])]);
    this.age();
    return !failed;
  }

  /**
   * Nothing new was said, and what was said holds: what is live is as far behind the server's clock as it was, and the rest
   * until the instant that the widget furthest behind has come to.
   * @param {{timestamp: string, asOf: string | null} | null} beat
   */
  beat(beat) {
    const until = this.live ? new Date(clock.now() - (this.behind ?? 0)).toISOString() : beat?.asOf;
    if (this.state && this.state.status !== "stale" && this.asOf && until && this.asOf < until) this.asOf = until;
    this.age();
  }

  /** How old the figures are by now. */
  age() {
    const { state } = this;
    if (!state) return;
    const age = this.asOf ? clock.now() - Date.parse(this.asOf) : 0;
    const late = Boolean(this.live) && state.status !== "unavailable" && age > LATE;
    this.element.classList.toggle("dim", state.status === "stale" || late);
    /** @type {string} */
    let kind = state.status;
    let text = "";
    if (state.status === "stale") text = t("status.stale", { ago: format.ago(age) });
    else if (state.status === "unavailable") text = t("status.unavailable");
    else if (state.status === "partial") text = t("status.partial");
    else if (late) [kind, text] = ["late", `${t("status.late")} · ${format.ago(age)}`];
    this.pill.hidden = !text;
    write(this.pill, text);
    mark(this.pill, "data-kind", kind);
  }

  /** Notes stand beside the title, so that their coming moves nothing, and unfold below it. */
  #unfold() {
    this.lines.hidden = !this.lines.hidden;
    mark(this.count, "aria-expanded", String(!this.lines.hidden));
  }

  /** @param {string[]} lines */
  #note(lines) {
    this.notes.hidden = this.count.hidden = lines.length === 0;
    write(this.count, t("frame.notes", { count: lines.length }));
    if (lines.join("\n") === this.said) return;
    this.said = lines.join("\n");
    fill(this.lines, ...lines.map((line) => h("li", {}, line)));
  }
}

/** What a saved table is called: of what, over which days, as of when. @param {string} name @param {Answer} answer @param {WidgetState} state */
function fileName(name, { campaignId, activityId, range }, { asOf }) {
  const scope = activityId ? `activity-${activityId}` : `campaign-${campaignId}`;
  const until = asOf ? `-as-of-${asOf.replaceAll(":", "").replace(/\.\d+/, "")}` : "";
  return `axon-${scope}-${name}-${range.startDate}-${range.endDate}${until}`;
}

/**
 * The state of a widget as far as it concerns this frame: a figure lost in another one does not count here.
 * @param {WidgetState} whole @param {Options} options
 * @returns {WidgetState}
 */
function own(whole, { owns, single }) {
  if (!owns) return whole;
  const lost = (/** @type {MissingFigure[]} */ missing) => missing.some((one) => one.reason === "unavailable");
  const missing = whole.missing.filter((one) => owns(one.field));
  const warnings = whole.warnings.filter((one) => !one.field || owns(one.field));
  let { status } = whole;
  if (status === "partial" && lost(missing) && single) status = "unavailable";
  else if (status === "partial" && lost(whole.missing) && !lost(missing)) status = "fresh";
  return { ...whole, status, missing, warnings };
}
