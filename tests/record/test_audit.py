import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from healthvisit.access import reach
from healthvisit.database import Unavailable
from healthvisit.record import audit, everything, transfers
from healthvisit.record.audit import Event
from healthvisit.record.errors import Forbidden, Invalid, NotFound, RecordError, Unprocessable
from healthvisit.record.record import opened
from healthvisit.record.validation import checked
from tests.builders import (
    NOW,
    a_child,
    a_patient,
    a_requester,
    a_visit,
    an_episode,
    an_observation,
    organization,
)

NEVER = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def enter(furnished, definitions):
    def enter(requester, *, writing=False, at=NOW, request=""):
        return opened(furnished, requester, definitions=definitions, at=at, writing=writing, request=request)

    return enter


@pytest.fixture
def child(furnished, definitions):
    return a_child().with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)


def rows(database, account):
    """Events of an account in the order of recording."""
    with database.reading() as connection:
        return [
            tuple(row)
            for row in connection.exec_driver_sql(
                "select interaction, outcome, type, resource_id, version, child_rid is not null"
                f" from audit_event where account = '{account}' order by seq"
            )
        ]


def test_each_interaction_leaves_one_event(enter, furnished, child):
    with enter(a_requester(account="a")) as record:
        record.read("Patient", child.id)
        record.vread("Patient", child.id, "1")
        record.history("Patient", child.id)
        record.search("Encounter", [("patient", child.reference)])
        record.search("Encounter", [])
        list(record.each("Observation", [("patient", child.reference)]))
    assert rows(furnished, "a") == [
        ("read", 0, "Patient", child.id, 1, True),
        ("vread", 0, "Patient", child.id, 1, True),
        ("history-instance", 0, "Patient", child.id, None, True),
        ("search-type", 0, "Encounter", None, None, True),
        ("search-type", 0, "Encounter", None, None, False),
        ("search-type", 0, "Observation", None, None, True),
    ]


def test_each_entry_of_a_transaction_leaves_its_own(enter, furnished, child):
    with enter(a_requester(account="a"), writing=True) as record:
        record.transact(a_visit(child.reference))
    found = rows(furnished, "a")
    assert [(interaction, outcome, type_, ours) for interaction, outcome, type_, _, _, ours in found] == [
        ("transaction", 0, None, False),
        ("create", 0, "Encounter", True),
        ("create", 0, "QuestionnaireResponse", True),
    ]


def test_a_refusal_is_kept_though_what_it_refused_is_undone(enter, furnished, child):
    def ask(requester, of, *, writing=False):
        with pytest.raises(RecordError), enter(requester, writing=writing) as record:
            of(record)

    salford = a_requester(boroughs=["salford"], account="s")
    ask(salford, lambda record: record.read("Patient", child.id))
    ask(salford, lambda record: record.search("Patient", [("nonsense", "1")]))
    ask(
        salford,
        lambda record: record.create("Observation", an_observation(child.reference)),
        writing=True,
    )
    ask(a_requester("commissioner", account="c"), lambda record: record.search("Patient", []))
    assert rows(furnished, "s") == [
        ("read", 4, "Patient", child.id, None, False),
        ("search-type", 4, "Patient", None, None, False),
        ("create", 4, "Observation", None, None, False),
    ]
    assert rows(furnished, "c") == [("search-type", 4, "Patient", None, None, False)]


def test_what_was_undone_is_not_told_as_done(enter, furnished):
    def ask():
        with enter(a_requester(account="a"), writing=True) as record:
            record.create("Patient", a_patient())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask()
    assert rows(furnished, "a") == [("create", 8, "Patient", None, None, False)]


@pytest.mark.parametrize("asked", ["Poppy Ashworth, 9990000018", "9990000018", "Ashworth", "poppy-2021"])
def test_a_text_that_is_no_id_of_ours_is_not_written_down(enter, furnished, asked):
    with pytest.raises(NotFound), enter(a_requester(account="a")) as record:
        record.read("Patient", asked)
    assert rows(furnished, "a") == [("read", 4, "Patient", None, None, False)]


