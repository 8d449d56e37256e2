import assert from "node:assert/strict";
import { test } from "node:test";
import { contactFaults, draftFaults, pages, statement } from "../../healthvisit/faces/tablet/static/draft.js";
import { write } from "../../healthvisit/faces/tablet/static/exact_json.js";
import { transaction } from "../../healthvisit/faces/tablet/static/review.js";
import { aCaseload, aChild, aDraft, aReview, twoYearReview } from "./builders.js";

const BASE = "https://healthvisit.example/fhir";
const OPERATION = "6a0c0f5e-6a58-4c3b-9a0e-111111111111";
const now = new Date("2021-02-15T10:30:00.000Z");
const bounds = { now, born: "2019-01-20" };

function bundleOf(draft, around = {}) {
  const stated = statement(draft, {
    questionnaire: twoYearReview,
    caseload: aCaseload(),
    child: aChild(),
    review: aReview(),
    operation: OPERATION,
    uuids: { encounter: "e-uuid", response: "r-uuid" },
    now,
    ...around,
  });
  return JSON.parse(write(transaction(stated)));
}

const extension = (resource, name) =>
  resource.extension?.find(({ url }) => url === `${BASE}/StructureDefinition/${name}`);

test("a review is one transaction of an encounter and its answers, under the operation's UUID", () => {
  const bundle = bundleOf(aDraft());
  assert.equal(bundle.type, "transaction");
  assert.deepEqual(bundle.identifier, { system: "urn:ietf:rfc:3986", value: `urn:uuid:${OPERATION}` });
  assert.deepEqual(
    bundle.entry.map(({ request }) => request),
    [
      { method: "POST", url: "Encounter" },
      { method: "POST", url: "QuestionnaireResponse" },
    ],
  );
  const [encounter, response] = bundle.entry.map(({ resource }) => resource);
  assert.equal(response.encounter.reference, bundle.entry[0].fullUrl);
  assert.equal(response.questionnaire, `${twoYearReview.url}|${twoYearReview.version}`);
  assert.equal(response.authored, "2021-02-15T10:30:00Z");
  assert.equal(response.author.reference, "Practitioner/joan");
  assert.equal(encounter.status, "finished");
  assert.equal(encounter.class.code, "HH");
  assert.deepEqual(
    encounter.type[0].coding.map(({ code }) => code),
    ["two-year", "0020"],
  );
  assert.equal(encounter.episodeOfCare[0].reference, "EpisodeOfCare/episode-1");
  assert.equal(encounter.serviceProvider.reference, "Organization/bury-health-visiting");
  assert.equal(encounter.participant[0].individual.reference, "Practitioner/joan");
});

test("how it was recorded, its outcome, place and practitioner are stated", () => {
  const encounter = bundleOf(aDraft()).entry[0].resource;
  for (const [name, code] of Object.entries({
    "capture-mode": "point-of-care",
    "review-outcome": "completed",
    place: "family-home",
    "practitioner-type": "scphn",
  })) {
    assert.deepEqual(extension(encounter, name).valueCoding, { system: `${BASE}/CodeSystem/${name}`, code });
  }
  assert.equal(extension(encounter, "released-at").valueDateTime, "2021-02-15T10:30:00Z");
});

test("a result is released only when the health visitor chose to share it", () => {
  assert.equal(extension(bundleOf(aDraft()).entry[1].resource, "released-at"), undefined);
  const shared = aDraft({ contact: { ...aDraft().contact, share: "yes" } });
  assert.equal(extension(bundleOf(shared).entry[1].resource, "released-at").valueDateTime, "2021-02-15T10:30:00Z");
});

test("an additional contact says how it was held, and asks for a place only where somebody was seen", () => {
  const review = aReview({ review: "ad-hoc", title: "Other contact", state: "additional" });
  const asked = { ...bounds, isAdditional: true };
  const { place: _place, ...contact } = aDraft().contact;
  const fields = (held) => contactFaults(aDraft({ contact: held }), "place", asked).map(({ field }) => field);
  assert.deepEqual(fields(contact), ["mode"]);
  assert.deepEqual(fields({ ...contact, mode: "telephone" }), []);
  assert.deepEqual(fields({ ...contact, mode: "face-to-face" }), ["place"]);
  const called = aDraft({ contact: { ...aDraft().contact, mode: "telephone" } });
  const [{ resource: encounter }] = bundleOf(called, { review }).entry;
  assert.deepEqual(encounter.type[0].coding, [
    { system: `${BASE}/CodeSystem/contact`, code: "ad-hoc", display: "Other contact" },
  ]);
  assert.equal(extension(encounter, "contact-mode").valueCoding.code, "telephone");
  assert.equal(extension(encounter, "place"), undefined);
  assert.equal(extension(encounter, "released-at"), undefined, "nobody shared it");
  assert.equal(encounter.class.code, "VR");
});

