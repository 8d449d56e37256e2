"""QuestionnaireResponse -> answers by linkId.  http://hl7.org/fhir/R4/questionnaireresponse.html"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from healthvisit.exact_json import JSON
from healthvisit.record.errors import Unprocessable


class Coding(NamedTuple):
    system: str
    code: str


Answer = Coding | Decimal | int | bool | str


class Placed(NamedTuple):
    """An answer and where it stands, as FHIRPath from the response."""

    value: Answer
    expression: str


def by_link_id(response: JSON) -> Mapping[str, Placed]:
    """Every answered item by linkId; an unanswered item is absent.

    Raises Unprocessable where a question is answered twice: our forms ask each thing once, and which of two
    answers the health visitor meant is not ours to guess.
    """
    found: dict[str, Placed] = {}
    for item, expression in _items(response, "QuestionnaireResponse"):
        given = item.get("answer") or ()
        if len(given) > 1 or (given and item["linkId"] in found):
            raise Unprocessable(f"{item['linkId']} is answered twice", expression)
        if given:
            found[item["linkId"]] = Placed(_value(given[0]), f"{expression}.answer[0]")
    return found


def _items(parent: JSON, expression: str) -> Iterator[tuple[JSON, str]]:
    for number, item in enumerate(parent.get("item", ())):
        here = f"{expression}.item[{number}]"
        yield item, here
        yield from _items(item, here)
        for count, answer in enumerate(item.get("answer", ())):
            yield from _items(answer, f"{here}.answer[{count}]")


def _value(answer: JSON) -> Answer:
    name = next((name for name in answer if name.startswith("value")), "")
    value: Any = answer.get(name, "")
    if name == "valueCoding":
        return Coding(value.get("system", ""), value.get("code", ""))
    if name == "valueQuantity":
        return _number(value.get("value", 0))
    if name == "valueDecimal":
        return _number(value)
    answered: Answer = value
    return answered


def _number(value: Any) -> Decimal:
    # JSON writes 3 for 3.0, and the reader then gives an int.
    return value if isinstance(value, Decimal) else Decimal(str(value))
