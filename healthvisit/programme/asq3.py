"""ASQ-3: which form, adjusted age, points, zone.

Item wording, age windows and cut-offs are licensed and come from an instrument pack, never from here. The
practice pack is scored by the same rules. The tablet's asq3.js is held to these functions by
tests/cases/asq3.json. Adjusted age is ASQ's; a growth chart corrects age by another rule, and the two share
no function.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from healthvisit.programme.dates import Age, age, completed_months

Answer = Literal["yes", "sometimes", "not-yet"]
Zone = Literal["on-schedule", "monitor", "below", "not-classified"]

DOMAINS = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")
# Source: Brookes scoring help; domain facts 4.4.
POINTS: Mapping[str, int] = {"yes": 10, "sometimes": 5, "not-yet": 0}
ITEMS = 6
# Implied by Brookes KB 367; the sentence on three or more was cut off where we read it (domain facts 4.4,
# unverified).
MOST_OMITTED = 2
# "Three or more weeks early" with 39 weeks as term, "36 weeks or earlier", to which KB 312 counts 36 weeks 6
# days.
TERM_WEEKS = 39
PREMATURE_BEFORE_WEEKS = 37
ADJUSTED_UNTIL_MONTHS = 24


def domain_points(answers: Sequence[str | None], points: Mapping[str, int] = POINTS) -> Decimal | None:
    """Points for one domain, exact: six answers give whole points, five whole, four steps of 7.5.

    answers: the domain's six answers in order, None where one was left out.
    Returns 0 to 60 points, or None when more than two were left out.
    Raises ValueError unless there are six answers, each known.
    Source: ASQ-3 User's Guide p. 72 (omitted items); domain facts 4.4, unverified.
    """
    if len(answers) != ITEMS:
        raise ValueError(f"a domain has {ITEMS} answers, got {len(answers)}")
    if not {answer for answer in answers if answer is not None} <= points.keys():
        raise ValueError("an answer that the instrument does not have")
    given = [points[answer] for answer in answers if answer is not None]
    if ITEMS - len(given) > MOST_OMITTED:
        return None
    # An omitted item counts as the mean of the others, so the score keeps its 60-point scale.
    return Decimal(sum(given) * ITEMS) / len(given)


def is_prorated(answers: Sequence[str | None]) -> bool:
    """True when the points rest on fewer than six answers, which must be said wherever they are shown."""
    return 0 < sum(answer is None for answer in answers) <= MOST_OMITTED


def zone(points: Decimal | None, cut_off: Decimal | None, monitor_up_to: Decimal | None) -> Zone:
    """Where points stand. Both edges belong to the lower zone.

    cut_off: mean - 2 SD of the form and domain. monitor_up_to: mean - 1 SD. Without either, or without
    points, nothing is classified.
    Raises ValueError when the edges are the wrong way round.
    Source: Brookes KB 407, 329, 365; the edges derived in domain facts 4.5: the monitoring zone is at least 1
    but less than 2 SD below the mean.
    """
    if cut_off is None or monitor_up_to is None or points is None:
        return "not-classified"
    if monitor_up_to < cut_off:
        raise ValueError("the monitoring zone ends below the cut-off")
    if points <= cut_off:
        return "below"
    return "monitor" if points <= monitor_up_to else "on-schedule"


@dataclass(frozen=True)
class FormWindow:
    """The ages at which a form fits: from the first age, included, until the second, left out."""

    form: str
    first: Age
    end: Age

    def fits(self, child: Age) -> bool:
        return self.first <= child < self.end


def is_premature(gestation_days: int | None) -> bool:
    """Born at 36 weeks and 6 days or earlier; False where gestation is not known.

    Source: Brookes KB 312 (36 weeks or earlier; its question counts 20 weeks 0 days to 36 weeks 6 days as
    preterm).
    """
    return gestation_days is not None and gestation_days < PREMATURE_BEFORE_WEEKS * 7


def adjusted_age(born_on: date, on: date, gestation_days: int | None = None) -> Age | None:
    """The age by which a form is chosen; None while a premature child has not reached the day it is counted
    from.

    A premature child's age is counted from 39 weeks of pregnancy until the second birthday, from birth on and
    after it. Raises ValueError before birth.
    Source: Brookes KB 312 (39 weeks as term; until 2 years chronological age). How weeks are taken from
    months and days is unverified (domain facts 4.3): our choice is exact days, term less gestation, added to
    the birth date.
    """
    if gestation_days is None or not is_premature(gestation_days):
        return age(born_on, on)
    if completed_months(born_on, on) >= ADJUSTED_UNTIL_MONTHS:
        return age(born_on, on)
    counted_from = born_on + timedelta(days=TERM_WEEKS * 7 - gestation_days)
    return None if on < counted_from else age(counted_from, on)


def forms_for(child: Age | None, windows: Iterable[FormWindow]) -> tuple[str, ...]:
    """The forms that fit an adjusted age: none, one, or two, because windows may overlap (Brookes KB 416)."""
    return () if child is None else tuple(window.form for window in windows if window.fits(child))
