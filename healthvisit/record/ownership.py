"""Child and borough of a resource: computed here at every write, never taken from the client (decision 3).

A child belongs to a borough through a dated EpisodeOfCare with that borough's service. Everything else of the
child follows the child. What is written is written on behalf of the borough that answers that day.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from healthvisit.access.reach import BOROUGH_TYPES, CHILD_TYPES, RESTRICTED_TYPES, SHARED_TYPES
from healthvisit.access.requester import Requester
from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.record import references
from healthvisit.record.errors import Conflict, Forbidden, Issue, Unprocessable
from healthvisit.record.instants import micros
from healthvisit.record.references import Key

LONDON = ZoneInfo("Europe/London")
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
RELEASED_AT = f"{CANONICAL}/StructureDefinition/released-at"
# http://terminology.hl7.org/CodeSystem/v3-Confidentiality: restricted and very restricted.
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_RESTRICTING = ("R", "V")

# Where each type names its child.
CHILD_ELEMENT = {
    "RelatedPerson": "patient",
    "EpisodeOfCare": "patient",
    "Encounter": "subject",
    "QuestionnaireResponse": "subject",
    "Observation": "subject",
    "Condition": "subject",
    "Immunization": "patient",
    "Flag": "subject",
    "CarePlan": "subject",
    "CareTeam": "subject",
    "Task": "for",
    "ServiceRequest": "subject",
    "Communication": "subject",
    "Consent": "patient",
    "DocumentReference": "subject",
    "List": "subject",
    "Composition": "subject",
    "RiskAssessment": "subject",
}
# The child of these is that of another of the child's resources, which may be written with them: asked after
# the others, in this order.
_FOLLOWING = ("Binary", "Provenance")
# Where each type says of which day it speaks: the first that is there.
_DAYS = {
    "EpisodeOfCare": ("period",),
    "Encounter": ("period",),
    "QuestionnaireResponse": ("authored",),
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    "Condition": ("recordedDate", "onsetDateTime", "onsetPeriod"),
    "Immunization": ("occurrenceDateTime",),
    "Flag": ("period",),
    "CarePlan": ("created", "period"),
    "CareTeam": ("period",),
    "Task": ("authoredOn", "executionPeriod"),
    "ServiceRequest": ("authoredOn", "occurrenceDateTime", "occurrencePeriod"),
    "Communication": ("sent", "received"),
    "Consent": ("dateTime",),
    "Appointment": ("created", "start"),
    "DocumentReference": ("date",),
    "List": ("date",),
    "Composition": ("date",),
    "RiskAssessment": ("occurrenceDateTime", "occurrencePeriod"),
    "Provenance": ("occurredDateTime", "occurredPeriod", "recorded"),
}
# What a professional may release to the parents.
_RELEASED = ("Encounter", "Observation")
# A service answers for a child in these; planned, cancelled and mistaken episodes give nobody anything.
_ANSWERING = ("active", "onhold", "finished")


@dataclass(frozen=True)
class Owned:
    """Whose a resource is. audience: shared, child, borough or published. released_at: in microseconds.
    restricted: for who works for the child's safety. sensitive: of a child who is marked so."""

    audience: str
    child_rid: int | None = None
    author_borough: str | None = None
    released_at: int | None = None
    restricted: bool = False
    sensitive: bool = False


SHARED = Owned("shared")


class Responsibility(NamedTuple):
    """One service answers for one child from a day to the day before `until_on`; None is no end yet."""

    episode_rid: int
    child_rid: int
    borough: str
    from_on: date
    until_on: date | None

    def on(self, day: date) -> bool:
        return self.from_on <= day and (self.until_on is None or day < self.until_on)

    def overlaps(self, other: "Responsibility") -> bool:
        return (other.until_on is None or self.from_on < other.until_on) and (
            self.until_on is None or other.from_on < self.until_on
        )


