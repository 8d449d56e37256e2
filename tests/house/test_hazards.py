"""Each hazard of docs/clinical-safety has a control, and tests that are there; the log says what the data say."""

import ast
import json
import re
import runpy
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "clinical-safety"
HAZARDS = json.loads((FOLDER / "hazards.json").read_text("utf-8"))
TOLD = {"id", "hazard", "harm", "control", "shown_by", "left"}


@cache
def named_in(path: str) -> frozenset[str]:
    """Names of the tests of a file, of Python or of JavaScript."""
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".js"):
        return frozenset(re.findall(r'^(?:  )?test\(\s*"([^"]+)"', text, re.MULTILINE))
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_there_are_forty_hazards_and_each_has_its_own_number():
    assert len(HAZARDS) >= 40
    assert [each["id"] for each in HAZARDS] == [f"H{number:02}" for number in range(1, len(HAZARDS) + 1)]
    assert len({each["hazard"] for each in HAZARDS}) == len(HAZARDS)


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda each: each["id"])
def test_a_hazard_has_a_control_and_tests_that_are_there(hazard):
    assert set(hazard) == TOLD
    assert all(hazard[name] for name in TOLD - {"left"})
    for shown in hazard["shown_by"]:
        path, _, name = shown.partition(": " if ".js" in shown else "::")
        assert (ROOT / path).is_file(), shown
        assert name in named_in(path) if name else named_in(path), shown


def test_the_log_says_what_the_data_say():
    log = runpy.run_path(str(ROOT / "scripts" / "hazards"))["log"]()
    assert (FOLDER / "hazard-log.md").read_text("utf-8") == log
