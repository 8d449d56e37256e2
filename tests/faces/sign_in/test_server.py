"""The authorization server, through HTTP. Threats D5 to D9, D11, D13 and the table of section 2.2."""

import threading
import uuid
from urllib.parse import urlencode

import pytest
from joserfc.jwk import ECKey, RSAKey
from werkzeug.datastructures import MultiDict

from healthvisit.accounts import attempts, clients, people, relationships, tables
from healthvisit.faces.sign_in import server
from tests.faces.sign_in import a_service
from tests.faces.sign_in.a_service import (
    CHALLENGE,
    FAMILY,
    FAMILY_URI,
    READER,
    READER_URI,
    SYSTEM_SCOPE,
    TABLET_URI,
    VERIFIER,
    Service,
    of_family,
    of_reader,
    parts,
    sent_back,
)


def test_a_health_visitors_tablet_gets_a_token_that_opens_the_record(service):
    given = service.tokens()
    assert given["token_type"] == "Bearer"
    assert given["expires_in"] == 600
    assert given["scope"] == a_service.NURSE_SCOPE
    asker = service.probe(given["access_token"]).json
    assert asker["account"] == service.nurse
    assert asker["boroughs"] == [a_service.BURY]
    assert asker["client"] == a_service.TABLET
    assert asker["scopes"] == ["user/Patient.rs", "user/Observation.crs"]


def test_an_access_token_is_an_rfc_9068_token_for_the_fhir_service(service):
    header, claims = parts(service.tokens()["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert claims["iss"] == "http://127.0.0.1:8000"
    assert claims["aud"] == "http://127.0.0.1:8000/fhir"
    assert claims["sub"] == service.nurse
    assert claims["exp"] - claims["iat"] == 600
    assert {"client_id", "scope", "jti", "epoch"} <= set(claims)
    [key] = service.app.test_client().get("/jwks").json["keys"]
    assert key["kid"] == header["kid"]
    assert "d" not in key


def test_nothing_of_the_token_endpoint_is_kept_by_a_browser(service):
    answer = service.exchange(service.browser().signed_in("gemma").code())
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_answer_names_who_answers(service):
    assert sent_back(service.browser().signed_in("gemma").authorize())["iss"] == "http://127.0.0.1:8000"
    refused = sent_back(service.browser().signed_in("gemma").authorize(scope="user/Patient.d"))
    assert refused["iss"] == "http://127.0.0.1:8000"


# PKCE: at the authorization request and at the exchange.


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "plain", "code_challenge": VERIFIER},
        {"code_challenge_method": "s256"},
        {"code_challenge": CHALLENGE[:-1]},
        {"code_challenge": CHALLENGE + "A"},
        {"code_challenge": CHALLENGE + "\n"},
        {"code_challenge": ""},
    ],
)
def test_no_app_begins_without_pkce_s256(unchanged, changes):
    refused = sent_back(unchanged[1].authorize(**changes))
    assert refused["error"] == "invalid_request"
    assert refused["state"] == "xyz"
    assert "code" not in refused


@pytest.mark.parametrize(
    ("verifier", "error"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        ("short", "invalid_request"),
        (CHALLENGE, "invalid_grant"),
        (VERIFIER[:-1] + "X", "invalid_grant"),
        ("x" * 129, "invalid_request"),
    ],
)
def test_a_code_is_worth_nothing_without_its_verifier(service, verifier, error):
    code = service.browser().signed_in("gemma").code()
    answer = service.exchange(code, code_verifier=verifier)
    assert answer.status_code == 400
    assert answer.json["error"] == error
    # And it is used up: there is one guess.
    assert service.exchange(code).json["error"] == "invalid_grant"


# Redirect addresses.

