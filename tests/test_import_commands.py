"""A paper backlog comes in by the shell: surely matched rows are reviews, and the others wait for a person.

So do the counts of a borough's own books, which are its return.
"""

from datetime import date

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from healthvisit.cli import main
from healthvisit.programme.dates import Quarter
from healthvisit.programme.digitisation import Counts, capture_class
from healthvisit.record import record as the_record
from healthvisit.record.tables import audit_event, imported_row, resource
from healthvisit.reviews import encounters
from healthvisit.reviews import quarter as quarters
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


@pytest.mark.parametrize(
    ("review", "mode", "counted"),
    [
        ("one-year", "transcribed", Counts(B=1)),
        ("one-year", "document", Counts(C=1)),
        ("one-year", "paper-only", Counts(D=1)),
        ("one-year", "unknown", Counts(U=1)),
        # Its form asks how the child is fed, which no column tells.
        ("six-to-eight-week", "transcribed", Counts(C=1)),
    ],
)
def test_what_comes_from_paper_is_counted_and_never_as_entered_with_the_family(
    furnished, definitions, poppy, brings, review, mode, counted
):
    brings({"review": review, "capture_mode": mode, "weight_kg": "", "length_cm": ""})
    quarter = Quarter.of(date(2020, 1, 20))
    with the_record.opened(
        furnished, builders.a_requester("service"), definitions=definitions, at=builders.NOW
    ) as record:
        found = quarters.held(record, quarter, "bury", until=quarter.last_on)
    assert found[review] == counted


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


def test_who_leads_in_two_boroughs_brings_a_file_for_one(furnished, definitions, shell, brings):
    words = ("--role", "team-lead", "--name", "Gemma", "--borough", BURY, "--borough", SALFORD)
    account = shell("person", "add", *words).output.strip()
    child = a_child(nhs_number=GOOD["nhs_number"], borough="salford").kept_in(furnished, definitions)
    brings({}, account=account)
    assert [(row.state, row.question) for row in rows(furnished)] == [("waiting", "no-child")]
    assert contacts(furnished, definitions, child) == []


def test_a_review_in_pregnancy_is_of_the_child_who_was_born(furnished, definitions, poppy, brings):
    row = {"review": "antenatal", "done_on": "2018-12-20", "paper_recorded_on": "2018-12-20", "weight_kg": ""}
    answer = brings(row | {"length_cm": ""})
    assert answer.output.startswith("imported: 1;")
    (encounter,) = contacts(furnished, definitions, poppy)
    assert encounters.review_of(encounter) == "antenatal"


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


# The borough's own counts

Q4 = "2020-21 Q4"
COUNTS = {"antenatal": 0, "new-birth": 12, "six-to-eight-week": 11, "one-year": 10, "two-year": 9}
DAY = "2021-03-31"


def a_return(quarter=Q4, until=DAY, **counts):
    """Lines of the file, by review."""
    given = COUNTS | {review.replace("_", "-"): count for review, count in counts.items()}
    return {review: f"{quarter},{until},{review},{count}" for review, count in given.items()}


@pytest.fixture
def returns(shell, furnished, tmp_path):
    """Brings a return as Bury's administrator."""
    administrator = made(shell, "administrator")

    def bring(*parts, dry=False, borough=BURY, account=administrator):
        file = tmp_path / "returns.csv"
        lines = [line for part in parts for line in part.values()]
        file.write_text("\n".join(["quarter,covered_until,review,completed", *lines]))
        words = ("--dry-run",) if dry else ()
        return shell("import-returns", str(file), "--borough", borough, "--account", account, *words)

    return bring


def reports(furnished, definitions, borough="bury"):
    """The returns of a borough, the oldest first."""
    with the_record.opened(
        furnished,
        builders.a_requester("administrator", boroughs=[borough]),
        definitions=definitions,
        at=builders.NOW,
    ) as record:
        return sorted(
            (each.json() for each in record.each("MeasureReport", [])), key=lambda each: each["date"]
        )


def test_the_template_of_a_return_is_its_header(shell):
    answer = shell("import-returns-template")
    assert answer.stdout.strip() == "quarter,covered_until,review,completed"
    assert "antenatal" in answer.stderr


def test_a_return_is_the_boroughs_and_makes_its_rate_assessable(furnished, definitions, returns):
    a_child(born="2019-02-01").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    assert returns(a_return(), dry=True).output == f"{Q4}: would be taken.\n"
    assert reports(furnished, definitions) == []
    answer = returns(a_return())
    assert (answer.exit_code, answer.output) == (0, f"{Q4}: taken.\n")
    (report,) = reports(furnished, definitions)
    assert report["reporter"] == {"reference": "Organization/bury-health-visiting"}
    assert quarters.returned_counts(report) == COUNTS
    assert reports(furnished, definitions, "salford") == []
    at = builders.NOW.replace(month=4)
    with the_record.opened(
        furnished, builders.a_requester("service"), definitions=definitions, at=at, writing=True
    ) as record:
        quarters.close(record, Quarter.parse(Q4), on=at.date())
        figures = next(each for each in quarters.figures(record) if str(each.quarter) == Q4)
    assert [area.borough for area in figures.boroughs if area.digitisation.reason != "no-return"] == ["bury"]


