"""The care of a child ends without another borough's service taking it up (decision 17): it left Greater Manchester,
died, or went to the school nurses.

One transaction: the episodes of the service that answers are finished with the reason, what it offers is taken back,
what was booked for later is cancelled. Where a family went is told to those who lead, and stands in no resource.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, exists, insert, update

from healthvisit.access import reach as reaches
from healthvisit.access.reach import ChildReach
from healthvisit.access.requester import Role
from healthvisit.database import opening
from healthvisit.definitions import CANONICAL
from healthvisit.exact_json import JSON, loads
from healthvisit.record import episodes, ids, instants, ownership, predicate, within
from healthvisit.record.errors import Conflict, Forbidden, Issue, NotFound, Unprocessable
from healthvisit.record.inside import Inside, current
from healthvisit.record.ownership import Responsibility, civil_date, london_date
from healthvisit.record.record import Record
from healthvisit.record.references import is_id
from healthvisit.record.tables import ended_care, resource, responsibility, transfer
from healthvisit.record.writing import Writing, hold

REASONS = f"{CANONICAL}/CodeSystem/end-reason"
END_REASON = f"{CANONICAL}/StructureDefinition/end-reason"
DIED = "died"
# With these it is told where the family went.
LEFT = ("left-for-england", "left-england")
LEADS: tuple[Role, ...] = ("team-lead", "safeguarding-lead")
MOST_WORDS = 500
# How long those who lead are told of what ended.
TOLD_OF = timedelta(days=90)
# What is booked and has not come to pass. https://hl7.org/fhir/R4/valueset-appointmentstatus.html
_BOOKED = ("proposed", "pending", "booked", "waitlist")
_HELD = ("arrived", "triaged", "in-progress", "onleave", "finished")


class Ending(NamedTuple):
    """What is to be written. on: the first day on which the service no longer answers. reason: a code of REASONS.
    where: the place that the family went to; service: the one that takes the child up there; None for untold."""

    on: date
    reason: str
    where: str | None = None
    service: str | None = None


class Ended(NamedTuple):
    """episode: id of the EpisodeOfCare that answered until now. cancelled: how many appointments were."""

    id: str
    episode: str
    cancelled: int


@dataclass(frozen=True)
class Listed:
    """One ending as those who lead are told of it. name: a HumanName, or {}. answered: a service answers for the
    child again."""

    id: str
    child: str
    name: JSON
    borough: str
    ending: Ending
    account: str
    at: datetime
    answered: bool


class Over(NamedTuple):
    """Nobody answers for a child any more. on: from which day; for one who died the day, or that of its birth where
    the day is not known."""

    on: date
    died: bool


def end(record: Record, child: str, ending: Ending) -> Ended:
    """End the care of a child. child: id of the Patient.

    Raises what `check` does, and Conflict where somebody else did it meanwhile.
    """
    with record.operation("$end-care", "Patient", child) as inside:
        row, borough, standing = _allowed(inside, child, ending)
        id_ = ids.next_id()
        ended = [
            episodes.writing(_finished(body, ending), id_=episode, version=version)
            for episode, version, body in episodes.bodies(
                inside.connection, [each.episode_rid for each in standing]
            )
        ]
        cancelled = _cancelled(inside, row.rid, ending.on)
        # Written before the episodes end: while the service answers, all of this is its own.
        own = [_patient(row, ending), *cancelled]
        own += [episodes.writing(episodes.provenance(inside, each, "UPDATE"), own=True) for each in ended]
        episodes.write(inside, own, row.rid, as_service=False)
        inside.connection.execute(
            update(transfer)
            .where(transfer.c.child_rid == row.rid, transfer.c.state == "offered")
            .values(
                state="withdrawn",
                settled_by=inside.requester.account,
                settled_at=instants.micros(inside.at),
            )
        )
        inside.connection.execute(
            insert(ended_care).values(
                id=id_,
                child_rid=row.rid,
                borough=borough,
                reason=ending.reason,
                ended_on=ending.on,
                place=ending.where,
                service=ending.service,
                ended_by=inside.requester.account,
                ended_at=instants.micros(inside.at),
            )
        )
        episodes.write(inside, ended, row.rid, as_service=True)
        first = min(ended, key=lambda each: str(each.body["period"]["start"]))
        return Ended(id_, first.id, len(cancelled))


def check(record: Record, child: str, ending: Ending) -> None:
    """Whether the care of a child can be ended so.

    Raises NotFound for a child out of reach; Forbidden for who does not lead, and where another service answers;
    Conflict where none does; Unprocessable, by `reason`, `day`, `where` and `service`, for what does not fit.
    """
    with record.operation("$check-end-care", "Patient", child) as inside:
        _allowed(inside, child, ending)


def listed(record: Record) -> list[Listed]:
    """What ended lately in the requester's boroughs, the last first."""
    with record.operation("$endings") as inside:
        _admit(inside)
        inside.permit("Patient", "r")
        here = ended_care.c
        answered = exists().where(
            responsibility.c.child_rid == here.child_rid,
            predicate.answers(frozenset(inside.definitions.boroughs.values()), inside.on),
        )
        rows = inside.connection.execute(
            current()
            .add_columns(
                *(here[name] for name in _COLUMNS), here.id.label("ending"), answered.label("answered")
            )
            .join(ended_care, here.child_rid == resource.c.rid)
            .where(
                here.borough.in_(episodes.boroughs(inside, "r", "Patient")),
                here.ended_at > instants.micros(inside.at - TOLD_OF),
                inside.readable(),
            )
            .order_by(here.ended_at.desc(), here.id.desc())
        )
        return [_told(inside, row) for row in rows]


