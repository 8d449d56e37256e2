"""The service's count of the national indicators, held to a second count made from raw rows.

HEALTHVISIT_TEST_CHILDREN sets how many children are compared (scripts/indicators), HEALTHVISIT_TEST_SEED from which
random numbers. Every quarter of the years 2018 to 2026, every borough; a difference of one child fails.
"""

import ast
import sys
from datetime import date
from pathlib import Path

import pytest

from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.intervals import wilson
from healthvisit.programme.national.cohorts import children_of
from healthvisit.programme.national.quarter import of_quarter
from healthvisit.programme.national.values import (
    AntenatalContact,
    Child,
    Contact,
    Count,
    NotAssessable,
    Proportion,
)
from tests.oracle import indicators as oracle
from tests.oracle import rows
from tests.oracle.rows import CHILDREN, SEED

QUARTERS = list(Quarter.of(date(2018, 1, 1)).until(Quarter.of(date(2026, 12, 31))))


def test_the_second_count_shares_no_code_with_the_service():
    allowed = {*sys.stdlib_module_names}
    for name in ("__init__", "digitisation", "indicators", "rows"):
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text("utf-8"))
        imported = {
            module.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for module in (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."]
            )
        }
        assert imported <= allowed
        assert imported.isdisjoint({"importlib", "runpy", "subprocess"})


def test_the_boroughs_of_the_rows_are_the_ten():
    assert [borough.gss for borough in BOROUGHS] == list(rows.BOROUGHS)


def test_both_counts_agree_on_every_quarter_and_borough():
    children, mothers = rows.children(CHILDREN, SEED), rows.mothers(CHILDREN // 5, SEED)
    contacts = [[_contact(each) for each in child["contacts"]] for child in children]
    compared, differ, kinds = 0, [], {"share": 0, "count": 0, "none": 0}
    for quarter in QUARTERS:
        known = [
            Child(
                child["born"],
                of,
                child["died"],
                responsible=_answering(child["stays"], quarter.last_on),
            )
            for child, of in zip(children, contacts, strict=True)
        ]
        expecting = [(_answering(each["stays"], quarter.last_on), _antenatal(each)) for each in mothers]
        raw = _by_borough(children, quarter.last_on), _by_borough(mothers, quarter.last_on)
        for borough in rows.BOROUGHS:
            ours = of_quarter(
                quarter,
                children_of(borough, known),
                [of for answering, of in expecting if answering == borough],
                rows.THRESHOLDS,
            )
            theirs = oracle.count(
                raw[0].get(borough, []),
                raw[1].get(borough, []),
                borough,
                quarter.year,
                quarter.number,
                rows.THRESHOLDS,
            )
            assert ours.keys() == theirs.keys()
            for code, value in ours.items():
                compared += 1
                kinds[theirs[code][0]] += 1
                if _plain(value) != theirs[code]:
                    differ.append((str(quarter), borough, code, value, theirs[code]))
    print(f"{CHILDREN} children, {compared} values compared {kinds}, {len(differ)} differ")
    assert differ == []
    assert compared == 16 * 10 * len(QUARTERS)
    assert len(QUARTERS) == 36
    # A run in which nothing was ever counted would agree too.
    assert all(kinds.values())


@pytest.mark.parametrize("of", [1, 2, 7, 29, 148, 263, 5000])
def test_the_intervals_are_the_roots_of_their_equation(of):
    for n in range(0, of + 1, max(1, of // 50)):
        assert wilson(n, of) == pytest.approx(oracle.bounds(n, of), abs=1e-9)


def _by_borough(found, on):
    """Parted beforehand, for the machine's sake; the second count looks at who answers once more."""
    parted = {}
    for each in found:
        parted.setdefault(oracle.answers(each["stays"], on), []).append(each)
    return parted


def _answering(stays, on):
    return next(
        (
            stay["borough"]
            for stay in reversed(stays)
            if stay["from"] <= on and (stay["to"] is None or on < stay["to"])
        ),
        None,
    )


def _contact(row):
    return Contact(
        row["kind"],
        row["on"],
        row["result"],
        row["how"],
        row["who"],
        feeding=row["fed"],
        instrument=row["tool"],
        form=row["sheet"],
        points=row["scores"],
    )


def _antenatal(mother):
    return [
        AntenatalContact(
            row["on"],
            None if row["weeks"] is None else row["weeks"] * 7 + row["days"],
            row["result"],
            row["how"],
            row["who"],
        )
        for row in mother["contacts"]
    ]


def _plain(value):
    match value:
        case Count():
            return "count", value.counted, value.unknown
        case Proportion():
            return "share", value.denominator, value.numerator, value.unknown
        case NotAssessable():
            return "none", value.reason, value.counted