def test_a_return_says_who_answers_for_it_and_which_file_it_came_in(furnished, definitions, shell, returns):
    lead = made(shell, "team-lead")
    assert returns(a_return(), account=lead).exit_code == 0
    (report,) = reports(furnished, definitions)
    with furnished.reading() as connection:
        told = connection.execute(
            select(audit_event.c.account, audit_event.c.interaction).where(
                audit_event.c.resource_id == report["id"], audit_event.c.role == "service"
            )
        ).all()
    assert [tuple(each) for each in told] == [(lead, "create")]
    assert len(report["identifier"][0]["value"]) == 64


def test_the_same_return_again_adds_nothing_and_a_mended_one_is_kept_beside_it(
    furnished, definitions, returns
):
    returns(a_return())
    assert returns(a_return()).output == f"{Q4}: stands so already.\n"
    assert len(reports(furnished, definitions)) == 1
    assert returns(a_return(two_year=14)).output == f"{Q4}: taken.\n"
    assert [quarters.returned_counts(each)["two-year"] for each in reports(furnished, definitions)] == [9, 14]


def test_a_return_under_what_the_record_holds_is_refused_whole(furnished, definitions, returns):
    for born in ("2019-02-01", "2019-02-02"):
        a_child(born=born).with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    # Another borough's, and one after the last day that the books cover, are no part of these books.
    a_child(borough="salford").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    a_child(born="2019-02-01").with_review("two-year", on="2021-02-03").kept_in(furnished, definitions)
    short = a_return(until="2021-02-02", two_year=1)
    for dry in (True, False):
        answer = returns(a_return("2020-21 Q3", "2020-12-31"), short, dry=dry)
        assert answer.exit_code == 1
        assert "Row 11, column completed: It is under what the record itself holds" in answer.output
        assert "Nothing was taken." in answer.output
    assert reports(furnished, definitions) == []
    assert returns(a_return(until="2021-02-02", two_year=2)).exit_code == 0
    assert "column completed" in returns(a_return(two_year=2)).output


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (a_return() | {"two-year": f"{Q4},{DAY},two-year,1e2"}, "Row 6, column completed"),
        (a_return() | {"two-year": f'{Q4},{DAY},two-year,"1,204"'}, "Row 6, column completed"),
        (a_return() | {"two-year": f"{Q4},{DAY},two-year,-1"}, "Row 6, column completed"),
        (a_return() | {"two-year": f"{Q4},{DAY},two-year,"}, "Row 6, column completed"),
        (a_return() | {"two-year": f"{Q4},{DAY},school,4"}, "Row 6, column review"),
        (a_return() | {"two-year": f"{Q4},{DAY},one-year,4"}, "Row 6, column review: This review"),
        (a_return() | {"two-year": f"{Q4},31/03/2021,two-year,4"}, "Row 6, column covered_until"),
        (a_return() | {"two-year": f"{Q4},2021-02-28,two-year,4"}, "different days"),
        (a_return() | {"two-year": f"Q4 2020,{DAY},two-year,4"}, "Row 6, column quarter"),
        ({"one": f"{Q4},{DAY},two-year,4"}, "has no row for antenatal, new-birth"),
        (a_return(until="2021-04-01"), "not in the quarter"),
        (a_return("2090-91 Q4", "2091-03-31"), "not come yet"),
    ],
)
def test_a_return_that_cannot_be_right_is_told_by_row_and_column(
    furnished, definitions, returns, lines, told
):
    answer = returns(lines)
    assert answer.exit_code == 1
    assert told in answer.output
    assert reports(furnished, definitions) == []


def test_a_return_that_covers_less_than_the_standing_one_is_refused(furnished, definitions, returns):
    returns(a_return())
    answer = returns(a_return(until="2021-03-30"))
    assert "goes further into the quarter stands already" in answer.output
    assert len(reports(furnished, definitions)) == 1


def test_nobody_brings_another_boroughs_return(furnished, shell, definitions, returns):
    elsewhere, visitor = made(shell, "administrator", SALFORD), made(shell, "health-visitor")
    for account, borough in ((elsewhere, BURY), (visitor, BURY), ("nobody", BURY)):
        assert returns(a_return(), account=account, borough=borough).exit_code == 2
    assert returns(a_return(), borough=SALFORD).exit_code == 2
    assert reports(furnished, definitions) == []
