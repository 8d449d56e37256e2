from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme import indicators
from healthvisit.programme.dates import Quarter, add_months
from healthvisit.programme.national.reviewed import c4, c5, c6i, c8i, c8ii
from healthvisit.programme.national.values import Breastfeeding, Child, Contact, Proportion

DAY = timedelta(days=1)
DUE_56 = date(2022, 2, 1)
BORN_56 = DUE_56 - 56 * DAY
Q4 = Quarter.parse("2021-22 Q4")
births = st.dates(date(2000, 1, 1), date(2040, 12, 31))


def _child(born_on, review, *days, died_on=None, **known):
    return Child(born_on, [Contact(review, day, **known) for day in days], died_on)


@pytest.mark.parametrize(("day", "counted"), [(0, 1), (55, 1), (56, 1), (57, 0)])
def test_a_review_on_day_56_is_by_eight_weeks_and_on_day_57_is_not(day, counted):
    child = _child(BORN_56, "six-to-eight-week", BORN_56 + day * DAY)
    assert c8i([child], Q4) == Proportion(counted, 1)


@pytest.mark.parametrize(("day", "known"), [(41, False), (42, True), (56, True), (57, False)])
def test_feeding_is_told_at_six_to_eight_weeks_from_day_42_to_day_56(day, known):
    child = _child(BORN_56, "six-to-eight-week", BORN_56 + day * DAY, feeding="totally")
    assert c8ii([child], Q4) == Breastfeeding(int(known), 0, 0, due=1)


def test_an_infant_not_reviewed_or_of_unknown_feeding_stays_in_the_denominator():
    on = BORN_56 + 50 * DAY
    children = [
        *(
            _child(BORN_56, "six-to-eight-week", on, feeding=feeding)
            for feeding in ("totally", "totally", "partially", "not-at-all", "unknown")
        ),
        Child(BORN_56),
        _child(BORN_56, "six-to-eight-week", on, feeding="totally", outcome="declined"),
    ]
    found = c8ii(children, Q4)
    assert found == Breastfeeding(totally=2, partially=1, not_at_all=1, due=7)
    assert found.unknown == 3
    assert found.prevalence() == Proportion(3, 7, 3)


def test_the_first_known_feeding_stands():
    contacts = [
        Contact("six-to-eight-week", BORN_56 + day * DAY, feeding=feeding)
        for day, feeding in ((55, "not-at-all"), (50, "partially"), (45, "unknown"))
    ]
    assert c8ii([Child(BORN_56, contacts)], Q4) == Breastfeeding(0, 1, 0, due=1)


@pytest.mark.parametrize("indicator", [c8i, c4, c5, c6i])
def test_what_is_not_a_completed_review_of_its_kind_does_not_count(indicator):
    review, born_on = {
        c8i: ("six-to-eight-week", BORN_56),
        c4: ("one-year", date(2021, 2, 1)),
        c5: ("one-year", date(2020, 11, 1)),
        c6i: ("two-year", date(2019, 8, 1)),
    }[indicator]
    assert indicator([_child(born_on, review, born_on + 40 * DAY)], Q4) == Proportion(1, 1)
    assert indicator([_child(born_on, review, born_on - DAY)], Q4) == Proportion(0, 1)
    assert indicator([_child(born_on, "antenatal", born_on + 40 * DAY)], Q4) == Proportion(0, 1)
    for outcome in ("declined", "no-access"):
        child = _child(born_on, review, born_on + 40 * DAY, outcome=outcome)
        assert indicator([child], Q4) == Proportion(0, 1)


@pytest.mark.parametrize("mode", ["face-to-face", "remote", "unknown"])
def test_these_definitions_do_not_ask_how_a_review_was_done(mode):
    child = _child(date(2019, 8, 1), "two-year", date(2021, 9, 1), mode=mode)
    assert c6i([child], Q4) == Proportion(1, 1)


