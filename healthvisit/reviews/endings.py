"""What is needed to look at an ending before it is done, and to undo one."""

from dataclasses import dataclass
from datetime import date

from healthvisit.exact_json import JSON
from healthvisit.record import endings
from healthvisit.record.endings import Ending
from healthvisit.record.errors import Conflict, NotFound
from healthvisit.record.record import Record
from healthvisit.reviews import timeline


@dataclass(frozen=True)
class Checked:
    """The child whose care would end. id: of the Patient."""

    id: str
    name: str
    born_on: date


def checked(record: Record, child: str, ending: Ending) -> Checked:
    """Who the child is, once it is sure that its care can be ended so. Raises what `endings.check` does."""
    endings.check(record, child, ending)
    found = timeline.child_of(record.read("Patient", child).json(), None)
    return Checked(child, found.name, found.born_on)


def take_up(record: Record, id_: str) -> None:
    """The service that ended the care of a child answers for it again, from the day on which it ended.

    id_: of the ending, the last one of its child. What was booked stays cancelled; a death that was written down is
    taken back. Raises NotFound for an ending of another borough, and Conflict where a service answers again.
    """
    last = {each.child: each for each in reversed(endings.listed(record))}
    found = next((each for each in last.values() if each.id == id_), None)
    if found is None:
        raise NotFound
    if found.answered:
        raise Conflict("A service answers for the child already.")
    organization = next(key for key, gss in record.definitions.boroughs.items() if gss == found.borough)
    episode: JSON = {
        "resourceType": "EpisodeOfCare",
        "status": "active",
        "patient": {"reference": f"Patient/{found.child}"},
        "managingOrganization": {"reference": f"Organization/{organization}"},
        "period": {"start": found.ending.on.isoformat()},
    }
    who = record.requester.fhir_user or ""
    if who.startswith("Practitioner/"):
        episode["careManager"] = {"reference": who}
    record.create("EpisodeOfCare", episode)
    if found.ending.reason == endings.DIED:
        patient = record.read("Patient", found.child)
        body = patient.json()
        body.pop("deceasedDateTime", None)
        record.update("Patient", found.child, body, if_match=f'W/"{patient.version}"')
