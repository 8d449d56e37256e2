import re

import pytest

from healthvisit.faces import door
from healthvisit.faces.layout import headers
from tests.faces.layout.pages import an_app


@pytest.fixture
def app(furnished, tmp_path):
    return an_app(furnished, tmp_path)


def _addresses(app):
    for rule in app.url_map.iter_rules():
        yield re.sub(r"<[^>]+>", "x", rule.rule), sorted(rule.methods - {"HEAD"})
    yield "/nothing/here", ["GET"]
    yield "/fhir/nothing/here/at/all", ["GET"]


def _answers(app):
    client = app.test_client()
    for address, methods in _addresses(app):
        for method in methods:
            with client.open(address, method=method) as answer:
                yield f"{method} {address}", answer


def test_every_answer_of_every_route_carries_the_security_headers(app):
    for asked, answer in _answers(app):
        for name, value in headers._ALWAYS.items():
            assert answer.headers[name] == value, asked
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, asked
        assert "unsafe" not in policy, asked
        assert "Strict-Transport-Security" not in answer.headers, asked


def test_nothing_but_an_asset_that_is_there_may_be_kept(app):
    for asked, answer in _answers(app):
        assert answer.headers["Cache-Control"] == "no-store", asked
    client = app.test_client()
    with client.get("/assets/nhsuk.css") as asset:
        assert asset.headers["Cache-Control"] == "no-cache"
        tag = asset.headers["ETag"]
    with client.get("/assets/nhsuk.css", headers={"If-None-Match": tag}) as again:
        assert again.status_code == 304
    with client.get("/assets/gone.css") as gone:
        assert gone.headers["Cache-Control"] == "no-store"


def test_a_service_on_https_says_so_for_a_year(furnished, tmp_path):
    app = an_app(furnished, tmp_path, base_url="https://record.example")
    assert app.test_client().get("/").headers["Strict-Transport-Security"] == headers.HSTS


def test_a_consent_page_may_send_its_form_on_to_the_app_alone():
    loosened = headers.policy(form_action=("https://reader.example",))
    assert "form-action 'self' https://reader.example;" in loosened
    assert loosened.replace(" https://reader.example", "") == headers.policy()


def test_the_policy_of_a_view_is_kept(app):
    with app.test_request_context("/"):
        answer = app.make_response("")
        answer.headers["Content-Security-Policy"] = "default-src 'self'"
        assert headers._dressed(answer).headers["Content-Security-Policy"] == "default-src 'self'"
        assert door.house().settings.base_url.startswith("http://")
