"""PostgreSQL's own lock, with the record's own condition taken away: collected where there is such a server.

Each asker goes through the record twice, with both locks and with the second alone, and must see the same and be
able to write no more. What a scope narrows within a reach is for the first lock alone: the askers here have all.
"""

import os
import sys
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
import sqlalchemy
from sqlalchemy import ColumnElement, select, text, true
from sqlalchemy.exc import DBAPIError, ProgrammingError

from healthvisit import second_lock
from healthvisit.access import reach as reaches
from healthvisit.access.reach import PERMITTED, SHARED_TYPES, WholeRecord
from healthvisit.accounts import keys
from healthvisit.app import PassesPolicies, create_app
from healthvisit.config import Settings
from healthvisit.database import opening
from healthvisit.record import everything, predicate, within
from healthvisit.record.errors import RecordError
from healthvisit.record.record import opened
from healthvisit.record.search import select as selects
from healthvisit.record.tables import resource, resource_version
from tests.builders import (
    BOROUGHS,
    NOW,
    TODAY,
    a_child,
    a_requester,
    an_encounter,
    an_episode,
    an_observation,
    organization,
)
from tests.conftest import OWNER, SERVING, serving

BURY, SALFORD = BOROUGHS["bury"], BOROUGHS["salford"]
NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
YESTERDAY = NOW - timedelta(days=1)


@pytest.fixture
def world(furnished, definitions):
    """A child of Bury, one of Salford, and one who moved from Bury to Salford today, with papers of each team."""
    bury = a_child(family="Ashworth", nhs_number="9990000018").kept_in(furnished, definitions)
    salford = a_child(borough="salford", family="Bardsley", nhs_number="9990000026")
    salford = salford.kept_in(furnished, definitions)
    moved = a_child(family="Clegg", nhs_number="9990000034").kept_in(furnished, definitions)
    kept = World(furnished, definitions, {"bury": bury, "salford": salford, "moved": moved})
    for name, child in kept.children.items():
        team = a_requester(boroughs=["salford" if name == "salford" else "bury"])
        with kept.opened(team, at=YESTERDAY, writing=True) as record:
            contact = record.create("Encounter", an_encounter(child.reference)).version
            reference = f"Encounter/{contact.id}"
            weight = record.create(
                "Observation", an_observation(child.reference, encounter=reference)
            ).version
            kept.papers[name] = [("Encounter", contact.id), ("Observation", weight.id)]
    with kept.opened(a_requester("service"), writing=True) as record:
        ended = {**an_episode(moved.reference, end=str(TODAY)), "id": moved.made["episode"]}
        record.update("EpisodeOfCare", moved.made["episode"], ended, if_match="1")
        record.create("EpisodeOfCare", an_episode(moved.reference, borough="salford", start=str(TODAY)))
    with kept.opened(a_requester(boroughs=["salford"]), writing=True) as record:
        type_, id_ = kept.papers["moved"][1]
        heavier = {**an_observation(moved.reference, value="13.1"), "id": id_}
        record.update(type_, id_, heavier, if_match="1")
        kept.papers["moved"].append(
            ("Observation", record.create("Observation", an_observation(moved.reference)).version.id)
        )
    for slug in ("bury", "salford"):
        with kept.opened(a_requester("system-client", boroughs=[slug]), writing=True) as record:
            group = {
                "resourceType": "Group",
                "type": "person",
                "actual": True,
                "managingEntity": {"reference": organization(slug)},
            }
            kept.papers.setdefault("groups", []).append(("Group", record.create("Group", group).version.id))
    return kept


