"""A CSV of a borough's own counts -> its returns, the outside denominator of digitisation (domain facts 8.2).

Four columns, one line for each review of a quarter. A return is taken whole or not at all, and never where the record
itself holds more reviews than the borough's books: one of the two is wrong, and a person must say which. What stood
before is kept; a return that says the same again adds nothing. http://hl7.org/fhir/R4/measurereport.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme.boroughs import BY_GSS
from healthvisit.programme.dates import Quarter
from healthvisit.record.record import Record
from healthvisit.reviews import encounters, sheet
from healthvisit.reviews import quarter as quarters
from healthvisit.reviews.arrival import BOROUGH_RETURN
from healthvisit.reviews.quarter import REVIEWS
from healthvisit.reviews.sheet import Fault

# By this it is known which file a return came in.
FILE = f"{CANONICAL}/Id/imported-file"
_COLUMNS = ("quarter", "covered_until", "review", "completed")
HEADER = ",".join(_COLUMNS)
_COUNT = re.compile(r"0|[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class Brought:
    """What became of a file: of each quarter whether the same stood already. Nothing is taken where there are faults."""

    quarters: tuple[tuple[Quarter, bool], ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class _Book:
    """A borough's own counts of one quarter, by review; rows: the number of each one's row in the file."""

    quarter: Quarter
    until: date
    counts: Mapping[str, int]
    rows: Mapping[str, int]


def meanings(definitions: Definitions) -> Iterator[str]:
    """A line for each column."""
    reviews = ", ".join(definitions.codes(encounters.REVIEW))
    yield "quarter: As in 2020-21 Q4"
    yield "covered_until: The last day that the books cover, YYYY-MM-DD; the same for each review of a quarter"
    yield f"review: One line for each: {reviews}"
    yield "completed: Reviews completed in the quarter by the borough's books, on paper and otherwise; digits alone"


def bring(record: Record, content: bytes, borough: str, *, dry: bool) -> Brought:
    """Take a file. borough: GSS code. dry: only say what would be done. Raises sheet.Unreadable."""
    books, faults = _read(content, record.on)
    slug = BY_GSS[borough].slug
    standing = {book.quarter: quarters.returns(record, book.quarter).get(slug) for book in books}
    for book in books:
        faults += _contradicting(record, book, slug, standing[book.quarter])
    if faults:
        return Brought((), tuple(sorted(faults)))
    found = tuple((book.quarter, _says(book, standing[book.quarter])) for book in books)
    fresh = [
        _report(record, book, slug, sha256(content).hexdigest())
        for book, (_, stood) in zip(books, found, strict=True)
        if not stood
    ]
    if fresh and not dry:
        entries = [
            {"resource": each, "request": {"method": "POST", "url": "MeasureReport"}} for each in fresh
        ]
        record.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    return Brought(found, ())


def _read(content: bytes, on: date) -> tuple[list[_Book], list[Fault]]:
    faults: list[Fault] = []
    rows: dict[Quarter, dict[str, tuple[int, date, int]]] = {}
    for number, cells, wrong in sheet.lines(content, _COLUMNS):
        found = list(wrong) or [Fault(number, name, text) for name, text in _wrong(cells)]
        if not found:
            quarter, until = Quarter.parse(cells["quarter"]), date.fromisoformat(cells["covered_until"])
            if until > on:
                found.append(Fault(number, "covered_until", "It is a day that has not come yet"))
            elif until not in quarter:
                found.append(Fault(number, "covered_until", "It is not in the quarter"))
            of_quarter = rows.setdefault(quarter, {})
            if cells["review"] in of_quarter:
                first = of_quarter[cells["review"]][0]
                found.append(Fault(number, "review", f"This review of the quarter stands in row {first} too"))
            else:
                of_quarter[cells["review"]] = (number, until, int(cells["completed"]))
        faults += found
    books = []
    for quarter, of_quarter in sorted(rows.items()):
        first = min(number for number, _, _ in of_quarter.values())
        missing = [review for review in REVIEWS if review not in of_quarter]
        days = {until for _, until, _ in of_quarter.values()}
        if missing:
            # What is left out would be counted as none.
            faults.append(Fault(first, "review", f"The quarter has no row for {', '.join(missing)}"))
        elif len(days) > 1:
            faults.append(Fault(first, "covered_until", "The rows of the quarter have different days"))
        else:
            books.append(
                _Book(
                    quarter,
                    days.pop(),
                    {review: count for review, (_, _, count) in of_quarter.items()},
                    {review: number for review, (number, _, _) in of_quarter.items()},
                )
            )
    return books, faults


def _wrong(cells: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        Quarter.parse(cells["quarter"])
    except ValueError:
        yield "quarter", "Write the quarter as in 2020-21 Q4"
    if told := sheet.no_day(cells["covered_until"]):
        yield "covered_until", told
    if cells["review"] not in REVIEWS:
        yield "review", f"It is none of {', '.join(REVIEWS)}"
    if not _COUNT.fullmatch(cells["completed"]):
        yield "completed", "It is no count: digits alone, without a point, a comma or zeros in front"


def _contradicting(record: Record, book: _Book, slug: str, standing: JSON | None) -> Iterator[Fault]:
    if standing is not None and book.until < date.fromisoformat(standing["period"]["end"][:10]):
        told = "A return that goes further into the quarter stands already"
        yield Fault(min(book.rows.values()), "covered_until", told)
        return
    held = quarters.held(record, book.quarter, slug, until=book.until)
    for review, count in book.counts.items():
        if count < held[review].completed:
            yield Fault(
                book.rows[review],
                "completed",
                "It is under what the record itself holds of that review: look which of the two is right",
            )


def _says(book: _Book, standing: JSON | None) -> bool:
    """Whether the standing return says the same."""
    return (
        standing is not None
        and standing["period"]["end"][:10] == book.until.isoformat()
        and quarters.returned_counts(standing) == book.counts
    )


def _report(record: Record, book: _Book, slug: str, file: str) -> JSON:
    displays = record.definitions.codes(encounters.REVIEW)
    return {
        "resourceType": "MeasureReport",
        "identifier": [{"system": FILE, "value": file}],
        "status": "complete",
        "type": "summary",
        "measure": f"{BOROUGH_RETURN}|{record.definitions.by_url(BOROUGH_RETURN)['version']}",
        "date": record.at.isoformat(),
        "reporter": {"reference": quarters.organization(slug)},
        "period": {"start": book.quarter.first_on.isoformat(), "end": book.until.isoformat()},
        "group": [_group(review, displays[review], book.counts[review]) for review in REVIEWS],
    }


def _group(review: str, display: str, count: int) -> JSON:
    return {
        "code": {"coding": [{"system": encounters.REVIEW, "code": review, "display": display}]},
        "population": [quarters.populated("initial-population", count)],
    }
