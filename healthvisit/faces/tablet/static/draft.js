// @ts-check
/**
 * A draft in its field's terms: its screens in order, what is missing, and the statement that is sent of it. Pure: the
 * moment and the UUIDs are passed in.
 */

import { civilDate, instantOf, isDate, isTime, written } from "./civil.js";
import { asked, faults, responseItems } from "./form_engine.js";
import { isAdditional } from "./pathway.js";

/**
 * @typedef {import("./notebook.js").Draft} Draft
 * @typedef {import("./form_engine.js").Questionnaire} Questionnaire
 * @typedef {{page: string, field: string, text: string}} Fault
 */

/**
 * @param {{id: string, child: string, review: string, at: string}} begun
 * @returns {Draft}
 */
export function begun({ id, child, review, at }) {
  return {
    id,
    child,
    review,
    contact: {},
    answers: {},
    confirmed: {},
    at: { page: "contact", field: null },
    changed_at: at,
    operation: null,
  };
}

/**
 * Whether answers are entered on the tablet: not for a review that was not done, nor for one that stays on paper.
 * @param {import("./notebook.js").DraftContact} contact
 */
export function hasAnswers({ outcome, capture_mode: mode }) {
  return (outcome ?? "completed") === "completed" && mode !== "paper-only" && mode !== "document";
}

/**
 * The screens of a draft in order.
 * @param {Draft} draft
 * @param {Questionnaire | null} questionnaire
 * @returns {string[]}
 */
export function pages(draft, questionnaire) {
  // Where nobody was seen, where and by whom is not asked: it must take two taps.
  if (draft.contact.outcome === "declined" || draft.contact.outcome === "no-access") return ["contact", "check"];
  const form = questionnaire && hasAnswers(draft.contact) ? asked(questionnaire, draft.answers).map(({ id }) => id) : [];
  return ["contact", "place", ...form, ...(form.length ? ["share"] : []), "check"];
}

/**
 * The instant at which the contact began, null while it is not stated or not a moment.
 * @param {import("./notebook.js").DraftContact} contact
 * @returns {Date | null}
 */
export function startedAt(contact) {
  if (contact.when === "now") return contact.now_at ? new Date(contact.now_at) : null;
  if (contact.when !== "other" || !isDate(contact.on ?? "") || !isTime(contact.time ?? "")) return null;
  return instantOf(/** @type {string} */ (contact.on), /** @type {string} */ (contact.time));
}

/**
 * What is missing or wrong on one screen about the contact.
 * @param {Draft} draft
 * @param {string} page
 * @param {{now: Date, born: string, isAdditional?: boolean}} bounds isAdditional: of a contact that is no review
 * @returns {Fault[]}
 */
export function contactFaults({ contact }, page, { now, born, isAdditional: isAsked = false }) {
  /** @type {Fault[]} */
  const found = [];
  const say = (/** @type {string} */ field, /** @type {string} */ text) => found.push({ page, field, text });
  if (page === "contact") {
    if (!contact.outcome) say("outcome", "Choose what happened");
    if (!contact.when) say("when", "Choose when the contact was");
    if (contact.when === "other") {
      if (!isDate(contact.on ?? "")) say("on", "Enter the date of the contact, like 15 2 2021");
      if (!isTime(contact.time ?? "")) say("time", "Enter the time that the contact began, like 10:42");
      else if (isDate(contact.on ?? "") && startedAt(contact) === null) {
        say("time", "The clocks went forward then: enter a time that there was");
      }
    }
    const started = startedAt(contact);
    if (started !== null && started.getTime() > now.getTime() + 60_000) {
      say(contact.when === "other" ? "on" : "when", "The contact must not be in the future");
    }
    if (started !== null && civilDate(started) < born) {
      say(contact.when === "other" ? "on" : "when", "The contact must not be before the child was born");
    }
    if (!contact.capture_mode) say("capture_mode", "Choose how it was recorded");
  }
  if (page === "place") {
    if (isAsked && !contact.mode) say("mode", "Choose how the contact was held");
    if (isSeen(contact, isAsked) && !contact.place) say("place", "Choose where the contact was");
    if (!contact.practitioner_type) say("practitioner_type", "Choose who did it");
  }
  if (page === "share" && !contact.share) say("share", "Choose whether to share the result now");
  return found;
}

