"""What one health visitor's tablet carries: plain JSON, between our server and our tablet (decision record
5).
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme.boroughs import BY_GSS
from healthvisit.programme.pathway import Window
from healthvisit.record.errors import NotFound
from healthvisit.record.record import Record
from healthvisit.reviews import encounters, moves, timeline, windows
from healthvisit.reviews.reading import bodies, chunks

MOST_CHILDREN = 1000


def of_practitioner(record: Record, practitioner: str | None, on: date) -> JSON:
    """The caseload document for a day.

    practitioner: "Practitioner/<id>", whose active episodes as care manager make the caseload; None for every
    child of the requester's reach whose episode is active. At most 1,000 children, and then `truncated`
    is true: who sees a part must know that it is one.
    """
    episodes = _episodes(record, practitioner, on)
    # The document is for one team's tablet: an account of two boroughs sees the first one's name.
    services = [
        body["managingOrganization"]["reference"] for body in episodes if "managingOrganization" in body
    ]
    organization = _organization(record, services)
    by_child = {body["patient"]["reference"].partition("/")[2]: body["id"] for body in episodes}
    children = sorted(by_child)
    truncated = len(children) > MOST_CHILDREN
    children = children[:MOST_CHILDREN]
    patients = {
        body["id"]: body
        for chunk in chunks(children)
        for body in bodies(record, "Patient", ("_id", ",".join(chunk)))
    }
    contacts: dict[str, list[JSON]] = {}
    gestations: dict[str, timeline.Gestation | None] = {}
    for chunk in chunks(children):
        of_chunk = ("patient", ",".join(f"Patient/{child}" for child in chunk))
        for contact in bodies(record, "Encounter", of_chunk):
            contacts.setdefault(_child(contact), []).append(contact)
        code = f"{timeline.SNOMED}|{timeline.GESTATION}"
        for observation in bodies(record, "Observation", of_chunk, ("code", code)):
            gestations[_child(observation)] = timeline.gestation_of([observation])
    definitions = record.definitions
    tables = windows.in_force(definitions, on)
    rows = [
        _child_row(
            patients[child],
            by_child[child],
            gestations.get(child),
            encounters.by_kind(contacts.get(child, ())),
            tables,
            definitions,
            on,
        )
        for child in children
        if child in patients
    ]
    return {
        "as_at": on.isoformat(),
        "server_now": _instant(record.at),
        "practitioner": _practitioner(record, practitioner),
        "organization": organization,
        "questionnaires": [
            definitions.resource("Questionnaire", form)
            for form in sorted((*encounters.FORMS.values(), *encounters.CONTACT_FORMS.values()))
        ],
        "pack": definitions.pack,
        "places": dict(definitions.codes(f"{CANONICAL}/CodeSystem/place")),
        "practitioner_types": dict(definitions.codes(f"{CANONICAL}/CodeSystem/practitioner-type")),
        "contact_modes": dict(definitions.codes(f"{CANONICAL}/CodeSystem/contact-mode")),
        "truncated": truncated,
        "moves": moves.of_requester(record, on),
        "children": sorted(rows, key=lambda row: _by_name(row["patient"])),
    }


def _episodes(record: Record, practitioner: str | None, on: date) -> list[JSON]:
    parameters = [("status", "active")]
    if practitioner is not None:
        parameters.append(("care-manager", practitioner))
    found = []
    # One more than the most tells that something was left out.
    for body in bodies(record, "EpisodeOfCare", *parameters):
        start, end = body["period"].get("start", ""), body["period"].get("end")
        if start[:10] <= on.isoformat() and (end is None or on.isoformat() < end[:10]):
            found.append(body)
            if len(found) > MOST_CHILDREN:
                break
    return found


def _child_row(
    patient: JSON,
    episode: str,
    gestation: timeline.Gestation | None,
    contacts: dict[str, list[JSON]],
    tables: windows.Tables,
    definitions: Definitions,
    on: date,
) -> JSON:
    child = timeline.child_of(patient, gestation)
    return {
        "patient": patient,
        "episode": f"EpisodeOfCare/{episode}",
        "gestation": None if gestation is None else {"weeks": gestation.weeks, "days": gestation.days},
        "reviews": [_review(window, child, contacts.get(window.code, ()), on) for window in tables.reviews],
        "contacts": [
            _contact(code, title, child, contacts.get(code, ()), tables, on)
            for code, title in definitions.codes(encounters.CONTACT).items()
        ],
    }


def _review(window: Window, child: timeline.Child, contacts: Iterable[JSON], on: date) -> JSON:
    standing = timeline.review(window, child, contacts, {}, on)
    return {
        "review": standing.code,
        "title": standing.title,
        "questionnaire": encounters.FORMS.get(standing.code),
        "from": _day(standing.from_on),
        "until": _day(standing.until_on),
        "state": standing.state,
        "done_on": _day(standing.done_on),
        "encounter": None if standing.encounter is None else f"Encounter/{standing.encounter}",
    }


def _contact(
    code: str, title: str, child: timeline.Child, contacts: Iterable[JSON], tables: windows.Tables, on: date
) -> JSON:
    """An additional contact in the shape of a review. It has no standing: nothing of it is due or overdue."""
    window = next((each for each in tables.contacts if each.code == code), None)
    held = [
        (event.on, contact["id"])
        for contact in contacts
        if (event := encounters.event(contact)) is not None
        and event.outcome == "completed"
        and event.on <= on
    ]
    last_on, last = max(held, default=(None, None))
    return {
        "review": code,
        "title": title,
        "questionnaire": encounters.CONTACT_FORMS[code],
        "from": None if window is None else _day(window.first_on(child.born_on)),
        "until": None if window is None else _day(window.last_on(child.born_on)),
        "state": "additional",
        "done_on": _day(last_on),
        "encounter": None if last is None else f"Encounter/{last}",
    }


def _practitioner(record: Record, practitioner: str | None) -> JSON | None:
    if practitioner is None:
        return None
    try:
        body = record.read("Practitioner", practitioner.partition("/")[2]).json()
    except NotFound:
        # Who works for no borough any more reads nothing, and the tablet must still know whose it is.
        return {"reference": practitioner, "name": ""}
    return {"reference": practitioner, "name": timeline.name_of(body)}


def _organization(record: Record, references: Sequence[str]) -> JSON | None:
    boroughs = record.definitions.boroughs
    own = [id_ for id_, gss in boroughs.items() if gss in record.requester.boroughs]
    ids = [id_ for reference in references if (id_ := reference.partition("/")[2]) in boroughs] or own
    if not ids:
        return None
    found = record.definitions.resource("Organization", ids[0])
    return {
        "reference": f"Organization/{found['id']}",
        "name": found.get("name", BY_GSS[boroughs[found["id"]]].name),
        "borough": boroughs[found["id"]],
    }


def _child(resource: JSON) -> str:
    id_: str = resource["subject"]["reference"].partition("/")[2]
    return id_


def _by_name(patient: JSON) -> tuple[str, str, str]:
    name: JSON = next(iter(patient.get("name", ())), {})
    return name.get("family", "").casefold(), " ".join(name.get("given", ())).casefold(), patient["id"]


def _day(on: date | None) -> str | None:
    return None if on is None else on.isoformat()


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
