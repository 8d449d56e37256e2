"""The gate for FHIR bodies: what is let in, and what is refused, with which words and where.

tests/record/examples holds examples of HL7's own R4 package (hl7.fhir.r4.examples 4.0.1, CC0), as published,
and one child with every element and extension of UK Core Patient 2.6.1, made up here.
"""

import copy
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record import validation
from healthvisit.record.errors import Invalid, Issue, RecordError, Unprocessable
from healthvisit.record.validation import rules, second_reader

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))
TODAY = date(2021, 2, 15)
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
UK_CORE = "https://fhir.hl7.org.uk"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
VERIFICATION = f"{UK_CORE}/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
VERIFICATION_ENGLAND = f"{UK_CORE}/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def example(name: str) -> JSON:
    found: JSON = loads((Path(__file__).parent / "examples" / f"{name}.json").read_bytes())
    return found


def issues(body: JSON, definitions: Definitions, type_: str | None = None, **options: Any) -> list[Issue]:
    """What is wrong with a body, [] where it is let in. type_: its own resourceType unless stated."""
    try:
        validation.checked(body, type=type_ or body["resourceType"], definitions=definitions, **options)
    except RecordError as refusal:
        return list(refusal.issues)
    return []


def places(body: JSON, definitions: Definitions, **options: Any) -> list[str]:
    return [issue.expression for issue in issues(body, definitions, **options)]


def a_child(**elements: Any) -> JSON:
    return {"resourceType": "Patient", **elements}


def a_weight(value: Any = Decimal("12.40"), unit: str = "kg", **elements: Any) -> JSON:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": SNOMED, "code": "27113001"}]},
        "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
        **elements,
    }


def an_observation(**elements: Any) -> JSON:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "ASQ-3"}, **elements}


def a_response(*items: JSON, status: str = "completed", form: str = "two-year-review") -> JSON:
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{CANONICAL}/Questionnaire/{form}",
        "status": status,
        "item": list(items),
    }


def an_answer(link: str, **value: Any) -> JSON:
    return {"linkId": link, "answer": [value]}


def a_coding(system: str, code: str) -> JSON:
    return {"system": f"{CANONICAL}/CodeSystem/{system}", "code": code}


def an_entry(
    resource: JSON | None = None, method: str = "POST", url: str | None = None, **elements: Any
) -> JSON:
    if resource is not None:
        elements["resource"] = resource
    return {
        "request": {"method": method, "url": url or (resource or {}).get("resourceType", "Patient")},
        **elements,
    }


def bundle_issues(
    definitions: Definitions, *entries: JSON, kind: str = "transaction", **options: Any
) -> list[Issue]:
    bundle: JSON = {"resourceType": "Bundle", "type": kind}
    if entries:
        bundle["entry"] = list(entries)
    try:
        validation.bundle_checked(bundle, definitions=definitions, **options)
    except RecordError as refusal:
        return list(refusal.issues)
    return []


# What is let in


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_hl7s_own_examples_are_let_in_and_left_as_they_are(path: Path, definitions: Definitions):
    body = loads(path.read_bytes())
    before = copy.deepcopy(body)
    assert issues(body, definitions, on=TODAY.replace(year=2030)) == []
    assert body == before


def test_a_uk_core_child_with_all_its_extensions_is_let_in(definitions: Definitions):
    child = example("UKCore-Patient-baby")
    assert issues(child, definitions, on=TODAY) == []
    assert child == example("UKCore-Patient-baby")


def test_the_services_own_definitions_are_let_in(definitions: Definitions):
    for (type_, id_), body in definitions.resources.items():
        assert issues(body, definitions) == [], f"{type_}/{id_}"


def test_a_decimal_keeps_the_digits_it_came_with(definitions: Definitions):
    body = loads(dumps(a_weight()).replace(b"12.40", b"12.40000000000000000000001"))
    assert issues(body, definitions) == []
    assert b"12.40000000000000000000001" in dumps(body)


def test_a_thirty_item_form_is_let_in(definitions: Definitions):
    assert issues(a_full_form(), definitions, on=TODAY) == []


def test_a_value_may_be_told_by_extensions_alone(definitions: Definitions):
    reason = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    child = a_child(
        _birthDate={"extension": [reason]},
        name=[{"given": ["Ann", None], "_given": [None, {"extension": [reason]}]}],
    )
    assert issues(child, definitions) == []


# The form of a body


