"""docs/asvs.md names what is there: tests by their ids, files by their paths, each requirement once."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIST = (ROOT / "docs" / "asvs.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([0-9., ]+) \| (.+?) \| (.+?) \| (.*?) ?\|$", LIST, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`((?:tests|healthvisit)/[\w/.]+(?:::\w+)?)`", LIST)))
# Requirements of levels 1 and 2 by section, without the seven of V17: 253 with them.
COUNTED = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4,
    "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5,
    "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2,
    "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1,
    "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4,
    "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip


def numbers() -> list[str]:
    return [number for numbers, *_ in ROWS for number in numbers.split(", ")]


@pytest.mark.parametrize("named", NAMED)
def test_what_is_named_is_there(named):
    path, _, function = named.partition("::")
    assert (ROOT / path).exists()
    if function:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_requirement_of_the_two_levels_is_judged_once():
    found = numbers()
    assert len(found) == len(set(found))
    by_section = dict.fromkeys(COUNTED, 0)
    for number in found:
        by_section[number.rpartition(".")[0]] += 1
    assert by_section == COUNTED
    assert sum(COUNTED.values()) == 253 - 7


def test_each_is_judged_in_one_of_five_words_and_yes_has_its_evidence():
    for numbers_, _, stands, evidence in ROWS:
        assert stands in ("yes", "in part", "no", "deployer", "none"), numbers_
        assert evidence or stands in ("none", "no", "deployer"), numbers_
