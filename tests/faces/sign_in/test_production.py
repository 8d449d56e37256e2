"""Who signs in to production: people of an identity provider, and nobody by a password."""

import json
import re
from dataclasses import replace

import html5lib

from healthvisit.accounts import keys, providers
from tests.faces.sign_in import a_service
from tests.faces.sign_in.a_service import Service


def strictly_parsed(answer):
    html5lib.HTMLParser(strict=True).parse(answer.text)
    return answer.text


def test_a_password_account_is_worth_nothing_in_production(database, tmp_path):
    """A database that was a demonstration is served as production: its sessions and tokens open nothing."""
    demonstration = Service(database, tmp_path)
    browser, given = demonstration.browser().signed_in("ana"), demonstration.tokens()
    assert demonstration.probe(given["access_token"]).status_code == 200
    settings = demonstration.settings.model_copy(update={"mode": "production"})
    served = a_service.an_app(replace(demonstration.house, settings=settings))
    cookie = browser.client.get_cookie("healthvisit_session").value
    client = served.test_client()
    client.set_cookie("healthvisit_session", cookie)
    assert client.get("/parents/").status_code == 303
    shown = {"Authorization": f"Bearer {given['access_token']}"}
    assert client.get("/fhir/Probe", headers=shown).status_code == 401
    # A system's account is not a person's.
    system = demonstration.system_tokens().json["access_token"]
    assert client.get("/fhir/Probe", headers={"Authorization": f"Bearer {system}"}).status_code == 200


PROVIDER = {
    "name": "cis2", "shape": "cis2", "label": "Care Identity", "issuer": "https://identity.example/realm",
    "client_id": "us", "key": "cis2.jwk.json", "id_token_algorithms": ["RS256"], "acr": {"AAL3_INV": 3},
}  # fmt: skip
LOGIN = {
    "name": "nhs-login", "shape": "nhs-login", "label": "NHS login", "issuer": "https://login.example",
    "client_id": "us", "key": "login.jwk.json", "id_token_algorithms": ["RS512"],
}  # fmt: skip


def in_production(database, folder, *told):
    file = folder / "providers.json"
    file.write_text(json.dumps(told))
    keys.ensure(folder / "secrets")
    for provider in providers.read(file, production=True).values():
        providers.make_key(folder / "secrets", provider)
    return Service(
        database, folder, mode="production", base_url="https://record.example", identity_providers=file
    )


def test_production_shows_the_providers_and_no_form_for_a_password(database, tmp_path):
    client = in_production(database, tmp_path, PROVIDER, LOGIN).app.test_client()
    page = strictly_parsed(client.get("/sign-in", base_url="https://record.example"))
    assert re.findall(r'action="(/sign-in[^"]*)"', page) == ["/sign-in/with/cis2", "/sign-in/with/nhs-login"]
    assert "Continue to Care Identity" in page
    assert "Continue to NHS login" in page
    assert "password" not in page
    token = client.get("/form-token", base_url="https://record.example").text
    sent = {"csrf_token": token, "name": "ana", "password": a_service.PASSWORD}
    refused = client.post("/sign-in", base_url="https://record.example", data=sent)
    assert refused.status_code == 403
    assert client.get("/parents/", base_url="https://record.example").status_code == 303
    said = client.get("/fhir/.well-known/smart-configuration").json
    assert "authorization_endpoint" in said
    assert client.get("/.well-known/openid-configuration").json["prompt_values_supported"] == [
        "consent", "login", "none", "select_account",
    ]  # fmt: skip


def test_the_demonstration_has_both(database, tmp_path):
    file = tmp_path / "providers.json"
    file.write_text(json.dumps([PROVIDER]))
    keys.ensure(tmp_path / "secrets")
    for provider in providers.read(file, production=False).values():
        providers.make_key(tmp_path / "secrets", provider)
    service = Service(database, tmp_path, identity_providers=file)
    page = strictly_parsed(service.browser().get("/sign-in?next=/account"))
    assert "Continue to Care Identity" in page
    assert "People of the demonstration" in page
    assert page.count('name="next" value="/account"') == 2
