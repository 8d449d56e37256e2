"""Growth: the age a point is read at, and where it stands on the UK-WHO lines, against RCPCH's own arithmetic."""

import itertools
import math
from datetime import date, timedelta
from decimal import Decimal

import pytest
from rcpchgrowth import measurement_from_sds, sds_for_measurement

from healthvisit.programme import growth

BORN = date(2019, 3, 1)
TERM = 40 * 7
LIBRARY = {"weight": "weight", "length": "height", "head": "ofc", "bmi": "bmi"}
# Each side of every place where one reference ends and the next begins.
EDGES = (
    -119,
    -105,
    -21,
    -1,
    0,
    1,
    13,
    14,
    15,
    30,
    364,
    365,
    729,
    730,
    731,
    732,
    1000,
    1459,
    1460,
    1461,
    1462,
    1826,
)


def theirs(measure, value, sex, days):
    return sds_for_measurement("uk-who", days / 365.25, LIBRARY[measure], float(value), sex)


@pytest.mark.parametrize("measure", LIBRARY)
@pytest.mark.parametrize("sex", ["female", "male"])
def test_a_measurement_stands_where_the_college_s_own_library_puts_it(measure, sex):
    first = growth.lines(measure, sex, -200, 2000)[0][0].age_days
    for days, z in itertools.product((each for each in EDGES if each >= first), (-4, -0.3, 1.2, 4)):
        value = Decimal(str(measurement_from_sds("uk-who", z, LIBRARY[measure], sex, days / 365.25)))
        found = growth.standing(measure, value, sex=sex, age_days=days)
        # The table keeps nine digits.
        assert found.z == pytest.approx(theirs(measure, value, sex, days), abs=1e-6)
        # The library gives four decimals of the value.
        assert found.z == pytest.approx(z, abs=0.005)


@pytest.mark.parametrize("measure", LIBRARY)
def test_on_each_line_a_measurement_stands_on_its_centile_and_lines_stop_where_a_reference_does(measure):
    stretches = growth.lines(measure, "female", -200, 2000)
    ends, begins = [13, 730, 1460, 1826], [14, 731, 1461]
    if measure == "bmi":
        ends, begins = ends[2:], begins[2:]
    assert [stretch[-1].age_days for stretch in stretches] == ends
    assert [stretch[0].age_days for stretch in stretches[1:]] == begins
    for crossing in itertools.chain(*stretches):
        for number, value in enumerate(crossing.values):
            standing = growth.standing(measure, Decimal(value), sex="female", age_days=crossing.age_days)
            assert standing.z == pytest.approx((number - 4) * 2 / 3, abs=1e-9)
            assert standing.place == f"on the {growth.LINES[number]} centile"
        assert list(crossing.values) == sorted(crossing.values)


def test_before_the_first_day_of_the_reference_and_after_five_years_there_is_no_chart():
    with pytest.raises(growth.NoReference):
        growth.standing("weight", Decimal("0.5"), sex="female", age_days=-120)
    with pytest.raises(growth.NoReference):
        growth.standing("length", Decimal(30), sex="female", age_days=-106)
    with pytest.raises(growth.NoReference):
        growth.standing("length", Decimal(110), sex="female", age_days=1827)


@pytest.mark.parametrize(
    ("gender", "sex"),
    [("female", "female"), ("male", "male"), ("other", None), ("unknown", None), (None, None)],
)
def test_there_are_charts_for_girls_and_for_boys(gender, sex):
    assert growth.with_chart(gender) == sex


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("weight", "89.5"),  # 8.95 kg without its point
        ("weight", "0.895"),
        ("length", "7.4"),
        ("length", "740"),
        ("head", "4.5"),
        ("head", "0"),
        ("weight", "-3"),
        ("weight", "NaN"),
        ("weight", "Infinity"),
        ("weight", "1E+400"),
    ],
)
def test_what_no_child_measures_is_refused(measure, value):
    with pytest.raises(growth.Implausible):
        growth.standing(measure, Decimal(value), sex="female", age_days=365)


def test_an_error_holds_nothing_of_the_child():
    with pytest.raises(growth.Implausible) as refused:
        growth.standing("weight", Decimal("89.5"), sex="female", age_days=365)
    assert "89" not in str(refused.value)


@pytest.mark.parametrize(
    ("z", "place"),
    [
        (0, "on the 50th centile"),
        (0.16, "on the 50th centile"),
        (0.17, "between the 50th and 75th centiles"),
        (-2 / 3, "on the 25th centile"),
        (2.5, "on the 99.6th centile"),
        (2.9, "above the 99.6th centile"),
        (-2.9, "below the 0.4th centile"),
        (-2.45, "between the 0.4th and 2nd centiles"),
    ],
)
def test_a_place_among_the_lines_is_told_in_words(z, place):
    assert growth.Standing(z).place == place


def test_centiles_are_those_of_the_normal_curve():
    assert growth.Standing(0).centile == 50
    assert growth.Standing(2 / 3).centile == pytest.approx(74.75, abs=0.01)
    assert 0 < growth.Standing(-8).centile < 1e-12
    assert math.isclose(growth.Standing(1).centile + growth.Standing(-1).centile, 100)


# Corrected age


def test_a_child_born_on_the_day_it_was_due_is_as_old_by_both_ages():
    on = BORN + timedelta(100)
    assert growth.corrected_days(BORN, on, TERM) == 100


def test_a_child_born_at_30_weeks_is_ten_weeks_younger_by_the_corrected_age():
    assert growth.corrected_days(BORN, BORN, 30 * 7) == -70
    assert growth.corrected_days(BORN, BORN + timedelta(70), 30 * 7) == 0


@pytest.mark.parametrize("days", [22 * 7 - 1, 44 * 7 + 7, 0, -1])
def test_what_is_no_gestation_is_refused_and_never_taken_for_40_weeks(days):
    with pytest.raises(ValueError, match="22 weeks"):
        growth.corrected_days(BORN, BORN, days)


def test_nobody_has_an_age_before_birth():
    with pytest.raises(ValueError, match="before birth"):
        growth.corrected_days(BORN, BORN - timedelta(1), TERM)


@pytest.mark.parametrize(
    ("weeks", "days", "years"),
    [(22, 0, 2), (31, 6, 2), (32, 0, 1), (36, 6, 1)],
)
def test_a_preterm_child_is_read_at_the_corrected_age_until_one_or_two_years_of_it(weeks, days, years):
    gestation = weeks * 7 + days
    due = BORN + timedelta(TERM - gestation)
    # The library counts a year as 365.25 days.
    last = due + timedelta(365 if years == 1 else 730)
    assert growth.shown(BORN, last, gestation) == "corrected"
    assert growth.shown(BORN, last + timedelta(1), gestation) == "chronological"


@pytest.mark.parametrize("gestation", [None, 37 * 7, TERM, 44 * 7 + 6])
def test_a_child_born_at_term_or_nobody_knows_when_is_read_at_the_age_since_birth(gestation):
    assert growth.shown(BORN, BORN + timedelta(10), gestation) == "chronological"
