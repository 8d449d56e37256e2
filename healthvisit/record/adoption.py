"""An adopted child gets a new record that nobody can trace to the old one, and the old one is sealed.

What is copied is named element by element and code by code: a text, a name, a place, an id or a time of day of
the old record is not among it. The values and the dates of care are, for they are what the copy is for.
Sealed: its rows belong to an audience that no reach has, nothing searches them, and no service answers for the
child; only the service's own commands read them. No row leads from one record to the other.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, exists, select, update

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON, loads
from healthvisit.record import audit, ownership
from healthvisit.record.errors import Conflict, Forbidden, NotFound, Unprocessable
from healthvisit.record.record import Record
from healthvisit.record.search import index
from healthvisit.record.tables import (
    child_identifier,
    export_job,
    resource,
    resource_version,
    responsibility,
    transfer,
)
from healthvisit.record.writing import hold

CARRIED = f"{CANONICAL}/ValueSet/carried-over"
SNOMED = "http://snomed.info/sct"
SEALED = "sealed"

# Codes that tell nothing but what they mean: of their own systems, in their systems' own form.
_FORMS = {
    SNOMED: re.compile(r"[0-9]{6,18}"),
    "http://loinc.org": re.compile(r"[0-9]{1,7}-[0-9]"),
    "http://terminology.hl7.org/CodeSystem/observation-category": re.compile(r"[a-z-]{1,20}"),
    "http://terminology.hl7.org/CodeSystem/data-absent-reason": re.compile(r"[a-z-]{1,20}"),
}
_UCUM = "http://unitsofmeasure.org"
_UNITS = ("kg", "g", "cm", "mm", "wk", "d", "mo", "%", "1", "{score}")
_STATES = {"Observation": ("final", "amended", "corrected"), "Immunization": ("completed", "not-done")}


@dataclass(frozen=True)
class Person:
    """Who the child is from now on. borough: GSS code of the service that answers for the child."""

    nhs_number: str
    family: str
    given: tuple[str, ...]
    borough: str


@dataclass(frozen=True)
class Adopted:
    """child: id of the new Patient. carried, left: how many resources were copied and how many were not."""

    child: str
    carried: int
    left: int


def adopt(record: Record, child: str, person: Person, *, besides: Callable[[Connection], object]) -> Adopted:
    """Seal the record of a child and make the new one, in one transaction.

    record: opened for writing by the service itself, under a name that says nothing of an adoption: the staff of
    the new record read it in the audit. besides: what else is to end with the old record.
    Raises NotFound, Forbidden, Conflict where the new number is somebody's, Unprocessable where there is no
    birthday to go by.
    """
    with record.operation("enter") as inside:
        if inside.requester.role != "service":
            raise Forbidden("A child's record is sealed by the service's own command.")
        connection = inside.connection
        rid = connection.scalar(
            select(resource.c.rid).where(
                resource.c.type == "Patient", resource.c.id == child, resource.c.audience == "child"
            )
        )
        if rid is None:
            raise NotFound
        hold(connection, [f"child {rid}", f"nhs-number {person.nhs_number}"])
        if connection.scalar(select(exists().where(child_identifier.c.value == person.nhs_number))):
            raise Conflict("Somebody has this NHS number already.")
        found = _bodies(connection, rid)
        bodies = [body for body, _ in found]
        patient = next(body for body in bodies if body["resourceType"] == "Patient")
        copied = [
            copy for body, restricted in found if not restricted and (copy := _copy(body, inside.definitions))
        ]
        entered = _patient(patient, person)
        _seal(connection, rid)
        besides(connection)
        # Under a request and a name of its own: the new record's events share nothing with it.
        audit.of_command(
            connection, replace(inside.requester, account="adopt"), child, "sealed", at=inside.at
        )
    organization = next(id_ for id_, gss in record.definitions.boroughs.items() if gss == person.borough)
    answer = record.transact(
        _bundle(
            entered,
            {
                "resourceType": "EpisodeOfCare",
                "status": "active",
                "managingOrganization": {"reference": f"Organization/{organization}"},
                "period": {"start": record.on.isoformat()},
            },
            copied,
        )
    )
    id_ = answer["entry"][0]["response"]["location"].split("/")[1]
    return Adopted(id_, len(copied), len(bodies) - 1 - len(copied))


def _bodies(connection: Connection, rid: int) -> list[tuple[JSON, bool]]:
    """What stands of a child and whether it is restricted, in the order in which it came."""
    rows = connection.execute(
        select(resource_version.c.body, resource.c.restricted)
        .join(
            resource,
            (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
        )
        .where(resource.c.child_rid == rid, resource.c.deleted.is_(False))
        .order_by(resource.c.rid)
    )
    return [(loads(row.body), row.restricted) for row in rows]


def _seal(connection: Connection, rid: int) -> None:
    rids = connection.scalars(select(resource.c.rid).where(resource.c.child_rid == rid)).all()
    connection.execute(update(resource).where(resource.c.child_rid == rid).values(audience=SEALED))
    index.remove(connection, rids)
    connection.execute(delete(responsibility).where(responsibility.c.child_rid == rid))
    connection.execute(delete(child_identifier).where(child_identifier.c.child_rid == rid))
    connection.execute(
        update(transfer)
        .where(transfer.c.child_rid == rid, transfer.c.state == "offered")
        .values(state="withdrawn")
    )
    # Files that were made before may hold the child, and nobody can tell which.
    connection.execute(
        update(export_job)
        .where(export_job.c.state.in_(("waiting", "running", "done")))
        .values(state="cancelled")
    )


def _bundle(patient: JSON, episode: JSON, papers: Iterable[JSON]) -> JSON:
    here = "urn:uuid:00000000-0000-4000-8000-000000000000"
    episode["patient"] = {"reference": here}
    for paper in papers:
        paper["patient" if paper["resourceType"] == "Immunization" else "subject"] = {"reference": here}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": body, "request": {"method": "POST", "url": body["resourceType"]}}
            | ({"fullUrl": here} if body is patient else {})
            for body in (patient, episode, *papers)
        ],
    }


def _patient(before: JSON, person: Person) -> JSON:
    born = ownership.civil_date(before.get("birthDate"))
    if born is None:
        raise Unprocessable("The date of birth is not known to the day.", "Patient.birthDate")
    found: JSON = {
        "resourceType": "Patient",
        "identifier": [{"system": ownership.NHS_NUMBER, "value": person.nhs_number}],
        "name": [{"use": "official", "family": person.family, "given": list(person.given)}],
        "birthDate": born.isoformat(),
    }
    if before.get("gender") in ("male", "female", "other", "unknown"):
        found["gender"] = before["gender"]
    return found


def _copy(body: JSON, definitions: Definitions) -> JSON | None:
    """What the new record has of a paper, without its child; None for nothing."""
    type_ = body["resourceType"]
    # A modifier changes what the rest means, and is not copied.
    if body.get("status") not in _STATES.get(type_, ()) or "modifierExtension" in body:
        return None
    return _observation(body, definitions) if type_ == "Observation" else _immunization(body, definitions)


def _observation(body: JSON, definitions: Definitions) -> JSON | None:
    code = _concept(body.get("code"), definitions)
    day = _day(body.get("effectiveDateTime") or body.get("effectiveInstant") or _start(body))
    if code is None or day is None:
        return None
    if not any((each["system"], each["code"]) in _carried(definitions) for each in code["coding"]):
        return None
    category = [kind for each in body.get("category", ()) if (kind := _concept(each, definitions))]
    components = [
        {"code": code_, **values}
        for each in body.get("component", ())
        if (code_ := _concept(each.get("code"), definitions)) and (values := _values(each, definitions))
    ]
    found: JSON = {
        "resourceType": "Observation",
        "status": "final",
        **({"category": category} if category else {}),
        "code": code,
        "effectiveDateTime": day,
        **_values(body, definitions),
        **({"component": components} if components else {}),
    }
    told = found.keys() & {"valueQuantity", "valueCodeableConcept", "dataAbsentReason", "component"}
    return found if told else None


def _immunization(body: JSON, definitions: Definitions) -> JSON | None:
    vaccine = _concept(body.get("vaccineCode"), definitions)
    day = _day(body.get("occurrenceDateTime"))
    if vaccine is None or day is None:
        return None
    doses = [
        {"doseNumberPositiveInt": each["doseNumberPositiveInt"]}
        for each in body.get("protocolApplied", ())
        if isinstance(each.get("doseNumberPositiveInt"), int)
    ]
    return {
        "resourceType": "Immunization",
        "status": body["status"],
        "vaccineCode": vaccine,
        "occurrenceDateTime": day,
        **({"protocolApplied": doses} if doses else {}),
    }


def _values(holder: JSON, definitions: Definitions) -> JSON:
    found: JSON = {}
    quantity = _quantity(holder.get("valueQuantity"))
    if quantity:
        found["valueQuantity"] = quantity
    for name in ("valueCodeableConcept", "dataAbsentReason"):
        concept = _concept(holder.get(name), definitions)
        if concept:
            found[name] = concept
    meanings = [each for one in holder.get("interpretation", ()) if (each := _concept(one, definitions))]
    if meanings:
        found["interpretation"] = meanings
    ranges = [
        {"low": low} for each in holder.get("referenceRange", ()) if (low := _quantity(each.get("low")))
    ]
    if ranges:
        found["referenceRange"] = ranges
    return found


def _quantity(value: Any) -> JSON | None:
    """A number with a unit of the list, which also stands for the word that people read."""
    if not isinstance(value, dict) or "value" not in value or value.get("system") != _UCUM:
        return None
    if value.get("code") not in _UNITS:
        return None
    found: JSON = {"value": value["value"], "unit": value["code"], "system": _UCUM, "code": value["code"]}
    if value.get("comparator") in ("<", "<=", ">=", ">"):
        found["comparator"] = value["comparator"]
    return found


def _concept(value: Any, definitions: Definitions) -> JSON | None:
    """The codes of a concept that mean what everybody means by them, without words; None where none is left."""
    if not isinstance(value, dict):
        return None
    found = [
        {"system": system, "code": code}
        for coding in value.get("coding", ())
        if _is_plain(system := coding.get("system", ""), code := coding.get("code", ""), definitions)
    ]
    return {"coding": found} if found else None


def _is_plain(system: str, code: str, definitions: Definitions) -> bool:
    if system in _FORMS:
        return _FORMS[system].fullmatch(code) is not None
    return system.startswith(f"{CANONICAL}/CodeSystem/") and any(
        each.get("url") == system and code in definitions.codes(system)
        for each in definitions.of_type("CodeSystem")
    )


def _carried(definitions: Definitions) -> frozenset[tuple[str, str]]:
    return frozenset(
        (include["system"], concept["code"])
        for include in definitions.by_url(CARRIED)["compose"]["include"]
        for concept in include["concept"]
    )


def _start(body: JSON) -> Any:
    return (body.get("effectivePeriod") or {}).get("start")


def _day(text: Any) -> str | None:
    """The day of a date or instant: its time would tell the two records' papers apart from no other's."""
    day = ownership.civil_date(text)
    return None if day is None else day.isoformat()
