"""Number search: exact decimals, compared by the significant figures that are asked for.

https://hl7.org/fhir/R4/search.html#number

A number is kept as a text that sorts as the number does, in every database and whatever its digits.
"""

import re
from decimal import Context, Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, not_, or_

from healthvisit.exact_json import MOST_DIGITS

# Ends of an open interval: before and after the text of every number.
LEAST = "0"
GREATEST = "9"
_ZERO = "5"

# The element is there but says no number: it is not missing, and no search by a number finds it.
PRESENT = ("~", "")

_VALUE = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)\Z", re.ASCII)
_SHIFT = 500
_COMPLEMENT = str.maketrans("0123456789", "9876543210")
# Sums of numbers of up to 64 digits, with exponents up to 64 either way, and half a unit of the last place.
_EXACT = Context(prec=4 * MOST_DIGITS)


class NumberValue(NamedTuple):
    """prefix: one of eq ne gt lt ge le sa eb ap. low, high: for eq and ne the interval that the significant
    figures imply, without its high end; for ap a tenth on either side; else the number itself, twice."""

    prefix: str
    low: str
    high: str


def text(number: Decimal | int) -> str:
    """The text by which a number is sorted: 6, its magnitude and its digits; below zero all turned round."""
    exact = Decimal(number)
    if not exact:
        return _ZERO
    digits = "".join(map(str, exact.as_tuple().digits)).rstrip("0")
    told = f"{exact.adjusted() + _SHIFT:03d}{digits}"
    # Of two numbers below zero the one with more digits is the lesser: ~ comes after every digit.
    return f"6{told}" if exact > 0 else f"4{told.translate(_COMPLEMENT)}~"


def parsed(word: str) -> NumberValue:
    """[prefix]number of a query. Raises ValueError for anything else, and where no such number is kept.

    Half a unit of the last digit lies on either side: 100 is 99.5 to 100.5, 1e2 is 50 to 150.
    """
    match = _VALUE.match(word)
    if match is None or len(word) > MOST_DIGITS:
        raise ValueError("is not a number")
    prefix, number = match[1] or "eq", Decimal(match[2])
    if number and abs(number.adjusted()) > MOST_DIGITS:
        raise ValueError("is not a number of a size that is kept")
    if prefix in ("eq", "ne"):
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        return NumberValue(prefix, *_around(number, Decimal((0, (5,), exponent - 1))))
    if prefix == "ap":
        return NumberValue(prefix, *_around(number, _EXACT.divide(abs(number), Decimal(10))))
    return NumberValue(prefix, text(number), text(number))


def _around(number: Decimal, half: Decimal) -> tuple[str, str]:
    return text(_EXACT.subtract(number, half)), text(_EXACT.add(number, half))


def of_element(value: Any) -> tuple[str, str] | None:
    """(low, high) of a number as it stands in a resource; None where it is none."""
    if isinstance(value, Decimal) or type(value) is int:
        found = text(value)
        return found, found
    return None


def condition(
    low: ColumnElement[str], high: ColumnElement[str], values: tuple[NumberValue, ...]
) -> ColumnElement[bool]:
    """Whether the interval in these two columns matches one of the values; PRESENT matches none."""
    return or_(*(matches(low, high, value) for value in values))


def matches(low: ColumnElement[str], high: ColumnElement[str], value: NumberValue) -> ColumnElement[bool]:
    match value.prefix:
        case "eq":
            return and_(low >= value.low, low < value.high, high < value.high)
        case "ne":
            return and_(not_(and_(low >= value.low, high < value.high)), high > "")
        case "gt":
            return high > value.high
        case "lt":
            return low < value.low
        case "ge":
            return high >= value.high
        case "le":
            return low <= value.low
        case "sa":
            return and_(low > value.high, high > "")
        case "eb":
            return and_(high < value.low, high > "")
    return and_(low <= value.high, high >= value.low)
