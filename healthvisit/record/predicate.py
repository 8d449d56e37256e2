"""Reach -> the one SQL condition that every query carries (decision 2).

There is no second evaluator and no filter afterwards: whoever asks the database for resources, versions or
audit events puts one of these conditions into the statement. Nothing stated means nothing reached.

A condition is made once for each reach and used again: to build it takes longer than to ask it.
"""

from collections.abc import Callable, Collection
from datetime import date, datetime
from functools import lru_cache
from typing import Any, assert_never

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
from healthvisit.access.reach import (
    BoroughReach,
    ChildReach,
    Limit,
    Nothing,
    OfficeReach,
    PublishedReach,
    Reach,
    SharedReach,
    WholeRecord,
)
from healthvisit.access.scopes import CATEGORY
from healthvisit.record.instants import micros
from healthvisit.record.tables import (
    audit_event,
    resource,
    resource_version,
    responsibility,
    search_token,
    transfer,
)


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
    return and_(known_then(reach, moment, rows), rows.c.deleted.is_(False))


@lru_cache(maxsize=256)
def known_then(
    reach: Reach, moment: int | BindParameter[int], rows: FromClause = resource
) -> ColumnElement[bool]:
    """Rows of `resource`, or of an alias of it, that may be read or, where they were deleted, be known to have
    been there."""
    match reach:
        case BoroughReach():

            def known(limit: Limit) -> ColumnElement[bool]:
                # What a team wrote it may read again, even after the child has moved.
                own = rows.c.author_borough.in_(limit.boroughs)
                of_children = and_(
                    or_(_answers_for_child(limit, reach.on, rows), own, *_opened(reach, limit, rows)),
                    or_(rows.c.restricted.is_(False), *_despite(reach, limit, rows, rows.c.author_borough)),
                    *_near(reach, limit, rows),
                )
                return and_(_of_borough(reach, rows, of_children, own), *_categories(limit, rows))

            return or_(
                rows.c.audience.in_(("shared", "published")),
                _in_each_way(reach, reach.whole, rows, known),
            )
        case ChildReach():
            of_children = and_(
                rows.c.audience == "child",
                rows.c.type.in_(visibility.TYPES),
                rows.c.child_rid.in_(_children(reach.children)),
                rows.c.restricted.is_(False),
                or_(rows.c.type == "Patient", rows.c.released_at <= moment),
            )
            return or_(
                rows.c.audience == "shared",
                and_(
                    of_children,
                    _in_each_way(
                        reach, Limit(frozenset()), rows, lambda limit: and_(true(), *_categories(limit, rows))
                    ),
                ),
            )
        case OfficeReach():
            return _of_office(reach, rows, rows.c.author_borough)
        case PublishedReach():
            return rows.c.audience.in_(("shared", "published"))
        case SharedReach():
            return rows.c.audience == "shared"
        case WholeRecord():
            return true()
        case Nothing():
            return false()
        case _:
            assert_never(reach)


@lru_cache(maxsize=256)
def followed_then(reach: Reach, moment: int | BindParameter[int]) -> ColumnElement[bool]:
    """Rows of `resource`: Patients whose events may be asked for by their id."""
    match reach:
        case OfficeReach():
            return _answers_for_child(Limit(_boroughs_of_events(reach)), reach.on, resource)
        case _:
            return readable_then(reach, moment)


