"""No forged or misused token is taken, at any endpoint; what differs from it in the fault alone is."""

import socket

import pytest

from healthvisit.accounts import tokens
from tests.faces.sign_in import vectors
from tests.faces.sign_in.a_service import TABLET, VERIFIER, Service, parts
from tests.faces.sign_in.desk import Desk, faults_of_access, faults_of_assertions

# Far above what is measured (scripts/vectors): a busy machine does not fail, and what hangs does.
LONGEST_S = 5.0


@pytest.fixture
def desk(service: Service) -> Desk:
    return Desk(service)


def test_no_forged_access_token_is_taken_anywhere(desk):
    with vectors.no_connections() as asked:
        shown, found = faults_of_access(desk, everywhere=False)
    assert found == [], "; ".join(found)
    assert asked == []
    assert shown > 1_000
    assert [took.name for took in desk.took if took.seconds > LONGEST_S] == []


def test_no_forged_client_assertion_is_taken_anywhere(desk):
    with vectors.no_connections() as asked:
        shown, found = faults_of_assertions(desk, everywhere=False)
    assert found == [], "; ".join(found)
    assert asked == []
    assert shown > 1_000
    assert [took.name for took in desk.took if took.seconds > LONGEST_S] == []


def test_what_asks_for_a_connection_is_refused_it_and_told_of():
    with vectors.no_connections() as asked:
        with pytest.raises(vectors.Outbound):
            socket.create_connection(("127.0.0.1", 1))
        with pytest.raises(vectors.Outbound):
            socket.getaddrinfo("evil.example", 443)
    assert len(asked) == 2


def test_what_stands_beside_a_vector_is_taken(desk):
    """The edges, from their good side, and what is long but not too long."""
    good, now = desk.access(), desk.now
    for changes in ({"iat": now + 60}, {"exp": now + 1}, {"patient": "poppy"}, {"padding": "x" * 2_000}):
        assert desk.opens(good.token(claims=good.claims | changes)) == 200, changes
        assert desk.is_active(good.token(claims=good.claims | changes)), changes
    word = desk.assertion()
    edges = ({"exp": now + 300}, {"exp": now + 1}, {"iat": now + 60}, {"nbf": now + 60}, {"jti": "x" * 200})
    for changes in (*edges, {"aud": [word.claims["aud"]]}):
        assert desk.signs(word.token(claims=word.fresh() | changes)) == 200, changes


def test_what_is_good_for_one_thing_is_good_for_nothing_else(desk):
    service = desk.service
    browser = service.browser().signed_in("gemma")
    given = service.exchange(browser.code()).json
    claims = parts(given["access_token"])[1]
    cookie = browser.client.get_cookie("healthvisit_session")
    with service.database.reading() as connection:
        family = tokens.standing(connection, claims["jti"], at=service.clock.at).family
    things = {
        "access token": given["access_token"],
        "refresh token": given["refresh_token"],
        "code": browser.code(),
        "assertion": desk.assertion().token(),
        "id token": service.house.access_tokens.id_token(
            family, at=service.clock.at, signed_in_at=desk.now, nonce="n", fhir_user=None
        ),
        "session": cookie.value,
        "token of a form": browser.form_token(),
        "id of an access token": claims["jti"],
        "id of a grant": family.id,
        "app": TABLET,
        "verifier": VERIFIER,
    }
    tried = {
        "access token": lambda thing: desk.opens(thing) == 200,
        "assertion": lambda thing: desk.signs(thing) == 200,
        # Last: what is shown here and is good ends with it.
        "refresh token": desk.refreshes,
        "code": desk.is_a_code,
    }
    for use, is_taken in tried.items():
        for name, thing in things.items():
            assert is_taken(thing) == (name == use), f"{name} as {use}"