MUTATIONS = [
    None,
    "",
    "/tablet/signed-in",
    "//127.0.0.1:8000/tablet/signed-in",
    TABLET_URI + "/",
    TABLET_URI + "?",
    TABLET_URI + "?x=1",
    TABLET_URI + "#",
    TABLET_URI + "#x",
    TABLET_URI + " ",
    " " + TABLET_URI,
    TABLET_URI + "\n",
    TABLET_URI + "\r\nX: y",
    TABLET_URI + "%00",
    TABLET_URI + "/..",
    TABLET_URI + "/../signed-in",
    TABLET_URI + "%2f",
    TABLET_URI + "%2e%2e",
    TABLET_URI + "\\",
    TABLET_URI + '"',
    TABLET_URI + "é",
    TABLET_URI.upper(),
    TABLET_URI.replace("http", "HTTP"),
    TABLET_URI.replace("http:", "https:"),
    TABLET_URI.replace("http:", "javascript:"),
    TABLET_URI.replace("http://", "http:/"),
    TABLET_URI.replace("http://", "http:\\\\"),
    TABLET_URI.replace("127.0.0.1", "localhost"),
    TABLET_URI.replace("127.0.0.1", "127.0.0.1."),
    TABLET_URI.replace("127.0.0.1", "127.1"),
    TABLET_URI.replace("127.0.0.1", "0x7f000001"),
    TABLET_URI.replace("127.0.0.1", "2130706433"),
    TABLET_URI.replace("127.0.0.1", "127.0.0.1@evil.example"),
    TABLET_URI.replace("127.0.0.1", "evil.example@127.0.0.1"),
    TABLET_URI.replace("127.0.0.1", "127.0.0.1.evil.example"),
    TABLET_URI.replace("127.0.0.1", "evil.example"),
    TABLET_URI.replace("127.0.0.1", "127。0.0.1"),
    TABLET_URI.replace(":8000", ""),
    TABLET_URI.replace(":8000", ":80"),
    TABLET_URI.replace(":8000", ":8001"),
    TABLET_URI.replace("signed-in", "Signed-In"),
    TABLET_URI.replace("/signed-in", "//signed-in"),
    "https://evil.example/?" + TABLET_URI,
    READER_URI,
    "data:text/html,x",
    "*",
]


@pytest.mark.parametrize("redirect_uri", MUTATIONS)
def test_a_changed_redirect_address_is_refused_in_place(unchanged, redirect_uri):
    answer = unchanged[1].authorize(redirect_uri=redirect_uri)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "evil.example" not in answer.text


def test_an_unknown_app_is_refused_in_place(service):
    answer = service.browser().signed_in("gemma").authorize(client_id="nobody")
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_parameter_given_twice_is_refused_in_place(service):
    browser = service.browser().signed_in("gemma")
    for name in ("client_id", "redirect_uri", "scope", "state", "code_challenge", "aud"):
        asked = [*a_service.asking().items(), (name, "again")]
        assert browser.get("/authorize", query_string=asked).status_code == 400, name


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"state": None}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://other.example/fhir"}, "invalid_request"),
        ({"aud": "http://127.0.0.1:8000/fhir/"}, "invalid_request"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": 'code"'}, "unsupported_response_type"),
    ],
)
def test_a_request_that_is_not_whole_is_sent_back_with_its_fault(unchanged, changes, error):
    refused = sent_back(unchanged[1].authorize(**changes))
    assert refused["error"] == error
    assert "code" not in refused


# Scopes.


@pytest.mark.parametrize(
    "scope",
    [
        None,
        "",
        " ",
        "user/Patient.crs",
        "user/*.rs",
        "user/Patient.rs user/Encounter.rs",
        "user/Patient.rs system/Patient.rs",
        "patient/Patient.rs",
        "system/Patient.rs",
        "user/Patient.rs openid",
        "user/Patient.rs fhirUser",
        "user/Patient.rs launch/patient",
        "user/Patient.rs something",
        "user/Patient.sr",
        "user/Patient.write",
        "user/Patient.*",
        "user/Patient.",
        "user/Patient.rs\u00a0user/Encounter.rs",
        "user/Patient.rs\tuser/Encounter.rs",
        "user/Patient.rs\u3000system/Encounter.rs",
        "user/Pаtient.rs",  # a Cyrillic letter
        "user/Patient.rs?x=y",
        "offline_access",
        " ".join(["user/Patient.rs"] * 10_000),
    ],
)
def test_a_scope_that_cannot_be_granted_whole_is_refused_and_never_cut(unchanged, scope):
    refused = sent_back(unchanged[1].authorize(scope=scope))
    assert refused["error"] == "invalid_scope"
    assert "code" not in refused


def test_a_role_gives_only_scopes_of_its_own_context(service):
    # The reader may ask for patient/ scopes; a commissioner has no such child.
    refused = sent_back(service.browser().signed_in("col").authorize(**of_reader()))
    assert refused["error"] == "invalid_scope"


