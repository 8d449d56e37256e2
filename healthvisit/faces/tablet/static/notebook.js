// @ts-check
/**
 * What one health visitor's tablet carries while it is unlocked: caseload, drafts, outbox, earlier results. Every change
 * is sealed and on the disk before it is shown as kept. A draft goes only in the same step in which the server's receipt
 * is written, its own or that of handing in; nothing else deletes one.
 */

import { resumed, unsent } from "./outbox.js";
import { Store, everyone, putPerson, witness } from "./store.js";
import * as vault from "./vault.js";

/**
 * @typedef {import("./pathway.js").Review} Review
 * @typedef {{patient: import("./patient.js").Patient, episode: string,
 *   gestation: {weeks: number, days: number} | null, reviews: Review[], contacts?: Review[], is_departed?: boolean}} Child
 *   contacts: additional ones, that are no reviews; a caseload of an earlier build has none
 *   is_departed: no longer on the caseload, kept here because something about the child is not sent yet
 *
 * @typedef {object} Move a child who is offered to a team
 * @property {string} transfer
 * @property {string} state
 * @property {string} name
 * @property {string | null} born
 * @property {string | null} nhs_number
 * @property {string | null} from name of the borough, null where the tablet is not told
 * @property {string} to
 * @property {string} offered_on
 * @property {number} working_days
 * @property {boolean} is_long
 *
 * @typedef {object} Caseload as GET /tablet/caseload gives it
 * @property {string} as_at
 * @property {string} server_now
 * @property {{reference: string, name: string}} practitioner
 * @property {{reference: string, name: string, borough: string}} organization
 * @property {import("./form_engine.js").Questionnaire[]} questionnaires
 * @property {import("./asq3.js").Pack | null} pack
 * @property {Record<string, string>} places
 * @property {Record<string, string>} practitioner_types
 * @property {Record<string, string>} [contact_modes] how an additional contact can be held
 * @property {Record<"arriving" | "leaving" | "arrived", Move[]>} [moves] children on their way between two teams
 * @property {boolean} [truncated] more children than are listed
 * @property {Child[]} children
 *
 * @typedef {object} DraftContact what has been stated so far; nothing is pre-answered
 * @property {string} [outcome]
 * @property {"now" | "other"} [when]
 * @property {string} [now_at] the instant that "now" stood for when it was chosen
 * @property {string} [on]
 * @property {string} [time]
 * @property {string} [mode] how an additional contact was held
 * @property {string} [place]
 * @property {string} [practitioner_type]
 * @property {string} [capture_mode]
 * @property {"yes" | "later"} [share]
 *
 * @typedef {object} Draft one child, one review
 * @property {string} id
 * @property {string} child "Patient/…"
 * @property {string} review
 * @property {DraftContact} contact
 * @property {import("./form_engine.js").Answers} answers
 * @property {Record<string, string>} confirmed unlikely values that the person looked at and kept, by linkId
 * @property {{page: string, field: string | null}} at where the person was
 * @property {string} changed_at instant
 * @property {string | null} operation the operation it was sent as
 *
 * @typedef {{child: string, read_at: string, observations: any[]}} Results
 */

export class Notebook {
  /**
   * @param {import("./store.js").Person} person
   * @param {Store} store
   * @param {CryptoKey} key
   */
  constructor(person, store, key) {
    this.person = person;
    this.store = store;
    /** @type {CryptoKey | null} */
    this.key = key;
    /** @type {Caseload | null} */
    this.caseload = null;
    /** How far the service's time was from the tablet's when the caseload came. */
    this.clockOffsetMs = 0;
    /** @type {Map<string, Draft>} */
    this.drafts = new Map();
    /** @type {Map<string, import("./outbox.js").Item>} */
    this.items = new Map();
    /** @type {Map<string, {id: string, value: Results}>} */
    this.results = new Map();
    /** Records that could not be opened; they are left where they are. */
    this.broken = 0;
    /** Unsent contacts that this tablet had and no longer has. */
    this.vanished = 0;
  }

  /** Who uses this tablet, those last whose PIN was given up. */
  static async everyone() {
    return (await everyone()).sort(
      (a, b) => (a.left_at ?? "").localeCompare(b.left_at ?? "") || a.name.localeCompare(b.name),
    );
  }

  /**
   * @param {{account: string, name: string}} who
   * @param {string} pin
   */
  static async made(who, pin) {
    const { key, lock } = await vault.made(pin);
    /** @type {import("./store.js").Person} */
    const person = { id: crypto.randomUUID(), ...who, lock, failures: 0, not_before_ms: 0 };
    await putPerson(person);
    return new Notebook(person, await Store.of(person.id), key);
  }

  /**
   * Begin anew for a person who forgot the PIN. What the old vault holds stays where it is, locked.
   * @param {import("./store.js").Person} person
   */
  static async setAside(person) {
    await putPerson({ ...person, left_at: new Date().toISOString() });
  }

  /** Contacts of this person that wait on this tablet, as far as can be told without the PIN. @param {string} id */
  static unsentOf(id) {
    return witness.stated(id);
  }

  /**
   * Throws vault.WrongPin. The wrong attempt is written down before the PIN is tried, so that closing the browser in
   * between does not make it free.
   * @param {import("./store.js").Person} person
   * @param {string} pin
   * @param {number} nowMs device time
   */
  static async opened(person, pin, nowMs) {
    const tried = { ...person, failures: person.failures + 1 };
    tried.not_before_ms = nowMs + vault.delayS(tried.failures) * 1000;
    await putPerson(tried);
    const key = await vault.opened(person.lock, pin);
    const right = { ...person, failures: 0, not_before_ms: 0 };
    await putPerson(right);
    const notebook = new Notebook(right, await Store.of(person.id), key);
    await notebook.#readAll();
    return notebook;
  }