@pytest.mark.parametrize(
    ("child", "code", "place"),
    [
        ({"colour": "blue"}, "structure", "Patient.colour"),
        ({"name": [{"given": ["A"], "fhir_comments": ["x"]}]}, "structure", "Patient.name[0].fhir_comments"),
        ({"name": {"family": "A"}}, "structure", "Patient.name"),
        ({"gender": ["female"]}, "structure", "Patient.gender"),
        ({"name": []}, "structure", "Patient.name"),
        ({"name": [{}]}, "structure", "Patient.name[0]"),
        ({"name": [{"id": "only-an-id"}]}, "structure", "Patient.name[0]"),
        ({"name": [None]}, "structure", "Patient.name[0]"),
        ({"birthDate": None}, "structure", "Patient.birthDate"),
        ({"name": [{"given": ["Ann", None]}]}, "structure", "Patient.name[0].given[1]"),
        ({"name": [{"given": ["Ann", ""]}]}, "value", "Patient.name[0].given[1]"),
        ({"name": [{"given": ["Ann", 7]}]}, "structure", "Patient.name[0].given[1]"),
        ({"name": [{"family": "nul\x00"}]}, "value", "Patient.name[0].family"),
        ({"name": [{"family": "esc\x1b[31m"}]}, "value", "Patient.name[0].family"),
        ({"name": [{"family": "del\x7f"}]}, "value", "Patient.name[0].family"),
        ({"active": "true"}, "structure", "Patient.active"),
        ({"active": 1}, "structure", "Patient.active"),
        ({"multipleBirthInteger": Decimal("5.0")}, "value", "Patient.multipleBirth"),
        ({"multipleBirthInteger": "5"}, "structure", "Patient.multipleBirth"),
        ({"multipleBirthInteger": True}, "structure", "Patient.multipleBirth"),
        ({"multipleBirthInteger": 2**31}, "value", "Patient.multipleBirth"),
        ({"id": "a" * 65}, "value", "Patient.id"),
        ({"id": "a b"}, "value", "Patient.id"),
        ({"id": "ä"}, "value", "Patient.id"),
        ({"birthDate": "2021-02-30"}, "value", "Patient.birthDate"),
        ({"birthDate": "2021-2-3"}, "value", "Patient.birthDate"),
        ({"birthDate": "20210203"}, "value", "Patient.birthDate"),
        ({"birthDate": "2021-W05-3"}, "value", "Patient.birthDate"),
        ({"birthDate": "2021-02-03T10:00:00Z"}, "value", "Patient.birthDate"),
        ({"birthDate": "0000-01-01"}, "value", "Patient.birthDate"),
        ({"birthDate": "２０２１-02-03"}, "value", "Patient.birthDate"),
        ({"birthDate": "2021-02-03\n"}, "value", "Patient.birthDate"),
        ({"deceasedDateTime": "2021-02-03T10:00:00"}, "value", "Patient.deceased"),
        ({"deceasedDateTime": "2021-02-03T10:00Z"}, "value", "Patient.deceased"),
        ({"deceasedDateTime": "2021-02-03T24:00:00Z"}, "value", "Patient.deceased"),
        ({"deceasedDateTime": "2021-02-03T10:00:60Z"}, "value", "Patient.deceased"),
        ({"deceasedDateTime": "9999-12-31T23:59:59-12:00"}, "value", "Patient.deceased"),
        ({"deceasedDateTime": "0001-01-01T00:00:00+14:00"}, "value", "Patient.deceased"),
        ({"meta": {"lastUpdated": "2021-02-03"}}, "value", "Patient.meta.lastUpdated"),
        ({"photo": [{"contentType": "image/png", "data": "%%%"}]}, "value", "Patient.photo[0].data"),
        ({"photo": [{"contentType": "image/png", "data": "abc"}]}, "value", "Patient.photo[0].data"),
        ({"photo": [{"url": "http://a b"}]}, "value", "Patient.photo[0].url"),
        ({"telecom": [{"system": "phone", "value": "1", "rank": 0}]}, "value", "Patient.telecom[0].rank"),
        ({"photo": [{"size": -1}]}, "value", "Patient.photo[0].size"),
        ({"deceasedBoolean": False, "deceasedDateTime": "2020-01-01"}, "structure", "Patient.deceased"),
        (
            {
                "deceasedBoolean": False,
                "_deceasedDateTime": {"extension": [{"url": "http://a", "valueCode": "b"}]},
            },
            "structure",
            "Patient.deceased",
        ),
        ({"extension": [{"valueString": "a"}]}, "required", "Patient.extension[0].url"),
        ({"communication": [{"preferred": True}]}, "required", "Patient.communication[0].language"),
        (
            {"generalPractitioner": [{"reference": "the doctor"}]},
            "value",
            "Patient.generalPractitioner[0].reference",
        ),
        ({"_birthDate": {"valueString": "a"}}, "structure", "Patient.birthDate.valueString"),
        ({"_birthDate": "a"}, "structure", "Patient.birthDate"),
        ({"_name": [{"id": "a"}]}, "structure", "Patient._name"),
    ],
)
def test_a_body_of_wrong_form_is_refused_at_its_place(
    child: JSON, code: str, place: str, definitions: Definitions
):
    with pytest.raises(Invalid) as refusal:
        validation.checked(a_child(**child), type="Patient", definitions=definitions)
    assert [(issue.code, issue.expression) for issue in refusal.value.issues] == [(code, place)]


@pytest.mark.parametrize(
    ("type_", "body", "place"),
    [
        ("Patient", {}, "Patient.resourceType"),
        ("Patient", {"resourceType": "Observation"}, "Patient.resourceType"),
        ("Patient", {"resourceType": ["Patient"]}, "Patient.resourceType"),
        ("Spaceship", {"resourceType": "Spaceship"}, "Spaceship.resourceType"),
        ("Patient", [], "Patient"),
        ("Patient", None, "Patient"),
        ("DomainResource", {"resourceType": "DomainResource"}, "DomainResource.resourceType"),
    ],
)
def test_a_body_of_another_type_is_refused(type_: str, body: Any, place: str, definitions: Definitions):
    with pytest.raises(Invalid) as refusal:
        validation.checked(body, type=type_, definitions=definitions)
    assert place in [issue.expression for issue in refusal.value.issues]


def test_all_faults_are_told_at_once_and_wrong_form_outweighs_broken_rules(definitions: Definitions):
    child = a_child(gender="xyz", birthDate="2021-02-30", name=[{"given": ["Ann", ""]}], colour="blue")
    with pytest.raises(Invalid) as refusal:
        validation.checked(child, type="Patient", definitions=definitions)
    assert {issue.expression for issue in refusal.value.issues} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.name[0].given[1]",
        "Patient.colour",
    }


@pytest.mark.parametrize(
    "type_", ["Observation", "Encounter", "QuestionnaireResponse", "EpisodeOfCare", "Bundle"]
)
def test_every_required_element_that_is_missing_is_told(type_: str, definitions: Definitions):
    required = {
        f"{type_}.{name.removesuffix('[x]')}"
        for name, stated in definitions.elements["types"][type_]["elements"].items()
        if stated.get("min")
    }
    found = issues({"resourceType": type_, "id": "a"}, definitions)
    assert {issue.expression for issue in found if issue.code == "required"} == required


