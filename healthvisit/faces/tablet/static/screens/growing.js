// @ts-check
/** How a child grows: where its newest measurements stand, and what they ask to be looked at. */

import { civilDate } from "../civil.js";
import { h, hidden } from "../dom.js";
import { place, readings, reference, withChart } from "../growth.js";
import { findingWords, findings } from "../growth_findings.js";
import { longDate } from "../words.js";

/**
 * @typedef {import("../notebook.js").Child} Child
 * @typedef {import("../growth_findings.js").Measured} Measured
 */

const SNOMED = "http://snomed.info/sct";
const UCUM = "http://unitsofmeasure.org";
/** @type {Record<string, [import("../growth.js").Measure, string]>} by SNOMED CT code, with the unit of the chart */
const MEASURES = {
  27113001: ["weight", "kg"],
  248334005: ["length", "cm"],
  50373000: ["length", "cm"],
  363812007: ["head", "cm"],
};
/** @type {[import("../growth.js").Measure, string][]} */
const NAMES = [
  ["weight", "Weight"],
  ["length", "Length or height"],
  ["head", "Head circumference"],
];

/**
 * What was measured in the unit of its chart, the earliest entry first.
 * @param {any[]} observations
 * @returns {Measured[]}
 */
export function measuredOf(observations) {
  const entered = (/** @type {any} */ each) => each.meta?.lastUpdated ?? "";
  const inOrder = [...observations].sort((a, b) => (entered(a) < entered(b) ? -1 : 1));
  return inOrder.flatMap((/** @type {any} */ each) => {
    const found = each.code?.coding?.find((/** @type {any} */ one) => one.system === SNOMED && MEASURES[one.code]);
    const [measure, unit] = found ? MEASURES[found.code] : [];
    const { value, system, code } = each.valueQuantity ?? {};
    const at = each.effectiveDateTime;
    if (!measure || !at || value === undefined || system !== UCUM || code !== unit) return [];
    return [{ on: at.length === 10 ? at : civilDate(new Date(at)), measure, value: String(value) }];
  });
}

/**
 * What a measurement asks to be looked at as it is entered, beside what was measured before.
 * @param {import("../growth.js").Reference} chart
 * @param {import("../growth_findings.js").Child} child
 * @param {Measured[]} before
 * @param {Measured[]} now what is entered of one contact, all of one day
 * @param {import("../growth.js").Measure} measure of the number in hand; body mass index is told beside the height
 * @returns {string[]}
 */
export function asksNow(chart, child, before, now, measure) {
  const day = now.find((each) => each.measure === measure)?.on;
  const isOf = (/** @type {import("../growth.js").Measure} */ found) =>
    found === measure || (found === "bmi" && measure === "length");
  return findings(chart, child, [...before, ...now])
    .filter((found) => found.on === day && isOf(found.measure))
    .map((found) => findingWords(found, child));
}

/**
 * asks: what is to be looked at; stands: where the newest measurements stand. Both are filled once the reference is read,
 * and hold nothing where nothing can be put on a chart.
 * @param {Child} owner
 * @param {any[]} observations
 */
export function growing({ patient, gestation }, observations) {
  const [asks, stands] = [h("div", { class: "hv-growing" }), h("div", { class: "hv-growing" })];
  const measured = measuredOf(observations);
  const sex = withChart(patient.gender);
  if (!sex || measured.length === 0) return { asks, stands };
  const gestationDays = gestation ? gestation.weeks * 7 + gestation.days : null;
  const child = { born: patient.birthDate, sex, gestationDays };
  void reference().then((chart) => {
    if (!chart) return;
    asks.replaceChildren(...asked(chart, child, measured));
    stands.replaceChildren(...standing(chart, child, measured));
  });
  return { asks, stands };
}

/**
 * @param {import("../growth.js").Reference} chart
 * @param {import("../growth_findings.js").Child} child
 * @param {Measured[]} measured
 */
function asked(chart, child, measured) {
  const found = findings(chart, child, measured);
  if (found.length === 0) return [];
  return [
    h(
      "div",
      { class: "nhsuk-warning-callout" },
      h("h2", { class: "nhsuk-warning-callout__label" }, hidden("Important: "), "Look at this child’s growth"),
      h(
        "ul",
        { class: "nhsuk-list nhsuk-list--bullet" },
        found.map((each) => h("li", null, findingWords(each, child))),
      ),
      h("p", { class: "hv-small" }, "By the rules of the UK-WHO growth charts. You decide what it means for this child."),
    ),
  ];
}

/**
 * @param {import("../growth.js").Reference} chart
 * @param {import("../growth_findings.js").Child} child
 * @param {Measured[]} measured
 */
function standing(chart, child, measured) {
  const rows = NAMES.flatMap(([measure, name]) => {
    const newest = measured
      .filter((each) => each.measure === measure && each.on >= child.born)
      .reduce((/** @type {Measured | null} */ last, each) => (last && last.on > each.on ? last : each), null);
    const [shown, other] = newest ? readings(chart, child, measure, Number(newest.value), newest.on) : [];
    if (!newest || !shown || shown.z === Infinity) return [];
    return [[`${name} on ${longDate(newest.on)}`, standingWords(shown, other)]];
  });
  if (rows.length === 0) return [];
  return [
    h("h2", { class: "nhsuk-heading-m" }, "Growth"),
    h(
      "dl",
      { class: "hv-values" },
      rows.map(([label, value]) => h("div", null, h("dt", null, label), h("dd", null, value))),
    ),
  ];
}

/** @param {import("../growth.js").Reading} shown @param {import("../growth.js").Reading | undefined} other */
function standingWords(shown, other) {
  const at = place(shown.z);
  if (other === undefined) return at;
  if (place(other.z) === at) return `${at}, at both ages`;
  const ages = { corrected: "corrected age", chronological: "age since birth" };
  return `${at}, ${ages[shown.line]}; ${place(other.z)}, ${ages[other.line]}`;
}
