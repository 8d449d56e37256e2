"""One child's record as its reader may see it -> what a family keeps: the values of a printed copy, and a FHIR document.

Both are made of the same resources, those of the pages: what the record does not show this reader is in neither. What
was entered in error, and what was written down at a contact that was, is left out.
https://hl7.org/fhir/R4/documents.html
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from html import escape
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from healthvisit.definitions import Definitions, UnknownDefinition
from healthvisit.exact_json import JSON, dumps
from healthvisit.programme.pathway import Outcome
from healthvisit.record import document as documents
from healthvisit.record import instants, ownership, references
from healthvisit.record.record import Record
from healthvisit.reviews import encounters, timeline
from healthvisit.reviews.timeline import Results, Timeline

MISTAKE = "entered-in-error"
LEFT_OUT = (
    "This copy holds what was shared with the adult who took it. It does not say whether anything else is written down. "
    "It names no health visitor, no team, no place and no adult."
)
_XHTML = "http://www.w3.org/1999/xhtml"
_LANGUAGE = "en-GB"


@dataclass(frozen=True)
class Finding:
    """One thing that was written down. on: None where no day is stated. value: in words, with its unit, or a day."""

    name: str
    value: str | date
    on: date | None


@dataclass(frozen=True)
class Found:
    """findings: each thing that was written down, but the skills of an instrument. instruments: what the pages tell in
    words of an instrument or of feeding, one for each Observation."""

    findings: tuple[Finding, ...]
    instruments: tuple[Results, ...]


@dataclass(frozen=True)
class Contact:
    """One contact, or one that was tried. on: None where it is not stated. outcome: None for one that is not over."""

    title: str
    on: date | None
    outcome: Outcome | None
    found: Found


@dataclass(frozen=True)
class FamilyCopy:
    """names: those beside the one by which the child is called. contacts: newest first. beside: what was written down
    at no contact that the reader is shown. resources: the child, the contacts and the observations, as the reader is
    shown them."""

    timeline: Timeline
    names: tuple[str, ...]
    contacts: tuple[Contact, ...]
    beside: Found
    resources: tuple[JSON, ...]


def of_child(record: Record, child_id: str, on: date) -> FamilyCopy:
    """The copy of a child's record on a day. Raises record.errors.NotFound for a child out of reach."""
    patient = record.read("Patient", child_id).json()
    documents.copied(record, child_id)
    of_the_child = ("patient", f"Patient/{child_id}")
    every = [version.json() for version in record.each("Encounter", [of_the_child])]
    contacts = [each for each in every if each.get("status") != MISTAKE]
    mistaken = {_key(each) for each in every if each.get("status") == MISTAKE}
    observations = [
        body
        for version in record.each("Observation", [of_the_child])
        if (body := version.json()).get("status") != MISTAKE and _contact_of(body) not in mistaken
    ]
    newest_first = sorted(contacts, key=lambda each: encounters.happened_on(each) or date.min, reverse=True)
    in_time = sorted(observations, key=lambda each: ownership.day_of(each) or date.min)
    shown = {_key(each) for each in contacts}
    words = _Words(record.definitions)
    return FamilyCopy(
        timeline.of_bodies(record, patient, contacts, observations, on),
        tuple(timeline.name_of({"name": [each]}) for each in patient.get("name", ())[1:]),
        tuple(
            _contact(each, [one for one in in_time if _contact_of(one) == _key(each)], words)
            for each in newest_first
        ),
        _found([each for each in in_time if _contact_of(each) not in shown], words),
        (patient, *newest_first, *in_time),
    )


def document(record: Record, copy: FamilyCopy) -> bytes:
    """The copy as a document Bundle: the Composition first, then what it is composed of, under names of their own.

    The names are this reader's: the same in each copy that the reader takes, and not those of anybody else's. The ids
    that this service gave are left out: a system that takes the document in gives its own.
    """
    names = {
        _key(each): uuid5(NAMESPACE_OID, f"{record.requester.account} {_key(each)}").urn
        for each in copy.resources
    }
    at = instants.text(instants.micros(record.at))
    composed = [(uuid4().urn, _composition(copy, names, at, _Words(record.definitions)))]
    composed += [(names[_key(each)], _bound(each, names)) for each in copy.resources]
    return dumps(
        {
            "resourceType": "Bundle",
            "identifier": {"system": "urn:ietf:rfc:3986", "value": uuid4().urn},
            "type": "document",
            "timestamp": at,
            "entry": [{"fullUrl": name, "resource": body} for name, body in composed],
        }
    )


def _key(resource: JSON) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _contact_of(observation: JSON) -> str | None:
    return _named(observation.get("encounter", {}).get("reference", ""))


def _named(reference: str) -> str | None:
    """Type/id of what a reference leads to in this service, whichever version it names."""
    key = references.literal(reference)
    return None if key is None else "/".join(key)


def _contact(encounter: JSON, observations: Iterable[JSON], words: "_Words") -> Contact:
    return Contact(
        words.concept(next(iter(encounter.get("type", ())), {})) or "Contact",
        encounters.happened_on(encounter),
        encounters.outcome(encounter),
        _found(observations, words),
    )