def child_keys(type_: str, body: JSON) -> tuple[tuple[Key, str], ...]:
    """The Patient that a child's resource names, with the Reference's FHIRPath; for Provenance its targets, for
    Binary whatever of the child's its securityContext names.

    Raises Unprocessable where it names none: what is nobody's could be reached by nobody, or by everybody.
    """
    if type_ == "Provenance":
        found = tuple(
            (key, f"Provenance.target[{index}]")
            for index, target in enumerate(body.get("target", ()))
            if (key := references.literal(target.get("reference", ""))) and key[0] in CHILD_TYPES
        )
        if not found:
            raise Unprocessable(
                (Issue("required", "A target of a child's record is needed.", "Provenance.target"),)
            )
        return found
    if type_ == "Binary":
        place = "Binary.securityContext"
        key = references.literal(body.get("securityContext", {}).get("reference", ""))
        if key is None or key[0] not in CHILD_TYPES:
            raise Unprocessable((Issue("required", "A reference to a child's record is needed.", place),))
        return ((key, place),)
    if type_ == "Appointment":
        return _who_comes(body)
    element = CHILD_ELEMENT[type_]
    place = f"{type_}.{element}"
    key = references.literal(body.get(element, {}).get("reference", ""))
    if key is None or key[0] != "Patient":
        raise Unprocessable((Issue("required", "A reference Patient/id to a child is needed.", place),))
    return ((key, place),)


def _who_comes(appointment: JSON) -> tuple[tuple[Key, str], ...]:
    """The one Patient among the participants of an Appointment."""
    found = tuple(
        (key, f"Appointment.participant[{index}].actor")
        for index, participant in enumerate(appointment.get("participant", ()))
        if (key := references.literal(participant.get("actor", {}).get("reference", "")))
        and key[0] == "Patient"
    )
    if len(found) != 1:
        raise Unprocessable(
            (Issue("required", "One participant who is a child is needed.", "Appointment.participant"),)
        )
    return found


def released_at(type_: str, body: JSON) -> int | None:
    """When a professional released this to the parents, in microseconds since 1970 UTC."""
    if type_ not in _RELEASED:
        return None
    for extension in body.get("extension", ()):
        if extension.get("url") == RELEASED_AT:
            try:
                at = datetime.fromisoformat(extension["valueDateTime"])
            except (KeyError, TypeError, ValueError):
                at = None
            if at is None or at.tzinfo is None:
                raise Unprocessable(
                    (Issue("value", "An instant with its zone is needed.", f"{type_}.extension"),)
                )
            return micros(at)
    return None


def is_marked(body: JSON) -> bool:
    """Whether it is marked as restricted; what it contains carries no mark (dom-5). A code that names no system is
    taken for HL7's: who wrote it meant to hide something."""
    return any(
        label.get("code") in _RESTRICTING and label.get("system") in (CONFIDENTIALITY, None)
        for label in body.get("meta", {}).get("security", ())
    )


def about(body: JSON, named: Iterable[str]) -> frozenset[Key]:
    """The papers that a paper is about: those that it refers to, and the Binary that is its attachment.

    named: its references. A RelatedPerson is a person, whom papers name without being about them.
    """
    attached = (content["attachment"].get("url", "") for content in body.get("content", ())
                if isinstance(content, dict) and isinstance(content.get("attachment"), dict))  # fmt: skip
    keys = (references.literal(reference) for reference in (*named, *attached))
    return frozenset(key for key in keys if key and key[0] in RESTRICTED_TYPES and key[0] != "RelatedPerson")


def restricted(
    papers: Mapping[Key, frozenset[Key]], marked: Iterable[Key], standing: Iterable[Key] = ()
) -> frozenset[Key]:
    """Those of the papers that are restricted: by their own mark, or by that of what they are about.

    papers: what each is about. standing: restricted papers beside them.
    """
    found = {*marked, *(key for key in standing if key not in papers)}
    while fresh := {key for key, named in papers.items() if key not in found and named & found}:
        found |= fresh
    return frozenset(papers.keys() & found)