def _told(inside: Inside, row: Row[*tuple[Any, ...]]) -> Listed:
    patient = loads(row.body)
    return Listed(
        row.ending,
        row.id,
        next(iter(patient.get("name", ())), {}),
        row.borough,
        Ending(row.ended_on, row.reason, *_whereabouts(inside, patient, row)),
        row.ended_by,
        instants.from_micros(row.ended_at),
        bool(row.answered),
    )


def _whereabouts(inside: Inside, patient: JSON, row: Row[*tuple[Any, ...]]) -> tuple[str | None, str | None]:
    """Where a family went, and to which service; of a child whose whereabouts are kept hidden for who protects it."""
    if ownership.is_marked(patient) and inside.requester.role != "safeguarding-lead":
        return None, None
    return row.place, row.service


_COLUMNS = ("borough", "reason", "ended_on", "place", "service", "ended_by", "ended_at")


def over(record: Record, child: str) -> Over | None:
    """Whether nobody answers for a child any more, None while somebody does or nobody did yet.

    Told to whoever reads the child, a parent too: no page reminds of a review that nobody does. By whom it was
    cared for is not told. Raises NotFound for a child out of reach.
    """
    with record.operation("$care") as inside:
        row = _read(inside, child)
        inside.event.child_rid = row.rid
        patient = loads(row.body)
        if "deceasedDateTime" in patient or patient.get("deceasedBoolean"):
            day = civil_date(patient.get("deceasedDateTime")) or civil_date(patient.get("birthDate"))
            return Over(day or inside.on, died=True)
        if isinstance(inside.reach, ChildReach):
            with opening(inside.connection, within.CARE):
                standing = episodes.standing(inside.connection, row.rid)
        else:
            standing = episodes.standing(inside.connection, row.rid)
        if not standing or any(each.until_on is None or each.until_on > inside.on for each in standing):
            return None
        return Over(max(each.until_on for each in standing if each.until_on is not None), died=False)


def _admit(inside: Inside) -> None:
    if inside.requester.role not in LEADS:
        raise Forbidden("The care of a child is ended by who leads its team.")


