// @ts-check
/**
 * What lies on the device, in IndexedDB: one small database that knows which people use this tablet, and one database
 * of sealed records for each of them. Nothing about a child is in clear here, not even in a key.
 * An upgrade of a database only ever adds: it never deletes or rewrites what is there.
 */

import { openDB } from "./vendor/idb-8.0.4/index.js";

const PEOPLE = "healthvisit-tablet";

/**
 * @typedef {object} Person one user of this tablet
 * @property {string} id names the person's own database
 * @property {string} account "Practitioner/…"
 * @property {string} name shown where a PIN is asked
 * @property {import("./vault.js").Lock} lock
 * @property {number} failures wrong PINs since the last right one
 * @property {number} not_before_ms device time before which no PIN is tried
 * @property {string} [left_at] when the PIN was given up as forgotten; the records stay
 *
 * @typedef {{id: string, kind: "caseload" | "draft" | "item" | "results", iv: Uint8Array, box: ArrayBuffer}} Kept
 */

function people() {
  return openDB(PEOPLE, 1, {
    upgrade(database, before) {
      if (before < 1) database.createObjectStore("people", { keyPath: "id" });
    },
  });
}

/** @returns {Promise<Person[]>} */
export async function everyone() {
  const database = await people();
  try {
    return await database.getAll("people");
  } finally {
    database.close();
  }
}

/** @param {Person} person */
export async function putPerson(person) {
  const database = await people();
  try {
    await database.put("people", person);
  } finally {
    database.close();
  }
}

/** The sealed records of one person. */
export class Store {
  /** @param {import("./vendor/idb-8.0.4/index.js").IDBPDatabase} database */
  constructor(database) {
    this.database = database;
  }

  /** @param {string} id of the person */
  static async of(id) {
    return new Store(
      await openDB(`${PEOPLE}-${id}`, 1, {
        upgrade(database, before) {
          if (before < 1) database.createObjectStore("records", { keyPath: "id" });
        },
      }),
    );
  }

  /** @returns {Promise<Kept[]>} */
  all() {
    return this.database.getAll("records");
  }

  /**
   * All of it or nothing, and on the disk before the promise is kept: a tablet dies when its battery does.
   * @param {Kept[]} records
   * @param {string[]} [removed] ids
   */
  async write(records, removed = []) {
    const transaction = this.database.transaction("records", "readwrite", { durability: "strict" });
    for (const record of records) void transaction.store.put(record);
    for (const id of removed) void transaction.store.delete(id);
    await transaction.done;
  }

  close() {
    this.database.close();
  }
}

/** Names this tablet to the service, and says nothing of who uses it. Made when it is first asked for, and kept. */
export function deviceId() {
  const kept = localStorage.getItem("healthvisit-device");
  if (kept !== null) return kept;
  const made = crypto.randomUUID();
  localStorage.setItem("healthvisit-device", made);
  return made;
}

/**
 * How many records should be waiting, kept apart from the database, so that a browser that threw the database away is
 * found out. A number only.
 */
export const witness = {
  /** @param {string} id @param {number} count */
  state(id, count) {
    localStorage.setItem(`healthvisit-unsent-${id}`, String(count));
  },
  /** @param {string} id */
  stated(id) {
    return Number(localStorage.getItem(`healthvisit-unsent-${id}`) ?? 0);
  },
};
