"""The way of a review from being due to being in the national return, and where most are lost on it.

Two groups of their own, each counted where its number is published, so the way has two stretches. Children: due in the
quarter, invited, attended in time. Reviews: done in the quarter by the borough's team, recorded as complete data,
recorded digitally at the point of care, in the national return. A child due may have been reviewed in an earlier quarter
or elsewhere, so nothing is said of the step from the one stretch to the other.

One way for one group was turned down: it would need counts that nobody has published yet, and beside those that are,
such as the instrument used, no proof was found that what is withheld of the one cannot be worked out from the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

Step = Literal["due", "invited", "attended", "done", "recorded", "digital", "in-return"]
# Why there is no count of a step.
Reason = Literal["withheld", "not-recorded", "not-assessable", "no-return", "no-figures"]

STRETCHES: tuple[tuple[Step, ...], ...] = (
    ("due", "invited", "attended"),
    ("done", "recorded", "digital", "in-return"),
)
STEPS: tuple[Step, ...] = tuple(step for stretch in STRETCHES for step in stretch)
# What no record of this service tells.
NOT_RECORDED: tuple[Step, ...] = ("invited", "in-return")


class Drop(NamedTuple):
    """lost: how many of those at `start` are not at `end`. of: how many stood at the beginning of the stretch."""

    start: Step
    end: Step
    lost: int
    of: int

    @property
    def share(self) -> Fraction:
        """Of the beginning of the stretch, from 0 to 1, so that stretches of different size can be compared."""
        return Fraction(self.lost, self.of)


@dataclass(frozen=True)
class Way:
    """counts: of each step, or why there is none."""

    counts: Mapping[Step, int | Reason]

    def known(self, step: Step) -> int | None:
        count = self.counts[step]
        return count if isinstance(count, int) else None

    def drops(self) -> tuple[Drop, ...]:
        """Between steps whose counts are known and that follow each other, but for a step that is not recorded: it is
        passed over. A step that is withheld is not, because what lies on either side of it is not one step."""
        return tuple(self._drops())

    def _drops(self) -> Iterator[Drop]:
        for stretch in STRETCHES:
            whole = self.known(stretch[0])
            steps = [step for step in stretch if self.counts[step] != "not-recorded"]
            for start, end in pairwise(steps):
                before, after = self.known(start), self.known(end)
                if whole and before is not None and after is not None:
                    yield Drop(start, end, before - after, whole)

    @property
    def biggest(self) -> Drop | None:
        """The one that loses the greatest share; of equal ones the first. None where nothing is lost, as far as is
        known."""
        lost = [drop for drop in self.drops() if drop.lost > 0]
        return max(lost, key=lambda drop: drop.share, default=None)

    @property
    def is_whole(self) -> bool:
        """Whether every step that is recorded at all is known."""
        return all(
            self.known(step) is not None or self.counts[step] == "not-recorded" for step in self.counts
        )
