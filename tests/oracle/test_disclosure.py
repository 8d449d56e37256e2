"""What is frozen for commissioners, held to a reader who has everything that was ever published of a quarter.

HEALTHVISIT_TEST_POPULATIONS sets how many random quarters are read (scripts/disclosure), HEALTHVISIT_TEST_SEED from
which number they are drawn.
"""

import os
import random

import pytest

from healthvisit.programme.disclosure import Frozen, withhold
from tests.oracle import disclosure as oracle
from tests.oracle.disclosure import ALL, SMALL

POPULATIONS = int(os.environ.get("HEALTHVISIT_TEST_POPULATIONS", "16"))
SEED = int(os.environ.get("HEALTHVISIT_TEST_SEED", "2021"))
AT_ONCE = 4
# What a reader needs most: nothing more than the rest, or the parts of each rate, as in reviews/quarter.py.
KEPT = (lambda _: False, lambda cell: cell[-1] in ("A", ALL))


def population(number):
    return oracle.population(random.Random(f"{SEED}-{number}"))


def published(weeks, keep, *, told=True):
    """A quarter as it is frozen week after week. told: what was frozen before is looked at."""
    found = []
    for number, counts in enumerate(weeks):
        earlier = [Frozen(*each) for each in zip(weeks[:number], found, strict=True)] if told else []
        found.append(withhold(counts, keep=keep, earlier=earlier))
    return found


def narrowed(weeks, shown):
    return oracle.narrowed([oracle.table(counts) for counts in weeks], shown)


@pytest.mark.parametrize("first", range(0, POPULATIONS, AT_ONCE))
def test_no_small_count_of_any_week_is_told_by_all_that_was_published(first):
    looked_at = 0
    for number in range(first, min(first + AT_ONCE, POPULATIONS)):
        weeks = population(number)
        looked_at += sum(count in SMALL for counts in weeks for count in oracle.table(counts).values())
        assert narrowed(weeks, published(weeks, KEPT[number % 2])) == {}, f"population {number}"
    assert looked_at


def test_where_small_counts_alone_are_withheld_the_reader_finds_them():
    found = 0
    for number in range(12):
        truth = oracle.table(population(number)[-1])
        shown = {cell: None if count in SMALL else count for cell, count in truth.items()}
        found += bool(oracle.narrowed([truth], [shown]))
    assert found >= 3


def test_where_each_week_is_withheld_by_itself_the_reader_sets_one_beside_the_other():
    found = 0
    for number in range(6):
        weeks = population(number)[-3:]
        shown = published(weeks, KEPT[number % 2], told=False)
        by_themselves = [narrowed([counts], [each]) for counts, each in zip(weeks, shown, strict=True)]
        assert by_themselves == [{}] * len(weeks)
        found += bool(narrowed(weeks, shown))
    assert found


def _table(a, b):
    return oracle.table({("a",): a, ("b",): b})


def _narrowed(*versions):
    """Versions of a table of two counts and their total: what each is, and which are withheld."""
    shown = [
        {cell: None if cell[0] in withheld else count for cell, count in truth.items()}
        for truth, withheld in versions
    ]
    return oracle.narrowed([truth for truth, _ in versions], shown)


def test_the_reader_takes_what_is_shown_from_the_total():
    assert _narrowed((_table(3, 20), "a")) == {(0, ("a",)): [3]}
    assert _narrowed((_table(3, 20), "ab")) == {}


def test_the_reader_knows_that_no_count_is_below_nothing():
    assert _narrowed((_table(1, 0), "ab")) == {(0, ("a",)): [0, 1], (0, ("all",)): [1]}


def test_the_reader_sets_an_earlier_version_beside_a_later_one():
    first = _table(7, 10), "ab"
    assert _narrowed(first, (_table(8, 10), "")) == {(0, ("a",)): [7, 8]}
    assert _narrowed(first, (_table(9, 10), "")) == {}
    # What fell tells nothing of what it was before.
    assert _narrowed(first, (_table(8, 9), "")) == {}
