from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from tests.record.search import shelf
from tests.record.search.shelf import child, observation

NHS = "https://fhir.nhs.uk/Id/nhs-number"

_parts = st.text(st.sampled_from("aAé|,\\$ %"), min_size=1, max_size=3)
_codings = st.lists(
    st.fixed_dictionaries({}, optional={"system": _parts, "code": _parts, "display": st.just("x")}),
    max_size=3,
)
_asked = st.lists(
    st.tuples(st.none() | st.just("") | _parts, st.none() | _parts).filter(
        lambda pair: bool(pair[0] or pair[1])
    ),
    min_size=1,
    max_size=3,
)


def _escaped(text: str) -> str:
    for letter in "\\,|$":
        text = text.replace(letter, f"\\{letter}")
    return text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.lists(_codings, min_size=1, max_size=8), asked=_asked, negated=st.booleans())
def test_codes_are_found_by_system_and_code_exactly_as_they_are(
    kept: list[list[dict[str, str]]],
    asked: list[tuple[str | None, str | None]],
    negated: bool,
    database: Database,
    definitions: Definitions,
) -> None:
    shelf.keep(
        database,
        definitions,
        [observation(f"o{n}", code={"coding": codings, "text": "y"}) for n, codings in enumerate(kept)],
    )
    value = ",".join(
        ("" if system is None else f"{_escaped(system)}|") + _escaped(code or "") for system, code in asked
    )
    found = shelf.ids(database, definitions, "Observation", ("code:not" if negated else "code", value))

    def matches(coding: dict[str, str]) -> bool:
        return any(
            (system is None or coding.get("system", "") == system)
            and (code is None or coding.get("code") == code)
            for system, code in asked
        )

    expected = [f"o{n}" for n, codings in enumerate(kept) if any(map(matches, codings)) is not negated]
    assert found == expected


def test_an_nhs_number_finds_its_child(database: Database, definitions: Definitions) -> None:
    numbers = ["9990000018", "9990000026"]
    children = [
        child(f"p{n}", identifier=[{"system": NHS, "value": value}]) for n, value in enumerate(numbers)
    ]
    shelf.keep(database, definitions, children)
    for value in (numbers[1], f"{NHS}|{numbers[1]}"):
        assert shelf.ids(database, definitions, "Patient", ("identifier", value)) == ["p1"]
    assert shelf.ids(database, definitions, "Patient", ("identifier", f"other|{numbers[1]}")) == []
    assert shelf.ids(database, definitions, "Patient", ("identifier", f"{NHS}|")) == ["p0", "p1"]


def test_booleans_codes_and_telephone_numbers_are_tokens(
    database: Database, definitions: Definitions
) -> None:
    shelf.keep(
        database,
        definitions,
        [
            child("p", active=True, gender="female", telecom=[{"system": "phone", "value": "0161 496 0000"}]),
            child("q", active=False, gender="male", deceasedDateTime="2020-01-01"),
            child("r", telecom=[{"system": "email", "value": "0161 496 0000"}]),
        ],
    )

    def found(name: str, value: str) -> list[str]:
        return shelf.ids(database, definitions, "Patient", (name, value))

    assert found("active", "true") == ["p"]
    assert found("active", "http://terminology.hl7.org/CodeSystem/special-values|false") == ["q"]
    assert found("active:not", "true") == ["q", "r"]
    assert found("active:missing", "true") == ["r"]
    assert found("gender", "female") == ["p"]
    # A code's system is told by its element.
    assert found("gender", "http://hl7.org/fhir/administrative-gender|female") == ["p"]
    assert found("gender", "Female") == []
    assert found("phone", "0161 496 0000") == ["p"]
    assert found("telecom", "0161 496 0000") == ["p", "r"]
    assert found("deceased", "true") == ["q"]
    assert found("deceased", "false") == ["p", "r"]


