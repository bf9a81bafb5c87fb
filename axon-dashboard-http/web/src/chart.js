// Charts: drawn by Chart.js on a canvas that is a picture with a text; the table beside it has the figures. Drawn anew in
// the other colours when the theme changes, updated in place otherwise, without movement where the viewer wants none.

import { h, mark } from "./dom.js";
import * as theme from "./theme.js";
import { t } from "./words.js";

/** @typedef {any} Chart the library's own; it comes as a script and brings no types */

/** @type {Promise<Chart> | undefined} */
let library;

/** The library, fetched once: the figures do not wait for it. */
export function load() {
  library ??= script("vendor/chart.umd.js")
    .then(() => script("vendor/chartjs-chart-funnel.umd.js"))
    .then(() => /** @type {any} */ (window).Chart)
    .catch((error) => {
      // The next chart tries again.
      library = undefined;
      throw error;
    });
  return library;
}

/** @param {string} path @returns {Promise<void>} */
function script(path) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = new URL(path, import.meta.url).href;
    element.onload = () => resolve();
    element.onerror = () => reject(new Error(path));
    document.head.append(element);
  });
}

/** @typedef {(name: string) => string} Colours */

/**
 * @template Data
 */
export class Picture {
  /** @type {Chart} */
  #chart;
  /** @type {Data | undefined} */
  #data;
  #drawing = false;

  /**
   * @param {string} name
   * @param {(data: Data, colour: Colours) => {type: string, data: any, options: any}} describe the whole chart
   */
  constructor(name, describe) {
    this.describe = describe;
    this.canvas = h("canvas", { role: "img", "aria-label": "" });
    this.element = h("div", { class: `picture picture-${name}` }, this.canvas);
    this.forget = theme.watch(() => this.#draw(true));
  }

  /** @param {Data} data @param {string} text what it shows, in words */
  update(data, text) {
    this.#data = data;
    mark(this.canvas, "aria-label", text);
    this.#draw(false);
  }

  close() {
    this.forget();
    this.#chart?.destroy();
    this.#chart = null;
    this.#data = undefined;
  }

  /** @param {boolean} anew */
  async #draw(anew) {
    if (this.#drawing) return;
    this.#drawing = true;
    const Chart = await load().catch(() => null);
    this.#drawing = false;
    const data = this.#data;
    if (data === undefined) return;
    if (!Chart) {
      this.element.replaceChildren(h("p", { class: "quiet" }, t("frame.chartFailed")));
      return;
    }
    const { type, data: figures, options } = this.describe(data, theme.colour);
    if (anew) {
      this.#chart?.destroy();
      this.#chart = null;
    }
    if (this.#chart) {
      // In place: replaced data sets would be drawn as if they were new.
      const { data: shown } = this.#chart;
      shown.labels = figures.labels;
      figures.datasets.forEach((/** @type {any} */ set, /** @type {number} */ index) => Object.assign((shown.datasets[index] ??= {}), set));
      shown.datasets.length = figures.datasets.length;
      this.#chart.options = options;
      this.#chart.update("none");
      return;
    }
    const font = getComputedStyle(document.body).fontFamily;
    Object.assign(Chart.defaults.font, { family: font, size: 12 });
    Chart.defaults.color = theme.colour("muted");
    Chart.defaults.borderColor = theme.colour("line");
    Chart.defaults.animation = false;
    this.#chart = new Chart(this.canvas, { type, data: figures, options });
    /** @type {any} */ (this.canvas).chart = this.#chart;
  }
}

/** What all charts share. */
export function base() {
  return { responsive: true, maintainAspectRatio: false, animation: false, plugins: { legend: { display: false } } };
}
