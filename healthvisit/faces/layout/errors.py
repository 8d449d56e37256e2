"""Errors as pages in the same look for people, and as problem+json (RFC 9457) for programs.

The FHIR face answers its own errors; everything else comes here. No page says more than its reader may know:
a child of somebody else and a child who never was give the same page, and no page repeats what was asked for.
"""

import logging
from urllib.parse import urlencode

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.database import Unavailable
from healthvisit.exact_json import dumps
from healthvisit.faces import door
from healthvisit.record import errors

STATUS: dict[type[errors.RecordError], int] = {
    errors.Invalid: 400,
    errors.Unprocessable: 422,
    errors.NotFound: 404,
    errors.Gone: 404,
    errors.Forbidden: 403,
    errors.VersionConflict: 409,
    errors.MultipleMatches: 409,
    errors.Conflict: 409,
    errors.TooCostly: 413,
    errors.TooMany: 429,
}

# Title, and what the reader can do now.
_WORDS = {
    400: ("There is a problem with that request", "Go back and try again."),
    403: ("You cannot see this page", "Your sign-in is not for this part of the service."),
    404: ("Page not found", "If you typed or pasted the web address, check that it is correct."),
    405: ("That is not possible here", "Go back and try again from the page you came from."),
    409: ("Something has changed since you opened this", "Open it again to see how it stands now."),
    413: ("That is too large to send", "Send less at a time."),
    415: ("That kind of content cannot be read here", "Go back and try again."),
    422: ("There is a problem with that request", "Go back and check what was entered."),
    429: ("Too many requests at once", "Wait a minute, then try again."),
    500: ("Sorry, there is a problem with the service", "Nothing was stored. Try again later."),
    503: ("The record cannot be reached just now", "Nothing was stored. Try again in a minute."),
}

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    app.register_error_handler(errors.RecordError, _record)
    app.register_error_handler(door.SignInNeeded, _sign_in)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _fault)


def answer(status: int) -> Response:
    """The page, or the problem+json, of a status."""
    title, advice = _WORDS.get(status) or _WORDS[400 if status < 500 else 500]
    if not _is_for_a_person():
        body = {"type": "about:blank", "title": title, "status": status, "detail": advice}
        return Response(dumps(body), status, content_type="application/problem+json")
    return Response(render_template("layout/error.html", title=title, advice=advice, status=status), status)


def _record(error: errors.RecordError) -> Response:
    return answer(STATUS[type(error)])


def _sign_in(_error: door.SignInNeeded) -> AnyResponse:
    if not _is_for_a_person() or door.takes_token(request.path):
        refused = answer(401)
        refused.headers["WWW-Authenticate"] = 'Bearer realm="healthvisit"'
        return refused
    # Only where a page was to be read: a form that was sent cannot be sent again by a redirect.
    there = request.full_path.rstrip("?") if request.method == "GET" else url_for("layout.front")
    return redirect("/sign-in?" + urlencode({"next": there}), 303)


def _unavailable(_error: Unavailable) -> Response:
    busy = answer(503)
    busy.headers["Retry-After"] = "2"
    return busy


def _http(error: HTTPException) -> AnyResponse:
    if error.response is not None or (error.code or 500) < 400:
        return error.get_response()
    found = answer(error.code or 500)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):
            found.headers[name] = value
    return found


def _fault(error: Exception) -> Response:
    # The type and place alone: a message or a local value could name a child.
    nameless = Exception(type(error).__name__).with_traceback(error.__traceback__)
    log.error("unexpected %s", type(error).__name__, exc_info=nameless)
    return answer(500)


def _is_for_a_person() -> bool:
    """Whether a page is wanted. A program says so in Accept, or asks below a path that no person opens."""
    if door.takes_token(request.path) or request.path.startswith(("/assets/", "/healthz")):
        return False
    return request.accept_mimetypes.best_match(
        ["text/html", "application/problem+json", "application/json"]
    ) in (
        "text/html",
        None,
    )
