"""A bundle as it came -> the bundle with its scores.

Measurements, feeding status and scores are made here and nowhere else, so that what stands in the record is
what the answers say. The record has checked the bundle before, and stores the whole afterwards, in one
transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from healthvisit.definitions import CANONICAL, Definitions, UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record.errors import Issue, Unprocessable
from healthvisit.record.record import Record
from healthvisit.reviews import encounters, scoring

RELEASED_AT = f"{CANONICAL}/StructureDefinition/released-at"
BOROUGH_RETURN = f"{CANONICAL}/Measure/borough-return"
# What each form is of: a review, or an additional contact.
_KINDS = {
    f"{CANONICAL}/Questionnaire/{form}": kind
    for kind, form in (*encounters.FORMS.items(), *encounters.CONTACT_FORMS.items())
}


def complete(bundle: JSON, definitions: Definitions, record: Record | None = None) -> JSON:
    """The bundle with the server's Observations after the entries sent; the same bundle when it needs none.

    A new response gets new Observations, with references to the response and the Encounter of the bundle, or
    to a stored Encounter as the response names it. An update of a response corrects the Observations made
    from it. A response to a form that is not ours passes untouched. The same bundle always gives the same
    answer.

    record: where stored Encounters and Observations are looked up. Without it a response to a stored
    Encounter is dated by its own time, and an update of a response is refused.

    Raises Unprocessable, with FHIRPath in the bundle, for an answer the form does not have; a response whose
    Encounter says declined or no access, is of another review or another child; and for an Observation sent
    as new and derived from a response, or changed in more than its release: the server's score is the one
    that stands.
    """
    entries: list[JSON] = bundle.get("entry", [])
    _refuse_results_sent(entries)
    _refuse_results_changed(entries, record)
    _refuse_results_deleted(entries, record)
    _refuse_figures_sent(entries)
    _refuse_contradictions(entries)
    posted = {
        entry["fullUrl"]: entry["resource"]
        for entry in entries
        if "fullUrl" in entry and entry["request"]["method"] == "POST"
    }
    made: list[JSON] = []
    for number, entry in enumerate(entries):
        response, method = entry.get("resource", {}), entry["request"]["method"]
        if response.get("resourceType") != "QuestionnaireResponse" or method not in ("POST", "PUT"):
            continue
        kind = _KINDS.get(response.get("questionnaire", "").partition("|")[0])
        if kind is None:
            continue
        here = f"Bundle.entry[{number}].resource"
        encounter = posted.get(_reference(response, "encounter", here)) or _stored(response, record)
        _agree(response, kind, encounter, here)
        if method == "PUT":
            made.extend(_corrected(response, encounter, definitions, record, here))
            continue
        if "fullUrl" not in entry:
            issue = Issue(
                "required", "a form's results refer to it by its fullUrl", f"Bundle.entry[{number}].fullUrl"
            )
            raise Unprocessable([issue])
        made.extend(_new(response, entry["fullUrl"], encounter, definitions, here))
    return {**bundle, "entry": [*entries, *made]} if made else bundle


def _refuse_results_sent(entries: Sequence[JSON]) -> None:
    responses = {
        entry["fullUrl"]
        for entry in entries
        if "fullUrl" in entry and entry.get("resource", {}).get("resourceType") == "QuestionnaireResponse"
    }
    for number, entry in enumerate(entries):
        resource = entry.get("resource", {})
        if resource.get("resourceType") != "Observation" or entry["request"]["method"] != "POST":
            continue
        for source in resource.get("derivedFrom", ()):
            reference = source.get("reference", "")
            if reference in responses or "QuestionnaireResponse/" in reference:
                raise Unprocessable(
                    "results of a form are made by the server from its answers",
                    f"Bundle.entry[{number}].resource.derivedFrom",
                )


def _refuse_results_changed(entries: Sequence[JSON], record: Record | None) -> None:
    """A result is released by an update, and by nothing else: what it says changes only with the answers."""
    for number, entry in enumerate(entries):
        resource = entry.get("resource", {})
        if resource.get("resourceType") != "Observation" or entry["request"]["method"] != "PUT":
            continue
        stored = record.read("Observation", resource["id"]).json() if record is not None else {}
        if _is_result(stored or resource) and _said(stored) != _said(resource):
            raise Unprocessable(
                "what a form's result says changes only with the answers of the form",
                f"Bundle.entry[{number}].resource",
            )


def _refuse_results_deleted(entries: Sequence[JSON], record: Record | None) -> None:
    """A result goes when its form goes: a form without its scores would read as one that was never scored."""
    deleted = {entry["request"]["url"] for entry in entries if entry["request"]["method"] == "DELETE"}
    for number, entry in enumerate(entries):
        type_, _, id_ = entry["request"]["url"].partition("/")
        if entry["request"]["method"] != "DELETE" or type_ != "Observation" or record is None:
            continue
        # It is deleted by now: what it was stands in the version before.
        before = [version for version in record.history(type_, id_, count=2).matches if version.body]
        forms = {
            source["reference"]
            for version in before[:1]
            for source in version.json().get("derivedFrom", ())
            if "QuestionnaireResponse/" in source.get("reference", "")
        }
        if not forms <= deleted:
            raise Unprocessable(
                "a form's result is deleted together with the form", f"Bundle.entry[{number}].request.url"
            )


def _is_result(observation: JSON) -> bool:
    return any(
        "QuestionnaireResponse/" in source.get("reference", "")
        for source in observation.get("derivedFrom", ())
    )


def _said(observation: JSON) -> JSON:
    """An Observation without what the server sets and without its release."""
    said = {name: value for name, value in observation.items() if name not in ("id", "meta", "extension")}
    kept = [each for each in observation.get("extension", ()) if each["url"] != RELEASED_AT]
    return said | ({"extension": kept} if kept else {})


def _refuse_figures_sent(entries: Sequence[JSON]) -> None:
    """A borough's system sends its own return; what is published is frozen by the service."""
    for number, entry in enumerate(entries):
        report = entry.get("resource", {})
        if report.get("resourceType") != "MeasureReport" or entry["request"]["method"] not in ("POST", "PUT"):
            continue
        if report.get("measure", "").partition("|")[0] != BOROUGH_RETURN:
            raise Unprocessable(
                "a borough reports by its own return, and by no other measure",
                f"Bundle.entry[{number}].resource.measure",
            )


