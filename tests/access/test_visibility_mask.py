"""What is still shown of a marked child (docs/decisions/0016), name by name, as the decision lists it.

Whatever is left out of one of these lists is hidden from those who need it; whatever stands in too much shows a place.
"""

import pytest

from healthvisit.access import visibility

OF_THE_CHILD = (
    "Patient", "RelatedPerson", "EpisodeOfCare", "Encounter", "QuestionnaireResponse", "Observation", "Condition",
    "Immunization", "Flag", "CarePlan", "CareTeam", "Task", "ServiceRequest", "Communication", "Consent", "Appointment",
    "DocumentReference", "Binary", "List", "Composition", "RiskAssessment", "Provenance", "Questionnaire",
    "PlanDefinition",
)  # fmt: skip
OF_THE_TEAM = ("Practitioner", "PractitionerRole", "Organization", "Group")
PLACES = ("Location", "HealthcareService", "Device", "Endpoint")
OWN = (
    "capture-mode", "contact-mode", "not-assessable", "place", "practitioner-type", "provisional", "recorded-at",
    "released-at", "review-outcome",
)  # fmt: skip
UK_CORE = (
    "BirthSex", "DeathNotificationStatus", "EthnicCategory", "NHSNumberVerificationStatus", "ParentPresent",
    "VaccinationProcedure",
)  # fmt: skip
KNOWN = (
    "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
    *(f"https://healthvisit.example/fhir/StructureDefinition/{name}" for name in OWN),
    *(f"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-{name}" for name in UK_CORE),
)
VALUES = (
    "valueBoolean", "valueCode", "valueCodeableConcept", "valueCoding", "valueDate", "valueDateTime", "valueDecimal",
    "valueInstant", "valueInteger", "valueQuantity",
)  # fmt: skip
FINDING = (
    "_id", "_lastUpdated", "_security", "abatement-date", "active", "activity-code", "authored", "authored-on",
    "based-on", "birthdate", "category", "class", "clinical-status", "code", "code-value-concept",
    "code-value-quantity", "component-code", "component-code-value-concept", "component-code-value-quantity",
    "component-value-concept", "component-value-quantity", "condition", "data-absent-reason", "date", "death-date",
    "deceased", "derived-from", "diagnosis", "encounter", "episode-of-care", "family", "focus", "gender", "given",
    "has-member", "intent", "length", "name", "onset-date", "outcome", "part-of", "patient", "period", "priority",
    "questionnaire", "reason-code", "received", "recorded", "recorded-date", "relationship", "risk", "sent",
    "severity", "status", "subject", "target", "target-disease", "type", "vaccine-code", "value-concept",
    "value-date", "value-quantity", "verification-status", "when",
)  # fmt: skip
NOT_FINDING = (
    "address", "address-city", "address-country", "address-postalcode", "address-state", "address-use", "email",
    "phone", "telecom", "general-practitioner", "organization", "location", "identifier", "performer", "practitioner",
    "participant", "service-provider", "care-manager", "author", "owner", "requester", "recipient", "sender", "agent",
    "_tag", "_profile", "_source", "_text", "_content", "link", "phonetic", "language", "based", "",
)  # fmt: skip


NUMBERED = {"system": visibility.NHS_NUMBER, "value": "9"}


def shown(body, *, near, type_="Observation"):
    return visibility.masked(type_, {"resourceType": type_, "id": "o", **body}, near=near)


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("type_", OF_THE_CHILD)
def test_what_is_the_childs_own_is_referred_to(type_, near):
    reference = {"reference": f"{type_}/a.B-1", "type": type_, "display": "d"}
    seen = shown({"focus": [reference]}, near=near)["focus"]
    assert seen == [reference if near else {"reference": f"{type_}/a.B-1", "type": type_}]
    attached = {"content": [{"attachment": {"url": f"{type_}/a/_history/2", "title": "t", "size": 1}}]}
    assert shown(attached, near=near)["content"] == [
        {"attachment": {"url": f"{type_}/a/_history/2", "size": 1}}
    ]


@pytest.mark.parametrize("type_", OF_THE_TEAM)
def test_the_team_is_referred_to_for_those_who_are_of_it(type_):
    reference = {"reference": f"{type_}/a", "type": type_, "display": "d"}
    assert shown({"performer": [reference]}, near=True)["performer"] == [reference]
    assert "performer" not in shown({"performer": [reference]}, near=False)
    assert "url" not in str(shown({"photo": {"url": f"{type_}/a"}}, near=True))


