// @ts-check
/** The caseload today: what is unfinished, what can be done now, what is overdue, what opens soon; and the search. */

import { plusDays } from "../civil.js";
import { h } from "../dom.js";
import { input } from "../forms.js";
import { isOvertaken, reviewOf, standing, standingSo } from "../pathway.js";
import { found, fullName, nhsNumber } from "../patient.js";
import { ageWords, counted, nhsNumberWords, shortDate, weekdayDate, windowWords } from "../words.js";
import { childHref, heading, standingTag, stateTag, tag } from "./parts.js";

/**
 * @typedef {import("../app.js").App} App
 * @typedef {import("../notebook.js").Child} Child
 * @typedef {import("../pathway.js").Review} Review
 * @typedef {{child: Child, review: Review}} Entry
 */

const AT_ONCE = 25;
const SOON_DAYS = 28;

/** @type {Record<string, {name: string, none: string}>} */
const LISTS = {
  now: { name: "Can be done now", none: "No review can be done today." },
  overdue: { name: "Overdue", none: "Nothing is overdue." },
  soon: { name: "Next 4 weeks", none: "No window opens in the next 4 weeks." },
};

/** @param {App} app @returns {import("../app.js").Screen} */
export function today(app) {
  let shown = AT_ONCE;
  const draw = () => {
    const caseload = app.notebook?.caseload;
    if (!caseload) return [heading("Today", weekdayDate(app.today)), h("p", null, "Your caseload is not here yet.")];
    const lists = sorted(app, caseload.children);
    const list = lists[app.list];
    return [
      heading("Today", weekdayDate(app.today)),
      h(
        "p",
        { class: "hv-search-link" },
        h(
          "a",
          { class: "nhsuk-button nhsuk-button--secondary hv-button", href: "#/search", id: "to-search" },
          `Search all ${counted(caseload.children.length, "child", "children")}`,
        ),
      ),
      caseload.truncated
        ? h(
            "p",
            { class: "hv-notice" },
            "Your caseload is larger than this tablet carries. Some children are not listed here.",
          )
        : null,
      unfinished(app),
      moving(app),
      h(
        "div",
        { class: "hv-choices", role: "group", "aria-label": "Which reviews to list" },
        Object.entries(LISTS).map(([id, { name }]) =>
          h(
            "button",
            {
              class: "hv-choice",
              type: "button",
              id: `list-${id}`,
              "aria-pressed": String(app.list === id),
              click: () => {
                app.list = id;
                shown = AT_ONCE;
                app.changed();
              },
            },
            name,
            h("span", { class: "hv-choice__count" }, String(lists[id].length)),
          ),
        ),
      ),
      h("h2", { class: "nhsuk-heading-m hv-list-heading" }, LISTS[app.list].name),
      list.length === 0 ? h("p", null, LISTS[app.list].none) : null,
      entries(app, list.slice(0, shown)),
      list.length > shown
        ? h(
            "button",
            {
              class: "nhsuk-button nhsuk-button--secondary hv-button",
              type: "button",
              id: "more",
              click: () => {
                shown += AT_ONCE;
                app.changed();
              },
            },
            `Show more (${list.length - shown} left)`,
          )
        : null,
    ];
  };
  return { title: "Today", content: draw(), refreshed: draw };
}

/**
 * @param {App} app
 * @param {Child[]} children
 * @returns {Record<string, Entry[]>}
 */
function sorted(app, children) {
  const on = app.today;
  return {
    now: standingSo(children, ["open", "due"], on),
    overdue: standingSo(children, ["overdue", "no-access"], on).reverse(),
    soon: standingSo(children, ["not-yet"], on, plusDays(on, SOON_DAYS + 1)).sort((a, b) =>
      (a.review.from ?? "").localeCompare(b.review.from ?? ""),
    ),
  };
}

/** @param {App} app */
function unfinished(app) {
  const notebook = app.notebook;
  const drafts = [...(notebook?.drafts.values() ?? [])]
    .filter((draft) => draft.operation === null || notebook?.items.get(draft.operation)?.state === "set-aside")
    .sort((a, b) => b.changed_at.localeCompare(a.changed_at));
  if (!notebook || drafts.length === 0) return null;
  return h(
    "section",
    { class: "hv-unfinished", "aria-label": "Unfinished" },
    h("h2", { class: "nhsuk-heading-m hv-list-heading" }, "Unfinished"),
    h(
      "ul",
      { class: "hv-list" },
      drafts.flatMap((draft) => {
        const child = notebook.child(draft.child);
        if (!child) return [];
        const review = reviewOf(child, draft.review);
        const href = `${childHref(child)}/${draft.review}/${draft.at.page}`;
        return h(
          "li",
          { class: "hv-list__item" },
          h(
            "a",
            { class: "hv-row", href },
            h("span", { class: "hv-row__name" }, `Continue with ${fullName(child.patient)}`),
            h(
              "span",
              { class: "hv-row__line" },
              review?.title ?? draft.review,
              " ",
              draft.operation ? tag("Not accepted by the server", "red") : tag("Draft on this tablet", "yellow"),
              child.is_departed ? [" ", tag("No longer on your caseload", "grey")] : null,
            ),
          ),
        );
      }),
    ),
  );
}

