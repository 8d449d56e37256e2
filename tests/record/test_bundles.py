import random
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthvisit.record import bundles
from healthvisit.record.errors import (
    Forbidden,
    Invalid,
    MultipleMatches,
    NotFound,
    RecordError,
    Unprocessable,
)
from healthvisit.record.record import opened
from tests.builders import (
    NHS_NUMBER,
    NOW,
    a_child,
    a_patient,
    a_practitioner,
    a_requester,
    a_response,
    a_transaction,
    a_urn,
    a_visit,
    an_encounter,
    an_entry,
    an_episode,
    an_nhs_number,
    an_observation,
    an_update,
)


@pytest.fixture
def send(furnished, definitions):
    """Sends one transaction as one request."""

    def send(bundle, requester=None, **more):
        with opened(
            furnished, requester or a_requester(), definitions=definitions, at=NOW, writing=True
        ) as record:
            return record.transact(bundle, **more)

    return send


@pytest.fixture
def look(furnished, definitions):
    """Reads one resource by its reference."""

    def look(reference, requester=None):
        with opened(furnished, requester or a_requester(), definitions=definitions, at=NOW) as record:
            return record.read(*reference.split("/")[:2]).json()

    return look


def counted(database):
    with database.reading() as connection:
        return tuple(
            connection.exec_driver_sql(f"select count(*) from {table}").scalar()
            for table in ("resource", "resource_version", "search_token", "responsibility", "receipt")
        )


def located(answer):
    """Type/id of each entry of an answer."""
    return ["/".join(entry["response"]["location"].split("/")[:2]) for entry in answer["entry"]]


def test_a_visit_sent_by_a_tablet_is_stored_with_its_references(furnished, definitions, send, look):
    child = a_child().kept_in(furnished, definitions)
    answer = send(a_visit(child.reference))
    encounter, response = located(answer)
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created"] * 2
    assert answer["entry"][0]["response"] == {
        "status": "201 Created",
        "location": f"{encounter}/_history/1",
        "etag": 'W/"1"',
        "lastModified": "2021-02-15T09:00:00.000Z",
    }
    assert look(response)["encounter"] == {"reference": encounter}
    assert look(response)["subject"] == {"reference": child.reference}


def a_family():
    """A new child with an episode, and two visits with their forms and measurements."""
    child, episode = a_urn(), a_urn()
    entries = [
        an_entry(a_patient(), full_url=child),
        an_entry(an_episode(child), full_url=episode),
    ]
    for on in ("2020-01-20", "2021-02-01"):
        encounter, response = a_urn(), a_urn()
        entries += [
            an_entry(an_encounter(child, on=on, episode=episode), full_url=encounter),
            an_entry(a_response(child, encounter, authored=f"{on}T10:45:00Z"), full_url=response),
            an_entry(
                {
                    **an_observation(child, encounter=encounter, on=on),
                    "derivedFrom": [{"reference": response}],
                }
            ),
        ]
    return entries


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_nothing_but_the_order_of_the_answer(send, look, chance):
    entries = a_family()
    chance.shuffle(entries)
    answer = send(a_transaction(*entries))
    places = dict(zip((entry["fullUrl"] for entry in entries), located(answer), strict=True))
    for entry, place in zip(entries, located(answer), strict=True):
        sent, stored = entry["resource"], look(place)
        assert stored["resourceType"] == sent["resourceType"]
        assert set(stored) == {*sent, "id", "meta"}
        for name in ("subject", "patient", "encounter"):
            if name in sent:
                assert stored[name]["reference"] == places[sent[name]["reference"]]


