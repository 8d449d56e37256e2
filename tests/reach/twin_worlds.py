"""Twin worlds: what a caller may not see makes no difference to any byte of any answer.

Two worlds are equal but for what the caller may not see (families.twin). Each is served by a process of its own
(served.py) that is given the same chance and the same time, is asked the same, and must answer the same: status,
headers and body. What is written is written in both, and the trial goes on with it.

    scripts/probe --count N [--seed S] [--database URL] [--results FILE]

asks N requests of each world, by fourteen kinds of caller in turn, and ends with 1 where an answer differed or the
service failed, or where it is long enough to visit every cell and did not.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from healthvisit import definitions as the_definitions
from healthvisit.accounts import keys
from healthvisit.config import packaged
from healthvisit.database import Database
from healthvisit.exact_json import JSON, loads
from healthvisit.record import record as the_record
from tests import builders, conftest
from tests.conftest import Copy
from tests.reach import latency, served
from tests.reach.questions import Cell, Questions
from tests.reach.served import CALLERS, Answered, Asked, Caller, Fault, Told

# Of each batch so many requests are of cells that the caller may do most with, of each sort.
BATCH, OFTEN = 40, 5
SERVER = "HEALTHVISIT_TEST_DATABASE"
# Nothing here is worth a disk: where there is a folder in memory, SQLite works there.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@dataclass
class Difference:
    caller: str
    number: int
    cell: Cell
    asked: Asked
    answers: tuple[Answered, Answered]

    def told(self) -> str:
        one, other = self.answers
        where = next(
            (at for at, (a, b) in enumerate(zip(one.body, other.body, strict=False)) if a != b),
            min(len(one.body), len(other.body)),
        )
        lines = [
            f"{self.caller}, request {self.number}, {' '.join(filter(None, self.cell))}",
            f"  {self.asked.method} {self.asked.path}?{self.asked.query}",
            f"  {self.asked.headers} {self.asked.body[:600]!r}",
        ]
        for answer, numbered in ((one, other), (other, one)):
            only = [each for each in answer.headers if each not in numbered.headers]
            lines.append(f"  {answer.status} {only} ...{answer.body[max(0, where - 60) : where + 100]!r}...")
        return "\n".join(lines)


@dataclass
class Result:
    """cells: how often each was asked, by all callers. every: all cells there are. statuses: of the first world."""

    seed: int
    database: str
    count: int = 0
    seconds: float = 0
    cells: Counter[Cell] = field(default_factory=Counter)
    every: set[Cell] = field(default_factory=set)
    statuses: Counter[str] = field(default_factory=Counter)
    by_caller: dict[str, Counter[str]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    # What the service could not answer, alike in both worlds or not.
    faults: list[Difference] = field(default_factory=list)

    @property
    def unvisited(self) -> list[Cell]:
        return sorted(self.every - self.cells.keys())

    def json(self) -> JSON:
        return {
            "seed": self.seed,
            "database": self.database,
            "requests": self.count,
            "seconds": round(self.seconds),
            "statuses": dict(sorted(self.statuses.items())),
            "callers": {name: dict(sorted(found.items())) for name, found in self.by_caller.items()},
            "cells": len(self.every),
            "unvisited": [list(cell) for cell in self.unvisited],
            "differences": [each.told() for each in self.differences],
            "faults": [each.told() for each in self.faults],
            "visits": [[*cell, self.cells[cell]] for cell in sorted(self.every)],
        }


class Side:
    """The process of one of the two worlds."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=served.serve, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def send(self, what: str, given: Any) -> None:
        self.pipe.send((what, given))

    def receive(self) -> Any:
        found = self.pipe.recv()
        if isinstance(found, Fault):
            raise RuntimeError(found.trace)
        return found

    def end(self) -> None:
        self.pipe.send(None)
        self.process.join()
        self.pipe.close()


class First(NamedTuple):
    """The first world, which is the same for every caller and is written once. ids: by the name of a paper."""

    copy: Copy
    ids: dict[str, str]


@contextmanager
def first_world(side: Side, folder: Path) -> Iterator[First]:
    ids: dict[str, str] = {}

    def write(opened: Database) -> None:
        furnish(opened)
        opened.dispose()
        side.send("write", opened.engine.url.render_as_string(hide_password=False))
        ids.update(side.receive())

    own = Path(tempfile.mkdtemp(dir=folder))
    with contextmanager(conftest._template)(own, write) as copy:
        yield First(copy, ids)


