"""A child of another borough is opened in an emergency: read for a while, by who opened it, and looked at after."""

import re
from datetime import timedelta

import html5lib
import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from healthvisit import cli
from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.record import audit, glass
from healthvisit.record.tables import audit_event, opened_glass
from tests import builders
from tests.flows.demonstration import faults, form_token, located
from tests.flows.test_restricted import a_flag, marked

NUMBER = re.compile(r"[0-9]{10}\Z")
SENTENCE = "She is in our clinic with a burn"
NEVER = builders.an_nhs_number(900_777)


@pytest.fixture
def child(demonstration):
    """A child of Bury, as Bury reads it."""
    bury = demonstration.staff_app("bury")
    return bury.read(f"/fhir/Patient/{demonstration.a_child(bury)}")


def typed(child, **changes):
    year, month, day = child["birthDate"].split("-")
    return {
        "nhs_number": child["identifier"][0]["value"], "born-day": day, "born-month": month, "born-year": year,
        "reason": "urgent-care", "sentence": SENTENCE,
    } | changes  # fmt: skip


def sent(browser, address, form):
    page = browser.get("/staff/open").text
    # Each field is one of the page's own.
    missing = [name for name in form if name in typed_names() and f'name="{name}"' not in page]
    assert missing == []
    return browser.post(address, data=form | {"csrf_token": form_token(page)})


def typed_names():
    return ("nhs_number", "born-day", "born-month", "born-year", "reason", "sentence")


def shown(answer, status=200):
    assert answer.status_code == status, answer.text
    html5lib.HTMLParser(strict=True).parse(answer.text)
    assert "None<" not in answer.text
    return answer.text


def test_who_opens_a_child_reads_it_and_changes_nothing(demonstration, child):
    browser, app = demonstration.browser("salford"), demonstration.staff_app("salford")
    patient = f"/fhir/Patient/{child['id']}"
    flag = located(
        demonstration.staff_app("bury").post("/fhir/Flag", a_flag(patient[6:], "A dog that bites"))
    )
    assert app.get(patient).status_code == 404
    there = sent(browser, "/staff/open", typed(child))
    assert there.status_code == 303
    with demonstration.app.app_context():
        closing = (door.now() + glass.LIFE).astimezone(door.LONDON).date()
    page = shown(browser.get(there.location))
    assert "A dog that bites" in page
    assert child["name"][0]["family"] in page
    assert f"until {words.day(closing)}" in page
    # The account has it open, in every app that it lets read, and nobody else.
    body = app.read(patient)
    assert app.found("Patient", ("_id", child["id"])) == [body]
    assert app.get(f"/fhir/{flag}").status_code == 200
    assert app.get(f"{patient}/$everything").status_code == 200
    assert app.put(patient, body, If_Match=app.get(patient).headers["ETag"]).status_code == 403
    assert app.post("/fhir/Flag", a_flag(patient[6:])).status_code == 403
    assert app.found("AuditEvent", ("patient", child["id"])) == []
    writing = demonstration.app_of("salford", "user/Patient.cu user/Observation.rs")
    assert writing.get(patient).status_code == 403
    named = "user/*.rs?_tag=https://healthvisit.example/fhir/Id/gss-code|E08000006"
    assert demonstration.app_of("salford", named).get(patient).status_code == 404
    assert child["id"] not in str(demonstration.tablet("salford").read("/tablet/caseload"))


def test_when_the_time_is_over_the_next_request_reaches_nothing(demonstration, child):
    browser, app = demonstration.browser("salford"), demonstration.staff_app("salford")
    address = sent(browser, "/staff/open", typed(child)).location
    assert app.get(f"/fhir/Patient/{child['id']}").status_code == 200
    with demonstration.database.writing() as connection:
        row = connection.execute(select(opened_glass)).one()
        assert row.until - row.opened_at == glass.LIFE / timedelta(microseconds=1)
        past = {"opened_at": row.opened_at - 10**11, "until": row.opened_at}
        connection.execute(update(opened_glass).values(past))
    assert app.get(f"/fhir/Patient/{child['id']}").status_code == 404
    assert browser.get(address).status_code == 404
    assert "Open to you now" not in shown(browser.get("/staff/open"))