/**
 * Whether the contact had a place: a telephone call had none, and while it is not said how it was held nobody asks.
 * @param {import("./notebook.js").DraftContact} contact
 * @param {boolean} isAsked whether it is asked how the contact was held
 */
export function isSeen({ mode }, isAsked) {
  return !isAsked || mode === "face-to-face";
}

/**
 * Everything that keeps a draft from being sent.
 * @param {Draft} draft
 * @param {Questionnaire | null} questionnaire
 * @param {{now: Date, born: string, isAdditional?: boolean}} bounds
 * @returns {Fault[]}
 */
export function draftFaults(draft, questionnaire, bounds) {
  const all = pages(draft, questionnaire);
  const unsaid = all.flatMap((page) => contactFaults(draft, page, bounds));
  if (!questionnaire || !hasAnswers(draft.contact)) return unsaid;
  const form = asked(questionnaire, draft.answers);
  const wrong = faults(form, draft.answers).map(({ section, linkId, text }) => ({
    page: section,
    field: linkId,
    text,
  }));
  // A review said to be recorded here, with nothing in it, would count as one that can be read by a computer.
  const isEmpty = !form.some(({ items }) => items.some(({ linkId }) => draft.answers[linkId]?.trim()));
  const empty = { page: form[0].id, field: form[0].items[0].linkId, text: "Enter at least one answer" };
  return [...unsaid, ...wrong, ...(isEmpty ? [empty] : [])];
}

/**
 * The statement of a draft that has no faults.
 * @param {Draft} draft
 * @param {object} around
 * @param {Questionnaire | null} around.questionnaire
 * @param {import("./notebook.js").Caseload} around.caseload
 * @param {import("./notebook.js").Child} around.child
 * @param {import("./pathway.js").Review} around.review
 * @param {string} around.operation
 * @param {{encounter: string, response: string}} around.uuids
 * @param {Date} around.now
 * @returns {import("./review.js").Statement}
 */
export function statement(draft, { questionnaire, caseload, child, review, operation, uuids, now }) {
  const { contact, answers } = draft;
  const started = /** @type {Date} */ (startedAt(contact));
  const outcome = /** @type {"completed" | "declined" | "no-access"} */ (contact.outcome);
  const items = questionnaire && hasAnswers(contact) ? responseItems(questionnaire, answers) : [];
  const isLive = contact.when === "now" && contact.capture_mode === "point-of-care";
  const last = new Date(draft.changed_at);
  const mode = (isAdditional(review) && outcome === "completed" && contact.mode) || null;
  return {
    operation,
    uuids,
    review: { code: review.review, title: review.title, is_additional: isAdditional(review) },
    child: draft.child,
    episode: child.episode,
    practitioner: caseload.practitioner.reference,
    organization: caseload.organization.reference,
    contact: {
      outcome,
      started_at: written(started),
      // Only a review recorded while it went on has an end that is known: its last answer.
      ended_at: isLive && last > started && civilDate(last) === civilDate(started) ? written(last) : null,
      capture_mode: /** @type {any} */ (contact.capture_mode),
      mode,
      place: (outcome === "completed" && isSeen(contact, isAdditional(review)) && contact.place) || null,
      practitioner_type: (outcome === "completed" && contact.practitioner_type) || null,
    },
    authored_at: written(now),
    released_at: contact.share === "yes" && items.length ? written(now) : null,
    answers:
      questionnaire && items.length
        ? { canonical: [questionnaire.url, questionnaire.version].filter(Boolean).join("|"), items }
        : null,
  };
}
