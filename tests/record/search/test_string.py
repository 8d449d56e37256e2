import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record.search import string
from tests.record.search import shelf
from tests.record.search.shelf import child

# Letters that meet under folding, what LIKE and a backslash mean something to, and the last characters
# there are.
_letters = st.sampled_from("aAáäbßSsłŁøIıİﬁ’' -%_\\\U0010fffd\U0010ffff\ud7ff\ue000李")
_names = st.text(_letters, min_size=1, max_size=6).filter(lambda text: bool(text.strip()))


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("zoe", "Zoë"),
        ("lukasz", "Łukasz"),
        ("oneil", "Öneil"),
        ("o'brien", "O’Brien"),
        ("strasse", "Straße"),
        ("ann  marie", "Ann Marie"),
        ("jose", "José"),
        ("soren", "Søren"),
    ],
)
def test_a_name_is_found_as_it_is_spelt_over_the_telephone(typed: str, written: str) -> None:
    assert string.folded(typed) == string.folded(written)


@given(st.text(max_size=20))
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert string.folded(string.folded(text)) == string.folded(text)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(_names, min_size=1, max_size=8),
    asked=st.lists(_names, min_size=1, max_size=2),
    modifier=st.sampled_from(["", "exact", "contains"]),
)
def test_a_name_is_found_by_how_it_begins_is_or_what_it_holds(
    names: list[str], asked: list[str], modifier: str, database: Database, definitions: Definitions
) -> None:
    if modifier != "exact":
        asked = [text for text in asked if string.folded(text)] or ["a"]
    shelf.keep(
        database, definitions, [child(f"p{n}", name=[{"given": [name]}]) for n, name in enumerate(names)]
    )
    escaped = ",".join(text.replace("\\", "\\\\") for text in asked)
    found = shelf.ids(database, definitions, "Patient", (f"given:{modifier}".rstrip(":"), escaped))

    def matches(name: str) -> bool:
        return any(
            {
                "": string.folded(name).startswith(string.folded(text)),
                "exact": name == text,
                "contains": string.folded(text) in string.folded(name),
            }[modifier]
            for text in asked
        )

    assert found == [f"p{n}" for n, name in enumerate(names) if matches(name)]


def test_any_part_of_a_name_or_an_address_is_found(database: Database, definitions: Definitions) -> None:
    shelf.keep(
        database,
        definitions,
        [
            child(
                "p",
                name=[{"use": "official", "family": "Khan", "given": ["Aisha", "Noor"], "prefix": ["Miss"]}],
                address=[{"line": ["Flat 2", "1 Mill Lane"], "city": "Bury", "postalCode": "BL9 0AA"}],
            )
        ],
    )

    def found(name: str, value: str) -> bool:
        return bool(shelf.ids(database, definitions, "Patient", (name, value)))

    for part in ("khan", "noor", "miss"):
        assert found("name", part)
    for part in ("1 mill", "bury", "bl9"):
        assert found("address", part)
    assert found("given", "noor")
    assert found("address-postalcode", "BL9 0")
    assert not found("family", "noor")
    assert not found("name", "official")
    assert not found("name", "han")
    assert found("name:contains", "han")
    assert not found("name:exact", "khan")
    assert found("name:exact", "Khan")


def test_a_name_longer_than_the_index_is_found_by_its_beginning(
    database: Database, definitions: Definitions
) -> None:
    shelf.keep(database, definitions, [child("p", name=[{"family": "x" * 300}])])
    assert shelf.ids(database, definitions, "Patient", ("family", "x" * 255)) == ["p"]
    assert shelf.ids(database, definitions, "Patient", ("family:exact", "x" * 255)) == []


def test_a_child_with_a_name_that_says_nothing_is_not_without_a_name(
    database: Database, definitions: Definitions
) -> None:
    shelf.keep(database, definitions, [child("p", name=[{"use": "official"}]), child("q")])
    assert shelf.ids(database, definitions, "Patient", ("name:missing", "true")) == ["q"]
    assert shelf.ids(database, definitions, "Patient", ("name:missing", "false")) == ["p"]
