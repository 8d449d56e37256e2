"""Measurements of one child on the growth charts, by both ages."""

from datetime import date
from decimal import Decimal

import pytest

from healthvisit.reviews.measurements import growth_of
from healthvisit.reviews.timeline import Child, Gestation, Measurement

BORN = date(2019, 3, 1)


def a_girl(gestation=None, gender="female"):
    return Child("mia", "Mia", BORN, gestation, None, gender=gender)


def weight(kg):
    return Measurement("Weight", Decimal(kg), "kg", "weight")


def test_each_measure_has_its_own_curve_in_the_order_of_time():
    length = Measurement("Length", Decimal(57), "cm", "length")
    height = Measurement("Height", Decimal(86), "cm", "length")
    found = growth_of(
        a_girl(), [(date(2021, 3, 1), (weight("12.1"), height)), (date(2019, 4, 26), (length, weight("4.7")))]
    )
    assert [(curve.measure, [point.on.year for point in curve.points]) for curve in found.curves] == [
        ("weight", [2019, 2021]),
        ("length", [2019, 2021]),
    ]


def test_what_has_no_chart_is_on_none_and_is_not_counted_as_unread():
    found = growth_of(a_girl(), [(date(2020, 3, 1), (Measurement("Teeth", Decimal(6), "teeth"),))])
    assert found.curves == ()
    assert found.unread == 0


def test_a_child_born_early_is_read_at_the_corrected_age_and_the_other_stands_beside_it():
    (curve,) = growth_of(a_girl(Gestation(32, 0)), [(date(2019, 6, 1), (weight("4.6"),))]).curves
    (point,) = curve.points
    assert (point.shown.line, point.shown.age_days) == ("corrected", 92 - 56)
    assert (point.other.line, point.other.age_days) == ("chronological", 92)
    # The same weight is more for the younger.
    assert point.shown.standing.z > point.other.standing.z


def test_after_the_first_year_a_child_born_at_32_weeks_is_read_at_the_age_since_birth():
    (curve,) = growth_of(a_girl(Gestation(32, 0)), [(date(2020, 6, 1), (weight("9"),))]).curves
    assert curve.points[0].shown.line == "chronological"
    assert curve.points[0].other.line == "corrected"


@pytest.mark.parametrize("gestation", [None, Gestation(37, 0), Gestation(41, 6)])
def test_a_child_born_when_due_or_nobody_knows_when_has_one_age(gestation):
    (curve,) = growth_of(a_girl(gestation), [(date(2019, 6, 1), (weight("5.8"),))]).curves
    assert curve.points[0].shown.line == "chronological"
    assert curve.points[0].other is None


def test_a_child_born_at_22_weeks_has_no_point_before_the_reference_begins():
    found = growth_of(
        a_girl(Gestation(22, 1)), [(BORN, (weight("0.45"),)), (date(2019, 4, 1), (weight("0.8"),))]
    )
    assert found.unread == 1
    assert [point.on for point in found.curves[0].points] == [date(2019, 4, 1)]


def test_a_weight_of_ten_times_is_on_no_chart_and_is_counted():
    found = growth_of(a_girl(), [(date(2020, 3, 1), (weight("89"),))])
    assert found.curves == ()
    assert found.unread == 1


def test_a_child_who_is_neither_a_girl_nor_a_boy_has_no_chart():
    found = growth_of(a_girl(gender="other"), [(date(2020, 3, 1), (weight("8.9"),))])
    assert found == growth_of(a_girl(gender=None), [])
