// @ts-check
/**
 * Sends what waits, and fetches the caseload: at start, when the signal returns, when the page is looked at again, on a
 * timer while something waits, and by the button. Says only what is so.
 */

import { NoAnswer } from "./auth.js";
import { civilDate } from "./civil.js";
import { answered, handed, isToHandIn, ready, sending, toHandIn, unsent } from "./outbox.js";
import { standingSo } from "./pathway.js";

const FRESH_MS = 10 * 60_000;
const LIMIT_MS = 60_000;
const PREFETCHED = 20;

/**
 * @typedef {import("./notebook.js").Notebook} Notebook
 * @typedef {"unknown" | "answering" | "no-answer" | "sign-in" | "other-person"} Line how the server stands to us
 */

/** The server does not admit us. */
class Unadmitted extends Error {}

/** We are signed in, and the server has not said yet as whom. */
class Unconfirmed extends Error {}

/**
 * What an answer to a transaction means.
 * A page of another service that answers 200 in the server's place (a café's Wi-Fi does) is no receipt.
 * @param {number} status
 * @param {any} body parsed JSON, null where it was none
 * @param {string | null} retryAfter header, seconds
 * @param {string} at instant, for a server that states no time
 * @returns {import("./outbox.js").Answer}
 */
export function meaning(status, body, retryAfter, at) {
  if (status === 401) return { kind: "sign-in" };
  if (status >= 200 && status < 300) {
    const first = body?.resourceType === "Bundle" && body.type === "transaction-response" ? body.entry?.[0] : null;
    const reference = /(?:^|\/)(Encounter\/[A-Za-z0-9.-]{1,64})(?:\/_history\/|$)/.exec(
      first?.response?.location ?? "",
    );
    if (reference === null) return { kind: "no-answer" };
    return { kind: "received", reference: reference[1], at: first.response.lastModified ?? at };
  }
  const later = comingLater(status, retryAfter);
  if (later) return later;
  const refused = { kind: /** @type {"refused"} */ ("refused"), reason: reasonWords(status, body) };
  return isMoved(body) ? { ...refused, moved: true } : refused;
}

/**
 * What an answer to handing a contact in means.
 * @param {number} status
 * @param {any} body parsed JSON, null where it was none
 * @param {string | null} retryAfter header, seconds
 * @returns {import("./outbox.js").HandingAnswer}
 */
export function handingMeaning(status, body, retryAfter) {
  if (status === 401) return { kind: "sign-in" };
  if (status >= 200 && status < 300) {
    if (typeof body?.reference !== "string" || Number.isNaN(Date.parse(body?.received_at))) return { kind: "no-answer" };
    return { kind: "handed-in", reference: body.reference, at: body.received_at };
  }
  return comingLater(status, retryAfter) ?? { kind: "refused", reason: body?.title ?? reasonWords(status, body) };
}

/**
 * @param {number} status
 * @param {string | null} retryAfter
 * @returns {{kind: "no-answer", wait_s?: number} | null} null where asking again changes nothing
 */
function comingLater(status, retryAfter) {
  const later = status >= 500 || [408, 425, 429].includes(status) || (status >= 300 && status < 400);
  if (!later) return null;
  const wait = Number(retryAfter);
  return retryAfter !== null && wait >= 0 ? { kind: "no-answer", wait_s: wait } : { kind: "no-answer" };
}

/**
 * Whether this team does not answer for the child any more: the one refusal that only people can settle. The child came
 * from the server, so one whom it says it does not know has gone where this person does not reach.
 * @param {any} body OperationOutcome or anything
 */
function isMoved(body) {
  const issues = body?.resourceType === "OperationOutcome" ? (body.issue ?? []) : [];
  return issues.some(
    (/** @type {any} */ issue) =>
      (issue.details?.coding ?? []).some(
        (/** @type {any} */ coding) => coding.code === "child-moved" && coding.system?.endsWith("/CodeSystem/refusal"),
      ) ||
      (issue.code === "not-found" &&
        (issue.expression ?? []).some((/** @type {string} */ place) => /\.resource\.subject$/.test(place))),
  );
}

/** @param {number} status @param {any} body OperationOutcome or anything */
export function reasonWords(status, body) {
  const issues = body?.resourceType === "OperationOutcome" ? (body.issue ?? []) : [];
  const said = issues.map((/** @type {any} */ issue) => issue.diagnostics ?? issue.details?.text).filter(Boolean);
  return said.length ? said.join("; ") : `The server answered ${status} and gave no reason.`;
}

