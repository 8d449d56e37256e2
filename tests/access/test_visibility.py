"""B3, B6, B7: nothing that is not named leaves. Each hidden element carries a mark of its own."""

import json
import re
import uuid
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.access import visibility
from healthvisit.access.reach import CHILD_TYPES
from healthvisit.config import packaged
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


# The mask of a child whose whereabouts are kept hidden

MARK = "MARK"
# A sound value of each type of data, with a mark in whatever may tell a place. R4's own elements are walked with it.
VALUES = {
    "Address": {"text": MARK}, "ContactPoint": {"system": "phone", "value": MARK},
    "Narrative": {"status": "generated", "div": f"<div>{MARK}</div>"},
    "Attachment": {"contentType": "text/plain", "data": MARK, "title": MARK, "url": f"https://{MARK}.example/a"},
    "Identifier": {"system": "urn:x", "value": "1", "assigner": {"display": MARK}},
    "Resource": {"resourceType": "Location", "name": MARK},
    "Extension": {"url": "urn:x", "valueString": MARK}, "ContactDetail": {"name": MARK},
    "Meta": {"extension": [{"url": "urn:x", "valueString": MARK}]},
    "Signature": {"who": {"display": MARK}, "data": MARK},
}  # fmt: skip
# Elements of another type that speak of a place by themselves.
SPEAK = {
    "ServiceRequest.locationCode", "ServiceRequest.patientInstruction", "Appointment.comment", "Appointment.description",
    "Appointment.patientInstruction", "Binary.data", "DocumentReference.context.facilityType",
    "DocumentReference.context.practiceSetting", "Patient.contact", "Encounter.hospitalization",
}  # fmt: skip
# What nobody of another borough is shown, in words.
OF_A_TEAM = {"CareTeam.name", "Consent.policy.authority", "Annotation.authorString"}
PLACES = ("Location", "HealthcareService")
TEAMS = ("Practitioner", "PractitionerRole", "Organization")


@lru_cache
def r4_types():
    return json.loads((packaged("fhir") / "r4" / "elements.json").read_text("utf-8"))["types"]


def told(types, type_, path, depth=0):
    """(path, a body of the type with one marked value) for each element of a type and of what it is made of."""
    while type_ in types:
        for element, stated in types[type_]["elements"].items():
            for kind in stated["types"]:
                name = element.replace("[x]", kind[0].upper() + kind[1:])
                place = f"{path}.{name}"
                for value in marked_values(types, kind, place, stated.get("targets", ()), depth):
                    yield place, {name: [value] if stated.get("max", "1") != "1" else value}
        type_ = types[type_].get("base", "")


def marked_values(types, kind, place, targets, depth):
    if kind == "Reference":
        for target in targets or (*PLACES, *TEAMS):
            if target in (*PLACES, *TEAMS):
                yield {"reference": f"{target}/{MARK}-{target}"}
        yield {"display": f"{MARK}-shown"}
        yield {"reference": f"https://{MARK}.example/Location/1"}
        yield {"identifier": {"value": MARK}}
    elif place in OF_A_TEAM:
        yield f"{MARK}-Organization"
    elif place in SPEAK or kind in VALUES:
        yield VALUES.get(kind, {"text": MARK} if kind == "CodeableConcept" else MARK)
    elif kind in types and types[kind]["kind"] != "resource" and depth < 4:
        for _, inner in told(types, kind, place if "." in kind else kind, depth + 1):
            yield inner


@pytest.mark.parametrize("type_", sorted(CHILD_TYPES))
def test_no_element_of_r4_tells_where_a_marked_child_is(type_):
    types = r4_types()
    seen_by_the_team, count = set(), 0
    for place, body in told(types, type_, type_):
        count += 1
        whole = {"resourceType": type_, "id": "i", **body}
        near, far = (str(visibility.masked(type_, whole, near=near)) for near in (True, False))
        shown = re.findall(rf"{MARK}-?(\w*)", near)
        assert set(shown) <= set(TEAMS), (place, body)
        seen_by_the_team |= {place} if shown else set()
        assert MARK not in far, (place, body)
        # What was read and is sent back takes nothing away, and is itself shown whole.
        seen = visibility.masked(type_, whole, near=True)
        assert visibility.masked(type_, seen, near=True) == seen, (place, body)
        assert visibility.hidden_in(type_, seen) is None
        kept = {name: value for name, value in whole.items() if name != "text"}
        assert visibility.completed(type_, seen, whole) == kept, (place, body)
    assert count >= 10 or type_ == "Binary"


