import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme import spc
from healthvisit.programme.spc import Chart, NotAssessable, Signal, chart

# Ten points whose mean is 10 and whose nine ranges are all 2: limits at 10 ± 5.32, two thirds of the way at 10 ± 3.546…
LEVEL = [9, 11] * 5
points = st.fractions(0, 1, max_denominator=200)


def of(values, good="high", target=None):
    found = chart(values, good=good, target=target)
    assert isinstance(found, Chart)
    return found


def rules(values):
    """Rules of each point, as the first letters of rule and side."""
    found = of(values)
    return [
        " ".join(f"{each.rule[:2]}-{each.side[0]}" for each in found.broken(number))
        for number in range(len(values))
    ]


def signals(values, rule):
    return [each for each in of(values).signals if each.rule == rule]


def shaped(wanted, rule):
    """What the rule finds in points whose mean is nought and whose limits lie 3 away."""
    row = [spc._Point(number, Fraction(value)) for number, value in enumerate(wanted)]
    find = {
        "outside": spc._outside,
        "shift": spc._shifts,
        "trend": spc._trends,
        "two-of-three": spc._two_of_three,
    }
    return [(each.side, each.points) for each in find[rule](row, Fraction(0), Fraction(3))]


def test_a_worked_example():
    found = of(LEVEL)
    assert (found.mean, found.lower, found.upper) == (10, Fraction("4.68"), Fraction("15.32"))
    assert found.signals == ()
    assert found.variation == "common-cause"


def test_ten_points_are_told_of_and_nine_are_too_few():
    assert chart(LEVEL[:9], good="high") == NotAssessable("too-few-points")
    assert isinstance(chart(LEVEL, good="high"), Chart)
    assert chart([], good="high") == NotAssessable("too-few-points")
    # A gap is no point.
    assert chart([*LEVEL[:9], None], good="high") == NotAssessable("too-few-points")


def test_five_ranges_are_enough_and_four_are_too_few():
    # Ten points in five pairs have five ranges; one pair parted more has four.
    pairs = [9, 11, None] * 5
    assert of(pairs).upper == Fraction("15.32")
    parted = [9, 11, None] * 4 + [9, None, 11]
    assert chart(parted, good="high") == NotAssessable("too-few-ranges")


def test_a_series_that_never_moves_has_ordinary_variation_and_limits_on_its_mean():
    found = of([Fraction(1)] * 10, target=Fraction(1))
    assert (found.lower, found.mean, found.upper) == (1, 1, 1)
    assert (found.variation, found.assurance) == ("common-cause", "will-pass")


def test_limits_without_a_width_tell_nothing():
    assert chart([0] * 19 + [1], good="high") == NotAssessable("no-spread")