# Rules: codes, invariants, references, profiles


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (a_child(gender="xyz"), "code-invalid", "Patient.gender"),
        (an_observation(status="banana"), "code-invalid", "Observation.status"),
        (a_child(contact=[{"gender": "male"}]), "invariant", "Patient.contact[0]"),
        (a_child(telecom=[{"value": "0161"}]), "invariant", "Patient.telecom[0]"),
        (a_child(photo=[{"data": "QUJD"}]), "invariant", "Patient.photo[0]"),
        (
            a_child(photo=[{"contentType": "picture", "data": "QUJD"}]),
            "value",
            "Patient.photo[0].contentType",
        ),
        (a_child(extension=[{"url": "http://e.org/x"}]), "invariant", "Patient.extension[0]"),
        (
            a_child(
                extension=[
                    {"url": "http://e.org/x", "valueCode": "a", "extension": [{"url": "y", "valueCode": "b"}]}
                ]
            ),
            "invariant",
            "Patient.extension[0]",
        ),
        (
            a_child(modifierExtension=[{"url": "http://e.org/not", "valueBoolean": True}]),
            "extension",
            "Patient.modifierExtension[0].url",
        ),
        (
            an_observation(referenceRange=[{"appliesTo": [{"text": "girls"}]}]),
            "invariant",
            "Observation.referenceRange[0]",
        ),
        (an_observation(valueString="a", dataAbsentReason={"text": "b"}), "invariant", "Observation"),
        (
            a_weight(component=[{"code": {"coding": [{"system": SNOMED, "code": "27113001"}]}}]),
            "invariant",
            "Observation",
        ),
        (an_observation(valueQuantity={"value": 1, "code": "kg"}), "invariant", "Observation.value"),
        (
            an_observation(valueRange={"low": {"value": 2}, "high": {"value": 1}}),
            "invariant",
            "Observation.value",
        ),
        (
            an_observation(effectivePeriod={"start": "2021-02-02", "end": "2021-02-01"}),
            "invariant",
            "Observation.effective",
        ),
        (an_observation(subject={"reference": "#a"}), "invariant", "Observation.subject.reference"),
        (an_observation(subject={"reference": "Practitioner/a"}), "value", "Observation.subject.reference"),
        (
            an_observation(subject={"reference": "https://other.org/fhir/Practitioner/a"}),
            "value",
            "Observation.subject.reference",
        ),
        (
            an_observation(subject={"reference": "Patient/a", "type": "Group"}),
            "value",
            "Observation.subject.type",
        ),
        (
            an_observation(subject={"reference": "Patient?identifier=a|b"}),
            "value",
            "Observation.subject.reference",
        ),
        (
            an_observation(contained=[{"resourceType": "Patient", "id": "p"}]),
            "invariant",
            "Observation",
        ),
        (
            an_observation(
                subject={"reference": "#p"}, contained=[{"resourceType": "Practitioner", "id": "p"}]
            ),
            "value",
            "Observation.subject.reference",
        ),
        ({"resourceType": "Organization", "active": True}, "invariant", "Organization"),
        (
            {"resourceType": "Organization", "name": "a", "address": [{"use": "home"}]},
            "invariant",
            "Organization.address[0]",
        ),
        (
            a_child(text={"status": "generated", "div": f"<div {XHTML}> </div>"}),
            "invariant",
            "Patient.text.div",
        ),
        (
            a_child(identifier=[{"system": NHS_NUMBER, "value": "9990000027"}]),
            "value",
            "Patient.identifier[0].value",
        ),
        (
            a_child(identifier=[{"system": NHS_NUMBER, "value": "999 000 0026"}]),
            "value",
            "Patient.identifier[0].value",
        ),
        (a_child(identifier=[{"system": NHS_NUMBER}]), "required", "Patient.identifier[0].value"),
        (
            an_observation(subject={"identifier": {"system": NHS_NUMBER, "value": "1234567890"}}),
            "value",
            "Observation.subject.identifier.value",
        ),
        (
            a_child(
                identifier=[
                    {"system": NHS_NUMBER, "value": "9990000026"},
                    {"system": NHS_NUMBER, "value": "9990000018"},
                ]
            ),
            "business-rule",
            "Patient.identifier[1]",
        ),
        (
            a_child(
                identifier=[
                    {
                        "system": NHS_NUMBER,
                        "value": "9990000026",
                        "extension": [
                            {
                                "url": VERIFICATION,
                                "valueCodeableConcept": {
                                    "coding": [
                                        {
                                            "system": VERIFICATION_ENGLAND,
                                            "code": "09",
                                        }
                                    ]
                                },
                            }
                        ],
                    }
                ]
            ),
            "code-invalid",
            "Patient.identifier[0].extension[0].value",
        ),
        (
            a_child(extension=[{"url": f"{CANONICAL}/StructureDefinition/invented", "valueCode": "a"}]),
            "extension",
            "Patient.extension[0].url",
        ),
        (
            a_child(
                extension=[{"url": f"{CANONICAL}/StructureDefinition/place", "valueCode": "family-home"}]
            ),
            "extension",
            "Patient.extension[0].value",
        ),
        (
            a_child(
                extension=[
                    {
                        "url": f"{CANONICAL}/StructureDefinition/place",
                        "valueCoding": {"system": SNOMED, "code": "1"},
                    }
                ]
            ),
            "code-invalid",
            "Patient.extension[0].value",
        ),
        (
            an_observation(interpretation=[{"coding": [a_coding("zone", "purple")]}]),
            "code-invalid",
            "Observation.interpretation[0].coding[0].code",
        ),
        (a_weight(51), "business-rule", "Observation.value.value"),
        (a_weight(Decimal("0.1")), "business-rule", "Observation.value.value"),
        (a_weight(12400, unit="g"), "value", "Observation.value.code"),
        (
            an_observation(
                component=[
                    {
                        "code": {"coding": [{"system": LOINC, "code": "9843-4"}]},
                        "valueQuantity": {"value": 90, "system": UCUM, "code": "cm"},
                    }
                ]
            ),
            "business-rule",
            "Observation.component[0].value.value",
        ),
        (a_child(birthDate="2021-02-16"), "business-rule", "Patient.birthDate"),
        (a_child(birthDate="1899"), "business-rule", "Patient.birthDate"),
        (
            an_observation(effectiveDateTime="2021-02-15T23:59:59-01:00"),
            "business-rule",
            "Observation.effective",
        ),
        (
            {
                **a_response(),
                "item": [an_answer("nonsense", valueString="a")],
                "authored": "2021-02-16T00:00:00Z",
            },
            "business-rule",
            "QuestionnaireResponse.authored",
        ),
    ],
)
def test_a_broken_rule_is_refused_at_its_place(body: JSON, code: str, place: str, definitions: Definitions):
    found = issues(body, definitions, on=TODAY)
    assert (code, place) in [(issue.code, issue.expression) for issue in found]


def test_a_broken_rule_is_unprocessable_and_a_wrong_form_invalid(definitions: Definitions):
    with pytest.raises(Unprocessable):
        validation.checked(a_weight(51), type="Observation", definitions=definitions)
    with pytest.raises(Invalid):
        validation.checked(a_weight("51"), type="Observation", definitions=definitions)


@pytest.mark.parametrize(
    ("resource", "when"),
    [
        (an_observation(effectiveDateTime="2021-02-15T23:59:59Z"), "late today"),
        (an_observation(effectiveDateTime="2021-02-16T00:30:00+01:00"), "today here, tomorrow in Paris"),
        (an_observation(effectiveDateTime="2021"), "some time this year"),
        (a_child(birthDate="2021-02-15"), "born today"),
        (
            {
                "resourceType": "EpisodeOfCare",
                "status": "planned",
                "patient": {"reference": "Patient/a"},
                "period": {"start": "2021-04-01"},
            },
            "a transfer that begins next quarter",
        ),
    ],
)
def test_what_may_have_happened_by_today_is_let_in(resource: JSON, when: str, definitions: Definitions):
    assert issues(resource, definitions, on=TODAY) == [], when


def test_a_summer_evening_counts_as_its_day_in_manchester(definitions: Definitions):
    visit = an_observation(effectiveDateTime="2021-06-30T23:30:00Z")
    assert places(visit, definitions, on=date(2021, 6, 30)) == ["Observation.effective"]
    assert places(visit, definitions, on=date(2021, 7, 1)) == []