def test_an_event_is_read_as_a_fhir_audit_event(enter, definitions, child):
    with enter(a_requester(account="a", client="tablet"), request="r-1") as record:
        record.read("Encounter", child.made["two-year"])
    with enter(a_requester()) as record:
        found = record.search("AuditEvent", [("patient", child.reference), ("subtype", "read")])
        assert found.total == 1
        event = found.matches[0].json()
        assert record.read("AuditEvent", event["id"]).json() == event
    checked(event, type="AuditEvent", definitions=definitions)
    assert event["subtype"] == [{"system": "http://hl7.org/fhir/restful-interaction", "code": "read"}]
    assert event["agent"][0]["who"] == {"identifier": {"value": "a"}}
    assert event["agent"][1]["who"] == {"identifier": {"value": "tablet"}}
    assert event["agent"][2]["who"] == {"display": "healthvisit"}
    assert [entity["what"].get("reference") for entity in event["entity"]] == [
        child.reference,
        f"Encounter/{child.made['two-year']}/_history/1",
        None,
    ]


# What IHE's patterns want: action, kind of person, of app and of service; and what the entities are.
# https://profiles.ihe.net/ITI/BALP/content.html
SHAPES = {
    "read": ("R", "IRCP", "110152", "110153", ["1", "4", None]),
    "vread": ("R", "IRCP", "110152", "110153", ["1", "4", None]),
    "history-instance": ("R", "IRCP", "110152", "110153", ["1", "4", None]),
    "search-type": ("E", "IRCP", "110153", "110152", ["1", "24", None]),
    "create": ("C", "AUT", "110153", "110152", ["1", "4", None]),
    "update": ("U", "AUT", "110153", "110152", ["1", "4", None]),
    "patch": ("U", "AUT", "110153", "110152", ["1", "4", None]),
    "delete": ("D", "AUT", "110150", "custodian", ["1", "4", None]),
    "transaction": ("E", "AUT", "110153", "110152", [None]),
    "operation": ("E", "IRCP", "110153", "110152", ["1", "4", "20", None]),
}


def happened(interaction, child, child_rid):
    """An event of this interaction with the child's Patient, as the record leaves it."""
    event = Event(interaction, "Patient", child.id, 1, child_rid)
    if interaction == "search-type":
        event.type, event.resource_id, event.version = "Encounter", None, None
    if interaction == "transaction":
        event.type, event.resource_id, event.version, event.child_rid = None, None, None, None
    if interaction == "operation":
        event.detail = "$everything"
    return event


def child_row(database, child):
    with database.reading() as connection:
        return connection.exec_driver_sql(f"select rid from resource where id = '{child.id}'").scalar_one()


@pytest.mark.parametrize("client", [None, "tablet"])
@pytest.mark.parametrize("interaction", SHAPES)
def test_each_interaction_has_the_shape_of_its_pattern(
    enter, furnished, definitions, child, interaction, client
):
    asked = a_requester(account="a", client=client)
    told = audit.told(
        [happened(interaction, child, child_row(furnished, child))], asked, at=NOW, request="r-1"
    )
    furnished.add(audit.put, told)
    with enter(a_requester("service")) as record:
        event = record.read("AuditEvent", told[0][0]).json()
    checked(event, type="AuditEvent", definitions=definitions)
    action, person, app, service, roles = SHAPES[interaction]
    assert event["action"] == action
    assert [agent["type"]["coding"][0]["code"] for agent in event["agent"]] == [person, app, service]
    assert [agent["requestor"] for agent in event["agent"]] == [True, False, False]
    assert event["agent"][0]["role"] == [{"text": "health-visitor"}]
    own = {"display": "healthvisit's own pages and commands"}
    assert event["agent"][1]["who"] == ({"identifier": {"value": client}} if client else own)
    assert event["outcome"] == "0"
    assert event["source"]["type"][0]["code"] == "4"
    assert [entity.get("role", {}).get("code") for entity in event["entity"]] == roles
    assert event["entity"][-1]["what"] == {"identifier": {"value": "r-1"}}
    if interaction == "search-type":
        assert base64.b64decode(event["entity"][1]["query"]) == b"Encounter?"


