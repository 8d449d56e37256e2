"""One child: every review and stage, and how it stands on a given day.

The record decides what is visible: a parent's timeline is made of what was released, a health visitor's of
all that the borough reaches, by the same lines.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from healthvisit.definitions import CANONICAL
from healthvisit.exact_json import JSON
from healthvisit.programme import pathway
from healthvisit.programme.growth import Measure
from healthvisit.programme.pathway import Outcome, State
from healthvisit.record import endings
from healthvisit.record.record import Record
from healthvisit.reviews import encounters, scoring, windows

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"
GESTATION, WEEKS, DAYS = "412726003", "258705008", "258703001"
# What has a growth chart, and its unit there. Lying length and standing height share one.
_MEASURES: Mapping[str, tuple[Measure, str]] = {
    "27113001": ("weight", "kg"),
    "248334005": ("length", "cm"),
    "50373000": ("length", "cm"),
    "363812007": ("head", "cm"),
}
UCUM = "http://unitsofmeasure.org"
OBSERVATION_CODE = f"{CANONICAL}/CodeSystem/observation-code"
DOMAIN = f"{CANONICAL}/CodeSystem/domain"
ZONE = f"{CANONICAL}/CodeSystem/zone"


@dataclass(frozen=True)
class Gestation:
    """Length of the pregnancy at birth: completed weeks, and days 0 to 6."""

    weeks: int
    days: int

    @property
    def in_days(self) -> int:
        return self.weeks * 7 + self.days


@dataclass(frozen=True)
class Child:
    """name: as written on pages. gestation: None where nobody stated it, as for most born at term. died_on:
    the day of birth where only the death is known, so that nobody is reminded of anything. ended_on: from which
    day no service cares for the child. gender: FHIR's administrative gender.
    """

    id: str
    name: str
    born_on: date
    gestation: Gestation | None
    nhs_number: str | None
    died_on: date | None = None
    ended_on: date | None = None
    gender: str | None = None


@dataclass(frozen=True)
class Measurement:
    """name: the form's word for it, such as Weight. unit: as shown, kg or cm. measure: None for what has no chart."""

    name: str
    value: Decimal
    unit: str
    measure: Measure | None = None


@dataclass(frozen=True)
class DomainResult:
    """points: 0 to 60, None when too many answers were left out. prorated: they rest on fewer than six."""

    domain: str
    title: str
    points: Decimal | None
    zone: str
    cut_off: Decimal | None
    prorated: bool


@dataclass(frozen=True)
class Results:
    """What one review found, as far as this requester may see it.

    feeding: code, and its words. instrument: its name with the form; practice: the notice that it is
    invented, None for a licensed one.
    """

    measurements: tuple[Measurement, ...] = ()
    feeding: tuple[str, str] | None = None
    instrument: str | None = None
    practice: str | None = None
    domains: tuple[DomainResult, ...] = ()


@dataclass(frozen=True)
class Review:
    """How one statutory review, or one stage of the Greater Manchester pathway, stands.

    from_on, until_on, state, reason, done_on: as in `pathway.Standing`. outcome, encounter: of the contact
    that gives the state, None where there was none. results: None where none is there for this requester.
    """

    code: str
    title: str
    state: State
    reason: str
    from_on: date | None
    until_on: date | None
    done_on: date | None
    outcome: Outcome | None = None
    encounter: str | None = None
    results: Results | None = None

    @property
    def is_done(self) -> bool:
        return self.state.startswith("done")


@dataclass(frozen=True)
class Contact:
    """An additional contact that was held. results: None where none is there for this requester."""

    title: str
    on: date
    results: Results | None


@dataclass(frozen=True)
class Timeline:
    """next: the first review not done, not declined, whose window has not passed; None after the last.
    contacts: the additional ones, latest first."""

    child: Child
    on: date
    reviews: tuple[Review, ...]
    stages: tuple[Review, ...]
    next: Review | None
    contacts: tuple[Contact, ...] = ()


def of_child(record: Record, child_id: str, on: date) -> Timeline:
    """Every review and stage of a child on a day. Raises record.errors.NotFound for one out of reach."""
    patient = record.read("Patient", child_id).json()
    patient_is = ("patient", f"Patient/{child_id}")
    contacts = [version.json() for version in record.each("Encounter", [patient_is])]
    observations = [
        body
        for version in record.each("Observation", [patient_is])
        if (body := version.json()).get("status") != "entered-in-error"
    ]
    return of_bodies(record, patient, contacts, observations, on)


