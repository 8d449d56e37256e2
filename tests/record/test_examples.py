"""HL7's own R4 examples of our types: each is stored and given back exactly as it was sent, digits included, or
refused with a fault that docs/conformance.md names and explains.

Each is posted in a transaction of its own, with stand-ins for what it refers to: references to types that the
record keeps lead to the stand-in, those to other types to another server.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from healthvisit.access import reach
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, Malformed, dumps, loads
from healthvisit.record import ownership, references
from healthvisit.record.errors import RecordError
from healthvisit.record.record import opened
from tests.builders import a_requester, a_transaction, an_entry

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
# Audit events are written by the service's own doings alone.
KEPT = {*reach.SHARED_TYPES, *reach.CHILD_TYPES, *reach.BOROUGH_TYPES}
SERVICE = a_requester("service")
# How many examples there are: of the four types that define FHIR itself, and of all others. In parts, so that
# they can be tested side by side.
PARTS = {
    frozenset(["SearchParameter"]): 1400,
    frozenset(["ValueSet"]): 1316,
    frozenset(["CodeSystem"]): 1062,
    frozenset(["StructureDefinition"]): 655,
}
PARTS[frozenset(KEPT).difference(*PARTS)] = 4798 - sum(PARTS.values())
ELSEWHERE = "https://elsewhere.example/fhir"
SHARED = {
    "Organization": {"name": "a"},
    "HealthcareService": {"name": "a"},
    "Questionnaire": {"status": "draft"},
    "PlanDefinition": {"status": "draft"},
    "Measure": {"status": "draft"},
    "Library": {"status": "draft", "type": {"text": "a"}},
    "ValueSet": {"status": "draft"},
    "CodeSystem": {"status": "draft", "content": "not-present"},
    "StructureDefinition": {
        "url": "http://a", "name": "a", "status": "draft", "kind": "logical", "abstract": True, "type": "a",
        "differential": {"element": [{"id": "a", "path": "a"}]},
    },
    "OperationDefinition": {
        "name": "a", "status": "draft", "kind": "query", "code": "a", "system": True, "type": False,
        "instance": False,
    },
}  # fmt: skip
OF_A_CHILD = {
    "Encounter": {"status": "finished", "class": {"code": "HH"}},
    "Observation": {"status": "final", "code": {"text": "a"}},
    "QuestionnaireResponse": {"status": "stopped"},
    "Immunization": {"status": "completed", "vaccineCode": {"text": "a"}, "occurrenceString": "a"},
    "Flag": {"status": "active", "code": {"text": "a"}},
    "CarePlan": {"status": "active", "intent": "plan"},
    "Task": {"status": "draft", "intent": "order"},
    "ServiceRequest": {"status": "active", "intent": "order"},
    "Communication": {"status": "completed"},
    "Consent": {
        "status": "active", "scope": {"text": "a"}, "category": [{"text": "a"}], "policyRule": {"text": "a"},
    },
    "DocumentReference": {"status": "current", "content": [{"attachment": {"title": "a"}}]},
    "List": {"status": "current", "mode": "working"},
    "Composition": {
        "status": "final", "type": {"text": "a"}, "date": "2021", "author": [{"display": "a"}], "title": "a",
    },
    "RiskAssessment": {"status": "final"},
    "EpisodeOfCare": {
        "status": "planned", "managingOrganization": {"reference": "Organization/bury-health-visiting"},
        "period": {"start": "2021-02-15"},
    },
}  # fmt: skip


def listed() -> dict[str, str]:
    """The words of the fault by example, as docs/conformance.md lists them."""
    text = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    section = text.split("## HL7's examples")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and cells[1].startswith("`"):
            for name in re.findall(r"`([^`]+)`", cells[1]):
                found[name] = cells[2]
    return found


def stand_in(type_: str, child: str) -> JSON:
    """The least that is a resource of the type; child: where its child is to be found."""
    body: JSON = {"resourceType": type_, **SHARED.get(type_, {}), **OF_A_CHILD.get(type_, {})}
    named = ownership.CHILD_ELEMENT.get(type_)
    if named:
        body[named] = {"reference": child}
    if type_ == "Binary":
        body |= {"contentType": "text/plain", "data": "YQ==", "securityContext": {"reference": child}}
    if type_ == "Appointment":
        body |= {"status": "proposed", "participant": [{"actor": {"reference": child}, "status": "accepted"}]}
    if type_ == "Provenance":
        body |= {"target": [{"reference": child}], "recorded": "2021-02-15T09:00:00Z"}
        body["agent"] = [{"who": {"display": "a"}}]
    if type_ == "Group":
        body |= {"type": "person", "actual": True}
    if type_ == "MeasureReport":
        body |= {"status": "complete", "type": "summary", "measure": "http://a", "period": {"start": "2021"}}
    if type_ == "SearchParameter":
        body |= {"url": "http://a", "name": "a", "status": "draft", "description": "a", "code": "a"}
        body |= {"base": ["Patient"], "type": "token", "expression": "a"}
    if type_ == "CapabilityStatement":
        body |= {"status": "draft", "date": "2021", "kind": "requirements", "fhirVersion": "4.0.1"}
        body |= {"format": ["json"], "description": "a", "rest": [{"mode": "server"}]}
    return body


def references_of(value: Any) -> Iterator[JSON]:
    """Every object of the value with the text of a reference."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value
        for inner in value.values():
            yield from references_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references_of(inner)


