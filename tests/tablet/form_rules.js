// Judges forms by the tablet's rules for whoever compares: a JSON object to a line in, the findings to a line out.

import { readFileSync } from "node:fs";
import { write } from "../../healthvisit/faces/tablet/static/exact_json.js";
import { changes, examine, form } from "../../healthvisit/faces/tablet/static/form_rules.js";
import { read } from "./exact.js";

const lines = readFileSync(0, "utf8").trimEnd().split("\n");
const judged = lines.map((line) => {
  const { questionnaire, value_sets, before, after } = read(line);
  const known = form(questionnaire, value_sets);
  const findings = [before, after].map((response) => examine(known, response));
  return write({ findings, changes: changes(before, after) });
});
process.stdout.write(judged.map((line) => `${line}\n`).join(""));
