"""Who may see and change what, told a second time in plain sets: it shares no code with what it is held against.

A world is children with dated episodes, and papers with their versions. An asker is a role with boroughs or
children, perhaps one patient, and the text of its scopes. Every question has one answer, a word:

"refused": the role or the scopes never give this; or it is found and may not be changed. "hidden": as if it were
not there. "gone": it was deleted, and the asker may know. "unfit": what is to be written has a reference out
of sight, or it is not clear for which borough it is written. "seen", "done": what they say.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

STAFF = ("health-visitor", "team-lead", "safeguarding-lead")
# What each role may ever do, by the first letters of create, read, update, delete, search.
_STAFF_RIGHTS = {
    "Patient": "crus",
    "EpisodeOfCare": "crus",
    "Encounter": "cruds",
    "Observation": "cruds",
    "Condition": "cruds",
    "Flag": "cruds",
    "Group": "cruds",
    "Organization": "rs",
}
RIGHTS = {
    "health-visitor": {**_STAFF_RIGHTS, "MeasureReport": "rs"},
    "team-lead": {**_STAFF_RIGHTS, "MeasureReport": "rs"},
    "safeguarding-lead": {**_STAFF_RIGHTS, "MeasureReport": "rs"},
    "administrator": {"MeasureReport": "rs", "Organization": "rs"},
    "support": {"Organization": "rs"},
    "system-client": {**_STAFF_RIGHTS, "MeasureReport": "crs"},
    "parent": {"Patient": "rs", "Encounter": "rs", "Observation": "rs"},
    "commissioner": {"MeasureReport": "rs", "Organization": "rs"},
}
TYPES = (*_STAFF_RIGHTS, "MeasureReport")


@dataclass(frozen=True)
class Episode:
    """One borough answers from the first day to the day before `end`."""

    borough: str
    start: date
    end: date | None

    def covers(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day < self.end)


@dataclass(frozen=True)
class Version:
    """author: the borough on whose behalf it was written. categories: system|code. restricted: marked so."""

    author: str | None
    categories: frozenset[str] = frozenset()
    deletion: bool = False
    restricted: bool = False


@dataclass
class Paper:
    """One resource. kind: "child", "borough", "published" or "shared". names: the borough that an episode's own
    text names."""

    type: str
    id: str
    kind: str
    child: str | None = None
    names: str | None = None
    released: datetime | None = None
    versions: list[Version] = field(default_factory=list)

    @property
    def last(self) -> Version:
        return self.versions[-1]


@dataclass(frozen=True)
class Offer:
    """A child is given from one borough to another. state: offered, accepted, declined or withdrawn, lately.
    restricted: with its restricted papers."""

    child: str
    giver: str
    taker: str
    state: str
    restricted: bool = False


@dataclass
class World:
    """episodes: of each child. papers: by type and id. handed: boroughs to which the restricted papers of a child
    were handed over. marked: children whose whereabouts are kept hidden. offers: by name. authors: who wrote last
    of a child itself. now: the instant of every question; today: its day."""

    now: datetime
    today: date
    episodes: dict[str, list[Episode]] = field(default_factory=dict)
    papers: dict[tuple[str, str], Paper] = field(default_factory=dict)
    handed: dict[str, set[str]] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    offers: dict[str, Offer] = field(default_factory=dict)
    authors: dict[str, str | None] = field(default_factory=dict)

    def answering(self, child: str | None) -> set[str]:
        return {each.borough for each in self.episodes.get(child or "", ()) if each.covers(self.today)}


@dataclass(frozen=True)
class Asker:
    role: str
    scopes: str
    boroughs: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()
    patient: str | None = None
    opened: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Given:
    """One scope as it reads. tags: boroughs named, all of them at once."""

    type: str
    letters: str
    tags: frozenset[str]
    categories: frozenset[str]


@dataclass(frozen=True)
class _Way:
    """far: children of other boroughs who were opened are among them."""

    boroughs: frozenset[str]
    categories: frozenset[str]
    far: bool


def _given(asker: Asker) -> list[_Given]:
    found = []
    for word in asker.scopes.split():
        head, _, query = word.partition("?")
        type_, letters = head.split("/")[1].split(".")
        asked = [each.split("=", 1) for each in query.split("&")] if query else []
        found.append(
            _Given(
                type_,
                letters,
                frozenset(value.split("|")[1] for name, value in asked if name == "_tag"),
                frozenset(value for name, value in asked if name == "category"),
            )
        )
    return found


def _allowed(asker: Asker, type_: str, letter: str) -> bool:
    return letter in RIGHTS[asker.role].get(type_, "") and any(
        each.type in ("*", type_) and letter in each.letters for each in _given(asker)
    )


def _ways(asker: Asker, type_: str, letter: str) -> list[_Way]:
    """In each way which boroughs, and which categories a resource must all have. A parent is told no borough: by
    a scope that names one nothing is reached."""

    def boroughs(given: _Given) -> frozenset[str]:
        return frozenset(each for each in asker.boroughs if all(each == tag for tag in given.tags))

    every = _given(asker)
    if asker.role == "parent":
        every = [each for each in every if not each.tags]
    giving = [each for each in every if each.type in ("*", type_) and letter in each.letters]
    if giving or asker.role == "parent":
        return [_Way(boroughs(each), each.categories, not each.tags) for each in giving]
    far = any(not each.tags for each in every)
    return [_Way(frozenset().union(*map(boroughs, every)), frozenset(), far)]


def _is_theirs(world: World, asker: Asker, paper: Paper, wrote: str | None, way: _Way) -> bool:
    """Whether it is of a child of these boroughs, or was written for one of them."""
    if asker.patient is not None and (paper.kind == "borough" or paper.child != asker.patient):
        return False
    if paper.kind == "borough":
        return wrote in way.boroughs
    if _is_open(asker, paper, way):
        return True
    return bool(world.answering(paper.child) & way.boroughs) or wrote in way.boroughs


def _is_open(asker: Asker, paper: Paper, way: _Way) -> bool:
    return way.far and asker.role in STAFF and paper.child in asker.opened


def _despite(world: World, asker: Asker, paper: Paper, wrote: str | None, way: _Way) -> bool:
    """Whether a restricted paper of theirs is still for them."""
    if asker.role not in STAFF:
        return False
    if wrote in way.boroughs or world.handed.get(paper.child or "", set()) & way.boroughs:
        return True
    if asker.role != "safeguarding-lead":
        return False
    return _is_open(asker, paper, way) or bool(world.answering(paper.child) & way.boroughs)


def _stand_in(version: Version) -> frozenset[str]:
    return frozenset() if version.deletion else version.categories


def _known(world: World, asker: Asker, paper: Paper, letter: str) -> bool:
    if paper.kind == "shared":
        return True
    if asker.role == "commissioner":
        return paper.kind == "published"
    if asker.role == "parent":
        children = asker.children if asker.patient is None else asker.children & {asker.patient}
        shown = paper.type == "Patient" or (paper.released is not None and paper.released <= world.now)
        return (
            paper.child in children
            and shown
            and not paper.last.restricted
            and any(way.categories <= _stand_in(paper.last) for way in _ways(asker, paper.type, letter))
        )
    if asker.role == "support":
        return False
    if paper.kind == "published":
        return True
    return any(
        way.categories <= _stand_in(paper.last)
        and _is_theirs(world, asker, paper, paper.last.author, way)
        and (not paper.last.restricted or _despite(world, asker, paper, paper.last.author, way))
        for way in _ways(asker, paper.type, letter)
    )


def _versions(world: World, asker: Asker, paper: Paper, letter: str) -> set[int]:
    """Numbers of the versions that are within reach. What was filed under which category before is not kept."""
    every = set(range(1, len(paper.versions) + 1))
    if paper.kind == "shared" or (paper.kind == "published" and asker.role not in ("parent", "support")):
        return every
    if asker.role in ("parent", "commissioner", "support"):
        return set()
    return {
        number
        for number in every
        for version in [paper.versions[number - 1]]
        for way in _ways(asker, paper.type, letter)
        if _is_theirs(world, asker, paper, version.author, way)
        and (
            not (version.restricted or paper.last.restricted)
            or _despite(world, asker, paper, version.author, way)
        )
        and (not way.categories or (number == len(paper.versions) and way.categories <= _stand_in(version)))
    }


def read(world: World, asker: Asker, paper: Paper) -> str:
    if not _allowed(asker, paper.type, "r"):
        return "refused"
    if not _known(world, asker, paper, "r"):
        return "hidden"
    return "gone" if paper.last.deletion else "seen"


def vread(world: World, asker: Asker, paper: Paper, number: int) -> str:
    if not _allowed(asker, paper.type, "r"):
        return "refused"
    if number not in _versions(world, asker, paper, "r"):
        return "hidden"
    return "gone" if paper.versions[number - 1].deletion else "seen"


def history(world: World, asker: Asker, paper: Paper) -> str | set[int]:
    """Numbers of its versions, or a word."""
    if not _allowed(asker, paper.type, "r"):
        return "refused"
    return _versions(world, asker, paper, "r") or "hidden"


def history_of_type(world: World, asker: Asker, type_: str) -> str | set[tuple[str, int]]:
    if not _allowed(asker, type_, "s"):
        return "refused"
    return {
        (paper.id, number)
        for paper in world.papers.values()
        if paper.type == type_
        for number in _versions(world, asker, paper, "s")
    }


def search(world: World, asker: Asker, type_: str) -> str | set[str]:
    if not _allowed(asker, type_, "s"):
        return "refused"
    return {
        paper.id
        for paper in world.papers.values()
        if paper.type == type_ and not paper.last.deletion and _known(world, asker, paper, "s")
    }


def _may_change(world: World, asker: Asker, paper: Paper, letter: str) -> bool:
    """Whoever answers for the child today; nobody yet, and this service entered it; its own episode."""
    if asker.patient is not None and paper.child != asker.patient:
        return False
    for way in _ways(asker, paper.type, letter):
        theirs = bool(world.answering(paper.child) & way.boroughs)
        if paper.kind == "borough" or not world.episodes.get(paper.child or ""):
            theirs = theirs or paper.last.author in way.boroughs
        if paper.type == "EpisodeOfCare":
            theirs = theirs or paper.names in way.boroughs
        if paper.last.restricted:
            theirs = theirs and _despite(world, asker, paper, paper.last.author, way)
        if theirs and way.categories <= _stand_in(paper.last):
            return True
    return False


def _is_unclear(world: World, asker: Asker, child: str | None) -> bool:
    """On whose behalf it is written, where an asker of several boroughs answers for the child in none."""
    return not world.answering(child) & asker.boroughs and len(asker.boroughs) != 1


def _fits(asker: Asker, type_: str, letter: str, boroughs: set[str], categories: frozenset[str]) -> bool:
    return any(
        way.boroughs & boroughs and way.categories <= categories for way in _ways(asker, type_, letter)
    )


def _afterwards(world: World, asker: Asker, child: str | None) -> set[str]:
    return world.answering(child) if world.episodes.get(child or "") else set(asker.boroughs)


def _narrowed(asker: Asker) -> bool:
    return any(each.tags or each.categories for each in _given(asker))


def update(
    world: World, asker: Asker, paper: Paper, categories: frozenset[str], restricted: bool = False
) -> str:
    """categories: those that it has afterwards; restricted: whether it is marked so."""
    if not _allowed(asker, paper.type, "u"):
        return "refused"
    if not (_known(world, asker, paper, "u") or _known(world, asker, paper, "r")):
        return "hidden"
    if paper.last.deletion:
        return "gone"
    if not _may_change(world, asker, paper, "u"):
        return "refused"
    # A paper names its child, and what is written names nothing that is out of its writer's sight.
    child = world.papers.get(("Patient", str(paper.child)))
    if child not in (None, paper) and not _known(world, asker, child, "r"):
        return "unfit"
    if paper.kind == "borough":
        boroughs = {paper.names or ""}
    elif paper.type == "EpisodeOfCare":
        if paper.names not in asker.boroughs:
            return "refused"
        boroughs = {paper.names}
    else:
        boroughs = _afterwards(world, asker, paper.child)
    if paper.kind == "child" and _is_unclear(world, asker, paper.child):
        return "unfit"
    if restricted and asker.role not in STAFF:
        return "refused"
    if _narrowed(asker) and not _fits(asker, paper.type, "u", boroughs, categories):
        return "refused"
    return "done"


def delete(world: World, asker: Asker, paper: Paper) -> str:
    if not _allowed(asker, paper.type, "d"):
        return "refused"
    if not (_known(world, asker, paper, "d") or _known(world, asker, paper, "r")):
        return "hidden"
    if paper.last.deletion:
        return "done"
    if not _may_change(world, asker, paper, "d"):
        return "refused"
    if paper.kind == "child" and _is_unclear(world, asker, paper.child):
        return "unfit"
    return "done"


def create(
    world: World, asker: Asker, type_: str, child: str, categories: frozenset[str], restricted: bool = False
) -> str:
    """A new paper of a child, marked as restricted or not."""
    if not _allowed(asker, type_, "c"):
        return "refused"
    patient = world.papers["Patient", child]
    if not _known(world, asker, patient, "r"):
        return "unfit"
    entered = not world.episodes.get(child) and patient.last.author in asker.boroughs
    if not (world.answering(child) & asker.boroughs or entered):
        return "refused"
    if _is_unclear(world, asker, child):
        return "unfit"
    if restricted and asker.role not in STAFF:
        return "refused"
    if _narrowed(asker) and not _fits(asker, type_, "c", _afterwards(world, asker, child), categories):
        return "refused"
    return "done"


# What is done with a child beside what is written of it


def offered(world: World, asker: Asker, offer: Offer) -> str:
    """What the asker is told of an offer: "nothing"; of one of its own "that it was", when it tries to answer it;
    "that it comes" (who the child is, and how much is still to be done); or "all"."""
    if asker.role not in STAFF or not _allowed(asker, "Patient", "r"):
        return "nothing"
    if asker.patient not in (None, offer.child):
        return "nothing"
    mine = _boroughs(asker, "Patient", "r")
    answering = world.answering(offer.child)
    given, taken = (each in mine & answering for each in (offer.giver, offer.taker))
    if taken if offer.state == "accepted" else given and offer.state != "withdrawn":
        return "all"
    if offer.state == "offered" and offer.taker in mine and offer.giver in answering:
        return "that it comes"
    return "that it was" if {offer.giver, offer.taker} & mine else "nothing"


def brought(asker: Asker, borough: str) -> bool:
    """Whether the asker decides about the rows that a borough brought from its old papers, and reads them."""
    return asker.role in ("team-lead", "safeguarding-lead") and borough in asker.boroughs


def came_late(world: World, asker: Asker, child: str, *, restricted: bool) -> bool:
    """Whether the asker decides about a visit that another team recorded before the child came: where its borough
    answers today, and of a restricted one who protects children."""
    leads = ("safeguarding-lead",) if restricted else ("team-lead", "safeguarding-lead")
    return asker.role in leads and bool(world.answering(child) & asker.boroughs)


def followed(world: World, asker: Asker, child: str) -> bool:
    """Whether the asker may be told what was done with a child, and by whom: where its borough answers, or where
    nobody does, wrote last. An event alone is told to those who answer."""
    if asker.role not in STAFF or asker.patient not in (None, child):
        return False
    mine = _boroughs(asker, "AuditEvent", "s")
    return bool((world.answering(child) or {world.authors.get(child)}) & mine)


def tells_family(asker: Asker, child: str) -> bool:
    """Whether the asker is told, as a parent, on which days somebody saw a child, and when in an emergency."""
    return asker.role == "parent" and child in asker.children


def _boroughs(asker: Asker, type_: str, letter: str) -> frozenset[str]:
    return frozenset[str]().union(
        *(way.boroughs for way in _ways(asker, type_, letter) if not way.categories)
    )


# Children whose whereabouts are kept hidden: what of a body must not be shown

# Names, at whatever depth: of what tells a place, and of what tells who works with the family. What stands in an
# element that is not named here may be hidden or shown.
_WHERE = {
    "address", "telecom", "contact", "generalPractitioner", "location", "locationCode", "locationReference",
    "hospitalization", "facilityType", "contained", "assigner", "patientInstruction", "div",
}  # fmt: skip
_WHERE_OF = {"Appointment": {"comment", "description"}}
_WHOSE = {
    "managingOrganization", "serviceProvider", "careManager", "performer", "organization", "custodian", "author",
    "requester", "owner", "sender", "recipient", "agent", "tag",
}  # fmt: skip


def veiled(world: World, asker: Asker, paper: Paper) -> str:
    """How much of a paper that is shown the asker is shown: "whole", "near" (but where), or "far" (nor whose)."""
    if paper.child not in world.marked or paper.kind != "child" or asker.role == "parent":
        return "whole"
    mine = frozenset().union(*(way.boroughs for way in _ways(asker, paper.type, "r")))
    if not world.answering(paper.child) & mine:
        return "far"
    return "whole" if asker.role == "safeguarding-lead" else "near"


def hidden(type_: str, body: Any, veil: str) -> list[tuple[Any, Any]]:
    """Where the values stand, as (holder, key), of which the asker sees no part."""
    names = _WHERE | _WHERE_OF.get(type_, set()) | (_WHOSE if veil == "far" else set())
    found: list[tuple[Any, Any]] = []

    def look(value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                look(each)
        if not isinstance(value, dict):
            return
        for key, inner in value.items():
            unnamed = (
                key == "display"
                and "reference" not in value
                and set(value) <= {"display", "type", "identifier"}
            )
            octets = key == "data" and "contentType" in value
            numbered = veil == "far" and key == "identifier"
            if key in names or unnamed or octets:
                found.append((value, key))
            elif numbered:
                every = inner if isinstance(inner, list) else [inner]
                found.extend(
                    (each, "value")
                    for each in every
                    if "value" in each and "nhs-number" not in each.get("system", "")
                )
            elif veil == "far" and key == "display" and "reference" in value:
                found.append((value, key))
            else:
                look(inner)

    if veil != "whole":
        look(body)
    return found
