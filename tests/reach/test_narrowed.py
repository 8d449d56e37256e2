"""A token that names a borough, a category or a child reaches no more of its person's record, by any path."""

from datetime import timedelta

import pytest

from healthvisit.definitions import GSS_SYSTEM
from healthvisit.exact_json import loads
from healthvisit.record import everything, export, record
from healthvisit.record.errors import Forbidden, Gone, NotFound, Unprocessable
from tests.builders import (
    BOROUGHS,
    NOW,
    OBSERVATION_CATEGORY,
    a_child,
    a_patient,
    a_requester,
    a_transaction,
    an_encounter,
    an_entry,
    an_episode,
    an_observation,
)

BOTH = ("bury", "salford")


def tag(borough):
    return f"_tag={GSS_SYSTEM}|{BOROUGHS[borough]}"


def category(code):
    return f"category={OBSERVATION_CATEGORY}|{code}"


def the_nurse(scopes, boroughs=BOTH, patient=None, role="health-visitor", children=()):
    found = a_requester(role, boroughs=boroughs, scopes=scopes, children=children, client="app")
    return found if patient is None else found.__class__(**{**vars(found), "patient": patient})


class House:
    """Two children, one of Bury and one of Salford; each with a visit, a weight and a worry about hearing."""

    def __init__(self, database, definitions):
        self.database, self.definitions = database, definitions
        self.children, self.made = {}, {}
        for borough in BOTH:
            child = a_child(borough=borough).kept_in(database, definitions)
            self.children[borough] = child
            with self.as_(a_requester("service"), writing=True) as opened:
                visit = opened.create("Encounter", an_encounter(child.reference, borough=borough))
                self.made["Encounter", borough] = visit.version.id
                for kind in ("vital-signs", "survey"):
                    body = an_observation(
                        child.reference, encounter=f"Encounter/{visit.version.id}", released=True
                    )
                    body["category"][0]["coding"][0]["code"] = kind
                    self.made[kind, borough] = opened.create("Observation", body).version.id

    def as_(self, requester, writing=False, at=NOW + timedelta(minutes=1)):
        return record.opened(self.database, requester, definitions=self.definitions, at=at, writing=writing)

    def weight(self, borough):
        return "Observation", self.made["vital-signs", borough]

    def found(self, requester, type_, *parameters, compartment=None):
        """Ids by mode, and the total."""
        with self.as_(requester) as opened:
            page = opened.search(type_, [*parameters, ("_total", "accurate")], compartment=compartment)
            return {each.id for each in page.matches}, {each.id for each in page.included}, page.total

    def ids(self, type_, *boroughs):
        of = {"Observation": ("vital-signs", "survey"), "Encounter": ("Encounter",)}[type_]
        return {self.made[each, borough] for each in of for borough in boroughs}


@pytest.fixture
def house(furnished, definitions):
    return House(furnished, definitions)


SCOPES = f"user/Observation.cruds?{tag('bury')} user/Encounter.cruds user/Patient.cruds user/Group.cruds"


def test_a_borough_scope_reads_and_searches_that_boroughs_children_of_its_type_alone(house):
    nurse = the_nurse(SCOPES)
    with house.as_(nurse) as opened:
        assert opened.read(*house.weight("bury"))
        assert opened.vread(*house.weight("bury"), "1")
        assert opened.history(*house.weight("bury")).total == 1
        for ask in (opened.read, lambda *key: opened.vread(*key, "1"), opened.history):
            with pytest.raises(NotFound):
                ask(*house.weight("salford"))
        assert opened.read("Encounter", house.made["Encounter", "salford"])
    assert house.found(nurse, "Observation") == (house.ids("Observation", "bury"), set(), 2)
    assert house.found(nurse, "Observation", ("_sort", "-date"))[0] == house.ids("Observation", "bury")
    assert house.found(nurse, "Observation", ("_summary", "count"))[2] == 2
    assert house.found(nurse, "Encounter") == (house.ids("Encounter", *BOTH), set(), 2)