@pytest.mark.parametrize("wrong", [{"nhs_number": NEVER}, {"born-day": "31", "born-month": "12"}])
def test_a_wrong_pair_gets_one_answer_and_is_written_down(demonstration, child, wrong):
    browser = demonstration.browser("salford")
    page = shown(sent(browser, "/staff/open", typed(child, **wrong)), 400)
    assert "No child has this NHS number and date of birth" in page
    with demonstration.database.reading() as connection:
        assert connection.execute(select(opened_glass)).all() == []
        row = connection.execute(
            select(audit_event).where(audit_event.c.detail == "$open").order_by(audit_event.c.seq.desc())
        ).first()
    assert (row.outcome, row.role, row.child_rid, row.resource_id) == (
        audit.REFUSED,
        "health-visitor",
        None,
        None,
    )


def test_the_two_wrong_answers_are_the_same(demonstration, child):
    pages = []
    for wrong in ({"nhs_number": NEVER}, {"born-day": "31", "born-month": "12"}):
        page = sent(demonstration.browser("salford"), "/staff/open", typed(child, **wrong)).text
        for value in typed(child, **wrong).values():
            page = page.replace(f'value="{value}"', "")
        pages.append(re.sub(r'name="csrf_token" value="[^"]*"', "", page))
    assert pages[0] == pages[1]


def test_ten_tries_an_hour_are_enough(demonstration, child):
    browser = demonstration.browser("salford")
    for _ in range(10):
        assert sent(browser, "/staff/open", typed(child, nhs_number=NEVER)).status_code == 400
    busy = sent(browser, "/staff/open", typed(child))
    assert "You have tried too often" in shown(busy, 429)
    assert int(busy.headers["Retry-After"]) > 3000
    assert sent(demonstration.browser("safeguarding-lead"), "/staff/open", typed(child)).status_code == 303


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("nhs_number", {"nhs_number": "1234567890"}),
        ("born-day", {"born-month": "13"}),
        ("born-day", {"born-year": "\u0662\u0660\u0661\u0669"}),
        ("reason", {"reason": "curious"}),
        ("sentence", {"sentence": "  urgent "}),
        ("sentence", {"sentence": "a" * 501}),
        ("nhs_number", {"nhs_number": ""}),
    ],
)
def test_what_does_not_fit_is_told_by_its_field_and_is_no_try(demonstration, child, field, changes):
    browser = demonstration.browser("salford")
    page = shown(sent(browser, "/staff/open", typed(child, **changes)), 400)
    assert f'href="#{field}"' in page
    with demonstration.database.reading() as connection:
        assert connection.execute(select(opened_glass)).all() == []


@pytest.mark.parametrize("name", ["parent", "commissioner", "administrator"])
def test_it_is_for_staff(demonstration, name):
    browser = demonstration.browser(name)
    assert browser.get("/staff/open").status_code == 403
    assert browser.get("/staff/openings").status_code == 403


def test_a_child_of_ones_own_borough_is_not_opened_but_shown(demonstration, child):
    browser = demonstration.browser("bury")
    page = shown(browser.get(sent(browser, "/staff/open", typed(child)).location))
    assert "Open until" not in page
    with demonstration.database.reading() as connection:
        assert connection.execute(select(opened_glass)).all() == []
    assert browser.get("/staff/openings").status_code == 403


def test_restricted_papers_stay_closed_but_for_a_safeguarding_lead(demonstration, child):
    flag = located(
        demonstration.staff_app("bury").post("/fhir/Flag", marked(a_flag(f"Patient/{child['id']}")))
    )
    with demonstration.database.writing() as connection:
        lead = connection.exec_driver_sql("select id from account where sign_in_name = 'safeguarding-lead'")
        account = lead.scalar_one()
        connection.exec_driver_sql(
            f"update account_borough set borough = 'E08000006' where account = '{account}'"
        )
    for name, status in (("salford", 404), ("safeguarding-lead", 200)):
        browser, app = demonstration.browser(name), demonstration.staff_app(name)
        assert app.get(f"/fhir/{flag}").status_code == 404
        page = shown(browser.get(sent(browser, "/staff/open", typed(child)).location))
        assert app.get(f"/fhir/{flag}").status_code == status
        assert ("A canary of concern" in page) == (status == 200)


