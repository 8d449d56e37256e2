"""Patient/$everything: one child's record, in pages that neither repeat nor skip while others write.

Two statements a page, whatever the child has: the child's own resources, and the people and places that they
name. Both carry the reach predicate; the bodies are those that are stored.
https://hl7.org/fhir/R4/patient-operation-everything.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select

from healthvisit.access.reach import CHILD_TYPES, PERMITTED, Reach
from healthvisit.database import sent
from healthvisit.definitions import Definitions
from healthvisit.record import instants, predicate
from healthvisit.record.among import among, listed
from healthvisit.record.errors import Invalid, Issue, NotFound
from healthvisit.record.inside import Current, Inside, current
from healthvisit.record.record import MOST_COUNT, Page, Record, Version
from healthvisit.record.references import is_id
from healthvisit.record.search import date as dates
from healthvisit.record.search.parameter import main_date
from healthvisit.record.tables import resource, search_date, search_reference

# What a child's resources name, and a reader needs to make sense of them.
NAMED_TYPES = ("Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService")

_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?\Z", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """low, high: care dates, in microseconds since 1970 UTC, first and last; None is open. since: likewise,
    of the last update. types: None for all. page: id of the resource that ended the page before.
    """

    low: int | None
    high: int | None
    since: int | None
    types: frozenset[str] | None
    count: int
    page: str | None
    told: tuple[tuple[str, str], ...]


def of_child(record: Record, id_: str, parameters: Mapping[str, Sequence[str]]) -> Page:
    """One page. parameters: start, end, _since, _type, _count and _page.

    Raises Invalid, Forbidden, or NotFound where the child does not stand within reach.
    """
    with record.operation("$everything", "Patient", id_) as inside:
        inside.permit("Patient", "r")
        asked = understood(parameters)
        types = tuple(type_ for type_ in CHILD_TYPES if _shows(inside, asked, type_))
        mains = _mains(inside.definitions) if asked.low is not None or asked.high is not None else ()
        rows = sent(
            inside.connection,
            _statement(
                inside.reach, inside.moment, types, mains, asked.since is not None, asked.page is not None
            ),
            id=id_,
            low=asked.low if asked.low is not None else dates.LEAST,
            high=asked.high if asked.high is not None else dates.GREATEST,
            since=asked.since,
            page=asked.page,
            most=asked.count + 1,
        )
        if rows:
            inside.event.child_rid = rows[0].child_rid
        else:
            inside.event.child_rid = _child(inside, id_)
            _known(inside, asked)
        more = len(rows) > asked.count
        rows = rows[: asked.count]
        matches = inside.shown(rows)
        return Page(
            matches,
            _named(
                inside,
                asked,
                # Who works with a sensitive child is shown to those of the borough that answers for it.
                [
                    row.rid
                    for row in rows
                    if not row.sensitive or inside.masks.is_near(row.type, row.child_rid)
                ],
            ),
            None if more or asked.page else len(matches),
            rows[-1].id if more else None,
            list(asked.told),
        )


def understood(parameters: Mapping[str, Sequence[str]]) -> Asked:
    """Raises Invalid, with the parameter's name."""
    told = [(name, value) for name, values in parameters.items() for value in values if name != "_page"]
    low, high = (_bounds(name, parameters.get(name, ())) for name in ("start", "end"))
    types = [type_ for value in parameters.get("_type", ()) for type_ in value.split(",")]
    for type_ in types:
        if type_ not in PERMITTED["service"]:
            raise Invalid((Issue("not-supported", "A type that this service does not keep.", "_type"),))
    page = next(iter(parameters.get("_page", ())), None)
    if page is not None and not is_id(page):
        raise _not_a_page()
    return Asked(
        low[0] if low else None,
        high[1] if high else None,
        since_of(parameters.get("_since", ())),
        frozenset(types) if types else None,
        _count(parameters.get("_count", ())),
        page,
        tuple(told),
    )


def since_of(values: Sequence[str]) -> int | None:
    """_since, in microseconds since 1970 UTC. Raises Invalid for what is not one instant with its zone."""
    if not values:
        return None
    try:
        at = datetime.fromisoformat(values[0])
        # A date alone names no instant, and an instant without its zone names several.
        if at.tzinfo is None or "T" not in values[0]:
            raise ValueError
        return instants.micros(at)
    except (ValueError, OverflowError):
        raise Invalid((Issue("value", "An instant with its zone is needed.", "_since"),)) from None


def _bounds(name: str, values: Sequence[str]) -> tuple[int, int] | None:
    if not values:
        return None
    try:
        if not _DATE.match(values[0]):
            raise ValueError
        value = dates.parsed(values[0])
    except ValueError:
        raise Invalid((Issue("value", "A date is needed.", name),)) from None
    return value.low, value.high