def test_what_a_borough_scope_leaves_out_is_not_found_by_any_other_path(house):
    nurse = the_nurse(SCOPES)
    salford = house.children["salford"]
    here, there = house.ids("Observation", "bury"), house.ids("Observation", "salford")
    visits = house.ids("Encounter", *BOTH)
    assert house.found(nurse, "Observation", ("encounter.status", "finished"))[0] == here
    has = ("_has:Observation:encounter:code", "27113001")
    assert house.found(nurse, "Encounter", has)[0] == house.ids("Encounter", "bury")
    assert house.found(nurse, "Encounter", ("_revinclude", "Observation:encounter")) == (visits, here, 2)
    assert house.found(nurse, "Observation", ("patient", salford.id))[2] == 0
    assert house.found(nurse, "Observation", compartment=("Patient", salford.id))[2] == 0
    assert house.found(nurse, "Encounter", compartment=("Patient", salford.id))[2] == 1
    with house.as_(nurse) as opened:
        assert {each.id for each in opened.history("Observation").matches} == here
        told = {each.id for each in opened.history(None).matches}
        assert told >= here | visits
        assert not told & there
        answered = opened.search("", [("_type", "Observation,Encounter"), ("_sort", "_lastUpdated")])
        assert {each.id for each in answered.matches} == here | visits
        page = everything.of_child(opened, salford.id, {})
        assert {each.type for each in page.matches} == {"Patient", "Encounter"}
        for salfords in there:
            assert not opened.search("Observation", [("_id", salfords)]).matches


def test_an_include_brings_only_what_the_scope_of_its_own_type_reaches(house):
    nurse = the_nurse(f"user/Observation.rs user/Encounter.r?{tag('bury')} user/Patient.rs")
    found, included, total = house.found(nurse, "Observation", ("_include", "Observation:encounter"))
    assert (found, included, total) == (
        house.ids("Observation", *BOTH), house.ids("Encounter", "bury"), 4
    )  # fmt: skip
    assert house.found(nurse, "Observation", ("encounter.status", "finished"))[0] == house.ids(
        "Observation", "bury"
    )


def test_to_search_and_to_read_may_reach_different_boroughs(house):
    nurse = the_nurse(
        f"user/Observation.r?{tag('bury')} user/Observation.s?{tag('salford')} user/Encounter.rs"
    )
    assert house.found(nurse, "Observation")[0] == house.ids("Observation", "salford")
    has = ("_has:Observation:encounter:code", "27113001")
    assert house.found(nurse, "Encounter", has)[0] == house.ids("Encounter", "bury")
    with house.as_(nurse) as opened:
        assert opened.read(*house.weight("bury"))
        with pytest.raises(NotFound):
            opened.read(*house.weight("salford"))
        told = {each.id for each in opened.history("Observation").matches}
        assert told == house.ids("Observation", "salford")


def test_scopes_are_a_union_and_the_parameters_of_one_are_all_asked(house):
    either = the_nurse(f"user/Observation.rs?{tag('bury')} user/Observation.rs?{category('survey')}")
    assert house.found(either, "Observation")[0] == {
        *house.ids("Observation", "bury"),
        house.made["survey", "salford"],
    }
    both = the_nurse(f"user/Observation.rs?{tag('bury')}&{category('survey')}")
    assert house.found(both, "Observation")[0] == {house.made["survey", "bury"]}
    neither = the_nurse(f"user/Observation.rs?{tag('bury')}&{tag('salford')}")
    assert house.found(neither, "Observation")[0] == set()
    elsewhere = the_nurse(f"user/Observation.rs?{tag('wigan')}")
    assert house.found(elsewhere, "Observation")[0] == set()


def test_one_borough_for_every_type_is_a_reach_like_any_other(house):
    nurse = the_nurse(f"user/*.cruds?{tag('salford')}")
    assert house.found(nurse, "Patient")[0] == {house.children["salford"].id}
    whole = house.found(the_nurse("user/*.rs"), "Organization")
    assert house.found(nurse, "Organization") == whole


def test_what_the_shape_of_a_search_is_kept_by_tells_reaches_apart(house):
    """The same search, one token after another: no answer is that of the token before."""
    for _ in range(2):
        for borough in BOTH:
            for scopes in (
                f"user/Observation.rs?{tag(borough)} user/Patient.rs",
                f"user/*.rs?{tag(borough)}",
            ):
                assert house.found(the_nurse(scopes), "Observation")[0] == house.ids("Observation", borough)
            launched = the_nurse("user/*.rs", patient=house.children[borough].id)
            assert house.found(launched, "Observation")[0] == house.ids("Observation", borough)
            kind = the_nurse(f"user/Observation.rs?{category('survey')}", boroughs=(borough,))
            assert house.found(kind, "Observation")[0] == {house.made["survey", borough]}
        assert house.found(the_nurse("user/*.rs"), "Observation")[2] == 4


