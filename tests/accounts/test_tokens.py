"""Codes and tokens as rows. What apps see of them is tested through the token endpoint."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from healthvisit.accounts import clients, keys, people, sessions, tables, tokens
from healthvisit.accounts.errors import NotAdmitted
from tests.accounts import a_family

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def count(connection, table):
    return connection.scalar(select(func.count()).select_from(table))


def test_what_expired_more_than_a_day_ago_is_forgotten_and_nothing_else(database, tmp_path):
    keys.ensure(tmp_path)
    access_tokens = tokens.AccessTokens(keys.signing(tmp_path), issuer="i", audience="a", life_s=600)
    with database.writing() as connection:
        family = a_family(connection, at=AT)
        tokens.keep_code(connection, "code", family, redirect_uri="x", code_challenge="y", at=AT)
        access_tokens.issue(connection, family, family.scope, at=AT)
        tokens.new_refresh(connection, family)
        tokens.forget(connection, at=AT + timedelta(hours=24, minutes=9))
        assert count(connection, tables.authorization_code) == 0
        assert count(connection, tables.token) == 2
        tokens.forget(connection, at=AT + timedelta(hours=26))
        assert count(connection, tables.token) == 0


def test_an_access_token_without_its_row_opens_nothing(database, tmp_path):
    keys.ensure(tmp_path)
    access_tokens = tokens.AccessTokens(keys.signing(tmp_path), issuer="i", audience="a", life_s=600)
    with database.writing() as connection:
        family = a_family(connection, at=AT)
        text = access_tokens.issue(connection, family, family.scope, at=AT)
    said = access_tokens.verified(text, at=AT)
    asked = {"on": AT.date(), "scopes": said.scopes, "client": said.client, "epoch": 1, "jti": said.jti}
    with database.writing() as connection:
        assert people.requester_for(connection, said.account, **asked)
        connection.execute(tables.token.delete())
        with pytest.raises(NotAdmitted):
            people.requester_for(connection, said.account, **asked)


def test_a_code_knows_its_family_and_is_used_up_by_the_wrong_app_too(database):
    with database.writing() as connection:
        family = a_family(connection, at=AT)
        tokens.keep_code(connection, "code", family, redirect_uri="x", code_challenge="y", at=AT)
        assert tokens.use_code(connection, "code", client="other", at=AT) is None
        assert tokens.use_code(connection, "code", client=family.client, at=AT) is None
        assert tokens.use_code(connection, "unknown", client=family.client, at=AT) is None


def test_a_session_ends_once_and_takes_nobody_elses_with_it(database):
    with database.writing() as connection:
        family = a_family(connection, at=AT)
        person = people.Person(family.account, "health-visitor", 1)
        first, second = (sessions.begin(connection, person, at=AT, life_s=60) for _ in range(2))
        sessions.end(connection, first, at=AT)
        sessions.end(connection, "unknown", at=AT)
        with pytest.raises(NotAdmitted):
            sessions.standing(connection, first, at=AT)
        assert sessions.standing(connection, second, at=AT).account == family.account
        with pytest.raises(NotAdmitted):
            sessions.standing(connection, second, at=AT + timedelta(seconds=60))


def test_an_assertion_is_remembered_until_it_has_expired(database):
    with database.writing() as connection:
        connection.execute(
            tables.used_assertion.insert().values(
                client="c", jti_hash="h", expires_at=tables.microseconds(AT)
            )
        )
        clients.forget_assertions(connection, at=AT)
        assert count(connection, tables.used_assertion) == 1
        clients.forget_assertions(connection, at=AT + timedelta(seconds=1))
        assert count(connection, tables.used_assertion) == 0
