import json
import re

from healthvisit.faces.tablet import views
from tests.faces.layout.pages import Browser, a_commissioner
from tests.faces.tablet.a_tablet import STATIC


def test_the_shell_opens_for_everyone_and_holds_nobodys_data(app):
    browser = Browser(app)
    shell, back = browser.get("/tablet/"), browser.get("/tablet/signed-in?code=c&state=s")
    assert shell.status_code == back.status_code == 200
    assert shell.text == back.text
    assert "'unsafe-inline'" not in shell.headers["Content-Security-Policy"]


def test_the_worker_keeps_every_file_of_the_build_and_each_is_there(app):
    answer = app.test_client().get("/tablet/service_worker.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-store"
    files = json.loads(re.search(r"const FILES = (\[.*?\]);", answer.text)[1])
    for file in files:
        with app.test_client().get(file) as kept:
            assert kept.status_code == 200, file
    scripts = {f"/tablet/static/{path.relative_to(STATIC).as_posix()}" for path in STATIC.rglob("*.js")}
    assert scripts - set(files) == {"/tablet/static/service_worker.js"}
    assert {"/tablet/", "/assets/nhsuk.css"} <= set(files)


def test_every_module_that_a_module_asks_for_is_kept():
    kept = set(views.precache()[1])
    for path in STATIC.rglob("*.js"):
        for name in re.findall(
            r'^import .*?from "(\.[^"]+)";|^import "(\.[^"]+)";', path.read_text(), re.MULTILINE
        ):
            wanted = (path.parent / (name[0] or name[1])).resolve().relative_to(STATIC).as_posix()
            assert f"/tablet/static/{wanted}" in kept, (path.name, wanted)


def test_a_new_build_has_a_new_name_and_the_same_build_the_same(monkeypatch, tmp_path):
    before, files = views.precache.__wrapped__()
    assert views.precache.__wrapped__() == (before, files)
    changed = tmp_path / "static"
    changed.mkdir()
    for path in STATIC.rglob("*"):
        if path.is_file():
            target = changed / path.relative_to(STATIC)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    monkeypatch.setattr(views, "STATIC", changed)
    assert views.precache.__wrapped__()[0] == before
    (changed / "words.js").write_text("export {};\n")
    assert views.precache.__wrapped__()[0] != before


def test_a_file_that_is_missing_is_missing_and_never_a_page(app):
    for address in ("/tablet/static/nope.js", "/tablet/nope", "/tablet/static/../views.py"):
        answer = app.test_client().get(address)
        assert answer.status_code == 404, address
        assert b"app.js" not in answer.data


def test_the_growth_reference_is_there_without_a_sign_in_and_without_a_signal(app):
    with app.test_client().get("/tablet/growth.json") as answer:
        assert answer.status_code == 200
        assert answer.json.keys() == {"weight", "length", "head", "bmi"}
    assert "/tablet/growth.json" in views.precache()[1]


def test_the_app_can_be_put_on_the_home_screen(app):
    with app.test_client().get("/tablet/manifest.webmanifest") as answer:
        assert answer.mimetype == "application/manifest+json"
        icons = answer.json["icons"]
    for icon in icons:
        with app.test_client().get(icon["src"]) as drawn:
            assert drawn.mimetype == "image/png"


def test_the_caseload_needs_a_token_and_a_cookie_is_none(app, furnished):
    for browser in (Browser(app), Browser(app).signed_in(a_commissioner(furnished))):
        answer = browser.get("/tablet/caseload")
        assert answer.status_code == 401
        assert answer.mimetype == "application/problem+json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_health_visitor_gets_her_caseload_and_nothing_may_keep_it(tablet):
    answer = tablet.get("/tablet/caseload")
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    carried = answer.json
    assert [child["patient"]["name"][0]["given"] for child in carried["children"]] == [["Ada"], ["Bilal"]]
    assert carried["as_at"] == "2021-02-15"
    assert carried["pack"]["notice"]
    assert {each["id"] for each in carried["questionnaires"]} == {
        "new-birth-review",
        "six-to-eight-week-review",
        "one-year-review",
        "two-year-review",
        "three-to-four-month-contact",
        "six-month-contact",
        "ad-hoc-contact",
    }
