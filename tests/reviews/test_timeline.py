from datetime import date
from decimal import Decimal

import pytest

from healthvisit.record import record as the_record
from healthvisit.record.errors import NotFound
from healthvisit.reviews import arrival, timeline
from healthvisit.reviews.timeline import Gestation, Measurement
from tests.builders import (
    NOW,
    SNOMED,
    a_child,
    a_requester,
    a_response,
    a_transaction,
    an_entry,
)

ON = date(2021, 2, 15)


@pytest.fixture
def seen(furnished, definitions):
    """The timeline of a child who stands in the record, for a health visitor of Bury unless stated."""

    def look(child, requester=None, on=ON):
        with the_record.opened(
            furnished, requester or a_requester(), definitions=definitions, at=NOW
        ) as record:
            return timeline.of_child(record, child.id, on=on)

    return look


@pytest.fixture
def kept(furnished, definitions):
    return lambda child: child.kept_in(furnished, definitions)


@pytest.fixture
def write(furnished, definitions):
    """Sends resources as the tablet of a Bury health visitor does."""

    def send(*resources):
        with the_record.opened(
            furnished, a_requester(), definitions=definitions, at=NOW, writing=True
        ) as record:
            record.transact(
                a_transaction(*map(an_entry, resources)),
                completed_by=lambda bundle: arrival.complete(bundle, definitions, record),
            )

    return send


def states(found):
    return {review.code: review.state for review in found.reviews}


def test_a_child_of_two_has_the_two_year_review_open_and_the_others_behind(kept, seen):
    child = kept(
        a_child(born="2019-01-15")
        .with_review("new-birth", on="2019-01-27")
        .with_review("six-to-eight-week", on="2019-03-20")
        .with_review("one-year", on="2019-11-04", outcome="declined")
    )
    assert states(seen(child)) == {
        "antenatal": "not-applicable",
        "new-birth": "done-on-time",
        "six-to-eight-week": "done-late",
        "one-year": "declined",
        "two-year": "open",
    }
    assert seen(child).next.code == "two-year"


@pytest.mark.parametrize(
    ("on", "state"),
    [
        ("2021-01-14", "not-yet"),
        ("2021-01-15", "open"),
        ("2021-07-01", "due"),
        ("2021-07-15", "due"),
        ("2021-07-16", "overdue"),
    ],
)
def test_a_two_year_review_stands_by_its_window(on, state, kept, seen):
    found = seen(kept(a_child(born="2019-01-15")), on=date.fromisoformat(on))
    assert states(found)["two-year"] == state


def test_a_visit_without_access_leaves_the_review_open(kept, seen):
    child = kept(a_child().with_review("two-year", on="2021-02-01", outcome="no-access"))
    review = seen(child).reviews[4]
    assert (review.state, review.outcome, review.encounter) == ("open", "no-access", child.made["two-year"])


def test_after_the_last_window_there_is_no_next_review(kept, seen):
    assert seen(kept(a_child(born="2016-03-01"))).next is None


def test_nothing_is_due_for_a_child_who_has_died(kept, seen):
    child = a_child(born="2019-01-15")
    child.patient["deceasedDateTime"] = "2020-03-01"
    found = seen(kept(child))
    assert found.next is None
    assert states(found)["two-year"] == "not-applicable"


def test_a_visit_counts_only_from_its_own_day(kept, seen):
    child = kept(a_child().with_review("two-year", on="2021-02-01"))
    assert states(seen(child, on=date(2021, 1, 31)))["two-year"] == "open"
    assert states(seen(child))["two-year"] == "done-on-time"


def test_one_visit_may_satisfy_a_review_and_not_the_stage(kept, seen):
    child = kept(a_child(born="2019-01-15").with_review("one-year", on="2020-01-20"))
    found = seen(child)
    stages = {stage.code: stage.state for stage in found.stages}
    assert states(found)["one-year"] == "done-on-time"
    assert stages["4"] == "done-late"
    assert stages["4b"] == "not-applicable"


def test_results_are_read_from_the_observations_of_the_review(kept, seen, write):
    child = kept(a_child().with_review("two-year", on="2021-02-01"))
    write(a_response(child.reference, f"Encounter/{child.made['two-year']}", weight="12.40"))
    results = seen(child).reviews[4].results
    (weight,) = results.measurements
    assert weight == Measurement("Weight", Decimal("12.40"), "kg", "weight")
    assert results.instrument == "Practice instrument, 24 month form"
    assert "invented" in results.practice
    first = results.domains[0]
    assert (first.domain, first.title, first.points, first.zone) == (
        "communication",
        "Communication",
        Decimal(60),
        "on-schedule",
    )


def test_feeding_at_six_to_eight_weeks_is_told_in_words(kept, seen, write):
    child = kept(a_child(born="2020-12-20").with_review("six-to-eight-week", on="2021-02-10"))
    contact = f"Encounter/{child.made['six-to-eight-week']}"
    write(
        a_response(
            child.reference,
            contact,
            questionnaire="six-to-eight-week-review",
            authored="2021-02-10T10:40:00Z",
            weight=None,
        )
    )
    assert seen(child).reviews[2].results.feeding == ("totally", "Totally breastfed")


def test_a_parent_sees_that_a_review_was_done_and_no_result_until_it_is_shared(kept, seen, write):
    child = kept(a_child().with_review("two-year", on="2021-02-01"))
    write(a_response(child.reference, f"Encounter/{child.made['two-year']}"))
    found = seen(child, a_requester("parent", children=[child.id]))
    assert states(found)["two-year"] == "done-on-time"
    assert found.reviews[4].results is None


def test_a_parent_sees_the_results_that_were_shared(kept, seen, write):
    child = kept(a_child().with_review("two-year", on="2021-02-01"))
    write(a_response(child.reference, f"Encounter/{child.made['two-year']}", released=True))
    found = seen(child, a_requester("parent", children=[child.id]))
    assert [each.name for each in found.reviews[4].results.measurements] == ["Weight"]
    assert len(found.reviews[4].results.domains) == 5


def test_the_child_of_another_borough_is_not_found(kept, seen):
    child = kept(a_child())
    with pytest.raises(NotFound):
        seen(child, a_requester(boroughs=["salford"]))


def test_gestation_is_read_in_weeks_and_days(kept, seen, write):
    child = kept(a_child())
    write(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": SNOMED, "code": "412726003"}]},
            "subject": {"reference": child.reference},
            "effectiveDateTime": "2019-01-15",
            "component": [
                {
                    "code": {"coding": [{"system": SNOMED, "code": code}]},
                    "valueQuantity": {
                        "value": value,
                        "unit": unit,
                        "system": "http://unitsofmeasure.org",
                        "code": unit,
                    },
                }
                for code, value, unit in (("258705008", 33, "wk"), ("258703001", 4, "d"))
            ],
        }
    )
    found = seen(child).child
    assert found.gestation == Gestation(33, 4)
    assert found.gestation.in_days == 235
    assert (found.name, found.born_on) == ("Poppy Ashworth", date(2019, 1, 15))
