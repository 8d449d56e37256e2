"""What a commissioner opens in a spreadsheet: typed, withheld as on the page, and never a formula."""

import io
import re
import time
import zipfile
from datetime import date

import openpyxl
import pytest

from healthvisit.faces.commissioning import indicators, presenters, table, workbook
from healthvisit.programme.digitisation import CLASSES
from healthvisit.reviews import national
from tests.faces.commissioning.figures import NO_RETURN, Q2, Q3, WITHHELD, a_quarter
from tests.faces.commissioning.test_indicators import BEFORE, a_figure, an_indicator

DANGEROUS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0", "＝1", "#REF!",
    "TRUE",
]  # fmt: skip


def read(content):
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["Figures", "Definitions"]
    return book["Figures"], book["Definitions"]


def rows(sheet):
    heads, *found = sheet.iter_rows()
    names = [cell.value for cell in heads]
    return [dict(zip(names, row, strict=True)) for row in found]


def digitised(definitions, *quarters):
    return read(workbook.written(quarters, presenters.definitions(definitions)))


def indicated(definitions, *found):
    known = [indicators.definition(definitions, code) for code in national.INDICATORS]
    return read(workbook.indicators_written(found, known, indicators.terms()))


def row_of(sheet, area, review="all"):
    return next(row for row in rows(sheet) if (row["area"].value, row["review"].value) == (area, review))


def test_a_number_is_a_number_and_a_day_is_a_day(definitions):
    figures, _ = digitised(definitions, a_quarter(bury=(1, 3), line="0.9"))
    row = row_of(figures, "Bury")
    assert {
        name: row[name].value for name in ("recorded_digitally", "reviews_done", "share_percent", "class_d")
    } == {
        "recorded_digitally": 1,
        "reviews_done": 3,
        "share_percent": 33.33,
        "class_d": 2,
    }
    assert {
        row[name].data_type for name in ("recorded_digitally", "coverage_due", "straight_line_percent")
    } == {"n"}
    assert row["first_day"].value.date() == date(2020, 10, 1)
    assert row["gss_code"].data_type == "s"


def test_the_same_figures_are_the_same_file_whenever_they_are_taken(definitions, monkeypatch):
    quarters, terms = [a_quarter(Q2)], presenters.definitions(definitions)
    one = workbook.written(quarters, terms)
    later = time.localtime(time.time() + 3600)
    monkeypatch.setattr(time, "localtime", lambda *_: later)
    assert workbook.written(quarters, terms) == one
    with zipfile.ZipFile(io.BytesIO(one)) as book:
        assert b"dcterms" not in re.sub(rb'xmlns:\w+="[^"]*"', b"", book.read("docProps/core.xml"))
        assert {each.date_time[0] for each in book.infolist()} == {1980}


def test_the_workbook_has_the_rows_of_the_csv(definitions):
    quarters = (a_quarter(Q2), a_quarter(Q3, bury=WITHHELD))
    figures, _ = digitised(definitions, *quarters)
    theirs = list(table.rows(quarters))
    ours = rows(figures)
    assert len(ours) == len(theirs) == 2 * 11 * 6
    for row, other in zip(ours, theirs, strict=True):
        for name, cell in row.items():
            if cell.data_type == "n" and cell.value is not None:
                assert cell.value == pytest.approx(float(other[name]))


def test_what_is_withheld_or_not_returned_is_a_word_and_never_a_number(definitions):
    figures, _ = digitised(definitions, a_quarter(bury=WITHHELD, wigan=NO_RETURN))
    bury, wigan = row_of(figures, "Bury"), row_of(figures, "Wigan")
    assert [bury[name].value for name in ("recorded_digitally", "reviews_done", "share_percent")] == [
        "Withheld",
        12,
        "Withheld",
    ]
    assert {bury[f"class_{each.lower()}"].value for each in CLASSES} == {"Withheld"}
    assert {wigan[name].value for name in ("recorded_digitally", "reviews_done", "share_percent")} == {
        "Not assessable"
    }
    none = row_of(digitised(definitions, a_quarter(bury=(0, 0)))[0], "Bury")
    assert (none["reviews_done"].value, none["share_percent"].value) == (0, "None")


def test_no_number_stands_where_the_csv_has_none(definitions):
    quarters = (a_quarter(bury=WITHHELD, wigan=NO_RETURN, oldham=(0, 0)),)
    figures, _ = digitised(definitions, *quarters)
    for row, other in zip(rows(figures), table.rows(quarters), strict=True):
        for name, cell in row.items():
            if not other[name]:
                assert cell.value is None or isinstance(cell.value, str)


def test_an_indicator_says_why_there_is_no_number(definitions):
    figures, _ = indicated(
        definitions,
        an_indicator(a_figure(19, 20, 1), earlier=[a_figure(None, 21, reason="withheld", at=BEFORE)]),
        an_indicator(a_figure(31, None, None, "a-count"), "all-five"),
        an_indicator(a_figure(None, None, None, "no-mothers-record"), "C1"),
        an_indicator(a_figure(0, 0, 0, "none-due"), "C5"),
    )
    names = ("counted", "of", "share_percent", "fact_missing")
    assert [tuple(row[name].value for name in names) for row in rows(figures)] == [
        (19, 20, 95, 1),
        ("Withheld", 21, "Withheld", 0),
        (31, "None", "None", "Withheld"),
        ("Not assessable",) * 4,
        (0, 0, "None", 0),
    ]


def test_definitions_stand_on_a_sheet_of_their_own(definitions):
    _, means = digitised(definitions, a_quarter())
    found = {term.value: meaning.value for term, meaning in means.iter_rows(min_row=2)}
    assert found == dict(presenters.definitions(definitions))
    _, means = indicated(definitions, an_indicator())
    terms = [row[0].value for row in means.iter_rows(min_row=2)]
    assert {f"{code}: what it cannot say" for code in national.INDICATORS} <= set(terms)
    assert "Withheld" in terms


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_text_is_a_formula_nor_becomes_one_when_it_is_edited(definitions, text):
    figures, _ = indicated(definitions, an_indicator(a_figure(practice=text)))
    (row,) = rows(figures)
    cell = row["instrument"]
    assert (cell.value, cell.data_type) == (text, "s")
    assert cell.quotePrefix == (table.escaped(text) != text)


def test_no_sheet_holds_a_formula(definitions):
    known = [indicators.definition(definitions, code) for code in national.INDICATORS]
    found = [an_indicator(a_figure(practice=text)) for text in DANGEROUS]
    with zipfile.ZipFile(io.BytesIO(workbook.indicators_written(found, known, [("=1", "=2")]))) as content:
        sheets = [name for name in content.namelist() if name.startswith("xl/worksheets/")]
        assert len(sheets) == 2
        for name in sheets:
            assert not re.search(rb"<f[ >/]", content.read(name))
        assert not [
            name for name in content.namelist() if "external" in name.lower() or "vba" in name.lower()
        ]


def test_before_any_quarter_there_is_an_empty_sheet_and_the_definitions(definitions):
    figures, means = digitised(definitions)
    assert figures.max_row == 1
    assert means.max_row > 10
