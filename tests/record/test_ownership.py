from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.record import ownership
from healthvisit.record.errors import Conflict, Forbidden, NotFound, RecordError, Unprocessable
from healthvisit.record.ownership import Responsibility
from healthvisit.record.record import opened
from tests.builders import (
    BOROUGHS,
    NOW,
    TODAY,
    a_child,
    a_patient,
    a_requester,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_episode,
    an_nhs_number,
    an_observation,
    an_update,
)


@pytest.fixture
def enter(furnished, definitions):
    def enter(requester, *, writing=True, at=NOW):
        return opened(furnished, requester, definitions=definitions, at=at, writing=writing)

    return enter


def refused(enter, requester, ask):
    with pytest.raises(RecordError) as met, enter(requester) as record:
        ask(record)
    return met.value


def owned(database, type_):
    """(audience, author borough, whether of a child, released) of every row of a type."""
    with database.reading() as connection:
        return [
            tuple(row)
            for row in connection.exec_driver_sql(
                "select audience, author_borough, child_rid is not null, released_at is not null"
                f" from resource where type = '{type_}' order by rid"
            )
        ]


def test_what_belongs_to_a_child_is_written_for_the_borough_that_answers_today(enter, furnished, definitions):
    child = a_child(borough="bury").kept_in(furnished, definitions)
    both = a_requester(boroughs=["bury", "salford"])
    with enter(both) as record:
        record.create("Encounter", an_encounter(child.reference, borough="salford"))
    assert owned(furnished, "Encounter") == [("child", BOROUGHS["bury"], True, True)]


def test_a_new_child_belongs_to_the_only_borough_of_who_enters_it(enter, furnished):
    with enter(a_requester(boroughs=["salford"])) as record:
        record.create("Patient", a_patient())
    assert owned(furnished, "Patient") == [("child", BOROUGHS["salford"], True, False)]


def test_a_new_child_of_one_of_two_boroughs_needs_an_episode(enter, furnished):
    both = a_requester(boroughs=["bury", "salford"])
    error = refused(enter, both, lambda record: record.create("Patient", a_patient()))
    assert isinstance(error, Unprocessable)
    patient = a_urn()
    entries = [an_entry(a_patient(), full_url=patient), an_entry(an_episode(patient, borough="salford"))]
    with enter(both) as record:
        record.transact(a_transaction(*entries))
    assert owned(furnished, "Patient") == [("child", BOROUGHS["salford"], True, False)]


def test_the_client_cannot_say_whose_a_resource_is(enter, furnished):
    body = {**a_patient(), "managingOrganization": {"reference": "Organization/salford-health-visiting"}}
    tag = {"system": "https://healthvisit.example/fhir/Id/gss-code", "code": BOROUGHS["salford"]}
    tagged = {**body, "meta": {"tag": [tag]}}
    bury = a_requester(boroughs=["bury"])
    assert isinstance(refused(enter, bury, lambda record: record.create("Patient", tagged)), Unprocessable)
    with enter(bury) as record:
        id_ = record.create("Patient", body).version.id
    assert owned(furnished, "Patient") == [("child", BOROUGHS["bury"], True, False)]
    assert refused(enter, a_requester(boroughs=["salford"]), lambda record: record.read("Patient", id_))


def test_a_resource_stays_with_its_child(enter, furnished, definitions):
    one, other = (a_child().kept_in(furnished, definitions) for _ in range(2))
    with enter(a_requester()) as record:
        body = record.create("Observation", an_observation(one.reference)).version.json()
    body["subject"] = {"reference": other.reference}
    error = refused(
        enter, a_requester(), lambda record: record.update("Observation", body["id"], body, if_match="1")
    )
    assert isinstance(error, Unprocessable)
    assert error.issues[0].expression == "Observation.subject"


