import copy
from decimal import Decimal

import pytest

from healthvisit.definitions import Definitions
from healthvisit.record import record as the_record
from healthvisit.record.errors import Unprocessable
from healthvisit.reviews import arrival
from tests.builders import (
    NOW,
    a_child,
    a_requester,
    a_response,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_observation,
    an_update,
    code_of,
)

CHILD = "Patient/1"


def a_sent_review(*, response=None, **of_encounter):
    """What the tablet sends for one visit."""
    encounter, form = a_urn(), a_urn()
    return a_transaction(
        an_entry(an_encounter(CHILD, **of_encounter), full_url=encounter),
        an_entry(response(encounter) if response else a_response(CHILD, encounter), full_url=form),
    )


def observations(bundle):
    return [
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Observation"
    ]


def the_score(bundle):
    return next(each for each in observations(bundle) if "component" in each)


def refusal(bundle, definitions):
    with pytest.raises(Unprocessable) as refused:
        arrival.complete(bundle, definitions)
    return refused.value.issues[0].expression


def test_the_entries_sent_stand_first_and_unchanged(definitions):
    sent = a_sent_review()
    completed = arrival.complete(sent, definitions)
    assert completed["entry"][:2] == sent["entry"]
    assert len(completed["entry"]) > 2


def of_contact(encounter, code):
    return {**encounter, "type": [{"coding": [code_of("contact", code)]}]}


def test_a_contact_is_a_review_or_an_additional_one_and_never_both(definitions):
    encounter = an_encounter(CHILD)
    both = {"coding": [code_of("contact", "ad-hoc"), *encounter["type"][0]["coding"]]}
    sent = a_transaction(an_entry({**encounter, "type": [both]}))
    assert refusal(sent, definitions) == "Bundle.entry[0].resource.type"


@pytest.mark.parametrize(
    ("encounter", "form"),
    [
        (an_encounter(CHILD, review="one-year"), "ad-hoc-contact"),
        (of_contact(an_encounter(CHILD), "ad-hoc"), "one-year-review"),
        (of_contact(an_encounter(CHILD), "ad-hoc"), "six-month-contact"),
    ],
)
def test_a_review_is_not_recorded_on_the_form_of_a_contact_nor_the_other_way(definitions, encounter, form):
    urn = a_urn()
    response = a_response(CHILD, urn, questionnaire=form)
    sent = a_transaction(an_entry(encounter, full_url=urn), an_entry(response))
    assert refusal(sent, definitions) == "Bundle.entry[1].resource.questionnaire"


def test_what_an_item_tells_is_released_only_where_the_form_marks_it_for_parents(definitions):
    form = definitions.resource("Questionnaire", "two-year-review")
    measurements, *others = copy.deepcopy(form["item"])
    weight = measurements["item"][0]
    weight["extension"] = [each for each in weight["extension"] if not each["url"].endswith("/visibility")]
    unmarked = Definitions(
        {**definitions.resources, ("Questionnaire", form["id"]): {**form, "item": [measurements, *others]}},
        definitions.elements,
        definitions.pack,
    )
    sent = a_sent_review(response=lambda encounter: a_response(CHILD, encounter, released=True))
    for forms, released in ((definitions, [True, True]), (unmarked, [False, True])):
        found = observations(arrival.complete(sent, forms))
        assert ["extension" in each for each in found] == released


def test_a_weight_becomes_an_observation_with_every_digit_as_sent(definitions):
    sent = a_sent_review(response=lambda encounter: a_response(CHILD, encounter, weight="12.40"))
    weight = next(
        each for each in observations(arrival.complete(sent, definitions)) if "valueQuantity" in each
    )
    assert str(weight["valueQuantity"]["value"]) == "12.40"
    assert weight["valueQuantity"]["code"] == "kg"
    assert [coding["code"] for coding in weight["code"]["coding"]] == ["27113001", "29463-7"]
    assert weight["category"][0]["coding"][0]["code"] == "vital-signs"


def test_every_result_names_its_child_its_contact_and_the_form_it_came_from(definitions):
    sent = a_sent_review()
    encounter, form = (entry["fullUrl"] for entry in sent["entry"])
    for each in observations(arrival.complete(sent, definitions)):
        assert each["subject"]["reference"] == CHILD
        assert each["encounter"]["reference"] == encounter
        assert each["derivedFrom"] == [{"reference": form}]
        assert each["effectiveDateTime"] == sent["entry"][0]["resource"]["period"]["start"]
        assert each["status"] == "final"


