// @ts-check
/**
 * Sign-in of the tablet as a public client: authorization code with PKCE S256. Tokens stand in memory only, so a reload
 * or a lock forgets them; while the person's session on the server lives, a new code is fetched without leaving the page.
 * https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
 */

export const CLIENT = "healthvisit-tablet";
export const SCOPE = [
  "offline_access",
  "user/Patient.rs",
  "user/Encounter.crus",
  "user/QuestionnaireResponse.crus",
  "user/Observation.rs",
  "user/EpisodeOfCare.rs",
  "user/Questionnaire.rs",
  "user/Organization.rs",
  "user/Practitioner.rs",
  "user/PlanDefinition.rs",
  "user/CodeSystem.rs",
  "user/Provenance.crs",
].join(" ");
const KEPT = "healthvisit-tablet-sign-in";
const EARLY_MS = 30_000;

/** The server did not answer: no signal, or it is down. */
export class NoAnswer extends Error {}

/** @param {Uint8Array} bytes */
export function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** @param {string} verifier */
export async function challenge(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/**
 * @typedef {{state: string, verifier: string, back: string}} Begun
 * @typedef {{access: string, refresh: string | null, until_ms: number}} Tokens
 */

export class SignIn {
  /**
   * @param {string} origin
   * @param {Storage} storage of this tab: what must survive the way to the sign-in page and back
   * @param {typeof fetch} send
   */
  constructor(origin, storage, send = (...call) => fetch(...call)) {
    this.origin = origin;
    this.storage = storage;
    this.send = send;
    /** @type {Tokens | null} */
    this.tokens = null;
    /** Counts the sign-ins behind our tokens: a new one may be another person's, a renewed token is the same one's. */
    this.grant = 0;
    /** @type {Promise<string | null> | null} */
    this.asking = null;
  }

  get #redirect() {
    return `${this.origin}/tablet/signed-in`;
  }

  /** @param {Begun} begun */
  async #address(begun) {
    const query = new URLSearchParams({
      response_type: "code",
      client_id: CLIENT,
      redirect_uri: this.#redirect,
      scope: SCOPE,
      state: begun.state,
      aud: `${this.origin}/fhir`,
      code_challenge: await challenge(begun.verifier),
      code_challenge_method: "S256",
    });
    return `${this.origin}/authorize?${query}`;
  }

  /**
   * Where to go to sign in.
   * @param {string} back the screen to come back to
   */
  async begin(back) {
    const begun = { state: random(), verifier: random(), back };
    this.storage.setItem(KEPT, JSON.stringify(begun));
    return this.#address(begun);
  }

  /**
   * Back from the sign-in page. Returns the screen to show, or null where this address is no answer to our question.
   * @param {URL} address
   */
  async complete(address) {
    const kept = this.storage.getItem(KEPT);
    this.storage.removeItem(KEPT);
    if (kept === null) return null;
    const begun = /** @type {Begun} */ (JSON.parse(kept));
    return (await this.#exchange(address, begun)) ? begun.back : null;
  }

  /** @param {URL} address @param {Begun} begun */
  async #exchange(address, begun) {
    const code = address.searchParams.get("code");
    if (code === null || address.searchParams.get("state") !== begun.state) return false;
    return this.#ask({
      grant_type: "authorization_code",
      code,
      redirect_uri: this.#redirect,
      client_id: CLIENT,
      code_verifier: begun.verifier,
    });
  }

  /**
   * @param {Record<string, string>} form
   * @returns {Promise<boolean>} whether tokens were given. Throws NoAnswer.
   */
  async #ask(form) {
    const answer = await this.#sent(`${this.origin}/token`, { method: "POST", body: new URLSearchParams(form) });
    if (answer.status >= 500) throw new NoAnswer();
    if (!answer.ok) return false;
    const given = await answer.json();
    if (typeof given.access_token !== "string") return false;
    if (form.grant_type === "authorization_code") this.grant += 1;
    this.tokens = {
      access: given.access_token,
      refresh: given.refresh_token ?? null,
      until_ms: Date.now() + Number(given.expires_in ?? 0) * 1000 - EARLY_MS,
    };
    return true;
  }

  /** @param {string} address @param {RequestInit} [options] */
  async #sent(address, options = {}) {
    try {
      return await this.send(address, { ...options, cache: "no-store", signal: AbortSignal.timeout(20_000) });
    } catch {
      throw new NoAnswer();
    }
  }

  /**
   * A code without leaving the page: the sign-in session of this browser answers with a redirect to our own address,
   * which the browser follows and whose parameters we read.
   */
  async #silently() {
    const begun = { state: random(), verifier: random(), back: "" };
    const answer = await this.#sent(await this.#address(begun), { credentials: "same-origin" });
    if (answer.status >= 500) throw new NoAnswer();
    const address = new URL(answer.url, this.origin);
    if (`${address.origin}${address.pathname}` !== this.#redirect) return false;
    return this.#exchange(address, begun);
  }

  /**
   * A token that stands, or null where the person must sign in. Throws NoAnswer.
   * Asked by several at once, one request is made: a refresh token used twice is taken for a stolen one.
   * @returns {Promise<string | null>}
   */
  token() {
    this.asking ??= this.#token().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  get #access() {
    return this.tokens?.access ?? null;
  }

  async #token() {
    if (this.tokens && Date.now() < this.tokens.until_ms) return this.tokens.access;
    const refresh = this.tokens?.refresh ?? null;
    if (refresh !== null) {
      this.tokens = null;
      // A rotated refresh token that got lost on the way must not be sent again: a second use revokes everything.
      const renewed = await this.#ask({ grant_type: "refresh_token", refresh_token: refresh, client_id: CLIENT });
      if (renewed) return this.#access;
    }
    return (await this.#silently()) ? this.#access : null;
  }

  /** End the sign-in session of this browser, whoever's it is. Throws NoAnswer. */
  async leave() {
    this.tokens = null;
    const page = await this.#sent(`${this.origin}/`, { credentials: "same-origin" });
    const form = new DOMParser().parseFromString(await page.text(), "text/html");
    const token = form.querySelector('form[action="/sign-out"] input[name="csrf_token"]')?.getAttribute("value");
    // Without the form nobody is signed in.
    if (!token) return;
    const body = new URLSearchParams({ csrf_token: token });
    await this.#sent(`${this.origin}/sign-out`, { method: "POST", credentials: "same-origin", body });
  }

  /** The server did not admit this token. */
  refused() {
    if (this.tokens) this.tokens = { ...this.tokens, until_ms: 0 };
  }

  forget() {
    this.tokens = null;
  }
}
