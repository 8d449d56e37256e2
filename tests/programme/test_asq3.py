import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.asq3 import (
    POINTS,
    FormWindow,
    adjusted_age,
    domain_points,
    forms_for,
    is_premature,
    is_prorated,
    zone,
)
from healthvisit.programme.dates import Age, age

CASES = json.loads(
    (Path(__file__).parent.parent / "cases" / "asq3.json").read_text(encoding="utf-8"), parse_float=Decimal
)
answers = st.lists(st.sampled_from([*POINTS, None]), min_size=6, max_size=6)


def _names(cases):
    return [case["name"] for case in cases]


def _decimal(text):
    return None if text is None else Decimal(text)


@pytest.mark.parametrize("case", CASES["cases"], ids=_names(CASES["cases"]))
def test_points_of_a_domain(case):
    assert domain_points(case["answers"]) == case["points"]
    assert is_prorated(case["answers"]) == case["prorated"]


@pytest.mark.parametrize("case", CASES["zones"], ids=_names(CASES["zones"]))
def test_zone_of_points(case):
    edges = _decimal(case["cut_off"]), _decimal(case["monitor_up_to"])
    assert zone(_decimal(case["points"]), *edges) == case["zone"]


@pytest.mark.parametrize("case", CASES["ages"], ids=_names(CASES["ages"]))
def test_adjusted_age(case):
    child = adjusted_age(
        date.fromisoformat(case["born_on"]), date.fromisoformat(case["on"]), case["gestation_days"]
    )
    assert child == (None if case["months"] is None else Age(case["months"], case["days"]))


@given(answers)
def test_points_lie_between_0_and_60_and_an_omission_is_never_a_not_yet(given_answers):
    points = domain_points(given_answers)
    if given_answers.count(None) > 2:
        assert points is None
        return
    assert points is not None
    assert 0 <= points <= 60
    as_not_yet = domain_points([answer or "not-yet" for answer in given_answers])
    assert as_not_yet is not None
    assert points >= as_not_yet


@given(answers, st.permutations(range(6)))
def test_the_order_of_answers_does_not_change_the_points(given_answers, order):
    assert domain_points(given_answers) == domain_points([given_answers[place] for place in order])


@pytest.mark.parametrize("number", [0, 5, 7])
def test_a_domain_without_six_answers_is_refused(number):
    with pytest.raises(ValueError, match="6 answers"):
        domain_points(["yes"] * number)


def test_an_answer_that_the_instrument_does_not_have_is_refused():
    with pytest.raises(ValueError, match="does not have"):
        domain_points(["yes", "yes", "yes", "yes", "yes", "often"])


def test_a_pack_may_bring_its_own_points():
    assert domain_points(["yes"] * 5 + [None], {"yes": 2, "no": 0}) == 12


@given(st.decimals(0, 60, places=2), st.decimals(0, 60, places=2), st.decimals(0, 60, places=2))
def test_more_points_never_stand_in_a_lower_zone(points, one, other):
    cut_off, monitor_up_to = sorted((one, other))
    order = ["below", "monitor", "on-schedule"]
    lower = order.index(zone(points, cut_off, monitor_up_to))
    assert order.index(zone(points + 1, cut_off, monitor_up_to)) >= lower


def test_a_monitoring_zone_that_ends_below_the_cut_off_is_refused():
    with pytest.raises(ValueError, match="below the cut-off"):
        zone(Decimal(10), Decimal(30), Decimal(20))


@pytest.mark.parametrize(
    ("weeks", "days", "premature"), [(36, 0, True), (36, 6, True), (37, 0, False), (39, 0, False)]
)
def test_a_child_is_premature_at_36_weeks_6_days_and_not_at_37_weeks(weeks, days, premature):
    assert is_premature(weeks * 7 + days) is premature


@given(st.dates(date(2015, 1, 1), date(2030, 1, 1)), st.integers(0, 900), st.integers(160, 300))
def test_an_adjusted_age_is_never_older_and_true_from_the_second_birthday(born_on, lived, gestation_days):
    on = born_on + timedelta(days=lived)
    true = age(born_on, on)
    adjusted = adjusted_age(born_on, on, gestation_days)
    if true.months >= 24 or gestation_days >= 37 * 7:
        assert adjusted == true
    else:
        assert adjusted is None or adjusted < true


def test_one_child_uses_the_23_month_age_the_day_before_and_the_24_month_age_on_the_second_birthday():
    born_on = date(2019, 2, 15)
    windows = [FormWindow("24", Age(23, 0), Age(26, 0))]
    assert forms_for(adjusted_age(born_on, date(2021, 2, 14), 231), windows) == ()
    assert forms_for(adjusted_age(born_on, date(2021, 2, 15), 231), windows) == ("24",)


def test_two_forms_fit_where_their_windows_overlap():
    windows = [FormWindow("9", Age(9, 0), Age(10, 0)), FormWindow("10", Age(9, 0), Age(11, 0))]
    assert forms_for(Age(9, 0), windows) == ("9", "10")
    assert forms_for(Age(9, 30), windows) == ("9", "10")
    assert forms_for(Age(10, 0), windows) == ("10",)


def test_a_window_begins_on_its_first_day_and_ends_before_its_end():
    window = FormWindow("30", Age(28, 16), Age(31, 16))
    assert [window.fits(child) for child in (Age(28, 15), Age(28, 16), Age(31, 15), Age(31, 16))] == [
        False,
        True,
        True,
        False,
    ]


def test_no_form_fits_a_child_without_an_adjusted_age():
    assert forms_for(None, [FormWindow("2", Age(0, 0), Age(3, 0))]) == ()
