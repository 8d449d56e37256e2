"""Who is let in, and with what. Threats D1 to D4, D10, D13 and D15."""

import base64
import json
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from healthvisit.accounts import keys, people, relationships
from healthvisit.database import Database
from healthvisit.faces import door
from tests.faces.sign_in import a_service
from tests.faces.sign_in.a_service import BURY, SALFORD, Service, forged, parts
from tests.faces.sign_in.vectors import Good


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Service:
    return Service(database, tmp_path)


# What a forger tries with the header, the claims of a good token being kept.


def headers_of_forgers(good):
    for algorithm in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        None,
        "HS256",
        "HS384",
        "RS256",
        "ES384",
        "EdDSA",
        1,
    ):
        yield good | {"alg": algorithm}
    for name, value in {
        "jwk": {"kty": "EC"},
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x5u",
        "x5c": ["MIIB"],
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
        "enc": "A256GCM",
        "cty": "JWT",
    }.items():
        yield good | {name: value}
    for kid in (
        "",
        None,
        5,
        ["x"],
        {"x": 1},
        "../cookie-secret",
        "' OR 1=1 --",
        "/dev/null",
        good["kid"] + " ",
    ):
        yield good | {"kid": kid}
    for type_ in ("JWT", "jwt", "AT+JWT", "application/at+jwt", "id+jwt", "dpop+jwt", None, 5):
        yield good | {"typ": type_}
    for name in good:
        yield {other: value for other, value in good.items() if other != name}
    yield from ([], "x", 5, None, {})


def test_no_header_lets_a_forger_in(service):
    token = service.tokens()["access_token"]
    header, claims = parts(token)
    signature = base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")
    for bad in headers_of_forgers(header):
        for signed in (b"", bytes(64), signature):
            assert service.probe(forged(bad, claims, signed)).status_code == 401, bad
    assert service.probe(token).status_code == 200


def test_a_header_we_never_write_is_refused_though_our_key_signed_it(service):
    header, claims = parts(service.tokens()["access_token"])
    key = service.house.access_tokens.keys.newest
    good = Good(header, claims, key.private_key, SHA256())
    assert service.probe(good.token()).status_code == 200
    for changes in (
        {"typ": "JWT"},
        {"typ": "id+jwt"},
        {"typ": "application/at+jwt"},
        {"kid": None},
        {"kid": "another"},
        {"jwk": key.as_dict(private=False)},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/x5u"},
        {"cty": "JWT"},
    ):
        written = {name: value for name, value in (header | changes).items() if value is not None}
        text = good.token(written)
        assert parts(text)[0] == written
        assert service.probe(text).status_code == 401, changes


def test_hmac_with_the_public_key_is_not_a_signature(service):
    token = service.tokens()["access_token"]
    header, claims = parts(token)
    public = service.house.access_tokens.keys.newest.as_pem(private=False)
    for algorithm in ("HS256", "ES256"):
        confused = a_service.confused(header | {"alg": algorithm}, claims, public, "sha256")
        assert service.probe(confused).status_code == 401


def test_a_key_of_somebody_else_signs_nothing(service):
    header, claims = parts(service.tokens()["access_token"])
    other = ECKey.generate_key("P-256", {"kid": header["kid"]})
    assert service.probe(jwt.encode(header, claims, other, algorithms=["ES256"])).status_code == 401
    brought = header | {"jwk": other.as_dict(private=False)}
    assert service.probe(signed(brought, claims, other)).status_code == 401
    rsa = RSAKey.generate_key(2048)
    assert service.probe(signed(header | {"alg": "RS256"}, claims, rsa)).status_code == 401


def signed(header, claims, key):
    """A token with any header at all, signed as its `alg` says."""
    text = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)
    )
    plain = jwt.encode({"alg": header["alg"]}, claims, key, algorithms=["ES256", "RS256"])
    return f"{text}.{plain.rpartition('.')[2]}"


CLAIMS_OF_FORGERS = [
    {"iss": "https://evil.example"},
    {"iss": "http://127.0.0.1:8000/"},
    {"iss": None},
    {"aud": "http://127.0.0.1:8000"},
    {"aud": "http://127.0.0.1:8000/fhir/"},
    {"aud": ["http://127.0.0.1:8000/fhir"]},
    {"aud": None},
    {"sub": None},
    {"sub": ""},
    {"sub": 5},
    {"sub": "nobody"},
    {"client_id": None},
    {"client_id": "reader"},
    {"scope": None},
    {"scope": ""},
    {"scope": "user/Patient.rs system/Patient.rs"},
    {"scope": ["user/Patient.rs"]},
    {"iat": None},
    {"iat": "1795424400"},
    {"iat": 1_795_424_400 + 61},
    {"exp": None},
    {"exp": 1_795_424_400},
    {"exp": 1e300},
    {"exp": "1795425000"},
    {"nbf": 1_795_424_400 + 600},
    {"jti": None},
    {"jti": "another"},
    {"jti": ["x"]},
    {"epoch": None},
    {"epoch": 0},
    {"epoch": 2},
    {"epoch": "1"},
    {"epoch": True},
    {"patient": 5},
]


