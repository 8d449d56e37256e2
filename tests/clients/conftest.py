"""A served process with invented children, for clients that know nothing of this house.

The clients are other people's, in the versions of requirements/test.txt and package-lock.json; docs/conformance.md
says what each was seen to do.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.synthetic import demo
from tests import builders
from tests.conftest import Copy
from tests.flows.demonstration import STAFF_APP, STAFF_SCOPE, Demonstration, fill, form_token

ROOT = Path(__file__).resolve().parents[2]
CHILDREN = 30
MARK = "https://clients.example/mark"


@dataclass(frozen=True)
class Service:
    """A running service, and who may use it.

    base: address of its FHIR endpoint. token: of an app that a health visitor in Bury gave all she may give, by
    code and PKCE. child: id of a child in Bury who has been seen; children: how many she reaches.
    """

    base: str
    token: str
    child: str
    children: int
    demonstration: Demonstration

    def told(self) -> str:
        """What a client in another language needs to know, as JSON."""
        return json.dumps(
            {
                "base": self.base,
                "token": self.token,
                "child": self.child,
                "children": self.children,
                "client_id": STAFF_APP,
                "scope": STAFF_SCOPE,
                "assertion": self.demonstration.assertion(),
                "mark": MARK,
            }
        )

    def browser(self, name: str) -> requests.Session:
        """A browser in which this person has signed in."""
        session = requests.Session()
        address = self.base.removesuffix("/fhir") + "/sign-in"
        token = form_token(session.get(address).text)
        sent = {"csrf_token": token, "name": name, "password": demo.PASSWORD}
        assert session.post(address, data=sent, allow_redirects=False).status_code == 303
        return session

    def an_observation(self, mark: str, *, value: str = "12.40") -> JSON:
        """A weight of the child, found again by its mark. Numbers are as a client of floats would send them."""
        weight = builders.an_observation(f"Patient/{self.child}", value=value)
        weight["valueQuantity"]["value"] = float(value)
        return weight | {"identifier": [{"system": MARK, "value": mark}]}


@pytest.fixture(scope="session")
def service(
    _bare: Copy, definitions: Definitions, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("served")
    url, secrets = _bare(folder), folder / "secrets"
    database = Database(url)
    fill(database, definitions, secrets, children=CHILDREN)
    database.dispose()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    demonstration = Demonstration(url, secrets, base=base)
    staff = demonstration.staff_app("bury")
    child, children = demonstration.a_child(staff), staff.read("/fhir/Patient?_count=0")["total"]
    token = staff.headers["Authorization"].removeprefix("Bearer ")
    # SQLite is written by one process at a time.
    demonstration.database.dispose()
    process = subprocess.Popen(
        [sys.executable, "-m", "healthvisit.cli", "serve", "--port", str(port)],
        cwd=ROOT,
        env=demonstration.environment(),
    )
    try:
        _wait_for(f"{base}/healthz", process)
        yield Service(f"{base}/fhir", token, child, children, demonstration)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address):
                return
        except urllib.error.URLError:
            assert process.poll() is None, "it stopped by itself"
            assert time.monotonic() < until, "it did not answer in a minute"
            time.sleep(0.2)
