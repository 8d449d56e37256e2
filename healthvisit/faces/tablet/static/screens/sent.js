// @ts-check
/** What became of what was sent: one contact with its honest state, and all of them. */

import { h } from "../dom.js";
import { isToHandIn, stateWords } from "../outbox.js";
import { fullName } from "../patient.js";
import { OUTCOMES } from "../words.js";
import { banner, heading, stateTag } from "./parts.js";
import { isScore, resultsByDay } from "./results.js";

/**
 * @typedef {import("../app.js").App} App
 * @typedef {import("../outbox.js").Item} Item
 */

/** @param {App} app @param {string} operation @returns {import("../app.js").Screen | null} */
export function sent(app, operation) {
  if (!app.notebook?.items.has(operation)) return null;
  const draw = () => {
    const item = app.notebook?.items.get(operation);
    if (!item) return [];
    const child = app.notebook?.child(item.about.child);
    return [
      child ? banner(app, child) : null,
      h("div", { role: "status" }, stateBox(app, item)),
      ...results(item),
      ...aside(item),
      ...handedIn(item),
      h(
        "div",
        { class: "hv-actions" },
        ...again(item),
        h(
          "a",
          {
            class: `nhsuk-button hv-button${isOpen(item) && !isToHandIn(item) ? " nhsuk-button--secondary" : ""}`,
            href: "#/",
            id: "to-today",
          },
          "Back to today",
        ),
        child
          ? h(
              "a",
              {
                class: "nhsuk-button nhsuk-button--secondary hv-button",
                href: `#/child/${child.patient.id}`,
                id: "to-child",
              },
              `Open ${fullName(child.patient)}`,
            )
          : null,
      ),
    ];
  };
  return { title: "What was sent", back: { href: "#/", text: "Today" }, content: draw(), refreshed: draw };
}

/** @param {App} app @param {Item} item */
function stateBox(app, item) {
  const words =
    item.state === "handed-in"
      ? `Handed to the team that answers for the child now, ${app.clockWords(/** @type {string} */ (item.handed_at))}`
      : stateWords(item, (at) => app.clockWords(at));
  const what = `${item.about.title}: ${OUTCOMES[item.about.outcome].toLowerCase()}`;
  if (item.state === "received") {
    return h(
      "div",
      { class: "nhsuk-panel hv-panel" },
      h(
        "h1",
        { class: "nhsuk-panel__heading nhsuk-panel__heading--l" },
        `Received ${app.clockWords(/** @type {string} */ (item.received_at))}`,
      ),
      h(
        "div",
        { class: "nhsuk-panel__body" },
        h("p", null, what),
        h("p", { class: "hv-reference" }, `Reference ${item.reference}`),
      ),
    );
  }
  return h(
    "div",
    { class: `hv-state hv-state--${item.state}` },
    h("h1", { class: "nhsuk-heading-l hv-heading" }, words),
    h("p", null, what),
    item.state === "handed-in" ? h("p", { class: "hv-reference" }, `Reference ${item.handed_reference}`) : null,
    item.state === "set-aside" || item.state === "handed-in"
      ? null
      : h(
          "p",
          null,
          "It is locked and kept on this tablet, and is sent as soon as there is a signal. You can go on to the next visit.",
        ),
  );
}

/** @param {Item} item */
function results(item) {
  if (item.state !== "received" || item.about.outcome !== "completed") return [];
  if (item.results === null) {
    return [h("p", null, "The server’s score is not on this tablet yet. It comes with the next update.")];
  }
  if (item.results.length === 0) return [];
  return [
    h("h2", { class: "nhsuk-heading-m" }, item.results.some(isScore) ? "Scored by the server" : "Recorded"),
    ...resultsByDay(item.results),
  ];
}

/** Whether it was refused, and is not sent anew yet. @param {Item} item */
function isOpen(item) {
  return item.state === "set-aside" && !item.replaced_by;
}

/** @param {Item} item */
function again(item) {
  if (!isOpen(item) || isToHandIn(item)) return [];
  const id = item.about.child.split("/")[1];
  const href = `#/child/${id}/${item.about.review}/check`;
  return [h("a", { class: "nhsuk-button hv-button", href, id: "again" }, "Change answers and send again")];
}

/** @param {Item} item */
function aside(item) {
  if (!isOpen(item)) return [];
  return [
    h("h2", { class: "nhsuk-heading-m" }, "Why it was not accepted"),
    h("p", { class: "hv-reason" }, item.reason),
    h("p", null, "Nothing is lost: your answers are still on this tablet."),
    isToHandIn(item)
      ? h(
          "p",
          null,
          "It is handed to the team that answers for the child now, by itself, as soon as there is a signal. That team decides what stands in the record.",
        )
      : null,
    item.not_handed !== undefined
      ? h(
          "p",
          null,
          `It could not be handed to another team: ${item.not_handed} Tell your team lead; if the child comes back to your team, send it again.`,
        )
      : null,
  ];
}

/** @param {Item} item */
function handedIn(item) {
  if (item.state !== "handed-in") return [];
  return [
    h(
      "p",
      null,
      "Your team did not have the child any more when this was sent. It does not stand in the child’s record yet: who leads the team that has the child now looks at it and decides. There is nothing more for you to do.",
    ),
  ];
}

/** @param {App} app @returns {import("../app.js").Screen} */
export function outbox(app) {
  const draw = () => {
    const items = [...(app.notebook?.outbox ?? [])].reverse();
    return [
      heading("Sent from this tablet"),
      items.length === 0 ? h("p", null, "Nothing has been sent from this tablet yet.") : null,
      h(
        "ul",
        { class: "hv-list" },
        items.map((item) => {
          const child = app.notebook?.child(item.about.child);
          return h(
            "li",
            { class: "hv-list__item" },
            h(
              "a",
              { class: "hv-row", href: `#/sent/${item.operation}` },
              h(
                "span",
                { class: "hv-row__name" },
                child ? fullName(child.patient) : "A child who is no longer on your caseload",
              ),
              h(
                "span",
                { class: "hv-row__line" },
                `${item.about.title}: ${OUTCOMES[item.about.outcome].toLowerCase()}`,
              ),
              h("span", { class: "hv-row__line" }, stateTag(app, item)),
            ),
          );
        }),
      ),
    ];
  };
  return { title: "Sent from this tablet", back: { href: "#/", text: "Today" }, content: draw(), refreshed: draw };
}
