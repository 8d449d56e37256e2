"""Scopes that say nothing about the record, and what older ones mean, said a second time."""

import pytest

from healthvisit.access import scopes


def test_scopes_of_identity_and_session_are_those_said_here():
    assert {
        "openid", "fhirUser", "launch", "launch/patient", "launch/encounter", "offline_access", "online_access",
    } == scopes.PLAIN  # fmt: skip


@pytest.mark.parametrize(("older", "letters"), [("read", "rs"), ("write", "cud"), ("*", "cruds")])
def test_an_older_scope_gives_the_letters_said_here(older, letters):
    (scope,) = scopes.parse(f"user/Patient.{older}")
    assert scope.letters == letters


@pytest.mark.parametrize("type_", ["Observation", "Condition"])
def test_these_have_categories(type_):
    (scope,) = scopes.parse(f"user/{type_}.rs?category=urn:x|y")
    assert scope.values("category") == {("urn:x", "y")}