def test_dates_of_a_visit_are_its_days_in_the_united_kingdom():
    visit = {
        "resourceType": "Encounter",
        "period": {"start": "2021-06-30T23:30:00Z", "end": "2021-07-01T00:30:00Z"},
    }
    assert validation.dates_of(visit) == [
        ("Encounter.period.start", date(2021, 7, 1)),
        ("Encounter.period.end", date(2021, 7, 1)),
    ]
    assert validation.dates_of(an_observation(effectiveDateTime="2020-02")) == [
        ("Observation.effective", date(2020, 2, 29))
    ]


def test_every_invariant_of_the_definitions_is_checked(definitions: Definitions):
    known = rules.HOLDS.keys() | rules.ELSEWHERE
    assert known == definitions.elements["rules"].keys()
    assert rules.ELSEWHERE.isdisjoint(rules.HOLDS)


@pytest.mark.parametrize(
    ("item", "key"),
    [
        ({"type": "group"}, "que-1"),
        ({"type": "display", "item": [{"linkId": "b", "type": "string"}]}, "que-1"),
        ({"type": "string", "item": [{"linkId": "a", "type": "string"}]}, "que-2"),
        ({"type": "display", "code": [{"code": "a"}]}, "que-3"),
        ({"type": "choice", "answerValueSet": "http://a", "answerOption": [{"valueString": "a"}]}, "que-4"),
        ({"type": "boolean", "answerOption": [{"valueString": "a"}]}, "que-5"),
        ({"type": "display", "required": True}, "que-6"),
        (
            {"type": "string", "enableWhen": [{"question": "b", "operator": "exists", "answerString": "a"}]},
            "que-7",
        ),
        (
            {"type": "group", "initial": [{"valueString": "a"}], "item": [{"linkId": "b", "type": "string"}]},
            "que-8",
        ),
        ({"type": "display", "readOnly": True}, "que-9"),
        ({"type": "date", "maxLength": 3}, "que-10"),
        (
            {"type": "choice", "answerOption": [{"valueString": "a"}], "initial": [{"valueString": "a"}]},
            "que-11",
        ),
        (
            {
                "type": "string",
                "enableWhen": [{"question": "b", "operator": "exists", "answerBoolean": True}] * 2,
            },
            "que-12",
        ),
        ({"type": "string", "initial": [{"valueString": "a"}, {"valueString": "b"}]}, "que-13"),
    ],
)
def test_a_form_that_cannot_be_filled_in_is_refused(item: JSON, key: str, definitions: Definitions):
    form = {"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "a", **item}]}
    assert [issue.diagnostics.split(":")[0] for issue in issues(form, definitions)] == [key]


@pytest.mark.parametrize(
    ("report", "key"),
    [
        ({"type": "data-collection", "group": [{"id": "a", "code": {"text": "b"}}]}, "mrp-1"),
        (
            {
                "type": "summary",
                "group": [{"stratifier": [{"stratum": [{"id": "a", "measureScore": {"value": 1}}]}]}],
            },
            "mrp-2",
        ),
        (
            {
                "type": "summary",
                "group": [
                    {
                        "stratifier": [
                            {
                                "stratum": [
                                    {
                                        "value": {"text": "a"},
                                        "component": [{"code": {"text": "a"}, "value": {"text": "b"}}],
                                    }
                                ]
                            }
                        ]
                    }
                ],
            },
            "mrp-2",
        ),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(report: JSON, key: str, definitions: Definitions):
    body = {
        "resourceType": "MeasureReport",
        "status": "complete",
        "measure": "http://m",
        "period": {"start": "2021"},
    }
    assert [issue.diagnostics.split(":")[0] for issue in issues(body | report, definitions)] == [key]


def one_fault(body: JSON, definitions: Definitions) -> str:
    (issue,) = issues(body, definitions)
    return issue.diagnostics.split(":")[0]


CHILD = {"reference": "Patient/a"}
RULED: list[tuple[str, JSON, JSON]] = [
    (
        "app-1",
        {"resourceType": "Appointment", "status": "proposed"},
        {"participant": [{"status": "accepted"}]},
    ),
    (
        "app-2",
        {
            "resourceType": "Appointment",
            "status": "proposed",
            "participant": [{"actor": CHILD, "status": "accepted"}],
        },
        {"start": "2021-03-01T09:00:00Z"},
    ),
    (
        "app-4",
        {
            "resourceType": "Appointment",
            "status": "proposed",
            "participant": [{"actor": CHILD, "status": "accepted"}],
        },
        {"cancelationReason": {"text": "a"}},
    ),
    (
        "con-4",
        {"resourceType": "Condition", "subject": CHILD},
        {"abatementDateTime": "2021"},
    ),
    (
        "con-5",
        {"resourceType": "Condition", "subject": CHILD},
        {
            "clinicalStatus": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
                ]
            },
            "verificationStatus": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
                        "code": "entered-in-error",
                    }
                ]
            },
        },
    ),
    (
        "cpl-3",
        {"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": CHILD},
        {"activity": [{"reference": {"reference": "Task/a"}, "detail": {"status": "completed"}}]},
    ),
    (
        "ctm-1",
        {"resourceType": "CareTeam", "subject": CHILD},
        {"participant": [{"member": CHILD, "onBehalfOf": {"reference": "Organization/a"}}]},
    ),
    (
        "grp-1",
        {"resourceType": "Group", "type": "person", "actual": False},
        {"member": [{"entity": CHILD}]},
    ),
    (
        "ukcore-imm-001",
        {
            "resourceType": "Immunization",
            "patient": CHILD,
            "vaccineCode": {"text": "MMR"},
            "occurrenceDateTime": "2021",
        },
        {"status": "not-done"},
    ),
    (
        "inv-1/Task",
        {"resourceType": "Task", "status": "requested", "intent": "order", "for": CHILD},
        {"authoredOn": "2021-02-15", "lastModified": "2021-02-14"},
    ),
    ("inv-1", {"resourceType": "Parameters"}, {"parameter": [{"name": "a"}]}),
    (
        "lst-2",
        {"resourceType": "List", "status": "current", "mode": "working"},
        {"entry": [{"item": CHILD, "deleted": True}]},
    ),
    (
        "lst-3",
        {"resourceType": "List", "status": "current", "mode": "changes"},
        {"entry": [{"item": CHILD, "date": "2021"}]},
    ),
    (
        "ppc-1",
        {"resourceType": "Consent", "status": "active", "scope": {"text": "a"}, "category": [{"text": "a"}]},
        {"patient": CHILD},
    ),
    (
        "prr-1",
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": CHILD},
        {"orderDetail": [{"text": "a"}]},
    ),
    (
        "ras-2",
        {"resourceType": "RiskAssessment", "status": "final", "subject": CHILD},
        {"prediction": [{"probabilityDecimal": Decimal("100.1")}]},
    ),
]


