"""A paper backlog comes in by the shell: surely matched rows are reviews, and the others wait for a person."""

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from healthvisit.cli import main
from healthvisit.programme.digitisation import capture_class
from healthvisit.record import record as the_record
from healthvisit.record.tables import audit_event, imported_row, resource
from healthvisit.reviews import encounters
from tests import builders
from tests.builders import BOROUGHS, a_child
from tests.conftest import serving
from tests.reviews.test_backlog import GOOD, a_file

BURY, SALFORD = BOROUGHS["bury"], BOROUGHS["salford"]


@pytest.fixture
def shell(furnished, monkeypatch, tmp_path):
    owner = furnished.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("HEALTHVISIT_DATABASE_URL", serving(owner))
    monkeypatch.setenv("HEALTHVISIT_OWNER_DATABASE_URL", owner)
    monkeypatch.setenv("HEALTHVISIT_SECRETS_FOLDER", str(tmp_path / "secrets"))
    return lambda *words: CliRunner().invoke(main, words)


@pytest.fixture
def lead(shell):
    return made(shell, "team-lead")


def made(shell, role, borough=BURY):
    answer = shell("person", "add", "--role", role, "--name", "Gemma", "--borough", borough)
    assert answer.exit_code == 0, answer.output
    return answer.output.strip()


@pytest.fixture
def brings(shell, lead, tmp_path):
    """Imports rows as Bury's team lead: the answer of the command."""

    def bring(*rows, dry=False, borough=BURY, account=lead):
        file = tmp_path / "backlog.csv"
        file.write_bytes(a_file(*rows))
        words = ("--dry-run",) if dry else ()
        return shell("import", str(file), "--borough", borough, "--account", account, *words)

    return bring


@pytest.fixture
def poppy(furnished, definitions):
    """The child whom the good row means."""
    return a_child(nhs_number=GOOD["nhs_number"]).kept_in(furnished, definitions)


def contacts(furnished, definitions, child):
    with the_record.opened(
        furnished, builders.a_requester("service"), definitions=definitions, at=builders.NOW
    ) as record:
        return [each.json() for each in record.each("Encounter", [("patient", child.reference)])]


def rows(furnished):
    with furnished.reading() as connection:
        return connection.execute(select(imported_row).order_by(imported_row.c.number)).all()


def resources(furnished):
    with furnished.reading() as connection:
        return connection.execute(select(resource.c.id, resource.c.version)).all()


def test_the_template_is_the_header_alone(shell):
    answer = shell("import-template")
    assert answer.stdout.strip() == ",".join(GOOD)
    assert "nhs_number" in answer.stderr


def test_a_row_becomes_a_review_that_says_where_it_comes_from(furnished, definitions, poppy, brings, lead):
    answer = brings({})
    assert (answer.exit_code, answer.output.strip().splitlines()[-1]) == (
        0,
        "imported: 1; waits for a decision at /staff/imports: 0; came before: 0; cannot be taken: 0.",
    )
    (encounter,) = contacts(furnished, definitions, poppy)
    assert encounters.review_of(encounter) == "one-year"
    assert str(encounters.happened_on(encounter)) == "2020-01-20"
    assert "released-at" not in str(encounter)
    # Typed in from paper: never of class A, whoever counts it.
    mode = encounters.stated(encounter, "capture-mode")
    assert (
        capture_class(mode, contact_ended_at=encounters.ended_at(encounter), recorded_at=None, complete=True)
        == "B"
    )
    with the_record.opened(
        furnished, builders.a_requester("team-lead"), definitions=definitions, at=builders.NOW
    ) as record:
        measured = [each.json() for each in record.each("Observation", [("patient", poppy.reference)])]
        (provenance,) = (
            each.json() for each in record.each("Provenance", [("target", f"Encounter/{encounter['id']}")])
        )
    assert {str(each["valueQuantity"]["value"]) for each in measured} == {"9.4", "75.5"}
    assert provenance["occurredPeriod"] == {"start": "2020-01-20", "end": "2021-02-01"}
    assert provenance["agent"][0]["who"]["identifier"]["value"] == lead
    assert len(provenance["target"]) == 3
    (row,) = rows(furnished)
    assert (row.state, row.content, row.encounter, row.brought_by) == (
        "imported",
        None,
        encounter["id"],
        lead,
    )


