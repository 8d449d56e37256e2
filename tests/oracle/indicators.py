"""The national indicators told a second time: plain rows in, plain numbers out, by the text of the guidance alone.

A child row: id, born, died (or None), stays and contacts. A stay: borough, from, to; `to` is the first day on which that
borough no longer answers, None while it does. A contact: kind, on, result, how, who, fed, tool, sheet, scores. A mother
row: stays and contacts (on, weeks, days, result, how, who). All days are dates.

An answer is ("count", n, doubtful), ("share", of, n, doubtful) or ("none", why, n). "Doubtful": not counted, and might
be if more were written down.
"""

import datetime
import math

ONE_DAY = datetime.timedelta(1)
SUBJECTS = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")
# LG Inform 4221: born from, to, both included, as (years since the financial year began, month, day).
THIRTY_DAY_TABLE = {
    1: ((0, 3, 2), (0, 6, 1)),
    2: ((0, 6, 2), (0, 9, 1)),
    3: ((0, 9, 2), (0, 12, 2)),
    4: ((0, 12, 3), (1, 3, 1)),
}
QUARTER_DAYS = {
    1: ((0, 4, 1), (0, 6, 30)),
    2: ((0, 7, 1), (0, 9, 30)),
    3: ((0, 10, 1), (0, 12, 31)),
    4: ((1, 1, 1), (1, 3, 31)),
}


def count(children, mothers, borough, year, number, limits):
    """All answers of one borough in quarter `number` of the financial year that began in `year`."""
    begins, ends = _span(QUARTER_DAYS, year, number)
    ours = [child for child in children if answers(child["stays"], ends) == borough]
    expected = [mother for mother in mothers if answers(mother["stays"], ends) == borough]
    told = {"C1": _first_contacts(expected, begins, ends, year)}
    told.update(_visits(ours, year, number, ends))

    eight = [child for child in ours if begins <= child["born"] + 56 * ONE_DAY <= ends]
    in_time = [c for c in eight if any(_age(c, x) <= 56 for x in _held(c, "six-to-eight-week"))]
    told["C8i"] = ("share", len(eight), len(in_time), 0)
    milk = [_milk(child) for child in eight]
    told["C8ii"] = (
        "share",
        len(eight),
        sum(each in ("totally", "partially") for each in milk),
        sum(each is None for each in milk),
    )
    for name, months in (("C4", 12), ("C5", 15)):
        turned = [child for child in ours if begins <= birthday(child["born"], months) <= ends]
        seen = [
            child
            for child in turned
            if any(x["on"] <= birthday(child["born"], months) for x in _held(child, "one-year"))
        ]
        told[name] = ("share", len(turned), len(seen), 0)
    told.update(_two_and_a_half(ours, begins, ends, limits))
    told["C7"] = ("none", "no-definition", None)
    return told


def answers(stays, day):
    """The borough that answers on a day; None in a gap."""
    for stay in stays:
        if stay["from"] <= day and (stay["to"] is None or stay["to"] > day):
            return stay["borough"]
    return None


def birthday(born, months):
    """The day on which so many months are complete; the month's last where it has no such day."""
    year, month = born.year, born.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    for day in range(born.day, 27, -1):
        try:
            return datetime.date(year, month, day)
        except ValueError:
            continue
    return datetime.date(year, month, born.day)


def bounds(n, of):
    """Where p lies with (n/of - p)² <= z² p (1 - p) / of, for z of 95%: the roots of that equation."""
    z = 1.959963984540054
    a, b, c = of + z * z, -(2 * n + z * z), n * n / of
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def _span(table, year, number):
    return tuple(datetime.date(year + after, month, day) for after, month, day in table[number])


def _age(child, contact):
    return (contact["on"] - child["born"]).days


def _held(child, kind):
    """Reviews of one kind that took place in the child's life, in order of their days."""
    return sorted(
        (
            each
            for each in child["contacts"]
            if each["kind"] == kind
            and each["result"] == "completed"
            and each["on"] >= child["born"]
            and not (child["died"] is not None and each["on"] > child["died"])
        ),
        key=lambda each: each["on"],
    )


