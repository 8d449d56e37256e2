"""The one table of invented rates. None is a figure of a real service.

Shares are parts of 1. Ages of reviews are days from birth, or months where `after_months` is given.
"""

from datetime import date
from typing import NamedTuple

SEED = "greater-manchester"
CHILDREN_PER_PRACTITIONER = 300

SIBLING = 0.35  # a family with a second child under five, where the borough's ages allow it
TWINS = 0.016  # of births
PRETERM = 0.08
MOVED = 0.04  # of families, once, from another of the ten boroughs
SHARED_WITH_PARENTS = 0.9  # of recorded results


class Rollout(NamedTuple):
    """How a borough's reviews came to be recorded in the contact.

    before: share at the point of care on 1 January 2019; live_on: first day of the tablets; months: from then
    until the share reaches `plateau`.
    """

    before: float
    live_on: date
    months: int
    plateau: float


# Bury first, in early spring 2020 (domain facts 1.4); the other days and every share are invented.
ROLLOUT = {
    "bolton": Rollout(0.06, date(2020, 9, 7), 7, 0.92),
    "bury": Rollout(0.08, date(2020, 3, 2), 6, 0.97),
    "manchester": Rollout(0.05, date(2020, 10, 5), 7, 0.88),
    "oldham": Rollout(0.04, date(2020, 11, 2), 6, 0.88),
    "rochdale": Rollout(0.07, date(2020, 7, 6), 6, 0.95),
    "salford": Rollout(0.10, date(2020, 7, 6), 5, 1.0),
    "stockport": Rollout(0.12, date(2020, 8, 3), 6, 0.94),
    "tameside": Rollout(0.05, date(2020, 10, 5), 6, 0.90),
    "trafford": Rollout(0.15, date(2020, 6, 1), 5, 1.0),
    "wigan": Rollout(0.09, date(2020, 9, 7), 6, 0.93),
}
DRIFT_A_YEAR = 0.04  # slow growth before the tablets, from 2019

# What becomes of a completed review that was not recorded in the contact. None: on paper, and known to nobody
# but the borough's own books.
OTHERWISE: tuple[tuple[str | None, float], ...] = (
    ("transcribed", 0.36),
    ("document", 0.13),
    ("paper-only", 0.22),
    (None, 0.15),
    ("unknown", 0.14),
)

# One borough sent no return for one early quarter, so that "not assessable" is seen.
NO_RETURN = ("oldham", "2019-20 Q1")

# Few visits were made in the first months of the pandemic.
DIP = (date(2020, 3, 23), date(2020, 7, 1))
DIP_NOT_DONE = {
    "antenatal": 0.25,
    "new-birth": 0.05,
    "six-to-eight-week": 0.15,
    "one-year": 0.45,
    "two-year": 0.5,
}


class Timing(NamedTuple):
    """When a review happens and how it ends. What is left of 1 was never offered, or nobody knows.

    typical, late: first and last day, counted from the day `after_months` months after birth.
    """

    after_months: int
    typical: tuple[int, int]
    late: tuple[int, int]
    on_time: float
    delayed: float
    declined: float
    no_access: float


TIMING = {
    "antenatal": Timing(0, (-80, -14), (-13, -7), 0.62, 0.03, 0.01, 0.03),
    "new-birth": Timing(0, (10, 14), (15, 28), 0.88, 0.09, 0.005, 0.015),
    "six-to-eight-week": Timing(0, (44, 56), (57, 90), 0.86, 0.08, 0.01, 0.02),
    "one-year": Timing(9, (2, 120), (184, 260), 0.82, 0.04, 0.03, 0.04),
    "two-year": Timing(24, (3, 170), (186, 300), 0.78, 0.05, 0.05, 0.05),
}

PLACES = {
    "antenatal": (("family-home", 0.85), ("clinic", 0.1), ("gp-surgery", 0.05)),
    "new-birth": (("family-home", 0.96), ("clinic", 0.04)),
    "six-to-eight-week": (("family-home", 0.7), ("clinic", 0.2), ("gp-surgery", 0.1)),
    "one-year": (("family-home", 0.35), ("clinic", 0.35), ("family-hub", 0.2), ("other-community", 0.1)),
    "two-year": (("family-home", 0.35), ("clinic", 0.3), ("family-hub", 0.25), ("other-community", 0.1)),
}
PRACTITIONERS = {
    "antenatal": (("scphn", 1.0),),
    "new-birth": (("scphn", 0.97), ("staff-nurse", 0.03)),
    "six-to-eight-week": (("scphn", 0.9), ("staff-nurse", 0.1)),
    "one-year": (("scphn", 0.5), ("staff-nurse", 0.2), ("nursery-nurse", 0.3)),
    "two-year": (("scphn", 0.45), ("staff-nurse", 0.15), ("nursery-nurse", 0.35), ("hv-assistant", 0.05)),
}
FEEDING = (("totally", 0.36), ("partially", 0.14), ("not-at-all", 0.47), ("unknown", 0.03))
SERVICE_LEVELS = (("universal", 0.8), ("targeted", 0.13), ("community", 0.04), ("specialist", 0.03))

# Mean and spread at the review: weight kg, length or height cm, head cm. Plausible, not a reference.
SIZES = {
    "six-to-eight-week": {"weight": (5.0, 0.55), "length": (56.8, 2.1), "head-circumference": (38.6, 1.1)},
    "two-year": {"weight": (12.6, 1.3), "height": (88.0, 3.2)},
}
NOTES = (
    "Talked about sleep and teeth. Family well supported.",
    "Story time at the family hub suggested.",
    "Weaning leaflet given.",
    "Will telephone in four weeks.",
    "Library membership offered.",
    "Play ideas for building and drawing shown.",
)


def point_of_care_share(borough: str, on: date) -> float:
    """Share of this borough's completed reviews that were recorded in the contact on this day."""
    rollout = ROLLOUT[borough]
    years = (min(on, rollout.live_on) - date(2019, 1, 1)).days / 365.25
    before = max(0.02, rollout.before + DRIFT_A_YEAR * max(years, -1.0))
    if on < rollout.live_on:
        return before
    progress = min(1.0, (on - rollout.live_on).days / (rollout.months * 30.4))
    return before + (rollout.plateau - before) * progress
