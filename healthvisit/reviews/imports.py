"""Rows of a backlog -> reviews in the record, each of the child that is surely meant; else a question to a person.

A child is meant for sure where its NHS number, date of birth and name agree; or, where the row has no number, where
date of birth, the whole name and the postcode agree with one child alone. Who may be one of twins is never matched
without a person. Only children within reach are looked at, and whoever is out of reach is as one who is not there.

What is written goes through the gate that every app's writing goes through, under the borough of the requester.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple
from uuid import uuid4

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme.boroughs import BY_GSS
from healthvisit.record import imported, instants, ownership
from healthvisit.record.errors import Conflict, Unprocessable
from healthvisit.record.imported import Brought, Waiting
from healthvisit.record.record import Record
from healthvisit.record.search.string import folded
from healthvisit.reviews import arrival, backlog, encounters, moves, scoring, timeline
from healthvisit.reviews.backlog import Read, Row
from healthvisit.reviews.reading import bodies
from healthvisit.reviews.sheet import Fault

# By these a review is known as imported, and from which file.
IMPORTED = f"{CANONICAL}/Id/imported-review"
FILE = f"{CANONICAL}/Id/imported-file"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
# What stands for a name until a child has one; twins share it.
_NO_NAMES = frozenset(
    ("baby", "infant", "newborn", "twin", "triplet", "boy", "girl", "male", "female", "child", "unknown")
)
# Of how many children a person is shown to choose among.
MOST_CANDIDATES = 6

Done = Literal["imported", "waits", "came-before", "refused"]
Opened = Callable[[bool], AbstractContextManager[Record]]


class Outcome(NamedTuple):
    """What became of a row, or would. fault: of one that is refused. question: of one that waits."""

    number: int
    done: Done
    fault: Fault | None = None
    question: str | None = None


@dataclass(frozen=True)
class Judged:
    """child: id of the Patient who is meant, None where a person must say it. question: a code of import-question,
    None where there is none. candidates: ids of those who may be meant, the likeliest first."""

    child: str | None
    question: str | None
    candidates: tuple[str, ...] = ()


class Contact(NamedTuple):
    """One review, or attempt at one, of a child."""

    child: str
    review: str
    on: date
    outcome: str


def run(opened: Opened, file: Read, borough: str, *, dry: bool) -> Iterator[Outcome]:
    """Bring the rows of a file, each in a transaction of its own: one that a gate refuses holds up no other, and the
    file can be sent again whole once it is mended.

    opened: the record of who brings it, for writing or not. borough: GSS code. dry: only say what would be done.
    """
    counts = {
        "rows": len(file.rows) + file.faulty,
        "imported": 0,
        "waits": 0,
        "came-before": 0,
        "refused": file.faulty,
    }
    planned: list[Contact] = []
    for row in file.rows:
        outcome = (
            _foreseen(opened, row, _brought(row, file, borough), planned)
            if dry
            else _brings(opened, row, _brought(row, file, borough))
        )
        counts[outcome.done] += 1
        yield outcome
    with opened(not dry) as record:
        imported.told_of_file(record, borough, file.digest, counts | {"dry": int(dry)})


def _brought(row: Row, file: Read, borough: str) -> Brought:
    return Brought(borough, row.reference, row.digest, file.digest, row.number)


def _foreseen(opened: Opened, row: Row, brought: Brought, planned: list[Contact]) -> Outcome:
    """planned: what the rows before would have written."""
    with opened(False) as record:
        try:
            before = imported.standing(record, brought)
        except imported.Another:
            return _another(row)
        if before is not None:
            return Outcome(row.number, "came-before")
        found = judged(record, row, brought.borough, planned)
        if found.child is None or found.question is not None:
            return Outcome(row.number, "waits", question=found.question)
        planned.append(Contact(found.child, row.review, row.done_on, row.outcome))
        return Outcome(row.number, "imported")


def _brings(opened: Opened, row: Row, brought: Brought) -> Outcome:
    try:
        with opened(True) as record:
            before = imported.standing(record, brought)
            if before is not None:
                return Outcome(row.number, "came-before")
            found = judged(record, row, brought.borough)
            if found.child is None or found.question is not None:
                question = found.question or "no-child"
                imported.keep_waiting(record, brought, row.json(), question=question)
                return Outcome(row.number, "waits", question=question)
            encounter = _write(record, row, brought.borough, brought.file, found.child)
            imported.keep(record, brought, child=found.child, encounter=encounter)
            return Outcome(row.number, "imported")
    except imported.Another:
        return _another(row)
    except (Conflict, Unprocessable):
        return _not_taken(opened, row, brought)


def _not_taken(opened: Opened, row: Row, brought: Brought) -> Outcome:
    with opened(True) as record:
        if imported.standing(record, brought) is None:
            imported.keep_waiting(record, brought, row.json(), question="not-taken")
    return Outcome(row.number, "waits", question="not-taken")


def _another(row: Row) -> Outcome:
    text = (
        "It came before, and the row said something else: look which is right. A row that was mended after it was "
        "refused gets a new reference"
    )
    return Outcome(row.number, "refused", Fault(row.number, "source_reference", text))


# Which child is meant


def judged(record: Record, row: Row, borough: str, planned: Sequence[Contact] = ()) -> Judged:
    """Which child within reach the row means, and what a person must be asked."""
    found = _meant(record, row)
    if found.child is None or found.question is not None:
        return found
    question = _doubted(record, row, borough, found.child, planned)
    if question is None and backlog.unlikely(row, record.definitions):
        question = "measurement-unlikely"
    return Judged(found.child, question, (found.child,))


def _meant(record: Record, row: Row) -> Judged:
    born = list(bodies(record, "Patient", ("birthdate", row.born_on.isoformat())))
    alike = [body for body in born if _of_family(body, row)]
    if row.nhs_number is not None:
        holding = _holding(record, row.nhs_number)
        candidates = _ids([*holding, *alike])
        if len(holding) > 1:
            return Judged(None, "number-twice", candidates)
        if not holding:
            return Judged(None, "number-not-known" if alike else "no-child", candidates)
        if not _agrees(holding[0], row):
            return Judged(None, "number-disagrees", candidates)
        meant = holding[0]
    else:
        named = [body for body in alike if _is_named(body, row, wholly=True)]
        candidates = _ids([*named, *alike])
        if not alike:
            return Judged(None, "no-child")
        if len(named) != 1:
            return Judged(None, "several" if named else "demographics-differ", candidates)
        meant = named[0]
    if _has_no_own_name(row):
        return Judged(None, "no-own-name", candidates)
    if _may_be_a_twin(meant, born):
        return Judged(None, "twins", candidates)
    if row.nhs_number is None and not (_same_sex(meant, row) and _lives_there(meant, row)):
        return Judged(None, "demographics-differ", candidates)
    return Judged(meant["id"], None, candidates)


def _doubted(
    record: Record, row: Row, borough: str, child: str, planned: Sequence[Contact] = ()
) -> str | None:
    """What a person must be asked about a review of a child who is known; None for nothing."""
    died = timeline.died_on(record.read("Patient", child).json())
    if died is not None and row.done_on > died:
        return "after-death"
    if not _answers(record, child, borough):
        return "not-answered-for"
    theirs = [
        Contact(child, review, event.on, event.outcome)
        for body in bodies(record, "Encounter", ("patient", f"Patient/{child}"))
        if (event := encounters.event(body)) is not None
        and (review := encounters.review_of(body)) is not None
    ]
    return "second-review" if any(_clashes(row, each, child) for each in (*theirs, *planned)) else None


def _clashes(row: Row, other: Contact, child: str) -> bool:
    """Whether the row is a second review of one kind, or perhaps the same contact told again."""
    if (other.child, other.review) != (child, row.review):
        return False
    both_done = row.outcome == other.outcome == "completed"
    return both_done or other.on == row.done_on


def _answers(record: Record, child: str, borough: str) -> bool:
    """Whether the borough's service answers for the child today."""
    day = record.on.isoformat()
    return any(
        body["status"] in ("active", "onhold", "finished")
        and _gss(record.definitions, body) == borough
        and body["period"]["start"][:10] <= day
        and ("end" not in body["period"] or day < body["period"]["end"][:10])
        for body in bodies(record, "EpisodeOfCare", ("patient", f"Patient/{child}"))
    )


