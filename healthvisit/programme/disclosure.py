"""Withholding of small counts, so that no subtraction gives them back.

Counts of 1 to 7 are withheld; 0, and 8 and more, are published exactly. Totals are published beside their
parts, so a small count withheld alone would be found by taking the rest from the total: others are withheld
with it. Why this rule: docs/decisions/0003-disclosure-of-digitisation-counts.md.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product

Key = tuple[str, ...]

SMALLEST_PUBLISHED = 8
# The name of "all of them together" in each place of a key.
ALL = "all"


def with_totals(counts: Mapping[Key, int]) -> dict[Key, int]:
    """Every count and every total of a full table, ALL standing in each place that was added up.

    counts: one count for every combination of names, such as (borough, review, class).
    Raises ValueError when a combination is missing, a count is negative, or a place is named "all".
    """
    names = _names(counts)
    if len(counts) != _product(len(place) for place in names):
        raise ValueError("a combination is missing")
    if any(ALL in place for place in names) or any(count < 0 for count in counts.values()):
        raise ValueError("no count below zero, and no name but ours is all")
    totals: dict[Key, int] = {}
    for key, count in counts.items():
        for summed in product(*((name, ALL) for name in key)):
            totals[summed] = totals.get(summed, 0) + count
    return totals


def withhold(
    counts: Mapping[Key, int], *, keep: Callable[[Key], bool] = lambda _: False
) -> dict[Key, int | None]:
    """Every count and total, None where it is withheld.

    counts: as for `with_totals`. keep: what a reader needs most (such as the numerator of a rate); withheld
    only when there is no other way to hide a small count, or when it is small itself.

    For every withheld number there is another table of whole numbers, none below zero, with the same
    published numbers and another number there: so nothing can be found by any adding and taking away.
    """
    published = with_totals(counts)
    names = _names(counts)
    withheld: set[Key] = set()
    # Smallest last: what hides a larger small count often hides a smaller one too. The order must not hang on
    # a set's.
    small = sorted(
        (key for key, count in published.items() if 0 < count < SMALLEST_PUBLISHED),
        key=lambda key: (-published[key], key),
    )
    withheld.update(small)
    safe: set[Key] = set()
    for key in small:
        if key not in safe:
            safe.update(_cheapest(key, published, names, withheld | safe, keep))
    return {key: None if key in withheld or key in safe else count for key, count in published.items()}


def _cheapest(
    key: Key,
    published: Mapping[Key, int],
    names: list[list[str]],
    withheld: set[Key],
    keep: Callable[[Key], bool],
) -> frozenset[Key]:
    """The keys of the exchange that costs the reader least: fewest kept numbers, then fewest new ones, then
    smallest."""

    def cost(keys: frozenset[Key]) -> tuple[int, int, int, list[Key]]:
        new = keys - withheld
        return sum(map(keep, new)), len(new), sum(published[each] for each in new), sorted(keys)

    return min((keys for keys in _exchanges(key, published, names)), key=cost)


def _exchanges(key: Key, published: Mapping[Key, int], names: list[list[str]]) -> Iterator[frozenset[Key]]:
    """Sets of keys that can change together while everything else, and every sum, stays as it is.

    In each place either one more goes to this name and one fewer to another, which leaves the total alone; or
    one more goes to this name and so to the total. The signs multiply over the places. An exchange can be
    made when, in one of its two directions, no number falls below zero.
    """
    for steps in product(*(_steps(name, place) for name, place in zip(key, names, strict=True))):
        signs: dict[Key, int] = {}
        for corner in product(*steps):
            sign = 1
            for _, part in corner:
                sign *= part
            signs[tuple(name for name, _ in corner)] = sign
        for direction in (1, -1):
            if all(published[each] + direction * sign >= 0 for each, sign in signs.items()):
                yield frozenset(signs)
                break


def _steps(name: str, place: list[str]) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    if name == ALL:
        for other in place:
            yield (other, 1), (ALL, 1)
        return
    yield (name, 1), (ALL, 1)
    for other in place:
        if other != name:
            yield (name, 1), (other, -1)


def _names(counts: Mapping[Key, int]) -> list[list[str]]:
    """The names of each place, in order. Raises ValueError when keys differ in length, or there are none."""
    if not counts or len({len(key) for key in counts}) != 1:
        raise ValueError("no counts, or keys of different lengths")
    return [sorted(set(place)) for place in zip(*counts, strict=True)]


def _product(sizes: Iterator[int]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result
