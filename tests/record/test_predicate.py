"""Each kind of reach against every kind of row, in rows alone: what the one condition lets through."""

from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select, update

from healthvisit.access.reach import (
    BoroughReach,
    ChildReach,
    Limit,
    Nothing,
    OfficeReach,
    PublishedReach,
    SharedReach,
    WholeRecord,
    narrowed,
)
from healthvisit.access.scopes import BOROUGH_SYSTEM, parse
from healthvisit.record import predicate
from healthvisit.record.instants import micros
from healthvisit.record.tables import (
    audit_event,
    resource,
    resource_version,
    responsibility,
    search_token,
    transfer,
)
from tests.builders import BOROUGHS, NOW, TODAY

BURY, SALFORD = BOROUGHS["bury"], BOROUGHS["salford"]
RELEASED, LATER = micros(NOW), micros(NOW + timedelta(seconds=1))

# rid: (type, audience, child, author, released at)
ROWS = {
    1: ("Patient", "child", 1, BURY, None),
    2: ("Encounter", "child", 1, BURY, RELEASED),
    3: ("Encounter", "child", 1, BURY, LATER),
    4: ("Observation", "child", 1, BURY, None),
    5: ("QuestionnaireResponse", "child", 1, BURY, RELEASED),
    6: ("EpisodeOfCare", "child", 1, BURY, None),
    7: ("Patient", "child", 7, SALFORD, None),
    8: ("Encounter", "child", 7, BURY, RELEASED),
    9: ("Encounter", "child", 7, SALFORD, RELEASED),
    10: ("EpisodeOfCare", "child", 7, BURY, None),
    11: ("EpisodeOfCare", "child", 7, SALFORD, None),
    12: ("Patient", "child", 12, BURY, None),
    13: ("Organization", "shared", None, None, None),
    14: ("MeasureReport", "borough", None, BURY, None),
    15: ("MeasureReport", "borough", None, SALFORD, None),
    16: ("MeasureReport", "published", None, None, None),
    # What is a borough's own is not a child's, whomever it may name.
    17: ("Observation", "borough", 1, SALFORD, RELEASED),
    19: ("Group", "borough", None, BURY, None),
    18: ("Observation", "child", 1, BURY, None),
}
# rid: (type, parameter, system, code): only the first files anything under a category.
TOKENS = {
    4: [("Observation", "category", "urn:c", "survey")],
    18: [
        ("Condition", "category", "urn:c", "survey"), ("Observation", "code", "urn:c", "survey"),
        ("Observation", "category", "urn:other", "survey"), ("Observation", "category", "urn:c", "exam"),
    ],
}  # fmt: skip
# The second child lived in Bury until today, and from today in Salford. For the third nobody answers yet.
RESPONSIBILITIES = [
    (6, 1, BURY, date(2019, 1, 1), None),
    (10, 7, BURY, date(2019, 1, 1), TODAY),
    (11, 7, SALFORD, TODAY, None),
]


def a_version(rid, version, author):
    return {
        "rid": rid, "version": version, "updated_at": version, "method": "POST", "author_borough": author,
        "account": "a", "body": b"{}",
    }  # fmt: skip


@pytest.fixture
def rows(database):
    with database.writing() as connection:
        for rid, (type_, audience, child, author, released) in ROWS.items():
            connection.execute(
                insert(resource).values(
                    rid=rid, type=type_, id=f"id-{rid}", version=1, updated_at=0, audience=audience,
                    child_rid=child, author_borough=author, released_at=released,
                )
            )  # fmt: skip
            connection.execute(insert(resource_version).values(a_version(rid, 1, author)))
            for token_type, parameter, system, code in TOKENS.get(rid, ()):
                token = {"type": token_type, "parameter": parameter, "system": system, "code": code}
                connection.execute(insert(search_token).values(token | {"rid": rid}))
            if child is not None:
                event = {"seq": rid, "id": str(rid), "recorded_at": 0, "interaction": "read", "outcome": 0}
                event |= {"account": "a", "role": "x", "child_rid": child, "request": ""}
                connection.execute(insert(audit_event).values(event))
        for episode, child, borough, start, end in RESPONSIBILITIES:
            connection.execute(
                insert(responsibility).values(
                    episode_rid=episode, child_rid=child, borough=borough, from_on=start, until_on=end
                )
            )
    return database


