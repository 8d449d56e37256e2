"""Visits that another team recorded before the child came: what was recorded, and taking it into the record."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from healthvisit.definitions import CANONICAL, Definitions, UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record import instants, late, ownership
from healthvisit.record.late import Late
from healthvisit.record.record import Record
from healthvisit.reviews import arrival, encounters
from healthvisit.reviews.reading import bodies, chunks
from healthvisit.reviews.scoring import UNIT

_ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_PART = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "urn:ietf:rfc:3986"
# A group of answers that has no name of its own.
_REST = ""


@dataclass(frozen=True)
class Visit:
    """late: as it waits. patient, encounter: resources. groups: the answers, each with its question, by the part of the
    form that they stand in; a list of answers is one text. marked: the child's whereabouts are kept hidden."""

    late: Late
    patient: JSON
    encounter: JSON
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    marked: bool


def listed(record: Record, *, most: int) -> tuple[list[Visit], int]:
    """As `late.listed` has them."""
    found, total = late.listed(record, most=most)
    patients = {
        body["id"]: body
        for chunk in chunks(sorted({each.child for each in found}))
        for body in bodies(record, "Patient", ("_id", ",".join(chunk)))
    }
    return [_visit(record, each, patients[each.child]) for each in found if each.child in patients], total


def one(record: Record, id_: str) -> Visit:
    """Raises what `late.one` does."""
    found = late.one(record, id_)
    return _visit(record, found, record.read("Patient", found.child).json())


def take(record: Record, id_: str) -> None:
    """The visit stands in the record, once, as it was recorded; who recorded it and who took it stand beside it.

    Raises what `late.one` does, and what the gate raises of any writing.
    """
    found = late.one(record, id_)
    entries = [_dated(entry, found) for entry in found.content["entry"]]
    answer = record.transact(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [*entries, _provenance(record, found, [entry["fullUrl"] for entry in entries])],
        },
        completed_by=lambda bundle: arrival.complete(bundle, record.definitions, record),
    )
    encounter = next(
        id_
        for entry in answer["entry"]
        for type_, id_, *_ in [entry["response"]["location"].split("/")]
        if type_ == "Encounter"
    )
    late.settle(record, found.id, encounter=encounter)


def _dated(entry: JSON, found: Late) -> JSON:
    """An entry as it was recorded. A visit with no word of when it was recorded came when it was handed in: whoever
    takes it later makes it no later."""
    named = {**entry, "fullUrl": entry.get("fullUrl", uuid4().urn)}
    body = entry["resource"]
    if body["resourceType"] != "Encounter" or encounters.instant(body, "recorded-at") is not None:
        return named
    at = {
        "url": f"{CANONICAL}/StructureDefinition/recorded-at",
        "valueDateTime": instants.text(instants.micros(found.received_at)),
    }
    return {**named, "resource": {**body, "extension": [*body.get("extension", ()), at]}}


def _provenance(record: Record, found: Late, targets: list[str]) -> JSON:
    """https://hl7.org/fhir/R4/provenance.html"""
    return {
        "fullUrl": uuid4().urn,
        "resource": {
            "resourceType": "Provenance",
            "target": [{"reference": each} for each in targets],
            "occurredDateTime": instants.text(instants.micros(found.received_at)),
            "recorded": instants.text(instants.micros(record.at)),
            "activity": {"coding": [{"system": _ACTIVITY, "code": "CREATE"}]},
            "agent": [
                _agent("author", found.practitioner, found.account),
                _agent("enterer", record.requester.fhir_user, record.requester.account),
            ],
            "entity": [
                {
                    "role": "source",
                    "what": {"identifier": {"system": _OPERATION, "value": f"urn:uuid:{found.operation}"}},
                }
            ],
        },
        "request": {"method": "POST", "url": "Provenance"},
    }


def _agent(part: str, user: str | None, account: str) -> JSON:
    who: JSON = {"reference": user} if user else {"identifier": {"value": account}}
    return {"type": {"coding": [{"system": _PART, "code": part}]}, "who": who}


def _visit(record: Record, found: Late, patient: JSON) -> Visit:
    resources = [entry["resource"] for entry in found.content["entry"]]
    encounter = next(each for each in resources if each["resourceType"] == "Encounter")
    response: JSON = next((each for each in resources if each["resourceType"] == "QuestionnaireResponse"), {})
    groups = tuple(
        (name, tuple(rows)) for name, rows in _groups(response, record.definitions).items() if rows
    )
    return Visit(found, patient, encounter, groups, ownership.is_marked(patient))


def _groups(response: JSON, definitions: Definitions) -> dict[str, list[tuple[str, str]]]:
    """Everything that was answered. What the form does not know, or of a form that is not here, stands by its linkId."""
    try:
        form = definitions.by_url(response.get("questionnaire", ""))
    except UnknownDefinition:
        form = {}
    known = {item["linkId"]: item for item in _items(form)}
    found: dict[str, list[tuple[str, str]]] = {_REST: []}
    _add(response, _REST, known, found)
    return found


def _add(parent: JSON, group: str, known: dict[str, JSON], found: dict[str, list[tuple[str, str]]]) -> None:
    for item in parent.get("item", ()):
        asked = known.get(item.get("linkId", ""), {})
        text = asked.get("text") or item.get("text") or item.get("linkId", "")
        given = item.get("answer", ())
        if given:
            told = ", ".join(_words(answer, asked) for answer in given)
            found.setdefault(group, []).append((text, told))
        _add(item, group if given else text, known, found)
        for answer in given:
            _add(answer, group, known, found)


def _items(parent: JSON) -> Iterator[JSON]:
    for item in parent.get("item", ()):
        yield item
        yield from _items(item)


def _words(answer: JSON, asked: JSON) -> str:
    name: str
    value: Any
    name, value = next(((name, each) for name, each in answer.items() if name.startswith("value")), ("", ""))
    if name == "valueCoding":
        options = [each.get("valueCoding", {}) for each in asked.get("answerOption", ())]
        code = value.get("code", "")
        known = next((each.get("display") for each in options if each.get("code") == code), None)
        return str(known or value.get("display") or code)
    if name == "valueBoolean":
        return "Yes" if value else "No"
    if name == "valueQuantity":
        return f"{_number(value.get('value', ''))} {value.get('unit', '')}".strip()
    if name in ("valueDecimal", "valueInteger"):
        unit = next(
            (
                each["valueCoding"].get("code", "")
                for each in asked.get("extension", ())
                if each["url"] == UNIT
            ),
            "",
        )
        return f"{_number(value)} {unit}".strip()
    return str(value)


def _number(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
