// @ts-check
/**
 * What waits to be sent, as plain values: order, states, back-off. One permanent UUID per operation, so that a reply
 * which was lost changes nothing when the operation is sent again. "Received" and "handed in" are only ever written from
 * the server's own answer.
 */

const FIRST_WAIT_S = 5;
const LONGEST_WAIT_S = 300;

/**
 * @typedef {"waiting" | "sending" | "received" | "set-aside" | "handed-in"} State
 *
 * @typedef {object} About what the item is, in the tablet's own terms
 * @property {string} child "Patient/…"
 * @property {string} review
 * @property {string} title of the review
 * @property {string} outcome
 * @property {string} draft id of the draft it was made from
 *
 * @typedef {object} Item
 * @property {string} operation UUID, for ever
 * @property {number} number order in which the person pressed send
 * @property {string} body the bytes to send, the same on every attempt
 * @property {About} about
 * @property {State} state
 * @property {number} attempts
 * @property {number} not_before_ms device time before which it is not tried by itself
 * @property {string} queued_at
 * @property {string | null} received_at the server's time
 * @property {string | null} reference "Encounter/…", from the server
 * @property {string | null} reason the server's reason, where it was refused
 * @property {object[] | null} results Observations the server made, null until read
 * @property {boolean} [moved] refused because this team does not answer for the child any more
 * @property {string} [handed_at] the server's time at which it took the contact for another team
 * @property {string} [handed_reference] of the contact where it waits for that team
 * @property {string} [not_handed] why the server does not take it for another team
 * @property {string} [replaced_by] the operation under which a refused one was sent again
 *
 * @typedef {{kind: "received", reference: string, at: string}
 *   | {kind: "refused", reason: string, moved?: true}
 *   | {kind: "sign-in"}
 *   | {kind: "no-answer", wait_s?: number}} Answer
 *
 * @typedef {{kind: "handed-in", reference: string, at: string}
 *   | Exclude<Answer, {kind: "received"}>} HandingAnswer
 */

/**
 * @param {readonly Item[]} items
 * @param {{operation: string, body: string, about: About, at: string}} made
 * @returns {Item}
 */
export function queued(items, { operation, body, about, at }) {
  return {
    operation,
    number: Math.max(0, ...items.map((item) => item.number)) + 1,
    body,
    about,
    state: "waiting",
    attempts: 0,
    not_before_ms: 0,
    queued_at: at,
    received_at: null,
    reference: null,
    reason: null,
    results: null,
  };
}

/**
 * Items to send now, oldest first. One that the server could not take waits alone; the rest go on.
 * @param {readonly Item[]} items
 * @param {number} nowMs Infinity when the person presses "Send now"
 */
export function ready(items, nowMs) {
  return items
    .filter((item) => item.state === "waiting" && item.not_before_ms <= nowMs)
    .sort((a, b) => a.number - b.number);
}

/** @param {Item} item @returns {Item} */
export function sending(item) {
  if (item.state !== "waiting") throw new RangeError(`an item that is ${item.state} is not sent`);
  return { ...item, state: "sending", attempts: item.attempts + 1 };
}

/**
 * @param {Item} item
 * @param {Answer} answer
 * @param {number} nowMs device time
 * @returns {Item}
 */
export function answered(item, answer, nowMs) {
  if (item.state !== "sending") throw new RangeError(`an item that is ${item.state} waits for no answer`);
  switch (answer.kind) {
    case "received":
      return { ...item, state: "received", reference: answer.reference, received_at: answer.at, reason: null };
    case "refused":
      return { ...item, state: "set-aside", reason: answer.reason, ...(answer.moved && { moved: true }) };
    case "sign-in":
      return { ...item, state: "waiting", not_before_ms: 0 };
    case "no-answer":
      return {
        ...item,
        state: "waiting",
        not_before_ms: nowMs + (answer.wait_s ?? backOffS(item.attempts)) * 1000,
      };
  }
}

/**
 * Whether it is to be handed to the team that answers for the child now. It keeps its state until the server's receipt
 * came: a tablet that dies in between hands it in again, which changes nothing.
 * @param {Item} item
 */
