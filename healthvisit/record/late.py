"""Visits that a team recorded for a child for whom it no longer answers: kept whole until a person decides.

Who hands one in is told that it was kept, and nothing else: not who answers for the child now, nor whether anybody
does. It is for those who lead where the child is today, so nobody moves it when the child moves again; where nobody
answers it waits. A record that was sealed by an adoption keeps what is handed in for it, and nobody is shown it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from healthvisit.access.reach import BoroughReach, WholeRecord
from healthvisit.database import opening
from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON, Malformed, dumps, loads
from healthvisit.record import bundles, ids, instants, ownership, receipts, references, within
from healthvisit.record.endings import LEADS
from healthvisit.record.errors import Conflict, Forbidden, Invalid, Issue, NotFound, Unprocessable
from healthvisit.record.inside import Inside
from healthvisit.record.record import Record
from healthvisit.record.references import is_id
from healthvisit.record.tables import late_visit, resource, resource_version, responsibility
from healthvisit.record.writing import hold

REFUSALS = f"{CANONICAL}/CodeSystem/late-visit-refusal"
# What a visit is made of, each once. Anything else would be done by who takes it, unseen.
_TYPES = ("Encounter", "QuestionnaireResponse")
# Of a visit that stands in no record: one that was not taken can be taken after all.
_OPEN = ("waiting", "refused")


@dataclass(frozen=True)
class Receipt:
    """id: of the visit where it waits. at: when it came."""

    id: str
    at: datetime


@dataclass(frozen=True)
class Late:
    """One visit that stands in no record. account: who recorded it, practitioner: the same in the record, if known.
    from_borough: GSS code of the team. child: id of the Patient. content: the transaction as it was recorded.
    reason: a code of REFUSALS where it was not taken."""

    id: str
    operation: str
    account: str
    practitioner: str | None
    from_borough: str
    child: str
    content: JSON
    received_at: datetime
    reason: str | None


@dataclass(frozen=True)
class Unanswered:
    """A visit that waits, of a child for whom no team answers. child: id of the Patient."""

    id: str
    child: str
    from_borough: str
    received_at: datetime


def hand_in(record: Record, operation: str, visit: str, *, worked_for: Collection[str]) -> Receipt:
    """Keep a visit. operation: its permanent UUID; handed in again it gets its first receipt. visit: the transaction
    Bundle, as it would have been sent. worked_for: GSS codes of the boroughs that the account ever worked for.

    Raises Invalid and Unprocessable for what is no visit, or of a child whom none of these boroughs ever had: one
    who never was gets the same words. Unprocessable also where the operation came before with something else.
    """
    with record.operation("$hand-in-visit") as inside:
        requester = inside.requester
        if requester.patient is not None or any(scope.conditions for scope in requester.scopes):
            raise Forbidden("The app was not given the children of the borough.")
        inside.permit("Encounter", "c")
        operation = bundles.uuid_text(operation, "operation")
        content = visit.encode()
        # By another digest than a transaction's: what was handed in is not stored by being sent as well.
        digest = f"late {sha256(content).hexdigest()}"
        hold(inside.connection, [f"operation {requester.account} {operation}"])
        first = receipts.first_answer(inside.connection, requester.account, operation, digest)
        if first is not None:
            told: JSON = loads(first)
            return Receipt(told["id"], instants.from_micros(told["at"]))
        bundle = _bundle(content, operation)
        bodies = [entry.body or {} for entry in bundles.entries(bundle)]
        rid = _once_had(inside.connection, _child(bodies), worked_for)
        borough = _borough(bodies, inside.definitions)
        if rid is None or borough not in worked_for:
            raise Unprocessable((Issue("not-found", "The reference names no known resource.", "visit"),))
        inside.event.child_rid = rid
        found = Receipt(ids.next_id(), inside.at)
        at = instants.micros(inside.at)
        inside.connection.execute(
            insert(late_visit).values(
                id=found.id,
                account=requester.account,
                operation=operation,
                practitioner=requester.fhir_user,
                from_borough=borough,
                child_rid=rid,
                restricted=any(map(ownership.is_marked, bodies)),
                content=content,
                received_at=at,
                state="waiting",
            )
        )
        answer = dumps({"id": found.id, "at": at})
        receipts.keep(inside.connection, requester.account, operation, digest, answer, inside.at)
        return Receipt(found.id, instants.from_micros(at))


def listed(record: Record, *, most: int) -> tuple[list[Late], int]:
    """The first visits of children for whom the requester's boroughs answer today, those not taken last and else the
    oldest first, and how many there are in all."""
    with record.operation("$late-visits") as inside:
        where = _reached(inside)
        rows = inside.connection.execute(
            _late()
            .where(where)
            .order_by(late_visit.c.state.desc(), late_visit.c.received_at, late_visit.c.id)
            .limit(most)
        )
        total = inside.connection.scalar(
            select(func.count()).select_from(late_visit.join(resource, _of_child())).where(where)
        )
        return [_told(row) for row in rows], total or 0


def unanswered(record: Record) -> list[Unanswered]:
    """The visits that nobody is shown, as no team answers for the child today, the oldest first; of a record that an
    adoption sealed, too. Raises Forbidden for all but the service itself."""
    with record.operation("$unanswered-visits") as inside:
        if not isinstance(inside.reach, WholeRecord):
            raise Forbidden("It is told in the service's own shell.")
        rows = inside.connection.execute(
            _late()
            .where(late_visit.c.state == "waiting", ~_answered(inside))
            .order_by(late_visit.c.received_at, late_visit.c.id)
        )
        return [
            Unanswered(row.id, row.child, row.from_borough, instants.from_micros(row.received_at))
            for row in rows
        ]


def one(record: Record, id_: str) -> Late:
    """A visit, held until the transaction ends. Raises NotFound for none and for one that is not theirs to decide,
    and Conflict where it stands in the record."""
    with record.operation("$late-visit") as inside:
        return _told(_held(inside, id_))


def settle(record: Record, id_: str, *, encounter: str) -> None:
    """Write down that a visit stands in the record; what it said goes here. encounter: id. Raises what `one` does."""
    with record.operation("$take-late-visit", "Encounter", encounter) as inside:
        row = _held(inside, id_)
        _settle(inside, row.id, {"state": "taken", "content": None, "encounter": encounter, "reason": None})


def refuse(record: Record, id_: str, *, reason: str) -> None:
    """Write down that a visit is not taken, and why: a code of REFUSALS. What it says is kept: it stands nowhere
    else. Raises Unprocessable, and what `one` does."""
    with record.operation("$refuse-late-visit") as inside:
        if reason not in inside.definitions.codes(REFUSALS):
            raise Unprocessable((Issue("code-invalid", "Choose why it is not taken.", "reason"),))
        row = _held(inside, id_)
        _settle(inside, row.id, {"state": "refused", "reason": reason})


def _settle(inside: Inside, id_: str, values: dict[str, Any]) -> None:
    settled = {"settled_by": inside.requester.account, "settled_at": instants.micros(inside.at)}
    inside.connection.execute(update(late_visit).where(late_visit.c.id == id_).values({**values, **settled}))


def _held(inside: Inside, id_: str) -> Row[*tuple[Any, ...]]:
    where = _reached(inside, open_only=False)
    hold(inside.connection, [f"late-visit {id_}"])
    row = inside.connection.execute(
        _late().where(where, late_visit.c.id == (id_ if is_id(id_) else ""))
    ).one_or_none()
    if row is None:
        raise NotFound
    inside.event.child_rid = row.child_rid
    if row.state not in _OPEN:
        raise Conflict("Somebody has taken it into the record already.")
    return row


def _reached(inside: Inside, *, open_only: bool = True) -> ColumnElement[bool]:
    """The visits that are the requester's to decide. Raises Forbidden for who does not lead, and for an app that was
    given a part."""
    requester = inside.requester
    if requester.role not in LEADS:
        raise Forbidden("Who leads a team decides what becomes of it.")
    if requester.patient is not None or any(scope.conditions for scope in requester.scopes):
        raise Forbidden("The app was not given the children of the borough.")
    inside.permit("Encounter", "c")
    if not isinstance(inside.reach, BoroughReach):
        return false()
    answers = _answered(inside, responsibility.c.borough.in_(sorted(inside.reach.boroughs)))
    # As with any restricted paper of another borough.
    plain = [] if inside.reach.lead else [late_visit.c.restricted.is_(False)]
    standing = [late_visit.c.state.in_(_OPEN)] if open_only else []
    return and_(answers, inside.readable(), *plain, *standing)


def _answered(inside: Inside, *by: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a team answers for the child today."""
    here = responsibility.c
    return exists().where(
        here.child_rid == late_visit.c.child_rid,
        here.from_on <= inside.on,
        or_(here.until_on.is_(None), here.until_on > inside.on),
        *by,
    )


