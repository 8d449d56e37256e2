"""Encounter -> what it says of a statutory review, or of an additional contact.  http://hl7.org/fhir/R4/encounter.html"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from healthvisit.definitions import CANONICAL
from healthvisit.exact_json import JSON
from healthvisit.programme.pathway import Event, Outcome

LONDON = ZoneInfo("Europe/London")
REVIEW = f"{CANONICAL}/CodeSystem/review"
CONTACT = f"{CANONICAL}/CodeSystem/contact"
# Which form belongs to which review; the antenatal contact is of a child who has no record yet.
FORMS = {
    "new-birth": "new-birth-review",
    "six-to-eight-week": "six-to-eight-week-review",
    "one-year": "one-year-review",
    "two-year": "two-year-review",
}
# The forms of contacts that are no statutory review: nothing that is counted reads these.
CONTACT_FORMS = {
    "three-to-four-month": "three-to-four-month-contact",
    "six-month": "six-month-contact",
    "ad-hoc": "ad-hoc-contact",
}


def review_of(encounter: JSON) -> str | None:
    """Code of the statutory review that an Encounter is of, None for any other contact."""
    return _type(encounter, REVIEW)


def contact_of(encounter: JSON) -> str | None:
    """Code of the additional contact that an Encounter is of, None for a statutory review and what is not ours."""
    return _type(encounter, CONTACT)


def _type(encounter: JSON, system: str) -> str | None:
    for concept in encounter.get("type", ()):
        for coding in concept.get("coding", ()):
            if coding.get("system") == system:
                code: str | None = coding.get("code")
                return code
    return None


def stated(resource: JSON, name: str) -> str | None:
    """Code of one of our own coded extensions, such as capture-mode; None where it is not stated."""
    found = _extension(resource, name)
    code: str | None = None if found is None else found.get("valueCoding", {}).get("code")
    return code


def instant(resource: JSON, name: str) -> datetime | None:
    """Aware instant of one of our own extensions, such as recorded-at; None where it is not stated."""
    found = _extension(resource, name)
    return None if found is None else moment(found.get("valueDateTime"))


def moment(text: object) -> datetime | None:
    """Aware instant of a FHIR dateTime; None for a date without a time, which is no instant."""
    if not isinstance(text, str) or "T" not in text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.utcoffset() is not None else None


def _extension(resource: JSON, name: str) -> JSON | None:
    url = f"{CANONICAL}/StructureDefinition/{name}"
    return next((each for each in resource.get("extension", ()) if each.get("url") == url), None)


def outcome(encounter: JSON) -> Outcome | None:
    """How the contact ended; None while it goes on, and for one entered in error.

    Where the outcome is not stated, a finished Encounter was completed.
    """
    if encounter.get("status") == "entered-in-error":
        return None
    code = stated(encounter, "review-outcome") or (
        "completed" if encounter.get("status") == "finished" else None
    )
    return cast(Outcome, code) if code in ("completed", "declined", "no-access") else None


def happened_on(encounter: JSON) -> date | None:
    """Civil date of the contact in England; None where the Encounter does not say."""
    start = encounter.get("period", {}).get("start")
    at = moment(start)
    if at is not None:
        return at.astimezone(LONDON).date()
    return date.fromisoformat(start) if isinstance(start, str) and len(start) == 10 else None


def ended_at(encounter: JSON) -> datetime | None:
    """Instant at which the contact ended, else began."""
    period = encounter.get("period", {})
    return moment(period.get("end")) or moment(period.get("start"))


def event(encounter: JSON) -> Event | None:
    """The attempt at a review that an Encounter records; None when it records none."""
    ended, on = outcome(encounter), happened_on(encounter)
    return None if ended is None or on is None else Event(on, ended)


def by_kind(encounters: Iterable[JSON]) -> dict[str, list[JSON]]:
    """Encounters of statutory reviews and of additional contacts by the code, each in the order given."""
    found: dict[str, list[JSON]] = {}
    for encounter in encounters:
        kind = review_of(encounter) or contact_of(encounter)
        if kind is not None and event(encounter) is not None:
            found.setdefault(kind, []).append(encounter)
    return found
