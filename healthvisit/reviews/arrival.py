"""A bundle as it came -> the bundle with its scores.

Measurements, feeding status and scores are made here and nowhere else, so that what stands in the record is
what the answers say. Pure over JSON: the record checks and stores the whole afterwards, in one transaction.
"""

from collections.abc import Iterator, Mapping
from uuid import NAMESPACE_URL, UUID, uuid5

from healthvisit.definitions import CANONICAL, Definitions, UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record.errors import Unprocessable
from healthvisit.reviews import encounters, scoring

_REVIEWS = {f"{CANONICAL}/Questionnaire/{form}": review for review, form in encounters.FORMS.items()}


def complete(bundle: JSON, definitions: Definitions) -> JSON:
    """The bundle with the server's Observations after the entries sent; the same bundle when it holds no
    response.

    A response to a form that is not ours passes untouched. References go to the response and the Encounter of
    the bundle, or to a stored Encounter as the response names it. The same bundle always gives the same
    answer, so that a repeated sending stays a repeat.

    Raises Unprocessable, with FHIRPath in the bundle, for an answer the form does not have, a response whose
    Encounter says declined or no access, is of another review or another child, and for an Observation sent
    as derived from a response: the server's score is the one that stands.
    """
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return bundle
    by_url = {
        entry["fullUrl"]: resource
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("fullUrl"), str)
        and (resource := _posted(entry)) is not None
    }
    made: list[JSON] = []
    for number, entry in enumerate(entries):
        response = _posted(entry)
        if response is None or response.get("resourceType") != "QuestionnaireResponse":
            continue
        review = _REVIEWS.get(str(response.get("questionnaire", "")).partition("|")[0])
        if review is None:
            continue
        here = f"Bundle.entry[{number}].resource"
        full_url = entry.get("fullUrl")
        encounter = by_url.get(_reference(response, "encounter") or "")
        _agree(response, review, encounter, here)
        _refuse_scores_sent(entries, full_url)
        if isinstance(full_url, str):
            made.extend(_entries(response, full_url, encounter, definitions, here))
    return {**bundle, "entry": [*entries, *made]} if made else bundle


def _posted(entry: object) -> JSON | None:
    if not isinstance(entry, dict):
        return None
    request, resource = entry.get("request"), entry.get("resource")
    if not isinstance(request, dict) or request.get("method") != "POST" or not isinstance(resource, dict):
        return None
    return resource


def _reference(resource: JSON, element: str) -> str | None:
    reference = resource.get(element)
    text = reference.get("reference") if isinstance(reference, dict) else None
    return text if isinstance(text, str) else None


def _agree(response: JSON, review: str, encounter: JSON | None, here: str) -> None:
    for element in ("subject", "encounter"):
        if _reference(response, element) is None:
            raise Unprocessable(f"a review's response names its {element}", f"{here}.{element}")
    if encounter is None:
        return
    if encounter.get("resourceType") != "Encounter":
        raise Unprocessable("the encounter is not an Encounter", f"{here}.encounter")
    if _reference(encounter, "subject") != _reference(response, "subject"):
        raise Unprocessable("the response and its encounter are of different children", f"{here}.subject")
    if encounters.outcome(encounter) in ("declined", "no-access"):
        raise Unprocessable("a review that was not done has no response", f"{here}.encounter")
    of = encounters.review_of(encounter)
    if of is not None and of != review:
        raise Unprocessable("the form belongs to another review than the encounter", f"{here}.questionnaire")


def _refuse_scores_sent(entries: list[JSON], full_url: object) -> None:
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or resource.get("resourceType") != "Observation":
            continue
        derived = resource.get("derivedFrom")
        for source in derived if isinstance(derived, list) else ():
            if isinstance(source, dict) and source.get("reference") == full_url:
                raise Unprocessable(
                    "results of a review are made by the server from its answers",
                    f"Bundle.entry[{number}].resource.derivedFrom",
                )


def _entries(
    response: JSON, full_url: str, encounter: JSON | None, definitions: Definitions, here: str
) -> Iterator[JSON]:
    period: Mapping[str, object] = (encounter or {}).get("period") or {}
    # A stored Encounter is not at hand here; the device time of the answers is the nearest that is stated.
    effective = period.get("start") or response.get("authored")
    if not isinstance(effective, str):
        raise Unprocessable("a review's response states when it was authored", f"{here}.authored")
    try:
        for name, observation in scoring.observations(response, effective, definitions):
            yield {
                "fullUrl": f"urn:uuid:{_uuid(full_url, name)}",
                "resource": {**observation, "derivedFrom": [{"reference": full_url}]},
                "request": {"method": "POST", "url": "Observation"},
            }
    except Unprocessable as error:
        raise Unprocessable(
            [
                issue._replace(expression=issue.expression.replace("QuestionnaireResponse", here, 1))
                for issue in error.issues
            ]
        ) from error
    except UnknownDefinition:
        raise Unprocessable("no such version of the form", f"{here}.questionnaire") from None


def _uuid(full_url: str, name: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{full_url}#{name}")
