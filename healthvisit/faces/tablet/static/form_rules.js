// @ts-check
/**
 * A form and its answers so far: what is asked, what is missing, what is wrong and where, what changed. The same rules
 * as programme/form.py, whose words say why they are so; both read tests/cases/form. Whether a form can be judged by is
 * checked by the server alone: what it sends has been checked.
 *
 * A number is a Decimal, or what JSON.parse makes of one.
 */

import { Decimal } from "./exact_json.js";

const CORE = "http://hl7.org/fhir/StructureDefinition/";
const OWN = "https://healthvisit.example/fhir/StructureDefinition/";

/**
 * @typedef {Record<string, any>} JSON
 * @typedef {{path: string, code: string, text: string, expression: string}} Fault
 * @typedef {{path: string, before: JSON[], after: JSON[]}} Change
 * @typedef {{enabled: string[], missing: Fault[], faults: Fault[], questions: Fault[]}} Findings
 * @typedef {Record<string, [string, string][]>} ValueSets (system, code) pairs by the value set's URL
 * @typedef {[name: string, value: any]} Valued value[x] by its name
 *
 * @typedef {object} Form
 * @property {JSON} questionnaire
 * @property {ValueSets} valueSets
 * @property {Map<string, JSON>} items by linkId
 * @property {Map<string, string[]>} above linkIds an item stands under
 *
 * @typedef {object} Place an item of the form where the response has it, or would have it
 * @property {JSON} item
 * @property {string} type
 * @property {Place | null} above
 * @property {string} path
 * @property {string} expression
 * @property {JSON | null} given
 * @property {JSON[]} answers
 * @property {Valued[]} values
 * @property {Place[]} beneath
 * @property {boolean | null} enabled
 */

