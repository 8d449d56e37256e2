from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from healthvisit.exact_json import dumps, loads
from healthvisit.record.errors import (
    Conflict,
    Forbidden,
    Invalid,
    MultipleMatches,
    NotFound,
    RecordError,
    Unprocessable,
    VersionConflict,
)
from healthvisit.record.record import opened
from tests.builders import (
    NHS_NUMBER,
    NOW,
    a_child,
    a_patient,
    a_requester,
    a_response,
    an_encounter,
    an_episode,
    an_observation,
    organization,
)

NEVER = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def enter(furnished, definitions):
    """The record for one request: enter(requester, writing=True)."""

    def enter(requester, *, writing=False, at=NOW):
        return opened(furnished, requester, definitions=definitions, at=at, writing=writing)

    return enter


def refused(enter, requester, ask, *, writing=False):
    """The error that a request meets."""
    with pytest.raises(RecordError) as met, enter(requester, writing=writing) as record:
        ask(record)
    return met.value


def every_version(database):
    """Every row of the record, for comparison before and after."""
    with database.reading() as connection:
        return connection.exec_driver_sql(
            "select rid, version, body from resource_version order by 1, 2"
        ).all()


def test_what_is_sent_comes_back_with_every_element_and_every_digit(enter):
    sent = loads(
        dumps(a_patient())[:-1] + b',"extension":[{"url":"urn:x","valueDecimal":1.500},'
        b'{"url":"urn:y","valueDecimal":0.1234567890123456789012345}],'
        b'"meta":{"profile":["urn:p"],"versionId":"77","lastUpdated":"1999-01-01T00:00:00Z"}}'
    )
    with enter(a_requester(), writing=True) as record:
        written = record.create("Patient", sent)
    with enter(a_requester()) as record:
        read = record.read("Patient", written.version.id)
    found = read.json()
    assert written.created
    assert found.pop("id") == written.version.id
    assert found.pop("meta") == {
        "profile": ["urn:p"], "versionId": "1", "lastUpdated": "2021-02-15T09:00:00.000Z"
    }  # fmt: skip
    sent.pop("meta")
    assert dumps(found) == dumps(sent)
    assert b"1.500" in read.body
    assert b"0.1234567890123456789012345" in read.body


def test_the_server_gives_the_id_whatever_the_client_says(enter):
    with enter(a_requester(), writing=True) as record:
        written = record.create("Patient", {**a_patient(), "id": "mine"})
    assert written.version.id != "mine"
    assert b'"mine"' not in written.version.body


def test_versions_are_kept_and_read_one_by_one(enter):
    with enter(a_requester(), writing=True) as record:
        first = record.create("Patient", a_patient(family="Barlow")).version
    with enter(a_requester(), writing=True) as record:
        changed = {**first.json(), "name": [{"family": "Clegg"}]}
        second = record.update("Patient", first.id, changed, if_match='W/"1"').version
    with enter(a_requester()) as record:
        assert record.vread("Patient", first.id, "1").body == first.body
        assert record.vread("Patient", first.id, "2").body == second.body
        history = record.history("Patient", first.id)
        assert [(version.version, version.method) for version in history.matches] == [(2, "PUT"), (1, "POST")]
        assert history.total == 2
        with pytest.raises(NotFound):
            record.vread("Patient", first.id, "3")


def test_history_comes_in_pages(enter):
    with enter(a_requester(), writing=True) as record:
        version = record.create("Patient", a_patient()).version
        for number in range(1, 5):
            version = record.update("Patient", version.id, version.json(), if_match=str(number)).version
    with enter(a_requester()) as record:
        seen, page = [], None
        while True:
            found = record.history("Patient", version.id, count=2, page=page)
            seen += [each.version for each in found.matches]
            page = found.next
            if page is None:
                break
    assert seen == [5, 4, 3, 2, 1]