def test_an_observation_without_a_code_of_that_kind_is_not_of_it(
    database: Database, definitions: Definitions
) -> None:
    category = [{"coding": [{"system": "c", "code": "survey"}]}]
    kept = [
        observation("o"),
        observation("p", category=category),
        observation("q", category=[{"text": "a word"}]),
    ]
    shelf.keep(database, definitions, kept)

    def found(name: str, value: str) -> list[str]:
        return shelf.ids(database, definitions, "Observation", (name, value))

    assert found("category:not", "survey") == ["o", "q"]
    assert found("category:missing", "true") == ["o"]
    assert found("category:missing", "false") == ["p", "q"]


def test_a_definition_is_found_by_its_url(database: Database, definitions: Definitions) -> None:
    url = "https://example.org/Questionnaire/a,b"
    form = {"resourceType": "Questionnaire", "id": "f", "status": "active", "url": url}
    shelf.keep(database, definitions, [form])
    assert shelf.ids(database, definitions, "Questionnaire", ("url", url.replace(",", "\\,"))) == ["f"]
    assert (
        shelf.ids(database, definitions, "Questionnaire", ("url", "https://example.org/Questionnaire/a"))
        == []
    )


def test_a_very_long_identifier_is_found_whole(database: Database, definitions: Definitions) -> None:
    kept = [child(f"p{n}", identifier=[{"value": "9" * 1000 + str(n)}]) for n in range(2)]
    shelf.keep(database, definitions, kept)
    assert shelf.ids(database, definitions, "Patient", ("identifier", "9" * 1000 + "1")) == ["p1"]


def test_an_identifier_is_found_by_its_type_and_value(database: Database, definitions: Definitions) -> None:
    def numbered(id_: str, type_: str, value: str) -> JSON:
        kind = {"coding": [{"system": "https://example.org/types", "code": type_}]}
        return child(id_, identifier=[{"type": kind, "system": "s", "value": value}])

    shelf.keep(
        database,
        definitions,
        [numbered("p", "MR", "9"), numbered("q", "SB", "9"), child("r", identifier=[{"value": "9"}])],
    )

    def found(value: str) -> list[str]:
        return shelf.ids(database, definitions, "Patient", ("identifier:of-type", value))

    assert found("https://example.org/types|MR|9") == ["p"]
    assert found("|MR|9,|SB|9") == ["p", "q"]
    assert found("|MR|8") == []


def test_codes_of_a_value_set_that_we_ship_are_found_together(
    database: Database, definitions: Definitions
) -> None:
    shipped = definitions.of_type("ValueSet")[0]
    system = shipped["compose"]["include"][0]["system"]
    code = next(iter(definitions.codes(system)))
    kept = [
        observation("o", code={"coding": [{"system": system, "code": code}]}),
        observation("p", code={"coding": [{"system": "https://example.org", "code": code}]}),
        observation("q"),
    ]
    shelf.keep(database, definitions, kept)
    for named in (shipped["url"], shipped["id"], f"ValueSet/{shipped['id']}"):
        assert shelf.ids(database, definitions, "Observation", ("code:in", named)) == ["o"]
        assert shelf.ids(database, definitions, "Observation", ("code:not-in", named)) == ["p", "q"]


def test_tags_security_labels_profiles_and_sources_are_found(
    database: Database, definitions: Definitions
) -> None:
    meta = {
        "tag": [{"system": "t", "code": "bury"}],
        "security": [{"system": "s", "code": "R"}],
        "profile": ["https://example.org/StructureDefinition/weight"],
        "source": "https://example.org/tablet#1",
    }
    shelf.keep(database, definitions, [observation("o", meta=meta), observation("p", meta={})])

    def found(name: str, value: str) -> list[str]:
        return shelf.ids(database, definitions, "Observation", (name, value))

    assert found("_tag", "t|bury") == found("_security", "R") == ["o"]
    assert found("_profile", "https://example.org/StructureDefinition/weight") == ["o"]
    assert found("_profile:below", "https://example.org/StructureDefinition") == ["o"]
    assert found("_source", "https://example.org/tablet#1") == ["o"]
    assert found("_tag:not", "t|bury") == ["p"]
    assert found("_tag:missing", "true") == ["p"]
