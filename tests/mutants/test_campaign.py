"""Some of the rules of reach are taken away in every test run; scripts/mutants takes away each."""

import os
import subprocess
import sys
from hashlib import sha256

from tests.mutants.campaign import ROOMS, ROOT, equivalent

# HEALTHVISIT_TEST_MUTANTS: how many.
COUNT = int(os.environ.get("HEALTHVISIT_TEST_MUTANTS", "8"))


def test_the_tests_notice_when_a_rule_of_reach_is_lost():
    # Which ones follows from the rules as they stand: the same until a rule is changed, and then others.
    text = b"".join(path.read_bytes() for paths in ROOMS.values() for path in paths)
    seed = int.from_bytes(sha256(text).digest()[:4])
    command = [
        sys.executable,
        "-m",
        "tests.mutants.campaign",
        "--quick",
        "--room",
        "access",
        "predicate",
        "--count",
        str(COUNT),
        "--seed",
        str(seed),
    ]
    # The conditions are the same words on both databases; on a file of SQLite they are tried sooner.
    environment = {name: value for name, value in os.environ.items() if name != "HEALTHVISIT_TEST_DATABASE"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"
    assert f"{COUNT} mutants" in done.stdout


def test_why_a_mutant_is_no_fault_is_said_in_a_sentence():
    for names in equivalent().values():
        for name, reason in names.items():
            assert reason.endswith("."), name
            assert len(reason) > 30, name
