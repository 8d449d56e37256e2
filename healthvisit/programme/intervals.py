"""How far chance alone may move a percentage: Wilson's score interval.

With p = numerator / denominator, n = denominator and z the standard normal deviate of the confidence:

    (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n)

Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal of the American
Statistical Association 22 (1927) 209-212; written so, and compared with others, in R. G. Newcombe, Two-sided
confidence intervals for the single proportion, Statistics in Medicine 17 (1998) 857-872 (method 3).
"""

import math
from typing import NamedTuple

# The standard normal deviate that leaves 2.5% on either side: a confidence of 95%.
Z_95 = 1.959963984540054


class Interval(NamedTuple):
    """low, high: from 0 to 1, both included."""

    low: float
    high: float


def wilson(numerator: int, denominator: int) -> Interval | None:
    """The 95% interval of a proportion; None where the denominator is 0.

    Raises ValueError unless 0 <= numerator <= denominator.
    """
    if not 0 <= numerator <= denominator:
        raise ValueError("a numerator is from 0 to its denominator")
    if denominator == 0:
        return None
    n, p, squared = denominator, numerator / denominator, Z_95 * Z_95
    middle = p + squared / (2 * n)
    around = Z_95 * math.sqrt(p * (1 - p) / n + squared / (4 * n * n))
    whole = 1 + squared / n
    # At none and at all the formula ends at exactly 0 and 1, and binary fractions a hair beside it.
    return Interval(
        0.0 if numerator == 0 else (middle - around) / whole,
        1.0 if numerator == denominator else (middle + around) / whole,
    )
