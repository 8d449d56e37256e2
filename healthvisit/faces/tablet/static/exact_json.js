// @ts-check
/**
 * JSON that keeps decimals as they were typed: 5.10 kg is a measurement to ten grams, 5.1 kg is not.
 * FHIR asks that the precision of a decimal be kept: https://hl7.org/fhir/R4/datatypes.html#decimal
 */

const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

/** A decimal by its digits. Throws RangeError for text that is not a FHIR decimal. */
export class Decimal {
  /** @param {string} text */
  constructor(text) {
    if (!NUMBER.test(text)) throw new RangeError("not a decimal");
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

/**
 * JSON text of a value; a Decimal is written digit for digit, members that are undefined are left out.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function write(value) {
  if (value instanceof Decimal) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${write(member)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
