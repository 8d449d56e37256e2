// @ts-check
/** Draws fields and sections with the NHS design system's components. Values go out through listeners. */

import { h, hidden } from "./dom.js";

/**
 * @typedef {{value: string, text: string, hint?: string | null}} Option
 */

/**
 * The summary of what is wrong; the caller puts it above the heading and gives it focus.
 * @param {{field: string, text: string, href?: string}[]} faults
 */
export function errorSummary(faults) {
  const link = (/** @type {{field: string, text: string, href?: string}} */ { field, text, href }) =>
    h("a", { href: href ?? `#${field}`, click: href ? undefined : (event) => focusOn(event, field) }, text);
  return h(
    "div",
    { class: "nhsuk-error-summary", tabindex: -1, id: "error-summary" },
    h(
      "div",
      { role: "alert" },
      h("h2", { class: "nhsuk-error-summary__heading" }, "There is a problem"),
      h(
        "div",
        { class: "nhsuk-error-summary__body" },
        h(
          "ul",
          { class: "nhsuk-list nhsuk-error-summary__list" },
          faults.map((fault) => h("li", null, link(fault))),
        ),
      ),
    ),
  );
}

/** @param {Event} event @param {string} field */
function focusOn(event, field) {
  // The address after # is the screen here, so the link is followed by hand.
  event.preventDefault();
  const target = document.getElementById(field);
  target?.focus();
  target?.closest(".nhsuk-form-group")?.scrollIntoView({ block: "center" });
}

/** @param {string} id @param {string | null | undefined} fault */
function errorMessage(id, fault) {
  if (!fault) return null;
  return h("span", { class: "nhsuk-error-message", id: `${id}-error` }, hidden("Error: "), fault);
}

/** @param {string} id @param {string | null | undefined} hint @param {string | null | undefined} fault */
function describedBy(id, hint, fault) {
  return [hint ? `${id}-hint` : "", fault ? `${id}-error` : ""].filter(Boolean).join(" ") || null;
}

/** @param {string} [fault] @param {...any} content */
function group(fault, ...content) {
  return h("div", { class: `nhsuk-form-group${fault ? " nhsuk-form-group--error" : ""}` }, ...content);
}

/**
 * @param {object} field
 * @param {string} field.id also the id of the first choice, so that an error links to it
 * @param {string} field.legend
 * @param {Option[]} field.options
 * @param {string | undefined} field.value undefined: nothing is chosen beforehand
 * @param {(value: string) => void} field.chosen
 * @param {string | null} [field.hint]
 * @param {string} [field.fault]
 * @param {boolean} [field.row] choices side by side where there is room
 * @param {"m" | "s"} [field.size]
 * @param {Record<string, Node>} [field.revealed] shown below a choice while it is chosen
 */
export function radios({ id, legend, options, value, chosen, hint, fault, row = false, size = "m", revealed = {} }) {
  /** @type {[string, HTMLElement][]} */
  const conditional = [];
  const items = options.flatMap((option, index) => {
    const own = index ? `${id}-${index + 1}` : id;
    const under = revealed[option.value];
    const input = h("input", {
      class: "nhsuk-radios__input",
      type: "radio",
      name: id,
      id: own,
      value: option.value,
      checked: value === option.value,
      "aria-describedby": option.hint ? `${own}-item-hint` : null,
      change: () => {
        for (const [shownFor, box] of conditional) box.hidden = shownFor !== option.value;
        chosen(option.value);
      },
    });
    const item = h(
      "div",
      { class: "nhsuk-radios__item" },
      input,
      h("label", { class: "nhsuk-label nhsuk-radios__label", for: own }, option.text),
      option.hint && h("div", { class: "nhsuk-hint nhsuk-radios__hint", id: `${own}-item-hint` }, option.hint),
    );
    if (!under) return [item];
    const box = h("div", { class: "nhsuk-radios__conditional" }, under);
    box.hidden = value !== option.value;
    conditional.push([option.value, box]);
    return [item, box];
  });
  return group(
    fault,
    h(
      "fieldset",
      { class: "nhsuk-fieldset", "aria-describedby": describedBy(id, hint, fault) },
      h("legend", { class: `nhsuk-fieldset__legend nhsuk-fieldset__legend--${size}` }, legend),
      hint && h("div", { class: "nhsuk-hint", id: `${id}-hint` }, hint),
      errorMessage(id, fault),
      h("div", { class: `nhsuk-radios hv-radios${row ? " hv-radios--row" : ""}` }, items),
    ),
  );
}

/**
 * @param {object} field
 * @param {string} field.id
 * @param {string} field.label
 * @param {string | undefined} field.value
 * @param {(value: string) => void} field.typed
 * @param {string | null} [field.hint]
 * @param {string} [field.fault]
 * @param {string | null} [field.unit]
 * @param {"decimal" | "numeric" | "text"} [field.mode]
 * @param {string} [field.kind] type of the input
 * @param {string} [field.width] class of its width
 * @param {string} [field.autocomplete]
 */
export function input({
  id,
  label,
  value,
  typed,
  hint,
  fault,
  unit,
  mode = "text",
  kind = "text",
  width = "",
  autocomplete = "off",
}) {
  const box = h("input", {
    class: `nhsuk-input ${width}${fault ? " nhsuk-input--error" : ""}`,
    id,
    name: id,
    type: kind,
    inputmode: mode,
    autocomplete,
    spellcheck: "false",
    value: value ?? "",
    "aria-describedby": describedBy(id, hint, fault),
    input: (/** @type {{target: {value: string}}} */ event) => typed(event.target.value),
  });
  return group(
    fault,
    h("label", { class: "nhsuk-label nhsuk-label--s", for: id }, label, unit && hidden(`, in ${unit}`)),
    hint && h("div", { class: "nhsuk-hint", id: `${id}-hint` }, hint),
    errorMessage(id, fault),
    unit
      ? h(
          "div",
          { class: "nhsuk-input-wrapper" },
          box,
          h("div", { class: "nhsuk-input-wrapper__suffix", "aria-hidden": "true" }, unit),
        )
      : box,
  );
}

