"""B3, B6, B7: nothing that is not named leaves. Each hidden element carries a mark of its own."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.access import visibility
from tests.builders import a_patient, an_encounter, an_observation, code_of, extension


def marked(resource, elements):
    """The resource with hidden elements, and the mark that none of them may show."""
    mark = uuid.uuid4().hex
    return {**resource, **json.loads(json.dumps(elements).replace("MARK", mark))}, mark


def test_a_parent_sees_name_birth_date_and_nhs_number_of_the_child():
    seen = visibility.parents_view("Patient", {"id": "p", **a_patient(nhs_number="9990000018")})
    assert seen == {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "name": [{"use": "official", "family": "Ashworth", "given": ["Poppy"]}],
        "gender": "female",
        "birthDate": "2019-01-15",
    }


@pytest.mark.parametrize(
    "elements",
    [
        {"address": [{"line": ["MARK"]}]},
        {"telecom": [{"value": "MARK"}]},
        {"contact": [{"name": {"family": "MARK"}, "address": {"city": "MARK"}}]},
        {"managingOrganization": {"reference": "Organization/MARK"}},
        {"generalPractitioner": [{"display": "MARK"}]},
        {"identifier": [{"system": "urn:local", "value": "MARK"}]},
        {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "assigner": {"display": "MARK"}}]},
        {"name": [{"family": "Ashworth", "extension": [{"url": "x", "valueString": "MARK"}]}]},
        {"_birthDate": {"extension": [{"url": "x", "valueString": "MARK"}]}},
        {"text": {"status": "generated", "div": "MARK"}},
        {"contained": [{"resourceType": "Organization", "name": "MARK"}]},
        {"meta": {"versionId": "MARK", "source": "MARK", "tag": [{"code": "MARK"}]}},
        {"extension": [{"url": "x", "valueString": "MARK"}]},
        {"link": [{"other": {"reference": "Patient/MARK"}}]},
    ],
)
def test_no_place_person_or_note_of_a_child_is_shown_to_a_parent(elements):
    body, mark = marked({"id": "p", **a_patient()}, elements)
    assert mark not in str(visibility.parents_view("Patient", body))


def test_a_parent_sees_what_review_was_held_when_and_with_what_outcome():
    seen = visibility.parents_view("Encounter", {"id": "e", **an_encounter("Patient/p")})
    assert set(seen) == {"resourceType", "id", "extension", "status", "class", "type", "subject", "period"}
    assert seen["extension"] == [
        extension("review-outcome", valueCoding=code_of("review-outcome", "completed"))
    ]


@pytest.mark.parametrize(
    "elements",
    [
        {"participant": [{"individual": {"reference": "Practitioner/MARK", "display": "MARK"}}]},
        {"serviceProvider": {"reference": "Organization/MARK"}},
        {"episodeOfCare": [{"reference": "EpisodeOfCare/MARK"}]},
        {"location": [{"location": {"display": "MARK"}}]},
        {"reasonCode": [{"text": "MARK"}]},
        {"subject": {"reference": "Patient/p", "display": "MARK", "identifier": {"value": "MARK"}}},
        {"extension": [extension("place", valueCoding=code_of("place", "MARK"))]},
        {"extension": [extension("review-outcome", valueCoding={"code": "x", "userSelected": "MARK"})]},
        {"extension": [{**extension("review-outcome"), "extension": [{"url": "MARK"}]}]},
        {"type": [{"coding": [{"code": "x", "extension": [{"url": "MARK"}]}]}]},
        {"period": {"start": "2021", "_start": {"extension": [{"url": "MARK"}]}}},
    ],
)
def test_who_came_and_where_is_not_shown_to_a_parent(elements):
    body, mark = marked({"id": "e", **an_encounter("Patient/p")}, elements)
    assert mark not in str(visibility.parents_view("Encounter", body))


@pytest.mark.parametrize(
    "elements",
    [
        {"note": [{"text": "MARK"}]},
        {"performer": [{"reference": "Practitioner/MARK"}]},
        {"derivedFrom": [{"reference": "QuestionnaireResponse/MARK"}]},
        {"hasMember": [{"reference": "Observation/MARK"}]},
        {"valueString": "MARK"},
        {"device": {"display": "MARK"}},
        {"bodySite": {"text": "MARK"}},
        {"component": [{"code": {"text": "x"}, "valueString": "MARK"}]},
        {"component": [{"code": {"text": "x"}, "extension": [{"url": "MARK"}]}]},
        {"referenceRange": [{"text": "MARK"}]},
    ],
)
def test_no_note_or_source_of_a_result_is_shown_to_a_parent(elements):
    body, mark = marked({"id": "o", **an_observation("Patient/p")}, elements)
    assert mark not in str(visibility.parents_view("Observation", body))


def test_what_a_modifier_would_turn_round_is_not_shown_by_half():
    body = {"id": "o", **an_observation("Patient/p"), "modifierExtension": [{"url": "urn:negated"}]}
    assert visibility.parents_view("Observation", body) is None


@pytest.mark.parametrize(
    "type_", ["QuestionnaireResponse", "RelatedPerson", "EpisodeOfCare", "Provenance", "AuditEvent"]
)
def test_of_other_types_a_parent_sees_nothing(type_):
    assert visibility.parents_view(type_, {"resourceType": type_, "id": "x"}) is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.sampled_from(visibility.TYPES), st.dictionaries(st.text(min_size=1), _json))
def test_an_element_that_nobody_has_named_is_not_shown(type_, elements):
    known = visibility.parents_view(type_, {"id": "x"})
    unknown = {f"x-{name}": value for name, value in elements.items()}
    assert visibility.parents_view(type_, {"id": "x", **unknown}) == known


@pytest.mark.parametrize("type_", visibility.TYPES)
def test_a_parent_does_not_search_by_what_is_hidden(type_):
    hidden = {
        "address", "address-postalcode", "telecom", "phone", "organization", "general-practitioner",
        "participant", "practitioner", "service-provider", "episode-of-care", "location", "performer",
        "derived-from", "_lastUpdated", "capture-mode", "place", "practitioner-type", "active",
    }  # fmt: skip
    assert not hidden & (visibility.searchable(type_) or set())
