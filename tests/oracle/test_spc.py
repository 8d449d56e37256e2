"""The service's XmR chart, held to a second one that shares nothing with it."""

import random
from collections import Counter
from fractions import Fraction

import pytest

from healthvisit.programme import spc
from tests.oracle import spc as oracle
from tests.oracle.rows import SEED

SERIES = 2000


def a_series(chance):
    """A walk, a level with a step, or few different values, so that points on the mean, ties and limits come often."""
    length = chance.randrange(4, 34)
    kind = chance.randrange(5)
    if kind == 0:
        found = [chance.randrange(0, 1001) for _ in range(length)]
    elif kind == 1:
        found, at = [], chance.randrange(200, 800)
        for _ in range(length):
            at += chance.randrange(-40, 51)
            found.append(at)
    elif kind == 2:
        moved = chance.randrange(length)
        found = [500 + chance.randrange(-30, 31) + (150 if each >= moved else 0) for each in range(length)]
    elif kind == 3:
        found = [500] * length
        for _ in range(chance.choice((0, 1, 1))):
            found[chance.choice((0, -1))] += 200
    else:
        found = [500 + chance.choice((-6, -3, 0, 0, 3, 6)) for _ in range(length)]
        if chance.random() < 0.3:
            found[chance.randrange(length)] += chance.choice((-60, 60))
    gaps = chance.choice((0, 0, 0.05, 0.2, 0.5))
    return [None if chance.random() < gaps else each for each in found]


def test_both_charts_tell_the_same_of_every_series():
    chance = random.Random(SEED)
    seen = Counter()
    for _ in range(SERIES):
        series = a_series(chance)
        good = chance.choice(("high", "low", "neither"))
        target = chance.choice((None, chance.randrange(0, 1001), next((x for x in series if x), None)))
        theirs = oracle.told(series, good, target)
        ours = spc.chart(
            [None if each is None else Fraction(each, 1000) for each in series],
            good=good,
            target=None if target is None else Fraction(target, 1000),
        )
        if isinstance(ours, spc.NotAssessable):
            assert ours.reason == theirs, series
            seen[ours.reason] += 1
            continue
        rules = [{(one.rule, one.side) for one in ours.broken(each)} for each in range(len(series))]
        assert (ours.variation, ours.assurance, rules) == theirs, series
        seen.update([ours.variation, ours.assurance, *(rule for one in rules for rule, _ in one)])
    # A run in which one of the answers never came would agree too.
    answers = {
        *("too-few-points", "too-few-ranges", "no-spread"),
        *("common-cause", "improving", "worsening", "changing"),
        *("will-pass", "will-fail", "hit-and-miss", None),
        *spc.RULES,
    }
    assert {each for each in answers if seen[each] < 10} == set()


@pytest.mark.parametrize("break_it", ["limit", "screen"])
def test_a_chart_with_another_constant_would_be_found_out(monkeypatch, break_it):
    name, wrong = {"limit": ("LIMITS", Fraction("2.6")), "screen": ("SCREEN", Fraction("3.5"))}[break_it]
    monkeypatch.setattr(spc, name, wrong)
    with pytest.raises(AssertionError):
        test_both_charts_tell_the_same_of_every_series()
