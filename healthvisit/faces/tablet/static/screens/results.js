// @ts-check
/** What the server made of a review: measurements and, for each domain, points and zone. */

import { civilDate } from "../civil.js";
import { h } from "../dom.js";
import { ZONES, longDate } from "../words.js";
import { tag } from "./parts.js";

const CODES = "https://healthvisit.example/fhir/CodeSystem";
/** @type {Record<string, string>} */
const COLOURS = { "on-schedule": "green", monitor: "yellow", below: "orange", "not-classified": "grey" };

/** @param {any[] | undefined} codings @param {string} system */
function coding(codings, system) {
  return codings?.find((each) => each.system === `${CODES}/${system}`);
}

/** @param {string} zone */
export function zoneTag(zone) {
  return tag(ZONES[zone] ?? zone, COLOURS[zone] ?? "grey");
}

/** @param {any} observation */
export function isScore(observation) {
  return (
    Array.isArray(observation.component) &&
    observation.component.some((/** @type {any} */ part) => coding(part.code?.coding, "domain"))
  );
}

/** @param {any} observation */
function isPractice(observation) {
  return coding(observation.code?.coding, "observation-code")?.code === "practice-instrument";
}

/**
 * Points and zones of one score.
 * @param {any} observation
 */
export function scoreTable(observation) {
  return h(
    "table",
    { class: "nhsuk-table hv-scores" },
    h(
      "caption",
      { class: "nhsuk-table__caption nhsuk-table__caption--s" },
      observation.code?.text ?? "Score",
      isPractice(observation) ? h("span", { class: "hv-small" }, "Invented, not clinical") : null,
    ),
    h(
      "thead",
      { class: "nhsuk-table__head" },
      h(
        "tr",
        null,
        ["Domain", "Points", "Band"].map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    h(
      "tbody",
      { class: "nhsuk-table__body" },
      observation.component.map((/** @type {any} */ part) => {
        const domain = coding(part.code?.coding, "domain");
        const zone = coding(part.interpretation?.[0]?.coding, "zone");
        const points = part.valueQuantity?.value;
        return h(
          "tr",
          { class: "nhsuk-table__row" },
          h("th", { class: "nhsuk-table__header", scope: "row" }, domain?.display ?? domain?.code ?? "Unnamed"),
          h(
            "td",
            { class: "nhsuk-table__cell" },
            points === undefined ? "Not scored" : `${points} of 60`,
            part.interpretation?.[0]?.text ? h("span", { class: "hv-small" }, part.interpretation[0].text) : null,
          ),
          h("td", { class: "nhsuk-table__cell" }, zone ? zoneTag(zone.code) : "Not classified"),
        );
      }),
    ),
  );
}

/** @param {any} observation one line in words, null for what has no value that we can read */
function valueWords(observation) {
  const quantity = observation.valueQuantity;
  if (quantity) return `${quantity.value} ${quantity.unit ?? quantity.code ?? ""}`.trim();
  const concept = observation.valueCodeableConcept;
  if (concept) return concept.text ?? concept.coding?.[0]?.display ?? concept.coding?.[0]?.code ?? null;
  return observation.valueString ?? null;
}

/** @param {any} observation */
function name(observation) {
  return observation.code?.text ?? observation.code?.coding?.[0]?.display ?? "Result";
}

/** @param {any} observation */
function when(observation) {
  const at = observation.effectiveDateTime;
  if (!at) return "";
  return at.length === 10 ? at : civilDate(new Date(at));
}

/**
 * Observations, newest day first: a table of values, then each score.
 * @param {any[]} observations
 */
export function resultsByDay(observations) {
  const days = [...new Set(observations.map(when))].sort().reverse();
  return days.map((day) => {
    const own = observations.filter((observation) => when(observation) === day);
    const lines = own
      .filter((observation) => !isScore(observation))
      .map((observation) => [name(observation), valueWords(observation)]);
    const readable = lines.filter(([, value]) => value !== null);
    const unread = lines.length - readable.length;
    return h(
      "section",
      { class: "hv-results" },
      h("h3", { class: "nhsuk-heading-s" }, day ? longDate(day) : "Day not recorded"),
      readable.length
        ? h(
            "dl",
            { class: "hv-values" },
            readable.map(([label, value]) => h("div", null, h("dt", null, label), h("dd", null, value))),
          )
        : null,
      own.filter(isScore).map(scoreTable),
      unread ? h("p", { class: "hv-small" }, `${unread} more could not be read here.`) : null,
    );
  });
}
