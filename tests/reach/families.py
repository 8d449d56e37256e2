"""Families of three boroughs, with papers of every type: what is written, by whom and when, before a trial begins.

Each paper is told twice: as the JSON that is written, and as a paper of the oracle, which says who may see it.
Wherever a word, a code, an address or a number of its own may stand, a canary stands: a text that stands nowhere else
and names its place. Beside what is written, children are offered to other boroughs, and opened in an emergency.
`twin` tells the same again, but for what one asker may not see.

A paper is known here by its name ("o1 Observation 2"); "@name" stands where its id will.
"""

import base64
import copy
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from healthvisit.exact_json import JSON, loads
from tests import builders
from tests.builders import BOROUGHS, NOW, TODAY
from tests.reach import oracle
from tests.reach.oracle import Asker, Episode, Offer, Paper, Version, World

EXAMPLES = Path(__file__).resolve().parents[1] / "record/search/examples"
BORN = date(2019, 1, 15)
MOVED = date(2021, 2, 10)
# When the children were entered, and when today's teams wrote.
ENTERED, SINCE = datetime(2021, 2, 1, 8, tzinfo=UTC), datetime(2021, 2, 12, 8, tzinfo=UTC)
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
CANARY_CODES = "https://canary.example/codes"
CANARY = re.compile(r"canary[0-9a-f]{16}")

# In the order in which they are written: each may refer to those before it.
CHILD_PAPERS = (
    "RelatedPerson", "Encounter", "QuestionnaireResponse", "CareTeam", "Appointment", "Condition", "Observation",
    "Immunization", "Flag", "CarePlan", "ServiceRequest", "Task", "Communication", "Consent", "DocumentReference",
    "Binary", "RiskAssessment", "List", "Composition", "Provenance",
)  # fmt: skip
_SUBJECT = {"Task": "for", "RelatedPerson": "patient", "Immunization": "patient", "Consent": "patient"}
# Elements whose text is a person's own, wherever they stand.
_WORDS = {
    "text", "display", "description", "comment", "title", "family", "city", "district", "state", "postalCode",
    "lotNumber", "label", "valueString", "contentString", "rationale", "patientInstruction", "series", "name",
}  # fmt: skip
_LISTS = {"line", "given", "prefix", "suffix"}
_CODED = {"code", "reasonCode", "serviceType", "bodySite", "focus", "medium", "event", "topic", "method"}
_DAY = re.compile(r"(\d{4})(-\d\d(-\d\d)?)?(T.*)?\Z")


@dataclass(frozen=True)
class Written:
    """One version of one paper. writer: a borough's slug, or "service". body: None for its deletion.

    child: name of the child, None for what a borough keeps for itself and for what is published. extra: stands
    in the twin alone.
    """

    paper: str
    type: str
    writer: str
    at: datetime
    body: JSON | None
    child: str | None = None
    names: str | None = None
    extra: bool = False


@dataclass(frozen=True)
class Deed:
    """What was done with a child beside what is written of it. what: "offer", "open": in an emergency, "import": a
    review of it waits among a borough's imported rows, or "late": a visit waits that a team recorded before it went.

    by: the borough that did it. to, state, restricted: of an offer, what became of it (oracle.Offer). words: why, as
    a person wrote it. mistaken: by another day of birth, and refused. extra: in the twin alone.
    """

    name: str
    what: str
    child: str
    by: str
    to: str = ""
    state: str = "offered"
    restricted: bool = False
    mistaken: bool = False
    extra: bool = False
    words: str = ""
    at: datetime = SINCE


_Step = TypeVar("_Step", Written, Deed)


@dataclass(frozen=True)
class Family:
    """One child. episodes: (borough, start, end). marked: where it lives is kept hidden; who protects it writes.

    restricted: it has restricted papers too.
    """

    name: str
    episodes: tuple[tuple[str, date, date | None], ...]
    entered_by: str
    rich: bool = False
    number: int | None = None
    extra: bool = False
    released: bool = True
    marked: bool = False
    restricted: bool = False


def _always(borough: str) -> tuple[tuple[str, date, date | None], ...]:
    return ((borough, BORN, None),)


def _moves(first: str, second: str) -> tuple[tuple[str, date, date | None], ...]:
    return ((first, BORN, MOVED), (second, MOVED, None))


