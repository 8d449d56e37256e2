"""Growth on the UK-WHO charts: where a measurement stands among the nine lines, and at which age it is read.

The reference is the one of RCPCH's own library, day by day (growth.json, which scripts/growth writes): UK 1990 until
two weeks after the due date, WHO from there to four years, UK 1990 again after. What the library does not say is said
here: which of the two ages is shown, what a value must be for anything to be said of it, and the words. Corrected age is
growth's; ASQ-3 adjusts age by another rule, and the two share no function.
Source: RCPCH Digital Growth Charts, https://growth.rcpch.ac.uk/clinician/chart-information-health-staff/
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Literal, NamedTuple

# weight in kg; length (lying until two years, then standing height) and head circumference in cm; body mass index in
# kg/m2, which means something from two years alone
Measure = Literal["weight", "length", "head", "bmi"]
Sex = Literal["female", "male"]
Line = Literal["chronological", "corrected"]

TERM_DAYS = 280
# There is no reference before 23 weeks; a child born at 22 has a point once it would have been 23.
LEAST_GESTATION_DAYS, MOST_GESTATION_DAYS = 22 * 7, 44 * 7 + 6
PRETERM_BEFORE_DAYS = 37 * 7
_VERY_PRETERM_BEFORE_DAYS = 32 * 7
_YEAR_DAYS = 365.25

# Two thirds of an SD lie between two of the nine lines.
SPACE_SD = 2 / 3
LINES = ("0.4th", "2nd", "9th", "25th", "50th", "75th", "91st", "98th", "99.6th")
_MIDDLE = LINES.index("50th")
# Within a quarter of a space a measurement is on the line.
_ON_LINE_SPACES = 0.25
# No child has it: mistyped, or another unit. Source: the limits of RCPCH's own service,
# https://github.com/rcpch/rcpchgrowth-python/issues/32
_REFUSED_BEYOND_SD = 8.0

# Where one reference ends and the next begins the lines make a step: two weeks after the due date, at two years
# where children stand up to be measured, and at four.
_STEPS = (14, 731, 1461)


class NoReference(ValueError):
    """There is no chart for a child of this age."""


class Implausible(ValueError):
    """No child of this age and sex has this measurement: it was mistyped, or taken in another unit."""


@dataclass(frozen=True)
class Standing:
    """z: standard deviations from the median of the reference."""

    z: float

    @property
    def centile(self) -> float:
        """Percent of children of this age and sex who measure less, above 0 and below 100."""
        return 50 * math.erfc(-self.z / math.sqrt(2))

    @property
    def place(self) -> str:
        """Where it stands among the nine lines: "on the 50th centile"."""
        at = self.z / SPACE_SD + _MIDDLE
        nearest = round(at)
        if abs(at - nearest) <= _ON_LINE_SPACES and 0 <= nearest < len(LINES):
            return f"on the {LINES[nearest]} centile"
        if at < 0:
            return f"below the {LINES[0]} centile"
        if at > len(LINES) - 1:
            return f"above the {LINES[-1]} centile"
        below = math.floor(at)
        return f"between the {LINES[below]} and {LINES[below + 1]} centiles"


class Crossing(NamedTuple):
    """The nine lines at one age, lowest first. age_days: since birth, or since the child was due."""

    age_days: int
    values: tuple[float, ...]


def corrected_days(born_on: date, on: date, gestation_days: int) -> int:
    """Days since the child was due, below zero before that. gestation_days: length of the pregnancy at birth.

    Raises ValueError for a day before birth, or for a gestation that is none (22 weeks 0 days to 44 weeks 6 days).
    """
    if on < born_on:
        raise ValueError("no age before birth")
    if not LEAST_GESTATION_DAYS <= gestation_days <= MOST_GESTATION_DAYS:
        raise ValueError("a gestation is 22 weeks 0 days to 44 weeks 6 days")
    return (on - born_on).days - (TERM_DAYS - gestation_days)


def shown(born_on: date, on: date, gestation_days: int | None) -> Line:
    """The age that a point is read at, as the paper charts have it; of a preterm child the other is shown beside it.

    Born at 32 to 36 weeks: corrected until one year of corrected age; earlier: until two. Born at term, or nobody
    knows when the child was due: chronological.
    """
    if gestation_days is None or gestation_days >= PRETERM_BEFORE_DAYS:
        return "chronological"
    years = 1 if gestation_days >= _VERY_PRETERM_BEFORE_DAYS else 2
    return (
        "corrected" if corrected_days(born_on, on, gestation_days) < years * _YEAR_DAYS else "chronological"
    )


def with_chart(gender: str | None) -> Sex | None:
    """Of FHIR's administrative genders those that have charts; None for the others, and for none stated."""
    if gender == "female":
        return "female"
    return "male" if gender == "male" else None