def test_a_scope_of_version_1_is_understood_and_answered_as_it_was_asked(service):
    given = service.exchange(service.browser().signed_in("gemma").code(scope="user/Patient.read")).json
    assert given["scope"] == "user/Patient.read"
    assert service.probe(given["access_token"]).json["scopes"] == ["user/Patient.rs"]


def test_the_exchange_cannot_widen_the_scope(service):
    code = service.browser().signed_in("gemma").code(scope="user/Patient.rs")
    answer = service.exchange(code, scope=a_service.NURSE_SCOPE)
    assert answer.json["scope"] == "user/Patient.rs"
    assert "refresh_token" not in answer.json


def test_a_refresh_may_narrow_the_scope_for_once_and_never_widens_it(service):
    given = service.exchange(
        service.browser().signed_in("gemma").code(scope="user/Patient.rs offline_access")
    ).json
    for wider in ("user/Patient.crs", "user/Observation.rs", "user/Patient.rs user/Observation.rs", " ", ""):
        answer = service.refresh(given["refresh_token"], scope=wider)
        assert answer.json["error"] == "invalid_scope", wider
    narrow = service.refresh(given["refresh_token"], scope="user/Patient.s")
    assert narrow.json["scope"] == "user/Patient.s"
    assert service.probe(narrow.json["access_token"]).json["scopes"] == ["user/Patient.s"]
    again = service.refresh(narrow.json["refresh_token"])
    assert again.json["scope"] == "user/Patient.rs offline_access"


# Codes.


def test_a_code_is_good_once_and_its_second_use_takes_back_what_the_first_gave(service):
    code = service.browser().signed_in("gemma").code()
    given = service.exchange(code).json
    assert service.probe(given["access_token"]).status_code == 200
    assert service.exchange(code).json["error"] == "invalid_grant"
    assert service.probe(given["access_token"]).status_code == 401
    assert service.refresh(given["refresh_token"]).json["error"] == "invalid_grant"


def test_a_code_stands_for_sixty_seconds(service):
    browser = service.browser().signed_in("gemma")
    code = browser.code()
    service.clock.wait(59)
    assert service.exchange(code).status_code == 200
    code = browser.code()
    service.clock.wait(60)
    assert service.exchange(code).json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": READER},
        {"redirect_uri": TABLET_URI + "/"},
        {"redirect_uri": None},
        {"code": "x"},
        {"client_id": READER, "redirect_uri": READER_URI},
    ],
)
def test_a_code_is_bound_to_its_app_and_address(service, changes):
    code = service.browser().signed_in("gemma").code()
    answer = service.exchange(**{"code": code} | changes)
    assert answer.status_code == 400
    assert answer.json["error"] == "invalid_grant"


def test_of_many_exchanges_of_one_code_at_once_at_most_one_succeeds_and_then_all_is_taken_back(service):
    code = service.browser().signed_in("gemma").code()
    answers = together(6, lambda: service.exchange(code))
    given = [answer.json for answer in answers if answer.status_code == 200]
    assert len(given) <= 1
    assert {answer.status_code for answer in answers} <= {200, 400}
    for tokens in given:
        assert service.probe(tokens["access_token"]).status_code == 401


def test_a_code_of_somebody_whose_account_changed_meanwhile_is_worth_nothing(service):
    code = service.browser().signed_in("gemma").code()
    with service.database.writing() as connection:
        people.raise_epoch(connection, service.nurse)
    assert service.exchange(code).json["error"] == "invalid_grant"


def test_an_app_that_has_keys_signs_at_each_exchange_and_still_needs_pkce(service):
    with service.database.writing() as connection:
        clients.register(
            connection, name="Signer", client_id="signer", redirect_uris=[FAMILY_URI],
            scope="user/Observation.rs offline_access", first_party=True,
            jwks={"keys": [service.system_key.as_dict(private=False)]},
        )  # fmt: skip
    browser = service.browser().signed_in("ana")
    asked = of_family(client_id="signer")

    def exchange(jti=None, **changes):
        if jti is not None:
            changes["client_assertion_type"] = a_service.ASSERTION_TYPE
            changes["client_assertion"] = service.assertion(iss="signer", sub="signer", jti=jti)
        sent = {"code": browser.code(**asked), "client_id": "signer", "redirect_uri": FAMILY_URI}
        return service.exchange(**sent | changes)

    assert exchange().json["error"] == "invalid_client"
    assert exchange("first", code_verifier=None).json["error"] == "invalid_request"
    given = exchange("second").json
    assert service.refresh(given["refresh_token"], client_id="signer").json["error"] == "invalid_client"
    assert revoke(service, given["refresh_token"], client_id="signer").json["error"] == "invalid_client"
    assert service.probe(given["access_token"]).status_code == 200
    refused = sent_back(browser.authorize(**asked, code_challenge=None, code_challenge_method=None))
    assert refused["error"] == "invalid_request"