def posted(example: JSON) -> tuple[JSON, list[str]]:
    """The transaction that stores an example, which comes first; and the urns by which it refers to others."""
    child = uuid.uuid4().urn
    urns: dict[tuple[str, str], str] = {}
    if example["resourceType"] in (*ownership.CHILD_ELEMENT, "Appointment"):
        # Where it names several children, or none, the record says so itself.
        with suppress(RecordError):
            ((key, _),) = ownership.child_keys(example["resourceType"], example)
            urns[key] = child
    for reference in references_of(example):
        key = references.literal(reference["reference"])
        if key and key[0] in KEPT:
            reference["reference"] = urns.setdefault(key, uuid.uuid4().urn)
        elif key:
            reference["reference"] = f"{ELSEWHERE}/{'/'.join(key)}"
    entries = [an_entry(stand_in(type_, child), full_url=urn) for (type_, _), urn in urns.items()]
    if child not in urns.values():
        entries.append(an_entry(stand_in("Patient", child), full_url=child))
    return a_transaction(an_entry(example), *entries), list(urns.values())


def exact(value: Any) -> Any:
    """The value with each number as its digits: 1.0 is not 1.00."""
    if isinstance(value, dict):
        return {name: exact(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    return f"number {value}" if type(value) in (int, Decimal) else value


def own(body: JSON) -> JSON:
    """What the sender said: without the server's id, version and time, and an empty meta left by them."""
    meta = {
        name: value
        for name, value in body.get("meta", {}).items()
        if name not in ("versionId", "lastUpdated")
    }
    rest = {name: value for name, value in body.items() if name not in ("id", "meta")}
    return {**rest, "meta": meta} if meta else rest


def referred(body: JSON, to: dict[str, str]) -> JSON:
    """The body with the urns of its references replaced."""
    for reference in references_of(body):
        reference["reference"] = to.get(reference["reference"], reference["reference"])
    return body


@pytest.mark.parametrize("types", PARTS, ids=lambda types: min(types))
def test_every_example_is_kept_as_it_was_sent_or_refused_for_a_reason_that_is_told(
    types: frozenset[str], package: Path, furnished: Database, definitions: Definitions
):
    refused: dict[str, str] = {}
    changed = []
    count = 0
    for path in sorted(package.glob("*.json")):
        if path.stem.split("-")[0] not in types:
            continue
        count += 1
        try:
            example = loads(path.read_bytes())
        except Malformed as fault:
            refused[path.stem] = str(fault)
            continue
        bundle, urns = posted(example)
        try:
            with opened(furnished, SERVICE, definitions=definitions, at=AT, writing=True) as record:
                answer = record.transact(bundle)
                made = [entry["response"]["location"].split("/")[:2] for entry in answer["entry"]]
                stored = loads(record.read(*made[0]).body)
        except RecordError as error:
            refused[path.stem] = " ".join(dict.fromkeys(issue.diagnostics for issue in error.issues))
            continue
        to = {urn: "/".join(where) for urn, where in zip(urns, made[1:], strict=False)}
        if exact(own(stored)) != exact(own(referred(loads(dumps(example)), to))):
            changed.append(path.stem)

    assert changed == []
    told = {name: words for name, words in listed().items() if name.split("-")[0] in types}
    assert {name: words for name, words in refused.items() if told.get(name, "?") not in words} == {}
    assert told.keys() <= refused.keys()
    assert count == PARTS[types]