/** @type {Record<string, string>} */
const VALUE_NAMES = {
  boolean: "valueBoolean",
  decimal: "valueDecimal",
  integer: "valueInteger",
  date: "valueDate",
  dateTime: "valueDateTime",
  time: "valueTime",
  string: "valueString",
  text: "valueString",
  url: "valueUri",
  quantity: "valueQuantity",
};
const CHOICES = ["choice", "open-choice"];
const NUMBERS = ["valueDecimal", "valueInteger", "valueQuantity"];
/** @type {Record<string, (order: number) => boolean>} */
const OPERATORS = {
  "=": (order) => order === 0,
  ">": (order) => order > 0,
  "<": (order) => order < 0,
  ">=": (order) => order >= 0,
  "<=": (order) => order <= 0,
};
/** @type {Record<string, string>} */
const KINDS = {
  boolean: "yes or no",
  decimal: "a number",
  integer: "a whole number",
  date: "a date",
  dateTime: "a date, or a date and a time",
  time: "a time of day",
  string: "words",
  text: "words",
  url: "an address",
  choice: "an answer from its list",
  "open-choice": "an answer from its list, or words",
  quantity: "a number with its unit",
};
const DATE = /^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?$/;
const TIME = /^([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?/;
const ZONE = /^(?:Z|([+-])(0[0-9]|1[0-3]|14):([0-5][0-9]))$/;
const WORDLESS = /^[ \t\r\n]*$/;
const MOST_INTEGER = 2n ** 31n;

/**
 * @param {JSON} questionnaire
 * @param {ValueSets} [valueSets]
 * @returns {Form}
 */
export function form(questionnaire, valueSets = {}) {
  /** @type {Form} */
  const made = { questionnaire, valueSets, items: new Map(), above: new Map() };
  const walk = (/** @type {JSON[]} */ items, /** @type {string[]} */ over) => {
    for (const item of items) {
      made.items.set(item.linkId, item);
      made.above.set(item.linkId, over);
      walk(item.item ?? [], [...over, item.linkId]);
    }
  };
  walk(questionnaire.item ?? [], []);
  return made;
}

/**
 * Every finding about a response to this form, complete or not.
 * @param {Form} form
 * @param {JSON} response
 * @returns {Findings}
 */
export function examine(form, response) {
  return new Examination(form).of(response);
}

/**
 * Items answered otherwise, those of the first response first; values are compared digit for digit.
 * @param {JSON} before
 * @param {JSON} after
 * @returns {Change[]}
 */
export function changes(before, after) {
  const old = new Map(answered(before, ""));
  const fresh = new Map(answered(after, ""));
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .map((path) => ({ path, before: old.get(path) ?? [], after: fresh.get(path) ?? [] }))
    .filter(({ before: was, after: is }) => bare(was) !== bare(is));
}

/** @param {JSON} parent @param {string} path @returns {[string, JSON[]][]} */
function answered(parent, path) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  return (parent.item ?? []).flatMap((/** @type {JSON} */ item) => {
    const count = (seen.get(item.linkId) ?? -1) + 1;
    seen.set(item.linkId, count);
    const here = joined(path, item.linkId, count);
    /** @type {JSON[]} */
    const given = item.answer ?? [];
    const values = given.map((answer) =>
      Object.fromEntries(Object.entries(answer).filter(([name]) => name.startsWith("value"))),
    );
    return [
      ...(given.length ? [[here, values]] : []),
      ...answered(item, here),
      ...given.flatMap((answer, number) => answered(answer, number ? `${here}#${number}` : here)),
    ];
  });
}

/** What makes two values the same, with every digit. @param {any} value @returns {string} */
function bare(value) {
  if (isNumber(value)) {
    const { digits, exponent } = parts(value);
    return `${digits}e${exponent}`;
  }
  if (Array.isArray(value)) return `[${value.map(bare).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const words = "code" in value ? ["display", "unit", "userSelected"] : [];
  const names = Object.keys(value).filter((name) => !words.includes(name));
  return `{${names
    .sort()
    .map((name) => `${JSON.stringify(name)}:${bare(value[name])}`)
    .join()}}`;
}

/** @param {string} path @param {string} link @param {number} [count] */
function joined(path, link, count = 0) {
  return `${path}${path ? "/" : ""}${link}${count ? `[${count}]` : ""}`;
}

/** @param {JSON} item @param {string} url @returns {Valued | null} */
function limitOf(item, url) {
  const found = (item.extension ?? []).find((/** @type {JSON} */ each) => each.url === url);
  return found ? valued(found) : null;
}

/** @param {JSON} item @param {string} url */
function extension(item, url) {
  return limitOf(item, url)?.[1] ?? null;
}

/** @param {JSON} element @param {string} [prefix] @returns {Valued} */
function valued(element, prefix = "value") {
  const name = Object.keys(element).find((each) => each.startsWith(prefix));
  return name ? [`value${name.slice(prefix.length)}`, element[name]] : ["", null];
}

/** @param {JSON} item @returns {string[]} */
function valueNames(item) {
  if (!CHOICES.includes(item.type)) return [VALUE_NAMES[item.type] ?? ""];
  const names = item.answerOption?.map((/** @type {JSON} */ option) => valued(option)[0]) ?? ["valueCoding"];
  return item.type === "open-choice" ? [...names, "valueString"] : names;
}

/** @param {JSON} item @returns {JSON[]} */
function units(item) {
  const several = (item.extension ?? [])
    .filter((/** @type {JSON} */ each) => each.url === `${CORE}questionnaire-unitOption`)
    .map((/** @type {JSON} */ each) => each.valueCoding);
  const one = extension(item, `${CORE}questionnaire-unit`);
  return several.length || one === null ? several : [one];
}

/** @param {JSON} item */
function unitWords(item) {
  return units(item)
    .map((unit) => unit.display ?? unit.code)
    .join(" or ");
}

/** @param {JSON} item @param {JSON} quantity */
function isInUnit(item, quantity) {
  const known = units(item);
  return !known.length || known.some((unit) => isSameCode(unit, quantity));
}

/** @param {unknown} value @returns {value is number | Decimal} */
function isNumber(value) {
  return typeof value === "number" || value instanceof Decimal;
}

/** Digits and exponent of a number as it is written. @param {number | Decimal} number */
function parts(number) {
  const [mantissa, exponent = "0"] = String(number).toLowerCase().split("e");
  const [whole, fraction = ""] = mantissa.split(".");
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

/**
 * -1, 0 or 1: two numbers compared exactly, whatever their digits.
 * @param {number | Decimal} one
 * @param {number | Decimal} other
 */
function compareNumbers(one, other) {
  const [first, second] = [parts(one), parts(other)];
  const least = Math.min(first.exponent, second.exponent);
  const [left, right] = [first, second].map(({ digits, exponent }) => digits * 10n ** BigInt(exponent - least));
  return left > right ? 1 : left < right ? -1 : 0;
}

/** Digits after the point, as it is written. @param {number | Decimal} number */
function places(number) {
  return Math.max(0, -parts(number).exponent);
}

/** @param {unknown} value */
function isInteger(value) {
  if (!isNumber(value) || !/^-?[0-9]+$/.test(String(value))) return false;
  const whole = BigInt(String(value));
  return whole >= -MOST_INTEGER && whole < MOST_INTEGER;
}

/** @param {unknown} value */
function isWords(value) {
  return typeof value === "string" && value !== "";
}

/** @param {any} value @returns {value is JSON} */
function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Decimal);
}

/** Whether the JSON value is one of the FHIR type. @param {string} name @param {any} value */
function isOf(name, value) {
  if (name === "valueBoolean") return typeof value === "boolean";
  if (name === "valueInteger") return isInteger(value);
  if (name === "valueDecimal") return isNumber(value);
  if (name === "valueCoding") {
    return isObject(value) && isWords(value.code) && (value.system == null || isWords(value.system));
  }
  if (name === "valueQuantity") return isObject(value) && isNumber(value.value) && !("comparator" in value);
  if (!isWords(value)) return false;
  if (name === "valueDate") return isDay(value);
  if (name === "valueDateTime") return isDay(value) || instant(value) !== null;
  if (name === "valueTime") return seconds(value)?.rest === "";
  if (name === "valueUri") return !/[ \t\r\n]/.test(value);
  return name === "valueString";
}

/** @param {string} text */
function isDay(text) {
  const found = DATE.exec(text);
  if (found === null) return false;
  const [year, month, day] = found.slice(1).map((part) => Number(part ?? 1));
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const most = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return year > 0 && month > 0 && month < 13 && day > 0 && day <= most[month - 1];
}

/** A time of day at the beginning of a text, as its seconds, and what follows. @param {string} text */
function seconds(text) {
  const clock = TIME.exec(text);
  if (clock === null) return null;
  const [all, hours, minutes, whole, fraction] = clock;
  return {
    whole: Number(hours) * 3600 + Number(minutes) * 60 + Number(whole),
    fraction: fraction ?? "",
    rest: text.slice(all.length),
  };
}

/** Seconds of a moment with its zone, null for what is none. @param {string} text @returns {Decimal | null} */
function instant(text) {
  const [day, rest] = [text.slice(0, 10), text.slice(11)];
  const clock = seconds(rest);
  if (clock === null || text[10] !== "T" || day.length !== 10 || !isDay(day)) return null;
  const zone = ZONE.exec(clock.rest);
  if (zone === null) return null;
  const [, sign, hours, minutes] = zone;
  const offset = sign ? (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60 : 60) : 0;
  return new Decimal(`${clock.whole + dayNumber(day) * 86_400 - offset}${clock.fraction}`);
}

/** Days from a day long before the first year, so that no moment has a sign. @param {string} day */
function dayNumber(day) {
  const moment = new Date(0);
  const [year, month, date] = day.split("-").map(Number);
  moment.setUTCFullYear(year, month - 1, date);
  return moment.getTime() / 86_400_000 + 1_000_000;
}

/** @param {JSON} one @param {JSON} other */
function isSameCode(one, other) {
  return (one.system ?? "") === (other.system ?? "") && one.code === other.code;
}

/**
 * -1, 0 or 1; null where the two are not equal and have no order, or where it cannot be known.
 * @param {string} name
 * @param {any} one
 * @param {any} other
 * @returns {number | null}
 */
function order(name, one, other) {
  if (name === "valueDecimal" || name === "valueInteger") return compareNumbers(one, other);
  if (name === "valueQuantity") return isSameCode(one, other) ? compareNumbers(one.value, other.value) : null;
  if (name === "valueCoding") return isSameCode(one, other) ? 0 : null;
  if (name === "valueDate" || name === "valueDateTime") return orderOfDays(one, other);
  if (name === "valueTime") {
    const [first, second] = [one, other].map((each) => {
      const clock = /** @type {{whole: number, fraction: string}} */ (seconds(each));
      return new Decimal(`${clock.whole}${clock.fraction}`);
    });
    return compareNumbers(first, second);
  }
  return one === other ? 0 : null;
}

/** @param {string} one @param {string} other */
function orderOfDays(one, other) {
  const [first, second] = [instant(one), instant(other)];
  if (first !== null && second !== null) return compareNumbers(first, second);
  const days = [one, other].map((each) => each.split("T")[0]);
  const known = Math.min(...days.map((day) => day.length));
  const [left, right] = days.map((day) => day.slice(0, known));
  if (left !== right) return left > right ? 1 : -1;
  return one.length === other.length ? 0 : null;
}

/** @param {Place} place */
function isQuestion({ type }) {
  return type !== "group" && type !== "display";
}

class Examination {
  /** @param {Form} form */
  constructor(form) {
    this.form = form;
    /** @type {Findings} */
    this.findings = { enabled: [], missing: [], faults: [], questions: [] };
  }

  /** @param {JSON} response */
  of(response) {
    const top = placed(this.form.questionnaire, null, "", "QuestionnaireResponse", response);
    top.enabled = true;
    this.fill(top, response.item ?? [], top.expression, "");
    this.judge(top, true);
    return this.findings;
  }

  /** @param {Place} place @param {JSON[]} contents @param {string} expression @param {string} path */
  fill(place, contents, expression, path) {
    /** @type {JSON[]} */
    const children = place.item.item ?? [];
    const orderOf = new Map(children.map((child, number) => [child.linkId, number]));
    /** @type {Map<string, {given: JSON | null, here: string}[]>} */
    const found = new Map();
    let last = 0;
    contents.forEach((given, number) => {
      const here = `${expression}.item[${number}]`;
      const at = orderOf.get(given.linkId);
      if (at === undefined) {
        this.stranger(given.linkId, path, here);
        return;
      }
      if (at < last) this.fault(children[at], joined(path, given.linkId), "out-of-order", here);
      last = Math.max(last, at);
      found.set(given.linkId, [...(found.get(given.linkId) ?? []), { given, here }]);
    });
    for (const child of children) {
      (found.get(child.linkId) ?? [{ given: null, here: expression }]).forEach(({ given, here }, count) => {
        const inner = placed(child, place, joined(path, child.linkId, count), here, given);
        if (count && !(child.type === "group" && child.repeats)) this.fault(child, inner.path, "repeated", here);
        place.beneath.push(inner);
        this.fillBeneath(inner);
      });
    }
  }

  /** @param {Place} place */
  fillBeneath(place) {
    /** @type {JSON[]} */
    const contents = place.given?.item ?? [];
    if (!isQuestion(place)) {
      this.fill(place, contents, place.expression, place.path);
      return;
    }
    contents.forEach((stray, number) => this.stranger(stray.linkId, place.path, `${place.expression}.item[${number}]`));
    for (const answer of place.answers) {
      const [name, value] = valued(answer);
      if (faultOfType(place.item, name, value) === null) place.values.push([name, value]);
    }
    place.answers.forEach((answer, number) => {
      const path = number ? `${place.path}#${number}` : place.path;
      this.fill(place, answer.item ?? [], `${place.expression}.answer[${number}]`, path);
    });
    if (!place.answers.length) this.fill(place, [], place.expression, place.path);
  }

  /** @param {string} link @param {string} path @param {string} here */
  stranger(link, path, here) {
    const known = this.form.items.get(link);
    if (known) this.fault(known, joined(path, link), "misplaced", here);
    else {
      this.findings.faults.push({
        path: joined(path, "?"),
        code: "unknown-item",
        text: "The form has no such item",
        expression: here,
      });
    }
  }

  /** @param {Place} place @returns {boolean} */
  isEnabled(place) {
    place.enabled ??= this.isAsked(place);
    return place.enabled;
  }

  /** @param {Place} place */
  isAsked(place) {
    const { above } = place;
    if (above !== null) {
      if (!this.isEnabled(above)) return false;
      if (isQuestion(above) && place.type !== "display" && !above.answers.length) return false;
    }
    /** @type {JSON[]} */
    const conditions = place.item.enableWhen ?? [];
    if (!conditions.length) return true;
    const holds = (/** @type {JSON} */ condition) => this.holds(place, condition);
    return place.item.enableBehavior === "any" ? conditions.some(holds) : conditions.every(holds);
  }

  /** @param {Place} place @param {JSON} condition */
  holds(place, condition) {
    const [name, wanted] = valued(condition, "answer");
    const values = this.occurrences(place, condition.question)
      .filter((asked) => this.isEnabled(asked))
      .flatMap((asked) => asked.values);
    if (condition.operator === "exists") return values.length > 0 === wanted;
    const orders = values.filter(([given]) => given === name).map(([, value]) => order(name, value, wanted));
    if (condition.operator === "!=") return !orders.includes(0);
    return orders.some((each) => each !== null && OPERATORS[condition.operator](each));
  }

  /** @param {Place} place @param {string} question @returns {Place[]} */
  occurrences(place, question) {
    let over = place.above;
    while (over !== null && over.above !== null) {
      if (over.item.linkId === question) return [over];
      if (this.form.above.get(question)?.includes(over.item.linkId)) break;
      over = over.above;
    }
    return over === null ? [] : beneath(over, question);
  }

  /** @param {Place} above @param {boolean} isThere */
  judge(above, isThere) {
    for (const place of above.beneath) {
      if (!this.isEnabled(place)) {
        if (place.given !== null && holdsAnswer(place.given)) {
          this.fault(place.item, place.path, "disabled", place.expression);
        }
        continue;
      }
      this.findings.enabled.push(place.path);
      if (isQuestion(place)) this.judgeAnswers(place);
      else if (place.answers.length) this.fault(place.item, place.path, "not-a-question", place.expression);
      const isGiven = place.type === "group" ? holdsAnswer(place.given ?? {}) : place.answers.length > 0;
      if (place.item.required && isThere && !isGiven) {
        this.findings.missing.push(said(place.item, place.path, "required", place.expression));
      }
      this.judge(place, isThere && !(place.given === null && place.item.repeats));
    }
  }

  /** @param {Place} place */
  judgeAnswers({ item, path: first, expression, answers }) {
    if (answers.length > 1 && !item.repeats) this.fault(item, first, "too-many-answers", expression);
    answers.forEach((answer, number) => {
      const path = number ? `${first}#${number}` : first;
      const here = `${expression}.answer[${number}]`;
      const [name, value] = valued(answer);
      const code = faultOfType(item, name, value) ?? faultOfValue(item, name, value, this.form.valueSets);
      if (code !== null) {
        this.fault(item, path, code, here);
        return;
      }
      for (const unlikely of unlikelihoods(item, name, value)) {
        this.findings.questions.push(said(item, path, unlikely, here));
      }
    });
  }

  /** @param {JSON} item @param {string} path @param {string} code @param {string} expression */
  fault(item, path, code, expression) {
    this.findings.faults.push(said(item, path, code, expression));
  }
}