@pytest.mark.parametrize("outcome", [audit.REFUSED, audit.FAILED])
@pytest.mark.parametrize("interaction", SHAPES)
def test_a_refusal_has_the_shape_of_what_was_refused(enter, furnished, definitions, interaction, outcome):
    refused = Event(interaction, "Patient", outcome=outcome)
    told = audit.told([refused], a_requester("parent", account="p"), at=NOW, request="r-1")
    furnished.add(audit.put, told)
    with enter(a_requester("service")) as record:
        event = record.read("AuditEvent", told[0][0]).json()
    checked(event, type="AuditEvent", definitions=definitions)
    assert (event["outcome"], event["action"]) == (str(outcome), SHAPES[interaction][0])


def test_an_export_is_an_operation_with_its_numbers(enter, furnished, definitions):
    told = audit.told(
        [Event("operation", "Observation", detail="$export 12")],
        a_requester("system-client", client="borough-return"),
        at=NOW,
        request="job",
    )
    furnished.add(audit.put, told)
    with enter(a_requester("service")) as record:
        event = record.read("AuditEvent", told[0][0]).json()
    checked(event, type="AuditEvent", definitions=definitions)
    assert [entity.get("name") for entity in event["entity"]] == ["$export 12", None]


class TestWhoSawAChild:
    def seen(self, database, requester, child, at=NOW):
        with database.reading() as connection:
            return audit.seen_by(connection, reach.of(requester, on=at.date()), child.id, at=at)

    @pytest.fixture
    def parent(self, child):
        return a_requester("parent", children=[child.id])

    @pytest.fixture(autouse=True)
    def looked(self, enter, child, definitions, furnished):
        with enter(a_requester(account="a")) as record:
            record.read("Patient", child.id)
            record.read("Patient", child.id)
            record.search("Encounter", [("patient", child.reference)])
            record.search("Flag", [("patient", child.reference)])
        with enter(a_requester(account="a"), at=NOW + timedelta(days=1, hours=14)) as record:
            record.read("Patient", child.id)
        with enter(a_requester("parent", children=[child.id], account="p")) as record:
            record.read("Patient", child.id)
        with pytest.raises(NotFound), enter(a_requester(boroughs=["salford"])) as record:
            record.read("Patient", child.id)

    def test_a_parent_is_told_days_roles_and_boroughs(self, furnished, child, parent):
        bury = ("E08000002",)
        found = self.seen(furnished, parent, child)
        assert [one for one in found if one.day == date(2021, 2, 17)] == []
        assert found[0] == audit.Seen(date(2021, 2, 16), "health-visitor", bury, None, "Patient")
        on_the_day = [one for one in found if one.day == date(2021, 2, 15) and one.boroughs == bury]
        assert {one.type for one in on_the_day} >= {"Patient", "Encounter"}
        assert len(on_the_day) == len(set(on_the_day))

    def test_neither_the_other_parent_nor_a_safeguarding_paper_is_told_of(self, furnished, child, parent):
        found = self.seen(furnished, parent, child)
        assert {one.role for one in found} == {"health-visitor"}
        assert "Flag" not in {one.type for one in found}
        assert "a" not in repr(found).split("'")

    def test_that_a_child_was_offered_is_not_told_and_that_all_was_read_is(
        self, enter, furnished, child, parent
    ):
        before = self.seen(furnished, parent, child)
        later = NOW + timedelta(days=3)
        with enter(a_requester(account="a"), at=later, writing=True) as record:
            offer = transfers.offer(record, child.id, to=organization("salford"), reason="other")
            transfers.withdraw(record, offer.id)
        assert self.seen(furnished, parent, child, at=later) == before
        with enter(a_requester(account="a"), at=later) as record:
            everything.of_child(record, child.id, {})
        (new,) = set(self.seen(furnished, parent, child, at=later)) - set(before)
        assert (new.day, new.type) == (date(2021, 2, 18), "Patient")

    def test_who_looks_after_safety_is_told_of_as_one_of_the_team(self, enter, furnished, child, parent):
        for role in ("safeguarding-lead", "team-lead"):
            with enter(a_requester(role)) as record:
                record.read("Patient", child.id)
        assert {one.role for one in self.seen(furnished, parent, child)} == {"health-visitor"}

    def test_a_parents_asking_is_an_event_and_of_another_child_is_refused(
        self, enter, furnished, child, parent
    ):
        with enter(parent) as record:
            assert record.seen_by(child.id)
        assert rows(furnished, parent.account)[-1] == ("operation", 0, "Patient", child.id, None, True)
        for stranger, error in (
            (a_requester("parent", account="stranger"), NotFound),
            (a_requester(boroughs=["salford"], account="stranger"), NotFound),
            (a_requester("commissioner", account="stranger"), Forbidden),
        ):
            with pytest.raises(error), enter(stranger) as record:
                record.seen_by(child.id)
        assert [event[:3] for event in rows(furnished, "stranger")] == [("operation", 4, "Patient")] * 3

    def test_nobody_else_is_told(self, furnished, child):
        for other in (
            a_requester("parent", children=[NEVER]),
            a_requester("parent"),
            a_requester("commissioner"),
            a_requester(boroughs=["salford"]),
        ):
            assert self.seen(furnished, other, child) == []
        assert self.seen(furnished, a_requester(), child)

    def test_a_team_that_the_child_has_left_is_not_told(self, enter, furnished, child):
        moved_to_salford(enter, child)
        assert self.seen(furnished, a_requester(), child) == []
        assert self.seen(furnished, a_requester(boroughs=["salford"]), child)

    def test_the_desk_is_told_of_each_account_and_its_asking_is_an_event(self, furnished, child):
        asked = a_requester("service", account="who-saw")
        found = audit.who_saw(furnished, asked, child.id, at=NOW)
        told = [(one.account, one.interaction, one.type) for one in found]
        assert told.count(("a", "read", "Patient")) == 3
        assert ("a", "search-type", "Flag") in told
        assert ("p", "read", "Patient") in told
        assert rows(furnished, "who-saw") == [("operation", 0, "Patient", child.id, None, True)]
        assert audit.who_saw(furnished, asked, NEVER, at=NOW) is None
        assert rows(furnished, "who-saw")[-1] == ("operation", 4, "Patient", None, None, False)