# Whatever stands in it, and be it something that may be seen elsewhere, such as a Practitioner or a code.
TELL_A_PLACE = (
    "address", "telecom", "contact", "generalPractitioner", "link", "location", "locationCode", "locationReference",
    "hospitalization", "facilityType", "practiceSetting", "patientInstruction", "assigner", "contained", "hash",
    "valueAddress", "valueContactPoint", "valueContactDetail", "valueMeta", "valueSignature", "valueRelatedArtifact",
)  # fmt: skip


@pytest.mark.parametrize("name", TELL_A_PLACE)
@pytest.mark.parametrize("value", [{"reference": "Practitioner/g"}, [{"code": "x"}], "x", True])
def test_what_can_tell_a_place_is_hidden_whole_wherever_it_stands(name, value):
    for body in ({name: value}, {"component": [{name: value, "code": "kept"}]}):
        whole = {"resourceType": "Observation", "id": "o", "status": "final", **body}
        for near in (True, False):
            seen = visibility.masked("Observation", whole, near=near)
            assert name not in json.dumps(seen), near
            assert seen["status"] == "final"
            assert ("component" in seen) == ("component" in body)
        assert visibility.hidden_in("Observation", whole) == next(iter(body))


def test_staff_of_the_borough_see_who_works_with_the_child_and_others_do_not():
    body = {
        "resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": {"reference": "Patient/p"},
        "managingOrganization": {"reference": "Organization/bury", "display": "Bury"},
        "careManager": {"reference": "Practitioner/g"}, "period": {"start": "2021-01-01"},
        "meta": {"versionId": "2", "source": "urn:bury", "tag": [{"code": "E08000002"}], "security": [{"code": "R"}]},
        "identifier": [{"system": "urn:bury", "value": "1"}, {"system": visibility.NHS_NUMBER, "value": "9"}],
    }  # fmt: skip
    assert visibility.masked("EpisodeOfCare", body, near=True) == body
    assert visibility.masked("EpisodeOfCare", body, near=False) == {
        "resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": {"reference": "Patient/p"},
        "period": {"start": "2021-01-01"}, "meta": {"versionId": "2", "security": [{"code": "R"}]},
        "identifier": [{"system": visibility.NHS_NUMBER, "value": "9"}],
    }  # fmt: skip


def test_care_is_seen_as_it_is_written():
    body = {
        **an_observation("Patient/p"), "id": "o", "note": [{"text": "Walks well"}],
        "_effectiveDateTime": {"extension": [{"url": "urn:x", "valueString": MARK}]},
        "extension": [extension("released-at", valueDateTime="2021-02-01T10:00:00Z")],
    }  # fmt: skip
    seen = visibility.masked("Observation", body, near=True)
    assert seen == {name: value for name, value in body.items() if name != "_effectiveDateTime"}


def test_what_is_hidden_of_a_list_stays_in_it():
    standing = {
        "resourceType": "Appointment", "id": "a", "status": "booked", "comment": "Here",
        "participant": [
            {"actor": {"display": "A clinic"}, "status": "accepted"},
            {"actor": {"reference": "Patient/p"}, "status": "accepted"},
        ],
    }  # fmt: skip
    seen = visibility.masked("Appointment", standing, near=True)
    assert seen["participant"] == [standing["participant"][1]]
    assert visibility.completed("Appointment", seen, standing) == standing
    changed = seen | {
        "status": "arrived",
        "participant": [seen["participant"][0] | {"status": "declined"}] * 2,
    }
    found = visibility.completed("Appointment", changed, standing)
    assert found == changed | {
        "comment": "Here",
        "participant": [*changed["participant"], standing["participant"][0]],
    }
    without = {name: value for name, value in seen.items() if name != "participant"}
    found = visibility.completed("Appointment", without, standing)
    assert found == without | {"comment": "Here", "participant": [standing["participant"][0]]}


