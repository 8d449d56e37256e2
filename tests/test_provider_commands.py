"""What a deployer does from the shell for people to sign in: keys, tables, and adults who are linked to a child."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from healthvisit.accounts import tables
from healthvisit.cli import main
from healthvisit.programme.nhs_number import test_number as number_of
from healthvisit.record import record as the_record
from healthvisit.record.tables import resource
from tests import builders
from tests.builders import BOROUGHS

BURY, SALFORD = BOROUGHS["bury"], BOROUGHS["salford"]
NHS = "https://fhir.nhs.uk/Id/nhs-number"
LOGIN = {
    "name": "nhs-login", "shape": "nhs-login", "label": "NHS login", "issuer": "https://login.example",
    "client_id": "us", "key": "login.jwk.json", "id_token_algorithms": ["RS512"],
}  # fmt: skip


@pytest.fixture
def shell(furnished, monkeypatch, tmp_path):
    url = furnished.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("HEALTHVISIT_DATABASE_URL", url)
    monkeypatch.setenv("HEALTHVISIT_SECRETS_FOLDER", str(tmp_path / "secrets"))
    (tmp_path / "providers.json").write_text(json.dumps([LOGIN]))
    monkeypatch.setenv("HEALTHVISIT_IDENTITY_PROVIDERS", str(tmp_path / "providers.json"))
    return lambda *words, typed=None: CliRunner().invoke(main, words, input=typed)


def kept(database, table):
    with database.reading() as connection:
        return [row._asdict() for row in connection.execute(select(table))]


def test_the_key_to_register_is_printed_without_its_private_half(shell, tmp_path):
    printed = [shell("provider", "key", "nhs-login").output for _ in "ab"]
    assert printed[0] == printed[1]
    [key] = json.loads(printed[0])["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS512", "sig")
    assert "d" not in key
    assert json.loads((tmp_path / "secrets" / "login.jwk.json").read_text())["d"]
    assert shell("provider", "key", "other").exit_code == 2


def test_tables_are_read_whole_or_not_at_all(shell, furnished):
    good = f"organisation,borough,from,until\nINV1,{BURY},2020-04-01,\nINV1,{SALFORD},2020-04-01,2027-04-01\n"
    assert shell("provider", "workplaces", "-", typed=good).output.startswith("2 rows stand")
    before = kept(furnished, tables.workplace)
    assert len(before) == 2
    for bad in (
        "organisation,borough\nINV1,x\n",
        f"organisation,borough,from,until\nINV1,{BURY},1 April,\n",
        f"organisation,borough,from,until\nINV1,{BURY},2020-04-01\n",
        f"organisation,borough,from,until\nINV1,{BURY},2020-04-01,,x\n",
        f"organisation,borough,from,until\nINV2,{BURY},2020-04-01,\nINV1,E08000035,2020-04-01,\n",
        "",
    ):
        told = shell("provider", "workplaces", "-", typed=bad)
        assert told.exit_code == 1, told.output
        assert kept(furnished, tables.workplace) == before
    assert shell("provider", "workplaces", "-", typed="organisation,borough,from,until\n").exit_code == 0
    assert kept(furnished, tables.workplace) == []


def test_what_a_role_code_means_here(shell, furnished):
    good = "role_code,role\nS0:G0:R1,health-visitor\nS0:G0:R2,administrator\n"
    assert shell("provider", "roles", "-", typed=good).exit_code == 0
    before = kept(furnished, tables.post)
    assert {row["role_code"]: row["role"] for row in before} == {
        "S0:G0:R1": "health-visitor", "S0:G0:R2": "administrator",
    }  # fmt: skip
    for bad in ("role_code,role\nR1,parent\n", "role_code,role\nR1,support\nR1,team-lead\n", "code,role\n"):
        assert shell("provider", "roles", "-", typed=bad).exit_code == 1
        assert kept(furnished, tables.post) == before


def test_staff_are_entered_once(shell, furnished):
    good = "user,profile,organisation,given,family\nuid-1,rp-1,INV1,Wren,Quill\nuid-1,rp-2,INV2,Wren,Quill\n"
    for _ in range(2):
        done = shell("provider", "staff", "-", typed=good)
        assert done.exit_code == 0, done.output
        entered = [row["type"] for row in kept(furnished, resource)]
        assert entered.count("Practitioner") == 1
        assert entered.count("PractitionerRole") == 2
    for bad in ("user\nuid-2\n", good + "uid-3,rp-3,INV1,,Quill\n"):
        assert shell("provider", "staff", "-", typed=bad).exit_code == 1
    assert len(kept(furnished, resource)) == len([*entered])


@pytest.fixture
def family(furnished, definitions):
    """A child of Bury and what the record knows of its mother."""
    with the_record.opened(
        furnished, builders.a_requester("service"), definitions=definitions, at=builders.NOW, writing=True
    ) as record:
        child = record.create("Patient", builders.a_patient()).version.id

        def mother(**changes):
            return record_mother(record, child, changes)

        made = {
            "whole": mother(),
            "no number": mother(identifier=[]),
            "no birth date": mother(birthDate=None),
            "over": mother(active=False),
        }
    return child, made


def record_mother(record, child, changes):
    body = {
        "resourceType": "RelatedPerson",
        "identifier": [{"system": NHS, "value": number_of(12)}],
        "active": True,
        "patient": {"reference": f"Patient/{child}"},
        "name": [{"family": "O'Marlowe", "given": ["Isolde", "May"]}],
        "birthDate": "1991-04-17",
    } | changes
    body = {name: value for name, value in body.items() if value}
    if changes.get("active") is False:
        body["active"] = False
    return record.create("RelatedPerson", body).version.id


def test_an_adult_is_linked_to_the_child_that_the_record_names(shell, furnished, family):
    child, mothers = family
    done = shell("person", "link", mothers["whole"], "--until", "2030-01-01")
    assert done.exit_code == 0, done.output
    [account] = kept(furnished, tables.account)
    assert (account["id"], account["role"], account["kind"]) == (done.output.strip(), "parent", "federated")
    assert account["fhir_user"] == f"RelatedPerson/{mothers['whole']}"
    [held] = kept(furnished, tables.relationship)
    assert (held["child"], held["related_person"], str(held["until_on"])) == (
        child, mothers["whole"], "2030-01-01",
    )  # fmt: skip
    assert [row["kind"] for row in kept(furnished, tables.account_event)] == ["link"]
    again = shell("person", "link", mothers["whole"])
    assert again.exit_code == 1
    assert "already" in again.output


@pytest.mark.parametrize("which", ["no number", "no birth date", "over"])
def test_nobody_is_linked_whom_the_record_does_not_know_well_enough(shell, furnished, family, which):
    assert shell("person", "link", family[1][which]).exit_code == 1
    assert shell("person", "link", "nobody").exit_code == 1
    assert kept(furnished, tables.relationship) == kept(furnished, tables.account) == []


def test_what_had_begun_is_forgotten(shell, furnished):
    with furnished.writing() as connection:
        for hash_, expires_at in (("old", 1), ("new", 10**17)):
            connection.execute(
                tables.begun_sign_in.insert().values(
                    hash=hash_, browser="b", provider="p", next="", afresh=False, begun_at=0,
                    expires_at=expires_at,
                )
            )  # fmt: skip
    shell("provider", "key", "nhs-login")
    assert shell("forget").exit_code == 0
    assert [row["hash"] for row in kept(furnished, tables.begun_sign_in)] == ["new"]
