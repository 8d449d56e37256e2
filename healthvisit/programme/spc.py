"""Whether a series changed, or moved only as it always does: a chart of individual values and moving ranges (XmR).

x̄ is the mean of the known points; the moving ranges are |xᵢ - xᵢ₋₁| of points that follow each other. Ranges greater
than 3.267 times their mean are screened out, once, and R̄ is the mean of those left. The limits lie at x̄ ± 2.66 R̄.

Four rules tell a special cause; a point may break several:

outside        it lies beyond a limit; on a limit is within
shift          it is one of 7 or more points in a row on one side of the mean. A point on the mean is on neither side
               and ends the row: a row is counted only as far as it says the same thing
trend          it is one of 7 or more points of which each is higher than the one before, or each lower: 6 steps. Two
               equal points are no step, and end it
two-of-three   it lies beyond two thirds of the way to a limit, and so does another of three points in a row that hold
               it, on the same side. The third may lie anywhere and breaks nothing; beyond the limit is beyond two
               thirds of the way too

A point that is not known is a gap, and never a nought: it is in no mean, no range leads to it or across it, and what it
parts is not in a row. Where a withheld quarter would have stood nobody can say, so a signal is seen later rather than
claimed. All sums are exact.

Source: W. A. Shewhart's chart as NHS England's Making Data Count teaches it; constants and screening were compared with
the R package NHSRplotthedots (ptd_spc_standard.R), which makes the same chart. It differs in what the words leave open:
two of three count there only where all three lie on one side of the mean and the two within the limits, a range of
exactly 3.267 means is screened out, and a series without gaps is asked for. That 10 points are the fewest is common
advice; that 5 ranges are, and that limits without any width tell nothing, is our choice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

FEWEST, FEWEST_RANGES = 10, 5
LIMITS, SCREEN = Fraction("2.66"), Fraction("3.267")
RUN = 7

Rule = Literal["outside", "shift", "trend", "two-of-three"]
Side = Literal["high", "low"]
Good = Literal["high", "low", "neither"]
Variation = Literal["common-cause", "improving", "worsening", "changing"]
Assurance = Literal["will-pass", "will-fail", "hit-and-miss"]
Reason = Literal["too-few-points", "too-few-ranges", "no-spread"]

RULES: tuple[Rule, ...] = ("outside", "shift", "trend", "two-of-three")


class NotAssessable(NamedTuple):
    """too-few-points: fewer than 10 are known, which is too few to tell. too-few-ranges: the gaps leave fewer than 5
    pairs that follow each other. no-spread: the ranges that are left are nought while the points differ, so that limits
    would have no width and every point off the mean would lie outside them."""

    reason: Reason


class Signal(NamedTuple):
    """One rule broken. side: where to; of a trend, whether it rises (high) or falls. points: which, counted from 0."""

    rule: Rule
    side: Side
    points: tuple[int, ...]


@dataclass(frozen=True)
class Chart:
    """lower, upper: the process limits, which may lie beyond what a share can be. newest: the last point that is known,
    counted from 0. variation: what the newest point tells. assurance: None without a target or a good side."""

    values: tuple[Fraction | None, ...]
    mean: Fraction
    lower: Fraction
    upper: Fraction
    signals: tuple[Signal, ...]
    good: Good
    newest: int
    variation: Variation
    assurance: Assurance | None

    def broken(self, point: int) -> tuple[Signal, ...]:
        """The rules that a point breaks, in the order of RULES."""
        return tuple(each for each in self.signals if point in each.points)

    def told(self, point: int) -> Variation:
        return _variation(self.broken(point), self.good)

    @property
    def standing(self) -> Signal | None:
        """The signal that holds the newest point; of several, the one that began first. None for common cause."""
        return min(self.broken(self.newest), key=lambda each: each.points[0], default=None)


def chart(
    values: Sequence[Fraction | Decimal | int | None], *, good: Good, target: Fraction | None = None
) -> Chart | NotAssessable:
    """values: in the order of time, evenly apart; None where one is not known, so that it keeps its place. good: the
    side on which it is better to be. target: reached on it and on its good side.

    The limits are what the series itself does, whatever is wished; the assurance says whether they lie on the target's
    good side as a whole (will-pass; on the target too), on the other (will-fail), or on both.
    Raises ValueError for a value that is no number (NaN) or has no end: what is not known is None. Raises TypeError for
    a binary fraction, which is not exact.
    """
    points = tuple(_exact(each) for each in values)
    known = [each for each in points if each is not None]
    if len(known) < FEWEST:
        return NotAssessable("too-few-points")
    ranges = [
        abs(later - earlier)
        for earlier, later in pairwise(points)
        if earlier is not None and later is not None
    ]
    if len(ranges) < FEWEST_RANGES:
        return NotAssessable("too-few-ranges")
    mean, spread = _mean(known), _mean(_screened(ranges))
    if not spread and len(set(known)) > 1:
        return NotAssessable("no-spread")
    lower, upper = mean - LIMITS * spread, mean + LIMITS * spread
    signals = tuple(
        signal
        for find in (_outside, _shifts, _trends, _two_of_three)
        for row in _rows(points)
        for signal in find(row, mean, upper - mean)
    )
    newest = max(number for number, value in enumerate(points) if value is not None)
    told = _variation([each for each in signals if newest in each.points], good)
    return Chart(
        points, mean, lower, upper, signals, good, newest, told, _assurance(lower, upper, good, target)
    )


def _exact(value: Fraction | Decimal | int | None) -> Fraction | None:
    if isinstance(value, float):
        raise TypeError("a point is exact: a Fraction, a Decimal or a whole number")
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError("a point that is not known is None")
    return None if value is None else Fraction(value)


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction()) / len(values)


def _screened(ranges: Sequence[Fraction]) -> list[Fraction]:
    most = SCREEN * _mean(ranges)
    return [each for each in ranges if each <= most]


class _Point(NamedTuple):
    number: int
    value: Fraction


def _rows(points: Sequence[Fraction | None]) -> Iterator[list[_Point]]:
    """Unbroken stretches of known points."""
    row: list[_Point] = []
    for number, value in enumerate(points):
        if value is not None:
            row.append(_Point(number, value))
        elif row:
            yield row
            row = []
    if row:
        yield row


def _side(apart: Fraction) -> Side | None:
    return None if apart == 0 else "high" if apart > 0 else "low"


def _outside(row: Sequence[_Point], mean: Fraction, width: Fraction) -> Iterator[Signal]:
    """width: from the mean to a limit."""
    for point in row:
        side = _side(point.value - mean)
        if side is not None and abs(point.value - mean) > width:
            yield Signal("outside", side, (point.number,))


def _shifts(row: Sequence[_Point], mean: Fraction, _width: Fraction) -> Iterator[Signal]:
    for side, found in groupby(row, key=lambda point: _side(point.value - mean)):
        numbers = tuple(point.number for point in found)
        if side is not None and len(numbers) >= RUN:
            yield Signal("shift", side, numbers)


def _trends(row: Sequence[_Point], _mean: Fraction, _width: Fraction) -> Iterator[Signal]:
    for side, steps in groupby(pairwise(row), key=lambda step: _side(step[1].value - step[0].value)):
        walked = list(steps)
        if side is not None and len(walked) >= RUN - 1:
            yield Signal("trend", side, (walked[0][0].number, *(to.number for _, to in walked)))


def _two_of_three(row: Sequence[_Point], mean: Fraction, width: Fraction) -> Iterator[Signal]:
    far = {
        point.number: _side(point.value - mean) for point in row if 3 * abs(point.value - mean) > 2 * width
    }
    for side in ("high", "low"):
        found: list[int] = []
        for window in zip(row, row[1:], row[2:], strict=False):
            two = [point.number for point in window if far.get(point.number) == side]
            if len(two) < 2:
                continue
            if found and two[0] not in found:
                yield Signal("two-of-three", side, tuple(found))
                found = []
            found += [number for number in two if number not in found]
        if found:
            yield Signal("two-of-three", side, tuple(found))


def _variation(broken: Sequence[Signal], good: Good) -> Variation:
    """changing: where no side is good, and where one rule says one side and another the other."""
    sides = {each.side for each in broken}
    if not sides:
        return "common-cause"
    if good == "neither" or len(sides) > 1:
        return "changing"
    return "improving" if good in sides else "worsening"


def _assurance(lower: Fraction, upper: Fraction, good: Good, target: Fraction | None) -> Assurance | None:
    if target is None or good == "neither":
        return None
    worst, best = (lower, upper) if good == "high" else (-upper, -lower)
    wanted = target if good == "high" else -target
    if worst >= wanted:
        return "will-pass"
    return "will-fail" if best < wanted else "hit-and-miss"
