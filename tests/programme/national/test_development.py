from datetime import date
from decimal import Decimal

import pytest

from healthvisit.programme.asq3 import DOMAINS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.national.development import all_five, c6_domain, c6ii
from healthvisit.programme.national.quarter import of_quarter
from healthvisit.programme.national.values import Child, Contact, Count, NotAssessable, Proportion

Q4 = Quarter.parse("2021-22 Q4")
BORN_ON = date(2019, 8, 1)
# Invented for these tests, and in no questionnaire.
THRESHOLDS = {("24", domain): Decimal("22.5") for domain in DOMAINS}


def _reviewed(points=None, *, on=date(2021, 9, 1), instrument="asq-3", form="24"):
    known = {domain: Decimal(each) for domain, each in (points or {}).items()}
    return Child(BORN_ON, [Contact("two-year", on, instrument=instrument, form=form, points=known)])


def _all(points):
    return dict.fromkeys(DOMAINS, points)


def test_asq_3_is_counted_of_the_reviews_completed_and_not_of_the_children_due():
    children = [_reviewed(), _reviewed(instrument="other"), _reviewed(instrument=None), Child(BORN_ON)]
    assert c6ii(children, Q4) == Proportion(1, 3, 1)


def test_a_child_has_one_review_and_the_first_stands():
    first, again = _reviewed(_all(10)), _reviewed(_all(50), on=date(2022, 1, 1))
    child = Child(BORN_ON, [*again.contacts, *first.contacts])
    assert c6ii([child], Q4) == Proportion(1, 1)
    assert c6_domain("communication", [child], Q4, THRESHOLDS) == Proportion(0, 1)


@pytest.mark.parametrize(("points", "reached"), [("22.4", 0), ("22.5", 1), ("22.6", 1), ("0", 0), ("60", 1)])
@pytest.mark.parametrize("domain", DOMAINS)
def test_points_on_the_threshold_reach_it(domain, points, reached):
    assert c6_domain(domain, [_reviewed({domain: points})], Q4, THRESHOLDS) == Proportion(reached, 1)


def test_a_domain_is_counted_of_the_reviews_with_a_score_in_it():
    children = [_reviewed({"communication": 30}), _reviewed({"gross-motor": 30}), _reviewed(), Child(BORN_ON)]
    assert c6_domain("communication", children, Q4, THRESHOLDS) == Proportion(1, 1)
    assert c6_domain("fine-motor", children, Q4, THRESHOLDS) == Proportion(0, 0)


def test_points_of_another_instrument_are_no_score_of_the_domain():
    child = _reviewed(_all(50), instrument="other")
    assert c6_domain("communication", [child], Q4, THRESHOLDS) == Proportion(0, 0)
    assert all_five([child], Q4, THRESHOLDS) == NotAssessable("no-denominator", counted=0)


@pytest.mark.parametrize("form", ["36", None])
def test_a_questionnaire_without_a_threshold_makes_its_domain_not_assessable(form):
    children = [_reviewed(_all(50)), _reviewed({"communication": 50}, form=form)]
    assert c6_domain("communication", children, Q4, THRESHOLDS) == NotAssessable("no-threshold")
    assert c6_domain("gross-motor", children, Q4, THRESHOLDS) == Proportion(1, 1)


def test_without_a_licensed_pack_no_domain_is_assessable():
    assert c6_domain("communication", [_reviewed(_all(50))], Q4, {}) == NotAssessable("no-threshold")
    assert all_five([_reviewed(_all(50))], Q4, {}) == NotAssessable("no-threshold")


def test_a_domain_that_asq_3_does_not_have_is_refused():
    with pytest.raises(ValueError, match="no domain hearing"):
        c6_domain("hearing", [], Q4, THRESHOLDS)


def test_all_five_says_how_many_and_not_of_how_many():
    short = {**_all(30), "personal-social": 22}
    missing = dict.fromkeys(DOMAINS[:4], 30)
    children = [_reviewed(_all(30)), _reviewed(short), _reviewed(missing)]
    assert all_five(children, Q4, THRESHOLDS) == NotAssessable("no-denominator", counted=1)


def test_every_indicator_of_a_quarter_is_there_by_its_code():
    found = of_quarter(Q4, iter([_reviewed(_all(30))]), [], THRESHOLDS)
    assert list(found) == [
        "C1", "C2", "C3", "C8i", "C8ii", "C4", "C5", "C6i", "C6ii",
        "C6-communication", "C6-gross-motor", "C6-fine-motor", "C6-problem-solving", "C6-personal-social",
        "all-five", "C7",
    ]  # fmt: skip
    assert found["C1"] == Count(0)
    assert found["C6i"] == found["C6ii"] == found["C6-personal-social"] == Proportion(1, 1)
    assert found["C7"] == NotAssessable("no-definition")


def test_a_rate_stands_with_its_interval():
    found = Proportion(81, 263)
    assert float(found.rate()) == pytest.approx(0.30798, abs=1e-5)
    assert found.interval() == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert Proportion(0, 0).rate() is None
    assert Proportion(0, 0).interval() is None