# x...: in the twin alone, where they are hidden. s1 is a sibling of b1 who lives elsewhere, b2 one at home.
FAMILIES = (
    Family("xo", _always("bolton"), "bolton", number=101, extra=True),
    Family("xs", _always("salford"), "salford", number=103, extra=True),
    Family("xb", _always("bury"), "bury", number=202, extra=True),
    Family("o1", _always("bolton"), "bolton", rich=True, restricted=True),
    Family("b1", _always("bury"), "bury", rich=True, number=101, restricted=True),
    Family("s1", _always("salford"), "salford", rich=True, restricted=True),
    Family("b2", _always("bury"), "bury", restricted=True),
    Family("o2", _always("bolton"), "bolton"),
    Family("b3", _always("bury"), "bury", number=103, released=False),
    Family("s2", _always("salford"), "salford", number=202),
    Family("m1", _moves("bury", "salford"), "bury", restricted=True),
    Family("m2", _moves("salford", "bury"), "salford", restricted=True),
    Family("m3", _moves("bolton", "bury"), "bolton", restricted=True),
    Family("m4", _moves("salford", "bolton"), "salford", restricted=True),
    Family("q1", _always("bury"), "bury", rich=True, marked=True, restricted=True),
    Family("q2", _moves("bury", "salford"), "bury", marked=True),
    Family("n1", (), "bury"),
    Family("n2", (), "bolton"),
)
TEAMS = ("bury", "salford", "bolton")

# Of each child one offer at most is open.
_DEEDS = (
    Deed("offer of s1", "offer", "s1", "salford", "bolton", restricted=True),
    Deed("offer of o1", "offer", "o1", "bolton", "salford"),
    Deed("offer of o2", "offer", "o2", "bolton", "bury"),
    Deed("offer of b2", "offer", "b2", "bury", "wigan"),
    Deed("offer of s2", "offer", "s2", "salford", "bury", "declined"),
    Deed("offer of b1", "offer", "b1", "bury", "salford", "withdrawn"),
    Deed("offer of q2", "offer", "q2", "salford", "bolton"),
    Deed("offer of m2", "offer", "m2", "bury", "stockport"),
    Deed("past offer of m1", "offer", "m1", "bury", "salford", "accepted"),
    Deed("past offer of m2", "offer", "m2", "salford", "bury", "accepted"),
    Deed("past offer of m3", "offer", "m3", "bolton", "bury", "accepted", restricted=True),
    Deed("past offer of m4", "offer", "m4", "salford", "bolton", "accepted", restricted=True),
    Deed("offer of m1", "offer", "m1", "salford", "wigan", extra=True),
    Deed("offer of m4", "offer", "m4", "bolton", "oldham", extra=True),
    Deed("offer of b3", "offer", "b3", "bury", "trafford", extra=True),
    Deed("offer of m3", "offer", "m3", "bury", "stockport", "declined", extra=True),
    # Two boroughs may hold one number; of these children one does.
    *(Deed(f"opening of {child}", "open", child, by) for child, by in (
        ("b2", "oldham"), ("o1", "rochdale"), ("s1", "oldham"), ("m1", "rochdale"), ("m3", "oldham"),
        ("n1", "oldham"), ("n2", "rochdale"), ("q2", "oldham"),
    )),
    *(Deed(f"opening of {child}", "open", child, by, extra=True) for child, by in (
        ("o2", "oldham"), ("m2", "rochdale"), ("m4", "oldham"), ("q1", "rochdale"),
    )),
    *(Deed(f"second opening of {child}", "open", child, "tameside", extra=True) for child in ("o1", "s1", "b2", "m1")),
    Deed("mistaken opening", "open", "o1", "oldham", mistaken=True),
    *(Deed(f"mistaken opening of {child}", "open", child, "rochdale", mistaken=True, extra=True)
      for child in ("b2", "s1", "o2")),
    # A borough's old papers speak of its own children, of those who left, and of others'.
    *(Deed(f"row of {child} for {by}", "import", child, by) for child, by in (
        ("b1", "bury"), ("b2", "bury"), ("s1", "bury"), ("m1", "bury"), ("q1", "bury"),
        ("b1", "salford"), ("s1", "salford"), ("m2", "salford"), ("o1", "bolton"), ("b1", "bolton"),
    )),
    *(Deed(f"second row of {child} for {by}", "import", child, by, extra=True) for child, by in (
        ("b2", "bury"), ("b1", "salford"), ("m2", "salford"), ("o1", "bolton"), ("q1", "bolton"),
    )),
    *(Deed(f"late visit of {child} by {by}", "late", child, by) for child, by in (
        ("m1", "bury"), ("m2", "salford"), ("m4", "salford"), ("q2", "bury"),
    )),
    *(Deed(f"restricted late visit of {child} by {by}", "late", child, by, restricted=True) for child, by in (
        ("m2", "salford"), ("m3", "bolton"), ("m4", "salford"),
    )),
    *(Deed(f"second late visit of {child}", "late", child, by, restricted=restricted, extra=True)
      for child, by, restricted in (
        ("m1", "bury", True), ("m2", "salford", False), ("m4", "salford", False), ("q2", "bury", False),
    )),
)  # fmt: skip