@pytest.mark.parametrize(
    "subject",
    [
        None,
        {"reference": "Group/x"},
        {"reference": "#p"},
        {"reference": "https://elsewhere.example/fhir/Patient/x"},
        {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
        {"display": "Poppy"},
    ],
)
def test_a_childs_resource_names_its_child(enter, subject):
    body = an_observation("Patient/x")
    body["contained"] = [{**a_patient(), "id": "p"}]
    body["performer"] = [{"reference": "#p"}]
    if subject is None:
        del body["subject"]
    else:
        body["subject"] = subject
    assert isinstance(
        refused(enter, a_requester(), lambda record: record.create("Observation", body)), RecordError
    )


def test_provenance_belongs_to_the_child_of_its_targets(enter, furnished, definitions):
    one, other = (a_child().kept_in(furnished, definitions) for _ in range(2))

    def provenance(*targets):
        return {
            "resourceType": "Provenance",
            "target": [{"reference": target} for target in targets],
            "recorded": "2021-02-15T09:00:00Z",
            "agent": [{"who": {"display": "tablet"}}],
        }

    encounter = a_urn()
    with enter(a_requester()) as record:
        record.transact(
            a_transaction(
                an_entry(provenance(encounter)),
                an_entry(an_encounter(one.reference), full_url=encounter),
            )
        )
    assert owned(furnished, "Provenance") == [("child", BOROUGHS["bury"], True, False)]
    for targets in ((one.reference, other.reference), ("Organization/bury-health-visiting",)):
        body = provenance(*targets)
        error = refused(enter, a_requester(), lambda record, b=body: record.create("Provenance", b))
        assert isinstance(error, Unprocessable)


PAPERS = {
    "RelatedPerson": {"patient": "child"},
    "Condition": {"subject": "child"},
    "Immunization": {
        "patient": "child", "status": "completed", "vaccineCode": {"text": "MMR"},
        "occurrenceDateTime": "2021-02-14",
    },
    "Flag": {"subject": "child", "status": "active", "code": {"text": "dog"}},
    "CarePlan": {"subject": "child", "status": "active", "intent": "plan"},
    "CareTeam": {"subject": "child"},
    "Task": {"for": "child", "status": "requested", "intent": "order"},
    "ServiceRequest": {"subject": "child", "status": "active", "intent": "order"},
    "Communication": {"subject": "child", "status": "completed"},
    "Consent": {
        "patient": "child", "status": "active", "scope": {"text": "sharing"}, "category": [{"text": "a"}],
        "policyRule": {"text": "a"},
    },
    "Appointment": {
        "status": "booked", "start": "2021-03-01T09:00:00Z", "end": "2021-03-01T10:00:00Z",
        "participant": [{"actor": "child", "status": "accepted"}],
    },
    "DocumentReference": {"subject": "child", "status": "current", "content": [{"attachment": {"title": "a"}}]},
    "Binary": {"securityContext": "child", "contentType": "text/plain", "data": "YQ=="},
    "List": {"subject": "child", "status": "current", "mode": "working"},
    "Composition": {
        "subject": "child", "status": "final", "type": {"text": "a"}, "date": "2021-02-15",
        "author": [{"display": "a"}], "title": "a",
    },
    "RiskAssessment": {"subject": "child", "status": "final"},
}  # fmt: skip


def a_paper(type_, child):
    """A resource of the type that is of this child."""

    def filled(value):
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner) for inner in value]
        return {"reference": child} if value == "child" else value

    return {"resourceType": type_, **filled(PAPERS[type_])}


@pytest.mark.parametrize("type_", PAPERS)
def test_every_paper_of_a_child_is_within_reach_of_the_childs_borough_alone(
    type_, enter, furnished, definitions
):
    child = a_child(borough="bury").kept_in(furnished, definitions)
    with enter(a_requester(boroughs=["bury"])) as record:
        id_ = record.create(type_, a_paper(type_, child.reference)).version.id
    assert owned(furnished, type_)[-1] == ("child", BOROUGHS["bury"], True, False)
    salford = a_requester(boroughs=["salford"])
    assert isinstance(refused(enter, salford, lambda record: record.read(type_, id_)), NotFound)
    body = a_paper(type_, child.reference)
    assert isinstance(refused(enter, salford, lambda record: record.create(type_, body)), RecordError)
    nobodys = a_paper(type_, "Organization/bury-health-visiting")
    assert refused(enter, a_requester(), lambda record: record.create(type_, nobodys))


@pytest.mark.parametrize(
    ("day", "place"), [("2021-02-16", "Immunization.occurrence"), ("2020-12-31", "Immunization")]
)
def test_a_child_is_immunised_between_its_birth_and_today(day, place, enter, furnished, definitions):
    child = a_child(born="2021-01-01").kept_in(furnished, definitions)
    body = a_paper("Immunization", child.reference) | {"occurrenceDateTime": day}
    error = refused(enter, a_requester(), lambda record: record.create("Immunization", body))
    assert [issue.expression for issue in error.issues] == [place]


