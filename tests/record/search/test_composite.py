from decimal import Decimal
from typing import Any

import pytest

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.record.errors import Invalid
from tests.record.search import shelf
from tests.record.search.shelf import observation

ASQ = "http://snomed.info/sct"


def _part(code: str, value: Any) -> JSON:
    held = (
        {"valueCodeableConcept": {"coding": [{"code": value}]}}
        if isinstance(value, str)
        else {"valueQuantity": {"value": value, "unit": "points"}}
    )
    return {"code": {"coding": [{"system": ASQ, "code": code}]}, **held}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("component-code-value-quantity", "communication$60", ["o"]),
        # Sixty stands there, but for another domain.
        ("component-code-value-quantity", "fine-motor$60", []),
        ("component-code-value-quantity", "fine-motor$lt30", ["o"]),
        ("component-code-value-quantity", f"{ASQ}|fine-motor$lt30||points", ["o"]),
        ("component-code-value-quantity", "x|fine-motor$lt30", []),
        ("component-code-value-quantity", "fine-motor$gt30,communication$ge45", ["o", "p"]),
        ("component-code-value-concept", "zone$below", ["p"]),
        ("component-code-value-concept", "zone$above", []),
        ("code-value-quantity", "27113001$gt3", ["q"]),
        ("code-value-quantity", "27113001$gt5", []),
    ],
)
def test_two_values_are_found_only_where_they_stand_together(
    name: str, value: str, expected: list[str], database: Database, definitions: Definitions
) -> None:
    shelf.keep(
        database,
        definitions,
        [
            observation("o", component=[_part("communication", 60), _part("fine-motor", 25)]),
            observation("p", component=[_part("communication", 45), _part("zone", "below")]),
            observation("q", valueQuantity={"value": Decimal("3.2")}),
        ],
    )
    assert shelf.ids(database, definitions, "Observation", (name, value)) == expected


@pytest.mark.parametrize("value", ["a", "a$", "$1", "a$b", "a$1$2", "|$1"])
def test_what_is_not_two_values_is_refused(value: str, database: Database, definitions: Definitions) -> None:
    with pytest.raises(Invalid):
        shelf.ids(database, definitions, "Observation", ("component-code-value-quantity", value))


def test_a_composite_has_no_modifier(database: Database, definitions: Definitions) -> None:
    with pytest.raises(Invalid):
        shelf.ids(database, definitions, "Observation", ("component-code-value-quantity:missing", "true"))
