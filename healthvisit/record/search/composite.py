"""Composite search: two values that stand in the same repeat, such as a component's code and its number.

https://hl7.org/fhir/R4/search.html#composite. The first is a token, the second a token or a quantity.
"""

from collections.abc import Iterable
from itertools import product
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, FromClause, and_, or_

from healthvisit.record.search import quantity, token
from healthvisit.record.search.quantity import QuantityValue
from healthvisit.record.search.token import TokenValue

Second = Literal["token", "quantity"]


class CompositeValue(NamedTuple):
    first: TokenValue
    second: TokenValue | QuantityValue


def of_elements(
    firsts: Iterable[Any], seconds: Iterable[Any], first_system: str, second_system: str, second: Second
) -> Iterable[tuple[str, str, str, str, str, str]]:
    """(code, system, second code, second system, low, high) of each pair of the two elements of one repeat.

    first_system, second_system: what the element's type implies where a value itself names none.
    """
    codes = [pair for value in firsts for pair in token.of_element(value, first_system)]
    rows: list[tuple[str, str, str, str]] = []
    for value in seconds:
        if second == "token":
            rows += [(*pair, "", "") for pair in token.of_element(value, second_system)]
        else:
            rows += [(code, unit, low, high) for low, high, code, unit in quantity.of_element(value)]
    return [(*first, *row) for first, row in product(codes, rows)]


def condition(row: FromClause, values: tuple[CompositeValue, ...]) -> ColumnElement[bool]:
    """Whether a row of search_pair has both values of one of these."""
    return or_(*(_matches(row, value) for value in values))


def _matches(row: FromClause, value: CompositeValue) -> ColumnElement[bool]:
    first = token.condition(row.c.code, row.c.system, (value.first,))
    if isinstance(value.second, TokenValue):
        return and_(first, token.condition(row.c.second_code, row.c.second_system, (value.second,)))
    unit = row.c.second_code, row.c.second_system
    return and_(first, quantity.condition(row.c.low, row.c.high, *unit, (value.second,)))