def test_of_what_is_taken_away_no_hidden_part_comes_back():
    period = {"start": "2021-01-01", "extension": [{"url": "urn:x", "valueString": "Here"}]}
    standing = {"resourceType": "Observation", "id": "o", "effectivePeriod": period}
    assert visibility.masked("Observation", standing, near=True)["effectivePeriod"] == {"start": "2021-01-01"}
    sent = {"resourceType": "Observation", "id": "o"}
    assert visibility.completed("Observation", sent, standing) == sent


HIDDEN = {"extension": [{"url": "urn:x", "valueString": "Here"}]}
ASSIGNED = {"system": visibility.NHS_NUMBER, "value": "9", "assigner": {"display": "Bury"}}
DOCUMENT = {"contentType": "a/b", "url": "Binary/1", "title": "Here"}
NARRATIVE = {"text": {"status": "generated", "div": "Here"}}


@pytest.mark.parametrize(
    ("type_", "standing", "sent", "expected"),
    [
        pytest.param(
            "Observation", {"valueQuantity": {"value": 1, **HIDDEN}}, {"valueQuantity": {"value": 2}},
            {"valueQuantity": {"value": 2, **HIDDEN}}, id="a value keeps what was hidden beside it",
        ),
        pytest.param(
            "Observation", {"valueQuantity": {"value": 1, "unit": "kg", **HIDDEN}}, {"valueQuantity": {"value": 2}},
            {"valueQuantity": {"value": 2, **HIDDEN}}, id="what was seen and left out stays out",
        ),
        pytest.param(
            "Patient", {"identifier": [ASSIGNED]}, {"identifier": [{"system": visibility.NHS_NUMBER, "value": "8"}]},
            {"identifier": [{"system": visibility.NHS_NUMBER, "value": "8"}]}, id="another number is nobody's yet",
        ),
        pytest.param(
            "Patient", {"identifier": [ASSIGNED]}, {"identifier": [{"system": visibility.NHS_NUMBER, "value": "9"}]},
            {"identifier": [ASSIGNED]}, id="the same number keeps who gave it",
        ),
        pytest.param(
            "Composition", {"section": [{"title": "One", **NARRATIVE, **HIDDEN}]}, {"section": [{"title": "Two"}]},
            {"section": [{"title": "Two", **HIDDEN}]}, id="words that told of it do not come back, elsewhere either",
        ),
        pytest.param(
            "Observation",
            {"component": [{"code": {"text": "a", **HIDDEN}, "valueQuantity": {"value": 1, **HIDDEN}}]},
            {"component": [{"code": {"text": "b"}}]},
            {"component": [{"code": {"text": "b", **HIDDEN}}]}, id="each part by itself",
        ),
        pytest.param(
            "Patient", {"name": [{"given": ["Anna"], **HIDDEN}, {"given": ["Ann"], "use": "nickname", **HIDDEN}]},
            {"name": [{"given": ["Ann"], "use": "nickname"}]},
            {"name": [{"given": ["Ann"], "use": "nickname", **HIDDEN}]}, id="the one that stayed, wherever it is",
        ),
        pytest.param(
            "Patient", {"name": [{"given": ["Anna"], **HIDDEN}]},
            {"name": [{"given": ["Ann"]}, {"given": ["Anna"]}]},
            {"name": [{"given": ["Ann"]}, {"given": ["Anna"], **HIDDEN}]}, id="one more beside it",
        ),
        pytest.param(
            "Patient",
            {"name": [{"given": ["Anna", "May"], "_given": [None, {"extension": [{"url": "urn:x"}]}]}]},
            {"name": [{"given": ["Anna", "Ann"]}]},
            {"name": [{"given": ["Anna", "Ann"], "_given": [None, {"extension": [{"url": "urn:x"}]}]}]},
            id="what stands beside words keeps their places",
        ),
        pytest.param(
            "Patient",
            {"name": [{"given": ["Anna", "May"], "_given": [{"id": "a"}, {"id": "b", **HIDDEN}]}]},
            {"name": [{"given": ["Anna", "May"], "_given": [{"id": "c"}, {"id": "b"}]}]},
            {"name": [{"given": ["Anna", "May"], "_given": [{"id": "c"}, {"id": "b"}]}]},
            id="and is as it was sent where it was changed",
        ),
        pytest.param(
            "DocumentReference", {"content": [{"attachment": DOCUMENT, "format": {"code": "x"}}]},
            {"content": [{"attachment": {"contentType": "a/b", "url": "Binary/2"}}]},
            {"content": [{"attachment": {"contentType": "a/b", "url": "Binary/2"}}]}, id="another document, other words",
        ),
        pytest.param(
            "Patient", {"photo": [DOCUMENT]}, {"photo": [{"contentType": "a/b", "url": "Binary/2"}]},
            {"photo": [{"contentType": "a/b", "url": "Binary/2"}]}, id="another photograph",
        ),
        pytest.param(
            "QuestionnaireResponse", {"item": [{"linkId": "a", "answer": [{"valueAttachment": DOCUMENT}]}]},
            {"item": [{"linkId": "a", "answer": [{"valueAttachment": {"contentType": "a/b", "url": "Binary/2"}}]}]},
            {"item": [{"linkId": "a", "answer": [{"valueAttachment": {"contentType": "a/b", "url": "Binary/2"}}]}]},
            id="another answer",
        ),
        pytest.param(
            "Observation", {"extension": [{"id": "hidden", **extension("place", valueCode="home")}]},
            {"extension": [extension("place", valueCode="clinic")]},
            {"extension": [extension("place", valueCode="clinic")]}, id="an extension is one thing",
        ),
        pytest.param(
            "Observation", {"subject": {"reference": "Patient/p", "identifier": {"value": "9"}}},
            {"subject": {"reference": "Patient/q"}}, {"subject": {"reference": "Patient/q"}},
            id="a reference to somebody else has nothing of the first",
        ),
    ],
)  # fmt: skip
def test_a_change_of_what_is_seen_leaves_what_is_hidden(type_, standing, sent, expected):
    whole, changed = ({"resourceType": type_, "id": "i", **each} for each in (standing, sent))
    before = json.dumps(whole)
    assert visibility.hidden_in(type_, changed) is None
    assert visibility.completed(type_, changed, whole) == {"resourceType": type_, "id": "i", **expected}
    assert json.dumps(whole) == before


