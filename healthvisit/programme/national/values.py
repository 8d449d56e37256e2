"""What the national indicators are given, and what they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from healthvisit.programme.intervals import Interval, wilson

Outcome = Literal["completed", "declined", "no-access"]
Mode = Literal["face-to-face", "remote", "unknown"]
By = Literal["health-visitor", "family-nurse", "other", "unknown"]
Feeding = Literal["totally", "partially", "not-at-all", "unknown"]
Attribution = Literal["responsibility", "residence"]
CohortRule = Literal["published-table", "arithmetic"]
Reason = Literal[
    "remote-rule-unknown",
    "no-threshold",
    "no-denominator",
    "no-definition",
    "no-mothers-record",
    "open-quarter",
]
# Cut-off by form ("24") and domain: licensed, so it comes from an instrument pack.
Thresholds = Mapping[tuple[str, str], Decimal]


@dataclass(frozen=True)
class Contact:
    """One contact for one review, as the borough knows it; a review done elsewhere counts only if it is known.

    instrument: "asq-3" or another; None where nobody knows. form: the questionnaire of the instrument, as "24".
    points: by domain; a domain without a score is left out.
    """

    review: str
    on: date
    outcome: Outcome = "completed"
    mode: Mode = "unknown"
    by: By = "unknown"
    feeding: Feeding = "unknown"
    instrument: str | None = None
    form: str | None = None
    points: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Child:
    """contacts: in the order in which they were recorded. responsible, resident: borough on the quarter's last day, by
    who answers for the child and by where it lives; None where there is none in Greater Manchester."""

    born_on: date
    contacts: Sequence[Contact] = ()
    died_on: date | None = None
    responsible: str | None = None
    resident: str | None = None


@dataclass(frozen=True)
class AntenatalContact:
    """gestation_days: length of the pregnancy that day; None where it is not known, which is not 40 weeks."""

    on: date
    gestation_days: int | None
    outcome: Outcome = "completed"
    mode: Mode = "unknown"
    by: By = "unknown"


@dataclass(frozen=True)
class Count:
    """A number that is never made a rate. unknown: how many more may count, for whom a fact is missing."""

    counted: int
    unknown: int = 0


@dataclass(frozen=True)
class Proportion:
    """unknown: those of the denominator who are not counted, and for whom a fact is missing that could count them.
    cohort_rule: how the quarter's birth dates were told."""

    numerator: int
    denominator: int
    unknown: int = 0
    cohort_rule: CohortRule = "arithmetic"

    def rate(self) -> Fraction | None:
        """From 0 to 1; None where nobody is in the denominator."""
        return Fraction(self.numerator, self.denominator) if self.denominator else None

    def interval(self) -> Interval | None:
        """95%, by Wilson's formula."""
        return wilson(self.numerator, self.denominator)


@dataclass(frozen=True)
class Breastfeeding:
    """C8ii and its parts. due: the denominator; who is in none of the three parts is unknown."""

    totally: int
    partially: int
    not_at_all: int
    due: int

    @property
    def unknown(self) -> int:
        return self.due - self.totally - self.partially - self.not_at_all

    def prevalence(self) -> Proportion:
        return Proportion(self.totally + self.partially, self.due, self.unknown)


@dataclass(frozen=True)
class NotAssessable:
    """No figure, and why. counted: the numerator, where the denominator alone is unknown."""

    reason: Reason
    counted: int | None = None


Value = Count | Proportion | NotAssessable
