"""Deletions, conditional interactions, and what stands in one transaction with what."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from healthvisit.definitions import GSS_SYSTEM
from healthvisit.record.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    MultipleMatches,
    NotFound,
    RecordError,
    Unprocessable,
    VersionConflict,
)
from healthvisit.record.record import opened
from tests.builders import (
    BOROUGHS,
    NOW,
    a_child,
    a_patient,
    a_practitioner,
    a_requester,
    a_response,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_episode,
    an_observation,
    an_update,
)

NEVER = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def enter(furnished, definitions):
    """The record for one request: enter(requester, writing=True)."""

    def enter(requester=None, *, writing=False, at=NOW):
        return opened(furnished, requester or a_requester(), definitions=definitions, at=at, writing=writing)

    return enter


@pytest.fixture
def child(furnished, definitions):
    return a_child().kept_in(furnished, definitions)


@pytest.fixture
def ask(enter):
    """One request that writes: ask(lambda record: ...)."""

    def ask(what, requester=None):
        with enter(requester, writing=True) as record:
            return what(record)

    return ask


@pytest.fixture
def weight(child, ask):
    """A weight of the child that stands in the record."""
    return ask(lambda record: record.create("Observation", an_observation(child.reference))).version


def refused(ask, what, requester=None):
    with pytest.raises(RecordError) as met:
        ask(what, requester)
    return met.value


def told(error):
    """All that a requester is told."""
    return type(error), error.issues


def a_deletion(reference, **more):
    return {"request": {"method": "DELETE", "url": reference, **more}}


def an_update_by_query(query, body, **more):
    type_ = body["resourceType"]
    return {"resource": body, "request": {"method": "PUT", "url": f"{type_}?{query}", **more}}


def identified(body, value):
    return {**body, "identifier": [{"system": "urn:app", "value": value}]}


def places(answer):
    return ["/".join(entry["response"]["location"].split("/")[:2]) for entry in answer["entry"]]


# Deleting


def test_what_was_deleted_is_gone_and_its_versions_stay(enter, ask, weight):
    ask(lambda record: record.delete("Observation", weight.id))
    with enter() as record:
        with pytest.raises(Gone):
            record.read("Observation", weight.id)
        with pytest.raises(Gone):
            record.vread("Observation", weight.id, "2")
        assert record.vread("Observation", weight.id, "1").body == weight.body
        history = record.history("Observation", weight.id)
    assert [(each.version, each.method, each.body) for each in history.matches] == [
        (2, "DELETE", b""), (1, "POST", weight.body)
    ]  # fmt: skip


def test_to_delete_again_changes_nothing(enter, ask, weight):
    for if_match in (None, None, 'W/"1"'):
        ask(lambda record, tag=if_match: record.delete("Observation", weight.id, if_match=tag))
    with enter() as record:
        assert record.history("Observation", weight.id).total == 2


def test_a_deletion_can_name_the_version_that_was_seen(ask, weight):
    error = refused(ask, lambda record: record.delete("Observation", weight.id, if_match='W/"7"'))
    assert isinstance(error, VersionConflict)
    ask(lambda record: record.delete("Observation", weight.id, if_match='W/"1"'))


def test_no_search_finds_what_was_deleted(enter, ask, child, weight):
    ask(lambda record: record.delete("Observation", weight.id))
    with enter() as record:
        for asked in ([("patient", child.id)], [("_id", weight.id)], [], [("code", "27113001")]):
            page = record.search("Observation", [*asked, ("_total", "accurate")])
            assert (page.matches, page.total) == ([], 0)


def test_nothing_refers_to_what_was_deleted(ask, child):
    encounter = ask(lambda record: record.create("Encounter", an_encounter(child.reference))).version
    ask(lambda record: record.delete("Encounter", encounter.id))
    body = an_observation(child.reference, encounter=f"Encounter/{encounter.id}")
    error = refused(ask, lambda record: record.create("Observation", body))
    never = refused(
        ask,
        lambda record: record.create(
            "Observation", an_observation(child.reference, encounter=f"Encounter/{NEVER}")
        ),
    )
    assert told(error) == told(never)


def test_what_was_deleted_does_not_come_back_under_its_id(ask, weight):
    ask(lambda record: record.delete("Observation", weight.id))
    body = weight.json()
    for if_match in ('W/"1"', 'W/"2"'):
        error = refused(
            ask, lambda record, tag=if_match: record.update("Observation", weight.id, body, if_match=tag)
        )
        assert isinstance(error, Gone)


def test_a_deletion_out_of_reach_is_one_of_nothing(enter, ask, weight):
    salford = a_requester(boroughs=["salford"])
    strange = refused(ask, lambda record: record.delete("Observation", weight.id), salford)
    never = refused(ask, lambda record: record.delete("Observation", NEVER), salford)
    assert told(strange) == told(never) == told(NotFound())
    ask(lambda record: record.delete("Observation", weight.id))
    assert told(refused(ask, lambda record: record.delete("Observation", weight.id), salford)) == told(never)
    with enter(salford) as record:
        for id_ in (weight.id, NEVER):
            with pytest.raises(NotFound) as met:
                record.read("Observation", id_)
            assert told(met.value) == told(NotFound())


def test_parents_are_told_that_it_is_gone_only_of_what_they_could_see(enter, ask, child):
    parent = a_requester("parent", children=[child.id])
    # What was not released, and what follows rules that nobody here knows, they never saw.
    bodies = [
        an_observation(child.reference, released=True),
        an_observation(child.reference),
        {**an_observation(child.reference, released=True), "implicitRules": "urn:rules"},
    ]
    made = [ask(lambda record, sent=body: record.create("Observation", sent)).version.id for body in bodies]
    with enter(parent) as record:
        assert record.read("Observation", made[0])
    for id_ in made:
        ask(lambda record, gone=id_: record.delete("Observation", gone))
    for id_, error in zip(made, (Gone, NotFound, NotFound), strict=True):
        with enter(parent) as record, pytest.raises(error):
            record.read("Observation", id_)


def test_a_child_and_who_answers_for_it_are_never_deleted(ask, child):
    for type_, id_ in (("Patient", child.id), ("EpisodeOfCare", child.made["episode"])):
        assert isinstance(refused(ask, lambda record, key=(type_, id_): record.delete(*key)), Forbidden)


def test_what_something_refers_to_stays_and_it_is_not_said_what_does(ask, child):
    encounter = ask(lambda record: record.create("Encounter", an_encounter(child.reference))).version
    place = f"Encounter/{encounter.id}"
    weight = ask(
        lambda record: record.create("Observation", an_observation(child.reference, encounter=place))
    ).version
    error = refused(ask, lambda record: record.delete("Encounter", encounter.id))
    assert isinstance(error, Conflict)
    assert weight.id not in str(error.issues)
    ask(
        lambda record: record.transact(
            a_transaction(a_deletion(place), a_deletion(f"Observation/{weight.id}"))
        )
    )
    assert isinstance(refused(ask, lambda record: record.read("Encounter", encounter.id)), Gone)


def test_what_is_no_longer_referred_to_can_be_deleted_in_the_same_transaction(ask, child):
    encounter = ask(lambda record: record.create("Encounter", an_encounter(child.reference))).version
    place = f"Encounter/{encounter.id}"
    weight = ask(
        lambda record: record.create("Observation", an_observation(child.reference, encounter=place))
    ).version
    alone = {name: value for name, value in weight.json().items() if name != "encounter"}
    answer = ask(
        lambda record: record.transact(
            a_transaction(an_update("Observation", weight.id, alone), a_deletion(place))
        )
    )
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["200 OK", "204 No Content"]


def test_deletions_come_before_what_is_new(ask, child):
    body = identified(an_observation(child.reference), "one")
    first = ask(lambda record: record.create("Observation", body)).version
    new = an_entry(body, if_none_exist="identifier=urn:app|one")
    answer = ask(lambda record: record.transact(a_transaction(new, a_deletion(f"Observation/{first.id}"))))
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created", "204 No Content"]


@pytest.mark.parametrize("first", ["the deletion", "the reference"])
def test_a_deletion_and_a_reference_at_the_same_time_do_not_both_stand(enter, ask, child, first):
    encounter = ask(lambda record: record.create("Encounter", an_encounter(child.reference))).version
    body = an_observation(child.reference, encounter=f"Encounter/{encounter.id}")

    def delete(record):
        record.delete("Encounter", encounter.id)

    def refer(record):
        record.create("Observation", body)

    one, other = (delete, refer) if first == "the deletion" else (refer, delete)
    with ThreadPoolExecutor(1) as threads:
        with enter(writing=True) as record:
            one(record)
            late = threads.submit(ask, other)
            with pytest.raises(TimeoutError):
                late.result(timeout=0.5)
        with pytest.raises(RecordError) as met:
            late.result(timeout=20)
    assert isinstance(met.value, Unprocessable if other is refer else Conflict)


def test_two_updates_by_one_query_at_the_same_time_make_one_resource(ask, child):
    entry = an_update_by_query("identifier=urn:app|one", identified(an_observation(child.reference), "one"))
    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(ask, lambda record: record.one(entry)) for _ in range(4)]
    faults = [each.exception() for each in sent]
    # The others find what the first one made, and did not say which version of it they saw.
    assert sorted(type(fault).__name__ for fault in faults) == ["Invalid"] * 3 + ["NoneType"]


def test_a_deletion_that_is_undone_leaves_all_as_it_was(enter, ask, weight):
    bad = an_entry(an_observation(f"Patient/{NEVER}"))
    refused(ask, lambda record: record.transact(a_transaction(a_deletion(f"Observation/{weight.id}"), bad)))
    with enter() as record:
        assert record.read("Observation", weight.id).body == weight.body
        assert record.search("Observation", [("_id", weight.id)]).matches


def test_a_deletion_is_told_in_the_audit(furnished, ask, child, weight):
    ask(lambda record: record.delete("Observation", weight.id))
    with furnished.reading() as connection:
        row = connection.exec_driver_sql(
            "select type, resource_id, version, outcome, child_rid from audit_event"
            " where interaction = 'delete'"
        ).one()
        own = connection.exec_driver_sql(f"select rid from resource where id = '{child.id}'").scalar()
    assert tuple(row) == ("Observation", weight.id, 2, 0, own)


# Conditional update and deletion


def test_an_update_by_query_changes_what_matches_or_makes_it(ask, child):
    body = identified(an_observation(child.reference), "one")
    entry = an_update_by_query("identifier=urn:app|one", body)
    made = ask(lambda record: record.one(entry))["response"]
    assert made["status"] == "201 Created"
    changed = ask(
        lambda record: record.one(an_update_by_query("identifier=urn:app|one", body, ifMatch='W/"1"'))
    )
    assert changed["response"]["status"] == "200 OK"
    assert changed["response"]["location"].split("/")[:2] == made["location"].split("/")[:2]


def test_an_update_by_query_of_a_childs_paper_names_the_version_that_was_seen(ask, child):
    body = identified(an_observation(child.reference), "one")
    entry = an_update_by_query("identifier=urn:app|one", body)
    ask(lambda record: record.one(entry))
    assert refused(ask, lambda record: record.one(entry)).issues[0].code == "required"
    stale = an_update_by_query("identifier=urn:app|one", body, ifMatch='W/"4"')
    assert isinstance(refused(ask, lambda record: record.one(stale)), VersionConflict)


def test_an_update_by_query_with_an_id_makes_nothing_and_changes_no_other(ask, child):
    body = {**identified(an_observation(child.reference), "one"), "id": NEVER}
    entry = an_update_by_query("identifier=urn:app|one", body)
    assert isinstance(refused(ask, lambda record: record.one(entry)), Conflict)
    ask(lambda record: record.create("Observation", body))
    assert isinstance(refused(ask, lambda record: record.one(entry)), Invalid)


def test_a_query_that_finds_several_changes_none(ask, child):
    body = identified(an_observation(child.reference), "one")
    for _ in range(2):
        ask(lambda record: record.create("Observation", body))
    for entry in (
        an_update_by_query("identifier=urn:app|one", body),
        a_deletion("Observation?identifier=urn:app|one"),
    ):
        assert isinstance(refused(ask, lambda record, each=entry: record.one(each)), MultipleMatches)


def test_a_query_finds_nothing_of_another_borough(ask, child):
    body = identified(an_observation(child.reference), "one")
    ask(lambda record: record.create("Observation", body))
    salford = a_requester(boroughs=["salford"])
    answer = ask(lambda record: record.one(a_deletion("Observation?identifier=urn:app|one")), salford)
    assert answer["response"]["status"] == "204 No Content"
    assert ask(lambda record: record.search("Observation", [("identifier", "urn:app|one")])).matches


def test_a_query_needs_the_right_to_search(ask, child):
    body = identified(an_observation(child.reference), "one")
    writer = a_requester(scopes="user/Observation.crud")
    for entry in (
        an_update_by_query("identifier=urn:app|one", body),
        a_deletion("Observation?identifier=urn:app|one"),
    ):
        assert isinstance(refused(ask, lambda record, each=entry: record.one(each), writer), Forbidden)


def test_a_deletion_by_query_deletes_the_one_that_matches(ask, child):
    body = identified(an_observation(child.reference), "one")
    made = ask(lambda record: record.create("Observation", body)).version
    for _ in range(2):
        answer = ask(lambda record: record.one(a_deletion("Observation?identifier=urn:app|one")))
        assert answer["response"]["status"] == "204 No Content"
    assert isinstance(refused(ask, lambda record: record.read("Observation", made.id)), Gone)


def test_no_resource_is_written_twice_however_it_is_named(ask, child):
    body = identified(an_observation(child.reference), "one")
    made = ask(lambda record: record.create("Observation", body)).version
    place, query = f"Observation/{made.id}", "Observation?identifier=urn:app|one"
    update = an_update("Observation", made.id, body)
    for one, other in (
        (update, a_deletion(place)),
        (update, a_deletion(query)),
        (a_deletion(place), a_deletion(query)),
        (update, an_update_by_query("identifier=urn:app|one", body, ifMatch='W/"1"')),
    ):
        error = refused(ask, lambda record, pair=(one, other): record.transact(a_transaction(*pair)))
        assert isinstance(error, Invalid)
    assert ask(lambda record: record.read("Observation", made.id)).version == 1


# References


def test_a_reference_by_query_finds_what_the_same_transaction_makes(enter, ask):
    child, encounter = a_urn(), a_urn()
    patient = a_patient()
    number = patient["identifier"][0]["value"]
    query = f"Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|{number}"
    answer = ask(
        lambda record: record.transact(
            a_transaction(
                an_entry(an_observation(query, encounter=encounter)),
                an_entry(an_encounter(query, episode="EpisodeOfCare?status=active"), full_url=encounter),
                an_entry(an_episode(query)),
                an_entry(patient, full_url=child),
            )
        )
    )
    observation, contact, episode, made = places(answer)
    with enter() as record:
        stored = record.read(*observation.split("/")).json()
        assert stored["subject"]["reference"] == made
        assert stored["encounter"]["reference"] == contact
        stored = record.read(*contact.split("/")).json()
        assert stored["episodeOfCare"] == [{"reference": episode}]


def test_a_reference_by_query_to_what_the_transaction_makes_twice_is_refused(ask, child):
    made = [an_entry(an_encounter(child.reference)) for _ in range(2)]
    weight = an_entry(an_observation(child.reference, encounter=f"Encounter?patient={child.id}"))
    error = refused(ask, lambda record: record.transact(a_transaction(weight, *made)))
    assert isinstance(error, MultipleMatches)


def test_entries_may_refer_to_each_other_in_a_circle(enter, ask, child):
    one, other = a_urn(), a_urn()
    bodies = [
        {**an_observation(child.reference), "derivedFrom": [{"reference": reference}]}
        for reference in (other, one)
    ]
    answer = ask(
        lambda record: record.transact(
            a_transaction(an_entry(bodies[0], full_url=one), an_entry(bodies[1], full_url=other))
        )
    )
    first, second = places(answer)
    with enter() as record:
        assert record.read(*first.split("/")).json()["derivedFrom"] == [{"reference": second}]
        assert record.read(*second.split("/")).json()["derivedFrom"] == [{"reference": first}]


def test_a_relative_reference_is_to_the_entry_of_the_same_server(enter, ask):
    there, elsewhere = "https://there.example/fhir", "https://elsewhere.example/fhir"
    answer = ask(
        lambda record: record.transact(
            a_transaction(
                an_entry(a_patient(), full_url=f"{there}/Patient/1"),
                an_entry(a_patient(), full_url=f"{elsewhere}/Patient/1"),
                an_entry(an_episode("Patient/1"), full_url=f"{elsewhere}/EpisodeOfCare/1"),
                an_entry(an_observation("Patient/1"), full_url=f"{elsewhere}/Observation/1"),
            )
        )
    )
    _, child, _, weight = places(answer)
    with enter() as record:
        assert record.read(*weight.split("/")).json()["subject"]["reference"] == child


def test_a_relative_reference_under_a_urn_is_to_this_services_own(ask):
    error = refused(
        ask,
        lambda record: record.transact(
            a_transaction(
                an_entry(a_patient(), full_url="https://there.example/fhir/Patient/1"),
                an_entry(an_observation("Patient/1")),
            )
        ),
    )
    assert error.issues[0].code == "not-found"


def test_links_to_an_entry_are_rewritten_and_texts_are_not(enter, ask, child):
    response = a_urn()
    encounter = ask(lambda record: record.create("Encounter", an_encounter(child.reference))).version
    body = an_observation(child.reference) | {
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": response}],
        "extension": [
            {"url": "urn:a", "valueUri": response},
            {"url": "urn:b", "valueUrl": response},
            {"url": "urn:c", "valueCanonical": response},
            {"url": "urn:d", "valueString": response},
        ],
    }
    answer = ask(
        lambda record: record.transact(
            a_transaction(
                an_entry(body),
                an_entry(a_response(child.reference, f"Encounter/{encounter.id}"), full_url=response),
            )
        )
    )
    weight, form = places(answer)
    with enter() as record:
        stored = record.read(*weight.split("/")).json()
    assert [list(each.values())[1] for each in stored["extension"]] == [form, form, response, response]
    assert stored["identifier"][0]["value"] == response


# What a client does not say


def test_a_client_does_not_say_which_borough_a_resource_belongs_to(ask, child):
    tagged = an_observation(child.reference) | {
        "meta": {
            "tag": [{"system": "urn:a", "code": "b"}, {"system": GSS_SYSTEM, "code": BOROUGHS["salford"]}]
        }
    }
    error = refused(ask, lambda record: record.create("Observation", tagged))
    assert isinstance(error, Unprocessable)
    assert error.issues[0].expression == "Observation.meta.tag[1]"


def test_a_part_of_a_resource_does_not_replace_the_whole(ask, weight):
    part = weight.json()
    part["meta"]["tag"] = [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    ]
    error = refused(ask, lambda record: record.update("Observation", weight.id, part, if_match='W/"1"'))
    assert isinstance(error, Unprocessable)


# Reading in a transaction


def test_a_search_in_a_transaction_has_its_links(ask, child, weight):
    search = {"request": {"method": "GET", "url": f"Observation?patient={child.id}&_count=1"}}
    ask(lambda record: record.create("Observation", an_observation(child.reference, on="2021-02-02")))
    answer = ask(lambda record: record.transact(a_transaction(search), base="https://here/fhir"))
    found = answer["entry"][0]["resource"]
    links = {link["relation"]: link["url"] for link in found["link"]}
    assert links["self"].startswith("https://here/fhir/Observation?patient=")
    assert "_page=" in links["next"]
    assert found["entry"][0]["fullUrl"].startswith("https://here/fhir/Observation/")


def test_an_entry_reads_only_what_its_reader_does_not_have(ask, weight):
    def read(**more):
        request = {"method": "GET", "url": f"Observation/{weight.id}", **more}
        return ask(lambda record: record.transact(a_transaction({"request": request})))["entry"][0]

    assert read(ifNoneMatch='W/"2"')["response"]["status"] == "200 OK"
    assert read(ifModifiedSince="2021-02-15T08:59:00Z")["response"]["status"] == "200 OK"
    for more in ({"ifNoneMatch": 'W/"1"'}, {"ifModifiedSince": "2021-02-15T09:00:00Z"}):
        answer = read(**more)
        assert answer["response"]["status"] == "304 Not Modified"
        assert "resource" not in answer
    with pytest.raises(Invalid):
        read(ifModifiedSince="yesterday")


def test_the_head_of_a_resource_comes_without_it(ask, weight):
    entry = {"request": {"method": "HEAD", "url": f"Observation/{weight.id}"}}
    answer = ask(lambda record: record.transact(a_transaction(entry)))
    assert answer["entry"][0]["response"]["etag"] == 'W/"1"'
    assert "resource" not in answer["entry"][0]


def test_a_practitioner_is_not_deleted_by_those_who_may_only_read_them(ask, furnished, definitions):
    with opened(furnished, a_requester("service"), definitions=definitions, at=NOW, writing=True) as record:
        made = record.create("Practitioner", a_practitioner()).version
    assert isinstance(refused(ask, lambda record: record.delete("Practitioner", made.id)), Forbidden)