@pytest.mark.parametrize(("key", "body", "broken"), RULED, ids=[key for key, _, _ in RULED])
def test_a_paper_that_contradicts_itself_is_refused(
    key: str, body: JSON, broken: JSON, definitions: Definitions
):
    assert one_fault(body | broken, definitions) == key


STRUCTURE: JSON = {
    "resourceType": "StructureDefinition",
    "url": "http://example.org/a",
    "name": "A",
    "status": "draft",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
}


@pytest.mark.parametrize(
    ("keys", "elements"),
    [
        ({"sdf-8a"}, [{"id": "a", "path": "Observation"}]),
        ({"sdf-8a"}, [{"id": "a", "path": "Patient"}, {"id": "b", "path": "Observation.code"}]),
        ({"sdf-14"}, [{"path": "Patient"}]),
        ({"sdf-15a"}, [{"id": "a", "path": "Patient", "type": [{"code": "Patient"}]}]),
        ({"sdf-17"}, [{"id": "a", "path": "Patient"}, {"id": "a", "path": "Patient.name"}]),
        ({"sdf-21"}, [{"id": "a", "path": "Patient.active", "defaultValueBoolean": True}]),
        ({"sdf-23"}, [{"id": "a", "path": "Patient", "sliceName": "a"}]),
        (
            {"eld-8"},
            [{"id": "a", "path": "Patient.active", "fixedBoolean": True, "patternBoolean": True}],
        ),
        ({"eld-19"}, [{"id": "a", "path": "Patient.na me"}]),
    ],
)
def test_a_definition_that_tools_could_not_read_is_refused(
    keys: set[str], elements: list[JSON], definitions: Definitions
):
    body = {**STRUCTURE, "differential": {"element": elements}}
    assert {issue.diagnostics.split(":")[0] for issue in issues(body, definitions)} == keys


@pytest.mark.parametrize("name", ["_id", "_resourceType"])
def test_nothing_stands_beside_an_id(name: str, definitions: Definitions):
    child = a_child(**{name: {"extension": [{"url": "http://a", "valueString": "a"}]}})
    assert places(child, definitions) == [f"Patient.{name}"]


