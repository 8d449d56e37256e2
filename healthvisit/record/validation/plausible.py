"""What can be true of a child on a day: dates not in the future, weights that a small child can have.

These are our own limits against slips of the finger and wrong units, not clinical thresholds. Those of
measurements are the limits that the forms in use give the same code, so that an app is held to what a form
is held to.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from healthvisit.exact_json import JSON
from healthvisit.record.validation.dates import EARLIEST, days
from healthvisit.record.validation.faults import Fault, Faults

UCUM = "http://unitsofmeasure.org"
_HL7 = "http://hl7.org/fhir/StructureDefinition"

# Elements that say when something happened, by type.
_HAPPENED = {
    "Patient": ("birthDate", "deceasedDateTime"),
    "Encounter": ("period",),
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    "QuestionnaireResponse": ("authored",),
    "Immunization": ("occurrenceDateTime",),
}
# Elements that may lie ahead, such as a responsibility that begins next month, but not before 1900.
_DATED = {**_HAPPENED, "EpisodeOfCare": ("period",), "MeasureReport": ("period",)}
# A choice of type has the name of its element in FHIRPath.
_SHOWN = {
    "effectiveDateTime": "effective",
    "effectiveInstant": "effective",
    "effectivePeriod": "effective",
    "occurrenceDateTime": "occurrence",
}


def moments(resource: JSON, elements: Mapping[str, tuple[str, ...]] = _HAPPENED) -> Iterator[tuple[str, str]]:
    """FHIRPath (from the resource) and text of each moment the resource speaks of."""
    for name in elements.get(resource["resourceType"], ()):
        value = resource.get(name)
        shown = _SHOWN.get(name, name.removesuffix("DateTime"))
        if isinstance(value, str):
            yield f".{shown}", value
        elif value is not None:
            for edge in ("start", "end"):
                if edge in value:
                    yield f".{shown}.{edge}", value[edge]


def dates(resource: JSON, on: date | None) -> list[Fault]:
    """Faults of the dates of a well-formed resource. on: today, or None to ask nothing of the future."""
    ahead = on is None or resource.get("status") == "planned"
    found = []
    for path, text in moments(resource, _DATED):
        first, last = days(text)
        if last < EARLIEST:
            found.append(Fault("business-rule", "is before 1900", path, business=True))
        elif not ahead and on is not None and first > on and resource["resourceType"] in _HAPPENED:
            found.append(Fault("business-rule", "is in the future", path, business=True))
    return found


class Limit(NamedTuple):
    """unit: UCUM code. least, most: both included, None for no limit."""

    unit: str
    least: Decimal | int | None
    most: Decimal | int | None


def limits(questionnaires: Iterable[JSON]) -> dict[tuple[str, str], Limit]:
    """Limit by system and code of each measurement that a form asks for; the widest, where forms differ."""
    found: dict[tuple[str, str], Limit] = {}
    waiting = [item for questionnaire in questionnaires for item in questionnaire.get("item", ())]
    while waiting:
        item = waiting.pop()
        waiting += item.get("item", ())
        stated = {extension["url"]: extension for extension in item.get("extension", ())}
        unit = stated.get(f"{_HL7}/questionnaire-unit", {}).get("valueCoding", {})
        if unit.get("system") != UCUM:
            continue
        least = stated.get(f"{_HL7}/minValue", {}).get("valueDecimal")
        most = stated.get(f"{_HL7}/maxValue", {}).get("valueDecimal")
        for coding in item.get("code", ()):
            key = coding["system"], coding["code"]
            if (other := found.get(key)) is not None and other.unit == unit["code"]:
                least = None if least is None or other.least is None else min(least, other.least)
                most = None if most is None or other.most is None else max(most, other.most)
            found[key] = Limit(unit["code"], least, most)
    return found


def measurement(by_code: Mapping[tuple[str, str], Limit]) -> Callable[[Any], Faults]:
    """The rule of an Observation, or of one of its components, by the limits of what it measures."""

    def check(observation: JSON) -> Faults:
        quantity = observation.get("valueQuantity")
        if quantity is None or "value" not in quantity:
            return None
        for coding in observation["code"].get("coding", ()):
            limit = by_code.get((coding.get("system"), coding.get("code")))
            if limit is not None:
                return _within(quantity, limit)
        return None

    return check


def _within(quantity: JSON, limit: Limit) -> Faults:
    unit, least, most = limit
    if quantity.get("system") != UCUM or quantity.get("code") != unit:
        return [Fault("value", f"must be in UCUM {unit}", ".value.code", business=True)]
    value = quantity["value"]
    if (least is not None and value < least) or (most is not None and value > most):
        span = " and ".join(
            [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
        )
        text = f"must be {span} {unit} for a child under five"
        return [Fault("business-rule", text, ".value.value", business=True)]
    return None
