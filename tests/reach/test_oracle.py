"""The record against the oracle: nothing that is to be hidden is seen, nothing that is to be seen is hidden.

HEALTHVISIT_TEST_DECISIONS sets how many decisions are compared (scripts/oracle), HEALTHVISIT_TEST_SEED from which
seed worlds and askers are made.
"""

import os
from collections import Counter
from pathlib import Path
from random import Random

from tests.conftest import kept
from tests.reach import worlds

DECISIONS = int(os.environ.get("HEALTHVISIT_TEST_DECISIONS", "4000"))
SEED = int(os.environ.get("HEALTHVISIT_TEST_SEED", "2021"))
ASKERS = 12
WRITES = 3


def test_the_record_and_the_oracle_decide_alike(request, tmp_path: Path, definitions, capsys):
    furnished = request.getfixturevalue("_with_definitions")
    random = Random(SEED)
    decided, told, different = 0, Counter(), []
    number = 0
    while decided < DECISIONS and not different:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        url = furnished(folder)
        database = kept(url)
        here = worlds.made(database, definitions, random)
        for _ in range(ASKERS):
            asker = worlds.an_asker(here.world, random)
            found = [*worlds.read(here, asker), *worlds.write(here, asker, random, WRITES)]
            decided += sum(count for _, count, _, _ in found)
            for asked, count, expected, got in found:
                kind = asked.split()[0]
                told[kind, expected if isinstance(expected, str) else "some"] += count
                if expected != got:
                    different.append((asked, expected, got, asker))
        database.dispose()
        furnished.forget(url)
    with capsys.disabled():
        if DECISIONS > 4000:
            print(f"\nseed {SEED}: {decided} decisions in {number} worlds, {len(different)} differ")
            for (kind, word), count in sorted(told.items()):
                print(f"  {kind:8} {word:8} {count:8}")
    assert different == []
    # Each word is an answer that was given: a slice that hides everything compares nothing.
    words = {"read": 4, "vread": 4, "history": 3, "search": 2, "update": 3, "delete": 3, "create": 3}
    met = Counter(kind for kind, _ in told)
    assert {kind: met[kind] for kind, least in words.items() if met[kind] < least} == {}
