"""A child of another borough, opened in an emergency: to read alone, by one account, for a limited time, and looked
at afterwards by those who lead where the child's service is.

Who opens a child knows its NHS number and date of birth together. What was opened is known with the account on
each request (accounts/people.py), so when the time is over the next request reaches nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, false, insert, or_, select, update

from healthvisit.access.reach import BoroughReach
from healthvisit.access.requester import STAFF, Role
from healthvisit.database import opening
from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON, loads
from healthvisit.record import ids, instants, ownership, predicate, within
from healthvisit.record.audit import REFUSED
from healthvisit.record.errors import Conflict, Forbidden, Issue, NotFound, Unprocessable
from healthvisit.record.inside import Inside, current
from healthvisit.record.record import Record
from healthvisit.record.tables import audit_event, child_identifier, opened_glass, resource, responsibility

REASONS = f"{CANONICAL}/CodeSystem/opening-reason"
OUTCOMES = f"{CANONICAL}/CodeSystem/opening-outcome"
LIFE = timedelta(hours=4)
# How long those who lead are told whom of their staff an opening was refused.
TOLD_OF_REFUSALS = timedelta(days=90)
LEAST_SENTENCE, MOST_SENTENCE = 10, 500
REVIEWERS: tuple[Role, ...] = ("team-lead", "safeguarding-lead")


class Open(NamedTuple):
    """A child whom the requester has open. child: id of the Patient."""

    child: str
    until: datetime


class Awaiting(NamedTuple):
    """An opening that nobody has looked at yet. account, role, boroughs: of who opened, as they were then. reason:
    a code of REASONS. name: a HumanName, or {}."""

    id: str
    child: str
    name: JSON
    account: str
    role: str
    boroughs: tuple[str, ...]
    reason: str
    sentence: str
    opened_at: datetime


def open_child(record: Record, nhs_number: str, born: str, *, reason: str, sentence: str) -> list[str]:
    """Ids of the children with this number who were born on this day: one, unless two boroughs hold the number.

    born: as FHIR has a date. Raises NotFound alike for a number that nobody has and a day that is another's,
    Forbidden, and Unprocessable for a reason that is none of ours or a sentence that says nothing.
    """
    with record.operation("$open", "Patient") as inside:
        _admit(inside)
        refuse_unfit(inside.definitions, reason, sentence)
        with opening(inside.connection, within.GLASS, nhs_number):
            standing = inside.connection.execute(
                current()
                .add_columns(inside.readable().label("within"))
                .join(child_identifier, child_identifier.c.child_rid == resource.c.rid)
                .where(
                    child_identifier.c.system == ownership.NHS_NUMBER,
                    child_identifier.c.value == nhs_number,
                    resource.c.deleted.is_(False),
                )
            ).all()
        found = [row for row in standing if loads(row.body).get("birthDate") == born]
        if not found:
            raise NotFound
        inside.event.resource_id, inside.event.child_rid = found[0].id, found[0].rid
        for row in found[1:]:
            with record.operation("$open", "Patient", row.id) as other:
                other.event.child_rid = row.rid
        opened = [
            {
                "id": ids.next_id(),
                "account": inside.requester.account,
                "role": inside.requester.role,
                "boroughs": ",".join(sorted(inside.requester.boroughs)),
                "child_rid": row.rid,
                "child": row.id,
                "reason": reason,
                "sentence": sentence.strip(),
                "opened_at": instants.micros(inside.at),
                "until": instants.micros(inside.at + LIFE),
            }
            for row in found
            # Whom she reaches anyway she need not open.
            if not row.within
        ]
        if opened:
            inside.connection.execute(insert(opened_glass), opened)
        return [row.id for row in found]


def refuse_unfit(definitions: Definitions, reason: str, sentence: str) -> None:
    """Raises Unprocessable for a reason that is none of ours or a sentence that says nothing."""
    _known(definitions, REASONS, reason, "reason")
    if not LEAST_SENTENCE <= len(sentence.strip()) <= MOST_SENTENCE:
        text = f"Say why in {LEAST_SENTENCE} to {MOST_SENTENCE} characters."
        raise Unprocessable((Issue("value", text, "sentence"),))


def open_now(record: Record) -> list[Open]:
    """The children whom the requester has open, the last first."""
    with record.operation("$open-now") as inside:
        _admit(inside)
        at = instants.micros(inside.at)
        rows = inside.connection.execute(
            select(opened_glass.c.child, opened_glass.c.until)
            .where(
                opened_glass.c.account == inside.requester.account,
                opened_glass.c.opened_at <= at,
                opened_glass.c.until > at,
            )
            .order_by(opened_glass.c.until)
        )
        last = {row.child: row.until for row in rows}
        return [Open(child, instants.from_micros(until)) for child, until in reversed(last.items())]


def awaiting(record: Record) -> list[Awaiting]:
    """Openings of children for whom one of the requester's boroughs answers, that nobody has looked at; oldest
    first."""
    with record.operation("$openings") as inside:
        _admit(inside, *REVIEWERS)
        rows = inside.connection.execute(
            current()
            .add_columns(*(opened_glass.c[name] for name in _COLUMNS), opened_glass.c.id.label("opening"))
            .join(opened_glass, opened_glass.c.child_rid == resource.c.rid)
            .where(opened_glass.c.reviewed_at.is_(None), _reviewed_by(inside))
            .order_by(opened_glass.c.opened_at, opened_glass.c.id)
        )
        return [
            Awaiting(
                row.opening,
                row.id,
                next(iter(loads(row.body).get("name", ())), {}),
                row.account,
                row.role,
                tuple(filter(None, row.boroughs.split(","))),
                row.reason,
                row.sentence,
                instants.from_micros(row.opened_at),
            )
            for row in rows
        ]


@dataclass(frozen=True)
class Refused:
    """Openings that were refused to one account in one role. at: when, the last first; of which child is not known,
    and what was typed is written down nowhere."""

    account: str
    role: str
    at: tuple[datetime, ...]


def refused(record: Record) -> list[Refused]:
    """What was refused lately to staff of the requester's boroughs; who was refused last comes first."""
    with record.operation("$refused-openings") as inside, opening(inside.connection, within.REFUSALS):
        _admit(inside, *REVIEWERS)
        inside.permit("AuditEvent", "r")
        here = audit_event.c
        rows = inside.connection.execute(
            select(here.account, here.role, here.recorded_at)
            .where(
                here.child_rid.is_(None),
                here.interaction == "operation",
                here.detail == "$open",
                here.outcome == REFUSED,
                here.role.in_(STAFF),
                or_(false(), *(here.boroughs.contains(gss) for gss in sorted(inside.requester.boroughs))),
                here.recorded_at > instants.micros(inside.at - TOLD_OF_REFUSALS),
            )
            .order_by(here.recorded_at.desc(), here.seq.desc())
        )
        found: dict[tuple[str, str], list[datetime]] = {}
        for row in rows:
            found.setdefault((row.account, row.role), []).append(instants.from_micros(row.recorded_at))
        return [Refused(*who, tuple(times)) for who, times in found.items()]


