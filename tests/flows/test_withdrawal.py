"""A parent's right is withdrawn while her page is open and her app is fetching (threats B2, D4).

The other parent is untouched.
"""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest
from click.testing import CliRunner

from healthvisit import cli
from healthvisit.accounts import clients, people, relationships
from healthvisit.cli import DEMO_DAY
from healthvisit.exact_json import loads
from healthvisit.exports import Worker
from healthvisit.faces.door import NotAdmitted
from healthvisit.faces.rest import exporting
from healthvisit.synthetic import demo
from tests.flows.demonstration import BASE, App

APP, SCOPE = "family-app", "offline_access patient/Patient.rs patient/Observation.rs patient/Encounter.rs"


@dataclass
class Adult:
    """One parent: an account, an open browser, and an app with both of its tokens."""

    account: str
    browser: object
    app: App
    refresh: str


@pytest.fixture
def child(demonstration):
    browser = demonstration.browser("parent")
    page = browser.get("/parents/", follow_redirects=True)
    return page.request.path.rstrip("/").split("/")[-1]


@pytest.fixture
def family(demonstration, child):
    """Two parents of one child."""
    with demonstration.database.writing() as connection:
        clients.register(
            connection,
            client_id=APP,
            name=APP,
            scope=SCOPE,
            redirect_uris=[f"{BASE}/tablet/signed-in"],
            first_party=True,
        )
        other = people.create_account(
            connection, role="parent", name="Sam", sign_in_name="other-parent", password=demo.PASSWORD
        )
        relationships.begin(connection, account=other, child=child, from_on=DEMO_DAY)
        first = people.named(connection, "parent")
    return an_adult(demonstration, "parent", first), an_adult(demonstration, "other-parent", other)


def an_adult(demonstration, name, account):
    tokens = []
    kept = demonstration._token

    def token(**sent):
        answer = demonstration.app.test_client().post("/token", data=sent)
        assert answer.status_code == 200, answer.text
        tokens.append(answer.json["refresh_token"])
        return answer.json["access_token"]

    demonstration._token = token
    try:
        access = demonstration._staff_token(name, APP, SCOPE)
    finally:
        demonstration._token = kept
    return Adult(
        account, demonstration.browser(name), App(demonstration.app.test_client(), access), tokens[0]
    )


@pytest.fixture
def shell(demonstration, monkeypatch):
    demonstration.in_shell(monkeypatch)

    def shell(*words):
        done = CliRunner().invoke(cli.main, words)
        return done.exit_code, done.output

    return shell


def refreshed(demonstration, adult):
    sent = {"grant_type": "refresh_token", "client_id": APP, "refresh_token": adult.refresh}
    return demonstration.app.test_client().post("/token", data=sent)


def pages(app, child):
    """One observation a page, as an app that takes the whole list away asks for them."""
    where = f"/fhir/Observation?patient={child}&_count=1"
    while where:
        answer = app.get(where)
        yield answer
        links = loads(answer.data).get("link", []) if answer.status_code == 200 else []
        where = next((each["url"].removeprefix(BASE) for each in links if each["relation"] == "next"), None)


def test_the_page_the_app_and_the_list_that_is_being_fetched_end(demonstration, child, family, shell):
    mother, father = family
    fetching = {adult.account: pages(adult.app, child) for adult in family}
    for adult in family:
        assert adult.browser.get(f"/parents/children/{child}").status_code == 200
        assert adult.app.get(f"/fhir/Patient/{child}").status_code == 200
        assert next(fetching[adult.account]).status_code == 200

    assert shell("relationship", "end", "--account", mother.account, "--child", child)[0] == 0

    page = mother.browser.get(f"/parents/children/{child}")
    assert page.status_code == 404
    assert page.data.replace(child.encode(), b"-") == mother.browser.get(
        "/parents/children/01890000-0000-7000-8000-000000000000"
    ).data.replace(b"01890000-0000-7000-8000-000000000000", b"-")
    assert "No child’s record is open to you." in mother.browser.get("/parents/").text
    assert mother.app.get(f"/fhir/Patient/{child}").status_code == 401
    assert next(fetching[mother.account]).status_code == 401
    refused = refreshed(demonstration, mother)
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_grant")

    assert father.browser.get(f"/parents/children/{child}").status_code == 200
    assert father.app.get(f"/fhir/Patient/{child}").status_code == 200
    assert {answer.status_code for answer in fetching[father.account]} <= {200}
    assert refreshed(demonstration, father).status_code == 200


