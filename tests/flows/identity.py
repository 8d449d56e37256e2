"""Identity providers that run as processes of their own, and a service whose people come from them.

The providers are provider/identity_provider.js: npm's oidc-provider, speaking as CIS2 and as NHS login. Every
organisation, role and person is plainly invented.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey
from werkzeug.test import TestResponse

from healthvisit.accounts import federated, keys
from healthvisit.accounts.federated import Adult, Workplace
from healthvisit.config import Settings
from healthvisit.database import Database, metadata
from healthvisit.exact_json import JSON
from healthvisit.programme.nhs_number import test_number as number_of
from tests.conftest import serving
from tests.service import started

BASE = "http://127.0.0.1:8000"
CLIENT = "healthvisit-test"
SCRIPT = Path(__file__).parent / "provider" / "identity_provider.js"
BURY, SALFORD = "E08000002", "E08000006"
AT_WORK = date(2020, 1, 1)
# What may differ after a sign-in that was refused: that it was begun, that it was refused, and how often.
OF_TRYING = ("begun_sign_in", "sign_in_attempt", "account_event")


class Idp:
    """One provider process. shape: cis2 or nhs-login, which is its name here too."""

    def __init__(self, shape: str) -> None:
        self.shape = shape
        self.key = RSAKey.generate_key(2048, {"kid": f"healthvisit-to-{shape}"})
        said = {
            "shape": shape,
            "client_id": CLIENT,
            "redirect_uri": f"{BASE}/sign-in/from/{shape}",
            "post_logout_redirect_uri": f"{BASE}/sign-in",
            "backchannel_logout_uri": f"{BASE}/sign-in/ended/{shape}",
            "jwks": {"keys": [self.key.as_dict(private=False)]},
        }
        self.process = subprocess.Popen(
            [Path(sys.executable).parent / "node", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(said).encode() + b"\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        self.issuer: str = told["issuer"]
        self.faults: Mapping[str, list[str]] = told["faults"]

    def stop(self) -> None:
        # It ends with its input: what was started is a wrapper of node, which would not pass a signal on.
        self.process.communicate(timeout=20)

    def tell(self, person: JSON, fault: str = "") -> None:
        """Who signs in there next, and what goes wrong."""
        answer = requests.put(f"{self.issuer}/told", json={"person": person, "fault": fault}, timeout=20)
        assert answer.status_code == 200

    def logout_token(self, **claims: object) -> str:
        """As the provider would send it, but for these claims; None leaves one out."""
        return requests.put(f"{self.issuer}/logout-token", json=claims, timeout=20).text

    def seen(self) -> JSON:
        """asked: of the last authorization request. calls: how often each endpoint was asked since `tell`."""
        found: JSON = requests.get(f"{self.issuer}/seen", timeout=20).json()
        return found

    def configured(self) -> JSON:
        """As a deployer writes it."""
        found = {
            "name": self.shape,
            "shape": self.shape,
            "label": "NHS login" if self.shape == "nhs-login" else "Care Identity",
            "issuer": self.issuer,
            "client_id": CLIENT,
            "key": f"{self.shape}.jwk.json",
            "id_token_algorithms": ["RS512" if self.shape == "nhs-login" else "RS256"],
        }
        if self.shape == "cis2":
            found["acr"] = {"AAL1_TEST": 1, "AAL2_TEST": 2, "AAL3_TEST": 3}
        return found


@dataclass
class Service:
    """The whole service, whose people come from two providers. It believes that it is today.

    database: as the owner of its tables sees it, whole.
    """

    app: Flask
    database: Database
    idps: Mapping[str, Idp]
    browsers: list["Browser"] = field(default_factory=list)

    def browser(self) -> "Browser":
        self.browsers.append(Browser(self, self.app.test_client(), requests.Session()))
        return self.browsers[-1]

    def close(self) -> None:
        for browser in self.browsers:
            browser.there.close()
        self.app.extensions["healthvisit"].database.dispose()

    def wait(self, seconds: float) -> None:
        """As so many seconds later, for the service alone."""
        house = self.app.extensions["healthvisit"]
        clock = house.clock
        self.app.extensions["healthvisit"] = replace(
            house, clock=lambda: clock() + timedelta(seconds=seconds)
        )

    def forget_providers(self) -> None:
        """As an hour later: what the providers said of themselves is asked again."""
        self.app.extensions["healthvisit_federation"].held.clear()

    def forget_attempts(self) -> None:
        """As an hour later: nobody has tried to sign in."""
        with self.database.writing() as connection:
            connection.execute(metadata.tables["sign_in_attempt"].delete())

    def kept(self) -> dict[str, list[tuple]]:
        """Every row that is not of trying."""
        with self.database.reading() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(table.select()).all()))
                for table in metadata.sorted_tables
                if table.name not in OF_TRYING
            }

    def rows(self, table: str) -> list[JSON]:
        with self.database.reading() as connection:
            return [row._asdict() for row in connection.execute(metadata.tables[table].select())]

    def works(self, *rows: tuple[str, str]) -> int:
        """The deployer's table from now on: organisation, borough."""
        with self.database.writing() as connection:
            return federated.set_workplaces(
                connection,
                [Workplace(*row, AT_WORK, None) for row in rows],
                on=datetime.now(UTC).date(),
            )

    def link(self, adult: Adult, child: str = "child-1", **dates: date) -> str:
        with self.database.writing() as connection:
            return federated.link(
                connection, adult, child=child, related_person="rp-1", from_on=AT_WORK, **dates
            )


