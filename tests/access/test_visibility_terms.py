"""What a parent sees of each type, said a second time, with something hidden at every depth."""

import copy
from typing import Any

import pytest

from healthvisit.access import visibility

# A name for one value, a list of one shape for many, and a table for an object.
PLAIN = "plain"
CODING = {"system": PLAIN, "code": PLAIN, "display": PLAIN}
CONCEPT = {"coding": [CODING], "text": PLAIN}
QUANTITY = {"value": PLAIN, "comparator": PLAIN, "unit": PLAIN, "system": PLAIN, "code": PLAIN}
PERIOD = {"start": PLAIN, "end": PLAIN}
VALUES = {
    "valueQuantity": QUANTITY, "valueCodeableConcept": CONCEPT, "valueBoolean": PLAIN, "valueInteger": PLAIN,
    "valueDateTime": PLAIN, "dataAbsentReason": CONCEPT, "interpretation": [CONCEPT],
    "referenceRange": [{"low": QUANTITY, "high": QUANTITY, "type": CONCEPT}],
}  # fmt: skip
SHOWN: dict[str, dict[str, Any]] = {
    "Patient": {
        "identifier": [{"system": visibility.NHS_NUMBER, "value": PLAIN}],
        "name": [
            {
                "use": PLAIN, "text": PLAIN, "family": PLAIN, "given": [PLAIN], "prefix": [PLAIN],
                "suffix": [PLAIN], "period": PERIOD,
            }
        ],
        "gender": PLAIN,
        "birthDate": PLAIN,
    },
    "Encounter": {
        "extension": [{"url": visibility.REVIEW_OUTCOME, "valueCoding": CODING}],
        "status": PLAIN,
        "class": CODING,
        "type": [CONCEPT],
        "subject": {"reference": PLAIN},
        "period": PERIOD,
    },
    "Observation": {
        "status": PLAIN,
        "category": [CONCEPT],
        "code": CONCEPT,
        "subject": {"reference": PLAIN},
        "encounter": {"reference": PLAIN},
        "effectiveDateTime": PLAIN,
        "effectivePeriod": PERIOD,
        **VALUES,
        "component": [{"code": CONCEPT, **VALUES}],
    },
}  # fmt: skip
HIDDEN = "hidden"
Path = tuple[str | int, ...]


def body_of(type_):
    return {"id": "x", **copy.deepcopy(SHOWN[type_])}


def seen_of(type_):
    return {"resourceType": type_, **body_of(type_)}


def stuffed(shape):
    """The same with something hidden in every object and every list."""
    if isinstance(shape, dict):
        return {name: stuffed(value) for name, value in shape.items()} | {HIDDEN: HIDDEN}
    if isinstance(shape, list):
        return [stuffed(each) for each in shape] + [[HIDDEN]]
    return shape


def places(shape, at: Path = ()):
    """Every place below, with what stands there."""
    for key in shape if isinstance(shape, dict) else range(len(shape)):
        yield (*at, key), shape[key]
        if isinstance(shape[key], dict | list):
            yield from places(shape[key], (*at, key))


def put(body, at: Path, value):
    for key in at[:-1]:
        body = body[key]
    body[at[-1]] = value


def every_place():
    return [
        pytest.param(type_, at, value, id=f"{type_}." + ".".join(map(str, at)))
        for type_, shape in SHOWN.items()
        for at, value in places(shape)
    ]


@pytest.mark.parametrize("type_", SHOWN)
def test_all_that_is_said_here_is_shown_and_nothing_beside_it(type_):
    assert visibility.parents_view(type_, body_of(type_)) == seen_of(type_)
    assert visibility.parents_view(type_, stuffed(body_of(type_))) == seen_of(type_)


@pytest.mark.parametrize(("type_", "at", "value"), every_place())
def test_what_has_another_shape_than_is_said_here_is_not_shown(type_, at, value):
    others = [{HIDDEN: HIDDEN}, [{HIDDEN: HIDDEN}], [[HIDDEN]], [], {}]
    if isinstance(value, dict | list):
        others.append(HIDDEN)
    for other in others:
        body = body_of(type_)
        put(body, at, other)
        assert HIDDEN not in str(visibility.parents_view(type_, body)), other


def test_types_are_those_said_here():
    assert set(visibility.TYPES) == set(SHOWN)


SEARCHED = {
    "Patient": {"_id", "identifier", "name", "family", "given", "gender", "birthdate"},
    "Encounter": {"_id", "patient", "subject", "status", "class", "type", "date"},
    "Observation": {
        "_id", "patient", "subject", "encounter", "status", "category", "code", "date", "value-concept",
    },
}  # fmt: skip


@pytest.mark.parametrize("type_", SEARCHED)
def test_a_parent_searches_by_what_is_said_here_and_nothing_else(type_):
    assert visibility.searchable(type_) == SEARCHED[type_]


def test_what_is_nobodys_is_searched_by_all():
    assert visibility.searchable("Organization") is None
