// Reads {caseload, draft, review} and prints the bytes that the tablet would send: for the tests of the server.

import { readFileSync } from "node:fs";
import { statement } from "../../healthvisit/faces/tablet/static/draft.js";
import { write } from "../../healthvisit/faces/tablet/static/exact_json.js";
import { reviewOf } from "../../healthvisit/faces/tablet/static/pathway.js";
import { transaction } from "../../healthvisit/faces/tablet/static/review.js";
import "./builders.js";

const { caseload, draft, operation } = JSON.parse(readFileSync(0, "utf8"));
const child = caseload.children.find(({ patient }) => `Patient/${patient.id}` === draft.child);
const review = reviewOf(child, draft.review);
const questionnaire = caseload.questionnaires.find(({ id }) => id === review.questionnaire) ?? null;
const uuids = { encounter: crypto.randomUUID(), response: crypto.randomUUID() };
const now = new Date(caseload.server_now);
process.stdout.write(
  write(transaction(statement(draft, { questionnaire, caseload, child, review, operation, uuids, now }))),
);