class World:
    def __init__(self, database, definitions, children):
        self.database = database
        self.definitions = definitions
        self.children = children
        self.papers = {}

    def opened(self, requester, *, at=NOW, writing=False):
        return opened(self.database, requester, definitions=self.definitions, at=at, writing=writing)

    def askers(self):
        return {
            "a health visitor of Bury": a_requester(),
            "a health visitor of Salford": a_requester(boroughs=["salford"]),
            "a system of Bury": a_requester("system-client"),
            "a parent in Bury": a_requester("parent", children=[self.children["bury"].id]),
            "a commissioner": a_requester("commissioner"),
            "an administrator of Bury": a_requester("administrator"),
            "support": a_requester("support"),
            "nobody's health visitor": a_requester(boroughs=["wigan"]),
        }

    def rows(self):
        """Everything of the record, as its owner sees it."""
        with self.database.reading() as connection:
            return [
                (resource.name, *row)
                for table in (resource, resource_version)
                for row in connection.execute(select(table).order_by(table.c.rid))
            ]


ASKERS = (
    "a health visitor of Bury", "a health visitor of Salford", "a system of Bury", "a parent in Bury",
    "a commissioner", "an administrator of Bury", "support", "nobody's health visitor",
)  # fmt: skip


def everywhere(*_args, **_kwargs) -> ColumnElement[bool]:
    return true()


def forgotten():
    """No statement with the first lock's condition is sent again."""
    for name, module in list(sys.modules.items()):
        if name.startswith("healthvisit.record"):
            for each in vars(module).values():
                if callable(getattr(each, "cache_clear", None)):
                    each.cache_clear()
    selects._forms.clear()


@contextmanager
def without_the_first_lock():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("readable", "readable_then", "known_then", "followed_then", "readable_version", "writable",
                     "correctable", "readable_event"):  # fmt: skip
            patch.setattr(predicate, name, everywhere)
        forgotten()
        yield
    forgotten()


def swept(world, requester):
    """What the requester gets by every way of asking."""
    seen = {}
    # Asking is an event too: what is seen of events is for a test of its own.
    permitted = [
        type_
        for type_, letters in PERMITTED[requester.role].items()
        if "s" in letters and type_ != "AuditEvent"
    ]
    keys = [key for each in world.papers.values() for key in each]
    keys += [("Patient", child.id) for child in world.children.values()]

    def told(name, ask):
        try:
            seen[name] = ask()
        except RecordError as error:
            seen[name] = type(error).__name__

    def shown(page):
        return (
            sorted((each.type, each.id, each.body) for each in (*page.matches, *page.included)), page.total,
        )  # fmt: skip

    with world.opened(requester) as record:

        def asked(type_, *parameters):
            told((type_, parameters), lambda: shown(record.search(type_, parameters)))

        for type_, id_ in keys:
            told(("read", type_, id_), lambda key=(type_, id_): record.read(*key).body)
            told(("history", type_, id_), lambda key=(type_, id_): shown(record.history(*key)))
            for version in "12":
                told(
                    ("vread", type_, id_, version), lambda key=(type_, id_, version): record.vread(*key).body
                )
        for type_ in permitted:
            asked(type_, ("_count", "1000"))
            asked(type_, ("_lastUpdated", "gt2000-01-01"), ("_total", "accurate"))
            told(("history", type_), lambda of=type_: shown(record.history(of)))
        told("history", lambda: shown(record.history(None)))
        for child in world.children.values():
            for name in ("$everything", child.id), ("$everything since", child.id):
                since = {"_since": ["2000-01-01T00:00:00Z"]} if "since" in name[0] else {}
                told(name, lambda of=child.id, sent=since: shown(everything.of_child(record, of, sent)))
            asked("Patient", ("identifier", f"{NUMBER}|{child.nhs_number}"))
            asked("Patient", ("family", child.patient["name"][0]["family"]))
            asked("Patient", ("_id", child.id), ("_revinclude", "Observation:subject"))
            asked("Patient", ("_has:Observation:subject:code", "27113001"), ("_id", child.id))
            asked("Observation", ("subject", child.reference), ("_include", "Observation:subject"))
            asked("Observation", ("patient.identifier", f"{NUMBER}|{child.nhs_number}"))
            asked("Observation", ("subject:Patient.family", child.patient["name"][0]["family"]))
            asked("Encounter", ("patient", child.id), ("_revinclude", "Observation:encounter"))
            asked("EpisodeOfCare", ("patient", child.id))
        asked("Observation", ("code", "27113001"), ("_total", "accurate"))
        asked("Observation", ("code", "27113001"), ("_summary", "count"))
        asked("Observation", ("date", "ge2000-01-01"), ("_sort", "-date"), ("_count", "1"))
        asked("Observation", ("code:not", "1"), ("_total", "accurate"))
        asked("Observation", ("value-quantity", "gt1"), ("_total", "accurate"))
        asked("Observation", ("code-value-quantity", "27113001$gt1"))
        asked("Patient", ("_has:Encounter:patient:status", "finished"), ("_total", "accurate"))
        asked("Patient", ("birthdate", "ge2000"), ("_sort", "family"))
        asked("Encounter", ("patient.family", "Bardsley"))
        asked("", ("_type", "Patient,Observation"))
    return seen