def of_bodies(
    record: Record, patient: JSON, contacts: Collection[JSON], observations: Collection[JSON], on: date
) -> Timeline:
    """The same of a child whose contacts and observations were read before. observations: none in error."""
    child = with_end(record, child_of(patient, gestation_of(observations)))
    results = _results(observations, record.definitions.pack)
    tables = windows.in_force(record.definitions, on)
    reviews = tuple(review(window, child, contacts, results, on) for window in tables.reviews)
    return Timeline(
        child,
        on,
        reviews,
        tuple(_stage(stage, child, contacts, on) for stage in tables.stages),
        next((each for each in reviews if each.state in ("not-yet", "open", "due")), None),
        tuple(_additional(record, contacts, results, on)),
    )


def child_of(patient: JSON, gestation: Gestation | None) -> Child:
    return Child(
        patient["id"],
        name_of(patient),
        date.fromisoformat(patient["birthDate"]),
        gestation,
        next(
            (each["value"] for each in patient.get("identifier", ()) if each.get("system") == NHS_NUMBER),
            None,
        ),
        died_on(patient),
        gender=patient.get("gender"),
    )


def with_end(record: Record, child: Child) -> Child:
    """The child with what its own resource does not tell a parent: that it died, or that care has ended."""
    over = endings.over(record, child.id)
    if over is None:
        return child
    return replace(child, died_on=over.on) if over.died else replace(child, ended_on=over.on)


def died_on(patient: JSON) -> date | None:
    """Day of a child's death; the birth date where the day is not stated; None for a living child."""
    at = patient.get("deceasedDateTime")
    if isinstance(at, str) and len(at) >= 10:
        return date.fromisoformat(at[:10])
    if at is not None or patient.get("deceasedBoolean"):
        return date.fromisoformat(patient["birthDate"])
    return None


def name_of(resource: JSON) -> str:
    """Given names and family name of a Patient or Practitioner, "" where none is stated."""
    name: JSON = next(iter(resource.get("name", ())), {})
    text: str = name.get("text") or " ".join([*name.get("given", ()), name.get("family", "")]).strip()
    return text


def gestation_of(observations: Iterable[JSON]) -> Gestation | None:
    """From the Observation of length of gestation at birth; None where there is none with weeks."""
    for observation in observations:
        if GESTATION not in _codes(observation["code"], SNOMED):
            continue
        parts = {
            code: int(component["valueQuantity"]["value"])
            for component in observation.get("component", ())
            for code in _codes(component["code"], SNOMED)
            if "value" in component.get("valueQuantity", {})
        }
        if WEEKS in parts:
            return Gestation(parts[WEEKS], parts.get(DAYS, 0))
    return None


def standing(
    window: pathway.Window, child: Child, events: Iterable[pathway.Event], on: date
) -> pathway.Standing:
    """How one window stands for a child who has been born."""
    # Most are born at term and nobody states it: 40 weeks then place the antenatal window near enough to
    # show.
    days = 280 if child.gestation is None else child.gestation.in_days
    return pathway.standing(
        window,
        child.born_on,
        events,
        on,
        pregnancy_began_on=child.born_on - timedelta(days),
        died_on=child.died_on,
        ended_on=child.ended_on,
    )


def review(
    window: pathway.Window,
    child: Child,
    contacts: Iterable[JSON],
    results: Mapping[str, Results],
    on: date,
) -> Review:
    """One review of one child. contacts: of the child, any reviews. results: by the Encounter's reference."""
    attempts = [(each, event) for each, event in _events(contacts, {window.code}) if event.on <= on]
    found = standing(window, child, [event for _, event in attempts], on)
    done = [each for each, event in attempts if event.outcome == "completed" and event.on == found.done_on]
    decisive = done[-1] if done else (attempts[-1][0] if attempts else None)
    return Review(
        found.code,
        window.title,
        found.state,
        found.reason,
        found.from_on,
        found.until_on,
        found.done_on,
        None if decisive is None else encounters.outcome(decisive),
        None if decisive is None else decisive["id"],
        None if decisive is None else results.get(f"Encounter/{decisive['id']}"),
    )