def _read(inside: Inside, child: str) -> Row[*tuple[Any, ...]]:
    inside.permit("Patient", "r")
    row: Row[*tuple[Any, ...]] | None = inside.connection.execute(
        current().where(
            resource.c.type == "Patient",
            resource.c.id == (child if is_id(child) else ""),
            inside.readable(),
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def _allowed(
    inside: Inside, child: str, ending: Ending
) -> tuple[Row[*tuple[Any, ...]], str, list[Responsibility]]:
    """The Patient, the borough that answers, and its episodes that would go on after the day.

    Nobody else changes who answers for the child until the transaction ends. Raises what `check` does.
    """
    _admit(inside)
    inside.permit("EpisodeOfCare", "u")
    inside.permit("Patient", "u")
    row = _read(inside, child)
    inside.event.child_rid = row.rid
    hold(inside.connection, [f"child {row.rid}"])
    # What stood before the wait may stand no more.
    row = _read(inside, child)
    standing = episodes.standing(inside.connection, row.rid)
    today = [each for each in standing if each.on(inside.on)]
    if not today:
        raise Conflict("No service answers for this child today.")
    boroughs = episodes.boroughs(inside, "u", "EpisodeOfCare") & episodes.boroughs(inside, "u", "Patient")
    borough = today[0].borough
    if borough not in boroughs:
        raise Forbidden("This service does not answer for the child today.")
    going_on = [each for each in standing if each.until_on is None or each.until_on > ending.on]
    _refuse_reason(inside, loads(row.body), ending)
    _refuse_day(inside, row.rid, ending, min(each.from_on for each in today))
    if any(each.borough != borough for each in going_on):
        raise Conflict("Another service is to answer for this child.")
    return row, borough, going_on


def _refuse_reason(inside: Inside, patient: JSON, ending: Ending) -> None:
    episodes.known(inside, REASONS, ending.reason, "reason")
    has_left = ending.reason in LEFT
    if has_left and not ending.where:
        raise Unprocessable((Issue("required", "Say where the family went.", "where"),))
    for name, text in (("where", ending.where), ("service", ending.service)):
        if text is not None and not 0 < len(text) <= MOST_WORDS:
            raise Unprocessable((Issue("value", f"1 to {MOST_WORDS} characters are needed.", name),))
    if ending.reason == DIED and (ending.where or ending.service):
        raise Unprocessable((Issue("business-rule", "A child who died went to no other service.", "where"),))
    died = patient.get("deceasedDateTime")
    if ending.reason != DIED and (died is not None or patient.get("deceasedBoolean")):
        raise Unprocessable((Issue("business-rule", "The record says that the child has died.", "reason"),))
    if ending.reason == DIED and died is not None and civil_date(died) != ending.on:
        raise Unprocessable((Issue("business-rule", "The record names another day of death.", "day"),))


def _refuse_day(inside: Inside, child_rid: int, ending: Ending, began_on: date) -> None:
    def refuse(text: str) -> None:
        raise Unprocessable((Issue("business-rule", text, "day"),))

    if ending.on > inside.on:
        refuse("It is a day that has not come yet.")
    if ending.on < began_on:
        refuse("It is before the care by this service began.")
    seen_on = [
        day
        for body in _papers(inside, child_rid, "Encounter")
        if body.get("status") in _HELD and (day := _day(body.get("period", {}).get("start"))) is not None
    ]
    if seen_on and ending.on < max(seen_on):
        refuse("The child was seen after that day.")


def _papers(inside: Inside, child_rid: int, type_: str) -> list[JSON]:
    """What stands of a child of this type, as far as who asks may read it by role: scopes take no visit away."""
    whole = reaches.of(inside.requester, on=inside.on)
    rows = inside.connection.execute(
        current().where(
            resource.c.child_rid == child_rid,
            resource.c.type == type_,
            predicate.readable(whole, at=inside.at),
        )
    )
    return [loads(row.body) for row in rows]


def _day(text: object) -> date | None:
    """Civil date in England of a FHIR date, dateTime or instant."""
    at = _instant(text)
    return civil_date(text) if at is None else london_date(at)


def _instant(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None


def _finished(body: JSON, ending: Ending) -> JSON:
    stated = [each for each in body.get("extension", ()) if each.get("url") != END_REASON]
    stated.append({"url": END_REASON, "valueCoding": {"system": REASONS, "code": ending.reason}})
    return {**episodes.ended(body, ending.on.isoformat()), "extension": stated}


def _patient(row: Row[*tuple[Any, ...]], ending: Ending) -> Writing:
    """The child as the service knows it on this day. It is written also where nothing changes: the service keeps
    reading what it wrote, and can take the child up again."""
    body = loads(row.body)
    if ending.reason == DIED:
        body.pop("deceasedBoolean", None)
        body.setdefault("deceasedDateTime", ending.on.isoformat())
    return episodes.writing(body, id_=row.id, version=row.version, own=True)


def _cancelled(inside: Inside, child_rid: int, on: date) -> list[Writing]:
    """Appointments that were booked for after the day, or for later today."""
    found = []
    for body in _papers(inside, child_rid, "Appointment"):
        start = _instant(body.get("start"))
        is_later = start is None or london_date(start) > on or start > inside.at
        if body.get("status") in _BOOKED and is_later:
            cancelled = {**body, "status": "cancelled"}
            version = int(body["meta"]["versionId"])
            found.append(episodes.writing(cancelled, id_=body["id"], version=version, own=True))
    return found
