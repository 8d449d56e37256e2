"""What a browser lets the script of a page on another origin send here, and read of the answer."""

import pytest

from healthvisit.accounts import clients
from tests.faces.sign_in.a_service import READER, TABLET, TABLET_URI, VERIFIER

READERS = "https://reader.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


def asked(service, path, origin, method="GET", **headers):
    return service.app.test_client().open(path, method=method, headers={"Origin": origin, **headers})


@pytest.mark.parametrize("path", ["/fhir/Probe", "/fhir", "/token", "/revoke"])
def test_the_script_of_a_registered_app_may_ask_and_read(service, path):
    for method, headers in (("OPTIONS", PREFLIGHT), ("GET", {}), ("POST", {})):
        answer = asked(service, path, READERS, method, **headers)
        assert answer.headers["Access-Control-Allow-Origin"] == READERS
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    preflight = asked(service, path, READERS, "OPTIONS", **PREFLIGHT)
    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "https://reader.example.evil.example", "http://reader.example", "https://reader.example:444",
        "https://READER.example", "null", "*", "https://reader.example/", "https://reader.example/cb", "reader.example",
    ],
)  # fmt: skip
def test_any_other_script_reads_nothing(service, origin):
    for path in ("/fhir/Probe", "/token", "/revoke", "/introspect", "/parents/", "/sign-in", "/account"):
        for method, headers in (("OPTIONS", PREFLIGHT), ("GET", {}), ("POST", {})):
            answer = asked(service, path, origin, method, **headers)
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control")], (
                path,
                method,
            )


@pytest.mark.parametrize(
    "path", ["/sign-in", "/authorize", "/account", "/parents/", "/tablet/", "/form-token"]
)
def test_no_page_is_read_by_a_script_of_an_app(service, path):
    for method, headers in (("OPTIONS", PREFLIGHT), ("GET", {})):
        answer = asked(service, path, READERS, method, **headers)
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/jwks", "/fhir/.well-known/smart-configuration"])
def test_what_everybody_may_know_every_script_may_read(service, path):
    answer = asked(service, path, "https://anybody.example")
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_script_of_a_closed_app_reads_nothing_more(service):
    with service.database.writing() as connection:
        clients.close(connection, READER)
    assert "Access-Control-Allow-Origin" not in asked(service, "/token", READERS, "POST").headers


def test_a_script_of_an_app_that_sends_a_cookie_along_is_nobody(service):
    browser = service.browser().signed_in("gemma")
    answer = browser.client.get("/fhir/Probe", headers={"Origin": READERS})
    assert answer.status_code == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
def test_the_page_of_an_app_gets_its_token_from_wherever_it_stands(service, site):
    code = service.browser().signed_in("gemma").code()
    sent = {
        "grant_type": "authorization_code", "client_id": TABLET, "redirect_uri": TABLET_URI, "code": code,
        "code_verifier": VERIFIER,
    }  # fmt: skip
    answer = service.app.test_client().post("/token", data=sent, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 200
