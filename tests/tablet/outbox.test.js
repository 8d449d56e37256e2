import assert from "node:assert/strict";
import { test } from "node:test";
import * as outbox from "../../healthvisit/faces/tablet/static/outbox.js";
import { handingMeaning, meaning } from "../../healthvisit/faces/tablet/static/sync.js";

const about = {
  child: "Patient/1",
  review: "two-year",
  title: "2 to 2½ year review",
  outcome: "completed",
  draft: "d",
};
const at = "2021-02-15T10:42:00Z";
const clock = () => "10:42";

function anItem(items = [], operation = "op-1") {
  return outbox.queued(items, { operation, body: "{}", about, at });
}

const RECEIVED = {
  resourceType: "Bundle",
  type: "transaction-response",
  entry: [{ response: { status: "201 Created", location: "Encounter/e1/_history/1", lastModified: at } }],
};

test("operations are sent in the order in which they were pressed, whatever their UUIDs", () => {
  const items = [];
  for (const operation of ["f-9", "a-1", "c-5"]) items.push(anItem(items, operation));
  assert.deepEqual(
    outbox.ready([...items].reverse(), 0).map(({ operation }) => operation),
    ["f-9", "a-1", "c-5"],
  );
});

test("an answer from the server is the only thing that makes it received", () => {
  const sent = outbox.sending(anItem());
  assert.equal(outbox.stateWords(sent, clock), "Sending");
  const received = outbox.answered(sent, meaning(201, RECEIVED, null, at), 0);
  assert.equal(received.state, "received");
  assert.equal(outbox.stateWords(received, clock), "Received 10:42, reference Encounter/e1");
  assert.throws(() => outbox.answered(anItem(), { kind: "received", reference: "Encounter/e1", at }, 0), RangeError);
});

test("a page of another service that answers 200 is no receipt", () => {
  for (const body of [null, {}, { resourceType: "Bundle", type: "searchset" }, { ...RECEIVED, entry: [] }]) {
    assert.equal(meaning(200, body, null, at).kind, "no-answer");
  }
});

test("a reference is read from a full address too", () => {
  const entry = [{ response: { location: "http://127.0.0.1:8000/fhir/Encounter/e1/_history/1" } }];
  assert.deepEqual(meaning(200, { ...RECEIVED, entry }, null, at), { kind: "received", reference: "Encounter/e1", at });
});

test("a lost reply is sent again as it was: same UUID, same bytes", () => {
  const item = anItem();
  const lost = outbox.answered(outbox.sending(item), { kind: "no-answer" }, 0);
  assert.equal(lost.state, "waiting");
  assert.deepEqual([lost.operation, lost.body, lost.number], [item.operation, item.body, item.number]);
  assert.equal(outbox.stateWords(lost, clock), "On this tablet, waiting to send");
});

test("a tablet that died while sending sends again", () => {
  assert.equal(outbox.resumed(outbox.sending(anItem())).state, "waiting");
  const received = outbox.answered(outbox.sending(anItem()), meaning(200, RECEIVED, null, at), 0);
  assert.equal(outbox.resumed(received).state, "received");
});

test("what the server refuses is set aside with its reason, and the rest goes on", () => {
  const items = [anItem()];
  items.push(anItem(items, "op-2"));
  const outcome = {
    resourceType: "OperationOutcome",
    issue: [{ diagnostics: "A child cannot weigh this.", expression: ["Bundle.entry[1].resource"] }],
  };
  items[0] = outbox.answered(outbox.sending(items[0]), meaning(422, outcome, null, at), 0);
  assert.equal(items[0].state, "set-aside");
  assert.equal(items[0].reason, "A child cannot weigh this.");
  assert.deepEqual(
    outbox.ready(items, 0).map(({ operation }) => operation),
    ["op-2"],
  );
  assert.equal(outbox.lineWords(items, clock), "1 contact on this tablet, waiting to send, 1 contact not accepted");
});

test("a refusal without a reason says so", () => {
  assert.equal(meaning(404, null, null, at).reason, "The server answered 404 and gave no reason.");
});

test("a faulty server is waited for, longer each time, and holds up no other item", () => {
  for (const status of [500, 502, 503, 429, 408, 302])
    assert.equal(meaning(status, null, null, at).kind, "no-answer", status);
  let item = anItem();
  const waits = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    item = outbox.answered(outbox.sending(item), { kind: "no-answer" }, 1000);
    waits.push((item.not_before_ms - 1000) / 1000);
  }
  assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
  assert.deepEqual(
    outbox.ready([item, anItem([item], "op-2")], 2000).map(({ operation }) => operation),
    ["op-2"],
  );
  assert.equal(outbox.ready([item], Infinity).length, 1);
});

test("the server's own wait is kept", () => {
  const item = outbox.answered(outbox.sending(anItem()), meaning(503, null, "30", at), 0);
  assert.equal(item.not_before_ms, 30_000);
});

test("a sign-in that ran out keeps everything and asks for a sign-in", () => {
  const item = outbox.answered(outbox.sending(anItem()), meaning(401, null, null, at), 0);
  assert.equal(item.state, "waiting");
  assert.equal(outbox.ready([item], 0).length, 1);
});

