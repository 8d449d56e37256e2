"""Whether the time of an answer tells that something hidden is there: paired timings, hidden against never there.

    scripts/probe --timing N [--database URL]

asks N pairs of each kind. Of each pair one request names what stands in another borough, the other what stands
nowhere; which comes first is drawn by lot. Prints the medians and Mann-Whitney's test, and ends with 1 where the medians
differ by more than 5 per cent and 2 ms and chance is no likely reason (threats A21).
"""

import math
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from healthvisit import definitions as the_definitions
from healthvisit.config import packaged
from healthvisit.database import Database
from tests.flows.demonstration import App, Demonstration, fill

CHILDREN = 60
SHARE, LEAST_S, CHANCE = 0.05, 0.002, 0.001


class Timed(NamedTuple):
    """Medians in seconds of requests for what is hidden, and for what is nowhere. chance: that the two differ as much
    or more where time tells nothing."""

    kind: str
    hidden_s: float
    nowhere_s: float
    chance: float

    @property
    def tells(self) -> bool:
        apart = abs(self.hidden_s - self.nowhere_s)
        return apart > LEAST_S and apart > SHARE * self.nowhere_s and self.chance < CHANCE


def by_chance(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided p of the Mann-Whitney U test, by its normal approximation; for samples of twenty or more.

    Source: Mann and Whitney, Annals of Mathematical Statistics 18 (1947) 50-60.
    """
    ranked = sorted((value, which) for which, values in enumerate((one, other)) for value in values)
    ranks = 0.0
    at = 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        # What is equal shares the mean of its ranks.
        ranks += (at + 1 + end) / 2 * sum(which == 0 for _, which in ranked[at:end])
        at = end
    m, n = len(one), len(other)
    u = ranks - m * (m + 1) / 2
    spread = math.sqrt(m * n * (m + n + 1) / 12)
    return math.erfc(abs(u - m * n / 2) / spread / math.sqrt(2))


def kinds(app: App, hidden: dict[str, str]) -> dict[str, Callable[[bool], object]]:
    """What is asked, by whether what is named stands somewhere. hidden: an id of each type, in another borough."""

    def one(type_: str, is_there: bool) -> str:
        return hidden[type_] if is_there else str(uuid.uuid4())

    return {
        "read": lambda is_there: app.get(f"/fhir/Patient/{one('Patient', is_there)}"),
        "vread": lambda is_there: app.get(f"/fhir/Encounter/{one('Encounter', is_there)}/_history/1"),
        "history": lambda is_there: app.get(f"/fhir/Patient/{one('Patient', is_there)}/_history"),
        "search by id": lambda is_there: app.get(f"/fhir/Patient?_id={one('Patient', is_there)}"),
        "search by patient": lambda is_there: app.get(
            f"/fhir/Observation?patient={one('Patient', is_there)}"
        ),
        "chain": lambda is_there: app.get(
            f"/fhir/Observation?subject:Patient._id={one('Patient', is_there)}&_total=accurate"
        ),
        "everything": lambda is_there: app.get(f"/fhir/Patient/{one('Patient', is_there)}/$everything"),
        "delete": lambda is_there: app.client.delete(
            f"/fhir/Encounter/{one('Encounter', is_there)}", headers=app.headers
        ),
    }


def timed(copy: Callable[[Path], str], folder: Path, count: int, *, seed: int) -> list[Timed]:
    """copy: makes a database with the definitions in a folder, and tells its URL. count: pairs of each kind."""
    found = packaged("fhir")
    definitions = the_definitions.load(found, found / "packs" / "practice")
    own = folder / "timed"
    own.mkdir()
    url = copy(own)
    database = Database(url)
    fill(database, definitions, folder / "timing secrets", children=CHILDREN)
    database.dispose()
    demonstration = Demonstration(url, folder / "timing secrets")
    bury, salford = demonstration.staff_app("bury"), demonstration.staff_app("salford")
    hidden = {"Patient": demonstration.a_child(salford), "Encounter": salford.found("Encounter")[0]["id"]}
    random = Random(seed)
    result = []
    for kind, ask in kinds(bury, hidden).items():
        times: dict[bool, list[float]] = {True: [], False: []}
        for number in range(count + 20):
            for is_there in random.sample((True, False), 2):
                begun = time.perf_counter()
                ask(is_there)
                # The first of them also compile what they ask.
                if number >= 20:
                    times[is_there].append(time.perf_counter() - begun)
        chance = by_chance(times[True], times[False])
        result.append(Timed(kind, median(times[True]), median(times[False]), chance))
    demonstration.database.dispose()
    return result
