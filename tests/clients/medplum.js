// npm @medplum/core, as an app of a health visitor in Bury.

import { MedplumClient, OperationOutcomeError } from "@medplum/core";

import {
  amendment, assert, byMark, expressions, ids, service, statuses, tell, twoReads, types, visit, weight,
} from "./telling.js";

const client = new MedplumClient({
  baseUrl: service.base.replace("/fhir", "/"),
  fhirUrlPath: "fhir",
  accessToken: service.token,
  cacheTime: 0,
});
const seen = (version) => ({ headers: { "If-Match": `W/"${version}"` } });
const kept = (mark) => client.createResource(weight(mark));
const refused = (promise, code) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof OperationOutcomeError);
    assert.equal(error.outcome.issue[0].code, code);
    return true;
  });

await tell({
  async "reads what the service says of itself"() {
    const statement = await client.get(client.fhirUrl("metadata"));
    assert.equal(statement.fhirVersion, "4.0.1");
  },
  async "creates and reads"(mark) {
    const created = await kept(mark);
    const found = await client.readResource("Observation", created.id);
    assert.equal(found.valueQuantity.value, 12.4);
  },
  async "creates only what is not there"(mark) {
    const { id } = await kept(mark);
    const again = await client.createResourceIfNoneExist(weight(mark), `identifier=${byMark(mark)}`);
    assert.equal(again.id, id);
  },
  async "updates what it has seen and nothing else"(mark) {
    const resource = { ...(await kept(mark)), status: "amended" };
    assert.equal((await client.updateResource(resource, seen(1))).meta.versionId, "2");
    await refused(client.updateResource(resource, seen(1)), "conflict");
  },
  async "patches by JSON Patch"(mark) {
    const { id } = await kept(mark);
    assert.equal((await client.patchResource("Observation", id, amendment, seen(1))).status, "amended");
  },
  async "deletes"(mark) {
    const { id } = await kept(mark);
    await client.deleteResource("Observation", id);
    await refused(client.readResource("Observation", id), "deleted");
  },
  async "reads history and an earlier version"(mark) {
    const { id } = await kept(mark);
    await client.patchResource("Observation", id, amendment, seen(1));
    const history = await client.readHistory("Observation", id);
    assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ["2", "1"]);
    assert.equal((await client.readVersion("Observation", id, "1")).status, "final");
  },
  async "pages through every child"() {
    const found = [];
    for await (const page of client.searchResourcePages("Patient", { _count: 7, _sort: "birthdate" })) {
      found.push(...page.map((child) => child.id));
    }
    assert.equal(found.length, service.children);
    assert.equal(new Set(found).size, service.children);
  },
  async "includes both ways"(mark) {
    const { id } = await kept(mark);
    const forth = await client.search("Observation", { identifier: byMark(mark), _include: "Observation:patient" });
    assert.deepEqual(types(forth), new Set(["Observation", "Patient"]));
    const back = await client.search("Patient", { _id: service.child, _revinclude: "Observation:patient" });
    assert.ok(ids(back).includes(id));
  },
  async "searches by a form"(mark) {
    const { id } = await kept(mark);
    const form = new URLSearchParams({ identifier: byMark(mark) }).toString();
    const address = client.fhirUrl("Observation", "_search");
    assert.deepEqual(ids(await client.post(address, form, "application/x-www-form-urlencoded")), [id]);
  },
  async "sends a transaction"(mark) {
    assert.deepEqual(statuses(await client.executeBatch(visit(mark))), ["201", "201", "201"]);
  },
  async "sends a batch whose parts stand alone"() {
    assert.deepEqual(statuses(await client.executeBatch(twoReads())), ["200", "404"]);
  },
  async "asks for everything of a child"() {
    assert.ok(types(await client.readPatientEverything(service.child)).has("Patient"));
  },
  async "has a resource validated"(mark) {
    assert.ok((await client.validateResource(weight(mark))).issue.length > 0);
  },
  async "is told what is wrong"() {
    await refused(client.readResource("Observation", "nobody"), "not-found");
    await assert.rejects(client.createResource({ resourceType: "Observation", status: "final" }), (error) => {
      assert.ok(expressions(error.outcome).includes("Observation.code"));
      return true;
    });
  },
});