def test_versions_follow_each_other_even_where_the_clock_goes_back(enter):
    with enter(a_requester(), writing=True) as record:
        first = record.create("Patient", a_patient()).version
    with enter(a_requester(), writing=True, at=NOW - timedelta(hours=1)) as record:
        second = record.update("Patient", first.id, first.json(), if_match="1").version
    assert second.updated_at > first.updated_at


@pytest.mark.parametrize("if_match", ['W/"2"', 'W/"0"', '"99999999999"'])
def test_an_update_of_another_version_is_a_conflict_and_changes_nothing(enter, furnished, if_match):
    with enter(a_requester(), writing=True) as record:
        first = record.create("Patient", a_patient()).version
    before = every_version(furnished)

    def ask(record):
        record.update("Patient", first.id, first.json(), if_match=if_match)

    assert isinstance(refused(enter, a_requester(), ask, writing=True), VersionConflict)
    assert every_version(furnished) == before


def test_an_update_of_a_childs_resource_says_which_version_it_saw(enter):
    with enter(a_requester(), writing=True) as record:
        first = record.create("Patient", a_patient()).version
    error = refused(
        enter, a_requester(), lambda record: record.update("Patient", first.id, first.json()), writing=True
    )
    assert isinstance(error, Invalid)
    assert error.issues[0].code == "required"


def test_nothing_is_made_by_an_update(enter):
    body = {**a_patient(), "id": NEVER}
    error = refused(
        enter, a_requester(), lambda record: record.update("Patient", NEVER, body, if_match="1"), writing=True
    )
    assert isinstance(error, NotFound)


def test_a_body_with_a_fault_is_refused_with_its_place_and_nothing_is_stored(enter, furnished):
    before = every_version(furnished)
    body = {**a_patient(), "gender": "banana"}
    error = refused(enter, a_requester(), lambda record: record.create("Patient", body), writing=True)
    assert [issue.expression for issue in error.issues] == ["Patient.gender"]
    assert every_version(furnished) == before


# Reach: the Salford health visitor and the Bury child


def of_a_child(child):
    return {
        "Patient": child.id,
        "EpisodeOfCare": child.made["episode"],
        "Encounter": child.made["two-year"],
    }


@pytest.mark.parametrize("type_", ["Patient", "EpisodeOfCare", "Encounter"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda record, type_, id_: record.read(type_, id_),
        lambda record, type_, id_: record.vread(type_, id_, "1"),
        lambda record, type_, id_: record.history(type_, id_),
    ],
    ids=["read", "vread", "history"],
)
def test_a_child_of_another_borough_is_as_one_who_never_was(enter, furnished, definitions, type_, ask):
    child = a_child(borough="bury").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    id_ = of_a_child(child)[type_]
    salford = a_requester(boroughs=["salford"])
    foreign = refused(enter, salford, lambda record: ask(record, type_, id_))
    never = refused(enter, salford, lambda record: ask(record, type_, NEVER))
    assert type(foreign) is type(never) is NotFound
    assert foreign.issues == never.issues
    with enter(a_requester(boroughs=["bury"])) as record:
        assert ask(record, type_, id_)


def test_a_child_of_another_borough_is_not_updated_nor_told_of(enter, furnished, definitions):
    child = a_child(borough="bury").kept_in(furnished, definitions)
    before = every_version(furnished)
    salford = a_requester(boroughs=["salford"])

    def ask(id_):
        body = {**a_patient(), "id": id_}
        return refused(
            enter, salford, lambda record: record.update("Patient", id_, body, if_match="1"), writing=True
        )

    foreign, never = ask(child.id), ask(NEVER)
    assert type(foreign) is type(never) is NotFound
    assert foreign.issues == never.issues
    assert every_version(furnished) == before


