import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { write } from "../../healthvisit/faces/tablet/static/exact_json.js";
import { changes, examine, form } from "../../healthvisit/faces/tablet/static/form_rules.js";
import { read } from "./exact.js";

const folder = new URL("../cases/form/", import.meta.url);
const brief = (found) => found.map(({ path, code }) => `${path} ${code}`);

for (const name of readdirSync(folder).sort()) {
  const { form: questionnaire, value_sets, cases, changed } = read(readFileSync(new URL(name, folder), "utf8"));
  for (const each of cases ?? []) {
    test(`${name}: ${each.name}`, () => {
      const found = examine(form(questionnaire, value_sets), { item: each.items });
      assert.deepEqual(brief(found.missing), each.missing ?? []);
      assert.deepEqual(brief(found.faults), each.faults ?? []);
      assert.deepEqual(brief(found.questions), each.questions ?? []);
      if (each.enabled) assert.deepEqual(found.enabled, each.enabled);
      const told = [...found.missing, ...found.faults, ...found.questions];
      if (each.says)
        assert.deepEqual(
          told.map(({ text }) => text),
          each.says,
        );
      if (each.at)
        assert.deepEqual(
          told.map(({ expression }) => expression),
          each.at,
        );
    });
  }
  for (const each of changed ?? []) {
    test(`${name}: ${each.name}`, () => {
      const found = changes({ item: each.before }, { item: each.after });
      assert.equal(write(found), write(each.changes));
    });
  }
}
