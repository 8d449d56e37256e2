from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.intervals import Z_95, wilson


def test_the_deviate_leaves_two_and_a_half_percent_on_either_side():
    assert pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-12) == Z_95


@pytest.mark.parametrize(
    ("numerator", "denominator", "low", "high"),
    [
        # Newcombe 1998, table I, method 3: the four proportions by which the methods are compared.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_published_examples_of_the_score_interval_come_out(numerator, denominator, low, high):
    found = wilson(numerator, denominator)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_nobody_in_the_denominator_is_no_interval():
    assert wilson(0, 0) is None


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 3), (4, 3), (0, -1)])
def test_a_numerator_beyond_its_denominator_is_refused(numerator, denominator):
    with pytest.raises(ValueError, match="numerator"):
        wilson(numerator, denominator)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_rate_stays_a_proportion_and_mirrors(counts):
    numerator, denominator = counts
    found, other = wilson(numerator, denominator), wilson(denominator - numerator, denominator)
    assert 0 <= found.low <= numerator / denominator <= found.high <= 1
    assert found.low < found.high
    assert (found.low == 0) is (numerator == 0)
    assert (found.high == 1) is (numerator == denominator)
    assert found.low == pytest.approx(1 - other.high, abs=1e-12)
