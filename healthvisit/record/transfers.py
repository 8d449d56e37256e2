"""A child goes from one borough's service to another: offered by the one, accepted by the other (decision 12).

Until somebody accepts, the service that offers answers for the child. Accepting ends its episodes and begins
one of the other service in the same transaction, so that one service answers at every instant and never none.
Who is offered a child is told what is needed to say yes or no, and reaches nothing else of the record.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, exists, insert, or_, select, update

from healthvisit.access.requester import STAFF, Requester
from healthvisit.access.scopes import Letter
from healthvisit.database import opening
from healthvisit.definitions import CANONICAL
from healthvisit.exact_json import JSON, loads
from healthvisit.record import episodes, ids, instants, ownership, references, within
from healthvisit.record.audit import Event
from healthvisit.record.errors import Conflict, Forbidden, Issue, NotFound, Unprocessable
from healthvisit.record.inside import Inside
from healthvisit.record.record import Record
from healthvisit.record.references import is_id
from healthvisit.record.tables import resource, resource_version, responsibility, transfer
from healthvisit.record.writing import hold

REASONS = f"{CANONICAL}/CodeSystem/transfer-reason"
REFUSALS = f"{CANONICAL}/CodeSystem/transfer-refusal"
MOST_NOTE = 500
# How long a side is told what the other has answered.
TOLD_OF_ANSWER = timedelta(days=14)

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_RESTRICTED = ("R", "V")
# What somebody still has to do for the child.
_OUTSTANDING = {
    "Task": ("draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"),
    "ServiceRequest": ("draft", "active", "on-hold"),
}


class Settled(NamedTuple):
    """What became of an offer. child, episode: ids of the Patient and of its new EpisodeOfCare, where it was
    accepted."""

    id: str
    state: str
    child: str | None = None
    episode: str | None = None


@dataclass(frozen=True)
class Offer:
    """One offer as one of its two sides is told of it.

    name: a HumanName of family and given alone. born: as FHIR has it. from_borough: GSS code, None for the
    receiving side where a child's whereabouts are kept hidden. outstanding: open tasks and requests. child: id of
    the Patient; with reason and note it is for the side that answers for the child. refusal: why it was declined.
    """

    id: str
    is_arriving: bool
    state: str
    name: JSON
    born: str | None
    nhs_number: str | None
    from_borough: str | None
    to_borough: str
    offered_at: datetime
    outstanding: int
    restricted_handed_over: bool
    child: str | None = None
    reason: str | None = None
    note: str | None = None
    refusal: str | None = None


def offer(
    record: Record,
    child: str,
    *,
    to: str,
    reason: str,
    note: str | None = None,
    hand_over_restricted: bool = False,
) -> Settled:
    """Offer a child to another borough's service. child: id of the Patient. to: "Organization/<id>".

    Raises NotFound for a child out of reach, Forbidden where another service answers for the child today,
    Unprocessable, and Conflict where the child is offered already.
    """
    with record.operation("$offer-transfer", "Patient", child) as inside:
        _admit(inside, "u")
        inside.permit("Patient", "r")
        row = inside.connection.execute(
            select(resource.c.rid).where(
                resource.c.type == "Patient",
                resource.c.id == (child if is_id(child) else ""),
                inside.readable(),
            )
        ).one_or_none()
        if row is None:
            raise NotFound
        inside.event.child_rid = row.rid
        to_borough = _borough(inside, to)
        episodes.known(inside, REASONS, reason, "reason")
        if note is not None and not 0 < len(note) <= MOST_NOTE:
            raise Unprocessable(f"A note has 1 to {MOST_NOTE} characters.", "note")
        hold(inside.connection, [f"child {row.rid}"])
        boroughs = episodes.boroughs(inside, "u", "EpisodeOfCare")
        answering = {
            each.borough for each in episodes.standing(inside.connection, row.rid) if each.on(inside.on)
        }
        if not answering & boroughs:
            raise Forbidden("This service does not answer for the child today.")
        (from_borough,) = answering
        if to_borough == from_borough:
            raise Unprocessable("It is another borough's service that a child is offered to.", "to")
        id_ = ids.next_id()
        here = and_(transfer.c.child_rid == row.rid, transfer.c.state == "offered")
        if from_borough in inside.connection.scalars(select(transfer.c.from_borough).where(here)).all():
            raise Conflict("This child is offered already.")
        # What a service offered that no longer answers for the child is void.
        inside.connection.execute(update(transfer).where(here).values(state="withdrawn"))
        inside.connection.execute(
            insert(transfer).values(
                id=id_,
                child_rid=row.rid,
                from_borough=from_borough,
                to_borough=to_borough,
                offered_by=inside.requester.account,
                offered_at=instants.micros(inside.at),
                reason=reason,
                note=note,
                restricted_handed_over=hand_over_restricted,
                state="offered",
            )
        )
        return Settled(id_, "offered")


def accept(record: Record, id_: str) -> Settled:
    """Answer for an offered child from today on.

    Who asks again gets the first answer. Raises NotFound for an offer to another borough, and Conflict where it
    was accepted by somebody else, or is no longer on offer.
    """
    with record.operation("$accept-transfer") as inside, opening(inside.connection, within.TRANSFER):
        _admit(inside, "c")
        row = _held(inside, id_, "to_borough", "c")
        if row.state == "accepted" and row.settled_by == inside.requester.account:
            return Settled(id_, row.state, row.child, row.episode)
        _refuse_settled(row)
        episode = _handed_over(inside, row)
        _settle(inside, row, "accepted", episode=episode)
        return Settled(id_, "accepted", row.child, episode)


def decline(record: Record, id_: str, *, reason: str) -> Settled:
    """The child stays with the service that offers it, which is told why. Raises what `accept` does."""
    with record.operation("$decline-transfer") as inside, opening(inside.connection, within.TRANSFER):
        _admit(inside, "c")
        row = _held(inside, id_, "to_borough", "c")
        episodes.known(inside, REFUSALS, reason, "reason")
        if not (row.state == "declined" and row.settled_by == inside.requester.account):
            _refuse_settled(row)
            _settle(inside, row, "declined", reason=reason)
        return Settled(id_, "declined")


def withdraw(record: Record, id_: str) -> Settled:
    """Whoever works for the service that offers takes the offer back. Raises what `accept` does."""
    with record.operation("$withdraw-transfer") as inside:
        _admit(inside, "u")
        row = _held(inside, id_, "from_borough", "u")
        if not (row.state == "withdrawn" and row.settled_by == inside.requester.account):
            _refuse_settled(row)
            _settle(inside, row, "withdrawn")
        return Settled(id_, "withdrawn")


def awaiting(record: Record) -> list[Offer]:
    """What is offered to the requester's boroughs, and by them; what they accepted lately, and where they were
    refused. Oldest first."""
    with record.operation("$transfers") as inside, opening(inside.connection, within.TRANSFER):
        _admit(inside, None)
        inside.permit("Patient", "r")
        boroughs = episodes.boroughs(inside, "r", "Patient")
        here = transfer.c
        lately = here.settled_at > instants.micros(inside.at - TOLD_OF_ANSWER)
        mine, for_me = here.from_borough.in_(boroughs), here.to_borough.in_(boroughs)
        asked = or_(
            and_(here.state == "offered", _answers(here.from_borough, inside.on), or_(mine, for_me)),
            and_(here.state == "declined", _answers(here.from_borough, inside.on), lately, mine),
            and_(here.state == "accepted", _answers(here.to_borough, inside.on), lately, for_me),
        )
        rows = inside.connection.execute(
            _offers(inside).add_columns(resource_version.c.body).where(asked)
        ).all()
        outstanding = _outstanding(inside, [row.child_rid for row in rows])
        found = [each for row in rows for each in _told(row, boroughs, outstanding.get(row.child_rid, ()))]
        # Somebody was told who this child is, who does not answer for it yet.
        inside.events.extend(
            Event("operation", "Patient", row.child, child_rid=row.child_rid, detail="$transfers")
            for row in rows
            if row.state == "offered" and row.to_borough in boroughs
        )
        return found


def _answers(borough: ColumnElement[str], on: date) -> ColumnElement[bool]:
    """Offers whose child this borough answers for on the day: of another's child nothing is told."""
    here = responsibility.c
    return exists().where(
        here.child_rid == transfer.c.child_rid,
        here.borough == borough,
        here.from_on <= on,
        or_(here.until_on.is_(None), here.until_on > on),
    )


