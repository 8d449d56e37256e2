import json
import re
from pathlib import Path

import pytest

from healthvisit.faces import layout
from tests.faces.layout.pages import Browser, an_app, assert_asks_nobody_else, words_of

STATIC = Path(layout.__file__).parent / "static"


@pytest.fixture
def app(furnished, tmp_path):
    return an_app(furnished, tmp_path)


def test_the_front_page_opens_three_doors_and_names_the_apps(app):
    page = Browser(app).get("/")
    assert page.status_code == 200
    for address in ("/tablet/", "/parents/", "/commissioning/", "/fhir/metadata"):
        assert f'href="{address}"' in page.text


def test_every_page_of_a_demonstration_says_that_all_is_invented(app):
    for address in ("/", "/accessibility", "/nothing"):
        assert "Every child, adult and figure here is invented." in Browser(app).get(address).text


def test_production_says_nothing_of_a_demonstration(furnished, tmp_path):
    app = an_app(furnished, tmp_path, mode="production", base_url="https://record.example")
    assert "invented" not in Browser(app).get("/").text


def test_no_page_shows_the_logo_or_the_copyright_of_the_nhs(app):
    for address in ("/", "/accessibility", "/nothing"):
        page = Browser(app).get(address).text
        assert "NHS England" not in page
        assert "nhsuk-header__logo" not in page


def test_the_accessibility_page_does_not_claim_an_audit(app):
    assert "No person has audited these pages yet" in words_of(Browser(app).get("/accessibility").text)


def test_the_service_says_that_it_is_well_while_the_database_answers(app):
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, json.loads(answer.data)) == (200, {"status": "ok"})


def test_the_service_says_that_it_is_not_well_when_the_database_is_away(furnished, tmp_path):
    app = an_app(furnished, tmp_path)
    here = app.extensions["healthvisit"]
    here.database.dispose()
    object.__setattr__(here, "database", _Away())
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, json.loads(answer.data)) == (503, {"status": "unavailable"})


class _Away:
    def answers(self):
        return False


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.css")), ids=lambda path: path.name)
def test_a_style_sheet_asks_no_other_host_and_has_no_licensed_font(path):
    text = path.read_text()
    assert_asks_nobody_else(text)
    assert "frutiger" not in text.lower()
    assert "@font-face" not in text
    for named in re.findall(r"url\(\s*[\"']?(/assets/[^\"')]+)", text):
        assert (STATIC / named.removeprefix("/assets/")).is_file(), named


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.js")), ids=lambda path: path.name)
def test_a_script_asks_no_other_host(path):
    text = path.read_text()
    assert "sourceMappingURL" not in text
    assert not re.search(r"https?://", text)


def test_the_licence_travels_with_what_it_covers():
    text = (STATIC / "LICENCE-nhsuk-frontend.txt").read_text()
    assert "MIT License" in text
    assert "10.6.1" in text
