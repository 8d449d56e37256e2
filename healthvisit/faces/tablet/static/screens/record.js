// @ts-check
/** Recording one review: about the contact, one section at a time, check answers, send. Kept after every answer. */

import { DOMAINS, adjustedAge, domainScore, formsFor, itemWording } from "../asq3.js";
import { age, civilDate, clockTime } from "../civil.js";
import { h, hidden } from "../dom.js";
import { begun, contactFaults, draftFaults, hasAnswers, isSeen, pages, startedAt, statement } from "../draft.js";
import { write } from "../exact_json.js";
import { answerWords, asked, decimalText, enabled, fault, isUnlikely, sections } from "../form_engine.js";
import { button, dateInput, errorSummary, input, question, radios, summaryList } from "../forms.js";
import { measureOf, place, readings, reference, withChart } from "../growth.js";
import { queued } from "../outbox.js";
import { canBeRecorded, isAdditional, reviewOf } from "../pathway.js";
import { fullName } from "../patient.js";
import { transaction } from "../review.js";
import { CAPTURE_MODES, OUTCOMES, counted, pointsWords, weekdayDate } from "../words.js";
import { asksNow, measuredOf } from "./growing.js";
import { banner, heading, packNotice } from "./parts.js";
import { zoneTag } from "./results.js";

/**
 * @typedef {import("../app.js").App} App
 * @typedef {import("../app.js").Screen} Screen
 * @typedef {import("../notebook.js").Draft} Draft
 * @typedef {import("../form_engine.js").Section} Section
 * @typedef {import("../form_engine.js").Item} Item
 * @typedef {import("../draft.js").Fault} Fault
 * @typedef {import("../dom.js").Content} Content
 *
 * @typedef {object} Open what every screen of a recording needs
 * @property {App} app
 * @property {import("../notebook.js").Caseload} caseload
 * @property {import("../notebook.js").Child} child
 * @property {import("../pathway.js").Review} review
 * @property {import("../form_engine.js").Questionnaire | null} questionnaire
 * @property {string} base address of the recording
 * @property {() => Draft} draft as it stands now
 * @property {(change: Partial<Draft>, field: string, now?: boolean) => void} change
 */

/** @type {Record<string, (recording: Open, faults: Fault[]) => {title: string, content: Content[]}>} */
const OWN_PAGES = { contact: contactPage, place: placePage, share: sharePage, check: checkPage };

/** @param {App} app @param {string} id @param {string} code @returns {Open | null} */
function open(app, id, code) {
  const caseload = app.notebook?.caseload;
  const child = app.notebook?.child(`Patient/${id}`);
  const review = child && reviewOf(child, code);
  if (!caseload || !child || !review) return null;
  const questionnaire = caseload.questionnaires.find((each) => each.id === review.questionnaire) ?? null;
  const key = `${id} ${code}`;
  const draft = () =>
    app.current.get(key) ??
    app.notebook?.draftOf(`Patient/${id}`, code) ??
    begun({ id: crypto.randomUUID(), child: `Patient/${id}`, review: code, at: app.clock.now().toISOString() });
  if (!app.current.has(key)) app.current.set(key, draft());
  return {
    app,
    caseload,
    child,
    review,
    questionnaire,
    base: `#/child/${id}/${code}`,
    draft,
    change: (change, field, now = true) => {
      const changed = {
        ...draft(),
        ...change,
        at: { page: location.hash.split("/").at(-1)?.split("?")[0] ?? "contact", field },
        changed_at: app.clock.now().toISOString(),
      };
      app.current.set(key, changed);
      const notebook = app.notebook;
      if (notebook) void app.keep(() => notebook.keepDraft(changed), now);
    },
  };
}

/**
 * @param {App} app
 * @param {string} id of the Patient
 * @param {string} code of the review
 * @param {string} name of the page
 * @param {string} [changing] field that is being changed from the check page, to which the person goes back
 * @returns {Screen | null}
 */
export function page(app, id, code, name, changing = "") {
  const recording = open(app, id, code);
  if (recording === null) return null;
  const draft = recording.draft();
  const sent = draft.operation === null ? null : app.notebook?.items.get(draft.operation);
  if (sent && sent.state !== "set-aside") {
    location.replace(`#/sent/${sent.operation}`);
    return null;
  }
  if (!canBeRecorded(recording.review, app.today)) return null;
  return draw(recording, name, changing, []);
}

