"""The whole service with invented children, met only through HTTP, as its people and apps meet it."""

import base64
import hashlib
import json
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import Connection, select
from werkzeug.test import TestResponse

from healthvisit.access.requester import STAFF
from healthvisit.accounts import clients, keys, people
from healthvisit.accounts import tables as accounts
from healthvisit.cli import DEMO_DAY, TABLET, TABLET_SCOPE
from healthvisit.config import Settings
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record import record as the_record
from healthvisit.record.tables import resource, resource_version
from healthvisit.synthetic import demo
from healthvisit.synthetic.seed import seed
from tests import builders
from tests.conftest import kept, serving
from tests.pdf import Document
from tests.service import started

BASE = "http://127.0.0.1:8000"
FHIR = "application/fhir+json"
STAFF_APP, STAFF_SCOPE = "staff-app", "user/*.cruds"


def fill(database: Database, definitions: Definitions, secrets: Path, *, children: int) -> None:
    """Into a database that has its tables: the definitions, two apps of health visitors, invented children."""
    with the_record.opened(
        database,
        builders.a_requester("service"),
        definitions=definitions,
        at=datetime.combine(DEMO_DAY, datetime.min.time(), UTC),
        writing=True,
    ) as record:
        record.load_definitions(definitions)
    with database.writing() as connection:
        for client_id, scope in ((TABLET, TABLET_SCOPE), (STAFF_APP, STAFF_SCOPE)):
            clients.register(
                connection,
                client_id=client_id,
                name=client_id,
                scope=scope,
                redirect_uris=[f"{BASE}/tablet/signed-in"],
                first_party=True,
            )
    seed(database, definitions, children=children, as_at=DEMO_DAY, keys_folder=secrets)


