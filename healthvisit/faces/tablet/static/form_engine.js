// @ts-check
/**
 * A Questionnaire, read: which sections and items it has, what is wrong with an answer, and answers as a
 * QuestionnaireResponse. Plain values in and out; an answer is kept as the text that was typed or the code chosen. What
 * a form allows is judged by form_rules.js, as the server judges it; here are the words beside the field.
 * https://hl7.org/fhir/R4/questionnaire.html
 */

import { Decimal } from "./exact_json.js";
import { examine, faultOfValue, form, sentence, unlikelihoods } from "./form_rules.js";

const EXTENSION = "http://hl7.org/fhir/StructureDefinition/";
const OWN = "https://healthvisit.example/fhir/StructureDefinition/";

/**
 * @typedef {{url: string, valueDecimal?: number, valueInteger?: number, valueCoding?: Coding}} Extension
 * @typedef {{system?: string, code: string, display?: string}} Coding
 * @typedef {object} RawItem
 * @property {string} linkId
 * @property {string} type
 * @property {string} [text]
 * @property {string} [prefix]
 * @property {boolean} [required]
 * @property {number} [maxLength]
 * @property {Extension[]} [extension]
 * @property {{valueCoding?: Coding}[]} [answerOption]
 * @property {RawItem[]} [item]
 *
 * @typedef {{resourceType: "Questionnaire", id: string, url: string, version?: string, title?: string,
 *   item: RawItem[]}} Questionnaire
 *
 * @typedef {object} Item one question
 * @property {string} linkId
 * @property {"decimal" | "integer" | "choice" | "text"} kind
 * @property {string} text
 * @property {string | null} hint
 * @property {boolean} required
 * @property {string | null} unit
 * @property {number | null} least
 * @property {number | null} greatest
 * @property {number | null} unlikelyBelow
 * @property {number | null} unlikelyAbove
 * @property {number | null} places most digits after the point
 * @property {Coding[]} options
 * @property {RawItem} raw as the form has it
 *
 * @typedef {{id: string, title: string, notices: string[], items: Item[]}} Section one screen
 * @typedef {Record<string, string>} Answers by linkId; what was not answered is absent
 */

/** @type {Record<string, Item["kind"]>} */
const KINDS = { decimal: "decimal", integer: "integer", choice: "choice", text: "text", string: "text" };

/**
 * The screens of a form: each group that holds questions of its own.
 * @param {Questionnaire} questionnaire
 * @returns {Section[]}
 */
export function sections(questionnaire) {
  return questionnaire.item.flatMap(sectionsOf);
}

/** @param {RawItem} group @returns {Section[]} */
function sectionsOf(group) {
  const inside = group.item ?? [];
  const items = inside.filter((item) => item.type in KINDS).map(readItem);
  const notices = inside.filter((item) => item.type === "display").map((item) => item.text ?? "");
  const own = items.length ? [{ id: group.linkId, title: group.text ?? group.linkId, notices, items }] : [];
  return [...own, ...inside.filter((item) => item.type === "group").flatMap(sectionsOf)];
}

/**
 * The linkIds of what is asked, by the answers so far. An answer that is wrong, or no longer asked for, opens nothing.
 * @param {Questionnaire} questionnaire
 * @param {Answers} answers
 * @returns {Set<string>}
 */
export function enabled(questionnaire, answers) {
  const isRight = (/** @type {Item} */ item, /** @type {string} */ answer) => fault(item, answer) === null;
  const item = questionnaire.item.flatMap((raw) => answered(raw, answers, isRight));
  const paths = examine(form(questionnaire), { item }).enabled;
  return new Set(paths.map((path) => /** @type {string} */ (path.split("/").at(-1))));
}

/**
 * The screens of a form with the questions that are asked; a screen without any is left out.
 * @param {Questionnaire} questionnaire
 * @param {Answers} answers
 * @returns {Section[]}
 */
export function asked(questionnaire, answers) {
  const links = enabled(questionnaire, answers);
  return sections(questionnaire)
    .map((section) => ({ ...section, items: section.items.filter(({ linkId }) => links.has(linkId)) }))
    .filter(({ items }) => items.length);
}

/** @param {RawItem} raw @returns {Item} */
function readItem(raw) {
  const extensions = new Map((raw.extension ?? []).map((extension) => [extension.url, extension]));
  const number = (/** @type {string} */ url) =>
    extensions.get(url)?.valueDecimal ?? extensions.get(url)?.valueInteger ?? null;
  return {
    linkId: raw.linkId,
    kind: KINDS[raw.type],
    text: raw.text ?? raw.linkId,
    hint: (raw.item ?? []).find((item) => item.type === "display")?.text ?? null,
    required: raw.required ?? false,
    unit: extensions.get(`${EXTENSION}questionnaire-unit`)?.valueCoding?.code ?? null,
    least: number(`${EXTENSION}minValue`),
    greatest: number(`${EXTENSION}maxValue`),
    unlikelyBelow: number(`${OWN}unlikely-below`),
    unlikelyAbove: number(`${OWN}unlikely-above`),
    places: number(`${EXTENSION}maxDecimalPlaces`),
    options: (raw.answerOption ?? []).flatMap((option) => (option.valueCoding ? [option.valueCoding] : [])),
    raw,
  };
}

/**
 * What was typed, as a FHIR decimal: "5,10" and " 05.10" become "5.10"; null for what is no number.
 * @param {string} typed
 */