def _gss(definitions: Definitions, episode: JSON) -> str | None:
    return definitions.boroughs.get(episode["managingOrganization"].get("reference", "").partition("/")[2])


def _holding(record: Record, number: str) -> list[JSON]:
    return list(bodies(record, "Patient", ("identifier", f"{ownership.NHS_NUMBER}|{number}")))


def _ids(patients: Iterable[JSON]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(body["id"] for body in patients))[:MOST_CANDIDATES]


def _agrees(patient: JSON, row: Row) -> bool:
    return (
        patient.get("birthDate") == row.born_on.isoformat()
        and _is_named(patient, row)
        and _same_sex(patient, row)
    )


def _same_sex(patient: JSON, row: Row) -> bool:
    """Whether nothing speaks against it: unknown is no sex that another differs from."""
    told = {patient.get("gender"), row.sex} - {None, "unknown"}
    return len(told) < 2


def _lives_there(patient: JSON, row: Row) -> bool:
    """Whether a postcode of the child is the row's; without one on either side nobody knows."""
    known = {backlog.postcode(each.get("postalCode", "")) for each in patient.get("address", ())}
    return row.postcode is not None and row.postcode in known


def _names(patient: JSON) -> list[JSON]:
    """The names that a child has now."""
    return [name for name in patient.get("name", ()) if name.get("use") in (None, "official", "usual")]


