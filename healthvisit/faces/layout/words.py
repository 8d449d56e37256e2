"""Values in words, the same on every page: dates, ages, counts, percentages.

Plain functions over plain values; the templates use them as filters under the same names.
"""

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from healthvisit.programme import dates

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def day(on: date) -> str:
    """15 February 2021"""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def span(first: date, last: date) -> str:
    """1 January to 1 July 2021; the year stands once where it is the same."""
    if first == last:
        return day(first)
    if first.year == last.year:
        return f"{first.day} {_MONTHS[first.month - 1]} to {day(last)}"
    return f"{day(first)} to {day(last)}"


def quarter(period: dates.Quarter) -> str:
    """January to March 2021 (2020-21 Q4)"""
    first, last = _MONTHS[period.first_on.month - 1], _MONTHS[period.last_on.month - 1]
    return f"{first} to {last} {period.last_on.year} ({period})"


def plural(number: int, one: str, many: str | None = None) -> str:
    """1 review, 2 reviews, 1,204 reviews"""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def in_words(number: int) -> str:
    """one to nine in letters, "no" for nought, and figures from 10: how the NHS writes numbers in text."""
    return _SMALL[number] if 0 <= number < len(_SMALL) else count(number)


def count(number: int) -> str:
    """1,204"""
    return f"{number:,}"


def percentage(numerator: int, denominator: int, places: int = 1) -> str:
    """87.5% of numerator over denominator, halves up; "none" where there is nothing to divide by.

    Only all of them is 100%, and only none of them is 0%: 9,999 of 10,000 is "more than 99.9%".
    """
    if not denominator:
        return "none"
    if numerator in (0, denominator):
        return "100%" if numerator else "0%"
    step = Decimal(1).scaleb(-places)
    share = (Decimal(100 * numerator) / denominator).quantize(step, ROUND_HALF_UP)
    if share >= 100 and numerator < denominator:
        return f"more than {100 - step}%"
    if share <= 0 < numerator:
        return f"less than {step}%"
    return f"{share}%"


def rate(share: Fraction, places: int = 1) -> str:
    """87.5% of a share from 0 to 1; rounded as `percentage` is."""
    return percentage(share.numerator, share.denominator, places)


def listed(words: list[str]) -> str:
    """Bury, Salford and Wigan"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def age(born: date, on: date) -> str:
    """2 years and 1 month; under two years in months, under two months in weeks, under two weeks in days.

    Completed units, as a parent would say them. Raises ValueError for a day before the birth.
    """
    days, months = dates.age_days(born, on), dates.completed_months(born, on)
    if days < 14:
        return plural(days, "day")
    if months < 2:
        return plural(days // 7, "week")
    if months < 24:
        return plural(months, "month")
    years, months = divmod(months, 12)
    return plural(years, "year") + (f" and {plural(months, 'month')}" if months else "")


def nhs_number(number: str) -> str:
    """999 123 4567, as it is read aloud."""
    return f"{number[:3]} {number[3:6]} {number[6:]}"


FILTERS: dict[str, Callable[..., Any]] = {
    "day": day,
    "span": span,
    "quarter": quarter,
    "nhs_number": nhs_number,
    "plural": plural,
    "in_words": in_words,
    "count": count,
    "percentage": percentage,
    "rate": rate,
    "listed": listed,
}
