"""The digitisation percentage told a second time, from rows of reviews and of the boroughs' own returns.

A review row: team (the borough that did it), kind, on, result, how (as staff state it), ended and typed (aware instants
or None), full (the answers that it needs are there). A return: the borough's completed reviews by team and kind.

Two rules are the service's own, for the proposal leaves them open: two hours after the contact is still at the point of
care, and a structured record that lacks what its review needs is a document (C).
"""

import datetime
from fractions import Fraction

CLASSES = "ABCDU"
LATEST = datetime.timedelta(hours=2)


def letter(row):
    """The one class of a completed review; None of any other."""
    if row["result"] != "completed":
        return None
    if row["how"] in ("paper-only", "document", "unknown"):
        return {"paper-only": "D", "document": "C", "unknown": "U"}[row["how"]]
    if not row["full"]:
        return "C"
    if row["how"] == "transcribed":
        return "B"
    if row["ended"] is None or row["typed"] is None:
        return "U"
    return "B" if row["typed"] > row["ended"] + LATEST else "A"


def area(rows, returned, team, kind):
    """By class, for one borough, review and quarter; None without a return, which is neither 0% nor 100%."""
    if (team, kind) not in returned:
        return None
    found = dict.fromkeys(CLASSES, 0)
    for row in rows:
        if row["team"] == team and row["kind"] == kind and letter(row) is not None:
            found[letter(row)] += 1
    known = sum(found.values())
    if returned[team, kind] > known:
        # What the borough's books have beyond this record was done, and nothing of it is here.
        found["D"] += returned[team, kind] - known
    return found


def share(areas):
    """Of several boroughs or reviews together: the sum of A over the sum of all, never a mean. None where nothing was
    done, or where one of them has no return."""
    if any(each is None for each in areas):
        return None
    whole = sum(sum(each.values()) for each in areas)
    return Fraction(sum(each["A"] for each in areas), whole) if whole else None