def test_a_child_of_another_borough_is_not_found_by_search(enter, furnished, definitions):
    child = a_child(borough="bury").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    own = a_child(borough="salford").kept_in(furnished, definitions)
    with enter(a_requester(boroughs=["salford"])) as record:
        found = record.search("Patient", [("identifier", f"{NHS_NUMBER}|{child.nhs_number}")])
        assert (found.matches, found.total) == ([], 0)
        found = record.search("Encounter", [("patient", child.reference), ("_include", "Encounter:patient")])
        assert (found.matches, found.included, found.total) == ([], [], 0)
        every = record.search("Patient", [("_total", "accurate")])
        assert ([version.id for version in every.matches], every.total) == ([own.id], 1)
        assert [version.id for version in record.each("Patient", [])] == [own.id]


def test_a_reference_to_a_child_of_another_borough_is_a_reference_to_nothing(enter, furnished, definitions):
    child = a_child(borough="bury").kept_in(furnished, definitions)
    salford = a_requester(boroughs=["salford"])

    def ask(id_):
        body = an_observation(f"Patient/{id_}")
        return refused(enter, salford, lambda record: record.create("Observation", body), writing=True)

    foreign, never = ask(child.id), ask(NEVER)
    assert type(foreign) is type(never) is Unprocessable
    assert foreign.issues == never.issues
    assert [(issue.code, issue.expression) for issue in foreign.issues] == [
        ("not-found", "Observation.subject")
    ]


def test_a_conditional_create_does_not_find_a_child_of_another_borough(enter, furnished, definitions):
    child = a_child(borough="bury").kept_in(furnished, definitions)
    body = a_patient(nhs_number=child.nhs_number)
    query = f"identifier={NHS_NUMBER}|{child.nhs_number}"
    with enter(a_requester(boroughs=["salford"]), writing=True) as record:
        assert record.create("Patient", body, if_none_exist=query).created
    with enter(a_requester(boroughs=["bury"]), writing=True) as record:
        written = record.create("Patient", body, if_none_exist=query)
    assert (written.created, written.version.id) == (False, child.id)


def test_a_conditional_create_that_could_mean_two_is_refused(enter):
    with enter(a_requester(), writing=True) as record:
        record.create("Patient", a_patient(family="Barlow"))
        record.create("Patient", a_patient(family="Barlow"))
    error = refused(
        enter,
        a_requester(),
        lambda record: record.create("Patient", a_patient(), if_none_exist="family=Barlow"),
        writing=True,
    )
    assert isinstance(error, MultipleMatches)


@pytest.mark.parametrize("query", ["", "family", "_count=1", "_sort=_id&family=x", "nonsense=1"])
def test_a_conditional_create_needs_criteria_that_are_understood(enter, query):
    error = refused(
        enter,
        a_requester(),
        lambda record: record.create("Patient", a_patient(), if_none_exist=query),
        writing=True,
    )
    assert isinstance(error, Invalid)


# A child who moves


def moved(furnished, definitions):
    """A child of Bury who moved to Salford today, with one review of either."""
    child = (
        a_child(borough="bury", until="2021-02-15")
        .with_review("one-year", on="2020-02-01")
        .kept_in(furnished, definitions)
    )
    with opened(furnished, a_requester("service"), definitions=definitions, at=NOW, writing=True) as record:
        record.create("EpisodeOfCare", an_episode(child.reference, borough="salford", start="2021-02-15"))
    with opened(
        furnished, a_requester(boroughs=["salford"]), definitions=definitions, at=NOW, writing=True
    ) as record:
        new = record.create("Encounter", an_encounter(child.reference, borough="salford", on="2021-02-15"))
    return child, new.version.id


def test_the_new_service_reads_the_whole_record_and_the_old_what_it_wrote(enter, furnished, definitions):
    child, new = moved(furnished, definitions)
    with enter(a_requester(boroughs=["salford"])) as record:
        found = record.search("Encounter", [("patient", child.reference)])
        assert {version.id for version in found.matches} == {child.made["one-year"], new}
    with enter(a_requester(boroughs=["bury"])) as record:
        found = record.search("Encounter", [("patient", child.reference)])
        assert {version.id for version in found.matches} == {child.made["one-year"]}
    assert isinstance(
        refused(enter, a_requester(boroughs=["bury"]), lambda record: record.read("Encounter", new)), NotFound
    )


