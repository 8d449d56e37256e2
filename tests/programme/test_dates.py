from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.dates import (
    Age,
    Quarter,
    add_months,
    age,
    age_days,
    born_to_turn,
    completed_months,
    working_days_since,
)

days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
months = st.integers(0, 120)


@pytest.mark.parametrize(
    ("born", "months", "turned"),
    [
        ("2018-12-31", 30, "2021-06-30"),
        ("2014-03-31", 15, "2015-06-30"),
        ("2019-08-31", 18, "2021-02-28"),
        ("2019-08-31", 6, "2020-02-29"),
        ("2020-02-29", 12, "2021-02-28"),
        ("2020-02-29", 48, "2024-02-29"),
        ("2020-01-15", 0, "2020-01-15"),
        ("2020-03-31", -1, "2020-02-29"),
        ("2020-01-31", -12, "2019-01-31"),
    ],
)
def test_months_are_added_and_clamped_to_the_end_of_the_month(born, months, turned):
    assert add_months(date.fromisoformat(born), months) == date.fromisoformat(turned)


@given(days, months, months)
def test_a_later_month_never_comes_before_an_earlier_one(born_on, some, more):
    assert add_months(born_on, some) <= add_months(born_on, some + more)


@given(days, months)
def test_a_younger_child_never_turns_a_month_before_an_older_one(born_on, number):
    assert add_months(born_on, number) <= add_months(born_on + timedelta(days=1), number)


@given(days, st.integers(0, 4000))
def test_an_age_leads_back_to_its_day(born_on, lived):
    on = born_on + timedelta(days=lived)
    child = age(born_on, on)
    assert child.months == completed_months(born_on, on)
    assert 0 <= child.days <= 30
    assert add_months(born_on, child.months) + timedelta(days=child.days) == on
    assert add_months(born_on, child.months + 1) > on
    assert age_days(born_on, on) == lived


@given(days, st.integers(0, 4000))
def test_a_day_older_is_never_younger(born_on, lived):
    on = born_on + timedelta(days=lived)
    assert age(born_on, on) < age(born_on, on + timedelta(days=1))


def test_a_child_of_the_thirty_first_completes_a_month_on_the_last_day_of_february():
    assert age(date(2021, 1, 31), date(2021, 2, 27)) == Age(0, 27)
    assert age(date(2021, 1, 31), date(2021, 2, 28)) == Age(1, 0)


@pytest.mark.parametrize("measure", [age, age_days, completed_months])
def test_there_is_no_age_before_birth(measure):
    with pytest.raises(ValueError, match="before birth"):
        measure(date(2021, 1, 2), date(2021, 1, 1))


def test_those_who_turned_two_and_a_half_in_april_to_june_2021_were_born_in_october_to_december_2018():
    births = born_to_turn(30, date(2021, 4, 1), date(2021, 6, 30))
    assert births == (date(2018, 10, 1), date(2018, 12, 31))


def test_those_who_turned_fifteen_months_in_april_to_june_2015_were_born_in_january_to_march_2014():
    births = born_to_turn(15, date(2015, 4, 1), date(2015, 6, 30))
    assert births == (date(2014, 1, 1), date(2014, 3, 31))


@given(st.integers(1, 60), days, st.integers(0, 100), st.integers(-2000, 200))
def test_births_that_turn_a_month_in_a_period_lie_between_its_edges(number, first_on, length, shift):
    last_on = first_on + timedelta(days=length)
    first_birth, last_birth = born_to_turn(number, first_on, last_on)
    born_on = first_birth + timedelta(days=shift)
    turned = first_on <= add_months(born_on, number) <= last_on
    assert turned == (first_birth <= born_on <= last_birth)


@pytest.mark.parametrize(
    ("text", "first", "last", "after"),
    [
        ("2020-21 Q1", "2020-04-01", "2020-06-30", "2020-21 Q2"),
        ("2020-21 Q2", "2020-07-01", "2020-09-30", "2020-21 Q3"),
        ("2020-21 Q3", "2020-10-01", "2020-12-31", "2020-21 Q4"),
        ("2020-21 Q4", "2021-01-01", "2021-03-31", "2021-22 Q1"),
        ("1999-00 Q4", "2000-01-01", "2000-03-31", "2000-01 Q1"),
    ],
)
def test_a_quarter_of_the_financial_year_has_its_days(text, first, last, after):
    quarter = Quarter.parse(text)
    assert (quarter.first_on, quarter.last_on) == (date.fromisoformat(first), date.fromisoformat(last))
    assert str(quarter) == text
    assert str(quarter.next) == after
    assert quarter.next.previous == quarter
    assert quarter < quarter.next


@pytest.mark.parametrize(
    "text", ["2020-22 Q1", "2020-21 Q5", "2020-21 Q0", "2020-21", "2020-21 q4", "x", "2020-21 Q4 "]
)
def test_what_is_no_quarter_is_refused(text):
    with pytest.raises(ValueError, match="quarter"):
        Quarter.parse(text)


@given(days)
def test_every_day_is_in_exactly_one_quarter(day):
    quarter = Quarter.of(day)
    assert day in quarter
    assert day not in quarter.next
    assert day not in quarter.previous
    assert quarter.last_on + timedelta(days=1) == quarter.next.first_on


def test_quarters_follow_one_another_up_to_the_last():
    names = [str(quarter) for quarter in Quarter.parse("2019-20 Q3").until(Quarter.parse("2020-21 Q2"))]
    assert names == ["2019-20 Q3", "2019-20 Q4", "2020-21 Q1", "2020-21 Q2"]


@pytest.mark.parametrize(
    ("day", "on", "passed"),
    [
        ("2021-02-15", "2021-02-15", 0),
        ("2021-02-15", "2021-02-16", 1),
        ("2021-02-15", "2021-02-17", 2),
        ("2021-02-19", "2021-02-20", 0),
        ("2021-02-19", "2021-02-22", 1),
        ("2021-02-20", "2021-02-22", 1),
        ("2021-02-21", "2021-02-23", 2),
        ("2021-02-15", "2021-03-15", 20),
        ("2021-04-01", "2021-04-06", 3),
        ("2021-02-16", "2021-02-15", 0),
    ],
)
def test_working_days_are_weekdays_that_have_begun_since(day, on, passed):
    assert working_days_since(date.fromisoformat(day), date.fromisoformat(on)) == passed


@given(days, st.integers(0, 400))
def test_each_weekday_is_one_working_day_more(day, length):
    on = day + timedelta(days=length)
    counted = sum((day + timedelta(days=each)).weekday() < 5 for each in range(1, length + 1))
    assert working_days_since(day, on) == counted