def of(database, condition):
    with database.reading() as connection:
        return set(connection.scalars(select(resource.c.rid).where(condition)))


def versions(database, condition):
    with database.reading() as connection:
        joined = resource_version.join(resource, resource.c.rid == resource_version.c.rid)
        return set(connection.scalars(select(resource_version.c.rid).select_from(joined).where(condition)))


SHARED = {13}
FIRST = {1, 2, 3, 4, 5, 6, 18}
SALFORDS_OWN = {15, 17}
EVERY = set(ROWS)


def both(narrowing=(), patient=None, boroughs=(BURY, SALFORD)):
    return BoroughReach(frozenset(boroughs), TODAY, patient, narrowing)


def only(type_, *limits):
    """A narrowing of one type. limits: boroughs, and categories where they are asked for."""
    return (((type_,), tuple(Limit(frozenset(boroughs), tuple(asked)) for boroughs, *asked in limits)),)


SURVEY = ("urn:c", "survey")
CASES = {
    "Bury today": (
        BoroughReach(frozenset({BURY}), TODAY),
        FIRST | {8, 10} | {12} | SHARED | {14, 16, 19},
        FIRST | {12} | {14, 19},
    ),
    "Bury yesterday": (
        BoroughReach(frozenset({BURY}), TODAY - timedelta(days=1)),
        FIRST | {7, 8, 9, 10, 11} | {12} | SHARED | {14, 16, 19},
        FIRST | {7, 8, 9, 10, 11} | {12} | {14, 19},
    ),
    "Salford today": (
        BoroughReach(frozenset({SALFORD}), TODAY),
        {7, 8, 9, 10, 11} | SHARED | SALFORDS_OWN | {16},
        {7, 8, 9, 10, 11} | SALFORDS_OWN,
    ),
    "Salford yesterday": (
        BoroughReach(frozenset({SALFORD}), TODAY - timedelta(days=1)),
        {7, 9, 11} | SHARED | SALFORDS_OWN | {16},
        SALFORDS_OWN,
    ),
    "both today": (
        BoroughReach(frozenset({BURY, SALFORD}), TODAY),
        EVERY,
        FIRST | {7, 8, 9, 10, 11} | {12} | {14, 19} | SALFORDS_OWN,
    ),
    "no borough": (BoroughReach(frozenset(), TODAY), SHARED | {16}, set()),
    "a parent of the first": (ChildReach(frozenset({"id-1"})), {1, 2} | SHARED, set()),
    "a parent of both": (ChildReach(frozenset({"id-1", "id-7"})), {1, 2, 7, 8, 9} | SHARED, set()),
    "a parent of an id that is not a child's": (ChildReach(frozenset({"id-2", "id-13"})), SHARED, set()),
    "a parent of nobody": (ChildReach(frozenset()), SHARED, set()),
    "a commissioner": (PublishedReach(), SHARED | {16}, set()),
    "Bury's administrator": (OfficeReach(frozenset({BURY}), TODAY), SHARED | {14, 16}, set()),
    "an administrator of both, by Salford's returns": (
        OfficeReach(frozenset({BURY, SALFORD}), TODAY, only("MeasureReport", [{SALFORD}])),
        SHARED | {15, 16},
        set(),
    ),
    "support": (SharedReach(), SHARED, set()),
    "nobody": (Nothing(), set(), set()),
    "both, and Bury's events": (
        both(only("AuditEvent", [{BURY}])),
        EVERY,
        EVERY - SHARED - {16},
    ),
    "both, and no events": (both(only("AuditEvent")), EVERY, EVERY - SHARED - {16}),
    "both, and Bury's encounters": (
        both(only("Encounter", [{BURY}])),
        EVERY - {9},
        EVERY - {8, 9} - SHARED - {16},
    ),
    "both, and Salford's encounters": (
        both(only("Encounter", [{SALFORD}])),
        EVERY - {2, 3},
        EVERY - {2, 3} - SHARED - {16},
    ),
    "both, and no encounter": (
        both(only("Encounter", [set()])),
        EVERY - {2, 3, 8, 9},
        EVERY - {2, 3, 8, 9} - SHARED - {16},
    ),
    "both, and encounters of either": (
        both(only("Encounter", [{BURY}], [{SALFORD}])),
        EVERY,
        EVERY - SHARED - {16},
    ),
    "both, and Bury's returns": (
        both(only("MeasureReport", [{BURY}])),
        EVERY - {15},
        EVERY - {15} - SHARED - {16},
    ),
    "both, and Bury's encounters and Salford's returns": (
        both(only("Encounter", [{BURY}]) + only("MeasureReport", [{SALFORD}])),
        EVERY - {9, 14},
        EVERY - {8, 9, 14} - SHARED - {16},
    ),
    "both, and surveys": (
        both(only("Observation", [{BURY, SALFORD}, SURVEY])),
        EVERY - {17, 18},
        EVERY - {17, 18} - SHARED - {16},
    ),
    "both, and surveys that are exams": (
        both(only("Observation", [{BURY, SALFORD}, SURVEY, ("urn:c", "exam")])),
        EVERY - {4, 17, 18},
        EVERY - {4, 17, 18} - SHARED - {16},
    ),
    "both, and Bury's surveys or what is Salford's": (
        both(only("Observation", [{BURY}, SURVEY], [{SALFORD}])),
        EVERY - {18},
        EVERY - {18} - SHARED - {16},
    ),
    "both, and the first child": (both(patient="id-1"), FIRST | SHARED | {16}, FIRST),
    "Bury, and a child of Salford": (
        both(patient="id-7", boroughs=[BURY]),
        {8, 10} | SHARED | {16},
        set(),
    ),
    "both, and the third child": (both(patient="id-12"), {12} | SHARED | {16}, {12}),
    "both, and a child that nobody has": (both(patient="id-4"), SHARED | {16}, set()),
    "a parent by surveys": (
        ChildReach(frozenset({"id-1"}), only("Encounter", [set(), SURVEY])),
        {1} | SHARED,
        set(),
    ),
    "a parent by no way": (ChildReach(frozenset({"id-1"}), only("Encounter")), {1} | SHARED, set()),
    "the service": (WholeRecord(), EVERY, EVERY),
}