def _told(row: Row[Any], boroughs: frozenset[str], open_papers: Sequence["_Open"]) -> Iterator[Offer]:
    patient: JSON = loads(row.body)
    told = Offer(
        row.id,
        is_arriving=True,
        state=row.state,
        name=_name(patient),
        born=patient.get("birthDate"),
        nhs_number=next(iter(ownership.nhs_numbers(patient)), None),
        from_borough=None if is_restricted(patient) else row.from_borough,
        to_borough=row.to_borough,
        offered_at=instants.from_micros(row.offered_at),
        # Even the number would tell of a paper that is kept from them.
        outstanding=sum(row.restricted_handed_over or not each.restricted for each in open_papers),
        restricted_handed_over=row.restricted_handed_over,
    )
    whole = replace(
        told,
        from_borough=row.from_borough,
        outstanding=sum(each.readable for each in open_papers),
        child=row.child,
        reason=row.reason,
        note=row.note,
    )
    if row.state == "offered" and row.to_borough in boroughs:
        yield told
    if row.state == "accepted":
        yield replace(whole, from_borough=told.from_borough)
    elif row.from_borough in boroughs:
        yield replace(whole, is_arriving=False, refusal=row.settled_reason)


def is_restricted(body: JSON) -> bool:
    """Whether a paper, or the whereabouts of a child, are marked as restricted or very restricted; what a paper is
    about is not looked at."""
    return any(
        label.get("system") == CONFIDENTIALITY and label.get("code") in _RESTRICTED
        for label in body.get("meta", {}).get("security", ())
    )


