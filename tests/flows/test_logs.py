"""What the service logs tells nothing of a child: no name, no NHS number, nothing of what was asked."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import replace

import pytest

from healthvisit.exports import Worker
from healthvisit.record import export
from healthvisit.record.record import Record
from tests import builders
from tests.flows.demonstration import form_token

NHS = "https://fhir.nhs.uk/Id/nhs-number"


class Kept(logging.Handler):
    """Every record as it would be written, with its traceback."""

    def __init__(self):
        super().__init__(logging.NOTSET)
        self.lines = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def logs():
    """What all loggers say from INFO on; made before the service, which asks once what is listened to."""
    root, kept = logging.getLogger(), Kept()
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(kept)
    yield kept.lines
    root.removeHandler(kept)
    root.setLevel(before)


def telling(child):
    """Texts that tell who a child is."""
    names = [name["family"] for name in child["name"]]
    names += [given for name in child["name"] for given in name["given"]]
    numbers = [each["value"] for each in child["identifier"] if each["system"] == NHS]
    assert names
    assert numbers
    return [*names, *numbers, "identifier=", "family=", "nhs-number|"]


def found_in(lines, forbidden):
    return [(text, line) for line in lines for text in forbidden if text in line]


def test_no_log_tells_of_a_child(logs, demonstration, monkeypatch):
    app = demonstration.staff_app("bury")
    child = app.read(f"/fhir/Patient/{demonstration.a_child(app)}")
    forbidden = telling(child)
    number = next(each["value"] for each in child["identifier"] if each["system"] == NHS)
    family = child["name"][0]["family"]

    # what is done
    app.found("Patient", ("identifier", f"{NHS}|{number}"))
    app.found("Patient", ("family", family))
    app.client.post(
        "/fhir/Patient/_search",
        data={"identifier": f"{NHS}|{number}"},
        headers=app.headers,
    )
    app.put(f"/fhir/Patient/{child['id']}", child, If_Match='W/"1"')
    app.post("/fhir", builders.a_visit(f"Patient/{child['id']}", on="2021-02-14"))
    app.get(f"/fhir/Patient/{child['id']}/$everything")
    demonstration.browser("parent").get("/parents/", follow_redirects=True)
    demonstration.browser("commissioner").get("/commissioning/")

    # what is refused
    app.get(f"/fhir/Patient/{number}")
    app.get(f"/fhir/{family}/{number}?identifier={number}")
    app.get(f"/fhir/Patient?nonsense={family}&identifier={number}")
    app.post("/fhir/Patient", {**child, "colour": family})
    app.post("/fhir/Patient", f'{{"resourceType": "Patient", "name": "{family}", '.encode())
    app.client.get(f"/fhir/Patient?identifier={number}", headers={"Authorization": f"Bearer {family}"})
    anyone = demonstration.app.test_client()
    anyone.get(f"/nowhere/{family}?identifier={number}")
    anyone.get(f"/authorize?client_id={family}&redirect_uri=https://{number}/&scope={family}")
    anyone.post("/token", data={"grant_type": family, "client_id": number})
    page = anyone.get("/sign-in").text
    anyone.post("/sign-in", data={"csrf_token": form_token(page), "name": family, "password": number})

    # what goes wrong
    def fail(*_args, **_kwargs):
        raise ValueError(f"{family} {number}")

    worker = exporting(demonstration)
    system = demonstration.system()
    asked = system.get("/fhir/$export", Prefer="respond-async", Accept="application/fhir+json")
    assert asked.status_code == 202, asked.text
    with monkeypatch.context() as broken:
        broken.setattr(export, "do", fail)
        assert worker.once()
    monkeypatch.setattr(Record, "read", fail)
    monkeypatch.setattr(Record, "search", fail)
    assert app.get(f"/fhir/Patient/{child['id']}").status_code == 500
    assert app.get(f"/fhir/Patient?family={family}").status_code == 500
    assert demonstration.browser("parent").get("/parents/", follow_redirects=True).status_code == 500

    assert [line for line in logs if "ERROR" in line], "the faults were logged"
    assert found_in(logs, forbidden) == []


def exporting(demonstration):
    house = demonstration.app.extensions["healthvisit"]
    folder = demonstration.secrets.parent / "exports"
    house = replace(house, settings=house.settings.model_copy(update={"export_folder": folder}))
    demonstration.app.extensions["healthvisit"] = house
    return Worker(house.settings, house.database, house.definitions, house.clock)


def test_the_server_writes_no_address_down(demonstration):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = demonstration.staff_app("bury")
    child = app.read(f"/fhir/Patient/{demonstration.a_child(app)}")
    forbidden = telling(child)
    number = next(each["value"] for each in child["identifier"] if each["system"] == NHS)
    served = subprocess.Popen(
        [sys.executable, "-m", "healthvisit.cli", "serve", "--port", str(port), "--processes", "1"],
        env={**demonstration.environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=os.getcwd(),
    )
    try:
        wait_for(port, served)
        for path, headers in (
            (f"/fhir/Patient?identifier={NHS}|{number}", app.headers),
            (f"/fhir/Patient?identifier={number}", {}),
            (f"/fhir/Patient/{number}", app.headers),
            (f"/{child['name'][0]['family']}?family={child['name'][0]['family']}", {}),
        ):
            ask(port, urllib.parse.quote(path, safe="/?=&:"), headers)
        raw(port, f"GET /fhir/Patient?identifier={number} HTTP/9.9\r\nBroken {number}\r\n\r\n")
    finally:
        served.send_signal(signal.SIGTERM)
        told, _ = served.communicate(timeout=60)
    assert found_in(told.splitlines(), forbidden) == []


def wait_for(port, served):
    until = time.monotonic() + 60
    while True:
        try:
            assert ask(port, "/healthz", {}) == 200
            return
        except urllib.error.URLError:
            assert served.poll() is None, "it stopped by itself"
            assert time.monotonic() < until, "it did not answer in a minute"
            time.sleep(0.2)


def ask(port, path, headers):
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        ) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def raw(port, text):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(text.encode())
        connection.recv(1000)