@pytest.mark.parametrize("asker", ASKERS)
def test_without_the_first_lock_nobody_sees_more(world, asker):
    requester = world.askers()[asker]
    both = swept(world, requester)
    with without_the_first_lock():
        alone = swept(world, requester)
    more = {name: (found, both[name]) for name, found in alone.items() if found != both[name]}
    if asker == "a parent in Bury":
        # What stands is the row whose view a parent is shown: that its history is not is for the first lock to say.
        own = {f"Patient/{world.children['bury'].id}", *("/".join(key) for key in world.papers["bury"])}
        for name in [name for name in more if name == "history" or name[0] in ("history", "vread")]:
            alone_of, _ = more.pop(name)
            if not isinstance(alone_of, bytes):
                assert {f"{type_}/{id_}" for type_, id_, _ in alone_of[0] if type_ not in SHARED_TYPES} <= own
            else:
                assert f"{name[1]}/{name[2]}" in own
    assert more == {}


def test_a_bare_count_tells_a_team_no_more_than_that_it_once_wrote(world):
    with without_the_first_lock(), world.opened(a_requester()) as record:
        assert record.search("Observation", [("_summary", "count")]).total == 2
        assert [each.id for each in record.search("Observation", []).matches] == [world.papers["bury"][1][1]]


@pytest.mark.parametrize(
    ("asker", "names"),
    [
        ("a health visitor of Bury", {"bury"}), ("a health visitor of Salford", {"salford", "moved"}),
        ("an administrator of Bury", {"bury"}), ("a parent in Bury", {"bury"}), ("a commissioner", set()),
        ("support", set()), ("nobody's health visitor", set()),
    ],
)  # fmt: skip
def test_events_are_seen_of_those_children_alone_for_whom_one_answers(world, asker, names):
    requester = world.askers()[asker]
    told = within.told(reaches.of(requester, on=TODAY), requester.account, at=NOW)
    with world.database.served.reading(told) as connection:
        found = set(connection.scalars(text("SELECT DISTINCT child_rid FROM audit_event")))
    assert found == {row_of(world, name) for name in names}


def writes(world, name):
    """Each way of writing to a child of another team."""
    child = world.children[name]
    contact, weight = world.papers[name][:2]
    return {
        "create": lambda record: record.create("Observation", an_observation(child.reference)),
        "update": lambda record: record.update(
            *weight, {**an_observation(child.reference, value="99"), "id": weight[1]}, if_match="1"
        ),
        "delete": lambda record: record.delete(*weight),
        "take": lambda record: record.create("EpisodeOfCare", an_episode(child.reference, start=str(TODAY))),
        "name": lambda record: record.update(
            "Patient", child.id, {**child.patient, "id": child.id, "gender": "unknown"}, if_match="1"
        ),
        "contact": lambda record: record.delete(*contact),
    }


