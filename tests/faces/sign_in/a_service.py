"""A small service for tests of sign-in and door: people, apps, a few marked views, a clock one can set."""

import base64
import functools
import hashlib
import hmac
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from flask import Flask, jsonify
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from werkzeug.test import TestResponse

from healthvisit.accounts import clients, keys, people, relationships
from healthvisit.config import Settings
from healthvisit.database import Database, metadata
from healthvisit.definitions import Definitions
from healthvisit.faces import door, layout, sign_in

PASSWORD = "correct horse battery"
TABLET = "tablet"
TABLET_URI = "http://127.0.0.1:8000/tablet/signed-in"
READER = "reader"
READER_URI = "https://reader.example/cb"
FAMILY = "family"
FAMILY_URI = "https://family.example/cb?from=healthvisit"
OPENER = "opener"
OPENER_URI = "https://opener.example/cb"
SYSTEM = "system"
BURY, SALFORD = "E08000002", "E08000006"

VERIFIER = "abcdefghijklmnopqrstuvwxyz-._~ABCDEFGHIJKLMNOP0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

NURSE_SCOPE = "user/Patient.rs user/Observation.crs offline_access"
READER_SCOPE = "launch/patient patient/Patient.rs patient/Observation.rs offline_access"
FAMILY_SCOPE = "user/Observation.rs offline_access"
OPENER_SCOPE = (
    "openid fhirUser launch launch/patient offline_access online_access "
    "patient/Patient.rs patient/Observation.rs"
)
SYSTEM_SCOPE = "system/Patient.rs system/Observation.crs"


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Service:
    """The app with a nurse of Bury, a parent of two children, a commissioner, and four client apps."""

    def __init__(
        self, database: Database, folder: Path, definitions: Definitions | None = None, **settings: object
    ) -> None:
        self.database = database
        self.clock = Clock()
        secrets = folder / "secrets"
        keys.ensure(secrets)
        self.settings = Settings(secrets_folder=secrets, database_url=str(database.engine.url), **settings)
        self.house = door.House(self.settings, database, definitions or Definitions({}, {}, None), self.clock)
        self.system_key, self.rsa_key = _system_keys()
        with database.writing() as connection:
            self.nurse = people.create_account(
                connection, role="health-visitor", name="Gemma", sign_in_name="gemma", password=PASSWORD,
                fhir_user="Practitioner/1", boroughs=[BURY], from_on=date(2020, 1, 1),
            )  # fmt: skip
            self.parent = people.create_account(
                connection, role="parent", name="Ana", sign_in_name="ana", password=PASSWORD,
                fhir_user="RelatedPerson/2",
            )  # fmt: skip
            self.commissioner = people.create_account(
                connection, role="commissioner", name="Col", sign_in_name="col", password=PASSWORD
            )
            self.system_account = people.create_account(
                connection, role="system-client", name="Bury feed", boroughs=[BURY], from_on=date(2020, 1, 1)
            )
            for child in ("poppy", "rose"):
                relationships.begin(connection, account=self.parent, child=child, from_on=date(2020, 1, 1))
            clients.register(
                connection, name="Tablet", client_id=TABLET, redirect_uris=[TABLET_URI], scope=NURSE_SCOPE,
                first_party=True,
            )  # fmt: skip
            clients.register(
                connection, name="Reader", client_id=READER, redirect_uris=[READER_URI], scope=READER_SCOPE
            )
            clients.register(
                connection, name="Family", client_id=FAMILY, redirect_uris=[FAMILY_URI], scope=FAMILY_SCOPE
            )
            clients.register(
                connection, name="Opener", client_id=OPENER, redirect_uris=[OPENER_URI], scope=OPENER_SCOPE,
                launch_uri="https://opener.example/launch",
            )  # fmt: skip
            clients.register(
                connection, name="Feed", client_id=SYSTEM, scope=SYSTEM_SCOPE, account=self.system_account,
                jwks={"keys": [key.as_dict(private=False) for key in (self.system_key, self.rsa_key)]},
            )  # fmt: skip
        self.app = an_app(self.house)

    def kept_in_clear(self, secret: str) -> bool:
        """Whether any column of any table holds the text."""
        with self.database.reading() as connection:
            return any(
                secret in str(value)
                for table in metadata.sorted_tables
                for row in connection.execute(table.select())
                for value in row
            )

    def browser(self) -> "Browser":
        return Browser(self)

    def token(self, **sent: str | None) -> TestResponse:
        """A request at the token endpoint; a name with None is left out."""
        return self.app.test_client().post("/token", data=_given(sent))

    def exchange(self, code: str, **changes: str | None) -> TestResponse:
        sent = {
            "grant_type": "authorization_code", "client_id": TABLET, "redirect_uri": TABLET_URI,
            "code": code, "code_verifier": VERIFIER,
        }  # fmt: skip
        return self.token(**sent | changes)

    def refresh(self, refresh_token: str, **changes: str | None) -> TestResponse:
        return self.token(
            **{"grant_type": "refresh_token", "client_id": TABLET, "refresh_token": refresh_token} | changes
        )

    def tokens(self) -> dict[str, str]:
        """What the tablet of the nurse is given."""
        answer = self.exchange(self.browser().signed_in("gemma").code())
        assert answer.status_code == 200, answer.text
        return answer.json

    def system_tokens(self, **changes: str | None) -> TestResponse:
        sent = {
            "grant_type": "client_credentials", "scope": SYSTEM_SCOPE,
            "client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(),
        }  # fmt: skip
        return self.token(**sent | changes)

    def assertion(self, *, header: dict | None = None, key: object = None, **claims: object) -> str:
        """A client assertion that stands, but for what is changed; a claim of None is left out."""
        at = int(self.clock.at.timestamp())
        key = key or self.system_key
        algorithm = "RS384" if isinstance(key, RSAKey) else "ES384"
        said = {
            "iss": SYSTEM, "sub": SYSTEM, "aud": "http://127.0.0.1:8000/token", "exp": at + 200,
            "jti": hashlib.sha256(str((at, header, claims, id(key))).encode()).hexdigest(),
        }  # fmt: skip
        said = {name: value for name, value in (said | claims).items() if value is not None}
        header = {"alg": algorithm, "kid": "two" if algorithm == "RS384" else "one"} | (header or {})
        return jwt.encode(header, said, key, algorithms=["ES384", "RS384", "ES256", "RS256", "HS384"])

    def probe(self, access_token: str) -> TestResponse:
        """A FHIR request with the token: who the door says is asking."""
        return self.app.test_client().get("/fhir/Probe", headers={"Authorization": f"Bearer {access_token}"})


