"""Whose children an indicator asks: by birth date, by borough, and by what was completed in time."""

from collections.abc import Iterable
from datetime import date

from healthvisit.programme import indicators
from healthvisit.programme.dates import Quarter, born_to_turn
from healthvisit.programme.national.values import Attribution, Child, CohortRule, Contact

C4_MONTHS = 12


def children_of(
    borough: str, children: Iterable[Child], attribution: Attribution = "responsibility"
) -> list[Child]:
    """The children who are a borough's on the quarter's last day.

    The definitions say "under the responsibility of the provider at the end of the quarter" (LG Inform 4239); the
    figures are published by authority of residence. Ours go by responsibility (domain facts 8.2).
    """
    return [
        child
        for child in children
        if (child.responsible if attribution == "responsibility" else child.resident) == borough
    ]


def births(code: str, quarter: Quarter, rule: CohortRule = "published-table") -> tuple[date, date]:
    """First and last birth date, both included, of an indicator's children.

    rule: matters to C2 and C3 alone, whose published table lies a day beside the arithmetic at three edges.
    Raises KeyError for an indicator without a cohort of its own.
    """
    if code in ("C2", "C3") and rule == "arithmetic":
        return indicators.turned_30_days_by_arithmetic(quarter)
    if code == "C4":
        return born_to_turn(C4_MONTHS, quarter.first_on, quarter.last_on)
    reviews = {"C2": "new-birth", "C3": "new-birth", "C8i": "six-to-eight-week", "C8ii": "six-to-eight-week"}
    found = indicators.due_births({**reviews, "C5": "one-year", "C6i": "two-year"}[code], quarter)
    if found is None:
        raise KeyError(code)
    return found


def cohort(
    code: str, children: Iterable[Child], quarter: Quarter, rule: CohortRule = "published-table"
) -> list[Child]:
    """The children of an indicator in a quarter, by birth date alone."""
    first_on, last_on = births(code, quarter, rule)
    return [child for child in children if first_on <= child.born_on <= last_on]


def completed(child: Child, review: str, last_on: date) -> list[Contact]:
    """The child's completed contacts for a review until a day, earliest first; none before birth or after death."""
    until = last_on if child.died_on is None else min(last_on, child.died_on)
    found = [
        contact
        for contact in child.contacts
        if contact.review == review
        and contact.outcome == "completed"
        and child.born_on <= contact.on <= until
    ]
    return sorted(found, key=lambda contact: contact.on)