class Demonstration:
    """app: the service on its own copy of a seeded record, believing that it is 15 February 2021.

    base: the address that the service believes to be its own.
    """

    def __init__(self, url: str, secrets: Path, *, base: str = BASE) -> None:
        keys.ensure(secrets)
        self.secrets = secrets
        self.settings = Settings(
            database_url=serving(url),
            secrets_folder=secrets,
            base_url=base,
            clock_offset_days=(DEMO_DAY - datetime.now(UTC).date()).days,
            access_token_s=3600,
        )
        self.app = started(self.settings)
        # What a test looks at and changes by itself; the service has a login of its own.
        self.database = kept(url)
        self._apps: dict[str, App] = {}
        self._words: dict[str, set[str]] = {}

    def client(self, name: str) -> FlaskClient:
        """A browser or app of this person. What is sent to a parent, a commissioner or anybody else who reads of no
        other child is searched for what only other families' records hold."""
        with self.database.reading() as connection:
            person = connection.execute(
                select(accounts.account.c.id, accounts.account.c.role).where(
                    accounts.account.c.sign_in_name == name
                )
            ).one()
        if person.role in (*STAFF, "system-client"):
            return self.app.test_client()
        return Searched(self.app, lambda: self._words_not_for(person.id))

    def _words_not_for(self, account: str) -> set[str]:
        row = accounts.relationship.c
        with self.database.reading() as connection:
            if not self._words:
                self._words = _words_of_one_child(connection)
            own = set(
                connection.scalars(
                    select(row.child).where(row.account == account, row.withdrawn_at.is_(None))
                )
            )
        return set().union(*(words for child, words in self._words.items() if child not in own))

    def browser(self, name: str) -> FlaskClient:
        """A browser in which this person has signed in."""
        client = self.client(name)
        answer = client.post(
            "/sign-in",
            data={
                "csrf_token": form_token(client.get("/sign-in").text),
                "name": name,
                "password": demo.PASSWORD,
            },
        )
        assert answer.status_code == 303, answer.text
        return client

    def tablet(self, name: str) -> "App":
        """The tablet of this health visitor, with the token that it was given for a code."""
        if name not in self._apps:
            self._apps[name] = App(self.client(name), self._staff_token(name, TABLET, TABLET_SCOPE))
        return self._apps[name]

    def staff_app(self, name: str) -> "App":
        """An app that this health visitor has given all that a health visitor may give."""
        key = f"{name}'s other app"
        if key not in self._apps:
            self._apps[key] = App(self.client(name), self._staff_token(name, STAFF_APP, STAFF_SCOPE))
        return self._apps[key]

    def app_of(self, name: str, scope: str) -> "App":
        """An app that was registered for this scope alone, and that this person has given all of it."""
        client = hashlib.sha256(scope.encode()).hexdigest()[:12]
        key = f"{name}'s {client}"
        if key not in self._apps:
            with self.database.writing() as connection:
                if clients.find(connection, client) is None:
                    clients.register(
                        connection,
                        client_id=client,
                        name=client,
                        scope=scope,
                        redirect_uris=[f"{BASE}/tablet/signed-in"],
                        first_party=True,
                    )
            self._apps[key] = App(self.client(name), self._staff_token(name, client, scope))
        return self._apps[key]

    def system(self) -> "App":
        """Bury's child health system, with the token that it was given for its signed assertion."""
        if demo.CLIENT_ID not in self._apps:
            self._apps[demo.CLIENT_ID] = App(self.app.test_client(), self._system_token())
        return self._apps[demo.CLIENT_ID]

    def children(self, app: "App") -> list[str]:
        """Ids of the children whom the app's borough answers for today."""
        standing = app.found("EpisodeOfCare", ("status", "active"), ("_count", "1000"))
        return [episode["patient"]["reference"].removeprefix("Patient/") for episode in standing]

    def a_child(self, app: "App") -> str:
        """One of them, who has been seen at least once."""
        seen = {contact["subject"]["reference"] for contact in app.found("Encounter", ("_count", "1000"))}
        return next(child for child in self.children(app) if f"Patient/{child}" in seen)

    def _staff_token(self, name: str, client: str, scope: str) -> str:
        verifier = base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode().rstrip("=") + "x"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        sent = self.browser(name).get(
            "/authorize",
            query_string={
                "response_type": "code",
                "client_id": client,
                "redirect_uri": f"{BASE}/tablet/signed-in",
                "scope": scope,
                "state": "a-state-of-the-tablet",
                "aud": self.settings.fhir_base,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )
        code = parse_qs(urlsplit(sent.location).query)["code"][0]
        return self._token(
            grant_type="authorization_code",
            client_id=client,
            redirect_uri=f"{BASE}/tablet/signed-in",
            code=code,
            code_verifier=verifier,
        )

    def in_shell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The settings of a shell command, which works as the owner of the tables."""
        for name, value in self.environment().items():
            if name.startswith("HEALTHVISIT_"):
                monkeypatch.setenv(name, value)
        if not self.database.is_sqlite:
            owner = self.database.engine.url.render_as_string(hide_password=False)
            monkeypatch.setenv("HEALTHVISIT_OWNER_DATABASE_URL", owner)

    def environment(self) -> dict[str, str]:
        """What a process needs to serve the same record."""
        return {
            **os.environ,
            **{
                f"HEALTHVISIT_{name.upper()}": str(getattr(self.settings, name))
                for name in (
                    "database_url",
                    "secrets_folder",
                    "base_url",
                    "clock_offset_days",
                    "access_token_s",
                )
            },
        }

    def assertion(self) -> str:
        """The system's signed word that it is who it says; it holds once, for three minutes."""
        key = ECKey.import_key(json.loads((self.secrets / demo.KEY_FILE).read_text()))
        at = int(time.time())
        claims = {
            "iss": demo.CLIENT_ID,
            "sub": demo.CLIENT_ID,
            "aud": f"{self.settings.base_url}/token",
            "jti": str(uuid.uuid4()),
            "iat": at,
            "exp": at + 200,
        }
        return jwt.encode({"alg": "ES384", "kid": key.kid}, claims, key, algorithms=["ES384"])

    def _system_token(self) -> str:
        return self._token(
            grant_type="client_credentials",
            scope="system/*.cruds",
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            client_assertion=self.assertion(),
        )

    def _token(self, **sent: str) -> str:
        answer = self.app.test_client().post("/token", data=sent)
        assert answer.status_code == 200, answer.text
        return str(answer.json["access_token"])


class Searched(FlaskClient):
    """A client that fails where it is sent one of these words."""

    def __init__(self, app: Flask, words: Callable[[], set[str]]) -> None:
        super().__init__(app, app.response_class)
        self._not_for = words

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        if kwargs.get("buffered") is False:
            answer.response = self._looked_through(answer, answer.response)
        else:
            is_pdf = answer.mimetype == "application/pdf"
            self._look(answer, Document(answer.data).everything if is_pdf else answer.text)
        return answer

    def _looked_through(self, answer: TestResponse, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._look(answer, block.decode(errors="replace"))
            yield block

    def _look(self, answer: TestResponse, text: str) -> None:
        found = [word for word in self._not_for() if word in text]
        assert not found, (answer.request.path, found[:3])


def _words_of_one_child(connection: Connection) -> dict[str, set[str]]:
    """Of each child's id the numbers, telephones, addresses and whole names that stand in its record alone."""
    current = (resource.c.rid == resource_version.c.rid) & (resource.c.version == resource_version.c.version)
    rows = connection.execute(
        select(resource.c.child_rid, resource.c.type, resource.c.id, resource_version.c.body)
        .join(resource_version, current)
        .where(resource.c.type.in_(("Patient", "RelatedPerson")), resource.c.deleted.is_(False))
    ).all()
    ids = {row.child_rid: row.id for row in rows if row.type == "Patient"}
    found: dict[str, set[str]] = {id_: set() for id_ in ids.values()}
    for row in rows:
        body = loads(row.body)
        told = [each.get("value", "") for each in (*body.get("identifier", ()), *body.get("telecom", ()))]
        told += [line for each in body.get("address", ()) for line in each.get("line", ())]
        told += [f"{given} {each['family']}" for each in body.get("name", ()) for given in each["given"]]
        found[ids[row.child_rid]] |= {word for word in told if len(word) > 5}
    times = Counter(word for words in found.values() for word in words)
    return {child: {word for word in words if times[word] == 1} for child, words in found.items()}


class App:
    """A client of /fhir with its access token. Bodies are exact: decimals go out and come back as Decimal."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=self.headers | headers)

    def post(
        self, path: str, body: JSON | bytes, *, operation: str | None = None, **headers: str
    ) -> TestResponse:
        named = {"Idempotency-Key": operation} if operation else {}
        text = body if isinstance(body, bytes) else dumps(body)
        return self.client.post(
            path, data=text, headers=self.headers | named | {"Content-Type": FHIR} | spelled(headers)
        )

    def put(self, path: str, body: JSON, **headers: str) -> TestResponse:
        return self.client.put(
            path, data=dumps(body), headers=self.headers | {"Content-Type": FHIR} | spelled(headers)
        )

    def read(self, path: str) -> JSON:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        found: JSON = loads(answer.data)
        return found

    def found(self, type_: str, *parameters: tuple[str, str]) -> list[JSON]:
        """All matches of one page."""
        answer = self.client.get(f"/fhir/{type_}", query_string=list(parameters), headers=self.headers)
        assert answer.status_code == 200, answer.text
        return [e["resource"] for e in loads(answer.data).get("entry", []) if e["search"]["mode"] == "match"]


def spelled(headers: dict[str, str]) -> dict[str, str]:
    """If_Match -> If-Match."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def form_token(page: str) -> str:
    match = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert match, page
    return match[1]


def faults(answer: TestResponse) -> list[tuple[str, list[str]]]:
    """(issue code, expressions) of an OperationOutcome."""
    body = loads(answer.data)
    assert body["resourceType"] == "OperationOutcome", answer.text
    return [(issue["code"], issue.get("expression", [])) for issue in body["issue"]]


def located(answer: TestResponse) -> str:
    """ "Type/id" of the first thing a transaction made, or of what a create made."""
    where = answer.headers.get("Location") or answer.json["entry"][0]["response"]["location"]
    return "/".join(where.split("/")[-4:-2])


def leave_bury(demonstration: Demonstration) -> None:
    """The health visitor of Bury leaves the borough today."""
    with demonstration.database.writing() as connection:
        account = people.named(connection, "bury")
        assert account is not None
        people.leave_borough(connection, account, "E08000002", until_on=DEMO_DAY)