def test_the_day_before_the_move_the_old_service_still_answers(enter, furnished, definitions):
    child, _ = moved(furnished, definitions)
    day_before = NOW - timedelta(days=1)
    with enter(a_requester(boroughs=["bury"]), writing=True, at=day_before) as record:
        assert record.create("Observation", an_observation(child.reference)).created
    with (
        pytest.raises(Unprocessable),
        enter(a_requester(boroughs=["salford"]), writing=True, at=day_before) as record,
    ):
        record.create("Observation", an_observation(child.reference))


def test_the_old_service_writes_no_more(enter, furnished, definitions):
    child, _ = moved(furnished, definitions)
    bury = a_requester(boroughs=["bury"])
    body = an_observation(child.reference)
    new = refused(enter, bury, lambda record: record.create("Observation", body), writing=True)
    with enter(bury) as record:
        old = record.read("Encounter", child.made["one-year"]).json()
    changed = refused(
        enter, bury, lambda record: record.update("Encounter", old["id"], old, if_match="1"), writing=True
    )
    assert type(new) is type(changed) is Forbidden


def test_naming_its_own_ended_episode_does_not_let_the_old_service_write(enter, furnished, definitions):
    child, _ = moved(furnished, definitions)
    body = an_encounter(child.reference, episode=f"EpisodeOfCare/{child.made['episode']}", on="2021-02-14")
    error = refused(
        enter, a_requester(boroughs=["bury"]), lambda record: record.create("Encounter", body), writing=True
    )
    assert isinstance(error, Forbidden)


def test_the_old_service_reads_the_versions_it_wrote_and_none_after(enter, furnished, definitions):
    child, _ = moved(furnished, definitions)
    with enter(a_requester(boroughs=["salford"]), writing=True) as record:
        body = record.read("Patient", child.id).json()
        body["address"] = [{"line": ["A new and secret place"]}]
        record.update("Patient", child.id, body, if_match="1")
    bury = a_requester(boroughs=["bury"])
    assert isinstance(refused(enter, bury, lambda record: record.read("Patient", child.id)), NotFound)
    assert isinstance(refused(enter, bury, lambda record: record.vread("Patient", child.id, "2")), NotFound)
    with enter(bury) as record:
        history = record.history("Patient", child.id)
        assert ([version.version for version in history.matches], history.total) == ([1], 1)
        assert b"secret" not in record.vread("Patient", child.id, "1").body
    with enter(a_requester(boroughs=["salford"])) as record:
        assert record.history("Patient", child.id).total == 2


# Parents


@pytest.fixture
def seen_child(furnished, definitions):
    """A child with a released and an unreleased review, each with a measurement."""
    child = (
        a_child()
        .with_review("one-year", on="2020-01-20")
        .with_review("two-year", on="2021-02-01", released=False)
        .kept_in(furnished, definitions)
    )
    with opened(furnished, a_requester(), definitions=definitions, at=NOW, writing=True) as record:
        for review, released in (("one-year", True), ("two-year", False)):
            encounter = f"Encounter/{child.made[review]}"
            record.create(
                "Observation", an_observation(child.reference, encounter=encounter, released=released)
            )
            record.create("QuestionnaireResponse", a_response(child.reference, encounter, released=True))
    return child


def test_a_parent_finds_what_was_released_of_the_own_child(enter, seen_child):
    parent = a_requester("parent", children=[seen_child.id])
    with enter(parent) as record:
        encounters = record.search("Encounter", [("patient", seen_child.reference)])
        assert [version.id for version in encounters.matches] == [seen_child.made["one-year"]]
        assert encounters.total == 1
        observations = record.search("Observation", [("patient", seen_child.reference)])
        assert [loads(version.body)["valueQuantity"]["value"] for version in observations.matches] == [
            Decimal("12.40")
        ]
        assert "serviceProvider" not in encounters.matches[0].json()
        assert "address" not in record.read("Patient", seen_child.id).json()


