// npm fhirclient, SMART's own for JavaScript, as an app of a health visitor in Bury.

import smart from "fhirclient";

import {
  amendment, assert, byMark, expressions, ids, service, statuses, tell, twoReads, types, visit, weight,
} from "./telling.js";

const client = smart({ headers: {} }, {}).client({
  serverUrl: service.base,
  tokenResponse: { access_token: service.token },
});
const seen = (version) => ({ headers: { "If-Match": `W/"${version}"` } });
const post = (url, resource) =>
  client.request({
    url,
    method: "POST",
    headers: { "content-type": "application/fhir+json" },
    body: JSON.stringify(resource),
  });
const kept = (mark) => client.create(weight(mark));
const query = (values) => new URLSearchParams(values);
const refused = (promise, status) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.status, status);
    assert.ok(error.message.includes("OperationOutcome"));
    return true;
  });

await tell({
  async "reads what the service says of itself"() {
    assert.equal(await client.getFhirRelease(), 4);
    assert.equal(await client.getFhirVersion(), "4.0.1");
  },
  async "creates and reads"(mark) {
    const created = await kept(mark);
    const found = await client.request(`Observation/${created.id}`);
    assert.equal(found.valueQuantity.value, 12.4);
  },
  async "updates what it has seen and nothing else"(mark) {
    const body = { ...(await kept(mark)), status: "amended" };
    assert.equal((await client.update(body, seen(1))).meta.versionId, "2");
    await refused(client.update(body, seen(1)), 412);
  },
  async "patches by JSON Patch"(mark) {
    const { id } = await kept(mark);
    assert.equal((await client.patch(`Observation/${id}`, amendment, seen(1))).status, "amended");
  },
  async "deletes"(mark) {
    const { id } = await kept(mark);
    await client.delete(`Observation/${id}`);
    await refused(client.request(`Observation/${id}`), 410);
  },
  async "reads history and an earlier version"(mark) {
    const { id } = await kept(mark);
    await client.update({ ...weight(mark), id, status: "amended" }, seen(1));
    const history = await client.request(`Observation/${id}/_history`);
    assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ["2", "1"]);
    assert.equal((await client.request(`Observation/${id}/_history/1`)).status, "final");
  },
  async "pages through every child"() {
    const found = [];
    for await (const child of client.resources(`Patient?${query({ _count: 7, _sort: "birthdate" })}`)) {
      found.push(child.id);
    }
    assert.equal(found.length, service.children);
    assert.equal(new Set(found).size, service.children);
  },
  async "includes both ways"(mark) {
    const { id } = await kept(mark);
    const forth = query({ identifier: byMark(mark), _include: "Observation:patient" });
    assert.deepEqual(types(await client.request(`Observation?${forth}`)), new Set(["Observation", "Patient"]));
    const back = query({ _id: service.child, _revinclude: "Observation:patient" });
    assert.ok(ids(await client.request(`Patient?${back}`)).includes(id));
  },
  async "searches by a form"(mark) {
    const { id } = await kept(mark);
    const found = await client.request({
      url: "Observation/_search",
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: query({ identifier: byMark(mark) }).toString(),
    });
    assert.deepEqual(ids(found), [id]);
  },
  async "sends a transaction"(mark) {
    assert.deepEqual(statuses(await post("", visit(mark))), ["201", "201", "201"]);
  },
  async "sends a batch whose parts stand alone"() {
    assert.deepEqual(statuses(await post("", twoReads())), ["200", "404"]);
  },
  async "asks for everything of a child"() {
    assert.ok(types(await client.request(`Patient/${service.child}/$everything`)).has("Patient"));
  },
  async "resolves a reference"(mark) {
    const { id } = await kept(mark);
    const found = await client.request(`Observation/${id}`, { resolveReferences: ["subject"] });
    assert.equal(found.subject.id, service.child);
  },
  async "is told what is wrong"() {
    await refused(client.request("Observation/nobody"), 404);
    await assert.rejects(client.create({ resourceType: "Observation", status: "final" }), (error) => {
      const outcome = JSON.parse(error.message.slice(error.message.indexOf("{")));
      assert.ok(expressions(outcome).includes("Observation.code"));
      return true;
    });
  },
});
