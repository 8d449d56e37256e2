"""Reviews from paper of which nobody is sure wait for who leads: accepted, refused, or set aside, and once alone."""

import re

import html5lib
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from healthvisit.cli import main
from healthvisit.record.tables import audit_event, imported_row
from tests import builders
from tests.flows.demonstration import form_token
from tests.reviews.test_backlog import a_file

NEVER = "01890000-0000-7000-8000-000000000000"
IMPORTED = "https://healthvisit.example/fhir/Id/imported-review"


def shown(answer, status=200):
    assert answer.status_code == status, answer.text
    html5lib.HTMLParser(strict=True).parse(answer.text)
    assert "None<" not in answer.text
    return answer.text


@pytest.fixture
def shell(demonstration, monkeypatch):
    demonstration.in_shell(monkeypatch)

    def run(*words, typed=None):
        answer = CliRunner().invoke(main, words, input=typed)
        assert answer.exit_code == 0, answer.output
        return answer.output

    return run


@pytest.fixture
def lead(demonstration):
    return demonstration.browser("team-lead")


@pytest.fixture
def child(demonstration):
    """A child of Bury without a one-year review, as the record has it."""
    app = demonstration.staff_app("bury")
    reviewed = {each["subject"]["reference"] for each in app.found("Encounter", ("_count", "1000"))
                if "one-year" in str(each["type"])}  # fmt: skip
    return next(
        patient
        for each in demonstration.children(app)
        if f"Patient/{each}" not in reviewed
        and (patient := app.read(f"/fhir/Patient/{each}"))["birthDate"] < "2021-02-01"
        and not patient.get("multipleBirthBoolean")
        and "given" in patient["name"][0]
    )


def of(child, **changed):
    """A row of this child, which no rule matches by itself: it has no number and no postcode."""
    name = child["name"][0]
    day = "2021-02-10"
    return {
        "nhs_number": "", "postcode": "", "sex": "", "family_name": name["family"],
        "given_name": " ".join(name["given"]), "birth_date": child["birthDate"], "done_on": day,
        "paper_recorded_on": day, "keyed_on": day, "weight_kg": "", "length_cm": "",
    } | changed  # fmt: skip


@pytest.fixture
def brought(demonstration, shell, tmp_path):
    def bring(*rows, borough="E08000002", name="team-lead"):
        with demonstration.database.reading() as connection:
            account = connection.exec_driver_sql(
                f"select id from account where sign_in_name = '{name}'"
            ).scalar_one()
        file = tmp_path / "backlog.csv"
        file.write_bytes(a_file(*rows))
        return shell("import", str(file), "--borough", borough, "--account", account)

    return bring


def waiting(browser):
    """Addresses of what waits, in the order of the page."""
    return re.findall(r'href="(/staff/imports/[^"]+)"', shown(browser.get("/staff/imports")))


def sent(browser, address, where, **form):
    page = browser.get(address).text
    row = address.rpartition("/")[2]
    return browser.post(f"/staff/imports/{where}", data={"row": row, "csrf_token": form_token(page), **form})


def reviews(app, child):
    return [each for each in app.found("Encounter", ("patient", child["id"]), ("_count", "1000"))
            if IMPORTED in str(each.get("identifier"))]  # fmt: skip


def rows(demonstration):
    with demonstration.database.reading() as connection:
        return connection.execute(select(imported_row).order_by(imported_row.c.number)).all()


def test_who_leads_says_which_child_it_is_and_the_review_is_in_the_record_once(
    demonstration, lead, brought, child
):
    bury = demonstration.staff_app("bury")
    brought(of(child))
    (address,) = waiting(lead)
    page = shown(lead.get(address))
    for word in (child["name"][0]["family"], "1 year review", "10 February 2021", "fits only in part"):
        assert word in page
    answer = sent(lead, address, "accepted", child=child["id"])
    assert (answer.status_code, answer.location) == (303, "/staff/imports?done=accepted")
    assert "in the child’s record" in shown(lead.get(answer.location))
    (review,) = reviews(bury, child)
    assert review["period"]["start"] == "2021-02-10"
    (row,) = rows(demonstration)
    assert (row.state, row.content, row.encounter) == ("imported", None, review["id"])
    # The team's tablet and its page take it as a review that was done; parents are told nothing of it.
    carried = demonstration.tablet("bury").read("/tablet/caseload")["children"]
    assert child["id"] in {each["patient"]["id"] for each in carried}
    page = shown(lead.get(f"/staff/children/{child['id']}"))
    assert "10 February 2021" in page
    assert "released-at" not in str(review)
    # Again, by the page that is still open, and by the same file.
    assert lead.get(address).status_code == 409
    token = form_token(lead.get("/staff/imports").text)
    form = {"row": address.rpartition("/")[2], "child": child["id"], "csrf_token": token}
    assert lead.post("/staff/imports/accepted", data=form).status_code == 409
    assert "came before: 1" in brought(of(child))
    assert len(reviews(bury, child)) == 1
    with demonstration.database.reading() as connection:
        told = connection.scalars(
            select(audit_event.c.detail).where(
                audit_event.c.role == "team-lead", audit_event.c.detail.is_not(None)
            )
        ).all()
    assert {"$imports", "$import-row", "$settle-import", "$import-question"} <= set(told)


