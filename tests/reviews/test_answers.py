from decimal import Decimal

import pytest

from healthvisit.record.errors import Unprocessable
from healthvisit.reviews.answers import Coding, by_link_id
from tests.builders import a_response


def test_every_answer_is_found_by_its_link_id_however_deep_it_stands():
    answers = by_link_id(a_response("Patient/1", "Encounter/1", weight="12.40"))
    assert answers["weight"].value == Decimal("12.40")
    assert answers["asq3-communication-6"].value == Coding(
        "https://healthvisit.example/fhir/CodeSystem/asq3-answer", "yes"
    )
    assert answers["weight"].expression == "QuestionnaireResponse.item[0].item[0].answer[0]"


def test_an_item_left_out_has_no_answer():
    answers = by_link_id(a_response("Patient/1", "Encounter/1", weight=None))
    assert "weight" not in answers


def test_a_whole_number_of_kilograms_is_a_decimal_too():
    answers = by_link_id(
        {"item": [{"linkId": "weight", "answer": [{"valueDecimal": 12}]}, {"linkId": "empty", "answer": []}]}
    )
    assert answers == {"weight": (Decimal(12), "QuestionnaireResponse.item[0].answer[0]")}


def test_a_question_answered_twice_is_refused_with_its_place():
    twice = {"linkId": "weight", "answer": [{"valueDecimal": 12}, {"valueDecimal": 13}]}
    with pytest.raises(Unprocessable) as refused:
        by_link_id({"item": [{"linkId": "measurements", "item": [twice]}]})
    assert refused.value.issues[0].expression == "QuestionnaireResponse.item[0].item[0]"


def test_a_question_that_stands_in_two_places_is_refused():
    once = {"linkId": "weight", "answer": [{"valueDecimal": 12}]}
    with pytest.raises(Unprocessable):
        by_link_id({"item": [once, once]})
