"""What a parent sees of a resource: an allow-list, element by element.

Built for each adult by naming what is shown, never by taking away: a new element is hidden until someone
decides. A place, a team, a borough, a colleague or an author can tell an adult where the other adult and the
child now live, so none of them is shown; nor is anything by which the number or time of hidden changes could
be counted (meta).
Source: threats.md B1-B7; DAPB3051.
"""

from collections.abc import Callable
from typing import Any

JSON = dict[str, Any]

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
REVIEW_OUTCOME = "https://healthvisit.example/fhir/StructureDefinition/review-outcome"

# Takes a value as it stands in the record and gives what is shown of it, None for nothing.
_Shown = Callable[[Any], Any]


def _plain(value: Any) -> Any:
    return None if isinstance(value, dict | list) else value


def _of(**elements: _Shown) -> _Shown:
    """Only these elements of an object; an extension at any depth is never shown by it."""

    def shown(value: Any) -> Any:
        if not isinstance(value, dict):
            return None
        found = {
            name: seen
            for name, show in elements.items()
            if name in value and (seen := show(value[name])) is not None
        }
        return found or None

    return shown


def _each(show: _Shown) -> _Shown:
    def shown(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return [seen for each in value if (seen := show(each)) is not None] or None

    return shown


def _only(show: _Shown, element: str, wanted: str) -> _Shown:
    """Those objects of a list whose element has the wanted value."""
    every = _each(show)

    def shown(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return every([each for each in value if isinstance(each, dict) and each.get(element) == wanted])

    return shown


_CODING = _of(system=_plain, code=_plain, display=_plain)
_CONCEPT = _of(coding=_each(_CODING), text=_plain)
_QUANTITY = _of(value=_plain, comparator=_plain, unit=_plain, system=_plain, code=_plain)
_PERIOD = _of(start=_plain, end=_plain)
# No display: it may hold a name.
_REFERENCE = _of(reference=_plain)
_NAME = _of(
    use=_plain,
    text=_plain,
    family=_plain,
    given=_each(_plain),
    prefix=_each(_plain),
    suffix=_each(_plain),
    period=_PERIOD,
)
_RANGES = _each(_of(low=_QUANTITY, high=_QUANTITY, type=_CONCEPT))
# Free text is not among the values: nobody decided word by word what it may tell.
_VALUES: dict[str, _Shown] = {
    "valueQuantity": _QUANTITY,
    "valueCodeableConcept": _CONCEPT,
    "valueBoolean": _plain,
    "valueInteger": _plain,
    "valueDateTime": _plain,
    "dataAbsentReason": _CONCEPT,
    "interpretation": _each(_CONCEPT),
    "referenceRange": _RANGES,
}

_ELEMENTS: dict[str, dict[str, _Shown]] = {
    "Patient": {
        "identifier": _only(_of(system=_plain, value=_plain), "system", NHS_NUMBER),
        "name": _each(_NAME),
        "gender": _plain,
        "birthDate": _plain,
    },
    "Encounter": {
        "extension": _only(_of(url=_plain, valueCoding=_CODING), "url", REVIEW_OUTCOME),
        "status": _plain,
        "class": _CODING,
        "type": _each(_CONCEPT),
        "subject": _REFERENCE,
        "period": _PERIOD,
    },
    "Observation": {
        "status": _plain,
        "category": _each(_CONCEPT),
        "code": _CONCEPT,
        "subject": _REFERENCE,
        "encounter": _REFERENCE,
        "effectiveDateTime": _plain,
        "effectivePeriod": _PERIOD,
        **_VALUES,
        "component": _each(_of(code=_CONCEPT, **_VALUES)),
    },
}

# The types of which a parent sees anything that belongs to a child.
TYPES = tuple(_ELEMENTS)

# A search by a hidden element tells the element: parents search, and sort, by what they see.
_SEARCHABLE = {
    "Patient": frozenset({"_id", "identifier", "name", "family", "given", "gender", "birthdate"}),
    "Encounter": frozenset({"_id", "patient", "subject", "status", "class", "type", "date"}),
    "Observation": frozenset(
        {"_id", "patient", "subject", "encounter", "status", "category", "code", "date", "value-concept"}
    ),
}


def parents_view(type_: str, body: JSON) -> JSON | None:
    """What a parent sees of a released resource of the parent's child, or None for nothing at all."""
    elements = _ELEMENTS.get(type_)
    # A modifier changes what the rest means, and the view cannot carry it: half the truth is not shown.
    if elements is None or "modifierExtension" in body or "implicitRules" in body:
        return None
    seen = _of(**elements)(body) or {}
    return {"resourceType": type_, "id": body["id"], **seen}


def searchable(type_: str) -> frozenset[str] | None:
    """Names of the parameters by which a parent may search or sort the type; None for all."""
    return _SEARCHABLE.get(type_)