@pytest.mark.parametrize("kind", ["create", "update", "delete", "take", "name", "contact"])
@pytest.mark.parametrize(
    ("asker", "name"),
    [
        ("a health visitor of Bury", "salford"), ("a health visitor of Bury", "moved"),
        ("a health visitor of Salford", "bury"), ("a parent in Bury", "bury"), ("a commissioner", "bury"),
        ("nobody's health visitor", "bury"),
    ],
)  # fmt: skip
def test_without_the_first_lock_nothing_foreign_is_written(world, asker, name, kind):
    before = world.rows()
    with (
        without_the_first_lock(),
        pytest.raises((RecordError, DBAPIError)),
        world.opened(world.askers()[asker], writing=True) as record,
    ):
        writes(world, name)[kind](record)
    assert world.rows() == before


def of_bury():
    requester = a_requester()
    return within.told(reaches.of(requester, on=TODAY), requester.account, at=NOW)


def test_who_is_not_told_of_sees_nothing(world):
    with world.database.served.reading() as connection:
        for table in second_lock.POLICIES:
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


def test_the_commands_reach_is_nothing_to_the_serving_role(world):
    with world.database.served.reading(within.told(WholeRecord(), "seed", at=NOW)) as connection:
        for table in second_lock.POLICIES:
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


def test_a_role_that_is_granted_every_table_reads_nothing_past_the_policies(world):
    role = "healthvisit_curious"
    url = sqlalchemy.make_url(os.environ["HEALTHVISIT_TEST_DATABASE"])
    url = url.set(database=world.database.engine.url.database)
    administrator = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with administrator.begin() as connection, suppress(ProgrammingError), connection.begin_nested():
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
    with administrator.begin() as connection:
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    curious = sqlalchemy.create_engine(url.set(username=role), poolclass=sqlalchemy.NullPool)
    with curious.connect() as connection:
        for name, value in of_bury():
            connection.execute(
                text("SELECT set_config(:name, :value, true)"),
                {"name": f"healthvisit.{name}", "value": value},
            )
        for table in second_lock.POLICIES:
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