@pytest.mark.parametrize("case", CASES)
def test_who_reads_and_writes_which_rows(rows, case):
    reach, readable, writable = CASES[case]
    assert of(rows, predicate.readable(reach, at=NOW)) == readable
    assert of(rows, predicate.writable(reach)) == writable


@pytest.mark.parametrize(
    ("case", "episodes"),
    [
        ("Bury today", {6, 10}),
        ("Salford today", {10, 11}),
        ("a commissioner", set()),
        ("nobody", set()),
        ("Bury, and a child of Salford", {10}),
        ("both, and the first child", {6}),
    ],
)
def test_a_service_corrects_its_own_episodes(rows, case, episodes):
    reach, _, writable = CASES[case]
    assert of(rows, predicate.correctable(reach)) == writable | episodes


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("Bury today", FIRST | {8, 10} | {12} | SHARED | {14, 16, 19}),
        ("Salford today", {7, 8, 9, 10, 11} | SHARED | SALFORDS_OWN | {16}),
        ("a parent of both", SHARED),
        ("a commissioner", SHARED | {16}),
        ("Bury's administrator", SHARED | {14, 16}),
        ("support", SHARED),
        ("nobody", set()),
        ("the service", EVERY),
    ],
)
def test_who_reads_which_versions(rows, case, expected):
    assert versions(rows, predicate.readable_version(CASES[case][0])) == expected


def test_a_service_corrects_the_episodes_of_the_borough_that_a_scope_names(rows):
    reach = both(only("EpisodeOfCare", [{BURY}]))
    assert of(rows, predicate.writable(reach)) & {6, 10, 11} == {6}
    assert of(rows, predicate.correctable(reach)) & {6, 10, 11} == {6, 10}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("both, and Bury's encounters", EVERY - {9}),
        ("both, and no encounter", EVERY - {2, 3, 8, 9}),
        ("both, and Bury's returns", EVERY - {15}),
        ("both, and surveys", EVERY - {17, 18}),
        ("both, and the first child", FIRST | SHARED | {16}),
        ("Bury, and a child of Salford", {8, 10} | SHARED | {16}),
    ],
)
def test_scopes_narrow_versions_as_they_narrow_what_stands(rows, case, expected):
    assert versions(rows, predicate.readable_version(CASES[case][0])) == expected


