// The widgets of an answer that the page asks for, one row each. A further one is a row here and a file beside this one, which
// pages/scope.js puts in its place.

/** @typedef {import("../types.js").WidgetName} WidgetName */

/**
 * @typedef {object} Row
 * @property {string} words under which its figures are named (i18n)
 * @property {("campaign" | "activity")[]} views the pages that ask for it
 * @property {boolean} live whether it is about this second, whatever the range
 */

/** @type {Record<WidgetName, Row>} */
export const WIDGETS = {
  overview: { words: "kpi", views: ["campaign", "activity"], live: false },
  funnel: { words: "funnel", views: ["campaign", "activity"], live: false },
  comparison: { words: "promotion", views: ["campaign", "activity"], live: false },
  realtime: { words: "realtime", views: ["campaign", "activity"], live: true },
  activities: { words: "activities", views: ["campaign"], live: true },
};

/** The widgets that a page asks for, as the API takes them. @param {"campaign" | "activity"} view */
export function widgetsOf(view) {
  return Object.entries(WIDGETS).filter(([, row]) => row.views.includes(view)).map(([name]) => name).join(",");
}