class Pair:
    """The twin worlds of one caller after the other."""

    def __init__(self, copy: Copy, folder: Path) -> None:
        # copy: of a database with this version's tables and the definitions.
        self.copy, self.folder = copy, folder
        keys.ensure(folder / "secrets")
        self.sides = (Side(), Side())

    def __enter__(self) -> "Pair":
        with ExitStack() as stack:
            for side in self.sides:
                stack.callback(side.end)
            self.first = stack.enter_context(first_world(self.sides[0], self.folder))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def open(self, caller: str, seed: int) -> tuple[Told, Told]:
        given = (self.first, (self.copy, None))
        for number, (side, (copy, ids)) in enumerate(zip(self.sides, given, strict=True), 1):
            own = Path(tempfile.mkdtemp(dir=self.folder))
            side.send("open", (copy(own), ids, self.folder, caller, seed, number))
        one, other = (side.receive() for side in self.sides)
        return one, other

    def ask(self, asked: Sequence[Asked]) -> list[tuple[Answered, Answered]]:
        for side in self.sides:
            side.send("ask", asked)
        return list(zip(*(side.receive() for side in self.sides), strict=True))


class Probe:
    """One trial. callers: who asks; each as often as the others."""

    def __init__(
        self, pair: Pair, *, seed: int, database: str, callers: Sequence[str] = tuple(CALLERS)
    ) -> None:
        self.pair, self.callers = pair, callers
        self.result = Result(seed, database)

    def run(self, count: int, *, tell: Callable[[str], None] = lambda _: None, stop: bool = False) -> Result:
        """stop: at the first batch with a difference."""
        begun = time.monotonic()
        share = -(-count // len(self.callers))
        for number, name in enumerate(self.callers):
            told, failed = len(self.result.differences), len(self.result.faults)
            self._by(CALLERS[name], number, min(share, count - self.result.count), stop)
            self.result.seconds = time.monotonic() - begun
            tell(
                f"{name}: {self.result.count} of {count} requests, {len(self.result.differences)} differences, "
                f"{self.result.count / self.result.seconds:.0f} a second"
            )
            # A trial of an hour that breaks off has told what it found until then.
            for difference in self.result.differences[told:][:5] + self.result.faults[failed:][:5]:
                tell(difference.told())
            if stop and self.result.differences:
                break
        return self.result

    def _by(self, caller: Caller, number: int, count: int, stop: bool) -> None:
        seed = self.result.seed
        random = Random(f"{seed} {caller.name}")
        worlds = self.pair.open(caller.name, seed)
        statuses = self.result.by_caller.setdefault(caller.name, Counter())
        questions = self._questions(worlds, random)
        self.result.every.update(questions.cells)
        # Callers begin at different places of the same round, so that together they visit every cell soon.
        order = sorted(questions.cells)
        Random(seed).shuffle(order)
        at = number * len(order) // len(self.callers)
        asked = 0
        while asked < count:
            most = min(BATCH, count - asked)
            cells = [random.choice(often) for often in questions.often for _ in range(OFTEN)][: most // 2]
            kept = most - len(cells)
            cells += [order[(at + step) % len(order)] for step in range(kept)]
            at += kept
            batch = [questions.ask(cell) for cell in cells]
            for cell, question, answers in zip(cells, batch, self.pair.ask(batch), strict=True):
                self.result.cells[cell] += 1
                statuses[answers[0].status[:3]] += 1
                self.result.statuses[answers[0].status[:3]] += 1
                pair = Difference(caller.name, self.result.count, cell, question, answers)
                if answers[0] != answers[1]:
                    self.result.differences.append(pair)
                if any(answer.status.startswith("500") for answer in answers):
                    self.result.faults.append(pair)
                questions.look(cell, answers[0])
                asked += 1
                self.result.count += 1
            if stop and self.result.differences:
                return

    def _questions(self, worlds: tuple[Told, Told], random: Random) -> Questions:
        told = [
            loads(one.body)
            for one, _ in self.pair.ask(
                [Asked(0, "GET", "/fhir/metadata"), Asked(0, "GET", "/openapi.json", credential="")]
            )
        ]
        offers = Asked(0, "GET", "/fhir/$transfers")
        ((listed, _),) = self.pair.ask([offers])
        types = [each["type"] for each in told[0]["rest"][0]["resource"]]
        searches = [Asked(0, "GET", f"/fhir/{type_}", "_count=1000") for type_ in types]
        seen, open_types = set(), set()
        for asked, answers in zip(searches, self.pair.ask(searches), strict=True):
            body = loads(answers[0].body)
            if answers[0].status.startswith("200"):
                open_types.add(asked.path.rpartition("/")[2])
            seen |= {each["resource"]["id"] for each in body.get("entry", ())}
            if answers[0] != answers[1]:
                cell = Cell(asked.path.rpartition("/")[2], "search-type")
                self.result.differences.append(Difference("", 0, cell, asked, answers))
        return Questions(told[0], told[1], worlds, seen, open_types, random, coming(listed))


def coming(listed: Answered) -> set[str]:
    """Ids of the offers in an answer to $transfers."""
    return {
        part["valueString"]
        for each in loads(listed.body).get("parameter", ())
        for part in each["part"]
        if part["name"] == "id"
    }


# By hand


@contextmanager
def copies(folder: Path, database: str | None) -> Iterator[Copy]:
    """database: URL of a PostgreSQL server; None for SQLite."""
    if database is None:
        os.environ.pop(SERVER, None)
    else:
        os.environ[SERVER] = database
    yield from conftest._template(folder, furnish)


def furnish(opened: Database) -> None:
    """This version's tables and the definitions."""
    conftest.migrate(opened)
    found = packaged("fhir")
    definitions = the_definitions.load(found, found / "packs" / "practice")
    service = builders.a_requester("service")
    with the_record.opened(opened, service, definitions=definitions, at=builders.NOW, writing=True) as record:
        record.load_definitions(definitions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="requests of each world")
    parser.add_argument("--seed", type=int, default=2021)
    parser.add_argument("--database", help="URL of a PostgreSQL server; SQLite without it")
    parser.add_argument("--results", type=Path, default=Path("build/probe.json"), help="file that is written")
    parser.add_argument("--callers", default=",".join(CALLERS), help="which kinds of caller, with commas")
    parser.add_argument("--stop", action="store_true", help="at the first difference")
    parser.add_argument("--timing", type=int, metavar="N", help="time N pairs of each kind instead")
    asked = parser.parse_args()
    if asked.timing:
        sys.exit(_timing(asked.timing, asked.seed, asked.database))
    name = "PostgreSQL" if asked.database else "SQLite"
    print(f"seed {asked.seed}, {asked.count} requests on {name}", flush=True)
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as where,
        copies(Path(where), asked.database) as copy,
        Pair(copy, Path(where)) as pair,
    ):
        probe = Probe(pair, seed=asked.seed, database=name, callers=asked.callers.split(","))
        result = probe.run(asked.count, tell=lambda text: print(text, flush=True), stop=asked.stop)
    asked.results.parent.mkdir(exist_ok=True)
    asked.results.write_text(json.dumps(result.json(), indent=1) + "\n")
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(result.statuses.items()))
    print(
        f"{result.count} requests of each world in {result.seconds:.0f} s: {statuses}\n"
        f"{len(result.every) - len(result.unvisited)} of {len(result.every)} cells visited, "
        f"{len(result.differences)} answers differed, {len(result.faults)} were faults; written to {asked.results}"
    )
    # Half of the requests go round all cells.
    is_full = asked.count >= 2 * len(result.every) and asked.callers == ",".join(CALLERS)
    sys.exit(bool(result.differences or result.faults) or (is_full and bool(result.unvisited)))


def _timing(count: int, seed: int, database: str | None) -> bool:
    """Whether the time of an answer tells that something is there."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as where, copies(Path(where), database) as copy:
        told = latency.timed(copy, Path(where), count, seed=seed)
    print(f"{count} pairs of each, seed {seed}")
    for each in told:
        print(
            f"{each.kind:>18}: hidden {each.hidden_s * 1000:.2f} ms, nowhere {each.nowhere_s * 1000:.2f} ms, "
            f"p {each.chance:.3f}{'  TELLS' if each.tells else ''}"
        )
    return any(each.tells for each in told)


if __name__ == "__main__":
    main()