export function decimalText(typed) {
  const text = typed.trim().replace(",", ".");
  const match = /^(\d{1,6})(?:\.(\d{0,6}))?$/.exec(text) ?? /^()\.(\d{1,6})$/.exec(text);
  if (match === null) return null;
  const whole = match[1].replace(/^0+(?=\d)/, "") || "0";
  return match[2] ? `${whole}.${match[2]}` : whole;
}

/** What was typed, as a whole number from 0; null for anything else. @param {string} typed */
export function integerOf(typed) {
  const text = typed.trim();
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/**
 * What is wrong with one answer, in words that stand beside its field and in the error summary; null for nothing.
 * @param {Item} item
 * @param {string | undefined} answer
 * @returns {string | null}
 */
export function fault(item, answer) {
  if (answer === undefined || answer.trim() === "") {
    return item.required ? `${item.kind === "choice" ? "Choose" : "Enter"} an answer: ${item.text}` : null;
  }
  if (item.kind === "choice") {
    return item.options.some((option) => option.code === answer)
      ? null
      : `Choose an answer from the list: ${item.text}`;
  }
  if (item.kind === "text") {
    const code = faultOfValue(item.raw, "valueString", answer.trim());
    return code === null ? null : sentence(item.raw, code);
  }
  if (item.kind === "integer") {
    const number = integerOf(answer);
    if (number === null) return `Enter a whole number: ${item.text}`;
    const code = faultOfValue(item.raw, "valueInteger", number);
    return code === null ? null : sentence(item.raw, code);
  }
  const text = decimalText(answer);
  if (text === null) return `${item.text} must be a number${item.unit ? ` in ${item.unit}` : ""}`;
  const code = faultOfValue(item.raw, "valueDecimal", new Decimal(text));
  if (code === "too-many-digits") {
    return `${item.text} can have ${item.places} ${item.places === 1 ? "digit" : "digits"} after the point at most`;
  }
  if (code !== null) {
    return `${item.text} must be between ${item.least ?? "0"} and ${item.greatest ?? "any"} ${item.unit ?? ""}`.trim();
  }
  return null;
}

/**
 * Whether a number is possible but unlikely, so that a person should look again before it stands.
 * @param {Item} item
 * @param {string | undefined} answer
 */
export function isUnlikely(item, answer) {
  if (item.kind !== "decimal" || answer === undefined || fault(item, answer) !== null) return false;
  const text = decimalText(answer);
  return text !== null && unlikelihoods(item.raw, "valueDecimal", new Decimal(text)).length > 0;
}

/**
 * Every fault of the form's answers.
 * @param {Section[]} all
 * @param {Answers} answers
 * @returns {{section: string, linkId: string, text: string}[]}
 */
export function faults(all, answers) {
  return all.flatMap((section) =>
    section.items.flatMap((item) => {
      const text = fault(item, answers[item.linkId]);
      return text === null ? [] : [{ section: section.id, linkId: item.linkId, text }];
    }),
  );
}

/**
 * An answer in words, with its unit; null where there is none.
 * @param {Item} item
 * @param {string | undefined} answer
 */
export function answerWords(item, answer) {
  if (answer === undefined || answer.trim() === "") return null;
  if (item.kind === "choice") return item.options.find((option) => option.code === answer)?.display ?? answer;
  if (item.kind === "decimal") return `${decimalText(answer) ?? answer} ${item.unit ?? ""}`.trim();
  return item.kind === "integer" ? String(integerOf(answer) ?? answer) : answer;
}

/**
 * The items of a QuestionnaireResponse, nested as the Questionnaire; a group without answers is left out.
 * What is not asked is left out, whatever was answered to it before. Throws RangeError where an answer has a fault:
 * nothing wrong leaves the tablet.
 * @param {Questionnaire} questionnaire
 * @param {Answers} answers
 * @returns {object[]}
 */
export function responseItems(questionnaire, answers) {
  const [wrong] = faults(asked(questionnaire, answers), answers);
  if (wrong) throw new RangeError(`the answer to ${wrong.linkId} cannot be sent`);
  const links = enabled(questionnaire, answers);
  return questionnaire.item.flatMap((item) => answered(item, answers, ({ linkId }) => links.has(linkId)));
}

/**
 * @param {RawItem} raw
 * @param {Answers} answers
 * @param {(item: Item, answer: string) => boolean} isTaken
 * @returns {object[]}
 */
function answered(raw, answers, isTaken) {
  if (raw.type === "group") {
    const item = (raw.item ?? []).flatMap((inner) => answered(inner, answers, isTaken));
    return item.length ? [{ linkId: raw.linkId, text: raw.text, item }] : [];
  }
  if (!(raw.type in KINDS)) return [];
  const item = readItem(raw);
  const answer = answers[item.linkId];
  if (answer === undefined || answer.trim() === "" || !isTaken(item, answer)) return [];
  return [{ linkId: item.linkId, text: raw.text, answer: [valued(item, answer)] }];
}

/** @param {Item} item @param {string} answer */
function valued(item, answer) {
  if (item.kind === "decimal") return { valueDecimal: new Decimal(/** @type {string} */ (decimalText(answer))) };
  if (item.kind === "integer") return { valueInteger: integerOf(answer) };
  if (item.kind === "text") return { valueString: answer.trim() };
  const { system, code, display } = /** @type {Coding} */ (item.options.find((option) => option.code === answer));
  return { valueCoding: { system, code, display } };
}