def _refuse_contradictions(entries: Sequence[JSON]) -> None:
    """A review that was declined, or where nobody was in, was cancelled; a completed one was finished."""
    for number, entry in enumerate(entries):
        encounter = entry.get("resource", {})
        if encounter.get("resourceType") != "Encounter":
            continue
        review, contact = encounters.review_of(encounter), encounters.contact_of(encounter)
        if review is None and contact is None:
            continue
        if review is not None and contact is not None:
            raise Unprocessable(
                "a contact is a statutory review or an additional contact, and never both",
                f"Bundle.entry[{number}].resource.type",
            )
        outcome, status = encounters.stated(encounter, "review-outcome"), encounter.get("status")
        if (outcome in ("declined", "no-access") and status == "finished") or (
            outcome == "completed" and status == "cancelled"
        ):
            raise Unprocessable(
                "the status and the outcome of the review contradict each other",
                f"Bundle.entry[{number}].resource.status",
            )


def _reference(response: JSON, element: str, here: str) -> str:
    reference: str | None = response.get(element, {}).get("reference")
    if reference is None:
        raise Unprocessable(
            [Issue("required", f"a review's response names its {element}", f"{here}.{element}")]
        )
    return reference


def _stored(response: JSON, record: Record | None) -> JSON | None:
    type_, _, id_ = response["encounter"]["reference"].partition("/")
    return record.read(type_, id_).json() if record is not None and type_ == "Encounter" and id_ else None


