from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.dates import Quarter
from healthvisit.programme.indicators import (
    Child,
    Coverage,
    counts_until,
    coverage,
    due_births,
    due_on,
    is_counted,
    is_due,
    is_within_14_days,
    turned_30_days_by_arithmetic,
)

COHORTS = ("new-birth", "six-to-eight-week", "one-year", "two-year")
births = st.dates(date(2010, 1, 1), date(2030, 1, 1))


def _dates(first, last):
    return date.fromisoformat(first), date.fromisoformat(last)


@pytest.mark.parametrize(
    ("review", "quarter", "first", "last"),
    [
        # LG Inform 4221, published birth-date table.
        ("new-birth", "2020-21 Q1", "2020-03-02", "2020-06-01"),
        ("new-birth", "2020-21 Q2", "2020-06-02", "2020-09-01"),
        ("new-birth", "2020-21 Q3", "2020-09-02", "2020-12-02"),
        ("new-birth", "2020-21 Q4", "2020-12-03", "2021-03-01"),
        ("new-birth", "2019-20 Q4", "2019-12-03", "2020-03-01"),
        # Domain facts 3.3, derived: 56 days.
        ("six-to-eight-week", "2020-21 Q1", "2020-02-05", "2020-05-05"),
        # Domain facts 3.3: the consistent reading of LG Inform 4232.
        ("one-year", "2015-16 Q1", "2014-01-01", "2014-03-31"),
        # LG Inform 4239.
        ("two-year", "2021-22 Q1", "2018-10-01", "2018-12-31"),
        ("two-year", "2020-21 Q4", "2018-07-01", "2018-09-30"),
        # Born 29 to 31 August turn 30 months on 28 February.
        ("two-year", "2018-19 Q4", "2016-07-01", "2016-09-30"),
    ],
)
def test_children_due_in_a_quarter_were_born_between_two_days(review, quarter, first, last):
    assert due_births(review, Quarter.parse(quarter)) == _dates(first, last)


@pytest.mark.parametrize("review", COHORTS)
@given(born_on=births)
def test_every_child_is_due_each_review_in_exactly_one_quarter(review, born_on):
    child = Child(born_on)
    around = [
        quarter
        for quarter in Quarter.of(born_on).until(Quarter.of(born_on + timedelta(days=1200)))
        if is_due(review, child, quarter)
    ]
    assert len(around) == 1


@pytest.mark.parametrize("review", COHORTS)
@given(born_on=births)
def test_a_child_joins_the_cohort_of_the_quarter_in_which_it_is_due(review, born_on):
    assert is_due(review, Child(born_on), Quarter.of(due_on(review, born_on)))


def test_a_child_at_an_edge_of_the_published_table_joins_on_the_last_day_of_its_quarter():
    assert due_on("new-birth", date(2020, 12, 2)) == date(2020, 12, 31)
    assert due_on("new-birth", date(2020, 12, 3)) == date(2021, 1, 2)


@pytest.mark.parametrize(
    ("born", "published", "arithmetic"),
    [
        ("2020-06-01", "2020-21 Q1", "2020-21 Q2"),
        ("2020-09-01", "2020-21 Q2", "2020-21 Q3"),
        ("2020-12-02", "2020-21 Q3", "2020-21 Q4"),
        ("2021-03-01", "2020-21 Q4", "2020-21 Q4"),
        ("2021-03-02", "2021-22 Q1", "2021-22 Q1"),
    ],
)
def test_the_published_table_differs_from_the_arithmetic_at_three_edges(born, published, arithmetic):
    born_on = date.fromisoformat(born)
    assert is_due("new-birth", Child(born_on), Quarter.parse(published))
    first, last = turned_30_days_by_arithmetic(Quarter.parse(arithmetic))
    assert first <= born_on <= last


@given(births)
def test_the_published_table_and_the_arithmetic_agree_but_for_three_days_of_a_year(born_on):
    edges = {(6, 1), (9, 1), (12, 2)}
    quarter = Quarter.of(born_on + timedelta(days=30))
    assert is_due("new-birth", Child(born_on), quarter) == ((born_on.month, born_on.day) not in edges)


