import assert from "node:assert/strict";
import { test } from "node:test";
import { write } from "../../healthvisit/faces/tablet/static/exact_json.js";
import * as engine from "../../healthvisit/faces/tablet/static/form_engine.js";
import { sixToEightWeekReview, twoYearReview } from "./builders.js";

const itemOf = (form, linkId) =>
  engine
    .sections(form)
    .flatMap(({ items }) => items)
    .find((item) => item.linkId === linkId);
const weight = itemOf(sixToEightWeekReview, "weight");
const askedFaults = (form, answers) => engine.faults(engine.asked(form, answers), answers);

test("each group with questions is one screen", () => {
  assert.deepEqual(
    engine.sections(sixToEightWeekReview).map(({ id }) => id),
    ["measurements", "feeding", "screening", "health", "home", "family-needs", "plan"],
  );
  assert.deepEqual(
    engine.sections(twoYearReview).map(({ id }) => id),
    [
      "measurements",
      "asq3",
      "asq3-communication",
      "asq3-gross-motor",
      "asq3-fine-motor",
      "asq3-problem-solving",
      "asq3-personal-social",
      "health",
      "home",
      "family-details",
      "family-needs",
      "plan",
    ],
  );
});

test("a question carries its unit, its hint, its limits and its choices", () => {
  assert.equal(weight.unit, "kg");
  assert.equal(weight.kind, "decimal");
  assert.match(weight.hint, /nappy/);
  assert.deepEqual([weight.least, weight.greatest, weight.unlikelyBelow, weight.unlikelyAbove], [0.2, 40, 2.5, 8]);
  assert.equal(itemOf(sixToEightWeekReview, "feeding-status").options.length, 4);
});

test("a 51 kg baby is refused, a 9 kg one is asked about, a 5.10 kg one is taken", () => {
  assert.match(engine.fault(weight, "51.0"), /between 0.2 and 40 kg/);
  assert.ok(!engine.isUnlikely(weight, "51.0"));
  assert.equal(engine.fault(weight, "9.00"), null);
  assert.ok(engine.isUnlikely(weight, "9.00"));
  assert.equal(engine.fault(weight, "5.10"), null);
  assert.ok(!engine.isUnlikely(weight, "5.10"));
});

test("limits themselves are allowed, and the edge of the likely is likely", () => {
  for (const edge of ["0.2", "40"]) assert.equal(engine.fault(weight, edge), null);
  for (const edge of ["2.5", "8"]) assert.ok(!engine.isUnlikely(weight, edge));
});

test("what was typed is read as a decimal, digit for digit", () => {
  const read = { "5.10": "5.10", " 5,10 ": "5.10", "05.1": "5.1", ".5": "0.5", "5.": "5", 0: "0" };
  for (const [typed, text] of Object.entries(read)) assert.equal(engine.decimalText(typed), text, typed);
  for (const no of ["", "five", "5 kg", "1e3", "-5", "5.1.0", ".", "1234567"])
    assert.equal(engine.decimalText(no), null, no);
});

test("a number with more digits than the scales give is refused", () => {
  assert.match(engine.fault(weight, "5.1234"), /3 digits after the point/);
});

test("an unanswered question is no fault, and a choice outside the list is one", () => {
  assert.equal(engine.fault(weight, undefined), null);
  assert.equal(engine.fault(itemOf(sixToEightWeekReview, "feeding-status"), "bottle") === null, false);
});

test("a number is compared with its limits digit for digit", () => {
  const fine = { ...weight, raw: { ...weight.raw, extension: weight.raw.extension.slice(0, 3) } };
  assert.match(engine.fault(fine, "40.000001"), /between 0.2 and 40 kg/);
  assert.equal(engine.fault(fine, "40.000000"), null);
});

test("words are held to the length the form gives them, counted in characters", () => {
  const notes = itemOf(sixToEightWeekReview, "plan-notes");
  const short = { ...notes, raw: { ...notes.raw, maxLength: 3 } };
  assert.equal(engine.fault(short, " 𝒜𝒷𝒸 "), null);
  assert.match(engine.fault(short, "𝒜𝒷𝒸𝒹"), /too long: 3 characters at most/);
});

