"""Where a share may stand in a quarter to come, if it goes on as it went.

A random walk with drift of y = ln(p / (1 - p)), so that no forecast leaves 0 to 1: each quarter adds a step of its own,
and all steps are drawn alike. From the first of n shares to the last are T quarters; dᵢ is the difference of two shares
that follow each other, kᵢ quarters apart. The drift is δ = (yₙ - y₁) / T, the spread of a step
s² = Σ (dᵢ - kᵢδ)² / kᵢ / (n - 2), and t the 97.5% point of Student's distribution with n - 2 degrees of freedom. The
share h quarters after the last lies at

    yₙ + hδ ± t s √(h + h² / T)

of which the interval holds 95%. It begins from the last share: a line through all of them was turned down, because it
forecast less than had been reached where the tablets came quickly.

Source: it follows from independent steps of one spread, and is the drift method of R. J. Hyndman and G. Athanasopoulos,
Forecasting: Principles and Practice, 3rd edition, 5.2 and 5.5, which was not opened. Of t: NIST/SEMATECH e-Handbook of
Statistical Methods, upper critical values of Student's t distribution, read in a copy. The logit, how many quarters it
takes at least and how many it looks back are our choice.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from healthvisit.programme.dates import Quarter

FEWEST, MOST = 5, 8
# By degrees of freedom: as many as MOST quarters leave.
T_975 = {3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447}

Reason = Literal["too-few-quarters", "none-or-all", "already-counted"]


class Forecast(NamedTuple):
    """share, low, high: from 0 to 1, the interval being 95%. quarters: how many it rests on."""

    share: float
    low: float
    high: float
    quarters: int


class NotAssessable(NamedTuple):
    """none-or-all: a share is 0 or 1, which has no logit. already-counted: the quarter is not to come."""

    reason: Reason


def forecast(known: Sequence[tuple[Quarter, Fraction]], quarter: Quarter) -> Forecast | NotAssessable:
    """known: final shares, from 0 to 1, earliest quarter first; a quarter without one is left out, not filled in."""
    if known and known[-1][0] >= quarter:
        return NotAssessable("already-counted")
    shares = known[-MOST:]
    if len(shares) < FEWEST:
        return NotAssessable("too-few-quarters")
    if any(share in (0, 1) for _, share in shares):
        return NotAssessable("none-or-all")
    points = [(_number(each), math.log(share / (1 - share))) for each, share in shares]
    (first, began), (last, ended) = points[0], points[-1]
    drift = (ended - began) / (last - first)
    steps = [(x - before, y - was) for (before, was), (x, y) in pairwise(points)]
    variance = sum((step - apart * drift) ** 2 / apart for apart, step in steps) / (len(points) - 2)
    ahead = _number(quarter) - last
    middle = ended + ahead * drift
    around = T_975[len(points) - 2] * math.sqrt(variance * (ahead + ahead**2 / (last - first)))
    return Forecast(_share(middle), _share(middle - around), _share(middle + around), len(points))


def _number(quarter: Quarter) -> int:
    return 4 * quarter.year + quarter.number


def _share(logit: float) -> float:
    """Written so that no exponential grows beyond what a float holds."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return math.exp(logit) / (1 + math.exp(logit))