/**
 * @param {JSON} item
 * @param {Place | null} above
 * @param {string} path
 * @param {string} expression
 * @param {JSON | null} given
 * @returns {Place}
 */
function placed(item, above, path, expression, given) {
  const answers = given?.answer ?? [];
  return {
    item,
    type: item.type ?? "group",
    above,
    path,
    expression,
    given,
    answers,
    values: [],
    beneath: [],
    enabled: null,
  };
}

/** @param {Place} place @param {string} link @returns {Place[]} */
function beneath(place, link) {
  return place.beneath.flatMap((inner) => [...(inner.item.linkId === link ? [inner] : []), ...beneath(inner, link)]);
}

/** @param {JSON} given @returns {boolean} */
function holdsAnswer(given) {
  return Boolean(given.answer?.length) || (given.item ?? []).some(holdsAnswer);
}

/** @param {JSON} item @param {string} name @param {any} value */
function faultOfType(item, name, value) {
  if (value === null || (typeof value === "string" && WORDLESS.test(value))) return "no-value";
  if (!valueNames(item).includes(name) || !isOf(name, value)) return "wrong-type";
  return name === "valueQuantity" && !isInUnit(item, value) ? "wrong-unit" : null;
}

/**
 * What is wrong with an answer that is of its type; null for nothing.
 * @param {JSON} item
 * @param {string} name
 * @param {any} value
 * @param {ValueSets} [valueSets]
 * @returns {string | null}
 */
