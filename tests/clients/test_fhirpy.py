"""PyPI fhirpy, as an app of a health visitor in Bury. It sends no If-Match by itself: whoever uses it adds one."""

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound
from fhirpy.lib import SyncFHIRResource

from healthvisit.exact_json import JSON
from tests.clients.conftest import MARK, Service


def client(service: Service, **headers: str) -> SyncFHIRClient:
    """headers: If_Match -> If-Match."""
    return SyncFHIRClient(
        service.base,
        authorization=f"Bearer {service.token}",
        extra_headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


@pytest.fixture
def kept(service: Service, request: pytest.FixtureRequest) -> SyncFHIRResource:
    """A weight that the client has just created, under the name of the test."""
    return named(client(service), service.an_observation(request.node.name)).create()


def named(of: SyncFHIRClient, body: JSON) -> SyncFHIRResource:
    """fhirpy asks for the type apart."""
    return of.resource(body["resourceType"], **{name: body[name] for name in body if name != "resourceType"})


def amended(service: Service, kept: SyncFHIRResource) -> SyncFHIRResource:
    """The weight with another status, and the first version as the one that was seen."""
    return named(client(service, If_Match='W/"1"'), {**kept.serialize(), "status": "amended"})


def test_fhirpy_reads_what_the_service_says_of_itself(service):
    statement = client(service).execute("metadata", method="get")
    assert statement.fhirVersion == "4.0.1"
    assert {resource.type for resource in statement.rest[0].resource} >= {"Patient", "Observation"}


def test_fhirpy_creates_and_reads(service, kept):
    found = client(service).get("Observation", kept.id)
    assert found["valueQuantity"]["value"] == 12.4
    assert kept.refresh()["meta"]["versionId"] == "1"


def test_fhirpy_updates_what_it_has_seen_and_nothing_else(service, kept):
    amended(service, kept).update()
    assert client(service).get("Observation", kept.id)["status"] == "amended"
    with pytest.raises(MultipleResourcesFound):  # its name for every 412
        amended(service, kept).update()


def test_fhirpy_patches_by_json_patch(service, kept):
    patch = [{"op": "replace", "path": "/status", "value": "amended"}]
    patching = client(service, **{"Content-Type": "application/json-patch+json", "If-Match": 'W/"1"'})
    answer = patching.execute(f"Observation/{kept['id']}", method="patch", data=patch)
    assert answer["status"] == "amended"
    assert answer["meta"]["versionId"] == "2"


def test_fhirpy_is_told_that_its_own_kind_of_patch_is_none_of_fhir(service, kept):
    with pytest.raises(OperationOutcome) as told:
        client(service).patch("Observation", kept.id, status="amended")
    assert told.value.resource["issue"][0]["expression"] == ["Parameters"]


def test_fhirpy_deletes(service, kept):
    client(service).delete("Observation", kept.id)
    with pytest.raises(ResourceNotFound):
        client(service).get("Observation", kept.id)


def test_fhirpy_reads_history_and_an_earlier_version(service, kept):
    amended(service, kept).update()
    history = client(service).execute(f"Observation/{kept['id']}/_history", method="get")
    assert [entry.resource.meta.versionId for entry in history.entry] == ["2", "1"]
    assert client(service).execute(f"Observation/{kept['id']}/_history/1", method="get")["status"] == "final"


def test_fhirpy_pages_through_every_child(service):
    found = client(service).resources("Patient").limit(7).sort("birthdate").fetch_all()
    assert len({child.id for child in found}) == len(found) == service.children


def test_fhirpy_includes_both_ways(service, kept):
    observations = client(service).resources("Observation")
    forth = observations.search(identifier=f"{MARK}|{kept['identifier'][0]['value']}").include(
        "Observation", "patient"
    )
    assert {entry.resource.resourceType for entry in forth.fetch_raw().entry} == {"Observation", "Patient"}
    back = client(service).resources("Patient").search(_id=service.child).revinclude("Observation", "patient")
    assert kept.id in {entry.resource.id for entry in back.fetch_raw().entry}


def test_fhirpy_searches_by_a_chain(service, kept):
    child = client(service).get("Patient", service.child)
    found = client(service).resources("Observation").search(patient__Patient__family=child.name[0].family)
    assert kept.id in {each.id for each in found.fetch_all()}


def test_fhirpy_sends_a_transaction(service, request):
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{number}",
                "resource": service.an_observation(f"{request.node.name}-{number}"),
                "request": {"method": "POST", "url": "Observation"},
            }
            for number in range(3)
        ],
    }
    answer = client(service).execute("", data=bundle)
    assert answer.type == "transaction-response"
    assert [entry.response.status for entry in answer.entry] == ["201 Created"] * 3


def test_fhirpy_sends_a_batch_whose_parts_stand_alone(service):
    asked = (f"Patient/{service.child}", "Patient/nobody")
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": url}} for url in asked],
    }
    answer = client(service).execute("", data=bundle)
    assert answer.type == "batch-response"
    assert [entry.response.status[:3] for entry in answer.entry] == ["200", "404"]


def test_fhirpy_creates_only_what_is_not_there(service, kept):
    mark = kept["identifier"][0]["value"]
    conditional = client(service, **{"If-None-Exist": f"identifier={MARK}|{mark}"})
    assert named(conditional, service.an_observation(mark)).create().id == kept.id


def test_fhirpy_is_told_that_its_own_kind_of_condition_is_none_of_fhir(service, kept):
    mark = kept["identifier"][0]["value"]
    # get_or_create states its condition in the address.
    of_mark = client(service).resources("Observation").search(identifier=f"{MARK}|{mark}")
    with pytest.raises(OperationOutcome):
        of_mark.get_or_create(named(client(service), service.an_observation(mark)))
    assert [each.id for each in of_mark.fetch_all()] == [kept.id]


def test_fhirpy_asks_for_everything_of_a_child(service, kept):
    everything = client(service).reference("Patient", service.child).execute("$everything", method="get")
    assert everything.type == "searchset"
    assert "Patient" in {entry.resource.resourceType for entry in everything.entry}


def test_fhirpy_has_a_resource_validated(service):
    weight = named(client(service), service.an_observation("checked"))
    assert weight.is_valid()
    weight["status"] = "nearly"
    assert not weight.is_valid()


def test_fhirpy_is_told_what_is_wrong(service):
    wrong = client(service).resource("Observation", status="final")
    with pytest.raises(OperationOutcome) as told:
        wrong.create()
    assert {"Observation.code"} <= {
        expression for issue in told.value.resource["issue"] for expression in issue.get("expression", ())
    }
