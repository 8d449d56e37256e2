"""Reference search: id, Type/id or URL.  https://hl7.org/fhir/R4/search.html#reference

A canonical reference is found by its URL, with or without |version.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, and_, or_

from healthvisit.record.search.token import kept

_LITERAL = re.compile(r"([A-Z][A-Za-z]{1,40})/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?\Z")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")
_URL = re.compile(r"[a-z][a-z0-9+.-]*:\S+\Z")

# The element is there but names no literal target: it is not missing, and no search by a target finds it.
PRESENT = ("", "")


class ReferenceValue(NamedTuple):
    """type: FHIR type of the target, "" for a URL, None for any type. id: logical id, or the URL as the
    index keeps it."""

    type: str | None
    id: str


def of_element(value: Any) -> Iterable[tuple[str, str]]:
    """(target type, target id) of a Reference or canonical; a URL has the type ""."""
    if type(value) is str:
        url, bar, _ = value.partition("|")
        # A search by the URL alone finds every version.
        return (("", kept(url)), ("", kept(value))) if bar else (("", kept(url)),)
    if type(value) is not dict:
        return ()
    text = value.get("reference")
    if type(text) is not str or text.startswith("#"):
        return (PRESENT,)
    match = _LITERAL.match(text)
    return ((match[1], match[2]),) if match else (("", kept(text)),)


def parsed(text: str, targets: tuple[str, ...], base: str) -> ReferenceValue:
    """id, Type/id or URL of a query. Raises ValueError for anything else, and for a type the element cannot
    refer to.

    targets: types that the parameter may refer to. base: address of this service's FHIR endpoint, "" where
    unknown.
    """
    if base and text.startswith(f"{base}/"):
        text = text[len(base) + 1 :]
    if _URL.match(text):
        return ReferenceValue("", kept(text))
    if _ID.match(text):
        return ReferenceValue(targets[0] if len(targets) == 1 else None, text)
    match = _LITERAL.match(text)
    if match is None:
        raise ValueError("is not a reference")
    if match[1] not in targets:
        raise ValueError("names a type that it does not refer to")
    return ReferenceValue(match[1], match[2])


def condition(row: FromClause, values: tuple[ReferenceValue, ...], target: str) -> ColumnElement[bool]:
    """Whether a row of search_reference names one of the targets.

    target: the one type whose rows count, or "" for all: "patient" reads the rows of "subject" to a Patient.
    """
    by_type: dict[str | None, list[str]] = {}
    for value in values:
        by_type.setdefault(value.type, []).append(value.id)
    clauses = []
    for type_, ids in by_type.items():
        named = row.c.target_id.in_(ids) if len(ids) > 1 else row.c.target_id == ids[0]
        clauses.append(named if type_ is None else and_(named, row.c.target_type == type_))
    found = or_(*clauses)
    return and_(found, row.c.target_type == target) if target else found