# Refresh tokens.


def test_a_refresh_token_turns_and_its_second_use_takes_all_back(service):
    first = service.tokens()
    second = service.refresh(first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    assert service.probe(second["access_token"]).status_code == 200
    service.clock.wait(31)
    assert service.refresh(first["refresh_token"]).json["error"] == "invalid_grant"
    assert service.probe(second["access_token"]).status_code == 401
    assert service.refresh(second["refresh_token"]).json["error"] == "invalid_grant"


def test_a_tablet_whose_reply_was_lost_asks_again_and_is_told_the_same(service):
    lost = service.tokens()["refresh_token"]
    first = service.refresh(lost).json
    service.clock.wait(30)
    again = service.refresh(lost).json
    assert again["refresh_token"] == first["refresh_token"]
    assert service.probe(again["access_token"]).status_code == 200
    assert service.refresh(again["refresh_token"]).status_code == 200
    assert not service.kept_in_clear(first["refresh_token"])


def test_a_reply_that_was_used_was_not_lost(service):
    first = service.tokens()["refresh_token"]
    second = service.refresh(first).json["refresh_token"]
    third = service.refresh(second).json
    assert service.refresh(first).json["error"] == "invalid_grant"
    assert service.probe(third["access_token"]).status_code == 401
    assert service.refresh(third["refresh_token"]).json["error"] == "invalid_grant"


def test_another_app_is_not_told_what_was_lost(service):
    lost = service.tokens()["refresh_token"]
    given = service.refresh(lost).json
    assert service.refresh(lost, client_id=READER).json["error"] == "invalid_grant"
    assert service.probe(given["access_token"]).status_code == 401


def test_of_many_refreshes_at_once_comes_one_successor(service):
    refresh_token = service.tokens()["refresh_token"]
    answers = together(6, lambda: service.refresh(refresh_token))
    assert {answer.status_code for answer in answers} == {200}
    [successor] = {answer.json["refresh_token"] for answer in answers}
    assert service.refresh(successor).status_code == 200


def test_a_refresh_token_of_another_app_is_refused(service):
    given = service.tokens()
    assert service.refresh(given["refresh_token"], client_id=READER).json["error"] == "invalid_grant"
    assert service.probe(given["access_token"]).status_code == 401


def test_a_grant_ends_however_often_it_was_renewed(service):
    given = service.tokens()
    for _ in range(7):
        service.clock.wait(3600)
        given = service.refresh(given["refresh_token"]).json
    service.clock.wait(3500)
    given = service.refresh(given["refresh_token"]).json
    assert given["expires_in"] == 100
    service.clock.wait(100)
    assert service.refresh(given["refresh_token"]).json["error"] == "invalid_grant"


def test_an_access_token_refreshes_nothing_and_a_refresh_token_opens_nothing(service):
    given = service.tokens()
    assert service.refresh(given["access_token"]).json["error"] == "invalid_grant"
    assert service.probe(given["refresh_token"]).status_code == 401


# Systems.


def test_a_system_signs_with_its_own_key(service):
    for key in (service.system_key, service.rsa_key):
        answer = service.system_tokens(client_assertion=service.assertion(key=key))
        assert answer.status_code == 200, answer.text
        assert answer.json["expires_in"] == 300
        assert "refresh_token" not in answer.json
        asker = service.probe(answer.json["access_token"]).json
        assert (asker["role"], asker["boroughs"]) == ("system-client", [a_service.BURY])


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "tablet"},
        {"iss": None},
        {"sub": "tablet"},
        {"sub": None},
        {"sub": ["system"]},
        {"aud": None},
        {"aud": "http://127.0.0.1:8000"},
        {"aud": "http://127.0.0.1:8000/fhir"},
        {"aud": "http://127.0.0.1:8000/token/"},
        {"aud": ["http://127.0.0.1:8000/token", "https://evil.example/token"]},
        {"exp": None},
        {"exp": 1_795_424_400},
        {"exp": 1_795_424_701},
        {"exp": "1795424500"},
        {"exp": 1_795_424_500.5},
        {"exp": True},
        {"iat": 1_795_424_400 + 61},
        {"nbf": 1_795_424_400 + 61},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 201},
    ],
)
def test_an_assertion_says_who_signs_for_whom_and_for_five_minutes_at_most(unchanged, claims):
    service, _ = unchanged
    answer = service.system_tokens(client_assertion=service.assertion(**claims))
    assert answer.status_code == 401, claims
    assert answer.json["error"] == "invalid_client"
    assert "access_token" not in answer.json


