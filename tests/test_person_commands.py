"""People's accounts are made from the shell, each with its role and boroughs."""

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from healthvisit.access.requester import STAFF
from healthvisit.accounts import tables
from healthvisit.cli import main
from tests.builders import BOROUGHS

BURY = BOROUGHS["bury"]


@pytest.fixture
def shell(database, monkeypatch):
    url = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("HEALTHVISIT_DATABASE_URL", url)
    return lambda *words, typed=None: CliRunner().invoke(main, ("person", "add", *words), input=typed)


@pytest.mark.parametrize("role", [*STAFF, "administrator", "support", "commissioner"])
def test_a_person_of_each_role(shell, database, role):
    boroughs = ("--borough", BURY) if role in (*STAFF, "administrator") else ()
    made = shell("--role", role, "--name", "Gemma", "--practitioner", "p-1", *boroughs)
    assert made.exit_code == 0, made.output
    with database.reading() as connection:
        account = connection.execute(select(tables.account)).one()
        works = connection.scalars(select(tables.account_borough.c.borough)).all()
    assert (account.id, account.role, account.fhir_user) == (made.output.strip(), role, "Practitioner/p-1")
    assert account.password_hash is None
    assert works == ([BURY] if boroughs else [])


def test_a_password_is_asked_for_and_not_shown(shell):
    words = ("--role", "support", "--name", "Sam", "--sign-in-name", "sam")
    made = shell(*words, typed="a-long-one\na-long-one\n")
    assert made.exit_code == 0
    assert "a-long-one" not in made.output
    assert shell(*words, typed="a-long-one\na-long-one\n").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--role", "health-visitor", "--name", "Gemma"),
        ("--role", "support", "--name", "Sam", "--borough", BURY),
        ("--role", "team-lead", "--name", "Gemma", "--borough", "E08000035"),
        ("--role", "parent", "--name", "Ana"),
        ("--role", "service", "--name", "Ana"),
    ],
)
def test_what_does_not_fit_is_refused(shell, database, words):
    assert shell(*words).exit_code == 2
    with database.reading() as connection:
        assert connection.execute(select(tables.account)).all() == []


def test_nobody_gets_a_password_in_production(shell, monkeypatch):
    monkeypatch.setenv("HEALTHVISIT_MODE", "production")
    monkeypatch.setenv("HEALTHVISIT_BASE_URL", "https://record.example")
    words = ("--role", "support", "--name", "Sam", "--sign-in-name", "sam")
    assert shell(*words, typed="a-long-one\na-long-one\n").exit_code == 2
