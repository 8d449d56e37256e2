"""The one way in: credential -> Requester -> Record. Every view is marked; one that is not stops the service.

Two credentials, never mixed. Routes below /fhir and what a tablet asks take an access token in the
Authorization header and never look at a cookie; every other route takes the session cookie and never looks at
that header. What a person may reach is read from the account on each request: a nurse who left, or a parent
whose access was withdrawn, is out at once (decision 4).

The door raises, faces answer. `SignInNeeded` (and its child `NotAdmitted`) becomes 401 in the FHIR face, and
the sign-in page in `sign_in`. `record.errors.Forbidden` is raised for a role that a view does not admit.
"""

import functools
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import ParamSpec, TypeVar, cast
from zoneinfo import ZoneInfo

from flask import Flask, Request, Response, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from werkzeug.exceptions import BadRequest

from healthvisit.access.requester import STAFF, TABLET, Requester, Role
from healthvisit.access.scopes import Scope
from healthvisit.accounts import errors, keys, people, sessions
from healthvisit.accounts.tokens import AccessTokens
from healthvisit.config import Settings
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record.errors import Forbidden
from healthvisit.record.record import Record, opened

P = ParamSpec("P")
R = TypeVar("R")

LONDON = ZoneInfo("Europe/London")
SESSION_ID = "id"

# A person on the service's own pages delegates to no app: the role alone limits.
OWN_PAGES: dict[Role, tuple[Scope, ...]] = {
    **dict.fromkeys(STAFF, (Scope("user", "*", "cruds"),)),
    "administrator": (Scope("user", "*", "rs"),),
    "support": (Scope("user", "*", "rs"),),
    "parent": (Scope("user", "*", "rs"),),
    "commissioner": (Scope("user", "*", "rs"),),
}

# Who signs in; the service's own commands never come through the door.
PEOPLE: tuple[Role, ...] = (*STAFF, "administrator", "support", "parent", "commissioner")
_ROLES = frozenset({*PEOPLE, "system-client"})
_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*)\Z", re.IGNORECASE)
# What a tablet asks besides the record, with its token.
_OF_A_TABLET = ("/tablet/caseload", "/tablet/late-visits", "/tablet/heartbeat")
_MARK = "_door_admits"
_NO_COOKIE = "_door_takes_no_cookie"

_forms = CSRFProtect()


class SignInNeeded(Exception):
    """No credential was shown where one is needed."""


class NotAdmitted(SignInNeeded):
    """A credential was shown and does not stand: forged, expired, revoked, or its account has changed."""


class Unmarked(Exception):
    """A view says neither whom it admits nor that it is open to all. The text names its endpoint."""


def _clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class House:
    """What every view stands on; kept at app.extensions["healthvisit"].

    clock: the real time, aware UTC; token and session lives are counted by it, never by `now()`.
    """

    settings: Settings
    database: Database
    definitions: Definitions
    clock: Callable[[], datetime] = _clock

    @functools.cached_property
    def access_tokens(self) -> AccessTokens:
        """Signs and checks this service's access tokens. Raises keys.Missing where none was made yet."""
        return AccessTokens(
            keys.signing(self.settings.secrets_folder),
            issuer=self.settings.base_url,
            audience=self.settings.fhir_base,
            life_s=self.settings.access_token_s,
        )


