import csv
import io

import pytest

from healthvisit.faces.commissioning import presenters, table
from tests.faces.commissioning.figures import NO_RETURN, Q2, Q3, WITHHELD, a_quarter


def rows(definitions, *quarters):
    text = table.written(quarters, presenters.definitions(definitions))
    return list(csv.DictReader(io.StringIO(text)))


def test_every_quarter_area_and_review_has_its_row(definitions):
    found = rows(definitions, a_quarter(Q2), a_quarter(Q3))
    assert len(found) == 2 * 11 * 6
    assert {row["quarter"] for row in found} == {"2020-21 Q2", "2020-21 Q3"}


def test_a_row_has_the_counts_as_frozen_and_says_what_they_mean(definitions):
    row = next(
        row for row in rows(definitions, a_quarter(bury=(1, 3), line="0.9"))
        if (row["area"], row["review"]) == ("Bury", "all")
    )  # fmt: skip
    assert (row["recorded_digitally"], row["reviews_done"], row["share_percent"]) == ("1", "3", "33.33")
    assert (row["coverage_completed"], row["coverage_due"], row["coverage_percent"]) == ("90", "120", "75.00")
    assert (row["gss_code"], row["straight_line_percent"], row["status"]) == ("E08000002", "90.00", "ok")
    assert (row["first_day"], row["last_day"]) == ("2020-10-01", "2020-12-31")
    assert "team did it" in row["which_borough_means"]
    assert all(row[name] for name in table.COLUMNS if name.endswith("_means"))


def test_what_is_withheld_on_the_page_is_withheld_here(definitions):
    for row in rows(definitions, a_quarter(bury=WITHHELD, wigan=NO_RETURN)):
        if row["area"] == "Bury":
            assert (row["recorded_digitally"], row["share_percent"], row["status"]) == ("", "", "withheld")
        if row["area"] == "Wigan":
            assert (row["recorded_digitally"], row["reviews_done"], row["status"]) == ("", "", "no-return")
        if row["area"] == "Greater Manchester":
            assert (row["share_percent"], row["status"]) == ("", "not-all-report")


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "  @x", "=HYPERLINK(\"http://x\")",
        "=cmd|' /C calc'!A0", "＝1", "＋1", "－1", "＠x", "-2+3+cmd|' /C calc'!D2", "@import", "+44 161",
    ],
)  # fmt: skip
def test_no_cell_can_run_as_a_formula(cell):
    assert table.escaped(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Bury", "2020-21 Q3", "33.33", "a=b", "St. Mary's", "0"])
def test_a_plain_cell_stays_as_it_is(cell):
    assert table.escaped(cell) == cell


def test_the_table_reads_back_as_it_was_meant_to(definitions):
    text = table.written((a_quarter(),), presenters.definitions(definitions))
    assert text.isascii()
    assert all(len(row) == len(table.COLUMNS) for row in csv.reader(io.StringIO(text)))