def test_it_is_told_in_the_audit_and_by_the_shell(demonstration, child, family, shell):
    mother, father = family
    code, output = shell("relationship", "list", child)
    assert code == 0
    assert {line.split("\t")[0] for line in output.splitlines()} == {mother.account, father.account}
    shell("relationship", "end", "--account", mother.account, "--child", child)
    told = dict(line.split("\t")[::2] for line in shell("relationship", "list", child)[1].splitlines())
    assert told == {mother.account: "withdrawn", father.account: "-"}
    with demonstration.database.reading() as connection:
        events = connection.exec_driver_sql(
            "select detail, outcome, resource_id from audit_event where account = 'relationship-end'"
        ).all()
        accounts = connection.exec_driver_sql(
            "select account from account_event where kind = 'end-relationship'"
        ).all()
    assert [tuple(each) for each in events] == [("relationship-end", 0, child)]
    assert [tuple(each) for each in accounts] == [(mother.account,)]
    assert shell("audit-verify")[0] == 0


@pytest.mark.parametrize("wrong", ["account", "child", "both", "again"])
def test_a_relationship_that_does_not_stand_is_not_ended(child, family, shell, wrong):
    mother, father = family
    named = {
        "account": ("nobody", child),
        "child": (mother.account, "01890000-0000-7000-8000-000000000000"),
        "both": ("", ""),
        "again": (mother.account, child),
    }[wrong]
    if wrong == "again":
        shell("relationship", "end", "--account", named[0], "--child", named[1])
    code, output = shell("relationship", "end", "--account", named[0], "--child", named[1])
    assert code == 1
    assert "no standing relationship" in output
    assert father.browser.get(f"/parents/children/{child}").status_code == 200


def test_who_is_unknown_to_the_record_has_no_relationships_to_list(shell):
    code, output = shell("relationship", "list", "01890000-0000-7000-8000-000000000000")
    assert (code, output) == (1, "Error: There is no such Patient.\n")


def test_no_parent_takes_files_away(family):
    answer = family[0].app.get("/fhir/$export", Prefer="respond-async", Accept="application/fhir+json")
    assert answer.status_code == 403


def test_a_download_breaks_off_when_its_app_is_disabled(demonstration, tmp_path, monkeypatch, shell):
    """Files are for staff and systems: theirs end in the middle too."""
    monkeypatch.setattr(exporting, "BLOCK", 512)
    made = demonstration.app.extensions["healthvisit"]
    settings = made.settings.model_copy(update={"export_folder": tmp_path / "exports"})
    demonstration.app.extensions["healthvisit"] = house = replace(made, settings=settings)
    system = demonstration.system()
    asked = system.get("/fhir/$export?_type=Patient", Prefer="respond-async", Accept="application/fhir+json")
    status = asked.headers["Content-Location"].removeprefix(BASE)
    assert Worker(house.settings, house.database, house.definitions, house.clock).once()
    file = loads(system.get(status).data)["output"][0]["url"].removeprefix(BASE)
    whole = len(system.get(file).data)

    answer = system.client.get(file, headers=system.headers, buffered=False)
    blocks = answer.iter_encoded()
    received = [next(blocks)]
    assert shell("client", "disable", demo.CLIENT_ID)[0] == 0
    with pytest.raises(NotAdmitted):
        received.extend(blocks)
    assert sum(map(len, received)) < whole


@contextmanager
def served(demonstration):
    """Address of the service in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "healthvisit.cli", "serve", "--port", str(port), "--processes", "1"],
        env=demonstration.environment() | {"HEALTHVISIT_MODE": "demo"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 120
        while status(f"http://127.0.0.1:{port}/healthz", {}) != 200:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def status(url, headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_every_process_refuses_from_that_moment_on(demonstration, child, family, shell):
    mother, father = family
    # SQLite is served by one process.
    number = 1 if demonstration.database.is_sqlite else 3
    with ExitStack() as running:
        addresses = [running.enter_context(served(demonstration)) for _ in range(number)]
        asked = [f"{address}/fhir/Patient/{child}" for address in addresses]
        for _ in range(3):
            assert {status(each, mother.app.headers) for each in asked} == {200}
        code, _ = shell("relationship", "end", "--account", mother.account, "--child", child)
        ended = time.monotonic()
        assert code == 0
        answers = [status(each, mother.app.headers) for each in asked]
        while time.monotonic() < ended + 1:
            answers += [status(each, mother.app.headers) for each in asked]
        # Not one request that began after it was admitted, by none of them.
        assert set(answers) == {401}
        assert {status(each, father.app.headers) for each in asked} == {200}