def _agree(response: JSON, kind: str, encounter: JSON | None, here: str) -> None:
    subject = _reference(response, "subject", here)
    if encounter is None:
        return
    if encounter.get("resourceType") != "Encounter":
        raise Unprocessable("the encounter is not an Encounter", f"{here}.encounter")
    if encounter.get("subject", {}).get("reference") != subject:
        raise Unprocessable("the response and its encounter are of different children", f"{here}.subject")
    if encounters.outcome(encounter) in ("declined", "no-access"):
        raise Unprocessable("a review that was not done has no response", f"{here}.encounter")
    if (encounters.review_of(encounter) or encounters.contact_of(encounter)) not in (None, kind):
        raise Unprocessable("the form belongs to another review than the encounter", f"{here}.questionnaire")


def _new(
    response: JSON, full_url: str, encounter: JSON | None, definitions: Definitions, here: str
) -> Iterator[JSON]:
    for name, observation in _observations(response, encounter, definitions, here):
        yield {
            "fullUrl": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{full_url}#{name}')}",
            "resource": {**observation, "derivedFrom": [{"reference": full_url}]},
            "request": {"method": "POST", "url": "Observation"},
        }


def _corrected(
    response: JSON, encounter: JSON | None, definitions: Definitions, record: Record | None, here: str
) -> Iterator[JSON]:
    """Updates of the Observations that now say otherwise, new ones for answers that are new."""
    if record is None:
        raise Unprocessable([Issue("not-supported", "a stored response cannot be corrected here", here)])
    source = f"QuestionnaireResponse/{response['id']}"
    standing = {
        _code(body): body
        for version in record.each("Observation", [("derived-from", source)])
        if (body := version.json()).get("status") != "entered-in-error"
    }
    withdrawn = response.get("status") == "entered-in-error"
    found = () if withdrawn else _observations(response, encounter, definitions, here)
    for name, observation in found:
        fresh = {**observation, "derivedFrom": [{"reference": source}]}
        before = standing.pop(_code(fresh), None)
        if before is None:
            yield {
                "fullUrl": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{source}#{name}')}",
                "resource": fresh,
                "request": {"method": "POST", "url": "Observation"},
            }
        elif any(before.get(element) != value for element, value in fresh.items() if element != "status"):
            yield _update(before, {**fresh, "status": "corrected"})
    for before in standing.values():
        # The answer was taken back. What stood is kept as a version, and no reader takes it for a result.
        yield _update(before, {**before, "status": "entered-in-error"})


def _update(before: JSON, fresh: JSON) -> JSON:
    body = {name: value for name, value in fresh.items() if name != "meta"}
    return {
        "resource": {**body, "id": before["id"]},
        "request": {
            "method": "PUT",
            "url": f"Observation/{before['id']}",
            "ifMatch": f'W/"{before["meta"]["versionId"]}"',
        },
    }


def _code(observation: JSON) -> tuple[str, str]:
    coding = observation["code"]["coding"][0]
    return coding.get("system", ""), coding.get("code", "")


def _observations(
    response: JSON, encounter: JSON | None, definitions: Definitions, here: str
) -> Iterator[tuple[str, JSON]]:
    period: Mapping[str, str] = (encounter or {}).get("period", {})
    effective = period.get("start") or response.get("authored")
    if effective is None:
        raise Unprocessable(
            [Issue("required", "a review's response states when it was authored", f"{here}.authored")]
        )
    try:
        yield from scoring.observations(response, effective, definitions)
    except Unprocessable as error:
        raise Unprocessable(
            [
                issue._replace(expression=issue.expression.replace("QuestionnaireResponse", here, 1))
                for issue in error.issues
            ]
        ) from error
    except UnknownDefinition:
        raise Unprocessable("no such version of the form", f"{here}.questionnaire") from None
