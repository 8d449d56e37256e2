"""JSON as it was sent: every decimal digit kept, and nothing read twice in two ways.

Lowest room of the house; knows bytes and values only. Visitors use `loads`, `dumps` and `Malformed`.
"""

import json
from decimal import Decimal
from typing import Any

import msgspec

JSON = dict[str, Any]

MOST_DEPTH = 50
MOST_DIGITS = 64

_encoder = msgspec.json.Encoder(decimal_format="number")


class Malformed(ValueError):
    """The bytes are not one JSON value that every reader would read alike. The text is safe to show."""


def loads(text: bytes) -> Any:
    """Value of a JSON text; decimals are Decimal with the digits sent.

    Raises Malformed for text that is not UTF-8 JSON, a name given twice in one object, NaN or Infinity,
    a number of more than 64 characters, an unpaired surrogate, or nesting over 50.
    """
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
        )
        # A lone surrogate survives the parser but cannot be stored: find it here, not in the database.
        if b"\\u" in text:
            _encoder.encode(value)
    except RecursionError:
        raise Malformed(f"nested more than {MOST_DEPTH} deep") from None
    except UnicodeError:
        raise Malformed("the text is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON at line {error.lineno}, column {error.colno}") from None
    if _deeper_than(value, MOST_DEPTH):
        raise Malformed(f"nested more than {MOST_DEPTH} deep")
    return value


def dumps(value: Any) -> bytes:
    """UTF-8 JSON; a Decimal is written as the number it was read from."""
    return _encoder.encode(value)


def _object(pairs: list[tuple[str, Any]]) -> JSON:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a name stands twice in one object")
    return found


def _decimal(text: str) -> Decimal:
    if len(text) > MOST_DIGITS:
        raise Malformed(f"a number of more than {MOST_DIGITS} characters")
    number = Decimal(text)
    # 1e999999 is ten characters and a million digits: whoever computes with it would stop the service.
    if number and abs(number.adjusted()) > MOST_DIGITS:
        raise Malformed("a number too large or too small")
    return number


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise Malformed(f"a number of more than {MOST_DIGITS} characters")
    return int(text)


def _constant(name: str) -> Any:
    raise Malformed(f"{name} is not a JSON number")


def _deeper_than(value: Any, most: int) -> bool:
    level: list[Any] = [value]
    for _ in range(most + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