REFUSED = {
    "lift the policies": "ALTER TABLE resource DISABLE ROW LEVEL SECURITY",
    "unforce them": "ALTER TABLE resource NO FORCE ROW LEVEL SECURITY",
    "drop one": "DROP POLICY serving_select ON resource",
    "make one": "CREATE POLICY mine ON resource USING (true)",
    "change one": "ALTER POLICY serving_select ON resource USING (true)",
    "look past them": "SET row_security = off; SELECT 1 FROM resource",
    "become the owner": f"SET ROLE {OWNER}",
    "become the owner wholly": f"SET SESSION AUTHORIZATION {OWNER}",
    "pass them by": f"ALTER ROLE {SERVING} BYPASSRLS",
    "change an event": "UPDATE audit_event SET outcome = 0",
    "remove an event": "DELETE FROM audit_event",
    "remove all": "TRUNCATE audit_event",
    "change an anchor": "UPDATE audit_anchor SET through = 0",
    "remove an anchor": "DELETE FROM audit_anchor",
    "change history": "UPDATE resource_version SET body = ''",
    "remove history": "DELETE FROM resource_version",
    "remove a resource": "DELETE FROM resource",
    "give a paper to another child": "UPDATE resource SET child_rid = 1",
    "change an answer": "UPDATE receipt SET answer = ''",
    "remove an answer": "DELETE FROM receipt",
    "change a function": "CREATE OR REPLACE FUNCTION healthvisit_named(ids text) RETURNS bigint[] LANGUAGE sql"
    " AS 'SELECT ARRAY[1]'",
    "write a view": "INSERT INTO healthvisit_reached (rid) VALUES (1)",
    "make a table": "CREATE TABLE mine (id integer)",
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_serving_role_cannot(world, what):
    with pytest.raises(ProgrammingError), world.database.served.writing(of_bury()) as connection:
        connection.exec_driver_sql(REFUSED[what])


def row_of(world, child):
    with world.database.reading() as connection:
        return connection.scalar(select(resource.c.rid).where(resource.c.id == world.children[child].id))


WRITTEN = {
    "a paper of another's child": "INSERT INTO resource (rid, type, id, version, updated_at, audience, child_rid,"
    " author_borough) VALUES (999999, 'Observation', 'x', 1, 0, 'child', {rid}, '{bury}')",
    "a paper in another's name": "INSERT INTO resource (rid, type, id, version, updated_at, audience, child_rid,"
    " author_borough) VALUES (999999, 'Observation', 'x', 1, 0, 'child', {own}, '{salford}')",
    "a definition": "INSERT INTO resource (rid, type, id, version, updated_at, audience)"
    " VALUES (999999, 'Questionnaire', 'x', 1, 0, 'shared')",
    "figures": "INSERT INTO resource (rid, type, id, version, updated_at, audience)"
    " VALUES (999999, 'MeasureReport', 'x', 1, 0, 'published')",
    "a version of another's": "INSERT INTO resource_version (rid, version, updated_at, method, author_borough,"
    " account, body) VALUES ({rid}, 9, 0, 'PUT', '{bury}', 'x', '')",
    "an index row of another's": "INSERT INTO search_token (type, parameter, code, system, rid)"
    " VALUES ('Patient', 'gender', 'x', '', {rid})",
    "who answers": "INSERT INTO responsibility (episode_rid, child_rid, borough, from_on)"
    " VALUES ({rid}, {rid}, '{bury}', '2021-01-01')",
    "another's number": "INSERT INTO child_identifier (system, value, borough, child_rid, held)"
    " VALUES ('x', 'x', '{bury}', {rid}, false)",
    "another's answer": "INSERT INTO receipt (account, operation, request_hash, received_at, answer)"
    " VALUES ('somebody', 'x', 'x', 0, '')",
    "another's export": "INSERT INTO export_job (id, account, role, client, epoch, scopes, asked, request,"
    " asked_at, state, attempt, leased_until, written)"
    " VALUES ('x', 'somebody', 'x', 'x', 0, '', '', '', 0, 'waiting', 0, 0, 0)",
    "another's offer": "INSERT INTO transfer (id, child_rid, from_borough, to_borough, offered_by, offered_at,"
    " reason, restricted_handed_over, state)"
    " VALUES ('x', {rid}, '{salford}', '{bury}', 'x', 0, 'x', false, 'offered')",
    "an ending of another's child": "INSERT INTO ended_care (id, child_rid, borough, reason, ended_on, ended_by,"
    " ended_at) VALUES ('x', {rid}, '{bury}', 'x', '2021-01-01', 'x', 0)",
    "another's ending": "INSERT INTO ended_care (id, child_rid, borough, reason, ended_on, ended_by,"
    " ended_at) VALUES ('x', {own}, '{salford}', 'x', '2021-01-01', 'x', 0)",
    "another's imported row": "INSERT INTO imported_row (id, borough, reference, digest, file, number, brought_by,"
    " brought_at, state) VALUES ('x', '{salford}', 'x', 'x', 'x', 2, 'x', 0, 'waiting')",
    "another's late visit": "INSERT INTO late_visit (id, account, operation, from_borough, child_rid, restricted,"
    " received_at, state) VALUES ('x', 'somebody', 'x', '{bury}', {own}, false, 0, 'waiting')",
    "another's tablet": "INSERT INTO tablet (account, device, boroughs, once, build, registered_at, heard_at, unsent)"
    " VALUES ('somebody', 'x', '{bury}', '{bury}', '', 0, 0, 0)",
}


@pytest.mark.parametrize("what", WRITTEN)
def test_a_row_beyond_reach_is_not_written(world, what):
    values = {"rid": row_of(world, "salford"), "own": row_of(world, "bury"), "bury": BURY, "salford": SALFORD}
    with pytest.raises(ProgrammingError, match="row-level security"):  # noqa: SIM117
        with world.database.served.writing(of_bury()) as connection:
            connection.exec_driver_sql(WRITTEN[what].format(**values))


@pytest.mark.parametrize("table", ["responsibility", "child_identifier", *second_lock.SEARCH])
def test_a_row_beyond_reach_is_not_removed(world, table):
    rid = row_of(world, "salford")
    column = "child_rid" if table in ("responsibility", "child_identifier") else "rid"
    counted = text(f"SELECT count(*) FROM {table} WHERE {column} = {rid}")
    with world.database.reading() as connection:
        before = connection.scalar(counted)
    with world.database.served.writing(of_bury()) as connection:
        assert connection.execute(text(f"DELETE FROM {table} WHERE {column} = {rid}")).rowcount == 0
    with world.database.reading() as connection:
        assert connection.scalar(counted) == before


def seen(connection):
    return connection.scalar(text("SELECT count(*) FROM resource WHERE audience = 'child'"))


def test_a_connection_keeps_nothing_of_the_one_before(world):
    served = world.database.served
    with served.reading(of_bury()) as connection:
        assert seen(connection) > 0
        driver = connection.connection.driver_connection
    # Also for who has it without asking for it.
    assert driver.execute("SELECT count(*) FROM resource").fetchall() == [(0,)]
    for _ in range(3):
        with served.reading() as connection:
            assert seen(connection) == 0
    with served.reading(within.of_account("somebody")) as connection:
        assert seen(connection) == 0
    with served.writing(of_bury()) as connection:
        assert seen(connection) > 0
    with served.writing() as connection:
        assert seen(connection) == 0


def test_a_failure_leaves_nothing_to_the_next(world):
    served = world.database.served
    for using in (served.reading, served.writing):
        with pytest.raises(ZeroDivisionError), using(of_bury()) as connection:
            1 / seen(connection) / 0
        with pytest.raises(DBAPIError), using(of_bury()) as connection:
            connection.execute(text("SELECT 1 / 0"))
        with using() as connection:
            assert seen(connection) == 0
        with using(of_bury()) as connection:
            assert seen(connection) > 0


def test_what_is_open_for_one_purpose_is_closed_again(world):
    number = world.children["salford"].nhs_number
    asked = text("SELECT count(*) FROM child_identifier WHERE value = :number")
    bodies = text("SELECT count(*) FROM resource_version v JOIN resource r ON r.rid = v.rid WHERE r.id = :id")
    with world.database.served.writing(of_bury()) as connection:
        for name in (within.NUMBERS, within.TRANSFER, within.MARKING):
            with opening(connection, name):
                assert connection.scalar(asked, {"number": number}) == (name == within.NUMBERS)
                # None of these lets anybody read another team's child.
                assert connection.scalar(bodies, {"id": world.children["salford"].id}) == 0
        with opening(connection, within.GLASS, world.children["moved"].nhs_number):
            assert connection.scalar(bodies, {"id": world.children["salford"].id}) == 0
        assert connection.scalar(asked, {"number": number}) == 0


def told(role, *, boroughs=(), children=()):
    requester = a_requester(role, boroughs=boroughs, children=children)
    return within.told(reaches.of(requester, on=TODAY), requester.account, at=NOW)


def test_where_a_family_went_is_for_staff_of_the_borough_that_ended_its_care(world):
    child = world.children["moved"]
    with world.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO ended_care (id, child_rid, borough, reason, ended_on, place, ended_by, ended_at)"
            f" VALUES ('x', {row_of(world, 'moved')}, '{BURY}', 'left-england', '2021-01-01', 'Cork', 'x', 0)"
        )
    places = text("SELECT place FROM ended_care")
    for asker, found in (
        (told("team-lead"), ["Cork"]),
        (told("team-lead", boroughs=["salford"]), []),
        (told("system-client"), []),
        (told("administrator"), []),
        (told("parent", children=[child.id]), []),
        ((), []),
    ):
        with world.database.served.reading(asker) as connection:
            assert connection.scalars(places).all() == found


