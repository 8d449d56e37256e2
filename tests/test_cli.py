"""The shell commands of those who answer for the audit."""

import pytest
from click.testing import CliRunner

from healthvisit import cli
from healthvisit.accounts import keys
from healthvisit.record.record import opened
from tests.builders import NOW, a_child, a_requester

NEVER = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def child(furnished, definitions):
    child = a_child().with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    with opened(furnished, a_requester(account="a"), definitions=definitions, at=NOW) as record:
        record.read("Patient", child.id)
        record.search("Patient", [("identifier", child.nhs_number)])
    return child


@pytest.fixture
def shell(furnished, tmp_path, monkeypatch):
    """Runs a command; returns its exit code and the lines that it printed."""
    url = furnished.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("HEALTHVISIT_DATABASE_URL", url)
    monkeypatch.setenv("HEALTHVISIT_SECRETS_FOLDER", str(tmp_path / "secrets"))
    keys.ensure(tmp_path / "secrets")

    def shell(*words):
        done = CliRunner().invoke(cli.main, words)
        return done.exit_code, done.output.splitlines()

    return shell


@pytest.mark.usefixtures("child")
def test_an_untouched_audit_is_told_as_whole(shell):
    code, lines = shell("audit-verify")
    assert code == 0
    assert lines[-1] == "Each follows the one before it."


@pytest.mark.usefixtures("child")
def test_the_first_broken_event_is_named(shell, furnished):
    with furnished.writing() as connection:
        seq = connection.exec_driver_sql("select min(seq) from audit_event where account = 'a'").scalar_one()
        connection.exec_driver_sql("update audit_event set account = 'b' where account = 'a'")
    code, lines = shell("audit-verify")
    assert code == 1
    assert lines[-1].startswith(f"BROKEN: event (seq {seq}, stream ")
    assert lines[-1].endswith(" was changed")
    assert shell("audit-verify", "--from", str(seq + 1))[0] == 1
    assert shell("audit-verify", "--from", str(seq + 100))[0] == 0


@pytest.mark.usefixtures("child")
def test_what_a_witness_holds_shows_that_the_audit_was_emptied(shell, furnished, tmp_path):
    code, [head] = shell("audit-head")
    assert code == 0
    kept = tmp_path / "kept"
    kept.write_text(f"{head}\n")
    assert shell("audit-verify", "--witnessed", str(kept))[0] == 0
    with furnished.writing() as connection:
        connection.exec_driver_sql("delete from audit_event")
        connection.exec_driver_sql("delete from audit_anchor where number > 0")
    assert shell("audit-verify")[0] == 0
    code, lines = shell("audit-verify", "--witnessed", str(kept))
    assert code == 1
    assert lines[-1] == "BROKEN: anchor 1 was witnessed, and is gone"
    kept.write_text("x.y.z\n")
    assert shell("audit-verify", "--witnessed", str(kept)) == (
        1,
        ["Error: Line 1 is not a head that this service signed."],
    )


def test_the_desk_sees_accounts_roles_instants_and_kinds_but_no_name(shell, child):
    code, lines = shell("who-saw", child.id)
    assert code == 0
    assert "2021-02-15T09:00:00.000Z\ta\thealth-visitor\tE08000002\t-\tread\tPatient\tDone" in lines
    assert child.nhs_number not in "".join(lines)
    code, again = shell("who-saw", child.id)
    assert code == 0
    assert again[:-1] == lines
    assert again[-1].split("\t")[1:3] == ["who-saw", "service"]
    assert shell("who-saw", NEVER) == (1, ["Error: There is no such Patient."])