def install(app: Flask, house: House) -> None:
    """Join the door to the app. Call it last, when every blueprint is registered.

    Raises Unmarked for a view that is not marked, and accounts.keys.Missing where the secrets were not made.
    """
    app.extensions["healthvisit"] = house
    # Read now, so that a service without its keys does not start.
    _ = house.access_tokens
    https = house.settings.base_url.startswith("https://")
    app.secret_key = keys.cookie_secret(house.settings.secrets_folder)
    app.config.update(
        # The __Host- prefix makes the browser refuse a cookie that another host of the domain has set.
        SESSION_COOKIE_NAME="__Host-healthvisit_session" if https else "healthvisit_session",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=house.settings.body_limit_bytes,
        WTF_CSRF_CHECK_DEFAULT=False,
        # The token lives as long as the session: a visit of two hours must not lose what was typed.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.session_interface = _Sessions()
    _forms.init_app(app)
    app.before_request(_before)
    app.after_request(_after)
    for rule in app.url_map.iter_rules():
        _check_marked(app, rule.endpoint)


def house() -> House:
    return cast(House, current_app.extensions["healthvisit"])


def now() -> datetime:
    """The moment the service believes in, aware UTC; a demonstration is settings.clock_offset_days off."""
    return house().clock() + timedelta(days=house().settings.clock_offset_days)


def today() -> date:
    """The civil date of `now()` in England."""
    return now().astimezone(LONDON).date()


def request_id() -> str:
    """One id for everything this request does; audit keeps it and the answer carries it as X-Request-Id."""
    if "request_id" not in g:
        g.request_id = str(uuid.uuid4())
    return cast(str, g.request_id)


def takes_token(path: str) -> bool:
    """Whether this path takes an access token and no cookie."""
    return path.startswith(("/fhir/", *(f"{each}/" for each in _OF_A_TABLET))) or path in (
        "/fhir",
        *_OF_A_TABLET,
    )


def requester() -> Requester:
    """Who asks. Raises SignInNeeded without a credential, NotAdmitted for one that does not stand."""
    if "requester" not in g:
        try:
            g.requester = _of_token() if takes_token(request.path) else _of_session()
        except errors.NotAdmitted as error:
            raise NotAdmitted from error
    return cast(Requester, g.requester)


def asked_again() -> Requester:
    """Who asks, as the account stands by now: for an answer that is long on its way. Raises as `requester`."""
    g.pop("requester", None)
    return requester()


@contextmanager
def record(writing: bool = False, *, direct: bool = False) -> Iterator[Record]:
    """The record as this requester reaches it: one request, one transaction. direct: what is read goes into the
    answer of the FHIR interface and nowhere else. A tablet keeps what it is given."""
    here = house()
    with opened(
        here.database,
        requester(),
        definitions=here.definitions,
        at=now(),
        writing=writing,
        request=request_id(),
        direct=direct and requester().client != TABLET,
    ) as opened_record:
        yield opened_record


def admits(*roles: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a view: only these roles enter; another role gets record.errors.Forbidden."""
    admitted = frozenset(roles)
    if not admitted or not admitted <= _ROLES:
        raise ValueError(f"roles are {', '.join(sorted(_ROLES))}")

    def mark(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if requester().role not in admitted:
                raise Forbidden("This is not open to your role.")
            return view(*args, **kwargs)

        setattr(guarded, _MARK, admitted)
        return guarded

    return mark


def open_to_all(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that needs no credential and shows nobody's data."""
    setattr(view, _MARK, frozenset())
    return view


def without_cookie(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that never looks at a cookie, so that a form token would guard nothing."""
    setattr(view, _NO_COOKIE, True)
    return view


class _Sessions(SecureCookieSessionInterface):
    """Where a token is taken the cookie is not even opened."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return (
            self.make_null_session(app) if takes_token(request.path) else super().open_session(app, request)
        )


def _of_token() -> Requester:
    shown = request.headers.get("Authorization")
    if shown is None:
        raise SignInNeeded
    match = _BEARER.match(shown)
    if match is None:
        raise NotAdmitted
    here = house()
    at = here.clock()
    token = here.access_tokens.verified(match[1], at=at)
    with here.database.reading() as connection:
        return people.requester_for(
            connection,
            token.account,
            on=today(),
            scopes=token.scopes,
            client=token.client,
            epoch=token.epoch,
            local=here.settings.mode == "demo",
            jti=token.jti,
            child=token.child,
            at=now(),
        )


def _of_session() -> Requester:
    shown = session.get(SESSION_ID)
    if not isinstance(shown, str):
        raise SignInNeeded
    here = house()
    with here.database.reading() as connection:
        standing = sessions.standing(connection, shown, at=here.clock())
        return people.requester_for(
            connection,
            standing.account,
            on=today(),
            scopes=OWN_PAGES.get(standing.role, ()),
            client=None,
            epoch=standing.epoch,
            local=here.settings.mode == "demo",
            at=now(),
        )


def _before() -> None:
    if request.endpoint is None:
        return
    _check_marked(current_app, request.endpoint)
    if takes_token(request.path) or request.method in ("GET", "HEAD", "OPTIONS"):
        return
    if hasattr(current_app.view_functions[request.endpoint], _NO_COOKIE):
        # What the page of an app elsewhere sends here is worth what it says, and no more.
        return
    # A browser states where a form was sent from, even where a token leaked.
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise BadRequest("The form was sent from another site.")
    _forms.protect()


def _after(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    if "requester" in g and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


def _check_marked(app: Flask, endpoint: str) -> None:
    if endpoint == "static" or endpoint.endswith(".static"):
        return
    if not hasattr(app.view_functions[endpoint], _MARK):
        raise Unmarked(f"the view {endpoint} says neither whom it admits nor that it is open to all")