def test_the_childs_own_leads_are_told_and_settle_it(demonstration, child):
    sent(demonstration.browser("salford"), "/staff/open", typed(child))
    lead = demonstration.browser("team-lead")
    page = shown(lead.get("/staff/openings"))
    for word in (
        child["name"][0]["family"],
        "Salford",
        "Health visitor",
        SENTENCE,
        "The child needs care now",
    ):
        assert word in page
    (opening,) = set(re.findall(r'name="opening" value="([^"]+)"', page))
    assert "Choose what came of it" in shown(sent(lead, "/staff/openings", {"opening": opening}), 400)
    assert sent(lead, "/staff/openings", {"opening": NEVER, "outcome": "asked"}).status_code == 404
    done = sent(lead, "/staff/openings", {"opening": opening, "outcome": "asked"})
    assert done.status_code == 303
    assert "Nothing waits" in shown(lead.get(done.location))
    again = sent(
        demonstration.browser("safeguarding-lead"),
        "/staff/openings",
        {"opening": opening, "outcome": "justified"},
    )
    assert "Somebody has looked at it already" in shown(again, 409)
    with demonstration.database.reading() as connection:
        row = connection.execute(select(opened_glass)).one()
    assert (row.outcome, row.reviewed_by is not None) == ("asked", True)


def test_another_boroughs_lead_is_not_told(demonstration, child):
    sent(demonstration.browser("salford"), "/staff/open", typed(child))
    with demonstration.database.writing() as connection:
        connection.exec_driver_sql(
            "update account_borough set borough = 'E08000010' where account in"
            " (select id from account where sign_in_name = 'team-lead')"
        )
        opening = connection.scalar(select(opened_glass.c.id))
    lead = demonstration.browser("team-lead")
    assert "Nothing waits" in shown(lead.get("/staff/openings"))
    assert sent(lead, "/staff/openings", {"opening": opening, "outcome": "asked"}).status_code == 404


def test_the_lead_of_a_team_that_the_child_has_left_is_not_told(demonstration):
    patient = builders.a_patient()
    there = located(demonstration.staff_app("salford").post("/fhir/Patient", patient))
    with demonstration.database.writing() as connection:
        rid = connection.exec_driver_sql(
            f"select rid from resource where id = '{there.partition('/')[2]}'"
        ).scalar_one()
        connection.exec_driver_sql(
            "insert into responsibility (episode_rid, child_rid, borough, from_on, until_on)"
            f" values ({rid}, {rid}, 'E08000002', '2020-01-01', null)"
        )
        for name, borough in (("salford", "E08000010"), ("team-lead", "E08000006")):
            connection.exec_driver_sql(
                f"update account_borough set borough = '{borough}' where account in"
                f" (select id from account where sign_in_name = '{name}')"
            )
    assert sent(demonstration.browser("salford"), "/staff/open", typed(patient)).status_code == 303
    assert "Nothing waits" in shown(demonstration.browser("team-lead").get("/staff/openings"))
    assert "Ashworth" in shown(demonstration.browser("safeguarding-lead").get("/staff/openings"))


