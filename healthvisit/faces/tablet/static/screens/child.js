// @ts-check
/** One child: who it is, how each review stands, what can be recorded, and earlier results. */

import { h, hidden } from "../dom.js";
import { canBeRecorded, isOffered, standing } from "../pathway.js";
import { longDate, windowWords } from "../words.js";
import { growing } from "./growing.js";
import { banner, standingTag, stateTag, tag } from "./parts.js";
import { resultsByDay } from "./results.js";

const FRESH_MS = 5 * 60_000;

/**
 * @typedef {import("../app.js").App} App
 * @typedef {import("../notebook.js").Child} Child
 * @typedef {import("../pathway.js").Review} Review
 */

/** @param {App} app @param {string} id @returns {import("../app.js").Screen | null} */
export function child(app, id) {
  const reference = `Patient/${id}`;
  if (!app.notebook?.child(reference)) return null;
  let isReading = false;
  let hasFailed = false;
  const draw = () => {
    const current = app.notebook?.child(reference);
    if (!current) return [h("p", null, "This child is no longer on your caseload.")];
    const results = app.notebook?.results.get(reference)?.value;
    const growth = results ? growing(current, results.observations) : null;
    return [
      banner(app, current, true),
      growth?.asks ?? null,
      h("h2", { class: "nhsuk-heading-m" }, "Reviews"),
      h(
        "ol",
        { class: "hv-timeline" },
        current.reviews.map((review) => reviewItem(app, current, review)),
      ),
      ...contacts(app, current),
      growth?.stands ?? null,
      h("h2", { class: "nhsuk-heading-m" }, "Earlier results"),
      ...earlier(app, results, isReading, hasFailed),
      apps(id),
    ];
  };
  const kept = app.notebook.results.get(reference)?.value;
  const isNewer = app.notebook.outbox.some(
    (item) => item.about.child === reference && item.received_at !== null && item.received_at > (kept?.read_at ?? ""),
  );
  if (!kept || isNewer || app.clock.now().getTime() - Date.parse(kept.read_at) > FRESH_MS) {
    isReading = true;
    void app.sync.readChild(reference).then((hasAnswer) => {
      isReading = false;
      hasFailed = !hasAnswer;
      if (location.hash === `#/child/${id}`) app.changed();
    });
  }
  return {
    // The browser writes titles into its history, in clear: no child is named in one.
    title: "A child’s reviews",
    back: { href: "#/", text: "Today" },
    content: draw(),
    refreshed: draw,
  };
}

/**
 * @param {App} app
 * @param {import("../notebook.js").Results | undefined} results
 * @param {boolean} isReading
 * @param {boolean} hasFailed
 */
function earlier(app, results, isReading, hasFailed) {
  if (!results) {
    if (isReading) return [h("p", { role: "status" }, "Looking for earlier results")];
    return [h("p", null, "Earlier results are not on this tablet yet. They come when there is a signal.")];
  }
  const asOf = hasFailed ? [h("p", { class: "hv-small" }, `As they were at ${app.clockWords(results.read_at)}.`)] : [];
  if (results.observations.length === 0) return [...asOf, h("p", null, "No results are recorded yet.")];
  return [...asOf, ...resultsByDay(results.observations)];
}

/**
 * Apps of other makers stand on the service's own pages: they need a signal, and a window of their own.
 *
 * @param {string} id
 */
function apps(id) {
  if (!navigator.onLine) return h("p", { class: "hv-small" }, "Apps can be opened for this child when there is a signal.");
  const address = `/apps?patient=${encodeURIComponent(id)}`;
  return h("p", null, h("a", { href: address, target: "_blank", rel: "noopener" }, "Open an app for this child"));
}

/** Contacts beside the reviews: nobody is late with one, so none has a tag. @param {App} app @param {Child} owner */
function contacts(app, owner) {
  const shown = (owner.contacts ?? []).filter((each) => each.done_on !== null || isOffered(each, app.today));
  if (shown.length === 0) return [];
  return [
    h("h2", { class: "nhsuk-heading-m" }, "Other contacts"),
    h("p", null, "They are not statutory reviews, and do not count as one."),
    h(
      "ul",
      { class: "hv-timeline" },
      shown.map((contact) => contactItem(app, owner, contact)),
    ),
  ];
}

