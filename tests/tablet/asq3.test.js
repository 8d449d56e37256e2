import assert from "node:assert/strict";
import { test } from "node:test";
import * as asq3 from "../../healthvisit/faces/tablet/static/asq3.js";
import { file, practicePack } from "./builders.js";

const cases = file("tests/cases/asq3.json");

for (const { name, answers, points, prorated } of cases.cases) {
  test(`points, as the server counts them: ${name}`, () => {
    assert.equal(asq3.domainPoints(answers), points === null ? null : Number(points));
    assert.equal(asq3.isProrated(answers), prorated);
  });
}

for (const { name, points, cut_off, monitor_up_to, zone } of cases.zones) {
  test(`zone, as the server sees it: ${name}`, () => {
    assert.equal(asq3.zone(points === null ? null : Number(points), cut_off, monitor_up_to), zone);
  });
}

for (const { name, born_on, on, gestation_days, months, days } of cases.ages) {
  test(`adjusted age, as the server counts it: ${name}`, () => {
    assert.deepEqual(asq3.adjustedAge(born_on, on, gestation_days), months === null ? null : { months, days });
  });
}

test("an answer that the instrument does not have is refused", () => {
  assert.throws(() => asq3.domainPoints(["maybe", null, "yes", "yes", "yes", "yes"]), RangeError);
  assert.throws(() => asq3.domainPoints(["yes"]), RangeError);
});

for (const { name, born_on, on, gestation_days, fitting } of cases.practice_forms) {
  test(`the practice form: ${name}`, () => {
    assert.deepEqual(asq3.formsFor(asq3.adjustedAge(born_on, on, gestation_days), practicePack), fitting);
  });
}

test("only a form that the review offers is advised", () => {
  const child = { months: 9, days: 0 };
  assert.deepEqual(asq3.formsFor(child, practicePack, ["9", "10", "12"]), ["9"]);
  assert.deepEqual(asq3.formsFor(child, practicePack, ["24", "27", "30"]), []);
});

test("the form that fits is the one whose window holds the age", () => {
  assert.deepEqual(asq3.formsFor({ months: 25, days: 30 }, practicePack), ["24"]);
  assert.deepEqual(asq3.formsFor({ months: 26, days: 0 }, practicePack), ["27"]);
  assert.deepEqual(asq3.formsFor({ months: 3, days: 0 }, practicePack), []);
  assert.deepEqual(asq3.formsFor(null, practicePack), []);
  assert.deepEqual(asq3.formsFor({ months: 25, days: 0 }, null), []);
});

test("without a pack points are counted and nothing is classified", () => {
  const answers = Object.fromEntries([1, 2, 3, 4, 5, 6].map((item) => [`asq3-fine-motor-${item}`, "yes"]));
  const score = { domain: "fine-motor", points: 60, zone: "not-classified", prorated: false, answered: 6 };
  assert.deepEqual(asq3.domainScore("fine-motor", { ...answers, "asq3-form": "24" }, null), score);
  assert.deepEqual(asq3.domainScore("fine-motor", answers, practicePack), score);
  assert.equal(asq3.domainScore("fine-motor", { ...answers, "asq3-form": "24" }, practicePack).zone, "on-schedule");
});

test("an item is worded by the form in use, and by nothing where no form is chosen", () => {
  const words = practicePack.forms["24"].domains.communication.items[2];
  assert.equal(asq3.itemWording("asq3-communication-3", "24", practicePack), words);
  assert.equal(asq3.itemWording("asq3-communication-3", undefined, practicePack), null);
  assert.equal(asq3.itemWording("weight", "24", practicePack), null);
});