def test_what_a_paper_says_is_for_staff_of_the_borough_that_brought_it(world):
    with world.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO imported_row (id, borough, reference, digest, file, number, brought_by, brought_at, state,"
            f" content) VALUES ('x', '{BURY}', 'x', 'x', 'x', 2, 'x', 0, 'waiting', 'a canary')"
        )
    rows = text("SELECT id FROM imported_row")
    for asker, found in (
        (told("team-lead"), ["x"]),
        (told("team-lead", boroughs=["salford"]), []),
        (told("system-client"), []),
        (told("administrator"), []),
        (told("parent", children=[world.children["bury"].id]), []),
        ((), []),
    ):
        with world.database.served.reading(asker) as connection:
            assert connection.scalars(rows).all() == found
    with world.database.served.writing(told("team-lead", boroughs=["salford"])) as connection:
        changed = connection.exec_driver_sql("UPDATE imported_row SET state = 'refused', content = NULL")
        assert changed.rowcount == 0


def test_what_was_recorded_of_a_child_who_went_is_for_staff_of_the_borough_that_has_the_child(world):
    with world.database.writing() as connection:
        for name, restricted in (("plain", "false"), ("hidden", "true")):
            connection.exec_driver_sql(
                "INSERT INTO late_visit (id, account, operation, from_borough, child_rid, restricted, content,"
                f" received_at, state) VALUES ('{name}', 'requester', '{name}', '{BURY}', {row_of(world, 'moved')},"
                f" {restricted}, 'a canary', 0, 'waiting')"
            )
    rows = text("SELECT id FROM late_visit ORDER BY id")
    for asker, found in (
        (told("team-lead", boroughs=["salford"]), ["plain"]),
        (told("safeguarding-lead", boroughs=["salford"]), ["hidden", "plain"]),
        # Who recorded them is shown nothing of them either.
        (told("team-lead"), []),
        (told("safeguarding-lead"), []),
        (told("system-client", boroughs=["salford"]), []),
        (told("administrator", boroughs=["salford"]), []),
        (told("parent", children=[world.children["moved"].id]), []),
        ((), []),
    ):
        with world.database.served.reading(asker) as connection:
            assert connection.scalars(rows).all() == found
    with world.database.served.writing(told("team-lead")) as connection:
        changed = connection.exec_driver_sql("UPDATE late_visit SET state = 'refused', content = NULL")
        assert changed.rowcount == 0


