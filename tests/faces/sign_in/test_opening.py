"""An app is opened for one child, and tells who opened it: launches, id tokens, and how long they last."""

import re
from urllib.parse import parse_qs, urlsplit

import html5lib
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from healthvisit.accounts import people
from tests import builders
from tests.faces.sign_in import a_service
from tests.faces.sign_in.a_service import OPENER, OPENER_URI, Service, of_opener, parts, sent_back


@pytest.fixture
def here(furnished, definitions, tmp_path):
    """The service with a record: a child of Bury who was visited, and a child of Salford."""
    service = Service(furnished, tmp_path, definitions=definitions)
    at = service.clock()
    visited = builders.a_child().with_review("new-birth", on="2019-01-28")
    service.poppy = visited.kept_in(furnished, definitions, at=at)
    service.rose = builders.a_child(borough="salford").kept_in(furnished, definitions, at=at)
    return service


def exchange(service, code, **changes):
    return service.exchange(code, client_id=OPENER, redirect_uri=OPENER_URI, **changes)


def opened(service, browser, **changes):
    """What the app is given when the nurse has opened it for the child and agreed."""
    launch = browser.chart(service.poppy.id)
    agreed = sent_back(browser.decide("allow", **of_opener(launch=launch, **changes)))
    answer = exchange(service, agreed["code"])
    assert answer.status_code == 200, answer.text
    return answer.json


# Opened by a health visitor.


def test_the_page_names_the_child_and_leads_to_the_app(here):
    browser = here.browser().signed_in("gemma")
    page = browser.get(f"/apps?patient={here.poppy.id}")
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert "Open an app for Poppy" in page.text
    assert "form-action 'self' https://opener.example;" in page.headers["Content-Security-Policy"]
    shown = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    led = browser.client.post("/apps", data=shown)
    assert led.status_code == 303
    assert led.location.startswith("https://opener.example/launch?")
    found = parse_qs(urlsplit(led.location).query)
    assert found["iss"] == ["http://127.0.0.1:8000/fhir"]
    assert not here.kept_in_clear(found["launch"][0])


def test_the_app_is_told_of_the_child_and_reaches_that_child_alone(here):
    given = opened(here, here.browser().signed_in("gemma"))
    assert given["patient"] == here.poppy.id
    assert given["need_patient_banner"] is True
    assert given["fhirUser"] == "http://127.0.0.1:8000/fhir/Practitioner/1"
    asker = here.probe(given["access_token"]).json
    assert (asker["patient"], asker["boroughs"]) == (here.poppy.id, [a_service.BURY])
    again = here.refresh(given["refresh_token"], client_id=OPENER).json
    assert again["patient"] == here.poppy.id
    assert here.probe(again["access_token"]).json["patient"] == here.poppy.id


def test_an_app_that_is_opened_for_a_visit_is_told_which(here):
    browser, visit = here.browser().signed_in("gemma"), here.poppy.made["new-birth"]
    launch = browser.chart(here.poppy.id, visit)
    agreed = sent_back(browser.decide("allow", **of_opener(launch=launch)))
    given = exchange(here, agreed["code"]).json
    assert (given["patient"], given["encounter"]) == (here.poppy.id, visit)


def test_no_app_is_opened_for_a_child_or_a_visit_beyond_reach(here):
    browser = here.browser().signed_in("gemma")
    token, visit = browser.form_token(), here.poppy.made["new-birth"]
    beyond = [
        {"patient": here.rose.id},
        {"patient": "nobody"},
        {"patient": ""},
        {},
        {"patient": here.poppy.id, "encounter": "none"},
        {"patient": here.rose.id, "encounter": visit},
        {"patient": here.poppy.id, "app": "nobody"},
        {"patient": here.poppy.id, "app": "reader"},
        {"patient": here.poppy.id, "app": "\0"},
        {"patient": "\0"},
        {"patient": here.poppy.id, "encounter": "\0"},
    ]
    answers = [
        browser.client.post("/apps", data={"app": OPENER, "csrf_token": token} | sent) for sent in beyond
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert browser.get(f"/apps?patient={here.rose.id}").status_code == 404
    assert browser.client.post("/apps", data={"patient": here.poppy.id, "app": OPENER}).status_code == 400
    assert here.browser().signed_in("ana").get(f"/apps?patient={here.poppy.id}").status_code == 403


def test_a_launch_is_good_once_for_one_person_one_app_and_five_minutes(here):
    browser = here.browser().signed_in("gemma")

    def refused(browser=browser, **changes):
        return sent_back(browser.authorize(**of_opener(**changes)))["error"]

    used = browser.chart(here.poppy.id)
    assert "code" in sent_back(browser.decide("allow", **of_opener(launch=used)))
    assert refused(launch=used) == "invalid_request"
    assert refused(launch="x") == "invalid_request"
    assert refused() == "invalid_request"
    other = browser.chart(here.poppy.id)
    assert refused(launch=other, scope="patient/Patient.rs") == "invalid_request"
    with here.database.writing() as connection:
        people.create_account(
            connection, role="health-visitor", name="Hal", sign_in_name="hal",
            password=a_service.PASSWORD, fhir_user="Practitioner/3", boroughs=[a_service.BURY],
        )  # fmt: skip
    assert refused(here.browser().signed_in("hal"), launch=other) == "invalid_request"
    here.clock.wait(299)
    assert browser.authorize(**of_opener(launch=other)).status_code == 200
    here.clock.wait(1)
    assert refused(launch=other) == "invalid_request"


def test_a_launch_that_was_refused_is_used_too(here):
    browser = here.browser().signed_in("gemma")
    launch = browser.chart(here.poppy.id)
    assert sent_back(browser.decide("deny", **of_opener(launch=launch)))["error"] == "access_denied"
    assert sent_back(browser.authorize(**of_opener(launch=launch)))["error"] == "invalid_request"


# A health visitor opens the app itself, and says for which child.

ALONE = "launch/patient patient/Patient.rs"


def test_a_health_visitor_names_the_child_by_its_nhs_number(here):
    browser = here.browser().signed_in("gemma")
    asked = of_opener(scope=ALONE)
    page = browser.authorize(**asked)
    html5lib.HTMLParser(strict=True).parse(page.text)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]

    def decide(number):
        return browser.client.post(
            "/authorize",
            query_string={**a_service.asking(), **asked},
            data={"csrf_token": token, "decision": "allow", "nhs_number": number},
        )

    wrong = [decide(n) for n in ("", "1", here.rose.nhs_number, builders.an_nhs_number(), "x" * 21)]
    assert {answer.status_code for answer in wrong} == {400}
    number = here.poppy.nhs_number
    code = sent_back(decide(f"{number[:3]} {number[3:6]} {number[6:]}"))["code"]
    given = exchange(here, code).json
    assert given["patient"] == here.poppy.id
    assert here.probe(given["access_token"]).json["patient"] == here.poppy.id