def test_only_what_stands_is_known_by_its_category(rows):
    with rows.writing() as connection:
        connection.execute(insert(resource_version).values(a_version(4, 2, BURY)))
        connection.execute(update(resource).where(resource.c.rid == 4).values(version=2))

    def found(case):
        joined = resource_version.join(resource, resource.c.rid == resource_version.c.rid)
        asked = (
            select(resource_version.c.version)
            .select_from(joined)
            .where(resource_version.c.rid == 4, predicate.readable_version(CASES[case][0]))
        )
        with rows.reading() as connection:
            return set(connection.scalars(asked))

    assert found("both, and surveys") == {2}
    assert found("both today") == {1, 2}


def test_a_statement_is_kept_by_its_moment_for_parents_alone():
    assert predicate.moment(CASES["Bury today"][0], NOW) == 0
    assert predicate.moment(CASES["a parent of both"][0], NOW) == micros(NOW)


def test_what_is_deleted_is_known_and_not_read(rows):
    with rows.writing() as connection:
        connection.execute(update(resource).where(resource.c.rid == 2).values(deleted=True))
    for case, others in (("Bury today", FIRST - {2}), ("a parent of the first", {1})):
        reach = CASES[case][0]
        assert of(rows, predicate.readable(reach, at=NOW)) & FIRST == others
        assert of(rows, predicate.known_then(reach, predicate.moment(reach, NOW))) & FIRST == others | {2}


def test_a_version_is_of_the_team_that_wrote_it_not_of_the_one_that_wrote_last(rows):
    with rows.writing() as connection:
        connection.execute(insert(resource_version).values(a_version(8, 2, SALFORD)))
        now = update(resource).where(resource.c.rid == 8).values(version=2, author_borough=SALFORD)
        connection.execute(now)
    bury = CASES["Bury today"][0]
    assert 8 not in of(rows, predicate.readable(bury, at=NOW))
    with rows.reading() as connection:
        joined = resource_version.join(resource, resource.c.rid == resource_version.c.rid)
        found = connection.scalars(
            select(resource_version.c.version)
            .select_from(joined)
            .where(resource_version.c.rid == 8, predicate.readable_version(bury))
        ).all()
    assert found == [1]


@pytest.mark.parametrize(
    ("case", "children"),
    [
        ("Bury today", {1}),
        ("Salford today", {7}),
        ("Salford yesterday", set()),
        ("a parent of both", set()),
        ("a commissioner", set()),
        ("Bury's administrator", {1}),
        ("support", set()),
        ("nobody", set()),
        ("the service", {1, 7, 12}),
        ("both today", {1, 7}),
        ("both, and the first child", {1}),
        ("Bury, and a child of Salford", set()),
        ("both, and Bury's events", {1}),
        ("both, and no events", set()),
    ],
)
def test_who_reads_the_events_about_which_children(rows, case, children):
    with rows.reading() as connection:
        found = connection.scalars(
            select(audit_event.c.child_rid).where(predicate.readable_event(CASES[case][0]))
        )
        assert set(found) == children


@pytest.mark.parametrize(
    ("case", "children"),
    [
        ("Bury today", {1, 12}),
        ("Salford today", {7}),
        ("Bury's administrator", {1}),
        ("a parent of both", {1, 7}),
        ("a commissioner", set()),
        ("nobody", set()),
        ("the service", {1, 7, 12}),
    ],
)
def test_whose_events_may_be_asked_for_by_the_id_of_the_child(rows, case, children):
    # An administrator reads no child's row, and asks for the events about one all the same.
    reach = CASES[case][0]
    found = of(rows, predicate.followed_then(reach, predicate.moment(reach, NOW)))
    assert found & {1, 7, 12} == children


def test_a_report_about_one_child_is_no_return_of_a_borough(rows):
    with rows.writing() as connection:
        about = {"rid": 20, "type": "MeasureReport", "id": "id-20", "version": 1, "updated_at": 0}
        about |= {"audience": "child", "child_rid": 1, "author_borough": BURY}
        connection.execute(insert(resource).values(about))
        connection.execute(insert(resource_version).values(a_version(20, 1, BURY)))
    office, staff_ = CASES["Bury's administrator"][0], CASES["Bury today"][0]
    assert 20 not in of(rows, predicate.readable(office, at=NOW)) | versions(
        rows, predicate.readable_version(office)
    )
    assert 20 in of(rows, predicate.readable(staff_, at=NOW))


# Restricted papers. The first child is Bury's; the second was Bury's until today and is Salford's now.
RESTRICTED = {
    30: ("Flag", 1, BURY, None),
    31: ("Flag", 1, SALFORD, None),
    32: ("Flag", 7, BURY, None),
    33: ("Encounter", 7, SALFORD, RELEASED),
}


