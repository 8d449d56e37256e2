"""A CSV of reviews from paper or an older system -> rows, and what is wrong with which row and column.

One line is one review of one child. Text in, values out; the record is not asked.

What was written on paper and typed in later was not entered with the family: no row says that it was, and none is
ever of capture class A (domain facts 8.2).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON, dumps
from healthvisit.programme import nhs_number
from healthvisit.reviews import encounters, sheet
from healthvisit.reviews.sheet import Fault

# A contact in pregnancy is at most this long before birth, as the record itself has it.
PREGNANCY = timedelta(weeks=44)
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_:-]*")
_NUMBER = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
# What a spreadsheet makes of a long number.
_SHORTENED = re.compile(r"[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+|[0-9]+\.0+")
_POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})")
_SEXES = ("female", "male", "other", "unknown")
FACE_TO_FACE = "face-to-face"
# What was entered in the contact itself is recorded with the family, and comes in no file.
_MODES = ("transcribed", "document", "paper-only", "unknown")


class Column(NamedTuple):
    """meaning: one line for whoever fills the file. codes: id of our own CodeSystem whose codes it takes."""

    name: str
    meaning: str
    needed: bool = True
    codes: str | None = None


COLUMNS = (
    Column("source_reference", "What names this review where it comes from, once in your borough; no NHS number"),
    Column("nhs_number", "The child's NHS number, ten digits; empty where it is not known", needed=False),
    Column("family_name", "The child's family name"),
    Column("given_name", "The child's given names, with spaces between"),
    Column("birth_date", "The child's date of birth, YYYY-MM-DD"),
    Column("postcode", "The family's postcode then; without NHS number and postcode a person decides", needed=False),
    Column("sex", f"{', '.join(_SEXES)}; empty where it is not told", needed=False),
    Column("review", "Which review it was", codes="review"),
    Column("done_on", "The day of the review or of the attempt, YYYY-MM-DD"),
    Column("outcome", "How it ended", codes="review-outcome"),
    Column("capture_mode", f"How it was first written down: {', '.join(_MODES)}"),
    Column("paper_recorded_on", "The day on which it was written on paper, YYYY-MM-DD"),
    Column("keyed_on", "The day on which it was typed in from the paper, YYYY-MM-DD"),
    Column("practitioner_type", "Who did it; empty where the paper does not say", False, "practitioner-type"),
    Column("place", "Where; empty where the paper does not say, or nobody met", False, "place"),
    Column("contact_mode", "How they met; empty where the paper does not say", False, "contact-mode"),
    Column("weight_kg", "In kilograms, with a point and without a unit", needed=False),
    Column("length_cm", "Length or height in centimetres, with a point and without a unit", needed=False),
    Column("head_cm", "Head circumference in centimetres, with a point and without a unit", needed=False),
)  # fmt: skip
_NAMES = tuple(column.name for column in COLUMNS)
# Which items of a review's form the measured columns are.
_MEASURED = {
    "weight_kg": ("weight",),
    "length_cm": ("length", "height"),
    "head_cm": ("head-circumference",),
}


@dataclass(frozen=True)
class Row:
    """One review as the file tells it. number: of the line in a spreadsheet, the header being 1. Texts are codes where
    a column has codes; None for what is left empty. measured: values by column, in kg or cm."""

    number: int
    reference: str
    nhs_number: str | None
    family: str
    given: tuple[str, ...]
    born_on: date
    postcode: str | None
    sex: str | None
    review: str
    done_on: date
    outcome: str
    mode: str
    paper_on: date
    keyed_on: date
    practitioner: str | None
    place: str | None
    contact: str | None
    measured: Mapping[str, Decimal]

    def json(self) -> JSON:
        """The row by its columns, as texts."""
        found = {
            "source_reference": self.reference,
            "nhs_number": self.nhs_number,
            "family_name": self.family,
            "given_name": " ".join(self.given),
            "birth_date": self.born_on.isoformat(),
            "postcode": self.postcode,
            "sex": self.sex,
            "review": self.review,
            "done_on": self.done_on.isoformat(),
            "outcome": self.outcome,
            "capture_mode": self.mode,
            "paper_recorded_on": self.paper_on.isoformat(),
            "keyed_on": self.keyed_on.isoformat(),
            "practitioner_type": self.practitioner,
            "place": self.place,
            "contact_mode": self.contact,
            **{name: str(value) for name, value in self.measured.items()},
        }
        return {name: text for name, text in found.items() if text is not None}

    @property
    def digest(self) -> str:
        """The same for the same row of any file, wherever in it the row stands."""
        return sha256(dumps(self.json())).hexdigest()


@dataclass(frozen=True)
class Read:
    """A file: its rows that can be taken, and what is wrong with the others. digest: of its bytes."""

    digest: str
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]

    @property
    def faulty(self) -> int:
        """How many rows cannot be taken."""
        return len({fault.row for fault in self.faults})


HEADER = ",".join(_NAMES)


def meanings(definitions: Definitions) -> Iterator[str]:
    """A line for each column: what it means, which codes it takes, and whether it may be empty."""
    for column in COLUMNS:
        needed = "needed" if column.needed else "may be empty"
        yield f"{column.name}: {_words(column, definitions)} ({needed})"


def _words(column: Column, definitions: Definitions) -> str:
    if column.codes is None:
        return column.meaning
    return f"{column.meaning}: {', '.join(_codes(column, definitions))}"


def _codes(column: Column, definitions: Definitions) -> Mapping[str, str]:
    return definitions.codes(f"{CANONICAL}/CodeSystem/{column.codes}")


def read(content: bytes, definitions: Definitions, *, on: date) -> Read:
    """The rows of a file. on: today, after which nothing was done. Raises sheet.Unreadable."""
    rows: list[Row] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for number, cells, wrong in sheet.lines(content, _NAMES):
        found = list(wrong)
        if not found:
            row, found = _row(number, cells, definitions, on)
            first = seen.setdefault(row.reference, number) if row else number
            if first != number:
                told = f"It stands in row {first} too: give each review its own"
                found.append(Fault(number, "source_reference", told))
            elif row is not None:
                rows.append(row)
        faults += found
    return Read(sha256(content).hexdigest(), tuple(rows), tuple(faults))


def _row(
    number: int, given: Mapping[str, str], definitions: Definitions, on: date
) -> tuple[Row | None, list[Fault]]:
    faults = [Fault(number, name, text) for name, text in _wrong(given, definitions)]
    if faults:
        return None, faults
    row = Row(
        number,
        given["source_reference"],
        _digits(given["nhs_number"]) or None,
        given["family_name"],
        tuple(given["given_name"].split()),
        date.fromisoformat(given["birth_date"]),
        postcode(given["postcode"]),
        given["sex"] or None,
        given["review"],
        date.fromisoformat(given["done_on"]),
        given["outcome"],
        given["capture_mode"],
        date.fromisoformat(given["paper_recorded_on"]),
        date.fromisoformat(given["keyed_on"]),
        given["practitioner_type"] or None,
        given["place"] or None,
        given["contact_mode"] or None,
        {name: Decimal(given[name]) for name in _MEASURED if given[name]},
    )
    faults = [Fault(number, name, text) for name, text in _contradicting(row, definitions, on)]
    return (None if faults else row), faults


def _wrong(given: Mapping[str, str], definitions: Definitions) -> Iterator[tuple[str, str]]:
    """Columns that cannot be read by themselves."""
    for column in COLUMNS:
        text = given[column.name]
        if not text:
            if column.needed:
                yield column.name, "It is needed and is empty"
        elif column.codes is not None and text not in _codes(column, definitions):
            yield column.name, f"It is none of {', '.join(_codes(column, definitions))}"
        elif column.name in _FIXED and text not in _FIXED[column.name]:
            yield column.name, f"It is none of {', '.join(_FIXED[column.name])}"
        elif column.name in _DAYS and (told := sheet.no_day(text)):
            yield column.name, told
        elif column.name in _MEASURED and not _NUMBER.fullmatch(text):
            yield column.name, f"{column.meaning}: a number alone"
    number = _digits(given["nhs_number"])
    if number and not nhs_number.is_valid(number):
        yield "nhs_number", _no_number(number)
    if given["postcode"] and postcode(given["postcode"]) is None:
        yield "postcode", "It is no postcode"
    reference = given["source_reference"]
    if reference and not _REFERENCE.fullmatch(reference):
        yield "source_reference", "Use letters, digits, spaces and . / _ : - alone"
    elif _holds_number(reference, number):
        yield (
            "source_reference",
            "It holds an NHS number: it is printed, so use a reference that names nobody",
        )


_DAYS = ("birth_date", "done_on", "paper_recorded_on", "keyed_on")
_FIXED = {"sex": _SEXES, "capture_mode": _MODES}


def postcode(text: str) -> str | None:
    """A postcode as it is written, None for what is none."""
    found = _POSTCODE.fullmatch("".join(text.split()).upper())
    return " ".join(found.groups()) if found else None


def _digits(number: str) -> str:
    return number.replace(" ", "").replace("-", "")


def _no_number(number: str) -> str:
    if _SHORTENED.fullmatch(number):
        return "A spreadsheet has shortened it: format the column as text and enter it from the paper again"
    if len(number) < 10 and number.isdigit():
        return f"It has {len(number)} digits and not 10: a spreadsheet may have taken zeros from its front"
    return "It is no NHS number: ten digits, of which the last checks the others. Leave it empty if you are not sure"


def _holds_number(reference: str, number: str) -> bool:
    """number: that of the row itself, or ""."""
    digits = re.sub(r"[^0-9]", "", reference)
    # Numbers of older systems have zeros in front; NHS numbers that were given to anybody have none.
    runs = re.findall(r"[1-9][0-9]{9}", re.sub(r"(?<=[0-9])[ -](?=[0-9])", "", reference))
    return (bool(number) and number in digits) or any(nhs_number.is_valid(run) for run in runs)


def _contradicting(row: Row, definitions: Definitions, on: date) -> Iterator[tuple[str, str]]:
    """What cannot be true of one review, as far as the row itself tells."""
    days = {
        "birth_date": row.born_on,
        "done_on": row.done_on,
        "paper_recorded_on": row.paper_on,
        "keyed_on": row.keyed_on,
    }
    ahead = [name for name, day in days.items() if day > on]
    for name in ahead:
        yield name, "It is a day that has not come yet"
    if row.born_on.year < 1900:
        yield "birth_date", "It is too long ago"
    if row.contact not in (None, FACE_TO_FACE) and row.place is not None:
        yield "place", "Nobody met in a place: leave it empty, or look at the contact_mode"
    yield from _mismeasured(row, definitions)
    if ahead:
        return
    if row.review == "antenatal":
        if row.done_on >= row.born_on:
            yield (
                "done_on",
                "An antenatal review is before the birth: look at both days and at the kind of review",
            )
        elif row.done_on < row.born_on - PREGNANCY:
            yield "done_on", "It is before the pregnancy: look at both days"
    elif row.done_on < row.born_on:
        yield "done_on", "It is before the birth: look at both days"
    if row.paper_on < row.done_on:
        yield "paper_recorded_on", "It is before the review: look at both days"
    if row.keyed_on < row.paper_on:
        yield "keyed_on", "It is before it was written on paper: look at both days"


def _mismeasured(row: Row, definitions: Definitions) -> Iterator[tuple[str, str]]:
    items = measured_items(row.review, definitions)
    for name, value in row.measured.items():
        if row.outcome != "completed":
            yield name, "A review that was not done has no measurement: leave it empty"
        elif name not in items:
            yield name, "This review has no such measurement: leave it empty"
        else:
            least, most = _limit(items[name], "minValue"), _limit(items[name], "maxValue")
            places = int(_limit(items[name], "maxDecimalPlaces"))
            if not least <= value <= most:
                yield name, f"It is not from {least} to {most}: look at the unit and the decimal point"
            elif value != round(value, places):
                yield name, f"It has more than {places} decimal places"


def measured_items(review: str, definitions: Definitions) -> dict[str, JSON]:
    """Items of a review's form by the columns that fill them."""
    form = encounters.FORMS.get(review)
    if form is None:
        return {}
    found = {item["linkId"]: item for item in _items(definitions.by_url(f"{CANONICAL}/Questionnaire/{form}"))}
    return {name: found[link] for name, links in _MEASURED.items() for link in links if link in found}


