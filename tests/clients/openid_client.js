// npm openid-client: finds the service by its issuer, signs a health visitor in by code and PKCE, and a system by its key.

import * as openid from "openid-client";

import { assert, service, tell } from "./telling.js";

const plain = { execute: [openid.allowInsecureRequests] };
const here = new URL(service.issuer);
const app = (client) => openid.discovery(here, client, undefined, openid.None(), plain);

/** A browser that keeps its cookies, follows nothing, and sends forms as they were shown to it. */
function browser() {
  const cookies = new Map();
  return async (address, form) => {
    const sent = await fetch(address, {
      redirect: "manual",
      headers: { cookie: [...cookies].map((each) => each.join("=")).join("; ") },
      ...(form && { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const cookie of sent.headers.getSetCookie()) {
      const [name, value] = cookie.split(";")[0].split("=");
      cookies.set(name, value);
    }
    return { status: sent.status, location: sent.headers.get("location"), text: await sent.text() };
  };
}

const formToken = (page) => page.text.match(/name="csrf_token" value="([^"]+)"/)[1];

/** Signs in, agrees, and tells the address that the app is called back at. */
async function agreed(address) {
  const visit = browser();
  const signIn = new URL("/sign-in", here);
  const form = { csrf_token: formToken(await visit(signIn)), name: "bury", password: service.password };
  assert.equal((await visit(signIn, form)).status, 303);
  const page = await visit(address);
  assert.equal(page.status, 200, page.text);
  const answer = await visit(address, { csrf_token: formToken(page), decision: "allow" });
  assert.equal(answer.status, 303, answer.text);
  return new URL(answer.location);
}

async function signedIn(config) {
  const codeVerifier = openid.randomPKCECodeVerifier();
  const state = openid.randomState();
  const nonce = openid.randomNonce();
  const address = openid.buildAuthorizationUrl(config, {
    redirect_uri: service.redirect_uri,
    scope: service.scope,
    aud: service.base,
    code_challenge: await openid.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: "S256",
    state,
    nonce,
  });
  return openid.authorizationCodeGrant(config, await agreed(address), {
    pkceCodeVerifier: codeVerifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
}

const opens = async (config, token) =>
  (await openid.fetchProtectedResource(config, token, new URL(`${service.base}/Patient/${service.child}`), "GET"))
    .status;

/** The system, which names the token endpoint in its assertions, as SMART asks and the library by itself does not. */
async function system() {
  const { kid, ...jwk } = service.key;
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-384" }, false, ["sign"]);
  const toTokenEndpoint = {
    [openid.modifyAssertion]: (_header, claims) => {
      claims.aud = `${service.issuer}/token`;
      // It may say from when it is good to no more than a minute ahead.
      delete claims.nbf;
    },
  };
  const authentication = openid.PrivateKeyJwt({ key, kid }, toTokenEndpoint);
  return openid.discovery(here, service.system, undefined, authentication, plain);
}

await tell({
  async "finds the service by OpenID Connect and by OAuth"() {
    for (const algorithm of ["oidc", "oauth2"]) {
      const config = await openid.discovery(here, service.client_id, undefined, openid.None(), { ...plain, algorithm });
      const server = config.serverMetadata();
      assert.equal(server.issuer, service.issuer);
      assert.ok(server.supportsPKCE("S256") && !server.supportsPKCE("plain"));
      assert.ok(server.authorization_response_iss_parameter_supported);
    }
  },
  async "signs a health visitor in by code and PKCE, and checks the id token"() {
    const config = await app(service.client_id);
    openid.enableNonRepudiationChecks(config);
    const given = await signedIn(config);
    assert.equal(given.claims().aud, service.client_id);
    assert.match(given.fhirUser ?? given.claims().fhirUser, /Practitioner\//);
    assert.equal(await opens(config, given.access_token), 200);
  },
  async "renews, and takes back"() {
    const config = await app(service.client_id);
    const given = await signedIn(config);
    const renewed = await openid.refreshTokenGrant(config, given.refresh_token);
    assert.notEqual(renewed.refresh_token, given.refresh_token);
    assert.equal(await opens(config, renewed.access_token), 200);
    await openid.tokenRevocation(config, renewed.refresh_token);
    await assert.rejects(opens(config, renewed.access_token), { status: 401 });
    await assert.rejects(openid.refreshTokenGrant(config, renewed.refresh_token), { error: "invalid_grant" });
  },
  async "is told that somebody said no to another's code"() {
    const config = await app(service.client_id);
    const verifier = openid.randomPKCECodeVerifier();
    const wrong = new URL(`${service.redirect_uri}?code=nobodys&state=x&iss=${encodeURIComponent(service.issuer)}`);
    await assert.rejects(
      openid.authorizationCodeGrant(config, wrong, { pkceCodeVerifier: verifier, expectedState: "x" }),
      { error: "invalid_grant" },
    );
  },
  async "gets a system its token by its key, and asks whether it stands"() {
    const config = await system();
    const given = await openid.clientCredentialsGrant(config, { scope: "system/Patient.rs" });
    assert.equal(given.scope, "system/Patient.rs");
    assert.equal(await opens(config, given.access_token), 200);
    const told = await openid.tokenIntrospection(config, given.access_token);
    assert.equal(told.active, true);
    await openid.tokenRevocation(config, given.access_token);
    assert.equal((await openid.tokenIntrospection(config, given.access_token)).active, false);
  },
});