# Who signed in.


def test_an_id_token_says_who_signed_in_to_whom_and_opens_nothing(here):
    browser = here.browser().signed_in("gemma")
    here.clock.wait(60)
    given = opened(here, browser)
    keys = KeySet.import_key_set(here.app.test_client().get("/jwks").json)
    said = jwt.decode(given["id_token"], keys, algorithms=["ES256"])
    at = int(here.clock().timestamp())
    assert said.header["typ"] == "JWT"
    assert said.claims == {
        "iss": "http://127.0.0.1:8000", "aud": OPENER, "sub": here.nurse, "iat": at, "exp": at + 300,
        "auth_time": at - 60, "nonce": "n-1", "fhirUser": "http://127.0.0.1:8000/fhir/Practitioner/1",
    }  # fmt: skip
    assert here.probe(given["id_token"]).status_code == 401


def test_an_id_token_comes_with_the_code_alone_and_where_it_was_asked(here):
    browser = here.browser().signed_in("gemma")
    given = opened(here, browser, nonce=None)
    assert "nonce" not in parts(given["id_token"])[1]
    assert "id_token" not in here.refresh(given["refresh_token"], client_id=OPENER).json
    assert "id_token" not in opened(here, browser, scope="launch patient/Patient.rs")
    only = opened(here, browser, scope="openid launch patient/Patient.rs")
    assert "fhirUser" not in parts(only["id_token"])[1]
    assert "fhirUser" not in only
    for nonce in ("x" * 201, "n\0"):
        refused = browser.authorize(**of_opener(launch=browser.chart(here.poppy.id), nonce=nonce))
        assert sent_back(refused)["error"] == "invalid_request"


def test_of_a_person_whom_the_record_does_not_know_no_fhir_user_is_promised(here):
    with here.database.writing() as connection:
        people.create_account(
            connection, role="health-visitor", name="Hal", sign_in_name="hal",
            password=a_service.PASSWORD, boroughs=[a_service.BURY],
        )  # fmt: skip
    browser = here.browser().signed_in("hal")
    asked = of_opener(launch=browser.chart(here.poppy.id))
    assert sent_back(browser.authorize(**asked))["error"] == "invalid_scope"


# How long.


def test_online_access_ends_with_the_session_and_offline_access_does_not(here):
    browser = here.browser().signed_in("gemma")
    online = opened(here, browser, scope="launch online_access patient/Patient.rs")
    offline = opened(here, browser)
    assert here.refresh(online["refresh_token"], client_id=OPENER).status_code == 200
    browser.sign_out()
    assert here.probe(online["access_token"]).status_code == 401
    assert here.refresh(online["refresh_token"], client_id=OPENER).json["error"] == "invalid_grant"
    assert here.refresh(offline["refresh_token"], client_id=OPENER).status_code == 200


def test_online_access_lasts_no_longer_than_the_session_by_itself(here):
    browser = here.browser().signed_in("gemma")
    here.clock.wait(8 * 3600 - 100)
    online = opened(here, browser, scope="launch online_access patient/Patient.rs")
    assert online["expires_in"] == 100
    here.clock.wait(100)
    assert here.refresh(online["refresh_token"], client_id=OPENER).json["error"] == "invalid_grant"


def test_two_lives_are_not_asked_for_at_once(here):
    browser = here.browser().signed_in("gemma")
    both = of_opener(launch=browser.chart(here.poppy.id), scope=a_service.OPENER_SCOPE)
    assert sent_back(browser.authorize(**both))["error"] == "invalid_scope"