def test_a_row_that_is_not_taken_keeps_nothing_of_what_it_said(demonstration, lead, brought, child):
    brought(of(child))
    (address,) = waiting(lead)
    assert "Choose why" in shown(sent(lead, address, "refused"), 400)
    assert "Choose why" in shown(sent(lead, address, "refused", reason="because"), 400)
    answer = sent(lead, address, "refused", reason="wrong-in-source")
    assert answer.location == "/staff/imports?done=refused"
    (row,) = rows(demonstration)
    assert (row.state, row.reason, row.content) == ("refused", "wrong-in-source", None)
    assert waiting(lead) == []
    assert reviews(demonstration.staff_app("bury"), child) == []


def test_what_is_set_aside_stands_last_and_is_decided_another_day(demonstration, lead, brought, child):
    brought(of(child), of(child, source_reference="other"))
    first, second = waiting(lead)
    assert sent(lead, first, "aside").location == "/staff/imports?done=aside"
    assert waiting(lead) == [second, first]
    assert "It is set aside." in shown(lead.get(first))
    assert sent(lead, first, "accepted", child=child["id"]).status_code == 303
    assert waiting(lead) == [second]
    # The other is a second review of the kind now: told, and left to the person.
    assert "has a review of this kind already" in shown(lead.get(second))


def test_a_child_who_is_no_candidate_is_named_by_its_number(demonstration, lead, brought, child):
    brought(of(child, family_name="Nobody"))
    (address,) = waiting(lead)
    assert child["id"] not in shown(lead.get(address))
    # Who was not offered is not taken by its id.
    assert sent(lead, address, "accepted", child=child["id"]).status_code == 422
    assert "Choose which child" in shown(sent(lead, address, "accepted"), 400)
    assert "10 digits" in shown(sent(lead, address, "accepted", child="another", nhs_number="12"), 400)
    none = sent(lead, address, "accepted", child="another", nhs_number=builders.an_nhs_number(900_777))
    assert "No child of your service" in shown(none, 422)
    number = child["identifier"][0]["value"]
    answer = sent(lead, address, "accepted", child="another", nhs_number=f"{number[:3]} {number[3:]}")
    assert answer.status_code == 303
    assert len(reviews(demonstration.staff_app("bury"), child)) == 1


def test_a_review_after_death_is_recorded_for_nobody(demonstration, lead, brought, child):
    app = demonstration.staff_app("bury")
    dead = child | {"deceasedDateTime": "2021-02-01"}
    assert app.put(f"/fhir/Patient/{child['id']}", dead, If_Match='W/"1"').status_code == 200
    number = child["identifier"][0]["value"]
    brought(of(child, nhs_number=number))
    (address,) = waiting(lead)
    assert "cannot be recorded for" in shown(lead.get(address))
    for form in ({"child": child["id"]}, {"child": "another", "nhs_number": number}):
        assert "cannot be of this child" in shown(sent(lead, address, "accepted", **form), 422)
    assert reviews(app, child) == []


@pytest.fixture
def elsewhere(demonstration, shell):
    """Who leads in Salford."""
    words = (
        "--role",
        "team-lead",
        "--name",
        "Sam",
        "--sign-in-name",
        "salford-lead",
        "--borough",
        "E08000006",
    )
    shell("person", "add", *words, typed="a-long-one\na-long-one\n")
    browser = demonstration.client("salford-lead")
    form = {"name": "salford-lead", "password": "a-long-one"}
    token = form_token(browser.get("/sign-in").text)
    assert browser.post("/sign-in", data=form | {"csrf_token": token}).status_code == 303
    return browser


def test_who_leads_elsewhere_sees_and_decides_nothing(demonstration, lead, brought, elsewhere, child):
    brought(of(child))
    (address,) = waiting(lead)
    assert waiting(elsewhere) == []
    missing = elsewhere.get(f"/staff/imports/rows/{NEVER}")
    assert elsewhere.get(address).status_code == missing.status_code == 404
    assert elsewhere.get(address).data == missing.data
    token = form_token(elsewhere.get("/staff/moves").text)
    form = {
        "row": address.rpartition("/")[2],
        "csrf_token": token,
        "child": child["id"],
        "reason": "wrong-in-source",
    }
    answers = [
        elsewhere.post(f"/staff/imports/{where}", data=form) for where in ("accepted", "refused", "aside")
    ]
    assert [each.status_code for each in answers] == [404, 404, 404]
    assert [row.state for row in rows(demonstration)] == ["waiting"]


def test_a_child_of_another_borough_is_no_candidate_and_not_found_by_number(
    demonstration, lead, brought, elsewhere, child
):
    brought(of(child, nhs_number=child["identifier"][0]["value"]), borough="E08000006", name="salford-lead")
    (address,) = waiting(elsewhere)
    page = shown(elsewhere.get(address))
    assert child["id"] not in page
    assert "No child of your service fits" in page
    answer = sent(elsewhere, address, "accepted", child="another", nhs_number=child["identifier"][0]["value"])
    assert "No child of your service" in shown(answer, 422)
    assert reviews(demonstration.staff_app("bury"), child) == []


@pytest.mark.parametrize("name", ["bury", "parent", "commissioner"])
def test_the_page_is_for_those_who_lead(demonstration, name):
    browser = demonstration.browser(name)
    assert browser.get("/staff/imports").status_code == 403
    assert browser.get(f"/staff/imports/rows/{NEVER}").status_code == 403
