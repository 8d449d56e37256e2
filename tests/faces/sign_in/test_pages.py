"""Signing in and out, and agreeing to an app. Threats D10, D14, D15 and E of the pages."""

import json
import re
from datetime import date
from urllib.parse import urlsplit

import html5lib
import pytest
from itsdangerous import base64_decode

from healthvisit.accounts import relationships
from tests import builders
from tests.faces.sign_in import a_service
from tests.faces.sign_in.a_service import READER, READER_URI, Service, of_family, of_reader, sent_back


def strictly_parsed(answer):
    html5lib.HTMLParser(strict=True).parse(answer.text)
    return answer.text


@pytest.mark.parametrize(
    ("name", "home"), [("ana", "/parents/"), ("gemma", "/tablet/"), ("col", "/commissioning/")]
)
def test_each_role_comes_to_its_own_pages(service, name, home):
    browser = service.browser()
    assert browser.enter(name).location == home
    assert browser.get(home).status_code == 200


def test_the_form_signs_a_person_in_as_it_is_shown(service):
    browser = service.browser()
    page = strictly_parsed(browser.get("/sign-in?next=/parents/"))
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert hidden["next"] == "/parents/"
    entered = browser.client.post("/sign-in", data=hidden | {"name": " Ana ", "password": a_service.PASSWORD})
    assert (entered.status_code, entered.location) == (303, "/parents/")


@pytest.mark.parametrize(
    "sent",
    [
        {"name": "", "password": ""},
        {"name": "ana", "password": ""},
        {"name": "", "password": "x"},
        {"name": "ana", "password": "wrong password"},
        {"name": "nobody", "password": "wrong password"},
        {"name": "ana" * 100, "password": "x"},
        {"name": "ana\0", "password": a_service.PASSWORD},
        {"name": "ana", "password": "x" * 10_000},
        {},
    ],
)
def test_a_sign_in_that_fails_says_so_at_the_field_and_above(service, sent):
    browser = service.browser()
    answer = browser.client.post("/sign-in", data=sent | {"csrf_token": browser.form_token()})
    assert answer.status_code == 400
    page = strictly_parsed(answer)
    assert "There is a problem" in page
    assert "<title>Error: " in re.sub(r"\s+", " ", page).replace("<title> ", "<title>")
    assert re.search(r'href="#(name|password)"', page)
    assert browser.get("/parents/").status_code == 303


def test_an_unknown_name_and_a_wrong_password_are_answered_alike(service):
    def answer(name):
        page = service.browser().enter(name, "wrong password")
        text = re.sub(r'name="csrf_token" value="[^"]+"', "", page.text).replace(name, "x")
        return page.status_code, text

    assert answer("gemma") == answer("nobody")


def test_guesses_are_slowed_and_the_right_password_waits_too(service):
    browser = service.browser()
    for _ in range(5):
        assert browser.enter("ana", "wrong password").status_code == 400
    slowed = browser.enter("ana")
    assert slowed.status_code == 429
    assert slowed.headers["Retry-After"] == "1"
    strictly_parsed(slowed)
    # Also for a name that nobody has, and not for another person at the same place.
    for _ in range(5):
        browser.enter("nobody", "wrong password")
    assert browser.enter("nobody").status_code == 429
    assert browser.enter("gemma").status_code == 303
    service.clock.wait(1)
    assert browser.enter("ana").status_code == 303


def test_each_further_guess_doubles_the_wait(service):
    browser = service.browser()
    waits = []
    for _ in range(15):
        answer = browser.enter("ana", "wrong password")
        if answer.status_code == 429:
            waits.append(int(answer.headers["Retry-After"]))
            service.clock.wait(waits[-1])
    assert waits == [1, 2, 4, 8, 16][: len(waits)]
    assert len(waits) == 5


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "evil.example",
        "http:evil.example",
        "/\r\nSet-Cookie: x=y",
        "?next=//evil.example",
        "/../../\\evil.example",
        "",
    ],
)
def test_nobody_is_led_elsewhere_after_signing_in(service, elsewhere):
    entered = service.browser().enter("ana", next_=elsewhere)
    assert entered.status_code == 303
    assert entered.location == "/parents/"


def test_a_person_comes_back_to_the_page_they_asked_for(service):
    browser = service.browser()
    asked = browser.authorize()
    assert asked.status_code == 303
    next_ = urlsplit(asked.location)
    assert (next_.path, next_.netloc) == ("/sign-in", "")
    page = browser.get(asked.location).text
    shown = re.search(r'name="next" value="([^"]*)"', page)[1].replace("&amp;", "&")
    entered = browser.enter("gemma", next_=shown)
    assert sent_back(browser.get(entered.location))["state"] == "xyz"


def test_nobody_can_be_signed_in_by_a_form_of_another_site(service):
    browser = service.browser()
    sent = {"name": "ana", "password": a_service.PASSWORD}
    assert browser.client.post("/sign-in", data=sent).status_code == 400
    attackers = service.browser().form_token()
    browser.form_token()
    assert browser.client.post("/sign-in", data=sent | {"csrf_token": attackers}).status_code == 400
    assert browser.get("/parents/").status_code == 303


