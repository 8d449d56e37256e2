// What the tablet finds in children that come as a line of JSON each, for another telling to be held against it.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { findings } from "../../healthvisit/faces/tablet/static/growth_findings.js";

const reference = JSON.parse(readFileSync(process.argv[2], "utf8"));
for await (const line of createInterface({ input: process.stdin })) {
  const { born, sex, gestation, measured } = JSON.parse(line);
  const found = findings(reference, { born, sex, gestationDays: gestation }, measured);
  console.log(JSON.stringify(found.map(({ code }) => code)));
}
