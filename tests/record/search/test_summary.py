from decimal import Decimal

import pytest

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record.search.summary import SUBSETTED, summarised

WEIGHT: JSON = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"versionId": "1", "tag": [{"code": "bury"}]},
    "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>"},
    "status": "final",
    "_status": {"id": "s"},
    "code": {"text": "weight"},
    "valueQuantity": {"value": Decimal("3.20"), "unit": "kg"},
    "note": [{"text": "weighed at home"}],
    "component": [{"code": {"text": "part"}, "interpretation": [{"text": "low"}]}],
}
HEAD = {"resourceType", "id", "meta", "status", "_status", "code"}


@pytest.mark.parametrize(
    ("summary", "elements", "names"),
    [
        ("true", (), HEAD | {"valueQuantity", "component"}),
        ("text", (), HEAD | {"text"}),
        ("data", (), set(WEIGHT) - {"text"}),
        ("false", ("value",), HEAD | {"valueQuantity"}),
        ("false", ("note", "nothing"), HEAD | {"note"}),
    ],
)
def test_a_part_of_a_resource_keeps_what_must_be_there_and_says_that_it_is_a_part(
    summary: str, elements: tuple[str, ...], names: set[str], definitions: Definitions
) -> None:
    shown = loads(summarised(dumps(WEIGHT), summary, elements, definitions))
    assert set(shown) == names
    assert shown["meta"] == {"versionId": "1", "tag": [{"code": "bury"}, SUBSETTED]}


def test_a_summary_goes_down_into_parts_and_keeps_digits(definitions: Definitions) -> None:
    shown = summarised(dumps(WEIGHT), "true", (), definitions)
    assert b"3.20" in shown
    assert loads(shown)["component"] == [{"code": {"text": "part"}}]
