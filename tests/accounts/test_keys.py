"""The service's own secrets: made once, read by nobody else, and turned without throwing anybody out."""

from datetime import UTC, datetime

import pytest

from healthvisit.accounts import keys, tokens
from healthvisit.accounts.errors import NotAdmitted
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


def test_a_new_key_signs_and_the_one_before_is_believed_until_the_next(database, tmp_path):
    keys.ensure(tmp_path)

    def access_tokens():
        return tokens.AccessTokens(keys.signing(tmp_path), issuer="i", audience="a", life_s=600)

    with database.writing() as connection:
        family = a_family(connection, at=AT)
        first = access_tokens().issue(connection, family, family.scope, at=AT)
        keys.add(tmp_path)
        second = access_tokens().issue(connection, family, family.scope, at=AT)
    assert access_tokens().verified(first, at=AT).account == family.account
    assert access_tokens().verified(second, at=AT).account == family.account
    keys.add(tmp_path)
    with pytest.raises(NotAdmitted):
        access_tokens().verified(first, at=AT)
    assert access_tokens().verified(second, at=AT).account == family.account
