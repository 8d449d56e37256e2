import assert from "node:assert/strict";
import { test } from "node:test";
import { canBeRecorded, isOvertaken, reviewOf, standing, standingSo } from "../../healthvisit/faces/tablet/static/pathway.js";
import { found } from "../../healthvisit/faces/tablet/static/patient.js";
import { aChild, aReview } from "./builders.js";

test("a window stands by the day, on both edges", () => {
  const review = aReview({ from: "2021-01-20", until: "2021-07-20" });
  assert.equal(standing(review, "2021-01-19"), "not-yet");
  assert.equal(standing(review, "2021-01-20"), "open");
  assert.equal(standing(review, "2021-07-05"), "open");
  assert.equal(standing(review, "2021-07-06"), "due");
  assert.equal(standing(review, "2021-07-20"), "due");
  assert.equal(standing(review, "2021-07-21"), "overdue");
});

test("a caseload fetched before the window closed says overdue after it, without a signal", () => {
  assert.equal(standing(aReview({ state: "due", until: "2021-02-14" }), "2021-02-15"), "overdue");
});

test("what was done stays done; what was declined stays declined and can still be recorded", () => {
  assert.equal(standing(aReview({ state: "done-late", done_on: "2021-08-01" }), "2021-09-01"), "done");
  assert.ok(!canBeRecorded(aReview({ state: "done-on-time", done_on: "2021-02-01" }), "2021-02-15"));
  assert.equal(standing(aReview({ state: "declined" }), "2021-02-15"), "declined");
  assert.ok(canBeRecorded(aReview({ state: "declined" }), "2021-02-15"));
});

test("a visit without access leaves the review open while its window lasts", () => {
  assert.equal(standing(aReview({ state: "no-access" }), "2021-02-15"), "open");
  assert.equal(standing(aReview({ state: "no-access" }), "2021-08-15"), "no-access");
});

test("a review without dates does not apply; one that is early cannot be recorded", () => {
  assert.equal(standing(aReview({ from: null, until: null }), "2021-02-15"), "not-applicable");
  assert.ok(!canBeRecorded(aReview(), "2021-01-01"));
});

test("the window that closes first is listed first", () => {
  const early = aChild({ reviews: [aReview({ until: "2021-03-30" })] });
  const late = aChild({ reviews: [aReview({ until: "2021-06-30" })] });
  const list = standingSo([late, early], ["open", "due"], "2021-02-15");
  assert.deepEqual(
    list.map(({ child }) => child),
    [early, late],
  );
});

test("of a child who has left the caseload nothing is due and nothing overdue", () => {
  const child = aChild({ reviews: [aReview()] });
  for (const [state, on] of [["open", "2021-02-15"], ["overdue", "2031-02-15"]]) {
    assert.equal(standingSo([child], [state], on).length, 1);
    assert.deepEqual(standingSo([{ ...child, is_departed: true }], [state], on), []);
  }
});

test("a child is found by the beginning of any name, whatever the accents, or by the NHS number", () => {
  const named = (given, family) => ({ patient: { ...aChild().patient, name: [{ given, family }] } });
  const children = [named(["Éabha", "Rose"], "O’Brien"), named(["Ada"], "Example"), named(["Sam"], "Jones-Okafor")];
  const names = (sought) => found(children, sought).map(({ patient }) => patient.name[0].given[0]);
  assert.deepEqual(names("eabha ob"), ["Éabha"]);
  assert.deepEqual(names("ros"), ["Éabha"]);
  assert.deepEqual(names("JONES"), ["Sam"]);
  assert.deepEqual(names("example ada"), ["Ada"]);
  assert.equal(found(children, "999 000").length, 3);
  assert.deepEqual(names("  "), []);
  assert.deepEqual(names("zz"), []);
});

test("a suggested contact is offered at its age until it was held, any other always, and neither is ever due", () => {
  const suggested = aReview({ state: "additional", from: "2021-02-15", until: "2021-05-14" });
  assert.deepEqual(
    ["2021-02-14", "2021-02-15", "2021-05-14", "2021-05-15"].map((on) => canBeRecorded(suggested, on)),
    [false, true, true, false],
  );
  assert.equal(canBeRecorded({ ...suggested, done_on: "2021-02-15" }, "2021-02-16"), false);
  const other = aReview({ review: "ad-hoc", state: "additional", from: null, until: null, done_on: "2021-02-15" });
  assert.equal(canBeRecorded(other, "2021-02-15"), true);
  const child = aChild({ reviews: [], contacts: [suggested, other] });
  assert.deepEqual(standingSo([child], ["open", "due", "overdue", "not-yet"], "2021-05-14"), []);
  assert.equal(reviewOf(child, "ad-hoc"), other);
});

test("a review whose window has passed is no longer asked for once the next one has opened", () => {
  const missed = aReview({ review: "new-birth", from: "2018-09-13", until: "2018-09-26" });
  const next = aReview({ review: "six-to-eight-week", from: "2018-10-24", until: "2018-11-07" });
  const child = aChild({ reviews: [missed, next] });
  assert.ok(!isOvertaken(missed, child.reviews, "2018-10-23"));
  assert.ok(isOvertaken(missed, child.reviews, "2018-10-24"));
  assert.deepEqual(
    standingSo([child], ["overdue"], "2018-12-01").map(({ review }) => review),
    [next],
  );
});