/**
 * @param {{id: string, label: string, value: string | undefined, typed: (value: string) => void,
 *   hint?: string | null, fault?: string}} field
 */
export function textarea({ id, label, value, typed, hint, fault }) {
  const box = h("textarea", {
    class: `nhsuk-textarea${fault ? " nhsuk-textarea--error" : ""}`,
    id,
    name: id,
    rows: 5,
    "aria-describedby": describedBy(id, hint, fault),
    input: (/** @type {{target: {value: string}}} */ event) => typed(event.target.value),
  });
  box.value = value ?? "";
  return group(
    fault,
    h("label", { class: "nhsuk-label nhsuk-label--s", for: id }, label),
    hint && h("div", { class: "nhsuk-hint", id: `${id}-hint` }, hint),
    errorMessage(id, fault),
    box,
  );
}

/**
 * Day, month and year. What was typed goes out as "2021-02-15" once it is a date, else as it stands.
 * @param {{id: string, legend: string, value: string | undefined, typed: (value: string) => void,
 *   hint: string, fault?: string}} field
 */
export function dateInput({ id, legend, value, typed, hint, fault }) {
  const parts = (value ?? "").split("-");
  const shown = parts.length === 3 ? [parts[2], parts[1], parts[0]] : ["", "", ""];
  const boxes = ["Day", "Month", "Year"].map((_name, index) =>
    h("input", {
      class: `nhsuk-input nhsuk-date-input__input nhsuk-input--width-${index === 2 ? 4 : 2}${fault ? " nhsuk-input--error" : ""}`,
      id: index ? `${id}-${index + 1}` : id,
      type: "text",
      inputmode: "numeric",
      autocomplete: "off",
      value: shown[index].replace(/^0/, ""),
      input: () => {
        const [day, month, year] = boxes.map((box) => box.value.trim());
        typed(`${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`);
      },
    }),
  );
  return group(
    fault,
    h(
      "fieldset",
      { class: "nhsuk-fieldset", role: "group", "aria-describedby": describedBy(id, hint, fault) },
      h("legend", { class: "nhsuk-fieldset__legend nhsuk-fieldset__legend--s" }, legend),
      h("div", { class: "nhsuk-hint", id: `${id}-hint` }, hint),
      errorMessage(id, fault),
      h(
        "div",
        { class: "nhsuk-date-input" },
        boxes.map((box, index) =>
          h(
            "div",
            { class: "nhsuk-date-input__item" },
            h("label", { class: "nhsuk-label nhsuk-date-input__label", for: box.id }, ["Day", "Month", "Year"][index]),
            box,
          ),
        ),
      ),
    ),
  );
}

/**
 * One question of a Questionnaire.
 * @param {import("./form_engine.js").Item} item
 * @param {object} how
 * @param {string | undefined} how.answer
 * @param {(value: string) => void} how.given
 * @param {string} [how.fault]
 * @param {string | null} [how.wording] words of the instrument pack in place of the item's own
 * @param {string | null} [how.advice] stands before the item's own hint
 */
export function question(item, { answer, given, fault, wording, advice }) {
  const hint = [advice, item.hint].filter(Boolean).join(" ") || null;
  switch (item.kind) {
    case "choice":
      return radios({
        id: item.linkId,
        legend: wording ?? item.text,
        options: item.options.map(({ code, display }) => ({ value: code, text: display ?? code })),
        value: answer,
        chosen: given,
        hint,
        fault,
        row: item.linkId.startsWith("asq3-") && item.linkId !== "asq3-form",
        size: "s",
      });
    case "integer":
      return input({
        id: item.linkId,
        label: item.text,
        value: answer,
        typed: given,
        hint,
        fault,
        mode: "numeric",
        width: "nhsuk-input--width-3",
      });
    case "decimal":
      return input({
        id: item.linkId,
        label: item.text,
        value: answer,
        typed: given,
        hint,
        fault,
        unit: item.unit,
        mode: "decimal",
        width: "nhsuk-input--width-5",
      });
    default:
      return textarea({ id: item.linkId, label: item.text, value: answer, typed: given, hint, fault });
  }
}

/**
 * @param {string} text
 * @param {(event: Event) => unknown} pressed
 * @param {"" | "secondary" | "reverse"} [kind]
 */
export function button(text, pressed, kind = "") {
  return h(
    "button",
    { class: `nhsuk-button${kind ? ` nhsuk-button--${kind}` : ""} hv-button`, type: "button", click: pressed },
    text,
  );
}

/**
 * Rows of question and answer, each with a link that leads back to its screen.
 * @param {{key: string, value: string | null, href?: string | null}[]} rows
 */
export function summaryList(rows) {
  return h(
    "dl",
    { class: "nhsuk-summary-list" },
    rows.map(({ key, value, href }) =>
      h(
        "div",
        { class: `nhsuk-summary-list__row${href ? "" : " nhsuk-summary-list__row--no-actions"}` },
        h("dt", { class: "nhsuk-summary-list__key" }, key),
        h("dd", { class: `nhsuk-summary-list__value${value === null ? " hv-absent" : ""}` }, value ?? "Not provided"),
        href
          ? h(
              "dd",
              { class: "nhsuk-summary-list__actions" },
              h("a", { class: "nhsuk-link hv-target", href }, "Change", hidden(` ${key.toLowerCase()}`)),
            )
          : null,
      ),
    ),
  );
}
