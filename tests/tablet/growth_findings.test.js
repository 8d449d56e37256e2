import assert from "node:assert/strict";
import { test } from "node:test";
import { plusDays } from "../../healthvisit/faces/tablet/static/civil.js";
import { findingWords, findings } from "../../healthvisit/faces/tablet/static/growth_findings.js";
import { file } from "./builders.js";

const reference = file("healthvisit/programme/growth.json");
const BORN = "2020-03-01";

function aChild(changes = {}) {
  return { born: BORN, sex: "female", gestationDays: 280, ...changes };
}

/** Measurements of one kind by day since birth. */
function measured(measure, byDay) {
  return Object.entries(byDay).map(([day, value]) => ({ on: plusDays(BORN, Number(day)), measure, value }));
}

/** The value that stands so many centile spaces from the median. */
function at(measure, day, spaces) {
  const { first, l, m, s } = reference[measure].female;
  const index = day - first;
  return String(m[index] * (1 + l[index] * s[index] * spaces * (2 / 3)) ** (1 / l[index]));
}

function codes(child, ...every) {
  return findings(reference, child, every.flat()).map(({ code }) => code);
}

test("a tenth of the birth weight may be lost, and not a gram more", () => {
  const lost = (value) => codes(aChild(), measured("weight", { 0: "3.500", 5: value }));
  assert.deepEqual(lost("3.150"), []);
  assert.deepEqual(lost("3.149"), ["weight-loss"]);
});

test("the birth weight is to be regained at three weeks", () => {
  const now = (day, value) => codes(aChild(), measured("weight", { 0: "3.500", [day]: value }));
  assert.deepEqual(now(20, "3.49"), []);
  assert.deepEqual(now(21, "3.49"), ["birth-weight-not-regained"]);
  assert.deepEqual(now(21, "3.5"), []);
  assert.deepEqual(now(21, "3.14"), ["weight-loss", "weight-drop-once"]);
});

test("without a weight of the day of birth nothing is said of what was lost since", () => {
  assert.deepEqual(codes(aChild(), measured("weight", { 1: "3.500", 5: "3.000" })), []);
});

test("a drop through two spaces is told once it stays, and before that asks for another weight", () => {
  const weights = (...spaces) =>
    measured("weight", Object.fromEntries(spaces.map((each, index) => [100 + 30 * index, at("weight", 100 + 30 * index, each)])));
  assert.deepEqual(codes(aChild(), weights(1, -0.9)), []);
  assert.deepEqual(codes(aChild(), weights(1, -1.1)), ["weight-drop-once"]);
  assert.deepEqual(codes(aChild(), weights(1, -1.1, -1.2)), ["weight-drop"]);
  assert.deepEqual(codes(aChild(), weights(1, -1.1, -0.5)), []);
  assert.deepEqual(codes(aChild(), weights(0, 1, -1.1)), ["weight-drop-once"]);
  assert.deepEqual(codes(aChild(), weights(1, -1.1, -1.2, 0)), []);
});

test("what is lost in the first two weeks is no drop through the lines", () => {
  const weights = { 0: at("weight", 0, 0), 13: at("weight", 13, -2.5) };
  assert.deepEqual(codes(aChild(), measured("weight", weights)), ["weight-loss"]);
  // Nor is what was gained since: only who stood lower after the second week drops from there.
  assert.deepEqual(codes(aChild(), measured("weight", { ...weights, 60: at("weight", 60, -1) })), []);
});

test("at the age at which a preterm child is read by its birthday again, its lines do not seem to cross", () => {
  const born = aChild({ gestationDays: 250 });
  const day = (corrected) => corrected + 30;
  const weights = [330, 360, 400].map((corrected) => [day(corrected), at("weight", corrected, 0)]);
  const heads = [330, 360, 400].map((corrected) => [day(corrected), at("head", corrected, 0)]);
  assert.deepEqual(
    codes(born, measured("weight", Object.fromEntries(weights)), measured("head", Object.fromEntries(heads))),
    [],
  );
});

test("below the 0.4th line is told, and on it is not", () => {
  for (const [measure, code] of [["weight", "weight-low"], ["length", "length-low"]]) {
    assert.deepEqual(codes(aChild(), measured(measure, { 400: at(measure, 400, -3.99) })), []);
    assert.deepEqual(codes(aChild(), measured(measure, { 400: at(measure, 400, -4.01) })), [code]);
  }
});

test("a large head waits for six months unless there are other signs", () => {
  const of = (day) => {
    const child = aChild();
    const [found] = findings(reference, child, measured("head", { [day]: at("head", day, 4.1) }));
    return findingWords(found, child);
  };
  assert.match(of(183), /Before 6 months this is a concern only with other signs/);
  assert.match(of(184), /After 6 months this needs an assessment/);
});

test("a head that grows through two spaces is told", () => {
  const heads = (...spaces) =>
    measured("head", Object.fromEntries(spaces.map((each, index) => [100 + 60 * index, at("head", 100 + 60 * index, each)])));
  assert.deepEqual(codes(aChild(), heads(-1, 0.9)), []);
  assert.deepEqual(codes(aChild(), heads(-1, 1.1)), ["head-rise"]);
  assert.deepEqual(codes(aChild(), heads(1, -1.1)), []);
});

test("body mass index is read from two years, of weight and height of one day", () => {
  const of = (day, spaces, heightDay = day) => {
    const height = 87;
    const weight = Number(at("bmi", Math.max(day, 731), spaces)) * (height / 100) ** 2;
    return codes(aChild(), measured("weight", { [day]: String(weight) }), measured("length", { [heightDay]: String(height) }));
  };
  assert.deepEqual(of(731, 1.9), []);
  assert.deepEqual(of(731, 2.1), ["bmi-high"]);
  assert.deepEqual(of(731, 3.1), ["bmi-very-high"]);
  assert.deepEqual(of(731, -3.1), ["bmi-low"]);
  assert.deepEqual(of(731, 3.1, 732), []);
  // Two years old on 1 March 2022, 730 days after birth.
  assert.deepEqual(of(729, 3.1), []);
});

test("what no child has says nothing, and of two weights of one day the later entry stands", () => {
  assert.deepEqual(codes(aChild(), measured("weight", { 400: "89.5" })), []);
  const twice = [...measured("weight", { 400: at("weight", 400, -5) }), ...measured("weight", { 400: at("weight", 400, 0) })];
  assert.deepEqual(codes(aChild(), twice), []);
});
