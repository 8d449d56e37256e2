// @ts-check
/**
 * ASQ-3 as the server's programme/asq3.py knows it: which form, adjusted age, points, zone. Shown at once on the tablet;
 * the server scores again, and its score stands. Both are held to tests/cases/asq3.json.
 */

import { age, dayNumber, plusDays } from "./civil.js";

export const DOMAINS = ["communication", "gross-motor", "fine-motor", "problem-solving", "personal-social"];
/** @type {Record<string, number>} */
export const POINTS = { yes: 10, sometimes: 5, "not-yet": 0 };
export const ITEMS = 6;
const MOST_OMITTED = 2;
const TERM_WEEKS = 39;
const PREMATURE_BEFORE_WEEKS = 37;
const ADJUSTED_UNTIL_MONTHS = 24;

/**
 * @typedef {{items?: string[], cut_off?: string | null, monitor_up_to?: string | null}} DomainOfForm
 * @typedef {{from_months: number, until_months: number, domains: Record<string, DomainOfForm>}} Form
 * @typedef {{id: string, title: string, version: string, notice?: string, answers?: Record<string, number>,
 *   forms: Record<string, Form>}} Pack
 * @typedef {"on-schedule" | "monitor" | "below" | "not-classified"} Zone
 * @typedef {string | null | undefined} Answer
 * @typedef {{domain: string, points: number | null, zone: Zone, prorated: boolean, answered: number}} DomainScore
 */

/** @param {readonly Answer[]} answers */
function omitted(answers) {
  return answers.filter((answer) => answer === null || answer === undefined || answer === "").length;
}

/**
 * Points of one domain, 0 to 60, or null when more than two items were left out. A step is 7.5 at the least, so a
 * JavaScript number holds every one of them exactly.
 * An omitted item counts as the mean of the others, so the score keeps its 60-point scale.
 * @param {readonly Answer[]} answers the six answers in order
 * @param {Record<string, number>} [points]
 */
export function domainPoints(answers, points = POINTS) {
  if (answers.length !== ITEMS) throw new RangeError(`a domain has ${ITEMS} answers, got ${answers.length}`);
  if (omitted(answers) > MOST_OMITTED) return null;
  let sum = 0;
  for (const answer of answers) {
    if (!answer) continue;
    if (!(answer in points)) throw new RangeError("an answer that the instrument does not have");
    sum += points[answer];
  }
  return (sum * ITEMS) / (ITEMS - omitted(answers));
}

/**
 * Whether the points rest on fewer than six answers, which must be said wherever they are shown.
 * @param {readonly Answer[]} answers
 */
export function isProrated(answers) {
  return omitted(answers) > 0 && omitted(answers) <= MOST_OMITTED;
}

/**
 * Where points stand; both edges belong to the lower zone. Without an edge nothing is classified.
 * @param {number | null} points
 * @param {string | null | undefined} cutOff
 * @param {string | null | undefined} monitorUpTo
 * @returns {Zone}
 */
export function zone(points, cutOff, monitorUpTo) {
  if (points === null || !cutOff || !monitorUpTo) return "not-classified";
  if (points <= Number(cutOff)) return "below";
  return points <= Number(monitorUpTo) ? "monitor" : "on-schedule";
}

/**
 * The age by which a form is chosen; null while a premature child has not reached the day it is counted from.
 * Counted from 39 weeks of pregnancy until the second birthday, from birth on and after it.
 * @param {string} born
 * @param {string} on
 * @param {number | null} gestationDays null where it is not known
 */
export function adjustedAge(born, on, gestationDays) {
  const since = age(born, on);
  const isPremature = gestationDays !== null && gestationDays < PREMATURE_BEFORE_WEEKS * 7;
  if (!isPremature || since.months >= ADJUSTED_UNTIL_MONTHS) return since;
  const from = plusDays(born, TERM_WEEKS * 7 - gestationDays);
  return dayNumber(on) < dayNumber(from) ? null : age(from, on);
}

/**
 * The months of the forms that fit an adjusted age: none, one, or two.
 * @param {{months: number, days: number} | null} child
 * @param {Pack | null} pack
 * @param {readonly string[]} [offered] months that the review's form offers; all where it is not said
 */
export function formsFor(child, pack, offered) {
  if (child === null || pack === null) return [];
  return Object.entries(pack.forms)
    .filter(([month]) => offered?.includes(month) ?? true)
    .filter(([, form]) => form.from_months <= child.months && child.months < form.until_months)
    .map(([month]) => month)
    .sort((a, b) => Number(a) - Number(b));
}

/**
 * @param {string} domain
 * @param {Record<string, string>} answers by linkId
 * @param {Pack | null} pack
 * @returns {DomainScore}
 */
export function domainScore(domain, answers, pack) {
  const given = Array.from({ length: ITEMS }, (_, index) => answers[`asq3-${domain}-${index + 1}`]);
  const edges = pack?.forms[answers["asq3-form"]]?.domains[domain];
  const points = domainPoints(given, pack?.answers ?? POINTS);
  return {
    domain,
    points,
    zone: zone(points, edges?.cut_off, edges?.monitor_up_to),
    prorated: isProrated(given),
    answered: ITEMS - omitted(given),
  };
}

/**
 * The wording of an item in the pack in use, null where no pack has one.
 * @param {string} linkId "asq3-communication-3"
 * @param {string | undefined} form month
 * @param {Pack | null} pack
 */
export function itemWording(linkId, form, pack) {
  const match = /^asq3-([a-z-]+)-([1-6])$/.exec(linkId);
  if (match === null || form === undefined) return null;
  return pack?.forms[form]?.domains[match[1]]?.items?.[Number(match[2]) - 1] ?? null;
}