def test_it_is_told_wherever_it_is_told_who_saw_the_child(demonstration, child, monkeypatch):
    demonstration.staff_app("bury").read(f"/fhir/Patient/{child['id']}")
    sent(demonstration.browser("salford"), "/staff/open", typed(child))
    demonstration.staff_app("salford").read(f"/fhir/Patient/{child['id']}")
    events = demonstration.staff_app("bury").found("AuditEvent", ("patient", child["id"]), ("_count", "1000"))
    purposes = {
        (event["entity"][-2].get("name"), event["subtype"][0]["code"])
        for event in events
        for purpose in event["agent"][0].get("purposeOfUse", ())
        if purpose["coding"][0]["code"] == "BTG"
    }
    assert {("$open", "operation")} <= purposes
    assert {code for _, code in purposes} >= {"operation", "read"}
    assert any("purposeOfUse" not in event["agent"][0] for event in events)
    demonstration.in_shell(monkeypatch)
    lines = CliRunner().invoke(cli.main, ["who-saw", child["id"]]).output.splitlines()
    salford = [line for line in lines if "\tE08000006\t" in line]
    assert salford
    assert all(" BTG\t" in line for line in salford)
    assert not any(" BTG\t" in line for line in lines if "\tE08000002\t" in line)
    assert SENTENCE not in str(events) + "".join(lines)


def test_a_familys_list_says_that_it_was_opened(demonstration):
    parent = demonstration.app_of("parent", "user/*.rs")
    own = parent.found("Patient")[0]
    full = demonstration.staff_app("bury").read(f"/fhir/Patient/{own['id']}")
    sent(demonstration.browser("salford"), "/staff/open", typed(full))
    page = demonstration.browser("parent").get(f"/parents/children/{own['id']}/seen").text
    assert "A health visiting team that does not usually see your child, in an emergency" in page
    assert "Your health visiting team" in page
    # Not where, nor by whom, nor why.
    assert not [word for word in ("E08000006", "Salford", SENTENCE) if word in page]


def test_two_records_of_one_number_are_both_opened(demonstration, child):
    salford = demonstration.staff_app("salford")
    number = child["identifier"][0]["value"]
    twice = builders.a_patient(nhs_number=number, born=child["birthDate"])
    here = located(salford.post("/fhir/Patient", twice))
    sent(demonstration.browser("salford"), "/staff/open", typed(child))
    assert salford.get(f"/fhir/Patient/{child['id']}").status_code == 200
    with demonstration.database.reading() as connection:
        assert connection.scalars(select(opened_glass.c.child)).all() == [child["id"]]
    assert salford.get(f"/fhir/{here}").status_code == 200


def test_those_who_lead_are_told_who_of_their_staff_was_refused_and_of_no_child(demonstration, child):
    for name in ("salford", "bury"):
        for _ in range(3):
            assert (
                sent(demonstration.browser(name), "/staff/open", typed(child, nhs_number=NEVER)).status_code
                == 400
            )
    lead = demonstration.browser("team-lead")
    assert shown(lead.get("/staff/openings")).count("/staff/openings/refused") == 1
    page = shown(lead.get("/staff/openings/refused"))
    cells = re.findall(r'aria-hidden="true">([^<]+) </span>([^<]*)</td>', page)
    # Those of Bury's staff alone.
    assert [value for name, value in cells if name == "How often"] == ["3"]
    assert [value for name, value in cells if name == "Role"] == ["Health visitor"]
    for hidden in (child["id"], NEVER, child["name"][0]["family"], child["birthDate"], SENTENCE):
        assert hidden not in page
    with demonstration.database.writing() as connection:
        connection.exec_driver_sql(
            "update account_borough set borough = 'E08000010' where account in"
            " (select id from account where sign_in_name = 'team-lead')"
        )
    assert "<td" not in shown(demonstration.browser("team-lead").get("/staff/openings/refused"))
    for name in ("bury", "parent", "administrator"):
        assert demonstration.browser(name).get("/staff/openings/refused").status_code == 403


