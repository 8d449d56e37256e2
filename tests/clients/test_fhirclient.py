"""PyPI fhirclient, SMART's own: it finds its way from /metadata, signs in by itself, and parses strictly.

It knows no patch, no history and no If-Match; a header is set on its session. Every answer is parsed by its
models, which refuse an element that R4 does not have.
"""

from urllib.parse import urlsplit

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.observation import Observation
from fhirclient.models.operationoutcome import OperationOutcome
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException, FHIRPermissionDeniedException

from tests.clients.conftest import MARK, Service
from tests.flows.demonstration import BASE, STAFF_APP, STAFF_SCOPE


@pytest.fixture
def server(service: Service):
    """A client with the token that the health visitor's app was given."""
    made = FHIRClient({"app_id": STAFF_APP, "api_base": service.base})
    made.server.session.headers["Authorization"] = f"Bearer {service.token}"
    with made.server.session:
        yield made.server


@pytest.fixture
def kept(service: Service, server, request: pytest.FixtureRequest) -> Observation:
    weight = Observation(service.an_observation(request.node.name))
    created = weight.create(server)
    return Observation.read(created["id"], server)


def test_fhirclient_parses_what_the_service_says_of_itself(server):
    statement = server.capabilityStatement
    assert statement.fhirVersion == "4.0.1"
    assert statement.as_json()


def test_fhirclient_signs_a_system_in_with_its_own_key(service):
    system = FHIRClient(
        {
            "app_id": "bury-child-health-system",
            "api_base": service.base,
            "scope": "system/Patient.rs",
            "jwt_token": service.demonstration.assertion(),
        }
    )
    system.wants_patient = False
    with system.server.session:
        system.prepare()
        system.authorize()
        assert system.ready
        assert Patient.read(service.child, system.server).id == service.child
        with pytest.raises(FHIRPermissionDeniedException):
            Observation.read("any", system.server)


def test_fhirclient_signs_a_health_visitor_in_by_code_and_pkce(service):
    app = FHIRClient(
        {
            "app_id": STAFF_APP,
            "api_base": service.base,
            "scope": STAFF_SCOPE,
            "redirect_uri": f"{BASE}/tablet/signed-in",
        }
    )
    app.wants_patient = False
    with app.server.session, service.browser("bury") as browser:
        app.prepare()
        sent = browser.get(app.authorize_url, allow_redirects=False)
        assert sent.status_code == 303
        assert urlsplit(sent.headers["Location"]).path == "/tablet/signed-in"
        app.handle_callback(sent.headers["Location"])
        assert Patient.read(service.child, app.server).id == service.child


def test_fhirclient_creates_and_reads(kept):
    assert kept.valueQuantity.value == 12.4
    assert kept.meta.versionId == "1"


def test_fhirclient_updates_what_it_has_seen_and_nothing_else(server, kept):
    server.session.headers["If-Match"] = 'W/"1"'
    kept.status = "amended"
    assert Observation(kept.update(server)).meta.versionId == "2"
    with pytest.raises(requests.HTTPError, match="412"):
        kept.update(server)


def test_fhirclient_deletes(server, kept):
    assert kept.delete(server) is None
    with pytest.raises(requests.HTTPError, match="410"):
        Observation.read(kept.id, server)


def test_fhirclient_parses_history_and_reads_an_earlier_version(server, kept):
    server.session.headers["If-Match"] = 'W/"1"'
    kept.status = "amended"
    kept.update(server)
    history = Bundle.read_from(f"Observation/{kept.id}/_history", server)
    assert [entry.resource.meta.versionId for entry in history.entry] == ["2", "1"]
    assert Observation.read_from(f"Observation/{kept.id}/_history/1", server).status == "final"


def test_fhirclient_pages_through_every_child(service, server):
    search = Patient.where({"_count": "7", "_sort": "birthdate"})
    found = [child.id for child in search.perform_resources_iter(server)]
    assert len(set(found)) == len(found) == service.children


def test_fhirclient_includes_both_ways(service, server, kept):
    forth = Observation.where({"identifier": f"{MARK}|{kept.identifier[0].value}"}).include("subject")
    assert {each.resource_type for each in forth.perform_resources_iter(server)} == {"Observation", "Patient"}
    back = Patient.where({"_id": service.child}).include("subject", Observation, reverse=True)
    assert kept.id in {each.id for each in back.perform_resources_iter(server)}


def test_fhirclient_sends_a_transaction(service, server, request):
    answer = Bundle(
        server.post_json(
            "",
            {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [
                    {
                        "resource": service.an_observation(f"{request.node.name}-{number}"),
                        "request": {"method": "POST", "url": "Observation"},
                    }
                    for number in range(3)
                ],
            },
        ).json()
    )
    assert [entry.response.status for entry in answer.entry] == ["201 Created"] * 3


def test_fhirclient_sends_a_batch_whose_parts_stand_alone(service, server):
    asked = (f"Patient/{service.child}", "Patient/nobody")
    sent = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": url}} for url in asked],
    }
    answer = Bundle(server.post_json("", sent).json())
    assert [entry.response.status[:3] for entry in answer.entry] == ["200", "404"]
    assert isinstance(answer.entry[1].response.outcome, OperationOutcome)


def test_fhirclient_searches_by_a_form(service, server, kept):
    found = server.post_as_form(
        f"{service.base}/Observation/_search", {"identifier": f"{MARK}|{kept.identifier[0].value}"}
    )
    assert [entry.resource.id for entry in Bundle(found.json()).entry] == [kept.id]


def test_fhirclient_parses_everything_of_a_child(service, server):
    everything = Bundle.read_from(f"Patient/{service.child}/$everything", server)
    assert "Patient" in {entry.resource.resource_type for entry in everything.entry}


def test_fhirclient_is_told_what_is_wrong(server):
    with pytest.raises(requests.HTTPError, match=r"400|422") as told:
        server.post_json("Observation", {"resourceType": "Observation", "status": "final"})
    outcome = OperationOutcome(told.value.response.json())
    assert "Observation.code" in {
        expression for issue in outcome.issue for expression in issue.expression or ()
    }
    with pytest.raises(FHIRNotFoundException) as nowhere:
        Observation.read("nobody", server)
    assert OperationOutcome(nowhere.value.response.json()).issue[0].code == "not-found"
