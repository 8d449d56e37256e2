// @ts-check
/**
 * Seals what the tablet keeps. Records are sealed with AES-256-GCM under a random key; that key is itself sealed under
 * one derived from the person's PIN or passphrase by PBKDF2-SHA-256, and stands open in memory only.
 *
 * What this does and does not do: a copied browser profile shows no child, and shows nothing at all without guessing
 * the PIN. Six digits are a million guesses of about a third of a second each on a tablet, and far fewer seconds on
 * hired hardware, so a service must also require device encryption, and may ask for a passphrase. A non-extractable
 * key is not used as a second lock: browsers keep it on the disk in clear.
 * https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#pbkdf2
 */

export const ITERATIONS = 600_000;
export const SHORTEST_PIN = 6;
const FREE_TRIES = 2;
const LONGEST_DELAY_S = 900;

const text = new TextEncoder();
const unText = new TextDecoder();

/**
 * @typedef {{salt: Uint8Array, iterations: number, iv: Uint8Array, box: ArrayBuffer}} Lock what is kept to open a vault
 * @typedef {{iv: Uint8Array, box: ArrayBuffer}} Sealed
 */

/** The PIN does not open this vault. */
export class WrongPin extends Error {}

/** A sealed record was changed, or moved to another place. */
export class Broken extends Error {}

/**
 * Why a PIN will not do, or null.
 * @param {string} pin
 */
export function pinFault(pin) {
  if (pin.length < SHORTEST_PIN) return `Your PIN must have at least ${SHORTEST_PIN} digits or letters`;
  if (/^(.)\1*$/.test(pin)) return "Your PIN must not be one digit or letter repeated";
  if ("01234567890123456789".includes(pin) || "98765432109876543210".includes(pin)) {
    return "Your PIN must not be digits in a row";
  }
  return null;
}

/**
 * @param {string} pin
 * @param {Uint8Array} salt
 * @param {number} iterations
 */
async function derived(pin, salt, iterations) {
  const material = await crypto.subtle.importKey("raw", text.encode(pin.normalize("NFKC")), "PBKDF2", false, [
    "deriveKey",
  ]);
  return crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", salt: /** @type {BufferSource} */ (salt), iterations },
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}

/**
 * A new vault: the key to use now, and the lock to keep.
 * @param {string} pin
 * @param {number} [iterations]
 * @returns {Promise<{key: CryptoKey, lock: Lock}>}
 */
export async function made(pin, iterations = ITERATIONS) {
  const raw = crypto.getRandomValues(new Uint8Array(32));
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await derived(pin, salt, iterations), raw);
  const key = await imported(raw);
  raw.fill(0);
  return { key, lock: { salt, iterations, iv, box } };
}

/**
 * @param {Lock} lock
 * @param {string} pin
 * @returns {Promise<CryptoKey>} throws WrongPin
 */
export async function opened(lock, pin) {
  const outer = await derived(pin, lock.salt, lock.iterations);
  let raw;
  try {
    raw = new Uint8Array(
      await crypto.subtle.decrypt({ name: "AES-GCM", iv: /** @type {BufferSource} */ (lock.iv) }, outer, lock.box),
    );
  } catch {
    throw new WrongPin();
  }
  const key = await imported(raw);
  raw.fill(0);
  return key;
}

/** @param {Uint8Array} raw */
function imported(raw) {
  return crypto.subtle.importKey("raw", /** @type {BufferSource} */ (raw), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/**
 * @param {CryptoKey} key
 * @param {string} place kind and id of the record: a sealed record opens only in its own place
 * @param {unknown} value anything that JSON can say
 * @returns {Promise<Sealed>}
 */
export async function sealed(key, place, value) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const box = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: text.encode(place) },
    key,
    text.encode(JSON.stringify(value)),
  );
  return { iv, box };
}

/**
 * @param {CryptoKey} key
 * @param {string} place
 * @param {Sealed} record
 * @returns {Promise<any>} throws Broken
 */
export async function unsealed(key, place, record) {
  let plain;
  try {
    plain = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: /** @type {BufferSource} */ (record.iv), additionalData: text.encode(place) },
      key,
      record.box,
    );
  } catch {
    throw new Broken(place.split(" ")[0]);
  }
  return JSON.parse(unText.decode(plain));
}

/**
 * Seconds to wait before another PIN is tried, after so many wrong ones. Nothing is ever wiped: unsent work is inside.
 * @param {number} failures
 */
export function delayS(failures) {
  return failures <= FREE_TRIES ? 0 : Math.min(LONGEST_DELAY_S, 2 ** (failures - FREE_TRIES));
}
