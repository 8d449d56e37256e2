"""Token search: codes and identifiers, exactly as they are.  https://hl7.org/fhir/R4/search.html#token

Codes are compared with their case: every code system and identifier system that we use is case sensitive.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_

# https://hl7.org/fhir/R4/codesystem-special-values.html: the implied system of a boolean
BOOLEAN = "http://terminology.hl7.org/CodeSystem/special-values"

MOST_CHARACTERS = 255

# Between the type and the value of an identifier: a character that neither has.
TYPED = "\x1f"

# The element is there but says no code: it is not missing, and no search by a code finds it.
PRESENT = ("", "")


class TokenValue(NamedTuple):
    """system: None for any, "" for none stated. code: None for any code of the system."""

    system: str | None
    code: str | None


class TokenSet(NamedTuple):
    """One of many codes of a system."""

    system: str
    codes: tuple[str, ...]


def kept(text: str) -> str:
    """The text as the index holds it: a longer one by its beginning and its hash, because index rows are
    short."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:128]}…{sha256(text.encode()).hexdigest()}"


def of_element(value: Any, system: str) -> Iterable[tuple[str, str]]:
    """(code, system) pairs of a code, boolean, uri, Coding, CodeableConcept, Identifier or ContactPoint.

    system: what the element's type implies where the value itself names none, "" for nothing.
    """
    kind = type(value)
    if kind is str:
        return ((kept(value), system),)
    if kind is bool:
        return (("true" if value else "false", BOOLEAN),)
    if kind is not dict:
        return ()
    codings = value.get("coding")
    if codings is not None:
        return [_coding(coding) for coding in codings if type(coding) is dict] or (PRESENT,)
    if "value" in value:
        return ((kept(value["value"]), kept(value.get("system", ""))),)
    return (_coding(value),)


def _coding(coding: dict[str, Any]) -> tuple[str, str]:
    code, system = coding.get("code"), coding.get("system")
    return (kept(code) if code else "", kept(system) if system else "")


def of_type(value: Any) -> Iterable[tuple[str, str]]:
    """(type code and value, type system) of an Identifier that says of which type it is."""
    if type(value) is not dict or "value" not in value:
        return ()
    codings = value.get("type", {}).get("coding", ())
    return [
        (kept(f"{coding['code']}{TYPED}{value['value']}"), kept(coding.get("system", "")))
        for coding in codings
        if "code" in coding
    ]


def condition(
    code: ColumnElement[str], system: ColumnElement[str], given: Iterable[TokenValue | TokenSet]
) -> ColumnElement[bool]:
    """Whether a row with these columns matches one of: [system]|code, |code, system| or code."""
    given = tuple(given)
    sets = [each for each in given if isinstance(each, TokenSet)]
    values = [each for each in given if isinstance(each, TokenValue)]
    codes = [value.code for value in values if value.system is None and value.code is not None]
    clauses = [code.in_(codes) if len(codes) > 1 else code == codes[0]] if codes else []
    clauses += [
        system == value.system if value.code is None else and_(code == value.code, system == value.system)
        for value in values
        if value.system is not None
    ]
    clauses += [and_(system == each.system, code.in_(each.codes)) for each in sets]
    return or_(*clauses)
