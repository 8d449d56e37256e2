"""People see where they are signed in and what they gave to apps, and end it."""

import html
import re

import html5lib

from tests.faces.sign_in import a_service
from tests.faces.sign_in.a_service import FAMILY, FAMILY_URI, of_family, sent_back


def shown(browser):
    page = browser.get("/account")
    assert page.status_code == 200
    html5lib.HTMLParser(strict=True).parse(page.text)
    return page.text


def ids(page, kind):
    forms = re.findall(rf'action="/account/{kind}".*?name="id" value="([^"]+)"', page, re.DOTALL)
    return [html.unescape(id_) for id_ in forms]


def end(browser, kind, id_):
    return browser.client.post(f"/account/{kind}", data={"csrf_token": browser.form_token(), "id": id_})


def an_apps_tokens(service, browser):
    code = sent_back(browser.decide("allow", **of_family()))["code"]
    return service.exchange(code, client_id=FAMILY, redirect_uri=FAMILY_URI).json


def test_a_person_sees_each_browser_and_each_app_with_what_it_may(service):
    browser = service.browser().signed_in("ana")
    service.clock.wait(300)
    service.browser().signed_in("ana")
    an_apps_tokens(service, browser)
    page = shown(browser)
    assert len(ids(page, "browsers")) == 2
    assert len(ids(page, "apps")) == 1
    assert "Signed in on 23 November 2026 at 09:00" in page
    assert page.count("This browser") == 1
    assert "see measurements and results that you can see yourself" in page
    service.clock.wait(8 * 3600)
    other = service.browser().signed_in("ana")
    assert len(ids(shown(other), "browsers")) == 1
    assert "No app acts for you" in shown(other)


def test_an_app_that_is_ended_is_out_on_its_next_request(service):
    browser = service.browser().signed_in("ana")
    given = an_apps_tokens(service, browser)
    [id_] = ids(shown(browser), "apps")
    answer = end(browser, "apps", id_)
    assert (answer.status_code, answer.location) == (303, "/account?ended=yes")
    assert service.probe(given["access_token"]).status_code == 401
    refused = service.refresh(given["refresh_token"], client_id=FAMILY)
    assert refused.json["error"] == "invalid_grant"
    assert "It can see nothing more" in browser.get(answer.location).text
    assert end(browser, "apps", id_).status_code == 404


def test_another_browser_is_ended_from_this_one(service):
    lost = service.browser().signed_in("gemma")
    given = service.exchange(lost.code()).json
    service.clock.wait(60)
    browser = service.browser().signed_in("gemma")
    _, other = ids(shown(browser), "browsers")
    assert end(browser, "browsers", other).status_code == 303
    assert lost.get("/tablet/").status_code == 303
    assert service.probe(given["access_token"]).status_code == 401
    assert browser.get("/tablet/").status_code == 200


def test_to_end_this_browser_is_to_sign_out(service):
    browser = service.browser().signed_in("ana")
    [this] = ids(shown(browser), "browsers")
    answer = end(browser, "browsers", this)
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser.get("/account").status_code == 303


def test_nobody_sees_or_ends_what_is_anothers(service):
    ana, gemma = service.browser().signed_in("ana"), service.browser().signed_in("gemma")
    given = an_apps_tokens(service, ana)
    [app], [session] = ids(shown(ana), "apps"), ids(shown(ana), "browsers")
    assert ids(shown(gemma), "apps") == []
    assert end(gemma, "apps", app).status_code == 404
    assert end(gemma, "browsers", session).status_code == 404
    for nothing in ("", "\0", "x" * 65, session + "\n"):
        assert end(gemma, "apps", nothing).status_code == 404
        assert end(gemma, "browsers", nothing).status_code == 404
    assert service.probe(given["access_token"]).status_code == 200
    assert ana.get("/parents/").status_code == 200
    assert ana.client.post("/account/apps", data={"id": app}).status_code == 400
    assert service.browser().get("/account").status_code == 303


def test_what_is_shown_of_a_session_opens_nothing(service):
    browser = service.browser().signed_in("ana")
    [this] = ids(shown(browser), "browsers")
    thief = service.browser()
    with thief.client.session_transaction() as session:
        session["id"] = this
    assert thief.get("/parents/").status_code == 303
    assert a_service.PASSWORD not in shown(browser)