  async #readAll() {
    for (const record of await this.store.all()) {
      let value;
      try {
        value = await vault.unsealed(this.#open, `${record.kind} ${record.id}`, record);
      } catch (error) {
        if (!(error instanceof vault.Broken)) throw error;
        this.broken += 1;
        continue;
      }
      if (record.kind === "caseload") [this.caseload, this.clockOffsetMs] = [value.caseload, value.clock_offset_ms];
      if (record.kind === "draft") this.drafts.set(value.id, value);
      if (record.kind === "item") this.items.set(value.operation, resumed(value));
      if (record.kind === "results") this.results.set(value.child, { id: record.id, value });
    }
    this.vanished = Math.max(0, witness.stated(this.person.id) - unsent(this.outbox).length - this.broken);
  }

  get #open() {
    if (this.key === null) throw new Error("the tablet is locked");
    return this.key;
  }

  /** @param {"caseload" | "draft" | "item" | "results"} kind @param {string} id @param {unknown} value */
  async #sealed(kind, id, value) {
    return { id, kind, ...(await vault.sealed(this.#open, `${kind} ${id}`, value)) };
  }

  /** Everything queued or sent, oldest first. */
  get outbox() {
    return [...this.items.values()].sort((a, b) => a.number - b.number);
  }

  /** @param {string} reference "Patient/…" */
  child(reference) {
    return this.caseload?.children.find(({ patient }) => `Patient/${patient.id}` === reference) ?? null;
  }

  /**
   * One draft per child and review.
   * @param {string} child
   * @param {string} review
   */
  draftOf(child, review) {
    return [...this.drafts.values()].find((draft) => draft.child === child && draft.review === review) ?? null;
  }

  /**
   * @param {Caseload} caseload
   * @param {number} clockOffsetMs
   */
  async keepCaseload(caseload, clockOffsetMs) {
    const carried = {
      ...caseload,
      // Who works for no borough any more may still have to say for which one a visit was.
      organization: caseload.organization ?? this.caseload?.organization,
      children: [...caseload.children, ...this.#departed(caseload)],
    };
    const here = new Set(carried.children.map(({ patient }) => `Patient/${patient.id}`));
    const gone = [...this.results.values()].filter(({ value }) => !here.has(value.child));
    const value = { caseload: carried, clock_offset_ms: clockOffsetMs };
    await this.store.write(
      [await this.#sealed("caseload", "caseload", value)],
      gone.map(({ id }) => id),
    );
    for (const { value: results } of gone) this.results.delete(results.child);
    this.caseload = carried;
    this.clockOffsetMs = clockOffsetMs;
  }

  /**
   * Children who have left the caseload and of whom something is not sent yet: they stay until it is.
   * @param {Caseload} fresh
   * @returns {Child[]}
   */
  #departed(fresh) {
    const still = new Set(fresh.children.map(({ patient }) => patient.id));
    const open = new Set([...this.drafts.values()].map(({ child }) => child));
    for (const item of unsent(this.outbox)) open.add(item.about.child);
    return (this.caseload?.children ?? [])
      .filter(({ patient }) => !still.has(patient.id) && open.has(`Patient/${patient.id}`))
      .map((child) => ({ ...child, is_departed: true }));
  }

  /** @param {Draft} draft */
  async keepDraft(draft) {
    await this.store.write([await this.#sealed("draft", draft.id, draft)]);
    this.drafts.set(draft.id, draft);
  }

  /**
   * The draft and what is to be sent of it, in one step.
   * @param {Draft} draft
   * @param {import("./outbox.js").Item} item
   */
  async queue(draft, item) {
    const sent = { ...draft, operation: item.operation };
    const before = this.outbox
      .filter((each) => each.about.draft === draft.id && each.state === "set-aside")
      .map((each) => ({ ...each, replaced_by: item.operation }));
    const items = [...before, item];
    await this.store.write([
      await this.#sealed("draft", draft.id, sent),
      ...(await Promise.all(items.map((each) => this.#sealed("item", each.operation, each)))),
    ]);
    this.drafts.set(sent.id, sent);
    for (const each of items) this.items.set(each.operation, each);
    this.#witness();
  }

  /**
   * An item in its new state. Its draft goes only when the server has the item, and stays inside the item's own body.
   * @param {import("./outbox.js").Item} item
   */
  async keepItem(item) {
    const draft = this.drafts.get(item.about.draft);
    const isThere = item.state === "received" || item.state === "handed-in";
    const done = isThere && draft?.operation === item.operation;
    await this.store.write([await this.#sealed("item", item.operation, item)], done ? [draft.id] : []);
    this.items.set(item.operation, item);
    if (done) this.drafts.delete(draft.id);
    this.#witness();
  }

  /** @param {Results} results */
  async keepResults(results) {
    const id = this.results.get(results.child)?.id ?? crypto.randomUUID();
    await this.store.write([await this.#sealed("results", id, results)]);
    this.results.set(results.child, { id, value: results });
  }

  #witness() {
    witness.state(this.person.id, unsent(this.outbox).length);
  }

  /** Forget the key and everything that was readable; what is sealed stays. */
  lock() {
    this.key = null;
    this.caseload = null;
    this.drafts.clear();
    this.items.clear();
    this.results.clear();
    this.store.close();
  }
}
