"""Every rule of reach taken away or turned round in turn, in a copy of the tree: the tests must notice each.

    scripts/mutants [--room access|visibility|predicate|all ...] [--count N [--seed N]] [--quick] [--processes N]

A mutant that no test notices is printed with its file and line. One that behaves as the product does stands in
equivalent.json with the reason; an entry there that no mutant bears any more is told too. Ends with 1 where either
is found. --count tries so many, spread evenly, or drawn by a seed; --quick leaves out the tests that go through a
whole record.
"""

import argparse
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.mutants.made import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
_SHOWN = ROOT / "healthvisit" / "access" / "visibility.py"
ROOMS = {
    "access": sorted({*(ROOT / "healthvisit" / "access").glob("*.py")} - {_SHOWN}),
    "visibility": [_SHOWN],
    "predicate": [ROOT / "healthvisit" / "record" / "predicate.py"],
}
# The tests that guard reach, fastest first: the first that fails ends the mutant.
QUICK = {
    "access": ["tests/access", "tests/record/test_predicate.py"],
    "visibility": ["tests/access", "tests/record/test_predicate.py"],
    "predicate": ["tests/record/test_predicate.py"],
}
WHOLE = ["tests/reach", "tests/record/test_record.py", "tests/record/test_history.py", "tests/record/test_audit.py",
         "tests/flows/test_interactions.py"]  # fmt: skip
EQUIVALENT = Path(__file__).with_name("equivalent.json")
# Nothing that is tested here takes so long: a mutant that never ends is noticed by that.
LONGEST_S = 600
# Imported once, and then there in every process that tries a mutant.
LIBRARIES = (
    "hypothesis", "pytest", "_pytest.assertion.rewrite", "sqlalchemy", "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql", "alembic.command", "alembic.config", "flask", "flask_wtf",
    "authlib.integrations.flask_oauth2", "joserfc.jwt", "msgspec", "pydantic_settings", "argon2", "nhsuk_frontend_jinja",
    "nhs_number", "structlog", "apispec",
)  # fmt: skip


class Tried(NamedTuple):
    """file: within the tree. noticed: whether a test failed."""

    file: str
    mutant: Mutant
    noticed: bool


