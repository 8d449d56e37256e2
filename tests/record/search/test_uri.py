import pytest

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record.errors import Invalid
from tests.record.search import shelf

FORMS = {
    "root": "https://example.org/forms",
    "asq": "https://example.org/forms/asq",
    "asq9": "https://example.org/forms/asq/9",
    "asq-long": "https://example.org/forms/asq-long",
    "other": "https://example.org/formsets/asq",
    "urn": "urn:oid:1.2.3",
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("url", "https://example.org/forms/asq", ["asq"]),
        ("url:below", "https://example.org/forms", ["root", "asq", "asq9", "asq-long"]),
        ("url:below", "https://example.org/forms/", ["asq", "asq9", "asq-long"]),
        ("url:below", "https://example.org/forms/asq", ["asq", "asq9"]),
        ("url:above", "https://example.org/forms/asq/9/1", ["root", "asq", "asq9"]),
        ("url:above", "https://example.org/formsets/x", []),
        ("url", "urn:oid:1.2.3", ["urn"]),
        ("url:missing", "false", list(FORMS)),
    ],
)
def test_a_form_is_found_by_its_address_and_by_what_it_stands_under(
    name: str, value: str, expected: list[str], database: Database, definitions: Definitions
) -> None:
    kept = [
        {"resourceType": "Questionnaire", "id": id_, "status": "active", "url": url}
        for id_, url in FORMS.items()
    ]
    shelf.keep(database, definitions, kept)
    assert shelf.ids(database, definitions, "Questionnaire", (name, value)) == expected


@pytest.mark.parametrize("value", ["urn:oid:1.2", "x", "https://", f"https://example.org/{'x' * 200}"])
def test_only_a_url_has_something_below_it(value: str, database: Database, definitions: Definitions) -> None:
    with pytest.raises(Invalid):
        shelf.ids(database, definitions, "Questionnaire", ("url:below", value))
