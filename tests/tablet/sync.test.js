import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, NoAnswer, SignIn, challenge } from "../../healthvisit/faces/tablet/static/auth.js";
import { Clock } from "../../healthvisit/faces/tablet/static/clock.js";
import { queued } from "../../healthvisit/faces/tablet/static/outbox.js";
import { Sync } from "../../healthvisit/faces/tablet/static/sync.js";
import { aCaseload } from "./builders.js";

const ORIGIN = "http://tablet.example";

// The network is the one thing that a test stands in for: what the tablet says to it and hears from it.
function aNetwork(answers) {
  const calls = [];
  const send = async (address, options = {}) => {
    const url = new URL(address);
    calls.push({
      path: url.pathname,
      url,
      method: options.method ?? "GET",
      headers: options.headers ?? {},
      body: options.body,
    });
    const answer = answers[url.pathname];
    if (!answer) throw new TypeError("network");
    const { status = 200, json, headers = {}, redirected } = await answer(url, options, calls);
    const response = new Response(json === undefined ? "" : JSON.stringify(json), { status, headers });
    Object.defineProperty(response, "url", { value: redirected ?? address });
    return response;
  };
  return { send, calls };
}

function aStorage() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
}

const signedIn = {
  "/authorize": (url) => ({ redirected: `${ORIGIN}/tablet/signed-in?code=c1&state=${url.searchParams.get("state")}` }),
  "/token": () => ({ json: { access_token: "t1", expires_in: 600, refresh_token: "r1" } }),
  "/tablet/caseload": () => ({ json: aCaseload() }),
};

function aNotebook(...operations) {
  const items = new Map();
  for (const operation of operations) {
    const item = queued([...items.values()], {
      operation,
      body: `{"n":"${operation}"}`,
      about: { child: "Patient/child-1", review: "two-year", title: "Review", outcome: "completed", draft: operation },
      at: "2021-02-15T10:00:00Z",
    });
    items.set(operation, item);
  }
  return {
    person: { account: "Practitioner/joan", name: "Joan" },
    caseload: null,
    items,
    results: new Map(),
    states: [],
    get outbox() {
      return [...items.values()];
    },
    async keepCaseload(caseload) {
      this.caseload = caseload;
    },
    async keepResults(results) {
      this.results.set(results.child, results);
    },
    async keepItem(item) {
      this.states.push(`${item.operation} ${item.state}`);
      items.set(item.operation, item);
    },
  };
}

function aSync(answers, notebook) {
  const { send, calls } = aNetwork(answers);
  const signIn = new SignIn(ORIGIN, aStorage(), send);
  const sync = new Sync({
    origin: ORIGIN,
    signIn,
    clock: new Clock(),
    notebook: () => notebook,
    changed: () => {},
    device: { id: () => "00000000-0000-4000-8000-00000000d001", build: "0123456789abcdef" },
    send,
  });
  return { sync, calls, signIn };
}

// Browsers have locks; Node has none.
Object.defineProperty(globalThis, "navigator", { value: { locks: { request: (_name, turn) => turn() } } });

const received = (id) => ({
  json: {
    resourceType: "Bundle",
    type: "transaction-response",
    entry: [{ response: { location: `Encounter/${id}/_history/1`, lastModified: "2021-02-15T10:42:00Z" } }],
  },
});

test("signing in asks with PKCE S256, a state, and the FHIR service as audience", async () => {
  const signIn = new SignIn(ORIGIN, aStorage(), aNetwork({}).send);
  const query = new URL(await signIn.begin("#/search")).searchParams;
  assert.equal(query.get("client_id"), CLIENT);
  assert.equal(query.get("redirect_uri"), `${ORIGIN}/tablet/signed-in`);
  assert.equal(query.get("aud"), `${ORIGIN}/fhir`);
  assert.equal(query.get("code_challenge_method"), "S256");
  assert.match(query.get("code_challenge"), /^[\w-]{43}$/);
  assert.ok(query.get("state").length >= 43);
});

test("the challenge is that of RFC 7636, appendix B", async () => {
  assert.equal(
    await challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
  );
});

test("an answer with another state is not taken, and no code is spent on it", async () => {
  const network = aNetwork(signedIn);
  const signIn = new SignIn(ORIGIN, aStorage(), network.send);
  await signIn.begin("#/");
  assert.equal(await signIn.complete(new URL(`${ORIGIN}/tablet/signed-in?code=c1&state=other`)), null);
  assert.deepEqual(network.calls, []);
  assert.equal(await signIn.complete(new URL(`${ORIGIN}/tablet/signed-in?code=c1&state=other`)), null);
});