@dataclass
class Browser:
    """One browser, at the service and at the providers."""

    service: Service
    here: FlaskClient
    there: requests.Session

    def begin(self, name: str, **sent: str) -> TestResponse:
        """The button of this provider is pressed, on the page as it was shown."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.here.get("/sign-in").text)
        assert token is not None
        return self.here.post(f"/sign-in/with/{name}", data={"csrf_token": token[1], **sent})

    def away(self, left: TestResponse) -> str:
        """Where the provider sends the browser back to, at the service."""
        assert left.status_code == 200, left.text
        address = left.headers["Refresh"].removeprefix("0; url=")
        for _ in range(8):
            answer = self.there.get(address, allow_redirects=False, timeout=20)
            assert answer.status_code in (302, 303), answer.text
            address = requests.compat.urljoin(address, answer.headers["Location"])
            if address.startswith(BASE):
                return address
        raise AssertionError("the provider sends in a circle")

    def back(self, address: str) -> TestResponse:
        at = urlsplit(address)
        return self.here.get(at.path, query_string=parse_qsl(at.query, keep_blank_values=True))

    def sign_in(self, name: str, **sent: str) -> TestResponse:
        """All the way, as far as it goes."""
        left = self.begin(name, **sent)
        return left if "Refresh" not in left.headers else self.back(self.away(left))

    def is_in(self) -> bool:
        return self.here.get("/account").status_code == 200

    def sign_out(self) -> TestResponse:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.here.get("/account").text)
        assert token is not None
        return self.here.post("/sign-out", data={"csrf_token": token[1]})


def a_service(database: Database, folder: Path, idps: Mapping[str, Idp], **settings: object) -> Service:
    """With two organisations: INV1 works in Bury, INV2 in Bury and Salford; and two role codes."""
    secrets = folder / "secrets"
    keys.ensure(secrets)
    for idp in idps.values():
        keys.keep(secrets / f"{idp.shape}.jwk.json", json.dumps(idp.key.as_dict(private=True)))
    file = folder / "providers.json"
    file.write_text(json.dumps([idp.configured() for idp in idps.values()]))
    app = started(
        Settings(
            secrets_folder=secrets,
            database_url=serving(database.engine.url.render_as_string(hide_password=False)),
            base_url=BASE,
            identity_providers=file,
            **settings,
        )
    )
    service = Service(app, database, idps)
    on = datetime.now(UTC).date()
    with database.writing() as connection:
        federated.set_posts(
            connection,
            {"S0:G0:R1": "health-visitor", "S0:G0:R2": "team-lead", "S0:G0:R3": "administrator"},
            on=on,
        )
        federated.set_workplaces(
            connection,
            [
                Workplace("INV1", BURY, AT_WORK, None),
                Workplace("INV2", BURY, AT_WORK, None),
                Workplace("INV2", SALFORD, AT_WORK, None),
                Workplace("INV9", SALFORD, AT_WORK, date(2021, 1, 1)),
            ],
            on=on,
        )
    return service


def a_nurse(
    sub: str = "inv-0001", *, role: str = "S0:G0:R1", organisation: str = "INV1", acr: str = "AAL3_TEST"
) -> JSON:
    """What CIS2 tells of a health visitor with two roles, of which this one is selected."""
    return {
        "sub": sub,
        "acr": acr,
        "uid": f"uid-{sub}",
        "family_name": "Quillfeather",
        "given_name": "Wren",
        "selected_roleid": f"profile-{sub}-{organisation}",
        "nhsid_nrbac_roles": [
            {
                "org_code": "ELSEWHERE",
                "person_orgid": "1",
                "person_roleid": f"profile-{sub}-other",
                "role_code": "S0:G0:R7",
                "role_name": "Something else",
            },
            {
                "org_code": organisation,
                "person_orgid": "2",
                "person_roleid": f"profile-{sub}-{organisation}",
                "role_code": role,
                "role_name": "Health visitor",
            },
        ],
    }


ADULT = Adult(number_of(812_345), "1991-04-17", "O'Marlowe", "Isolde")


def a_mother(sub: str = "login-0001", adult: Adult = ADULT, **changes: object) -> JSON:
    """What NHS login tells of an adult at P9."""
    return {
        "sub": sub,
        "vot": "P9.Cp.Cd",
        "identity_proofing_level": "P9",
        "nhs_number": adult.number,
        "birthdate": adult.born_on,
        "family_name": adult.family.upper(),
    } | changes