def test_a_range_of_exactly_the_screen_stays_and_a_greater_one_is_left_out_once():
    # Sum of the others s over 8 ranges: r is 3.267 means where 9 r = 3.267 (s + r), so r = 3267 s / 5733.
    s = 5733
    row = [s // 8 + (1 if number < s % 8 else 0) for number in range(8)]
    assert sum(row) == s

    def upper(greatest):
        values, sign = [Fraction(0)], 1
        for each in [*row[:4], greatest, *row[4:]]:
            values.append(values[-1] + sign * each)
            sign = -sign
        found = of(values)
        return (found.upper - found.mean) / Fraction("2.66")

    assert upper(3267) == Fraction(s + 3267, 9)
    assert upper(Fraction("3267.001")) == Fraction(s, 8)


def test_what_is_left_after_the_screen_is_not_screened_again():
    # Ranges 1 x 16, 10 and 100: 100 goes; 10 is then more than 3.267 times the mean of those left, and stays.
    steps = [1, -1] * 8 + [10, -100]
    values = [0]
    for step in steps:
        values.append(values[-1] + step)
    found = of(values)
    assert found.upper - found.mean == Fraction("2.66") * Fraction(26, 17)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([3, -3], []),
        ([Fraction("3.0001")], [("high", (0,))]),
        ([0, Fraction("-3.0001"), 0], [("low", (1,))]),
        ([4, 5], [("high", (0,)), ("high", (1,))]),
    ],
)
def test_a_point_on_a_limit_is_within_and_one_beyond_is_outside(values, found):
    assert shaped(values, "outside") == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1] * 6, []),
        ([1] * 7, [("high", tuple(range(7)))]),
        ([-1] * 9, [("low", tuple(range(9)))]),
        # On the mean is on neither side: it ends the row and is no part of it.
        ([1, 1, 1, 0, 1, 1, 1, 1], []),
        ([0, *[1] * 7, 0], [("high", tuple(range(1, 8)))]),
        ([0] * 12, []),
        ([1] * 6 + [-1] * 7, [("low", tuple(range(6, 13)))]),
        ([1] * 7 + [-1] * 7, [("high", tuple(range(7))), ("low", tuple(range(7, 14)))]),
    ],
)
def test_seven_in_a_row_on_one_side_of_the_mean_are_a_shift(values, found):
    assert shaped(values, "shift") == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (range(6), []),
        (range(7), [("high", tuple(range(7)))]),
        (range(7, 0, -1), [("low", tuple(range(7)))]),
        # Two that are equal are no step.
        ([0, 1, 2, 3, 3, 4, 5, 6], []),
        ([3, 3, *range(4, 10)], [("high", tuple(range(1, 8)))]),
        ([5, *range(7), 2], [("high", tuple(range(1, 8)))]),
        ([0] * 12, []),
        # The turning point is in both.
        (
            [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0],
            [("high", tuple(range(7))), ("low", tuple(range(6, 13)))],
        ),
    ],
)
def test_six_steps_the_same_way_are_a_trend(values, found):
    assert shaped(values, "trend") == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        # Two thirds of the way itself is not beyond it.
        ([2, 2, 2], []),
        ([Fraction("2.001"), 0, Fraction("2.001")], [("high", (0, 2))]),
        ([Fraction("2.001"), 2, 2], []),
        ([0, Fraction("-2.5"), Fraction("-2.5")], [("low", (1, 2))]),
        ([Fraction("2.5"), Fraction("-2.5"), 0], []),
        # The third may lie on the other side.
        ([Fraction("2.5"), -1, Fraction("2.5")], [("high", (0, 2))]),
        # Beyond the limit is beyond two thirds of the way.
        ([4, 0, Fraction("2.5")], [("high", (0, 2))]),
        # Two points have no third beside them, and four apart are no three.
        ([Fraction("2.5"), Fraction("2.5")], []),
        ([Fraction("2.5"), 0, 0, Fraction("2.5")], []),
        # What goes on is one signal; what begins anew is another.
        ([Fraction("2.5")] * 4, [("high", (0, 1, 2, 3))]),
        (
            [*[Fraction("2.5")] * 2, 0, 0, *[Fraction("2.5")] * 2],
            [("high", (0, 1)), ("high", (4, 5))],
        ),
        ([*[Fraction("2.5")] * 2, 0, *[Fraction("2.5")] * 2], [("high", (0, 1, 3, 4))]),
    ],
)
def test_two_of_three_beyond_two_thirds_of_the_way_to_a_limit_on_one_side(values, found):
    assert shaped(values, "two-of-three") == found


def test_a_gap_ends_what_is_in_a_row_and_keeps_its_place():
    whole = [9, 11] * 4 + [12] * 7
    assert [each.points for each in signals(whole, "shift")] == [tuple(range(7, 15))]
    # The eighth point of that row is not known: seven are left, and then none of them with six.
    assert [each.points for each in signals([*whole[:7], None, *whole[8:]], "shift")] == [tuple(range(8, 15))]
    assert signals([*whole[:11], None, *whole[12:]], "shift") == []
    rising = [*LEVEL, *range(11, 18)]
    assert [each.points for each in signals(rising, "trend")] == [tuple(range(10, 17))]
    assert signals([*rising[:13], None, *rising[14:]], "trend") == []


def test_no_range_leads_across_a_gap():
    # 100 away, but what lay between is not known: the limits are those of the ranges that were seen.
    found = of([9, 11, 9, 11, 9, None, 109, 111, 109, 111, 109])
    assert found.upper - found.mean == Fraction("5.32")


def test_the_newest_point_is_the_last_that_is_known():
    found = of([*LEVEL, 30, None, None])
    assert found.newest == 10
    assert found.variation == "improving"
    assert [each.rule for each in found.broken(12)] == []


