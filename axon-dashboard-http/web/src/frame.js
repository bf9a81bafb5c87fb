// The frame around each widget: title, status, notes on missing figures, and the button that saves the table. A failed widget
// shows its failure in its own frame; the other widgets are not affected.

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

/** Live figures that are older than this are dimmed, in milliseconds. */
const LATE_AFTER = 10_000;

/**
 * @typedef {object} Options
 * @property {WidgetName} widget whose state it shows
 * @property {string} name for style and tests
 * @property {string} title
 * @property {() => void} retry
 * @property {() => csv.Cell[][]} [rows] the rows of the table when it is saved
 * @property {Node[]} [tools] elements beside the title
 * @property {(field: string) => boolean} [owns] which figures of the widget it shows; all by default
 * @property {boolean} [single] whether the frame is unavailable if one of them is
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
    this.leftOut = h("p", { class: "left-out", hidden: true });
    this.count = h("button", { type: "button", class: "unfold-notes", hidden: true, "aria-expanded": "false", "aria-controls": `${id}-notes`, on: { click: () => this.#unfold() } });
    this.saver = this.#saver();
    this.why = h("p", { class: "why" });
    this.failure = h("div", { class: "failure", hidden: true },
      icon(ICONS.warn), h("p", {}, t("frame.failed")), this.why,
      h("button", { type: "button", class: "button", on: { click: options.retry } }, t("frame.retry")));
    this.element = h("section", { class: `frame frame-${options.name} loading`, "aria-labelledby": id, "aria-busy": "true", "data-widget": options.name, "data-status": "loading" },
      h("header", { class: "frame-head" },
        h("h2", { id }, options.title), this.pill, this.count, h("div", { class: "frame-tools" }, ...(options.tools ?? []), this.saver)),
      this.leftOut, this.notes, this.body, this.failure);
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
   * Shows the widget's state, and returns whether the widget has figures.
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
    const leftOut = new Set(warnings.filter((_, index) => state.warnings[index]?.code === "records_left_out"));
    this.#leaveOut(state.status === "partial" ? [...leftOut] : []);
    this.age();
    return !failed;
  }

  /**
   * Updates the age after a heartbeat, which means that the figures have not changed. A live widget stays as far behind the
   * server's clock as in the latest answer; any other is complete up to the heartbeat's `asOf`.
   * @param {{timestamp: string, asOf: string | null} | null} beat
   */
  beat(beat) {
    const until = this.live ? new Date(clock.now() - (this.behind ?? 0)).toISOString() : beat?.asOf;
    if (this.state && this.state.status !== "stale" && this.asOf && until && this.asOf < until) this.asOf = until;
    this.age();
  }

  /** Shows the current age of the figures. */
  age() {
    const { state } = this;
    if (!state) return;
    const age = this.asOf ? clock.now() - Date.parse(this.asOf) : 0;
    const late = Boolean(this.live) && state.status !== "unavailable" && age > LATE_AFTER;
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

  /** Notes are counted beside the title and unfold below it, so that new notes do not move the widget. */
  #unfold() {
    this.lines.hidden = !this.lines.hidden;
    mark(this.count, "aria-expanded", String(!this.lines.hidden));
  }

  /** Says without a click that records are missing from the figures. All such sentences are among the notes. @param {string[]} sentences */
  #leaveOut([first, ...others]) {
    this.leftOut.hidden = !first;
    if (first) write(this.leftOut, others.length > 0 ? `${first} ${t("frame.more_notes", { count: others.length })}` : first);
  }

  /** @param {string[]} lines */
  #note(lines) {
    this.notes.hidden = this.count.hidden = lines.length === 0;
    write(this.count, t("frame.notes", { count: lines.length }));
    if (lines.join("\n") === this.noteText) return;
    this.noteText = lines.join("\n");
    fill(this.lines, ...lines.map((line) => h("li", {}, line)));
  }
}

/** The name of a saved table: scope, frame, range and `asOf`. @param {string} name @param {Answer} answer @param {WidgetState} state */
function fileName(name, { campaignKey, activityKey, range }, { asOf }) {
  const scope = activityKey ? `activity-${activityKey}` : `campaign-${campaignKey}`;
  const until = asOf ? `-as-of-${asOf.replaceAll(":", "").replace(/\.\d+/, "")}` : "";
  return `axon-${scope}-${name}-${range.startDate}-${range.endDate}${until}`;
}

/**
 * The state of the figures that a frame shows: a figure that is unavailable in another frame of the widget does not count.
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