test("while the session lives a token comes without leaving the page; without it the person is asked", async () => {
  const { signIn } = aSync(signedIn, null);
  assert.equal(await signIn.token(), "t1");
  const without = aSync({ "/authorize": () => ({ redirected: `${ORIGIN}/sign-in` }) }, null);
  assert.equal(await without.signIn.token(), null);
  const silent = aSync({}, null);
  await assert.rejects(silent.signIn.token(), NoAnswer);
});

test("a refresh token is used once, however many ask at once", async () => {
  let turn = 0;
  const { signIn, calls } = aSync(
    {
      ...signedIn,
      "/token": () => ({ json: { access_token: `t${(turn += 1)}`, expires_in: 0, refresh_token: `r${turn}` } }),
    },
    null,
  );
  await signIn.token();
  await Promise.all([signIn.token(), signIn.token(), signIn.token()]);
  assert.deepEqual(
    calls.filter(({ path }) => path === "/token").map(({ body }) => body.get("grant_type")),
    ["authorization_code", "refresh_token"],
  );
  assert.equal(calls.at(-1).body.get("refresh_token"), "r1");
});

test("two contacts are sent in order, each under its own UUID, and said to be received only after the answer", async () => {
  const notebook = aNotebook("op-b", "op-a");
  const { sync, calls } = aSync(
    {
      ...signedIn,
      "/fhir": (_url, { headers }) => received(headers["Idempotency-Key"]),
      "/fhir/Observation": () => ({ json: { resourceType: "Bundle", type: "searchset" } }),
    },
    notebook,
  );
  await sync.run();
  const posts = calls.filter(({ path }) => path === "/fhir");
  assert.deepEqual(
    posts.map(({ headers }) => headers["Idempotency-Key"]),
    ["op-b", "op-a"],
  );
  assert.deepEqual(
    posts.map(({ headers }) => headers.Authorization),
    ["Bearer t1", "Bearer t1"],
  );
  assert.deepEqual(notebook.states.slice(0, 4), ["op-b sending", "op-b received", "op-a sending", "op-a received"]);
  assert.equal(notebook.items.get("op-a").reference, "Encounter/op-a");
});

test("what one person recorded is never sent as another's", async () => {
  const notebook = aNotebook("op-1");
  notebook.person = { account: "Practitioner/salma", name: "Salma" };
  const { sync, calls } = aSync({ ...signedIn, "/fhir": () => received("e") }, notebook);
  await sync.run();
  assert.deepEqual(
    calls.filter(({ path }) => path === "/fhir"),
    [],
  );
  assert.equal(sync.line, "other-person");
  assert.equal(notebook.items.get("op-1").state, "waiting");
  assert.equal(notebook.caseload, null);
});

test("without a signal nothing is lost and nothing is claimed", async () => {
  const notebook = aNotebook("op-1");
  const { sync } = aSync({ ...signedIn, "/fhir": undefined }, notebook);
  await sync.run();
  assert.equal(sync.line, "no-answer");
  assert.equal(notebook.items.get("op-1").state, "waiting");
});

test("a token that is not admitted is renewed once; after that the person must sign in, and the work waits", async () => {
  const notebook = aNotebook("op-1");
  const { sync, calls } = aSync({ ...signedIn, "/fhir": () => ({ status: 401 }) }, notebook);
  await sync.run();
  assert.equal(calls.filter(({ path }) => path === "/fhir").length, 2);
  assert.equal(sync.line, "sign-in");
  assert.equal(notebook.items.get("op-1").state, "waiting");
});

test("one contact that is refused does not hold up the next", async () => {
  const notebook = aNotebook("op-1", "op-2");
  const { sync } = aSync(
    {
      ...signedIn,
      "/fhir": (_url, { headers }) =>
        headers["Idempotency-Key"] === "op-1" ? { status: 422, json: {} } : received("e2"),
      "/fhir/Observation": () => ({ json: { resourceType: "Bundle", type: "searchset" } }),
    },
    notebook,
  );
  await sync.run();
  assert.equal(notebook.items.get("op-1").state, "set-aside");
  assert.equal(notebook.items.get("op-2").state, "received");
  assert.deepEqual(notebook.items.get("op-2").results, []);
});

