"""Versions of one resource, of a type, or of the whole record, newest first.

https://hl7.org/fhir/R4/http.html#history
Pages go on from the last version shown, so that what is written meanwhile moves nothing.
"""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select

from healthvisit.access.reach import Reach
from healthvisit.record import predicate
from healthvisit.record.errors import Invalid, Issue
from healthvisit.record.search import date as dates
from healthvisit.record.tables import resource, resource_version

COUNT = 50
MOST_COUNT = 1000

_PLACE = re.compile(r"([0-9]{1,18})-([A-Za-z]{1,64})-([A-Za-z0-9.-]{1,64})\Z", re.ASCII)


class Place(NamedTuple):
    """The version that a page ended with: by what its reader has seen of it. The number of its row would count what
    is hidden."""

    updated_at: int
    type: str
    id: str


class Asked(NamedTuple):
    """types: of which resources; id: of which one, None for all of them. most: versions on one page.

    since, at: a moment and a time; versions made since then, and those that stood at that time. page: where the
    page before ended.
    """

    types: tuple[str, ...]
    id: str | None
    most: int
    since: int | None
    at: dates.Interval | None
    page: Place | None


class Found(NamedTuple):
    """total: of all pages; None past the first page of more than one resource. next: the _page of the next."""

    rows: list[Row[*tuple[Any, ...]]]
    total: int | None
    next: str | None


def asked(
    types: Collection[str],
    id_: str | None,
    *,
    count: int | str | None,
    page: str | None,
    since: str | None,
    at: str | None,
) -> Asked:
    """Raises Invalid for a value that is not understood."""
    return Asked(
        tuple(sorted(types)),
        id_,
        COUNT if count is None else min(_whole("_count", str(count)), MOST_COUNT),
        None if since is None else _interval("_since", since)[0],
        None if at is None else _interval("_at", at),
        None if page is None else _place(page),
    )


def found(connection: Connection, reach: Reach, asked: Asked) -> Found:
    """One page of the versions that this reach may have: id and type, then the columns of a version.

    Raises Invalid for a page that begins where this reach has nothing.
    """
    table = resource_version.c
    is_one = asked.id is not None
    conditions: list[ColumnElement[bool]] = [
        predicate.readable_version(reach),
        resource.c.type.in_(asked.types),
    ]
    if is_one:
        conditions.append(resource.c.id == asked.id)
    if asked.since is not None:
        conditions.append(table.updated_at >= asked.since)
    if asked.at is not None:
        conditions.append(_stood(*asked.at))
    here = _joined(conditions, table.version, table.updated_at, table.method, table.body)
    if asked.page is not None:
        at = asked.page.updated_at
        last_one = (
            resource.c.type == asked.page.type,
            resource.c.id == asked.page.id,
            table.updated_at == at,
        )
        rid = connection.scalar(_joined([*conditions, *last_one], table.rid))
        if rid is None:
            raise _bad("_page", "It is no page of a history.")
        here = here.where(or_(table.updated_at < at, and_(table.updated_at == at, table.rid < rid)))
    rows = list(
        connection.execute(
            here.order_by(table.updated_at.desc(), table.rid.desc()).limit(asked.most + 1)
        ).all()
    )
    total = None
    if is_one or asked.page is None:
        total = connection.scalar(_joined(conditions, func.count()))
    shown = rows[: asked.most]
    last = shown[-1] if shown and len(rows) > asked.most else None
    return Found(shown, total, f"{last.updated_at}-{last.type}-{last.id}" if last else None)


def _joined(conditions: Collection[ColumnElement[bool]], *columns: Any) -> Select[*tuple[Any, ...]]:
    counted = len(columns) == 1
    own = (
        ()
        if counted
        else (resource.c.rid, resource.c.child_rid, resource.c.sensitive, resource.c.type, resource.c.id)
    )
    return (
        select(*own, *columns)
        .select_from(resource_version)
        .join(resource, resource.c.rid == resource_version.c.rid)
        .where(*conditions)
    )


def _stood(low: int, high: int) -> ColumnElement[bool]:
    """Versions that were the current one at some moment between these."""
    after = resource_version.alias("after")
    replaced_before = exists().where(
        after.c.rid == resource_version.c.rid,
        after.c.version == resource_version.c.version + 1,
        after.c.updated_at <= low,
    )
    return and_(resource_version.c.updated_at <= high, ~replaced_before)


def _interval(name: str, value: str) -> dates.Interval:
    try:
        parsed = dates.parsed(value)
    except ValueError:
        raise _bad(name, "A date or an instant is needed.") from None
    if not value[:4].isdigit():
        raise _bad(name, "A date or an instant is needed, without a prefix.")
    return parsed.low, parsed.high


def _place(value: str) -> Place:
    match = _PLACE.match(value)
    if match is None:
        raise _bad("_page", "It is no page of a history.")
    return Place(int(match[1]), match[2], match[3])


def _whole(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise _bad(name, "A whole number is needed.")
    return int(value)


def _bad(name: str, problem: str) -> Invalid:
    return Invalid((Issue("value", problem, name),))