def test_an_assertion_may_live_five_minutes(service):
    assert int(service.clock.at.timestamp()) == 1_795_424_400
    assert service.system_tokens(client_assertion=service.assertion(exp=1_795_424_700)).status_code == 200


def test_an_assertion_is_good_once(service):
    assertion = service.assertion()
    assert service.system_tokens(client_assertion=assertion).status_code == 200
    assert service.system_tokens(client_assertion=assertion).json["error"] == "invalid_client"
    other = service.assertion(jti="same")
    same = service.assertion(jti="same", exp=1_795_424_650)
    assert service.system_tokens(client_assertion=other).status_code == 200
    assert service.system_tokens(client_assertion=same).json["error"] == "invalid_client"


def test_of_many_uses_of_one_assertion_at_once_one_succeeds(service):
    assertion = service.assertion()
    answers = together(6, lambda: service.system_tokens(client_assertion=assertion))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401, 401]


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": {}},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": []},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"typ": "at+jwt"},
        {"kid": "three"},
        {"kid": "two"},
        {"kid": "../one"},
        {"kid": None},
        {"kid": ["one"]},
        {"alg": "RS384"},
    ],
)
def test_a_header_that_points_elsewhere_is_refused(unchanged, header):
    service, _ = unchanged
    _, claims = parts(service.assertion())
    assertion = a_service.forged({"alg": "ES384", "kid": "one"} | header, claims, b"x" * 96)
    assert service.system_tokens(client_assertion=assertion).json["error"] == "invalid_client"


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": {"kty": "EC", "crv": "P-384", "x": "x", "y": "y"}},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"cty": "JWT"},
        {"typ": "at+jwt"},
        {"typ": "client-authentication+jwt"},
        {"kid": "three"},
    ],
)
def test_a_header_that_points_elsewhere_is_refused_though_the_systems_key_signed_it(unchanged, header):
    service, _ = unchanged
    assertion = service.assertion(header=header)
    assert parts(assertion)[0] == {"alg": "ES384", "kid": "one", "typ": "JWT"} | header
    assert service.system_tokens(client_assertion=assertion).json["error"] == "invalid_client"


def test_a_signature_of_another_key_or_kind_is_refused(service):
    for key in (ECKey.generate_key("P-384"), RSAKey.generate_key(2048)):
        answer = service.system_tokens(client_assertion=service.assertion(key=key))
        assert answer.json["error"] == "invalid_client"
    _, claims = parts(service.assertion())
    public = service.system_key.as_pem(private=False)
    for algorithm in ("HS384", "ES384"):
        confused = a_service.confused({"alg": algorithm, "kid": "one"}, claims, public, "sha384")
        assert service.system_tokens(client_assertion=confused).json["error"] == "invalid_client"
    for algorithm in ("none", "None", "NONE", ""):
        unsigned = a_service.forged({"alg": algorithm, "kid": "one"}, claims)
        assert service.system_tokens(client_assertion=unsigned).json["error"] == "invalid_client"
    psychic = a_service.forged({"alg": "ES384", "kid": "one"}, claims, bytes(96))
    assert service.system_tokens(client_assertion=psychic).json["error"] == "invalid_client"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_assertion": None},
        {"client_assertion": ""},
        {"client_assertion": "a.b.c"},
        {"client_assertion": "x" * 100_000},
        {"client_assertion_type": None},
        {"client_assertion_type": "other"},
        {"client_id": "tablet"},
        {"client_assertion": None, "client_assertion_type": None, "client_id": "system"},
    ],
)
def test_a_system_that_does_not_sign_gets_nothing(unchanged, changes):
    service, _ = unchanged
    answer = service.system_tokens(**changes)
    assert answer.status_code == 401
    assert answer.json["error"] == "invalid_client"
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize(
    "scope",
    [None, "", "system/Patient.crs", "system/*.rs", "user/Patient.rs", SYSTEM_SCOPE + " offline_access"],
)
def test_a_system_gets_no_scope_beyond_its_registration(unchanged, scope):
    service, _ = unchanged
    answer = service.system_tokens(scope=scope, client_assertion=service.assertion(jti=f"scope {scope}"))
    assert answer.status_code == 400
    assert answer.json["error"] == "invalid_scope"


