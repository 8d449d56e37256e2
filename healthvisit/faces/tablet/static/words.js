// @ts-check
/** Values of the record in the words of a health visitor. No DOM. */

import { age, dayNumber } from "./civil.js";

const MONTHS = [
  "January", "February", "March", "April", "May", "June",
  "July", "August", "September", "October", "November", "December",
]; // prettier-ignore
const WEEKDAYS = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/** @param {string} date "2021-02-15" -> "15 February 2021" */
export function longDate(date) {
  const [year, month, day] = date.split("-").map(Number);
  return `${day} ${MONTHS[month - 1]} ${year}`;
}

/** @param {string} date "2021-02-15" -> "15 Feb 2021" */
export function shortDate(date) {
  const [year, month, day] = date.split("-").map(Number);
  return `${day} ${MONTHS[month - 1].slice(0, 3)} ${year}`;
}

/** @param {string} date "2021-02-15" -> "Monday 15 February 2021" */
export function weekdayDate(date) {
  return `${WEEKDAYS[((dayNumber(date) % 7) + 7) % 7]} ${longDate(date)}`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/**
 * A child's age as it is spoken of: days, then weeks, then months, then years and months.
 * @param {string} born
 * @param {string} on
 */
export function ageWords(born, on) {
  if (on < born) return "not yet born";
  const days = dayNumber(on) - dayNumber(born);
  if (days < 14) return counted(days, "day");
  const { months } = age(born, on);
  if (months < 3) {
    const rest = days % 7;
    return rest ? `${counted((days - rest) / 7, "week")} ${counted(rest, "day")}` : counted(days / 7, "week");
  }
  if (months < 24) return counted(months, "month");
  const years = Math.floor(months / 12);
  return months % 12 ? `${counted(years, "year")} ${counted(months % 12, "month")}` : counted(years, "year");
}

/** @param {string} value "9434765919" -> "943 476 5919" */
export function nhsNumberWords(value) {
  return value.replace(/^(\d{3})(\d{3})(\d{4})$/, "$1 $2 $3");
}

/**
 * @param {string | null} from first day on which the review can be done
 * @param {string | null} until last day on which it can be done
 */
export function windowWords(from, until) {
  if (from === null) return until === null ? "" : `Can be done until ${longDate(until)}`;
  return `Can be done from ${longDate(from)}${until === null ? "" : ` to ${longDate(until)}`}`;
}

/** @param {{weeks: number, days: number} | null} gestation null where it is not known */
export function gestationWords(gestation) {
  if (gestation === null) return "Not recorded";
  const days = gestation.days ? ` ${counted(gestation.days, "day")}` : "";
  return `${counted(gestation.weeks, "week")}${days}`;
}

/** @type {Record<string, string>} */
export const ZONES = {
  "on-schedule": "On schedule",
  monitor: "Monitor",
  below: "Below the cut-off",
  "not-classified": "Recorded, not classified",
};

/** @type {Record<string, string>} */
export const OUTCOMES = {
  completed: "It was done",
  declined: "The family declined it",
  "no-access": "No access: nobody was seen",
};

/** @type {Record<string, string>} */
export const CAPTURE_MODES = {
  "point-of-care": "On this tablet, during the visit",
  transcribed: "From paper, afterwards",
  document: "On paper, and scanned",
  "paper-only": "On paper only",
};

/** @param {number} points */
export function pointsWords(points) {
  return `${Number.isInteger(points) ? points : points.toFixed(1)} points of 60`;
}