def nhs_numbers(body: JSON) -> tuple[str, ...]:
    """NHS numbers of a Patient, each once."""
    found = (
        identifier.get("value")
        for identifier in body.get("identifier", ())
        if identifier.get("system") == NHS_NUMBER
    )
    return tuple(dict.fromkeys(value for value in found if value))


def responsibility(
    body: JSON, *, episode_rid: int, child_rid: int, requester: Requester, definitions: Definitions
) -> Responsibility | None:
    """What an EpisodeOfCare makes of its service, None where its status gives nobody anything.

    Raises Unprocessable for a service that is not a borough's or a period without its days; Forbidden where
    the requester does not work for that borough.
    """
    place = "EpisodeOfCare.managingOrganization"
    key = references.literal(body.get("managingOrganization", {}).get("reference", ""))
    borough = definitions.boroughs.get(key[1]) if key and key[0] == "Organization" else None
    if borough is None:
        raise Unprocessable((Issue("business-rule", "The service of a borough is needed.", place),))
    if requester.role != "service" and borough not in requester.boroughs:
        raise Forbidden("An episode is opened by the service that it names.", place)
    from_on = _day(body, "start")
    until_on = _day(body, "end")
    if from_on is None or (until_on is None and body.get("status") == "finished"):
        element = "start" if from_on is None else "end"
        raise Unprocessable((Issue("required", "A day is needed.", f"EpisodeOfCare.period.{element}"),))
    if until_on is not None and until_on < from_on:
        raise Unprocessable((Issue("invariant", "It ends before it starts.", "EpisodeOfCare.period"),))
    if body.get("status") not in _ANSWERING:
        return None
    return Responsibility(episode_rid, child_rid, borough, from_on, until_on)


def agrees(
    fresh: Responsibility, standing: Iterable[Responsibility], *, opened: bool, requester: Requester
) -> None:
    """Raises Conflict where another borough's service answers for the child in the same days.

    opened: the episode is new. A service may take up a child again whom no other service has taken up since;
    a child whom another service had later comes back by being handed over.
    """
    for other in standing:
        if other.episode_rid == fresh.episode_rid or other.borough == fresh.borough:
            continue
        later = (
            opened
            and requester.role != "service"
            and (other.until_on is None or other.until_on > fresh.from_on)
        )
        if later or fresh.overlaps(other):
            raise Conflict("Another service answers for this child in these days.", "EpisodeOfCare.period")


def refuse_gap(
    before: Iterable[Responsibility], after: Collection[Responsibility], *, requester: Requester
) -> None:
    """Raises Unprocessable where a service that answers for the child on a day would no longer (decision 12).

    before, after: who answers, as it stands and as it would be written. The service's own commands alone may:
    they write history, and whom a transfer was accepted from.
    """
    if requester.role == "service" or all(_goes_on(each, after) for each in before):
        return
    raise Unprocessable(
        "A service answers for a child until another has accepted it.", "EpisodeOfCare.period"
    )


def _goes_on(one: Responsibility, after: Collection[Responsibility]) -> bool:
    """Whether the same service answers afterwards on every day on which it does so by this episode."""
    reached_on = one.from_on
    for each in sorted(
        (each for each in after if each.borough == one.borough), key=lambda each: each.from_on
    ):
        if each.from_on > reached_on:
            break
        if each.until_on is None:
            return True
        reached_on = max(reached_on, each.until_on)
    return one.until_on is not None and reached_on >= one.until_on