def test_a_plan_carries_its_goal_inside_itself_and_a_goal_does_not_stand_alone(definitions: Definitions):
    goal = {"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "description": {"text": "a"}}
    goal["subject"] = CHILD
    plan = {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "subject": CHILD,
        "goal": [{"reference": "#g"}],
        "contained": [goal],
    }
    assert issues(plan, definitions) == []
    goal["target"] = [{"detailString": "a"}]
    assert one_fault(plan, definitions) == "gol-1"
    assert places(goal, definitions) == ["Goal.resourceType"]


# Contained resources and narrative


@pytest.mark.parametrize(
    ("inner", "code", "place"),
    [
        ({"resourceType": "Patient"}, "required", "Observation.contained[0].id"),
        ({"resourceType": "Spaceship", "id": "p"}, "structure", "Observation.contained[0].resourceType"),
        ({"id": "p"}, "required", "Observation.contained[0].resourceType"),
        (
            {"resourceType": "Patient", "id": "p", "colour": "blue"},
            "structure",
            "Observation.contained[0].colour",
        ),
        (
            {"resourceType": "Patient", "id": "p", "contained": [{"resourceType": "Patient", "id": "q"}]},
            "invariant",
            "Observation.contained[0].contained",
        ),
        ({"resourceType": "Patient", "id": "p", "meta": {"versionId": "1"}}, "invariant", "Observation"),
    ],
)
def test_a_contained_resource_is_held_to_the_same_form(
    inner: JSON, code: str, place: str, definitions: Definitions
):
    body = an_observation(subject={"reference": "#p"}, contained=[inner])
    found = issues(body, definitions)
    assert (code, place) in [(issue.code, issue.expression) for issue in found]


@pytest.mark.parametrize(
    "inside",
    [
        "<p>Weight <b>12.40</b> kg &amp; well<br/></p>",
        '<table class="a"><tr><td style="color: red" colspan="2">1</td></tr></table>',
        '<a href="https://www.nhs.uk/baby">more</a> <a href="#note">note</a> <a name="note">a</a>',
        '<img src="#photo" alt="a"/>',
        '<img src="icon_element.gif" alt="a"/>',
        '<p style="background-image: url(tbl_bck1.png)">a</p>',
        "<!-- made by hand --><p>a</p>",
    ],
)
def test_a_plain_narrative_is_let_in(inside: str, definitions: Definitions):
    child = a_child(text={"status": "generated", "div": f"<div {XHTML}>{inside}</div>"})
    assert issues(child, definitions) == []


@pytest.mark.parametrize(
    "div",
    [
        f"<div {XHTML}><script>alert(1)</script></div>",
        f'<div {XHTML} onclick="a()">a</div>',
        f'<div {XHTML}><p onmouseover="a()">a</p></div>',
        f'<div {XHTML}><a href="javascript:a()">a</a></div>',
        f'<div {XHTML}><a href="&#9;java&#10;script:a()">a</a></div>',
        f'<div {XHTML}><a href="data:text/html,a">a</a></div>',
        f'<div {XHTML}><a href="//evil.example">a</a></div>',
        f'<div {XHTML}><img src="https://evil.example/a.png"/></div>',
        f'<div {XHTML}><img src="//evil.example/a.png"/></div>',
        f'<div {XHTML}><img src="../sign-out.png"/></div>',
        f'<div {XHTML}><img src="sign-out"/></div>',
        f'<div {XHTML}><p style="background: url(//evil.example/a.png)">a</p></div>',
        f'<div {XHTML}><p style="background: ururl(a.png)l(//evil.example/a.png)">a</p></div>',
        f'<div {XHTML}><img src="data:image/svg+xml;base64,QUJD"/></div>',
        f'<div {XHTML}><p style="background: url(https://evil.example)">a</p></div>',
        f'<div {XHTML}><p style="background: u\\72l(https://evil.example)">a</p></div>',
        f'<div {XHTML}><p style="width: expression(alert(1))">a</p></div>',
        f"<div {XHTML}><style>p {{}}</style>a</div>",
        f"<div {XHTML}><iframe/>a</div>",
        f'<div {XHTML}><form action="a">a</form></div>',
        f'<div {XHTML}><svg xmlns="http://www.w3.org/2000/svg"><a/></svg>a</div>',
        f'<div {XHTML}><math xmlns="http://www.w3.org/1998/Math/MathML"/>a</div>',
        f"<div {XHTML}><html:p xmlns:html='http://e.org'>a</html:p></div>",
        f"<div {XHTML}>&nbsp;a</div>",
        f"<div {XHTML}><p>a</div>",
        f"<div {XHTML}>a</div><div {XHTML}>b</div>",
        "<div>a</div>",
        f"<p {XHTML}>a</p>",
        f"<!DOCTYPE div><div {XHTML}>a</div>",
        f'<!DOCTYPE div [<!ENTITY a "a">]><div {XHTML}>&a;</div>',
        f'<?xml-stylesheet href="a"?><div {XHTML}>a</div>',
        f"<div {XHTML}><![CDATA[<script>]]></div>",
        f"<div {XHTML}></div>",
        "a",
        7,
    ],
)
def test_a_narrative_that_could_act_or_fetch_is_refused(div: Any, definitions: Definitions):
    child = a_child(text={"status": "generated", "div": div})
    assert places(child, definitions) == ["Patient.text.div"]


# A response against its form


def a_full_form() -> JSON:
    domains = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")
    return {
        **a_response(
            {
                "linkId": "measurements",
                "item": [
                    an_answer("weight", valueDecimal=Decimal("12.40")),
                    an_answer("height", valueDecimal=87),
                ],
            },
            {
                "linkId": "asq3",
                "item": [
                    an_answer("asq3-form", valueCoding=a_coding("asq3-form", "24")),
                    *(
                        {
                            "linkId": f"asq3-{domain}",
                            "item": [
                                an_answer(f"asq3-{domain}-{at}", valueCoding=a_coding("asq3-answer", "yes"))
                                for at in range(1, 7)
                            ],
                        }
                        for domain in domains
                    ),
                ],
            },
        ),
        "authored": "2021-02-15T09:30:00+00:00",
    }


def test_an_unknown_form_is_refused(definitions: Definitions):
    response = a_response(an_answer("weight", valueDecimal=1), form="three-year-review")
    assert places(response, definitions) == ["QuestionnaireResponse.questionnaire"]


@pytest.mark.parametrize(
    ("items", "code", "place"),
    [
        ([an_answer("hat-size", valueString="6")], "structure", "item[0].linkId"),
        ([an_answer("weight", valueDecimal=12)], "structure", "item[0].linkId"),
        ([{"linkId": "measurements", "answer": [{"valueString": "a"}]}], "structure", "item[0].answer"),
        ([{"linkId": "measurements"}] * 2, "structure", "item[1].linkId"),
    ],
)
def test_questions_stand_where_the_form_has_them(
    items: list[JSON], code: str, place: str, definitions: Definitions
):
    found = issues(a_response(*items), definitions)
    assert [(issue.code, issue.expression) for issue in found] == [(code, f"QuestionnaireResponse.{place}")]


@pytest.mark.parametrize(
    ("answer", "code", "place"),
    [
        ({"answer": [{"valueInteger": 12}]}, "value", "answer[0].value"),
        ({"answer": [{"valueString": "12.4"}]}, "value", "answer[0].value"),
        ({"answer": [{"valueDecimal": 51}]}, "business-rule", "answer[0].value"),
        ({"answer": [{"valueDecimal": Decimal("0.1")}]}, "business-rule", "answer[0].value"),
        ({"answer": [{"valueDecimal": Decimal("12.4000")}]}, "value", "answer[0].value"),
        ({"answer": [{"valueDecimal": 12}, {"valueDecimal": 13}]}, "structure", "answer"),
        ({"item": [{"linkId": "weight-help"}]}, "structure", "item"),
    ],
)
def test_an_answer_is_of_the_kind_and_size_the_form_asks_for(
    answer: JSON, code: str, place: str, definitions: Definitions
):
    response = a_response({"linkId": "measurements", "item": [{"linkId": "weight", **answer}]})
    found = issues(response, definitions)
    assert [(issue.code, issue.expression) for issue in found] == [
        (code, f"QuestionnaireResponse.item[0].item[0].{place}")
    ]


def test_an_answer_is_one_of_those_the_form_offers(definitions: Definitions):
    response = a_full_form()
    response["item"][1]["item"][1]["item"][0]["answer"][0]["valueCoding"]["code"] = "unknown"
    assert places(response, definitions) == [
        "QuestionnaireResponse.item[1].item[1].item[0].answer[0].value.coding.code".replace(".coding", ""),
        "QuestionnaireResponse.item[1].item[1].item[0].answer[0].value",
    ]


def a_form(*items: JSON, status: str = "completed", answers: list[JSON]) -> JSON:
    """A response that carries its own form."""
    return {
        "resourceType": "QuestionnaireResponse",
        "contained": [
            {"resourceType": "Questionnaire", "id": "form", "status": "active", "item": list(items)}
        ],
        "questionnaire": "#form",
        "status": status,
        **({"item": answers} if answers else {}),
    }


NAME = {"linkId": "name", "type": "string", "required": True, "maxLength": 5}
WALKS = {"linkId": "walks", "type": "boolean"}
AGE = {
    "linkId": "age",
    "type": "integer",
    "required": True,
    "enableWhen": [{"question": "walks", "operator": "=", "answerBoolean": True}],
}


@pytest.mark.parametrize(
    ("status", "answers", "expected"),
    [
        ("completed", [an_answer("name", valueString="Ann")], []),
        ("completed", [], ["item"]),
        ("in-progress", [], []),
        ("completed", [an_answer("name", valueString="Annabel")], ["item[0].answer[0].value"]),
        ("completed", [{"linkId": "name"}], ["item[0].answer"]),
        (
            "completed",
            [an_answer("name", valueString="Ann"), an_answer("walks", valueBoolean=True)],
            ["item"],
        ),
        ("completed", [an_answer("name", valueString="Ann"), an_answer("walks", valueBoolean=False)], []),
        (
            "completed",
            [an_answer("name", valueString="Ann"), an_answer("age", valueInteger=12)],
            ["item[1]"],
        ),
        (
            "completed",
            [
                an_answer("name", valueString="Ann"),
                an_answer("walks", valueBoolean=True),
                an_answer("age", valueInteger=12),
            ],
            [],
        ),
    ],
)
def test_a_completed_form_has_what_is_required_and_nothing_switched_off(
    status: str, answers: list[JSON], expected: list[str], definitions: Definitions
):
    response = a_form(NAME, WALKS, AGE, status=status, answers=answers)
    assert places(response, definitions) == [f"QuestionnaireResponse.{place}" for place in expected]


@pytest.mark.parametrize(
    ("feeding", "is_asked"),
    [([], True), (["breast"], True), (["breast", "formula"], False), (["formula"], False)],
)
def test_what_is_asked_unless_an_answer_is_given_is_asked_while_none_is(
    feeding: list[str], is_asked: bool, definitions: Definitions
):
    how = {"linkId": "feeding", "type": "string", "repeats": True}
    unless = {"question": "feeding", "operator": "!=", "answerString": "formula"}
    why = {"linkId": "why", "type": "string", "required": True, "enableWhen": [unless]}
    given = [{"linkId": "feeding", "answer": [{"valueString": each} for each in feeding]}] if feeding else []
    found = issues(a_form(how, why, answers=given), definitions)
    assert [issue.code for issue in found] == (["required"] if is_asked else [])


# Bundles


def test_a_transaction_of_a_visit_is_let_in(definitions: Definitions):
    visit = "urn:uuid:11111111-2222-4333-8444-555555555555"
    assert (
        bundle_issues(
            definitions,
            an_entry({**a_full_form(), "encounter": {"reference": visit}}),
            an_entry(
                a_weight(subject={"reference": "Patient?identifier=a|b"}, encounter={"reference": visit})
            ),
            an_entry(a_child(id="abc"), "PUT", "Patient/abc"),
            an_entry(method="GET", url="Observation?code=27113001"),
            on=TODAY,
        )
        == []
    )


@pytest.mark.parametrize(
    ("entry", "code", "place"),
    [
        ({"resource": a_child(active=True)}, "required", "request"),
        ({"request": {"method": "POST"}, "resource": a_child(active=True)}, "required", "request.url"),
        ({"request": {"url": "Patient"}, "resource": a_child(active=True)}, "required", "request.method"),
        (an_entry(a_child(active=True), "BREW"), "code-invalid", "request.method"),
        (an_entry(a_child(active=True), url="Observation"), "value", "resource.resourceType"),
        (an_entry(a_child(active=True), url="Patient/1"), "value", "request.url"),
        (an_entry(a_child(active=True), url="https://other.org/Patient"), "value", "request.url"),
        (an_entry(a_child(active=True), url="../Patient"), "value", "request.url"),
        (an_entry(a_child(active=True), url="Spaceship"), "not-supported", "request.url"),
        (an_entry(a_child(active=True), "PUT", "Patient/1"), "value", "resource.id"),
        (an_entry(a_child(id="1"), "PUT", "Patient"), "value", "request.url"),
        (an_entry(method="POST", url="Patient"), "required", "resource"),
        (an_entry(a_child(active=True), "GET", "Patient/1"), "structure", "resource"),
        (an_entry(a_child(active=True), fullUrl="urn:uuid:1"), "value", "fullUrl"),
        (an_entry(a_child(active=True), fullUrl="Patient/1"), "value", "fullUrl"),
        (an_entry(a_child(active=True), response={"status": "200"}), "structure", "response"),
        (an_entry(a_child(active=True), search={"mode": "match"}), "structure", "search"),
        (an_entry({"resourceType": "Spaceship"}), "structure", "resource.resourceType"),
        (an_entry({"id": "a"}, url="Patient"), "required", "resource.resourceType"),
        (an_entry(a_child(name=[{"given": ["A", ""]}])), "value", "resource.name[0].given[1]"),
        (an_entry(a_weight(51)), "business-rule", "resource.value.value"),
        (an_entry(a_child(birthDate="2021-02-16")), "business-rule", "resource.birthDate"),
        (an_entry(a_response(an_answer("hat", valueString="6"))), "structure", "resource.item[0].linkId"),
        (an_entry(an_observation(subject={"reference": "#p"})), "invariant", "resource.subject.reference"),
    ],
)
def test_a_bad_entry_of_a_transaction_is_refused_at_its_place(
    entry: JSON, code: str, place: str, definitions: Definitions
):
    found = bundle_issues(definitions, an_entry(a_child(active=True)), entry, on=TODAY)
    assert (code, f"Bundle.entry[1].{place}") in [(issue.code, issue.expression) for issue in found]


def test_a_reference_to_another_entry_leads_to_a_type_that_may_stand_there(definitions: Definitions):
    urn = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
    visit = {"resourceType": "Encounter", "status": "finished", "class": {"code": "HH"}}
    weight = a_weight(performer=[{"reference": urn}], encounter={"reference": urn})
    (issue,) = bundle_issues(definitions, an_entry(weight), an_entry(visit, fullUrl=urn))
    assert (issue.code, issue.expression) == ("value", "Bundle.entry[0].resource.performer[0].reference")
    assert issues(weight, definitions) == []


def test_two_entries_do_not_share_an_address(definitions: Definitions):
    address = "urn:uuid:11111111-2222-4333-8444-555555555555"
    entry = an_entry(a_child(active=True), fullUrl=address)
    assert [issue.expression for issue in bundle_issues(definitions, entry, entry)] == [
        "Bundle.entry[1].fullUrl"
    ]


def test_only_a_batch_or_a_transaction_is_carried_out(definitions: Definitions):
    for kind in ("searchset", "banana"):
        assert {issue.expression for issue in bundle_issues(definitions, kind=kind)} == {"Bundle.type"}


# The second reader


def test_the_second_reader_refuses_what_only_it_sees_in_our_words(definitions: Definitions):
    secret = "Ashworth"
    found = second_reader.faults(
        {"resourceType": "Patient", "name": [{"family": secret, "given": [{"a": secret}]}], secret: 1}
    )
    assert {fault.path for fault in found} >= {".name[0].given[0]"}
    assert secret not in " ".join(fault.text for fault in found)


def test_the_second_reader_says_so_of_a_resource_it_does_not_know(definitions: Definitions):
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"resourceType": "FooType"}}]}
    assert [fault.code for fault in second_reader.faults(bundle)] == ["structure"]


