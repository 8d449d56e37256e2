// A real OpenID provider (npm oidc-provider) in a process of its own, that speaks as CIS2 or as NHS login and can be
// told to misbehave. Read by tests/flows/test_identity_providers.py: one JSON line on stdin says who its client is,
// one on stdout says where it is. PUT /told {person, fault} says who signs in next and what goes wrong.
import crypto from "node:crypto";
import http from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import Provider from "oidc-provider";

const [line] = await new Promise((resolve) => {
  let text = "";
  process.stdin.setEncoding("utf8").on("data", (part) => {
    text += part;
    if (text.includes("\n")) resolve(text.split("\n"));
  });
});
// Whoever started it ends it by closing its input.
process.stdin.on("end", () => process.exit(0));
const given = JSON.parse(line);
const isOfParents = given.shape === "nhs-login";
const algorithm = isOfParents ? "RS512" : "RS256";

const key = (kid) => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid, privateKey, publicKey, jwk: { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: algorithm } };
};
const own = key("own");
const stranger = key("own");
let told = { person: { sub: "nobody" }, fault: "" };
const seen = { asked: {}, calls: {} };

const server = http.createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  acrValues: ["AAL1_TEST", "AAL2_TEST", "AAL3_TEST"],
  claims: {
    acr: null,
    auth_time: null,
    sid: null,
    iss: null,
    ...(isOfParents
      ? {
          openid: ["sub"],
          profile: ["nhs_number", "family_name", "birthdate", "identity_proofing_level"],
        }
      : {
          openid: ["sub"],
          profile: ["family_name", "given_name", "uid"],
          nationalrbacaccess: ["nhsid_nrbac_roles"],
          selectedrole: ["selected_roleid"],
        }),
  },
  clientAuthMethods: ["private_key_jwt"],
  clients: [
    {
      client_id: given.client_id,
      redirect_uris: [given.redirect_uri],
      post_logout_redirect_uris: [given.post_logout_redirect_uri],
      backchannel_logout_uri: given.backchannel_logout_uri,
      backchannel_logout_session_required: true,
      response_types: ["code"],
      grant_types: ["authorization_code"],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "RS512",
      id_token_signed_response_alg: algorithm,
      require_auth_time: true,
      jwks: given.jwks,
    },
  ],
  cookies: { keys: ["only-in-tests"] },
  enabledJWA: {
    clientAuthSigningAlgValues: ["RS512"],
    idTokenSigningAlgValues: ["RS256", "RS512"],
  },
  extraParams: ["vtr"],
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ ...told.person, sub }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: [own.jwk] },
  pkce: { required: () => !isOfParents },
  responseTypes: ["code"],
});

// What goes wrong in an id token: (claims, header) => how else it is signed.
const forgeries = {
  "wrong nonce": (claims) => void (claims.nonce = "of-another"),
  "no nonce": (claims) => void delete claims.nonce,
  "wrong aud": (claims) => void (claims.aud = "another-client"),
  "two auds": (claims) => void (claims.aud = [claims.aud, "another-client"]),
  "no aud": (claims) => void delete claims.aud,
  "wrong azp": (claims) => void (claims.azp = "another-client"),
  "wrong iss": (claims) => void (claims.iss = "https://another.example"),
  "issuer with a slash": (claims) => void (claims.iss += "/"),
  expired: (claims) => void (claims.exp = claims.iat - 100),
  "no exp": (claims) => void delete claims.exp,
  "exp as text": (claims) => void (claims.exp = String(claims.exp)),
  "old iat": (claims) => void (claims.iat -= 3600),
  "iat in the future": (claims) => void (claims.iat += 3600),
  "not before tomorrow": (claims) => void (claims.nbf = claims.iat + 86400),
  "no sub": (claims) => void delete claims.sub,
  "swapped sub": (claims) => void (claims.sub = "somebody-else"),
  "wrong at_hash": (claims) => void (claims.at_hash = "AAAAAAAAAAAAAAAAAAAAAA"),
  "no acr": (claims) => void delete claims.acr,
  "unknown acr": (claims) => void (claims.acr = "AAL9_TEST"),
  "acr as a number": (claims) => void (claims.acr = 3),
  "no vot": (claims) => void delete claims.vot,
  "other vot": (claims) => void (claims.vot = "P9.Cp"),
  "two levels in vot": (claims) => void (claims.vot = "P5.P9.Cp.Cd"),
  "alg none": (claims, header) => ((header.alg = "none"), () => ""),
  "alg None": (claims, header) => ((header.alg = "None"), () => ""),
  "no signature": () => () => "",
  "HS256 with the public key": (claims, header) => {
    header.alg = "HS256";
    const pem = own.publicKey.export({ type: "spki", format: "pem" });
    return (text) => crypto.createHmac("sha256", pem).update(text).digest("base64url");
  },
  "another algorithm": (claims, header) => {
    header.alg = algorithm === "RS512" ? "RS256" : "RS512";
    return (text) => signed(text, own, header.alg);
  },
  "another key of the same kid": () => (text) => signed(text, stranger, algorithm),
  "unknown kid": (claims, header) => void (header.kid = "unknown"),
  "no kid": (claims, header) => void delete header.kid,
  "jwk header": (claims, header) => {
    header.jwk = stranger.publicKey.export({ format: "jwk" });
    return (text) => signed(text, stranger, algorithm);
  },
  "jku header": (claims, header) => void (header.jku = `${issuer}/jwks`),
  "x5u header": (claims, header) => void (header.x5u = `${issuer}/jwks`),
  "crit header": (claims, header) => void (header.crit = ["exp"]),
  "b64 header": (claims, header) => void (header.b64 = false),
  "changed after it was signed": (claims) => () => signed("something else", own, algorithm),
};