def _standing(contact, video):
    """yes, no or maybe: in person, with a health visitor or a family nurse. video: whether remote is in person."""
    in_person = {"face-to-face": "yes", "remote": "yes" if video else "no"}.get(contact["how"], "maybe")
    own = {"health-visitor": "yes", "family-nurse": "yes", "other": "no"}.get(contact["who"], "maybe")
    return "no" if "no" in (in_person, own) else "maybe" if "maybe" in (in_person, own) else "yes"


def _first_contacts(mothers, begins, ends, year):
    def told(mother, video):
        sure, maybe = [], []
        for each in mother["contacts"]:
            if each["result"] != "completed":
                continue
            standing = _standing(each, video)
            if each["weeks"] is None:
                standing = "no" if standing == "no" else "maybe"
            elif each["weeks"] < 28:
                standing = "no"
            {"yes": sure, "maybe": maybe, "no": []}[standing].append(each["on"])
        before = [on for on in sure if on < begins]
        during = [on for on in sure if begins <= on <= ends]
        if before:
            return "no"
        if during:
            return "yes"
        return "maybe" if [on for on in maybe if begins <= on <= ends] else "no"

    plain = [told(mother, False) for mother in mothers]
    if year == 2020 and plain != [told(mother, True) for mother in mothers]:
        return ("none", "remote-rule-unknown", None)
    return ("count", plain.count("yes"), plain.count("maybe"))


def _visits(ours, year, number, ends):
    first, last = _span(THIRTY_DAY_TABLE, year, number)
    infants = [child for child in ours if first <= child["born"] <= last]

    def told(child, video):
        """For C2 and C3: yes, no or maybe of each."""
        visits = [each for each in _held(child, "new-birth") if each["on"] <= ends]
        soon = [_standing(each, video) for each in visits if _age(child, each) <= 14]
        later = [_standing(each, video) for each in visits if _age(child, each) > 14]
        if "yes" in soon:
            return "yes", "no"
        return (
            "maybe" if "maybe" in soon else "no",
            "yes" if "yes" in later else "maybe" if "maybe" in later else "no",
        )

    found = {}
    for place, name in enumerate(("C2", "C3")):
        plain = [told(child, False)[place] for child in infants]
        if year == 2020 and plain != [told(child, True)[place] for child in infants]:
            found[name] = ("none", "remote-rule-unknown", None)
        else:
            found[name] = ("share", len(infants), plain.count("yes"), plain.count("maybe"))
    return found


def _milk(child):
    for each in _held(child, "six-to-eight-week"):
        if 42 <= _age(child, each) <= 56 and each["fed"] in ("totally", "partially", "not-at-all"):
            return each["fed"]
    return None


def _two_and_a_half(ours, begins, ends, limits):
    due, reviews = 0, []
    for child in ours:
        if not begins <= birthday(child["born"], 30) <= ends:
            continue
        held = [each for each in _held(child, "two-year") if each["on"] <= ends]
        if held:
            reviews.append(held[0])
        if held or not (child["died"] is not None and child["died"] <= ends):
            due += 1
    with_asq = [each for each in reviews if each["tool"] == "asq-3"]
    told = {
        "C6i": ("share", due, len(reviews), 0),
        "C6ii": ("share", len(reviews), len(with_asq), sum(each["tool"] is None for each in reviews)),
    }
    for subject in SUBJECTS:
        scored = [each for each in with_asq if subject in each["scores"]]
        if any((each["sheet"], subject) not in limits for each in scored):
            told[f"C6-{subject}"] = ("none", "no-threshold", None)
        else:
            reached = [each for each in scored if each["scores"][subject] >= limits[each["sheet"], subject]]
            told[f"C6-{subject}"] = ("share", len(scored), len(reached), 0)
    whole = [each for each in with_asq if set(each["scores"]) >= set(SUBJECTS)]
    if any((each["sheet"], subject) not in limits for each in whole for subject in SUBJECTS):
        told["all-five"] = ("none", "no-threshold", None)
    else:
        good = [
            each
            for each in whole
            if all(each["scores"][subject] >= limits[each["sheet"], subject] for subject in SUBJECTS)
        ]
        told["all-five"] = ("none", "no-denominator", len(good))
    return told
