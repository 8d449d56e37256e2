"""Worlds and askers made at random, each world once as the oracle's sets and once in the record."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert, select

from healthvisit.access.requester import Requester
from healthvisit.access.scopes import parse
from healthvisit.database import Database
from healthvisit.definitions import GSS_SYSTEM, Definitions
from healthvisit.exact_json import JSON
from healthvisit.record.errors import Forbidden, Gone, NotFound, RecordError, Unprocessable
from healthvisit.record.ownership import CONFIDENTIALITY
from healthvisit.record.record import Record, opened
from healthvisit.record.tables import resource, transfer
from tests.builders import (
    BOROUGHS,
    NOW,
    OBSERVATION_CATEGORY,
    SNOMED,
    TODAY,
    a_patient,
    a_requester,
    an_encounter,
    an_episode,
    an_observation,
    extension,
    organization,
)
from tests.reach import oracle
from tests.reach.oracle import Asker, Episode, Paper, Version, World

TEAMS = ("bury", "salford", "bolton")
SLUGS = {BOROUGHS[slug]: slug for slug in (*TEAMS, "wigan")}
CONDITION_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
CATEGORIES = {
    "Observation": tuple(f"{OBSERVATION_CATEGORY}|{code}" for code in ("vital-signs", "survey")),
    "Condition": tuple(
        f"{CONDITION_CATEGORY}|{code}" for code in ("problem-list-item", "encounter-diagnosis")
    ),
}
PAPERS = ("Encounter", "Observation", "Condition", "Flag")
# When the children were entered, when their papers were first written, and when today's team wrote.
ENTERED = datetime(2021, 2, 1, 8, tzinfo=UTC)
BEFORE = datetime(2021, 2, 5, 8, tzinfo=UTC)
THIS_MORNING = NOW - timedelta(hours=1)
BORN = date(2019, 1, 15)
RELEASES = (None, None, NOW - timedelta(days=1), NOW, NOW + timedelta(seconds=1))
MOVES = (date(2021, 2, 10), TODAY, TODAY + timedelta(days=1))
_WORDS = {Forbidden: "refused", NotFound: "hidden", Gone: "gone", Unprocessable: "unfit"}


class _Undone(Exception):
    """What was tried is not kept."""


@dataclass
class Made:
    """A world, and how to ask the record about it. bodies: as they were last written."""

    world: World
    bodies: dict[tuple[str, str], JSON]
    database: Database
    definitions: Definitions

    def opened(self, requester: Requester, *, at: datetime = NOW, writing: bool = False) -> Any:
        return opened(self.database, requester, definitions=self.definitions, at=at, writing=writing)


def made(database: Database, definitions: Definitions, random: Random, children: int = 6) -> Made:
    here = Made(World(NOW, TODAY), {}, database, definitions)
    for _ in range(children):
        _put_child(here, random)
    for slug in TEAMS[:2]:
        team = a_requester("system-client", boroughs=[slug])
        group = {
            "resourceType": "Group", "type": "person", "actual": True,
            "managingEntity": {"reference": organization(slug)},
        }  # fmt: skip
        kept = {"kind": "borough", "names": BOROUGHS[slug]}
        _put(here, team, BEFORE, group, Version(BOROUGHS[slug]), **kept)
        _put(here, team, BEFORE, _report(slug), Version(BOROUGHS[slug]), **kept)
        key = "Organization", organization(slug).split("/")[1]
        here.world.papers[key] = Paper(*key, "shared", versions=[Version(None)])
    _put(here, a_requester("service"), BEFORE, _report("bury"), Version(None), kind="published")
    return here


def _put_child(here: Made, random: Random) -> None:
    first, second = random.sample(TEAMS, 2)
    moved = random.choice(MOVES)
    episodes = random.choice(
        [
            [(first, BORN, None)],
            [(first, BORN, moved), (second, moved, None)],
            [(first, BORN, moved), (second, moved, None)],
            [(first, BORN, moved)],
            [(first, BORN, date(2020, 1, 1)), (second, date(2020, 1, 1), moved), (first, moved, None)],
            [],
        ]
    )
    service, entering = a_requester("service"), a_requester(boroughs=[first])
    found = [Episode(BOROUGHS[slug], start, end) for slug, start, end in episodes]

    def team(on: date) -> str | None:
        if not found:
            return first
        return next((SLUGS[each.borough] for each in found if each.covers(on)), None)

    # Without an episode it is a team that enters a child; with one, the service on behalf of who answers.
    author = team(ENTERED.date())
    if not found:
        child = _put(here, entering, ENTERED, a_patient(), Version(BOROUGHS[first]))
    else:
        with here.opened(service, at=ENTERED, writing=True) as record:
            child = record.create("Patient", a_patient()).version.id
            for slug, start, end in episodes:
                body = an_episode(
                    f"Patient/{child}", borough=slug, start=str(start), end=str(end) if end else None
                )
                made_ = record.create("EpisodeOfCare", body).version
                _keep(here, made_.json(), Version(BOROUGHS[slug]), child, names=BOROUGHS[slug])
            # Entered before anybody answered: written once more, on behalf of who answers now.
            version = record.read("Patient", child)
            again = record.update("Patient", child, version.json(), if_match="1").version.json()
        _keep(here, again, Version(None), child)
        here.world.papers["Patient", child].versions.append(Version(BOROUGHS[str(author)]))
    here.world.episodes[child] = found
    here.world.papers["Patient", child].child = child
    for at, most in ((BEFORE, 3), (THIS_MORNING, 2)):
        slug = team(at.date())
        if slug is None:
            continue
        # Who may change what was restricted by the team before.
        writer = a_requester("safeguarding-lead", boroughs=[slug])
        if at == THIS_MORNING:
            _change(here, writer, child, BOROUGHS[slug], random)
        for _ in range(random.randint(1, most)):
            body, categories, released = _paper(random.choice(PAPERS), child, random)
            version = Version(BOROUGHS[slug], categories, restricted=_mark(body, random))
            _put(here, writer, at, body, version, child=child, released=released)
    if random.random() < 0.4:
        _hand_over(here, child, random)


def _change(here: Made, writer: Requester, child: str, borough: str, random: Random) -> None:
    papers = [each for each in here.world.papers.values() if each.child == child and each.type in PAPERS]
    for paper in papers:
        key = paper.type, paper.id
        what = random.random()
        if what < 0.2:
            with here.opened(writer, at=THIS_MORNING, writing=True) as record:
                record.delete(*key)
            paper.versions.append(Version(borough, deletion=True, restricted=paper.last.restricted))
        elif what < 0.6:
            body, categories, released = _paper(paper.type, child, random)
            restricted = _mark(body, random)
            with here.opened(writer, at=THIS_MORNING, writing=True) as record:
                record.update(*key, {**body, "id": paper.id}, if_match="1")
            paper.versions.append(Version(borough, categories, restricted=restricted))
            paper.released = released
            here.bodies[key] = {**body, "id": paper.id}


def _mark(body: JSON, random: Random) -> bool:
    """Mark it as restricted, or not."""
    if random.random() < 0.7:
        body.pop("meta", None)
        return False
    body["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": random.choice("RV")}]}
    return True


def _hand_over(here: Made, child: str, random: Random) -> None:
    """A transfer of before, as it stands in its table; some take the restricted papers along."""
    slug, restricted = random.choice(TEAMS), random.random() < 0.7
    state = random.choice(("accepted", "accepted", "declined"))
    with here.database.writing() as connection:
        rid = connection.scalar(select(resource.c.rid).where(resource.c.id == child))
        connection.execute(
            insert(transfer).values(
                id=child, child_rid=rid, from_borough=BOROUGHS["wigan"], to_borough=BOROUGHS[slug],
                offered_by="someone", offered_at=0, reason="moved", restricted_handed_over=restricted, state=state,
            )
        )  # fmt: skip
    if restricted and state == "accepted":
        here.world.handed[child] = {BOROUGHS[slug]}


def _put(here: Made, writer: Requester, at: datetime, body: JSON, version: Version, **kept: Any) -> str:
    with here.opened(writer, at=at, writing=True) as record:
        found = record.create(body["resourceType"], body).version.json()
    return _keep(here, found, version, **kept)


def _keep(
    here: Made, body: JSON, version: Version, child: str | None = None, kind: str = "child", **rest: Any
) -> str:
    key = body["resourceType"], str(body["id"])
    here.bodies[key] = {name: value for name, value in body.items() if name != "meta"}
    here.world.papers[key] = Paper(*key, kind, child, versions=[version], **rest)
    return key[1]


def _paper(type_: str, child: str, random: Random) -> tuple[JSON, frozenset[str], datetime | None]:
    reference = f"Patient/{child}"
    categories: frozenset[str] = frozenset()
    released = None
    match type_:
        case "Encounter":
            body = an_encounter(reference, released=False)
        case "Observation":
            body = an_observation(reference)
        case "Condition":
            body = {
                "resourceType": "Condition",
                "clinicalStatus": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                            "code": "active",
                        }
                    ]
                },
                "code": {"coding": [{"system": SNOMED, "code": "95828007"}]},
                "subject": {"reference": reference},
                "recordedDate": "2021-02-01",
            }
        case _:
            body = {
                "resourceType": "Flag", "status": "active", "code": {"text": "A dog"},
                "subject": {"reference": reference},
            }  # fmt: skip
    if type_ in CATEGORIES:
        categories = frozenset(random.sample(CATEGORIES[type_], random.randint(1, 2)))
        _file(body, categories)
    if type_ in ("Encounter", "Observation") and (released := random.choice(RELEASES)) is not None:
        at = released.isoformat().replace("+00:00", "Z")
        body["extension"] = [*body.get("extension", ()), extension("released-at", valueDateTime=at)]
    return body, categories, released


def _file(body: JSON, categories: frozenset[str]) -> None:
    pairs = (each.split("|") for each in sorted(categories))
    body["category"] = [{"coding": [{"system": system, "code": code}]} for system, code in pairs]


def _report(slug: str) -> JSON:
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": "https://healthvisit.example/fhir/Measure/borough-return",
        "reporter": {"reference": organization(slug)},
        "date": "2021-02-05",
        "period": {"start": "2020-10-01", "end": "2020-12-31"},
    }


# Askers

# How often each role asks.
ROLES = {
    "health-visitor": 9, "team-lead": 2, "safeguarding-lead": 4, "system-client": 3, "administrator": 1,
    "support": 1, "parent": 3, "commissioner": 1,
}  # fmt: skip
# Whose apps are opened for one child.
GIVEN_A_CHILD = (*oracle.STAFF, "system-client", "parent")


def an_asker(world: World, random: Random) -> Asker:
    children = sorted(world.episodes)
    role = random.choices(*zip(*ROLES.items(), strict=True))[0]
    patient = (
        random.choice([*children, "nobody"]) if random.random() < 0.2 and role in GIVEN_A_CHILD else None
    )
    scopes = _scopes(role, random)
    match role:
        case "parent":
            own = frozenset(random.sample(children, random.randint(1, 3)))
            return Asker(role, scopes, children=own, patient=patient)
        case "commissioner" | "support":
            return Asker(role, scopes)
    boroughs = frozenset(random.sample(sorted(SLUGS), random.choice((1, 1, 2, 2, 3))))
    opened = frozenset[str]()
    if role in oracle.STAFF and random.random() < 0.4:
        opened = frozenset(random.sample(children, random.randint(1, 2)))
    return Asker(role, scopes, boroughs, patient=patient, opened=opened)


def _scopes(role: str, random: Random) -> str:
    context = {"parent": "patient", "system-client": "system"}.get(role, "user")
    if random.random() < 0.25:
        return f"{context}/*.cruds"
    found = []
    for _ in range(random.randint(2, 6)):
        type_ = random.choice(("*", "*", "*", "*", *oracle.TYPES, "Observation", "Condition"))
        letters = "".join(each for each in "cruds" if random.random() < 0.85) or "rs"
        asked = []
        if random.random() < 0.4:
            tags = random.sample(sorted(SLUGS), 1 if random.random() < 0.9 else 2)
            asked += [f"_tag={GSS_SYSTEM}|{borough}" for borough in tags]
        if type_ in CATEGORIES and random.random() < 0.5:
            asked += [
                f"category={each}" for each in random.sample(CATEGORIES[type_], random.choice((1, 1, 2)))
            ]
        found.append(f"{context}/{type_}.{letters}{'?' if asked else ''}{'&'.join(asked)}")
    return " ".join(found)


def requester(asker: Asker) -> Requester:
    return Requester(
        account="someone",
        role=asker.role,  # type: ignore[arg-type]
        scopes=parse(asker.scopes),
        boroughs=asker.boroughs,
        children=asker.children,
        client="app",
        patient=asker.patient,
        opened=asker.opened,
    )


# Asking both. A decision is what was asked, how many papers it decides about, and what each of the two says.

Decision = tuple[str, int, Any, Any]


def _told(ask: Callable[..., Any], *asked: Any, **more: Any) -> Any:
    try:
        return ask(*asked, **more)
    except RecordError as error:
        return _WORDS.get(type(error), type(error).__name__)


def read(here: Made, asker: Asker) -> Iterator[Decision]:
    """Everything that can be read, searched or looked back at, one paper after another."""
    world = here.world
    with here.opened(requester(asker)) as record:
        for key, paper in world.papers.items():
            yield f"read {key}", 1, oracle.read(world, asker, paper), _seen(record.read, *key)
            for number in range(1, len(paper.versions) + 1):
                expected = oracle.vread(world, asker, paper, number)
                yield f"vread {key} {number}", 1, expected, _seen(record.vread, *key, str(number))
            expected_ = oracle.history(world, asker, paper)
            if paper.kind != "shared":
                yield f"history {key}", len(paper.versions), expected_, _told(_numbers, record, *key)
        for type_ in oracle.TYPES:
            papers = [each for each in world.papers.values() if each.type == type_]
            # The definitions stand beside the world.
            known = {each.id for each in papers} if type_ == "Organization" else None
            found = _told(_ids, record, type_, known)
            yield f"search {type_}", len(papers), oracle.search(world, asker, type_), found
            if known is None:
                versions = sum(len(each.versions) for each in papers)
                looked = _told(_history, record, type_)
                yield f"history {type_}", versions, oracle.history_of_type(world, asker, type_), looked


def _seen(ask: Callable[..., Any], *asked: str) -> str:
    found = _told(ask, *asked)
    return found if isinstance(found, str) else "seen"


def _numbers(record: Record, type_: str, id_: str) -> set[int]:
    page = record.history(type_, id_, count=1000)
    assert page.total == len(page.matches)
    return {each.version for each in page.matches}


def _history(record: Record, type_: str) -> set[tuple[str, int]]:
    page = record.history(type_, count=1000)
    assert page.total == len(page.matches)
    return {(each.id, each.version) for each in page.matches}


def _ids(record: Record, type_: str, known: set[str] | None) -> set[str]:
    page = record.search(type_, [("_count", "1000"), ("_total", "accurate")])
    assert page.total == len(page.matches)
    found = {each.id for each in page.matches}
    return found if known is None else found & known


def write(here: Made, asker: Asker, random: Random, times: int) -> Iterator[Decision]:
    """A few changes, each tried and undone."""
    world = here.world
    changed = [paper for paper in world.papers.values() if paper.kind in ("child", "borough")]
    for paper in random.choices(changed, k=times):
        key = paper.type, paper.id
        body, categories = {**here.bodies[key]}, paper.last.categories
        if paper.type in CATEGORIES:
            categories = frozenset(random.sample(CATEGORIES[paper.type], random.randint(1, 2)))
            _file(body, categories)
        restricted = paper.type in PAPERS and _mark(body, random)
        match = str(len(paper.versions))
        found = _tried(here, asker, Record.update, *key, body, if_match=match)
        yield f"update {key}", 1, oracle.update(world, asker, paper, categories, restricted), found
    for paper in random.choices(changed, k=times):
        key = paper.type, paper.id
        found = _tried(here, asker, Record.delete, *key)
        yield f"delete {key}", 1, oracle.delete(world, asker, paper), found
    for child in random.choices(sorted(world.episodes), k=times):
        type_ = random.choice(PAPERS)
        body, categories, _ = _paper(type_, child, random)
        restricted = _mark(body, random)
        found = _tried(here, asker, Record.create, type_, body)
        expected = oracle.create(world, asker, type_, child, categories, restricted)
        yield f"create {type_} of {child}", 1, expected, found


def _tried(here: Made, asker: Asker, ask: Callable[..., Any], *asked: Any, **more: Any) -> str:
    found = None
    try:
        with here.opened(requester(asker), writing=True) as record:
            found = _told(ask, record, *asked, **more)
            raise _Undone
    except _Undone:
        return found if isinstance(found, str) else "done"
