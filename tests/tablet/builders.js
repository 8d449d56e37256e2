// What the tests of the tablet are made of: the project's own definitions, and a child of Bury.

import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

// Node 18 keeps what every browser has under another name.
globalThis.crypto ??= webcrypto;

const root = new URL("../../", import.meta.url);

export function file(path) {
  return JSON.parse(readFileSync(new URL(path, root), "utf8"));
}

export const twoYearReview = file("fhir/questionnaires/two-year-review.json");
export const sixToEightWeekReview = file("fhir/questionnaires/six-to-eight-week-review.json");
export const practicePack = file("fhir/packs/practice/pack.json");

export function aReview(changes = {}) {
  return {
    review: "two-year",
    title: "2 to 2½ year review",
    questionnaire: "two-year-review",
    from: "2021-01-20",
    until: "2021-07-20",
    state: "open",
    done_on: null,
    encounter: null,
    ...changes,
  };
}

export function aChild(changes = {}) {
  return {
    patient: {
      resourceType: "Patient",
      id: "child-1",
      birthDate: "2019-01-20",
      name: [{ use: "official", given: ["Ada"], family: "Example" }],
      identifier: [{ system: "https://fhir.nhs.uk/Id/nhs-number", value: "9990000018" }],
    },
    episode: "EpisodeOfCare/episode-1",
    gestation: null,
    reviews: [aReview()],
    ...changes,
  };
}

export function aCaseload(changes = {}) {
  return {
    as_at: "2021-02-15",
    server_now: "2021-02-15T09:00:00Z",
    practitioner: { reference: "Practitioner/joan", name: "Joan" },
    organization: { reference: "Organization/bury-health-visiting", name: "Bury", borough: "E08000002" },
    questionnaires: [sixToEightWeekReview, twoYearReview],
    pack: practicePack,
    places: { "family-home": "Family home" },
    practitioner_types: { scphn: "Health visitor" },
    children: [aChild()],
    ...changes,
  };
}

export function aDraft(changes = {}) {
  return {
    id: "draft-1",
    child: "Patient/child-1",
    review: "two-year",
    contact: {
      outcome: "completed",
      when: "now",
      now_at: "2021-02-15T10:00:00.000Z",
      capture_mode: "point-of-care",
      place: "family-home",
      practitioner_type: "scphn",
      share: "later",
    },
    answers: { weight: "12.50" },
    confirmed: {},
    at: { page: "check", field: null },
    changed_at: "2021-02-15T10:25:00.000Z",
    operation: null,
    ...changes,
  };
}
