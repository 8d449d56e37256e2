"""One event per interaction, in the same transaction as its data; refusals too, once they are undone.

Events are rows, shown as FHIR AuditEvent on reading, under the reach of the child they are about.
https://hl7.org/fhir/R4/auditevent.html; IHE Basic Audit Log Patterns (patterns Read, Query, Create, Update).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, false, func, or_, select, true

from healthvisit.access.reach import Reach
from healthvisit.access.requester import Requester
from healthvisit.exact_json import JSON
from healthvisit.record import chain, ids, instants, predicate, references
from healthvisit.record.errors import Invalid, Issue
from healthvisit.record.search import date as dates
from healthvisit.record.tables import audit_event, resource

DONE, REFUSED, FAILED = 0, 4, 8

_ACTIONS = {
    "read": "R", "vread": "R", "history-instance": "R", "history-type": "R", "history-system": "R",
    "search-type": "E", "create": "C", "update": "U", "patch": "U", "delete": "D",
    "transaction": "E", "operation": "E",
}  # fmt: skip
_OUTCOMES = {DONE: "Done", REFUSED: "Refused", FAILED: "Failed"}
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_EVENT_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_OBJECT_ROLES = "http://terminology.hl7.org/CodeSystem/object-role"
_RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
_REQUEST = {
    "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
    "code": "XrequestId",
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
            event.resource_id,
            event.version,
            event.child_rid,
            request,
            event.detail,
            boroughs,
        )
        for event in events
    ]


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


def read(connection: Connection, reach: Reach, id_: str) -> Found | None:
    """The event with this id, where the requester reaches the child it is about."""
    found = _select(connection, reach, audit_event.c.id == id_, 1)
    return found[0] if found else None


@dataclass(frozen=True)
class Query:
    """A search for events. patients: ids that it names."""

    condition: ColumnElement[bool]
    count: int
    before: int | None
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
            before = _whole(name, value)
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
    """Events of one page, how many there are in all, and the _page of the next."""
    here = query.condition if query.before is None else query.condition & (audit_event.c.seq < query.before)
    found = _select(connection, reach, here, query.count + 1) if query.count else []
    total = connection.scalar(
        select(func.count()).select_from(audit_event).where(query.condition, predicate.readable_event(reach))
    )
    more = len(found) > query.count
    found = found[: query.count]
    return found, total or 0, str(found[-1].seq) if more else None


def _select(connection: Connection, reach: Reach, condition: ColumnElement[bool], most: int) -> list[Found]:
    child = resource.alias("child")
    rows = connection.execute(
        select(audit_event, child.c.id.label("child_id"))
        .join(child, child.c.rid == audit_event.c.child_rid, isouter=True)
        .where(condition, predicate.readable_event(reach))
        .order_by(audit_event.c.seq.desc())
        .limit(most)
    )
    return [Found(row.seq, row.id, row.recorded_at, row.child_rid, _event(row)) for row in rows]


def _event(row: Row[Any]) -> JSON:
    recorded = instants.text(row.recorded_at)
    agents: list[JSON] = [
        {
            "role": [{"text": row.role}],
            "who": {"identifier": {"value": row.account}},
            "requestor": True,
        }
    ]
    if row.client is not None:
        agents.append({"who": {"identifier": {"value": row.client}}, "requestor": False})
    entities: list[JSON] = []
    if row.child_id is not None:
        entities.append(_entity_shown(f"Patient/{row.child_id}", "1", "Patient"))
    if row.type is not None and row.resource_id is not None and row.type != "Patient":
        version = f"/_history/{row.version}" if row.version is not None else ""
        entities.append(_entity_shown(f"{row.type}/{row.resource_id}{version}", "4", "Domain Resource"))
    if row.interaction == "search-type":
        # The query itself may hold an NHS number: it is told that there was one, and of which type.
        entities.append(
            {"type": {"system": _RESOURCE_TYPES, "code": row.type}, "role": _object_role("24", "Query")}
        )
    if row.detail is not None:
        entities.append({"name": row.detail, "role": _object_role("20", "Job")})
    entities.append({"what": {"identifier": {"value": row.request}}, "type": _REQUEST})
    return {
        "resourceType": "AuditEvent",
        "id": row.id,
        "meta": {"versionId": "1", "lastUpdated": recorded},
        "type": {"system": _EVENT_TYPES, "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": _RESTFUL, "code": row.interaction}],
        "action": _ACTIONS[row.interaction],
        "recorded": recorded,
        "outcome": str(row.outcome),
        "outcomeDesc": _OUTCOMES[row.outcome],
        "agent": agents,
        "source": {"observer": {"display": "healthvisit"}},
        "entity": entities,
    }


def _entity_shown(reference: str, code: str, display: str) -> JSON:
    return {"what": {"reference": reference}, "role": _object_role(code, display)}


def _object_role(code: str, display: str) -> JSON:
    return {"system": _OBJECT_ROLES, "code": code, "display": display}


def _rids(type_: str, ids_: Sequence[str], reach: Reach, at: datetime) -> Any:
    # Only what can be read: an event must not tell that a child out of reach exists.
    readable = predicate.readable(reach, at=at)
    return select(resource.c.child_rid).where(resource.c.type == type_, resource.c.id.in_(ids_), readable)


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
