// @ts-check
/** How a review's window stands on a civil date. The dates come from the server: no window table is kept here. */

import { dayNumber } from "./civil.js";

const DUE_SOON_DAYS = 14;

/**
 * @typedef {object} Review one review of one child, as the caseload gives it
 * @property {string} review code, e.g. "two-year"
 * @property {string} title
 * @property {string | null} questionnaire id of its form, null where the tablet has none
 * @property {string | null} from first day on which it can be done
 * @property {string | null} until last day on which it can be done
 * @property {string} state how it stood on the server at as_at; "additional" for a contact that is no review
 * @property {string | null} done_on
 * @property {string | null} encounter
 */

/** @typedef {"done" | "declined" | "no-access" | "open" | "due" | "overdue" | "not-yet" | "not-applicable"} Standing */

/**
 * A caseload may be days old in the field, so what is still to be done is worked out for the day, not read.
 * @param {Review} review
 * @param {string} on
 * @returns {Standing}
 */
export function standing(review, on) {
  if (review.state.startsWith("done")) return "done";
  if (review.state === "declined" || review.state === "not-applicable") return review.state;
  if (review.from === null && review.until === null) return "not-applicable";
  if (review.from !== null && on < review.from) return "not-yet";
  if (review.until !== null && on > review.until) return review.state === "no-access" ? "no-access" : "overdue";
  return review.until !== null && dayNumber(review.until) - dayNumber(on) <= DUE_SOON_DAYS ? "due" : "open";
}

/**
 * Whether the child's next review has opened since: what was not done then is told, and no longer asked for.
 * @param {Review} review
 * @param {readonly Review[]} reviews all of the child's
 * @param {string} on
 */
export function isOvertaken(review, reviews, on) {
  return (
    ["overdue", "no-access"].includes(standing(review, on)) &&
    reviews.some(({ from }) => from !== null && from > (review.from ?? "") && from <= on)
  );
}

/**
 * Whether a contact for the review can be recorded on that day: late is better than never, early is not a review.
 * A family that declined may change its mind.
 * @param {Review} review
 * @param {string} on
 */
export function canBeRecorded(review, on) {
  if (isAdditional(review)) return isOffered(review, on);
  return ["open", "due", "overdue", "declined", "no-access"].includes(standing(review, on));
}

/** Whether it is an additional contact, which is never due and counts as no review. @param {Review} review */
export function isAdditional(review) {
  return review.state === "additional";
}

/**
 * Whether an additional contact can be held on that day: a suggested one once and at its age, any other always.
 * @param {Review} review
 * @param {string} on
 */
export function isOffered({ from, until, done_on: doneOn }, on) {
  if (from === null || until === null) return true;
  return doneOn === null && from <= on && on <= until;
}

/**
 * The review or additional contact of a child with that code.
 * @param {{reviews: Review[], contacts?: Review[]}} child
 * @param {string} code
 */
export function reviewOf({ reviews, contacts = [] }, code) {
  return [...reviews, ...contacts].find((each) => each.review === code);
}

/**
 * Reviews of a caseload that stand in one of these ways and are still asked for; the window that closes first
 * comes first. A child who has left the caseload, and is here for what was begun, is asked for nothing.
 * @template {{reviews: Review[], is_departed?: boolean}} C
 * @param {readonly C[]} children
 * @param {readonly Standing[]} sought
 * @param {string} on
 * @param {string} [before] only windows that open before this day
 * @returns {{child: C, review: Review}[]}
 */
export function standingSo(children, sought, on, before = "9999-12-31") {
  const last = (/** @type {Review} */ review) => review.until ?? "9999-12-31";
  return children
    .filter((child) => !child.is_departed)
    .flatMap((child) => child.reviews.map((review) => ({ child, review })))
    .filter(({ review }) => sought.includes(standing(review, on)) && (review.from ?? "") < before)
    .filter(({ child, review }) => !isOvertaken(review, child.reviews, on))
    .sort((a, b) => last(a.review).localeCompare(last(b.review)));
}