test("the line says how many wait and when the last was received, and never more than is so", () => {
  assert.equal(outbox.lineWords([], clock), "Nothing waiting to send");
  const waiting = anItem();
  assert.equal(outbox.lineWords([waiting], clock), "1 contact on this tablet, waiting to send");
  assert.equal(outbox.lineWords([outbox.sending(waiting)], clock), "Sending 1 contact");
  const received = outbox.answered(outbox.sending(waiting), meaning(201, RECEIVED, null, at), 0);
  assert.equal(outbox.lineWords([received], clock), "Nothing waiting to send, last received 10:42");
  assert.doesNotMatch(outbox.lineWords([waiting], clock), /received|sent|done|success/i);
});

test("what was received is not sent again", () => {
  const received = outbox.answered(outbox.sending(anItem()), meaning(201, RECEIVED, null, at), 0);
  assert.throws(() => outbox.sending(received), RangeError);
  assert.deepEqual(outbox.ready([received], Infinity), []);
});

test("a contact of a child whom another team has by now is kept, and says so", () => {
  const coding = [{ system: "https://healthvisit.example/fhir/CodeSystem/refusal", code: "child-moved" }];
  const body = {
    resourceType: "OperationOutcome",
    issue: [{ severity: "error", code: "forbidden", diagnostics: "Another service answers.", details: { coding } }],
  };
  for (const status of [403, 422]) {
    const moved = outbox.answered(outbox.sending(anItem()), meaning(status, body, null, at), 0);
    assert.equal(moved.state, "set-aside");
    assert.equal(moved.moved, true);
    assert.match(outbox.stateWords(moved, String), /your team does not have the child now; kept on this tablet/);
  }
  const others = { ...body, issue: [{ ...body.issue[0], details: { coding: [{ code: "child-moved" }] } }] };
  assert.equal("moved" in meaning(403, others, null, at), false);
});

test("a child whom the server gave and does not know any more has gone; another thing that it does not know has not", () => {
  const unknown = (place) => ({
    resourceType: "OperationOutcome",
    issue: [{ severity: "error", code: "not-found", diagnostics: "None.", expression: [place] }],
  });
  assert.equal(meaning(422, unknown("Bundle.entry[0].resource.subject"), null, at).moved, true);
  assert.equal("moved" in meaning(422, unknown("Bundle.entry[0].resource.participant[0].individual"), null, at), false);
});

function aMovedItem() {
  return { ...anItem(), state: "set-aside", moved: true, reason: "Another service answers." };
}

test("a contact of a child who moved is handed in, and is handed in only by the server's own receipt", () => {
  const moved = aMovedItem();
  assert.deepEqual(outbox.toHandIn([moved], 0), [moved]);
  assert.equal(outbox.lineWords([moved], clock), "1 contact on this tablet, to hand to another team");
  assert.equal(outbox.unsent([moved]).length, 1);
  for (const body of [null, {}, { reference: "r1" }, { reference: "r1", received_at: "soon" }, { received_at: at }]) {
    assert.equal(handingMeaning(200, body, null).kind, "no-answer");
  }
  const there = outbox.handed(moved, handingMeaning(200, { reference: "r1", received_at: at }, null), 0);
  assert.equal(
    outbox.stateWords(there, clock),
    "Handed to the team that answers for the child now, 10:42, reference r1",
  );
  assert.equal(outbox.lineWords([there], clock), "Nothing waiting to send");
  assert.doesNotMatch(outbox.stateWords(there, clock), /received|recorded|stored|done/i);
  assert.deepEqual([outbox.toHandIn([there], Infinity), outbox.unsent([there])], [[], []]);
  assert.throws(() => outbox.handed(there, { kind: "handed-in", reference: "r2", at }, 0), RangeError);
  assert.throws(() => outbox.sending(there), RangeError);
});

test("a contact that cannot be handed in now is kept and handed in later, each time after a longer wait", () => {
  let item = aMovedItem();
  const waits = [];
  for (let attempt = 0; attempt < 4; attempt += 1) {
    item = outbox.handed(item, handingMeaning(503, null, null), 1000);
    waits.push((item.not_before_ms - 1000) / 1000);
  }
  assert.deepEqual(waits, [5, 5, 10, 20]);
  assert.deepEqual(outbox.toHandIn([item], 2000), []);
  assert.equal(outbox.toHandIn([item], Infinity).length, 1);
  assert.equal(outbox.handed(item, handingMeaning(503, null, "30"), 0).not_before_ms, 30_000);
  assert.equal(outbox.handed(item, handingMeaning(401, null, null), 0).not_before_ms, 0);
});

test("a contact that the server does not take for another team is kept, with the reason, and asked no more", () => {
  const refused = outbox.handed(aMovedItem(), handingMeaning(422, { title: "It is not so." }, null), 0);
  assert.equal(refused.not_handed, "It is not so.");
  assert.deepEqual(outbox.toHandIn([refused], Infinity), []);
  assert.match(outbox.stateWords(refused, clock), /not handed over.*kept on this tablet/);
  assert.equal(outbox.lineWords([refused], clock), "Nothing waiting to send, 1 contact not accepted");
});

test("what is refused for another reason is never handed in", () => {
  const aside = outbox.answered(outbox.sending(anItem()), meaning(422, null, null, at), 0);
  assert.deepEqual(outbox.toHandIn([aside, { ...aMovedItem(), replaced_by: "op-2" }, anItem()], Infinity), []);
});

test("a refused contact that was sent again is no longer said to be waiting for anyone", () => {
  const refused = outbox.answered(outbox.sending(anItem()), meaning(422, null, null, at), 0);
  const replaced = { ...refused, replaced_by: "op-2" };
  assert.equal(outbox.lineWords([replaced], clock), "Nothing waiting to send");
  assert.equal(outbox.stateWords(replaced, clock), "Not accepted by the server; sent again after");
});