export class Sync {
  /**
   * @param {object} parts
   * @param {string} parts.origin
   * @param {import("./auth.js").SignIn} parts.signIn
   * @param {import("./clock.js").Clock} parts.clock
   * @param {() => Notebook | null} parts.notebook null while locked
   * @param {() => void} parts.changed called whenever something to show has changed
   * @param {{id: () => string, build: string}} parts.device what the service knows this tablet by
   * @param {typeof fetch} [parts.send]
   */
  constructor({ origin, signIn, clock, notebook, changed, device, send = (...call) => fetch(...call) }) {
    this.origin = origin;
    this.signIn = signIn;
    this.clock = clock;
    this.notebook = notebook;
    this.changed = changed;
    this.device = device;
    this.send = send;
    /** What the service was last told of this tablet, and when by the tablet's own clock. */
    this.told = "";
    this.toldAtMs = 0;
    /** @type {Line} */
    this.line = "unknown";
    this.otherName = "";
    /** What is to be done in the next round, null for nothing. @type {{pressed: boolean, hurried: boolean} | null} */
    this.asked = null;
    /** @type {Promise<void> | null} */
    this.running = null;
    this.caseloadAtMs = 0;
    /** The sign-in behind the last answer about who we are. */
    this.grantAsked = -1;
    /** The sign-in that is known to be the notebook's own person's, and that notebook. */
    this.confirmedGrant = -1;
    /** @type {Notebook | null} */
    this.confirmedFor = null;
  }