@pytest.mark.parametrize("type_", PLACES)
def test_a_place_is_referred_to_for_nobody(type_):
    for near in (True, False):
        assert "focus" not in shown({"focus": [{"reference": f"{type_}/a"}]}, near=near)
        assert "url" not in str(shown({"photo": {"url": f"{type_}/a"}}, near=near))


@pytest.mark.parametrize(
    "reference",
    ["Patient", "Patient/", f"Patient/{'a' * 65}", "x/Patient/a", "Patient/a/b", "#a", "patient/a"],
)
def test_what_is_no_reference_of_this_service_leads_nowhere(reference):
    assert "focus" not in shown({"focus": [{"reference": reference}]}, near=True)


@pytest.mark.parametrize(
    "beside", [{"id": "i"}, {"extension": [{"url": "urn:x"}]}, {"type": "Location"}, {"identifier": {"value": "1"}},
               {"id": "i", "extension": [], "type": "Location", "identifier": {"value": "1"}, "display": "A clinic"},
               {"display": "A clinic"}, {}],
)  # fmt: skip
def test_a_reference_is_one_whatever_stands_beside_it(beside):
    for near in (True, False):
        assert "focus" not in shown({"focus": [{"reference": "Location/a", **beside}]}, near=near)
        seen = shown({"focus": [{"reference": "Patient/a", **beside}]}, near=near)["focus"]
        kept = {name for name in ("type", "display") if name in beside and (near or name == "type")}
        assert seen == [{"reference": "Patient/a", **{name: beside[name] for name in kept}}]
    # What has another part, or parts of another shape, is no reference; its parts are looked at one by one.
    for other in ({"type": {"text": "a kind"}, "display": "d"}, {"identifier": [NUMBERED], "display": "d"}):
        assert shown({"focus": other}, near=True)["focus"] == other
    assert shown({"focus": {"display": "d", "system": "s"}}, near=True)["focus"] == {
        "display": "d",
        "system": "s",
    }


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("url", KNOWN)
def test_an_extension_that_holds_no_place_is_shown(url, near):
    found = [{"url": url, "valueCode": "a"}]
    assert shown({"extension": found}, near=near)["extension"] == found


@pytest.mark.parametrize("near", [True, False])
def test_of_a_known_extension_what_is_coded_a_number_or_a_day_is_shown_and_no_text(near):
    url = KNOWN[0]
    for name in VALUES:
        assert shown({"extension": [{"url": url, name: "v"}]}, near=near)["extension"] == [
            {"url": url, name: "v"}
        ]
    for name in ("valueString", "valueUri", "valueReference", "valueMarkdown", "id", "extension"):
        assert "extension" not in shown({"extension": [{"url": url, name: "v"}]}, near=near)
    assert "extension" not in shown({"extension": [{"url": f"{url}-other", "valueCode": "v"}]}, near=near)


@pytest.mark.parametrize("name", ["attachment", "photo", "valueAttachment"])
@pytest.mark.parametrize("near", [True, False])
def test_of_an_attachment_its_kind_is_shown_and_not_what_it_says(name, near):
    seen = {"contentType": "text/plain", "language": "en", "size": 3, "creation": "2021"}
    hidden = {"title": "t", "data": "d", "hash": "h", "url": "https://elsewhere.example/Patient/1", "id": "i"}
    assert shown({name: seen | hidden}, near=near)[name] == seen
    for part, value in seen.items():
        assert shown({name: {part: value}}, near=near)[name] == {part: value}
    assert name not in shown({name: hidden}, near=near)


def test_of_meta_others_see_the_version_its_time_and_its_marks():
    seen = {"versionId": "2", "lastUpdated": "2021-01-01T00:00:00Z", "security": [{"code": "R"}]}
    hidden = {"source": "urn:x", "tag": [{"code": "E08000002"}], "profile": ["urn:p"]}
    assert shown({"meta": seen | hidden}, near=False)["meta"] == seen
    assert shown({"meta": seen | hidden}, near=True)["meta"] == seen | hidden


