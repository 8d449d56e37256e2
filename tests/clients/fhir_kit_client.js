// npm fhir-kit-client, as an app of a health visitor in Bury.

import { CapabilityTool, Client } from "fhir-kit-client";

import {
  amendment, assert, byMark, expressions, ids, service, statuses, tell, twoReads, types, visit, weight,
} from "./telling.js";

const client = new Client({ baseUrl: service.base, bearerToken: service.token });
const resourceType = "Observation";
const seen = (version) => ({ headers: { "If-Match": `W/"${version}"` } });
const kept = (mark) => client.create({ resourceType, body: weight(mark) });
const refused = (promise, status) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.response.status, status);
    assert.equal(error.response.data.resourceType, "OperationOutcome");
    return true;
  });

await tell({
  async "reads what the service says of itself"() {
    const tool = new CapabilityTool(await client.capabilityStatement());
    assert.ok(tool.resourceCan("Observation", "create"));
    assert.ok(!tool.resourceCan("Patient", "delete"));
    const found = await client.smartAuthMetadata();
    assert.equal(String(found.tokenUrl), service.base.replace("/fhir", "/token"));
  },
  async "creates and reads"(mark) {
    const created = await kept(mark);
    const { response } = Client.httpFor(created);
    assert.equal(response.status, 201);
    assert.ok(response.headers.get("location").endsWith(`/Observation/${created.id}/_history/1`));
    const found = await client.read({ resourceType, id: created.id });
    assert.equal(found.valueQuantity.value, 12.4);
  },
  async "updates what it has seen and nothing else"(mark) {
    const body = { ...(await kept(mark)), status: "amended" };
    const updated = await client.update({ resourceType, id: body.id, body, options: seen(1) });
    assert.equal(updated.meta.versionId, "2");
    await refused(client.update({ resourceType, id: body.id, body, options: seen(1) }), 412);
  },
  async "patches by JSON Patch"(mark) {
    const { id } = await kept(mark);
    const patched = await client.patch({ resourceType, id, jsonPatch: amendment, options: seen(1) });
    assert.equal(patched.status, "amended");
  },
  async "deletes"(mark) {
    const { id } = await kept(mark);
    await client.delete({ resourceType, id });
    await refused(client.read({ resourceType, id }), 410);
  },
  async "reads an earlier version, and the history of one, of a type and of all"(mark) {
    const { id } = await kept(mark);
    await client.patch({ resourceType, id, jsonPatch: amendment, options: seen(1) });
    assert.equal((await client.vread({ resourceType, id, version: "1" })).status, "final");
    const history = await client.history({ resourceType, id });
    assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ["2", "1"]);
    assert.ok(ids(await client.typeHistory({ resourceType })).includes(id));
    assert.ok(ids(await client.systemHistory()).includes(id));
  },
  async "pages through every child"() {
    const searchParams = { _count: 7, _sort: "birthdate" };
    let page = await client.search({ resourceType: "Patient", searchParams });
    const found = [];
    while (page) {
      found.push(...ids(page));
      page = await client.nextPage({ bundle: page });
    }
    assert.equal(found.length, service.children);
    assert.equal(new Set(found).size, service.children);
  },
  async "includes both ways"(mark) {
    const { id } = await kept(mark);
    const forth = { identifier: byMark(mark), _include: "Observation:patient" };
    assert.deepEqual(types(await client.search({ resourceType, searchParams: forth })), new Set(["Observation", "Patient"]));
    const back = { _id: service.child, _revinclude: "Observation:patient" };
    assert.ok(ids(await client.search({ resourceType: "Patient", searchParams: back })).includes(id));
  },
  async "searches by a form"(mark) {
    const { id } = await kept(mark);
    const options = { postSearch: true };
    const searchParams = { identifier: byMark(mark) };
    assert.deepEqual(ids(await client.search({ resourceType, searchParams, options })), [id]);
  },
  async "searches in one child's compartment and over several types"(mark) {
    const { id } = await kept(mark);
    const compartment = { resourceType: "Patient", id: service.child };
    const searchParams = { identifier: byMark(mark) };
    assert.deepEqual(ids(await client.search({ resourceType, compartment, searchParams })), [id]);
    assert.deepEqual(ids(await client.search({ searchParams: { _id: id, _type: resourceType } })), [id]);
  },
  async "sends a transaction"(mark) {
    const answer = await client.transaction({ body: visit(mark) });
    assert.deepEqual(statuses(answer), ["201", "201", "201"]);
  },
  async "sends a batch whose parts stand alone"() {
    assert.deepEqual(statuses(await client.batch({ body: twoReads() })), ["200", "404"]);
  },
  async "asks for everything of a child"() {
    const asked = { resourceType: "Patient", id: service.child, name: "everything", method: "GET" };
    assert.ok(types(await client.operation(asked)).has("Patient"));
  },
  async "has a resource validated"(mark) {
    const asked = (input) => client.operation({ resourceType, name: "validate", input });
    const right = await asked(weight(mark));
    assert.ok(right.issue.every((issue) => !["fatal", "error"].includes(issue.severity)));
    const wrong = await asked({ ...weight(mark), status: "nearly" });
    assert.ok(expressions(wrong).includes("Observation.status"));
  },
  async "resolves a reference"(mark) {
    const context = await kept(mark);
    const child = await client.resolve({ reference: context.subject.reference, context });
    assert.equal(child.id, service.child);
  },
  async "is told what is wrong"() {
    await refused(client.read({ resourceType, id: "nobody" }), 404);
    await assert.rejects(client.create({ resourceType, body: { resourceType, status: "final" } }), (error) => {
      assert.ok(expressions(error.response.data).includes("Observation.code"));
      return true;
    });
  },
});
