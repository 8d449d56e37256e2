"""Clients of others sign a person or a system in against the running service: npm openid-client, and authlib's own."""

import json
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from healthvisit.accounts import clients
from healthvisit.synthetic import demo
from tests.clients.conftest import Service
from tests.flows.demonstration import form_token

HERE = Path(__file__).parent
SCRIPT = HERE / "openid_client.js"
APP, APP_URI = "openid-app", "http://127.0.0.1:9/called-back"
SCOPE = "openid fhirUser offline_access user/Patient.rs"


@pytest.fixture(scope="module")
def signing_in(service: Service) -> dict[str, object]:
    """What a client needs to know to sign in, with an app of its own that people are asked about."""
    database = service.demonstration.database
    with database.writing() as connection:
        clients.register(
            connection, name="An app", client_id=APP, redirect_uris=[APP_URI], scope=SCOPE,
        )  # fmt: skip
    # SQLite is written by one process at a time.
    database.dispose()
    return {
        "base": service.base,
        "issuer": service.base.removesuffix("/fhir"),
        "client_id": APP,
        "redirect_uri": APP_URI,
        "scope": SCOPE,
        "password": demo.PASSWORD,
        "child": service.child,
        "system": demo.CLIENT_ID,
        "key": json.loads((service.demonstration.secrets / demo.KEY_FILE).read_text()),
    }


@pytest.fixture(scope="module")
def told(signing_in: dict[str, object]) -> dict[str, str | None]:
    done = subprocess.run(
        [Path(sys.executable).parent / "node", SCRIPT],
        input=json.dumps(signing_in).encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str | None] = json.loads(done.stdout.decode().splitlines()[-1])
    return found


@pytest.mark.parametrize("scenario", re.findall(r'^  async "(.+?)"', SCRIPT.read_text("utf-8"), re.MULTILINE))
def test_openid_client(told, scenario):
    assert told[scenario] is None, told[scenario]


def test_authlib_signs_a_health_visitor_in(service, signing_in, monkeypatch):
    # The service is on this machine, without TLS.
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    base = signing_in["issuer"]
    found = requests.get(f"{base}/.well-known/oauth-authorization-server").json()
    app = OAuth2Session(
        APP,
        scope=SCOPE,
        redirect_uri=APP_URI,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    verifier = uuid.uuid4().hex * 2
    address, state = app.create_authorization_url(
        found["authorization_endpoint"], code_verifier=verifier, aud=service.base
    )
    browser = service.browser("bury")
    agreed = browser.post(
        address,
        data={"csrf_token": form_token(browser.get(address).text), "decision": "allow"},
        allow_redirects=False,
    )
    app.fetch_token(
        found["token_endpoint"], authorization_response=agreed.headers["Location"], state=state,
        code_verifier=verifier,
    )  # fmt: skip
    child = app.get(f"{service.base}/Patient/{service.child}")
    assert child.status_code == 200
    assert child.json()["id"] == service.child
    before = app.token["access_token"]
    app.refresh_token(found["token_endpoint"])
    assert app.token["access_token"] != before


def test_authlib_gets_a_system_its_token_by_its_key(service, signing_in, monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    endpoint = f"{signing_in['issuer']}/token"
    key = ECKey.import_key(signing_in["key"])
    system = OAuth2Session(
        demo.CLIENT_ID,
        client_secret=key,
        scope="system/Patient.rs",
        token_endpoint_auth_method="private_key_jwt",
    )
    # By itself it signs for an hour, and SMART allows five minutes.
    soon = {"exp": int(time.time()) + 200}
    word = PrivateKeyJWT(endpoint, soon, headers={"kid": key.kid, "typ": "JWT"}, alg="ES384")
    system.register_client_auth_method(word)
    system.fetch_token(endpoint, grant_type="client_credentials")
    assert system.get(f"{service.base}/Patient/{service.child}").status_code == 200
