"""Completed months and days between two dates; quarters of the financial year."""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple, Self


class Age(NamedTuple):
    """Completed months, and the days since the last of them. Ages compare as the field reads them: 9m30d <
    10m0d."""

    months: int
    days: int


def add_months(day: date, months: int) -> date:
    """The same day of a later (or, below zero, an earlier) month, or that month's last day where it has no
    such day.

    Source: a child born 31 December 2018 is counted as aged two and a half by 30 June 2021 (LG Inform 4239),
    so 31 December + 30 months is 30 June, never 1 July.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def completed_months(born_on: date, on: date) -> int:
    """Months completed on a day. Raises ValueError before birth."""
    if on < born_on:
        raise ValueError("no age before birth")
    months = (on.year - born_on.year) * 12 + on.month - born_on.month
    return months if add_months(born_on, months) <= on else months - 1


def age(born_on: date, on: date) -> Age:
    """Age in completed months and days. Raises ValueError before birth."""
    months = completed_months(born_on, on)
    return Age(months, (on - add_months(born_on, months)).days)


def age_days(born_on: date, on: date) -> int:
    """Days since birth: 0 on the day of birth. Raises ValueError before birth."""
    if on < born_on:
        raise ValueError("no age before birth")
    return (on - born_on).days


def born_to_turn(months: int, first_on: date, last_on: date) -> tuple[date, date]:
    """First and last birth date, both included, of the children who turn so many months from first_on to
    last_on.

    Source: turned 30 months April to June 2021 = born 1 October to 31 December 2018 (LG Inform 4239).
    """
    return _earliest_birth(months, first_on), _earliest_birth(
        months, last_on + timedelta(days=1)
    ) - timedelta(days=1)


def _earliest_birth(months: int, turned_on: date) -> date:
    """The first birth date that turns so many months on or after turned_on."""
    # Clamping moves a birthday by at most three days, so the answer lies just around the plain subtraction.
    born_on = add_months(turned_on, -months) - timedelta(days=3)
    while add_months(born_on, months) < turned_on:
        born_on += timedelta(days=1)
    return born_on


_QUARTER = re.compile(r"(\d{4})-(\d{2}) Q([1-4])")


@dataclass(frozen=True, order=True)
class Quarter:
    """A quarter of the financial year: Q1 April to June, Q2 July to September, Q3 October to December, Q4
    January to
    March. Quarters compare in time.

    year: the calendar year in which the financial year began, so 2020-21 Q4 has year 2020 and falls in 2021.
    Source: LG Inform 4221.
    """

    year: int
    number: int

    def __post_init__(self) -> None:
        if self.number not in (1, 2, 3, 4) or not 1 < self.year < 9998:
            raise ValueError(f"no quarter {self.number} of {self.year}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """A quarter from its name, as in 2020-21 Q4. Raises ValueError."""
        match = _QUARTER.fullmatch(text)
        if match is None or (int(match[1]) + 1) % 100 != int(match[2]):
            raise ValueError("a quarter is written as in 2020-21 Q4")
        return cls(int(match[1]), int(match[3]))

    @classmethod
    def of(cls, on: date) -> Self:
        """The quarter that holds a day."""
        return cls(on.year, (on.month - 1) // 3) if on.month > 3 else cls(on.year - 1, 4)

    @property
    def first_on(self) -> date:
        return add_months(date(self.year, 4, 1), 3 * (self.number - 1))

    @property
    def last_on(self) -> date:
        return add_months(self.first_on, 3) - timedelta(days=1)

    @property
    def next(self) -> "Quarter":
        return Quarter.of(add_months(self.first_on, 3))

    @property
    def previous(self) -> "Quarter":
        return Quarter.of(add_months(self.first_on, -3))

    def until(self, last: "Quarter") -> Iterator["Quarter"]:
        """This quarter and those after it, to the last, included."""
        quarter = self
        while quarter <= last:
            yield quarter
            quarter = quarter.next

    def __contains__(self, on: date) -> bool:
        return self.first_on <= on <= self.last_on

    def __str__(self) -> str:
        return f"{self.year}-{(self.year + 1) % 100:02} Q{self.number}"


def working_days_since(day: date, on: date) -> int:
    """Weekdays that have begun since a day, the day itself not counted: from Friday to Monday it is one.

    Bank holidays are not known here and count as working days. 0 where `on` is not after the day.
    """
    days = max((on - day).days, 0)
    weeks, rest = divmod(days, 7)
    return weeks * 5 + sum((day + timedelta(days=each)).weekday() < 5 for each in range(1, rest + 1))