def test_the_score_has_no_value_of_its_own_and_a_component_for_each_domain(definitions):
    score = the_score(arrival.complete(a_sent_review(), definitions))
    assert not any(name.startswith("value") for name in score)
    assert score["code"]["coding"] == [definitions.pack["code"]]
    first = score["component"][0]
    assert first["code"]["coding"][0]["code"] == "communication"
    assert first["valueQuantity"]["value"] == Decimal(60)
    assert first["valueQuantity"]["code"] == "{score}"
    assert first["interpretation"][0]["coding"][0]["code"] == "on-schedule"
    assert first["referenceRange"][0]["low"]["value"] == Decimal("20.00")


def test_a_domain_with_three_answers_left_out_has_no_points_and_says_so(definitions):
    sent = a_sent_review(
        response=lambda encounter: a_response(
            CHILD, encounter, asq3={"fine-motor": ["yes", None, None, None, "yes", "yes"]}
        )
    )
    component = the_score(arrival.complete(sent, definitions))["component"][2]
    assert "valueQuantity" not in component
    assert "dataAbsentReason" in component
    assert component["interpretation"][0]["coding"][0]["code"] == "not-classified"


def test_a_points_total_that_rests_on_fewer_answers_says_so(definitions):
    sent = a_sent_review(
        response=lambda encounter: a_response(
            CHILD, encounter, asq3={"communication": ["yes", None, "yes", "yes", "yes", "yes"]}
        )
    )
    component = the_score(arrival.complete(sent, definitions))["component"][0]
    assert "left out" in component["interpretation"][0]["text"]


def test_feeding_at_six_to_eight_weeks_becomes_a_coded_observation(definitions):
    sent = a_sent_review(
        review="six-to-eight-week",
        response=lambda encounter: a_response(
            CHILD, encounter, questionnaire="six-to-eight-week-review", weight=None
        ),
    )
    (feeding,) = observations(arrival.complete(sent, definitions))
    assert feeding["code"]["coding"][0]["code"] == "feeding-status"
    assert feeding["valueCodeableConcept"]["coding"][0]["code"] == "totally"
    assert feeding["valueCodeableConcept"]["coding"][0]["display"] == "Totally breastfed"


def test_what_a_family_says_of_its_home_stays_in_the_form_and_becomes_no_result(definitions):
    def answered(encounter):
        response = a_response(CHILD, encounter, questionnaire="new-birth-review", weight="3.410")
        smoking = {"valueCoding": code_of("stated-answer", "prefers-not-to-say")}
        home = {"linkId": "home", "item": [{"linkId": "smoking-at-home", "answer": [smoking]}]}
        return {**response, "item": [*response["item"], home]}

    found = observations(arrival.complete(a_sent_review(review="new-birth", response=answered), definitions))
    assert [each["code"]["text"] for each in found] == ["Weight", "Is the baby having breast milk now?"]


def test_results_are_released_when_the_health_visitor_shares_the_form(definitions):
    shared = a_sent_review(response=lambda encounter: a_response(CHILD, encounter, released=True))
    kept = a_sent_review(response=lambda encounter: a_response(CHILD, encounter, released=False))
    assert all("extension" in each for each in observations(arrival.complete(shared, definitions)))
    assert not any("extension" in each for each in observations(arrival.complete(kept, definitions)))


def test_the_same_bundle_gives_the_same_answer(definitions):
    sent = a_sent_review()
    assert arrival.complete(sent, definitions) == arrival.complete(sent, definitions)


def test_a_bundle_without_a_form_is_left_as_it_is(definitions):
    sent = a_transaction(an_entry(an_encounter(CHILD, mode="paper-only")))
    assert arrival.complete(sent, definitions) is sent


def test_a_form_that_is_not_ours_passes_untouched(definitions):
    other = {**a_response(CHILD, "Encounter/1"), "questionnaire": "https://elsewhere.example/Questionnaire/1"}
    sent = a_transaction(an_entry(other))
    assert arrival.complete(sent, definitions) is sent


@pytest.mark.parametrize("outcome", ["declined", "no-access"])
def test_a_review_that_was_not_done_has_no_form(outcome, definitions):
    assert refusal(a_sent_review(outcome=outcome), definitions) == "Bundle.entry[1].resource.encounter"


def test_a_form_of_another_review_than_the_contact_is_refused(definitions):
    assert refusal(a_sent_review(review="one-year"), definitions) == "Bundle.entry[1].resource.questionnaire"


@pytest.mark.parametrize(
    ("outcome", "status"), [("declined", "finished"), ("no-access", "finished"), ("completed", "cancelled")]
)
def test_a_contact_whose_status_contradicts_its_outcome_is_refused(outcome, status, definitions):
    visit = {**an_encounter(CHILD, outcome=outcome), "status": status}
    assert refusal(a_transaction(an_entry(visit)), definitions) == "Bundle.entry[0].resource.status"


def test_a_form_of_a_twin_is_refused(definitions):
    sent = a_sent_review(response=lambda encounter: a_response("Patient/2", encounter))
    assert refusal(sent, definitions) == "Bundle.entry[1].resource.subject"


