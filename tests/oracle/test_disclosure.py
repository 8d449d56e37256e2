"""What is frozen for commissioners, held to a reader who has everything that was ever published of a quarter."""

import os
import random

from tests.oracle import disclosure as oracle
from tests.oracle.disclosure import SMALL

POPULATIONS = int(os.environ.get("HEALTHVISIT_TEST_POPULATIONS", "12"))
SEED = int(os.environ.get("HEALTHVISIT_TEST_SEED", "2021"))


def populations(count, seed=SEED):
    return [oracle.population(random.Random(f"{seed}-{number}")) for number in range(count)]


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


def test_where_small_counts_alone_are_withheld_the_reader_finds_them():
    found = 0
    for weeks in populations(POPULATIONS):
        truths = [oracle.table(counts) for counts in weeks[-1:]]
        shown = [
            {cell: None if count in SMALL else count for cell, count in truth.items()} for truth in truths
        ]
        found += bool(oracle.narrowed(truths, shown))
    assert found > POPULATIONS / 4
