from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthvisit.programme.disclosure import ALL, SMALLEST_PUBLISHED, with_totals, withhold


def _table(names, numbers):
    return dict(zip(product(*names), numbers, strict=True))


@st.composite
def tables(draw, sizes, most):
    names = [
        [f"{place}{number}" for number in range(draw(size))]
        for place, size in zip("abc", sizes, strict=False)
    ]
    keys = list(product(*names))
    return _table(names, [draw(st.integers(0, most)) for _ in keys])


def _adds_up_in(key, cell):
    return all(place in (ALL, own) for place, own in zip(key, cell, strict=True))


def _possible(counts, published):
    """Every table of whole numbers from 0 that shows the same published numbers: found by trying them all."""
    inner = sorted(counts)
    hidden = [key for key in inner if published[key] is None]
    grand = sum(counts.values())
    sums = {
        key: [
            cell for cell in inner if all(place in (ALL, own) for place, own in zip(key, cell, strict=True))
        ]
        for key, count in published.items()
        if ALL in key and count is not None
    }
    remaining = {key: published[key] - sum(published[c] or 0 for c in cells) for key, cells in sums.items()}
    of_cell = {cell: [key for key, cells in sums.items() if cell in cells] for cell in hidden}
    last = {
        key: max((hidden.index(c) for c in cells if c in of_cell), default=-1) for key, cells in sums.items()
    }

    def fill(place, chosen):
        if place == len(hidden):
            yield dict(chosen)
            return
        cell = hidden[place]
        most = min([remaining[key] for key in of_cell[cell]], default=grand + 2)
        for value in range(most + 1):
            for key in of_cell[cell]:
                remaining[key] -= value
            if all(remaining[key] == 0 for key in of_cell[cell] if last[key] == place):
                yield from fill(place + 1, [*chosen, (cell, value)])
            for key in of_cell[cell]:
                remaining[key] += value

    for found in fill(0, []):
        yield with_totals({**counts, **found})


def _assert_nothing_found(counts):
    published = withhold(counts)
    true = with_totals(counts)
    assert published.keys() == true.keys()
    hidden = {key for key, count in published.items() if count is None}
    for key, count in published.items():
        assert count in (None, true[key])
        assert key in hidden or count == 0 or count >= SMALLEST_PUBLISHED
    unsure = set()
    for table in _possible(counts, published):
        unsure |= {key for key in hidden if table[key] != true[key]}
        if unsure == hidden:
            return
    assert unsure == hidden


@settings(max_examples=60)
@given(tables([st.integers(1, 5)], 12))
def test_no_number_of_one_row_is_found_by_trying_every_possibility(counts):
    _assert_nothing_found(counts)


@settings(max_examples=60)
@given(tables([st.integers(1, 3), st.integers(1, 3)], 9))
def test_no_number_of_a_table_is_found_by_trying_every_possibility(counts):
    _assert_nothing_found(counts)


@settings(max_examples=25)
@given(tables([st.integers(1, 2), st.integers(1, 2), st.integers(1, 2)], 9))
def test_no_number_of_a_table_in_three_ways_is_found_by_trying_every_possibility(counts):
    _assert_nothing_found(counts)


def _determined(published, true):
    """Withheld numbers that adding and taking away gives back: those fixed by the sums of the table."""
    hidden = sorted(key for key, count in published.items() if count is None)
    rows = []
    for key in published:
        for place, name in enumerate(key):
            if name != ALL:
                continue
            before, after = key[:place], key[place + 1 :]
            parts = [each for each in published if each[:place] == before and each[place + 1 :] == after]
            row = [Fraction(0)] * len(hidden)
            for part in parts:
                if published[part] is None:
                    row[hidden.index(part)] += -1 if part == key else 1
            rows.append(row)
    pivots = {}
    for row in rows:
        for column, pivot in pivots.items():
            if row[column]:
                row = [a - row[column] * b for a, b in zip(row, pivot, strict=True)]
        column = next((c for c, value in enumerate(row) if value), None)
        if column is None:
            continue
        row = [value / row[column] for value in row]
        pivots = {
            c: [a - other[column] * b for a, b in zip(other, row, strict=True)] for c, other in pivots.items()
        }
        pivots[column] = row
    return [hidden[c] for c, row in pivots.items() if sum(1 for value in row if value) == 1]


@settings(max_examples=8)
@given(st.lists(st.sampled_from([0, 0, 1, 3, 5, 9, 40, 200]), min_size=32, max_size=32))
def test_no_subtraction_gives_back_a_number_of_a_large_table(numbers):
    names = [[f"borough{n}" for n in range(4)], [f"review{n}" for n in range(2)], list("ABCD")]
    counts = _table(names, numbers)
    published = withhold(counts)
    assert _determined(published, with_totals(counts)) == []


def test_counts_without_a_small_one_are_published_whole():
    counts = _table([["bolton", "bury"], ["A", "D"]], [100, 0, 8, 20])
    assert withhold(counts) == with_totals(counts)


def test_a_small_count_is_withheld_with_others_that_would_give_it_back():
    counts = _table([["bolton", "bury"], ["A", "B", "D"]], [100, 30, 5, 90, 20, 25])
    published = withhold(counts)
    hidden = {key for key, count in published.items() if count is None}
    assert hidden == {("bolton", "D"), ("bolton", "B"), ("bury", "D"), ("bury", "B")}
    assert published["all", "D"] == 30


def test_what_a_reader_needs_most_is_kept_when_another_way_hides_as_well():
    counts = _table([["bolton", "bury"], ["A", "B", "D"]], [10, 30, 5, 10, 20, 25])
    assert withhold(counts)["bolton", "A"] is None
    kept = withhold(counts, keep=lambda key: key[-1] in ("A", ALL))
    assert kept["bolton", "D"] is None
    assert all(kept[borough, name] is not None for borough in ("bolton", "bury", ALL) for name in ("A", ALL))


def test_the_same_counts_are_withheld_alike_every_time():
    counts = _table([["x", "y", "z"], ["A", "B", "D"]], [3, 3, 3, 3, 9, 9, 3, 9, 9])
    assert withhold(counts) == withhold(dict(reversed(counts.items())))


def test_totals_stand_for_every_place_and_all_of_them():
    totals = with_totals(_table([["bolton", "bury"], ["A", "D"]], [1, 2, 3, 4]))
    assert totals["all", "A"] == 4
    assert totals["bury", "all"] == 7
    assert totals["all", "all"] == 10


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {("a",): 1, ("a", "b"): 2},
        {("a", "x"): 1, ("b", "y"): 2},
        {("a",): -1},
        {("all",): 1},
    ],
)
def test_a_table_that_is_not_full_is_refused(counts):
    with pytest.raises(ValueError, match=r"count|key|combination"):
        withhold(counts)
