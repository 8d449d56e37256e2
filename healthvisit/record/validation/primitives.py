"""FHIR's primitive types: one check each.  https://hl7.org/fhir/R4/datatypes.html#primitive

Patterns come from the table of elements where HL7's are linear in time; where not, the check is written here.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from healthvisit.record.validation.dates import LONDON
from healthvisit.record.validation.faults import Check, Faults, kind, wrong
from healthvisit.record.validation.narrative import xhtml

# Unicode's control characters, but tab, line feed and carriage return.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_MOST_CHARACTERS = 1024 * 1024
_SPACE = re.compile(r"\s")


def string(value: Any) -> Faults:
    # Nearly every string is printable, and Python knows that without a pattern.
    if (
        type(value) is str
        and value
        and len(value) <= _MOST_CHARACTERS
        and (value.isprintable() or _is_text(value))
    ):
        return None
    return _text_fault(value)


def boolean(value: Any) -> Faults:
    return None if value is True or value is False else _wrong_kind("true or false", value)


def integer(value: Any) -> Faults:
    if type(value) is int and -2147483648 <= value <= 2147483647:
        return None
    return _number_fault("a whole number between -2147483648 and 2147483647", value)


def unsigned_int(value: Any) -> Faults:
    if type(value) is int and 0 <= value <= 2147483647:
        return None
    return _number_fault("a whole number between 0 and 2147483647", value)


def positive_int(value: Any) -> Faults:
    if type(value) is int and 1 <= value <= 2147483647:
        return None
    return _number_fault("a whole number between 1 and 2147483647", value)


def decimal(value: Any) -> Faults:
    """Decimal or int as exact_json reads them; a float has already lost digits, so it is refused."""
    return None if type(value) is Decimal or type(value) is int else _wrong_kind("a JSON number", value)


def uri(value: Any) -> Faults:
    # Of all white space only the plain blank is printable.
    if type(value) is str and value and value.isprintable() and " " not in value:
        return None
    return _text_fault(value) or wrong("value", "must not hold spaces")


def code(value: Any) -> Faults:
    """[^\\s]+(\\s[^\\s]+)*; written out, because nearly every code is one word."""
    if type(value) is str and value and value.isprintable():
        if " " not in value or all(value.split(" ")):
            return None
        return wrong("value", "a code has no spaces at its ends, and single ones inside")
    return _text_fault(value) or wrong("value", "a code holds words and single spaces")


def base64(value: Any) -> Faults:
    if bad := string(value):
        return bad
    try:
        b64decode(_SPACE.sub("", value), validate=True)
    except (NotBase64, ValueError):
        return wrong("value", "is not base64")
    return None


def by_name(patterns: Mapping[str, str]) -> dict[str, Check]:
    """The check of each primitive type. patterns: HL7's pattern by type, from the table of elements."""
    return {
        "boolean": boolean,
        "integer": integer,
        "unsignedInt": unsigned_int,
        "positiveInt": positive_int,
        "decimal": decimal,
        "string": string,
        "markdown": string,
        "base64Binary": base64,
        "uri": uri,
        "url": uri,
        "canonical": uri,
        "xhtml": lambda value: string(value) or xhtml(value),
        "id": matching(patterns["id"], "an id is 1 to 64 letters, digits, '-' and '.'"),
        "code": code,
        "oid": matching(patterns["oid"], "is not urn:oid: and an OID"),
        "uuid": matching(patterns["uuid"], "is not urn:uuid: and a UUID in small letters"),
        "date": matching(patterns["date"], "is not a date YYYY, YYYY-MM or YYYY-MM-DD", _civil),
        "dateTime": matching(
            patterns["dateTime"],
            "is not a date, or a date with a time to the second and a zone",
            _civil,
        ),
        "instant": matching(
            patterns["instant"], "is not a date with a time to the second and a zone", _civil
        ),
        "time": matching(patterns["time"], "is not a time hh:mm:ss", _second),
    }


def matching(pattern: str, otherwise: str, besides: Callable[[str], str | None] | None = None) -> Check:
    matches = re.compile(pattern).fullmatch

    def check(value: Any) -> Faults:
        if type(value) is not str or not matches(value) or not value.isprintable():
            return _text_fault(value) or wrong("value", otherwise)
        if besides is not None and (fault := besides(value)):
            return wrong("value", fault)
        return None

    return check


def _civil(value: str) -> str | None:
    """Why these digits are no moment in the calendar, or None."""
    if len(value) >= 10:
        try:
            date(int(value[:4]), int(value[5:7]), int(value[8:10]))
        except ValueError:
            return "is not a day of the calendar"
    if len(value) > 10:
        if value[17:19] == "60":
            return "leap seconds are not kept"
        # At the edges of the calendar a zone can lead out of it, and every later reader would stumble.
        if value[:4] in ("0001", "9999"):
            try:
                moment = datetime.fromisoformat(value)
                moment.astimezone(UTC), moment.astimezone(LONDON)
            except (ValueError, OverflowError):
                return "is not a moment of the calendar"
    return None


def _second(value: str) -> str | None:
    return "leap seconds are not kept" if value[6:8] == "60" else None


def _is_text(value: str) -> bool:
    """[ \\r\\n\\t\\S]+ where a rarer space may stand between words, but not alone, and nothing controls."""
    return not _CONTROL.search(value) and not (value.isspace() and value.strip(" \r\n\t"))


def _text_fault(value: Any) -> Faults:
    if type(value) is not str:
        return _wrong_kind("a string", value)
    if not value:
        return wrong("value", "must not be empty")
    if len(value) > _MOST_CHARACTERS:
        return wrong("value", f"must not be longer than {_MOST_CHARACTERS} characters")
    return None if _is_text(value) else wrong("value", "must hold words, and no control characters")


def _number_fault(wanted: str, value: Any) -> Faults:
    return wrong("value", f"must be {wanted}") if type(value) is int else _wrong_kind(wanted, value)


def _wrong_kind(wanted: str, value: Any) -> Faults:
    if type(value) in (Decimal, float) and wanted.startswith("a whole"):
        return wrong("value", f"must be {wanted}, without a decimal point")
    return wrong("structure", f"must be {wanted}, not {kind(value)}")
