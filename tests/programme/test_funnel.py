from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.funnel import NOT_RECORDED, STEPS, STRETCHES, Drop, Way

FULL = {"due": 100, "attended": 80, "done": 90, "recorded": 85, "digital": 60}


def a_way(**counts):
    return Way(FULL | counts | dict.fromkeys(NOT_RECORDED, "not-recorded"))


def test_the_biggest_drop_is_the_greatest_share_of_the_beginning_of_its_stretch():
    # 20 of 100 children due, and 25 of 90 reviews done.
    assert a_way().biggest == Drop("recorded", "digital", 25, 90)
    assert a_way().biggest.share == Fraction(25, 90)
    # More children than reviews, and yet the smaller share.
    assert a_way(due=1000, attended=900, recorded=85, digital=70).biggest == Drop(
        "recorded", "digital", 15, 90
    )


def test_of_equal_drops_the_first_is_named():
    assert a_way(due=90, attended=65, recorded=65, digital=40).biggest == Drop("due", "attended", 25, 90)


def test_no_drop_leads_from_children_due_to_reviews_done():
    assert [(drop.start, drop.end) for drop in a_way(done=10, recorded=9, digital=8).drops()] == [
        ("due", "attended"),
        ("done", "recorded"),
        ("recorded", "digital"),
    ]


def test_a_step_that_is_not_recorded_is_passed_over_and_one_that_is_withheld_is_not():
    assert Drop("due", "attended", 20, 100) in a_way().drops()
    assert a_way(recorded="withheld").drops() == (Drop("due", "attended", 20, 100),)


def test_where_nothing_is_lost_there_is_no_biggest_drop():
    assert a_way(attended=100, recorded=90, digital=90).biggest is None


def test_where_nothing_was_due_or_done_nothing_is_lost():
    assert a_way(due=0, attended=0, done=0, recorded=0, digital=0).drops() == ()


def test_a_way_is_whole_where_all_that_is_recorded_at_all_is_known():
    assert a_way().is_whole
    assert not a_way(attended="withheld").is_whole
    assert not a_way(due="not-assessable").is_whole


@pytest.mark.parametrize("step", STEPS)
def test_every_step_stands_in_one_stretch(step):
    assert sum(step in stretch for stretch in STRETCHES) == 1


@given(
    st.fixed_dictionaries(
        {step: st.integers(0, 50) | st.sampled_from(["withheld", "no-return"]) for step in FULL}
    )
)
def test_a_drop_is_told_only_between_two_counts_that_are_known(counts):
    way = a_way(**counts)
    for drop in way.drops():
        assert drop.lost == counts[drop.start] - counts[drop.end]
        assert drop.of > 0
