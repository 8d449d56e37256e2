from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.dates import Quarter
from healthvisit.programme.national.values import (
    AntenatalContact,
    Child,
    Contact,
    Count,
    NotAssessable,
    Proportion,
)
from healthvisit.programme.national.visits import c1, c2, c3

Q4 = Quarter.parse("2021-22 Q4")
IN_2020_21 = Quarter.parse("2020-21 Q4")
BORN_ON = date(2022, 1, 10)


def _visit(day, *, born_on=BORN_ON, **known):
    stated = {"mode": "face-to-face", "by": "health-visitor", **known}
    return Contact("new-birth", born_on + timedelta(days=day), **stated)


def _seen(*visits, **known):
    return Child(BORN_ON, visits, **known)


def _both(child, quarter=Q4):
    return c2([child], quarter).numerator, c3([child], quarter).numerator


@pytest.mark.parametrize(
    ("day", "counted"), [(0, (1, 0)), (13, (1, 0)), (14, (1, 0)), (15, (0, 1)), (30, (0, 1))]
)
def test_day_fourteen_is_within_fourteen_days_and_day_fifteen_after(day, counted):
    assert _both(_seen(_visit(day))) == counted


def test_a_visit_on_the_quarters_last_day_counts_and_on_the_day_after_does_not():
    last = (Q4.last_on - BORN_ON).days
    assert _both(_seen(_visit(last))) == (0, 1)
    assert _both(_seen(_visit(last + 1))) == (0, 0)


def test_a_child_visited_early_and_late_is_in_c2_alone():
    assert _both(_seen(_visit(20), _visit(10))) == (1, 0)


@pytest.mark.parametrize(
    "known", [{"mode": "remote"}, {"by": "other"}, {"outcome": "declined"}, {"outcome": "no-access"}]
)
def test_a_visit_that_was_not_made_face_to_face_by_a_health_visitor_does_not_count(known):
    assert c2([_seen(_visit(10, **known))], Q4) == Proportion(0, 1, 0, "published-table")


def test_a_late_visit_counts_in_c3_when_the_early_one_was_by_telephone():
    assert _both(_seen(_visit(10, mode="remote"), _visit(20))) == (0, 1)


def test_a_visit_by_a_family_nurse_counts():
    assert _both(_seen(_visit(10, by="family-nurse"))) == (1, 0)


@pytest.mark.parametrize("known", [{"mode": "unknown"}, {"by": "unknown"}])
def test_a_visit_of_which_too_little_is_known_is_told_as_unknown_and_not_counted(known):
    assert c2([_seen(_visit(10, **known))], Q4) == Proportion(0, 1, 1, "published-table")
    assert c3([_seen(_visit(20, **known))], Q4) == Proportion(0, 1, 1, "published-table")


def test_what_could_not_count_anyway_is_not_unknown():
    assert c2([_seen(_visit(10, mode="unknown", by="other"))], Q4).unknown == 0
    assert c2([_seen(_visit(10, mode="unknown"), _visit(11))], Q4) == Proportion(1, 1, 0, "published-table")


def test_a_visit_before_birth_or_after_death_does_not_count_and_on_the_day_of_death_does():
    assert _both(_seen(_visit(-1))) == (0, 0)
    assert _both(_seen(_visit(10), died_on=BORN_ON + timedelta(days=9))) == (0, 0)
    assert _both(_seen(_visit(10), died_on=BORN_ON + timedelta(days=10))) == (1, 0)


VISITS = st.builds(
    _visit,
    st.integers(8, 22),
    # Mostly such as count, so that many examples hold several that do.
    mode=st.sampled_from(["face-to-face", "face-to-face", "face-to-face", "remote", "unknown"]),
    by=st.sampled_from(["health-visitor", "health-visitor", "family-nurse", "other", "unknown"]),
)


@given(st.lists(VISITS, min_size=2, max_size=5))
def test_no_child_is_counted_twice_nor_both_counted_and_unknown(visits):
    early, late = c2([_seen(*visits)], Q4), c3([_seen(*visits)], Q4)
    assert early.denominator == late.denominator == 1
    assert early.numerator + late.numerator <= 1
    for found in (early, late):
        assert found.numerator + found.unknown <= 1


def test_twins_are_two_children():
    twin = _seen(_visit(10))
    assert c2([twin, replace(twin)], Q4) == Proportion(2, 2, 0, "published-table")


