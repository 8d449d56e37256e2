"""How an app wants a person to be asked: prompt and max_age. OpenID Connect Core 1.0, 3.1.2.1; RFC 9470."""

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from healthvisit.accounts import clients, tables
from tests.faces.sign_in import a_service
from tests.faces.sign_in.a_service import ASSERTION_TYPE, READER_URI, of_reader, parts, sent_back


def led_to_sign_in(answer):
    """Where the person is led back to after they have signed in again."""
    assert answer.status_code == 303, answer.text
    at = urlsplit(answer.location)
    assert at.path == "/sign-in"
    asked = parse_qs(at.query)
    assert asked["afresh"] == ["yes"]
    return asked["next"][0]


def signed_in_again(browser, next_):
    page = browser.get("/sign-in", query_string={"next": next_, "afresh": "yes"})
    assert "Sign in again" in page.text
    answer = browser.enter("gemma", next_=next_)
    assert answer.location == next_
    return browser.get(answer.location)


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_an_app_that_wants_a_new_sign_in_gets_one(service, prompt):
    browser = service.browser().signed_in("gemma")
    service.clock.wait(5)
    there = led_to_sign_in(browser.authorize(prompt=prompt))
    # Coming back without having signed in leads there again.
    led_to_sign_in(browser.get(there))
    service.clock.wait(5)
    answer = signed_in_again(browser, there)
    if "consent" in prompt:
        assert "Do you allow" in answer.text
    else:
        assert "code" in sent_back(answer)


def test_an_earlier_sign_in_s_word_is_not_good_for_a_later_request(service):
    browser = service.browser().signed_in("gemma")
    service.clock.wait(5)
    signed_in_again(browser, led_to_sign_in(browser.authorize(prompt="login")))
    service.clock.wait(5)
    led_to_sign_in(browser.authorize(prompt="login"))


@pytest.mark.parametrize(("age_s", "max_age", "asked"), [
    (100, "99", True), (100, "100", False), (100, "101", False), (0, "0", True), (1, "0", True),
])  # fmt: skip
def test_a_sign_in_that_is_too_old_for_the_app_is_asked_for_again(service, age_s, max_age, asked):
    browser = service.browser().signed_in("gemma")
    service.clock.wait(age_s)
    answer = browser.authorize(max_age=max_age)
    if not asked:
        assert "code" in sent_back(answer)
        return
    there = led_to_sign_in(answer)
    assert "code" in sent_back(signed_in_again(browser, there))


@pytest.mark.parametrize("changes", [
    {"prompt": "none login"}, {"prompt": "none consent"}, {"prompt": "Login"}, {"prompt": "create"},
    {"prompt": "login\tconsent"}, {"max_age": "-1"}, {"max_age": ""}, {"max_age": "1.5"},
    {"max_age": "9" * 30}, {"max_age": "\u0661"}, {"max_age": "ten"},
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused(service, changes):
    answer = sent_back(service.browser().signed_in("gemma").authorize(**changes))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


def test_an_app_that_wants_nobody_asked_is_told_that_nobody_has_signed_in(service):
    answer = sent_back(service.browser().authorize(prompt="none"))
    assert (answer["error"], answer["state"]) == ("login_required", "xyz")
    assert answer["iss"] == "http://127.0.0.1:8000"


def test_and_that_the_sign_in_is_too_old(service):
    browser = service.browser().signed_in("gemma")
    service.clock.wait(11)
    assert sent_back(browser.authorize(prompt="none", max_age="10"))["error"] == "login_required"
    assert "code" in sent_back(browser.authorize(prompt="none", max_age="11"))


def test_and_that_somebody_would_have_to_agree(service):
    browser = service.browser().signed_in("ana")
    answer = browser.authorize(**of_reader(prompt="none"))
    assert answer.location.startswith(f"{READER_URI}?")
    assert sent_back(answer)["error"] == "consent_required"


def test_the_service_s_own_app_is_let_through_without_a_question(service):
    assert "code" in sent_back(service.browser().signed_in("gemma").authorize(prompt="none"))


@pytest.mark.parametrize("address", ["https://evil.example/cb", a_service.TABLET_URI + "/", ""])
def test_nobody_is_sent_to_an_address_that_is_not_the_app_s(service, address):
    answer = service.browser().authorize(prompt="none", redirect_uri=address)
    assert answer.status_code == 400
    assert "cannot be connected" in answer.text


def test_when_and_how_the_person_signed_in_is_told_in_the_id_token_and_at_introspection(service):
    with service.database.writing() as connection:
        clients.register(
            connection, name="Chart", client_id="chart", redirect_uris=[READER_URI],
            scope="openid user/Patient.rs", jwks={"keys": [service.rsa_key.as_dict(private=False)]},
        )  # fmt: skip
    browser = service.browser().signed_in("gemma")
    began = int(service.clock.at.timestamp())
    signed = {"client_assertion_type": ASSERTION_TYPE}

    def given(wait_s):
        service.clock.wait(wait_s)
        asked = {"client_id": "chart", "redirect_uri": READER_URI, "scope": "openid user/Patient.rs"}
        code = sent_back(browser.decide("allow", **asked))["code"]
        assertion = service.assertion(key=service.rsa_key, iss="chart", sub="chart")
        answer = service.exchange(
            code, client_id="chart", redirect_uri=READER_URI, client_assertion=assertion, **signed
        )
        assert answer.status_code == 200, answer.text
        service.clock.wait(1)
        sent = {"client_assertion": service.assertion(key=service.rsa_key, iss="chart", sub="chart")}
        told = service.app.test_client().post(
            "/introspect",
            data=signed | sent | {"token": answer.json["access_token"]},
        )
        return parts(answer.json["id_token"])[1], told.json

    # A password is no assurance that anybody has measured.
    for said in given(300):
        assert said["auth_time"] == began
        assert "acr" not in said
    with service.database.writing() as connection:
        connection.execute(update(tables.session).values(acr="AAL3_TEST", signed_in_at=10_000_000))
    for said in given(10):
        assert (said["auth_time"], said["acr"]) == (10, "AAL3_TEST")
