"""Which apps can be registered. How they sign is tested through the token endpoint."""

import pytest
from joserfc.jwk import ECKey, OctKey

from healthvisit.accounts import clients, people
from healthvisit.accounts.errors import BadRegistration

EC = ECKey.generate_key("P-384", {"kid": "one"})


def jwks(*keys):
    return {"keys": [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys]}


def test_an_app_is_found_as_it_was_registered_until_it_is_closed(database):
    with database.writing() as connection:
        client_id = clients.register(
            connection, name="Reader", scope="patient/Observation.rs", redirect_uris=["https://a.example/cb"]
        )
        found = clients.find(connection, client_id)
        assert (found.name, found.redirect_uris, found.confidential) == (
            "Reader", ("https://a.example/cb",), False,
        )  # fmt: skip
        clients.close(connection, client_id)
        assert clients.find(connection, client_id) is None
        assert clients.find(connection, "nobody") is None


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        "/cb",
        "http://a.example/cb",
        "https://a.example/cb#x",
        "https://*.a.example/cb",
        "https://user@a.example/cb",
        "https://a.example/c b",
        "https://a.example\\cb",
        "https://a.example/cb\nhttps://evil.example/",
        "https://ä.example/cb",
        "https:///cb",
        "javascript:alert(1)",
        "app.example:/cb",
        "http://localhost.evil.example/",
    ],
)
def test_an_address_that_could_mean_two_places_is_not_registered(database, redirect_uri):
    with database.writing() as connection, pytest.raises(BadRegistration):
        clients.register(connection, name="x", scope="user/Patient.rs", redirect_uris=[redirect_uri])


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "offline_access",
        "launch/encounter user/Patient.rs",
        "system/Patient.rs",
        "user/Patient.rs patient/Patient.rs",
        "everything",
    ],
)
def test_a_scope_that_is_never_granted_is_not_registered(database, scope):
    with database.writing() as connection, pytest.raises(BadRegistration):
        clients.register(connection, name="x", scope=scope, redirect_uris=["https://a.example/"])


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": []},
        {"keys": "x"},
        jwks(ECKey.generate_key("P-256", {"kid": "one"})),
        {"keys": [{"kty": "RSA", "kid": "one", "e": "AQAB", "n": "w" * 170}]},
        jwks(EC, EC),
        {"keys": [EC.as_dict(private=True)]},
        {"keys": [OctKey.generate_key(256, {"kid": "one"}).as_dict(private=True)]},
        {"keys": [{"kid": "one"}]},
        {"keys": [{"kid": "one", "kty": "RSA"}]},
        {"keys": [{name: value for name, value in EC.as_dict(private=False).items() if name != "kid"}]},
        {"keys": ["x"]},
        {"keys": [{"kty": "EC", "crv": "P-384", "kid": "one", "x": "x", "y": "y"}]},
        {"keys": [{"kty": "RSA", "kid": "one", "e": "AQAB", "n": 5}]},
    ],
)
def test_a_key_that_is_weak_private_or_nameless_is_not_registered(database, keys):
    with database.writing() as connection:
        account = people.create_account(connection, role="system-client", name="Feed")
        with pytest.raises(BadRegistration):
            clients.register(connection, name="x", scope="system/Patient.rs", jwks=keys, account=account)


def test_an_app_is_opened_at_an_address_as_strict_as_those_of_its_codes(database):
    stands = {"name": "x", "scope": "patient/Patient.rs", "redirect_uris": ["https://a.example/cb"]}
    with database.writing() as connection:
        clients.register(connection, **stands, launch_uri="https://a.example/launch")
        assert [app.launch_uri for app in clients.opened_for_a_child(connection)] == [
            "https://a.example/launch"
        ]
        for wrong in ("http://a.example/launch", "javascript:alert(1)", ""):
            with pytest.raises(BadRegistration):
                clients.register(connection, **stands, launch_uri=wrong)


def test_a_client_id_is_given_once(database):
    stands = {"name": "x", "scope": "patient/Patient.rs", "redirect_uris": ["https://a.example/cb"]}
    with database.writing() as connection:
        clients.register(connection, **stands, client_id="x")
        with pytest.raises(BadRegistration):
            clients.register(connection, **stands, client_id="x")


def test_a_resource_server_has_keys_and_no_scope_of_its_own(database):
    with database.writing() as connection:
        stands = {"name": "x", "scope": "", "jwks": jwks(EC), "introspects": True}
        assert clients.register(connection, **stands)
        for changes in ({"jwks": None}, {"scope": "user/Patient.rs"}, {"introspects": False}):
            with pytest.raises(BadRegistration):
                clients.register(connection, **stands | changes)


def test_a_system_has_keys_and_an_account_and_no_address(database):
    with database.writing() as connection:
        account = people.create_account(connection, role="system-client", name="Feed")
        stands = {"name": "x", "scope": "system/Patient.rs", "jwks": jwks(EC), "account": account}
        assert clients.register(connection, **stands)
        for changes in (
            {"jwks": None}, {"account": None}, {"scope": "user/Patient.rs"},
            {"redirect_uris": ["https://a.example/"]}, {"client_id": "x" * 201}, {"client_id": "é"},
        ):  # fmt: skip
            with pytest.raises(BadRegistration):
                clients.register(connection, **stands | changes)