def test_the_antenatal_review_is_a_count_without_a_rate():
    assert coverage("antenatal", [Child(date(2021, 1, 1))], Quarter.parse("2020-21 Q4")) is None


def test_an_unknown_review_has_no_cohort():
    with pytest.raises(KeyError):
        due_births("school-entry", Quarter.parse("2020-21 Q4"))
    with pytest.raises(KeyError):
        due_on("antenatal", date(2021, 1, 1))


@pytest.mark.parametrize(
    ("review", "born", "quarter", "last"),
    [
        ("new-birth", "2021-01-01", "2020-21 Q4", "2021-03-31"),
        ("six-to-eight-week", "2021-01-01", "2020-21 Q4", "2021-02-26"),
        ("one-year", "2019-11-30", "2020-21 Q4", "2021-02-28"),
        ("two-year", "2018-07-01", "2020-21 Q4", "2021-03-31"),
    ],
)
def test_a_review_counts_until_its_last_day_and_not_the_day_after(review, born, quarter, last):
    born_on, last_on, of = date.fromisoformat(born), date.fromisoformat(last), Quarter.parse(quarter)
    assert is_due(review, Child(born_on), of)
    assert counts_until(review, born_on, of) == last_on
    assert is_counted(review, Child(born_on, [last_on]), of)
    assert not is_counted(review, Child(born_on, [last_on + timedelta(days=1)]), of)


def test_a_one_year_review_before_twelve_months_in_an_earlier_quarter_counts():
    child = Child(date(2019, 11, 30), [date(2020, 9, 1)])
    assert is_counted("one-year", child, Quarter.parse("2020-21 Q4"))


@pytest.mark.parametrize(("day", "within"), [(0, True), (10, True), (14, True), (15, False)])
def test_a_new_birth_visit_on_day_fourteen_counts_as_within_fourteen_days(day, within):
    born_on = date(2021, 1, 1)
    assert is_within_14_days(Child(born_on, [born_on + timedelta(days=day)])) is within


def test_coverage_is_completed_over_due_and_twins_are_two():
    born_on = date(2021, 1, 10)
    seen = [born_on + timedelta(days=12)]
    children = [Child(born_on, seen), Child(born_on, seen), Child(born_on), Child(date(2020, 1, 1), seen)]
    found = coverage("new-birth", children, Quarter.parse("2020-21 Q4"))
    assert found == Coverage(completed=2, due=3)
    assert found.rate() == Fraction(2, 3)


def test_no_child_due_is_no_rate():
    found = coverage("two-year", [], Quarter.parse("2020-21 Q4"))
    assert found is not None
    assert found.rate() is None


def test_coverage_adds_up_over_boroughs():
    assert Coverage(3, 4) + Coverage(0, 6) == Coverage(3, 10)


def test_a_child_who_died_before_the_two_year_review_is_left_out():
    quarter = Quarter.parse("2020-21 Q4")
    died_on = date(2021, 2, 1)
    unseen = Child(date(2018, 8, 1), died_on=died_on)
    seen = Child(date(2018, 8, 1), [date(2020, 9, 1)], died_on=died_on)
    assert not is_due("two-year", unseen, quarter)
    assert is_due("two-year", seen, quarter)
    assert is_due("two-year", Child(date(2018, 8, 1), died_on=date(2021, 4, 1)), quarter)


@pytest.mark.parametrize("review", COHORTS)
@given(born_on=births, days=st.lists(st.integers(0, 1200), max_size=3))
def test_nobody_counts_who_is_not_due(review, born_on, days):
    child = Child(born_on, [born_on + timedelta(days=day) for day in days])
    for quarter in Quarter.of(born_on).until(Quarter.of(born_on + timedelta(days=1200))):
        found = coverage(review, [child], quarter)
        assert found is not None
        assert 0 <= found.completed <= found.due <= 1
