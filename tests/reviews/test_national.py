"""The national indicators from the rows of the record: tests/oracle, which shares no code with them, counts them too."""

import random
from datetime import date
from decimal import Decimal

import pytest

from healthvisit.programme import disclosure
from healthvisit.programme.boroughs import BOROUGHS as TEN
from healthvisit.programme.dates import Quarter
from healthvisit.reviews import national
from tests.builders import a_requester
from tests.oracle import indicators as oracle
from tests.oracle import rows
from tests.reviews.town import Q3, Town, a_row, a_score, seen


@pytest.fixture
def town(furnished, definitions):
    return Town(furnished, definitions)


@pytest.fixture
def everything_shown(monkeypatch):
    """No count is small: for what is counted, not for what is withheld."""
    monkeypatch.setattr(disclosure, "SMALLEST_PUBLISHED", 1)


def _recordable(row):
    """A random row without what this record has no code for, or does not take."""
    contacts = [
        {
            **contact,
            "who": "health-visitor" if contact["who"] == "family-nurse" else contact["who"],
            "tool": None if contact["tool"] == "other" else contact["tool"],
        }
        for contact in row["contacts"]
        if contact["on"] >= row["born"] and not (row["died"] and contact["on"] > row["died"])
    ]
    stays = [stay for stay in row["stays"] if stay["to"] != stay["from"]]
    return {**row, "contacts": contacts, "stays": stays}


def test_what_is_frozen_from_the_rows_is_what_the_second_count_makes_of_them(
    town, definitions, everything_shown
):
    draw = random.Random(7)
    # Born so that the quarters below ask for them; the days on which rules are usually wrong are among them.
    known = [
        each for each in rows.children(3000, 2021) if date(2018, 3, 1) <= each["born"] <= date(2020, 12, 31)
    ]
    town.keep(*(_recordable(each) for each in draw.sample(known, 260)))
    limits = {
        (form, domain): Decimal(content["cut_off"])
        for form, each in definitions.pack["forms"].items()
        for domain, content in each["domains"].items()
    }
    compared = {"share": 0, "none": 0}
    for name in ("2019-20 Q4", "2020-21 Q3", "2021-22 Q2"):
        quarter = Quarter.parse(name)
        town.close(quarter)
        for borough in TEN:
            told = oracle.count(town.children, [], borough.gss, quarter.year, quarter.number, limits)
            for code, expected in told.items():
                if code in ("C1", "C7"):
                    continue
                figure = town.frozen(code, borough.slug, quarter).figure
                match expected:
                    case ("share", of, counted, _):
                        assert (figure.numerator, figure.denominator) == (counted, of), (name, borough, code)
                    case ("none", "no-denominator", counted):
                        assert (figure.numerator, figure.reason) == (counted, "a-count")
                    case ("none", why, _):
                        assert figure.reason == why, (name, borough, code)
                compared[expected[0]] += figure.numerator != 0
    # A record in which nothing was ever counted would agree too.
    assert compared["share"] > 50
    assert compared["none"]


def test_what_the_record_cannot_say_is_not_assessable(town):
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(10)))
    town.close()
    assert town.frozen("C1").figure.reason == "no-mothers-record"
    assert town.frozen("C1", None).figure.rate is None
    town.close(Quarter.parse("2021-22 Q1"), on=date(2021, 5, 1))
    assert town.frozen("C8ii", quarter=Quarter.parse("2021-22 Q1")).figure.reason == "open-quarter"


def test_a_remote_visit_that_would_change_the_figure_leaves_it_not_assessable(town):
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(10)))
    town.keep(a_row("2020-09-20", "bury", seen(how="remote")))
    town.close()
    assert town.frozen("C2").figure.reason == "remote-rule-unknown"
    assert town.frozen("C2", None).figure.reason == "remote-rule-unknown"
    assert town.frozen("C2", "salford").figure.reason == "none-due"


def test_an_open_quarter_counts_whose_day_has_come_and_is_provisional(town):
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(10)))
    town.keep(*(a_row("2020-11-25", "bury") for _ in range(9)))
    town.close(on=date(2020, 12, 1))
    assert town.counts("C2") == (10, 10)
    assert town.frozen("C2").figure.provisional == "open-quarter"


def test_a_small_count_is_withheld_and_so_is_what_would_give_it_back(town):
    # Three of Bury's infants without a visit, and none of Salford's.
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(20)))
    town.keep(*(a_row("2020-09-20", "bury") for _ in range(3)))
    town.keep(*(a_row("2020-09-20", "salford", seen()) for _ in range(20)))
    town.close()
    assert town.counts("C2") == (None, 23)
    shown = [town.counts("C2", each.slug)[0] for each in TEN]
    # One number alone that is withheld comes back from the sum.
    assert shown.count(None) > 1 or town.counts("C2", None)[0] is None


def test_what_was_found_stands_where_a_few_that_came_late_would_be_told(town):
    born = "2020-08-20"
    fed = seen("six-to-eight-week", "2020-10-08", fed="totally")
    town.keep(*(a_row(born, "bury", fed) for _ in range(20)))
    town.close()
    assert town.counts("C8ii") == (20, 20)
    town.keep(a_row(born, "bury", fed))
    town.close()
    assert (town.counts("C8ii"), town.counts("C8i")) == ((20, 20), (21, 21))
    assert [each.numerator for each in town.frozen("C8i").earlier] == [20]
    town.keep(*(a_row(born, "bury", fed) for _ in range(7)))
    town.close()
    assert town.counts("C8ii") == (28, 28)


def test_the_figures_are_everybodys_to_read_and_nobodys_to_write(town):
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(10)))
    town.close(boroughs=["bury"])
    for requester in (a_requester("system-client", boroughs=["salford"]), a_requester("commissioner")):
        with town.opened(requester) as record:
            assert len(national.of_quarter(record, Q3)) == 2 * len(national.INDICATORS)
            assert len(national.of_borough(record, "bury")) == len(national.INDICATORS)
            assert national.frozen(record) == [Q3]


def test_a_figure_that_rests_on_an_invented_instrument_says_so(town):
    score = {**seen("two-year", "2020-11-01"), **a_score()}
    town.keep(*(a_row("2018-05-20", "bury", score) for _ in range(10)))
    town.close()
    assert "invented" in town.frozen("C6-communication").figure.practice
    assert town.frozen("C8ii").figure.practice is None
    assert town.counts("C6-communication") == (10, 10)
    assert town.counts("all-five") == (10, None)
    assert round(town.frozen("C6ii").figure.interval.low, 2) == 0.72


def test_a_quarter_to_come_has_no_figures(town):
    with pytest.raises(ValueError, match="has not begun"):
        town.close(Quarter.parse("2030-31 Q1"))
