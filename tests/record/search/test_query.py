import pytest

from healthvisit.definitions import Definitions
from healthvisit.record.errors import Invalid
from healthvisit.record.search import query
from healthvisit.record.search.date import DateValue
from healthvisit.record.search.reference import ReferenceValue
from healthvisit.record.search.token import TokenValue


@pytest.mark.parametrize(
    ("type_", "name", "value", "code"),
    [
        ("Patient", "favourite", "x", "not-supported"),
        ("Patient", "favourite:missing", "true", "not-supported"),
        ("Patient", "gender:text", "x", "not-supported"),
        ("Patient", "name:phonetic", "x", "not-supported"),
        ("Patient", "name:", "x", "not-supported"),
        ("Patient", "_id:missing", "true", "not-supported"),
        ("Patient", "_text", "x", "not-supported"),
        ("Patient", "_content", "x", "not-supported"),
        ("Patient", "gender:in", "x", "value"),
        ("Patient", "gender:not-in", "https://example.org/ValueSet/nobody-ships", "value"),
        ("Patient", "gender:above", "x", "not-supported"),
        ("Patient", "gender:of-type", "a|b|c", "not-supported"),
        ("Patient", "identifier:of-type", "a|b", "value"),
        ("Patient", "identifier:of-type", "a||b", "value"),
        ("Patient", "birthdate:exact", "2020", "not-supported"),
        ("Patient", "_elements", "Name Of", "value"),
        ("Patient", "_elements", "", "value"),
        ("Patient", "_revinclude", "Observation:code", "not-supported"),
        ("Patient", "_revinclude", "Observation:encounter", "not-supported"),
        ("Patient", "_revinclude", "*", "not-supported"),
        ("Patient", "_has:Observation", "x", "not-supported"),
        ("Patient", "_has:Observation:patient", "x", "not-supported"),
        ("Patient", "_has:Observation:encounter:code", "x", "not-supported"),
        ("Patient", "_has:Observation:patient:colour", "x", "not-supported"),
        ("Patient", "_has:Nothing:patient:code", "x", "not-supported"),
        ("Patient", "_type", "Encounter", "not-supported"),
        ("Observation", "subject.identifier", "x", "not-supported"),
        ("Observation", "code.name", "x", "not-supported"),
        ("Observation", "patient.colour", "x", "not-supported"),
        ("Observation", "patient.name:colour", "x", "not-supported"),
        ("Observation", "subject:Practitioner.name", "x", "not-supported"),
        ("Observation", "encounter.part-of.part-of.part-of.status", "x", "too-costly"),
        ("QuestionnaireResponse", "questionnaire.title", "x", "not-supported"),
        ("Patient", "_filter", "x", "not-supported"),
        ("Patient", "_query", "x", "not-supported"),
        ("Observation", "patient:Practitioner", "x", "not-supported"),
        ("Observation", "_sort", "colour", "not-supported"),
        ("Observation", "_sort", "patient", "not-supported"),
        ("Observation", "_sort", "", "not-supported"),
        ("Observation", "_sort", "--date", "not-supported"),
        ("Observation", "_sort", "date,code,status,_id,_lastUpdated", "too-costly"),
        ("Observation", "_include", "*", "not-supported"),
        ("Observation", "_include", "Observation:code", "not-supported"),
        ("Observation", "_include", "Encounter:patient", "not-supported"),
        ("Observation", "_include", "Observation:subject:Practitioner", "not-supported"),
        ("Observation", "_total", "about", "not-supported"),
        ("Observation", "_summary", "short", "not-supported"),
        ("Observation", "_count", "-1", "value"),
        ("Observation", "_count", "ten", "value"),
        ("Observation", "_count", "1.5", "value"),
        ("Observation", "_count", "", "value"),
        ("Observation", "_count", "٣", "value"),
        ("Observation", "_page", "", "value"),
        ("Observation", "code", "", "value"),
        ("Observation", "code", "a,,b", "value"),
        ("Observation", "code", "|", "value"),
        ("Observation", "code", "a|b|c", "value"),
        ("Observation", "code", "a\\", "value"),
        ("Observation", "code", "a\\n", "value"),
        ("Observation", "code", "a\x00b", "value"),
        ("Observation", "code", "\ud800", "value"),
        ("Observation", "code", "x" * 2001, "value"),
        ("Observation", "code", ",".join("x" * 201), "too-costly"),
        ("Observation", "code:missing", "yes", "value"),
        ("Observation", "date", "2020-02-30", "value"),
        ("Observation", "date", "2020-13", "value"),
        ("Observation", "date", "20", "value"),
        ("Observation", "date", "xx2020", "value"),
        ("Observation", "date", "2020-01-01T25:00", "value"),
        ("Observation", "date", "2020-01-01T10", "value"),
        ("Observation", "date", "0000", "value"),
        ("Observation", "date", "２０２０", "value"),
        ("Observation", "patient", "Practitioner/x", "value"),
        ("Observation", "patient", "Patient/", "value"),
        ("Observation", "patient", "a b", "value"),
        ("Observation", "_id", "a/b", "value"),
        ("Patient", "name", "´", "value"),
        ("Patient", "name", "x" * 256, "value"),
    ],
)
def test_what_is_not_understood_is_refused_and_named(
    type_: str, name: str, value: str, code: str, definitions: Definitions
) -> None:
    with pytest.raises(Invalid) as refused:
        query.parse(type_, [(name, value)], definitions)
    (issue,) = refused.value.issues
    assert (issue.code, issue.expression) == (code, name)
    assert not value or value not in issue.diagnostics or value in ("x", "true")


