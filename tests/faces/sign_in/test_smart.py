"""What the service says of itself is so."""

from healthvisit.access import scopes
from healthvisit.faces.sign_in import smart
from tests.faces.sign_in.a_service import Service


def test_an_app_finds_its_way_and_everything_said_is_there(service):
    client = service.app.test_client()
    said = client.get("/fhir/.well-known/smart-configuration", headers={"Accept": "text/html"})
    assert said.content_type == "application/json"
    assert said.json["code_challenge_methods_supported"] == ["S256"]
    assert said.json["capabilities"] == smart.CAPABILITIES
    # Without an id token there is no issuer to name.
    assert not {"issuer", "jwks_uri"} & set(said.json)
    for name, address in said.json.items():
        if name.endswith("_endpoint"):
            path = address.removeprefix("http://127.0.0.1:8000")
            assert client.post(path).status_code not in (404, 405), name


def test_only_scopes_that_can_be_asked_for_are_named(service):
    said = service.app.test_client().get("/fhir/.well-known/smart-configuration").json
    for scope in said["scopes_supported"]:
        assert scope in scopes.PLAIN or scopes.parse(scope)
    assert "openid" not in said["scopes_supported"]


def test_the_authorization_server_is_described_at_its_own_address_too(service):
    said = service.app.test_client().get("/.well-known/oauth-authorization-server").json
    assert said["issuer"] == "http://127.0.0.1:8000"
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["jwks_uri"] == "http://127.0.0.1:8000/jwks"
    assert "password" not in said["grant_types_supported"]


def test_in_production_no_launch_is_promised_while_no_person_can_sign_in(database, tmp_path):
    service = Service(database, tmp_path, mode="production", base_url="https://record.example")
    said = service.app.test_client().get("/fhir/.well-known/smart-configuration").json
    assert "authorization_endpoint" not in said
    assert said["grant_types_supported"] == ["client_credentials"]
    assert "launch-standalone" not in said["capabilities"]