def test_each_app_has_its_own_grants_alone(service):
    assert service.token(
        grant_type="client_credentials", client_id="tablet", scope="user/Patient.rs"
    ).status_code in (400, 401)
    system = {
        "client_assertion_type": a_service.ASSERTION_TYPE, "client_assertion": service.assertion(),
        "client_id": None,
    }  # fmt: skip
    assert service.exchange("x", **system).json["error"] == "unauthorized_client"
    for grant_type in ("password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", 'x"'):
        answer = service.token(grant_type=grant_type, client_id="tablet", username="gemma", password="x")
        assert answer.json["error"] == "unsupported_grant_type"
    assert service.token(client_id="tablet").json["error"] == "invalid_request"


def test_a_closed_app_or_account_gets_nothing_more(service):
    given = service.system_tokens().json
    with service.database.writing() as connection:
        people.close_account(connection, service.system_account)
    assert service.probe(given["access_token"]).status_code == 401
    assert (
        service.system_tokens(client_assertion=service.assertion(jti="n")).json["error"] == "invalid_client"
    )
    tablet = service.tokens()
    with service.database.writing() as connection:
        clients.close(connection, "tablet")
    assert service.probe(tablet["access_token"]).status_code == 401
    assert service.refresh(tablet["refresh_token"]).json["error"] == "invalid_client"


# The token endpoint itself.


def test_parameters_of_the_token_endpoint_stand_in_the_body_and_once(service):
    client = service.app.test_client()
    sent = {
        "grant_type": "authorization_code", "client_id": "tablet", "redirect_uri": TABLET_URI,
        "code": service.browser().signed_in("gemma").code(), "code_verifier": VERIFIER,
    }  # fmt: skip
    assert client.post("/token", query_string=sent).json["error"] == "invalid_request"
    twice = [*sent.items(), ("code", "x")]
    assert client.post("/token", data=MultiDict(twice)).json["error"] == "invalid_request"
    assert client.post("/token", json=sent).json["error"] == "invalid_request"
    assert client.get("/token", query_string=sent).status_code == 405


def test_a_client_secret_is_never_looked_at(service):
    code = service.browser().signed_in("gemma").code()
    assert service.exchange(code, client_secret="x").json["error"] == "invalid_client"
    answer = service.app.test_client().post("/token", data={"grant_type": "x"}, auth=("tablet", "x"))
    assert answer.json["error"] == "invalid_client"


# Taking tokens back.


def revoke(service, token, client_id="tablet"):
    return service.app.test_client().post("/revoke", data={"token": token, "client_id": client_id})


def test_a_revoked_access_token_is_refused_on_the_next_request(service):
    given = service.tokens()
    assert service.probe(given["access_token"]).status_code == 200
    assert revoke(service, given["access_token"]).status_code == 200
    assert service.probe(given["access_token"]).status_code == 401
    assert service.refresh(given["refresh_token"]).status_code == 200


def test_revoking_a_refresh_token_takes_all_back(service):
    given = service.tokens()
    assert revoke(service, given["refresh_token"]).status_code == 200
    assert service.probe(given["access_token"]).status_code == 401
    assert service.refresh(given["refresh_token"]).json["error"] == "invalid_grant"


def test_revoking_what_is_unknown_or_anothers_answers_alike_and_does_nothing(service):
    given = service.tokens()
    for token in ("x", "a.b.c", given["access_token"], given["refresh_token"]):
        answer = revoke(service, token, client_id=READER)
        assert (answer.status_code, answer.json) == (200, {})
    assert service.probe(given["access_token"]).status_code == 200
    assert revoke(service, "").json["error"] == "invalid_request"
    assert revoke(service, "x", client_id="nobody").json["error"] == "invalid_client"


# Asking about tokens.


def with_keys(service, client_id, **registration):
    with service.database.writing() as connection:
        clients.register(
            connection, name=client_id, client_id=client_id,
            jwks={"keys": [service.system_key.as_dict(private=False)]}, **registration,
        )  # fmt: skip


