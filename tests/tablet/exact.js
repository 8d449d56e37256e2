// JSON read with every digit kept, as the server reads it: each number is a Decimal.

import { Decimal } from "../../healthvisit/faces/tablet/static/exact_json.js";

const MARK = "a number of the text";
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/g;

export function read(text) {
  const marked = text.replace(STRING_OR_NUMBER, (token) => (token[0] === '"' ? token : `{"${MARK}":"${token}"}`));
  return JSON.parse(marked, (_, value) => (value?.[MARK] === undefined ? value : new Decimal(value[MARK])));
}
