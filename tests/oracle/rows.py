"""Random children and mothers as raw rows, with the dates on which rules are usually wrong.

The points and thresholds are invented, and in no questionnaire.
"""

import datetime
import os
import random
from decimal import Decimal

CHILDREN = int(os.environ.get("HEALTHVISIT_TEST_CHILDREN", "5000"))
SEED = int(os.environ.get("HEALTHVISIT_TEST_SEED", "2021"))
DAY = datetime.timedelta(1)
FIRST, LAST = datetime.date(2015, 7, 1), datetime.date(2027, 3, 31)
BOROUGHS = tuple(f"E080000{number:02}" for number in range(1, 11))
SUBJECTS = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")
THRESHOLDS = {
    (sheet, subject): Decimal(base + 5 * number)
    for sheet, base in (("24", 20), ("27", 25), ("30", 30))
    for number, subject in enumerate(SUBJECTS)
}
# The edges of the published table, of months, quarters and years.
_AWKWARD = (
    (1, 1), (1, 30), (1, 31), (2, 28), (3, 1), (3, 2), (3, 30), (3, 31), (4, 1), (4, 30), (5, 31), (6, 1), (6, 2),
    (6, 30), (7, 1), (8, 29), (8, 30), (8, 31), (9, 1), (9, 2), (9, 30), (10, 1), (11, 29), (11, 30), (12, 2), (12, 3),
    (12, 31),
)  # fmt: skip
_QUARTER_ENDS = ((3, 31), (6, 30), (9, 30), (12, 31))
# Around each limit, in days since birth; months are about 30.4 days, and the edges of their lengths are all here.
_SINCE_BIRTH = {
    "new-birth": (-1, 0, 1, 10, 13, 14, 15, 16, 29, 30, 31, 60),
    "six-to-eight-week": (-1, 30, 41, 42, 43, 49, 55, 56, 57, 60),
    "one-year": (270, 300, *range(363, 368), *range(454, 462), 500),
    "two-year": (600, 730, 800, *range(908, 920), *range(940, 1010, 7)),
}


def children(size: int, seed: int) -> list[dict]:
    draw = random.Random(seed)
    found: list[dict] = []
    while len(found) < size:
        child = _child(draw, len(found))
        found.append(child)
        if draw.random() < 0.02 and len(found) < size:
            found.append({**child, "id": len(found)})
    return found


def mothers(size: int, seed: int) -> list[dict]:
    draw = random.Random(seed + 1)
    return [
        {"stays": _stays(draw, on := _birth(draw)), "contacts": _antenatal(draw, on)} for _ in range(size)
    ]


def _birth(draw) -> datetime.date:
    if draw.random() < 0.4:
        month, day = draw.choice(_AWKWARD)
        return datetime.date(draw.randint(2015, 2026), month, day)
    if draw.random() < 0.05:
        return datetime.date(draw.choice((2016, 2020, 2024)), 2, 29)
    return FIRST + draw.randrange((LAST - FIRST).days) * DAY


def _child(draw, number) -> dict:
    born = _birth(draw)
    died = None
    if draw.random() < 0.05:
        died = draw.choice((_quarter_end(draw, born), born + draw.randint(0, 1100) * DAY))
    contacts = [
        _contact(draw, kind, born) for kind in _SINCE_BIRTH for _ in range(draw.choice((0, 1, 1, 1, 1, 2)))
    ]
    draw.shuffle(contacts)
    return {"id": number, "born": born, "died": died, "stays": _stays(draw, born), "contacts": contacts}


def _quarter_end(draw, born) -> datetime.date:
    month, day = draw.choice(_QUARTER_ENDS)
    return max(born, datetime.date(born.year + draw.randint(0, 3), month, day) + draw.randint(-1, 1) * DAY)


def _stays(draw, born) -> list[dict]:
    begins, found = born, []
    while draw.random() < 0.15:
        ends = max(begins, draw.choice((_quarter_end(draw, born), begins + draw.randint(0, 700) * DAY)))
        found.append({"borough": draw.choice(BOROUGHS), "from": begins, "to": ends})
        # Sometimes nobody in Greater Manchester answers for a while.
        begins = ends + draw.choice((0, 0, 0, 1, 40)) * DAY
    found.append({"borough": draw.choice(BOROUGHS), "from": begins, "to": None})
    return found