@pytest.fixture
def restricted(rows):
    with rows.writing() as connection:
        for rid, (type_, child, author, released) in RESTRICTED.items():
            connection.execute(
                insert(resource).values(
                    rid=rid, type=type_, id=f"id-{rid}", version=1, updated_at=0, audience="child",
                    child_rid=child, author_borough=author, released_at=released, restricted=True,
                )
            )  # fmt: skip
            connection.execute(
                insert(resource_version).values(a_version(rid, 1, author) | {"restricted": True})
            )
            event = {"seq": rid, "id": str(rid), "recorded_at": 0, "interaction": "read", "outcome": 0}
            event |= {"account": "a", "role": "x", "child_rid": child, "request": ""}
            event |= {"type": type_, "resource_id": f"id-{rid}"}
            connection.execute(insert(audit_event).values(event))
    return rows


def staff(borough, lead=False, **more):
    return BoroughReach(frozenset({borough}), TODAY, staff=True, lead=lead, **more)


def hand_over(database, child, to_borough, *, restricted=True, state="accepted"):
    with database.writing() as connection:
        connection.execute(
            insert(transfer).values(
                id=f"{child}-{to_borough}", child_rid=child, from_borough=BURY, to_borough=to_borough,
                offered_by="a", offered_at=0, reason="moved", restricted_handed_over=restricted, state=state,
            )
        )  # fmt: skip


REACHES_OF_RESTRICTED = {
    "Bury's staff": (staff(BURY), {30, 32}, {30}),
    "Salford's staff": (staff(SALFORD), {31, 33}, {33}),
    "Bury's safeguarding lead": (staff(BURY, lead=True), {30, 31, 32}, {30, 31}),
    "Salford's safeguarding lead": (staff(SALFORD, lead=True), {31, 32, 33}, {32, 33}),
    "an app of one child": (staff(BURY, patient="id-7"), {32}, set()),
    "a system of both": (both(), set(), set()),
    "a parent of both": (CASES["a parent of both"][0], set(), set()),
    "Bury's administrator": (CASES["Bury's administrator"][0], set(), set()),
    "a commissioner": (PublishedReach(), set(), set()),
    "the service": (WholeRecord(), {30, 31, 32, 33}, {30, 31, 32, 33}),
    "Bury's staff who opened Salford's child": (staff(BURY, opened=frozenset({"id-7"})), {30, 32}, {30}),
    "Bury's lead who opened Salford's child": (
        staff(BURY, lead=True, opened=frozenset({"id-7"})),
        {30, 31, 32, 33},
        {30, 31},
    ),
}


@pytest.mark.parametrize("case", REACHES_OF_RESTRICTED)
def test_who_reads_and_writes_restricted_papers(restricted, case):
    reach, readable, writable = REACHES_OF_RESTRICTED[case]
    assert of(restricted, predicate.readable(reach, at=NOW)) & RESTRICTED.keys() == readable
    assert of(restricted, predicate.writable(reach)) & RESTRICTED.keys() == writable
    assert of(restricted, predicate.correctable(reach)) & RESTRICTED.keys() == writable
    assert versions(restricted, predicate.readable_version(reach)) & RESTRICTED.keys() == readable


@pytest.mark.parametrize(
    ("handed", "expected"),
    [
        ({"to_borough": SALFORD}, {31, 32, 33}),
        ({"to_borough": BURY}, {31, 33}),
        ({"to_borough": SALFORD, "restricted": False}, {31, 33}),
        ({"to_borough": SALFORD, "state": "offered"}, {31, 33}),
        ({"to_borough": SALFORD, "child": 1}, {31, 33}),
    ],
)
def test_restricted_papers_go_with_a_child_where_they_are_handed_over(restricted, handed, expected):
    hand_over(restricted, **{"child": 7} | handed)
    reach = staff(SALFORD)
    assert of(restricted, predicate.readable(reach, at=NOW)) & RESTRICTED.keys() == expected
    assert of(restricted, predicate.readable(both(), at=NOW)) & RESTRICTED.keys() == set()