test("earlier results of the children to be seen next are fetched before the signal goes", async () => {
  const notebook = aNotebook();
  const caseload = aCaseload({ server_now: "2021-02-15T09:00:00Z" });
  const { sync, calls } = aSync(
    {
      ...signedIn,
      "/tablet/caseload": () => ({ json: caseload }),
      "/fhir/Observation": () => ({ json: { resourceType: "Bundle" } }),
    },
    notebook,
  );
  await sync.run();
  assert.equal(calls.filter(({ path }) => path === "/fhir/Observation").length, 1);
  assert.ok(notebook.results.has("Patient/child-1"));
  await sync.run({ pressed: true });
  assert.equal(calls.filter(({ path }) => path === "/fhir/Observation").length, 1);
});

test("the digits of a measurement are shown as the server wrote them", async () => {
  const notebook = aNotebook();
  const { sync } = aSync(signedIn, notebook);
  await sync.run();
  sync.send = async () =>
    new Response('{"resourceType":"Bundle","entry":[{"resource":{"valueQuantity":{"value":4.70}}}]}');
  const [observation] = await sync.observations("patient=Patient/child-1");
  // Node 20 does not tell a reviver the source; every browser of 2023 and later does.
  assert.ok(["4.70", 4.7].includes(observation.valueQuantity.value));
});

test("a notebook opened under a colleague's sign-in sends nothing, though her caseload was fetched a minute ago", async () => {
  const notebooks = [aNotebook(), aNotebook("op-1")];
  notebooks[1].person = { account: "Practitioner/salma", name: "Salma" };
  let open = notebooks[0];
  const { send, calls } = aNetwork({
    ...signedIn,
    "/fhir": () => received("e"),
    "/fhir/Observation": () => ({ json: { resourceType: "Bundle" } }),
  });
  const signIn = new SignIn(ORIGIN, aStorage(), send);
  const sync = new Sync({
    origin: ORIGIN,
    signIn,
    clock: new Clock(),
    notebook: () => open,
    changed: () => {},
    device: { id: () => "00000000-0000-4000-8000-00000000d001", build: "" },
    send,
  });
  await sync.run();
  assert.equal(sync.line, "answering");
  open = notebooks[1];
  signIn.forget();
  await sync.run({ hurried: true });
  assert.equal(sync.line, "other-person");
  assert.equal(await sync.readChild("Patient/child-1"), false);
  assert.deepEqual(
    calls.filter(({ path }) => path === "/fhir"),
    [],
  );
  assert.equal(notebooks[1].items.get("op-1").state, "waiting");
  assert.equal(notebooks[1].results.size, 0);
});

test("a sign-in that changes hands between two contacts stops the second", async () => {
  const notebook = aNotebook("op-1", "op-2");
  let who = "Practitioner/joan";
  const { sync, signIn } = aSync(
    {
      ...signedIn,
      "/tablet/caseload": () => ({ json: aCaseload({ practitioner: { reference: who, name: "Someone" } }) }),
      "/fhir": (_url, { headers }) => {
        // The session ends here, and a colleague signs in on the same browser.
        who = "Practitioner/salma";
        signIn.forget();
        return received(headers["Idempotency-Key"]);
      },
      "/fhir/Observation": () => ({ json: { resourceType: "Bundle" } }),
    },
    notebook,
  );
  await sync.run();
  assert.equal(notebook.items.get("op-1").state, "received");
  assert.equal(notebook.items.get("op-2").state, "waiting");
  assert.equal(sync.line, "other-person");
});

const refusedAsMoved = {
  status: 403,
  json: {
    resourceType: "OperationOutcome",
    issue: [
      {
        code: "forbidden",
        diagnostics: "This service does not answer for the child today.",
        details: { coding: [{ system: "https://healthvisit.example/fhir/CodeSystem/refusal", code: "child-moved" }] },
      },
    ],
  },
};