def _of_family(patient: JSON, row: Row) -> bool:
    return any(_plain(name.get("family", "")) == _plain(row.family) for name in _names(patient))


def _is_named(patient: JSON, row: Row, *, wholly: bool = False) -> bool:
    """wholly: all given names are the same; else one side may leave out later ones."""
    asked = [_plain(each) for each in row.given]
    for name in _names(patient):
        given = [_plain(part) for each in name.get("given", ()) for part in each.split()]
        if _plain(name.get("family", "")) != _plain(row.family) or not given:
            continue
        short = min(len(given), len(asked))
        if given == asked or (not wholly and given[:short] == asked[:short]):
            return True
    return False


def _plain(text: str) -> str:
    """Letters alone, whatever their case and accents: O’Brien, O'BRIEN and Obrien are one name."""
    return "".join(letter for letter in folded(text) if letter.isalnum())


def _has_no_own_name(row: Row) -> bool:
    return _plain(row.given[0]) in _NO_NAMES


def _may_be_a_twin(patient: JSON, born: Iterable[JSON]) -> bool:
    """born: children within reach who were born on the same day."""
    if patient.get("multipleBirthBoolean") or patient.get("multipleBirthInteger", 0):
        return True
    families = {_plain(name.get("family", "")) for name in patient.get("name", ())}
    homes = _homes(patient)
    return any(
        other["id"] != patient["id"]
        and (
            not families.isdisjoint(_plain(name.get("family", "")) for name in other.get("name", ()))
            or not homes.isdisjoint(_homes(other))
        )
        for other in born
    )


def _homes(patient: JSON) -> set[tuple[str, str]]:
    """First line and postcode of each address; a postcode alone is a whole street."""
    return {
        (_plain(address["line"][0]), _plain(address["postalCode"]))
        for address in patient.get("address", ())
        if address.get("line") and address.get("postalCode")
    }


# What a person decides


@dataclass(frozen=True)
class Candidate:
    """A child who may be meant, as the page shows it. barred: a code of import-question for why the review cannot be
    this child's; asked: one that speaks against it, and leaves it to the person."""

    id: str
    nhs_number: str | None
    family: str
    given: str
    born_on: date | None
    sex: str | None
    postcode: str | None
    barred: str | None
    asked: str | None


@dataclass(frozen=True)
class Deciding:
    """unlikely: columns of the row with a value that was perhaps taken in another unit."""

    waiting: Waiting
    row: Row
    candidates: tuple[Candidate, ...]
    unlikely: tuple[str, ...]


_BARRED = ("after-death", "not-answered-for")


def deciding(record: Record, id_: str) -> Deciding:
    """A row that waits, with those who may be meant as they stand now. Raises what `imported.one` does."""
    waiting = imported.one(record, id_)
    row = backlog.again(waiting.content, waiting.number)
    found = judged(record, row, waiting.borough)
    return Deciding(
        waiting,
        row,
        tuple(_candidate(record, row, waiting.borough, each) for each in found.candidates),
        backlog.unlikely(row, record.definitions),
    )


def _candidate(record: Record, row: Row, borough: str, child: str) -> Candidate:
    patient = record.read("Patient", child).json()
    doubt = _doubted(record, row, borough, child)
    name: JSON = next(iter(_names(patient)), {})
    return Candidate(
        child,
        next(iter(ownership.nhs_numbers(patient)), None),
        name.get("family", ""),
        " ".join(name.get("given", ())),
        _born_on(patient),
        patient.get("gender"),
        next((each["postalCode"] for each in patient.get("address", ()) if "postalCode" in each), None),
        doubt if doubt in _BARRED else None,
        None if doubt in _BARRED else doubt,
    )


def _born_on(patient: JSON) -> date | None:
    """None where the day is not known."""
    born: str = patient.get("birthDate", "")
    return date.fromisoformat(born) if len(born) == 10 else None


def is_childs(record: Record, id_: str, child: str) -> None:
    """The row is a review of this child: one of the candidates. Raises Unprocessable for one who was not offered or
    whom it cannot be of, and what the gate raises."""
    found = deciding(record, id_)
    candidate = next((each for each in found.candidates if each.id == child), None)
    if candidate is None:
        raise Unprocessable("The review cannot be of this child.", "child")
    _accept(record, found.waiting, found.row, candidate)


def is_of_number(record: Record, id_: str, nhs_number: str) -> None:
    """The row is a review of the one child within reach who has the number. Raises Unprocessable as `is_childs` does."""
    waiting = imported.one(record, id_)
    row = backlog.again(waiting.content, waiting.number)
    found = moves.with_number(record, nhs_number)
    if len(found) != 1:
        told = "No child" if not found else "More than one child"
        raise Unprocessable(f"{told} of your service has this NHS number.", "nhs_number")
    _accept(record, waiting, row, _candidate(record, row, waiting.borough, found[0]))


