"""A file of a paper backlog is read row by row: what cannot be true is told by row and column, and never stored."""

import csv
import io
from datetime import date

import pytest

from healthvisit.reviews import backlog, sheet
from tests import builders

TODAY = builders.TODAY
NUMBER = builders.an_nhs_number(424_242)
GOOD = {
    "source_reference": "box 3/17", "nhs_number": NUMBER, "family_name": "Ashworth", "given_name": "Poppy",
    "birth_date": "2019-01-15", "postcode": "BL9 0ZZ", "sex": "female", "review": "one-year",
    "done_on": "2020-01-20", "outcome": "completed", "capture_mode": "transcribed",
    "paper_recorded_on": "2020-01-20", "keyed_on": "2021-02-01", "practitioner_type": "scphn",
    "place": "family-home", "contact_mode": "face-to-face", "weight_kg": "9.4", "length_cm": "75.5", "head_cm": "",
}  # fmt: skip


def a_file(*rows, encoding="utf-8"):
    """The bytes of a CSV with these rows, each the good one but for what is named."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(GOOD))
    writer.writeheader()
    writer.writerows(GOOD | row for row in rows)
    return text.getvalue().encode(encoding)


def faults(definitions, **changed):
    """Columns and texts of what is wrong with a row."""
    found = backlog.read(a_file(changed), definitions, on=TODAY)
    row = GOOD | changed
    names = (
        "source_reference",
        "nhs_number",
        "family_name",
        "given_name",
        "birth_date",
        "postcode",
        "done_on",
    )
    personal = [row[name] for name in names if len(row[name]) > 4]
    assert len(found.rows) == (0 if found.faults else 1)
    for fault in found.faults:
        assert fault.row == 2
        assert not any(value in fault.text for value in personal)
    return {fault.column: fault.text for fault in found.faults}


def test_a_good_row_is_read_as_it_stands(definitions):
    (row,) = backlog.read(a_file({}), definitions, on=TODAY).rows
    assert (row.number, row.given, row.born_on) == (2, ("Poppy",), date(2019, 1, 15))
    assert backlog.again(row.json(), row.number) == row


def test_the_template_is_a_file_without_rows(definitions):
    assert backlog.read(backlog.HEADER.encode(), definitions, on=TODAY).rows == ()
    assert list(GOOD) == backlog.HEADER.split(",")
    told = "\n".join(backlog.meanings(definitions))
    assert "point-of-care" not in told
    assert "transcribed" in told


def test_a_byte_order_mark_is_no_part_of_the_first_column(definitions):
    assert len(backlog.read(a_file({}, encoding="utf-8-sig"), definitions, on=TODAY).rows) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (a_file({"family_name": "Zoë"}, encoding="cp1252"), "UTF-8"),
        (a_file({}, encoding="utf-16"), "UTF-8"),
        (a_file({}).replace(b",", b";"), "comma"),
        (a_file({}).replace(b"done_on,", b"", 1), "missing: done_on"),
        (a_file({}).replace(b"done_on", b"Poppy Ashworth", 1), "not known: number 9"),
        (a_file({}).replace(b"done_on", b"keyed_on", 1), "twice: keyed_on"),
        (a_file({}) + b'"never closed', "Line 3"),
        (b"", "missing"),
        (b"x" * (sheet.MOST_BYTES + 1), "larger"),
        (a_file({}) + b"," * 10 + b"\n" * sheet.MOST_ROWS + b"x", "more than"),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(definitions, content, told):
    with pytest.raises(sheet.Unreadable, match=told) as refused:
        backlog.read(content, definitions, on=TODAY)
    assert "Ashworth" not in str(refused.value)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("birth_date", "2019-02-29", "2019 has no 29 February"),
        ("birth_date", "2019-02-30", "no such day"),
        ("birth_date", "15/01/2019", "YYYY-MM-DD"),
        ("done_on", "03/04/2020", "read as two days"),
        ("done_on", "43850", "spreadsheet"),
        ("done_on", "2020-1-5", "YYYY-MM-DD"),
        ("done_on", "2019-01-14", "before the birth"),
        ("done_on", "2021-02-16", "not come yet"),
        ("paper_recorded_on", "2020-01-19", "before the review"),
        ("keyed_on", "2020-01-19", "before it was written"),
        ("nhs_number", "9.99424E+09", "shortened"),
        ("nhs_number", "9994242425.0", "shortened"),
        ("nhs_number", NUMBER[1:], "9 digits"),
        ("nhs_number", NUMBER[:-1] + str((int(NUMBER[-1]) + 1) % 10), "no NHS number"),
        ("capture_mode", "point-of-care", "none of"),
        ("review", "12 month review", "none of"),
        ("outcome", "", "needed"),
        ("family_name", "", "needed"),
        ("postcode", "Bury", "no postcode"),
        ("family_name", "=HYPERLINK(A1)", "formula"),
        ("given_name", "  @SUM(1)", "formula"),
        ("family_name", "Ash\nworth", "not shown"),
        ("family_name", "A" * 101, "longer"),
        ("source_reference", f"hv {NUMBER}", "NHS number"),
        ("source_reference", f"hv-{NUMBER[:3]}-{NUMBER[3:6]}-{NUMBER[6:]}", "NHS number"),
        ("source_reference", "box;3", "alone"),
        ("weight_kg", "20lb 12oz", "without a unit"),
        ("weight_kg", "9,4", "without a unit"),
        ("weight_kg", "9400", "without a unit"),
        ("weight_kg", "940", "unit and the decimal point"),
        ("weight_kg", "9.4001", "3 decimal places"),
        ("length_cm", "0.755", "unit and the decimal point"),
        ("head_cm", "46.1", "no such measurement"),
    ],
)
def test_what_cannot_be_true_is_told_by_row_and_column(definitions, column, value, told):
    found = faults(definitions, **{column: value})
    assert told in found.pop(column)
    assert found == {}


def test_each_fault_of_a_row_is_told_at_once(definitions):
    found = faults(definitions, nhs_number="123", done_on="1/2/2020", outcome="seen", weight_kg="21 lb")
    assert set(found) == {"nhs_number", "done_on", "outcome", "weight_kg"}


def test_a_review_in_pregnancy_is_before_the_birth(definitions):
    antenatal = {"review": "antenatal", "weight_kg": "", "length_cm": "", "paper_recorded_on": "2019-02-01"}
    assert faults(definitions, **antenatal, done_on="2018-12-20") == {}
    assert set(faults(definitions, **antenatal, done_on="2019-01-15")) == {"done_on"}
    assert set(faults(definitions, **antenatal, done_on="2018-01-15")) == {"done_on"}


def test_what_was_not_done_has_no_measurement_and_who_did_not_meet_no_place(definitions):
    found = faults(definitions, outcome="declined", contact_mode="telephone")
    assert set(found) == {"weight_kg", "length_cm", "place"}


@pytest.mark.parametrize(
    ("column", "value"),
    [("weight_kg", "20.7"), ("weight_kg", "0.94"), ("length_cm", "29.7"), ("length_cm", "46.0")],
)
def test_pounds_and_inches_and_a_wrong_point_are_asked_about(definitions, column, value):
    (row,) = backlog.read(a_file({column: value}), definitions, on=TODAY).rows
    assert backlog.unlikely(row, definitions) == (column,)
    (usual,) = backlog.read(a_file({}), definitions, on=TODAY).rows
    assert backlog.unlikely(usual, definitions) == ()


def test_one_reference_is_one_review_of_a_file(definitions):
    found = backlog.read(a_file({}, {}, {"source_reference": "box 3/18"}), definitions, on=TODAY)
    assert [row.number for row in found.rows] == [2, 4]
    assert [(fault.row, fault.column) for fault in found.faults] == [(3, "source_reference")]
    assert found.faulty == 1


def test_a_row_with_too_few_cells_is_told_and_empty_lines_are_none(definitions):
    content = a_file({}) + b"one,two\r\n\r\n,,\r\n"
    found = backlog.read(content, definitions, on=TODAY)
    assert [(fault.row, fault.column) for fault in found.faults] == [(3, "")]