def canary(place: str) -> str:
    return f"canary{hashlib.sha256(place.encode()).hexdigest()[:16]}"


@lru_cache
def everything() -> tuple[Written, ...]:
    """What is written in both worlds, and what is written in the twin alone, in order of time."""
    found: list[Written] = []
    for family in FAMILIES:
        found += _of_child(family)
    for slug in TEAMS:
        found += _of_borough(slug)
    found.append(_written("published", "MeasureReport", "service", _report("bury")))
    # One second apart, those who came before a move before those who came after it.
    found.sort(key=lambda each: each.at)
    return tuple(replace(each, at=each.at + timedelta(seconds=number)) for number, each in enumerate(found))


@lru_cache
def deeds() -> tuple[Deed, ...]:
    """What is done in both worlds, and in the twin alone, in order of time."""
    # What is opened is open still.
    begin = {
        "offer": SINCE + timedelta(minutes=45),
        "import": SINCE + timedelta(minutes=50),
        "late": SINCE + timedelta(minutes=55),
        "open": NOW - timedelta(hours=2),
    }
    return tuple(
        replace(each, words=f"Because {canary(each.name)}", at=begin[each.what] + timedelta(seconds=number))
        for number, each in enumerate(_DEEDS)
    )


def _written(
    paper: str, type_: str, writer: str, body: JSON | None, *, at: datetime = ENTERED, **more: Any
) -> Written:
    return Written(paper, type_, writer, at, body, **more)


def _of_child(family: Family) -> Iterator[Written]:
    of: dict[str, Any] = {"child": family.name, "extra": family.extra}
    patient = f"{family.name} Patient"
    lead = " lead" if family.marked else ""
    first = family.entered_by + lead
    yield _written(patient, "Patient", first, _patient(family, 1), **of)
    for number, (slug, start, end) in enumerate(family.episodes, 1):
        name = f"{family.name} EpisodeOfCare {number}"
        body = builders.an_episode(
            f"Patient/@{patient}", borough=slug, start=str(start), end=end and str(end)
        )
        body["identifier"] = [_identifier(name)]
        team = slug + lead if number == 1 else "service"
        yield _written(name, "EpisodeOfCare", team, body, names=slug, **of)
    names: list[str] = [patient]
    for type_ in CHILD_PAPERS:
        for number, body in enumerate(papers(family, type_, names), 1):
            name = f"{family.name} {type_} {number}"
            yield _written(name, type_, first, body, at=ENTERED + timedelta(hours=1), **of)
            names.append(name)
    if family.restricted:
        yield from _restricted(family, first, names, of)
    last = family.episodes[-1][0] + lead if family.episodes else first
    if last == first:
        return
    # Those who answer now go on with the record: they change, take back and add.
    yield _written(patient, "Patient", last, _patient(family, 2), at=SINCE, **of)
    for type_ in ("Encounter", "Observation", "Condition"):
        after = [paper(family, type_, number, names, 2) for number in (1, 2)]
        yield _written(f"{family.name} {type_} 1", type_, last, after[0], at=SINCE, **of)
        yield _written(f"{family.name} {type_} after", type_, last, after[1], at=SINCE, **of)
    yield _written(f"{family.name} Flag 1", "Flag", last, None, at=SINCE, **of)


# Restricted papers, each with the marks of its versions. What has none is restricted by what it is about.
_RESTRICTED: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("Encounter", ("V",)),
    ("Observation", (None,)),
    ("Provenance", (None,)),
    ("Condition", (None, "R")),
    ("Flag", ("R", None)),
    ("Task", ("R",)),
    ("ServiceRequest", ("V", "R")),
    ("DocumentReference", ("R",)),
)


def _restricted(family: Family, writer: str, names: list[str], of: dict[str, Any]) -> Iterator[Written]:
    visit = f"{family.name} Encounter restricted"
    for type_, marks in _RESTRICTED:
        for number, mark in enumerate(marks):
            body = paper(family, type_, 1, names, 3 + number)
            if type_ == "Observation":
                body["encounter"] = {"reference": f"Encounter/@{visit}"}
            if type_ == "Provenance":
                body["target"] = [{"reference": f"Encounter/@{visit}"}]
            if mark is not None:
                body["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": mark}]}
            at = ENTERED + timedelta(hours=2 + number)
            yield _written(f"{family.name} {type_} restricted", type_, writer, body, at=at, **of)


