import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme import forecast as module
from healthvisit.programme.dates import Quarter
from healthvisit.programme.forecast import FEWEST, MOST, NotAssessable, forecast

Q4 = Quarter.parse("2020-21 Q4")
shares = st.fractions(Fraction(1, 1000), Fraction(999, 1000))


def before(quarter, count):
    """So many quarters before, earliest first."""
    found = []
    while len(found) < count:
        quarter = quarter.previous
        found.insert(0, quarter)
    return found


def known(*given, until=Q4):
    return list(zip(before(until, len(given)), given, strict=True))


def test_it_begins_from_where_the_last_quarter_stands():
    slow_then_fast = known(*(Fraction(each, 100) for each in (7, 8, 7, 8, 20, 50)))
    assert forecast(slow_then_fast, Q4).share > 0.5


def test_what_lies_on_a_line_of_logits_goes_on_along_it_without_a_spread():
    # Odds of 1, 2, 4, 8, 16 go on with 32.
    found = forecast(known(*(Fraction(2**n, 2**n + 1) for n in range(5))), Q4)
    assert found.share == pytest.approx(32 / 33)
    assert (found.low, found.high) == (pytest.approx(32 / 33), pytest.approx(32 / 33))
    assert found.quarters == 5


def test_a_worked_example():
    # Logits 0, 1, 0, 1, 0: no drift, s² = 4 / 3; a quarter later the interval is 3.182 s √(1 + 1/4) on either side.
    logits = (0, 1, 0, 1, 0)
    given = (Fraction(1 / (1 + math.exp(-each))) for each in logits)
    found = forecast(known(*given), Q4)
    around = 3.182 * math.sqrt(4 / 3 * 1.25)
    assert math.log(found.share / (1 - found.share)) == pytest.approx(0)
    assert math.log(found.low / (1 - found.low)) == pytest.approx(-around)
    assert math.log(found.high / (1 - found.high)) == pytest.approx(around)


@given(st.lists(shares, min_size=FEWEST, max_size=12))
def test_a_forecast_lies_within_its_interval_and_that_from_none_to_all(given_shares):
    found = forecast(known(*given_shares), Q4)
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.quarters == min(len(given_shares), MOST)


@given(st.lists(shares, min_size=FEWEST, max_size=MOST))
def test_what_was_not_done_is_the_mirror_of_what_was(given_shares):
    found, other = (
        forecast(known(*given_shares), Q4),
        forecast(known(*(1 - each for each in given_shares)), Q4),
    )
    assert (other.share, other.low, other.high) == (
        pytest.approx(1 - found.share),
        pytest.approx(1 - found.high),
        pytest.approx(1 - found.low),
    )


def test_further_ahead_is_less_sure():
    given_shares = known(*(Fraction(each, 100) for each in (10, 14, 13, 20, 19)))
    near, far = forecast(given_shares, Q4), forecast(given_shares, Q4.next.next)
    assert far.high - far.low > near.high - near.low


def test_a_quarter_without_a_share_is_a_gap_and_not_a_step():
    whole = known(*(Fraction(2**n, 2**n + 1) for n in range(6)))
    found = forecast([*whole[:2], *whole[3:]], Q4)
    assert found.share == pytest.approx(64 / 65)


@pytest.mark.parametrize(
    ("given_shares", "reason"),
    [
        ([Fraction(1, 2)] * (FEWEST - 1), "too-few-quarters"),
        ([], "too-few-quarters"),
        ([*[Fraction(1, 2)] * FEWEST, Fraction(1)], "none-or-all"),
        ([Fraction(0), *[Fraction(1, 2)] * FEWEST], "none-or-all"),
    ],
)
def test_where_nothing_can_be_told_there_is_no_forecast(given_shares, reason):
    assert forecast(known(*given_shares), Q4) == NotAssessable(reason)


def test_what_is_counted_is_not_forecast():
    assert forecast(known(*[Fraction(1, 2)] * 6, until=Q4.next), Q4) == NotAssessable("already-counted")


def test_what_lies_two_years_back_is_not_asked():
    old = [Fraction(0)] * 3
    assert forecast(known(*old, *[Fraction(1, 2)] * MOST), Q4).share == pytest.approx(0.5)


def test_the_points_of_students_distribution_leave_a_fortieth_above():
    for freedom, point in module.T_975.items():
        # Simpson's rule from 0 to the point, over the density.
        scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
        steps = 2000
        heights = [
            scale * (1 + (point * each / steps) ** 2 / freedom) ** (-(freedom + 1) / 2)
            for each in range(steps + 1)
        ]
        area = (
            point
            / steps
            / 3
            * (heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2]))
        )
        assert 0.5 - area == pytest.approx(0.025, abs=2e-5)
    assert module.T_975.keys() == set(range(FEWEST - 2, MOST - 1))