def test_a_token_that_says_anything_else_than_we_wrote_is_refused_though_our_key_signed_it(service):
    header, claims = parts(service.tokens()["access_token"])
    good = Good(header, claims, service.house.access_tokens.keys.newest.private_key, SHA256())
    assert service.probe(good.token()).status_code == 200
    for changes in (*CLAIMS_OF_FORGERS, {"sub": service.parent}, {"sub": service.system_account}):
        said = {name: value for name, value in (claims | changes).items() if value is not None}
        assert service.probe(good.token(claims=said)).status_code == 401, changes


def test_what_is_not_a_token_at_all_is_refused(service):
    token = service.tokens()["access_token"]
    for text in ("x", "a.b", "a.b.c.d", "..", "a..c", "." * 5000, "x" * 7000, token + "x", token[:-1],
                 token + ".", " ".join(token.split(".")), token.upper()):  # fmt: skip
        assert service.probe(text).status_code == 401, text[:40]


def test_a_token_is_shown_in_one_authorization_header_and_nowhere_else(service):
    token = service.tokens()["access_token"]
    client = service.app.test_client()
    assert client.get("/fhir/Probe").status_code == 401
    assert client.get("/fhir/Probe", query_string={"access_token": token}).status_code == 401
    assert client.post("/fhir/Probe", data={"access_token": token}).status_code == 401
    for headers in (
        [("Authorization", token)],
        [("Authorization", f"Basic {token}")],
        [("Authorization", f"Bearer {token} x")],
        [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")],
        [("Authorization", "Bearer")],
    ):
        assert client.get("/fhir/Probe", headers=headers).status_code == 401, headers
    assert client.get("/fhir/Probe", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_a_cookie_opens_no_fhir_route_and_a_token_opens_no_page(service):
    nurse = service.browser().signed_in("gemma")
    assert nurse.get("/tablet/").status_code == 200
    assert nurse.get("/fhir/Probe").status_code == 401
    assert nurse.get("/tablet/caseload").status_code == 401
    token = service.tokens()["access_token"]
    shown = {"Authorization": f"Bearer {token}"}
    client = service.app.test_client()
    assert client.get("/tablet/caseload", headers=shown).status_code == 200
    refused = client.get("/tablet/", headers=shown)
    assert refused.status_code == 303
    assert refused.location == "/sign-in?next=%2Ftablet%2F"


def test_a_token_lives_as_long_as_it_says(service):
    token = service.tokens()["access_token"]
    service.clock.wait(599)
    assert service.probe(token).status_code == 200
    service.clock.wait(1)
    assert service.probe(token).status_code == 401


def test_a_token_believed_once_is_looked_up_again(service):
    token = service.tokens()["access_token"]
    assert service.probe(token).status_code == 200
    with service.database.writing() as connection:
        people.raise_epoch(connection, service.nurse)
    assert service.probe(token).status_code == 401


def test_a_raised_epoch_ends_tokens_refreshes_and_sessions(service):
    nurse = service.browser().signed_in("gemma")
    given = service.exchange(nurse.code()).json
    with service.database.writing() as connection:
        people.raise_epoch(connection, service.nurse)
    assert service.probe(given["access_token"]).status_code == 401
    assert service.refresh(given["refresh_token"]).json["error"] == "invalid_grant"
    assert nurse.get("/tablet/").status_code == 303


def test_a_closed_account_is_out_on_the_next_request(service):
    parent = service.browser().signed_in("ana")
    with service.database.writing() as connection:
        people.close_account(connection, service.parent)
    assert parent.get("/parents/").status_code == 303
    assert parent.enter("ana").status_code == 400


def test_a_nurse_who_changes_borough_reaches_the_new_one_on_the_next_request(service):
    token = service.tokens()["access_token"]
    assert service.probe(token).json["boroughs"] == [BURY]
    with service.database.writing() as connection:
        people.leave_borough(connection, service.nurse, BURY, until_on=date(2026, 11, 23))
        people.join_borough(connection, service.nurse, SALFORD, from_on=date(2026, 11, 23))
    assert service.probe(token).json["boroughs"] == [SALFORD]


def test_boroughs_and_children_count_by_the_civil_day_in_england(service):
    with service.database.writing() as connection:
        people.join_borough(connection, service.nurse, SALFORD, from_on=date(2027, 6, 1))
        relationships.begin(connection, account=service.parent, child="new", from_on=date(2027, 6, 1))
    # 23:30 UTC on the last of May is already June in England.
    service.clock.at = service.clock.at.replace(year=2027, month=5, day=31, hour=22, minute=30)
    assert service.probe(service.tokens()["access_token"]).json["boroughs"] == [BURY]
    service.clock.at = service.clock.at.replace(hour=23)
    assert service.probe(service.tokens()["access_token"]).json["boroughs"] == [BURY, SALFORD]
    assert service.browser().signed_in("ana").get("/parents/").json["children"] == ["new", "poppy", "rose"]


def test_a_withdrawn_parent_sees_the_child_no_more_on_the_next_request(service):
    parent = service.browser().signed_in("ana")
    assert parent.get("/parents/").json["children"] == ["poppy", "rose"]
    with service.database.writing() as connection:
        relationships.withdraw(connection, account=service.parent, child="rose", at=service.clock())
    assert parent.get("/parents/").json["children"] == ["poppy"]


def test_a_session_lives_as_long_as_the_setting_says(service):
    parent = service.browser().signed_in("ana")
    service.clock.wait(8 * 3600 - 1)
    assert parent.get("/parents/").status_code == 200
    service.clock.wait(1)
    assert parent.get("/parents/").status_code == 303


def test_another_role_is_refused(service):
    parent = service.browser().signed_in("ana")
    assert parent.get("/tablet/").status_code == 403
    assert parent.get("/commissioning/").status_code == 403
    system = service.system_tokens().json["access_token"]
    refused = service.app.test_client().get("/tablet/caseload", headers={"Authorization": f"Bearer {system}"})
    assert refused.status_code == 403


def test_the_demonstration_believes_in_another_day_but_tokens_live_in_real_time(database, tmp_path):
    service = Service(database, tmp_path, clock_offset_days=-2107)
    with service.app.test_request_context():
        assert door.today() == date(2021, 2, 15)
        assert door.now().tzinfo is not None
    token = service.tokens()["access_token"]
    assert service.probe(token).json["boroughs"] == [BURY]
    assert parts(token)[1]["iat"] == int(service.clock.at.timestamp())


def test_a_view_that_says_nothing_stops_the_service(service):
    app = Flask("small", static_folder=None)
    app.add_url_rule("/forgotten", "forgotten", lambda: "everything")
    with pytest.raises(door.Unmarked, match="forgotten"):
        door.install(app, service.house)


def test_a_view_added_later_that_says_nothing_answers_nobody(service):
    service.app.add_url_rule("/later", "later", lambda: "everything")
    answer = service.app.test_client().get("/later")
    assert answer.status_code == 500
    assert "everything" not in answer.text


def test_only_roles_that_sign_in_can_be_admitted():
    for roles in ((), ("service",), ("nurse",)):
        with pytest.raises(ValueError, match="roles are"):
            door.admits(*roles)


def test_the_service_does_not_start_without_its_keys(service, tmp_path):
    settings = service.settings.model_copy(update={"secrets_folder": tmp_path / "nowhere"})
    house = door.House(settings, service.database, service.house.definitions)
    with pytest.raises(keys.Missing, match="not made yet"):
        door.install(Flask("small", static_folder=None), house)


def test_every_request_has_an_id_of_its_own(service):
    client = service.app.test_client()
    ids = {client.get("/jwks").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert client.get("/jwks", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] != "mine"


def test_what_a_signed_in_person_sees_is_kept_by_no_browser(service):
    parent = service.browser().signed_in("ana")
    assert parent.get("/parents/").headers["Cache-Control"] == "no-store"


def test_a_form_of_another_site_is_refused(service):
    parent = service.browser().signed_in("ana")
    token = parent.form_token()
    assert parent.client.post("/parents/").status_code == 400
    assert parent.client.post("/parents/", data={"csrf_token": "x"}).status_code == 400
    for site in ("cross-site", "same-site"):
        answer = parent.client.post("/parents/", data={"csrf_token": token}, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 400
    others = service.browser().signed_in("ana").form_token()
    assert parent.client.post("/parents/", data={"csrf_token": others}).status_code == 400
    assert parent.client.post("/parents/", data={"csrf_token": token}).status_code == 200


def test_over_https_the_cookie_is_bound_to_this_host(database, tmp_path):
    service = Service(database, tmp_path, base_url="https://record.example")
    client = service.app.test_client()
    answer = client.get("/form-token", base_url="https://record.example")
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-healthvisit_session=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