export function isToHandIn(item) {
  return item.state === "set-aside" && item.moved === true && !item.replaced_by && item.not_handed === undefined;
}

/**
 * Items to hand in now, oldest first.
 * @param {readonly Item[]} items
 * @param {number} nowMs Infinity when the person presses "Send now"
 */
export function toHandIn(items, nowMs) {
  return items
    .filter((item) => isToHandIn(item) && item.not_before_ms <= nowMs)
    .sort((a, b) => a.number - b.number);
}

/**
 * @param {Item} item
 * @param {HandingAnswer} answer
 * @param {number} nowMs device time
 * @returns {Item}
 */
export function handed(item, answer, nowMs) {
  if (!isToHandIn(item)) throw new RangeError(`an item that is ${item.state} is not handed in`);
  switch (answer.kind) {
    case "handed-in":
      return { ...item, state: "handed-in", handed_at: answer.at, handed_reference: answer.reference };
    case "refused":
      return { ...item, not_handed: answer.reason };
    case "sign-in":
      return { ...item, not_before_ms: 0 };
    case "no-answer":
      return {
        ...item,
        attempts: item.attempts + 1,
        not_before_ms: nowMs + (answer.wait_s ?? backOffS(item.attempts)) * 1000,
      };
  }
}

/**
 * An item found "sending" at start was cut off: whether the server has it is not known, so it is sent again as it is.
 * @param {Item} item
 * @returns {Item}
 */
export function resumed(item) {
  return item.state === "sending" ? { ...item, state: "waiting", not_before_ms: 0 } : item;
}

/**
 * Seconds to wait after so many attempts without an answer.
 * @param {number} attempts
 */
export function backOffS(attempts) {
  return Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** Math.max(0, attempts - 1));
}

/** What is on this tablet alone. @param {readonly Item[]} items */
export function unsent(items) {
  return items.filter((item) => item.state === "waiting" || item.state === "sending" || isToHandIn(item));
}

/**
 * The state of one item in words. `clock` turns an instant into the time on a clock.
 * @param {Item} item
 * @param {(instant: string) => string} clock
 */
export function stateWords(item, clock) {
  switch (item.state) {
    case "waiting":
      return "On this tablet, waiting to send";
    case "sending":
      return "Sending";
    case "received":
      return `Received ${clock(/** @type {string} */ (item.received_at))}, reference ${item.reference}`;
    case "set-aside":
      if (item.replaced_by) return "Not accepted by the server; sent again after";
      if (!item.moved) return "Not accepted by the server, kept on this tablet";
      return isToHandIn(item)
        ? "Not stored: your team does not have the child now; kept on this tablet until it is handed over"
        : "Not stored and not handed over: your team does not have the child now; kept on this tablet";
    case "handed-in":
      return `Handed to the team that answers for the child now, ${clock(/** @type {string} */ (item.handed_at))}, reference ${item.handed_reference}`;
  }
}

/**
 * The permanent line at the top of every screen.
 * @param {readonly Item[]} items
 * @param {(instant: string) => string} clock
 */
export function lineWords(items, clock) {
  const waiting = items.filter((item) => item.state === "waiting").length;
  const going = items.filter((item) => item.state === "sending").length;
  const handing = items.filter(isToHandIn).length;
  const aside = items.filter((item) => item.state === "set-aside" && !item.replaced_by).length - handing;
  const received = items.flatMap((item) => (item.received_at ? [item.received_at] : [])).sort();
  const visits = (/** @type {number} */ count) => `${count} ${count === 1 ? "contact" : "contacts"}`;
  const parts = [];
  if (going) parts.push(`Sending ${visits(going)}`);
  if (waiting) parts.push(`${visits(waiting)} on this tablet, waiting to send`);
  if (handing) parts.push(`${visits(handing)} on this tablet, to hand to another team`);
  if (!going && !waiting && !handing) parts.push("Nothing waiting to send");
  if (aside) parts.push(`${visits(aside)} not accepted`);
  const last = received.at(-1);
  if (last) parts.push(`last received ${clock(last)}`);
  return parts.join(", ");
}
