"""Reach -> the settings that the policies of PostgreSQL read (second_lock.py): the second lock's own words for it.

Who asks for nothing that a reach gives is told by account alone. What the service itself must look at beyond a
reach it opens by name, for that one thing, and closes again (`database.opening`).
"""

from datetime import datetime
from functools import lru_cache
from typing import assert_never

from healthvisit.access.reach import (
    BoroughReach,
    ChildReach,
    Nothing,
    OfficeReach,
    PublishedReach,
    Reach,
    SharedReach,
    WholeRecord,
)
from healthvisit.database import Told
from healthvisit.record import predicate

# How long a range of search rows is, of nobody in particular: a number by which a search chooses its way.
LOOKING: Told = (("kind", "look"),)
# Who makes the exports of all accounts sees their jobs, and of the record what each account reaches.
WORKING: Told = (("kind", "worker"),)
# Searched values that name a person.
_NAMING = ("phone", "email", "telecom")
# What is opened by name: who has an NHS number already; what a service is told of a child that it is offered, and
# writes when it accepts; the child with one NHS number, in an emergency; until when anybody answered for a
# parent's own child; emergency openings that were refused to a borough's staff; all that stands of a child of one's own
# who is marked as sensitive, or is no longer, and the exports that hold it unmarked; which child a visit is of that was
# recorded before the child went.
NUMBERS, TRANSFER, GLASS, CARE = "numbers", "transfer", "glass", "care"
REFUSALS, MARKING, HANDING = "refusals", "marking", "handing-in"


def told(reach: Reach, account: str, *, at: datetime) -> Told:
    """For `Database.reading` and `writing`. reach: the whole one, before scopes narrow it."""
    return _told(reach, account, predicate.moment(reach, at))


def of_account(account: str) -> Told:
    """What belongs to the account itself, and nothing of the record."""
    return _told(Nothing(), account, 0)


def names(kind: str, parameter: str) -> bool:
    """Whether the values of a search parameter name persons: those are not looked at beyond reach."""
    return kind == "string" or "identifier" in parameter or parameter in _NAMING


@lru_cache(maxsize=1024)
def _told(reach: Reach, account: str, moment: int) -> Told:
    found = {
        "kind": "", "account": account, "boroughs": "", "on": "", "patients": "", "moment": "", "staff": "", "lead": "",
        "opened": "",
    }  # fmt: skip
    match reach:
        case BoroughReach():
            found["kind"] = "borough"
            found["boroughs"] = _listed(reach.boroughs)
            found["on"] = reach.on.isoformat()
            found["patients"] = reach.patient or ""
            found["staff"] = "true" if reach.staff else ""
            found["opened"] = _listed(reach.opened)
            found["lead"] = "true" if reach.lead else ""
        case OfficeReach():
            found["kind"] = "office"
            found["boroughs"] = _listed(reach.boroughs)
            found["on"] = reach.on.isoformat()
        case ChildReach():
            found["kind"] = "child"
            found["patients"] = _listed(reach.children)
            found["moment"] = str(moment)
        case PublishedReach():
            found["kind"] = "published"
        case SharedReach():
            found["kind"] = "shared"
        case WholeRecord():
            # Known to the policies of the owner alone, who needs no telling: to the serving role it is nobody.
            found["kind"] = "service"
        case Nothing():
            pass
        case _:
            assert_never(reach)
    return tuple(found.items())


def _listed(values: frozenset[str]) -> str:
    return ",".join(sorted(values))
