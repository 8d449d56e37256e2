"""The numbers of a frozen quarter counted again from the rows of the record, and which of them differ.

Nothing is written. Each report is counted as on the day on which it was frozen, from the rows as they stand now: what
came or was mended after that day makes a difference, and so does a report that was altered. Counts are compared as
they are published: what is withheld stays so here.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from healthvisit.exact_json import JSON
from healthvisit.programme.dates import Quarter
from healthvisit.record.record import Record
from healthvisit.reviews import national
from healthvisit.reviews import quarter as quarters
from healthvisit.reviews.reading import bodies

LONDON = ZoneInfo("Europe/London")
WITHHELD = "withheld"


class Difference(NamedTuple):
    """number: what is counted, such as "numerator". frozen, now: a count, "withheld", or why it is not assessable; None
    where there is no such number."""

    group: str
    reporter: str
    number: str
    frozen: int | str | None
    now: int | str | None


class Compared(NamedTuple):
    """numbers: how many were counted again."""

    numbers: int
    differences: list[Difference]


def of_quarter(record: Record, quarter: Quarter) -> Compared:
    """Every number of the quarter's standing reports against the rows. numbers is 0 where none is frozen."""
    standing = _standing(record, quarter)
    numbers, differences = 0, []
    for on in sorted({_frozen_on(report) for report in standing.values()}):
        again = {_key(report): report for count in _COUNTS for report in count(record, quarter, on)}
        for key in sorted(key for key, report in standing.items() if _frozen_on(report) == on):
            frozen, now = _numbers(standing[key]), _numbers(again[key])
            numbers += len(frozen)
            differences += [
                Difference(group, key[1], number, frozen.get((group, number)), now.get((group, number)))
                for group, number in sorted(frozen.keys() | now.keys())
                if frozen.get((group, number)) != now.get((group, number))
            ]
    return Compared(numbers, differences)


_COUNTS: tuple[Callable[[Record, Quarter, date], Iterable[JSON]], ...] = (quarters.reports, national.reports)


def _standing(record: Record, quarter: Quarter) -> dict[tuple[str, str], JSON]:
    """The newest report of each measure and reporter."""
    measures = (quarters.DIGITISATION, *(national.measure(code) for code in national.INDICATORS))
    found: dict[tuple[str, str], JSON] = {}
    for report in bodies(
        record,
        "MeasureReport",
        ("measure", ",".join(measures)),
        ("period", f"ge{quarter.first_on}"),
        ("period", f"le{quarter.last_on}"),
    ):
        key = _key(report)
        if key not in found or quarters.dated(found[key]) <= quarters.dated(report):
            found[key] = report
    return found


def _key(report: JSON) -> tuple[str, str]:
    return report["measure"].partition("|")[0], quarters.reporter_of(report)


def _frozen_on(report: JSON) -> date:
    return quarters.dated(report).astimezone(LONDON).date()


def _numbers(report: JSON) -> dict[tuple[str, str], int | str]:
    """By the group's code and what is counted."""
    found: dict[tuple[str, str], int | str] = {}
    for group in report["group"]:
        code = _code(group["code"])
        stated: Mapping[str, JSON] = {each["url"]: each for each in group.get("extension", ())}
        if quarters.NOT_ASSESSABLE in stated:
            found[code, "reason"] = stated[quarters.NOT_ASSESSABLE]["valueCode"]
        if national.UNKNOWN in stated:
            found[code, "unknown"] = stated[national.UNKNOWN]["valueUnsignedInt"]
        for population in group.get("population", ()):
            found[code, _code(population["code"])] = population.get("count", WITHHELD)
        for stratifier in group.get("stratifier", ()):
            for stratum in stratifier["stratum"]:
                (population,) = stratum["population"]
                found[code, f"class {_code(stratum['value'])}"] = population.get("count", WITHHELD)
    return found


def _code(concept: JSON) -> str:
    code: str = concept["coding"][0]["code"]
    return code
