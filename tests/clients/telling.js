// What the three npm clients share: the service as it was told to them, what they send, and how they tell.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

export { assert };

export const service = JSON.parse(readFileSync(0, "utf-8"));

/**
 * Runs each scenario, one after the other, and tells each name with null or with what went wrong. A scenario is
 * given a mark that no other uses.
 */
export async function tell(scenarios) {
  const told = {};
  for (const [name, scenario] of Object.entries(scenarios)) {
    try {
      await scenario(`${basename(process.argv[1])}: ${name}`);
      told[name] = null;
    } catch (error) {
      told[name] = `${error?.stack ?? error} ${JSON.stringify(error?.response?.data ?? error?.outcome ?? null)}`;
    }
  }
  console.log(JSON.stringify(told));
}

/** A weight of the child, found again by its mark. */
export function weight(mark, value = 12.4) {
  return {
    resourceType: "Observation",
    status: "final",
    identifier: [{ system: service.mark, value: mark }],
    category: [
      {
        coding: [
          { system: "http://terminology.hl7.org/CodeSystem/observation-category", code: "vital-signs" },
        ],
      },
    ],
    code: { coding: [{ system: "http://snomed.info/sct", code: "27113001" }] },
    subject: { reference: `Patient/${service.child}` },
    effectiveDateTime: "2021-02-01T10:00:00Z",
    valueQuantity: { value, unit: "kg", system: "http://unitsofmeasure.org", code: "kg" },
  };
}

/** A transaction of an encounter and two weights taken at it. */
export function visit(mark) {
  const encounter = "urn:uuid:4d9b0bd6-9c4f-4a64-9e9e-3f0b6d7f1a01";
  const entry = (resource, more = {}) => ({
    resource,
    request: { method: "POST", url: resource.resourceType },
    ...more,
  });
  return {
    resourceType: "Bundle",
    type: "transaction",
    entry: [
      entry({ ...weight(`${mark} one`), encounter: { reference: encounter } }),
      entry(
        {
          resourceType: "Encounter",
          status: "finished",
          class: { system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "HH" },
          subject: { reference: `Patient/${service.child}` },
          period: { start: "2021-02-01T10:00:00Z", end: "2021-02-01T10:30:00Z" },
          serviceProvider: { reference: "Organization/bury-health-visiting" },
        },
        { fullUrl: encounter },
      ),
      entry({ ...weight(`${mark} two`), encounter: { reference: encounter } }),
    ],
  };
}

/** A batch that reads a child who is there and one who is not. */
export function twoReads() {
  return {
    resourceType: "Bundle",
    type: "batch",
    entry: [`Patient/${service.child}`, "Patient/nobody"].map((url) => ({ request: { method: "GET", url } })),
  };
}

export const byMark = (mark) => `${service.mark}|${mark}`;
export const statuses = (bundle) => bundle.entry.map((entry) => entry.response.status.slice(0, 3));
export const types = (bundle) => new Set(bundle.entry.map((entry) => entry.resource.resourceType));
// A deletion stands in a history without its resource.
export const ids = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource?.id);
export const expressions = (outcome) => outcome.issue.flatMap((issue) => issue.expression ?? []);
export const amendment = [{ op: "replace", path: "/status", value: "amended" }];
