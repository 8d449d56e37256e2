import assert from "node:assert/strict";
import { test } from "node:test";
import { asksNow, measuredOf } from "../../healthvisit/faces/tablet/static/screens/growing.js";
import { file } from "./builders.js";

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

test("as a number is entered it is told what it asks to be looked at, beside what was measured before", () => {
  const reference = file("healthvisit/programme/growth.json");
  const child = { born: "2021-01-01", sex: "female", gestationDays: 280 };
  const measured = (on, measure, value) => ({ on, measure, value });
  const before = [measured("2021-01-01", "weight", "3.500")];
  const weight = (on, value) => asksNow(reference, child, before, [measured(on, "weight", value)], "weight");
  assert.match(weight("2021-01-06", "3.100")[0], /more than 10% below/);
  assert.deepEqual(weight("2021-01-06", "3.200"), []);
  // Of another number of the same contact nothing is told here, and nothing of a day that was before the newest.
  const both = [measured("2021-01-06", "weight", "3.100"), measured("2021-01-06", "head", "35")];
  assert.deepEqual(asksNow(reference, child, before, both, "head"), []);
  const later = [...before, measured("2021-03-01", "weight", "5.1")];
  assert.deepEqual(asksNow(reference, child, later, [measured("2021-01-06", "weight", "3.100")], "weight"), []);
});

test("body mass index is told beside the height", () => {
  const reference = file("healthvisit/programme/growth.json");
  const child = { born: "2019-01-01", sex: "male", gestationDays: null };
  const now = [
    { on: "2021-02-01", measure: "weight", value: "16.5" },
    { on: "2021-02-01", measure: "length", value: "87" },
  ];
  assert.match(asksNow(reference, child, [], now, "length")[0], /Body mass index is above the 98th centile/);
  assert.deepEqual(asksNow(reference, child, [], now, "weight"), []);
});
