import assert from "node:assert/strict";
import { test } from "node:test";
import "./builders.js";
import * as vault from "../../healthvisit/faces/tablet/static/vault.js";

// The derivation is as slow as it should be; the tests that only need a key use a quick one.
const QUICK = 1000;

test("a record opens with the PIN it was sealed under, and with no other", async () => {
  const { key, lock } = await vault.made("492713", QUICK);
  const record = await vault.sealed(key, "draft d1", { weight: "5.10" });
  const again = await vault.opened(lock, "492713");
  assert.deepEqual(await vault.unsealed(again, "draft d1", record), { weight: "5.10" });
  await assert.rejects(vault.opened(lock, "492714"), vault.WrongPin);
});

test("nothing readable is kept", async () => {
  const { key, lock } = await vault.made("492713", QUICK);
  const record = await vault.sealed(key, "draft d1", { name: "Ada Example" });
  const bytes = Buffer.concat([
    Buffer.from(record.box),
    Buffer.from(record.iv),
    Buffer.from(lock.box),
    Buffer.from(lock.salt),
  ]);
  assert.ok(!bytes.includes("Ada") && !bytes.includes("492713"));
  await assert.rejects(crypto.subtle.exportKey("raw", key));
});

test("a record moved to another place, or changed by one bit, does not open", async () => {
  const { key } = await vault.made("492713", QUICK);
  const record = await vault.sealed(key, "draft d1", { weight: "5.10" });
  await assert.rejects(vault.unsealed(key, "draft d2", record), vault.Broken);
  const changed = new Uint8Array(record.box.slice(0));
  changed[3] ^= 1;
  await assert.rejects(vault.unsealed(key, "draft d1", { ...record, box: changed.buffer }), vault.Broken);
});

test("the same value never looks the same twice", async () => {
  const { key } = await vault.made("492713", QUICK);
  const [one, two] = [await vault.sealed(key, "a", 1), await vault.sealed(key, "a", 1)];
  assert.notDeepEqual(Buffer.from(one.box), Buffer.from(two.box));
  assert.notDeepEqual(one.iv, two.iv);
});

test("two people of one tablet cannot open each other's records", async () => {
  const first = await vault.made("492713", QUICK);
  const second = await vault.made("492713", QUICK);
  const record = await vault.sealed(first.key, "draft d1", {});
  await assert.rejects(vault.unsealed(second.key, "draft d1", record), vault.Broken);
});

test("a PIN is derived with 600,000 rounds unless told otherwise", async () => {
  assert.equal(vault.ITERATIONS, 600_000);
  const { lock } = await vault.made("492713");
  assert.equal(lock.iterations, 600_000);
});

test("a PIN that anyone would try first is refused", () => {
  for (const poor of ["12345", "", "111111", "123456", "654321", "012345"]) assert.ok(vault.pinFault(poor), poor);
  for (const good of ["492713", "correct horse"]) assert.equal(vault.pinFault(good), null, good);
});

test("wrong PINs cost more and more time, and never the work that is inside", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 20].map(vault.delayS), [0, 0, 0, 2, 4, 8, 900]);
});
