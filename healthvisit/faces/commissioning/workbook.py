"""The same rows as the CSV, as a workbook: numbers as numbers, days as days, a word where there is no number, and what
the columns mean on a sheet of their own.

No cell is ever a formula: text is written as text, and text that begins as a formula does is marked to stay text when
somebody edits it. Source: OWASP, CSV Injection.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from healthvisit.faces.commissioning import table
from healthvisit.faces.commissioning.indicators import Definition
from healthvisit.reviews import national
from healthvisit.reviews.quarter import QuarterFigures

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WITHHELD, NOT_ASSESSABLE, NONE = "Withheld", "Not assessable", "None"

Value = int | Decimal | date | str | None
_Kind = Literal["count", "percent", "day", "text"]
_DAYS = ("first_day", "last_day")
_COUNTS = (
    "recorded_digitally",
    "reviews_done",
    "coverage_completed",
    "coverage_due",
    "counted",
    "of",
    "fact_missing",
)


def written(figures: Sequence[QuarterFigures], definitions: Sequence[tuple[str, str]]) -> bytes:
    """definitions: as `table.written` takes them."""
    return _saved(_shown(table.rows(figures)), [("Term", "Meaning"), *definitions])


def indicators_written(
    found: Sequence[national.Indicator], definitions: Sequence[Definition], terms: Sequence[tuple[str, str]]
) -> bytes:
    """definitions: one for each indicator. terms: of what stands beside every indicator."""
    meanings = [
        (f"{each.code}: {term}", meaning)
        for each in definitions
        for term, meaning in (
            *each.counts,
            ("what it cannot say", each.limits),
            *(("source", f"{words}, {address}") for words, address in each.sources),
        )
    ]
    return _saved(_shown(table.indicator_rows(found, definitions)), [("Term", "Meaning"), *meanings, *terms])


def _shown(rows: Iterable[Mapping[str, str]]) -> Iterator[dict[str, Value]]:
    """Without what every row of the CSV repeats: it stands on the sheet of definitions."""
    for row in rows:
        yield {name: value(name, row) for name in row if not name.endswith("_means") and name != "limits"}


def value(name: str, row: Mapping[str, str]) -> Value:
    """What a cell of the CSV says, as what it is. A number that is not there is a word for why, and never a nought."""
    cell, kind = row[name], _kind(name)
    if kind == "text" or (not cell and _is_beside(name, row)):
        return cell or None
    if not cell:
        return _missing(name, row)
    return date.fromisoformat(cell) if kind == "day" else int(cell) if kind == "count" else Decimal(cell)


def _kind(name: str) -> _Kind:
    if name in _DAYS:
        return "day"
    if name.endswith("_percent"):
        return "percent"
    return "count" if name in _COUNTS or name.startswith("class_") else "text"


def _is_beside(name: str, row: Mapping[str, str]) -> bool:
    """Coverage is of all reviews together, the straight line begins with a quarter, a share without a value has no
    interval: an empty cell of these hides nothing."""
    return (
        (name.startswith("coverage") and row["review"] != "all")
        or name == "straight_line_percent"
        or name.startswith("interval")
    )


def _missing(name: str, row: Mapping[str, str]) -> str:
    status = row["status"]
    if name == "coverage_percent":
        return NONE if row["coverage_due"] == "0" else WITHHELD
    if name.startswith("coverage") or status in ("ok", "withheld"):
        return WITHHELD
    if status in ("none-completed", "none-due"):
        return NONE if name.endswith("_percent") else WITHHELD
    if status == "a-count":
        return WITHHELD if name in ("counted", "fact_missing") else NONE
    return NOT_ASSESSABLE


def _saved(rows: Iterable[Mapping[str, Value]], meanings: Sequence[tuple[str, str]]) -> bytes:
    # What writes workbooks takes longer to import than any other part of the service, and few ask for one.
    from healthvisit.faces.commissioning import sheets

    return sheets.saved(rows, meanings, is_percent=lambda name: _kind(name) == "percent")
