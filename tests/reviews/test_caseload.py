from datetime import date

import pytest

from healthvisit.record import record as the_record
from healthvisit.reviews import caseload
from tests.builders import (
    NOW,
    a_child,
    a_patient,
    a_practitioner,
    a_requester,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_episode,
)

ON = date(2021, 2, 15)


@pytest.fixture
def team(furnished, definitions):
    """A health visitor of Bury with two children, and a child of a colleague. Tells the practitioner."""
    practitioner = a_urn()
    entries = [an_entry(a_practitioner("Duxbury"), full_url=practitioner)]
    for family, born in (("Yates", "2019-01-15"), ("Barlow", "2020-12-20")):
        patient, episode = a_urn(), a_urn()
        entries += [
            an_entry(a_patient(born=born, family=family), full_url=patient),
            an_entry(
                {**an_episode(patient, start=born), "careManager": {"reference": practitioner}},
                full_url=episode,
            ),
        ]
        if family == "Yates":
            entries.append(
                an_entry(an_encounter(patient, review="one-year", on="2019-11-04", episode=episode))
            )
    with the_record.opened(
        furnished, a_requester("service"), definitions=definitions, at=NOW, writing=True
    ) as record:
        answer = record.transact(a_transaction(*entries))
    a_child(family="Ogden").kept_in(furnished, definitions)
    a_child(family="Other", borough="salford").kept_in(furnished, definitions)
    return "/".join(answer["entry"][0]["response"]["location"].split("/")[:2])


@pytest.fixture
def carried(furnished, definitions):
    def ask(practitioner, requester=None):
        with the_record.opened(
            furnished, requester or a_requester(), definitions=definitions, at=NOW
        ) as record:
            return caseload.of_practitioner(record, practitioner, on=ON)

    return ask


def families(found):
    return [child["patient"]["name"][0]["family"] for child in found["children"]]


def test_a_health_visitor_carries_the_children_whose_care_she_manages_by_name(team, carried):
    assert families(carried(team)) == ["Barlow", "Yates"]


def test_without_a_practitioner_all_children_within_reach_are_carried(team, carried):
    assert families(carried(None)) == ["Barlow", "Ogden", "Yates"]


def test_the_dates_between_which_each_review_can_be_done_stand_beside_the_child(team, carried):
    yates = carried(team)["children"][1]
    assert yates["reviews"][4] == {
        "review": "two-year",
        "title": "2 to 2½ year review",
        "questionnaire": "two-year-review",
        "from": "2021-01-15",
        "until": "2021-07-15",
        "state": "open",
        "done_on": None,
        "encounter": None,
    }
    done = yates["reviews"][3]
    assert (done["state"], done["done_on"]) == ("done-on-time", "2019-11-04")
    assert done["encounter"].startswith("Encounter/")
    assert done["questionnaire"] == "one-year-review"
    assert yates["reviews"][0]["questionnaire"] is None, "an antenatal contact has no form"


def test_additional_contacts_stand_apart_from_the_reviews_and_have_no_standing(team, carried):
    baby, _ = carried(team)["children"]
    assert [each["review"] for each in baby["contacts"]] == ["three-to-four-month", "six-month", "ad-hoc"]
    assert baby["contacts"][0] == {
        "review": "three-to-four-month",
        "title": "3 to 4 month contact",
        "questionnaire": "three-to-four-month-contact",
        "from": "2021-03-20",
        "until": "2021-06-19",
        "state": "additional",
        "done_on": None,
        "encounter": None,
    }
    assert (baby["contacts"][2]["from"], baby["contacts"][2]["until"]) == (None, None)
    assert len(baby["reviews"]) == 5


def test_the_document_says_whose_it_is_and_what_day_it_is_for(team, carried):
    found = carried(team)
    assert found["as_at"] == "2021-02-15"
    assert found["server_now"] == "2021-02-15T09:00:00Z"
    assert found["practitioner"] == {"reference": team, "name": "Gemma Duxbury"}
    assert found["organization"]["reference"] == "Organization/bury-health-visiting"
    assert found["organization"]["borough"] == "E08000002"
    assert {form["id"] for form in found["questionnaires"]} == {
        "new-birth-review",
        "six-to-eight-week-review",
        "one-year-review",
        "two-year-review",
        "three-to-four-month-contact",
        "six-month-contact",
        "ad-hoc-contact",
    }
    assert found["pack"]["id"] == "practice"
    assert found["places"]["family-home"] == "Family home"
    assert not found["truncated"]


def test_a_health_visitor_without_children_carries_none(team, carried):
    found = carried(None, a_requester(boroughs=["wigan"]))
    assert found["children"] == []
    assert found["organization"]["reference"] == "Organization/wigan-health-visiting"


def test_more_children_than_a_tablet_carries_are_cut_and_said_to_be(team, carried, monkeypatch):
    monkeypatch.setattr(caseload, "MOST_CHILDREN", 2)
    found = carried(None)
    assert found["truncated"]
    assert len(found["children"]) == 2


def test_a_child_who_has_moved_away_is_carried_no_more(furnished, definitions, carried):
    a_child(family="Gone", until="2021-02-15").kept_in(furnished, definitions)
    a_child(family="Here").kept_in(furnished, definitions)
    assert families(carried(None)) == ["Here"]