@pytest.mark.parametrize(
    ("reach", "expected"),
    [
        (staff(BURY), {30}),
        (staff(SALFORD), {33}),
        (staff(SALFORD, lead=True), {32, 33}),
        (CASES["Bury's administrator"][0], {30, 31}),
        (both(), set()),
    ],
)
def test_an_event_about_a_restricted_paper_is_as_hidden_as_the_paper(restricted, reach, expected):
    with restricted.reading() as connection:
        found = set(connection.scalars(select(audit_event.c.seq).where(predicate.readable_event(reach))))
    assert found & RESTRICTED.keys() == expected
    # What else is about the child stays.
    assert found - RESTRICTED.keys()


def test_no_event_is_hidden_but_those_about_restricted_papers(restricted):
    event = {
        "recorded_at": 0,
        "interaction": "read",
        "outcome": 0,
        "account": "a",
        "role": "x",
        "request": "",
    }
    with restricted.writing() as connection:
        # A paper that everybody reads, and another type's paper of the same id as a restricted one.
        for seq, type_, id_ in ((40, "Observation", "id-4"), (41, "Encounter", "id-30")):
            about = {"seq": seq, "id": str(seq), "child_rid": 1, "type": type_, "resource_id": id_}
            connection.execute(insert(audit_event).values(event | about))
    a_system, a_parent = both(), CASES["a parent of both"][0]
    for condition in (
        predicate.readable_event(a_system),
        ~predicate.of_hidden_papers(a_parent, Limit(frozenset())),
    ):
        with restricted.reading() as connection:
            found = set(connection.scalars(select(audit_event.c.seq).where(condition)))
        assert found & {40, 41} == {40, 41}
        assert not found & RESTRICTED.keys()


def test_a_child_that_is_opened_is_read_and_nothing_of_it_written(rows):
    def found(reach, letter="r", scopes="user/*.cruds"):
        narrow = narrowed(reach, parse(scopes), letter)
        return of(rows, predicate.readable(narrow, at=NOW)) & {1, 2, 7, 8, 9, 10, 11}

    closed, opened = staff(BURY), staff(BURY, opened=frozenset({"id-7"}))
    assert found(closed) == {1, 2, 8, 10}
    assert found(opened) == {1, 2, 7, 8, 9, 10, 11}
    assert of(rows, predicate.writable(opened)) == of(rows, predicate.writable(closed))
    assert of(rows, predicate.correctable(opened)) == of(rows, predicate.correctable(closed))
    assert versions(rows, predicate.readable_version(opened)) >= {7, 9, 11}
    with rows.reading() as connection:
        events = select(audit_event.c.child_rid).where(predicate.readable_event(opened))
        assert set(connection.scalars(events)) == {1}
    # A child that is nobody's to open is not found by it, and a scope that names a borough means no other.
    assert found(staff(BURY, opened=frozenset({"id-9", "x"}))) == found(closed)
    tag = f"_tag={BOROUGH_SYSTEM}|{BURY}"
    assert found(opened, scopes=f"user/*.rs?{tag}") == {1, 2, 8, 10}
    assert found(opened, scopes=f"user/Patient.rs user/Encounter.rs?{tag}") == {1, 2, 7, 8, 10, 11}
    assert found(opened, scopes=f"user/Patient.rs?{tag} user/Encounter.rs?{tag}") == {1, 2, 8, 10}
    assert found(staff(BURY, patient="id-1", opened=frozenset({"id-7"}))) == {1, 2}


def test_what_a_paper_said_before_it_was_restricted_and_while_it_was_is_hidden(rows):
    with rows.writing() as connection:
        for version, is_restricted in ((2, True), (3, False)):
            made = a_version(4, version, BURY) | {"restricted": is_restricted}
            connection.execute(insert(resource_version).values(made))

    def found(reach, *, is_restricted, standing):
        joined = resource_version.join(resource, resource.c.rid == resource_version.c.rid)
        with rows.writing() as connection:
            connection.execute(
                update(resource).where(resource.c.rid == 4).values(restricted=is_restricted, version=standing)
            )
            return set(
                connection.scalars(
                    select(resource_version.c.version)
                    .select_from(joined)
                    .where(resource_version.c.rid == 4, predicate.readable_version(reach))
                )
            )

    assert found(both(), is_restricted=True, standing=3) == set()
    assert found(both(), is_restricted=False, standing=3) == {1, 3}
    # What stands follows its paper, which may be about another that is marked no more.
    assert found(both(), is_restricted=False, standing=2) == {1, 2, 3}
    assert found(staff(BURY), is_restricted=True, standing=3) == {1, 2, 3}
