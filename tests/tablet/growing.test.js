import assert from "node:assert/strict";
import { test } from "node:test";
import { measuredOf } from "../../healthvisit/faces/tablet/static/screens/growing.js";

function anObservation(code, value, changes = {}) {
  return {
    code: { coding: [{ system: "http://snomed.info/sct", code }] },
    effectiveDateTime: "2021-02-01",
    valueQuantity: { value, system: "http://unitsofmeasure.org", code: code === "27113001" ? "kg" : "cm" },
    ...changes,
  };
}

test("what was measured in the unit of its chart is read, and what was told in another is not", () => {
  const grams = { value: 4200, system: "http://unitsofmeasure.org", code: "g" };
  const read = measuredOf([
    anObservation("27113001", 4.2),
    anObservation("248334005", 56.5),
    anObservation("50373000", 88),
    anObservation("363812007", 38.1),
    anObservation("27113001", 4.2, { valueQuantity: grams }),
    anObservation("27113001", 4.2, { valueQuantity: { value: 4.2, unit: "kg" } }),
    anObservation("27113001", 4.2, { effectiveDateTime: undefined }),
    anObservation("27113001", 4.2, { valueQuantity: undefined }),
    anObservation("8867-4", 120),
  ]);
  assert.deepEqual(
    read.map(({ measure, value }) => [measure, value]),
    [["weight", "4.2"], ["length", "56.5"], ["length", "88"], ["head", "38.1"]],
  );
});

test("an instant counts on the day that it has in England", () => {
  const [read] = measuredOf([anObservation("27113001", 4.2, { effectiveDateTime: "2021-06-30T23:30:00Z" })]);
  assert.equal(read.on, "2021-07-01");
});

test("of two weights of one day the one that was entered last stands last", () => {
  const first = anObservation("27113001", 4.2, { meta: { lastUpdated: "2021-02-01T10:00:00Z" } });
  const second = anObservation("27113001", 4.3, { meta: { lastUpdated: "2021-02-01T11:00:00Z" } });
  assert.deepEqual(measuredOf([second, first]).map(({ value }) => value), ["4.2", "4.3"]);
});