@lru_cache(maxsize=256)
def readable_version(reach: Reach) -> ColumnElement[bool]:
    """Rows of `resource_version` joined to their `resource` that may be read.

    A version belongs to the team that wrote it: the team before may read its own, never what came after it
    left. Parents see what stands, not how it came to stand.
    """
    match reach:
        case BoroughReach():

            def readable(limit: Limit) -> ColumnElement[bool]:
                wrote = resource_version.c.author_borough.in_(limit.boroughs)
                of_children = and_(
                    or_(
                        _answers_for_child(limit, reach.on, resource),
                        wrote,
                        *_opened(reach, limit, resource),
                    ),
                    or_(
                        _is_open_version(),
                        *_despite(reach, limit, resource, resource_version.c.author_borough),
                    ),
                )
                found = [_of_borough(reach, resource, of_children, wrote)]
                if limit.categories:
                    # Categories are asked of the index, which knows those of what stands and of nothing before.
                    found += [resource_version.c.version == resource.c.version]
                return and_(*found, *_categories(limit, resource))

            return or_(
                resource.c.audience.in_(("shared", "published")),
                _in_each_way(reach, reach.whole, resource, readable),
            )
        case OfficeReach():
            return _of_office(reach, resource, resource_version.c.author_borough)
        case ChildReach() | SharedReach():
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
            return _in_each_way(reach, Limit(reach.boroughs), resource, lambda limit: _writable(reach, limit))
        case WholeRecord():
            return true()
        case OfficeReach() | ChildReach() | PublishedReach() | SharedReach() | Nothing():
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

            def own_episode(limit: Limit) -> ColumnElement[bool]:
                named = exists().where(
                    responsibility.c.episode_rid == resource.c.rid,
                    responsibility.c.borough.in_(limit.boroughs),
                )
                return and_(resource.c.type == "EpisodeOfCare", named, _of_patient(reach, resource))

            return or_(writable(reach), _in_each_way(reach, Limit(reach.boroughs), resource, own_episode))
        case _:
            return writable(reach)


@lru_cache(maxsize=256)
def readable_event(reach: Reach) -> ColumnElement[bool]:
    """Rows of `audit_event` that may be read: those about a child for whom the service answers today."""
    match reach:
        case BoroughReach():
            limit = Limit(_boroughs_of_events(reach))
            return and_(
                _answers_for_child(limit, reach.on, audit_event),
                _of_patient(reach, audit_event),
                ~of_hidden_papers(reach, limit),
            )
        case OfficeReach():
            return _answers_for_child(Limit(_boroughs_of_events(reach)), reach.on, audit_event)
        case WholeRecord():
            return true()
        case ChildReach() | PublishedReach() | SharedReach() | Nothing():
            return false()
        case _:
            assert_never(reach)


def of_hidden_papers(reach: BoroughReach | ChildReach, limit: Limit) -> ColumnElement[bool]:
    """Rows of `audit_event` about one paper that is restricted, and kept from this reach: that it was read or
    written tells that it is there."""
    paper = resource.alias("paper")
    despite = _despite(reach, limit, paper, paper.c.author_borough) if isinstance(reach, BoroughReach) else []
    return exists().where(
        paper.c.type == audit_event.c.type,
        paper.c.id == audit_event.c.resource_id,
        paper.c.restricted,
        ~or_(false(), *despite),
    )


def answers(boroughs: Collection[str], on: date) -> ColumnElement[bool]:
    """Rows of `responsibility` that make one of these boroughs answer on this civil date."""
    return and_(
        responsibility.c.borough.in_(boroughs),
        responsibility.c.from_on <= on,
        or_(responsibility.c.until_on.is_(None), responsibility.c.until_on > on),
    )


def _in_each_way(
    reach: BoroughReach | OfficeReach | ChildReach,
    whole: Limit,
    rows: FromClause,
    condition: Callable[[Limit], ColumnElement[bool]],
) -> ColumnElement[bool]:
    """Rows that meet the condition in one of the ways in which scopes reach their type."""
    if not reach.narrowing:
        return condition(whole)
    narrowed = [type_ for types, _ in reach.narrowing for type_ in types]
    return or_(
        and_(rows.c.type.not_in(narrowed), condition(whole)),
        *(
            and_(rows.c.type.in_(types), or_(false(), *map(condition, limits)))
            for types, limits in reach.narrowing
        ),
    )


