"""What the service says of itself is so."""

from healthvisit.access import scopes
from healthvisit.accounts import clients
from healthvisit.faces.sign_in import smart
from tests.faces.sign_in.a_service import Service


def test_an_app_finds_its_way_and_everything_said_is_there(service):
    client = service.app.test_client()
    said = client.get("/fhir/.well-known/smart-configuration", headers={"Accept": "text/html"})
    assert said.content_type == "application/json"
    assert said.json["code_challenge_methods_supported"] == ["S256"]
    assert said.json["capabilities"] == smart.CAPABILITIES
    assert said.json["issuer"] == "http://127.0.0.1:8000"
    assert client.get(said.json["jwks_uri"].removeprefix("http://127.0.0.1:8000")).json["keys"]
    for name, address in said.json.items():
        if name.endswith("_endpoint"):
            path = address.removeprefix("http://127.0.0.1:8000")
            assert client.post(path).status_code not in (404, 405), name


def test_only_scopes_that_can_be_asked_for_are_named(service):
    said = service.app.test_client().get("/fhir/.well-known/smart-configuration").json
    for scope in said["scopes_supported"]:
        assert scope in clients.PLAIN_OFFERED or scopes.parse(scope)
    assert set(said["scopes_supported"]) >= clients.PLAIN_OFFERED


def test_the_authorization_server_is_described_at_its_own_address_too(service):
    said = service.app.test_client().get("/.well-known/oauth-authorization-server").json
    assert said["issuer"] == "http://127.0.0.1:8000"
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["jwks_uri"] == "http://127.0.0.1:8000/jwks"
    assert "password" not in said["grant_types_supported"]


def test_an_openid_client_finds_how_id_tokens_are_signed(service):
    client = service.app.test_client()
    said = client.get("/.well-known/openid-configuration").json
    server = client.get("/.well-known/oauth-authorization-server").json
    assert server.items() <= said.items()
    assert said["id_token_signing_alg_values_supported"] == ["ES256"]
    assert said["subject_types_supported"] == ["public"]
    # What is not there is not named.
    assert not {"userinfo_endpoint", "registration_endpoint", "end_session_endpoint"} & set(said)


def test_in_production_no_launch_is_promised_while_no_person_can_sign_in(database, tmp_path):
    service = Service(database, tmp_path, mode="production", base_url="https://record.example")
    said = service.app.test_client().get("/fhir/.well-known/smart-configuration").json
    assert "authorization_endpoint" not in said
    assert said["grant_types_supported"] == ["client_credentials"]
    assert not {"launch-standalone", "launch-ehr", "sso-openid-connect"} & set(said["capabilities"])
    assert "issuer" not in said
    assert service.app.test_client().get("/.well-known/openid-configuration").status_code == 404
