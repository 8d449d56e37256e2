"""A child is offered to another borough's service, and accepted, declined or taken back."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from healthvisit.record import transfers
from healthvisit.record.errors import Conflict, Forbidden, NotFound, RecordError, Unprocessable
from healthvisit.record.record import opened
from tests.builders import (
    BOROUGHS,
    NOW,
    TODAY,
    a_child,
    a_patient,
    a_requester,
    an_encounter,
    an_episode,
    an_observation,
)

NEVER = "0190c2a0-7b1e-7cc3-9d3f-8a1b2c3d4e5f"
SALFORD = "Organization/salford-health-visiting"
RESTRICTED = {"system": transfers.CONFIDENTIALITY, "code": "R"}

BURYS = a_requester(account="bury-one")
SALFORDS = a_requester(boroughs=["salford"], account="salford-one")
COLLEAGUE = a_requester(boroughs=["salford"], account="salford-two")
WIGANS = a_requester(boroughs=["wigan"], account="wigan-one")


@pytest.fixture
def enter(furnished, definitions):
    def enter(requester, *, writing=True, at=NOW):
        return opened(furnished, requester, definitions=definitions, at=at, writing=writing)

    return enter


@pytest.fixture
def child(furnished, definitions):
    return a_child().kept_in(furnished, definitions)


def offered(enter, child, *, by=BURYS, to=SALFORD, at=NOW, **more):
    with enter(by, at=at) as record:
        return transfers.offer(record, child.id, to=to, reason="family-moved", **more).id


def answered(enter, answer, id_, by, *, at=NOW, **more):
    with enter(by, at=at) as record:
        return answer(record, id_, **more)


def refused(enter, requester, ask):
    with pytest.raises(RecordError) as met, enter(requester) as record:
        ask(record)
    return met.value


def waiting(enter, requester, at=NOW):
    with enter(requester, writing=False, at=at) as record:
        return transfers.awaiting(record)


def answering(database, on=TODAY):
    """Boroughs that answer for the one child on a day."""
    with database.reading() as connection:
        rows = connection.exec_driver_sql("select borough, from_on, until_on from responsibility").all()
    return [
        borough
        for borough, first, last in rows
        if str(first) <= on.isoformat() and (last is None or on.isoformat() < str(last))
    ]


def test_until_it_is_accepted_the_service_that_offers_answers(enter, furnished, child):
    offered(enter, child)
    assert answering(furnished) == [BOROUGHS["bury"]]
    with enter(BURYS) as record:
        assert record.create("Encounter", an_encounter(child.reference)).created
    assert isinstance(refused(enter, SALFORDS, lambda record: record.read("Patient", child.id)), NotFound)


def test_accepting_ends_one_episode_and_begins_the_other_on_that_day(enter, furnished, child):
    id_ = offered(enter, child)
    by = replace(SALFORDS, fhir_user=f"Practitioner/{child.made['practitioner']}")
    settled = answered(enter, transfers.accept, id_, by)
    assert settled.child == child.id
    for day in range(-400, 400, 7):
        expected = [BOROUGHS["bury" if day < 0 else "salford"]]
        assert answering(furnished, TODAY + timedelta(days=day)) == expected
    with enter(by) as record:
        old = record.read("EpisodeOfCare", child.made["episode"]).json()
        new = record.read("EpisodeOfCare", settled.episode).json()
        assert record.create("Encounter", an_encounter(child.reference, borough="salford")).created
        told = record.search("Provenance", []).matches
    assert (old["status"], old["period"]["end"], old["meta"]["versionId"]) == ("finished", "2021-02-15", "2")
    assert (new["status"], new["period"]) == ("active", {"start": "2021-02-15"})
    assert new["managingOrganization"] == {"reference": SALFORD}
    assert new["careManager"] == {"reference": by.fhir_user}
    assert {each.json()["target"][0]["reference"] for each in told} == {
        f"EpisodeOfCare/{child.made['episode']}", f"EpisodeOfCare/{settled.episode}",
    }  # fmt: skip
    assert {each.json()["agent"][0]["who"]["reference"] for each in told} == {by.fhir_user}


def test_who_accepted_stands_on_the_versions_and_in_the_audit(enter, furnished, child):
    settled = answered(enter, transfers.accept, offered(enter, child), SALFORDS)
    with furnished.reading() as connection:
        accounts = connection.exec_driver_sql(
            "select v.account from resource_version v join resource r on r.rid = v.rid"
            f" where r.id in ('{child.made['episode']}', '{settled.episode}') order by v.rid, v.version"
        ).scalars()
        assert list(accounts) == ["service-one", "salford-one", "salford-one"]
        events = connection.exec_driver_sql(
            "select interaction, type, account, child_rid is not null, outcome from audit_event"
            " where account = 'salford-one' order by seq"
        ).all()
    assert [tuple(each)[:2] for each in events] == [
        ("operation", None), ("update", "EpisodeOfCare"), ("create", "EpisodeOfCare"),
        ("create", "Provenance"), ("create", "Provenance"),
    ]  # fmt: skip
    assert all(each[3] and each[4] == 0 for each in events)


def test_the_one_it_is_offered_to_is_told_what_is_needed_and_nothing_else(enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    with enter(BURYS) as record:
        task = {"resourceType": "Task", "status": "requested", "intent": "order"}
        record.create("Task", task | {"for": {"reference": child.reference}})
        record.create("Task", task | {"for": {"reference": child.reference}, "status": "completed"})
        asked = {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}
        record.create("ServiceRequest", asked | {"subject": {"reference": child.reference}})
    id_ = offered(enter, child, note="Speech and language has been asked.")
    (told,) = waiting(enter, SALFORDS)
    assert told == transfers.Offer(
        id_,
        is_arriving=True,
        state="offered",
        name={"family": "Ashworth", "given": ["Poppy"]},
        born="2019-01-15",
        nhs_number=child.nhs_number,
        from_borough=BOROUGHS["bury"],
        to_borough=BOROUGHS["salford"],
        offered_at=NOW,
        outstanding=2,
        restricted_handed_over=False,
    )
    (own,) = waiting(enter, BURYS)
    assert (own.is_arriving, own.child, own.reason) == (False, child.id, "family-moved")
    assert own.note == "Speech and language has been asked."
    assert waiting(enter, WIGANS) == []


def test_where_a_child_is_kept_hidden_nobody_is_told_from_where_it_comes(enter, furnished, definitions):
    hidden = {**a_patient(), "meta": {"security": [RESTRICTED]}}
    child = replace(a_child(), patient=hidden).kept_in(furnished, definitions)
    offered(enter, child)
    assert waiting(enter, SALFORDS)[0].from_borough is None
    assert waiting(enter, BURYS)[0].from_borough == BOROUGHS["bury"]


@pytest.mark.parametrize(("handed_over", "outstanding"), [(False, 0), (True, 1)])
def test_a_restricted_task_is_counted_only_where_it_comes_along(handed_over, outstanding, enter, child):
    with enter(BURYS) as record:
        record.create(
            "Task",
            {
                "resourceType": "Task",
                "meta": {"security": [RESTRICTED]},
                "status": "requested",
                "intent": "order",
                "for": {"reference": child.reference},
            },
        )
    id_ = offered(enter, child, hand_over_restricted=handed_over)
    (told,) = waiting(enter, SALFORDS)
    assert (told.outstanding, told.restricted_handed_over) == (outstanding, handed_over)
    assert waiting(enter, BURYS)[0].outstanding == 1
    # Nor is it counted when the child has come, and goes on.
    answered(enter, transfers.accept, id_, SALFORDS)
    assert [each.outstanding for each in waiting(enter, SALFORDS)] == [outstanding]
    offered(enter, child, by=SALFORDS, to="Organization/wigan-health-visiting")
    assert [each.outstanding for each in waiting(enter, SALFORDS)] == [outstanding, outstanding]


def test_a_child_is_offered_once(enter, child):
    offered(enter, child)
    wigan = "Organization/wigan-health-visiting"
    for to in (SALFORD, wigan):
        error = refused(
            enter, BURYS, lambda record, to=to: transfers.offer(record, child.id, to=to, reason="other")
        )
        assert isinstance(error, Conflict)


@pytest.mark.parametrize(
    ("change", "error", "place"),
    [
        ({"to": "Organization/bury-health-visiting"}, Unprocessable, "to"),
        ({"to": "Organization/greater-manchester"}, Unprocessable, "to"),
        ({"to": "Practitioner/x"}, Unprocessable, "to"),
        ({"to": "salford"}, Unprocessable, "to"),
        ({"reason": "because"}, Unprocessable, "reason"),
        ({"note": ""}, Unprocessable, "note"),
        ({"note": "x" * 501}, Unprocessable, "note"),
    ],
)
def test_an_offer_that_cannot_be_is_refused(change, error, place, enter, child):
    asked = {"to": SALFORD, "reason": "other"} | change
    met = refused(enter, BURYS, lambda record: transfers.offer(record, child.id, **asked))
    assert isinstance(met, error)
    assert [issue.expression for issue in met.issues] == [place]


@pytest.mark.parametrize(
    ("by", "error"),
    [
        (SALFORDS, NotFound),
        (a_requester("system-client"), Forbidden),
        (a_requester("service"), Forbidden),
        (a_requester("parent"), Forbidden),
        (a_requester(scopes="user/EpisodeOfCare.rs user/Patient.rs"), Forbidden),
        (a_requester(scopes="user/EpisodeOfCare.u"), Forbidden),
    ],
)
def test_a_child_is_offered_by_who_answers_for_it_alone(by, error, enter, child):
    met = refused(enter, by, lambda record: transfers.offer(record, child.id, to=SALFORD, reason="other"))
    assert isinstance(met, error)
    unknown = refused(enter, by, lambda record: transfers.offer(record, NEVER, to=SALFORD, reason="other"))
    assert (type(unknown), str(unknown)) == (type(met), str(met))


def test_the_team_before_reads_what_it_wrote_and_offers_the_child_no_more(enter, child):
    answered(enter, transfers.accept, offered(enter, child), SALFORDS)
    back = "Organization/wigan-health-visiting"
    with enter(BURYS, writing=False) as record:
        assert record.read("EpisodeOfCare", child.made["episode"]).version == 2
    error = refused(enter, BURYS, lambda record: transfers.offer(record, child.id, to=back, reason="other"))
    assert isinstance(error, RecordError)
    assert not isinstance(error, Conflict)


@pytest.mark.parametrize("answer", [transfers.accept, transfers.withdraw])
def test_an_offer_is_settled_by_its_own_side_alone(answer, enter, child):
    id_ = offered(enter, child)
    strangers = [WIGANS, BURYS if answer is transfers.accept else SALFORDS]
    for stranger in strangers:
        met = refused(enter, stranger, lambda record: answer(record, id_))
        never = refused(enter, stranger, lambda record: answer(record, NEVER))
        assert (type(met), str(met)) == (type(never), str(never)) == (NotFound, str(NotFound()))
    for odd in ("", "x/y", "' or 1=1"):
        assert isinstance(refused(enter, SALFORDS, lambda record, o=odd: answer(record, o)), NotFound)


def test_accepting_again_gets_the_first_answer_and_a_colleague_is_told(enter, furnished, child):
    id_ = offered(enter, child)
    first = answered(enter, transfers.accept, id_, SALFORDS)
    assert answered(enter, transfers.accept, id_, SALFORDS, at=NOW + timedelta(days=3)) == first
    assert isinstance(refused(enter, COLLEAGUE, lambda record: transfers.accept(record, id_)), Conflict)
    assert isinstance(
        refused(enter, SALFORDS, lambda record: transfers.decline(record, id_, reason="not-here")), Conflict
    )
    assert isinstance(refused(enter, BURYS, lambda record: transfers.withdraw(record, id_)), Conflict)
    with furnished.reading() as connection:
        assert connection.exec_driver_sql("select count(*) from responsibility").scalar() == 2


def test_of_many_who_accept_at_once_one_does(enter, furnished, child):
    id_ = offered(enter, child)
    outcomes = []
    begin = threading.Barrier(6)

    def ask(number):
        begin.wait()
        try:
            answered(enter, transfers.accept, id_, replace(SALFORDS, account=f"salford-{number}"))
            outcomes.append("accepted")
        except Conflict:
            outcomes.append("told")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted"] + ["told"] * 5
    with furnished.reading() as connection:
        assert connection.exec_driver_sql("select count(*) from responsibility").scalar() == 2


def test_an_offer_accepted_and_taken_back_at_once_is_one_of_the_two(enter, furnished, child):
    id_ = offered(enter, child)
    outcomes = []
    begin = threading.Barrier(2)

    def ask(answer, by):
        begin.wait()
        try:
            outcomes.append(answered(enter, answer, id_, by).state)
        except Conflict:
            outcomes.append("told")

    threads = [
        threading.Thread(target=ask, args=each)
        for each in ((transfers.accept, SALFORDS), (transfers.withdraw, BURYS))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 2
    assert "told" in outcomes
    expected = "salford" if "accepted" in outcomes else "bury"
    assert answering(furnished) == [BOROUGHS[expected]]


def test_a_declined_child_stays_and_the_team_is_told_why(enter, furnished, child):
    id_ = offered(enter, child)
    assert answered(enter, transfers.decline, id_, SALFORDS, reason="elsewhere").state == "declined"
    assert answered(enter, transfers.decline, id_, SALFORDS, reason="elsewhere").state == "declined"
    assert answering(furnished) == [BOROUGHS["bury"]]
    assert waiting(enter, SALFORDS) == []
    (told,) = waiting(enter, BURYS)
    assert (told.state, told.refusal) == ("declined", "elsewhere")
    assert waiting(enter, BURYS, at=NOW + timedelta(days=15)) == []
    assert isinstance(refused(enter, SALFORDS, lambda record: transfers.accept(record, id_)), Conflict)
    again = offered(enter, child)
    assert answered(enter, transfers.accept, again, SALFORDS).state == "accepted"


def test_a_reason_for_declining_is_one_of_the_list(enter, child):
    id_ = offered(enter, child)
    error = refused(enter, SALFORDS, lambda record: transfers.decline(record, id_, reason="no"))
    assert [issue.expression for issue in error.issues] == ["reason"]


def test_an_offer_that_was_taken_back_is_accepted_by_nobody(enter, furnished, child):
    id_ = offered(enter, child)
    assert answered(enter, transfers.withdraw, id_, BURYS).state == "withdrawn"
    assert answered(enter, transfers.withdraw, id_, BURYS).state == "withdrawn"
    assert waiting(enter, SALFORDS) == waiting(enter, BURYS) == []
    assert isinstance(refused(enter, SALFORDS, lambda record: transfers.accept(record, id_)), Conflict)
    assert answering(furnished) == [BOROUGHS["bury"]]


def test_a_child_may_come_back_on_the_same_day(enter, furnished, child):
    settled = answered(enter, transfers.accept, offered(enter, child), SALFORDS)
    bury = "Organization/bury-health-visiting"
    answered(enter, transfers.accept, offered(enter, child, by=SALFORDS, to=bury), BURYS)
    assert answering(furnished) == [BOROUGHS["bury"]]
    with enter(SALFORDS, writing=False) as record:
        ended = record.read("EpisodeOfCare", settled.episode).json()
    assert ended["period"] == {"start": "2021-02-15", "end": "2021-02-15"}


def test_an_episode_that_was_to_begin_later_never_does(enter, furnished, child):
    with enter(a_requester("service")) as record:
        ended = {**an_episode(child.reference, end="2021-06-01"), "id": child.made["episode"]}
        record.update("EpisodeOfCare", child.made["episode"], ended, if_match="1")
        later = record.create("EpisodeOfCare", an_episode(child.reference, start="2021-06-01")).version.id
    answered(enter, transfers.accept, offered(enter, child), SALFORDS)
    assert answering(furnished, TODAY + timedelta(days=365)) == [BOROUGHS["salford"]]
    with enter(SALFORDS, writing=False) as record:
        assert record.read("EpisodeOfCare", later).json()["status"] == "cancelled"


def test_an_offer_is_void_once_another_service_answers(enter, furnished, child):
    id_ = offered(enter, child)
    with enter(a_requester("service")) as record:
        ended = {**an_episode(child.reference, end="2021-02-15"), "id": child.made["episode"]}
        record.update("EpisodeOfCare", child.made["episode"], ended, if_match="1")
        record.create("EpisodeOfCare", an_episode(child.reference, borough="wigan", start="2021-02-15"))
    assert isinstance(refused(enter, SALFORDS, lambda record: transfers.accept(record, id_)), Conflict)
    assert answering(furnished) == [BOROUGHS["wigan"]]


def test_a_scope_of_one_borough_settles_nothing_of_another(enter, child):
    id_ = offered(enter, child)
    tag = "https://healthvisit.example/fhir/Id/gss-code"
    both = a_requester(
        boroughs=["bury", "salford"],
        scopes=f"user/EpisodeOfCare.cruds?_tag={tag}|{BOROUGHS['bury']}"
        f" user/Patient.rs?_tag={tag}|{BOROUGHS['bury']}",
    )
    assert isinstance(refused(enter, both, lambda record: transfers.accept(record, id_)), NotFound)
    assert [each.is_arriving for each in waiting(enter, both)] == [False]


def test_an_app_for_one_child_is_told_of_that_child_alone(enter, furnished, definitions, child):
    other = a_child().kept_in(furnished, definitions)
    offered(enter, child)
    second = offered(enter, other)
    of_one = replace(BURYS, patient=child.id)
    assert [each.child for each in waiting(enter, of_one)] == [child.id]
    assert isinstance(refused(enter, of_one, lambda record: transfers.withdraw(record, second)), NotFound)


def test_the_new_team_reads_all_and_the_old_team_nothing_newer(enter, child):
    with enter(BURYS) as record:
        note = record.create("Observation", an_observation(child.reference)).version
    answered(enter, transfers.accept, offered(enter, child), SALFORDS)
    with enter(SALFORDS) as record:
        body = record.read("Observation", note.id).json()
        changed = record.update("Observation", note.id, {**body, "status": "corrected"}, if_match="1")
        newer = record.create("Observation", an_observation(child.reference)).version
    with enter(BURYS, writing=False) as record:
        assert record.vread("Observation", note.id, "1").version == 1
        for ask in (
            lambda: record.read("Observation", note.id),
            lambda: record.vread("Observation", note.id, str(changed.version.version)),
            lambda: record.read("Observation", newer.id),
        ):
            with pytest.raises(NotFound):
                ask()


def test_who_accepted_reads_the_note_then_and_who_offered_is_told_nothing_more(enter, child):
    id_ = offered(enter, child, note="Speech and language has been asked.")
    assert waiting(enter, SALFORDS)[0].note is None
    answered(enter, transfers.accept, id_, SALFORDS)
    (told,) = waiting(enter, COLLEAGUE)
    assert (told.state, told.note, told.child) == (
        "accepted", "Speech and language has been asked.", child.id,
    )  # fmt: skip
    assert waiting(enter, BURYS) == []
    assert waiting(enter, SALFORDS, at=NOW + timedelta(days=15)) == []


def test_of_a_child_who_went_on_nothing_newer_is_told(enter, child):
    answered(enter, transfers.decline, offered(enter, child), SALFORDS, reason="elsewhere")
    wigan = "Organization/wigan-health-visiting"
    answered(enter, transfers.accept, offered(enter, child, to=wigan), WIGANS)
    with enter(WIGANS) as record:
        body = record.read("Patient", child.id).json()
        record.update("Patient", child.id, {**body, "name": [{"family": "Newname"}]}, if_match="1")
    assert waiting(enter, BURYS) == waiting(enter, SALFORDS) == []
    assert waiting(enter, WIGANS)[0].name == {"family": "Newname"}


def test_a_void_offer_is_told_to_nobody_and_stands_in_nobodys_way(enter, furnished, child):
    offered(enter, child)
    with enter(a_requester("service")) as record:
        ended = {**an_episode(child.reference, end="2021-02-15"), "id": child.made["episode"]}
        record.update("EpisodeOfCare", child.made["episode"], ended, if_match="1")
        record.create("EpisodeOfCare", an_episode(child.reference, borough="wigan", start="2021-02-15"))
    assert waiting(enter, BURYS) == waiting(enter, SALFORDS) == []
    answered(enter, transfers.accept, offered(enter, child, by=WIGANS), SALFORDS)
    assert answering(furnished) == [BOROUGHS["salford"]]