def introspect(service, token, signer=a_service.SYSTEM, **changes):
    signed = {
        "token": token, "client_assertion_type": a_service.ASSERTION_TYPE,
        "client_assertion": service.assertion(iss=signer, sub=signer, jti=str(uuid.uuid4())),
    }  # fmt: skip
    sent = {name: value for name, value in (signed | changes).items() if value is not None}
    return service.app.test_client().post("/introspect", data=sent)


def test_a_system_asks_about_its_own_token(service):
    said = introspect(service, service.system_tokens().json["access_token"])
    assert said.headers["Cache-Control"] == "no-store"
    assert said.json == {
        "active": True, "scope": SYSTEM_SCOPE, "client_id": "system", "sub": service.system_account,
        "iss": "http://127.0.0.1:8000", "aud": "http://127.0.0.1:8000/fhir", "token_type": "Bearer",
        "exp": 1_795_424_700,
    }  # fmt: skip


def test_a_resource_server_of_the_service_asks_about_every_apps_token(service):
    with_keys(service, "gate", scope="", introspects=True)
    given = service.tokens()
    assert introspect(service, given["access_token"], "gate").json["client_id"] == "tablet"
    assert introspect(service, given["refresh_token"], "gate").json["active"] is True
    assert (
        "access_token"
        not in service.system_tokens(client_assertion=service.assertion(iss="gate", sub="gate")).json
    )


def test_of_a_token_that_is_not_active_nothing_else_is_said(service):
    with_keys(service, "gate", scope="", introspects=True)
    given = service.tokens()
    header, claims = parts(given["access_token"])
    # Another app's, forged, altered, unknown.
    nobodys = [
        (given["access_token"], a_service.SYSTEM),
        (given["refresh_token"], a_service.SYSTEM),
        (a_service.forged(header, claims, b"x" * 64), "gate"),
        (claims["jti"], "gate"),
        ("x", "gate"),
        ("x" * 100_000, "gate"),
    ]
    for token, client in nobodys:
        said = introspect(service, token, client)
        assert (said.status_code, said.json) == (200, {"active": False})
    turned = service.refresh(given["refresh_token"]).json
    assert introspect(service, given["refresh_token"], "gate").json == {"active": False}
    revoke(service, turned["access_token"])
    assert introspect(service, turned["access_token"], "gate").json == {"active": False}
    assert introspect(service, given["access_token"], "gate").json["active"] is True
    service.clock.wait(600)
    assert introspect(service, given["access_token"], "gate").json == {"active": False}
    assert introspect(service, turned["refresh_token"], "gate").json["active"] is True
    with service.database.writing() as connection:
        people.raise_epoch(connection, service.nurse)
    assert introspect(service, turned["refresh_token"], "gate").json == {"active": False}


def test_only_who_signs_may_ask_about_a_token(service):
    given = service.tokens()
    unsigned = {"client_assertion": None, "client_assertion_type": None, "client_id": "tablet"}
    said = introspect(service, given["access_token"], **unsigned)
    assert (said.status_code, said.json["error"]) == (401, "invalid_client")
    said = introspect(service, given["access_token"], client_assertion=service.assertion(aud="x"))
    assert (said.status_code, said.json["error"]) == (401, "invalid_client")
    assert introspect(service, None).json["error"] == "invalid_request"


# How often.


