from dataclasses import replace

import pytest

from healthvisit.access import reach
from healthvisit.access.reach import (
    BoroughReach,
    ChildReach,
    Limit,
    Nothing,
    OfficeReach,
    PublishedReach,
    SharedReach,
    WholeRecord,
)
from healthvisit.access.requester import STAFF
from healthvisit.access.scopes import BOROUGH_SYSTEM, parse
from tests.builders import BOROUGHS, TODAY, a_requester


def test_a_health_visitor_reaches_the_boroughs_of_the_account():
    found = reach.of(a_requester(boroughs=["bury", "salford"]), on=TODAY)
    assert found == BoroughReach(frozenset({BOROUGHS["bury"], BOROUGHS["salford"]}), TODAY, staff=True)


@pytest.mark.parametrize("role", [*STAFF, "administrator", "system-client"])
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


def test_every_paper_of_a_child_can_be_restricted_and_who_it_is_and_who_answers_for_it_cannot():
    assert set(reach.CHILD_TYPES) - reach.RESTRICTED_TYPES == {"Patient", "EpisodeOfCare"}
    assert set(reach.CHILD_TYPES) > reach.RESTRICTED_TYPES


@pytest.mark.parametrize("type_", ["Encounter", "MeasureReport", "Group", "AuditEvent"])
def test_a_borough_in_a_scope_narrows_papers_returns_lists_and_events(type_):
    both = reach.of(a_requester(boroughs=["bury", "salford"]), on=TODAY)
    bury = f"user/{type_}.rs?_tag={BOROUGH_SYSTEM}|{BOROUGHS['bury']}"
    narrow = reach.narrowed(both, parse(f"user/*.c user/Patient.rs {bury}"), "r")
    assert narrow.limits(type_) == (Limit(frozenset({BOROUGHS["bury"]})),)
    assert narrow.limits("Patient") == (both.whole,)


def test_what_was_opened_in_an_emergency_is_kept_where_one_scope_names_no_borough():
    opened = replace(a_requester(boroughs=["bury"]), opened=frozenset({"a"}))
    whole = reach.of(opened, on=TODAY)
    bury = f"user/*.rs?_tag={BOROUGH_SYSTEM}|{BOROUGHS['bury']}"
    assert reach.narrowed(whole, parse(f"user/*.rs {bury}"), "r") == whole
    assert reach.narrowed(whole, parse(bury), "r") == replace(whole, opened=frozenset())


def test_who_works_for_no_borough_gets_none_by_a_scope_that_names_one():
    tag = f"_tag={BOROUGH_SYSTEM}|{BOROUGHS['bury']}"
    found = reach.narrowed(BoroughReach(frozenset(), TODAY), parse(f"user/*.rs?{tag}"), "r")
    assert found.limits("Patient") == ()


def test_of_a_child_opened_in_an_emergency_what_a_category_gives_stays_beside_a_borough():
    opened = replace(a_requester(boroughs=["bury"]), opened=frozenset({"a"}))
    boroughs = frozenset({BOROUGHS["bury"]})
    scopes = f"user/*.rs?_tag={BOROUGH_SYSTEM}|{BOROUGHS['bury']} user/Observation.rs?category=urn:c|survey"
    found = reach.narrowed(reach.of(opened, on=TODAY), parse(scopes), "r").limits("Observation")
    assert found == (Limit(boroughs), Limit(boroughs, (("urn:c", "survey"),), beyond=True))


@pytest.mark.parametrize("role", STAFF)
def test_who_leads_reaches_the_children_of_the_accounts_boroughs(role):
    found = reach.of(a_requester(role, boroughs=["bury"]), on=TODAY)
    is_lead = role == "safeguarding-lead"
    assert found == BoroughReach(frozenset({BOROUGHS["bury"]}), TODAY, staff=True, lead=is_lead)
    assert reach.PERMITTED[role] == reach.PERMITTED["health-visitor"]


def test_a_child_that_was_opened_is_reached_by_staff_alone():
    for role in STAFF:
        found = reach.of(replace(a_requester(role), opened=frozenset({"a"})), on=TODAY)
        assert found.opened == {"a"}
        assert found.limits("Flag") == (Limit(found.boroughs, beyond=True),)
    for role in ("system-client", "administrator", "parent", "commissioner", "support"):
        asker = a_requester(role, children=["b"])
        assert reach.of(replace(asker, opened=frozenset({"a"})), on=TODAY) == reach.of(asker, on=TODAY)
    nobodys = replace(a_requester(), boroughs=frozenset(), opened=frozenset({"a"}))
    assert reach.of(nobodys, on=TODAY) == Nothing()