def papers(family: Family, type_: str, names: list[str]) -> Iterator[JSON]:
    for number in range(1, (3 if family.rich else 1) + 1):
        if number == 1 or number <= len(_examples(type_)):
            yield paper(family, type_, number, names, 1)


def imported(deed: Deed) -> JSON:
    """What waits in a row: by its number the child is known, by its name it is not."""
    family = next(each for each in FAMILIES if each.name == deed.child)
    return {
        "source_reference": deed.name, "nhs_number": _nhs_number(family), "family_name": deed.words,
        "given_name": "Child", "birth_date": str(BORN), "review": "new-birth", "done_on": "2019-01-29",
        "outcome": "completed", "capture_mode": "document", "paper_recorded_on": "2019-01-29",
        "keyed_on": "2019-02-01",
    }  # fmt: skip


def late_visit(deed: Deed, patient: str, operation: str) -> JSON:
    """What waits, as a tablet would have sent it. patient: "Patient/<id>"."""
    found = builders.a_visit(patient, operation=operation, borough=deed.by)
    encounter, response = (entry["resource"] for entry in found["entry"])
    encounter["reasonCode"] = [{"text": deed.words}]
    response["item"].append(
        {"linkId": "plan", "item": [{"linkId": "plan-notes", "answer": [{"valueString": deed.words}]}]}
    )
    if deed.restricted:
        encounter["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
    return found


def _nhs_number(family: Family) -> str:
    place = f"{family.name} Patient 1"
    return builders.an_nhs_number(
        family.number or int(hashlib.sha256(place.encode()).hexdigest()[:5], 16) % 700_000 + 1000
    )


def _patient(family: Family, edition: int) -> JSON:
    place = f"{family.name} Patient 1"
    body = builders.a_patient(nhs_number=_nhs_number(family), born=str(BORN))
    body["identifier"].append({"system": "x", "value": "x"})
    body["telecom"] = [{"system": "phone", "value": "x"}]
    body["contact"] = [{"name": {"family": "x"}, "telecom": [{"system": "phone", "value": "x"}]}]
    body["generalPractitioner"] = [{"display": "x"}]
    body["text"] = {"status": "generated", "div": "x"}
    if family.marked:
        body["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
    _fill(body, place, edition)
    return body


def paper(family: Family, type_: str, number: int, names: list[str], edition: int) -> JSON:
    """A paper of the child, of HL7's example; its first Encounter, response and Observation are of our own forms.

    names: the papers that it may refer to.
    """
    place = f"{family.name} {type_} {number}"
    patient = f"Patient/@{family.name} Patient"
    released = family.released and number % 2 == 1
    if number == 1 and type_ == "Encounter":
        body = builders.an_encounter(patient, borough=family.entered_by, released=released)
        body["reasonCode"] = [{"coding": [], "text": "x"}]
    elif number == 1 and type_ == "Observation":
        visit = f"Encounter/@{family.name} Encounter 1"
        body = builders.an_observation(patient, encounter=visit, released=released)
        body["note"] = [{"text": "x"}]
    elif number == 1 and type_ == "QuestionnaireResponse":
        body = builders.a_response(patient, f"Encounter/@{family.name} Encounter 1")
        body["item"].append(
            {"linkId": "plan", "item": [{"linkId": "plan-notes", "answer": [{"valueString": "x"}]}]}
        )
        for holder, key in list(places(body)):
            if key == "linkId":
                holder["text"] = "x"
    else:
        body = _of_example(family, type_, number, names)
        if released and type_ in ("Encounter", "Observation"):
            body["extension"] = [builders.extension("released-at", valueDateTime="2021-02-01T10:45:00Z")]
    if type_ != "Binary":
        body["text"] = {"status": "generated", "div": "x"}
    if "identifier" not in body and type_ in _IDENTIFIED:
        body["identifier"] = _identifier(place) if type_ in _ONE_IDENTIFIER else [_identifier(place)]
    _fill(body, place, edition)
    return body


_ONE_IDENTIFIER = ("QuestionnaireResponse", "Composition")
_IDENTIFIED = (*_ONE_IDENTIFIER, "Encounter", "Observation", "RelatedPerson", "Condition", "Flag")


def _of_example(family: Family, type_: str, number: int, names: list[str]) -> JSON:
    examples = _examples(type_)
    body: JSON = copy.deepcopy(examples[(number - 1) % len(examples)])
    patient = f"Patient/@{family.name} Patient"
    for name in ("id", "meta", "contained", "text", "extension"):
        body.pop(name, None)
    for holder, key in list(places(body)):
        if key == "reference" and isinstance(holder, dict) and isinstance(holder[key], str):
            of_type = [each for each in names if each.split()[1] == holder[key].split("/")[0]]
            if of_type:
                holder[key] = f"{of_type[0].split()[1]}/@{of_type[0]}"
            else:
                del holder[key]
                holder["display"] = "x"
    match type_:
        case "Appointment":
            pass
        case "Binary":
            body["securityContext"] = {"reference": patient}
        case "Provenance":
            body["target"] = [{"reference": f"Encounter/@{family.name} Encounter 1"}]
        case _:
            body[_SUBJECT.get(type_, "subject")] = {"reference": patient}
    return body


@lru_cache
def _examples(type_: str) -> list[JSON]:
    """HL7's, of which search is tested with too."""
    if type_ == "Binary":
        return [{"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}]
    found = [loads(path.read_bytes()) for path in sorted(EXAMPLES.glob(f"{type_}-*.json"))]
    assert found, type_
    return found


def _of_borough(slug: str) -> Iterator[Written]:
    body: JSON = {
        "resourceType": "Group", "type": "person", "actual": True, "name": "x", "identifier": [_identifier(slug)],
        "managingEntity": {"reference": builders.organization(slug)},
        "code": {"coding": [{"system": "x", "code": "x"}], "text": "x"},
    }  # fmt: skip
    for name in (f"{slug} Group 1", f"{slug} Group 2"):
        own = copy.deepcopy(body)
        _fill(own, name, 1)
        yield _written(name, "Group", slug, own, names=slug)
    yield _written(f"{slug} MeasureReport", "MeasureReport", f"{slug} system", _report(slug), names=slug)


def _report(slug: str) -> JSON:
    body: JSON = {
        "resourceType": "MeasureReport", "status": "complete", "type": "summary",
        "identifier": [_identifier(f"{slug} MeasureReport")],
        "measure": "https://healthvisit.example/fhir/Measure/borough-return",
        "reporter": {"reference": builders.organization(slug)},
        "date": "2021-02-01", "period": {"start": "2020-10-01", "end": "2020-12-31"},
    }  # fmt: skip
    _fill(body, f"{slug} MeasureReport", 1)
    return body


def _identifier(place: str) -> JSON:
    return {"system": "https://canary.example/id", "value": canary(f"{place} identifier")}


# Canaries in place of words


def _fill(body: JSON, place: str, edition: int) -> None:
    """Put a canary wherever a person's words, numbers or codes may stand, and days of the child's life."""
    days = sorted({holder[key] for holder, key in places(body) if _is_day(holder, key)})
    # The order of the days is kept: an end comes after its beginning.
    start = date(2020, 1, 1) + timedelta(days=int(canary(f"{place} {edition} days")[6:8], 16) % 60)
    known = {day: start + timedelta(days=9 * number) for number, day in enumerate(days)}
    for path, (holder, key) in enumerate(list(places(body))):
        value = holder[key]
        told = canary(f"{place} {edition} {path} {key}")
        if _is_day(holder, key) and body["resourceType"] not in ("Patient", "EpisodeOfCare", "MeasureReport"):
            holder[key] = _moved(value, known[value])
        elif key == "div":
            holder[key] = f'<div xmlns="http://www.w3.org/1999/xhtml">{told}</div>'
        elif key == "data" and isinstance(value, str):
            holder[key] = base64.b64encode(told.encode()).decode()
        elif key in _WORDS and isinstance(value, str):
            holder[key] = told
        elif key in _LISTS and isinstance(value, list):
            holder[key] = [told]
        elif key == "value" and isinstance(value, str) and _may_be_any(holder):
            holder[key] = told
            if "use" not in holder and "type" not in holder and holder.get("system") == "x":
                holder["system"] = "https://canary.example/id"
        elif key in _CODED and isinstance(value, dict | list):
            for concept in value if isinstance(value, list) else [value]:
                if isinstance(concept, dict) and isinstance(concept.get("coding"), list):
                    coded = {"system": CANARY_CODES, "code": told, "display": told}
                    concept["coding"] = [each for each in concept["coding"] if each.get("code") != "x"] + [
                        coded
                    ]


def _may_be_any(holder: JSON) -> bool:
    """Whether it is an Identifier of no known system, or a ContactPoint."""
    system = holder.get("system", "")
    return (
        system != builders.NHS_NUMBER
        and ("use" in holder or "system" in holder)
        and not system.startswith("https://healthvisit.example")
    )


def _is_day(holder: Any, key: Any) -> bool:
    value = holder[key]
    return isinstance(value, str) and key not in _WORDS and key != "version" and bool(_DAY.match(value))


def _moved(value: str, day: date) -> str:
    _, month, of_month, time = _DAY.match(value).groups()  # type: ignore[union-attr]
    told = day.isoformat()
    return f"{told[:4] if not month else told[:7] if not of_month else told}{time or ''}"


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


# What the oracle makes of it

# To the oracle every type that it does not name is one of a child's papers, such as a Flag.
_TOLD = {type_: type_ for type_ in oracle.TYPES}


def world(steps: Iterable[Written], done: Iterable[Deed] = ()) -> World:
    """The oracle's sets. Ids there are the names here."""
    found = World(NOW, TODAY)
    for family in FAMILIES:
        found.episodes[family.name] = [
            Episode(BOROUGHS[slug], start, end) for slug, start, end in family.episodes
        ]
        if family.marked:
            found.marked.add(family.name)
    # Names of papers that are restricted. Each is written after those that it is about.
    hidden: set[str] = set()
    for step in steps:
        key = step.type, step.paper
        if key not in found.papers:
            kind = "child" if step.child else "published" if step.names is None else "borough"
            told = _TOLD.get(step.type, "Flag")
            found.papers[key] = Paper(
                told, step.paper, kind, step.child, names=BOROUGHS.get(step.names or "")
            )
        paper_ = found.papers[key]
        author = BOROUGHS.get(step.names or step.writer.split()[0])
        if step.body is not None and step.type not in ("Patient", "EpisodeOfCare"):
            (hidden.add if _is_restricted(step.body, hidden) else hidden.discard)(step.paper)
        paper_.versions.append(
            Version(author, categories(step.body), step.body is None, step.paper in hidden)
        )
        paper_.released = _released(step.body)
        if step.type == "Patient":
            found.authors[str(step.child)] = author
    for deed in done:
        if deed.what != "offer":
            continue
        giver, taker = BOROUGHS[deed.by], BOROUGHS[deed.to]
        found.offers[deed.name] = Offer(deed.child, giver, taker, deed.state, deed.restricted)
        if deed.state == "accepted" and deed.restricted:
            found.handed.setdefault(deed.child, set()).add(taker)
    return found


def _is_restricted(body: JSON, hidden: set[str]) -> bool:
    """By its own mark, or by that of what it names."""
    marks = {each["code"] for each in body.get("meta", {}).get("security", ())}
    return bool(marks & {"R", "V"} or _named(body) & hidden)


def categories(body: JSON | None) -> frozenset[str]:
    codings = [each for concept in (body or {}).get("category", ()) for each in concept.get("coding", ())]
    return frozenset(f"{each.get('system', '')}|{each['code']}" for each in codings)


def _released(body: JSON | None) -> datetime | None:
    for each in (body or {}).get("extension", ()):
        if each["url"].endswith("/released-at"):
            return datetime.fromisoformat(each["valueDateTime"])
    return None


# The twin

# The elements of which a parent sees anything; of an identifier, the NHS number alone.
PARENTS_SEE = {
    "Patient": {"resourceType", "identifier", "name", "gender", "birthDate"},
    "Encounter": {"resourceType", "extension", "status", "class", "type", "subject", "period"},
    "Observation": {
        "resourceType", "status", "category", "code", "subject", "encounter", "effectiveDateTime", "effectivePeriod",
        "valueQuantity", "valueCodeableConcept", "valueBoolean", "valueInteger", "valueDateTime", "dataAbsentReason",
        "interpretation", "referenceRange", "component",
    },
}  # fmt: skip


def first(steps: Iterable[_Step]) -> list[_Step]:
    return [step for step in steps if not step.extra]


def twin(
    steps: Iterable[Written], done: Iterable[Deed], asker: Asker, seed: int
) -> tuple[list[Written], list[Deed]]:
    """The same as the asker may see it: what is hidden was added, left out, changed, changed again, taken back, or
    moved to another borough; and was not done, or was done otherwise."""
    steps, done = tuple(steps), tuple(done)
    told = world(steps, first(done))
    random = Random(f"{seed} {asker}")
    referred = {name for step in steps for name in _named(step.body)}
    found_by_search = {type_: oracle.search(told, asker, type_) for type_ in oracle.TYPES}
    are_shown = {
        key: shown(told, asker, paper_, found_by_search[paper_.type]) for key, paper_ in told.papers.items()
    }
    coming = {
        each.child for each in told.offers.values() if oracle.offered(told, asker, each) == "that it comes"
    }
    reached = coming | {told.papers[key].child for key, numbers in are_shown.items() if numbers}
    # Of whom an offer tells, as one that was taken back does, was a child of the record.
    told_of = {each.child for each in told.offers.values() if oracle.offered(told, asker, each) != "nothing"}
    away = {child for child in told.episodes if child not in reached | told_of and random.random() < 0.2}
    found: list[Written] = []
    fates: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for step in steps:
        key = step.type, step.paper
        number = numbers[step.paper] = numbers.get(step.paper, 0) + 1
        if step.child in away or (step.extra and step.child in reached):
            continue
        last = len(told.papers[key].versions)
        if step.paper not in fates:
            ends = _fates(
                step, bool(are_shown[key]), last in are_shown[key], asker.role == "parent", referred
            )
            if step.child in coming and not are_shown[key]:
                ends = _of_coming(told, told.papers[key], step.type, ends)
            fates[step.paper] = random.choice(ends)
        fate = fates[step.paper]
        if fate == "away":
            continue
        changed = number not in are_shown[key] and fate != "same"
        body = _behind(step) if fate == "behind" else _other(step) if changed else step.body
        veil = oracle.veiled(told, asker, told.papers[key])
        if number in are_shown[key] and veil != "whole":
            body = _elsewhere(step, veil, random)
        found.append(replace(step, body=body))
        if number == last and step.body is not None and fate in ("more", "gone", "behind"):
            at = step.at + timedelta(milliseconds=500)
            again = body if fate == "behind" else None if fate == "gone" else _other(replace(step, body=body))
            found.append(replace(step, at=at, body=again))
    moved = [
        child for child in told.episodes if child not in away and (child not in reached or _is_blind(asker))
    ]
    for family in FAMILIES:
        is_there = not family.extra or family.name not in reached
        if family.name in moved and is_there and len(family.episodes) == 1 and random.random() < 0.4:
            found += _moved_away(family)
    # A row tells of a child who need not be in the record.
    there = [each for each in done if each.child not in away or each.what == "import"]
    return sorted(found, key=lambda step: step.at), list(_done(there, told, asker, random))


def _done(done: Iterable[Deed], told: World, asker: Asker, random: Random) -> Iterator[Deed]:
    """What was done with children who are there: alike where the asker may be told of it."""
    for deed in done:
        is_told = oracle.followed(told, asker, deed.child) and not deed.mistaken
        if deed.what == "offer":
            as_it_was = Offer(deed.child, BOROUGHS[deed.by], BOROUGHS[deed.to], deed.state, deed.restricted)
            is_told = is_told or oracle.offered(told, asker, as_it_was) != "nothing"
        elif deed.what == "import":
            is_told = oracle.brought(asker, BOROUGHS[deed.by])
        elif deed.what == "late":
            is_told = oracle.came_late(told, asker, deed.child, restricted=deed.restricted)
        if is_told:
            if not deed.extra:
                yield deed
            continue
        fate = random.random()
        if deed.what == "open" and not deed.mistaken and oracle.tells_family(asker, deed.child):
            # Parents are told that it was, and on which day; not where, by whom or why.
            if deed.extra:
                continue
            fate = max(fate, 0.3)
        if fate < 0.3:
            continue
        if fate < 0.7 and deed.what == "late":
            yield replace(deed, words=f"Otherwise {canary(deed.words)}")
        elif fate < 0.7 and deed.what != "offer":
            yield replace(deed, words=f"Otherwise {canary(deed.words)}", by="stockport")
        elif fate < 0.7:
            open_ = deed.state != "accepted"
            yield replace(
                deed,
                words=f"Otherwise {canary(deed.words)}",
                to="trafford" if open_ else deed.to,
                state=random.choice(("offered", "declined", "withdrawn")) if open_ else deed.state,
                restricted=not deed.restricted,
            )
        else:
            yield deed


def _of_coming(told: World, paper_: Paper, type_: str, fates: list[str]) -> list[str]:
    """Of a child who is offered to the asker: who it is, and how much is to be done that is not kept from them,
    stay as they are."""
    if type_ == "Patient":
        return ["behind"]
    handed = any(each.restricted for each in told.offers.values() if each.child == paper_.child)
    if type_ in ("Task", "ServiceRequest") and (handed or not paper_.last.restricted):
        return ["same", "other"]
    return fates


def _fates(
    step: Written, is_partly_seen: bool, is_seen: bool, is_parents: bool, referred: set[str]
) -> list[str]:
    """What may become of a paper in the twin, so that its asker sees no difference."""
    if is_seen:
        # Versions before it may be hidden: they read otherwise.
        return ["behind"] if is_parents else ["same", "other"]
    found = ["same", "other", "other"]
    if step.type not in ("Provenance", "MeasureReport"):
        found.append("more")
    if step.paper not in referred and step.type not in (
        "Patient",
        "EpisodeOfCare",
        "Provenance",
        "MeasureReport",
    ):
        found.append("gone")
    if step.paper not in referred and not is_partly_seen and step.type not in ("Patient", "EpisodeOfCare"):
        found.append("away")
    return found


def _is_blind(asker: Asker) -> bool:
    """Whether the asker is never told which borough answers for a child."""
    return asker.role in ("parent", "commissioner")


def _moved_away(family: Family) -> Iterator[Written]:
    slug, start, _ = family.episodes[0]
    of: dict[str, Any] = {"child": family.name, "at": SINCE + timedelta(hours=1)}
    patient = f"Patient/@{family.name} Patient"
    ended = builders.an_episode(patient, borough=slug, start=str(start), end=str(MOVED))
    yield _written(f"{family.name} EpisodeOfCare 1", "EpisodeOfCare", "service", ended, names=slug, **of)
    began = builders.an_episode(patient, borough="wigan", start=str(MOVED))
    name = f"{family.name} EpisodeOfCare moved"
    yield _written(name, "EpisodeOfCare", "service", began, names="wigan", **of)


def shown(told: World, asker: Asker, paper_: Paper, found_by_search: str | set[str]) -> set[int]:
    """Numbers of the versions that are shown to the asker, by whatever way."""
    numbers = oracle.history(told, asker, paper_)
    found = set(numbers) if isinstance(numbers, set) else set()
    stands = oracle.read(told, asker, paper_) in ("seen", "gone")
    if stands or (isinstance(found_by_search, set) and paper_.id in found_by_search):
        found.add(len(paper_.versions))
    return found


def _named(body: JSON | None) -> set[str]:
    return {
        holder[key].partition("/@")[2]
        for holder, key in places(body)
        if key == "reference" and isinstance(holder[key], str) and "/@" in holder[key]
    }


def _other(step: Written) -> JSON | None:
    """Of the same categories, about the same child, and nothing else alike."""
    return None if step.body is None else _changed(step.body, f"{step.paper} otherwise", lambda _: True)


# What a twin may be without: nothing of a Patient or RelatedPerson needs them.
_SPARED = ("address", "telecom", "contact", "generalPractitioner")


def _elsewhere(step: Written, veil: str, random: Random) -> JSON | None:
    """The same but for what tells where the family is, or is seen, and for those of another borough by whom."""
    if step.body is None:
        return None
    found: JSON = copy.deepcopy(step.body)
    for holder, key in oracle.hidden(step.type, found, veil):
        if holder is found and key in _SPARED and random.random() < 0.3:
            del holder[key]
        else:
            holder[key] = _changed(
                {"resourceType": step.type, key: holder[key]}, f"{step.paper} elsewhere", lambda _: True
            )[key]
    return found


def _behind(step: Written) -> JSON | None:
    """The same to parents: what they do not see of it reads otherwise."""
    shown = PARENTS_SEE[step.type]
    return (
        None
        if step.body is None
        else _changed(step.body, f"{step.paper} behind", lambda name: name not in shown)
    )


def _changed(body: JSON, place: str, is_meant: Callable[[str], bool]) -> JSON:
    """With other canaries, other days and another NHS number, in the elements that are meant."""
    found: JSON = copy.deepcopy(body)
    keeps_days = body["resourceType"] in ("Patient", "EpisodeOfCare", "MeasureReport")
    for name in filter(is_meant, list(found)):
        element = {name: found[name]}
        for holder, key in list(places(element)):
            value = holder[key]
            if not isinstance(value, str):
                continue
            if match := CANARY.search(value):
                holder[key] = value.replace(match[0], canary(f"{place} {match[0]}"))
            elif key == "data":
                holder[key] = base64.b64encode(canary(f"{place} {value}").encode()).decode()
            elif key == "value" and holder.get("system") == builders.NHS_NUMBER:
                holder[key] = builders.an_nhs_number(int(value[3:9]) + 5)
            elif _is_day(holder, key) and not keeps_days and len(value) == 10:
                holder[key] = str(date.fromisoformat(value) - timedelta(days=3))
        found |= element
    return found
