"""Writes rows as a workbook of two sheets, figures and definitions, in which no cell is a formula."""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.xml.constants import ARC_CORE

from healthvisit.faces.commissioning import table
from healthvisit.faces.commissioning.workbook import Value

_WIDE, _LOOKED_AT = 60, 100
_WHEN = re.compile(rb"<dcterms:(created|modified)\b[^>]*>[^<]*</dcterms:\1>")
_BOLD, _WRAPPED = Font(bold=True), Alignment(vertical="top", wrap_text=True)


def saved(
    rows: Iterable[Mapping[str, Value]],
    meanings: Sequence[tuple[str, str]],
    *,
    is_percent: Callable[[str], bool],
) -> bytes:
    """rows: with the same names each; a value of None is an empty cell. meanings: a term and what it means; the first
    are the heads. is_percent: by the name of a column."""
    book = Workbook()
    figures = book.active
    figures.title = "Figures"
    heads: list[str] = []
    percents: list[bool] = []
    for number, row in enumerate(rows, 2):
        if not heads:
            heads = list(row)
            percents = [is_percent(name) for name in heads]
            _put(figures, 1, heads, heading=True)
        _put(figures, number, list(row.values()), percents=percents)
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
    sheet: Worksheet,
    row: int,
    values: Sequence[Value],
    *,
    percents: Sequence[bool] = (),
    heading: bool = False,
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
        elif percents[column - 1]:
            cell.number_format = "0.00"
        if heading:
            cell.font = _BOLD


def _widths(sheet: Worksheet) -> None:
    """As wide as what stands in the first rows."""
    for column in sheet.iter_cols(max_row=_LOOKED_AT):
        longest = max((len(str(cell.value)) for cell in column if cell.value is not None), default=0)
        sheet.column_dimensions[column[0].column_letter].width = min(longest, _WIDE) + 2
