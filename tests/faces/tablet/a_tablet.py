"""The app with a health visitor of Bury and two children, and her tablet, which signs in as the page does."""

import base64
import hashlib
import json
import re
import subprocess
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from werkzeug.test import TestResponse

from healthvisit.accounts import clients, people
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record import record as the_record
from tests import builders
from tests.faces.layout.pages import PASSWORD, Browser

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "healthvisit" / "faces" / "tablet" / "static"
CLIENT = "healthvisit-tablet"
REDIRECT = "http://127.0.0.1:8000/tablet/signed-in"
VERIFIER = "a-verifier-of-the-tablet-that-is-long-enough-for-pkce"
BURY = "E08000002"


def asked_scope() -> str:
    """The scope that the page itself asks for."""
    block = re.search(r"export const SCOPE = \[(.*?)\]", (STATIC / "auth.js").read_text(), re.DOTALL)
    assert block is not None
    return " ".join(re.findall(r'"([^"]+)"', block[1]))


def a_team(database: Database, definitions: Definitions) -> str:
    """A health visitor, sign-in name `joan`, with a child of two and a baby. Tells the Practitioner."""
    joan = builders.a_urn()
    entries = [builders.an_entry(builders.a_practitioner("Whitehead"), full_url=joan)]
    for given, born in (("Ada", "2019-01-20"), ("Bilal", "2020-12-27")):
        patient = builders.a_urn()
        episode = {**builders.an_episode(patient, start=born), "careManager": {"reference": joan}}
        entries += [
            builders.an_entry(builders.a_patient(born=born, given=given), full_url=patient),
            builders.an_entry(episode, full_url=builders.a_urn()),
        ]
    with the_record.opened(
        database, builders.a_requester("service"), definitions=definitions, at=builders.NOW, writing=True
    ) as record:
        answer = record.transact(builders.a_transaction(*entries))
    practitioner = "/".join(answer["entry"][0]["response"]["location"].split("/")[:2])
    with database.writing() as connection:
        people.create_account(
            connection, role="health-visitor", name="Joan Whitehead", sign_in_name="joan", password=PASSWORD,
            fhir_user=practitioner, boroughs=[BURY], from_on=date(2015, 1, 1),
        )  # fmt: skip
        clients.register(
            connection,
            client_id=CLIENT,
            name="Tablet",
            scope=asked_scope(),
            redirect_uris=[REDIRECT],
            first_party=True,
        )
    return practitioner


class Tablet:
    """Holds an access token, and asks the service as the page does."""

    def __init__(self, app: Flask, name: str) -> None:
        browser = Browser(app).signed_in(name)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
        sent = browser.client.get(
            "/authorize",
            query_string={
                "response_type": "code",
                "client_id": CLIENT,
                "redirect_uri": REDIRECT,
                "scope": asked_scope(),
                "state": "a-state-of-the-tablet",
                "aud": "http://127.0.0.1:8000/fhir",
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )
        code = parse_qs(urlsplit(sent.location).query)["code"][0]
        self.client = app.test_client()
        given = self.client.post(
            "/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": REDIRECT,
                "client_id": CLIENT,
                "code_verifier": VERIFIER,
            },
        )
        assert given.status_code == 200, given.text
        self.headers = {"Authorization": f"Bearer {given.json['access_token']}"}

    def get(self, address: str) -> TestResponse:
        return self.client.get(address, headers=self.headers)

    def send(self, body: bytes, operation: str) -> TestResponse:
        headers = {**self.headers, "Content-Type": "application/fhir+json", "Idempotency-Key": operation}
        return self.client.post("/fhir", data=body, headers=headers)


def said(caseload: dict, draft: dict, operation: str) -> bytes:
    """The bytes that the page's own modules make of a draft."""
    made = subprocess.run(
        ["node", ROOT / "tests" / "tablet" / "say_review.js"],
        input=json.dumps({"caseload": caseload, "draft": draft, "operation": operation}).encode(),
        capture_output=True,
        check=True,
    )
    return made.stdout


def a_draft(child: str, review: str, **changes: object) -> dict:
    """A review done at home and recorded there, a quarter of an hour ago by the caseload's clock."""
    contact = {
        "outcome": "completed",
        "when": "other",
        "on": "2021-02-14",
        "time": "10:15",
        "capture_mode": "point-of-care",
        "place": "family-home",
        "practitioner_type": "scphn",
        "share": "later",
        **changes.pop("contact", {}),
    }
    return {
        "id": "draft",
        "child": child,
        "review": review,
        "contact": contact,
        "answers": {},
        "confirmed": {},
        "at": {"page": "check", "field": None},
        "changed_at": "2021-02-14T10:30:00Z",
        "operation": None,
        **changes,
    }
