"""What a mutant is; scripts/mutants tries those of access and of the predicate."""

import pytest

from tests.mutants.made import mutants


@pytest.mark.parametrize(
    ("stands", "instead"),
    [
        ("a and b", {"b", "a", "a or b"}),
        ("not a", {"a"}),
        ("a == b", {"a != b"}),
        ("a < b", {"a <= b", "a >= b"}),
        ("a in b", {"a not in b"}),
        ("a & b", {"a", "b", "a | b"}),
        ("a if b else c", {"a", "c"}),
        ("and_(a, b)", {"or_(a, b)", "and_(b)", "and_(a)"}),
        ("exists().where(a)", {"~exists().where(a)", "exists().where()"}),
        ("a.in_(('x', 'y'))", {"a.not_in(('x', 'y'))", "a.in_(('y',))", "a.in_(('x',))"}),
        ("[a for a in b if c]", {"[a for a in b]"}),
        ("Nothing()", {"WholeRecord()"}),
        ("true()", {"false()"}),
        (
            "{'Patient': 'rs'}",
            {f"{{'Patient': '{each}'}}" for each in ("crs", "s", "rus", "rds", "r")} | {"{}"},
        ),
        ("dict(name=_plain)", {"dict(name=lambda value: value)"}),
    ],
)
def test_every_rule_is_taken_away_and_turned_round(stands, instead):
    assert {mutant.source for mutant in mutants(stands)} == instead


def test_a_way_out_is_closed_and_left_open():
    source = """
def f(a):
    if a:
        return 1
    match a:
        case 2 if b:
            a &= b
        case 3 | 4:
            raise a
"""
    assert {mutant.name for mutant in mutants(source)} == {
        "f: if a -> if False", "f: if a -> if True", "f: case 2 left out", "f: case 2 without its if",
        "f: case 3 | 4 left out", "f: 3 | 4 without 3", "f: 3 | 4 without 4", "f: a &= b left out",
        "f: raise a left out",
    }  # fmt: skip


def test_types_and_decorators_are_no_rules():
    assert mutants("@cache(a and b)\ndef f(x: Some | None) -> Other:\n    pass\nReach = Some | Other\n") == []
