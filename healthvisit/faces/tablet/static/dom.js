// @ts-check
/** Builds the page from values. Text becomes text nodes and nothing is ever parsed as HTML. */

/**
 * @typedef {Node | string | number | null | undefined | false} Content
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => unknown)>} Attributes
 */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes | null} [attributes] a function is a listener for the event of that name; false and null leave out
 * @param {...(Content | Content[])} content
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = null, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  append(element, content);
  return element;
}

/** @param {Element} element @param {(Content | Content[])[]} content */
export function append(element, content) {
  for (const part of content.flat()) {
    if (part === null || part === undefined || part === false) continue;
    element.append(part instanceof Node ? part : String(part));
  }
}

/** @param {string} text */
export function hidden(text) {
  return h("span", { class: "nhsuk-u-visually-hidden" }, text);
}
