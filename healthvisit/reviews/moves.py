"""Children on their way from one service to another: what waits for an answer, and whether it has waited long."""

from datetime import date

from healthvisit.definitions import GSS_SYSTEM
from healthvisit.exact_json import JSON
from healthvisit.programme.boroughs import BY_GSS
from healthvisit.programme.dates import working_days_since
from healthvisit.record import instants, transfers
from healthvisit.record.ownership import NHS_NUMBER, london_date
from healthvisit.record.record import Record
from healthvisit.record.transfers import Offer, Settled

# From this many working days on an offer is marked on both sides.
LONG_WORKING_DAYS = 2


def of_requester(record: Record, on: date) -> dict[str, list[JSON]]:
    """What is offered to the requester's boroughs (`arriving`), by them (`leaving`: also what was declined), and
    what they accepted lately (`arrived`); oldest first.

    Each as the tablet and the page show it; names of boroughs, days as text. None where nothing is told.
    """
    found: dict[str, list[JSON]] = {"arriving": [], "leaving": [], "arrived": []}
    for each in transfers.awaiting(record):
        side = "leaving" if not each.is_arriving else "arriving" if each.state == "offered" else "arrived"
        found[side].append(_shown(each, on))
    return found


def with_number(record: Record, nhs_number: str) -> list[str]:
    """Ids of the children within reach who have the number."""
    return [
        each.id for each in record.search("Patient", [("identifier", f"{NHS_NUMBER}|{nhs_number}")]).matches
    ]


def _shown(offer: Offer, on: date) -> JSON:
    offered_on = london_date(offer.offered_at)
    waited = working_days_since(offered_on, on)
    return {
        "transfer": offer.id,
        "state": offer.state,
        "name": _name(offer.name),
        "born": offer.born,
        "nhs_number": offer.nhs_number,
        "patient": None if offer.child is None else f"Patient/{offer.child}",
        "from": None if offer.from_borough is None else BY_GSS[offer.from_borough].name,
        "to": BY_GSS[offer.to_borough].name,
        "offered_on": offered_on.isoformat(),
        "working_days": waited,
        "is_long": offer.state == "offered" and waited >= LONG_WORKING_DAYS,
        "outstanding": offer.outstanding,
        "restricted": offer.restricted_handed_over,
        "reason": offer.reason,
        "note": offer.note,
        "refusal": offer.refusal,
    }


def parameters(record: Record, on: date) -> JSON:
    """The same as FHIR Parameters, one `transfer` each. https://hl7.org/fhir/R4/parameters.html"""
    found = [_parameter(offer, _shown(offer, on)) for offer in transfers.awaiting(record)]
    # An empty array is not FHIR.
    return {"resourceType": "Parameters"} | ({"parameter": found} if found else {})


def _parameter(offer: Offer, shown: JSON) -> JSON:
    parts: list[JSON] = [
        {"name": "id", "valueString": offer.id},
        {"name": "side", "valueCode": "arriving" if offer.is_arriving else "leaving"},
        {"name": "state", "valueCode": offer.state},
        {"name": "to", "valueCoding": _coding(offer.to_borough)},
        {"name": "offered", "valueInstant": _instant(offer)},
        {"name": "working-days", "valueInteger": shown["working_days"]},
        {"name": "long", "valueBoolean": shown["is_long"]},
        {"name": "outstanding", "valueInteger": offer.outstanding},
        {"name": "restricted", "valueBoolean": offer.restricted_handed_over},
    ]
    if offer.name:
        parts.append({"name": "name", "valueHumanName": offer.name})
    if offer.nhs_number is not None:
        parts.append(
            {"name": "nhs-number", "valueIdentifier": {"system": NHS_NUMBER, "value": offer.nhs_number}}
        )
    if offer.from_borough is not None:
        parts.append({"name": "from", "valueCoding": _coding(offer.from_borough)})
    if offer.child is not None:
        parts.append({"name": "patient", "valueReference": {"reference": f"Patient/{offer.child}"}})
    parts += [
        {"name": name, kind: value}
        for name, kind, value in (
            ("born", "valueDate", offer.born),
            ("reason", "valueCode", offer.reason),
            ("note", "valueString", offer.note),
            ("refusal", "valueCode", offer.refusal),
        )
        if value is not None
    ]
    return {"name": "transfer", "part": parts}


def settled(answer: Settled) -> JSON:
    """What became of an offer, as FHIR Parameters."""
    found: list[JSON] = [
        {"name": "transfer", "valueString": answer.id},
        {"name": "state", "valueCode": answer.state},
    ]
    if answer.child is not None and answer.episode is not None:
        found += [
            {"name": "patient", "valueReference": {"reference": f"Patient/{answer.child}"}},
            {"name": "episode", "valueReference": {"reference": f"EpisodeOfCare/{answer.episode}"}},
        ]
    return {"resourceType": "Parameters", "parameter": found}


def _coding(borough: str) -> JSON:
    return {"system": GSS_SYSTEM, "code": borough, "display": BY_GSS[borough].name}


def _instant(offer: Offer) -> str:
    return instants.text(instants.micros(offer.offered_at))


def _name(name: JSON) -> str:
    parts = [*name.get("given", ()), name.get("family", "")]
    return name.get("text") or " ".join(part for part in parts if part)
