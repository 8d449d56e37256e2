"""The service's own secrets: made once, read by nobody else, and turned without throwing anybody out."""

from datetime import UTC, datetime, timedelta

import pytest

from healthvisit.accounts import keys, tokens
from healthvisit.accounts.errors import NotAdmitted
from healthvisit.accounts.tokens import header_of
from tests.accounts import a_family

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_secrets_are_made_once_and_for_this_service_alone(tmp_path):
    folder = tmp_path / "deep" / "secrets"
    keys.ensure(folder)
    before = keys.signing(folder).public, keys.cookie_secret(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    keys.ensure(folder)
    assert (keys.signing(folder).public, keys.cookie_secret(folder)) == before
    assert len(keys.cookie_secret(folder)) == 64


def test_a_secret_that_others_can_read_is_not_used(tmp_path):
    keys.ensure(tmp_path)
    for path in tmp_path.iterdir():
        path.chmod(0o640)
    with pytest.raises(keys.Missing, match="0600"):
        keys.signing(tmp_path)
    with pytest.raises(keys.Missing, match="0600"):
        keys.cookie_secret(tmp_path)


def test_only_the_public_half_is_published(tmp_path):
    keys.ensure(tmp_path)
    [key] = keys.signing(tmp_path).public["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


@pytest.fixture
def signed(database, tmp_path):
    """A service that is running, and what its family gets from it; keys are turned behind its back."""
    keys.ensure(tmp_path)
    access_tokens = tokens.AccessTokens(keys.signing(tmp_path), issuer="i", audience="a", life_s=3600)

    def issue():
        with database.writing() as connection:
            family = a_family(connection, at=AT)
            return access_tokens.issue(connection, family, family.scope, at=AT)

    return access_tokens, issue


def kids(access_tokens):
    return [key["kid"] for key in access_tokens.keys.public["keys"]]


def test_a_service_that_runs_takes_up_a_new_key_and_throws_nobody_out(signed, tmp_path):
    access_tokens, issue = signed
    first = issue()
    kid = keys.turn(tmp_path, at=AT)
    second = issue()
    assert header_of(second)["kid"] == kid != header_of(first)["kid"]
    for token in (first, second):
        assert access_tokens.verified(token, at=AT + timedelta(minutes=59))
    assert kids(access_tokens) == [kid, header_of(first)["kid"]]


def test_a_key_is_believed_until_its_last_token_has_expired(signed, tmp_path):
    access_tokens, issue = signed
    first = issue()
    for minutes in (0, 20, 40):
        keys.turn(tmp_path, at=AT + timedelta(minutes=minutes))
    assert len(kids(access_tokens)) == 4
    assert access_tokens.verified(first, at=AT + timedelta(minutes=40))
    keys.drop_ended(tmp_path, at=AT + timedelta(minutes=62))
    assert len(kids(access_tokens)) == 4
    keys.drop_ended(tmp_path, at=AT + timedelta(minutes=63))
    assert header_of(first)["kid"] not in kids(access_tokens)
    assert len(kids(access_tokens)) == 3
    keys.turn(tmp_path, at=AT + timedelta(days=1))
    assert len(kids(access_tokens)) == 2


def test_a_stolen_key_is_believed_no_more_from_the_next_request_on(signed, tmp_path):
    access_tokens, issue = signed
    first = issue()
    assert access_tokens.verified(first, at=AT)
    keys.turn(tmp_path, at=AT, at_once=True)
    with pytest.raises(NotAdmitted):
        access_tokens.verified(first, at=AT)
    assert access_tokens.verified(issue(), at=AT)


def test_nothing_but_keys_is_published(signed, tmp_path):
    access_tokens, _ = signed
    keys.turn(tmp_path, at=AT)
    for key in access_tokens.keys.public["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
