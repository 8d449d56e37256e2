from fractions import Fraction

import pytest

from healthvisit.faces.commissioning import presenters
from healthvisit.faces.commissioning.presenters import BoroughPage, Overview
from healthvisit.programme.boroughs import BY_SLUG
from tests.faces.commissioning.figures import NO_RETURN, Q2, Q3, Q4, WITHHELD, a_quarter


def page(*quarters, chosen=Q3):
    return Overview.of(quarters, chosen)


def test_the_figure_of_greater_manchester_is_the_sum_and_never_the_mean():
    found = page(a_quarter(every=(0, 10), manchester=(910, 910)))
    assert found.headline.figure == "91.0%"
    assert found.headline.sentence.startswith("910 of 1,000 reviews.")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0.889", "That is 8.9 percentage points below the straight line (88.9%)."),
        ("0.7", "That is 10.0 percentage points above the straight line (70.0%)."),
        ("0.8", "That is on the straight line (80.0%)."),
        (None, ""),
    ],
)
def test_the_figure_is_held_against_the_straight_line(line, said):
    assert page(a_quarter(line=line)).headline.sentence == f"800 of 1,000 reviews. {said}".strip()


def test_without_every_borough_there_is_no_figure_for_greater_manchester():
    found = page(a_quarter(wigan=NO_RETURN, oldham=NO_RETURN))
    assert found.headline.figure == "8 of 10 boroughs have reported"
    assert "no figure for Greater Manchester until all ten have" in found.headline.sentence
    assert found.missing.startswith("Oldham and Wigan have not sent a return for this quarter.")
    assert found.trend_rows[0].share == "Not assessable"


def test_a_borough_without_a_report_has_not_reported_either():
    found = page(a_quarter(trafford=None))
    assert found.missing.startswith("Trafford has not sent a return")
    row = next(row for row in found.rows if row.name == "Trafford")
    assert (row.numerator, row.share, row.standing) == ("Not known", "Not assessable", "No figures")


def test_boroughs_at_a_hundred_percent_are_counted_and_named():
    found = page(a_quarter(bury=(50, 50), wigan=(60, 60), salford=(1999, 2000)))
    assert found.at_target.figure == "2 of 10"
    assert found.at_target.sentence == "Bury and Wigan."


def test_of_a_withheld_borough_nothing_is_said():
    found = page(a_quarter(bury=WITHHELD))
    assert found.at_target.sentence == "No borough whose share is known."
    assert found.at_target.definition.endswith("The share of 9 of them is known.")
    row = next(row for row in found.rows if row.name == "Bury")
    assert (row.numerator, row.denominator, row.share) == ("Withheld", "12", "Withheld")
    assert found.headline.figure == "Withheld"


def test_all_but_one_is_not_a_hundred_percent():
    row = next(row for row in page(a_quarter(bury=(19_999, 20_000))).rows if row.name == "Bury")
    assert row.share == "more than 99.9%"


def test_each_borough_has_its_counts_its_share_and_its_coverage_beside_it():
    row = page(a_quarter(bury=(1204, 1300))).rows[1]
    assert (row.name, row.gss) == ("Bury", "E08000002")
    assert (row.numerator, row.denominator, row.share) == ("1,204", "1,300", "92.6%")
    assert (row.coverage, row.coverage_counts, row.standing) == ("75.0%", "90 of 120", "Final")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("open-quarter", "It is provisional: the quarter had not ended."),
        ("partial-return", "It is provisional: a return covers only part of the quarter."),
    ],
)
def test_a_provisional_quarter_says_why(reason, said):
    found = page(a_quarter(provisional=reason))
    assert found.dates == f"Counted on 15 February 2021. {said}"
    assert found.rows[0].standing == "Provisional"


def test_a_quarter_in_which_nothing_was_done_has_no_share():
    assert page(a_quarter(bury=(0, 0))).rows[1].share == "None done"


def test_before_the_first_quarter_is_closed_there_is_nothing_to_show():
    found = page(chosen=None)
    assert found.quarter is None
    assert found.quarters == ()


