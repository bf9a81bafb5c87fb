// The funnel: each step with its count and its shares of the step before and of the first step, as a chart and as a table.

import { base, Picture } from "../chart.js";
import { h, write } from "../dom.js";
import { element, put } from "../figure.js";
import * as format from "../format.js";
import { Frame } from "../frame.js";
import { definition } from "../hint.js";
import { Table } from "../table.js";
import { lang, t } from "../words.js";

/** @typedef {import("../types.js").Answer} Answer */
/** @typedef {import("../types.js").FunnelStep} FunnelStep */

/** @param {FunnelStep} step */
export const stepName = (step) => (lang() === "ko" ? step.name : step.nameEn);

/** @param {import("../pages/scope.js").Context} context */
export function funnel({ definitions, retry, tools }) {
  /** @type {FunnelStep[]} */
  let steps = [];
  /** @type {Answer | undefined} */
  let answer;
  const valueTitle = h("span", {}, t("funnel.value.count"));
  const picture = new Picture("funnel", describe);
  const empty = h("p", { class: "quiet empty", hidden: true }, t("frame.noData"));
  const heads = /** @type {const} */ (["value", "rate", "rateFromFirst"]);
  const help = heads.map((name) => definition(definitions, `funnel.steps[].${name}`, name === "value" ? t("funnel.step") : t(`funnel.${name}`)));
  const table = new Table({
    caption: t("funnel.title"),
    columns: [
      { key: "step", title: t("funnel.step"), text: true },
      { key: "value", title: "", extra: h("span", {}, valueTitle, help[0]) },
      { key: "rate", title: t("funnel.rate"), extra: help[1] },
      { key: "rateFromFirst", title: t("funnel.rateFromFirst"), extra: help[2] },
      { key: "previous", title: t("funnel.previous") },
    ],
    key: (/** @type {FunnelStep} */ step) => step.key,
    write: (cells, step) => {
      const index = steps.indexOf(step);
      const state = answer?.widgets.funnel;
      const [name, value, rate, first, before] = cells;
      if (!name || !value || !rate || !first || !before) return;
      name.dataset.step = String(index);
      write(name, stepName(step));
      figureIn(value, format.count(step.value), state, `steps[${index}].value`);
      figureIn(rate, format.percent(step.rate), state, `steps[${index}].rate`);
      figureIn(first, format.percent(step.rateFromFirst), state, `steps[${index}].rateFromFirst`);
      figureIn(before, format.count(step.previous?.value), state, `steps[${index}].previous.value`);
    },
  });
  const frame = new Frame({
    widget: "funnel", name: "funnel", title: t("funnel.title"), retry, tools,
    rows: () => [
      [t("funnel.step"), valueTitle.textContent, t("funnel.rate"), t("funnel.rateFromFirst"), t("funnel.previous")],
      ...steps.map((step) => [stepName(step), step.value, step.rate, step.rateFromFirst, step.previous?.value]),
    ],
  });
  frame.body.append(empty, h("div", { class: "beside" }, picture.element, table.element));

  return {
    frame,
    close: () => picture.close(),
    /** @param {Answer} latest */
    update(latest) {
      answer = latest;
      if (!frame.update(latest)) return;
      steps = latest.data.funnel?.steps ?? [];
      write(valueTitle, t(latest.mode === "count" ? "funnel.value.count" : "funnel.value.unique"));
      empty.hidden = !(steps.length > 0 && steps.every((step) => step.value === 0));
      table.update(steps);
      const texts = steps.map((step) => `${stepName(step)} ${format.count(step.value)} (${format.percent(step.rate)})`);
      picture.update(steps, t("funnel.chart", { steps: texts.join(", ") }));
      picture.element.classList.toggle("blank", !steps.some((step) => step.value));
    },
  };
}

/** @param {HTMLElement} cell @param {string} text @param {import("../types.js").WidgetState | undefined} state @param {string} field */
export function figureIn(cell, text, state, field) {
  let at = /** @type {HTMLElement | null} */ (cell.firstElementChild);
  if (!at) {
    at = element(field);
    cell.append(at);
  }
  put(at, text, state, field);
}

/** @param {FunnelStep[]} steps @param {import("../chart.js").Colours} colour */
function describe(steps, colour) {
  return {
    type: "funnel",
    data: {
      labels: steps.map(stepName),
      datasets: [{
        // A missing step and an empty one both have no width; the table shows which it is.
        data: steps.map((step) => step.value ?? 0),
        backgroundColor: steps.map((step, index) => (step.value ? colour(`step-${index}`) : "transparent")),
        borderWidth: 0,
        shrinkAnchor: "middle",
      }],
    },
    options: {
      ...base(),
      indexAxis: "y",
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            label: (/** @type {{dataIndex: number}} */ item) => {
              const step = steps[item.dataIndex];
              return step ? `${format.count(step.value)} · ${t("funnel.rate")} ${format.percent(step.rate)} · ${t("funnel.rateFromFirst")} ${format.percent(step.rateFromFirst)}` : "";
            },
          },
        },
      },
    },
  };
}
