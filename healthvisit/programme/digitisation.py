"""How much of the work was recorded digitally: capture class A, B, C, D, U, and the rate.

Our own definition (domain facts 8.2); no public statement defines the percentage. The unit is one statutory
review completed for one child or pregnancy, by the borough whose team did it, in one quarter.

Dividing by what is in the system would give 100% by construction, so the denominator comes from outside: the
borough's own return for the quarter. Without one, the rate is not assessable.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Literal

Mode = Literal["point-of-care", "transcribed", "document", "paper-only", "unknown"]
CaptureClass = Literal["A", "B", "C", "D", "U"]

CLASSES: tuple[CaptureClass, ...] = ("A", "B", "C", "D", "U")

# Our proposal; the source asks for "a stated tolerance of contact end". Two hours let a practitioner finish
# the plan in the car or after the next visit. The end of the same day was turned down: it would count a
# morning's paper, typed at the office in the evening, as recorded with the family.
TOLERANCE = timedelta(hours=2)

TARGET_ON = date(2021, 3, 31)
TARGET = Fraction(1)


def capture_class(
    mode: Mode,
    *,
    contact_ended_at: datetime | None,
    recorded_at: datetime | None,
    complete: bool,
    outcome: str = "completed",
) -> CaptureClass | None:
    """The one class of a completed review; None for a review that was not completed, which has no class.

    mode: what staff state. complete: the answers that this review needs are there.
    contact_ended_at, recorded_at: aware instants, None if not known. recorded_at is the device's own time of
    entry, so that a review kept offline on a tablet is judged by when it was entered and not by when a signal
    came. Entry before the contact is point of care too: a parent may fill in the form for it.

    Point of care entered after the tolerance is B: whatever staff state, it was written from notes or memory.
    An incomplete structured record is C: it is evidence of the review, not the data of it. Without the two
    times the class is U.
    Raises ValueError for an instant without a zone.
    Source: domain facts 8.2 (classes, completeness gate); tolerance and the rule for incomplete records are
    ours.
    """
    for instant in (contact_ended_at, recorded_at):
        if instant is not None and instant.utcoffset() is None:
            raise ValueError("an instant without a zone")
    if outcome != "completed":
        return None
    if mode == "paper-only":
        return "D"
    if mode == "document":
        return "C"
    if mode == "unknown":
        return "U"
    if not complete:
        return "C"
    if mode == "transcribed":
        return "B"
    if contact_ended_at is None or recorded_at is None:
        return "U"
    return "A" if recorded_at - contact_ended_at <= TOLERANCE else "B"


@dataclass(frozen=True)
class Counts:
    """Completed reviews of a quarter by capture class."""

    A: int = 0
    B: int = 0
    C: int = 0
    D: int = 0
    U: int = 0

    @classmethod
    def of(cls, classes: Iterable[CaptureClass | None]) -> "Counts":
        """Counts of the classes; None, a review that was not completed, is left out."""
        counted = dict.fromkeys(CLASSES, 0)
        for found in classes:
            if found is not None:
                counted[found] += 1
        return cls(**counted)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.A + other.A, self.B + other.B, self.C + other.C, self.D + other.D, self.U + other.U
        )

    @property
    def completed(self) -> int:
        """The denominator: A + B + C + D + U."""
        return self.A + self.B + self.C + self.D + self.U

    def rate(self) -> Fraction | None:
        """A / (A + B + C + D + U), from 0 to 1; None where no review was completed."""
        return Fraction(self.A, self.completed) if self.completed else None

    def structured_rate(self) -> Fraction | None:
        """(A + B) / (A + B + C + D + U): shown beside the rate, never in its place."""
        return Fraction(self.A + self.B, self.completed) if self.completed else None


def total(counts: Iterable[Counts]) -> Counts:
    """Sum over boroughs or reviews. The rate of Greater Manchester is the rate of this sum, never a mean of
    rates."""
    return sum(counts, Counts())


@dataclass(frozen=True)
class Reconciled:
    """Counts after the borough's return.

    excess: reviews this record holds beyond the return, 0 or more. They stay counted, and the difference is
    shown for the two sides to explain.
    """

    counts: Counts
    excess: int


def with_return(known: Counts, returned: int | None) -> Reconciled | None:
    """Counts whose paper-only reviews include those that only the borough's own return knows.

    known: what this record holds of one review in one quarter. returned: completed reviews by the borough's
    return for the same quarter, None where there is none.
    Returns None without a return: the rate is then not assessable, which is neither 0% nor 100%.
    Raises ValueError for a negative return.
    Source: domain facts 8.2, denominator trap.
    """
    if returned is None:
        return None
    if returned < 0:
        raise ValueError("a return of fewer than no reviews")
    missing = max(0, returned - known.completed)
    return Reconciled(known + Counts(D=missing), max(0, known.completed - returned))


@dataclass(frozen=True)
class AtTarget:
    """Boroughs at 100%, of those assessable, of all. Greater Manchester has a headline when all are
    assessable."""

    at_target: int
    assessable: int
    boroughs: int

    @property
    def is_headline(self) -> bool:
        return self.assessable == self.boroughs


def boroughs_at_target(rates: Mapping[str, Fraction | None]) -> AtTarget:
    """How many boroughs stand at exactly 100%: 199 of 200 is not 100%.

    rates: rate by borough, None where it is not assessable.
    """
    known = [rate for rate in rates.values() if rate is not None]
    return AtTarget(sum(rate == TARGET for rate in known), len(known), len(rates))


def trajectory(on: date, *, first_on: date, first_rate: Fraction) -> Fraction | None:
    """The straight line to 100% on 31 March 2021, from 0 to 1.

    first_on, first_rate: last day and rate of the first assessable quarter, where the line begins.
    Returns None before the line begins, and 1 from the target day on.
    Source: domain facts 8.2, trajectory.
    """
    if on < first_on:
        return None
    if on >= TARGET_ON:
        return TARGET
    walked = Fraction((on - first_on).days, (TARGET_ON - first_on).days)
    return first_rate + (TARGET - first_rate) * walked