test("an answer that a form requires is asked for", () => {
  assert.match(engine.fault({ ...weight, required: true }, ""), /Enter an answer: Weight/);
});

test("the response is nested as the form, in its order, and leaves out what was not answered", () => {
  const items = engine.responseItems(sixToEightWeekReview, {
    "feeding-status": "partially",
    weight: "5.10",
    "plan-notes": " Weigh again ",
    length: "",
  });
  assert.equal(
    write(items.map(({ linkId, item }) => [linkId, item.map((each) => [each.linkId, each.answer])])),
    '[["measurements",[["weight",[{"valueDecimal":5.10}]]]],' +
      '["feeding",[["feeding-status",[{"valueCoding":{"system":"https://healthvisit.example/fhir/CodeSystem/feeding-status",' +
      '"code":"partially","display":"Partially breastfed"}}]]]],' +
      '["plan",[["plan-notes",[{"valueString":"Weigh again"}]]]]]',
  );
});

test("a wrong answer is never sent", () => {
  assert.throws(() => engine.responseItems(sixToEightWeekReview, { weight: "51" }), RangeError);
  assert.deepEqual(
    askedFaults(sixToEightWeekReview, { weight: "51" }).map(({ linkId }) => linkId),
    ["weight"],
  );
});

const askedOf = (form, answers) => engine.asked(form, answers).flatMap(({ items }) => items.map((item) => item.linkId));

test("what follows from an answer is asked once that answer is given", () => {
  const links = (answers) => askedOf(twoYearReview, answers);
  assert.ok(!links({}).includes("smoking-help"));
  assert.ok(!links({ "smoking-at-home": "prefers-not-to-say" }).includes("smoking-help"));
  assert.ok(links({ "smoking-at-home": "yes" }).includes("smoking-help"));
  assert.ok(!links({ hearing: "result-known" }).includes("hearing-result"));
});

test("either of two answers opens a question, and one that is itself not asked opens nothing", () => {
  const links = (answers) => askedOf(sixToEightWeekReview, answers);
  assert.ok(links({ hearing: "result-known", "hearing-result": "follow-up" }).includes("screening-notes"));
  assert.ok(links({ "blood-spot": "result-known", "blood-spot-result": "follow-up" }).includes("screening-notes"));
  assert.ok(!links({ hearing: "result-awaited", "hearing-result": "follow-up" }).includes("screening-notes"));
});

test("an answer that is not asked for any more is kept on the tablet and not sent", () => {
  const answers = { weight: "5.10", "smoking-at-home": "no", "smoking-help": "yes" };
  const sent = engine.responseItems(sixToEightWeekReview, answers);
  assert.deepEqual(
    sent.flatMap(({ item }) => item.map(({ linkId }) => linkId)),
    ["weight", "smoking-at-home"],
  );
});

test("a concern without its words is not sent, and without a concern none are asked for", () => {
  const faults = (answers) => askedFaults(sixToEightWeekReview, answers);
  assert.deepEqual(
    faults({ "child-concern": "yes" }).map(({ linkId }) => linkId),
    ["child-concern-notes"],
  );
  assert.throws(() => engine.responseItems(sixToEightWeekReview, { "child-concern": "yes" }), RangeError);
  assert.deepEqual(faults({ "child-concern": "no" }), []);
});

test("a whole number is taken within its limits, and nothing else", () => {
  const words = itemOf(twoYearReview, "word-list-count");
  for (const right of ["0", " 50 ", "007"]) assert.equal(engine.fault(words, right), null, right);
  for (const wrong of ["51", "-1", "12.5", "many", "1e1"]) assert.notEqual(engine.fault(words, wrong), null, wrong);
  assert.equal(engine.answerWords(words, " 07"), "7");
  const [group] = engine.responseItems(twoYearReview, { "word-list": "yes", "word-list-count": "07" });
  assert.equal(write(group.item[1].answer), '[{"valueInteger":7}]');
});

test("answers are said in words, with their unit", () => {
  assert.equal(engine.answerWords(weight, "5,10"), "5.10 kg");
  assert.equal(engine.answerWords(weight, undefined), null);
  assert.equal(engine.answerWords(itemOf(sixToEightWeekReview, "feeding-status"), "unknown"), "Not known");
});