def _of_child() -> ColumnElement[bool]:
    return late_visit.c.child_rid == resource.c.rid


def _late() -> Select[*tuple[Any, ...]]:
    names = ("id", "operation", "account", "practitioner", "from_borough", "child_rid", "content", "received_at",
             "state", "reason")  # fmt: skip
    return select(*(late_visit.c[name] for name in names), resource.c.id.label("child")).join(
        resource, _of_child()
    )


def _told(row: Row[*tuple[Any, ...]]) -> Late:
    return Late(
        row.id,
        row.operation,
        row.account,
        row.practitioner,
        row.from_borough,
        row.child,
        loads(row.content),
        instants.from_micros(row.received_at),
        row.reason,
    )


def _bundle(content: bytes, operation: str) -> JSON:
    """Raises Invalid for what is no transaction of this operation, and for one that is more than a visit."""
    try:
        bundle = loads(content)
    except Malformed as error:
        raise Invalid((Issue("structure", f"The visit is {error}.", "visit"),)) from None
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Invalid((Issue("structure", "The visit is a Bundle.", "visit"),))
    if bundles.operation(bundle) != operation:
        raise Invalid((Issue("value", "The visit is another operation's.", "visit"),))
    entries = bundles.entries(bundle)
    types = [entry.type for entry in entries]
    plain = all(entry.method == "POST" and entry.if_none_exist is None for entry in entries)
    if (
        not plain
        or "Encounter" not in types
        or any(types.count(type_) > (type_ in _TYPES) for type_ in types)
    ):
        raise Invalid((Issue("not-supported", "A visit is an Encounter and its form.", "visit"),))
    own = {entry.full_url for entry in entries}
    if any(each not in own and references.literal(each) is None for each in _references(bundle)):
        raise Invalid((Issue("not-supported", "A visit names what it refers to.", "visit"),))
    return bundle


