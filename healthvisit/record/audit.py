"""One event per interaction, in the same transaction as its data; refusals too, once they are undone.

Events are rows, shown as FHIR AuditEvent on reading, under the reach of the child they are about.
https://hl7.org/fhir/R4/auditevent.html; IHE Basic Audit Log Patterns (Read, Query, Create, Update, Delete),
but for what is left out so that no event tells of a child: what a query asked for, and network addresses.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, false, func, or_, select, true

from healthvisit.access import visibility
from healthvisit.access.reach import ChildReach, Limit, Reach
from healthvisit.access.requester import STAFF, Requester
from healthvisit.database import Database
from healthvisit.exact_json import JSON
from healthvisit.record import chain, ids, instants, ownership, predicate, references
from healthvisit.record.errors import Invalid, Issue
from healthvisit.record.search import date as dates
from healthvisit.record.tables import audit_event, opened_glass, resource

DONE, REFUSED, FAILED = 0, 4, 8
# The ids that this service gives (record/ids.py).
_OURS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

# Who is told in such a list of those who saw a child: professionals and apps.
_TOLD_TO_PARENTS = (*STAFF, "system-client")
# Operations that show somebody what stands of a child. The others tell where a child goes, which its parents are told
# when it is so: that a child was offered, or that its care may end, is not for this list.
_SHOWING = ("$everything", "$document", "$family-copy", "$open")

OUTCOMES = {DONE: "Done", REFUSED: "Refused", FAILED: "Failed"}
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_EVENT_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_OBJECT_ROLES = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE_TYPES = "http://terminology.hl7.org/CodeSystem/security-source-type"
_ENTITY_TYPES = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_PERSON = {"system": _ENTITY_TYPES, "code": "1", "display": "Person"}
_SYSTEM_OBJECT = {"system": _ENTITY_TYPES, "code": "2", "display": "System Object"}
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_SOURCE = (_DICOM, "110153", "Source Role ID")
_DESTINATION = (_DICOM, "110152", "Destination Role ID")
_APPLICATION = (_DICOM, "110150", "Application")
_CUSTODIAN = ("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian")
_RECIPIENT = (_PARTICIPATION, "IRCP", "information recipient")
_AUTHOR = (_PARTICIPATION, "AUT", "author (originator)")
_OBSERVER = "healthvisit"
_BREAK_GLASS = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "code": "BTG",
            "display": "break the glass",
        }
    ]
}
_OWN = "healthvisit's own pages and commands"
_REQUEST = {
    "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
    "code": "XrequestId",
}


class _Pattern(NamedTuple):
    """The action of an event, and what the person, the app and the service are in it."""

    action: str
    person: tuple[str, str, str]
    app: tuple[str, str, str]
    service: tuple[str, str, str]


# https://profiles.ihe.net/ITI/BALP/content.html: in a query what is asked flows from the app to the service.
_READ = _Pattern("R", _RECIPIENT, _DESTINATION, _SOURCE)
_QUERY = _Pattern("E", _RECIPIENT, _SOURCE, _DESTINATION)
_UPDATE = _Pattern("U", _AUTHOR, _SOURCE, _DESTINATION)
_PATTERNS = {
    "read": _READ,
    "vread": _READ,
    "history-instance": _READ,
    "history-type": _READ,
    "history-system": _READ,
    "search-type": _QUERY,
    "operation": _QUERY,
    "create": _Pattern("C", _AUTHOR, _SOURCE, _DESTINATION),
    "update": _UPDATE,
    "patch": _UPDATE,
    "delete": _Pattern("D", _AUTHOR, _APPLICATION, _CUSTODIAN),
    "transaction": _Pattern("E", _AUTHOR, _SOURCE, _DESTINATION),
}
COUNT = 50
MOST_COUNT = 1000


@dataclass
class Event:
    """One interaction, while it happens. interaction: FHIR restful-interaction code. detail: an operation's
    name, and what it came to in numbers; never anything of a person.
    """

    interaction: str
    type: str | None = None
    resource_id: str | None = None
    version: int | None = None
    child_rid: int | None = None
    outcome: int = DONE
    detail: str | None = None

    @property
    def writes(self) -> bool:
        return self.interaction in ("create", "update", "patch", "delete", "transaction")


def told(
    events: Sequence[Event], requester: Requester, *, at: datetime, request: str
) -> list[tuple[Any, ...]]:
    """One row per event, for `put`. request: one id for all events of one request."""
    recorded_at = instants.micros(at)
    boroughs = ",".join(sorted(requester.boroughs)) or None
    return [
        (
            ids.next_id(),
            recorded_at,
            event.interaction,
            event.outcome,
            requester.account,
            requester.role,
            requester.client,
            event.type,
            _told_id(event),
            event.version,
            event.child_rid,
            request,
            event.detail,
            boroughs,
        )
        for event in events
    ]


def _told_id(event: Event) -> str | None:
    # What was asked for and is not there can be an NHS number, which has the form of an id.
    is_told = event.resource_id is None or event.outcome == DONE or _OURS.fullmatch(event.resource_id)
    return event.resource_id if is_told else None


def put(connection: Connection, told: Sequence[tuple[Any, ...]]) -> None:
    """Write the events down, in their order, chained to those before them."""
    chain.put(connection, told)


def undone(events: Iterable[Event], outcome: int) -> None:
    """Nothing that was written in an undone transaction was done; and its rows' numbers will be others'."""
    for event in events:
        if event.writes:
            event.outcome = max(event.outcome, outcome)
            event.child_rid = None
            event.version = None
            if event.interaction == "create":
                event.resource_id = None


@dataclass(frozen=True)
class Found:
    """One event as FHIR JSON, and where it stands in the order of recording."""

    seq: int
    id: str
    recorded_at: int
    child_rid: int | None
    body: JSON


# While the account had opened the child in an emergency.
_OPENED = (
    exists()
    .where(
        opened_glass.c.account == audit_event.c.account,
        opened_glass.c.child_rid == audit_event.c.child_rid,
        opened_glass.c.opened_at <= audit_event.c.recorded_at,
        opened_glass.c.until > audit_event.c.recorded_at,
    )
    .label("opened")
)


def read(connection: Connection, reach: Reach, id_: str) -> Found | None:
    """The event with this id, where the requester reaches the child it is about."""
    found = _select(connection, reach, audit_event.c.id == id_, 1)
    return found[0] if found else None


@dataclass(frozen=True)
class Query:
    """A search for events. patients: ids that it names."""

    condition: ColumnElement[bool]
    count: int
    before: str | None
    patients: tuple[str, ...]
    processed: tuple[tuple[str, str], ...]


# What events are searched by, besides _count, _page and _sort=-date.
PARAMETERS = ("_id", "date", "entity", "patient", "subtype", "type")


def parse(parameters: Sequence[tuple[str, str]], reach: Reach, *, at: datetime) -> Query:
    """patient, date, type, subtype, entity, _id, _count and _page of a search for events, newest first.

    A patient or entity that is out of reach matches nothing. Raises Invalid for anything else.
    """
    condition: ColumnElement[bool] = true()
    count, before, patients, processed = COUNT, None, [], []
    for name, value in parameters:
        if name == "_page":
            before = value
            continue
        processed.append((name, value))
        if name == "_count":
            count = min(_whole(name, value), MOST_COUNT)
        elif name == "_sort" and value == "-date":
            pass
        elif name == "patient":
            ids_ = [word.removeprefix("Patient/") for word in value.split(",")]
            patients += ids_
            condition &= audit_event.c.child_rid.in_(_rids("Patient", ids_, reach, at))
        elif name == "entity":
            condition &= or_(false(), *(_entity(word, reach, at) for word in value.split(",")))
        elif name == "date":
            condition &= or_(*(_dated(name, word) for word in value.split(",")))
        elif name == "subtype":
            condition &= audit_event.c.interaction.in_([word.rpartition("|")[2] for word in value.split(",")])
        elif name == "type":
            condition &= or_(false(), *(_is_rest(word) for word in value.split(",")))
        elif name == "_id":
            condition &= audit_event.c.id.in_(value.split(","))
        else:
            raise Invalid((Issue("not-supported", "AuditEvent is not searched or sorted so.", name),))
    return Query(condition, count, before, tuple(sorted(set(patients))), tuple(processed))


def page(connection: Connection, reach: Reach, query: Query) -> tuple[list[Found], int, str | None]:
    """Events of one page, how many there are in all, and the _page of the next: the id of the last one shown. The
    number of its row would count what is hidden.

    Raises Invalid for a page that does not go on from an event that was shown.
    """
    here = query.condition
    if query.before is not None:
        shown = (audit_event.c.id == query.before, query.condition, predicate.readable_event(reach))
        before = connection.scalar(select(audit_event.c.seq).where(*shown))
        if before is None:
            raise Invalid((Issue("value", "It is no page of this search.", "_page"),))
        here &= audit_event.c.seq < before
    found = _select(connection, reach, here, query.count + 1) if query.count else []
    total = connection.scalar(
        select(func.count()).select_from(audit_event).where(query.condition, predicate.readable_event(reach))
    )
    more = len(found) > query.count
    found = found[: query.count]
    return found, total or 0, found[-1].id if more else None


def _select(connection: Connection, reach: Reach, condition: ColumnElement[bool], most: int) -> list[Found]:
    child = resource.alias("child")
    rows = connection.execute(
        select(audit_event, child.c.id.label("child_id"), _OPENED)
        .join(child, child.c.rid == audit_event.c.child_rid, isouter=True)
        .where(condition, predicate.readable_event(reach))
        .order_by(audit_event.c.seq.desc())
        .limit(most)
    )
    return [Found(row.seq, row.id, row.recorded_at, row.child_rid, _event(row)) for row in rows]


def _event(row: Row[Any]) -> JSON:
    recorded = instants.text(row.recorded_at)
    pattern = _PATTERNS[row.interaction]
    app: JSON = {"display": _OWN} if row.client is None else {"identifier": {"value": row.client}}
    agents: list[JSON] = [
        {
            "type": _concept(*pattern.person),
            "role": [{"text": row.role}],
            "who": {"identifier": {"value": row.account}},
            "requestor": True,
            **({"purposeOfUse": [_BREAK_GLASS]} if row.opened else {}),
        },
        {"type": _concept(*pattern.app), "who": app, "requestor": False},
        {"type": _concept(*pattern.service), "who": {"display": _OBSERVER}, "requestor": False},
    ]
    return {
        "resourceType": "AuditEvent",
        "id": row.id,
        "meta": {"versionId": "1", "lastUpdated": recorded},
        "type": {"system": _EVENT_TYPES, "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": _RESTFUL, "code": row.interaction}],
        "action": pattern.action,
        "recorded": recorded,
        "outcome": str(row.outcome),
        "outcomeDesc": OUTCOMES[row.outcome],
        "agent": agents,
        "source": {
            "observer": {"display": _OBSERVER},
            "type": [{"system": _SOURCE_TYPES, "code": "4", "display": "Application Server"}],
        },
        "entity": list(_entities(row)),
    }


def _entities(row: Row[Any]) -> Iterator[JSON]:
    if row.child_id is not None:
        yield {
            "what": {"reference": f"Patient/{row.child_id}"},
            "type": _PERSON,
            "role": _object_role("1", "Patient"),
        }
    if row.type is not None and row.resource_id is not None:
        version = f"/_history/{row.version}" if row.version is not None else ""
        yield {
            "what": {"reference": f"{row.type}/{row.resource_id}{version}"},
            "type": _SYSTEM_OBJECT,
            "role": _object_role("4", "Domain Resource"),
        }
    if row.interaction == "search-type":
        # What was asked may hold an NHS number: it is told that there was a query, and of which type.
        asked = f"{row.type or ''}?"
        yield {
            "type": _SYSTEM_OBJECT,
            "role": _object_role("24", "Query"),
            "query": base64.b64encode(asked.encode()).decode(),
        }
    if row.detail is not None:
        yield {"name": row.detail, "type": _SYSTEM_OBJECT, "role": _object_role("20", "Job")}
    yield {"what": {"identifier": {"value": row.request}}, "type": _REQUEST}


def _concept(system: str, code: str, display: str) -> JSON:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _object_role(code: str, display: str) -> JSON:
    return {"system": _OBJECT_ROLES, "code": code, "display": display}


@dataclass(frozen=True)
class Seen:
    """On this day somebody of this role saw this kind of thing of a child.

    day: civil date in Europe/London. role: "health-visitor" for everybody of a health visiting team, whatever their
    part in it: that somebody looks after a child's safety is not told. boroughs: GSS codes that they worked for;
    none for an app or before it was kept. client: id of the app, or None for the service's own pages. type: FHIR
    resource type. opened: in an emergency, by somebody who works for another borough.
    """

    day: date
    role: str
    boroughs: tuple[str, ...]
    client: str | None
    type: str
    opened: bool = False


def seen_by(connection: Connection, reach: Reach, child: str, *, at: datetime) -> list[Seen]:
    """Who saw a child, as its parents may be told, newest first; empty for a child out of reach.

    child: id of the Patient. Professionals and apps alone, never another adult of the family, and never a name;
    only kinds of thing that parents see at all, so that nothing tells of a safeguarding paper.
    A borough tells where a child is: where that is to stay hidden from an adult, the page leaves it out.
    Staff are told of a child for whom they answer today; a team that the child has left is not.
    """
    allowed = (
        ~predicate.of_hidden_papers(reach, Limit(frozenset()))
        if isinstance(reach, ChildReach)
        else predicate.readable_event(reach)
    )
    found = connection.execute(
        select(
            audit_event.c.recorded_at,
            audit_event.c.role,
            audit_event.c.boroughs,
            audit_event.c.client,
            audit_event.c.type,
            _OPENED,
        ).where(
            allowed,
            audit_event.c.child_rid.in_(_rids("Patient", [child], reach, at)),
            audit_event.c.outcome == DONE,
            audit_event.c.role.in_(_TOLD_TO_PARENTS),
            audit_event.c.type.in_(visibility.TYPES),
            or_(audit_event.c.interaction != "operation", audit_event.c.detail.in_(_SHOWING)),
        )
    )
    seen = {
        Seen(
            ownership.london_date(instants.from_micros(row.recorded_at)),
            "health-visitor" if row.role in STAFF else row.role,
            tuple(row.boroughs.split(",")) if row.boroughs else (),
            row.client,
            row.type,
            bool(row.opened),
        )
        for row in found
    }
    return sorted(
        seen,
        key=lambda one: (
            -one.day.toordinal(),
            one.role,
            one.boroughs,
            one.client or "",
            one.type,
            one.opened,
        ),
    )


@dataclass(frozen=True)
class Access:
    """One event about a child, for those who must answer for the record. recorded_at: microseconds, UTC. opened:
    while the account had opened the child in an emergency."""

    recorded_at: int
    account: str
    role: str
    boroughs: str | None
    client: str | None
    interaction: str
    type: str | None
    outcome: int
    opened: bool


def who_saw(database: Database, requester: Requester, child: str, *, at: datetime) -> list[Access] | None:
    """Every event about a child in the order of recording; None where there is no such Patient.

    For the service's own shell: no reach narrows it. That it was asked is an event too, kept before this returns.
    """
    with database.reading() as connection:
        rid = connection.scalar(
            select(resource.c.rid).where(resource.c.type == "Patient", resource.c.id == child)
        )
        found = connection.execute(
            select(
                *(audit_event.c[name] for name in Access.__dataclass_fields__ if name != "opened"), _OPENED
            )
            .where(audit_event.c.child_rid == rid)
            .order_by(audit_event.c.seq)
        ).all()
    asked = Event(
        "operation",
        "Patient",
        child if rid is not None else None,
        child_rid=rid,
        outcome=REFUSED if rid is None else DONE,
        detail="who-saw",
    )
    database.add(put, told([asked], requester, at=at, request=ids.next_id()))
    return None if rid is None else [Access(**row._mapping) for row in found]


def of_command(
    connection: Connection, requester: Requester, child: str, what: str, *, at: datetime
) -> int | None:
    """Tell in this transaction what a shell command did about a child; the child's row, None where there is no
    such Patient and nothing is told. what: the command's name."""
    rid: int | None = connection.scalar(
        select(resource.c.rid).where(resource.c.type == "Patient", resource.c.id == child)
    )
    if rid is not None:
        event = Event("operation", "Patient", child, child_rid=rid, detail=what)
        put(connection, told([event], requester, at=at, request=ids.next_id()))
    return rid


