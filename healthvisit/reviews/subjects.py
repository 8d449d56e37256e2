"""A frozen number of a borough -> its children, for the staff who answer for them.

Counted again as on the day on which the number was frozen, from what the requester reaches today: who has left since is
not among them, and what is kept from the requester counts as not recorded.
"""

from datetime import date
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from healthvisit.programme.national import release
from healthvisit.programme.national.values import NotAssessable, Proportion, Value
from healthvisit.record.ownership import NHS_NUMBER
from healthvisit.record.record import Record
from healthvisit.reviews import emergency, national
from healthvisit.reviews.national import Indicator

LONDON = ZoneInfo("Europe/London")
Standing = Literal["rule-unknown", "fact-missing", "not-counted", "counted"]
# What can be mended first.
STANDINGS: tuple[Standing, ...] = ("rule-unknown", "fact-missing", "not-counted", "counted")
# Indicators whose children the record knows.
CODES = release.CODES


class Subject(NamedTuple):
    """One child of a number. standing: rule-unknown where it is not assessable whether the child counts."""

    name: str
    born_on: date
    nhs_number: str | None
    standing: Standing


def of_figure(record: Record, each: Indicator) -> list[Subject]:
    """The children of a borough's number within reach, by standing and then by birth.

    each: of a borough, and one of CODES.
    """
    cohort = next(first for first, codes in release.COHORTS.items() if each.code in codes)
    thresholds = national.thresholds_of(record.definitions)
    on = each.figure.frozen_at.astimezone(LONDON).date()
    found = []
    for child in national.children(record, cohort, each.quarter, on):
        told = release.of_child(cohort, child.child, each.quarter, thresholds)
        standing = _standing(each.code, told)
        if child.borough != each.borough or standing is None:
            continue
        # Read one by one, so that whoever asks who saw a child is told of the list in which it stood.
        patient = record.read("Patient", child.patient["id"]).json()
        names = patient.get("name") or [{}]
        numbers = (
            number["value"] for number in patient.get("identifier", ()) if number.get("system") == NHS_NUMBER
        )
        found.append(Subject(emergency.name_of(names[0]), child.child.born_on, next(numbers, None), standing))
    return sorted(
        found, key=lambda subject: (STANDINGS.index(subject.standing), subject.born_on, subject.name)
    )


def _standing(code: str, told: dict[str, Value]) -> Standing | None:
    """None for a child who is not in the number at all."""
    value = told[code]
    if isinstance(value, Proportion):
        if not value.denominator:
            return None
        return "counted" if value.numerator else "fact-missing" if value.unknown else "not-counted"
    if isinstance(value, NotAssessable) and value.reason != "no-denominator":
        return "rule-unknown"
    if release.counted(value):
        return "counted"
    # A count has no denominator: who might have counted are those asked with the instrument.
    return "not-counted" if release.counted(told["C6ii"]) else None
