// @ts-check
/**
 * Growth on the UK-WHO charts as the server's programme/growth.py knows it: where a measurement stands, and at which
 * age it is read. The table is the server's own (/tablet/growth.json); tests/programme/test_growth_tablet.py holds the
 * two to each other. Corrected age is growth's; ASQ-3 adjusts age by another rule.
 */

import { dayNumber } from "./civil.js";

/**
 * @typedef {"weight" | "length" | "head" | "bmi"} Measure weight in kg, length and head in cm, body mass index in kg/m2
 * @typedef {"female" | "male"} Sex
 * @typedef {{first: number, l: number[], m: number[], s: number[]}} Table L, M and S of each day from the first
 * @typedef {Record<Measure, Record<Sex, Table>>} Reference
 * @typedef {"chronological" | "corrected"} Line
 * @typedef {{line: Line, ageDays: number, z: number}} Reading z: standard deviations from the median
 */

const TERM_DAYS = 280;
const LEAST_GESTATION_DAYS = 22 * 7;
const PRETERM_BEFORE_DAYS = 37 * 7;
const VERY_PRETERM_BEFORE_DAYS = 32 * 7;
const YEAR_DAYS = 365.25;
export const SPACE_SD = 2 / 3;
const LINES = ["0.4th", "2nd", "9th", "25th", "50th", "75th", "91st", "98th", "99.6th"];
const MIDDLE = LINES.indexOf("50th");
const ON_LINE_SPACES = 0.25;
const REFUSED_BEYOND_SD = 8;

/** @type {Record<string, Measure>} questions of our forms that have a chart */
const MEASURES = { weight: "weight", length: "length", height: "length", "head-circumference": "head" };

/** @param {string} linkId @returns {Measure | null} */
export function measureOf(linkId) {
  return MEASURES[linkId] ?? null;
}

/** @param {string | undefined} gender FHIR's administrative gender @returns {Sex | null} null where there is no chart */
export function withChart(gender) {
  return gender === "female" || gender === "male" ? gender : null;
}

/**
 * Standard deviations from the median; null where the age has no chart, and infinite for what no child has.
 * @param {Reference} reference
 * @param {Measure} measure
 * @param {number} value in kg, cm or kg/m2, more than zero
 * @param {Sex} sex
 * @param {number} ageDays since birth, or since the child was due
 */
export function zScore(reference, measure, value, sex, ageDays) {
  const { first, l, m, s } = reference[measure][sex];
  const at = ageDays - first;
  if (at < 0 || at >= l.length) return null;
  const ratio = value / m[at];
  const z = l[at] === 0 ? Math.log(ratio) / s[at] : (ratio ** l[at] - 1) / (l[at] * s[at]);
  return Math.abs(z) <= REFUSED_BEYOND_SD ? z : Infinity;
}

/**
 * The reading at the age that is read, whose z is infinite where no child has the value; and for a preterm child the one
 * at the other age after it. None where that age has no chart; the other is left out where it says nothing.
 * @param {Reference} reference
 * @param {{born: string, sex: Sex, gestationDays: number | null}} child
 * @param {Measure} measure
 * @param {number} value
 * @param {string} on day of the measurement, not before birth
 * @returns {Reading[]}
 */
export function readings(reference, { born, sex, gestationDays }, measure, value, on) {
  const since = dayNumber(on) - dayNumber(born);
  /** @type {[Line, number][]} */
  const ages = [["chronological", since]];
  if (gestationDays !== null && gestationDays >= LEAST_GESTATION_DAYS && gestationDays < PRETERM_BEFORE_DAYS) {
    const corrected = since - (TERM_DAYS - gestationDays);
    const years = gestationDays >= VERY_PRETERM_BEFORE_DAYS ? 1 : 2;
    if (corrected < years * YEAR_DAYS) ages.unshift(["corrected", corrected]);
    else ages.push(["corrected", corrected]);
  }
  const [shown, other] = ages.map(([line, ageDays]) => {
    const z = zScore(reference, measure, value, sex, ageDays);
    return z === null ? null : { line, ageDays, z };
  });
  if (shown === null) return [];
  return other && other.z !== Infinity ? [shown, other] : [shown];
}

/** Where it stands among the nine lines: "on the 50th centile". @param {number} z */
export function place(z) {
  const at = z / SPACE_SD + MIDDLE;
  const nearest = Math.round(at);
  if (Math.abs(at - nearest) <= ON_LINE_SPACES && nearest >= 0 && nearest < LINES.length) {
    return `on the ${LINES[nearest]} centile`;
  }
  if (at < 0) return `below the ${LINES[0]} centile`;
  if (at > LINES.length - 1) return `above the ${LINES[LINES.length - 1]} centile`;
  const below = Math.floor(at);
  return `between the ${LINES[below]} and ${LINES[below + 1]} centiles`;
}

/** @type {Promise<Reference | null> | null} */
let table = null;

/** The reference, fetched once; it is kept with the build, so that it is there without a signal. */
export function reference() {
  table ??= fetch("/tablet/growth.json")
    .then((answer) => (answer.ok ? answer.json() : null))
    .catch(() => null)
    .then((found) => {
      if (found === null) table = null;
      return found;
    });
  return table;
}