def _accept(record: Record, waiting: Waiting, row: Row, candidate: Candidate) -> None:
    if candidate.barred is not None:
        raise Unprocessable("The review cannot be of this child.", "child")
    encounter = _write(record, row, waiting.borough, waiting.file, candidate.id)
    imported.settle(record, waiting.id, child=candidate.id, encounter=encounter)


# What is written


def _write(record: Record, row: Row, borough: str, file: str, child: str) -> str:
    """Id of the Encounter that the row became."""
    entries = _contact(record, row, borough, file, f"Patient/{child}")
    answer = record.transact(
        {"resourceType": "Bundle", "type": "transaction", "entry": entries},
        completed_by=lambda bundle: arrival.complete(bundle, record.definitions, record),
    )
    id_: str = answer["entry"][0]["response"]["location"].split("/")[1]
    return id_


def _contact(record: Record, row: Row, borough: str, file: str, patient: str) -> list[JSON]:
    """Entries of the Encounter, of what was measured, and of where both come from. patient: reference. file: SHA-256
    of it. Nothing is released to parents."""
    stated = {
        "capture-mode": row.mode,
        "contact-mode": row.contact,
        "review-outcome": row.outcome,
        "place": row.place,
        "practitioner-type": row.practitioner,
    }
    encounter = f"urn:uuid:{uuid4()}"
    source = {"system": IMPORTED, "value": f"{borough}/{row.reference}"}
    body: JSON = {
        "resourceType": "Encounter",
        "identifier": [source],
        "extension": [
            {
                "url": f"{CANONICAL}/StructureDefinition/{name}",
                "valueCoding": _coding(record.definitions, f"{CANONICAL}/CodeSystem/{name}", code),
            }
            for name, code in stated.items()
            if code is not None
        ],
        "status": "finished" if row.outcome == "completed" else "cancelled",
        "class": _class(row),
        "type": [{"coding": [_coding(record.definitions, encounters.REVIEW, row.review)]}],
        "subject": {"reference": patient},
        "period": {"start": row.done_on.isoformat(), "end": row.done_on.isoformat()},
        "serviceProvider": {"reference": _organization(borough)},
    }
    who = record.requester.fhir_user
    sources = [source, {"system": FILE, "value": file}]
    measured = [_post(each, f"urn:uuid:{uuid4()}") for each in _observations(record, row, patient, encounter)]
    provenance: JSON = {
        "resourceType": "Provenance",
        "target": [{"reference": each} for each in (encounter, *(each["fullUrl"] for each in measured))],
        # From the day on which it was written on paper to the day on which it was typed in.
        "occurredPeriod": {"start": row.paper_on.isoformat(), "end": row.keyed_on.isoformat()},
        "recorded": instants.text(instants.micros(record.at)),
        "activity": {"coding": [{"system": ACTIVITY, "code": "CREATE"}]},
        "agent": [
            {"who": {"reference": who} if who else {"identifier": {"value": record.requester.account}}}
        ],
        "entity": [{"role": "source", "what": {"identifier": each}} for each in sources],
    }
    return [_post(body, encounter), *measured, _post(provenance)]


def _observations(record: Record, row: Row, patient: str, encounter: str) -> Iterator[JSON]:
    """http://hl7.org/fhir/R4/observation.html"""
    items = backlog.measured_items(row.review, record.definitions)
    for name, value in row.measured.items():
        yield {
            "resourceType": "Observation",
            "status": "final",
            "subject": {"reference": patient},
            "encounter": {"reference": encounter},
            "effectiveDateTime": row.done_on.isoformat(),
            **scoring.measured(items[name], value),
        }


def _class(row: Row) -> JSON:
    """http://hl7.org/fhir/R4/encounter-definitions.html#Encounter.class"""
    if row.contact not in (None, backlog.FACE_TO_FACE):
        return {"system": ACT_CODE, "code": "VR"}
    if row.place is None:
        return {"system": NULL_FLAVOR, "code": "UNK"}
    return {"system": ACT_CODE, "code": "HH" if row.place == "family-home" else "AMB"}


def _coding(definitions: Definitions, system: str, code: str) -> JSON:
    return {"system": system, "code": code, "display": definitions.codes(system)[code]}


def _organization(borough: str) -> str:
    return f"Organization/{BY_GSS[borough].slug}-health-visiting"


def _post(body: JSON, full_url: str | None = None) -> JSON:
    return {
        "fullUrl": full_url or f"urn:uuid:{uuid4()}",
        "resource": body,
        "request": {"method": "POST", "url": body["resourceType"]},
    }