def test_who_names_a_borough_does_not_mean_a_child_that_was_opened_in_another():
    whole = replace(BOTH, opened=frozenset({"a"}))
    named = f"user/*.rs?{tag('bury')} user/*.rs?{tag('salford')}"
    assert narrowed(named, whole) == BOTH
    assert narrowed(f"user/Flag.rs?{tag('bury')}", whole).limits("Condition") == (Limit(BURY),)
    mixed = narrowed(f"user/Flag.rs?{tag('bury')} user/Patient.rs", whole)
    assert mixed.limits("Flag") == (Limit(BURY),)
    assert mixed.limits("Patient") == mixed.limits("Condition") == (Limit(BURY | SALFORD, beyond=True),)
    apart = f"user/Observation.r?{tag('bury')} user/Observation.r?{SURVEY}"
    assert narrowed(apart, whole).limits("Observation") == (
        Limit(BURY), Limit(BURY | SALFORD, SURVEYS, beyond=True)
    )  # fmt: skip


def test_a_system_is_not_staff():
    assert reach.of(a_requester("system-client"), on=TODAY) == BoroughReach(
        frozenset({BOROUGHS["bury"]}), TODAY
    )


def test_an_administrator_reaches_no_child_and_neither_does_support():
    assert reach.of(a_requester("administrator"), on=TODAY) == OfficeReach(
        frozenset({BOROUGHS["bury"]}), TODAY
    )
    assert reach.of(replace(a_requester("administrator"), patient="a"), on=TODAY) == Nothing()
    assert reach.of(a_requester("support", boroughs=["bury"]), on=TODAY) == SharedReach()


@pytest.mark.parametrize("role", ["administrator", "support"])
@pytest.mark.parametrize("type_", [*reach.CHILD_TYPES, "Group", "Practitioner"])
def test_who_does_not_work_with_children_may_do_nothing_with_what_names_a_person(role, type_):
    assert not any(reach.permits(a_requester(role), type_, letter) for letter in "cruds")


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
        may = role not in ("parent", "commissioner", "administrator", "support")
        assert deleted == ({*reach.CHILD_TYPES, "Group"} - kept if may else set())


@pytest.mark.parametrize("type_", ["Location", "HealthcareService", "Library", "CapabilityStatement"])
@pytest.mark.parametrize("role", [role for role in reach.PERMITTED if role != "service"])
def test_what_all_staff_share_is_written_by_the_services_own_commands_alone(role, type_):
    assert not any(reach.permits(a_requester(role), type_, letter) for letter in "cud")


@pytest.mark.parametrize(
    "type_", ["Flag", "Condition", "DocumentReference", "Communication", "Group", "List"]
)
@pytest.mark.parametrize("role", ["parent", "commissioner", "administrator", "support"])
def test_a_professionals_working_papers_are_for_professionals(role, type_):
    assert not any(reach.permits(a_requester(role), type_, letter) for letter in "cruds")


def test_a_type_that_no_role_names_is_permitted_to_nobody():
    assert not any(reach.permits(a_requester(role), "Subscription", "r") for role in reach.PERMITTED)


def test_a_token_for_one_child_reaches_that_child_alone():
    nurse = replace(a_requester(boroughs=["bury"]), patient="a")
    found = BoroughReach(frozenset({BOROUGHS["bury"]}), TODAY, "a", staff=True)
    assert reach.of(nurse, on=TODAY) == found
    mother = a_requester("parent", children=["a", "b"])
    assert reach.of(replace(mother, patient="b"), on=TODAY) == ChildReach(frozenset({"b"}))
    assert reach.of(replace(mother, patient="c"), on=TODAY) == Nothing()


BURY, SALFORD, WIGAN = (frozenset({BOROUGHS[slug]}) for slug in ("bury", "salford", "wigan"))
BOTH = BoroughReach(BURY | SALFORD, TODAY)
PARENTS = ChildReach(frozenset({"a"}))
SURVEY = "category=urn:c|survey"
SURVEYS = (("urn:c", "survey"),)


def tag(slug):
    return f"_tag={BOROUGH_SYSTEM}|{BOROUGHS[slug]}"


def narrowed(text, whole=BOTH, letter="r"):
    return reach.narrowed(whole, parse(text), letter)


OFFICE = OfficeReach(BURY | SALFORD, TODAY)


