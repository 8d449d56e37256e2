"""Apps are registered, listed and disabled from the shell, and nowhere else."""

import json

import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey

from healthvisit.accounts import keys
from healthvisit.cli import main


@pytest.fixture
def shell(database, tmp_path, monkeypatch):
    url = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("HEALTHVISIT_DATABASE_URL", url)
    monkeypatch.setenv("HEALTHVISIT_SECRETS_FOLDER", str(tmp_path / "secrets"))
    keys.ensure(tmp_path / "secrets")
    return lambda *words: CliRunner().invoke(main, words)


def test_an_app_of_people_is_registered_listed_and_disabled(shell):
    scope, uri = "launch patient/Patient.rs", "https://a.example/cb"
    added = shell("client", "add", "--name", "Reader", "--scope", scope, "--redirect-uri", uri)
    assert added.exit_code == 0, added.output
    client_id = added.output.strip()
    assert shell("client", "list").output == f"{client_id}\tapp\tReader\t{scope}\n"
    assert shell("client", "disable", client_id).exit_code == 0
    assert "(disabled)" in shell("client", "list").output
    assert shell("client", "disable", client_id).exit_code == 2


def test_a_system_is_registered_with_its_keys_and_boroughs(shell, tmp_path):
    key = ECKey.generate_key("P-384", {"kid": "one"})
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    words = ("client", "add", "--name", "Feed", "--scope", "system/Patient.rs", "--jwks", str(file))
    assert shell(*words).exit_code == 2
    added = shell(*words, "--borough", "E08000002", "--client-id", "feed")
    assert (added.exit_code, added.output) == (0, "feed\n")
    assert "feed\tsystem" in shell("client", "list").output
    again = shell(*words, "--borough", "E08000002", "--client-id", "feed")
    assert (again.exit_code, "taken" in again.output) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("--redirect-uri", "http://a.example/cb"),
        ("--redirect-uri", "https://a.example/cb#x"),
        ("--redirect-uri", "https://*.example/cb"),
        ("--redirect-uri", "https://a.example/cb", "--scope", "everything"),
        ("--redirect-uri", "https://a.example/cb", "--launch-uri", "http://a.example/"),
        ("--borough", "E08000999"),
        (),
    ],
)
def test_what_could_be_misused_is_not_registered(shell, words):
    added = shell("client", "add", "--name", "x", "--scope", "patient/Patient.rs", *words)
    assert added.exit_code == 2
    assert shell("client", "list").output == ""


def test_keys_are_turned_from_the_shell(shell, tmp_path):
    before = keys.signing(tmp_path / "secrets").public["keys"]
    turned = shell("turn-keys")
    assert turned.exit_code == 0, turned.output
    after = keys.signing(tmp_path / "secrets").public["keys"]
    assert [after[1]] == before
    assert after[0]["kid"] in turned.output
    assert shell("turn-keys", "--at-once").exit_code == 0
    assert len(keys.signing(tmp_path / "secrets").public["keys"]) == 1