def _rids(type_: str, ids_: Sequence[str], reach: Reach, at: datetime) -> Any:
    # Only what can be read: an event must not tell that a child out of reach exists.
    followed = predicate.followed_then(reach, predicate.moment(reach, at))
    return select(resource.c.child_rid).where(resource.c.type == type_, resource.c.id.in_(ids_), followed)


def _entity(word: str, reach: Reach, at: datetime) -> ColumnElement[bool]:
    key = references.literal(word)
    if key is None:
        raise _bad("entity")
    if key[0] == "Patient":
        return audit_event.c.child_rid.in_(_rids("Patient", [key[1]], reach, at))
    return and_(audit_event.c.type == key[0], audit_event.c.resource_id == key[1])


def _dated(name: str, word: str) -> ColumnElement[bool]:
    try:
        value = dates.parsed(word)
    except ValueError:
        raise _bad(name) from None
    at = audit_event.c.recorded_at
    match value.prefix:
        case "eq":
            return at.between(value.low, value.high)
        case "ne":
            return ~at.between(value.low, value.high)
        case "gt" | "sa":
            return at > value.high
        case "ge":
            return at >= value.low
        case "lt" | "eb":
            return at < value.low
        case "le":
            return at <= value.high
    raise _bad(name)


def _is_rest(word: str) -> ColumnElement[bool]:
    return true() if word in ("rest", f"{_EVENT_TYPES}|rest") else false()


def _whole(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        raise _bad(name)
    return int(value)


def _bad(name: str) -> Invalid:
    return Invalid((Issue("value", "The value is not understood.", name),))