test("a live contact ends with its last answer; a remembered one has no end", () => {
  assert.deepEqual(bundleOf(aDraft()).entry[0].resource.period, {
    start: "2021-02-15T10:00:00Z",
    end: "2021-02-15T10:25:00Z",
  });
  const contact = { ...aDraft().contact, when: "other", on: "2021-02-12", time: "14:05", capture_mode: "transcribed" };
  assert.deepEqual(bundleOf(aDraft({ contact })).entry[0].resource.period, { start: "2021-02-12T14:05:00Z" });
});

test("a weight keeps its digits on the way", () => {
  const stated = statement(aDraft(), {
    questionnaire: twoYearReview,
    caseload: aCaseload(),
    child: aChild(),
    review: aReview(),
    operation: OPERATION,
    uuids: { encounter: "e", response: "r" },
    now,
  });
  assert.match(write(transaction(stated)), /"valueDecimal":12\.50[,}]/);
});

test("declined and no access are an encounter alone, and take place and practitioner from nobody", () => {
  for (const outcome of ["declined", "no-access"]) {
    const draft = aDraft({
      contact: { outcome, when: "now", now_at: now.toISOString(), capture_mode: "point-of-care" },
    });
    assert.deepEqual(pages(draft, twoYearReview), ["contact", "check"]);
    assert.deepEqual(draftFaults(draft, twoYearReview, bounds), []);
    const bundle = bundleOf(draft);
    assert.equal(bundle.entry.length, 1);
    assert.equal(bundle.entry[0].resource.status, "cancelled");
    assert.equal(extension(bundle.entry[0].resource, "place"), undefined);
    assert.equal(bundle.entry[0].resource.class.code, outcome === "no-access" ? "HH" : "AMB");
  }
});

test("a review that stays on paper asks for no answers and sends none", () => {
  for (const mode of ["paper-only", "document"]) {
    const draft = aDraft({ contact: { ...aDraft().contact, capture_mode: mode, share: undefined } });
    assert.deepEqual(pages(draft, twoYearReview), ["contact", "place", "check"]);
    assert.deepEqual(draftFaults(draft, twoYearReview, bounds), []);
    assert.equal(bundleOf(draft).entry.length, 1);
  }
});

test("a review typed in from paper afterwards asks for its answers", () => {
  const draft = aDraft({ contact: { ...aDraft().contact, capture_mode: "transcribed" } });
  assert.ok(pages(draft, twoYearReview).includes("asq3-communication"));
  assert.equal(bundleOf(draft).entry.length, 2);
});

test("a review said to be recorded here must hold an answer", () => {
  assert.deepEqual(
    draftFaults(aDraft({ answers: {} }), twoYearReview, bounds).map(({ text }) => text),
    ["Enter at least one answer"],
  );
});

test("nothing is pre-answered: an empty draft lacks everything that is asked", () => {
  const empty = aDraft({ contact: {}, answers: {} });
  assert.deepEqual(
    ["contact", "place", "share"].flatMap((page) => contactFaults(empty, page, bounds)).map(({ field }) => field),
    ["outcome", "when", "capture_mode", "place", "practitioner_type", "share"],
  );
});

test("a contact is neither in the future nor before the child was born", () => {
  const at = (on, time) => aDraft({ contact: { ...aDraft().contact, when: "other", on, time } });
  const texts = (draft) => contactFaults(draft, "contact", bounds).map(({ text }) => text);
  assert.deepEqual(texts(at("2021-02-16", "09:00")), ["The contact must not be in the future"]);
  assert.deepEqual(texts(at("2019-01-19", "09:00")), ["The contact must not be before the child was born"]);
  assert.deepEqual(texts(at("2019-01-20", "09:00")), []);
  assert.deepEqual(texts(at("2021-02-30", "09:00")), ["Enter the date of the contact, like 15 2 2021"]);
  assert.deepEqual(texts(at("2021-02-15", "25:00")), ["Enter the time that the contact began, like 10:42"]);
  assert.deepEqual(texts(at("2020-03-29", "01:30")), ["The clocks went forward then: enter a time that there was"]);
});