def test_a_dry_run_tells_of_each_row_and_changes_nothing(furnished, definitions, poppy, brings):
    before = resources(furnished)
    bad = {"source_reference": "b", "done_on": "2019-01-01", "weight_kg": "9,4"}
    unsure = {"source_reference": "c", "nhs_number": "", "given_name": "Rose"}
    answer = brings({}, bad, unsure, dry=True)
    assert answer.exit_code == 1
    assert "Row 3, column weight_kg: " in answer.output
    assert "Row 2: would be imported." in answer.output
    assert "Row 4: would wait for a decision at /staff/imports (There is no NHS number, and" in answer.output
    assert resources(furnished) == before
    assert rows(furnished) == []
    assert contacts(furnished, definitions, poppy) == []


def test_a_dry_run_foresees_what_the_rows_before_would_write(poppy, brings):
    answer = brings({}, {"source_reference": "again"}, dry=True)
    assert "Row 2: would be imported." in answer.output
    assert "Row 3: would wait" in answer.output


def test_nothing_that_a_row_says_is_printed(furnished, poppy, brings):
    told = "".join(
        brings(*each).output
        for each in (
            (
                {},
                {"source_reference": "b", "given_name": "Rose"},
                {"source_reference": "c", "birth_date": "x"},
            ),
            ({"given_name": "Zelda"},),
        )
    )
    for text in ("Poppy", "Rose", "Zelda", "Ashworth", "box 3", GOOD["nhs_number"], "BL9", "2019-01-15"):
        assert text not in told
    with furnished.reading() as connection:
        details = connection.scalars(select(audit_event.c.detail)).all()
    assert not any("Ashworth" in (each or "") or GOOD["nhs_number"] in (each or "") for each in details)


def test_the_same_file_again_adds_nothing(furnished, definitions, poppy, brings):
    waiting = {"source_reference": "b", "nhs_number": "", "given_name": "Rose"}
    brings({}, waiting)
    before = resources(furnished)
    answer = brings({}, waiting)
    assert answer.exit_code == 0
    assert "came before: 2;" in answer.output
    assert resources(furnished) == before
    assert len(rows(furnished)) == 2
    assert len(contacts(furnished, definitions, poppy)) == 1


def test_a_reference_that_says_something_else_now_is_refused(furnished, definitions, poppy, brings):
    brings({})
    answer = brings({"done_on": "2020-01-19"})
    assert answer.exit_code == 1
    assert "Row 2, column source_reference: It came before" in answer.output
    assert len(contacts(furnished, definitions, poppy)) == 1


@pytest.mark.parametrize("typed", [False, True])
def test_the_same_review_under_another_reference_is_asked_about(furnished, definitions, poppy, brings, typed):
    """A second review of one kind is a question, whether the first came in a file or from a tablet."""
    if typed:
        visit = builders.a_transaction(
            builders.an_entry(builders.an_encounter(poppy.reference, review="one-year", on="2020-02-03"))
        )
        with the_record.opened(
            furnished, builders.a_requester("service"), definitions=definitions, at=builders.NOW, writing=True
        ) as record:
            record.transact(visit)
    else:
        brings({})
    brings({"source_reference": "another box"})
    assert [row.question for row in rows(furnished) if row.state == "waiting"] == ["second-review"]
    assert len(contacts(furnished, definitions, poppy)) == 1


@pytest.mark.parametrize("number", [GOOD["nhs_number"], ""])
@pytest.mark.parametrize("told", ["by the record", "by a name", "by an address"])
def test_twins_are_never_matched_without_a_person(furnished, definitions, brings, number, told):
    one = a_child(nhs_number=GOOD["nhs_number"])
    other = a_child(family="Ashworth" if told == "by a name" else "Brown")
    other.patient["name"][0]["given"] = ["Rose"]
    if told != "by an address":
        del other.patient["address"]
    if told == "by the record":
        one.patient["multipleBirthBoolean"] = True
    kept = [each.kept_in(furnished, definitions) for each in (one, other)]
    answer = brings({"nhs_number": number})
    assert "waits for a decision at /staff/imports: 1" in answer.output
    assert [row.question for row in rows(furnished)] == ["twins"]
    assert [contacts(furnished, definitions, each) for each in kept] == [[], []]