def test_quarters_are_listed_newest_first():
    found = page(a_quarter(Q2), a_quarter(Q3), a_quarter(Q4))
    assert found.quarters == (Q4, Q3, Q2)
    assert [row.name for row in found.trend_rows] == ["2020-21 Q4", "2020-21 Q3", "2020-21 Q2"]


def test_the_trend_is_told_from_its_first_figure_to_its_last():
    found = page(
        a_quarter(Q2, every=(40, 100), line="0.4"), a_quarter(Q3, line="0.7"), a_quarter(Q4, bury=NO_RETURN)
    )
    assert found.trend_sentence == "Greater Manchester went from 40.0% in 2020-21 Q2 to 80.0% in 2020-21 Q3."


def test_a_boroughs_page_has_its_quarters_newest_first_and_its_reviews():
    found = BoroughPage.of(
        (a_quarter(Q2, bury=(10, 40)), a_quarter(Q3, bury=(30, 40), line=Fraction(7, 8))), BY_SLUG["bury"]
    )
    assert [row.share for row in found.rows] == ["75.0%", "25.0%"]
    assert found.reviews[0].name == "Antenatal"
    assert found.sentence == (
        "October to December 2020 (2020-21 Q3): 75.0%. 30 of 40 reviews. "
        "That is 12.5 percentage points below the straight line (87.5%)."
    )


def test_a_borough_without_figures_has_an_empty_page():
    assert BoroughPage.of((a_quarter(bury=None),), BY_SLUG["bury"]).rows == ()


def test_the_definitions_on_the_page_are_those_of_the_published_measure(definitions):
    found = dict(presenters.definitions(definitions))
    measure = definitions.by_url("https://healthvisit.example/fhir/Measure/digitisation")
    published = [
        population["description"] for group in measure["group"] for population in group["population"]
    ]
    assert found["Recorded digitally"] in published
    assert found["Reviews done"] in published
    assert "team did it" in found["Which borough"]


def rising(*shares, **of):
    """Quarters before 2020-21 Q4 with these shares of a hundred."""
    quarters = [Q3]
    while len(quarters) < len(shares):
        quarters.append(quarters[-1].previous)
    return [
        a_quarter(quarter, every=(share, 100), **of)
        for quarter, share in zip(reversed(quarters), shares, strict=True)
    ]


def test_where_greater_manchester_goes_is_said_with_how_sure_that_is():
    said = page(*rising(10, 14, 13, 20, 19)).forecast
    assert said == (
        "Forecast for January to March 2021 (2020-21 Q4): 22.0% recorded digitally, if it goes on as in the last "
        "five final quarters that have a share. 95% interval: 8.7% to 45.7%."
    )


def test_the_open_quarter_and_a_share_that_is_not_known_are_no_part_of_a_forecast():
    open_quarter = a_quarter(Q4, every=(90, 100), provisional="open-quarter")
    found = rising(10, 14, 13, 20, 19)
    assert page(*found, open_quarter).forecast == page(*found).forecast
    silent = a_quarter(rising(1, 1, 1, 1, 1, 1)[0].quarter, wigan=NO_RETURN)
    assert page(silent, *found).forecast == page(*found).forecast


def test_without_a_forecast_the_page_says_why():
    assert page(*rising(10, 14, 13, 20)).forecast == (
        "Forecast: not assessable. Fewer than five final quarters have a share."
    )
    assert "no forecast can begin there" in page(*rising(10, 14, 13, 20, 100)).forecast
    counted = a_quarter(Q4, every=(90, 100))
    assert page(*rising(10, 14, 13, 20, 19), counted).forecast.endswith("(2020-21 Q4) is counted.")


def test_each_borough_has_a_forecast_of_its_own():
    found = rising(10, 14, 13, 20, 19, bury=(50, 100))
    said = BoroughPage.of(found, BY_SLUG["bury"]).forecast
    assert said.endswith(
        "50.0% recorded digitally, if it goes on as in the last five final quarters that have a share. "
        "95% interval: 50.0% to 50.0%."
    )