test("a contact of a child who moved is handed in at once, as the bytes that were sent, and kept until the receipt", async () => {
  const notebook = aNotebook("op-a", "op-b");
  let isThere = false;
  const { sync, calls } = aSync(
    {
      ...signedIn,
      "/fhir": (_url, { headers }) => (headers["Idempotency-Key"] === "op-a" ? refusedAsMoved : received("e2")),
      "/fhir/Observation": () => ({ json: { resourceType: "Bundle", type: "searchset" } }),
      "/tablet/late-visits": () =>
        isThere
          ? { json: { reference: "r1", received_at: "2021-02-15T10:42:00Z" } }
          : { status: 503, headers: { "Retry-After": "0" } },
    },
    notebook,
  );
  await sync.run();
  assert.equal(notebook.items.get("op-a").state, "set-aside");
  assert.equal(notebook.items.get("op-b").state, "received");
  assert.equal(sync.line, "no-answer");

  isThere = true;
  await sync.run({ hurried: true });
  const item = notebook.items.get("op-a");
  assert.deepEqual(
    [item.state, item.handed_reference, item.handed_at, item.received_at],
    ["handed-in", "r1", "2021-02-15T10:42:00Z", null],
  );
  const handed = calls.filter(({ path }) => path === "/tablet/late-visits");
  assert.equal(handed.length, 2);
  assert.deepEqual(JSON.parse(handed[0].body), { operation: "op-a", visit: '{"n":"op-a"}' });
  assert.equal(handed[1].body, handed[0].body);
  assert.equal(handed[0].headers.Authorization, "Bearer t1");
  // Nothing of it goes to the record by itself any more.
  await sync.run({ pressed: true });
  assert.equal(calls.filter(({ path }) => path === "/tablet/late-visits").length, 2);
  assert.equal(calls.filter(({ path, headers }) => path === "/fhir" && headers["Idempotency-Key"] === "op-a").length, 1);
});

test("nothing is handed in under another person's sign-in", async () => {
  const notebook = aNotebook("op-a");
  notebook.items.set("op-a", { ...notebook.items.get("op-a"), state: "set-aside", moved: true });
  const other = { ...aCaseload(), practitioner: { reference: "Practitioner/other", name: "Bea" } };
  const { sync, calls } = aSync({ ...signedIn, "/tablet/caseload": () => ({ json: other }) }, notebook);
  await sync.run({ hurried: true });
  assert.equal(sync.line, "other-person");
  assert.equal(calls.filter(({ path }) => path === "/tablet/late-visits").length, 0);
  assert.equal(notebook.items.get("op-a").state, "set-aside");
});

const told = (calls) => calls.filter(({ path }) => path === "/tablet/heartbeat").map(({ body }) => JSON.parse(body));

test("the service is told how much this tablet holds before it is sent and after, and no word of it", async () => {
  const notebook = aNotebook("op-a", "op-b");
  const { sync, calls } = aSync(
    {
      ...signedIn,
      "/tablet/heartbeat": () => ({ status: 200 }),
      "/fhir": (_url, { headers }) =>
        headers["Idempotency-Key"] === "op-a" ? { status: 503, headers: { "Retry-After": "600" } } : received("e2"),
      "/fhir/Observation": () => ({ json: { resourceType: "Bundle", type: "searchset" } }),
    },
    notebook,
  );
  // An hour after both were recorded, by the time that the caseload brings.
  const hour = { ...aCaseload(), server_now: "2021-02-15T11:00:00Z" };
  sync.caseload = async () => {
    sync.clock.correct(hour.server_now);
    sync.grantAsked = sync.signIn.grant;
    return hour;
  };
  await sync.run({ hurried: true });
  const [before, after, ...rest] = told(calls);
  assert.deepEqual(rest, []);
  assert.deepEqual(Object.keys(before).sort(), ["build", "device", "oldest_age_s", "unsent"]);
  assert.deepEqual([before.unsent, after.unsent, before.device], [2, 1, "00000000-0000-4000-8000-00000000d001"]);
  assert.ok(Math.abs(after.oldest_age_s - 3600) < 60, String(after.oldest_age_s));
  // Nothing has changed, and it is not told again so soon.
  await sync.run();
  assert.equal(told(calls).length, 2);
});

test("a service that takes no word of the tablet holds up no contact", async () => {
  for (const heartbeat of [undefined, () => ({ status: 500 }), () => ({ status: 404 })]) {
    const notebook = aNotebook("op-a");
    const { sync } = aSync(
      {
        ...signedIn,
        ...(heartbeat && { "/tablet/heartbeat": heartbeat }),
        "/fhir": () => received("e1"),
        "/fhir/Observation": () => ({ json: { resourceType: "Bundle", type: "searchset" } }),
      },
      notebook,
    );
    await sync.run();
    assert.equal(notebook.items.get("op-a").state, "received");
  }
});
