"""What of a quarter's indicators may be shown: small counts withheld, with all that could give them back.

Each child stands in one class of each table it is in. The tables are steps: whoever is in one class of a table is parted
again by the next, so a total of one table is a count of the table before. A step is shown for the boroughs whose count
before it is shown; the others are taken together, so that Greater Manchester's sum can stand. Within a step
`disclosure.withhold` is asked to keep the totals, which it always can, and so no step takes another apart. Why this
rule, and what it does not hide: docs/decisions/0019-disclosure-of-the-indicators.md.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from healthvisit.programme import disclosure
from healthvisit.programme.asq3 import DOMAINS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.disclosure import ALL, Key
from healthvisit.programme.national.cohorts import completed
from healthvisit.programme.national.development import all_five, c6_domain, c6ii
from healthvisit.programme.national.reviewed import c4, c5, c6i, c8i, c8ii
from healthvisit.programme.national.values import (
    Child,
    Count,
    NotAssessable,
    Proportion,
    Reason,
    Thresholds,
    Value,
)
from healthvisit.programme.national.visits import c2, c3

# The indicators of each cohort of birth dates, by the first of them.
COHORTS = {
    "C2": ("C2", "C3"),
    "C8i": ("C8i", "C8ii"),
    "C4": ("C4",),
    "C5": ("C5",),
    "C6i": ("C6i", "C6ii", *(f"C6-{domain}" for domain in DOMAINS), "all-five"),
}
# Which review each cohort is due.
REVIEW = {
    "C2": "new-birth",
    "C8i": "six-to-eight-week",
    "C4": "one-year",
    "C5": "one-year",
    "C6i": "two-year",
}
# What was found in children, which is more than whether somebody came.
FINDINGS = ("C8ii", *COHORTS["C6i"][1:])
CODES = tuple(code for codes in COHORTS.values() for code in codes)
# Coverage is the sum of these (programme/indicators.py): they are withheld together, with that sum in mind.
_COVERED = tuple(first for first in COHORTS if first != "C4")
# Boroughs whose count before a step is withheld, as one.
_REST = "rest"

Released = Mapping[tuple[str, str, str], int | None]


@dataclass(frozen=True)
class Figure:
    """One indicator of one borough, or of all, as it may be shown.

    numerator, denominator, unknown: None where withheld, and where there is none. unknown: those of the denominator who
    are not counted, and might be if more were recorded. reason: why it is not assessable, else None.
    """

    numerator: int | None = None
    denominator: int | None = None
    unknown: int | None = None
    reason: Reason | None = None


@dataclass
class Tally:
    """What the children of a quarter came to. counts: by table, borough and class. missing: by borough and indicator,
    why it is not assessable."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    missing: dict[tuple[str, str], Reason] = field(default_factory=dict)

    def add(self, borough: str, cohort: str, child: Child, quarter: Quarter, thresholds: Thresholds) -> None:
        """cohort: the first indicator of the cohort in whose birth dates the child is."""
        told = of_child(cohort, child, quarter, thresholds)
        for code, value in told.items():
            if isinstance(value, NotAssessable) and value.reason != "no-denominator":
                self.missing[borough, code] = value.reason
        self.counts.update(
            (table, borough, class_) for table, class_ in _classes(cohort, child, quarter, told)
        )


def of_child(cohort: str, child: Child, quarter: Quarter, thresholds: Thresholds) -> dict[str, Value]:
    """Every indicator of a cohort for one child alone; the values of a borough are the sums of these."""
    one = [child]
    match cohort:
        case "C2":
            return {"C2": c2(one, quarter), "C3": c3(one, quarter)}
        case "C8i":
            return {"C8i": c8i(one, quarter), "C8ii": c8ii(one, quarter).prevalence()}
        case "C4":
            return {"C4": c4(one, quarter)}
        case "C5":
            return {"C5": c5(one, quarter)}
        case "C6i":
            return {
                "C6i": c6i(one, quarter),
                "C6ii": c6ii(one, quarter),
                **{f"C6-{domain}": c6_domain(domain, one, quarter, thresholds) for domain in DOMAINS},
                "all-five": all_five(one, quarter, thresholds),
            }
    raise KeyError(cohort)


def counted(value: Value) -> int | None:
    """How many a value counts; None where that is not assessable."""
    match value:
        case Proportion():
            return value.numerator
        case Count() | NotAssessable():
            return value.counted


def _classes(
    cohort: str, child: Child, quarter: Quarter, told: Mapping[str, Value]
) -> Iterator[tuple[str, str]]:
    """Table and class of one child, of each table that it is in."""
    first = told[cohort]
    if isinstance(first, Proportion) and not first.denominator:
        return
    # Coverage counts a visit however it was made, and so does the step before C2 and C3.
    visited = cohort == "C2" and completed(child, "new-birth", quarter.last_on)
    done = bool(visited or counted(first))
    yield cohort, "done" if done else "not"
    if not done:
        return
    match cohort:
        case "C2":
            yield "visit", next((code for code in ("C2", "C3") if counted(told[code])), _unclear(told))
        case "C8i":
            fed = c8ii([child], quarter)
            yield "feeding", "unclear" if fed.unknown else "other" if fed.not_at_all else "breastfed"
        case "C6i":
            yield from _found(told)


def _unclear(told: Mapping[str, Value]) -> str:
    values = told.values()
    return "unclear" if any(not isinstance(each, Proportion) or each.unknown for each in values) else "other"