class TestByAnApp:
    """$open, under the same rules."""

    @staticmethod
    def parameters(child, **changes):
        given = {
            "nhs-number": ("valueString", child["identifier"][0]["value"]), "born": ("valueDate", child["birthDate"]),
            "reason": ("valueCode", "urgent-care"), "sentence": ("valueString", SENTENCE),
        } | {name.replace("_", "-"): ("valueString", value) for name, value in changes.items()}  # fmt: skip
        found = [{"name": name, kind: value} for name, (kind, value) in given.items() if value is not None]
        return {"resourceType": "Parameters", "parameter": found}

    def test_the_child_is_open_to_the_account(self, demonstration, child):
        app = demonstration.staff_app("salford")
        assert app.get(f"/fhir/Patient/{child['id']}").status_code == 404
        answer = app.post("/fhir/$open", self.parameters(child))
        assert answer.status_code == 200, answer.text
        told = {each["name"]: each for each in answer.json["parameter"]}
        assert told["patient"]["valueReference"] == {"reference": f"Patient/{child['id']}"}
        with demonstration.app.app_context():
            closing = door.now() + glass.LIFE
        assert told["until"]["valueInstant"][:13] in {
            f"{each:%Y-%m-%dT%H}" for each in (closing, closing - timedelta(minutes=1))
        }
        assert app.read(f"/fhir/Patient/{child['id']}")["birthDate"] == child["birthDate"]
        assert SENTENCE in shown(demonstration.browser("team-lead").get("/staff/openings"))

    def test_every_wrong_pair_gets_one_answer(self, demonstration, child):
        app = demonstration.staff_app("salford")
        answers = [
            app.post("/fhir/$open", self.parameters(child, **wrong))
            for wrong in (
                {"nhs_number": NEVER},
                {"born": "2001-12-31"},
                {"nhs_number": NEVER, "born": "2001-12-31"},
            )
        ]
        assert {(each.status_code, each.data) for each in answers} == {(404, answers[0].data)}
        headers = [dict(each.headers) for each in answers]
        for each in headers:
            del each["X-Request-Id"]
        assert headers[0] == headers[1] == headers[2]
        with demonstration.database.reading() as connection:
            assert connection.execute(select(opened_glass)).all() == []

    def test_page_and_apps_share_ten_tries_an_hour(self, demonstration, child):
        app, browser = demonstration.staff_app("salford"), demonstration.browser("salford")
        for _ in range(5):
            assert app.post("/fhir/$open", self.parameters(child, nhs_number=NEVER)).status_code == 404
            assert sent(browser, "/staff/open", typed(child, nhs_number=NEVER)).status_code == 400
        for wrong in ({}, {"nhs_number": NEVER}):
            busy = app.post("/fhir/$open", self.parameters(child, **wrong))
            assert (busy.status_code, faults(busy)[0][0]) == (429, "throttled")
            assert int(busy.headers["Retry-After"]) > 3000
        assert app.get(f"/fhir/Patient/{child['id']}").status_code == 404

    @pytest.mark.parametrize(
        ("changes", "status", "place"),
        [
            ({"nhs_number": None}, 400, "nhs-number"),
            ({"nhs_number": "1234567890"}, 422, "nhs-number"),
            ({"born": None}, 400, "born"),
            ({"born": "2020"}, 400, "born"),
            ({"reason": None}, 400, "reason"),
            ({"reason": "curious"}, 422, "reason"),
            ({"sentence": "urgent"}, 422, "sentence"),
        ],
    )
    def test_what_does_not_fit_is_told_by_its_place_and_is_no_try(
        self, demonstration, child, changes, status, place
    ):
        app = demonstration.staff_app("salford")
        for _ in range(11):
            answer = app.post("/fhir/$open", self.parameters(child, **changes))
            assert (answer.status_code, faults(answer)[0][1]) == (status, [place])

    def test_nobody_else_and_no_part_of_an_app_opens_a_child(self, demonstration, child):
        named = "user/*.cruds?_tag=https://healthvisit.example/fhir/Id/gss-code|E08000006"
        for app in (
            demonstration.system(), demonstration.app_of("parent", "user/*.rs"),
            demonstration.app_of("commissioner", "user/*.rs"), demonstration.app_of("administrator", "user/*.rs"),
            demonstration.app_of("salford", named), demonstration.app_of("salford", "user/Observation.rs"),
        ):  # fmt: skip
            assert app.post("/fhir/$open", self.parameters(child)).status_code == 403
        assert demonstration.staff_app("salford").get("/fhir/$open").status_code == 405
