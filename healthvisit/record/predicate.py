"""Reach -> the one SQL condition that every query carries (decision 2).

There is no second evaluator and no filter afterwards: whoever asks the database for resources, versions or
audit events puts one of these conditions into the statement. Nothing stated means nothing reached.

A condition is made once for each reach and used again: to build it takes longer than to ask it.
"""

from collections.abc import Collection
from datetime import date, datetime
from functools import lru_cache
from typing import assert_never

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    and_,
    bindparam,
    exists,
    false,
    or_,
    select,
    true,
)

from healthvisit.access import visibility
from healthvisit.access.reach import BoroughReach, ChildReach, Nothing, PublishedReach, Reach, WholeRecord
from healthvisit.record.instants import micros
from healthvisit.record.tables import audit_event, resource, resource_version, responsibility


def readable(reach: Reach, *, at: datetime, rows: FromClause = resource) -> ColumnElement[bool]:
    """Rows of `resource`, or of an alias of it, whose current version stands and may be read at this instant.

    What was deleted is not among them: `known_then` says who may be told of the deletion.
    """
    return readable_then(reach, moment(reach, at), rows)


def moment(reach: Reach, at: datetime) -> int:
    """The instant in microseconds for a reach that depends on it, else 0: what conditions are kept by."""
    return micros(at) if isinstance(reach, ChildReach) else 0


# For a statement that is kept: its moment is given when it is sent.
MOMENT: BindParameter[int] = bindparam("moment", type_=BigInteger)


@lru_cache(maxsize=256)
def readable_then(
    reach: Reach, moment: int | BindParameter[int], rows: FromClause = resource
) -> ColumnElement[bool]:
    """The same as `readable`, by what it is kept by."""
    if isinstance(reach, Nothing):
        return false()
    return and_(known_then(reach, moment, rows), rows.c.deleted.is_(False))


@lru_cache(maxsize=256)
def known_then(
    reach: Reach, moment: int | BindParameter[int], rows: FromClause = resource
) -> ColumnElement[bool]:
    """Rows of `resource`, or of an alias of it, that may be read or, where they were deleted, be known to have
    been there."""
    match reach:
        case BoroughReach():
            return or_(
                rows.c.audience == "shared",
                and_(
                    rows.c.audience == "child",
                    # What a team wrote it may read again, even after the child has moved.
                    or_(_answers_for_child(reach, rows), rows.c.author_borough.in_(reach.boroughs)),
                ),
                and_(rows.c.audience == "borough", rows.c.author_borough.in_(reach.boroughs)),
                rows.c.audience == "published",
            )
        case ChildReach():
            return or_(
                rows.c.audience == "shared",
                and_(
                    rows.c.audience == "child",
                    rows.c.type.in_(visibility.TYPES),
                    rows.c.child_rid.in_(_children(reach.children)),
                    or_(rows.c.type == "Patient", rows.c.released_at <= moment),
                ),
            )
        case PublishedReach():
            return rows.c.audience.in_(("shared", "published"))
        case WholeRecord():
            return true()
        case Nothing():
            return false()
        case _:
            assert_never(reach)


@lru_cache(maxsize=256)
def readable_version(reach: Reach) -> ColumnElement[bool]:
    """Rows of `resource_version` joined to their `resource` that may be read.

    A version belongs to the team that wrote it: the team before may read its own, never what came after it
    left. Parents see what stands, not how it came to stand.
    """
    match reach:
        case BoroughReach():
            wrote = resource_version.c.author_borough.in_(reach.boroughs)
            return or_(
                resource.c.audience == "shared",
                and_(resource.c.audience == "child", or_(_answers_for_child(reach, resource), wrote)),
                and_(resource.c.audience == "borough", wrote),
                resource.c.audience == "published",
            )
        case ChildReach():
            return resource.c.audience == "shared"
        case PublishedReach():
            return resource.c.audience.in_(("shared", "published"))
        case WholeRecord():
            return true()
        case Nothing():
            return false()
        case _:
            assert_never(reach)


@lru_cache(maxsize=256)
def writable(reach: Reach) -> ColumnElement[bool]:
    """Rows of `resource` that a new version may be written of; of a Patient, also what belongs to the child.

    Having written in the past does not do: the child must be this service's today, or be a child whom this
    service has just entered and for whom no service answers yet.
    """
    match reach:
        case BoroughReach():
            nobody_yet = and_(
                resource.c.author_borough.in_(reach.boroughs),
                ~exists().where(responsibility.c.child_rid == resource.c.child_rid),
            )
            return or_(
                and_(resource.c.audience == "child", or_(_answers_for_child(reach, resource), nobody_yet)),
                and_(resource.c.audience == "borough", resource.c.author_borough.in_(reach.boroughs)),
            )
        case WholeRecord():
            return true()
        case ChildReach() | PublishedReach() | Nothing():
            return false()
        case _:
            assert_never(reach)


@lru_cache(maxsize=256)
def correctable(reach: Reach) -> ColumnElement[bool]:
    """Rows of `resource` that may be changed: the writable ones, and an episode by the service that it names.

    Correcting when its own time ended gives a service nothing for the child's other resources.
    """
    match reach:
        case BoroughReach():
            own_episode = exists().where(
                responsibility.c.episode_rid == resource.c.rid, responsibility.c.borough.in_(reach.boroughs)
            )
            return or_(writable(reach), and_(resource.c.type == "EpisodeOfCare", own_episode))
        case _:
            return writable(reach)


@lru_cache(maxsize=256)
def readable_event(reach: Reach) -> ColumnElement[bool]:
    """Rows of `audit_event` that may be read: those about a child for whom the service answers today."""
    match reach:
        case BoroughReach():
            return _answers_for_child(reach, audit_event)
        case WholeRecord():
            return true()
        case ChildReach() | PublishedReach() | Nothing():
            return false()
        case _:
            assert_never(reach)


def answers(boroughs: Collection[str], on: date) -> ColumnElement[bool]:
    """Rows of `responsibility` that make one of these boroughs answer on this civil date."""
    return and_(
        responsibility.c.borough.in_(boroughs),
        responsibility.c.from_on <= on,
        or_(responsibility.c.until_on.is_(None), responsibility.c.until_on > on),
    )


def _answers_for_child(reach: BoroughReach, rows: FromClause) -> ColumnElement[bool]:
    return exists().where(responsibility.c.child_rid == rows.c.child_rid, answers(reach.boroughs, reach.on))


def _children(ids: Collection[str]) -> ColumnElement[int]:
    patient = resource.alias("patient")
    found = select(patient.c.rid).where(patient.c.type == "Patient", patient.c.id.in_(ids))
    return found.scalar_subquery()