def test_a_score_that_the_client_sends_is_refused(definitions):
    sent = a_sent_review()
    own = {**an_observation(CHILD), "derivedFrom": [{"reference": sent["entry"][1]["fullUrl"]}]}
    sent["entry"].append(an_entry(own))
    assert refusal(sent, definitions) == "Bundle.entry[2].resource.derivedFrom"


def test_a_score_sent_for_a_stored_form_is_refused_too(definitions):
    own = {**an_observation(CHILD), "derivedFrom": [{"reference": "QuestionnaireResponse/7"}]}
    assert refusal(a_transaction(an_entry(own)), definitions) == "Bundle.entry[0].resource.derivedFrom"


def test_an_answer_the_instrument_does_not_have_is_refused_with_its_place_in_the_bundle(definitions):
    def response(encounter):
        body = a_response(CHILD, encounter)
        body["item"][1]["item"][1]["item"][0]["answer"] = [{"valueCoding": code_of("asq3-answer", "often")}]
        return body

    assert refusal(a_sent_review(response=response), definitions) == (
        "Bundle.entry[1].resource.item[1].item[1].item[0].answer[0]"
    )


def test_a_form_whose_version_is_not_known_is_refused(definitions):
    def response(encounter):
        body = a_response(CHILD, encounter)
        return {**body, "questionnaire": body["questionnaire"].replace("1.1.0", "0.0.1")}

    assert refusal(a_sent_review(response=response), definitions) == "Bundle.entry[1].resource.questionnaire"


def test_a_form_without_a_full_url_is_refused_because_its_results_could_not_name_it(definitions):
    sent = a_sent_review()
    del sent["entry"][1]["fullUrl"]
    assert refusal(sent, definitions) == "Bundle.entry[1].fullUrl"


def test_a_form_for_a_stored_contact_is_dated_by_its_own_time_when_the_contact_is_not_at_hand(definitions):
    sent = a_transaction(an_entry(a_response(CHILD, "Encounter/9", authored="2021-02-01T10:45:00Z")))
    assert {each["effectiveDateTime"] for each in observations(arrival.complete(sent, definitions))} == {
        "2021-02-01T10:45:00Z"
    }


def sent_to(record, bundle):
    return record.transact(
        bundle, completed_by=lambda checked: arrival.complete(checked, record.definitions, record)
    )


def stored_observations(record, child):
    return [version.json() for version in record.each("Observation", [("patient", child.reference)])]


def test_a_form_sent_for_a_stored_contact_takes_the_contacts_own_time(furnished, definitions):
    child = a_child().with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    with the_record.opened(furnished, a_requester(), definitions=definitions, at=NOW, writing=True) as record:
        contact = f"Encounter/{child.made['two-year']}"
        sent_to(record, a_transaction(an_entry(a_response(child.reference, contact))))
        assert {each["effectiveDateTime"] for each in stored_observations(record, child)} == {
            "2021-02-01T10:00:00Z"
        }


def test_a_corrected_form_corrects_its_results_and_keeps_what_stood(furnished, definitions):
    child = a_child().with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    contact = f"Encounter/{child.made['two-year']}"
    with the_record.opened(furnished, a_requester(), definitions=definitions, at=NOW, writing=True) as record:
        answer = sent_to(record, a_transaction(an_entry(a_response(child.reference, contact, weight="21.4"))))
        id_ = answer["entry"][0]["response"]["location"].split("/")[1]
        right = {**a_response(child.reference, contact, weight="12.4"), "status": "amended"}
        sent_to(record, a_transaction(an_update("QuestionnaireResponse", id_, right)))
        (weight,) = [each for each in stored_observations(record, child) if "valueQuantity" in each]
        (score,) = [each for each in stored_observations(record, child) if "component" in each]
        assert (weight["status"], str(weight["valueQuantity"]["value"])) == ("corrected", "12.4")
        assert score["meta"]["versionId"] == "1"
        assert len(record.history("Observation", weight["id"]).matches) == 2


def test_a_result_whose_answer_was_taken_back_is_marked_as_entered_in_error(furnished, definitions):
    child = a_child().with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    contact = f"Encounter/{child.made['two-year']}"
    with the_record.opened(furnished, a_requester(), definitions=definitions, at=NOW, writing=True) as record:
        answer = sent_to(record, a_transaction(an_entry(a_response(child.reference, contact, weight="21.4"))))
        id_ = answer["entry"][0]["response"]["location"].split("/")[1]
        without = {**a_response(child.reference, contact, weight=None), "status": "amended"}
        sent_to(record, a_transaction(an_update("QuestionnaireResponse", id_, without)))
        (weight,) = [each for each in stored_observations(record, child) if "valueQuantity" in each]
        assert weight["status"] == "entered-in-error"