def _additional(
    record: Record, contacts: Iterable[JSON], results: Mapping[str, Results], on: date
) -> list[Contact]:
    titles = record.definitions.codes(encounters.CONTACT)
    held = [
        Contact(titles[kind], event.on, results.get(f"Encounter/{contact['id']}"))
        for contact in contacts
        if (kind := encounters.contact_of(contact) or "") in titles
        and (event := encounters.event(contact)) is not None
        and event.outcome == "completed"
        and event.on <= on
    ]
    return sorted(held, key=lambda each: each.on, reverse=True)


def _stage(stage: windows.Stage, child: Child, contacts: Iterable[JSON], on: date) -> Review:
    events = [event for _, event in _events(contacts, stage.reviews)]
    found = standing(stage.window, child, events, on)
    return Review(
        found.code,
        stage.window.title,
        found.state,
        found.reason,
        found.from_on,
        found.until_on,
        found.done_on,
    )


def _events(contacts: Iterable[JSON], reviews: Collection[str]) -> list[tuple[JSON, pathway.Event]]:
    """Contacts of these reviews, earliest first."""
    found = [
        (contact, event)
        for contact in contacts
        if (encounters.review_of(contact) or "") in reviews
        and (event := encounters.event(contact)) is not None
    ]
    return sorted(found, key=lambda each: each[1].on)


def _results(observations: Iterable[JSON], pack: JSON | None) -> dict[str, Results]:
    """Results by the reference of their Encounter."""
    by_encounter: dict[str, list[JSON]] = {}
    for observation in observations:
        encounter = observation.get("encounter", {}).get("reference")
        if encounter is not None:
            by_encounter.setdefault(encounter, []).append(observation)
    return {encounter: results_of(found, pack) for encounter, found in by_encounter.items()}


def results_of(observations: Iterable[JSON], pack: JSON | None) -> Results:
    """What these observations of one contact found."""
    measurements: list[Measurement] = []
    feeding = instrument = practice = None
    domains: tuple[DomainResult, ...] = ()
    for observation in observations:
        if any(DOMAIN in _systems(component["code"]) for component in observation.get("component", ())):
            instrument = _words(observation["code"])
            invented = "practice-instrument" in _codes(observation["code"], OBSERVATION_CODE)
            practice = (
                (pack or {}).get("notice", "Practice instrument: invented, not clinical")
                if invented
                else None
            )
            domains = tuple(_domain(component) for component in observation["component"])
        elif "feeding-status" in _codes(observation["code"], OBSERVATION_CODE):
            coding = observation.get("valueCodeableConcept", {}).get("coding", [{}])[0]
            feeding = coding.get("code", ""), coding.get("display", "")
        elif "value" in observation.get("valueQuantity", {}):
            quantity = observation["valueQuantity"]
            measurements.append(
                Measurement(
                    _words(observation["code"]),
                    Decimal(str(quantity["value"])),
                    quantity.get("unit", quantity.get("code", "")),
                    _measure(observation["code"], quantity),
                )
            )
    return Results(tuple(measurements), feeding, instrument, practice, domains)


def _measure(concept: JSON, quantity: JSON) -> Measure | None:
    """Of what is measured in the unit of its chart; what is told in another unit is shown, and drawn nowhere."""
    unit = quantity.get("code") if quantity.get("system") == UCUM else None
    return next(
        (
            measure
            for code in _codes(concept, SNOMED)
            for measure, charted in [_MEASURES.get(code, (None, None))]
            if charted == unit
        ),
        None,
    )


def _domain(component: JSON) -> DomainResult:
    coding = next(each for each in component["code"]["coding"] if each.get("system") == DOMAIN)
    interpretation: JSON = next(iter(component.get("interpretation", ())), {})
    value = component.get("valueQuantity", {}).get("value")
    reference: JSON = next(iter(component.get("referenceRange", ())), {})
    low: Any = reference.get("low", {}).get("value")
    return DomainResult(
        coding["code"],
        coding.get("display", coding["code"]),
        None if value is None else Decimal(str(value)),
        next(iter(_codes(interpretation, ZONE)), "not-classified"),
        None if low is None else Decimal(str(low)),
        interpretation.get("text") == scoring.PRORATED,
    )


def _codes(concept: JSON, system: str) -> list[str]:
    return [
        each["code"] for each in concept.get("coding", ()) if each.get("system") == system and "code" in each
    ]


def _systems(concept: JSON) -> list[str]:
    return [each.get("system", "") for each in concept.get("coding", ())]


def _words(concept: JSON) -> str:
    text: str = concept.get("text") or next(
        (each["display"] for each in concept.get("coding", ()) if "display" in each), ""
    )
    return text