/**
 * @param {Open} recording
 * @param {string} name
 * @param {string} changing
 * @param {Fault[]} faults
 * @returns {Screen | null}
 */
function draw(recording, name, changing, faults) {
  const { app, child, review, base } = recording;
  const draft = recording.draft();
  const all = pages(draft, recording.questionnaire);
  const index = all.indexOf(name);
  if (index < 0) return null;
  const caption = `${review.title}: step ${index + 1} of ${all.length}`;
  const section = recording.questionnaire && sections(recording.questionnaire).find((each) => each.id === name);
  const { title, content } = section ? sectionPage(recording, section, faults) : OWN_PAGES[name](recording, faults);

  const goOn = () => {
    const now = recording.draft();
    const bounds = boundsOf(recording);
    const found = section ? sectionFaults(recording, section) : contactFaults(now, name, bounds);
    if (found.length) return show(app, draw(recording, name, changing, found));
    const links = askedLinks(recording);
    const doubtful = section?.items.find(
      (item) =>
        links.has(item.linkId) &&
        (isUnlikely(item, now.answers[item.linkId]) || isOnNoChart(recording, item)) &&
        now.confirmed[item.linkId] !== now.answers[item.linkId],
    );
    if (doubtful) return show(app, interruption(recording, name, changing, doubtful, goOn));
    const rest = pages(now, recording.questionnaire);
    void app.save();
    location.hash = changing ? `${base}/check` : `${base}/${rest[rest.indexOf(name) + 1]}`;
  };

  const back = changing
    ? { href: `${base}/check`, text: "Check answers" }
    : index === 0
      ? { href: `#/child/${child.patient.id}`, text: fullName(child.patient) }
      : { href: `${base}/${all[index - 1]}`, text: "Back" };
  const at = draft.at.page === name && app.isReturning ? focusable(draft) : null;
  return {
    title: `${faults.length ? "Error: " : ""}${title}`,
    back,
    focus: faults.length ? null : changing || at,
    content: [
      faults.length
        ? errorSummary(
            name === "check"
              ? faults.map((each) => ({ ...each, href: changeHref(base, each.page, each.field) }))
              : faults,
          )
        : null,
      banner(app, child),
      heading(title, caption),
      ...content,
      name === "check"
        ? h(
            "div",
            { class: "hv-actions" },
            button("Confirm and send", () => send(recording)),
          )
        : h("div", { class: "hv-actions" }, button("Continue", goOn)),
      h("p", { class: "hv-kept" }, "Every answer is kept on this tablet as you give it."),
    ],
  };
}

/** What a contact is held to. @param {Open} recording */
function boundsOf({ app, child, review }) {
  return { now: app.clock.now(), born: child.patient.birthDate, isAdditional: isAdditional(review) };
}

/** The field the person was in; of a choice, the one that was chosen. @param {Draft} draft */
function focusable({ at: { field }, answers, contact }) {
  if (field === null) return null;
  const value = answers[field] ?? /** @type {Record<string, string | undefined>} */ (contact)[field];
  return value === undefined ? field : `${field}=${value}`;
}

/** @param {App} app @param {Screen | null} screen */
function show(app, screen) {
  if (screen) app.put(screen);
}

/** @param {string} base @param {string} page @param {string} field */
function changeHref(base, page, field) {
  return `${base}/${page}?change=${encodeURIComponent(field)}`;
}

/** @param {Fault[]} faults @param {string} field */
function faultOf(faults, field) {
  return faults.find((each) => each.field === field)?.text;
}

/** @param {Record<string, string>} words */
function optionsOf(words) {
  return Object.entries(words).map(([value, text]) => ({ value, text }));
}