def _of_borough(
    reach: BoroughReach, rows: FromClause, of_children: ColumnElement[bool], own: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Rows of children, of the one child where the reach is of one, and rows that are a borough's own."""
    found = and_(rows.c.audience == "child", of_children, _of_patient(reach, rows))
    if reach.patient is not None:
        # A borough's lists and returns tell of other children.
        return found
    return or_(found, and_(rows.c.audience == "borough", own))


def _despite(
    reach: BoroughReach, limit: Limit, rows: FromClause, author: ColumnElement[Any]
) -> list[ColumnElement[bool]]:
    """The ways in which restricted papers are reached. author: the borough that wrote them."""
    ways: list[ColumnElement[bool]] = []
    if reach.staff:
        handed_over = exists().where(
            transfer.c.child_rid == rows.c.child_rid,
            transfer.c.to_borough.in_(limit.boroughs),
            transfer.c.state == "accepted",
            transfer.c.restricted_handed_over,
        )
        ways += [author.in_(limit.boroughs), handed_over]
    if reach.lead:
        ways += [_answers_for_child(limit, reach.on, rows), *_opened(reach, limit, rows)]
    return ways


def _near(reach: BoroughReach, limit: Limit, rows: FromClause) -> list[ColumnElement[bool]]:
    """Of sensitive children those for whom a borough answers: for a search by what the others are not shown."""
    return [or_(rows.c.sensitive.is_(False), _answers_for_child(limit, reach.on, rows))] if reach.near else []


def _opened(reach: BoroughReach, limit: Limit, rows: FromClause) -> list[ColumnElement[bool]]:
    """Rows of children whom the requester has opened; nothing of it may be written, and no event be read."""
    return [rows.c.child_rid.in_(_children(reach.opened))] if limit.beyond else []


def _is_open_version() -> ColumnElement[bool]:
    """Rows of `resource_version` of a paper that is not restricted, and that were not when they were written.

    What stands is as restricted as its paper; what it said before it was marked is its text too.
    """
    return and_(
        resource.c.restricted.is_(False),
        or_(resource_version.c.restricted.is_(False), resource_version.c.version == resource.c.version),
    )


def _of_office(reach: OfficeReach, rows: FromClause, author: ColumnElement[Any]) -> ColumnElement[bool]:
    """What holds no child's data, and the boroughs' own returns: their lists name children."""

    def own(limit: Limit) -> ColumnElement[bool]:
        return and_(rows.c.audience == "borough", rows.c.type == "MeasureReport", author.in_(limit.boroughs))

    return or_(
        rows.c.audience.in_(("shared", "published")), _in_each_way(reach, Limit(reach.boroughs), rows, own)
    )


def _boroughs_of_events(reach: BoroughReach | OfficeReach) -> frozenset[str]:
    return frozenset[str]().union(*(limit.boroughs for limit in reach.limits("AuditEvent")))


def _writable(reach: BoroughReach, limit: Limit) -> ColumnElement[bool]:
    nobody_yet = and_(
        resource.c.author_borough.in_(limit.boroughs),
        ~exists().where(responsibility.c.child_rid == resource.c.child_rid),
    )
    of_children = or_(_answers_for_child(limit, reach.on, resource), nobody_yet)
    own = resource.c.author_borough.in_(limit.boroughs)
    seen = or_(resource.c.restricted.is_(False), *_despite(reach, limit, resource, resource.c.author_borough))
    return and_(_of_borough(reach, resource, of_children, own), seen, *_categories(limit, resource))


def _answers_for_child(limit: Limit, on: date, rows: FromClause) -> ColumnElement[bool]:
    return exists().where(responsibility.c.child_rid == rows.c.child_rid, answers(limit.boroughs, on))


def _of_patient(reach: BoroughReach, rows: FromClause) -> ColumnElement[bool]:
    if reach.patient is None:
        return true()
    return rows.c.child_rid.in_(_children([reach.patient]))


def _categories(limit: Limit, rows: FromClause) -> list[ColumnElement[bool]]:
    """What stands in the index of each category that the limit asks for."""
    return [
        exists().where(
            search_token.c.type == rows.c.type,
            search_token.c.parameter == CATEGORY,
            search_token.c.code == code,
            search_token.c.system == system,
            search_token.c.rid == rows.c.rid,
        )
        for system, code in limit.categories
    ]


def _children(ids: Collection[str]) -> ColumnElement[int]:
    patient = resource.alias("patient")
    found = select(patient.c.rid).where(patient.c.type == "Patient", patient.c.id.in_(ids))
    return found.scalar_subquery()
