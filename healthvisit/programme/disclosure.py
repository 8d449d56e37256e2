"""Withholding of small counts, so that neither subtraction nor an earlier version gives them back.

Counts of 1 to 7 are withheld; 0, and 8 and more, are published exactly. Totals are published beside their
parts, and earlier versions beside later ones, so a small count withheld alone would be found by taking the rest
from the total, or last week's from this week's: others are withheld with it. Why this rule:
docs/decisions/0003-disclosure-of-digitisation-counts.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise, product
from math import prod
from typing import NamedTuple

Key = tuple[str, ...]

SMALLEST_PUBLISHED = 8
# So many numbers, at the least, a small count may be for all that a reader can find out.
FEWEST_POSSIBLE = 3
# The name of "all of them together" in each place of a key.
ALL = "all"


class Frozen(NamedTuple):
    """An earlier version of a table. counts: what was counted then, as for `with_totals`. shown: what was
    published of it, None where it was withheld."""

    counts: Mapping[Key, int]
    shown: Mapping[Key, int | None]


def with_totals(counts: Mapping[Key, int]) -> dict[Key, int]:
    """Every count and every total of a full table, ALL standing in each place that was added up.

    counts: one count for every combination of names, such as (borough, review, class).
    Raises ValueError when a combination is missing, a count is negative, or a place is named "all".
    """
    names = _names(counts)
    if len(counts) != prod(len(place) for place in names):
        raise ValueError("a combination is missing")
    if any(ALL in place for place in names) or any(count < 0 for count in counts.values()):
        raise ValueError("no count below zero, and no name but ours is all")
    totals: dict[Key, int] = {}
    for key, count in counts.items():
        for summed in product(*((name, ALL) for name in key)):
            totals[summed] = totals.get(summed, 0) + count
    return totals


def withhold(
    counts: Mapping[Key, int],
    *,
    keep: Callable[[Key], bool] = lambda _: False,
    earlier: Sequence[Frozen] = (),
) -> dict[Key, int | None]:
    """Every count and total, None where it is withheld.

    counts: as for `with_totals`. keep: what a reader needs most (such as the numerator of a rate); withheld
    only when there is no other way to hide a small count, or when it is small itself. earlier: versions of the
    same table that were published before, oldest first; a name may be missing from one of them.

    Every count of 1 to 7, of this version and of each earlier one, may be FEWEST_POSSIBLE numbers at least: for
    each there are that many histories of tables of whole numbers, none below zero, that show the same published
    numbers in every version, and in which whatever rose or stood from one version to the next does so too.
    A version that cannot be shown in part is withheld whole.
    """
    versions = [
        *(_Version(with_totals(each.counts), _withheld(each.shown)) for each in earlier),
        _Version(with_totals(counts), set()),
    ]
    published, withheld = versions[-1]
    withheld.update(key for key, count in published.items() if _is_small(count))
    history = _History(versions, tuple(tuple(place) for place in _names(counts)), keep)
    if not all(history.hides(at, key) for at, key in _small(versions)):
        withheld.update(published)
    return {key: None if key in withheld else count for key, count in published.items()}


class _Version(NamedTuple):
    counts: dict[Key, int]
    withheld: set[Key]


# Keys that change together while every sum holds, and which way each goes.
_Exchange = tuple[tuple[Key, int], ...]
# How one version might be other than it is: an exchange, made so many times over.
_Change = tuple[_Exchange, int]
_TIMES = (1, -1, 2, -2)
# What a reader loses by what is withheld besides: kept numbers, numbers, and their sum.
_Price = tuple[int, int, int]
_FREE: _Price = (0, 0, 0)


class _Tale(NamedTuple):
    """A history that might as well be true. changes: by version; the others are as they are. new: what the last
    version must withhold besides, so that it might; price: of that."""

    changes: dict[int, _Change]
    new: frozenset[Key] = frozenset()
    price: _Price = _FREE


class _History:
    """The versions of a table, the last of which is still to be published."""

    def __init__(
        self,
        versions: Sequence[_Version],
        names: tuple[tuple[str, ...], ...],
        keep: Callable[[Key], bool],
    ) -> None:
        self._versions, self._names, self._keep = versions, names, keep
        self._last = len(versions) - 1
        # By how much each count rose since the version before; what fell, or is new, is not in it.
        self._rose: list[dict[Key, int]] = [{}]
        for before, now in pairwise(versions):
            self._rose.append(
                {
                    key: count - before.counts[key]
                    for key, count in now.counts.items()
                    if count >= before.counts.get(key, count + 1)
                }
            )
        self._corners: dict[tuple[Key, int], tuple[Key, int]] = {}
        self._exchanges: dict[Key, list[_Exchange]] = {}
        self._open: dict[tuple[int, Key], list[_Exchange]] = {}
        self._prices: dict[_Exchange, _Price] = {}
        self._told: dict[tuple[int, int, _Change], _Tale | None] = {}
        # By version and key, what a count might be beyond what it is.
        self._beyond: dict[tuple[int, Key], set[int]] = {}

    def hides(self, at: int, key: Key) -> bool:
        """Whether a count may be enough numbers, once the last version withholds what that takes."""
        beyond = self._beyond.setdefault((at, key), {0})
        while len(beyond) < FEWEST_POSSIBLE:
            tales = self._cheapest(at, key, beyond)
            if not tales:
                return False
            for tale in tales:
                self._withhold(tale.new)
                for version, (exchange, times) in tale.changes.items():
                    for each, sign in exchange:
                        self._beyond.setdefault((version, each), {0}).add(sign * times)
        return True

    def _withhold(self, new: frozenset[Key]) -> None:
        if new:
            self._versions[-1].withheld.update(new)
            # What is withheld now costs nothing more; what cost nothing, or could not be, stands.
            self._prices.clear()
            self._told = {known: told for known, told in self._told.items() if told is None or not told.new}

    def _cheapest(self, at: int, key: Key, beyond: set[int]) -> list[_Tale]:
        """The tales of the exchange that costs the reader least: one that says enough by itself before one that needs
        another beside it, where neither takes a kept number more."""
        best: list[_Tale] = []
        least: tuple[int, ...] | None = None
        for exchange in self._open_to(at, key):
            if least is not None and at == self._last and _cost(0, self._price(exchange)) >= least:
                continue
            tales = [
                tale
                for times in _TIMES
                if times not in beyond and (tale := self._tale(at, (exchange, times))) is not None
            ]
            # What is free is taken whole, and of what costs something no more than is needed.
            tales = sorted(tales, key=lambda tale: tale.price)[: FEWEST_POSSIBLE - len(beyond)]
            if not tales:
                continue
            new = frozenset[Key]().union(*(tale.new for tale in tales))
            cost = _cost(FEWEST_POSSIBLE - len(beyond) - len(tales), self._price_of(new))
            if least is None or cost < least:
                best, least = tales, cost
            if cost == _cost(0, _FREE):
                break
        return best

    def _tale(self, at: int, change: _Change) -> _Tale | None:
        """The cheapest tale in which a version is changed like this, if there is one."""
        if not self._may_stand(at, change):
            return None
        before = self._beside(at, change, -1)
        after = None if before is None else self._beside(at, change, 1)
        if before is None or after is None:
            return None
        here = self._changed(at, change)
        return _Tale(
            before.changes | here.changes | after.changes, here.new | after.new, max(here.price, after.price)
        )

    def _changed(self, at: int, change: _Change) -> _Tale:
        if at < self._last:
            return _Tale({at: change})
        withheld = self._versions[-1].withheld
        new = frozenset(each for each, _ in change[0] if each not in withheld)
        return _Tale({at: change}, new, self._price(change[0]))

    def _beside(self, at: int, change: _Change, step: int) -> _Tale | None:
        """The rest of a tale, before a version (step -1) or after it (1), that goes with a change of it."""
        known = at, step, change
        if known not in self._told:
            self._told[known] = self._sought(at, change, step)
        return self._told[known]

    def _sought(self, at: int, change: _Change, step: int) -> _Tale | None:
        beside = at + step
        if not 0 <= beside <= self._last:
            return _Tale({})
        rose = self._rose[max(at, beside)]
        stuck = next(
            (
                (each, sign * change[1])
                for each, sign in change[0]
                if each in rose and rose[each] < step * sign * change[1]
            ),
            None,
        )
        if stuck is None:
            # From here on all may be as it is.
            return _Tale({})
        key, more = stuck
        far = [times for times in _TIMES if rose[key] + step * (times - more) >= 0]
        # The same again is the likeliest; else whatever gives way where this one may not.
        others = ((exchange, times) for exchange in self._open_to(beside, key) for times in far)
        best: _Tale | None = None
        for other in chain((change,) if self._is_open(beside, change[0]) else (), others):
            if best is not None and beside == self._last and self._price(other[0]) >= best.price:
                continue
            pair = (change, other) if step == 1 else (other, change)
            if not self._may_stand(beside, other) or not self._may_turn(max(at, beside), *pair):
                continue
            rest = self._beside(beside, other, step)
            if rest is None:
                continue
            here = self._changed(beside, other)
            price = max(here.price, rest.price)
            if best is None or price < best.price:
                best = _Tale(here.changes | rest.changes, here.new | rest.new, price)
            if price == _FREE:
                break
        return best

    def _exchanges_of(self, key: Key) -> list[_Exchange]:
        """Sets of keys that can change together while everything else, and every sum, stays as it is; this one by
        one more.

        In each place either one more goes to this name and one fewer to another, which leaves the total alone;
        or one more goes to this name and so to the total. The signs multiply over the places.
        """
        found = self._exchanges.get(key)
        if found is None:
            ways = [_steps(name, place) for name, place in zip(key, self._names, strict=True)]
            found = self._exchanges[key] = [self._exchange(steps) for steps in product(*ways)]
        return found

    def _exchange(self, steps: Iterable[tuple[tuple[str, int], ...]]) -> _Exchange:
        corners: list[tuple[Key, int]] = [((), 1)]
        for step in steps:
            corners = [((*key, name), sign * way) for key, sign in corners for name, way in step]
        # A large table has a hundred thousand exchanges of few corners: each is kept once.
        return tuple(self._corners.setdefault(corner, corner) for corner in corners)

    def _open_to(self, at: int, key: Key) -> list[_Exchange]:
        """The exchanges of a key that a version does not rule out by what it shows."""
        found = self._open.get((at, key))
        if found is None:
            found = self._open[at, key] = [
                each for each in self._exchanges_of(key) if self._is_open(at, each)
            ]
        return found

    def _is_open(self, at: int, exchange: _Exchange) -> bool:
        withheld = self._versions[at].withheld
        return at == self._last or all(each in withheld for each, _ in exchange)

    def _may_stand(self, at: int, change: _Change) -> bool:
        counts, (exchange, times) = self._versions[at].counts, change
        return all(each in counts and counts[each] + sign * times >= 0 for each, sign in exchange)

    def _may_turn(self, at: int, before: _Change, now: _Change) -> bool:
        """Whether what rose or stood since the version before would still do so."""
        if before == now:
            return True
        rose = self._rose[at]
        left: dict[Key, int] = {}
        for way, (exchange, times) in ((-1, before), (1, now)):
            for each, sign in exchange:
                if each in rose:
                    left[each] = left.get(each, rose[each]) + way * sign * times
        return all(count >= 0 for count in left.values())

    def _price(self, exchange: _Exchange) -> _Price:
        found = self._prices.get(exchange)
        if found is None:
            found = self._prices[exchange] = self._price_of(each for each, _ in exchange)
        return found

    def _price_of(self, keys: Iterable[Key]) -> _Price:
        published, withheld = self._versions[-1]
        new = [each for each in keys if each not in withheld]
        return sum(map(self._keep, new)), len(new), sum(published.get(each, 0) for each in new)


def _cost(lacking: int, price: _Price) -> tuple[int, ...]:
    kept, *others = price
    return kept, lacking, *others


def _withheld(shown: Mapping[Key, int | None]) -> set[Key]:
    return {key for key, count in shown.items() if count is None}


def _is_small(count: int) -> bool:
    return 0 < count < SMALLEST_PUBLISHED


def _small(versions: Sequence[_Version]) -> Iterator[tuple[int, Key]]:
    """Every small count: those of the earliest version first, for what hides them is chosen already. Within
    one, smallest last: what hides a larger one often hides a smaller one too. The order must not hang on a
    set's."""
    for at, version in enumerate(versions):
        small = [key for key, count in version.counts.items() if _is_small(count)]
        for key in sorted(small, key=lambda key: (-version.counts[key], key)):
            yield at, key


def _steps(name: str, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
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