/** @param {Open} recording @param {Fault[]} faults */
function contactPage(recording, faults) {
  const { app, draft, change } = recording;
  const { contact } = draft();
  const set = (/** @type {Partial<Draft["contact"]>} */ part, /** @type {string} */ field, now = true) =>
    change({ contact: { ...draft().contact, ...part } }, field, now);
  const now = contact.when === "now" && contact.now_at ? new Date(contact.now_at) : app.clock.now();
  const other = h(
    "div",
    null,
    dateInput({
      id: "on",
      legend: "Date",
      hint: "For example, 15 2 2021",
      value: contact.on,
      typed: (on) => set({ on }, "on", false),
      fault: faultOf(faults, "on"),
    }),
    input({
      id: "time",
      label: "Time it began",
      hint: "For example, 10:42 or 14:05",
      value: contact.time,
      typed: (time) => set({ time: timeText(time) }, "time", false),
      fault: faultOf(faults, "time"),
      width: "nhsuk-input--width-5",
    }),
  );
  return {
    title: "About this contact",
    content: [
      radios({
        id: "outcome",
        legend: "What happened?",
        options: optionsOf(OUTCOMES),
        value: contact.outcome,
        chosen: (outcome) => set({ outcome }, "outcome"),
        fault: faultOf(faults, "outcome"),
      }),
      radios({
        id: "when",
        legend: "When was it?",
        options: [
          { value: "now", text: `Now: ${weekdayDate(civilDate(now))} at ${clockTime(now)}` },
          { value: "other", text: "Another date or time" },
        ],
        value: contact.when,
        chosen: (when) => set(when === "now" ? { when, now_at: now.toISOString() } : { when: "other" }, "when"),
        fault: faultOf(faults, "when"),
        revealed: { other },
      }),
      radios({
        id: "capture_mode",
        legend: "How was it recorded?",
        options: optionsOf(CAPTURE_MODES),
        value: contact.capture_mode,
        chosen: (mode) => set({ capture_mode: mode }, "capture_mode"),
        fault: faultOf(faults, "capture_mode"),
      }),
    ],
  };
}

/** "9.05" and "905" are what people type for 09:05. @param {string} typed */
function timeText(typed) {
  const match = /^(\d{1,2})[:.]?(\d{2})$/.exec(typed.trim());
  return match ? `${match[1].padStart(2, "0")}:${match[2]}` : typed.trim();
}

/** @param {Open} recording @param {Fault[]} faults */
function placePage({ caseload, review, draft, change }, faults) {
  const { contact } = draft();
  const place = radios({
    id: "place",
    legend: "Where was it?",
    options: optionsOf(caseload.places),
    value: contact.place,
    chosen: (place) => change({ contact: { ...draft().contact, place } }, "place"),
    fault: faultOf(faults, "place"),
    size: isAdditional(review) ? "s" : "m",
  });
  return {
    title: isAdditional(review) ? "How and where, and who did it" : "Where, and who did it",
    content: [
      isAdditional(review)
        ? radios({
            id: "mode",
            legend: "How was it held?",
            options: optionsOf(caseload.contact_modes ?? {}),
            value: contact.mode,
            chosen: (mode) => change({ contact: { ...draft().contact, mode } }, "mode"),
            fault: faultOf(faults, "mode"),
            revealed: { "face-to-face": place },
          })
        : place,
      radios({
        id: "practitioner_type",
        legend: "Who did it?",
        options: optionsOf(caseload.practitioner_types),
        value: contact.practitioner_type,
        chosen: (type) => change({ contact: { ...draft().contact, practitioner_type: type } }, "practitioner_type"),
        fault: faultOf(faults, "practitioner_type"),
      }),
    ],
  };
}

/** @param {Open} recording @param {Fault[]} faults */
function sharePage({ review, draft, change }, faults) {
  const { contact } = draft();
  return {
    title: "Share with the parents",
    content: [
      radios({
        id: "share",
        legend: "Share the result with the parents now?",
        hint: "They see it in their own pages, in plain words. Talk it through with them first.",
        options: [
          { value: "yes", text: "Yes, share it now" },
          {
            value: "later",
            text: "Not now",
            hint: isAdditional(review)
              ? "They see neither the contact nor a result."
              : "They see that the review was done, and no result.",
          },
        ],
        value: contact.share,
        chosen: (share) =>
          change({ contact: { ...draft().contact, share: /** @type {"yes" | "later"} */ (share) } }, "share"),
        fault: faultOf(faults, "share"),
      }),
    ],
  };
}

/** @param {string} id of a section @returns {string | null} the ASQ-3 domain */
function domainOf(id) {
  const domain = id.replace(/^asq3-/, "");
  return DOMAINS.includes(domain) ? domain : null;
}

/** @param {Open} recording @param {Section} section */
function sectionTitle({ caseload }, section) {
  return section.id === "asq3" && caseload.pack ? caseload.pack.title : section.title;
}

