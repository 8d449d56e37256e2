"""Quantity search: a number, and the unit where one is asked for.

https://hl7.org/fhir/R4/search.html#quantity. Units are compared as they are written, not converted: what we
keep is measured in one unit for each code.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_

from healthvisit.record.search import number
from healthvisit.record.search.number import GREATEST, LEAST, NumberValue
from healthvisit.record.search.token import kept

PRESENT = (*number.PRESENT, "", "")


class QuantityValue(NamedTuple):
    """system, code: of the unit, None for any."""

    number: NumberValue
    system: str | None
    code: str | None


def of_element(value: Any) -> Iterable[tuple[str, str, str, str]]:
    """(low, high, code, system) of a number, Quantity or Range; a unit that is not the code has a row too.

    A comparator opens the interval: "<5" lies between the least number and 5. A Range without one of its ends
    is open there.
    """
    plain = number.of_element(value)
    if plain is not None:
        return ((*plain, "", ""),)
    if type(value) is not dict:
        return ()
    low, high = value.get("low"), value.get("high")
    for end in (low, high):
        if end:
            return _with_units(_text(low) or LEAST, _text(high) or GREATEST, end)
    found = _text(value)
    if found is None:
        return (PRESENT,)
    match value.get("comparator"):
        case "<" | "<=":
            return _with_units(LEAST, found, value)
        case ">" | ">=":
            return _with_units(found, GREATEST, value)
    return _with_units(found, found, value)


def _text(value: Any) -> str | None:
    told = value.get("value") if type(value) is dict else None
    return number.text(told) if isinstance(told, Decimal) or type(told) is int else None


def _with_units(low: str, high: str, value: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    code, unit = kept(value.get("code", "")), kept(value.get("unit", ""))
    rows = [(low, high, code, kept(value.get("system", "")))] if code or not unit else []
    return [*rows, (low, high, unit, "")] if unit and unit != code else rows


def parsed(words: list[str]) -> QuantityValue:
    """The parts of [prefix]number, number|system|code or number||code. Raises ValueError for anything else."""
    if len(words) == 1:
        return QuantityValue(number.parsed(words[0]), None, None)
    if len(words) != 3 or not words[2]:
        raise ValueError("is not a number, nor a number|system|code")
    return QuantityValue(number.parsed(words[0]), kept(words[1]) or None, kept(words[2]))


def condition(
    low: ColumnElement[str],
    high: ColumnElement[str],
    code: ColumnElement[str],
    system: ColumnElement[str],
    values: tuple[QuantityValue, ...],
) -> ColumnElement[bool]:
    """Whether a row with these columns has one of the values."""
    found = []
    for value in values:
        clauses = [number.matches(low, high, value.number)]
        if value.code is not None:
            clauses.append(code == value.code)
        if value.system is not None:
            clauses.append(system == value.system)
        found.append(and_(*clauses))
    return or_(*found)
