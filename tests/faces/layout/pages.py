"""The whole app over a database of the test's own, browsers of its people, and strict reading of a page."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import html5lib
from flask import Flask
from werkzeug.test import TestResponse

from healthvisit.accounts import keys, people, relationships
from healthvisit.config import Settings
from healthvisit.database import Database
from tests import builders
from tests.conftest import serving
from tests.service import started

PASSWORD = "practice only"
# Another origin that a browser would ask by itself: a source, a style's url(). A link is a person's choice.
_REMOTE = re.compile(
    r"""(?:\b(?:src|srcset|poster|data|action)\s*=\s*["']?|url\(\s*["']?|@import\s+["'])(?:https?:)?//"""
)


def an_app(database: Database, folder: Path, **settings: object) -> Flask:
    """The demonstration as on builders.TODAY, unless the settings say otherwise."""
    secrets = folder / "secrets"
    keys.ensure(secrets)
    if settings.get("mode") != "production":
        settings["clock_offset_days"] = (builders.TODAY - datetime.now(UTC).date()).days
    url = serving(database.engine.url.render_as_string(hide_password=False))
    app = started(Settings(secrets_folder=secrets, database_url=url, **settings))
    # The test's own database closes its connections when the test ends.
    app.extensions["healthvisit"] = replace(app.extensions["healthvisit"], database=database)
    return app


def a_parent(database: Database, *children: str, name: str = "parent") -> str:
    """Sign-in name of a new parent of these children."""
    with database.writing() as connection:
        account = people.create_account(
            connection, role="parent", name="Ana", sign_in_name=name, password=PASSWORD
        )
        for child in children:
            relationships.begin(connection, account=account, child=child, from_on=date(2015, 1, 1))
    return name


def a_commissioner(database: Database) -> str:
    with database.writing() as connection:
        people.create_account(
            connection, role="commissioner", name="Col", sign_in_name="commissioner", password=PASSWORD
        )
    return "commissioner"


class Browser:
    """Keeps its cookies, asks for pages as a browser does, and reads every page strictly."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def signed_in(self, name: str) -> "Browser":
        form = self.get("/sign-in")
        token = re.search(r'name="csrf_token" value="([^"]+)"', form.text)
        assert token is not None
        answer = self.client.post(
            "/sign-in", data={"csrf_token": token[1], "name": name, "password": PASSWORD, "next": ""}
        )
        assert answer.status_code == 303, answer.text
        return self

    def get(self, address: str) -> TestResponse:
        answer = self.client.get(address, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        if answer.mimetype == "text/html" and answer.status_code not in (302, 303):
            is_strict_html(answer.text)
            assert_asks_nobody_else(answer.text)
        return answer


def is_strict_html(text: str) -> None:
    html5lib.HTMLParser(strict=True).parse(text)
    for forbidden in (" style=", "<style", " onclick=", " onload=", "javascript:"):
        assert forbidden not in text, forbidden
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)


def assert_asks_nobody_else(text: str) -> None:
    found = _REMOTE.search(text)
    assert found is None, found


def words_of(text: str) -> str:
    """What a person reads of a page, spaces folded."""
    main = re.search(r"<main.*?</main>", text, re.DOTALL)
    assert main is not None
    return " ".join(re.sub(r"<[^>]+>", " ", main[0]).split())
