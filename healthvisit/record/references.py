"""References inside a body: found, rewritten, and asked of the database all at once.

A literal reference must name something that the requester can read. What cannot be reached and what never
existed get the same words.
https://hl7.org/fhir/R4/references.html#literal
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, select

from healthvisit.access.reach import Reach
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps
from healthvisit.record import predicate
from healthvisit.record.errors import Issue
from healthvisit.record.search.parameter import parameters
from healthvisit.record.tables import resource, search_reference

_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}\Z")
_TYPE = re.compile(r"[A-Z][A-Za-z]{0,63}\Z")
# Type/id, with or without a version, relative to this service.
_LITERAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?\Z")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?(.+)\Z", re.DOTALL)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)

Key = tuple[str, str]  # type and id


class Target(NamedTuple):
    """What a reference names. restricted, sensitive: as the record keeps it. writable: whether the requester may
    write for the child it belongs to."""

    rid: int
    child_rid: int | None
    restricted: bool
    sensitive: bool
    writable: bool


def is_id(text: str) -> bool:
    """Whether a text has the form of a resource's id."""
    return _ID.match(text) is not None


def is_type(text: str) -> bool:
    """Whether a text has the form of a resource type's name."""
    return _TYPE.match(text) is not None


@lru_cache(maxsize=4096)
def literal(reference: str) -> Key | None:
    """Type and id of a reference to this service, or None where it is of another kind."""
    match = _LITERAL.match(reference)
    return (match[1], match[2]) if match else None


def conditional(reference: str) -> tuple[str, str] | None:
    """Type and query of "Patient?identifier=...", or None."""
    match = _CONDITIONAL.match(reference)
    return (match[1], match[2]) if match else None


def rewritten(body: JSON, by: Mapping[str, str], found: list[str]) -> JSON:
    """The body with each Reference.reference that `by` knows replaced; the body itself is not touched.

    found: every reference that then stands is added to it.
    """
    # Written out, most elements are seen at once to hold no reference: a form's hundred answers, for one.
    holding = {
        name: inner
        for name, inner in body.items()
        if type(inner) in (dict, list) and b'"reference":' in dumps(inner)
    }
    changes = {
        name: new for name, inner in holding.items() if (new := _rewritten(inner, by, found)) is not inner
    }
    return {**body, **changes} if changes else body


def _rewritten(value: Any, by: Mapping[str, str], found: list[str]) -> Any:
    if type(value) is dict:
        changes: dict[str, Any] | None = None
        for name, inner in value.items():
            kind = type(inner)
            if kind is str:
                if name != "reference":
                    continue
                new = by.get(inner, inner)
                found.append(new)
            elif kind is dict or kind is list:
                new = _rewritten(inner, by, found)
            else:
                continue
            if new is not inner:
                changes = changes or {}
                changes[name] = new
        return value if changes is None else {**value, **changes}
    items: list[Any] | None = None
    for index, inner in enumerate(value):
        kind = type(inner)
        if kind is dict or kind is list:
            new = _rewritten(inner, by, found)
            if new is not inner:
                items = items or list(value)
                items[index] = new
    return value if items is None else items


def located(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Each reference of the value with the FHIRPath of its Reference; for telling where a fault is."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "reference" and isinstance(inner, str):
                yield path, inner
            else:
                yield from located(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from located(inner, f"{path}[{index}]")


def fault(body: Mapping[str, Any], reference: str, known: Collection[Key]) -> Issue | None:
    """What is wrong with one reference of a body, without its place; None where nothing is.

    known: what could be resolved.
    """
    if reference.startswith("#"):
        contained = {each.get("id") for each in body.get("contained", ()) if isinstance(each, dict)}
        if reference == "#" or reference[1:] in contained:
            return None
        return Issue("not-found", "The reference names nothing that is contained here.")
    key = literal(reference)
    if key is not None:
        return None if key in known else Issue("not-found", "The reference names no known resource.")
    # Another server's resource is carried, not followed: this service asks no address that a body names.
    if _ABSOLUTE.match(reference) and not reference.startswith("urn:"):
        return None
    return Issue("not-found", "The reference names no known resource.")


def targets(
    connection: Connection,
    wanted: Collection[Key],
    reach: Reach,
    at: datetime,
    *,
    writing: Reach | None = None,
) -> dict[Key, Target]:
    """Those of the wanted resources that the requester can read, by one statement.

    writing: the reach by which it is told what may be written of, where it is not the same.
    """
    if not wanted:
        return {}
    named = {"types": sorted({type_ for type_, _ in wanted}), "ids": sorted({id_ for _, id_ in wanted})}
    return {
        (type_, id_): Target(rid, child_rid, restricted, sensitive, bool(writable))
        for type_, id_, rid, child_rid, restricted, sensitive, writable in connection.execute(
            _readable(reach, predicate.moment(reach, at), reach if writing is None else writing), named
        )
        # Two types may have the same id.
        if (type_, id_) in wanted
    }


@lru_cache(maxsize=256)
def _readable(reach: Reach, moment: int, writing: Reach) -> Select[*tuple[Any, ...]]:
    return select(
        resource.c.type,
        resource.c.id,
        resource.c.rid,
        resource.c.child_rid,
        resource.c.restricted,
        resource.c.sensitive,
        predicate.writable(writing).label("writable"),
    ).where(
        resource.c.type.in_(bindparam("types", expanding=True)),
        resource.c.id.in_(bindparam("ids", expanding=True)),
        predicate.readable_then(reach, moment),
    )


def referred(
    connection: Connection,
    keys: Collection[Key],
    definitions: Definitions,
    reach: Reach,
    at: datetime,
    *,
    permitted: Collection[str],
) -> set[Key]:
    """Those of the resources that something current refers to, by one statement.

    Only what the requester can read counts, of the permitted types: whether something hidden refers to a resource
    makes no difference.
    """
    if not keys or not permitted:
        return set()
    found = connection.execute(
        _referring(
            definitions,
            tuple(sorted({type_ for type_, _ in keys})),
            reach,
            predicate.moment(reach, at),
            tuple(sorted(permitted)),
        ),
        {"ids": sorted({id_ for _, id_ in keys})},
    )
    return {(type_, id_) for type_, id_ in found if (type_, id_) in keys}


@lru_cache(maxsize=256)
def _referring(
    definitions: Definitions, types: tuple[str, ...], reach: Reach, moment: int, permitted: tuple[str, ...]
) -> Select[str, str]:
    """References by :ids to resources of these types.

    Index rows stand by the type that refers and its parameter: each that can lead there is named.
    """
    leading = [
        (parameter.type, parameter.code)
        for by_code in parameters(definitions).values()
        for parameter in by_code.values()
        if parameter.kind == "reference"
        and parameter.type in permitted
        and parameter.paths
        and (not parameter.targets or not set(types).isdisjoint(parameter.targets))
    ]
    table = search_reference.c
    return (
        select(table.target_type, table.target_id)
        .join(resource, resource.c.rid == table.rid)
        .where(
            # Apart, not as pairs: so each is a step of the index, and a pair that leads nowhere has no rows.
            table.type.in_(sorted({type_ for type_, _ in leading})),
            table.parameter.in_(sorted({code for _, code in leading})),
            table.target_id.in_(bindparam("ids", expanding=True)),
            table.target_type.in_(types),
            predicate.readable_then(reach, moment),
        )
        .distinct()
    )
