"""The service's percentage, held to a second count made from raw rows."""

import pytest

from healthvisit.programme.digitisation import (
    CLASSES,
    AtTarget,
    Counts,
    boroughs_at_target,
    capture_class,
    total,
    with_return,
)
from tests.oracle import digitisation as oracle
from tests.oracle import rows
from tests.oracle.rows import CHILDREN, SEED

KINDS = ("new-birth", "six-to-eight-week", "one-year", "two-year")


@pytest.mark.parametrize("size", [10, 200, CHILDREN])
def test_both_counts_of_the_percentage_agree(size):
    found = rows.reviews(size, SEED)
    returned = rows.returns(found, SEED)
    rates, expected = {}, {}
    known = {}
    for borough in rows.BOROUGHS:
        for kind in KINDS:
            ours = [row for row in found if row["team"] == borough and row["kind"] == kind]
            reconciled = with_return(Counts.of(map(_class, ours)), returned.get((borough, kind)))
            known[borough, kind] = None if reconciled is None else reconciled.counts
        theirs = [oracle.area(found, returned, borough, kind) for kind in KINDS]
        assert [_plain(known[borough, kind]) for kind in KINDS] == theirs
        rates[borough] = _rate([known[borough, kind] for kind in KINDS])
        expected[borough] = oracle.share(theirs)
    assert rates == expected
    reporting = [borough for borough in rows.BOROUGHS if (borough, KINDS[0]) in returned]
    assert 0 < len(reporting) < 10
    whole = [oracle.area(found, returned, borough, kind) for borough in reporting for kind in KINDS]
    assert _rate([known[borough, kind] for borough in reporting for kind in KINDS]) == oracle.share(whole)
    told = [rate for rate in expected.values() if rate is not None]
    assert boroughs_at_target(rates) == AtTarget(told.count(1), len(told), 10)


def test_each_review_has_the_same_class_in_both_counts():
    found = rows.reviews(CHILDREN, SEED + 1)
    assert [_class(row) for row in found] == [oracle.letter(row) for row in found]
    # A run without one of the classes would agree too.
    assert {oracle.letter(row) for row in found} == {*CLASSES, None}


def _class(row):
    return capture_class(
        row["how"],
        contact_ended_at=row["ended"],
        recorded_at=row["typed"],
        complete=row["full"],
        outcome=row["result"],
    )


def _plain(counts):
    return None if counts is None else {class_: getattr(counts, class_) for class_ in CLASSES}


def _rate(counts):
    return None if None in counts else total(counts).rate()