@pytest.mark.parametrize(
    ("changed", "question"),
    [
        ({"nhs_number": ""}, None),
        ({"nhs_number": "", "family_name": "ASHWORTH", "postcode": "bl90zz"}, None),
        ({"given_name": "Poppy Mary"}, None),
        ({"postcode": "M1 1AA"}, None),
        ({"nhs_number": "", "postcode": ""}, "demographics-differ"),
        ({"nhs_number": "", "postcode": "M1 1AA"}, "demographics-differ"),
        ({"nhs_number": "", "sex": "male"}, "demographics-differ"),
        ({"nhs_number": "", "given_name": "Poppy Mary"}, "demographics-differ"),
        ({"nhs_number": "", "family_name": "Brown"}, "no-child"),
        ({"nhs_number": "", "birth_date": "2019-01-16"}, "no-child"),
        ({"given_name": "Rose"}, "number-disagrees"),
        ({"birth_date": "2019-01-16"}, "number-disagrees"),
        ({"sex": "male"}, "number-disagrees"),
        ({"nhs_number": builders.an_nhs_number(434_343)}, "number-not-known"),
        ({"given_name": "Baby"}, "number-disagrees"),
        ({"weight_kg": "20.7"}, "measurement-unlikely"),
    ],
)
def test_what_is_uncertain_waits(furnished, poppy, brings, changed, question):
    brings(changed)
    (row,) = rows(furnished)
    assert (row.state, row.question) == ("imported" if question is None else "waiting", question)


def test_a_review_after_death_waits(furnished, definitions, brings):
    child = a_child(nhs_number=GOOD["nhs_number"])
    child.patient["deceasedDateTime"] = "2020-01-19"
    child.kept_in(furnished, definitions)
    brings({})
    assert [row.question for row in rows(furnished)] == ["after-death"]


def test_a_child_of_another_borough_is_as_one_who_is_not_there(furnished, definitions, brings):
    child = a_child(nhs_number=GOOD["nhs_number"], borough="salford").kept_in(furnished, definitions)
    brings({}, {"source_reference": "b", "nhs_number": ""})
    assert [row.question for row in rows(furnished)] == ["no-child", "no-child"]
    assert contacts(furnished, definitions, child) == []


def test_a_child_who_has_moved_away_is_not_written_for(furnished, definitions, brings):
    child = a_child(nhs_number=GOOD["nhs_number"], until="2020-06-01")
    # What the borough wrote of the child it goes on reading.
    child = child.with_review("new-birth", on="2019-01-27").kept_in(furnished, definitions)
    brings({})
    assert [row.question for row in rows(furnished)] == ["not-answered-for"]
    assert len(contacts(furnished, definitions, child)) == 1


def test_who_does_not_lead_in_the_borough_brings_nothing(furnished, shell, lead, brings):
    visitor, elsewhere = made(shell, "health-visitor"), made(shell, "safeguarding-lead", SALFORD)
    for account, borough in ((visitor, BURY), (elsewhere, BURY), (lead, SALFORD), ("nobody", BURY)):
        answer = brings({}, account=account, borough=borough)
        assert answer.exit_code == 2, answer.output
    assert rows(furnished) == []


def test_a_row_that_the_record_does_not_take_waits_and_holds_up_no_other(
    furnished, definitions, poppy, brings, shell
):
    # The account is of a Practitioner whom the record does not have.
    words = ("--role", "team-lead", "--name", "Gemma", "--borough", BURY, "--practitioner", "nobody")
    account = shell("person", "add", *words).output.strip()
    answer = brings({}, {"source_reference": "b", "nhs_number": "", "given_name": "Rose"}, account=account)
    assert answer.exit_code == 0
    assert [row.question for row in rows(furnished)] == ["not-taken", "demographics-differ"]
    assert contacts(furnished, definitions, poppy) == []


def test_a_file_leaves_an_event_with_its_digest_and_counts(furnished, poppy, brings, lead):
    brings({}, dry=True)
    brings({})
    with furnished.reading() as connection:
        told = connection.execute(
            select(audit_event.c.account, audit_event.c.detail)
            .where(audit_event.c.detail.like("$import-file %"))
            .order_by(audit_event.c.seq)
        ).all()
        (row,) = connection.execute(select(imported_row.c.file)).all()
    assert [each.account for each in told] == [lead, lead]
    assert all(f"sha256={row.file} rows=1 imported=1" in each.detail for each in told)
    assert [each.detail[-5:] for each in told] == ["dry=1", "dry=0"]