def _seen(draw, on) -> dict:
    # Rare in the year in which one of them takes a borough's whole figure away.
    remote = 0.004 if datetime.date(2020, 3, 1) <= on < datetime.date(2021, 5, 1) else 0.05
    how = "remote" if draw.random() < remote else draw.choices(("face-to-face", "unknown"), (95, 5))[0]
    return {
        "on": on,
        "result": draw.choices(("completed", "declined", "no-access"), (90, 5, 5))[0],
        "how": how,
        "who": draw.choices(("health-visitor", "family-nurse", "other", "unknown"), (85, 5, 5, 5))[0],
    }


def _contact(draw, kind, born) -> dict:
    days = draw.choice(_SINCE_BIRTH[kind])
    on = born + days * DAY
    if draw.random() < 0.15:
        on = _quarter_end(draw, born)
    tool = draw.choices(("asq-3", "other", None), (90, 5, 5))[0] if kind == "two-year" else None
    return {
        **_seen(draw, on),
        "kind": kind,
        "fed": draw.choice(("totally", "partially", "not-at-all", "unknown")),
        "tool": tool,
        "sheet": draw.choices(("24", "27", "30", "33", None), (400, 400, 400, 1, 1))[0],
        "scores": {
            subject: Decimal(draw.choice((0, 20, 25, 30, 35, 40, 45, 50, 60, "37.5")))
            for subject in SUBJECTS
            if tool is not None and draw.random() < 0.97
        },
    }


def _antenatal(draw, on) -> list[dict]:
    found = []
    for _ in range(draw.choice((1, 1, 2, 3))):
        days = draw.choice((150, 194, 195, 196, 197, 203, 230, 280))
        known = draw.random() < 0.95
        weeks, rest = divmod(days, 7)
        found.append(
            {**_seen(draw, on + draw.randint(-60, 60) * DAY), "weeks": weeks if known else None, "days": rest}
        )
    return found


def reviews(size: int, seed: int) -> list[dict]:
    """Reviews of one quarter by the ten boroughs' teams, with times around the limit and around midnight."""
    draw = random.Random(seed + 2)
    found = []
    for _ in range(size):
        ended = datetime.datetime(2021, 1, 1, draw.choice((0, 9, 22, 23)), 30, tzinfo=datetime.UTC)
        ended += draw.randrange(90) * DAY
        late = draw.choice((-90, -1, 0, 1, 60, 119, 120, 121, 240, 1440, 100_000))
        found.append(
            {
                "team": draw.choice(BOROUGHS),
                "kind": draw.choice(tuple(_SINCE_BIRTH)),
                "result": draw.choices(("completed", "declined", "no-access"), (90, 5, 5))[0],
                "how": draw.choices(
                    ("point-of-care", "transcribed", "document", "paper-only", "unknown"), (70, 10, 8, 8, 4)
                )[0],
                "ended": ended if draw.random() < 0.95 else None,
                # The device's own clock may stand in another zone.
                "typed": (ended + datetime.timedelta(minutes=late)).astimezone(
                    datetime.timezone(datetime.timedelta(hours=draw.choice((0, 1))))
                )
                if draw.random() < 0.95
                else None,
                "full": draw.random() < 0.9,
            }
        )
    return found


def returns(found: list[dict], seed: int) -> dict[tuple[str, str], int]:
    """The boroughs' own totals: as many as are known here, more, fewer, none; some boroughs sent none."""
    draw = random.Random(seed + 3)
    told = {}
    for borough in BOROUGHS:
        if draw.random() < 0.3:
            continue
        for kind in _SINCE_BIRTH:
            known = sum(
                row["team"] == borough and row["kind"] == kind and row["result"] == "completed"
                for row in found
            )
            told[borough, kind] = max(0, known + draw.choice((-3, -1, 0, 0, 1, 2, 40)))
    return told
