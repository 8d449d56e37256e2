"""What transfers and endings share: who answers for a child, and its episodes as the service itself writes them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from healthvisit.access import reach as reaches
from healthvisit.access.reach import BoroughReach, WholeRecord
from healthvisit.access.scopes import Letter
from healthvisit.exact_json import JSON, loads
from healthvisit.record import instants, ownership, references
from healthvisit.record.audit import Event
from healthvisit.record.errors import Issue, Unprocessable
from healthvisit.record.inside import Inside
from healthvisit.record.tables import resource, resource_version, responsibility
from healthvisit.record.writing import Writer, Writing

_ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"


def boroughs(inside: Inside, letter: Letter, type_: str) -> frozenset[str]:
    """Boroughs of the requester that the scopes leave for this letter of a type."""
    whole = reaches.of(inside.requester, on=inside.on)
    reach = reaches.narrowed(whole, inside.requester.scopes, letter)
    if not isinstance(reach, BoroughReach):
        return frozenset()
    limits = [limit.boroughs for limit in reach.limits(type_) if not limit.categories]
    return frozenset[str]().union(*limits)


def known(inside: Inside, system: str, code: str, place: str) -> None:
    """Raises Unprocessable for what is no code of the system."""
    if code not in inside.definitions.codes(system):
        raise Unprocessable((Issue("code-invalid", f"A code of {system} is needed.", place),))


def standing(connection: Connection, child_rid: int) -> list[ownership.Responsibility]:
    rows = connection.execute(
        select(
            *(responsibility.c[name] for name in ownership.Responsibility._fields),
        ).where(responsibility.c.child_rid == child_rid)
    )
    return [ownership.Responsibility(*row) for row in rows]


def bodies(connection: Connection, rids: Iterable[int]) -> list[tuple[str, int, JSON]]:
    """Id, version and body of what stands in these rows."""
    rows = connection.execute(
        select(resource.c.id, resource.c.version, resource_version.c.body)
        .join(
            resource_version,
            (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
        )
        .where(resource.c.rid.in_(list(rids)))
        .order_by(resource.c.rid)
    )
    return [(row.id, row.version, loads(row.body)) for row in rows]


def ended(body: JSON, on: str) -> JSON:
    """The episode as it ends on a day."""
    start = str(body["period"]["start"])
    if start[:10] > on:
        # It would have begun later: it never does.
        return {**body, "status": "cancelled"}
    return {**body, "status": "finished", "period": {**body["period"], "end": on}}


def writing(body: JSON, *, id_: str | None = None, version: int | None = None, own: bool = False) -> Writing:
    """A new resource, or a new version of the one with this id. own: as in Writing."""
    found: list[str] = []
    named = references.rewritten(body, {}, found)
    type_ = str(body["resourceType"])
    if id_ is None:
        return Writing(type_, named, type_, found, own=own)
    return Writing(type_, named, type_, found, id=id_, method="PUT", expects=version, own=own)


def provenance(inside: Inside, of: Writing, activity: str) -> JSON:
    """Who did this, and for whom. https://hl7.org/fhir/R4/provenance.html"""
    who = inside.requester.fhir_user
    named: JSON = {"reference": who} if who else {"identifier": {"value": inside.requester.account}}
    return {
        "resourceType": "Provenance",
        "target": [{"reference": f"{of.type}/{of.id}"}],
        "occurredDateTime": inside.on.isoformat(),
        "recorded": instants.text(instants.micros(inside.at)),
        "activity": {"coding": [{"system": _ACTIVITY, "code": activity}]},
        "agent": [{"who": named}],
    }


def write(inside: Inside, writings: Sequence[Writing], child_rid: int, *, as_service: bool) -> None:
    """Write them, each with its event. as_service: what no team may write by itself; who did it stays on every
    version."""
    whole = reaches.of(inside.requester, on=inside.on)
    if as_service:
        requester = replace(inside.requester, role="service", scopes=(), patient=None)
        writer = Writer(inside.connection, requester, WholeRecord(), inside.definitions, inside.at, inside.on)
    else:
        writer = Writer(inside.connection, inside.requester, whole, inside.definitions, inside.at, inside.on)
    writer.write(writings)
    inside.events.extend(
        Event("update" if each.is_update else "create", each.type, each.id, each.version, child_rid)
        for each in writings
    )