/** What is asked by the answers as they stand. @param {Open} recording */
function askedLinks({ questionnaire, draft }) {
  return questionnaire ? enabled(questionnaire, draft().answers) : new Set();
}

/** @param {Open} recording @param {Section} section @returns {Fault[]} */
function sectionFaults(recording, section) {
  const { answers } = recording.draft();
  const links = askedLinks(recording);
  return section.items.flatMap((item) => {
    const text = links.has(item.linkId) ? fault(item, answers[item.linkId]) : null;
    return text === null ? [] : [{ page: section.id, field: item.linkId, text }];
  });
}

/** @param {Open} recording @param {Section} section @param {Fault[]} faults */
function sectionPage(recording, section, faults) {
  const { app, caseload, draft, change, base } = recording;
  const domain = domainOf(section.id);
  const usesPack = section.id.startsWith("asq3");
  const { answers } = draft();
  const form = answers["asq3-form"];
  const live = h("div", { class: "hv-score", role: "status" });
  const score = () => domain && live.replaceChildren(...scoreLine(recording, domain));
  score();
  const charted = section.items.filter((item) => measureOf(item.linkId));
  const places = new Map(charted.map((item) => [item, h("p", { class: "hv-growth", role: "status" })]));
  const compare = () =>
    places.forEach((told, item) => {
      const parts = [growthWords(recording, item), ...growthAsks(recording, item).map((text) => h("strong", null, ` ${text}`))];
      // What is put in again is read out again.
      const said = parts.map((part) => (typeof part === "string" ? part : part.textContent)).join("");
      if (told.textContent !== said) told.replaceChildren(...parts);
    });
  if (charted.length) void reference().then((found) => (chart = found)).then(compare);
  const boxes = section.items.map((item) => ({ item, box: h("div", null) }));
  const reveal = () => {
    const links = askedLinks(recording);
    for (const { item, box } of boxes) box.hidden = !links.has(item.linkId);
  };
  const title = sectionTitle(recording, section);
  for (const { item, box } of boxes) {
    box.append(
      question(item, {
        answer: answers[item.linkId],
        given: (answer) => {
          const { [item.linkId]: _before, ...others } = draft().answers;
          change(
            { answers: answer.trim() === "" ? others : { ...others, [item.linkId]: answer } },
            item.linkId,
            item.kind === "choice",
          );
          score();
          compare();
          reveal();
        },
        fault: faultOf(faults, item.linkId),
        wording: wording(recording, item),
        advice: item.linkId === "asq3-form" ? formAdvice(recording, item) : null,
      }),
    );
    const told = places.get(item);
    if (told) box.append(told);
  }
  reveal();
  return {
    title,
    content: [
      usesPack ? packNotice(app) : null,
      ...(usesPack && caseload.pack
        ? []
        : section.notices.map((text) => h("p", { class: "nhsuk-inset-text" }, hidden("Information: "), text))),
      domain && !form
        ? h(
            "p",
            { class: "nhsuk-inset-text" },
            hidden("Information: "),
            "Which questionnaire was used is not stated yet. ",
            h("a", { href: `${base}/asq3` }, "Choose the questionnaire"),
          )
        : null,
      ...boxes.map(({ box }) => box),
      domain ? live : null,
    ],
  };
}

/** @param {Open} recording @param {import("../form_engine.js").Item} item */
function wording({ caseload, draft }, item) {
  const words = itemWording(item.linkId, draft().answers["asq3-form"], caseload.pack);
  const number = /-([1-6])$/.exec(item.linkId)?.[1];
  return words && number ? `${number}. ${words}` : null;
}

/** The day of the contact; today while it is not stated. @param {Open} recording */
function dayOf({ app, draft }) {
  const started = startedAt(draft().contact);
  return started ? civilDate(started) : app.today;
}

/** @param {Open} recording */
function gestationDays({ child: { gestation } }) {
  return gestation ? gestation.weeks * 7 + gestation.days : null;
}

const ON_NO_CHART = "No child of this age has this measurement. Check the unit and the decimal point.";

/** @type {import("../growth.js").Reference | null} null until it is read */
let chart = null;

