from datetime import date, timedelta
from itertools import pairwise

import pytest

from healthvisit.programme.dates import Quarter, add_months
from healthvisit.programme.national.cohorts import births, children_of
from healthvisit.programme.national.values import Child

FIRST, LAST = date(2000, 1, 1), date(2040, 12, 31)
CODES = ("C2", "C3", "C8i", "C8ii", "C4", "C5", "C6i")
DAY = timedelta(days=1)
TURNED = {
    "C8i": lambda born_on: born_on + timedelta(days=56),
    "C4": lambda born_on: add_months(born_on, 12),
    "C5": lambda born_on: add_months(born_on, 15),
    "C6i": lambda born_on: add_months(born_on, 30),
}


def _days(first, last):
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _quarters():
    return Quarter.of(FIRST).until(Quarter.of(add_months(LAST, 36)))


@pytest.mark.parametrize("rule", ["published-table", "arithmetic"])
@pytest.mark.parametrize("code", CODES)
def test_every_birth_date_from_2000_to_2040_is_in_one_quarter_of_each_indicator(code, rule):
    found = [births(code, quarter, rule) for quarter in _quarters()]
    assert all(first <= last for first, last in found)
    assert all(later[0] == earlier[1] + DAY for earlier, later in pairwise(found))
    assert found[0][0] <= FIRST
    assert found[-1][1] >= LAST


@pytest.mark.parametrize("code", TURNED)
def test_every_birth_date_from_2000_to_2040_turns_the_age_in_its_quarter(code):
    turned = TURNED[code]
    for quarter in _quarters():
        first_on, last_on = quarter.first_on, quarter.last_on
        assert all(first_on <= turned(born_on) <= last_on for born_on in _days(*births(code, quarter)))


def test_the_published_table_and_the_arithmetic_differ_for_three_birthdays_a_year_from_2000_to_2040():
    apart = set()
    for quarter in _quarters():
        published, counted = births("C2", quarter), births("C2", quarter, "arithmetic")
        apart |= set(_days(*published)) ^ set(_days(*counted))
    years = range(2000, 2041)
    assert {day for day in apart if FIRST <= day <= LAST} == {
        date(year, *edge) for year in years for edge in ((6, 1), (9, 1), (12, 2))
    }


@pytest.mark.parametrize(
    ("code", "rule", "quarter", "first", "last"),
    [
        ("C2", "published-table", "2020-21 Q1", "2020-03-02", "2020-06-01"),
        ("C2", "arithmetic", "2020-21 Q1", "2020-03-02", "2020-05-31"),
        ("C3", "published-table", "2020-21 Q3", "2020-09-02", "2020-12-02"),
        ("C3", "arithmetic", "2020-21 Q3", "2020-09-01", "2020-12-01"),
        ("C8i", "published-table", "2020-21 Q1", "2020-02-05", "2020-05-05"),
        ("C8ii", "published-table", "2020-21 Q1", "2020-02-05", "2020-05-05"),
        ("C4", "published-table", "2020-21 Q1", "2019-04-01", "2019-06-30"),
        # 29 February 2020 turns 12 months on 28 February 2021.
        ("C4", "published-table", "2020-21 Q4", "2020-01-01", "2020-03-31"),
        ("C5", "published-table", "2015-16 Q1", "2014-01-01", "2014-03-31"),
        ("C6i", "published-table", "2021-22 Q1", "2018-10-01", "2018-12-31"),
    ],
)
def test_an_indicators_children_were_born_between_two_days(code, rule, quarter, first, last):
    found = births(code, Quarter.parse(quarter), rule)
    assert found == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("code", ["C1", "C6ii", "C7", "all-five"])
def test_an_indicator_without_a_birth_date_cohort_is_refused(code):
    with pytest.raises(KeyError):
        births(code, Quarter.parse("2020-21 Q4"))


def test_a_borough_has_the_children_it_answers_for_or_those_who_live_there_by_what_is_asked():
    born_on = date(2020, 1, 1)
    lives_beside = Child(born_on, responsible="bury", resident="bolton")
    nobodys = Child(born_on, resident="bury")
    children = [lives_beside, nobodys]
    assert children_of("bury", children) == [lives_beside]
    assert children_of("bury", children, "residence") == [nobodys]
    assert children_of("bolton", children, "residence") == [lives_beside]
    assert children_of("bolton", children) == []