def test_writing_is_narrowed_before_and_after(house):
    nurse = the_nurse(SCOPES)
    with house.as_(nurse, writing=True) as opened:
        assert opened.create("Observation", an_observation(house.children["bury"].reference)).created
        with pytest.raises(Forbidden):
            opened.create("Observation", an_observation(house.children["salford"].reference))
        opened.refusal = None
    for borough, refused in (("bury", None), ("salford", NotFound)):
        body = an_observation(house.children[borough].reference, value="13")
        key = house.weight(borough)
        with house.as_(nurse, writing=True) as opened:
            if refused is None:
                assert opened.update(*key, {**body, "id": key[1]}, if_match="1").version.version == 2
                opened.delete(*key)
                continue
            for ask in (
                lambda opened=opened, key=key, body=body: opened.update(
                    *key, {**body, "id": key[1]}, if_match="1"
                ),
                lambda opened=opened, key=key: opened.delete(*key),
            ):
                with pytest.raises(refused):
                    ask()
                opened.refusal = None
    with house.as_(nurse) as opened, pytest.raises(Gone):
        opened.read(*house.weight("bury"))


def test_a_letter_that_reads_more_than_it_writes_tells_that_it_may_not(house):
    nurse = the_nurse(f"user/Observation.rs user/Observation.cud?{tag('bury')} user/Patient.rs")
    key = house.weight("salford")
    body = {**an_observation(house.children["salford"].reference), "id": key[1]}
    with house.as_(nurse, writing=True) as opened:
        for ask in (lambda: opened.update(*key, body, if_match="1"), lambda: opened.delete(*key)):
            with pytest.raises(Forbidden):
                ask()
        opened.refusal = None


def test_a_letter_that_writes_more_than_it_reads_still_writes(house):
    nurse = the_nurse(f"user/Observation.r?{tag('bury')} user/Observation.u user/Patient.r")
    key = house.weight("salford")
    body = {**an_observation(house.children["salford"].reference), "id": key[1]}
    with house.as_(nurse, writing=True) as opened:
        assert opened.update(*key, body, if_match="1")


def test_a_reference_leads_to_what_the_scopes_reach_and_to_nothing_else(house):
    nurse = the_nurse(f"user/Observation.c user/Encounter.r?{tag('bury')} user/Patient.r")
    for borough in BOTH:
        visit = f"Encounter/{house.made['Encounter', borough]}"
        body = an_observation(house.children[borough].reference, encounter=visit)
        with house.as_(nurse, writing=True) as opened:
            if borough == "bury":
                assert opened.create("Observation", body).created
            else:
                with pytest.raises(Unprocessable):
                    opened.create("Observation", body)
                opened.refusal = None


def test_a_conditional_write_and_a_reference_by_query_match_within_the_scope(house):
    nurse = the_nurse(SCOPES)
    for borough, created in (("bury", False), ("salford", True)):
        query = f"_id={house.made['vital-signs', borough]}"
        body = an_observation(house.children["bury"].reference)
        with house.as_(nurse, writing=True) as opened:
            assert opened.create("Observation", body, if_none_exist=query).created is created
    member = f"Observation?_id={house.made['vital-signs', 'salford']}"
    body = an_observation(house.children["bury"].reference) | {"hasMember": [{"reference": member}]}
    with house.as_(nurse, writing=True) as opened:
        with pytest.raises(Unprocessable):
            opened.transact(a_transaction(an_entry(body)))
        opened.refusal = None


