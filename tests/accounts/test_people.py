"""Accounts, and the Requester made of one on a given day."""

from datetime import UTC, date, datetime

import pytest

from healthvisit.access import scopes
from healthvisit.accounts import people, relationships
from healthvisit.accounts.errors import BadRegistration, NotAdmitted
from tests.builders import BOROUGHS

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
USER = scopes.parse("user/*.rs")


def a_nurse(connection, **changes):
    return people.create_account(
        connection, **{"role": "health-visitor", "name": "Gemma", "fhir_user": "Practitioner/1"} | changes
    )


def requester(database, account, on, *, scope=USER, epoch=1, child=None):
    with database.reading() as connection:
        return people.requester_for(
            connection, account, on=on, scopes=scope, client=None, epoch=epoch, child=child
        )


def test_a_nurse_works_for_a_borough_from_the_first_day_to_before_the_last(database):
    with database.writing() as connection:
        nurse = a_nurse(connection)
        people.join_borough(
            connection, nurse, BOROUGHS["bury"], from_on=date(2026, 1, 5), until_on=date(2026, 3, 1)
        )
    worked = {on: requester(database, nurse, date.fromisoformat(on)).boroughs for on in (
        "2026-01-04", "2026-01-05", "2026-02-28", "2026-03-01",
    )}  # fmt: skip
    bury = frozenset({BOROUGHS["bury"]})
    assert worked == {
        "2026-01-04": frozenset(), "2026-01-05": bury, "2026-02-28": bury, "2026-03-01": frozenset(),
    }  # fmt: skip


def test_a_nurse_may_come_back_to_a_borough(database):
    with database.writing() as connection:
        nurse = a_nurse(connection, boroughs=[BOROUGHS["bury"]], from_on=date(2025, 1, 1))
        people.leave_borough(connection, nurse, BOROUGHS["bury"], until_on=date(2025, 6, 1))
        people.join_borough(connection, nurse, BOROUGHS["bury"], from_on=date(2026, 1, 1))
    assert requester(database, nurse, date(2025, 7, 1)).boroughs == frozenset()
    assert requester(database, nurse, date(2026, 7, 1)).boroughs == {BOROUGHS["bury"]}


def test_a_parent_sees_a_child_from_the_first_day_to_before_the_last(database):
    with database.writing() as connection:
        parent = people.create_account(connection, role="parent", name="Ana")
        relationships.begin(
            connection, account=parent, child="poppy", from_on=date(2026, 1, 5), until_on=date(2026, 3, 1)
        )
    assert requester(database, parent, date(2026, 1, 4)).children == frozenset()
    assert requester(database, parent, date(2026, 1, 5)).children == {"poppy"}
    assert requester(database, parent, date(2026, 3, 1)).children == frozenset()


def test_two_adults_of_one_child_are_judged_one_by_one(database):
    with database.writing() as connection:
        ana, ben = (people.create_account(connection, role="parent", name=name) for name in ("Ana", "Ben"))
        for parent in (ana, ben):
            relationships.begin(connection, account=parent, child="poppy", from_on=date(2026, 1, 1))
        relationships.withdraw(connection, account=ben, child="poppy", at=AT)
    assert requester(database, ana, AT.date()).children == {"poppy"}
    assert requester(database, ben, AT.date()).children == frozenset()


def test_an_adult_whose_access_is_given_again_sees_the_child_again(database):
    with database.writing() as connection:
        parent = people.create_account(connection, role="parent", name="Ana")
        relationships.begin(connection, account=parent, child="poppy", from_on=date(2026, 1, 1))
        relationships.withdraw(connection, account=parent, child="poppy", at=AT)
        relationships.begin(connection, account=parent, child="poppy", from_on=date(2026, 1, 1))
    assert requester(database, parent, AT.date()).children == {"poppy"}


def test_patient_scopes_reach_the_one_child_they_speak_of_and_none_without_it(database):
    with database.writing() as connection:
        parent = people.create_account(connection, role="parent", name="Ana")
        for child in ("poppy", "rose"):
            relationships.begin(connection, account=parent, child=child, from_on=date(2026, 1, 1))
    scope = scopes.parse("patient/*.rs")
    assert requester(database, parent, AT.date(), scope=scope).children == frozenset()
    assert requester(database, parent, AT.date(), scope=scope, child="rose").children == {"rose"}
    assert requester(database, parent, AT.date(), scope=scope, child="other").children == frozenset()


def test_one_account_never_lends_its_reach_to_another(database):
    with database.writing() as connection:
        a_nurse(connection, boroughs=[BOROUGHS["bury"]])
        other = people.create_account(connection, role="parent", name="Ana")
        third = people.create_account(connection, role="parent", name="Ben")
        relationships.begin(connection, account=third, child="poppy", from_on=date(2026, 1, 1))
    found = requester(database, other, AT.date())
    assert (found.boroughs, found.children) == (frozenset(), frozenset())


def test_a_closed_account_or_an_older_epoch_admits_nobody(database):
    with database.writing() as connection:
        nurse = a_nurse(connection)
        people.raise_epoch(connection, nurse)
    assert requester(database, nurse, AT.date(), epoch=2).fhir_user == "Practitioner/1"
    for epoch in (0, 1, 3):
        with pytest.raises(NotAdmitted):
            requester(database, nurse, AT.date(), epoch=epoch)
    with database.writing() as connection:
        people.close_account(connection, nurse)
    for epoch in (2, 3):
        with pytest.raises(NotAdmitted):
            requester(database, nurse, AT.date(), epoch=epoch)
    with pytest.raises(NotAdmitted):
        requester(database, "nobody", AT.date())


def test_a_token_counts_only_with_its_app_and_an_app_only_with_its_token(database):
    with database.writing() as connection:
        nurse = a_nurse(connection)
    for client, jti in (("tablet", None), (None, "x"), ("tablet", "unknown")):
        with database.reading() as connection, pytest.raises(NotAdmitted):
            people.requester_for(
                connection, nurse, on=AT.date(), scopes=USER, client=client, epoch=1, jti=jti
            )


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "service"},
        {"role": "admin"},
        {"sign_in_name": "gemma"},
        {"password": "long enough"},
        {"sign_in_name": "gemma", "password": "short"},
        {"sign_in_name": "gemma", "password": "x" * 257},
        {"sign_in_name": "  ", "password": "long enough"},
        {"sign_in_name": "TAKEN ", "password": "long enough"},
    ],
)
def test_an_account_that_makes_no_sense_is_not_made(database, changes):
    with database.writing() as connection:
        a_nurse(connection, sign_in_name="taken", password="long enough")
        with pytest.raises(BadRegistration):
            a_nurse(connection, **changes)


def test_a_name_is_found_however_it_is_written(database):
    with database.writing() as connection:
        nurse = a_nurse(connection, sign_in_name="Gemma.Duxbury", password="long enough")
    for written in ("gemma.duxbury", " GEMMA.DUXBURY "):
        person = people.sign_in(database, written, "long enough", address="x", at=AT)
        assert person == people.Person(nurse, "health-visitor", 1)


def test_an_account_without_a_password_is_never_signed_in_to(database):
    with database.writing() as connection:
        people.create_account(connection, role="system-client", name="Feed")
    for name in ("", "Feed", "None"):
        assert people.sign_in(database, name, "", address=name, at=AT) is None
