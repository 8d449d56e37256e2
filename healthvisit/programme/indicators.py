"""Who is due a review in a quarter, and who counts as reviewed: coverage.

The rule of the national indicators, a third clock beside the statutory windows and the Greater Manchester
stages. Each review has one cohort of birth dates and one last day to count (domain facts 3.2 and 3.3):

review              cohort of the quarter             counts when completed          indicator
antenatal           none: a count, never a rate       -                              C1
new-birth           turned 30 days (published table)  by the end of the quarter      C2 and C3 together
six-to-eight-week   reached 56 days                   by 56 days                     C8i
one-year            turned 15 months                  by turning 15 months           C5
two-year            turned 30 months                  by the end of the quarter      C6i

Whether a child was the borough's responsibility at the quarter's end is the caller's to know. Twins are two
children.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from healthvisit.programme.dates import Quarter, add_months, born_to_turn

# Whether day 14 is "within 14 days" and day 56 "by 8 weeks" was not in the text we could read. Our choice:
# both count, with the day of birth as day 0 (domain facts 3.3, boundary semantics).
NEW_BIRTH_WITHIN_DAYS = 14
EIGHT_WEEKS_DAYS = 56
TURNED_DAYS = 30
ONE_YEAR_BY_MONTHS = 15
TWO_YEAR_MONTHS = 30

# Month and day of the first birth of each quarter's cohort. The published table (LG Inform 4221) parts the
# year without a gap, but lies one day from birth date + 30 days at three edges: births on 1 June, 1 September
# and 2 December.
_TURNED_30_DAYS_FROM = {1: (3, 2), 2: (6, 2), 3: (9, 2), 4: (12, 3)}


def due_births(review: str, quarter: Quarter) -> tuple[date, date] | None:
    """First and last birth date, both included, of the children due a review in a quarter.

    Returns None for the antenatal review, for which no denominator exists (C1 is a count).
    Raises KeyError for another code.
    """
    match review:
        case "antenatal":
            return None
        case "new-birth":
            return _new_birth_from(quarter), _new_birth_from(quarter.next) - timedelta(days=1)
        case "six-to-eight-week":
            weeks = timedelta(days=EIGHT_WEEKS_DAYS)
            return quarter.first_on - weeks, quarter.last_on - weeks
        case "one-year":
            return born_to_turn(ONE_YEAR_BY_MONTHS, quarter.first_on, quarter.last_on)
        case "two-year":
            return born_to_turn(TWO_YEAR_MONTHS, quarter.first_on, quarter.last_on)
    raise KeyError(review)


def turned_30_days_by_arithmetic(quarter: Quarter) -> tuple[date, date]:
    """The check beside the published table: births whose thirtieth day falls in the quarter."""
    turned = timedelta(days=TURNED_DAYS)
    return quarter.first_on - turned, quarter.last_on - turned


def _new_birth_from(quarter: Quarter) -> date:
    month, day = _TURNED_30_DAYS_FROM[quarter.number]
    # The births of Q4 begin in December of the year in which the financial year began, as all others do.
    return date(quarter.year, month, day)


def due_on(review: str, born_on: date) -> date:
    """The day a child joins the cohort; before it nobody can tell that a review was missed.

    It lies in the quarter of `due_births`: at the three edges of the published table, on that quarter's last
    day. Raises KeyError for a review without a cohort.
    """
    match review:
        case "new-birth":
            turned_on = born_on + timedelta(days=TURNED_DAYS)
            quarter = Quarter.of(turned_on)
            return turned_on if born_on >= _new_birth_from(quarter) else quarter.previous.last_on
        case "six-to-eight-week":
            return born_on + timedelta(days=EIGHT_WEEKS_DAYS)
        case "one-year":
            return add_months(born_on, ONE_YEAR_BY_MONTHS)
        case "two-year":
            return add_months(born_on, TWO_YEAR_MONTHS)
    raise KeyError(review)


def counts_until(review: str, born_on: date, quarter: Quarter) -> date:
    """The last day on which a completed review counts. Raises KeyError for a review without a cohort."""
    return {
        "new-birth": quarter.last_on,
        "six-to-eight-week": born_on + timedelta(days=EIGHT_WEEKS_DAYS),
        "one-year": add_months(born_on, ONE_YEAR_BY_MONTHS),
        "two-year": quarter.last_on,
    }[review]


@dataclass(frozen=True)
class Child:
    """What coverage needs of one child. completed_on: days of this review's completed contacts, in any
    order."""

    born_on: date
    completed_on: Sequence[date] = ()
    died_on: date | None = None


@dataclass(frozen=True)
class Coverage:
    """Children reviewed, of those due in the quarter."""

    completed: int
    due: int

    def __add__(self, other: "Coverage") -> "Coverage":
        return Coverage(self.completed + other.completed, self.due + other.due)

    def rate(self) -> Fraction | None:
        """From 0 to 1; None where no child was due."""
        return Fraction(self.completed, self.due) if self.due else None


def is_due(review: str, child: Child, quarter: Quarter) -> bool:
    """True for a child of the quarter's cohort; at two years not one who died before the review (LG Inform
    4239)."""
    births = due_births(review, quarter)
    if births is None or not births[0] <= child.born_on <= births[1]:
        return False
    died = child.died_on is not None and child.died_on <= quarter.last_on
    return not (review == "two-year" and died and not is_counted(review, child, quarter))


def is_counted(review: str, child: Child, quarter: Quarter) -> bool:
    """True when a review was completed in time to count, earlier quarters included."""
    last_on = counts_until(review, child.born_on, quarter)
    return any(child.born_on <= day <= last_on for day in child.completed_on)


def coverage(review: str, children: Iterable[Child], quarter: Quarter) -> Coverage | None:
    """Coverage of one review in one quarter; None for the antenatal review, which has no denominator.

    children: those of the borough's responsibility on the quarter's last day; children not due are left out
    here.
    """
    if due_births(review, quarter) is None:
        return None
    due = [child for child in children if is_due(review, child, quarter)]
    return Coverage(sum(is_counted(review, child, quarter) for child in due), len(due))


def is_within_14_days(child: Child) -> bool:
    """C2: a new birth visit on day 14 or before, the day of birth being day 0."""
    last_on = child.born_on + timedelta(days=NEW_BIRTH_WITHIN_DAYS)
    return any(child.born_on <= day <= last_on for day in child.completed_on)
