"""What holds of every route of the whole service, whatever it is for. Threats E3, E4, E13."""

import re

import pytest

from healthvisit.accounts import keys
from healthvisit.app import create_app
from healthvisit.config import Settings

# What a tablet asks with its token, and no cookie opens.
OF_A_TABLET = ("/tablet/caseload", "/tablet/late-visits", "/tablet/heartbeat")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def app(_with_definitions, tmp_path_factory):
    """The whole service, with its definitions and no child; no test here changes anything."""
    folder = tmp_path_factory.mktemp("whole")
    keys.ensure(folder / "secrets")
    made = create_app(Settings(database_url=_with_definitions(folder), secrets_folder=folder / "secrets"))
    yield made
    made.extensions["healthvisit"].database.dispose()


def addresses(app):
    """Each route, with words for its parts."""
    for rule in app.url_map.iter_rules():
        yield rule, re.sub(r"<[^>]+>", "x", re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule))


def test_no_method_but_those_of_the_route_does_anything(app):
    client = app.test_client()
    taken = {}
    for rule, address in addresses(app):
        taken.setdefault(address, set()).update(rule.methods)
    for address, methods in taken.items():
        for method in {*METHODS, "TRACE", "CONNECT", "PROPFIND"} - methods:
            answer = client.open(address, method=method)
            # Where the address fits another route too, that one asks who it is first.
            assert answer.status_code in (400, 401, 404, 405), (method, address, answer.status_code)
            assert method in METHODS or answer.status_code in (404, 405), (method, address)


def test_a_header_or_a_field_that_names_another_method_is_not_looked_at(app):
    client = app.test_client()
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for address in ("/account", "/sign-out", "/token", "/fhir/Patient/x", "/"):
            plain = client.get(address)
            assert client.get(address, headers={name: "POST"}).status_code == plain.status_code, (
                name,
                address,
            )
            assert client.get(f"{address}?_method=DELETE").status_code in (plain.status_code, 400), address


def test_no_form_of_another_site_is_taken_by_any_route_with_a_cookie(app):
    client = app.test_client()
    tried = 0
    for rule, address in addresses(app):
        view = app.view_functions.get(rule.endpoint)
        if address.startswith(("/fhir", *OF_A_TABLET)) or hasattr(view, "_door_takes_no_cookie"):
            continue
        for method in rule.methods & {"POST", "PUT", "PATCH", "DELETE"}:
            tried += 1
            for site in ("cross-site", "same-site"):
                refused = client.open(address, method=method, headers={"Sec-Fetch-Site": site})
                assert refused.status_code == 400, (method, address)
            # And without that header: the form has no token.
            assert client.open(address, method=method).status_code == 400, (method, address)
    assert tried > 3


@pytest.mark.parametrize(
    "name", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-URL"]
)
def test_a_header_of_a_proxy_that_nobody_sent_moves_no_address(app, name):
    client = app.test_client()
    for address in ("/fhir/metadata", "/.well-known/oauth-authorization-server", "/account", "/sign-in"):
        answer = client.get(address, headers={name: "evil.example"})
        assert "evil.example" not in answer.text, address
        assert "evil.example" not in str(answer.headers), address


@pytest.mark.parametrize(
    "path", ["/fhir/Patient/x.css", "/account/x.js", "/parents/x.png", "/fhir/Patient/x/..%2fx"]
)
def test_an_address_that_looks_like_a_file_is_kept_by_no_cache(app, path):
    answer = app.test_client().get(path)
    assert answer.status_code in (303, 302, 401, 404)
    assert "no-store" in answer.headers["Cache-Control"]
