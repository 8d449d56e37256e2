// @ts-check
/**
 * What a child's measurements ask a health visitor to look at, by the rules of the UK-WHO charts. It says what to do, and
 * decides nothing. Sources: RCPCH, https://growth.rcpch.ac.uk/clinician/chart-information-health-staff/ (domain facts 5.3);
 * how we read what they leave open: docs/decisions/0021-what-growth-asks-to-be-looked-at.md.
 */

import { age, dayNumber } from "./civil.js";
import { SPACE_SD, readings, zScore } from "./growth.js";

/**
 * @typedef {import("./growth.js").Measure} Measure
 * @typedef {{on: string, measure: Measure, value: string}} Measured value: as it was written, in kg or cm
 * @typedef {{born: string, sex: import("./growth.js").Sex, gestationDays: number | null}} Child
 * @typedef {"weight-loss" | "birth-weight-not-regained" | "weight-drop" | "weight-drop-once" | "weight-low" | "length-low"
 *   | "head-high" | "head-rise" | "bmi-high" | "bmi-very-high" | "bmi-low"} Code
 * @typedef {{code: Code, measure: Measure, on: string}} Finding on: day of the measurement that it is about
 */

const REGAINED_BY_DAYS = 21;
const SPACES = 2;
// There are no WHO lines before two weeks; after birth nearly every child loses weight first.
const FIRST_CHARTED_DAY = 14;
const HEAD_WAITS_MONTHS = 6;
const BMI_FROM_MONTHS = 24;
// The 0.4th, 2nd, 91st, 98th and 99.6th lines.
const [P004, P2, P91, P98, P996] = [-4, -3, 2, 3, 4].map((spaces) => spaces * SPACE_SD);
const PRETERM_BEFORE_DAYS = 37 * 7;

/** @type {Record<Code, string>} */
export const WORDS = {
  "weight-loss": "Weight is more than 10% below the weight at birth. This needs a clinical assessment.",
  "birth-weight-not-regained":
    "The weight at birth is not regained at 3 weeks. Slow recovery needs a clinical assessment.",
  "weight-drop":
    "Weight has dropped through 2 or more centile spaces, and stayed there. This needs an assessment, with length or height.",
  "weight-drop-once": "Weight is 2 or more centile spaces lower than before. Weigh again to see whether it stays.",
  "weight-low": "Weight is below the 0.4th centile. A child as light as this should be assessed at some point.",
  "length-low":
    "Length or height is below the 0.4th centile. A child as small as this should be assessed at some point.",
  "head-high": "Head circumference is above the 99.6th centile",
  "head-rise": "Head circumference has crossed 2 or more centile spaces upwards",
  "bmi-high": "Body mass index is above the 91st centile: overweight.",
  "bmi-very-high": "Body mass index is above the 98th centile: very overweight.",
  "bmi-low": "Body mass index is below the 2nd centile, which is unusual.",
};

/** @param {Finding} finding @param {Child} child */
export function findingWords({ code, on }, child) {
  if (code !== "head-high" && code !== "head-rise") return WORDS[code];
  return age(child.born, on).months < HEAD_WAITS_MONTHS
    ? `${WORDS[code]}. Before 6 months this is a concern only with other signs; measure again.`
    : `${WORDS[code]}. After 6 months this needs an assessment.`;
}

/**
 * What the newest measurement of each kind asks to be looked at.
 * @param {import("./growth.js").Reference} reference
 * @param {Child} child
 * @param {Measured[]} measured in any order; of two of one day and kind the later in the list stands
 * @returns {Finding[]}
 */
export function findings(reference, child, measured) {
  const of = (/** @type {Measure} */ measure) => series(reference, child, measured, measure);
  const [weight, length, head] = [of("weight"), of("length"), of("head")];
  return [
    ...sinceBirth(child, weight),
    ...dropped(weight),
    ...beyond(weight, ({ z }) => (z < P004 ? "weight-low" : null)),
    ...beyond(length, ({ z }) => (z < P004 ? "length-low" : null)),
    ...beyond(head, ({ z }) => (z > P996 ? "head-high" : null)),
    ...risen(head),
    ...bodyMass(reference, child, weight, length),
  ];
}

/**
 * @typedef {{on: string, measure: Measure, value: string, days: number, z: number, spaces: number | null}} Point days: since
 *   birth; z: at the age that is read; spaces: centile spaces from the median at the age by which points are compared
 *   with each other, null within the first two weeks
 */

/**
 * Points with a place on the chart, by day.
 * @param {import("./growth.js").Reference} reference @param {Child} child @param {Measured[]} measured
 * @param {Measure} measure @returns {Point[]}
 */