def test_what_was_typed_in_place_of_a_name_is_not_repeated(definitions: Definitions) -> None:
    with pytest.raises(Invalid) as refused:
        query.parse("Patient", [("Zoë O’Brien", "")], definitions)
    assert "Zo" not in str(refused.value)
    assert refused.value.issues[0].expression == "parameter"


def test_a_result_parameter_stands_once(definitions: Definitions) -> None:
    with pytest.raises(Invalid, match="more than once"):
        query.parse("Patient", [("_count", "1"), ("_count", "2")], definitions)


def test_no_more_than_fifty_parameters_are_read(definitions: Definitions) -> None:
    with pytest.raises(Invalid) as refused:
        query.parse("Patient", [("gender", "female")] * 51, definitions)
    assert refused.value.issues[0].code == "too-costly"


def test_a_requester_with_a_list_of_parameters_asks_by_no_other(definitions: Definitions) -> None:
    only = {"patient", "date"}
    query.parse("Encounter", [("patient", "p"), ("_sort", "-date")], definitions, only=only)
    for pair in (
        ("service-provider", "Organization/x"),
        ("service-provider:missing", "true"),
        ("_sort", "status"),
        ("_include", "Encounter:service-provider"),
        ("_lastUpdated", "gt2020"),
    ):
        with pytest.raises(Invalid):
            query.parse("Encounter", [pair], definitions, only=only)
    with pytest.raises(Invalid) as hidden:
        query.parse("Encounter", [("service-provider", "x")], definitions, only=only)
    with pytest.raises(Invalid) as unknown:
        query.parse("Encounter", [("nonsense", "x")], definitions)
    assert str(hidden.value).replace("service-provider", "nonsense") == str(unknown.value)


def test_the_patients_that_a_search_names_are_told_for_the_audit(definitions: Definitions) -> None:
    def named(type_: str, *pairs: tuple[str, str]) -> tuple[str, ...]:
        return query.parse(type_, pairs, definitions).patients

    assert named("Observation", ("patient", "b,Patient/a"), ("code", "x")) == ("a", "b")
    assert named("Observation", ("subject:Patient", "a")) == ("a",)
    # Whoever performed it may have been a Patient.
    assert named("Observation", ("performer", "a")) == ("a",)
    assert named("Observation", ("performer", "Practitioner/a")) == ()
    assert named("Patient", ("_id", "b,a"), ("name", "x")) == ("a", "b")
    assert named("Encounter", ("_id", "a")) == ()
    assert named("Patient", ("name", "x")) == ()


def test_the_parameters_are_told_as_they_were_understood(definitions: Definitions) -> None:
    pairs = [
        ("code", "a,b"),
        ("_count", "9999999999999"),
        ("_sort", "-date"),
        ("_page", "abc"),
        ("code", "c"),
    ]
    found = query.parse("Observation", pairs, definitions)
    assert found.processed == (("code", "a,b"), ("_count", "1000"), ("_sort", "-date"), ("code", "c"))
    assert found.count == 1000


def test_a_page_has_fifty_matches_unless_another_number_is_asked(definitions: Definitions) -> None:
    assert query.parse("Observation", [], definitions).count == 50
    assert query.parse("Observation", [("_count", "007")], definitions).count == 7
    assert query.parse("Observation", [("_summary", "count")], definitions).count == 0


def test_commas_part_values_and_a_backslash_keeps_them_together(definitions: Definitions) -> None:
    def values(text: str) -> tuple[object, ...]:
        return query.parse("Observation", [("code", text)], definitions).criteria[0].values

    assert values("a,s|b,|c,s|,a") == (
        TokenValue(None, "a"),
        TokenValue("s", "b"),
        TokenValue("", "c"),
        TokenValue("s", None),
    )
    assert values(r"a\,b\|c,s\|t|d\\,\$e") == (
        TokenValue(None, "a,b|c"),
        TokenValue("s|t", "d\\"),
        TokenValue(None, "$e"),
    )


def test_a_reference_is_an_id_a_type_and_id_or_an_address_of_ours(definitions: Definitions) -> None:
    base = "https://record.example/fhir"

    def value(name: str, text: str) -> object:
        return query.parse("Observation", [(name, text)], definitions, base=base).criteria[0].values[0]

    assert value("patient", "a") == value("patient", "Patient/a") == ReferenceValue("Patient", "a")
    assert value("patient", f"{base}/Patient/a") == ReferenceValue("Patient", "a")
    assert value("performer", "a") == ReferenceValue(None, "a")
    assert value("performer:Practitioner", "a") == ReferenceValue("Practitioner", "a")
    assert value("performer:Practitioner", "Practitioner/a") == ReferenceValue("Practitioner", "a")
    elsewhere = "https://elsewhere.example/fhir/Patient/a"
    assert value("patient", elsewhere) == ReferenceValue("", elsewhere)
    with pytest.raises(Invalid):
        value("performer:Practitioner", "Organization/a")


def test_a_form_may_be_named_by_its_id(definitions: Definitions) -> None:
    url = definitions.resource("Questionnaire", "two-year-review")["url"]
    for text in ("two-year-review", "Questionnaire/two-year-review", url):
        found = query.parse("QuestionnaireResponse", [("questionnaire", text)], definitions)
        assert found.criteria[0].values == (ReferenceValue("", url),)


def test_a_date_is_read_with_its_prefix_and_precision(definitions: Definitions) -> None:
    found = query.parse("Observation", [("date", "ge2020-07-01")], definitions).criteria[0].values
    # 1 July begins at 23:00 UTC on 30 June.
    assert found == (DateValue("ge", 1_593_558_000_000_000, 1_593_644_399_999_999),)
