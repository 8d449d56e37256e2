"""What somebody needs of a child in the first minute: who it is, how to reach its family, what to watch for.

For a page; FHIR in, words out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from healthvisit.exact_json import JSON
from healthvisit.record.ownership import NHS_NUMBER
from healthvisit.record.record import Record
from healthvisit.reviews import timeline
from healthvisit.reviews.reading import bodies

# Of a condition: http://terminology.hl7.org/CodeSystem/condition-clinical.
_OVER = {"inactive", "remission", "resolved"}


@dataclass(frozen=True)
class Glance:
    """address, phones: as written, empty where none is told. watch_for: active flags and conditions, in words.
    done: title and day of each review that was done; missing: titles of those that are late."""

    name: str
    born_on: date
    nhs_number: str | None
    address: str
    phones: tuple[str, ...]
    watch_for: tuple[str, ...]
    done: tuple[tuple[str, date], ...]
    missing: tuple[str, ...]


def of_child(record: Record, child_id: str, on: date) -> Glance:
    """Raises record.errors.NotFound for a child out of reach."""
    patient = record.read("Patient", child_id).json()
    found = timeline.of_child(record, child_id, on=on)
    numbers = (
        each.get("value") for each in patient.get("identifier", ()) if each.get("system") == NHS_NUMBER
    )
    return Glance(
        found.child.name,
        found.child.born_on,
        next(numbers, None),
        _address(patient),
        tuple(each["value"] for each in patient.get("telecom", ()) if "value" in each),
        tuple(_watched(record, child_id)),
        tuple((review.title, review.done_on) for review in found.reviews if review.done_on is not None),
        tuple(review.title for review in found.reviews if review.state == "overdue"),
    )


def _watched(record: Record, child_id: str) -> Iterable[str]:
    of_child = ("patient", f"Patient/{child_id}")
    for flag in bodies(record, "Flag", of_child):
        if flag.get("status") == "active":
            yield _words(flag["code"])
    for condition in bodies(record, "Condition", of_child):
        codes = [each.get("code") for each in condition.get("clinicalStatus", {}).get("coding", ())]
        if not _OVER.intersection(codes) and "code" in condition:
            yield _words(condition["code"])


def _words(concept: JSON) -> str:
    coded = next((each["display"] for each in concept.get("coding", ()) if "display" in each), "")
    text: str = concept.get("text") or coded
    return text or "An entry without words"


def _address(patient: JSON) -> str:
    address: JSON = next(iter(patient.get("address", ())), {})
    lines = [*address.get("line", ()), address.get("city"), address.get("postalCode")]
    return address.get("text") or ", ".join(line for line in lines if line)


def name_of(name: JSON) -> str:
    """A HumanName as it is read."""
    given = " ".join(name.get("given", ()))
    return name.get("text") or f"{given} {name.get('family', '')}".strip() or "A child without a name"