def standing(measure: Measure, value: Decimal, *, sex: Sex, age_days: int) -> Standing:
    """Where a measurement stands on the UK-WHO reference.

    value: in kg, cm or kg/m2. age_days: since birth, or since the child was due.
    Raises NoReference, or Implausible for a value that no child of this age has.
    """
    if not value.is_finite() or value <= 0:
        raise Implausible("A measurement is more than zero.")
    skew, median, spread = _reference(measure, sex, age_days)
    ratio = float(value) / median
    try:
        z = math.log(ratio) / spread if skew == 0 else (ratio**skew - 1) / (skew * spread)
    except OverflowError:
        z = math.inf
    if not abs(z) <= _REFUSED_BEYOND_SD:
        raise Implausible(
            "No child of this age has this measurement. Look at the unit and the decimal point."
        )
    return Standing(z)


@cache
def lines(measure: Measure, sex: Sex, first_days: int, last_days: int) -> tuple[tuple[Crossing, ...], ...]:
    """The nine lines between two ages, in stretches: each ends where another reference begins.

    Ages: days since birth or since the due date; what lies outside the reference (birth at 23 weeks, five years) is
    left out. Drawn through at most about eighty ages.
    """
    table = _tables()[measure][sex]
    first, last = max(first_days, table.first), min(last_days, table.last)
    edges = [first, *(step for step in _STEPS if first < step <= last), last + 1]
    every = max(1, (last - first) // 80)
    return tuple(
        tuple(
            Crossing(days, _crossed(*_reference(measure, sex, days)))
            for days in sorted({*range(begins, ends, every), ends - 1})
        )
        for begins, ends in pairwise(edges)
    )


def _crossed(skew: float, median: float, spread: float) -> tuple[float, ...]:
    return tuple(
        median * (math.exp(spread * z) if skew == 0 else (1 + skew * spread * z) ** (1 / skew))
        for z in _lines_sd()
    )


def _lines_sd() -> Iterator[float]:
    return ((number - _MIDDLE) * SPACE_SD for number in range(len(LINES)))


def _reference(measure: Measure, sex: Sex, age_days: int) -> tuple[float, float, float]:
    table = _tables()[measure][sex]
    if not table.first <= age_days <= table.last:
        raise NoReference("There is no chart for a child of this age.")
    return table.lms[age_days - table.first]


class _Table(NamedTuple):
    """lms: L, M and S of Cole's method for each day from the first."""

    first: int
    lms: tuple[tuple[float, float, float], ...]

    @property
    def last(self) -> int:
        return self.first + len(self.lms) - 1


@cache
def _tables() -> dict[Measure, dict[Sex, _Table]]:
    text = resources.files(__package__).joinpath("growth.json").read_text("utf-8")
    return {
        measure: {
            sex: _Table(found["first"], tuple(zip(found["l"], found["m"], found["s"], strict=True)))
            for sex, found in of_sex.items()
        }
        for measure, of_sex in json.loads(text).items()
    }