def _found(observations: Iterable[JSON], words: "_Words") -> Found:
    every = [(each, timeline.results_of([each], words.definitions.pack)) for each in observations]
    return Found(
        tuple(finding for each, results in every if not results.domains for finding in words.findings(each)),
        tuple(results for _, results in every if results.domains or results.feeding),
    )


class _Words:
    """What codes and values are called."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions

    def findings(self, observation: JSON) -> Iterable[Finding]:
        """One for the value, and one for each component."""
        name = self.concept(observation.get("code", {})) or "Without a name"
        on = ownership.day_of(observation)
        value, components = self._value(observation), observation.get("component", ())
        if value or not components:
            yield Finding(name, value or "Nothing", on)
        for each in components:
            part = self.concept(each.get("code", {})) or "Without a name"
            yield Finding(f"{name}: {part}", self._value(each) or "Nothing", on)

    def concept(self, concept: JSON) -> str:
        """Its text, or what its first code is called, by itself or in a code system that ships with the service; else
        that code; "" where it has none."""
        return concept.get("text") or self._coded(concept)

    def _value(self, holder: JSON) -> str | date:
        """The value of an Observation, or of a part of one; "" where it has none."""
        match holder:
            case {"valueQuantity": quantity}:
                said = _quantity(quantity)
            case {"valueCodeableConcept": concept}:
                said = self.concept(concept)
            case {"valueBoolean": bool(yes)}:
                said = "Yes" if yes else "No"
            case {"valueInteger": number}:
                said = str(number)
            case {"valueDateTime": text}:
                return ownership.civil_date(text) or str(text)
            case {"dataAbsentReason": reason}:
                said = f"Not known ({self.concept(reason)})"
            case _:
                said = ""
        means = [
            part
            for each in holder.get("interpretation", ())
            for part in (self._coded(each), each.get("text"))
            if part
        ]
        return ", ".join(part for part in (said, *means) if part)

    def _coded(self, concept: JSON) -> str:
        codings = concept.get("coding", ())
        named = (each.get("display") or self._display(each) for each in codings)
        code = next((str(each["code"]) for each in codings if "code" in each), "")
        return next((str(each) for each in named if each), code)

    def _display(self, coding: Mapping[str, str]) -> str | None:
        try:
            return self.definitions.codes(coding.get("system", "")).get(coding.get("code", ""))
        except UnknownDefinition:
            return None


def _quantity(quantity: JSON) -> str:
    number = format(Decimal(str(quantity["value"])), "f") if "value" in quantity else ""
    unit = quantity.get("unit") or quantity.get("code") or ""
    # A figure and its unit stay on one line.
    return f"{quantity.get('comparator', '')}{number}\N{NO-BREAK SPACE}{unit}".strip()


def _bound(body: JSON, names: Mapping[str, str]) -> JSON:
    """The resource without its id, each reference by the name of what it leads to; one that leads out of the copy is
    left out."""
    found: JSON = _led({name: value for name, value in body.items() if name != "id"}, names)
    return found


def _led(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [seen for each in value if (seen := _led(each, names)) is not None] or None
    if not isinstance(value, dict):
        return value
    if "reference" in value:
        name = names.get(_named(value["reference"]) or "")
        return None if name is None else {**value, "reference": name}
    return {name: seen for name, inner in value.items() if (seen := _led(inner, names)) is not None} or None


def _composition(copy: FamilyCopy, names: Mapping[str, str], at: str, words: _Words) -> JSON:
    """http://hl7.org/fhir/R4/composition.html"""
    child = copy.timeline.child
    title = f"Copy of the health visiting record of {child.name}"
    held = [f"{_day(each.on)}{each.title}: {each.outcome or 'not over'}" for each in copy.contacts]
    found = [
        f"{_day(each.on)}{each.name}: {each.value}"
        for body in copy.resources
        if body["resourceType"] == "Observation"
        for each in words.findings(body)
    ]
    sections = [
        _section("Contacts", held, [name for key, name in names.items() if key.startswith("Encounter/")]),
        _section(
            "Written down", found, [name for key, name in names.items() if key.startswith("Observation/")]
        ),
        _section("What is not in this copy", [LEFT_OUT], []),
    ]
    return {
        "resourceType": "Composition",
        "language": _LANGUAGE,
        "text": _narrative([title, f"Born {child.born_on.isoformat()}", f"As it stood {at[:10]}"]),
        "status": "final",
        "type": {"text": "Copy of a child’s health visiting record, for the family"},
        "subject": {"reference": names[f"Patient/{child.id}"]},
        "date": at,
        "author": [{"display": "healthvisit"}],
        "title": title,
        "section": [each for each in sections if each["text"]],
    }


def _day(on: date | None) -> str:
    return "" if on is None else f"{on.isoformat()}, "


def _section(title: str, lines: Collection[str], entries: Collection[str]) -> JSON:
    """entries: names of resources, none where there are no lines."""
    held = {"entry": [{"reference": each} for each in entries]} if entries else {}
    return {"title": title, "text": _narrative(lines), **held}


def _narrative(lines: Collection[str]) -> JSON | None:
    if not lines:
        return None
    said = "".join(f"<p>{escape(line)}</p>" for line in lines)
    div = f'<div xmlns="{_XHTML}" lang="{_LANGUAGE}" xml:lang="{_LANGUAGE}">{said}</div>'
    return {"status": "generated", "div": div}