function series(reference, child, measured, measure) {
  /** @type {Map<string, Measured>} */
  const byDay = new Map();
  for (const each of measured) {
    if (each.measure === measure && each.on >= child.born && Number(each.value) > 0) byDay.set(each.on, each);
  }
  return [...byDay.keys()].sort().flatMap((on) => {
    const { value } = /** @type {Measured} */ (byDay.get(on));
    const found = readings(reference, child, measure, Number(value), on);
    if (found.length === 0 || found[0].z === Infinity) return [];
    const days = dayNumber(on) - dayNumber(child.born);
    return [{ on, measure, value, days, z: found[0].z, spaces: compared(found, child, days) }];
  });
}

/**
 * Points of one child are compared by one age throughout, or the change from one age to the other would look like growth:
 * of a preterm child by the corrected one.
 * @param {import("./growth.js").Reading[]} found @param {Child} child @param {number} days
 */
function compared(found, { gestationDays }, days) {
  if (days > 0 && days < FIRST_CHARTED_DAY) return null;
  const line = gestationDays !== null && gestationDays < PRETERM_BEFORE_DAYS ? "corrected" : "chronological";
  const reading = found.find((each) => each.line === line);
  return reading === undefined || reading.z === Infinity ? null : reading.z / SPACE_SD;
}

/** @param {Child} child @param {Point[]} weights @returns {Finding[]} */
function sinceBirth({ born }, weights) {
  const [first, newest] = [weights[0], weights[weights.length - 1]];
  if (first === undefined || first.on !== born || newest === first) return [];
  const [atBirth, now] = [grams(first.value), grams(newest.value)];
  // More than a tenth is lost, in whole numbers.
  if (now * 10n < atBirth * 9n) return [{ code: "weight-loss", measure: "weight", on: newest.on }];
  if (newest.days >= REGAINED_BY_DAYS && now < atBirth) {
    return [{ code: "birth-weight-not-regained", measure: "weight", on: newest.on }];
  }
  return [];
}

/** A decimal without its point, to nine places: two of them are compared exactly. @param {string} value */
function grams(value) {
  const [whole, part = ""] = value.split(".");
  return BigInt(whole + part.slice(0, 9).padEnd(9, "0"));
}

/** @param {Point[]} weights @returns {Finding[]} */
function dropped(weights) {
  const points = weights.filter(({ spaces }) => spaces !== null).map(({ on, spaces }) => ({ on, at: Number(spaces) }));
  const newest = points[points.length - 1];
  if (newest === undefined || newest.on !== weights[weights.length - 1].on) return [];
  const highestBefore = (/** @type {number} */ end) => Math.max(-Infinity, ...points.slice(0, end).map(({ at }) => at));
  const earlier = highestBefore(points.length - 2);
  const stays = points.slice(-2).every(({ at }) => earlier - at >= SPACES);
  if (points.length > 2 && stays) return [{ code: "weight-drop", measure: "weight", on: newest.on }];
  const isLower = highestBefore(points.length - 1) - newest.at >= SPACES;
  return isLower ? [{ code: "weight-drop-once", measure: "weight", on: newest.on }] : [];
}

/** @param {Point[]} heads @returns {Finding[]} */
function risen(heads) {
  const points = heads.filter(({ spaces }) => spaces !== null);
  const newest = points[points.length - 1];
  if (newest === undefined || newest !== heads[heads.length - 1]) return [];
  const lowest = Math.min(...points.slice(0, -1).map(({ spaces }) => Number(spaces)));
  return Number(newest.spaces) - lowest >= SPACES ? [{ code: "head-rise", measure: "head", on: newest.on }] : [];
}

/** @param {Point[]} points @param {(newest: Point) => Code | null} found @returns {Finding[]} */
function beyond(points, found) {
  const newest = points[points.length - 1];
  const code = newest === undefined ? null : found(newest);
  return code === null ? [] : [{ code, measure: newest.measure, on: newest.on }];
}

/**
 * Of the newest day on which both were measured.
 * @param {import("./growth.js").Reference} reference @param {Child} child @param {Point[]} weights
 * @param {Point[]} lengths @returns {Finding[]}
 */
function bodyMass(reference, child, weights, lengths) {
  const weight = weights.findLast(({ on }) => lengths.some((length) => length.on === on));
  const length = lengths.find(({ on }) => on === weight?.on);
  if (!weight || !length || age(child.born, weight.on).months < BMI_FROM_MONTHS) return [];
  const z = zScore(reference, "bmi", Number(weight.value) / (Number(length.value) / 100) ** 2, child.sex, weight.days);
  if (z === null || z === Infinity) return [];
  const code = z > P98 ? "bmi-very-high" : z > P91 ? "bmi-high" : z < P2 ? "bmi-low" : null;
  return code === null ? [] : [{ code, measure: "bmi", on: weight.on }];
}
