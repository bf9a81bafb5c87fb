// The widgets of an answer that the page asks for, one row each. A new widget is a row here, and a file in this folder that
// pages/scope.js shows.

/** @typedef {import("../types.js").WidgetName} WidgetName */

/**
 * @typedef {object} Row
 * @property {string} words the prefix of the i18n keys of its figures
 * @property {("campaign" | "activity")[]} views the pages that ask for it
 * @property {boolean} live whether its figures are current, independent of the range
 */

/** @type {Record<WidgetName, Row>} */
export const WIDGETS = {
  overview: { words: "kpi", views: ["campaign", "activity"], live: false },
  funnel: { words: "funnel", views: ["campaign", "activity"], live: false },
  comparison: { words: "promotion", views: ["campaign", "activity"], live: false },
  realtime: { words: "realtime", views: ["campaign", "activity"], live: true },
  activities: { words: "activities", views: ["campaign"], live: true },
};

/** The widgets that a page asks for, as the value of the query parameter. @param {"campaign" | "activity"} view */
export function widgetsOf(view) {
  return Object.entries(WIDGETS).filter(([, row]) => row.views.includes(view)).map(([name]) => name).join(",");
}
