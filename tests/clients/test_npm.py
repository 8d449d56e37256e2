"""Clients from npm. Each has a script beside this file, whose scenarios are told as they went."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import Service

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
CLIENTS = {
    "fhir-kit-client": "fhir_kit_client.js",
    "fhirclient": "fhirclient.js",
    "@medplum/core": "medplum.js",
}

Told = Callable[[str], dict[str, str | None]]


def scenarios() -> list[tuple[str, str]]:
    """(client, scenario) as the scripts name them."""
    return [
        (client, found[1])
        for client, script in CLIENTS.items()
        for found in re.finditer(r'^  async "(.+?)"', (HERE / script).read_text("utf-8"), re.MULTILINE)
    ]


@pytest.fixture(scope="session")
def told(service: Service) -> Told:
    """What a client's script tells, asked for once."""
    found: dict[str, dict[str, str | None]] = {}
    sent = service.told().encode()

    def tell(client: str) -> dict[str, str | None]:
        if client not in found:
            done = subprocess.run(
                [BIN / "node", HERE / CLIENTS[client]],
                input=sent,
                capture_output=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr.decode()
            found[client] = json.loads(done.stdout.decode().splitlines()[-1])
        return found[client]

    return tell


@pytest.mark.parametrize(
    ("client", "scenario"), [pytest.param(*each, id=" ".join(each)) for each in scenarios()]
)
def test_from_npm(told, client, scenario):
    fault = told(client)[scenario]
    assert fault is None, fault