def review(record: Record, id_: str, *, outcome: str) -> None:
    """Write down what came of looking at an opening. outcome: a code of OUTCOMES.

    Raises NotFound for an opening of another borough's child, Forbidden for one's own, Unprocessable, and Conflict
    where somebody has looked at it already.
    """
    with record.operation("$review-opening") as inside:
        _admit(inside, *REVIEWERS)
        _known(inside.definitions, OUTCOMES, outcome, "outcome")
        row = inside.connection.execute(
            select(opened_glass.c.child_rid, opened_glass.c.account)
            .join(resource, resource.c.rid == opened_glass.c.child_rid)
            .where(opened_glass.c.id == id_, _reviewed_by(inside))
        ).one_or_none()
        if row is None:
            raise NotFound
        inside.event.child_rid = row.child_rid
        if row.account == inside.requester.account:
            raise Forbidden("Somebody else looks at it.")
        done = inside.connection.execute(
            update(opened_glass)
            .where(opened_glass.c.id == id_, opened_glass.c.reviewed_at.is_(None))
            .values(
                reviewed_by=inside.requester.account,
                reviewed_at=instants.micros(inside.at),
                outcome=outcome,
            )
        )
        if done.rowcount != 1:
            raise Conflict("Somebody has looked at it already.")


_COLUMNS = ("account", "role", "boroughs", "reason", "sentence", "opened_at")


def _admit(inside: Inside, *roles: Role) -> None:
    """Raises Forbidden for who is not of these roles, by default staff, and for an app that was given a part."""
    requester = inside.requester
    if requester.role not in (roles or STAFF) or not requester.boroughs:
        raise Forbidden("This is not open to your role.")
    if requester.patient is not None or any(scope.conditions for scope in requester.scopes):
        raise Forbidden("The app was not given the children of other boroughs.")
    inside.permit("Patient", "r")


def _reviewed_by(inside: Inside) -> ColumnElement[bool]:
    """Rows of Patients for whom one of the requester's boroughs answers; or, where nobody does, wrote last."""
    assert isinstance(inside.reach, BoroughReach)
    boroughs = inside.reach.boroughs
    theirs = exists().where(
        responsibility.c.child_rid == resource.c.rid, predicate.answers(boroughs, inside.on)
    )
    everybody = frozenset(inside.definitions.boroughs.values())
    nobodys = ~exists().where(
        responsibility.c.child_rid == resource.c.rid, predicate.answers(everybody, inside.on)
    )
    return and_(inside.readable(), or_(theirs, and_(nobodys, resource.c.author_borough.in_(boroughs))))


def _known(definitions: Definitions, system: str, code: str, place: str) -> None:
    if code not in definitions.codes(system):
        raise Unprocessable((Issue("code-invalid", "It is not one of the codes.", place),))