def _found(told: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """What a 2 year review found."""
    yield "instrument", "asq-3" if counted(told["C6ii"]) else _unclear({"C6ii": told["C6ii"]})
    if not counted(told["C6ii"]):
        return
    for domain in DOMAINS:
        value = told[f"C6-{domain}"]
        scored = not isinstance(value, Proportion) or value.denominator
        yield f"scored-{domain}", "scored" if scored else "unscored"
        if scored:
            yield domain, "reached" if counted(value) else "below"
    yield "all-five", "reached" if counted(told["all-five"]) else "other"


# What is withheld


def figures(tally: Tally, boroughs: list[str]) -> dict[tuple[str, str], Figure]:
    """What may be shown, by borough and indicator; ALL stands for Greater Manchester, which is the sum of all ten and
    not assessable where one of them is not."""
    shown = _released(tally, boroughs)
    found = {}
    for borough in (*boroughs, ALL):
        for code in CODES:
            of = boroughs if borough == ALL else [borough]
            reason = next((tally.missing[each, code] for each in of if (each, code) in tally.missing), None)
            found[borough, code] = Figure(reason=reason) if reason else _figure(code, borough, shown)
    _withhold_all_five(found, boroughs)
    return found


def _released(tally: Tally, boroughs: list[str]) -> Released:
    """Count by table, borough and class, ALL in the place of either; None where withheld."""
    covered = disclosure.withhold(
        {
            (borough, cohort, class_): tally.counts[cohort, borough, class_]
            for borough in boroughs
            for cohort in _COVERED
            for class_ in ("done", "not")
        },
        keep=lambda key: ALL in key[1:],
    )
    found: dict[tuple[str, str, str], int | None] = {
        (cohort, borough, class_): count for (borough, cohort, class_), count in covered.items()
    }
    early = disclosure.withhold(
        {
            (borough, class_): tally.counts["C4", borough, class_]
            for borough in boroughs
            for class_ in ("done", "not")
        },
        keep=_is_total,
    )
    found |= {("C4", borough, class_): count for (borough, class_), count in early.items()}
    for table, classes, before, of in _STEPS:
        before_it = {borough: found.get((before, borough, of)) for borough in (*boroughs, ALL)}
        found |= _step(tally, table, classes, before_it, boroughs)
    return found


# Each step: its table, its classes, and the table and the class of it that it parts.
_STEPS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("visit", ("C2", "C3", "other", "unclear"), "C2", "done"),
    ("feeding", ("breastfed", "other", "unclear"), "C8i", "done"),
    ("instrument", ("asq-3", "other", "unclear"), "C6i", "done"),
    *((f"scored-{domain}", ("scored", "unscored"), "instrument", "asq-3") for domain in DOMAINS),
    *((domain, ("reached", "below"), f"scored-{domain}", "scored") for domain in DOMAINS),
    ("all-five", ("reached", "other"), "instrument", "asq-3"),
)


def _step(
    tally: Tally,
    table: str,
    classes: tuple[str, ...],
    before: Mapping[str, int | None],
    boroughs: list[str],
) -> dict[tuple[str, str, str], int | None]:
    rows = {borough: [borough] for borough in boroughs if before[borough] is not None}
    rest = [borough for borough in boroughs if before[borough] is None]
    if rest and before[ALL] is not None:
        rows[_REST] = rest
    if not rows:
        return {}
    withheld = disclosure.withhold(
        {
            (row, class_): sum(tally.counts[table, borough, class_] for borough in of)
            for row, of in rows.items()
            for class_ in classes
        },
        keep=_is_total,
    )
    return {
        (table, row, class_): count
        for (row, class_), count in withheld.items()
        if row != _REST and (row != ALL or before[ALL] is not None)
    }


def _is_total(key: Key) -> bool:
    return key[-1] == ALL


def _figure(code: str, borough: str, shown: Released) -> Figure:
    def of(table: str, class_: str) -> int | None:
        return shown.get((table, borough, class_))

    match code:
        case "C2" | "C3":
            return Figure(of("visit", code), of("C2", ALL), of("visit", "unclear"))
        case "C8ii":
            return Figure(
                of("feeding", "breastfed"), of("C8i", ALL), _sum(of("feeding", "unclear"), of("C8i", "not"))
            )
        case "C6ii":
            return Figure(of("instrument", "asq-3"), of("C6i", "done"), of("instrument", "unclear"))
        case "all-five":
            return Figure(of("all-five", "reached"))
        case "C8i" | "C4" | "C5" | "C6i":
            return Figure(of(code, "done"), of(code, ALL), 0)
    domain = code.removeprefix("C6-")
    return Figure(of(domain, "reached"), of(f"scored-{domain}", "scored"), 0)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _withhold_all_five(found: dict[tuple[str, str], Figure], boroughs: list[str]) -> None:
    """All five is no more than each domain, and no less than the domains leave over: where one of them is withheld, it
    would narrow it."""

    def hangs(borough: str) -> bool:
        return any(found[borough, f"C6-{domain}"].numerator is None for domain in DOMAINS)

    hidden = [each for each in boroughs if hangs(each) and found[each, "all-five"].numerator is not None]
    for borough in hidden:
        found[borough, "all-five"] = Figure()
    whole = found[ALL, "all-five"]
    if whole.reason is None and (hidden or hangs(ALL)):
        # One borough's count would come back from the sum.
        found[ALL, "all-five"] = Figure()