def test_a_category_is_asked_of_what_stands_and_of_what_is_written(house):
    nurse = the_nurse(f"user/Observation.cruds?{category('survey')} user/Patient.rs")
    key = house.weight("bury")
    survey = "Observation", house.made["survey", "bury"]
    body = an_observation(house.children["bury"].reference)
    of_survey = an_observation(house.children["bury"].reference)
    of_survey["category"][0]["coding"][0]["code"] = "survey"
    with house.as_(nurse, writing=True) as opened:
        with pytest.raises(NotFound):
            opened.read(*key)
        assert opened.read(*survey)
        for ask, error in (
            (lambda: opened.create("Observation", body), Forbidden),
            (lambda: opened.update(*survey, {**body, "id": survey[1]}, if_match="1"), Forbidden),
            (lambda: opened.update(*key, {**of_survey, "id": key[1]}, if_match="1"), NotFound),
        ):
            with pytest.raises(error):
                ask()
        opened.refusal = None
        assert opened.create("Observation", of_survey).created


def test_a_version_before_the_category_was_given_is_not_shown_by_it(house):
    key = house.weight("bury")
    body = an_observation(house.children["bury"].reference) | {"id": key[1]}
    body["category"][0]["coding"][0]["code"] = "survey"
    with house.as_(the_nurse("user/*.cruds"), writing=True) as opened:
        opened.update(*key, body, if_match="1")
    with house.as_(the_nurse(f"user/Observation.rs?{category('survey')}")) as opened:
        assert opened.vread(*key, "2")
        assert opened.history(*key).total == 1
        with pytest.raises(NotFound):
            opened.vread(*key, "1")
    with house.as_(the_nurse(f"user/Observation.rs?{category('vital-signs')}")) as opened:
        for ask in (lambda: opened.vread(*key, "1"), lambda: opened.read(*key), lambda: opened.history(*key)):
            with pytest.raises(NotFound):
                ask()


def test_an_app_that_was_opened_for_one_child_meets_no_other(house):
    bury, salford = (house.children[each] for each in BOTH)
    nurse = the_nurse("user/*.cruds", patient=bury.id)
    assert house.found(nurse, "Patient") == ({bury.id}, set(), 1)
    assert house.found(nurse, "Observation")[0] == house.ids("Observation", "bury")
    whole = house.found(the_nurse("user/*.rs"), "Organization")
    assert house.found(nurse, "Organization") == whole
    with house.as_(nurse) as opened:
        with pytest.raises(NotFound):
            opened.read("Patient", salford.id)
        with pytest.raises(NotFound):
            everything.of_child(opened, salford.id, {})
        assert {each.id for each in opened.history("Observation").matches} == house.ids("Observation", "bury")
        about = {
            entity["what"]["reference"]
            for each in opened.search("AuditEvent", []).matches
            for entity in each.json()["entity"]
            if "reference" in entity.get("what", {})
        }
        assert salford.reference not in about
    key = house.weight("salford")
    with house.as_(nurse, writing=True) as opened:
        assert opened.create("Observation", an_observation(bury.reference)).created
        for ask, error in (
            (lambda: opened.create("Observation", an_observation(salford.reference)), Unprocessable),
            (lambda: opened.delete(*key), NotFound),
            (lambda: opened.create("Patient", a_patient()), (Forbidden, Unprocessable)),
            (lambda: opened.create("EpisodeOfCare", an_episode(salford.reference)), Unprocessable),
        ):
            with pytest.raises(error):
                ask()
            opened.refusal = None


def test_a_boroughs_lists_are_not_for_an_app_that_was_opened_for_one_child(house):
    bury = house.children["bury"]
    group = {
        "resourceType": "Group", "type": "person", "actual": True,
        "member": [{"entity": {"reference": bury.reference}}],
    }  # fmt: skip
    whole = the_nurse("user/*.cruds", boroughs=("bury",))
    with house.as_(whole, writing=True) as opened:
        made = opened.create("Group", group).version.id
        assert opened.read("Group", made)
    one = the_nurse("user/*.cruds", boroughs=("bury",), patient=bury.id)
    with house.as_(one, writing=True) as opened:
        for ask, error in (
            (lambda: opened.read("Group", made), NotFound),
            (lambda: opened.vread("Group", made, "1"), NotFound),
            (lambda: opened.update("Group", made, {**group, "id": made}), NotFound),
            (lambda: opened.create("Group", group), Forbidden),
        ):
            with pytest.raises(error):
                ask()
            opened.refusal = None