export function faultOfValue(item, name, value, valueSets = {}) {
  if (CHOICES.includes(item.type) && !isOption(item, name, value, valueSets)) return "not-an-option";
  if (isPast(item, `${CORE}minValue`, name, value, -1)) return "too-small";
  if (isPast(item, `${CORE}maxValue`, name, value, 1)) return "too-great";
  const most = extension(item, `${CORE}maxDecimalPlaces`);
  if (most !== null && NUMBERS.includes(name)) {
    if (places(name === "valueQuantity" ? value.value : value) > Number(most)) return "too-many-digits";
  }
  if (name !== "valueString" && name !== "valueUri") return null;
  const length = [...value].length;
  const shortest = extension(item, `${CORE}minLength`);
  if (item.maxLength !== undefined && length > Number(item.maxLength)) return "too-long";
  if (shortest !== null && length < Number(shortest)) return "too-short";
  const pattern = extension(item, `${CORE}regex`);
  return pattern !== null && !new RegExp(`^(?:${pattern})$`, "u").test(value) ? "wrong-pattern" : null;
}

/** @param {JSON} item @param {string} name @param {any} value @returns {string[]} */
export function unlikelihoods(item, name, value) {
  /** @type {[string, number][]} */
  const sides = [
    ["unlikely-below", -1],
    ["unlikely-above", 1],
  ];
  return sides.filter(([code, side]) => isPast(item, OWN + code, name, value, side)).map(([code]) => code);
}