def author_borough(
    requester: Requester, standing: Iterable[Responsibility], *, on: date, day: date, place: str
) -> str | None:
    """The borough on whose behalf something of a child is written.

    on: the civil date of the request. day: the date the resource speaks of; the service's own commands write
    history, and write it for whoever answered for the child then.
    Raises Unprocessable where the requester works for several boroughs and none answers for the child yet.
    """
    standing = sorted(standing, key=lambda each: each.from_on)
    if requester.role == "service":
        then = [each.borough for each in standing if each.on(day)] or [each.borough for each in standing]
        return then[0] if then else None
    today = [each.borough for each in standing if each.on(on) and each.borough in requester.boroughs]
    if today:
        return today[0]
    if len(requester.boroughs) == 1:
        return next(iter(requester.boroughs))
    raise Unprocessable((Issue("business-rule", "It is not clear which borough's child this is.", place),))


def of_a_borough(body: JSON, requester: Requester, definitions: Definitions) -> Owned:
    """Whose a borough's own resource is. Raises Unprocessable where it is not the requester's borough's."""
    of = of_report if body["resourceType"] == "MeasureReport" else of_group
    return of(body, requester, definitions)


def of_report(body: JSON, requester: Requester, definitions: Definitions) -> Owned:
    """A MeasureReport: frozen figures when the service itself writes them, else a borough's own return."""
    if requester.role == "service" and not requester.boroughs:
        return Owned("published")
    key = references.literal(body.get("reporter", {}).get("reference", ""))
    borough = definitions.boroughs.get(key[1]) if key and key[0] == "Organization" else None
    if borough not in requester.boroughs:
        raise Unprocessable(
            (
                Issue(
                    "business-rule",
                    "The return's reporter is the requester's own service.",
                    "MeasureReport.reporter",
                ),
            )
        )
    return Owned("borough", author_borough=borough)


def of_group(body: JSON, requester: Requester, definitions: Definitions) -> Owned:
    """A Group: a list of children that a borough keeps, by the service that manages it.

    Raises Unprocessable for members that are not children, and where the borough is not the requester's.
    """
    for index, member in enumerate(body.get("member", ())):
        key = references.literal(member["entity"].get("reference", ""))
        if key is None or key[0] != "Patient":
            place = f"Group.member[{index}].entity"
            raise Unprocessable((Issue("business-rule", "A member is a child: Patient/id.", place),))
    key = references.literal(body.get("managingEntity", {}).get("reference", ""))
    borough = definitions.boroughs.get(key[1]) if key and key[0] == "Organization" else None
    if requester.role == "service" and not requester.boroughs:
        return Owned("borough", author_borough=borough)
    if key is None and len(requester.boroughs) == 1:
        borough = next(iter(requester.boroughs))
    if borough not in requester.boroughs:
        text = "A group is managed by the requester's own service."
        raise Unprocessable((Issue("business-rule", text, "Group.managingEntity"),))
    return Owned("borough", author_borough=borough)


def is_shared(type_: str) -> bool:
    return type_ in SHARED_TYPES


def is_of_a_child(type_: str) -> bool:
    return type_ in CHILD_TYPES


def is_of_a_borough(type_: str) -> bool:
    return type_ in BOROUGH_TYPES


def order(type_: str) -> int:
    """In which order the child of resources that are written together can be told."""
    return _FOLLOWING.index(type_) + 1 if type_ in _FOLLOWING else 0


def day_of(body: Mapping[str, Any]) -> date | None:
    """The civil date that a resource speaks of, as it was stated, or None where it states none."""
    for element in _DAYS.get(body["resourceType"], ()):
        value = body.get(element)
        if value is not None:
            return civil_date(value.get("start") if isinstance(value, dict) else value)
    return None


def london_date(at: datetime) -> date:
    """Civil date in Europe/London of an aware instant."""
    return at.astimezone(LONDON).date()


def _day(body: JSON, element: str) -> date | None:
    return civil_date((body.get("period") or {}).get(element))


def civil_date(text: Any) -> date | None:
    """The day of a FHIR date, dateTime or instant as it was stated; a month or a year alone names none."""
    if not isinstance(text, str) or len(text) < len("2021-02-15"):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
