"""Errors as OperationOutcome, each with its HTTP status. https://hl7.org/fhir/R4/operationoutcome.html

This table is the one place where what the record says becomes a status.
"""

import logging
from collections.abc import Sequence

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException

from healthvisit.access.scopes import UnknownScope
from healthvisit.database import Unavailable
from healthvisit.definitions import CANONICAL
from healthvisit.exact_json import JSON, Malformed, dumps
from healthvisit.faces import door
from healthvisit.record import errors

CONTENT_TYPE = "application/fhir+json; charset=utf-8"

STATUS: dict[type[errors.RecordError], int] = {
    errors.Invalid: 400,
    errors.Unprocessable: 422,
    errors.NotFound: 404,
    errors.Gone: 410,
    errors.Forbidden: 403,
    errors.VersionConflict: 412,
    errors.MultipleMatches: 412,
    errors.Conflict: 409,
    errors.TooCostly: 413,
    errors.TooMany: 429,
}

REFUSALS = f"{CANONICAL}/CodeSystem/refusal"

_HTTP_CODES = {401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 406: "not-supported",
               413: "too-costly", 415: "not-supported"}  # fmt: skip

log = logging.getLogger(__name__)


def outcome(issues: Sequence[errors.Issue], status: int, *, severity: str = "error") -> Response:
    body = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": severity,
                "code": issue.code,
                **({"details": _details(issue.detail)} if issue.detail else {}),
                "diagnostics": issue.diagnostics,
                **({"expression": [issue.expression]} if issue.expression else {}),
            }
            for issue in issues
        ],
    }
    return Response(dumps(body), status, content_type=CONTENT_TYPE)


def _details(code: str) -> JSON:
    return {"coding": [{"system": REFUSALS, "code": code}]}


def of(error: errors.RecordError | Unavailable) -> Response:
    """The answer to a refusal of the record, or to its being away."""
    if isinstance(error, errors.RecordError):
        return outcome(error.issues, STATUS[type(error)])
    issue = errors.Issue(
        "transient", "The record cannot be reached just now. Nothing was stored. Send again."
    )
    answer = outcome([issue], 503)
    answer.headers["Retry-After"] = "2"
    return answer


def answer_errors(blueprint: Blueprint) -> None:
    """Every error below /fhir is an OperationOutcome; none says more than its requester may know."""

    @blueprint.errorhandler(errors.RecordError)
    def _record(error: errors.RecordError) -> Response:
        answer = of(error)
        if isinstance(error, errors.TooMany):
            answer.headers["Retry-After"] = "60"
        return answer

    @blueprint.errorhandler(Malformed)
    def _malformed(error: Malformed) -> Response:
        return outcome([errors.Issue("structure", f"The body cannot be read: {error}.")], 400)

    @blueprint.errorhandler(door.SignInNeeded)
    def _sign_in(_error: door.SignInNeeded) -> Response:
        issue = errors.Issue("login", "A valid access token is needed: Authorization: Bearer <token>.")
        answer = outcome([issue], 401)
        answer.headers["WWW-Authenticate"] = 'Bearer realm="healthvisit"'
        return answer

    @blueprint.errorhandler(UnknownScope)
    def _scope(error: UnknownScope) -> Response:
        return outcome([errors.Issue("forbidden", f"The token's scope cannot be used: {error}.")], 403)

    @blueprint.errorhandler(Unavailable)
    def _unavailable(error: Unavailable) -> Response:
        return of(error)

    @blueprint.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        if isinstance(error.response, Response):
            return error.response
        status = error.code or 500
        code = _HTTP_CODES.get(status, "processing")
        answer = outcome([errors.Issue(code, str(error.description or error.name))], status)
        if status == 405 and (allowed := getattr(error, "valid_methods", None)):
            answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer

    @blueprint.errorhandler(Exception)
    def _fault(error: Exception) -> Response:
        # The type and place alone: a message or a local value could name a child.
        log.error("unexpected %s", type(error).__name__, exc_info=_without_message(error))
        return outcome([errors.Issue("exception", "Something went wrong here. Nothing was stored.")], 500)


def _without_message(error: Exception) -> BaseException:
    return Exception(type(error).__name__).with_traceback(error.__traceback__)
