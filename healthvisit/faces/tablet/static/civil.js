// @ts-check
/**
 * Civil dates as text ("2021-02-15"), and instants. Today is passed in, never fetched here.
 * A child's age and every window are counted in civil dates of England; a contact's start is an instant.
 */

const DAY_MS = 86_400_000;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^([01]\d|2[0-3]):([0-5]\d)$/;

const LONDON = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Europe/London",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** @param {string} text */
export function isDate(text) {
  const match = DATE.exec(text);
  return match !== null && text === dated(dayNumber(text));
}

/** @param {string} text "10:42", twenty-four hours */
export function isTime(text) {
  return TIME.test(text);
}

/**
 * Days from 1 January 1970.
 * @param {string} date
 */
export function dayNumber(date) {
  const match = DATE.exec(date);
  if (match === null) throw new RangeError("not a civil date");
  return Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) / DAY_MS;
}

/** @param {number} day */
function dated(day) {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/**
 * @param {string} date
 * @param {number} days
 */
export function plusDays(date, days) {
  return dated(dayNumber(date) + days);
}

/**
 * The same day of a later or earlier month; where that month is too short, its last day.
 * @param {string} date
 * @param {number} months
 */
export function plusMonths(date, months) {
  const [year, month, day] = date.split("-").map(Number);
  const first = new Date(Date.UTC(year, month - 1 + months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  return dated(first.getTime() / DAY_MS + Math.min(day, last) - 1);
}

/**
 * Completed months since birth, and days beyond them.
 * @param {string} born
 * @param {string} on
 * @returns {{months: number, days: number}}
 */
export function age(born, on) {
  if (on < born) throw new RangeError("a child has no age before birth");
  const [bornYear, bornMonth] = born.split("-").map(Number);
  const [year, month] = on.split("-").map(Number);
  let months = (year - bornYear) * 12 + (month - bornMonth);
  if (plusMonths(born, months) > on) months -= 1;
  return { months, days: dayNumber(on) - dayNumber(plusMonths(born, months)) };
}

/** @param {Date} instant */
function wall(instant) {
  const part = Object.fromEntries(LONDON.formatToParts(instant).map(({ type, value }) => [type, value]));
  return { date: `${part.year}-${part.month}-${part.day}`, time: `${part.hour}:${part.minute}` };
}

/**
 * The civil date in England of an instant.
 * @param {Date} instant
 */
export function civilDate(instant) {
  return wall(instant).date;
}

/**
 * The time on a clock in England, "10:42".
 * @param {Date} instant
 */
export function clockTime(instant) {
  return wall(instant).time;
}

/**
 * The first instant at which a clock in England shows this date and time; null where the clock skips it in March.
 * @param {string} date
 * @param {string} time
 * @returns {Date | null}
 */
export function instantOf(date, time) {
  const match = TIME.exec(time);
  if (match === null) throw new RangeError("not a time");
  const greenwich = dayNumber(date) * DAY_MS + (Number(match[1]) * 60 + Number(match[2])) * 60_000;
  for (const candidate of [new Date(greenwich - 3_600_000), new Date(greenwich)]) {
    const shown = wall(candidate);
    if (shown.date === date && shown.time === time) return candidate;
  }
  return null;
}

/**
 * An instant as FHIR writes it, to the second, with its zone.
 * @param {Date} instant
 */
export function written(instant) {
  return `${instant.toISOString().slice(0, 19)}Z`;
}
