"""Observation/$lastn: a child's latest observations of each code. https://hl7.org/fhir/R4/observation-operation-lastn.html"""

from collections.abc import Mapping, Sequence

from healthvisit.exact_json import JSON
from healthvisit.record.errors import Invalid, Issue
from healthvisit.record.record import Page, Record, Version

MOST = 100


def of_child(record: Record, parameters: Mapping[str, Sequence[str]]) -> Page:
    """Latest first, by code. parameters: patient (one), and max, category and code as a search has them.

    Observations that share a coding are of one code. Raises Invalid or Forbidden.
    """
    patients = parameters.get("patient", ())
    if len(patients) != 1 or "," in patients[0]:
        raise Invalid((Issue("required", "One child is needed.", "patient"),))
    most = _most(parameters.get("max", ()))
    told = [(name, value) for name, values in parameters.items() for value in values]
    groups: dict[tuple[str, str], int] = {}
    kept: dict[int, list[Version]] = {}
    asked = [(name, value) for name, value in told if name != "max"]
    for version in record.each("Observation", [*asked, ("_sort", "-date")]):
        codings = _codings(version.json())
        group = next((groups[coding] for coding in codings if coding in groups), len(kept))
        groups.update((coding, group) for coding in codings if coding not in groups)
        latest = kept.setdefault(group, [])
        if len(latest) < most:
            latest.append(version)
    found = [version for latest in kept.values() for version in latest]
    return Page(found, [], len(found), None, told)


def _codings(observation: JSON) -> list[tuple[str, str]]:
    """Its codings, or its text where it has none."""
    code = observation.get("code", {})
    found = [(each.get("system", ""), each.get("code", "")) for each in code.get("coding", ())]
    return found or [("", code.get("text", ""))]


def _most(values: Sequence[str]) -> int:
    text = values[0] if values else "1"
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= MOST:
        raise Invalid((Issue("value", f"A whole number from 1 to {MOST} is needed.", "max"),))
    return int(text[:9])