def test_what_a_tablet_says_of_itself_is_for_its_person_and_staff_of_the_boroughs_it_was_used_for(world):
    with world.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO account (id, kind, role, name, epoch, active)"
            " VALUES ('joan', 'federated', 'health-visitor', 'Joan', 0, true)"
        )
        connection.exec_driver_sql(
            "INSERT INTO tablet (account, device, boroughs, once, build, registered_at, heard_at, unsent)"
            f" VALUES ('joan', 'x', '{SALFORD}', '{BURY},{SALFORD}', '', 0, 0, 1)"
        )
    rows = text("SELECT device FROM tablet")
    for asker, found in (
        (told("team-lead"), ["x"]),
        (told("team-lead", boroughs=["salford"]), ["x"]),
        (told("team-lead", boroughs=["wigan"]), []),
        (within.of_account("joan"), ["x"]),
        (within.of_account("somebody"), []),
        (told("system-client"), []),
        (told("administrator"), []),
        ((), []),
    ):
        with world.database.served.reading(asker) as connection:
            assert connection.scalars(rows).all() == found
    with world.database.served.writing(told("team-lead")) as connection:
        assert connection.exec_driver_sql("UPDATE tablet SET unsent = 0").rowcount == 0


def test_whom_a_borough_once_had_is_asked_for_one_purpose_alone(world):
    asked = text("SELECT healthvisit_once_had(:id, :boroughs)")
    with world.database.served.writing(of_bury()) as connection:
        moved = {"id": world.children["moved"].id, "boroughs": f"{BURY},E08000010"}
        assert connection.scalar(asked, moved) is None
        with opening(connection, within.HANDING):
            assert connection.scalar(asked, moved) == row_of(world, "moved")
            assert connection.scalar(asked, {**moved, "id": world.children["salford"].id}) is None
            assert connection.scalar(asked, {**moved, "boroughs": "E08000010"}) is None
            assert connection.scalar(asked, {**moved, "boroughs": ""}) is None