/**
 * Children who wait between two teams. They are answered on a page, which needs a signal.
 * @param {App} app
 */
function moving(app) {
  const moves = app.notebook?.caseload?.moves;
  if (!moves || moves.arriving.length + moves.leaving.length === 0) return null;
  const rows = [...moves.arriving.map((move) => moveRow(move, true)), ...moves.leaving.map((move) => moveRow(move, false))];
  return h(
    "section",
    { class: "hv-unfinished", "aria-label": "Moving in and out" },
    h("h2", { class: "nhsuk-heading-m hv-list-heading" }, "Moving in and out"),
    h("ul", { class: "hv-list", id: "moves" }, rows),
  );
}

/** @param {import("../notebook.js").Move} move @param {boolean} isArriving */
function moveRow(move, isArriving) {
  const facts = [
    move.born ? `Born ${/^\d{4}-\d{2}-\d{2}$/.test(move.born) ? shortDate(move.born) : move.born}` : "Birthday not known",
    move.nhs_number ? `NHS ${nhsNumberWords(move.nhs_number)}` : "NHS number not known",
  ];
  const where = isArriving ? `Offered to your team${move.from ? ` by ${move.from}` : ""}` : `Offered to ${move.to}`;
  return h(
    "li",
    { class: "hv-list__item" },
    h(
      "a",
      { class: "hv-row", href: "/staff/moves" },
      h("span", { class: "hv-row__name" }, move.name || "A child without a name yet"),
      h("span", { class: "hv-row__who" }, facts.map((fact) => h("span", { class: "hv-nowrap" }, fact))),
      h(
        "span",
        { class: "hv-row__line" },
        `${where} on ${shortDate(move.offered_on)} `,
        move.state === "declined" ? tag("Declined", "orange") : null,
        move.is_long ? tag(`Waiting ${counted(move.working_days, "working day")}`, "red") : null,
      ),
    ),
  );
}

/** @param {App} app @param {Entry[]} list */
function entries(app, list) {
  return h(
    "ul",
    { class: "hv-list" },
    list.map(({ child, review }) => {
      const reference = `Patient/${child.patient.id}`;
      const item = app.notebook?.outbox.findLast(
        (each) => each.about.child === reference && each.about.review === review.review,
      );
      return h(
        "li",
        { class: "hv-list__item" },
        h(
          "a",
          { class: "hv-row", href: childHref(child) },
          h("span", { class: "hv-row__name" }, fullName(child.patient)),
          h("span", { class: "hv-row__who" }, who(app, child)),
          h("span", { class: "hv-row__line" }, h("strong", null, review.title), " ", standingTag(review, child.reviews, app.today)),
          h("span", { class: "hv-row__window" }, windowWords(review.from, review.until)),
          item ? h("span", { class: "hv-row__line" }, stateTag(app, item)) : null,
        ),
      );
    }),
  );
}

/** @param {App} app @param {Child} child */
function who(app, { patient }) {
  const number = nhsNumber(patient);
  return [
    `Born ${shortDate(patient.birthDate)}`,
    ageWords(patient.birthDate, app.today),
    number ? `NHS ${nhsNumberWords(number)}` : "NHS number not known",
  ].map((fact) => h("span", { class: "hv-nowrap" }, fact));
}

/** @param {App} app @returns {import("../app.js").Screen} */
export function search(app) {
  const results = h("div", { id: "results" });
  const say = h("p", { role: "status", class: "hv-count" });
  const draw = () => {
    const children = app.notebook?.caseload?.children ?? [];
    const list = found(children, app.sought);
    say.textContent = app.sought.trim() ? `${counted(list.length, "child", "children")} found` : "";
    results.replaceChildren(
      h(
        "ul",
        { class: "hv-list" },
        list
          .slice(0, AT_ONCE)
          .map((child) =>
            h(
              "li",
              { class: "hv-list__item" },
              h(
                "a",
                { class: "hv-row", href: childHref(child) },
                h("span", { class: "hv-row__name" }, fullName(child.patient)),
                h("span", { class: "hv-row__who" }, who(app, child)),
                nextLine(app, child),
              ),
            ),
          ),
      ),
      ...(list.length > AT_ONCE ? [h("p", null, `The first ${AT_ONCE} are shown. Type more of the name.`)] : []),
    );
  };
  const screen = {
    title: "Search",
    back: { href: "#/", text: "Today" },
    focus: "sought",
    content: [
      heading("Search"),
      h(
        "search",
        null,
        input({
          id: "sought",
          label: "Name or NHS number",
          hint: "The beginning of a first or last name is enough",
          value: app.sought,
          typed: (value) => {
            app.sought = value;
            draw();
          },
          kind: "search",
        }),
      ),
      say,
      results,
    ],
  };
  draw();
  return screen;
}

/** @param {App} app @param {Child} child */
function nextLine(app, child) {
  const on = app.today;
  const next = child.reviews.find(
    (review) =>
      ["open", "due", "overdue"].includes(standing(review, on)) && !isOvertaken(review, child.reviews, on),
  );
  if (!next) return null;
  return h("span", { class: "hv-row__line" }, h("strong", null, next.title), " ", standingTag(next, child.reviews, on));
}
