import assert from "node:assert/strict";
import { test } from "node:test";
import * as civil from "../../healthvisit/faces/tablet/static/civil.js";
import { Clock } from "../../healthvisit/faces/tablet/static/clock.js";
import { ageWords, nhsNumberWords, weekdayDate, windowWords } from "../../healthvisit/faces/tablet/static/words.js";

test("a month is added to the last day of a shorter one", () => {
  assert.equal(civil.plusMonths("2018-12-31", 30), "2021-06-30");
  assert.equal(civil.plusMonths("2020-02-29", 24), "2022-02-28");
  assert.equal(civil.plusMonths("2021-01-15", -2), "2020-11-15");
});

test("an age is completed months and the days beyond them", () => {
  assert.deepEqual(civil.age("2019-01-31", "2019-02-28"), { months: 1, days: 0 });
  assert.deepEqual(civil.age("2019-02-16", "2021-02-15"), { months: 23, days: 30 });
  assert.deepEqual(civil.age("2021-02-15", "2021-02-15"), { months: 0, days: 0 });
  assert.throws(() => civil.age("2021-02-16", "2021-02-15"), RangeError);
});

test("only days of the calendar are dates", () => {
  assert.ok(civil.isDate("2020-02-29"));
  for (const no of ["2021-02-29", "2021-2-1", "15/02/2021", "", "2021-13-01"]) assert.ok(!civil.isDate(no), no);
  for (const no of ["24:00", "9:05", "", "12:60"]) assert.ok(!civil.isTime(no), no);
});

test("the day is England's, in winter and in summer", () => {
  assert.equal(civil.civilDate(new Date("2021-02-15T23:30:00Z")), "2021-02-15");
  assert.equal(civil.civilDate(new Date("2021-07-15T23:30:00Z")), "2021-07-16");
  assert.equal(civil.clockTime(new Date("2021-07-15T23:30:00Z")), "00:30");
});

test("a time on the clock is one instant; in autumn the first of two, in March perhaps none", () => {
  assert.equal(civil.written(civil.instantOf("2021-02-15", "10:42")), "2021-02-15T10:42:00Z");
  assert.equal(civil.written(civil.instantOf("2021-07-15", "10:42")), "2021-07-15T09:42:00Z");
  assert.equal(civil.written(civil.instantOf("2021-10-31", "01:30")), "2021-10-31T00:30:00Z");
  assert.equal(civil.instantOf("2021-03-28", "01:30"), null);
});

test("the tablet's clock is corrected by the server's, and a shifted day is noticed", () => {
  const clock = new Clock(() => Date.parse("2026-11-23T09:00:10Z"));
  clock.correct("2021-02-15T09:00:00Z");
  assert.equal(clock.now().toISOString(), "2021-02-15T09:00:00.000Z");
  assert.ok(clock.isShifted);
  clock.correct("nonsense");
  assert.equal(clock.now().toISOString(), "2021-02-15T09:00:00.000Z");
  clock.correct("2026-11-23T09:00:00Z");
  assert.ok(!clock.isShifted);
});

test("ages, days and windows are said as the field says them", () => {
  assert.equal(ageWords("2021-02-10", "2021-02-15"), "5 days");
  assert.equal(ageWords("2020-12-27", "2021-02-15"), "7 weeks 1 day");
  assert.equal(ageWords("2020-01-15", "2021-02-15"), "13 months");
  assert.equal(ageWords("2019-01-15", "2021-02-15"), "2 years 1 month");
  assert.equal(weekdayDate("2021-02-15"), "Monday 15 February 2021");
  assert.equal(windowWords("2021-01-01", "2021-07-01"), "Can be done from 1 January 2021 to 1 July 2021");
  assert.equal(nhsNumberWords("9990000018"), "999 000 0018");
});