# Properties: one thing broken in a good body, and anything at all put anywhere


@pytest.fixture(scope="module")
def choices(definitions: Definitions) -> dict[str, str]:
    """Element by JSON name of a choice of types: valueQuantity is value."""
    found = {}
    for entry in definitions.elements["types"].values():
        for element, stated in entry["elements"].items():
            if element.endswith("[x]"):
                label = element[:-3]
                found |= {label + type_[0].upper() + type_[1:]: label for type_ in stated["types"]}
    return found


def located(value: Any, path: str, choices: dict[str, str]) -> Iterator[tuple[Any, Any, str]]:
    """Every element with its holder, its key there and its FHIRPath."""
    if isinstance(value, dict):
        for name, inner in value.items():
            shown = name.removeprefix("_")
            here = f"{path}.{choices.get(shown, shown)}"
            yield value, name, here
            yield from located(inner, here, choices)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield value, at, f"{path}[{at}]"
            yield from located(inner, f"{path}[{at}]", choices)


WHOLE = st.sampled_from([path.stem for path in EXAMPLES])


@given(WHOLE, st.data())
@settings(max_examples=150, deadline=None)
def test_an_unknown_element_anywhere_is_refused_at_its_place(
    definitions: Definitions, choices: dict[str, str], name: str, data: st.DataObject
):
    body = example(name)
    objects = [
        (holder[key], path)
        for holder, key, path in located(body, body["resourceType"], choices)
        if isinstance(holder[key], dict)
    ]
    holder, path = data.draw(st.sampled_from([(body, body["resourceType"]), *objects]))
    holder["colour"] = "blue"
    assert (f"{path}.colour", "structure") in [
        (issue.expression, issue.code) for issue in issues(body, definitions)
    ]