def test_words_that_told_of_what_is_hidden_do_not_come_back():
    """Who sends a change of what they see has written it into the words, or left them out."""
    standing = {"resourceType": "Patient", "id": "p", "text": {"status": "generated", "div": "Here"}}
    sent = {"resourceType": "Patient", "id": "p"}
    assert visibility.completed("Patient", sent, standing) == sent
    written = sent | {"text": {"status": "generated", "div": "Anna"}}
    assert visibility.completed("Patient", written, standing) == written


def test_a_value_that_is_not_true_is_no_value_that_is_hidden():
    standing = {
        "resourceType": "Patient",
        "id": "p",
        "active": True,
        "address": [{"text": "Here"}],
        "birthDate": "2020-01-01",
    }
    sent = {"resourceType": "Patient", "id": "p", "active": False}
    assert visibility.completed("Patient", sent, standing) == sent | {"address": [{"text": "Here"}]}
    assert visibility.hidden_in("Patient", sent) is None
    assert visibility.hidden_in("Patient", sent | {"text": {"status": "generated", "div": "x"}}) is None
    assert visibility.hidden_in("Patient", sent | {"telecom": [{"value": "1"}]}) == "telecom"


@pytest.mark.parametrize(
    ("type_", "hidden"),
    [
        ("Observation", {"subject": {"display": "Anna"}}),
        ("Observation", {"category": [{"id": "a"}]}),
        ("Observation", {"component": [{"code": {"id": "a"}}, {"id": "b"}]}),
        # Shapes that no such element has: nothing of them is shown, whatever words are in them.
        ("Observation", {"subject": "a reference, start and end"}),
        ("Observation", {"effectivePeriod": 5}),
        ("Observation", {"category": {"text": "a"}}),
        ("Patient", {"identifier": 5}),
    ],
)
def test_of_what_is_hidden_whole_nothing_is_left_in_its_place(type_, hidden):
    body = {"resourceType": type_, "id": "a"}
    assert visibility.parents_view(type_, body | hidden) == body


@pytest.mark.parametrize("rule", ["modifierExtension", "implicitRules"])
def test_what_must_be_read_by_a_rule_that_the_view_cannot_carry_is_not_shown(rule):
    body = {"resourceType": "Observation", "id": "a", "status": "final"}
    assert visibility.parents_view("Observation", body) == body
    assert visibility.parents_view("Observation", body | {rule: "urn:a"}) is None