def test_no_event_holds_a_name_or_a_number(enter, furnished, child):
    with enter(a_requester(account="a")) as record:
        record.search("Patient", [("identifier", child.nhs_number)])
        record.search("Patient", [("family", "Ashworth")])
    with furnished.reading() as connection:
        everything = repr(connection.exec_driver_sql("select * from audit_event").all())
    assert child.nhs_number not in everything
    assert "Ashworth" not in everything


def moved_to_salford(enter, child):
    with enter(a_requester("service"), writing=True) as record:
        episode = an_episode(child.reference, end="2021-02-15")
        record.update(
            "EpisodeOfCare", child.made["episode"], {**episode, "id": child.made["episode"]}, if_match="1"
        )
        record.create("EpisodeOfCare", an_episode(child.reference, borough="salford", start="2021-02-15"))


def test_the_events_about_a_child_follow_the_child(enter, child):
    with enter(a_requester(account="a")) as record:
        record.read("Patient", child.id)
    asked = [("patient", child.reference), ("subtype", "read")]
    with enter(a_requester(boroughs=["salford"])) as record:
        assert record.search("AuditEvent", asked).total == 0
        assert record.search("AuditEvent", []).total == 0
    moved_to_salford(enter, child)
    with enter(a_requester(boroughs=["salford"])) as record:
        assert record.search("AuditEvent", asked).total == 1
    with enter(a_requester()) as record:
        assert record.search("AuditEvent", asked).total == 0


