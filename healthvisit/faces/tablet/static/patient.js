// @ts-check
/** What the tablet reads of a Patient. Text of the record is only ever shown as text. */

const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";

/**
 * @typedef {{use?: string, text?: string, given?: string[], family?: string}} HumanName
 * @typedef {{resourceType: "Patient", id: string, name?: HumanName[], birthDate: string, gender?: string,
 *   identifier?: {system?: string, value?: string}[]}} Patient
 */

/** @param {Patient} patient */
export function fullName(patient) {
  const names = patient.name ?? [];
  const name = names.find((candidate) => candidate.use === "official") ?? names[0];
  if (name === undefined) return "Name not recorded";
  return [...(name.given ?? []), name.family].filter(Boolean).join(" ") || name.text || "Name not recorded";
}

/** @param {Patient} patient the ten digits, or null */
export function nhsNumber(patient) {
  return patient.identifier?.find((identifier) => identifier.system === NHS_NUMBER)?.value ?? null;
}

/**
 * Text as it is compared in a search: no accents, no case, single spaces.
 * @param {string} text
 */
export function folded(text) {
  return text
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .toLowerCase()
    .replace(/[’'`-]/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

/**
 * Children whose name has a word beginning with each word sought, or whose NHS number begins with it.
 * @template {{patient: Patient}} C
 * @param {C[]} children
 * @param {string} sought
 * @returns {C[]}
 */
export function found(children, sought) {
  const words = folded(sought).split(" ").filter(Boolean);
  if (words.length === 0) return [];
  const digits = sought.replace(/\s/g, "");
  if (/^\d{3,10}$/.test(digits)) {
    return children.filter(({ patient }) => nhsNumber(patient)?.startsWith(digits));
  }
  return children.filter(({ patient }) => {
    const names = folded(fullName(patient)).split(" ");
    return words.every((word) => names.some((name) => name.startsWith(word)));
  });
}
