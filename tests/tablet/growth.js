// What the tablet reads of measurements that come as a line of JSON each, for the service to hold its own against.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { place, readings } from "../../healthvisit/faces/tablet/static/growth.js";

const reference = JSON.parse(readFileSync(process.argv[2], "utf8"));
for await (const line of createInterface({ input: process.stdin })) {
  const { born, sex, gestation, measure, value, on } = JSON.parse(line);
  const found = readings(reference, { born, sex, gestationDays: gestation }, measure, Number(value), on);
  const isRead = found.length > 0 && found[0].z !== Infinity;
  const told = found.map(({ line, ageDays, z }) => [line, ageDays, z, place(z)]);
  console.log(JSON.stringify(isRead ? told : []));
}
