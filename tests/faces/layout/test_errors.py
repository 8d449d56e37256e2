import json
import logging

import pytest
from flask import abort

from healthvisit.database import Unavailable
from healthvisit.faces import door
from healthvisit.faces.layout import errors as pages
from healthvisit.record import errors
from tests.faces.layout.pages import Browser, an_app, words_of

RAISED = {
    "invalid": errors.Invalid("no such thing as Poppy Ashworth"),
    "unprocessable": errors.Unprocessable("Poppy Ashworth"),
    "not-found": errors.NotFound(),
    "gone": errors.Gone("Poppy Ashworth"),
    "forbidden": errors.Forbidden("Poppy Ashworth"),
    "version": errors.VersionConflict("Poppy Ashworth"),
    "many": errors.MultipleMatches("Poppy Ashworth"),
    "conflict": errors.Conflict("Poppy Ashworth"),
    "costly": errors.TooCostly("Poppy Ashworth"),
    "at-once": errors.TooMany("Poppy Ashworth"),
    "unavailable": Unavailable("Poppy Ashworth"),
    "fault": KeyError("Poppy Ashworth"),
}


@pytest.fixture
def app(furnished, tmp_path, monkeypatch):
    from flask import Flask

    made = an_app(furnished, tmp_path)

    def fail(what: str) -> str:
        if what.isdecimal():
            abort(int(what))
        raise RAISED[what]

    assert isinstance(made, Flask)
    made.add_url_rule("/fails/<what>", "fails", door.open_to_all(fail))
    return made


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("invalid", 400), ("unprocessable", 422), ("not-found", 404), ("gone", 404), ("forbidden", 403),
        ("version", 409), ("many", 409), ("conflict", 409),
        ("costly", 413), ("at-once", 429), ("unavailable", 503), ("fault", 500),
        ("404", 404), ("405", 405), ("413", 413), ("500", 500), ("418", 418),
    ],
)  # fmt: skip
def test_an_error_has_its_status_and_tells_nothing_of_a_child(app, what, status):
    answer = Browser(app).get(f"/fails/{what}")
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert "Poppy" not in answer.text
    assert "start page" in words_of(answer.text)
    program = app.test_client().get(f"/fails/{what}", headers={"Accept": "application/json"})
    assert program.status_code == status
    assert program.mimetype == "application/problem+json"
    assert json.loads(program.data)["status"] == status
    assert "Poppy" not in program.text


def test_every_error_of_the_record_has_a_status_of_its_own():
    assert set(pages.STATUS) == set(errors.RecordError.__subclasses__())


def test_a_fault_is_told_to_the_log_without_its_words(app, caplog):
    with caplog.at_level(logging.ERROR):
        Browser(app).get("/fails/fault")
    assert "unexpected KeyError" in caplog.text
    assert "Poppy" not in caplog.text


def test_what_was_asked_for_is_not_said_again(app):
    browser = Browser(app)
    one, other = browser.get("/parents-of/Poppy-Ashworth"), browser.get("/nothing")
    assert one.status_code == 404
    assert one.data == other.data


def test_a_page_that_needs_a_person_leads_to_sign_in_and_back(app):
    answer = Browser(app).get("/commissioning/?quarter=2020-21%20Q4")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=%2Fcommissioning%2F%3Fquarter%3D2020-21%2520Q4"


def test_a_program_without_a_sign_in_gets_401(app):
    answer = app.test_client().get("/commissioning/", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_method_names_the_right_ones(app):
    answer = app.test_client().delete("/accessibility")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_missing_asset_is_no_page(app):
    answer = Browser(app).get("/assets/missing.js")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_busy_record_says_when_to_come_again(app):
    assert Browser(app).get("/fails/unavailable").headers["Retry-After"] == "2"
