"""The deployer's file of identity providers and their tables: what does not stand stops the start."""

import json
from datetime import UTC, date, datetime

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from healthvisit.accounts import federated, keys, providers, tables
from healthvisit.accounts.errors import BadRegistration
from healthvisit.accounts.federated import Adult, Workplace
from healthvisit.accounts.providers import BadProvider
from healthvisit.programme.nhs_number import test_number as number_of
from tests.builders import BOROUGHS

BURY, SALFORD = BOROUGHS["bury"], BOROUGHS["salford"]
ON = date(2026, 11, 23)
CIS2 = {
    "name": "cis2", "shape": "cis2", "label": "Care Identity", "issuer": "https://identity.example:443/realm",
    "client_id": "us", "key": "cis2.jwk.json", "id_token_algorithms": ["RS256"],
    "acr": {"AAL3_INV": 3, "AAL2_INV": 2, "AAL1_INV": 1},
}  # fmt: skip
LOGIN = {
    "name": "nhs-login", "shape": "nhs-login", "label": "NHS login", "issuer": "https://login.example",
    "client_id": "us", "key": "login.jwk.json", "id_token_algorithms": ["RS512"],
}  # fmt: skip


def read(folder, *told, production=False):
    file = folder / "providers.json"
    file.write_text(json.dumps(told))
    return providers.read(file, production=production)


def test_two_providers_as_a_deployer_writes_them(tmp_path):
    found = read(tmp_path, CIS2, LOGIN, production=True)
    assert list(found) == ["cis2", "nhs-login"]
    assert [provider.is_of_parents for provider in found.values()] == [False, True]
    assert found["cis2"].acr_values(least=2) == "AAL2_INV AAL3_INV"
    assert providers.read(None, production=True) == {}


@pytest.mark.parametrize("changes", [
    {"name": "CIS2"}, {"name": "../x"}, {"name": ""}, {"shape": "oidc"}, {"label": ""},
    {"issuer": "ftp://identity.example"}, {"issuer": "http://identity.example"}, {"issuer": "https://"},
    {"issuer": "https://identity.example?x=1"}, {"issuer": "https://identity.example#x"},
    {"issuer": "https://us@identity.example"}, {"issuer": "http://localhost:1"}, {"client_id": ""},
    {"key": "../signing-keys.json"}, {"key": "/etc/passwd"}, {"key": ".hidden"}, {"id_token_algorithms": []},
    {"id_token_algorithms": ["none"]}, {"id_token_algorithms": ["HS256"]}, {"assertion_algorithm": "HS512"},
    {"acr": {}}, {"acr": {"X": 4}}, {"acr": {"X": "3"}}, {"hosts": ["https://x"]}, {"secret": "x"},
    {"verify": False},
])  # fmt: skip
def test_a_provider_that_does_not_stand_is_not_taken(tmp_path, changes):
    with pytest.raises(BadProvider):
        read(tmp_path, CIS2 | changes)


@pytest.mark.parametrize("changes", [
    {"id_token_algorithms": ["RS256"]}, {"id_token_algorithms": ["RS512", "RS256"]},
    {"assertion_algorithm": "RS256"}, {"acr": {"X": 3}},
])  # fmt: skip
def test_nhs_login_signs_with_rs512_alone(tmp_path, changes):
    with pytest.raises(BadProvider, match="RS512"):
        read(tmp_path, LOGIN | changes)


def test_two_of_one_name_or_one_issuer_are_not_told_apart(tmp_path):
    for changes in ({"name": "cis2", "issuer": "https://b.example"}, {"name": "b"}):
        with pytest.raises(BadProvider, match="two providers"):
            read(tmp_path, CIS2, CIS2 | changes)


def test_a_provider_of_tests_has_no_place_in_production(tmp_path):
    local = CIS2 | {"issuer": "http://127.0.0.1:9000"}
    assert read(tmp_path, local)
    with pytest.raises(BadProvider, match="https"):
        read(tmp_path, local, production=True)


def test_a_file_that_is_not_there_or_is_no_list_stops_the_start(tmp_path):
    with pytest.raises(BadProvider, match="cannot be read"):
        providers.read(tmp_path / "none.json", production=False)
    (tmp_path / "providers.json").write_text('{"name": "secret-value"}')
    with pytest.raises(BadProvider) as said:
        providers.read(tmp_path / "providers.json", production=False)
    assert "secret-value" not in str(said.value)


@pytest.mark.parametrize(("address", "may"), [
    ("https://identity.example/token", True), ("https://identity.example:443/token", True),
    ("https://more.example/token", True), ("https://IDENTITY.example/token", True),
    ("http://identity.example/token", False), ("https://identity.example:8443/token", False),
    ("https://identity.example.evil.example/token", False), ("https://evil.example/identity.example", False),
    ("https://identity.example@evil.example/", False), ("https://us@identity.example/", False),
    ("https://identity.example\\@evil.example/", False), ("https://identity.example /", False),
    ("https://identity.example/\r\nHost: x", False), ("https://identity.example/#x", False),
    ("//identity.example/token", False), ("file:///etc/passwd", False), ("https://169.254.169.254/", False),
    ("https://[::1]/", False), ("https://identity.example:x/", False), ("", False),
])  # fmt: skip
def test_a_provider_is_called_on_its_own_hosts_alone(tmp_path, address, may):
    provider = read(tmp_path, CIS2 | {"hosts": ["more.example"]})["cis2"]
    assert provider.may_call(address) is may


