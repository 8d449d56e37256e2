"""Apps that run in a browser, on pages of other origins: what their scripts may ask, by CORS.

What anyone may read is open to every origin. An access token, and what a token opens, is given to scripts from the
origins of registered redirect addresses alone; no cookie is ever taken from another origin's script.
Sources: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support;
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from http import HTTPStatus

from flask import Response, request

from healthvisit.accounts import clients
from healthvisit.faces import door
from healthvisit.faces.sign_in import blueprint

_READ_BY_ALL = frozenset(
    {
        "/jwks",
        "/fhir/metadata",
        "/fhir/.well-known/smart-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    }
)
_ASKED_BY_APPS = frozenset({"/token", "/revoke", "/introspect"})
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_SENT = (
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, If-None-Exist, "
    "If-None-Match, Prefer"
)
_READ = "Content-Location, ETag, Last-Modified, Location, Retry-After, WWW-Authenticate, X-Request-Id"
_REMEMBERED_S = "600"


@blueprint.before_app_request
def _asked_whether() -> Response | None:
    """A browser asks before it sends what a form could not; of what is no app's nothing is promised."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers or not _origin():
        return None
    answer = Response(status=HTTPStatus.NO_CONTENT)
    answer.headers["Access-Control-Allow-Methods"] = _METHODS
    answer.headers["Access-Control-Allow-Headers"] = _SENT
    answer.headers["Access-Control-Max-Age"] = _REMEMBERED_S
    return answer


@blueprint.after_app_request
def _told(answer: Response) -> Response:
    if request.path in _ASKED_BY_APPS or _is_fhir():
        answer.vary.add("Origin")
    if origin := _origin():
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = _READ
    return answer


def _origin() -> str:
    """The origin that may read the answer; empty where none is named, or where it may not."""
    said = request.headers.get("Origin", "")
    if not said:
        return ""
    if request.path in _READ_BY_ALL:
        return "*"
    if request.path not in _ASKED_BY_APPS and not _is_fhir():
        return ""
    with door.house().database.reading() as connection:
        return said if said in clients.origins(connection) else ""


def _is_fhir() -> bool:
    return request.path == "/fhir" or request.path.startswith("/fhir/")