/** @param {JSON} item @param {string} name @param {any} value @param {ValueSets} valueSets */
function isOption(item, name, value, valueSets) {
  if (name === "valueString" && item.type === "open-choice") return true;
  if (item.answerValueSet !== undefined) {
    return valueSets[item.answerValueSet].some(([system, code]) => isSameCode({ system, code }, value));
  }
  return item.answerOption.some((/** @type {JSON} */ option) => {
    const [given, wanted] = valued(option);
    return given === name && order(name, value, wanted) === 0;
  });
}

/** @param {JSON} item @param {string} url @param {string} name @param {any} value @param {number} side */
function isPast(item, url, name, value, side) {
  const limit = extension(item, url);
  if (limit === null) return false;
  const [kind, compared] = name === "valueQuantity" ? ["valueDecimal", value.value] : [name, value];
  return order(kind, compared, limit) === side;
}

/** @param {JSON} item @param {string} path @param {string} code @param {string} expression @returns {Fault} */
function said(item, path, code, expression) {
  return { path, code, text: sentence(item, code), expression };
}

/** The sentence of a fault; it speaks of the form and never of the answer. @param {JSON} item @param {string} code */
export function sentence(item, code) {
  const text = item.text ?? item.linkId;
  const unit = unitWords(item);
  const number = (/** @type {string} */ url) => `${extension(item, url)}${unit ? ` ${unit}` : ""}`;
  const isCounted = NUMBERS.includes(valueNames(item)[0]);
  /** @type {Record<string, string>} */
  const sentences = {
    misplaced: `${text} does not stand where the form has it`,
    "out-of-order": `${text} stands after what follows it in the form`,
    repeated: `${text} is given more than once`,
    disabled: `${text} is answered, and after the other answers it is not asked`,
    "not-a-question": `${text} has an answer, and is no question`,
    required: `${text} is not answered`,
    "too-many-answers": `${text} has more than one answer`,
    "no-value": `${text} has an answer that says nothing`,
    "wrong-type": `${text} must be ${KINDS[item.type] ?? "left out"}`,
    "wrong-unit": `${text} must be in ${unit}`,
    "not-an-option": `${text} must be an answer from its list`,
    "too-small": `${text} must be ${number(`${CORE}minValue`)} or ${isCounted ? "more" : "later"}`,
    "too-great": `${text} must be ${number(`${CORE}maxValue`)} or ${isCounted ? "less" : "earlier"}`,
    "too-many-digits": `${text} has too many digits after the point: ${extension(item, `${CORE}maxDecimalPlaces`)} at most`,
    "too-long": `${text} is too long: ${item.maxLength} characters at most`,
    "too-short": `${text} is too short: ${extension(item, `${CORE}minLength`)} characters at least`,
    "wrong-pattern": `${text} is not written as the form asks`,
    "unlikely-below": `${text} is under ${number(`${OWN}unlikely-below`)}: is that right?`,
    "unlikely-above": `${text} is over ${number(`${OWN}unlikely-above`)}: is that right?`,
  };
  return sentences[code];
}