@dataclass(frozen=True)
class Copy:
    """A copy of the tree, in which one file at a time is another."""

    root: Path

    @classmethod
    def made(cls, folder: Path) -> "Copy":
        for name in ("healthvisit", "tests"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
            )
        for name in ("fhir", "migrations"):
            (folder / name).symlink_to(ROOT / name)
        shutil.copyfile(ROOT / "setup.cfg", folder / "setup.cfg")
        return cls(folder)

    def notices(self, file: str, source: str, tests: Iterable[str]) -> bool:
        """Whether one of the tests fails where the file holds this source."""
        path = self.root / file
        as_it_is = path.read_text("utf-8")
        for kept in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            kept.unlink()
        path.write_text(source, "utf-8")
        try:
            return not self.passes(tests)
        finally:
            path.write_text(as_it_is, "utf-8")

    def passes(self, tests: Iterable[str], *, keep_compiled: bool = False) -> bool:
        """Whether all of the tests pass, in a process of their own that begins where this one stands."""
        sys.stdout.flush()
        child = os.fork()
        if not child:
            os.setsid()
            sys.dont_write_bytecode = not keep_compiled
            self._run(list(tests))
        until = time.monotonic() + LONGEST_S
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status) == 0
            if time.monotonic() > until:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return False
            time.sleep(0.02)

    def _run(self, tests: list[str]) -> None:
        code = 70
        try:
            with open(self.root / "told", "w") as told:
                os.dup2(told.fileno(), 1)
                os.dup2(told.fileno(), 2)
            os.chdir(self.root)
            sys.path.insert(0, str(self.root))
            for name in [name for name in sys.modules if name.partition(".")[0] in ("healthvisit", "tests")]:
                del sys.modules[name]
            _steady()
            pytest = importlib.import_module("pytest")
            # What stands in memory already is not read again to explain its assertions; nobody reads them here.
            plain = ["-x", "-q", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
            code = int(pytest.main([*plain, f"--basetemp={self.root / 'temporary'}", *tests]))
            where = Path(str(sys.modules["healthvisit"].__file__))
            if not where.is_relative_to(self.root):
                code = 0  # Another tree was tested: nothing was noticed here.
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def _steady() -> None:
    """A busy machine makes no test fail, and a test finds today what it found yesterday."""
    hypothesis = importlib.import_module("hypothesis")
    hypothesis.settings.register_profile(
        "steady",
        derandomize=True,
        # The first example that fails is enough.
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("steady")


def chosen(rooms: Iterable[str], count: int | None, seed: int | None = None) -> list[tuple[str, str, Mutant]]:
    """(room, file, mutant): all of them, or so many, spread evenly or drawn by the seed."""
    found = [
        (room, str(path.relative_to(ROOT)), mutant)
        for room in rooms
        for path in ROOMS[room]
        for mutant in mutants(path.read_text("utf-8"))
    ]
    if count is None or count >= len(found):
        return found
    if seed is not None:
        return Random(seed).sample(found, count)
    return [found[index * len(found) // count] for index in range(count)]


def equivalent() -> dict[str, dict[str, str]]:
    """file -> name of a mutant that behaves as the product does -> why it does."""
    found: dict[str, dict[str, str]] = json.loads(EQUIVALENT.read_text("utf-8"))
    return found


def tried(
    work: list[tuple[str, str, Mutant]], folder: Path, *, quick: bool, processes: int
) -> Iterator[Tried]:
    """Each mutant that is not known to be equivalent, in no order. Raises AssertionError where the tests fail
    though nothing was changed."""
    known = equivalent()
    left = [each for each in work if each[2].name not in known.get(each[1], {})]
    for name in LIBRARIES:
        importlib.import_module(name)
    # Each of them once, though the rooms share some.
    whole = list(dict.fromkeys(test for room, _, _ in left for test in _tests(room, quick)))
    runs = [whole, *filter(None, (_nearest(file) for file in sorted({file for _, file, _ in left})))]
    copies = []
    for number in range(processes):
        (folder / str(number)).mkdir()
        copies.append(Copy.made(folder / str(number)))
        assert all(copies[number].passes(tests, keep_compiled=True) for tests in runs), (
            "the tests fail though nothing was changed: " + (copies[number].root / "told").read_text()[-3000:]
        )
    shares = [(copies[number], left[number::processes], quick) for number in range(processes)]
    if processes == 1:
        yield from _share(*shares[0])
        return
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[Tried] = context.Queue()
    for share in shares:
        context.Process(target=_work, args=(queue, *share)).start()
    for _ in left:
        yield queue.get()


def _work(queue: "multiprocessing.Queue[Tried]", *share: object) -> None:
    for found in _share(*share):  # type: ignore[arg-type]
        queue.put(found)


def _share(copy: Copy, work: list[tuple[str, str, Mutant]], quick: bool) -> Iterator[Tried]:
    for room, file, mutant in work:
        noticed = any(copy.notices(file, mutant.source, tests) for tests in _runs(room, file, quick))
        yield Tried(file, mutant, noticed)


def _runs(room: str, file: str, quick: bool) -> list[list[str]]:
    """Tests that run together, the quickest first."""
    return [*([nearest] if (nearest := _nearest(file)) else []), _tests(room, quick)]


def _nearest(file: str) -> list[str]:
    """The tests of a file of access, which know nothing of a database, and notice most of its mutants."""
    name, room = Path(file).stem, Path(file).parent.name
    found = sorted((ROOT / "tests" / "access").glob(f"test_{name}*.py")) if room == "access" else []
    return ["--noconftest", *(str(path.relative_to(ROOT)) for path in found)] if found else []


def _tests(room: str, quick: bool) -> list[str]:
    return QUICK[room] + ([] if quick else WHOLE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--room", nargs="+", choices=[*ROOMS, "all"], default=["all"])
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    rooms = list(ROOMS) if "all" in asked.room else asked.room
    work = chosen(rooms, asked.count, asked.seed)
    begun, survivors, number = time.monotonic(), [], 0
    with tempfile.TemporaryDirectory() as folder:
        for found in tried(work, Path(folder), quick=asked.quick, processes=asked.processes):
            number += 1
            if not found.noticed:
                survivors.append(found)
                print(f"survived: {found.file}:{found.mutant.line}\n  {found.mutant.name}", flush=True)
    stale = [
        f"{file}: {name}"
        for file, names in equivalent().items()
        for name in names
        if asked.count is None
        and any(file == each for _, each, _ in work)
        and not any(file == each and mutant.name == name for _, each, mutant in work)
    ]
    for name in stale:
        print(f"no such mutant any more: {name}")
    print(
        f"{len(work)} mutants, {len(work) - number} known to be equivalent, {number - len(survivors)} noticed,"
        f" {len(survivors)} survived; {time.monotonic() - begun:.0f} s"
    )
    sys.exit(bool(survivors or stale))


if __name__ == "__main__":
    main()