/** @param {App} app @param {Child} owner @param {Review} contact */
function contactItem(app, owner, contact) {
  const item = lastSent(app, owner, contact);
  return h(
    "li",
    { class: `hv-timeline__item${contact.done_on ? " hv-timeline__item--done" : ""}` },
    h(
      "div",
      { class: "hv-timeline__head" },
      h("h3", { class: "nhsuk-heading-s hv-timeline__title" }, contact.title),
    ),
    contact.done_on ? h("p", { class: "hv-timeline__when" }, `Last held on ${longDate(contact.done_on)}`) : null,
    sentLink(app, item),
    canBeRecorded(contact, app.today) && !isPending(item) ? actions(app, owner, contact, "Record contact") : null,
  );
}

/** @param {App} app @param {Child} owner @param {Review} review */
function lastSent(app, owner, review) {
  const reference = `Patient/${owner.patient.id}`;
  return app.notebook?.outbox.findLast(
    ({ about }) => about.child === reference && about.review === review.review,
  );
}

/** @param {import("../outbox.js").Item | undefined} item */
function isPending(item) {
  return item !== undefined && item.state !== "received" && item.state !== "set-aside";
}

/** @param {App} app @param {import("../outbox.js").Item | undefined} item */
function sentLink(app, item) {
  return item
    ? h("p", null, h("a", { class: "hv-state-link hv-target", href: `#/sent/${item.operation}` }, stateTag(app, item)))
    : null;
}

/** @param {App} app @param {Child} owner @param {Review} review */
function reviewItem(app, owner, review) {
  const item = lastSent(app, owner, review);
  const stands = standing(review, app.today);
  return h(
    "li",
    { class: `hv-timeline__item hv-timeline__item--${stands}` },
    h(
      "div",
      { class: "hv-timeline__head" },
      h("h3", { class: "nhsuk-heading-s hv-timeline__title" }, review.title),
      standingTag(review, owner.reviews, app.today),
    ),
    h("p", { class: "hv-timeline__when" }, whenWords(review, stands)),
    sentLink(app, item),
    canBeRecorded(review, app.today) && !isPending(item) ? actions(app, owner, review, "Record review") : null,
  );
}

/** @param {Review} review @param {import("../pathway.js").Standing} stands */
function whenWords(review, stands) {
  if (stands === "done" && review.done_on) {
    const late = { "done-late": ", after its window", "done-early": ", before its window" }[review.state] ?? "";
    return `Done on ${longDate(review.done_on)}${late}`;
  }
  return stands === "not-applicable" ? "" : windowWords(review.from, review.until);
}

/** @param {App} app @param {Child} owner @param {Review} review @param {string} words of the first button */
function actions(app, owner, review, words) {
  const base = `#/child/${owner.patient.id}/${review.review}`;
  const draft = app.notebook?.draftOf(`Patient/${owner.patient.id}`, review.review);
  const of = hidden(`: ${review.title}`);
  const record = draft
    ? h("a", { class: "nhsuk-button hv-button", href: `${base}/${draft.at.page}` }, "Continue the draft", of)
    : h("a", { class: "nhsuk-button hv-button", href: `${base}/contact` }, words, of);
  const quick = (/** @type {string} */ outcome, /** @type {string} */ text) =>
    h(
      "a",
      { class: "nhsuk-button nhsuk-button--secondary hv-button", href: `${base}/quick/${outcome}` },
      text,
      hidden(`: ${review.title}`),
    );
  return h(
    "div",
    { class: "hv-review-actions" },
    draft ? h("p", null, tag("Draft on this tablet", "yellow")) : null,
    review.questionnaire || draft
      ? record
      : h(
          "p",
          { class: "hv-small" },
          "This review has no form on the tablet yet. A contact that did not happen can be recorded.",
        ),
    // What was never arranged was neither declined nor missed.
    draft || review.review === "ad-hoc" ? null : h("div", { class: "hv-pair" }, quick("declined", "Declined"), quick("no-access", "No access")),
  );
}
