"""The way of a review rests on what is published, and on nothing else."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.reviews import funnel, quarter
from healthvisit.reviews.national import Figure as National
from healthvisit.reviews.national import Indicator
from healthvisit.reviews.quarter import REVIEWS, Area, Figure
from tests.faces.commissioning.figures import FROZEN_AT, Q3

AT = datetime(2021, 2, 15, 6, tzinfo=UTC)
counts = st.integers(0, 60) | st.none()


def classes(**of):
    return dict.fromkeys("ABCDU", 0) | of


def an_area(figure, review="two-year"):
    reviews = dict.fromkeys(REVIEWS, Figure(reason="none-completed")) | {review: figure}
    return Area("bury", "Bury", "E08000002", figure, figure, reviews, None, FROZEN_AT)


def a_number(numerator, denominator, reason=None):
    if reason is None and (numerator is None or denominator is None):
        reason = "withheld"
    return National(numerator, denominator, 0, reason, None, None, AT)


FIGURE = Figure(60, 90, None, classes(A=60, B=20, C=4, D=6))


def way(review="two-year", figure=FIGURE, **indicators):
    return funnel.way(review, None if figure is None else an_area(figure, review), indicators)


def test_the_steps_are_the_published_counts_and_their_sums():
    found = way(C6i=a_number(80, 100))
    assert found.counts == {
        "due": 100,
        "invited": "not-recorded",
        "attended": 80,
        "done": 90,
        "recorded": 80,
        "digital": 60,
        "in-return": "not-recorded",
    }


def test_a_new_birth_visit_in_time_is_one_of_c2_or_of_c3():
    found = way("new-birth", C2=a_number(70, 100), C3=a_number(20, 100))
    assert (found.counts["due"], found.counts["attended"]) == (100, 90)
    assert way("new-birth", C2=a_number(70, 100), C3=a_number(None, 100)).counts["attended"] == "withheld"


@pytest.mark.parametrize("review", REVIEWS)
def test_every_review_has_its_indicators(review):
    found = way(review)
    assert (found.counts["due"], found.counts["attended"]) == ("no-figures", "no-figures")
    assert funnel.DUE[review] == funnel.ATTENDED[review][0]


def test_what_is_not_assessable_says_so():
    rule = a_number(None, None, "remote-rule-unknown")
    mothers = a_number(None, None, "no-mothers-record")
    assert way("new-birth", C2=rule, C3=rule).counts["attended"] == "not-assessable"
    assert way("antenatal", C1=mothers).counts["due"] == "not-assessable"


@pytest.mark.parametrize("reason", ["no-return", "not-all-report"])
def test_without_a_return_nothing_is_known_of_the_reviews_done(reason):
    found = way(figure=Figure(reason=reason))
    assert [found.counts[step] for step in ("done", "recorded", "digital")] == ["no-return"] * 3


def test_where_nothing_was_frozen_nothing_is_known():
    assert way(figure=None).counts["done"] == "no-figures"


def test_where_no_review_was_done_there_are_none_and_not_no_count():
    found = way(figure=Figure(0, 0, "none-completed", classes()))
    assert [found.counts[step] for step in ("done", "recorded", "digital")] == [0, 0, 0]


def test_the_figures_of_one_area_are_taken_and_of_no_other():
    found = [
        Indicator("C6i", slug, Q3, a_number(number, 100))
        for number, slug in enumerate((None, *(borough.slug for borough in BOROUGHS)))
    ]
    area = an_area(FIGURE)
    assert funnel.of_area("two-year", area, found, None).counts["attended"] == 0
    assert funnel.of_area("two-year", area, found, "bury").counts["attended"] == 2


@given(a=counts, b=counts, c=counts, done=counts, first=counts, second=counts, due=counts)
def test_a_step_that_rests_on_a_withheld_count_is_withheld_and_nothing_else_moves_it(
    a, b, c, done, first, second, due
):
    """Every number shown is one that is published, or A and B, or C2 and C3: known where both of them are."""
    figure = Figure(a, done, "withheld" if None in (a, done) else None, classes(A=a, B=b, C=c, D=c, U=c))
    found = way("new-birth", figure, C2=a_number(first, due), C3=a_number(second, due)).counts
    shown = {step: found[step] if isinstance(found[step], int) else None for step in found}
    assert shown == {
        "due": due,
        "invited": None,
        "attended": None if None in (first, second) else first + second,
        "done": done,
        "recorded": None if None in (a, b) else a + b,
        "digital": a,
        "in-return": None,
    }
    assert {why for why in found.values() if not isinstance(why, int)} <= {"withheld", "not-recorded"}


def test_what_was_withheld_when_it_was_frozen_comes_back_from_no_step():
    """Three of class B are withheld, and a class of eight with it: the way shows neither, nor their sum with A."""
    withheld = {"A": 60, "B": None, "C": 0, "D": None, "U": 0}
    found = way(figure=Figure(60, 71, None, withheld))
    assert (found.counts["recorded"], found.counts["done"], found.counts["digital"]) == ("withheld", 71, 60)
    assert found.biggest is None


def test_the_reviews_are_those_that_a_quarter_freezes():
    assert set(funnel.DUE) == set(quarter.REVIEWS)
