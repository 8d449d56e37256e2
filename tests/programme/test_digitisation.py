from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.digitisation import (
    CLASSES,
    TARGET_ON,
    TOLERANCE,
    Counts,
    boroughs_at_target,
    capture_class,
    total,
    trajectory,
    with_return,
)

ENDED_AT = datetime(2021, 2, 15, 11, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST_ON = date(2020, 6, 30)

counts = st.builds(Counts, *(st.integers(0, 500) for _ in CLASSES))


@pytest.mark.parametrize(
    ("mode", "after_end", "complete", "expected"),
    [
        ("point-of-care", timedelta(0), True, "A"),
        ("point-of-care", -HOUR, True, "A"),
        ("point-of-care", -48 * HOUR, True, "A"),
        ("point-of-care", TOLERANCE, True, "A"),
        ("point-of-care", TOLERANCE + timedelta(seconds=1), True, "B"),
        ("point-of-care", 10 * HOUR, True, "B"),
        ("point-of-care", timedelta(0), False, "C"),
        ("point-of-care", 48 * HOUR, False, "C"),
        ("transcribed", timedelta(0), True, "B"),
        ("transcribed", 48 * HOUR, True, "B"),
        ("transcribed", 48 * HOUR, False, "C"),
        ("document", timedelta(0), True, "C"),
        ("document", timedelta(0), False, "C"),
        ("paper-only", timedelta(0), True, "D"),
        ("paper-only", 48 * HOUR, False, "D"),
        ("unknown", timedelta(0), True, "U"),
        ("unknown", timedelta(0), False, "U"),
    ],
)
def test_every_completed_review_has_one_capture_class(mode, after_end, complete, expected):
    found = capture_class(
        mode, contact_ended_at=ENDED_AT, recorded_at=ENDED_AT + after_end, complete=complete
    )
    assert found == expected


@pytest.mark.parametrize("outcome", ["declined", "no-access"])
def test_a_review_that_was_not_completed_has_no_class(outcome):
    found = capture_class(
        "point-of-care", contact_ended_at=ENDED_AT, recorded_at=ENDED_AT, complete=True, outcome=outcome
    )
    assert found is None


@pytest.mark.parametrize(("ended_at", "recorded_at"), [(None, ENDED_AT), (ENDED_AT, None), (None, None)])
def test_without_the_times_of_contact_and_entry_point_of_care_cannot_be_known(ended_at, recorded_at):
    found = capture_class("point-of-care", contact_ended_at=ended_at, recorded_at=recorded_at, complete=True)
    assert found == "U"


def test_entry_is_compared_as_an_instant_whatever_the_zone_it_is_written_in():
    recorded_at = ENDED_AT.astimezone(timezone(timedelta(hours=1)))
    found = capture_class("point-of-care", contact_ended_at=ENDED_AT, recorded_at=recorded_at, complete=True)
    assert found == "A"


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        capture_class(
            "point-of-care",
            contact_ended_at=ENDED_AT,
            recorded_at=datetime(2021, 2, 15, 11, 0),  # noqa: DTZ001
            complete=True,
        )


def test_the_rate_is_a_over_all_five_classes():
    quarter = Counts(A=60, B=20, C=5, D=10, U=5)
    assert quarter.rate() == Fraction(3, 5)
    assert quarter.structured_rate() == Fraction(4, 5)


def test_no_completed_review_is_no_rate():
    assert Counts().rate() is None
    assert Counts().structured_rate() is None


def test_counts_leave_out_reviews_without_a_class():
    assert Counts.of(["A", "A", None, "D", "U", None, "B", "C"]) == Counts(A=2, B=1, C=1, D=1, U=1)


def test_greater_manchester_is_the_rate_of_the_sum_and_not_the_mean_of_rates():
    large, small = Counts(A=900, D=100), Counts(A=1, D=9)
    assert total([large, small]).rate() == Fraction(901, 1010)
    assert total([large, small]).rate() != (Fraction(9, 10) + Fraction(1, 10)) / 2


@given(st.lists(counts))
def test_a_sum_keeps_every_review(boroughs):
    assert total(boroughs).completed == sum(borough.completed for borough in boroughs)


def test_without_a_return_the_quarter_is_not_assessable():
    assert with_return(Counts(A=100), None) is None


def test_reviews_that_only_the_return_knows_are_paper_only():
    found = with_return(Counts(A=60, B=20, D=3), 100)
    assert found is not None
    assert found.counts == Counts(A=60, B=20, D=20)
    assert found.excess == 0
    assert found.counts.rate() == Fraction(3, 5)


def test_a_return_of_fewer_reviews_than_the_record_holds_takes_nothing_away_and_is_told():
    found = with_return(Counts(A=60, B=20), 75)
    assert found is not None
    assert found.counts == Counts(A=60, B=20)
    assert found.excess == 5


@given(counts, st.integers(0, 3000))
def test_a_return_never_raises_a_rate_nor_loses_a_review(known, returned):
    found = with_return(known, returned)
    assert found is not None
    assert found.counts.completed == max(known.completed, returned)
    assert found.counts.completed - found.excess == returned
    assert found.counts.D >= known.D
    before, after = known.rate(), found.counts.rate()
    assert before is None or after <= before


def test_a_return_below_zero_is_refused():
    with pytest.raises(ValueError, match="fewer"):
        with_return(Counts(), -1)


def test_boroughs_at_100_percent_are_counted_of_those_assessable_of_ten():
    rates = {f"borough-{number}": Fraction(1) for number in range(7)}
    rates |= {"nearly": Fraction(199, 200), "half": Fraction(1, 2), "silent": None}
    found = boroughs_at_target(rates)
    assert (found.at_target, found.assessable, found.boroughs) == (7, 9, 10)
    assert not found.is_headline


def test_greater_manchester_has_a_headline_when_all_ten_report():
    assert boroughs_at_target({f"borough-{number}": Fraction(1, 2) for number in range(10)}).is_headline


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2020, 6, 29), None),
        (FIRST_ON, Fraction(1, 4)),
        (date(2021, 3, 31), Fraction(1)),
        (date(2021, 4, 1), Fraction(1)),
        (date(2025, 1, 1), Fraction(1)),
    ],
)
def test_the_line_begins_with_the_first_assessable_quarter_and_reaches_100_on_31_march_2021(on, expected):
    assert trajectory(on, first_on=FIRST_ON, first_rate=Fraction(1, 4)) == expected


@given(st.integers(0, (TARGET_ON - FIRST_ON).days - 1), st.fractions(0, 1))
def test_the_line_is_straight(lived, first_rate):
    on = FIRST_ON + timedelta(days=lived)
    day, next_day = (
        trajectory(each, first_on=FIRST_ON, first_rate=first_rate) for each in (on, on + timedelta(days=1))
    )
    assert day is not None
    assert next_day is not None
    assert next_day - day == (1 - first_rate) / (TARGET_ON - FIRST_ON).days


def test_a_line_that_begins_on_the_target_day_is_at_100():
    assert trajectory(TARGET_ON, first_on=TARGET_ON, first_rate=Fraction(1, 2)) == 1