@pytest.mark.parametrize(
    ("born", "quarter", "published", "arithmetic"),
    [
        ("2021-06-01", "2021-22 Q1", 1, 0),
        ("2021-06-01", "2021-22 Q2", 0, 1),
        ("2021-09-01", "2021-22 Q2", 1, 0),
        ("2021-09-01", "2021-22 Q3", 0, 1),
        ("2021-12-02", "2021-22 Q3", 1, 0),
        ("2021-12-02", "2021-22 Q4", 0, 1),
        ("2022-03-01", "2021-22 Q4", 1, 1),
        ("2022-03-02", "2022-23 Q1", 1, 1),
    ],
)
def test_births_of_1_june_1_september_and_2_december_are_in_the_tables_quarter_and_labelled(
    born, quarter, published, arithmetic
):
    child, of = Child(date.fromisoformat(born)), Quarter.parse(quarter)
    for indicator in (c2, c3):
        assert indicator([child], of) == Proportion(0, published, 0, "published-table")
        assert indicator([child], of, "arithmetic") == Proportion(0, arithmetic, 0, "arithmetic")


def test_a_remote_visit_in_2020_21_makes_the_figure_not_assessable_where_it_would_change_it():
    born_on = date(2021, 1, 10)
    remote = Child(born_on, [_visit(10, born_on=born_on, mode="remote")])
    assert c2([remote], IN_2020_21) == NotAssessable("remote-rule-unknown")
    assert c3([remote], IN_2020_21) == Proportion(0, 1, 0, "published-table")
    then_seen = replace(remote, contacts=[*remote.contacts, _visit(20, born_on=born_on)])
    assert c3([then_seen], IN_2020_21) == NotAssessable("remote-rule-unknown")
    first_seen = replace(remote, contacts=[*remote.contacts, _visit(5, born_on=born_on)])
    assert c2([first_seen], IN_2020_21) == Proportion(1, 1, 0, "published-table")


@pytest.mark.parametrize(("quarter", "born"), [("2019-20 Q4", "2020-01-10"), ("2021-22 Q1", "2021-04-10")])
def test_before_and_after_2020_21_a_remote_visit_does_not_count(quarter, born):
    born_on = date.fromisoformat(born)
    remote = Child(born_on, [_visit(10, born_on=born_on, mode="remote")])
    assert c2([remote], Quarter.parse(quarter)) == Proportion(0, 1, 0, "published-table")


def _antenatal(on, gestation_days, **known):
    stated = {"mode": "face-to-face", "by": "health-visitor", **known}
    return AntenatalContact(date.fromisoformat(on), gestation_days, **stated)


@pytest.mark.parametrize(("gestation_days", "counted"), [(195, 0), (196, 1), (197, 1), (280, 1)])
def test_an_antenatal_contact_counts_from_28_weeks_and_0_days(gestation_days, counted):
    assert c1([[_antenatal("2022-02-01", gestation_days)]], Q4) == Count(counted)


@pytest.mark.parametrize(
    ("on", "counted"), [("2021-12-31", 0), ("2022-01-01", 1), ("2022-03-31", 1), ("2022-04-01", 0)]
)
def test_a_mother_counts_in_the_quarter_of_her_contact(on, counted):
    assert c1([[_antenatal(on, 210)]], Q4) == Count(counted)


def test_a_mother_counts_once_in_the_quarter_of_her_first_contact():
    assert c1([[_antenatal("2022-03-01", 230), _antenatal("2022-02-01", 202)]], Q4) == Count(1)
    assert c1([[_antenatal("2022-01-05", 230), _antenatal("2021-12-20", 214)]], Q4) == Count(0)


def test_a_contact_before_28_weeks_does_not_take_the_place_of_the_first():
    assert c1([[_antenatal("2021-12-01", 150), _antenatal("2022-02-01", 212)]], Q4) == Count(1)


@pytest.mark.parametrize("known", [{"mode": "remote"}, {"by": "other"}, {"outcome": "no-access"}])
def test_an_antenatal_contact_counts_only_face_to_face_with_a_health_visitor(known):
    assert c1([[_antenatal("2022-02-01", 210, **known)]], Q4) == Count(0)


def test_a_pregnancy_of_unknown_length_is_unknown_and_never_forty_weeks():
    assert c1([[_antenatal("2022-02-01", None)]], Q4) == Count(0, 1)
    assert c1([[_antenatal("2022-02-01", 210, by="unknown")]], Q4) == Count(0, 1)
    assert c1([[_antenatal("2022-02-01", None), _antenatal("2022-03-01", 220)]], Q4) == Count(1)
    assert c1([[_antenatal("2021-12-01", None)]], Q4) == Count(0)


def test_a_remote_antenatal_contact_in_2020_21_makes_the_count_not_assessable():
    remote = _antenatal("2021-02-01", 210, mode="remote")
    assert c1([[remote]], IN_2020_21) == NotAssessable("remote-rule-unknown")
    assert c1([[remote, _antenatal("2021-01-10", 200)]], IN_2020_21) == Count(1)


def test_c1_has_no_rate():
    assert not hasattr(c1([], Q4), "rate")