def _child(bodies: Collection[JSON]) -> str:
    """Id of the one Patient that the visit is of. Raises Unprocessable for none and for two."""
    found = {
        key[1] for each in _references(bodies) if (key := references.literal(each)) and key[0] == "Patient"
    }
    if len(found) != 1:
        raise Unprocessable((Issue("business-rule", "A visit is of one child.", "visit"),))
    return found.pop()


def _borough(bodies: Collection[JSON], definitions: Definitions) -> str | None:
    """GSS code of the service that the Encounter names."""
    provider = next(
        (body.get("serviceProvider") for body in bodies if body["resourceType"] == "Encounter"), None
    )
    named = provider.get("reference") if isinstance(provider, dict) else None
    key = references.literal(named) if isinstance(named, str) else None
    return definitions.boroughs.get(key[1]) if key and key[0] == "Organization" else None


def _references(value: Any) -> Iterator[str]:
    return (reference for _, reference in references.located(value, ""))


def _once_had(connection: Connection, child: str, boroughs: Collection[str]) -> int | None:
    """The row of a child whom one of the boroughs ever had, by number: also of one who is out of every reach."""
    if connection.dialect.name == "postgresql":
        with opening(connection, within.HANDING):
            found: int | None = connection.scalar(
                select(func.healthvisit_once_had(child, ",".join(sorted(boroughs))))
            )
            return found
    paper = resource.alias()
    had = exists().where(
        responsibility.c.child_rid == resource.c.rid, responsibility.c.borough.in_(sorted(boroughs))
    )
    # Of a child who was adopted it is told nowhere else.
    wrote = exists().where(
        paper.c.child_rid == resource.c.rid,
        resource_version.c.rid == paper.c.rid,
        resource_version.c.author_borough.in_(sorted(boroughs)),
    )
    rid: int | None = connection.scalar(
        select(resource.c.rid).where(resource.c.type == "Patient", resource.c.id == child, or_(had, wrote))
    )
    return rid
