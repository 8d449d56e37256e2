"""What a machine gives a program, chance and time, given from a seed: what is made twice is made alike.

The service draws its ids from the machine's chance and its clock, and is not changed for this: two processes
that are set alike give the same ids, as long as they draw alike. `settle` is called before each thing that is
done, so that one process which has drawn more than the other is in step again at the next.
"""

import hashlib
import os
import random
import time
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Machine:
    """at: aware UTC instant that stands still between two calls of `settle`."""

    def __init__(self) -> None:
        self.at = EPOCH
        self._seed = b""
        self._drawn = 0

    def install(self) -> None:
        """For the whole process: os.urandom, with all that draws from it, and the time of day."""
        os.urandom = self.chance
        # SystemRandom, and with it `secrets`, keeps its own name for it.
        random._urandom = self.chance  # type: ignore[attr-defined]
        time.time = lambda: self.at.timestamp()
        time.time_ns = lambda: (self.at - EPOCH) // timedelta(microseconds=1) * 1000

    def settle(self, seed: str, at: datetime) -> None:
        self._seed, self._drawn, self.at = seed.encode(), 0, at

    def chance(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(b"%d %s" % (self._drawn, self._seed)).digest(size)

    def now(self) -> datetime:
        return self.at
