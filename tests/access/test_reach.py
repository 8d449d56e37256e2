from dataclasses import replace

import pytest

from healthvisit.access import reach
from healthvisit.access.reach import BoroughReach, ChildReach, Nothing, PublishedReach, WholeRecord
from tests.builders import BOROUGHS, TODAY, a_requester


def test_a_health_visitor_reaches_the_boroughs_of_the_account():
    found = reach.of(a_requester(boroughs=["bury", "salford"]), on=TODAY)
    assert found == BoroughReach(frozenset({BOROUGHS["bury"], BOROUGHS["salford"]}), TODAY)


@pytest.mark.parametrize("role", ["health-visitor", "system-client"])
def test_an_account_that_works_for_no_borough_reaches_nothing(role):
    assert reach.of(replace(a_requester(role), boroughs=frozenset()), on=TODAY) == Nothing()


def test_a_parent_reaches_the_children_of_the_account_and_without_one_nothing():
    assert reach.of(a_requester("parent", children=["a"]), on=TODAY) == ChildReach(frozenset({"a"}))
    assert reach.of(a_requester("parent"), on=TODAY) == Nothing()


def test_a_commissioner_reaches_published_figures_whatever_boroughs_the_account_names():
    assert reach.of(a_requester("commissioner", boroughs=["bury"]), on=TODAY) == PublishedReach()


def test_only_the_services_own_commands_reach_the_whole_record():
    reaching = [
        role
        for role in reach.PERMITTED
        if reach.of(a_requester(role, children=["a"]), on=TODAY) == WholeRecord()
    ]
    assert reaching == ["service"]


@pytest.mark.parametrize("type_", [*reach.CHILD_TYPES, "AuditEvent"])
@pytest.mark.parametrize("letter", "cruds")
def test_a_commissioner_may_do_nothing_with_a_childs_record(type_, letter):
    assert not reach.permits(a_requester("commissioner"), type_, letter)


@pytest.mark.parametrize("letter", "cud")
def test_a_parent_writes_nothing(letter):
    assert not any(reach.permits(a_requester("parent"), type_, letter) for type_ in reach.CHILD_TYPES)


def test_a_professional_may_delete_a_childs_papers_and_never_the_child_or_the_account_of_what_was_done():
    kept = {"Patient", "EpisodeOfCare", "Provenance", "AuditEvent", "MeasureReport", *reach.SHARED_TYPES}
    for role, permitted in reach.PERMITTED.items():
        deleted = {type_ for type_, letters in permitted.items() if "d" in letters}
        assert not deleted & kept
        may = role not in ("parent", "commissioner")
        assert deleted == ({*reach.CHILD_TYPES, "Group"} - kept if may else set())


@pytest.mark.parametrize("type_", ["Location", "HealthcareService", "Library", "CapabilityStatement"])
@pytest.mark.parametrize("role", ["health-visitor", "system-client", "parent", "commissioner"])
def test_what_all_staff_share_is_written_by_the_services_own_commands_alone(role, type_):
    assert not any(reach.permits(a_requester(role), type_, letter) for letter in "cud")


@pytest.mark.parametrize(
    "type_", ["Flag", "Condition", "DocumentReference", "Communication", "Group", "List"]
)
@pytest.mark.parametrize("role", ["parent", "commissioner"])
def test_a_professionals_working_papers_are_for_professionals(role, type_):
    assert not any(reach.permits(a_requester(role), type_, letter) for letter in "cruds")


def test_a_type_that_no_role_names_is_permitted_to_nobody():
    assert not any(reach.permits(a_requester(role), "Subscription", "r") for role in reach.PERMITTED)