def test_a_transaction_with_one_fault_leaves_nothing(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    before = counted(furnished)
    for bad in (
        an_entry(an_observation("Patient/01900000-0000-7000-8000-000000000000")),
        an_entry({**an_observation(child.reference), "status": "banana"}),
        an_entry(an_observation(a_urn())),
        an_update("Patient", child.id, {**child.patient, "resourceType": "Patient"}, if_match='W/"9"'),
    ):
        with pytest.raises(RecordError) as met:
            send(a_transaction(an_entry(an_encounter(child.reference)), bad))
        assert all(issue.expression.startswith("Bundle.entry[1]") for issue in met.value.issues)
        assert counted(furnished) == before


def test_every_reference_that_leads_nowhere_is_named(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    visit = a_visit(child.reference)
    visit["entry"][1]["resource"]["encounter"]["reference"] = a_urn()
    visit["entry"][0]["resource"]["participant"] = [{"individual": {"reference": "Practitioner/nobody"}}]
    with pytest.raises(Unprocessable) as met:
        send(visit)
    assert [issue.expression for issue in met.value.issues] == [
        "Bundle.entry[0].resource.participant[0].individual",
        "Bundle.entry[1].resource.encounter",
    ]


def test_a_conditional_entry_gives_its_match_to_those_who_refer_to_it(furnished, definitions, send, look):
    child = a_child().kept_in(furnished, definitions)
    patient = a_urn()
    answer = send(
        a_transaction(
            an_entry(an_observation(patient)),
            an_entry(
                child.patient, full_url=patient, if_none_exist=f"identifier={NHS_NUMBER}|{child.nhs_number}"
            ),
        )
    )
    observation, matched = located(answer)
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created", "200 OK"]
    assert matched == child.reference
    assert look(observation)["subject"] == {"reference": child.reference}


def test_a_reference_by_query_is_that_to_its_one_match(furnished, definitions, send, look):
    child = a_child().kept_in(furnished, definitions)
    query = f"Patient?identifier={NHS_NUMBER}|{child.nhs_number}"
    (observation,) = located(send(a_transaction(an_entry(an_observation(query)))))
    assert look(observation)["subject"] == {"reference": child.reference}


def test_a_reference_by_query_to_none_or_to_several_is_refused(furnished, definitions, send):
    a_child(family="Clegg").kept_in(furnished, definitions)
    a_child(family="Clegg").kept_in(furnished, definitions)
    with pytest.raises(MultipleMatches):
        send(a_transaction(an_entry(an_observation("Patient?family=Clegg"))))
    with pytest.raises(Unprocessable) as met:
        send(a_transaction(an_entry(an_observation("Patient?family=Nobody"))))
    assert met.value.issues[0].code == "not-found"


def test_a_reference_by_query_does_not_find_a_child_of_another_borough(furnished, definitions, send):
    child = a_child(borough="salford").kept_in(furnished, definitions)

    def ask(number):
        with pytest.raises(Unprocessable) as met:
            send(a_transaction(an_entry(an_observation(f"Patient?identifier={NHS_NUMBER}|{number}"))))
        return met.value.issues

    assert ask(child.nhs_number) == ask(an_nhs_number())


def test_a_transaction_reads_what_it_wrote(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    answer = send(
        a_transaction(
            {"request": {"method": "GET", "url": child.reference}},
            {"request": {"method": "GET", "url": f"Observation?patient={quote(child.reference)}"}},
            {"request": {"method": "GET", "url": f"{child.reference}/_history/1"}},
            an_entry(an_observation(child.reference)),
            an_update("Patient", child.id, {**child.patient, "gender": "male"}),
        )
    )
    read, found, first, made, changed = answer["entry"]
    assert read["resource"]["gender"] == "male"
    assert first["resource"]["gender"] == "female"
    assert found["resource"]["total"] == 1
    assert found["resource"]["entry"][0]["resource"]["id"] == made["response"]["location"].split("/")[1]
    assert changed["response"]["status"] == "200 OK"
    assert changed["response"]["etag"] == 'W/"2"'


def test_each_entry_needs_what_it_would_need_alone(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    requester = a_requester(scopes="user/Encounter.c user/Observation.r")
    with pytest.raises(Forbidden):
        send(a_visit(child.reference), requester)
    encounter = an_entry(an_encounter(child.reference))
    with pytest.raises(Forbidden):
        send(a_transaction(encounter, {"request": {"method": "GET", "url": child.reference}}), requester)
    assert len(send(a_transaction(encounter), requester)["entry"]) == 1


def test_a_reading_entry_that_finds_nothing_undoes_the_whole(furnished, send):
    before = counted(furnished)
    with pytest.raises(NotFound):
        send(a_transaction(an_entry(a_patient()), {"request": {"method": "GET", "url": "Patient/nobody"}}))
    assert counted(furnished) == before


def test_a_twins_visit_is_not_filed_with_the_other_twin(furnished, definitions, send):
    one, other = (a_child(born="2019-01-15").kept_in(furnished, definitions) for _ in range(2))
    encounter = a_urn()
    with pytest.raises(Unprocessable) as met:
        send(
            a_transaction(
                an_entry(an_encounter(one.reference), full_url=encounter),
                an_entry(a_response(other.reference, encounter)),
            )
        )
    assert met.value.issues[0].expression == "Bundle.entry[1].resource.encounter"


def test_what_was_sent_is_not_changed_by_sending_it(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    visit = a_visit(child.reference)
    before = repr(visit)
    send(visit)
    assert repr(visit) == before


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"request": {"method": "POST", "url": "Patient"}},
        {"request": {"method": "DELETE", "url": "Patient/x"}, "resource": a_patient()},
        {"request": {"method": "DELETE", "url": "Patient"}},
        {"request": {"method": "DELETE", "url": "Patient?"}},
        {"request": {"method": "DELETE", "url": "Patient?_count=1"}},
        {"request": {"method": "DELETE", "url": "Patient/x/_history/1"}},
        {"request": {"method": "PATCH", "url": "Patient/x"}},
        {"request": {"method": "OPTIONS", "url": "Patient/x"}},
        {"request": {"method": ["GET"], "url": "Patient/x"}},
        {"request": {"method": "POST", "url": "Observation"}, "resource": a_patient()},
        {"request": {"method": "PUT", "url": "Patient/x"}, "resource": a_patient()},
        {"request": {"method": "PUT", "url": "Patient/x"}, "resource": {**a_patient(), "id": "y"}},
        {"request": {"method": "PUT", "url": "Observation?code=x"}, "resource": a_patient()},
        {"request": {"method": "PUT", "url": "Patient/x", "ifNoneMatch": "*"}, "resource": a_patient()},
        {"request": {"method": "GET", "url": "Patient/x/$everything"}},
        {"request": {"method": "GET", "url": ""}},
        {"request": {"method": "POST", "url": "Patient", "ifNoneExist": 1}, "resource": a_patient()},
        {"request": {"method": "POST", "url": "Patient", "ifNoneMatch": "*"}, "resource": a_patient()},
        {"request": {"method": "POST", "url": "Patient"}, "resource": a_patient(), "fullUrl": 1},
        {"request": "POST", "resource": a_patient()},
        "Patient",
        None,
    ],
)
def test_an_entry_that_is_no_interaction_of_ours_is_refused(entry):
    with pytest.raises(Invalid) as met:
        bundles.entries(a_transaction(entry))
    assert met.value.issues[0].expression.startswith("Bundle.entry[0]")


@pytest.mark.parametrize("sent", [None, {}, "x", 3])
def test_entries_are_a_list(sent):
    with pytest.raises(Invalid):
        bundles.entries({"resourceType": "Bundle", "type": "transaction", "entry": sent})


@pytest.mark.parametrize("type_", ["batch", "document", "searchset", None, 3])
def test_a_bundle_of_another_kind_is_no_transaction(type_):
    with pytest.raises(Invalid):
        bundles.entries({"resourceType": "Bundle", "type": type_, "entry": []})


def test_the_same_resource_is_not_written_twice_in_one_transaction():
    patient = an_update("Patient", "x", a_patient())
    with pytest.raises(Invalid):
        bundles.entries(a_transaction(patient, patient))
    urn = a_urn()
    with pytest.raises(Invalid):
        bundles.entries(
            a_transaction(an_entry(a_patient(), full_url=urn), an_entry(a_practitioner(), full_url=urn))
        )
    with pytest.raises(Invalid):
        bundles.entries(
            a_transaction(
                an_entry(a_patient(), if_none_exist="family=x"),
                an_entry(a_patient(), if_none_exist="family=x"),
            )
        )


def test_entries_are_processed_as_the_specification_orders_them():
    entries = [
        {"request": {"method": "GET", "url": "Patient/x"}},
        an_update("Patient", "x", a_patient()),
        an_entry(a_patient()),
        {"request": {"method": "DELETE", "url": "Observation/x"}},
    ]
    found = [entry.method for entry in bundles.entries(a_transaction(*entries))]
    assert found == ["DELETE", "POST", "PUT", "GET"]


def test_a_bundle_over_the_limit_is_refused_before_its_entries_are_read():
    with pytest.raises(Invalid) as met:
        bundles.entries(a_transaction(*[{}] * (bundles.MOST_ENTRIES + 1)))
    assert met.value.issues[0].code == "too-costly"


def test_many_bundles_are_kept_or_undone_together(furnished, definitions):
    before = counted(furnished)
    chance = random.Random(7)

    def ask(fail):
        with opened(furnished, a_requester(), definitions=definitions, at=NOW, writing=True) as record:
            for _ in range(3):
                entries = a_family()
                chance.shuffle(entries)
                record.transact(a_transaction(*entries))
            if fail:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(fail=True)
    assert counted(furnished) == before
    ask(fail=False)
    assert counted(furnished)[0] == before[0] + 3 * len(a_family())