def _count(values: Sequence[str]) -> int:
    if not values:
        return MOST_COUNT
    text = values[0]
    if not text.isascii() or not text.isdigit() or not text.strip("0"):
        raise Invalid((Issue("value", "A whole number from 1 is needed.", "_count"),))
    return min(int(text), MOST_COUNT) if len(text) < 10 else MOST_COUNT


def _shows(inside: Inside, asked: Asked, type_: str) -> bool:
    return (asked.types is None or type_ in asked.types) and inside.permitted(type_, "r")


@lru_cache(maxsize=4)
def _mains(definitions: Definitions) -> tuple[tuple[str, str], ...]:
    """(type, parameter) of the date at which each type's care was given. A birthday is no care."""
    found = ((type_, main_date(definitions, type_)) for type_ in CHILD_TYPES)
    return tuple(
        (type_, main.read_as)
        for type_, main in found
        if main is not None and type_ not in ("Patient", "RelatedPerson")
    )


@lru_cache(maxsize=256)
def _statement(
    reach: Reach,
    moment: int,
    types: tuple[str, ...],
    mains: tuple[tuple[str, str], ...],
    since: bool,
    paged: bool,
) -> Current:
    child = resource.alias("child")
    the_child = (
        select(child.c.rid)
        .where(
            child.c.type == "Patient",
            child.c.id == bindparam("id"),
            predicate.readable_then(reach, moment, child),
        )
        .scalar_subquery()
    )
    conditions: list[ColumnElement[bool]] = [
        resource.c.child_rid == the_child,
        resource.c.type.in_(types),
        predicate.readable_then(reach, moment),
    ]
    if mains:
        conditions.append(~exists().where(_elsewhen(mains)))
    if since:
        conditions.append(resource.c.updated_at > bindparam("since"))
    if paged:
        last = resource.alias("last")
        conditions.append(
            resource.c.rid
            > select(last.c.rid)
            .where(last.c.child_rid == the_child, last.c.id == bindparam("page"))
            .scalar_subquery()
        )
    # In the order of their first writing: the child comes first, and what is written meanwhile comes last.
    return current().where(*conditions).order_by(resource.c.rid).limit(bindparam("most"))


def _elsewhen(mains: tuple[tuple[str, str], ...]) -> ColumnElement[bool]:
    """Rows of search_date that put a row of tables.resource outside the care dates asked for."""
    row = search_date.c
    return and_(
        row.rid == resource.c.rid,
        row.type == resource.c.type,
        or_(*(and_(row.type == type_, row.parameter == name) for type_, name in mains)),
        # What has no date of its own is shown whatever dates are asked for.
        row.high != dates.LEAST,
        or_(row.high < bindparam("low"), row.low > bindparam("high")),
    )


def _child(inside: Inside, id_: str) -> int:
    rid: int | None = inside.connection.scalar(
        select(resource.c.rid).where(resource.c.type == "Patient", resource.c.id == id_, inside.readable())
    )
    if rid is None:
        raise NotFound
    return rid


def _known(inside: Inside, asked: Asked) -> None:
    """Raises Invalid where _page names nothing of this child."""
    if asked.page is None:
        return
    here = select(resource.c.rid).where(
        resource.c.child_rid == inside.event.child_rid, resource.c.id == asked.page
    )
    if inside.connection.scalar(here) is None:
        raise _not_a_page()


def _not_a_page() -> Invalid:
    return Invalid((Issue("value", "_page is not a page of this operation.", "_page"),))


def _named(inside: Inside, asked: Asked, rids: Sequence[int]) -> list[Version]:
    """The people and places that these resources name."""
    types = [type_ for type_ in NAMED_TYPES if _shows(inside, asked, type_)]
    if not types or not rids:
        return []
    is_sqlite = inside.connection.dialect.name == "sqlite"
    rows = sent(
        inside.connection,
        _names(inside.reach, tuple(types), asked.since is not None, is_sqlite),
        rids=listed(rids, is_sqlite=is_sqlite),
        since=asked.since,
        moment=inside.moment,
    )
    return inside.shown(rows)


@lru_cache(maxsize=256)
def _names(reach: Reach, types: tuple[str, ...], since: bool, is_sqlite: bool) -> Current:
    row = search_reference.c
    named = (
        select(row.target_type, row.target_id)
        .where(among(row.rid, "rids", is_sqlite=is_sqlite), row.target_type.in_(types))
        .distinct()
        .subquery()
    )
    found = (
        current()
        .join(named, and_(resource.c.type == named.c.target_type, resource.c.id == named.c.target_id))
        .where(predicate.readable_then(reach, predicate.MOMENT))
        .order_by(resource.c.rid)
    )
    return found.where(resource.c.updated_at > bindparam("since")) if since else found
