import csv
import io
from datetime import UTC, date, datetime

import pytest

from healthvisit.faces.commissioning import indicators, queries, table
from healthvisit.faces.commissioning.indicators import IndicatorPage, QuarterPage, Row
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.record.errors import NotFound
from healthvisit.reviews import national
from healthvisit.reviews.national import Figure, Indicator
from tests.faces.commissioning.figures import Q2, Q3, Q4

NOTICE = "Practice instrument: invented, not clinical"
AT = datetime(2021, 2, 15, 6, tzinfo=UTC)
BEFORE = datetime(2021, 1, 3, 6, tzinfo=UTC)


def a_figure(numerator=19, denominator=20, unknown=0, reason=None, *, practice=None, at=AT, is_open=False):
    return Figure(numerator, denominator, unknown, reason, "open-quarter" if is_open else None, practice, at)


def an_indicator(figure=None, code="C2", borough="bury", quarter=Q3, earlier=()):
    return Indicator(code, borough, quarter, figure or a_figure(), tuple(earlier))


def a_row(figure, code="C2", **of):
    return Row.of_figure("Bury", an_indicator(figure, code, **of))


def every_area(code="C2", quarter=Q3, **of):
    return [
        an_indicator(code=code, borough=each, quarter=quarter, **of)
        for each in (*(borough.slug for borough in BOROUGHS), None)
    ]


def test_a_share_stands_beside_its_counts_and_how_far_chance_may_move_it():
    row = a_row(a_figure(742, 913, 2))
    assert (row.counted, row.of, row.share, row.missing) == ("742", "913", "81.3%", "2")
    assert row.interval == "78.6% to 83.7%"
    assert row.standing == "Final"


@pytest.mark.parametrize(
    ("figure", "code", "cells"),
    [
        (a_figure(None, 20, reason="withheld"), "C2", ("Withheld", "20", "Withheld")),
        (a_figure(None, None, None, "withheld"), "C2", ("Withheld", "Withheld", "Withheld")),
        (a_figure(0, 0, 0, "none-due"), "C2", ("0", "0", "None due")),
        (a_figure(31, None, None, "a-count"), "all-five", ("31", "None", "None")),
        (a_figure(None, None, None, "withheld"), "all-five", ("Withheld", "None", "None")),
        (a_figure(None, None, None, "no-mothers-record"), "C1", ("Not known", "None", "Not assessable")),
        (a_figure(None, None, None, "open-quarter"), "C8ii", ("Not known", "Not known", "Not assessable")),
    ],
)
def test_where_there_is_no_share_the_cell_says_why_and_never_nought(figure, code, cells):
    row = a_row(figure, code)
    assert (row.counted, row.of, row.share) == cells
    assert row.interval == ""


@pytest.mark.parametrize(
    "reason", ["no-mothers-record", "remote-rule-unknown", "no-threshold", "open-quarter"]
)
def test_why_a_figure_is_not_assessable_stands_beside_it_and_once_in_a_sentence(definitions, reason):
    found = every_area(figure=a_figure(None, None, None, reason))
    page = QuarterPage.of(found, Q3, [Q3], definitions)
    (sentence,) = page.reasons
    (row,) = page.whole
    assert sentence.startswith(row.standing + ":")


def test_a_figure_that_was_amended_keeps_what_stood_before_beside_it():
    row = a_row(
        a_figure(21, 22),
        earlier=[a_figure(None, 21, reason="withheld", at=BEFORE), a_figure(19, 20, at=BEFORE)],
    )
    assert row.standing == "Final, amended"
    assert row.earlier == (
        "Withheld of 21, counted on 3 January 2021",
        "19 of 20, counted on 3 January 2021",
    )
    before = a_figure(None, None, None, "open-quarter", at=BEFORE)
    assert a_row(a_figure(), earlier=[before]).earlier == (
        "Quarter has not ended, counted on 3 January 2021",
    )


def test_an_open_quarter_is_provisional_and_an_invented_instrument_is_said(definitions):
    found = every_area(figure=a_figure(practice=NOTICE, is_open=True))
    page = QuarterPage.of(found, Q3, [Q2, Q3], definitions)
    assert page.whole[0].standing == "Provisional, invented instrument"
    assert page.notices == (NOTICE,)
    assert page.dates == "Counted on 15 February 2021. It is provisional: the quarter had not ended."
    assert page.quarters == (Q3, Q2)