@pytest.mark.parametrize("name", ["authority", "authorString", "instantiatesUri", "instantiatesCanonical"])
def test_who_answers_for_the_child_is_shown_to_those_who_do(name):
    for value in ("x", ["x"], {"reference": "Patient/a"}):
        assert shown({name: value}, near=True)[name] == value
        assert name not in shown({name: value}, near=False)


def test_what_an_appointment_and_a_care_team_are_called_can_tell_a_place():
    said = {"description": "x", "comment": "x", "slot": [{"reference": "Patient/a"}]}
    for near in (True, False):
        assert shown(said, near=near, type_="Appointment") == {"resourceType": "Appointment", "id": "o"}
        assert shown(said, near=near) == {"resourceType": "Observation", "id": "o", **said}
    assert "name" in shown({"name": "x"}, near=True, type_="CareTeam")
    assert "name" not in shown({"name": "x"}, near=False, type_="CareTeam")
    assert "name" in shown({"name": "x"}, near=False)


@pytest.mark.parametrize("whom", ["actor", "who", "item"])
def test_without_whom_it_speaks_of_an_entry_says_nothing(whom):
    entry = {"status": "accepted", whom: {"reference": "Location/a"}}
    for near in (True, False):
        assert "entry" not in shown({"entry": [entry]}, near=near)
        kept = {"status": "accepted", whom: {"reference": "Patient/a"}}
        assert shown({"entry": [entry, kept]}, near=near)["entry"] == [kept]
    assert shown({"entry": [{"status": "accepted", "x": {"reference": "Location/a"}}]}, near=True)[
        "entry"
    ] == [{"status": "accepted"}]


def test_a_group_of_questions_stays_when_nothing_of_its_answers_is_shown():
    answer = {"linkId": "b", "answer": [{"valueReference": {"reference": "Location/a"}}]}
    seen = shown({"item": [{"linkId": "a", "item": [answer]}]}, near=True, type_="QuestionnaireResponse")
    assert seen["item"] == [{"linkId": "a", "item": [{"linkId": "b"}]}]
    bare = {"item": [{"linkId": "a", "item": [{"answer": answer["answer"]}]}]}
    assert shown(bare, near=True, type_="QuestionnaireResponse")["item"] == [{"linkId": "a"}]


def test_what_extends_one_of_several_words_keeps_its_place():
    known = {"extension": [{"url": KNOWN[0], "valueCode": "unknown"}]}
    name = {
        "given": ["A", "B", "C"],
        "_given": [None, known, {"extension": [{"url": "urn:x", "valueCode": "x"}]}],
    }
    for near in (True, False):
        assert shown({"name": [name]}, near=near)["name"] == [name | {"_given": [None, known, None]}]


@pytest.mark.parametrize("name", ["identifier", "masterIdentifier", "requisition"])
def test_of_numbers_others_see_the_nhs_number_alone(name):
    own = {"system": visibility.NHS_NUMBER, "value": "9990000018"}
    other = {"system": "urn:bury", "value": "1"}
    assert shown({name: other}, near=True)[name] == other
    assert shown({name: own}, near=False)[name] == own
    assert name not in shown({name: other}, near=False)


@pytest.mark.parametrize("parameter", FINDING)
def test_a_marked_child_is_found_by_what_is_shown(parameter):
    assert visibility.finds_the_far(parameter)


@pytest.mark.parametrize("parameter", NOT_FINDING)
def test_a_marked_child_is_not_found_by_what_is_hidden(parameter):
    assert not visibility.finds_the_far(parameter)


def test_a_document_is_there_and_its_content_is_not():
    body = {"contentType": "text/plain", "data": "eA==", "securityContext": {"reference": "Patient/a"}}
    for near in (True, False):
        seen = shown(body, near=near, type_="Binary")
        assert "data" not in seen
        assert seen["contentType"] == "text/plain"
    assert shown({"data": "x"}, near=True)["data"] == "x"


def test_the_resource_type_stands_whatever_it_is_called():
    assert shown({}, near=False, type_="List") == {"resourceType": "List", "id": "o"}


def test_a_signature_and_a_narrative_are_not_shown():
    body = {"signature": {"data": "x"}, "text": {"status": "generated", "div": "x"}}
    for near in (True, False):
        assert shown(body, near=near) == {"resourceType": "Observation", "id": "o"}
    # The words of a code are no narrative.
    assert shown({"code": {"text": "x"}}, near=False)["code"] == {"text": "x"}