/** The child as the charts read it; null where they have no lines for it. @param {Open} recording */
function childOf(recording) {
  const { patient } = recording.child;
  const sex = withChart(patient.gender);
  return sex && { born: patient.birthDate, sex, gestationDays: gestationDays(recording) };
}

/** A number that can be put on a chart, null for any other. @param {Open} recording @param {Item} item */
function measuredNow(recording, item) {
  const measure = measureOf(item.linkId);
  const answer = recording.draft().answers[item.linkId];
  const on = dayOf(recording);
  if (!measure || answer === undefined || fault(item, answer) !== null || on < recording.child.patient.birthDate) return null;
  const value = decimalText(answer);
  return value !== null && Number(value) > 0 ? { on, measure, value } : null;
}

/** Where a number stands, at the age that is read first. @param {Open} recording @param {Item} item */
function growthOf(recording, item) {
  const [child, now] = [childOf(recording), measuredNow(recording, item)];
  return chart && child && now ? readings(chart, child, now.measure, Number(now.value), now.on) : [];
}

/**
 * What it asks to be looked at, beside the other numbers of this contact and what was measured before.
 * @param {Open} recording
 * @param {Item} item
 */
function growthAsks(recording, item) {
  const [child, now] = [childOf(recording), measuredNow(recording, item)];
  if (!chart || !child || !now || !recording.questionnaire) return [];
  const { app, draft } = recording;
  const before = measuredOf(app.notebook?.results.get(draft().child)?.value.observations ?? []);
  const every = asked(recording.questionnaire, draft().answers).flatMap(({ items }) => items);
  const entered = every.flatMap((each) => measuredNow(recording, each) ?? []);
  return asksNow(chart, child, before, entered, now.measure);
}

/** Whether no child of this age has such a number. @param {Open} recording @param {Item} item */
function isOnNoChart(recording, item) {
  return growthOf(recording, item)[0]?.z === Infinity;
}

/** @param {Open} recording @param {Item} item */
function growthWords(recording, item) {
  const found = growthOf(recording, item);
  if (found.length === 0) return "";
  if (found[0].z === Infinity) return ON_NO_CHART;
  const words = found.map(({ line, z }) => {
    const at = place(z);
    return found.length === 1
      ? `${at[0].toUpperCase()}${at.slice(1)}.`
      : `At the ${line === "corrected" ? "corrected age" : "age since birth"}: ${at}.`;
  });
  const isYoung = age(recording.child.patient.birthDate, dayOf(recording)).months < 24;
  if (isYoung && gestationDays(recording) === null) words.push("How early the child was born is not recorded.");
  return words.join(" ");
}

/** Which form fits the child's age on the day. @param {Open} recording @param {Item} item */
function formAdvice(recording, item) {
  const { caseload, child } = recording;
  const on = dayOf(recording);
  if (on < child.patient.birthDate) return null;
  const { patient } = child;
  const days = gestationDays(recording);
  const age = adjustedAge(patient.birthDate, on, days);
  const chronological = adjustedAge(patient.birthDate, on, null);
  if (age === null || chronological === null) return null;
  const isAdjusted = age.months !== chronological.months || age.days !== chronological.days;
  const offered = item.options.map(({ code }) => code);
  const fitting = formsFor(age, caseload.pack, offered);
  const words = `${counted(age.months, "month")} ${counted(age.days, "day")}`;
  return [
    `${isAdjusted ? "Age adjusted for being born early" : "Age"} on the day: ${words}.`,
    fitting.length
      ? `The ${fitting.join(" or the ")} month questionnaire fits.`
      : caseload.pack
        ? "No questionnaire of this review fits that age."
        : "",
  ]
    .filter(Boolean)
    .join(" ");
}

/** @param {Open} recording @param {string} domain */
function scoreLine({ caseload, draft }, domain) {
  const { points, zone, prorated, answered } = domainScore(domain, draft().answers, caseload.pack);
  if (points === null) {
    return [h("p", null, `${answered} of 6 answered. The score shows when at least 4 are.`)];
  }
  return [
    h("p", { class: "hv-score__points" }, h("strong", null, pointsWords(points)), " ", zoneTag(zone)),
    h(
      "p",
      null,
      `${prorated ? `${answered} of 6 answered; those left out count as the mean of the rest. ` : ""}Provisional: the server’s score stands.`,
    ),
  ];
}

