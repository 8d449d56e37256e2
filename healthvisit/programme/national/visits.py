"""C1, C2, C3: the contacts that count only face to face, by a health visitor or a family nurse."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Literal

from healthvisit.programme import indicators
from healthvisit.programme.dates import Quarter
from healthvisit.programme.national.cohorts import cohort, completed
from healthvisit.programme.national.values import (
    AntenatalContact,
    Child,
    CohortRule,
    Contact,
    Count,
    NotAssessable,
    Proportion,
)

# C1 counts from 28 weeks and 0 days on; the statutory review is for those more than 28 weeks pregnant.
ANTENATAL_FROM_DAYS = 28 * 7
# How remote contacts counted in the returns of 2020-21 was not in a text we could read (domain facts 3.1).
_REMOTE_UNKNOWN_YEAR = 2020


def c1(pregnancies: Iterable[Sequence[AntenatalContact]], quarter: Quarter) -> Count | NotAssessable:
    """Mothers whose first face-to-face contact with a health visitor at 28 weeks or above fell in the quarter.

    pregnancies: the contacts of each. A contact before 28 weeks neither counts nor takes the place of the first.
    Source: OHID 2024-25; a percentage cannot be made, for lack of a denominator (PHE, in a Devon FOI answer).
    """
    found = []
    for contacts in pregnancies:
        counted = _first_antenatal(contacts, quarter, remote=False)
        if _remote_is_unknown(quarter) and counted != _first_antenatal(contacts, quarter, remote=True):
            return NotAssessable("remote-rule-unknown")
        found.append(counted)
    return Count(found.count(True), found.count(None))


def c2(
    children: Iterable[Child], quarter: Quarter, rule: CohortRule = "published-table"
) -> Proportion | NotAssessable:
    """Children with a face-to-face new birth visit by a health visitor within 14 days, of those who turned 30 days.

    Whether day 14 is within was not in the text we could read: here it is (domain facts 3.3).
    """
    return _new_birth("C2", children, quarter, rule)


def c3(
    children: Iterable[Child], quarter: Quarter, rule: CohortRule = "published-table"
) -> Proportion | NotAssessable:
    """Children whose first such visit came after 14 days, by the end of the quarter (LG Inform 4221)."""
    return _new_birth("C3", children, quarter, rule)


def _new_birth(
    code: Literal["C2", "C3"], children: Iterable[Child], quarter: Quarter, rule: CohortRule
) -> Proportion | NotAssessable:
    found = []
    for child in cohort(code, children, quarter, rule):
        counted = _is_visited(code, child, quarter, remote=False)
        if _remote_is_unknown(quarter) and counted != _is_visited(code, child, quarter, remote=True):
            return NotAssessable("remote-rule-unknown")
        found.append(counted)
    return Proportion(found.count(True), len(found), found.count(None), rule)


def _is_visited(code: str, child: Child, quarter: Quarter, *, remote: bool) -> bool | None:
    """True where the child counts; None where it does not, and might if more were known of a visit."""
    within = child.born_on + timedelta(days=indicators.NEW_BIRTH_WITHIN_DAYS)
    early: list[bool | None] = []
    late: list[bool | None] = []
    for visit in completed(child, "new-birth", quarter.last_on):
        counts = _is_face_to_face_by_health_visitor(visit, remote=remote)
        (early if visit.on <= within else late).append(counts)
    if code == "C2":
        return _any(early)
    # A child is in C2 or in C3, by the first visit that counts.
    return False if True in early else _any(late)


def _first_antenatal(contacts: Sequence[AntenatalContact], quarter: Quarter, *, remote: bool) -> bool | None:
    sure: list[date] = []
    unsure: list[date] = []
    for contact in contacts:
        seen = _is_face_to_face_by_health_visitor(contact, remote=remote)
        late = None if contact.gestation_days is None else contact.gestation_days >= ANTENATAL_FROM_DAYS
        if contact.outcome != "completed" or seen is False or late is False:
            continue
        (sure if seen and late else unsure).append(contact.on)
    if sure and min(sure) <= quarter.last_on:
        return min(sure) in quarter
    return None if any(on in quarter for on in unsure) else False


def _is_face_to_face_by_health_visitor(contact: Contact | AntenatalContact, *, remote: bool) -> bool | None:
    """remote: whether a remote contact stands for one face to face."""
    near = {"face-to-face": True, "remote": remote, "unknown": None}[contact.mode]
    own = {"health-visitor": True, "family-nurse": True, "other": False, "unknown": None}[contact.by]
    if near is False or own is False:
        return False
    return True if near and own else None


def _any(found: Sequence[bool | None]) -> bool | None:
    if True in found:
        return True
    return None if None in found else False


def _remote_is_unknown(quarter: Quarter) -> bool:
    return quarter.year == _REMOTE_UNKNOWN_YEAR
