from datetime import date
from fractions import Fraction

import pytest

from healthvisit.faces.layout import words
from healthvisit.programme.dates import Quarter


def test_a_day_is_written_without_a_leading_nought():
    assert words.day(date(2021, 2, 5)) == "5 February 2021"


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2021, 1, 1), date(2021, 7, 1), "1 January to 1 July 2021"),
        (date(2020, 12, 30), date(2021, 1, 2), "30 December 2020 to 2 January 2021"),
        (date(2021, 1, 1), date(2021, 1, 1), "1 January 2021"),
    ],
)
def test_a_span_names_the_year_once_where_it_is_the_same(first, last, said):
    assert words.span(first, last) == said


@pytest.mark.parametrize(
    ("born", "on", "said"),
    [
        (date(2021, 2, 15), date(2021, 2, 15), "0 days"),
        (date(2021, 2, 14), date(2021, 2, 15), "1 day"),
        (date(2021, 2, 2), date(2021, 2, 15), "13 days"),
        (date(2021, 2, 1), date(2021, 2, 15), "2 weeks"),
        (date(2020, 12, 16), date(2021, 2, 15), "8 weeks"),
        (date(2020, 12, 15), date(2021, 2, 15), "2 months"),
        (date(2019, 2, 16), date(2021, 2, 15), "23 months"),
        (date(2019, 2, 15), date(2021, 2, 15), "2 years"),
        (date(2019, 1, 15), date(2021, 2, 15), "2 years and 1 month"),
        (date(2018, 8, 31), date(2021, 2, 28), "2 years and 6 months"),
        (date(2020, 2, 29), date(2021, 2, 28), "12 months"),
    ],
)
def test_an_age_is_said_as_a_parent_says_it(born, on, said):
    assert words.age(born, on) == said


def test_there_is_no_age_before_birth():
    with pytest.raises(ValueError, match="before birth"):
        words.age(date(2021, 2, 16), date(2021, 2, 15))


@pytest.mark.parametrize(
    ("numerator", "denominator", "said"),
    [
        (7, 8, "87.5%"),
        (1, 3, "33.3%"),
        (2, 3, "66.7%"),
        (1, 16, "6.3%"),
        (0, 9, "0%"),
        (9, 9, "100%"),
        (9_999, 10_000, "more than 99.9%"),
        (999, 1_000, "99.9%"),
        (1, 10_000, "less than 0.1%"),
        (0, 0, "none"),
    ],
)
def test_only_all_of_them_is_a_hundred_percent(numerator, denominator, said):
    assert words.percentage(numerator, denominator) == said


def test_a_rate_is_rounded_as_its_counts_are():
    assert words.rate(Fraction(1999, 2000)) == words.percentage(1999, 2000) == "more than 99.9%"


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 reviews"), (1, "1 review"), (2, "2 reviews"), (1204, "1,204 reviews")]
)
def test_one_is_singular_and_all_else_plural(number, said):
    assert words.plural(number, "review") == said


def test_a_plural_may_have_its_own_form():
    assert words.plural(2, "child", "children") == "2 children"


@pytest.mark.parametrize(
    ("number", "said"), [(0, "no"), (3, "three"), (9, "nine"), (10, "10"), (1204, "1,204")]
)
def test_small_numbers_in_text_are_letters(number, said):
    assert words.in_words(number) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [(["Bury"], "Bury"), (["Bury", "Wigan"], "Bury and Wigan"), (["A", "B", "C"], "A, B and C")],
)
def test_a_list_ends_in_and(names, said):
    assert words.listed(names) == said


def test_a_quarter_is_said_by_its_months_and_its_name():
    assert words.quarter(Quarter.parse("2020-21 Q4")) == "January to March 2021 (2020-21 Q4)"
