// @ts-check
/**
 * One contact as the transaction that the server stores whole or not at all: the Encounter, and the answers where
 * there are any. Scores are never sent: the server makes them from the answers.
 * https://hl7.org/fhir/R4/http.html#transaction
 */

const BASE = "https://healthvisit.example/fhir";
const ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const DCH_TYPE = "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ChildHealthEncounterType-1";

/** Digital Child Health's codes; the antenatal contact has none. Source: STU3-FHIR-Assets, branch develop. */
/** @type {Record<string, {code: string, display: string}>} */
const DCH = {
  "new-birth": { code: "0023", display: "New Baby Review" },
  "six-to-eight-week": { code: "0022", display: "6-8 Week HV Review" },
  "one-year": { code: "0021", display: "1 Year Review" },
  "two-year": { code: "0020", display: "2-2½y HV Review" },
};

const CLASSES = {
  home: { code: "HH", display: "home health" },
  elsewhere: { code: "AMB", display: "ambulatory" },
  remote: { code: "VR", display: "virtual" },
};

/**
 * @typedef {object} Contact what happened, as the health visitor stated it
 * @property {"completed" | "declined" | "no-access"} outcome
 * @property {string} started_at instant
 * @property {string | null} ended_at instant, null where it is not known
 * @property {"point-of-care" | "transcribed" | "document" | "paper-only"} capture_mode
 * @property {string | null} mode code of how an additional contact was held, null for a review
 * @property {string | null} place code
 * @property {string | null} practitioner_type code
 *
 * @typedef {object} Statement
 * @property {string} operation permanent UUID of this operation
 * @property {{encounter: string, response: string}} uuids of the two entries
 * @property {{code: string, title: string, is_additional: boolean}} review
 * @property {string} child "Patient/…"
 * @property {string} episode "EpisodeOfCare/…"
 * @property {string} practitioner "Practitioner/…"
 * @property {string} organization "Organization/…"
 * @property {Contact} contact
 * @property {string} authored_at instant, by the tablet's corrected clock
 * @property {string | null} released_at instant at which the result was shared with the parents, null for later
 * @property {{canonical: string, items: object[]} | null} answers null where nothing was answered on the tablet
 */

/**
 * @param {Statement} statement
 * @returns {object} transaction Bundle; write it with exact_json.write
 */
export function transaction(statement) {
  const entry = [entryOf("Encounter", statement.uuids.encounter, encounter(statement))];
  if (statement.answers !== null) {
    entry.push(entryOf("QuestionnaireResponse", statement.uuids.response, response(statement, statement.answers)));
  }
  return {
    resourceType: "Bundle",
    identifier: { system: "urn:ietf:rfc:3986", value: `urn:uuid:${statement.operation}` },
    type: "transaction",
    entry,
  };
}

/** @param {string} type @param {string} uuid @param {object} resource */
function entryOf(type, uuid, resource) {
  return { fullUrl: `urn:uuid:${uuid}`, resource, request: { method: "POST", url: type } };
}

/** @param {Statement} statement */
function encounter({ review, child, episode, practitioner, organization, contact, ...stated }) {
  const dch = DCH[review.code];
  const atHome = contact.place === "family-home" || contact.outcome === "no-access";
  const isRemote = contact.mode !== null && contact.mode !== "face-to-face";
  // That a contact was held beside the reviews can tell one adult of the other: it is shown only where it was shared.
  const released = review.is_additional ? stated.released_at : stated.authored_at;
  return {
    resourceType: "Encounter",
    extension: [
      coded("capture-mode", contact.capture_mode),
      coded("review-outcome", contact.outcome),
      ...(contact.mode ? [coded("contact-mode", contact.mode)] : []),
      ...(contact.place ? [coded("place", contact.place)] : []),
      ...(contact.practitioner_type ? [coded("practitioner-type", contact.practitioner_type)] : []),
      ...(released ? [{ url: `${BASE}/StructureDefinition/released-at`, valueDateTime: released }] : []),
    ],
    status: contact.outcome === "completed" ? "finished" : "cancelled",
    class: { system: ACT_CODE, ...(isRemote ? CLASSES.remote : atHome ? CLASSES.home : CLASSES.elsewhere) },
    type: [
      {
        coding: [
          { system: `${BASE}/CodeSystem/${review.is_additional ? "contact" : "review"}`, code: review.code, display: review.title },
          ...(dch ? [{ system: DCH_TYPE, ...dch }] : []),
        ],
      },
    ],
    subject: { reference: child },
    episodeOfCare: [{ reference: episode }],
    participant: [{ individual: { reference: practitioner } }],
    period: { start: contact.started_at, end: contact.ended_at ?? undefined },
    serviceProvider: { reference: organization },
  };
}

/** @param {string} name @param {string} code */
function coded(name, code) {
  return {
    url: `${BASE}/StructureDefinition/${name}`,
    valueCoding: { system: `${BASE}/CodeSystem/${name}`, code },
  };
}

/** @param {Statement} statement @param {{canonical: string, items: object[]}} answers */
function response({ child, practitioner, uuids, authored_at: authored, released_at: released }, answers) {
  return {
    resourceType: "QuestionnaireResponse",
    extension: released ? [{ url: `${BASE}/StructureDefinition/released-at`, valueDateTime: released }] : undefined,
    questionnaire: answers.canonical,
    status: "completed",
    subject: { reference: child },
    encounter: { reference: `urn:uuid:${uuids.encounter}` },
    authored,
    author: { reference: practitioner },
    item: answers.items.length ? answers.items : undefined,
  };
}