def test_what_was_not_released_is_as_what_never_was(enter, seen_child):
    parent = a_requester("parent", children=[seen_child.id])
    hidden = refused(enter, parent, lambda record: record.read("Encounter", seen_child.made["two-year"]))
    never = refused(enter, parent, lambda record: record.read("Encounter", NEVER))
    assert type(hidden) is type(never) is NotFound
    assert hidden.issues == never.issues


def test_what_is_to_be_released_tomorrow_is_not_there_today(enter, furnished, definitions, seen_child):
    parent = a_requester("parent", children=[seen_child.id])
    release = NOW + timedelta(days=1)
    with enter(a_requester(), writing=True) as record:
        body = record.read("Encounter", seen_child.made["two-year"]).json()
        body["extension"].append(
            {
                "url": "https://healthvisit.example/fhir/StructureDefinition/released-at",
                "valueDateTime": release.isoformat(),
            }
        )
        record.update("Encounter", body["id"], body, if_match="1")
    with enter(parent) as record:
        assert record.search("Encounter", []).total == 1
    with enter(parent, at=release) as record:
        assert record.search("Encounter", []).total == 2


def test_a_parent_reaches_nothing_of_another_child(enter, furnished, definitions, seen_child):
    other = a_child().with_review("one-year", on="2020-02-01").kept_in(furnished, definitions)
    parent = a_requester("parent", children=[other.id])
    for type_, id_ in (("Patient", seen_child.id), ("Encounter", seen_child.made["one-year"])):
        assert isinstance(refused(enter, parent, lambda record, t=type_, i=id_: record.read(t, i)), NotFound)
    with enter(parent) as record:
        assert record.search("Observation", [("patient", seen_child.reference)]).total == 0
        assert [version.id for version in record.search("Patient", []).matches] == [other.id]


@pytest.mark.parametrize("type_", ["QuestionnaireResponse", "EpisodeOfCare", "RelatedPerson", "AuditEvent"])
def test_a_parent_does_not_ask_for_forms_episodes_relations_or_audit(enter, seen_child, type_):
    parent = a_requester("parent", children=[seen_child.id])
    assert isinstance(refused(enter, parent, lambda record: record.search(type_, [])), Forbidden)
    assert isinstance(refused(enter, parent, lambda record: record.read(type_, NEVER)), Forbidden)


def test_a_parent_reads_no_version_and_no_history_of_a_child(enter, seen_child):
    parent = a_requester("parent", children=[seen_child.id])
    for ask in (
        lambda record: record.vread("Patient", seen_child.id, "1"),
        lambda record: record.history("Patient", seen_child.id),
        lambda record: record.history("Encounter", seen_child.made["one-year"]),
    ):
        assert isinstance(refused(enter, parent, ask), NotFound)


@pytest.mark.parametrize(
    ("type_", "parameter"),
    [
        ("Patient", ("address-city", "Bury")),
        ("Patient", ("organization", "Organization/bury-health-visiting")),
        ("Patient", ("_lastUpdated", "gt2020")),
        ("Encounter", ("service-provider", organization("bury"))),
        ("Encounter", ("_sort", "_lastUpdated")),
        ("Encounter", ("practitioner", "Practitioner/x")),
        ("Encounter", ("_include", "Encounter:service-provider")),
        ("Observation", ("performer", "Practitioner/x")),
        ("Observation", ("derived-from", "QuestionnaireResponse/x")),
        ("Observation", ("_include", "Observation:derived-from")),
    ],
)
def test_a_parent_cannot_ask_by_what_is_hidden(enter, seen_child, type_, parameter):
    parent = a_requester("parent", children=[seen_child.id])
    error = refused(enter, parent, lambda record: record.search(type_, [parameter]))
    assert isinstance(error, Invalid)