  /**
   * Rounds until nothing more was asked for. A call while one runs makes one more round, and ends with it.
   * @param {{pressed?: boolean, hurried?: boolean}} [how] pressed: the person asked, so the caseload is fetched too;
   *   hurried: the signal has just returned, so nothing is put off
   * @returns {Promise<void>}
   */
  run({ pressed = false, hurried = pressed } = {}) {
    this.asked = {
      pressed: pressed || (this.asked?.pressed ?? false),
      hurried: hurried || (this.asked?.hurried ?? false),
    };
    this.running ??= this.#rounds().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  async #rounds() {
    while (this.asked) {
      const { pressed, hurried } = this.asked;
      this.asked = null;
      try {
        // Two tabs of one tablet take turns; a receipt makes a doubled sending harmless all the same.
        await navigator.locks.request("healthvisit-sync", () => this.#round(pressed, hurried));
        if (this.line === "unknown") this.line = "answering";
      } catch (error) {
        if (error instanceof NoAnswer) this.line = "no-answer";
        else if (error instanceof Unadmitted) this.line = "sign-in";
        else if (error instanceof Unconfirmed) this.asked = { pressed: false, hurried };
        else throw error;
      } finally {
        this.changed();
      }
    }
  }

  /** @param {boolean} pressed @param {boolean} hurried */
  async #round(pressed, hurried) {
    const notebook = this.notebook();
    if (notebook === null) return;
    if (this.line === "other-person" && !pressed) return;
    this.line = "unknown";
    const isStale = Date.now() - this.caseloadAtMs > FRESH_MS || notebook.caseload === null;
    if (pressed || isStale || !this.#isConfirmed()) {
      if (!(await this.#fetchCaseload(notebook))) return;
    }
    let received = 0;
    let unanswered = 0;
    await this.#tell(notebook);
    for (const item of ready(notebook.outbox, hurried ? Infinity : Date.now())) {
      if (this.notebook() !== notebook) return;
      if (await this.#sendOne(notebook, item)) received += 1;
      else if (notebook.items.get(item.operation)?.state === "waiting") unanswered += 1;
    }
    for (const item of toHandIn(notebook.outbox, hurried ? Infinity : Date.now())) {
      if (this.notebook() !== notebook) return;
      if (await this.#handIn(notebook, item)) received += 1;
      else if (notebook.items.get(item.operation)?.not_handed === undefined) unanswered += 1;
    }
    await this.#tell(notebook);
    for (const item of notebook.outbox) {
      const isScored = item.state === "received" && item.about.outcome === "completed";
      if (isScored && item.results === null) await this.#readResults(notebook, item);
    }
    if (received) await this.#fetchCaseload(notebook);
    if (unanswered) throw new NoAnswer();
    await this.#prefetch(notebook);
  }

  /**
   * Earlier results of the children who are likely to be seen next, so that they open without a signal.
   * @param {Notebook} notebook
   */
  async #prefetch(notebook) {
    const on = civilDate(this.clock.now());
    const next = standingSo(notebook.caseload?.children ?? [], ["due", "open"], on).slice(0, PREFETCHED);
    for (const { child } of next) {
      const reference = `Patient/${child.patient.id}`;
      if (this.notebook() !== notebook) return;
      if (!notebook.results.has(reference) && !(await this.readChild(reference))) return;
    }
  }

  /**
   * How much this tablet still holds, and since when: who leads the team looks for one that stays away with it. That it
   * is not told holds up nothing.
   * @param {Notebook} notebook
   */
  async #tell(notebook) {
    const held = unsent(notebook.outbox);
    const oldestMs = held.length ? Math.min(...held.map((item) => Date.parse(item.queued_at))) : null;
    const told = `${notebook.person.account} ${held.length} ${oldestMs}`;
    if (told === this.told && Date.now() - this.toldAtMs < FRESH_MS) return;
    const ageS = oldestMs === null ? null : Math.max(0, Math.round((this.clock.now().getTime() - oldestMs) / 1000));
    try {
      const answer = await this.#asked("/tablet/heartbeat", {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({
          device: this.device.id(),
          build: this.device.build,
          unsent: held.length,
          oldest_age_s: ageS,
        }),
      });
      if (answer.ok) [this.told, this.toldAtMs] = [told, Date.now()];
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
  }

  /**
   * What one person recorded is never sent as another's, so the server's word on who is signed in comes first.
   * @param {Notebook} notebook
   * @returns {Promise<boolean>}
   */
  async #fetchCaseload(notebook) {
    const caseload = await this.caseload();
    if (this.notebook() !== notebook) return false;
    if (caseload.practitioner.reference !== notebook.person.account) {
      this.line = "other-person";
      this.otherName = caseload.practitioner.name || "Somebody else";
      this.confirmedFor = null;
      this.signIn.forget();
      return false;
    }
    this.confirmedFor = notebook;
    this.confirmedGrant = this.grantAsked;
    await notebook.keepCaseload(caseload, this.clock.offsetMs);
    this.caseloadAtMs = Date.now();
    this.changed();
    return true;
  }

  #isConfirmed() {
    return (
      this.confirmedFor !== null && this.confirmedFor === this.notebook() && this.confirmedGrant === this.signIn.grant
    );
  }

  /** @returns {Promise<import("./notebook.js").Caseload>} */
  async caseload() {
    const answer = await this.#asked("/tablet/caseload", { headers: { Accept: "application/json" } }, true);
    if (!answer.ok) throw answer.status === 403 ? new Unadmitted() : new NoAnswer();
    const caseload = await json(answer);
    if (typeof caseload?.practitioner?.reference !== "string") throw new NoAnswer();
    this.clock.correct(caseload.server_now);
    return caseload;
  }

  /** @param {Notebook} notebook @param {import("./outbox.js").Item} waiting */
  async #sendOne(notebook, waiting) {
    const item = sending(waiting);
    await notebook.keepItem(item);
    this.changed();
    /** @type {import("./outbox.js").Answer} */
    let answer = { kind: "no-answer" };
    try {
      const reply = await this.#asked("/fhir", {
        method: "POST",
        headers: {
          "Content-Type": "application/fhir+json",
          Accept: "application/fhir+json",
          "Idempotency-Key": item.operation,
        },
        body: item.body,
      });
      const at = this.clock.now().toISOString();
      answer = meaning(reply.status, await json(reply), reply.headers.get("Retry-After"), at);
    } catch (error) {
      if (error instanceof Unadmitted || error instanceof Unconfirmed) answer = { kind: "sign-in" };
      if (this.notebook() === notebook) await notebook.keepItem(answered(item, answer, Date.now()));
      throw error;
    }
    if (this.notebook() === notebook) await notebook.keepItem(answered(item, answer, Date.now()));
    this.changed();
    return answer.kind === "received";
  }

  /**
   * To the team that answers for the child now, whichever it is. The bytes are those that were sent before.
   * @param {Notebook} notebook
   * @param {import("./outbox.js").Item} item
   */
  async #handIn(notebook, item) {
    /** @type {import("./outbox.js").HandingAnswer} */
    let answer = { kind: "no-answer" };
    try {
      const reply = await this.#asked("/tablet/late-visits", {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ operation: item.operation, visit: item.body }),
      });
      answer = handingMeaning(reply.status, await json(reply), reply.headers.get("Retry-After"));
    } catch (error) {
      if (error instanceof Unadmitted || error instanceof Unconfirmed) answer = { kind: "sign-in" };
      if (this.notebook() === notebook) await this.#keepHanded(notebook, item, answer);
      throw error;
    }
    if (this.notebook() === notebook) await this.#keepHanded(notebook, item, answer);
    this.changed();
    return answer.kind === "handed-in";
  }

  /** @param {Notebook} notebook @param {import("./outbox.js").Item} item @param {import("./outbox.js").HandingAnswer} answer */
  async #keepHanded(notebook, item, answer) {
    const standing = notebook.items.get(item.operation) ?? item;
    if (isToHandIn(standing)) await notebook.keepItem(handed(standing, answer, Date.now()));
  }

  /** @param {Notebook} notebook @param {import("./outbox.js").Item} item */
  async #readResults(notebook, item) {
    const observations = await this.observations(`encounter=${item.reference}`);
    if (observations === null || this.notebook() !== notebook) return;
    await notebook.keepItem({ ...item, results: observations });
    this.changed();
  }

  /**
   * Observations of a search, or null where the server refuses. Throws NoAnswer.
   * @param {string} query
   * @returns {Promise<any[] | null>}
   */
  async observations(query) {
    const answer = await this.#asked(`/fhir/Observation?${query}&_count=100`, {
      headers: { Accept: "application/fhir+json" },
    });
    if (answer.status >= 500) throw new NoAnswer();
    const bundle = await json(answer, digits);
    if (!answer.ok || bundle?.resourceType !== "Bundle") return null;
    return (bundle.entry ?? []).map((/** @type {any} */ entry) => entry.resource);
  }

  /**
   * Earlier results of one child, read and kept. Returns whether there was an answer.
   * @param {string} child "Patient/…"
   */
  async readChild(child) {
    const notebook = this.notebook();
    if (notebook === null) return false;
    if (!this.#isConfirmed()) await this.run();
    try {
      const observations = await this.observations(`patient=${child}&_sort=-date`);
      if (observations === null || this.notebook() !== notebook) return false;
      await notebook.keepResults({ child, read_at: this.clock.now().toISOString(), observations });
      return true;
    } catch (error) {
      if (error instanceof NoAnswer || error instanceof Unadmitted || error instanceof Unconfirmed) return false;
      throw error;
    }
  }

  /**
   * A request with a token; once more with a new one where the first was not admitted.
   * Nothing but the question who we are is asked under a sign-in of which we do not know whose it is.
   * @param {string} path
   * @param {RequestInit} options
   * @param {boolean} [isWho]
   */
  async #asked(path, options, isWho = false) {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const token = await this.signIn.token();
      if (token === null) throw new Unadmitted();
      if (isWho) this.grantAsked = this.signIn.grant;
      else if (!this.#isConfirmed()) throw new Unconfirmed();
      let answer;
      try {
        answer = await this.send(`${this.origin}${path}`, {
          ...options,
          headers: { ...options.headers, Authorization: `Bearer ${token}` },
          credentials: "omit",
          cache: "no-store",
          signal: AbortSignal.timeout(LIMIT_MS),
        });
      } catch {
        throw new NoAnswer();
      }
      if (answer.status !== 401) return answer;
      this.signIn.refused();
    }
    this.signIn.forget();
    throw new Unadmitted();
  }
}

/**
 * A quantity's digits as the server wrote them, so that 4.70 kg is not shown as 4.7.
 * @param {string} key
 * @param {unknown} value
 * @param {{source?: string}} [context] browsers before 2023 give none, and lose the last nought
 */
function digits(key, value, context) {
  return key === "value" && typeof value === "number" ? (context?.source ?? value) : value;
}

/**
 * @param {Response} answer
 * @param {(key: string, value: unknown, context?: {source?: string}) => unknown} [revive]
 * @returns {Promise<any>} null where it is no JSON
 */
async function json(answer, revive) {
  try {
    return JSON.parse(await answer.text(), revive);
  } catch {
    return null;
  }
}