def test_a_parents_token_for_one_child_or_kind_shows_no_other(house):
    children = [house.children[each].id for each in BOTH]
    both = the_nurse("patient/*.rs", boroughs=(), role="parent", children=children)
    assert house.found(both, "Observation")[2] == 4
    one = the_nurse("patient/*.rs", boroughs=(), role="parent", children=children, patient=children[0])
    assert house.found(one, "Observation")[0] == house.ids("Observation", "bury")
    stranger = the_nurse("patient/*.rs", boroughs=(), role="parent", children=children, patient="nobody")
    assert house.found(stranger, "Observation")[0] == set()
    surveys = f"patient/Observation.rs?{category('survey')} patient/Patient.rs"
    kind = the_nurse(surveys, boroughs=(), role="parent", children=children)
    assert house.found(kind, "Observation")[0] == {house.made["survey", each] for each in BOTH}
    assert house.found(kind, "Patient")[2] == 2


def test_no_scope_tells_a_parent_which_borough_a_child_lives_in(house):
    children = [house.children["bury"].id]
    for borough in BOTH:
        scopes = f"patient/Observation.rs?{tag(borough)} patient/Patient.rs"
        parent = the_nurse(scopes, boroughs=(), role="parent", children=children)
        assert house.found(parent, "Observation")[0] == set()


def test_an_export_holds_what_its_token_reached_and_a_narrower_one_does_not_fetch_it(house, tmp_path):
    narrow = the_nurse(f"user/Observation.rs?{tag('bury')} user/Encounter.rs user/Patient.rs")
    at = NOW + timedelta(minutes=2)
    asked = export.understood("patient", "", {}, url="u", lenient=False)
    told = {"epoch": 0, "at": at}
    with house.as_(narrow, writing=True, at=at) as opened:
        job = export.ask(opened, asked, most=1, request="r", **told)
    work = export.Work(
        house.database, house.definitions, tmp_path / "exports", timedelta(hours=1),
        lambda _job: narrow, lambda: at, lambda: at,
    )  # fmt: skip
    export.do(work, export.take(house.database, at=at))
    with house.database.reading() as connection:
        files = {each.type: each for each in export.found(connection, narrow, job, at=at).answer.files}
    with house.as_(narrow, at=at) as opened:
        written = {
            type_: (work.folder / export.file(opened, job, each.name, **told)).read_text()
            for type_, each in files.items()
        }
    ids = {
        type_: {loads(line.encode())["id"] for line in text.splitlines()} for type_, text in written.items()
    }
    assert ids["Observation"] == house.ids("Observation", "bury")
    assert ids["Encounter"] == house.ids("Encounter", *BOTH)
    for other, fetched in (
        ("user/*.rs", True),
        (f"user/Observation.rs?{tag('bury')}", True),
        (f"user/Observation.rs?{tag('bury')}&{category('survey')}", False),
        (f"user/Observation.rs?{tag('salford')}", False),
        ("user/Observation.s", False),
    ):
        with house.as_(the_nurse(other), at=at) as opened:
            if fetched:
                assert export.file(opened, job, files["Observation"].name, **told)
            else:
                with pytest.raises(Forbidden):
                    export.file(opened, job, files["Observation"].name, **told)


def test_an_app_that_was_opened_for_one_child_exports_nothing_and_fetches_nothing(house):
    launched = the_nurse("user/*.rs", patient=house.children["bury"].id)
    asked = export.understood("patient", "", {}, url="u", lenient=False)
    with house.as_(launched, writing=True) as opened:
        with pytest.raises(Forbidden):
            export.ask(opened, asked, epoch=0, most=1, request="r", at=NOW)
        opened.refusal = None


def test_a_tokens_audit_is_of_the_borough_that_its_scope_names(house):
    def told_of(scopes):
        with house.as_(the_nurse(scopes)) as opened:
            return {
                entity["what"]["reference"].partition("/_history")[0]
                for each in opened.search("AuditEvent", []).matches
                for entity in each.json()["entity"]
                if entity.get("what", {}).get("reference", "").startswith("Patient/")
            }

    bury, salford = (house.children[each].reference for each in BOTH)
    assert told_of("user/*.rs") == {bury, salford}
    assert told_of(f"user/AuditEvent.rs?{tag('bury')} user/Patient.rs") == {bury}