// What goes wrong in what is told of the person.
const untruths = {
  "other sub": (who) => ({ ...who, sub: "somebody-else" }),
  "no sub told": ({ sub, ...who }) => who,
  "no selected role": ({ selected_roleid, ...who }) => who,
  "role not among them": (who) => ({ ...who, selected_roleid: "555000000000" }),
  "no roles": ({ nhsid_nrbac_roles, ...who }) => who,
  "roles are no list": (who) => ({ ...who, nhsid_nrbac_roles: "all" }),
  "selected role twice": (who) => ({ ...who, nhsid_nrbac_roles: [...who.nhsid_nrbac_roles, ...who.nhsid_nrbac_roles] }),
  "role without organisation": (who) => ({
    ...who,
    nhsid_nrbac_roles: who.nhsid_nrbac_roles.map(({ org_code, ...role }) => role),
  }),
  "no user id": ({ uid, ...who }) => who,
  "no NHS number": ({ nhs_number, ...who }) => who,
  "no such NHS number": (who) => ({ ...who, nhs_number: "9990000001" }),
  "no date of birth": ({ birthdate, ...who }) => who,
  "no family name": ({ family_name, ...who }) => who,
  "no proofing level": ({ identity_proofing_level, ...who }) => who,
  "another vot told": (who) => ({ ...who, vot: "P5.Cp.Cd" }),
};

// What goes wrong on the line, at one of the endpoints: "<endpoint> <fault>".
const endpoints = {
  "/.well-known/openid-configuration": "discovery",
  "/jwks": "jwks",
  "/token": "token",
  "/me": "userinfo",
};
const lines = {
  slow: async (res) => (await wait(20_000), res.end("{}")),
  "an octet now and then": async (res) => {
    res.writeHead(200, { "Content-Type": "application/json" });
    for (let sent = 0; sent < 12; sent += 1, await wait(300)) res.write(" ");
    res.end("{}");
  },
  500: (res) => res.writeHead(500, { "Content-Type": "application/json" }).end('{"error":"server_error"}'),
  400: (res) => res.writeHead(400, { "Content-Type": "application/json" }).end('{"error":"invalid_grant"}'),
  giant: (res) => {
    res.writeHead(200, { "Content-Type": "application/json" });
    res.end(`{"all":"${"x".repeat(2_000_000)}"}`);
  },
  html: (res) => res.writeHead(200, { "Content-Type": "text/html" }).end("<p>Maintenance</p>"),
  redirect: (res, path) => res.writeHead(302, { Location: `${issuer}${path}?again` }).end(),
  cut: (res) => {
    res.writeHead(200, { "Content-Type": "application/json", "Content-Length": 5000 });
    res.write('{"all":');
    setTimeout(() => res.destroy(), 50);
  },
  "not JSON": (res) => res.writeHead(200, { "Content-Type": "application/json" }).end("{all: 1}"),
  "an array": (res) => res.writeHead(200, { "Content-Type": "application/json" }).end("[]"),
  "a name twice": (res) => res.writeHead(200, { "Content-Type": "application/json" }).end('{"sub":"a","sub":"b"}'),
  "gone silent": (res) => res.destroy(),
};

