from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from tests.record.search import shelf
from tests.record.search.shelf import observation

UCUM = "http://unitsofmeasure.org"
Found = Callable[[str, str], list[str]]


def _kg(value: str, **more: Any) -> dict[str, Any]:
    return {"value": Decimal(value), "unit": "kg", "system": UCUM, "code": "kg", **more}


@pytest.fixture
def found(database: Database, definitions: Definitions) -> Found:
    shelf.keep(
        database,
        definitions,
        [
            observation("light", valueQuantity=_kg("3.2")),
            observation("exact", valueQuantity=_kg("3.24")),
            observation("heavy", valueQuantity=_kg("12.0")),
            observation("below", valueQuantity=_kg("2.5", comparator="<")),
            observation("pounds", valueQuantity={"value": Decimal("7.1"), "unit": "lb", "code": "[lb_av]"}),
            observation("words", valueQuantity={"unit": "kg"}),
            observation("none"),
        ],
    )
    return lambda name, value: shelf.ids(database, definitions, "Observation", (name, value))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("3.2", ["light", "exact"]),
        ("3.20", ["light"]),
        ("3.24", ["exact"]),
        ("gt3.2", ["exact", "heavy", "pounds"]),
        ("ge3.2", ["light", "exact", "heavy", "pounds"]),
        ("lt3.24", ["light", "below"]),
        ("le3.24", ["light", "exact", "below"]),
        ("sa3.2", ["exact", "heavy", "pounds"]),
        ("eb3.0", ["below"]),
        ("ne3.2", ["heavy", "below", "pounds"]),
        ("ap3", ["light", "exact"]),
        ("12", ["heavy"]),
        ("3.2,12", ["light", "exact", "heavy"]),
        (f"gt0|{UCUM}|kg", ["light", "exact", "heavy", "below"]),
        ("gt0||[lb_av]", ["pounds"]),
        ("gt0||lb", ["pounds"]),
        ("gt0|http://example.org|kg", []),
        ("gt0||KG", []),
    ],
)
def test_a_weight_is_found_by_its_number_and_unit(asked: str, expected: list[str], found: Found) -> None:
    expected = [*expected] if asked != "gt0" else expected
    got = found("value-quantity", asked)
    if asked.startswith("gt0|"):
        # What is below 2.5 may be above nought.
        assert set(got) == set(expected)
    else:
        assert sorted(got) == sorted(expected)


def test_a_value_without_a_number_is_there_and_is_found_by_none(found: Found) -> None:
    assert found("value-quantity:missing", "true") == ["none"]
    assert "words" not in found("value-quantity", "ne99")


def test_a_range_is_found_by_its_ends(database: Database, definitions: Definitions) -> None:
    of_age = {"low": {"value": 2, "code": "a"}, "high": {"value": 5, "code": "a"}}
    problems = [
        {"resourceType": "Condition", "id": "both", "onsetRange": of_age},
        {"resourceType": "Condition", "id": "open", "onsetRange": {"low": of_age["low"]}},
    ]
    shelf.keep(database, definitions, problems)

    def found(value: str) -> list[str]:
        return shelf.ids(database, definitions, "Condition", ("onset-age", value))

    assert found("gt4") == ["both", "open"]
    assert found("gt5") == ["open"]
    assert found("sa1") == ["both", "open"]
    assert found("eb6") == ["both"]


@pytest.mark.parametrize("value", ["kg", "1|kg", "1|s|", "1|a|b|c", "1e99", "9" * 5000])
def test_what_is_no_quantity_is_refused(value: str, found: Found) -> None:
    with pytest.raises(Exception, match="value-quantity"):
        found("value-quantity", value)
