"""The same rows as the CSV, as a workbook: numbers as numbers, days as days, a word where there is no number, and what
the columns mean on a sheet of their own.

No cell is ever a formula: text is written as text, and text that begins as a formula does is marked to stay text when
somebody edits it. Source: OWASP, CSV Injection.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.xml.constants import ARC_CORE

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
_WIDE, _LOOKED_AT = 60, 100
_WHEN = re.compile(rb"<dcterms:(created|modified)\b[^>]*>[^<]*</dcterms:\1>")
_BOLD, _WRAPPED = Font(bold=True), Alignment(vertical="top", wrap_text=True)


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
    book = Workbook()
    figures = book.active
    figures.title = "Figures"
    heads: list[str] = []
    for number, row in enumerate(rows, 2):
        if not heads:
            heads = list(row)
            _put(figures, 1, heads, heading=True)
        _put(figures, number, list(row.values()), kinds=[_kind(name) for name in heads])
    figures.freeze_panes = "A2"
    _widths(figures)
    means = book.create_sheet("Definitions")
    for number, pair in enumerate(meanings, 1):
        _put(means, number, pair, heading=number == 1)
    means.freeze_panes = "A2"
    _widths(means)
    kept = io.BytesIO()
    book.save(kept)
    return _timeless(kept)


def _timeless(book: io.BytesIO) -> bytes:
    """Without when it was made: of the same figures every file is the same, byte for byte, and a digest compares two."""
    found = io.BytesIO()
    with ZipFile(book) as made, ZipFile(found, "w", ZIP_DEFLATED) as archive:
        for name in made.namelist():
            content = made.read(name)
            if name == ARC_CORE:
                content = _WHEN.sub(b"", content)
            archive.writestr(ZipInfo(name), content, ZIP_DEFLATED)
    return found.getvalue()


def _put(
    sheet: Worksheet, row: int, values: Sequence[Value], *, kinds: Sequence[_Kind] = (), heading: bool = False
) -> None:
    """A style is set only where it says something: it costs more than the cell."""
    for column, each in enumerate(values, 1):
        if each is None:
            continue
        cell = sheet.cell(row, column, each)
        if isinstance(each, str):
            # What begins with = would be taken for a formula, and an error's name for an error.
            cell.data_type = "s"
            if table.escaped(each) != each:
                cell.quotePrefix = True
            if len(each) > _WIDE:
                cell.alignment = _WRAPPED
        elif kinds[column - 1] == "percent":
            cell.number_format = "0.00"
        if heading:
            cell.font = _BOLD


def _widths(sheet: Worksheet) -> None:
    """As wide as what stands in the first rows."""
    for column in sheet.iter_cols(max_row=_LOOKED_AT):
        longest = max((len(str(cell.value)) for cell in column if cell.value is not None), default=0)
        sheet.column_dimensions[column[0].column_letter].width = min(longest, _WIDE) + 2