// What goes wrong in what the provider says of itself.
const discoveries = {
  "another issuer": { issuer: "https://another.example" },
  "endpoint elsewhere": { token_endpoint: "https://another.example/token" },
  "endpoint in the cloud's own network": { userinfo_endpoint: "http://169.254.169.254/latest" },
  "keys elsewhere": { jwks_uri: `${issuer.replace("127.0.0.1", "localhost")}/jwks` },
  "endpoint with a name in it": { token_endpoint: issuer.replace("//", "//user@") + "/token" },
  "keys in a file": { jwks_uri: "file:///etc/passwd" },
  "no token endpoint": { token_endpoint: undefined },
  "only shared secrets": { token_endpoint_auth_methods_supported: ["client_secret_basic"] },
};

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const read = (part) => JSON.parse(Buffer.from(part, "base64url").toString());
const signed = (text, by, alg) =>
  crypto.sign(`sha${alg.slice(2)}`, Buffer.from(text), by.privateKey).toString("base64url");

function reminted(token) {
  const [header, claims] = token.split(".").slice(0, 2).map(read);
  if (isOfParents) Object.assign(claims, { vot: told.person.vot, vtm: `${issuer}/trustmark` });
  const sign = forgeries[told.fault]?.(claims, header) ?? ((text) => signed(text, own, header.alg));
  const text = `${b64(header)}.${b64(claims)}`;
  return `${text}.${sign(text)}`;
}

// A logout token that stands, but for the claims given; null leaves one out.
function logoutToken(claims) {
  const at = Math.floor(Date.now() / 1000);
  const said = {
    iss: issuer,
    aud: given.client_id,
    iat: at,
    exp: at + 120,
    jti: crypto.randomUUID(),
    events: { "http://schemas.openid.net/event/backchannel-logout": {} },
    ...claims,
  };
  for (const [name, value] of Object.entries(said)) if (value === null) delete said[name];
  const text = `${b64({ alg: algorithm, typ: "logout+jwt", kid: own.kid })}.${b64(said)}`;
  return `${text}.${signed(text, own, algorithm)}`;
}

provider.use(async (ctx, next) => {
  if (ctx.path === "/auth") seen.asked = ctx.query;
  await next();
  if (ctx.path === "/token" && ctx.body?.id_token && (isOfParents || told.fault in forgeries)) {
    ctx.body = { ...ctx.body, id_token: reminted(ctx.body.id_token) };
  }
  if (ctx.path === "/me" && told.fault in untruths) ctx.body = untruths[told.fault](ctx.body);
  if (ctx.path === "/.well-known/openid-configuration") {
    const said = { ...ctx.body, ...discoveries[told.fault] };
    // NHS login's pages say nothing of PKCE: a client must do without where it is not offered.
    if (isOfParents) delete said.code_challenge_methods_supported;
    ctx.body = said;
  }
});
const answer = provider.callback();

async function decided(req, res) {
  const details = await provider.interactionDetails(req, res);
  const { client_id, scope } = details.params;
  let result = { error: told.fault.replace("answers ", ""), error_description: "as told" };
  if (!told.fault.startsWith("answers ")) {
    const grant = new provider.Grant({ accountId: told.person.sub, clientId: client_id });
    grant.addOIDCScope(scope);
    result = {
      login: { accountId: told.person.sub, acr: told.person.acr, remember: true, ts: told.person.at },
      consent: { grantId: await grant.save() },
    };
  }
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
}

server.on("request", async (req, res) => {
  const path = req.url.split("?")[0];
  if (path === "/told" && req.method === "PUT") {
    let text = "";
    for await (const part of req) text += part;
    told = JSON.parse(text);
    seen.calls = {};
    return res.end("{}");
  }
  if (path === "/logout-token" && req.method === "PUT") {
    let text = "";
    for await (const part of req) text += part;
    return res.end(logoutToken(JSON.parse(text)));
  }
  if (path === "/seen") return res.end(JSON.stringify(seen));
  const endpoint = endpoints[path];
  if (endpoint) {
    seen.calls[endpoint] = (seen.calls[endpoint] ?? 0) + 1;
    const fault = lines[told.fault.slice(endpoint.length + 1)];
    if (fault && told.fault.startsWith(endpoint)) return fault(res, path);
  }
  if (path.startsWith("/interaction/")) return decided(req, res);
  return answer(req, res);
});

const faults = Object.entries({
  "id token": forgeries,
  "what is told": untruths,
  line: lines,
  discovery: discoveries,
}).map(([kind, by]) => [kind, Object.keys(by)]);
console.log(JSON.stringify({ issuer, faults: Object.fromEntries(faults) }));
