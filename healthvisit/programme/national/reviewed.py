"""C8i, C8ii, C4, C5, C6i: the reviews that count by the day they were completed, however they were done."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

from healthvisit.programme import indicators
from healthvisit.programme.dates import Quarter, add_months
from healthvisit.programme.national.cohorts import C4_MONTHS, cohort, completed
from healthvisit.programme.national.values import Breastfeeding, Child, Contact, Feeding, Proportion

SIX_WEEKS_DAYS = 42


def c8i(children: Iterable[Child], quarter: Quarter) -> Proportion:
    """Infants with a 6 to 8 week review by 56 days, that day included, of those who reached it in the quarter."""
    return _reviewed("C8i", "six-to-eight-week", children, quarter, _eight_weeks)


def c8ii(children: Iterable[Child], quarter: Quarter) -> Breastfeeding:
    """What infants were fed at 6 to 8 weeks: the first known answer from day 42 to day 56.

    The denominator is the infants due a review, not those reviewed (NHS Scorecard 8107). A review at another age tells
    nothing of 6 to 8 weeks; our reading, because the text says no more.
    """
    due = cohort("C8ii", children, quarter)
    fed = [_fed(child) for child in due]
    return Breastfeeding(fed.count("totally"), fed.count("partially"), fed.count("not-at-all"), len(due))


def c4(children: Iterable[Child], quarter: Quarter) -> Proportion:
    """Children with a 1 year review by the day they turned 12 months, of those who turned so in the quarter."""
    return _reviewed("C4", "one-year", children, quarter, lambda child: add_months(child.born_on, C4_MONTHS))


def c5(children: Iterable[Child], quarter: Quarter) -> Proportion:
    """Children with a 1 year review by the day they turned 15 months, earlier quarters and reviews before 12 months
    included (LG Inform 4232)."""
    months = indicators.ONE_YEAR_BY_MONTHS
    return _reviewed("C5", "one-year", children, quarter, lambda child: add_months(child.born_on, months))


def c6i(children: Iterable[Child], quarter: Quarter) -> Proportion:
    """Children with a 2 year review by the end of the quarter in which they turned 30 months; those who died before the
    review are left out (LG Inform 4239)."""
    due = [
        child
        for child in cohort("C6i", children, quarter)
        if two_year_review(child, quarter) is not None
        or child.died_on is None
        or child.died_on > quarter.last_on
    ]
    return Proportion(sum(two_year_review(child, quarter) is not None for child in due), len(due))


def two_year_review(child: Child, quarter: Quarter) -> Contact | None:
    """The child's review that counts: the first, because one repeated after support would flatter the figure."""
    return next(iter(completed(child, "two-year", quarter.last_on)), None)


def _reviewed(
    code: str,
    review: str,
    children: Iterable[Child],
    quarter: Quarter,
    counts_until: Callable[[Child], date],
) -> Proportion:
    due = cohort(code, children, quarter)
    return Proportion(sum(bool(completed(child, review, counts_until(child))) for child in due), len(due))


def _eight_weeks(child: Child) -> date:
    return child.born_on + timedelta(days=indicators.EIGHT_WEEKS_DAYS)


def _fed(child: Child) -> Feeding:
    six_weeks = child.born_on + timedelta(days=SIX_WEEKS_DAYS)
    for contact in completed(child, "six-to-eight-week", _eight_weeks(child)):
        if contact.on >= six_weeks and contact.feeding != "unknown":
            return contact.feeding
    return "unknown"