def test_a_parents_page_is_told_of_its_own_child_alone_until_when_somebody_answered(world):
    rows = text("SELECT DISTINCT child_rid FROM responsibility")
    parent = told("parent", children=[world.children["bury"].id])
    with world.database.served.reading(parent) as connection:
        assert connection.scalars(rows).all() == []
        with opening(connection, within.CARE):
            assert connection.scalars(rows).all() == [row_of(world, "bury")]
        assert connection.scalars(rows).all() == []


def test_whom_an_opening_was_refused_is_told_of_ones_own_staff_and_of_no_child(world):
    rid = row_of(world, "moved")
    with world.database.writing() as connection:
        for id_, borough, outcome, detail, child in (
            ("ours", BURY, 4, "$open", "NULL"),
            ("theirs", SALFORD, 4, "$open", "NULL"),
            ("done", BURY, 0, "$open", "NULL"),
            ("another", BURY, 4, "$everything", "NULL"),
            ("of a child", BURY, 4, "$open", rid),
        ):
            connection.exec_driver_sql(
                "INSERT INTO audit_event (id, recorded_at, interaction, outcome, account, role, request, detail,"
                f" boroughs, child_rid) VALUES ('{id_}', 0, 'operation', {outcome}, 'x', 'health-visitor', 'x',"
                f" '{detail}', '{borough}', {child})"
            )
    named = text("SELECT id FROM audit_event WHERE account = 'x'")
    with world.database.served.reading(told("team-lead")) as connection:
        assert connection.scalars(named).all() == []
        with opening(connection, within.REFUSALS):
            assert connection.scalars(named).all() == ["ours"]
    with world.database.served.reading(told("system-client")) as connection:  # noqa: SIM117
        with opening(connection, within.REFUSALS):
            assert connection.scalars(named).all() == []


def test_looking_at_a_range_tells_of_no_person(world):
    with world.database.served.reading(within.LOOKING) as connection:
        for table in ("search_string", "resource_version", "child_identifier", "audit_event", "receipt"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
        numbers = "SELECT count(*) FROM search_token WHERE parameter LIKE '%identifier%'"
        assert connection.scalar(text(numbers)) == 0
        assert connection.scalar(text("SELECT count(*) FROM search_token WHERE parameter = 'code'")) > 0


@pytest.fixture
def production(furnished, tmp_path):
    keys.ensure(tmp_path)

    def production(url):
        return Settings(
            mode="production", base_url="https://record.example", secrets_folder=tmp_path, database_url=url
        )

    return production


def test_production_is_not_served_by_a_login_that_the_policies_do_not_hold(furnished, production):
    owners = furnished.engine.url.render_as_string(hide_password=False)
    administrators = sqlalchemy.make_url(os.environ["HEALTHVISIT_TEST_DATABASE"])
    administrators = administrators.set(database=furnished.engine.url.database)
    for url in (owners, administrators.render_as_string(hide_password=False)):
        with pytest.raises(PassesPolicies):
            create_app(production(url))
    app = create_app(production(serving(owners)))
    app.extensions["healthvisit"].database.dispose()


def test_who_serves_owns_nothing(world):
    with world.database.reading() as connection:
        owners = connection.execute(
            text("SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c"
                 " WHERE c.relnamespace = 'public'::regnamespace")
        ).all()  # fmt: skip
        forced = connection.execute(
            text("SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
                 " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        ).all()  # fmt: skip
    assert {owner for _, owner in owners} == {OWNER}
    assert {name for name, both in forced if both} == set(second_lock.POLICIES)