/**
 * A number that is possible but unlikely: look again before it stands.
 * @param {Open} recording
 * @param {string} name
 * @param {string} changing
 * @param {import("../form_engine.js").Item} item
 * @param {() => void} goOn
 * @returns {Screen}
 */
function interruption(recording, name, changing, item, goOn) {
  const { app, child, review, draft, change } = recording;
  const answer = draft().answers[item.linkId];
  const value = `${decimalText(answer)} ${item.unit ?? ""}`.trim();
  const what = item.text.toLowerCase();
  const usual = [
    item.unlikelyBelow === null ? "" : `below ${item.unlikelyBelow} ${item.unit ?? ""}`.trim(),
    item.unlikelyAbove === null ? "" : `above ${item.unlikelyAbove} ${item.unit ?? ""}`.trim(),
  ].filter(Boolean);
  const keep = () => {
    change({ confirmed: { ...draft().confirmed, [item.linkId]: answer } }, item.linkId);
    goOn();
  };
  const again = () => {
    const screen = draw(recording, name, changing, []);
    if (screen) app.put({ ...screen, focus: item.linkId });
  };
  return {
    title: `Is ${value} right?`,
    content: [
      banner(app, child),
      h(
        "div",
        { class: "nhsuk-panel nhsuk-panel--interruption" },
        h("h1", { class: "nhsuk-panel__heading nhsuk-panel__heading--l" }, `Is a ${what} of ${value} right?`),
        h(
          "div",
          { class: "nhsuk-panel__body" },
          h(
            "p",
            null,
            isOnNoChart(recording, item)
              ? ON_NO_CHART
              : `At the ${review.title.toLowerCase()}, a ${what} ${usual.join(" or ")} is unlikely. Check the unit and the decimal point.`,
          ),
          h(
            "div",
            { class: "hv-actions" },
            button(`Change the ${what}`, again, "reverse"),
            button(`Keep ${value}`, keep, "reverse"),
          ),
        ),
      ),
    ],
  };
}

const SHARE = { yes: "Yes, now", later: "Not now" };

/** @param {Open} recording */
function checkPage(recording) {
  const { app, caseload, questionnaire, review, draft, base } = recording;
  const now = draft();
  const { contact, answers } = now;
  const started = startedAt(contact);
  const row = (
    /** @type {string} */ page,
    /** @type {string} */ field,
    /** @type {string} */ key,
    /** @type {string | null | undefined} */ value,
  ) => ({
    key,
    value: value ?? null,
    href: changeHref(base, page, field),
  });
  const about = [
    row("contact", "outcome", "What happened", OUTCOMES[contact.outcome ?? ""]),
    row("contact", "when", "When", started && `${weekdayDate(civilDate(started))} at ${clockTime(started)}`),
    row("contact", "capture_mode", "How it was recorded", CAPTURE_MODES[contact.capture_mode ?? ""]),
  ];
  const all = pages(now, questionnaire);
  if (all.includes("place")) {
    about.push(
      ...(isAdditional(review)
        ? [row("place", "mode", "How it was held", caseload.contact_modes?.[contact.mode ?? ""])]
        : []),
      ...(isSeen(contact, isAdditional(review))
        ? [row("place", "place", "Where", caseload.places[contact.place ?? ""])]
        : []),
      row("place", "practitioner_type", "Who did it", caseload.practitioner_types[contact.practitioner_type ?? ""]),
    );
  }
  const form = questionnaire && hasAnswers(contact) && all.includes("share") ? asked(questionnaire, answers) : [];
  const scored = form.some(({ id }) => domainOf(id));
  const rows = (/** @type {Section} */ section) => {
    const domain = domainOf(section.id);
    if (domain)
      return [row(section.id, section.items[0].linkId, section.title, domainWords(recording, section, domain))];
    return section.items.map((item) =>
      row(section.id, item.linkId, item.text, answerWords(item, answers[item.linkId])),
    );
  };
  return {
    title: "Check your answers",
    content: [
      scored ? packNotice(app) : null,
      h("h2", { class: "nhsuk-heading-m" }, "About this contact"),
      summaryList(about),
      ...grouped(form).flatMap((sections) => [
        h("h2", { class: "nhsuk-heading-m" }, sectionTitle(recording, sections[0])),
        summaryList(sections.flatMap(rows)),
      ]),
      form.length ? h("h2", { class: "nhsuk-heading-m" }, "Parents") : null,
      form.length
        ? summaryList([row("share", "share", "Share the result now", contact.share && SHARE[contact.share])])
        : null,
    ],
  };
}