def test_who_is_refused_too_often_waits_and_is_told_how_long(service):
    for _ in range(100):
        assert service.exchange("x").status_code == 400
    held = service.exchange(service.browser().signed_in("gemma").code())
    assert (held.status_code, held.headers["Retry-After"]) == (429, "60")
    assert held.json == {"error": "temporarily_unavailable"}
    assert revoke(service, "x").status_code == 429
    elsewhere = service.app.test_client().post(
        "/token", data={"grant_type": "x"}, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert elsewhere.status_code == 400
    service.clock.wait(60)
    assert service.exchange("x").status_code == 400


@pytest.mark.parametrize(
    ("proxies", "said", "counted"),
    [(0, "192.0.2.1", "own"), (1, "192.0.2.1", "192.0.2.1"), (1, "x, 192.0.2.1", "192.0.2.1"),
     (2, "x, 192.0.2.1,10.0.0.1", "192.0.2.1"), (2, "192.0.2.1", "own"), (1, None, "own")],
)  # fmt: skip
def test_behind_proxies_the_address_is_what_the_outermost_saw(database, tmp_path, proxies, said, counted):
    service = Service(database, tmp_path, proxies=proxies)
    headers = {} if said is None else {"X-Forwarded-For": said}
    with service.app.test_request_context(headers=headers, environ_base={"REMOTE_ADDR": "own"}):
        assert server.caller() == counted


def test_one_account_is_given_so_many_tokens_a_minute(service, monkeypatch):
    monkeypatch.setitem(attempts.MOST, "grants", (3, 60))
    given = service.tokens()["refresh_token"]
    for _ in range(2):
        given = service.refresh(given).json["refresh_token"]
    held = service.refresh(given)
    assert (held.status_code, held.headers["Retry-After"]) == (429, "60")
    assert service.system_tokens().status_code == 200
    service.clock.wait(60)
    # The token that was shown while waiting was not used up.
    assert service.refresh(given).status_code == 200


# What is kept of it.


def told(service):
    with service.database.reading() as connection:
        rows = connection.execute(tables.account_event.select().order_by(tables.account_event.c.seq))
        return [(row.kind, row.outcome, row.account, row.client) for row in rows]


def test_sign_in_tokens_and_refusals_are_kept_by_ids_alone(service):
    browser = service.browser()
    browser.enter("gemma", "wrong password")
    browser.enter("nobody", "wrong password")
    given = service.exchange(browser.signed_in("gemma").code()).json
    service.exchange("x")
    service.exchange("x", client_id="nobody")
    revoke(service, given["refresh_token"])
    browser.sign_out()
    assert told(service) == [
        ("sign-in", "refused", service.nurse, None),
        ("sign-in", "refused", None, None),
        ("sign-in", "done", service.nurse, None),
        ("consent", "done", service.nurse, "tablet"),
        ("token", "done", service.nurse, "tablet"),
        ("token", "refused", None, "tablet"),
        ("token", "refused", None, None),
        ("revoke", "done", None, "tablet"),
        ("sign-out", "done", service.nurse, None),
    ]


@pytest.mark.parametrize("client_id", ["\0", "tablet\0", "x" * 100_000, "\ud800"])
def test_no_text_in_place_of_a_client_id_is_more_than_refused(service, client_id):
    sent = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": "x"}
    octets = urlencode(sent, errors="surrogatepass").encode()
    answer = service.app.test_client().post(
        "/token", data=octets, content_type="application/x-www-form-urlencoded"
    )
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


# An app of other makers, and one child.


def test_an_app_of_other_makers_asks_the_person_first(service):
    browser = service.browser().signed_in("ana")
    page = browser.authorize(**of_family())
    assert page.status_code == 200
    assert "Family" in page.text
    assert "see measurements and results that you can see yourself" in page.text
    refused = sent_back(browser.decide("deny", **of_family()))
    assert refused["error"] == "access_denied"
    agreed = sent_back(browser.decide("allow", **of_family()))
    assert (agreed["state"], agreed["from"]) == ("xyz", "healthvisit")
    given = service.exchange(agreed["code"], client_id=FAMILY, redirect_uri=FAMILY_URI)
    assert service.probe(given.json["access_token"]).json["children"] == ["poppy", "rose"]


def test_consent_is_given_by_the_persons_own_form_alone(service):
    browser = service.browser().signed_in("ana")
    asked = {**a_service.asking(), **of_family()}
    answer = browser.client.post("/authorize", query_string=asked, data={"decision": "allow"})
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_consent_says_yes_or_no_and_nothing_else(service):
    browser = service.browser().signed_in("ana")
    assert browser.decide("perhaps", **of_family()).status_code == 400
    assert browser.decide(None, **of_family()).status_code == 400


def test_a_withdrawn_parents_app_is_out_on_the_next_request(service):
    browser = service.browser().signed_in("ana")
    code = sent_back(browser.decide("allow", **of_family()))["code"]
    given = service.exchange(code, client_id=FAMILY, redirect_uri=FAMILY_URI).json
    with service.database.writing() as connection:
        relationships.withdraw(connection, account=service.parent, child="rose", at=service.clock())
    assert service.probe(given["access_token"]).json["children"] == ["poppy"]


def together(count, do):
    """The answers of the same thing done by several at once."""
    answers = []
    gate = threading.Barrier(count)

    def one():
        gate.wait()
        answers.append(do())

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    return answers
