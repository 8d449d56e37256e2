import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from healthvisit.programme.asq3 import adjusted_age, forms_for
from healthvisit.record.errors import Unprocessable
from healthvisit.reviews import scoring
from healthvisit.reviews.answers import by_link_id
from tests.builders import a_response

FILE = json.loads((Path(__file__).parent.parent / "cases" / "asq3.json").read_text())
CASES = FILE["cases"]


def answered(**domains):
    return by_link_id(a_response("Patient/1", "Encounter/1", asq3=domains))


def communication(counted):
    return next(each for each in counted.domains if each.domain == "communication")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_points_of_a_form_are_those_of_the_worked_examples(case, definitions):
    counted = scoring.score(answered(communication=case["answers"]), definitions.pack)
    found = communication(counted)
    assert found.points == (None if case["points"] is None else Decimal(str(case["points"])))
    assert found.prorated == case["prorated"]


@pytest.mark.parametrize("case", FILE["practice_forms"], ids=lambda case: case["name"])
def test_the_practice_form_is_chosen_by_adjusted_age(case, definitions):
    born_on, on = date.fromisoformat(case["born_on"]), date.fromisoformat(case["on"])
    reached = adjusted_age(born_on, on, case["gestation_days"])
    assert list(forms_for(reached, scoring.form_windows(definitions.pack))) == case["fitting"]


def test_a_domain_is_placed_by_the_cut_offs_of_the_form_that_was_used(definitions):
    counted = scoring.score(answered(communication=["yes", "yes"] + ["not-yet"] * 4), definitions.pack)
    assert counted.form == "24"
    assert (communication(counted).points, communication(counted).zone) == (Decimal(20), "below")
    assert communication(counted).cut_off == Decimal("20.00")


@pytest.mark.parametrize(("form", "zone"), [("9", "monitor"), ("10", "monitor"), ("12", "below")])
def test_at_one_year_a_domain_is_placed_by_the_form_of_nine_ten_or_twelve_months(form, zone, definitions):
    answers = ["yes", "yes", "sometimes"] + ["not-yet"] * 3
    response = a_response(
        "Patient/1",
        "Encounter/1",
        questionnaire="one-year-review",
        form=form,
        asq3={"communication": answers},
    )
    found = communication(scoring.score(by_link_id(response), definitions.pack))
    assert (found.points, found.zone) == (Decimal(25), zone)


def test_without_an_instrument_pack_points_are_recorded_and_nothing_is_classified():
    counted = scoring.score(answered(), None)
    assert {(each.points, each.zone) for each in counted.domains} == {(Decimal(60), "not-classified")}


def test_a_form_without_any_of_the_thirty_answers_has_no_score(definitions):
    assert scoring.score({}, definitions.pack) is None


def test_a_form_that_the_instrument_does_not_have_is_refused(definitions):
    with pytest.raises(Unprocessable):
        scoring.score(by_link_id(a_response("Patient/1", "Encounter/1", form="99")), definitions.pack)


def test_a_review_is_complete_when_the_form_is_named_and_five_domains_have_points(definitions):
    assert scoring.score(answered(), definitions.pack).is_complete
    assert not scoring.score(
        answered(communication=["yes", None, None, None, "yes", "yes"]), definitions.pack
    ).is_complete


def test_forms_are_chosen_by_the_ages_of_the_pack(definitions):
    assert [(window.form, window.first.months) for window in scoring.form_windows(definitions.pack)] == [
        ("9", 9),
        ("10", 10),
        ("12", 12),
        ("24", 23),
        ("27", 26),
        ("30", 29),
    ]
    assert scoring.form_windows(None) == ()