def test_a_parents_version_does_not_count_hidden_changes(enter, seen_child):
    parent = a_requester("parent", children=[seen_child.id])
    with enter(parent) as record:
        before = record.read("Patient", seen_child.id)
    with enter(a_requester(), writing=True) as record:
        body = record.read("Patient", seen_child.id).json()
        record.update("Patient", seen_child.id, {**body, "address": [{"city": "Elsewhere"}]}, if_match="1")
    with enter(parent) as record:
        assert record.read("Patient", seen_child.id) == before
    with enter(a_requester(), writing=True) as record:
        record.update("Patient", seen_child.id, {**body, "gender": "male"}, if_match="2")
    with enter(parent) as record:
        assert record.read("Patient", seen_child.id).version != before.version


# Scopes and roles


@pytest.mark.parametrize(
    ("scope", "ask"),
    [
        ("user/Patient.s", lambda record, child: record.read("Patient", child.id)),
        ("user/Patient.s", lambda record, child: record.vread("Patient", child.id, "1")),
        ("user/Patient.s", lambda record, child: record.history("Patient", child.id)),
        ("user/Patient.r", lambda record, child: record.search("Patient", [])),
        ("user/Patient.r", lambda record, child: record.each("Patient", [])),
        ("user/Patient.rs", lambda record, child: record.create("Patient", a_patient())),
        ("user/Patient.c", lambda record, child: record.create("Patient", a_patient(),
            if_none_exist="family=x")),
        ("user/Patient.crs", lambda record, child: record.update("Patient", child.id, {"id": child.id,
            "resourceType": "Patient"}, if_match="1")),
        ("user/Encounter.crus", lambda record, child: record.read("Patient", child.id)),
    ],
)  # fmt: skip
def test_what_no_scope_gives_is_forbidden(enter, furnished, definitions, scope, ask):
    child = a_child().kept_in(furnished, definitions)
    error = refused(enter, a_requester(scopes=scope), lambda record: ask(record, child), writing=True)
    assert isinstance(error, Forbidden)


def test_what_a_search_brings_along_needs_its_own_scope(enter, furnished, definitions):
    child = a_child().with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    asked = [("patient", child.reference), ("_include", "Encounter:patient")]
    with enter(a_requester(scopes="user/Encounter.rs")) as record:
        found = record.search("Encounter", asked)
        assert (len(found.matches), found.included) == (1, [])
    with enter(a_requester(scopes="user/Encounter.rs user/Patient.r")) as record:
        assert [version.id for version in record.search("Encounter", asked).included] == [child.id]


@pytest.mark.parametrize(
    "type_", ["Patient", "Encounter", "Observation", "QuestionnaireResponse", "AuditEvent"]
)
def test_a_commissioner_never_touches_a_childs_record(enter, type_):
    commissioner = a_requester("commissioner")
    assert isinstance(refused(enter, commissioner, lambda record: record.search(type_, [])), Forbidden)
    assert isinstance(refused(enter, commissioner, lambda record: record.read(type_, NEVER)), Forbidden)


def a_report(borough, *, measure="borough-return"):
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": f"https://healthvisit.example/fhir/Measure/{measure}",
        "reporter": {"reference": organization(borough)},
        "date": "2021-02-15",
        "period": {"start": "2020-10-01", "end": "2020-12-31"},
    }


def test_a_boroughs_return_is_its_own_and_frozen_figures_are_everybodys(enter):
    with enter(a_requester("system-client", boroughs=["bury"]), writing=True) as record:
        own = record.create("MeasureReport", a_report("bury")).version.id
    with enter(a_requester("service"), writing=True) as record:
        frozen = record.create("MeasureReport", a_report("bury", measure="digitisation")).version.id

    def found(requester):
        with enter(requester) as record:
            return {version.id for version in record.search("MeasureReport", []).matches}

    assert found(a_requester("commissioner")) == {frozen}
    assert found(a_requester(boroughs=["bury"])) == {own, frozen}
    assert found(a_requester(boroughs=["salford"])) == {frozen}