/** The domains of an instrument stand under it. @param {Section[]} form @returns {Section[][]} */
function grouped(form) {
  /** @type {Section[][]} */
  const groups = [];
  for (const section of form) {
    if (domainOf(section.id) && groups.length) groups[groups.length - 1].push(section);
    else groups.push([section]);
  }
  return groups;
}

/** @param {Open} recording @param {Section} section @param {string} domain */
function domainWords({ caseload, draft }, section, domain) {
  const { answers } = draft();
  const { points, zone, answered } = domainScore(domain, answers, caseload.pack);
  if (answered === 0) return null;
  const given = section.items.map((item) => answerWords(item, answers[item.linkId]) ?? "left out").join(", ");
  const words = {
    "on-schedule": "on schedule",
    monitor: "monitor",
    below: "below the cut-off",
    "not-classified": "not classified",
  }[zone];
  return `${given}. ${points === null ? "Too few answers for a score" : `${pointsWords(points)}, ${words} (provisional)`}`;
}

/** Drafts that are being sent: a second tap must not make a second contact. @type {Set<string>} */
const inHand = new Set();

/** @param {Open} recording */
async function send(recording) {
  const { id } = recording.draft();
  if (inHand.has(id)) return;
  inHand.add(id);
  try {
    await queue(recording);
  } finally {
    inHand.delete(id);
  }
}

/** @param {Open} recording */
async function queue(recording) {
  const { app, caseload, child, review, questionnaire, draft } = recording;
  if (app.notebook?.items.get(draft().operation ?? "")?.state === "waiting") return;
  await app.save();
  const now = app.clock.now();
  const faults = draftFaults(draft(), questionnaire, boundsOf(recording));
  if (faults.length) return show(app, draw(recording, "check", "", faults));
  const notebook = app.notebook;
  if (!notebook) return;
  const operation = crypto.randomUUID();
  const stated = statement(draft(), {
    questionnaire,
    caseload,
    child,
    review,
    operation,
    uuids: { encounter: crypto.randomUUID(), response: crypto.randomUUID() },
    now,
  });
  const item = queued(notebook.outbox, {
    operation,
    body: write(transaction(stated)),
    about: {
      child: draft().child,
      review: review.review,
      title: review.title,
      outcome: stated.contact.outcome,
      draft: draft().id,
    },
    at: now.toISOString(),
  });
  await app.keep(() => notebook.queue(draft(), item), true);
  if (!notebook.items.has(operation)) return;
  app.current.delete(`${child.patient.id} ${review.review}`);
  location.hash = `#/sent/${operation}`;
  void app.synchronise();
}

/**
 * Declined, or no access: the second tap sends it.
 * @param {App} app
 * @param {string} id
 * @param {string} code
 * @param {string} outcome
 * @returns {Screen | null}
 */
export function quick(app, id, code, outcome) {
  const recording = open(app, id, code);
  if (recording === null || !canBeRecorded(recording.review, app.today)) return null;
  const { child, review, change, base } = recording;
  const at = app.clock.now();
  const contact = /** @type {Draft["contact"]} */ ({
    outcome,
    when: "now",
    now_at: at.toISOString(),
    capture_mode: "point-of-care",
  });
  const title = outcome === "declined" ? "The family declined" : "No access";
  return {
    title,
    back: { href: `#/child/${id}`, text: fullName(child.patient) },
    content: [
      banner(app, child),
      heading(title, review.title),
      summaryList([
        { key: "What happened", value: OUTCOMES[outcome] },
        { key: "When", value: `${weekdayDate(civilDate(at))} at ${clockTime(at)}` },
      ]),
      h(
        "div",
        { class: "hv-actions" },
        button("Confirm and send", () => {
          change({ contact }, "outcome", false);
          void send(recording);
        }),
      ),
      h(
        "p",
        null,
        h(
          "a",
          {
            class: "hv-target",
            href: `${base}/contact`,
            click: () => change({ contact: { ...contact, when: undefined, now_at: undefined } }, "when"),
          },
          "It was at another time",
        ),
      ),
    ],
  };
}
