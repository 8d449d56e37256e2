import assert from "node:assert/strict";
import { test } from "node:test";
import * as outbox from "../../healthvisit/faces/tablet/static/outbox.js";
import { meaning } from "../../healthvisit/faces/tablet/static/sync.js";

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

test("a refused contact that was sent again is no longer said to be waiting for anyone", () => {
  const refused = outbox.answered(outbox.sending(anItem()), meaning(422, null, null, at), 0);
  const replaced = { ...refused, replaced_by: "op-2" };
  assert.equal(outbox.lineWords([replaced], clock), "Nothing waiting to send");
  assert.equal(outbox.stateWords(replaced, clock), "Not accepted by the server; sent again after");
});