def _admit(inside: Inside, letter: Letter | None) -> None:
    """Raises Forbidden for anyone but a person who works with children, and beyond the scopes."""
    if inside.requester.role not in STAFF:
        raise Forbidden("A child is offered and accepted by a named person.")
    if letter is not None:
        inside.permit("EpisodeOfCare", letter)


def _offers(inside: Inside) -> Any:
    """Offers of children whose record is open, with the Patient's id; the caller says which."""
    found = (
        select(transfer, resource.c.id.label("child"))
        .join(resource, resource.c.rid == transfer.c.child_rid)
        .join(
            resource_version,
            (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
        )
        .where(resource.c.audience == "child")
        .order_by(transfer.c.offered_at, transfer.c.id)
    )
    if inside.requester.patient is not None:
        found = found.where(resource.c.id == inside.requester.patient)
    return found


def _held(inside: Inside, id_: str, side: str, letter: Letter) -> Row[Any]:
    """The offer, which nobody else settles until this transaction ends. Raises NotFound."""
    boroughs = episodes.boroughs(inside, letter, "EpisodeOfCare")
    asked = _offers(inside).where(
        transfer.c.id == (id_ if is_id(id_) else ""), transfer.c[side].in_(boroughs)
    )
    row = inside.connection.execute(asked).one_or_none()
    if row is None:
        raise NotFound
    inside.event.child_rid = row.child_rid
    hold(inside.connection, [f"child {row.child_rid}"])
    held: Row[Any] = inside.connection.execute(asked).one()
    return held


def _refuse_settled(row: Row[Any]) -> None:
    if row.state != "offered":
        raise Conflict(
            {
                "accepted": "Somebody has accepted this child already.",
                "declined": "This offer was declined.",
                "withdrawn": "This offer was taken back.",
            }[row.state]
        )


def _settle(
    inside: Inside, row: Row[Any], state: str, *, reason: str | None = None, episode: str | None = None
) -> None:
    inside.connection.execute(
        update(transfer)
        .where(transfer.c.id == row.id)
        .values(
            state=state,
            settled_by=inside.requester.account,
            settled_at=instants.micros(inside.at),
            settled_reason=reason,
            episode=episode,
        )
    )


def _handed_over(inside: Inside, row: Row[Any]) -> str:
    """Ends the episodes of the service that offers and begins one of the other. The new episode's id."""
    standing = [
        each
        for each in episodes.standing(inside.connection, row.child_rid)
        if each.until_on is None or each.until_on > inside.on
    ]
    if any(each.borough != row.from_borough for each in standing):
        raise Conflict("Another service answers for this child by now.")
    organization = next(id_ for id_, gss in inside.definitions.boroughs.items() if gss == row.to_borough)
    today = inside.on.isoformat()
    begun = episodes.writing(
        {
            "resourceType": "EpisodeOfCare",
            "status": "active",
            "patient": {"reference": f"Patient/{row.child}"},
            "managingOrganization": {"reference": f"Organization/{organization}"},
            "period": {"start": today},
            **_care_manager(inside.requester),
        }
    )
    ended = [
        episodes.writing(episodes.ended(body, today), id_=id_, version=version)
        for id_, version, body in episodes.bodies(inside.connection, [each.episode_rid for each in standing])
    ]
    told = [episodes.writing(episodes.provenance(inside, each, "UPDATE")) for each in ended]
    told.append(episodes.writing(episodes.provenance(inside, begun, "CREATE")))
    # The one who accepts could not write for the service that offers.
    episodes.write(inside, [*ended, begun, *told], row.child_rid, as_service=True)
    return begun.id


def _care_manager(requester: Requester) -> JSON:
    who = requester.fhir_user
    is_known = who is not None and who.startswith("Practitioner/")
    return {"careManager": {"reference": who}} if is_known else {}


def _borough(inside: Inside, to: str) -> str:
    key = references.literal(to)
    borough = inside.definitions.boroughs.get(key[1]) if key and key[0] == "Organization" else None
    if borough is None:
        raise Unprocessable((Issue("business-rule", "The service of a borough is needed.", "to"),))
    return borough


class _Open(NamedTuple):
    """An open task or request. readable: by the requester, who answers for the child."""

    restricted: bool
    readable: bool


def _outstanding(inside: Inside, children: Sequence[int]) -> Mapping[int, Sequence[_Open]]:
    """Open tasks and requests by child."""
    if not children:
        return {}
    rows = inside.connection.execute(
        select(
            resource.c.child_rid,
            resource.c.restricted,
            inside.readable().label("readable"),
            resource_version.c.body,
        )
        .join(
            resource_version,
            (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
        )
        .where(
            resource.c.child_rid.in_(children),
            resource.c.type.in_(tuple(_OUTSTANDING)),
            resource.c.deleted.is_(False),
        )
    )
    found: dict[int, list[_Open]] = {}
    for row in rows:
        body = loads(row.body)
        if body.get("status") in _OUTSTANDING[body["resourceType"]]:
            found.setdefault(row.child_rid, []).append(_Open(row.restricted, bool(row.readable)))
    return found


def _name(patient: JSON) -> JSON:
    """The official name, else the first."""
    names: list[JSON] = patient.get("name", [])
    chosen = next((each for each in names if each.get("use") == "official"), names[0] if names else {})
    return {part: chosen[part] for part in ("text", "family", "given") if part in chosen}
