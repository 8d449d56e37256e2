"""A reader who wants to know: what can be found out from everything that was published of a quarter.

The reader has every version of a table: numbers by cell, None where one is withheld, "all" in each place that was added
up. It knows that what is published is the number, and that what is withheld may be any whole number from 0: the marks
of a small count and of another withheld for its sake look alike. Of two versions it knows which cells, parts or totals,
did not fall: where reviews are only added that is every cell, and where some are corrected it is more than anybody can
say who does not know the corrections. Of how it was chosen what to withhold it uses nothing.

The questions are put as integer programs over all versions together, and every answer is checked in whole numbers.
"""

import itertools
import random

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

ALL = "all"
SMALL = range(1, 8)
# So many numbers a small count must be able to be.
FEWEST = 3
# No cell is thought to hold more.
MOST = 10_000
# So often in a row histories that tell nothing new are looked at before each cell is asked for by itself.
PATIENCE = 3


def table(parts):
    """Every cell and every total of it."""
    found = {}
    for cell, count in parts.items():
        for place in _places(cell):
            found[place] = found.get(place, 0) + count
    return found


def narrowed(truths, versions):
    """The small counts that can be fewer than three numbers for all that was published.

    truths: the true table of each version by cell, parts and totals, oldest first. versions: what was published of it.
    Returns (version, cell) -> the numbers that it can be, in order.
    """
    for truth, version in zip(truths, versions, strict=True):
        for cell, shown in version.items():
            assert shown is None or shown == truth[cell], "a number was published that is not so"
    wanted = [
        (at, cell)
        for at, truth in enumerate(truths)
        for cell, count in sorted(truth.items())
        if count in SMALL
    ]
    return _Reader(truths, versions).narrowed(wanted)


def _places(cell):
    return itertools.product(*((name, ALL) for name in cell))


class _Reader:
    def __init__(self, truths, versions):
        self.versions = versions
        self.parts = [self._parts(version) for version in versions]
        self.column = {}
        for at, version in enumerate(versions):
            for cell, shown in version.items():
                if ALL not in cell and shown is None:
                    self.column[at, cell] = len(self.column)
        self.rows, self.least, self.greatest = [], [], []
        for at, version in enumerate(versions):
            for cell, shown in version.items():
                if ALL in cell and shown is not None:
                    terms, known = self._terms(at, cell)
                    self._bind(terms, shown - known, shown - known)
        for at, (before, now) in enumerate(itertools.pairwise(truths)):
            self._bind_risen(at, before, now)
        places = [
            (row, column, times) for row, terms in enumerate(self.rows) for column, times in terms.items()
        ]
        row, column, times = zip(*places, strict=True) if places else ((), (), ())
        # What is so fits what was published: one history is known to the audit before it asks.
        self.truth = np.array([truths[at][cell] for at, cell in self.column], dtype=int)
        self.matrix = csr_array((times, (row, column)), shape=(len(self.rows), len(self.column)), dtype=int)

    @staticmethod
    def _parts(version):
        """The parts of each cell."""
        found = {}
        for cell in version:
            if ALL not in cell:
                for place in _places(cell):
                    found.setdefault(place, []).append(cell)
        return found

    def _terms(self, at, cell):
        """A cell as what is not known of its parts, and the sum of what is."""
        terms, known = {}, 0
        for part in self.parts[at][cell]:
            if self.versions[at][part] is None:
                terms[self.column[at, part]] = 1
            else:
                known += self.versions[at][part]
        return terms, known

    def _bind_risen(self, at, before, now):
        """What did not fall from one true table to the next."""
        kept = before.keys() & now.keys()
        risen = {cell for cell in kept if now[cell] >= before[cell]}
        for cell in sorted(risen):
            if ALL in cell and all(part in risen for part in self.parts[at][cell]):
                # Said by its parts.
                continue
            terms, known = self._terms(at + 1, cell)
            earlier, known_before = self._terms(at, cell)
            for column in earlier:
                terms[column] = -1
            self._bind(terms, known_before - known, np.inf)

    def _bind(self, terms, least, greatest):
        if not terms:
            assert least <= 0 <= greatest, "what was published contradicts itself"
            return
        self.rows.append(terms)
        self.least.append(least)
        self.greatest.append(greatest)

    def _history(self, aim, also=None):
        """A history that fits what was published, with the least of what is aimed at; None where none fits.

        also: terms, and the number that they come to.
        """
        matrix, least, greatest = self.matrix, self.least, self.greatest
        if also is not None:
            terms, number = also
            row = csr_array(([1] * len(terms), ([0] * len(terms), list(terms))), shape=(1, len(self.column)))
            # A row by itself: it is asked for once.
            constraints = [LinearConstraint(row, number, number)]
        else:
            constraints = []
        if self.rows:
            constraints.append(LinearConstraint(matrix, least, greatest))
        weights = np.zeros(len(self.column))
        for column, weight in aim.items():
            weights[column] = weight
        # The solver has been seen to find nothing where there is something, by how it simplifies the question.
        for presolve in (True, False):
            found = milp(
                weights,
                constraints=constraints,
                integrality=np.ones(len(self.column)),
                bounds=Bounds(0, MOST),
                options={"mip_rel_gap": 0, "presolve": presolve},
            )
            assert found.status in (0, 2), found.message
            if found.x is not None:
                break
        if found.x is None:
            return None
        history = np.rint(found.x).astype(int)
        sums = matrix @ history
        assert (history >= 0).all()
        assert (sums >= np.array(least)).all()
        assert (sums <= np.array(greatest)).all()
        return history

    def narrowed(self, wanted):
        asked = {each: self._terms(*each) for each in wanted}
        # What is published as it is, or as the sum of what is, can be that number alone.
        seen = {each: set() if terms else {known} for each, (terms, known) in asked.items()}
        open_ = {each for each, (terms, _) in asked.items() if terms}

        def look(history):
            for each in list(open_):
                terms, known = asked[each]
                seen[each].add(known + sum(int(history[column]) for column in terms))
                if len(seen[each]) >= FEWEST:
                    open_.discard(each)

        look(self.truth)
        # One history tells of every cell: many are pulled at once, now up, now down.
        draw = random.Random(len(wanted))
        quiet = 0
        while open_ and quiet < PATIENCE:
            before = sum(len(seen[each]) for each in open_), len(open_)
            aim = {}
            for each in sorted(open_):
                pull = draw.choice((-1, 1)) * draw.randint(1, 9)
                for column in asked[each][0]:
                    aim[column] = aim.get(column, 0) + pull
            look(self._history(aim))
            quiet = quiet + 1 if before == (sum(len(seen[each]) for each in open_), len(open_)) else 0
        for each in sorted(open_):
            terms, known = asked[each]
            for pull in (1, -1):
                look(self._history(dict.fromkeys(terms, pull)))
            for number in range(min(seen[each]) + 1, max(seen[each])):
                if each not in open_:
                    break
                history = self._history({}, also=(terms, number - known))
                if history is not None:
                    look(history)
        return {each: sorted(numbers) for each, numbers in seen.items() if len(numbers) < FEWEST}