def test_a_borough_makes_no_return_for_another(enter):
    bury = a_requester("system-client", boroughs=["bury"])
    error = refused(
        enter, bury, lambda record: record.create("MeasureReport", a_report("salford")), writing=True
    )
    assert isinstance(error, Unprocessable)


def test_definitions_are_read_by_everybody_and_written_by_the_service_alone(enter):
    for role in ("health-visitor", "commissioner", "system-client"):
        with enter(a_requester(role)) as record:
            assert record.read("Organization", "bury-health-visiting").version == 1
    with enter(a_requester()) as record:
        body = record.read("Organization", "bury-health-visiting").json()
    for role in ("health-visitor", "system-client"):
        error = refused(
            enter,
            a_requester(role),
            lambda record: record.update("Organization", "bury-health-visiting", body, if_match="1"),
            writing=True,
        )
        assert isinstance(error, Forbidden)
        error = refused(
            enter, a_requester(role), lambda record: record.load_definitions(record.definitions), writing=True
        )
        assert isinstance(error, Forbidden)


def test_definitions_are_written_again_only_where_they_differ(enter, definitions):
    with enter(a_requester("service"), writing=True) as record:
        assert record.load_definitions(definitions) == 0
        body = record.read("Organization", "bury-health-visiting").json()
        record.update("Organization", "bury-health-visiting", {**body, "name": "Another name"})
    with enter(a_requester("service"), writing=True) as record:
        assert record.load_definitions(definitions) == 1
        assert record.read("Organization", "bury-health-visiting").version == 3


# One request, one transaction


def test_a_request_that_fails_leaves_nothing(enter, furnished):
    before = every_version(furnished)

    def ask():
        with enter(a_requester(), writing=True) as record:
            record.create("Patient", a_patient())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask()
    assert every_version(furnished) == before


def test_nobody_goes_on_after_a_refused_write(enter, furnished):
    before = every_version(furnished)

    def ask(record):
        record.create("Patient", a_patient())
        with pytest.raises(Unprocessable):
            record.create("Observation", an_observation(f"Patient/{NEVER}"))

    assert isinstance(refused(enter, a_requester(), ask, writing=True), Unprocessable)
    assert every_version(furnished) == before


@pytest.mark.parametrize("id_", ["x\0y", "a/b", "é", "a" * 65, "", "' or 1=1 --", "x\n"])
def test_a_text_that_is_no_id_is_the_id_of_nothing(enter, id_):
    for ask in (
        lambda record: record.read("Patient", id_),
        lambda record: record.vread("Patient", id_, "1"),
        lambda record: record.history("Patient", id_),
    ):
        assert isinstance(refused(enter, a_requester(), ask), NotFound)


@pytest.mark.parametrize("version", ["0", "-1", "1.0", "x", "", "٣", "99999999999999999999"])
def test_a_text_that_is_no_version_is_the_version_of_nothing(enter, version):
    error = refused(
        enter, a_requester(), lambda record: record.vread("Organization", "bury-health-visiting", version)
    )
    assert isinstance(error, NotFound)


def test_a_role_that_names_no_borough_reaches_nothing_at_all(enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    nobody = replace(a_requester(), boroughs=frozenset())
    for type_, id_ in (("Patient", child.id), ("Organization", "bury-health-visiting")):
        assert isinstance(refused(enter, nobody, lambda record, t=type_, i=id_: record.read(t, i)), NotFound)
    error = refused(enter, nobody, lambda record: record.create("Patient", a_patient()), writing=True)
    assert isinstance(error, Unprocessable | Conflict)