def test_a_file_is_the_childs_whose_document_it_is(enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    document = a_urn()
    with enter(a_requester()) as record:
        record.transact(
            a_transaction(
                an_entry(a_paper("Binary", document)),
                an_entry(a_paper("DocumentReference", child.reference), full_url=document),
            )
        )
    assert owned(furnished, "Binary") == [("child", BOROUGHS["bury"], True, False)]


def test_an_appointment_is_one_childs(enter, furnished, definitions):
    one, other = (a_child().kept_in(furnished, definitions) for _ in range(2))
    body = a_paper("Appointment", one.reference)
    body["participant"] += a_paper("Appointment", other.reference)["participant"]
    assert isinstance(
        refused(enter, a_requester(), lambda record: record.create("Appointment", body)), Unprocessable
    )


def test_a_group_is_a_boroughs_list_of_children_it_reaches(enter, furnished, definitions):
    bury, salford = (a_child(borough=name).kept_in(furnished, definitions) for name in ("bury", "salford"))

    def group(*members, **elements):
        return {
            "resourceType": "Group", "type": "person", "actual": True,
            "member": [{"entity": {"reference": member}} for member in members], **elements,
        }  # fmt: skip

    with enter(a_requester()) as record:
        id_ = record.create("Group", group(bury.reference)).version.id
    assert owned(furnished, "Group") == [("borough", BOROUGHS["bury"], False, False)]
    neighbour = a_requester(boroughs=["salford"])
    assert isinstance(refused(enter, neighbour, lambda record: record.read("Group", id_)), NotFound)
    theirs = {"managingEntity": {"reference": "Organization/salford-health-visiting"}}
    for body in (
        group(bury.reference, salford.reference),
        group("Organization/bury-health-visiting"),
        group(bury.reference, **theirs),
    ):
        error = refused(enter, a_requester(), lambda record, b=body: record.create("Group", b))
        assert isinstance(error, Unprocessable)
    both = a_requester(boroughs=["bury", "salford"])
    body = group(bury.reference)
    assert isinstance(refused(enter, both, lambda record: record.create("Group", body)), Unprocessable)
    with enter(both) as record:
        record.create("Group", group(salford.reference, **theirs))
    assert owned(furnished, "Group")[-1] == ("borough", BOROUGHS["salford"], False, False)


# Episodes


def test_a_service_opens_episodes_for_itself_alone(enter, furnished, definitions):
    child = a_child(until="2021-02-01").kept_in(furnished, definitions)
    body = an_episode(child.reference, borough="salford", start="2021-02-15")
    assert isinstance(
        refused(enter, a_requester(), lambda record: record.create("EpisodeOfCare", body)), Forbidden
    )


def test_two_services_do_not_answer_for_a_child_in_the_same_days(enter, furnished, definitions):
    child = a_child(borough="bury", since="2020-01-01", until="2021-01-01").kept_in(furnished, definitions)
    service = a_requester("service")
    for start, end in (("2020-06-01", None), ("2019-01-01", None), ("2020-02-01", "2020-03-01")):
        body = an_episode(child.reference, borough="salford", start=start, end=end)
        error = refused(enter, service, lambda record, b=body: record.create("EpisodeOfCare", b))
        assert isinstance(error, Conflict)
    with enter(service) as record:
        before = an_episode(child.reference, borough="salford", start="2019-01-15", end="2020-01-01")
        after = an_episode(child.reference, borough="salford", start="2021-01-01")
        record.create("EpisodeOfCare", before)
        record.create("EpisodeOfCare", after)


def test_a_service_may_correct_when_its_own_episode_ended(enter, furnished, definitions):
    child = a_child(until="2021-02-15").kept_in(furnished, definitions)
    id_ = child.made["episode"]
    assert isinstance(
        refused(
            enter, a_requester(), lambda record: record.create("Encounter", an_encounter(child.reference))
        ),
        Forbidden,
    )
    with enter(a_requester()) as record:
        mended = {**an_episode(child.reference, end="2021-02-20"), "id": id_}
        record.update("EpisodeOfCare", id_, mended, if_match="1")
        assert record.create("Encounter", an_encounter(child.reference)).created


@pytest.mark.parametrize("role", ["health-visitor", "system-client"])
@pytest.mark.parametrize(
    "change",
    [
        {"status": "finished", "period": {"start": "2019-01-15", "end": "2021-02-15"}},
        {"status": "active", "period": {"start": "2019-01-15", "end": "2022-02-15"}},
        {"status": "active", "period": {"start": "2021-02-16"}},
        {"status": "active", "period": {"start": "2020-02-16"}},
        {"status": "cancelled"},
        {"status": "planned"},
        {"status": "entered-in-error"},
        {"managingOrganization": {"reference": "Organization/salford-health-visiting"}},
    ],
)
def test_no_service_leaves_a_child_with_nobody_on_a_day(role, change, enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    id_ = child.made["episode"]
    body = {**an_episode(child.reference), **change, "id": id_}
    both = a_requester(role, boroughs=["bury", "salford"])
    error = refused(enter, both, lambda record: record.update("EpisodeOfCare", id_, body, if_match="1"))
    assert [(type(error), issue.expression) for issue in error.issues] == [
        (Unprocessable, "EpisodeOfCare.period")
    ]


def test_a_child_does_not_go_to_another_service_in_one_transaction(enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    ended = an_update("EpisodeOfCare", child.made["episode"], an_episode(child.reference, end="2021-02-15"))
    begun = an_entry(an_episode(child.reference, borough="salford", start="2021-02-15"))
    both = a_requester(boroughs=["bury", "salford"])
    error = refused(enter, both, lambda record: record.transact(a_transaction(ended, begun)))
    assert isinstance(error, Conflict)


def test_a_service_may_go_on_with_another_episode_of_its_own(enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    ended = an_update("EpisodeOfCare", child.made["episode"], an_episode(child.reference, end="2021-02-15"))
    begun = an_entry(an_episode(child.reference, start="2021-02-15"))
    with enter(a_requester()) as record:
        record.transact(a_transaction(ended, begun))
        assert record.create("Encounter", an_encounter(child.reference)).created


def test_a_service_takes_up_again_a_child_whom_nobody_took_up_since(enter, furnished, definitions):
    child = a_child(until="2020-06-01").kept_in(furnished, definitions)
    with enter(a_requester()) as record:
        assert record.create("EpisodeOfCare", an_episode(child.reference, start="2021-02-01")).created
        assert record.create("Encounter", an_encounter(child.reference)).created


@pytest.mark.parametrize(("start", "end"), [("2021-02-01", None), ("2020-05-01", "2020-05-15")])
def test_a_service_does_not_take_back_a_child_whom_another_had_later(
    enter, furnished, definitions, start, end
):
    child = a_child(until="2020-04-01").kept_in(furnished, definitions)
    with enter(a_requester("service")) as record:
        record.create(
            "EpisodeOfCare",
            an_episode(child.reference, borough="salford", start="2020-06-01", end="2021-02-10"),
        )
    body = an_episode(child.reference, start=start, end=end)
    error = refused(enter, a_requester(), lambda record: record.create("EpisodeOfCare", body))
    assert isinstance(error, Conflict)


def test_an_episode_entered_in_error_gives_nobody_anything(enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    id_ = child.made["episode"]
    body = {**an_episode(child.reference), "id": id_, "status": "entered-in-error"}
    with enter(a_requester("service")) as record:
        record.update("EpisodeOfCare", id_, body, if_match="1")
    assert isinstance(
        refused(enter, a_requester(boroughs=["salford"]), lambda record: record.read("Patient", child.id)),
        RecordError,
    )
    with furnished.reading() as connection:
        assert connection.exec_driver_sql("select count(*) from responsibility").scalar() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"managingOrganization": {"reference": "Organization/greater-manchester"}},
        {"managingOrganization": {"display": "Bury"}},
        {"period": {"start": "2021"}},
        {"period": {"start": "2021-02"}},
        {"period": {}},
        {"period": {"start": "2021-02-01", "end": "2021-01-01"}},
        {"status": "finished"},
    ],
)
def test_an_episode_without_a_boroughs_service_or_its_days_is_refused(enter, furnished, definitions, change):
    child = a_child(until="2020-06-01").kept_in(furnished, definitions)
    body = {**an_episode(child.reference, start="2021-02-01"), **change}
    error = refused(enter, a_requester(), lambda record: record.create("EpisodeOfCare", body))
    assert error.issues[0].expression.startswith("EpisodeOfCare.")


def a_responsibility(borough, start, length, *, rid):
    first = TODAY + timedelta(days=start)
    return Responsibility(rid, 1, borough, first, None if length is None else first + timedelta(days=length))


_spans = st.tuples(st.sampled_from(["bury", "salford"]), st.integers(-20, 20), st.none() | st.integers(0, 15))


@given(st.lists(_spans, max_size=8), st.integers(-25, 40))
def test_whatever_episodes_are_taken_one_service_at_most_answers_on_a_day(spans, day):
    """A model of a child's episodes as they are offered one after the other, half of them by the services."""
    standing = []
    for rid, (borough, start, length) in enumerate(spans):
        fresh = a_responsibility(borough, start, length, rid=rid)
        requester = a_requester("service" if rid % 2 else "health-visitor", boroughs=[borough])
        try:
            ownership.agrees(fresh, standing, opened=True, requester=requester)
        except Conflict:
            continue
        standing.append(fresh)
    on = TODAY + timedelta(days=day)
    assert len({each.borough for each in standing if each.on(on)}) <= 1


@given(st.lists(_spans, max_size=6), st.lists(_spans, max_size=6), st.integers(-25, 40))
def test_whatever_is_not_refused_leaves_each_day_with_the_service_it_had(before, after, day):
    stood = [a_responsibility(*span, rid=rid) for rid, span in enumerate(before)]
    stands = [a_responsibility(*span, rid=rid) for rid, span in enumerate(after)]
    days = [TODAY + timedelta(days=each) for each in range(-25, 60)]

    def whose(on, those):
        return {each.borough for each in those if each.on(on)}

    try:
        ownership.refuse_gap(stood, stands, requester=a_requester())
    except Unprocessable:
        endless = {each.borough for each in stood if each.until_on is None}
        kept = {each.borough for each in stands if each.until_on is None}
        assert not endless <= kept or any(not whose(on, stood) <= whose(on, stands) for on in days)
    else:
        on = TODAY + timedelta(days=day)
        assert whose(on, stood) <= whose(on, stands)


@given(_spans, _spans, st.integers(-25, 40))
def test_what_does_not_overlap_has_no_day_in_common(one, other, day):
    first, second = a_responsibility(*one, rid=1), a_responsibility(*other, rid=2)
    on = TODAY + timedelta(days=day)
    if first.on(on) and second.on(on):
        assert first.overlaps(second)
        assert second.overlaps(first)


# NHS numbers


def held(database):
    with database.reading() as connection:
        return [
            bool(each) for each in connection.exec_driver_sql("select held from child_identifier").scalars()
        ]


def test_an_nhs_number_is_one_childs_in_a_borough(enter, furnished):
    number = an_nhs_number()
    with enter(a_requester()) as record:
        id_ = record.create("Patient", a_patient(nhs_number=number)).version.id
    error = refused(
        enter, a_requester(), lambda record: record.create("Patient", a_patient(nhs_number=number))
    )
    assert isinstance(error, Conflict)
    assert number not in str(error)
    with enter(a_requester()) as record:
        body = record.read("Patient", id_).json()
        assert record.update("Patient", id_, {**body, "gender": "male"}, if_match="1").version.version == 2
    assert held(furnished) == [False]


def test_the_same_number_in_two_boroughs_is_held_and_neither_is_told(enter, furnished):
    body = a_patient()
    with enter(a_requester(boroughs=["bury"])) as record:
        first = record.create("Patient", body)
    with enter(a_requester(boroughs=["salford"])) as record:
        second = record.create("Patient", body)
    with enter(a_requester(boroughs=["wigan"])) as record:
        alone = record.create("Patient", a_patient())
    assert held(furnished) == [True, True, False]
    assert first.version.json().keys() == second.version.json().keys() == alone.version.json().keys()


def test_an_app_that_was_opened_for_one_child_is_not_told_whose_a_number_is(enter, furnished):
    taken = an_nhs_number()
    with enter(a_requester()) as record:
        record.create("Patient", a_patient(nhs_number=taken))
        child = record.create("Patient", a_patient()).version
    for number in (an_nhs_number(), taken):
        with enter(replace(a_requester(), patient=child.id)) as record:
            stands = record.read("Patient", child.id)
            body = {**stands.json(), "identifier": a_patient(nhs_number=number)["identifier"]}
            told = record.update("Patient", child.id, body, if_match=str(stands.version)).version
            assert told.version == stands.version + 1
        assert (True in held(furnished)) == (number == taken)


def test_a_child_who_moved_here_is_not_entered_a_second_time(enter, furnished, definitions):
    child = a_child(until="2021-02-01").kept_in(furnished, definitions)
    with enter(a_requester("service")) as record:
        record.create("EpisodeOfCare", an_episode(child.reference, borough="salford", start="2021-02-01"))
    body = a_patient(nhs_number=child.nhs_number)
    error = refused(enter, a_requester(boroughs=["salford"]), lambda record: record.create("Patient", body))
    assert isinstance(error, Conflict)


def test_two_records_of_one_child_that_came_together_can_still_be_corrected(enter, furnished, definitions):
    child = a_child(borough="bury").kept_in(furnished, definitions)
    salford = a_requester(boroughs=["salford"])
    with enter(salford) as record:
        second = record.create("Patient", a_patient(nhs_number=child.nhs_number)).version
    id_ = child.made["episode"]
    with enter(a_requester("service")) as record:
        ended = {**an_episode(child.reference, end="2021-02-15"), "id": id_}
        record.update("EpisodeOfCare", id_, ended, if_match="1")
        record.create("EpisodeOfCare", an_episode(child.reference, borough="salford", start="2021-02-15"))
    with enter(salford) as record:
        for patient in (record.read("Patient", child.id), second):
            body = {**patient.json(), "gender": "unknown"}
            assert record.update("Patient", patient.id, body, if_match="1").version.version == 2
    assert held(furnished) == [True, True]


def test_a_number_given_up_is_free_for_the_child_whose_it_is(enter, furnished):
    number = an_nhs_number()
    with enter(a_requester()) as record:
        wrong = record.create("Patient", a_patient(nhs_number=number)).version
        body = wrong.json()
        del body["identifier"]
        record.update("Patient", wrong.id, body, if_match="1")
        assert record.create("Patient", a_patient(nhs_number=number)).created
    assert held(furnished) == [False]


def test_two_children_of_one_transaction_do_not_share_a_number(enter):
    number = an_nhs_number()
    entries = [an_entry(a_patient(nhs_number=number, given=name)) for name in ("Ivy", "Wren")]
    error = refused(enter, a_requester(), lambda record: record.transact(a_transaction(*entries)))
    assert isinstance(error, Conflict)
    assert error.issues[0].expression == "Bundle.entry[1].resource.identifier"


# Days


def test_nothing_is_measured_before_birth_and_a_contact_may_be_in_pregnancy(enter, furnished, definitions):
    child = a_child(born="2021-01-20").kept_in(furnished, definitions)
    for body in (
        an_observation(child.reference, on="2021-01-19"),
        an_encounter(child.reference, on="2020-03-01"),
    ):
        type_ = body["resourceType"]
        error = refused(enter, a_requester(), lambda record, t=type_, b=body: record.create(t, b))
        assert isinstance(error, Unprocessable)
    with enter(a_requester()) as record:
        assert record.create("Observation", an_observation(child.reference, on="2021-01-20")).created
        assert record.create("Encounter", an_encounter(child.reference, on="2020-12-01")).created


def test_history_is_written_by_the_service_for_whoever_answered_then(enter, furnished, definitions):
    child = a_child(borough="bury", until="2020-06-01").kept_in(furnished, definitions)
    with enter(a_requester("service")) as record:
        record.create("EpisodeOfCare", an_episode(child.reference, borough="salford", start="2020-06-01"))
        record.create("Observation", an_observation(child.reference, on="2020-05-31"))
        record.create("Observation", an_observation(child.reference, on="2020-06-01"))
    assert [row[1] for row in owned(furnished, "Observation")] == [BOROUGHS["bury"], BOROUGHS["salford"]]


@pytest.mark.parametrize("value", ["2021", "2021-02", "", None, 5, "2021-02-30", "soon and late"])
def test_what_is_no_day_is_no_day(value):
    assert ownership.civil_date(value) is None


def test_a_moment_late_at_night_is_of_the_day_in_london():
    assert ownership.london_date(NOW.replace(month=7, day=1, hour=23, minute=30)) == date(2021, 7, 2)


def test_a_release_without_its_zone_is_refused(enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    body = an_observation(child.reference, released=True)
    body["extension"][0]["valueDateTime"] = "2021-02-01"
    assert isinstance(
        refused(enter, a_requester(), lambda record: record.create("Observation", body)), RecordError
    )