def population(draw):
    """A random quarter's reviews as they stood from week to week: the true counts by borough, review and class.

    Boroughs of every size, classes from nearly all to hardly any; in some populations reviews are corrected, taken out,
    or recorded in another class later, and a borough may send its first return when the quarter is well on.
    """
    weeks = draw.choice((2, 3, 3, 4, 6, 13))
    boroughs = [f"borough{number}" for number in range(draw.choice((1, 2, 2, 3, 4, 10)))]
    reviews = [f"review{number}" for number in range(draw.choice((1, 2, 3, 5)))]
    classes = "ABCDU"[: draw.choice((2, 3, 5))]
    corrected = draw.choice((0, 0, 0.02, 0.2))
    first = {each: draw.choice((0, 0, 0, 0, draw.randrange(weeks))) for each in boroughs}
    shares = [draw.choice((0.2, 1, 5, 30)) for _ in classes]
    counts = [dict.fromkeys(itertools.product(boroughs, reviews, classes), 0) for _ in range(weeks)]
    for borough, review in itertools.product(boroughs, reviews):
        each_week = draw.choice((0, 0.3, 1, 1, 4, 15))
        for week in range(weeks):
            for _ in range(_arrivals(draw, each_week)):
                stands = draw.choices(classes, shares)[0]
                for later in range(week, weeks):
                    if later > week and draw.random() < corrected / (weeks - week):
                        stands = draw.choice((*classes, None))
                    if stands is None:
                        break
                    counts[later][borough, review, stands] += 1
    told = [
        {cell: count for cell, count in each.items() if first[cell[0]] <= week}
        for week, each in enumerate(counts)
    ]
    return [each for each in told if each]


def _arrivals(draw, mean):
    """So many in one week, by Poisson's law."""
    found, gone = 0, draw.expovariate(1)
    while gone < mean:
        found += 1
        gone += draw.expovariate(1)
    return found
