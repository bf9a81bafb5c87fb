// Charts: drawn by Chart.js on a canvas with the role of an image and a text; the table beside it has the figures. A chart is
// redrawn when the theme changes, else updated in place, always without animation.

import { h, mark } from "./dom.js";
import * as theme from "./theme.js";
import { t } from "./words.js";

/** @typedef {any} Chart a chart of the library, which is loaded as a script and has no types */

/** @type {Promise<Chart> | undefined} */
let library;

/** Loads the library once, when the first chart is drawn: the figures do not wait for it. */
export function load() {
  library ??= script("vendor/chart.umd.js")
    .then(() => script("vendor/chartjs-chart-funnel.umd.js"))
    .then(() => /** @type {any} */ (window).Chart)
    .catch((error) => {
      // The next chart retries.
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
    this.unwatch = theme.watch(() => this.#draw(true));
  }

  /** @param {Data} data @param {string} text what it shows, in words */
  update(data, text) {
    this.#data = data;
    mark(this.canvas, "aria-label", text);
    this.#draw(false);
  }

  close() {
    this.unwatch();
    this.#chart?.destroy();
    this.#chart = null;
    this.#data = undefined;
  }

  /** @param {boolean} redraw whether an existing chart is replaced */
  async #draw(redraw) {
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
    if (redraw) {
      this.#chart?.destroy();
      this.#chart = null;
    }
    if (this.#chart) {
      // In place: replaced data sets would be drawn as if they were new.
      const { data: current } = this.#chart;
      current.labels = figures.labels;
      figures.datasets.forEach((/** @type {any} */ set, /** @type {number} */ index) => Object.assign((current.datasets[index] ??= {}), set));
      current.datasets.length = figures.datasets.length;
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

/** The options that all charts share. */
export function base() {
  return { responsive: true, maintainAspectRatio: false, animation: false, plugins: { legend: { display: false } } };
}