def _items(within: JSON) -> Iterator[JSON]:
    for item in within.get("item", ()):
        yield item
        yield from _items(item)


def unlikely(row: Row, definitions: Definitions) -> tuple[str, ...]:
    """Columns with a value that the form asks about again: taken in pounds or inches, or of another child."""
    items = measured_items(row.review, definitions)
    return tuple(
        name
        for name, value in row.measured.items()
        if not _limit(items[name], "unlikely-below") <= value <= _limit(items[name], "unlikely-above")
    )


def _limit(item: JSON, name: str) -> Any:
    found = next(each for each in item["extension"] if each["url"].endswith(f"/{name}"))
    return found.get("valueDecimal", found.get("valueInteger"))


def again(content: JSON, number: int) -> Row:
    """A row as `Row.json` has kept it."""

    def day(name: str) -> date:
        return date.fromisoformat(content[name])

    return Row(
        number,
        content["source_reference"],
        content.get("nhs_number"),
        content["family_name"],
        tuple(content["given_name"].split()),
        day("birth_date"),
        content.get("postcode"),
        content.get("sex"),
        content["review"],
        day("done_on"),
        content["outcome"],
        content["capture_mode"],
        day("paper_recorded_on"),
        day("keyed_on"),
        content.get("practitioner_type"),
        content.get("place"),
        content.get("contact_mode"),
        {name: Decimal(content[name]) for name in _MEASURED if name in content},
    )