@pytest.mark.parametrize(
    ("good", "told"), [("high", "improving"), ("low", "worsening"), ("neither", "changing")]
)
def test_what_a_signal_means_hangs_on_which_side_is_good(good, told):
    assert of([*LEVEL, 30], good=good).variation == told
    mirrored = {"improving": "worsening", "worsening": "improving"}.get(told, told)
    assert of([*LEVEL, -30], good=good).variation == mirrored


def test_a_change_that_is_over_leaves_ordinary_variation_and_stays_marked():
    found = of([5, 60] + [5, 15] * 10)
    assert found.variation == "common-cause"
    assert found.standing is None
    assert [each.points for each in found.signals if each.rule == "outside"] == [(1,)]


def test_signals_that_point_both_ways_are_a_change_of_neither_kind():
    # High above the mean for long, and falling step by step: both are so, and neither is left out.
    falling = [0] * 16 + [60, 59, 58, 57, 56, 55, 54]
    found = of(falling)
    assert {each.side for each in found.broken(found.newest)} == {"high", "low"}
    assert found.variation == "changing"


def test_of_several_signals_the_one_that_began_first_is_the_one_that_stands():
    found = of([9, 11] * 5 + [14] * 8 + [30])
    assert {each.rule for each in found.broken(18)} >= {"outside", "shift"}
    assert found.standing == Signal("shift", "high", tuple(range(10, 19)))


@pytest.mark.parametrize(
    ("good", "target", "told"),
    [
        ("high", "4.68", "will-pass"),
        ("high", "4.6801", "hit-and-miss"),
        ("high", "15.32", "hit-and-miss"),
        ("high", "15.3201", "will-fail"),
        ("low", "15.32", "will-pass"),
        ("low", "15.3199", "hit-and-miss"),
        ("low", "4.68", "hit-and-miss"),
        ("low", "4.6799", "will-fail"),
        ("neither", "10", None),
        ("high", None, None),
    ],
)
def test_the_limits_against_a_target(good, target, told):
    assert of(LEVEL, good=good, target=None if target is None else Fraction(target)).assurance == told


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")]
)
def test_what_is_no_number_is_refused_and_never_a_gap_by_itself(value):
    with pytest.raises(ValueError, match="not known is None"):
        chart([*LEVEL, value], good="high")


@pytest.mark.parametrize("value", [0.5, math.nan, math.inf])
def test_a_binary_fraction_is_refused(value):
    with pytest.raises(TypeError):
        chart([*LEVEL, value], good="high")


@given(st.lists(points, min_size=10, max_size=24), st.integers(1, 50), st.fractions(-3, 3))
def test_the_unit_and_the_zero_of_the_scale_change_nothing(values, unit, zero):
    one, other = chart(values, good="high"), chart([unit * each + zero for each in values], good="high")
    if isinstance(one, NotAssessable):
        assert one == other
    else:
        assert one.signals == other.signals
        assert other.upper == unit * one.upper + zero


@given(st.lists(points | st.none(), min_size=10, max_size=24))
def test_the_mirror_of_a_series_breaks_the_same_rules_on_the_other_side(values):
    one = chart(values, good="high")
    other = chart([None if each is None else -each for each in values], good="low")
    if isinstance(one, NotAssessable):
        assert one == other
        return
    flipped = {"high": "low", "low": "high"}
    assert {(each.rule, flipped[each.side], each.points) for each in one.signals} == set(other.signals)
    assert one.variation == other.variation


@given(st.lists(points | st.none(), min_size=10, max_size=24))
def test_backward_in_time_the_limits_are_the_same(values):
    one, other = chart(values, good="high"), chart(values[::-1], good="high")
    if isinstance(one, NotAssessable):
        assert one == other
    else:
        assert (one.mean, one.lower, one.upper) == (other.mean, other.lower, other.upper)


@given(st.lists(points | st.none(), min_size=10, max_size=24))
def test_a_point_that_is_not_known_breaks_no_rule(values):
    found = chart(values, good="high")
    if isinstance(found, Chart):
        gaps = [number for number, value in enumerate(values) if value is None]
        assert all(found.broken(number) == () for number in gaps)