def test_the_service_proves_itself_with_a_key_of_its_own(tmp_path):
    secrets = tmp_path / "secrets"
    keys.ensure(secrets)
    provider = read(tmp_path, LOGIN)["nhs-login"]
    with pytest.raises(keys.Missing):
        providers.check_key(secrets, provider)
    public = providers.make_key(secrets, provider)
    assert providers.make_key(secrets, provider) == public, "asked again it is the same"
    [key] = public["keys"]
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key)
    assert (secrets / "login.jwk.json").stat().st_mode & 0o077 == 0
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    signed = [
        providers.assertion(secrets, provider, audience="https://login.example/token", at=at) for _ in "ab"
    ]
    first, second = (jwt.decode(each, RSAKey.import_key(key), algorithms=["RS512"]) for each in signed)
    assert first.header == {"alg": "RS512", "typ": "JWT", "kid": key["kid"]}
    assert first.claims["iss"] == first.claims["sub"] == "us"
    assert first.claims["aud"] == "https://login.example/token"
    assert 0 < first.claims["exp"] - at.timestamp() <= 60
    assert first.claims["jti"] != second.claims["jti"]


def test_a_key_that_others_can_read_or_that_is_no_key_is_not_used(tmp_path):
    secrets = tmp_path / "secrets"
    keys.ensure(secrets)
    provider = read(tmp_path, LOGIN)["nhs-login"]
    public = providers.make_key(secrets, provider)["keys"][0]
    (secrets / "login.jwk.json").chmod(0o640)
    with pytest.raises(keys.Missing, match="0600"):
        providers.check_key(secrets, provider)
    for held in (public, {"kty": "oct", "k": "eA"}, {}):
        keys.keep(secrets / "login.jwk.json", json.dumps(held))
        with pytest.raises(BadProvider):
            providers.check_key(secrets, provider)


@pytest.mark.parametrize("rows", [
    [Workplace("INV1", "E08000035", ON, None)],
    [Workplace("", BURY, ON, None)],
    [Workplace(" INV1", BURY, ON, None)],
    [Workplace("INV1", BURY, ON, ON)],
    [Workplace("INV1", BURY, ON, None), Workplace("INV1", BURY, date(2027, 1, 1), None)],
    [Workplace("INV1", BURY, ON, date(2027, 1, 2)), Workplace("INV1", BURY, date(2027, 1, 1), None)],
])  # fmt: skip
def test_a_table_of_workplaces_that_does_not_stand_changes_nothing(database, rows):
    with database.writing() as connection:
        federated.set_workplaces(connection, [Workplace("INV1", BURY, ON, None)], on=ON)
    with pytest.raises(BadRegistration), database.writing() as connection:
        federated.set_workplaces(connection, rows, on=ON)
    assert boroughs(database, "INV1", ON) == {BURY}


def boroughs(database, organisation, on):
    selected = federated.Selected("u", "p", organisation, "R1", "", "")
    with database.writing() as connection:
        federated.set_posts(connection, {"R1": "health-visitor"}, on=on)
    with database.reading() as connection:
        try:
            return set(federated.work_of(connection, selected, on=on).boroughs)
        except providers.Refused as refused:
            return refused.why


def test_an_organisation_works_in_a_borough_from_day_to_day(database):
    ends = date(2027, 4, 1)
    with database.writing() as connection:
        federated.set_workplaces(
            connection,
            [
                Workplace("INV1", BURY, ON, ends),
                Workplace("INV1", SALFORD, ON, None),
                Workplace("INV2", BURY, ends, None),
                Workplace("INV3", BURY, date(2020, 1, 1), ON),
                Workplace("INV3", BURY, ends, None),
            ],
            on=ON,
        )
    assert boroughs(database, "INV1", ON) == {BURY, SALFORD}
    assert boroughs(database, "INV1", date(2027, 3, 31)) == {BURY, SALFORD}
    assert boroughs(database, "INV1", ends) == {SALFORD}
    assert boroughs(database, "INV2", date(2027, 3, 31)) == "unknown-workplace"
    assert boroughs(database, "INV2", ends) == {BURY}
    assert boroughs(database, "INV3", ON) == "unknown-workplace"
    assert boroughs(database, "inv1", ON) == "unknown-workplace"


@pytest.mark.parametrize("role", ["parent", "service", "system-client", "nurse", "", "Health-visitor"])
def test_no_role_code_makes_anybody_what_staff_are_not(database, role):
    with pytest.raises(BadRegistration), database.writing() as connection:
        federated.set_posts(connection, {"R1": role}, on=ON)


@pytest.mark.parametrize("adult", [
    Adult("9990000001", "1991-04-17", "Marlowe"), Adult("", "1991-04-17", "Marlowe"),
    Adult(number_of(7), "", "Marlowe"), Adult(number_of(7), "1991", "Marlowe"),
    Adult(number_of(7), "1991-04-17", " "),
])  # fmt: skip
def test_an_adult_whom_the_record_does_not_know_well_enough_is_not_linked(database, adult):
    with pytest.raises(BadRegistration), database.writing() as connection:
        federated.link(connection, adult, child="c", related_person="r", from_on=ON)


def test_no_number_of_an_adult_is_kept(database):
    adult = Adult(number_of(7), "1991-04-17", "Marlowe")
    with database.writing() as connection:
        federated.link(connection, adult, child="c", related_person="r", from_on=ON)
    with database.reading() as connection:
        kept = str(connection.execute(tables.verified_adult.select()).all())
    assert adult.number not in kept
    assert adult.born_on not in kept
    assert "Marlowe" not in kept