@pytest.mark.parametrize(
    ("parameters", "is_found"),
    [
        ([("date", "2021-02-15")], True),
        ([("date", "lt2021-02-15")], False),
        ([("date", "ge2021-02-15"), ("date", "lt2021-02-16")], True),
        ([("type", "rest")], True),
        ([("type", "http://terminology.hl7.org/CodeSystem/audit-event-type|rest")], True),
        ([("type", "object")], False),
        ([("subtype", "read")], True),
        ([("subtype", "create,read")], True),
        ([("subtype", "vread")], False),
        ([("_sort", "-date"), ("_count", "10")], True),
    ],
)
def test_events_are_found_by_date_and_kind(enter, child, parameters, is_found):
    with enter(a_requester(account="a")) as record:
        record.read("Patient", child.id)
    with enter(a_requester()) as record:
        found = record.search("AuditEvent", [*parameters, ("entity", child.reference)])
    accounts = [version.json()["agent"][0]["who"]["identifier"]["value"] for version in found.matches]
    assert ("a" in accounts) == is_found


def test_the_number_of_events_is_told_alone(enter, child):
    with enter(a_requester()) as record:
        found = record.search("AuditEvent", [("patient", child.reference), ("_count", "0")])
    assert found.matches == []
    # the Patient, the episode and the Encounter were written
    assert found.total == 3


def test_events_come_in_pages_newest_first(enter, child):
    with enter(a_requester(account="a")) as record:
        for _ in range(5):
            record.read("Patient", child.id)
    asked = [("patient", child.reference), ("subtype", "read"), ("_count", "2")]
    with enter(a_requester()) as record:
        ids, page = [], None
        while True:
            found = record.search("AuditEvent", [*asked, *([("_page", page)] if page else [])])
            ids += [version.id for version in found.matches]
            page = found.next
            # The number of a row would tell how many there are of others' children.
            assert page in (None, found.matches[-1].id)
            if page is None:
                break
    assert len(ids) == len(set(ids)) == 5
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    "parameter",
    [
        ("agent", "x"),
        ("_sort", "patient"),
        ("date", "yesterday"),
        ("_count", "-1"),
        ("_page", "x"),
        ("entity", "x"),
    ],
)
def test_events_are_not_searched_by_what_is_not_understood(enter, parameter):
    with pytest.raises(Invalid), enter(a_requester()) as record:
        record.search("AuditEvent", [parameter])


@pytest.mark.parametrize("role", ["parent", "commissioner", "system-client"])
def test_parents_commissioners_and_systems_read_no_events(enter, child, role):
    requester = a_requester(role, children=[child.id])
    with pytest.raises(Forbidden), enter(requester) as record:
        record.search("AuditEvent", [])
    with pytest.raises(Forbidden), enter(requester) as record:
        record.read("AuditEvent", NEVER)


def test_nobody_writes_an_event(enter):
    with pytest.raises((Forbidden, Unprocessable, Invalid)), enter(a_requester(), writing=True) as record:
        record.create("AuditEvent", {"resourceType": "AuditEvent"})


def test_what_cannot_be_written_down_is_not_shown(enter, furnished, child):
    with furnished.writing() as connection:
        connection.exec_driver_sql("alter table audit_event rename to lost")
    shown = []

    def ask():
        with enter(a_requester(account="a")) as record:
            found = record.read("Patient", child.id)
        shown.append(found)

    with pytest.raises((Unavailable, DBAPIError)):
        ask()
    assert shown == []
    with furnished.writing() as connection:
        connection.exec_driver_sql("alter table lost rename to audit_event")
    ask()
    assert len(shown) == len(rows(furnished, "a")) == 1


def test_of_many_readers_at_once_each_is_written_down(enter, furnished, child):
    def ask(reader):
        for _ in range(20):
            with enter(a_requester(account=reader)) as record:
                record.read("Patient", child.id)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask, [f"reader-{n}" for n in range(6)]))
    read = ("read", 0, "Patient", child.id, 1, True)
    for n in range(6):
        assert rows(furnished, f"reader-{n}") == [read] * 20
