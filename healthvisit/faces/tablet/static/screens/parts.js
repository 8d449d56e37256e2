// @ts-check
/** Parts that more than one screen shows. */

import { h, hidden } from "../dom.js";
import { stateWords } from "../outbox.js";
import { isOvertaken, standing } from "../pathway.js";
import { fullName, nhsNumber } from "../patient.js";
import { ageWords, gestationWords, longDate, nhsNumberWords } from "../words.js";

/** @type {Record<string, {text: string, colour: string}>} */
const TAGS = {
  open: { text: "Can be done now", colour: "blue" },
  due: { text: "Window closes soon", colour: "orange" },
  overdue: { text: "Overdue", colour: "red" },
  "not-yet": { text: "Not yet", colour: "grey" },
  done: { text: "Done", colour: "green" },
  declined: { text: "Declined", colour: "purple" },
  "no-access": { text: "No access", colour: "purple" },
  "not-applicable": { text: "Does not apply", colour: "grey" },
};

/** @param {string} text @param {string} colour */
export function tag(text, colour) {
  return h("strong", { class: `nhsuk-tag nhsuk-tag--${colour}` }, text);
}

/**
 * @param {import("../pathway.js").Review} review
 * @param {readonly import("../pathway.js").Review[]} reviews all of the child's
 * @param {string} on
 */
export function standingTag(review, reviews, on) {
  const isPast = standing(review, on) === "overdue" && isOvertaken(review, reviews, on);
  const { text, colour } = isPast ? { text: "Not done", colour: "grey" } : TAGS[standing(review, on)];
  return tag(text, colour);
}

/** @param {import("../notebook.js").Child} child */
export function childHref(child) {
  return `#/child/${child.patient.id}`;
}

/**
 * Who this is, on every screen about a child: two children of one street are told apart here.
 * @param {import("../app.js").App} app
 * @param {import("../notebook.js").Child} child
 * @param {boolean} [isHeading] the name is the screen's first heading
 */
export function banner(app, { patient, gestation, is_departed: isDeparted }, isHeading = false) {
  const number = nhsNumber(patient);
  const early = gestation !== null && gestation.weeks < 37;
  const facts = [
    ["Born", longDate(patient.birthDate)],
    ["Age", ageWords(patient.birthDate, app.today)],
    ["NHS number", number === null ? "Not known" : nhsNumberWords(number)],
    ...(early ? [["Born early", gestationWords(gestation)]] : []),
  ];
  return h(
    "section",
    { class: "hv-banner", "aria-label": "Child" },
    h(isHeading ? "h1" : "p", { class: "hv-banner__name" }, fullName(patient)),
    h(
      "dl",
      { class: "hv-banner__facts" },
      facts.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
    ),
    isDeparted
      ? h("p", { class: "hv-banner__note" }, "No longer on your caseload. You can finish and send what you began.")
      : null,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../outbox.js").Item} item
 */
export function stateTag(app, item) {
  const colours = { waiting: "yellow", sending: "blue", received: "green", "set-aside": "red", "handed-in": "purple" };
  const colour = colours[item.state];
  return tag(
    stateWords(item, (at) => app.clockWords(at)),
    `${colour} hv-tag--long`,
  );
}

/**
 * The notice of an instrument that is not clinical, on every screen that uses it.
 * @param {import("../app.js").App} app
 */
export function packNotice(app) {
  const notice = app.notebook?.caseload?.pack?.notice;
  return notice ? h("p", { class: "hv-pack-notice" }, tag("Practice", "yellow"), ` ${notice}`) : null;
}

/** @param {string} text @param {string | null} [caption] */
export function heading(text, caption = null) {
  return h(
    "h1",
    { class: "nhsuk-heading-l hv-heading" },
    caption && h("span", { class: "nhsuk-caption-l" }, caption),
    caption && hidden(" – "),
    text,
  );
}