class Browser:
    """One browser: it keeps its cookies, and fills forms as they were shown to it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client: FlaskClient = service.app.test_client()

    def get(self, address: str, **options: object) -> TestResponse:
        return self.client.get(address, **options)

    def form_token(self) -> str:
        return self.get("/form-token").text

    def enter(self, name: str, password: str = PASSWORD, next_: str = "") -> TestResponse:
        return self.client.post(
            "/sign-in",
            data={
                "csrf_token": self.form_token(),
                "name": name, "password": password, "next": next_,
            },
        )  # fmt: skip

    def signed_in(self, name: str) -> "Browser":
        assert self.enter(name).status_code == 303
        return self

    def sign_out(self) -> TestResponse:
        return self.client.post("/sign-out", data={"csrf_token": self.form_token()})

    def authorize(self, **changes: str | None) -> TestResponse:
        return self.get("/authorize", query_string=_given(asking() | changes))

    def decide(self, decision: str, child: str | None = None, **changes: str | None) -> TestResponse:
        page = self.authorize(**changes)
        assert page.status_code == 200, page.text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        return self.client.post(
            "/authorize",
            query_string=_given(asking() | changes),
            data=_given({"csrf_token": token[1], "decision": decision, "child": child}),
        )

    def chart(self, patient: str, encounter: str | None = None) -> str:
        """The launch that the page of a child hands to the opener."""
        asked = _given({"patient": patient, "encounter": encounter, "app": OPENER})
        answer = self.client.post("/apps", data=asked | {"csrf_token": self.form_token()})
        return sent_back(answer)["launch"]

    def code(self, **changes: str | None) -> str:
        return sent_back(self.authorize(**changes))["code"]


def an_app(house: door.House) -> Flask:
    app = Flask("small", static_folder=None, template_folder=None)
    layout.install(app)
    app.register_blueprint(sign_in.blueprint)
    app.register_blueprint(layout.blueprint)

    def who() -> object:
        asker = door.requester()
        return jsonify(
            account=asker.account, role=asker.role, client=asker.client, boroughs=sorted(asker.boroughs),
            children=sorted(asker.children), scopes=[str(scope) for scope in asker.scopes],
            fhir_user=asker.fhir_user, patient=asker.patient,
        )  # fmt: skip

    app.add_url_rule("/form-token", "form_token", door.open_to_all(lambda: generate_csrf()))
    everybody = ("health-visitor", "parent", "commissioner", "system-client")
    app.add_url_rule("/fhir/Probe", "probe", door.admits(*everybody)(who), methods=["GET", "POST"])
    app.add_url_rule("/tablet/caseload", "caseload", door.admits("health-visitor")(lambda: who()))
    app.add_url_rule("/parents/", "parents", door.admits("parent")(lambda: who()), methods=["GET", "POST"])
    app.add_url_rule("/tablet/", "tablet", door.admits("health-visitor")(lambda: who()))
    app.add_url_rule("/commissioning/", "commissioning", door.admits("commissioner")(lambda: who()))
    door.install(app, house)
    sign_in.federation.install(app)
    return app


def asking() -> dict[str, str]:
    """An authorization request of the tablet that stands."""
    return {
        "response_type": "code", "client_id": TABLET, "redirect_uri": TABLET_URI, "scope": NURSE_SCOPE,
        "state": "xyz", "aud": "http://127.0.0.1:8000/fhir", "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }  # fmt: skip


def of_family(**changes: str | None) -> dict[str, str | None]:
    """What an app of other makers asks for all the children of a parent."""
    return {"client_id": FAMILY, "redirect_uri": FAMILY_URI, "scope": FAMILY_SCOPE} | changes


def of_reader(**changes: str | None) -> dict[str, str | None]:
    """What an app of other makers asks for one child."""
    return {"client_id": READER, "redirect_uri": READER_URI, "scope": "patient/Observation.rs"} | changes


def of_opener(**changes: str | None) -> dict[str, str | None]:
    """What an app of other makers asks when a health visitor has opened it for a child."""
    scope = "openid fhirUser launch offline_access patient/Patient.rs patient/Observation.rs"
    return {"client_id": OPENER, "redirect_uri": OPENER_URI, "scope": scope, "nonce": "n-1"} | changes


def sent_back(answer: TestResponse) -> dict[str, str]:
    """What the app finds in the address that the browser was sent to."""
    assert answer.status_code == 303, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def parts(token: str) -> tuple[dict, dict]:
    header, claims, _ = token.split(".")
    return _read(header), _read(claims)


def confused(header: dict, claims: dict, public_pem: bytes, digest: str) -> str:
    """A token signed by HMAC with the public key, for a library that would believe the header."""
    text = forged(header, claims).rpartition(".")[0]
    return f"{text}.{_b64(hmac.digest(public_pem, text.encode(), digest))}"


def forged(header: object, claims: object, signature: bytes = b"") -> str:
    return ".".join(_b64(json.dumps(part).encode()) for part in (header, claims)) + "." + _b64(signature)


@functools.cache
def _system_keys() -> tuple[ECKey, RSAKey]:
    return ECKey.generate_key("P-384", {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "two"})


def _read(part: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _given(values: dict) -> dict:
    return {name: value for name, value in values.items() if value is not None}