@pytest.mark.parametrize(
    ("indicator", "born", "quarter", "last"),
    [
        (c4, "2020-02-29", "2020-21 Q4", "2021-02-28"),
        (c4, "2020-06-30", "2021-22 Q1", "2021-06-30"),
        # 15 months after 31 March is 30 June, and after 30 November the last day of February.
        (c5, "2014-03-31", "2015-16 Q1", "2015-06-30"),
        (c5, "2019-11-30", "2020-21 Q4", "2021-02-28"),
        (c5, "2022-11-30", "2023-24 Q4", "2024-02-29"),
        # 31 December + 30 months is 30 June, never 1 July; the whole quarter counts.
        (c6i, "2018-12-31", "2021-22 Q1", "2021-06-30"),
        (c6i, "2018-10-01", "2021-22 Q1", "2021-06-30"),
        (c6i, "2016-08-31", "2018-19 Q4", "2019-03-31"),
    ],
)
def test_a_review_counts_on_its_last_day_and_not_the_day_after_with_months_clamped(
    indicator, born, quarter, last
):
    review = "two-year" if indicator is c6i else "one-year"
    born_on, last_on, of = date.fromisoformat(born), date.fromisoformat(last), Quarter.parse(quarter)
    assert indicator([_child(born_on, review, last_on)], of) == Proportion(1, 1)
    assert indicator([_child(born_on, review, last_on + DAY)], of) == Proportion(0, 1)
    assert indicator([_child(born_on, review, last_on)], of.next).denominator == 0
    assert indicator([_child(born_on, review, last_on)], of.previous).denominator == 0


def test_c5_includes_reviews_of_earlier_quarters_and_before_twelve_months():
    born_on = date(2019, 11, 30)
    assert c5([_child(born_on, "one-year", date(2020, 9, 1))], Quarter.parse("2020-21 Q4")) == Proportion(
        1, 1
    )


def test_c4_and_c5_ask_different_children_in_one_quarter():
    turned_12, turned_15 = Child(date(2021, 2, 1)), Child(date(2020, 11, 1))
    assert (c4([turned_12], Q4).denominator, c5([turned_12], Q4).denominator) == (1, 0)
    assert (c4([turned_15], Q4).denominator, c5([turned_15], Q4).denominator) == (0, 1)


@pytest.mark.parametrize(
    ("died", "reviewed", "expected"),
    [
        ("2022-03-31", None, (0, 0)),
        ("2022-04-01", None, (0, 1)),
        ("2022-03-31", "2022-03-30", (1, 1)),
        ("2022-03-31", "2022-03-31", (1, 1)),
        ("2022-03-30", "2022-03-31", (0, 0)),
    ],
)
def test_a_child_who_died_before_the_two_year_review_is_left_out_of_c6i(died, reviewed, expected):
    days = [] if reviewed is None else [date.fromisoformat(reviewed)]
    child = _child(date(2019, 8, 1), "two-year", *days, died_on=date.fromisoformat(died))
    assert c6i([child], Q4) == Proportion(*expected)


@given(births, st.lists(st.integers(0, 500), max_size=3))
def test_within_one_birth_cohort_c5_is_never_less_than_c4(born_on, days):
    child = _child(born_on, "one-year", *(born_on + day * DAY for day in days))
    by_12 = c4([child], Quarter.of(add_months(born_on, 12)))
    by_15 = c5([child], Quarter.of(add_months(born_on, 15)))
    assert by_12.denominator == by_15.denominator == 1
    assert by_12.numerator <= by_15.numerator


@given(births, st.lists(st.integers(0, 1000), max_size=3))
def test_coverage_and_the_indicators_count_alike(born_on, days):
    on = [born_on + day * DAY for day in days]
    for indicator, review, turned_on in (
        (c8i, "six-to-eight-week", born_on + 56 * DAY),
        (c5, "one-year", add_months(born_on, 15)),
        (c6i, "two-year", add_months(born_on, 30)),
    ):
        quarter = Quarter.of(turned_on)
        covered = indicators.coverage(review, [indicators.Child(born_on, on)], quarter)
        found = indicator([_child(born_on, review, *on)], quarter)
        assert (found.numerator, found.denominator) == (covered.completed, covered.due)