@pytest.mark.parametrize(
    "whole", [BOTH, OFFICE, PARENTS, PublishedReach(), SharedReach(), Nothing(), WholeRecord()]
)
def test_scopes_without_a_parameter_leave_a_reach_as_it_is(whole):
    assert narrowed("user/*.rs user/Observation.c", whole) is whole


def test_one_borough_for_every_type_is_a_reach_of_that_borough():
    assert narrowed(f"user/*.rs?{tag('bury')}") == replace(BOTH, boroughs=BURY)
    assert narrowed(f"user/*.rs?{tag('bury')} user/*.rs?{tag('salford')}") == BOTH
    assert narrowed(f"user/*.rs?{tag('wigan')}") == replace(BOTH, boroughs=frozenset())
    assert narrowed(f"user/*.rs?{tag('bury')}", OFFICE) == replace(OFFICE, boroughs=BURY)
    assert narrowed(f"user/*.rs?{tag('bury')}&{tag('salford')}") == replace(BOTH, boroughs=frozenset())


def test_a_type_is_narrowed_by_its_own_scopes_and_the_rest_is_not():
    found = narrowed(f"user/*.rs user/Encounter.c?{tag('bury')}", letter="c")
    assert found.limits("Encounter") == (Limit(BURY),)
    # What no scope creates is met in the boroughs that the scopes name anywhere.
    assert found.limits("Observation") == (Limit(BURY | SALFORD),)
    assert narrowed(f"user/*.rs user/Encounter.c?{tag('bury')}") == BOTH
    narrow = narrowed(f"user/Encounter.rs?{tag('bury')} user/Flag.rs?{tag('wigan')}")
    assert narrow.limits("Encounter") == narrow.limits("Observation") == (Limit(BURY),)
    assert narrow.limits("Flag") == (Limit(frozenset()),)


def test_the_ways_to_reach_a_type_are_told_once_and_none_within_another():
    text = f"user/Observation.rs?{tag('bury')} user/Observation.rs?{SURVEY} user/Patient.rs"
    assert narrowed(text).limits("Observation") == (Limit(BURY), Limit(BURY | SALFORD, SURVEYS))
    assert narrowed(f"{text} user/Observation.s").limits("Observation") == (
        Limit(BURY), Limit(BURY | SALFORD, SURVEYS)
    )  # fmt: skip
    assert narrowed(f"{text} user/Observation.r").limits("Observation") == (Limit(BURY | SALFORD),)
    within = f"user/Observation.rs?{tag('bury')} user/Observation.rs?{tag('bury')}&{SURVEY} user/Patient.r"
    assert narrowed(within).limits("Observation") == (Limit(BURY),)
    assert narrowed(within).narrowing == ((("Observation",), (Limit(BURY),)),)
    apart = f"user/*.r?{tag('bury')} user/Observation.r?{tag('salford')}&{SURVEY}"
    assert narrowed(apart).limits("Observation") == (Limit(BURY), Limit(SALFORD, SURVEYS))
    assert narrowed(apart).limits("Encounter") == (Limit(BURY),)
    alone = narrowed(f"user/Observation.r?{SURVEY}")
    assert alone.limits("Observation") == (Limit(BURY | SALFORD, SURVEYS),)
    assert alone.limits("Encounter") == (Limit(BURY | SALFORD),)


def test_a_parent_is_told_no_borough():
    scopes = f"patient/Observation.rs?{tag('bury')} patient/Patient.rs patient/Condition.rs?{SURVEY}"
    assert sorted(narrowed(scopes, PARENTS).narrowing) == [
        (("Condition",), (Limit(frozenset(), SURVEYS),)), (("Observation",), ())
    ]  # fmt: skip
    assert narrowed(f"patient/Patient.rs patient/Flag.c?{tag('bury')}", PARENTS) == PARENTS
    both = f"patient/Observation.rs?{tag('bury')} patient/Observation.rs"
    assert narrowed(both, PARENTS) == PARENTS


def test_scopes_that_name_a_borough_are_not_the_services_own():
    assert narrowed(f"system/*.cruds?{tag('bury')}", WholeRecord()) == Nothing()
    assert narrowed(f"user/*.cruds?{tag('bury')}", PublishedReach()) == PublishedReach()
    assert narrowed(f"user/*.rs?{tag('bury')}", SharedReach()) == SharedReach()
    assert narrowed(f"user/*.cruds?{tag('bury')}", Nothing()) == Nothing()