BREAKS: dict[str, Callable[[Any], Any]] = {
    "null": lambda value: None,
    "an empty object": lambda value: {},
    "an empty array": lambda value: [],
    "an empty string": lambda value: "",
    "another kind": lambda value: 17 if isinstance(value, str | bool | list | dict) else "17",
    "in an array": lambda value: [[value]],
}


@given(WHOLE, st.sampled_from(sorted(BREAKS)), st.data())
@settings(max_examples=400, deadline=None)
def test_a_value_of_wrong_form_anywhere_is_refused_at_its_place(
    definitions: Definitions, choices: dict[str, str], name: str, how: str, data: st.DataObject
):
    body = example(name)
    elements = list(located(body, body["resourceType"], choices))
    holder, key, path = data.draw(st.sampled_from(elements))
    holder[key] = BREAKS[how](holder[key])
    with pytest.raises(Invalid) as refusal:
        validation.checked(body, type=example(name)["resourceType"], definitions=definitions)
    # An array in an array is told at its first item, an empty resource at the type it does not name.
    expressions = {issue.expression for issue in refusal.value.issues}
    assert expressions & {path, f"{path}[0]", f"{path}.resourceType"}


@given(WHOLE, st.data())
@settings(max_examples=150, deadline=None)
def test_a_missing_required_element_is_refused_at_its_place(
    definitions: Definitions, choices: dict[str, str], name: str, data: st.DataObject
):
    body = example(name)
    type_ = body["resourceType"]
    stated = definitions.elements["types"][type_]["elements"]
    required = [element for element in stated if stated[element].get("min") and element in body]
    if not required:
        return
    element = data.draw(st.sampled_from(required))
    del body[element]
    found = issues(body, definitions)
    assert (f"{type_}.{element}", "required") in [(issue.expression, issue.code) for issue in found]


@given(WHOLE, st.data())
@settings(max_examples=150, deadline=None)
def test_a_code_outside_its_required_list_is_refused_at_its_place(
    definitions: Definitions, choices: dict[str, str], name: str, data: st.DataObject
):
    body = example(name)
    bound = {
        element
        for entry in definitions.elements["types"].values()
        for element, stated in entry["elements"].items()
        if stated.get("codes") and stated["types"] == ["code"]
    }
    top = definitions.elements["types"][body["resourceType"]]["elements"]
    coded = [element for element in body if element in bound and top.get(element, {}).get("codes")]
    if not coded:
        return
    element = data.draw(st.sampled_from(coded))
    body[element] = ["banana"] if isinstance(body[element], list) else "banana"
    found = issues(body, definitions)
    assert {(issue.expression.removesuffix("[0]"), issue.code) for issue in found} >= {
        (f"{body['resourceType']}.{element}", "code-invalid")
    }


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "2021",
            "2021-02-30",
            "Patient/a",
            "#a",
            "urn:uuid:1",
            "final",
            "http://a",
            "POST",
            "Patient",
            "a\x00",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "extension",
                    "url",
                    "valueString",
                    "value",
                    "code",
                    "system",
                    "reference",
                    "resourceType",
                    "_value",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(WHOLE, ANYTHING, st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_is_put_anywhere_is_judged_and_what_the_model_refuses_is_refused_here(
    definitions: Definitions, choices: dict[str, str], name: str, anything: Any, data: st.DataObject
):
    body = example(name)
    type_ = body["resourceType"]
    holder, key, _ = data.draw(st.sampled_from(list(located(body, type_, choices))))
    if data.draw(st.booleans()):
        holder[key] = anything
    else:
        del holder[key]
    found = issues(body, definitions, type_=type_, on=TODAY)
    assert all(issue.expression.startswith(type_) for issue in found)
    if not found:
        assert second_reader.faults(body) == []


@given(WHOLE, st.data())
@settings(max_examples=100, deadline=None)
def test_no_refusal_repeats_what_was_sent(
    definitions: Definitions, choices: dict[str, str], name: str, data: st.DataObject
):
    body, canary = example(name), "Zq7Canary"
    type_ = body["resourceType"]
    holder, key, _ = data.draw(st.sampled_from(list(located(body, type_, choices))))
    holder[key] = data.draw(
        st.sampled_from([canary, [canary], {"reference": canary}, {"value": canary}, f"{canary}\x00"])
    )
    body["gender"] = canary
    with pytest.raises(RecordError) as refusal:
        validation.checked(body, type=type_, definitions=definitions)
    assert canary not in repr(refusal.value.issues) + str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        " " * 100_000,
        "a " * 50_000,
        "urn:oid:1" + ".1" * 50_000,
        "2021-02-15T09:00:00." + "1" * 100_000,
        "http://a/" + "a/" * 50_000,
        "A" * 100_000 + "/",
        f"<div {XHTML}>" + "<p>" * 30_000,
        "QUJD" * 25_000 + "%",
    ],
)
def test_a_long_text_is_judged_to_its_end(text: str, definitions: Definitions):
    body = an_observation(
        id=text,
        implicitRules=text,
        language=text,
        text={"status": "generated", "div": text},
        effectiveDateTime=text,
        issued=text,
        subject={"reference": text},
        identifier=[{"system": NHS_NUMBER, "value": text}],
        contained=[{"resourceType": "Patient", "id": "a", "photo": [{"contentType": text, "data": text}]}],
    )
    assert issues(body, definitions)


def test_a_hundred_thousand_faults_are_counted_and_not_all_told(definitions: Definitions):
    found = issues(a_child(name=[{}] * 50_000, **{f"x{at}": 1 for at in range(50_000)}), definitions)
    assert len(found) == validation.MOST_ISSUES + 1
    assert found[-1] == Issue(
        "too-costly", f"{100_000 - validation.MOST_ISSUES} further faults are not listed"
    )


def test_a_fault_deep_inside_is_found_as_one_at_the_top_is(definitions: Definitions):
    deepest: JSON = {"url": "a", "valueString": ""}
    for _ in range(45):
        deepest = {"url": "a", "extension": [deepest]}
    assert places(a_child(extension=[deepest]), definitions) == ["Patient" + ".extension[0]" * 46 + ".value"]
