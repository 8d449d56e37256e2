"""Many who show one code, one refresh token or one assertion at once; and how soon all processes refuse.

PostgreSQL is served by four processes, SQLite by its one. HEALTHVISIT_TEST_ROUNDS sets how often (scripts/races).
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from joserfc.jwk import ECKey

from healthvisit.accounts import clients, keys, people, relationships, tokens
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from tests import builders
from tests.conftest import Copy
from tests.faces.sign_in.a_service import ASSERTION_TYPE, BURY, CHALLENGE, VERIFIER
from tests.faces.sign_in.vectors import Good

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = int(os.environ.get("HEALTHVISIT_TEST_ROUNDS", "10"))
APP, APP_URI, SYSTEM = "racer", "https://racer.example/cb", "feed"
SCOPE = "user/Patient.rs offline_access"
PROCESSES = 4
AT_ONCE = 8
# Connections are shared out among the processes: of so many, each has some.
EVERYWHERE = 40
# An account is given 300 tokens a minute, and a round gives ten at most.
ROUNDS_OF_ONE = 25


class Answer(NamedTuple):
    status: int
    text: bytes

    @property
    def json(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.text)
        return found


class Line:
    """One connection, kept open. Each request seems to come from an address of its own, so that none has to wait."""

    def __init__(self, port: int) -> None:
        self._open = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._open.connect()
        self._random = Random(uuid.uuid4().int)

    def get(self, path: str, token: str) -> Answer:
        return self._ask("GET", path, None, {"Authorization": f"Bearer {token}"})

    def post(self, path: str, **sent: str) -> Answer:
        return self._ask("POST", path, urlencode(sent), {"Content-Type": "application/x-www-form-urlencoded"})

    def close(self) -> None:
        self._open.close()

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        address = ".".join(str(self._random.randrange(1, 255)) for _ in range(4))
        self._open.request(method, path, body, headers | {"X-Forwarded-For": address})
        answer = self._open.getresponse()
        return Answer(answer.status, answer.read())


class Served:
    """A running service with a child of Bury. lines: as many as ask at once."""

    def __init__(
        self, database: Database, port: int, child: str, key: ECKey, issuer: tokens.AccessTokens
    ) -> None:
        self.database = database
        self.port = port
        self.child = child
        self.key = key
        self.issuer = issuer
        self.lines = [Line(port) for _ in range(AT_ONCE)]
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def at_once(self, ask: Callable[[int, Line], Answer]) -> list[Answer]:
        """What each line is answered, when all have asked at the same moment."""
        ready = threading.Barrier(AT_ONCE)

        def asked(number: int) -> Answer:
            ready.wait(60)
            return ask(number, self.lines[number])

        return list(self._pool.map(asked, range(AT_ONCE)))

    def a_nurse(self) -> str:
        with self.database.writing() as connection:
            return people.create_account(
                connection, role="health-visitor", name="Racer", boroughs=[BURY], from_on=date(2020, 1, 1)
            )

    def a_parent(self) -> str:
        with self.database.writing() as connection:
            account = people.create_account(connection, role="parent", name="Racer")
            relationships.begin(connection, account=account, child=self.child, from_on=date(2020, 1, 1))
        return account

    def a_code(self, account: str, client: str = APP) -> str:
        """A code as the authorization endpoint keeps it."""
        code, at = uuid.uuid4().hex, datetime.now(UTC)
        with self.database.writing() as connection:
            family = tokens.open_family(
                connection, account=account, client=client, scope=SCOPE, at=at, life_s=3600,
                epoch=people.epoch_of(connection, account),
            )  # fmt: skip
            tokens.keep_code(connection, code, family, redirect_uri=APP_URI, code_challenge=CHALLENGE, at=at)
        return code

    def exchange(self, line: Line, code: str, client: str = APP) -> Answer:
        return line.post(
            "/token", grant_type="authorization_code", client_id=client, redirect_uri=APP_URI, code=code,
            code_verifier=VERIFIER,
        )  # fmt: skip

    def refresh(self, line: Line, token: str) -> Answer:
        return line.post("/token", grant_type="refresh_token", client_id=APP, refresh_token=token)

    def given(self, account: str, client: str = APP) -> dict[str, str]:
        answer = self.exchange(self.lines[0], self.a_code(account, client), client)
        assert answer.status == 200, answer.text
        return answer.json

    def opens(self, token: str) -> int:
        return self.lines[0].get(f"/fhir/Patient/{self.child}", token).status

    def assertion(self) -> str:
        at = int(time.time())
        claims = {
            "iss": SYSTEM, "sub": SYSTEM, "aud": f"http://127.0.0.1:{self.port}/token", "exp": at + 200,
            "jti": uuid.uuid4().hex,
        }  # fmt: skip
        return Good({"alg": "ES384", "kid": "one"}, claims, self.key.private_key, hashes.SHA384()).token()

    def close(self) -> None:
        self._pool.shutdown()
        for line in self.lines:
            line.close()


@pytest.fixture(scope="module")
def served(
    _with_definitions: Copy, definitions: Definitions, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    url, secrets = _with_definitions(folder), folder / "secrets"
    keys.ensure(secrets)
    database = Database(url)
    key = ECKey.generate_key("P-384", {"kid": "one"})
    child = builders.a_child().kept_in(database, definitions, at=datetime.now(UTC)).id
    with database.writing() as connection:
        account = people.create_account(
            connection, role="system-client", name="Feed", boroughs=[BURY], from_on=date(2020, 1, 1)
        )
        clients.register(
            connection, name="Feed", client_id=SYSTEM, scope="system/Patient.rs", account=account,
            jwks={"keys": [key.as_dict(private=False)]},
        )  # fmt: skip
        for name in (APP, "disabled"):
            clients.register(
                connection, name=name, client_id=name, redirect_uris=[APP_URI], scope=SCOPE, first_party=True
            )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    settings = {
        "DATABASE_URL": url,
        "SECRETS_FOLDER": secrets,
        "BASE_URL": base,
        "PROXIES": 1,
        "EXPORT_IN_SERVICE": 0,
    }
    command = [sys.executable, "-m", "healthvisit.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(
        command if url.startswith("sqlite") else [*command, "--processes", str(PROCESSES)],
        cwd=ROOT,
        env=os.environ | {f"HEALTHVISIT_{name}": str(value) for name, value in settings.items()},
    )
    try:
        _wait_for(port, process)
        issuer = tokens.AccessTokens(keys.signing(secrets), issuer=base, audience=f"{base}/fhir", life_s=600)
        here = Served(database, port, child, key, issuer)
        yield here
        here.close()
    finally:
        process.terminate()
        process.wait(30)
        database.dispose()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            line = Line(port)
            assert line.get("/healthz", "").status == 200
            line.close()
            return
        except OSError:
            assert process.poll() is None, "it stopped by itself"
            assert time.monotonic() < until, "it did not answer in two minutes"
            time.sleep(0.2)


def rounds(served: Served) -> Iterator[str]:
    """An account for each round."""
    account = ""
    for number in range(ROUNDS):
        if number % ROUNDS_OF_ONE == 0:
            account = served.a_nurse()
        yield account


def test_of_those_who_show_one_code_at_once_one_is_given_a_token_and_then_it_falls(served):
    met: Counter[int] = Counter()
    for account in rounds(served):
        code = served.a_code(account)
        answers = served.at_once(lambda _, line, code=code: served.exchange(line, code))
        given = [answer.json for answer in answers if answer.status == 200]
        met[len(given)] += 1
        assert len(given) <= 1
        assert {answer.status for answer in answers} <= {200, 400}
        for each in given:
            assert served.opens(each["access_token"]) == 401
            assert served.refresh(served.lines[1], each["refresh_token"]).status == 400
    # Not all lose: a race that nobody wins would prove nothing.
    assert met[1] > 0, met


def test_those_who_show_one_refresh_token_at_once_are_told_one_successor(served):
    for account in rounds(served):
        first = served.given(account)["refresh_token"]
        answers = served.at_once(lambda _, line, first=first: served.refresh(line, first))
        assert {answer.status for answer in answers} == {200}
        [successor] = {answer.json["refresh_token"] for answer in answers}
        assert served.refresh(served.lines[0], successor).status == 200


def test_a_refresh_token_that_is_shown_after_its_successor_ends_the_grant_whoever_comes_first(served):
    for account in rounds(served):
        first = served.given(account)["refresh_token"]
        second = served.refresh(served.lines[0], first).json
        third = served.refresh(served.lines[0], second["refresh_token"]).json
        # Half are the thief, half the tablet.
        answers = served.at_once(
            lambda number, line, first=first, third=third: served.refresh(
                line, first if number % 2 else third["refresh_token"]
            )
        )
        assert {answer.status for answer in answers[1::2]} == {400}
        given = [answer.json for answer in answers[::2] if answer.status == 200]
        assert len({each["refresh_token"] for each in given}) <= 1
        for each in (second, third, *given):
            assert served.opens(each["access_token"]) == 401
            assert served.refresh(served.lines[0], each["refresh_token"]).status == 400


def test_of_those_who_show_one_assertion_at_once_one_is_given_a_token(served):
    for number in range(1, ROUNDS + 1):
        if number % 250 == 0:
            # The one system has had nearly all the tokens of a minute.
            time.sleep(60)
            # Who waits so long has been hung up on; the next request calls again.
            for line in served.lines:
                line.close()
        word = served.assertion()
        answers = served.at_once(
            lambda _, line, word=word: line.post(
                "/token",
                grant_type="client_credentials",
                scope="system/Patient.rs",
                client_assertion_type=ASSERTION_TYPE,
                client_assertion=word,
            )
        )
        assert sorted(answer.status for answer in answers) == [200] + [401] * (AT_ONCE - 1)


# What ends, and how a request is answered from then on. Each is a function of the database, the account and the token.
def _revoked(served: Served, connection, account: str, token: str) -> None:
    jti = served.issuer.verified(token, at=datetime.now(UTC)).jti
    tokens.revoke(connection, jti, client=APP, at=datetime.now(UTC))


def _closed(_served: Served, connection, account: str, _token: str) -> None:
    people.close_account(connection, account)


def _disabled(_served: Served, connection, _account: str, _token: str) -> None:
    clients.close(connection, "disabled")


def _withdrawn(served: Served, connection, account: str, _token: str) -> None:
    relationships.withdraw(connection, account=account, child=served.child, at=datetime.now(UTC))


def _left(_served: Served, connection, account: str, _token: str) -> None:
    people.leave_borough(connection, account, BURY, until_on=datetime.now(UTC).date() - timedelta(days=1))


@pytest.mark.parametrize(
    ("who", "client", "end", "refused"),
    [
        ("a_nurse", APP, _revoked, 401),
        ("a_nurse", APP, _closed, 401),
        ("a_nurse", "disabled", _disabled, 401),
        ("a_parent", APP, _withdrawn, 404),
        ("a_nurse", APP, _left, 404),
    ],
)
def test_all_processes_refuse_from_the_next_request_on(served, who, client, end, refused):
    account = getattr(served, who)()
    token = served.given(account, client)["access_token"]
    lines = [Line(served.port) for _ in range(EVERYWHERE)]
    path = f"/fhir/Patient/{served.child}"
    # Every process has seen the token, and might remember it.
    assert [line.get(path, token).status for line in lines] == [200] * EVERYWHERE
    with served.database.writing() as connection:
        end(served, connection, account, token)
    assert [line.get(path, token).status for line in lines] == [refused] * EVERYWHERE
    for line in lines:
        line.close()
