"""A CSV as a spreadsheet saves it -> its rows by column, and what is wrong with which row and column.

What is told of a fault names the row, the column and how to mend it, and never what stands there: it goes to a terminal
and perhaps to a log.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

MOST_BYTES = 5_000_000
MOST_ROWS = 20_000
MOST_CHARACTERS = 100
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# What a spreadsheet makes of a day.
_SERIAL = re.compile(r"[0-9]{5}(\.[0-9]+)?")


class Fault(NamedTuple):
    """row: its number, the header being 1. column: its name, "" for the row as such."""

    row: int
    column: str
    text: str


class Unreadable(Exception):
    """The file as such cannot be taken; nothing of it was looked at."""


class Line(NamedTuple):
    """One row. number: in a spreadsheet, the header being 1. cells: by column, without spaces at the ends; those of a
    row with faults are not to be read."""

    number: int
    cells: Mapping[str, str]
    faults: tuple[Fault, ...]


def lines(content: bytes, names: Sequence[str]) -> Iterator[Line]:
    """The rows of a file with these columns, in any order; empty ones are left out. Raises Unreadable."""
    if len(content) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES} bytes: send it in parts.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("The file is not UTF-8: save it as “CSV UTF-8”.") from None
    rows = _rows(text)
    header = next(rows, [])
    _refuse_header(header, names)
    for number, cells in enumerate(rows, start=2):
        if number > MOST_ROWS + 1:
            raise Unreadable(f"The file has more than {MOST_ROWS} rows: send it in parts.")
        # A spreadsheet leaves such lines below its last one.
        if any(cells):
            faults = tuple(_faults(number, header, cells))
            given = {} if faults else dict(zip(header, cells, strict=True))
            yield Line(number, {name: _trimmed(text) for name, text in given.items()}, faults)


def no_day(text: str) -> str | None:
    """What is wrong with a day, None for one that was."""
    if _SERIAL.fullmatch(text):
        return "A spreadsheet has made a number of the day: format the column as text and write YYYY-MM-DD"
    if not _DAY.fullmatch(text):
        return "Write the day as YYYY-MM-DD: another order can be read as two days"
    try:
        date.fromisoformat(text)
    except ValueError:
        year = int(text[:4])
        if text[5:] == "02-29" and year:
            return f"{year} has no 29 February: ask for the true day, and do not choose one"
        return "There is no such day"
    return None


def _trimmed(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _rows(text: str) -> Iterator[list[str]]:
    read = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from read
    except csv.Error:
        raise Unreadable(f"Line {read.line_num} is no CSV: look at its quotation marks.") from None


def _refuse_header(header: Sequence[str], names: Sequence[str]) -> None:
    if sorted(header) == sorted(names):
        return
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise Unreadable("Its columns are not parted by commas: save it as “CSV UTF-8 (comma delimited)”.")
    missing = [name for name in names if name not in header]
    # A name of a column that is not ours may be anything, a child's name too: it is counted.
    unknown = [str(at) for at, name in enumerate(header, start=1) if name not in names]
    twice = [name for name in names if list(header).count(name) > 1]
    told = [
        f"{words} {', '.join(found)}"
        for words, found in (("missing:", missing), ("twice:", twice), ("not known: number", unknown))
        if found
    ]
    raise Unreadable(f"The columns of the first line are not those of the template; {'; '.join(told)}.")


def _faults(number: int, header: Sequence[str], cells: Sequence[str]) -> Iterator[Fault]:
    if len(cells) != len(header):
        told = f"It has {len(cells)} cells and not {len(header)}: look at its commas and quotation marks"
        yield Fault(number, "", told)
        return
    for name, cell in zip(header, cells, strict=True):
        if len(cell) > MOST_CHARACTERS:
            yield Fault(number, name, f"It is longer than {MOST_CHARACTERS} characters")
        elif any(unicodedata.category(letter)[0] == "C" for letter in cell):
            yield Fault(
                number, name, "It holds a character that is not shown, such as a line break: type it again"
            )
        elif cell.lstrip().startswith(_FORMULA):
            yield Fault(number, name, "It begins as a formula does: take away the first character")