def test_every_indicator_has_its_section_with_ten_boroughs_and_greater_manchester_last(definitions):
    found = [each for code in national.INDICATORS for each in every_area(code)]
    page = QuarterPage.of(found, Q3, [Q3], definitions)
    assert [section.code for section in page.sections] == list(national.INDICATORS)
    assert {tuple(row.name for row in section.rows) for section in page.sections} == {
        (*(borough.name for borough in BOROUGHS), "Greater Manchester")
    }
    assert len(page.whole) == len(national.INDICATORS)


def test_one_indicator_is_shown_over_time_area_by_area(definitions):
    found = [*every_area(quarter=Q2), an_indicator(a_figure(None, 20, reason="withheld"))]
    page = IndicatorPage.of(found, "C2", definitions)
    assert page.quarters == (Q2, Q3)
    assert dict(page.beside)["Bury"] == ("95.0%", "Withheld")
    assert dict(page.beside)["Wigan"] == ("95.0%", "No figures")
    assert [row.name for row in dict(page.areas)["Bury"]] == [str(Q3), str(Q2)]
    assert page.definition.title.startswith("C2: ")
    assert "day 14 included" in page.definition.meaning("Counted")


def test_a_count_is_shown_over_time_as_the_count_it_is(definitions):
    found = [an_indicator(a_figure(31, None, None, "a-count"), "all-five")]
    page = IndicatorPage.of(found, "all-five", definitions)
    assert dict(page.beside)["Bury"] == ("31",)


def test_six_quarters_stand_beside_each_other_and_every_quarter_below(definitions):
    quarters = [Q3]
    while len(quarters) < 12:
        quarters.append(quarters[-1].previous)
    found = [an_indicator(quarter=each) for each in sorted(quarters)]
    page = IndicatorPage.of(found, "C2", definitions)
    assert len(page.quarters) == 6
    assert page.quarters[-1] == Q3
    assert len(dict(page.areas)["Bury"]) == 12


def test_before_any_quarter_is_closed_there_is_no_figure(definitions):
    assert QuarterPage.of([], None, [], definitions).quarter is None
    assert IndicatorPage.of([], "C2", definitions).quarters == ()


def rows(definitions, *found):
    known = [indicators.definition(definitions, code) for code in national.INDICATORS]
    return list(csv.DictReader(io.StringIO(table.indicators_written(found, known))))


def test_the_file_has_the_counts_as_frozen_with_their_meaning_and_what_stood_before(definitions):
    earlier = a_figure(None, 21, reason="withheld", at=BEFORE)
    stands, before, whole = rows(
        definitions, an_indicator(earlier=[earlier]), an_indicator(code="C8ii", borough=None)
    )
    assert (stands["area"], stands["gss_code"], stands["indicator"]) == ("Bury", "E08000002", "C2")
    assert (stands["counted"], stands["of"], stands["share_percent"]) == ("19", "20", "95.00")
    assert (stands["interval_low_percent"], stands["interval_high_percent"]) == ("76.39", "99.11")
    assert (stands["status"], stands["stands"], before["stands"]) == ("ok", "yes", "no")
    assert (before["counted"], before["of"], before["share_percent"]) == ("", "21", "")
    assert (before["status"], before["interval_low_percent"]) == ("withheld", "")
    assert (whole["area"], whole["gss_code"]) == ("Greater Manchester", "")
    assert "day 14 included" in stands["counted_means"]
    assert stands["limits"]


def test_nothing_in_the_file_runs_as_a_formula(definitions):
    practice = '=HYPERLINK("http://x")'
    (row,) = rows(definitions, an_indicator(a_figure(practice=practice)))
    assert row["instrument"] == f"'{practice}"


def test_the_newest_quarter_that_has_ended_is_shown_first():
    on = date(2021, 2, 15)
    assert queries.ended({}, [Q2, Q3, Q4], on=on) == (Q3, None)
    assert queries.ended({}, [Q4], on=on) == (Q4, None)
    assert queries.ended({"quarter": str(Q2)}, [Q2, Q3, Q4], on=on) == (Q2, None)
    assert queries.ended({"quarter": "2031-32 Q1"}, [Q2, Q3], on=on) == (Q3, queries.NOT_IN_LIST)
    assert queries.ended({}, [], on=on) == (None, None)


def test_a_code_of_no_indicator_is_not_found():
    assert queries.indicator("all-five") == "all-five"
    for code in ("C7", "c2", "digitisation", "x"):
        with pytest.raises(NotFound):
            queries.indicator(code)