def test_signing_in_gives_a_new_session_and_ends_the_one_before(service):
    browser = service.browser()
    before = browser.form_token()
    browser.enter("ana")
    first = browser.client.get_cookie("healthvisit_session").value
    assert browser.client.post("/parents/", data={"csrf_token": before}).status_code == 400
    browser.enter("gemma")
    second = browser.client.get_cookie("healthvisit_session").value
    assert first != second
    browser.client.set_cookie("healthvisit_session", first)
    assert browser.get("/parents/").status_code == 303


def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(service):
    attacker = service.browser()
    attacker.form_token()
    planted = attacker.client.get_cookie("healthvisit_session").value
    victim = service.browser()
    victim.client.set_cookie("healthvisit_session", planted)
    victim.enter("ana")
    assert attacker.get("/parents/").status_code == 303


def test_signing_out_is_true_at_once_also_for_a_copy_of_the_cookie(service):
    browser = service.browser().signed_in("ana")
    copied = browser.client.get_cookie("healthvisit_session").value
    out = browser.sign_out()
    assert (out.status_code, out.location) == (303, "/")
    assert browser.get("/parents/").status_code == 303
    thief = service.browser()
    thief.client.set_cookie("healthvisit_session", copied)
    assert thief.get("/parents/").status_code == 303


def test_signing_out_takes_the_tablets_tokens_back_and_leaves_its_unsent_visits(service):
    browser = service.browser().signed_in("gemma")
    given = service.exchange(browser.code()).json
    out = browser.sign_out()
    assert service.probe(given["access_token"]).status_code == 401
    assert service.refresh(given["refresh_token"]).json["error"] == "invalid_grant"
    assert out.headers["Clear-Site-Data"] == '"cache"'


def test_signing_out_leaves_other_makers_apps_as_the_person_agreed(service):
    browser = service.browser().signed_in("ana")
    code = sent_back(browser.decide("allow", **of_family()))["code"]
    given = service.exchange(code, client_id="family", redirect_uri=a_service.FAMILY_URI).json
    browser.sign_out()
    assert service.probe(given["access_token"]).status_code == 200


def test_nobody_is_signed_out_by_another_site(service):
    browser = service.browser().signed_in("ana")
    assert browser.client.post("/sign-out").status_code == 400
    assert browser.get("/sign-out").status_code == 405
    assert browser.get("/parents/").status_code == 200


def test_in_production_nobody_signs_in_here(database, tmp_path):
    service = Service(database, tmp_path, mode="production", base_url="https://record.example")
    client = service.app.test_client()
    page = client.get("/sign-in", base_url="https://record.example")
    assert page.status_code == 200
    assert "CIS2" in strictly_parsed(page)
    assert "NHS login" in page.text
    token = client.get("/form-token", base_url="https://record.example").text
    entered = client.post(
        "/sign-in", base_url="https://record.example",
        data={"csrf_token": token, "name": "ana", "password": a_service.PASSWORD},
    )  # fmt: skip
    assert entered.status_code == 403
    assert client.get("/parents/", base_url="https://record.example").status_code == 303


def test_no_password_code_or_token_is_kept_in_clear(service):
    browser = service.browser().signed_in("gemma")
    code = browser.code()
    given = service.exchange(code).json
    cookie = browser.client.get_cookie("healthvisit_session").value
    session = json.loads(base64_decode(cookie.split(".")[0]))["id"]
    for secret in (a_service.PASSWORD, code, given["refresh_token"], given["access_token"], session):
        assert not service.kept_in_clear(secret)
    assert service.kept_in_clear(given["scope"])


def test_consent_is_parsed_strictly_and_its_form_may_lead_to_the_app(service):
    page = service.browser().signed_in("ana").authorize(**of_family())
    strictly_parsed(page)
    assert "form-action 'self' https://family.example;" in page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_a_parent_chooses_the_child_that_an_app_may_see(furnished, definitions, tmp_path):
    service = Service(furnished, tmp_path, definitions=definitions)
    poppy, rose = (
        builders.a_child(family="Ashworth").kept_in(furnished, definitions, at=service.clock())
        for _ in range(2)
    )
    with furnished.writing() as connection:
        for child in ("poppy", "rose"):
            relationships.withdraw(connection, account=service.parent, child=child, at=service.clock())
        for child in (poppy, rose):
            relationships.begin(connection, account=service.parent, child=child.id, from_on=date(2020, 1, 1))
    browser = service.browser().signed_in("ana")
    page = browser.authorize(**of_reader())
    assert page.status_code == 200
    assert strictly_parsed(page).count("Poppy") == 2
    for wrong in (None, "", "x", "another"):
        refused = browser.decide("allow", wrong, **of_reader())
        assert refused.status_code == 400
        assert "Choose a child" in strictly_parsed(refused)
    code = sent_back(browser.decide("allow", rose.id, **of_reader()))["code"]
    given = service.exchange(code, client_id=READER, redirect_uri=READER_URI).json
    assert given["patient"] == rose.id
    assert service.probe(given["access_token"]).json["children"] == [rose.id]
    with furnished.writing() as connection:
        relationships.withdraw(connection, account=service.parent, child=rose.id, at=service.clock())
    assert service.probe(given["access_token"]).status_code == 401
    assert browser.get("/parents/").json["children"] == [poppy.id]
