"""The authorization server: authlib, with every default closed that is not safe for a child's record.

Stricter than authlib, each with its reason in decision 14: PKCE S256 for every app, at the authorization
request; redirect address as exact text; a scope that cannot be granted whole is refused, never cut; codes
used up by any attempt; refresh tokens that turn, and whose second use revokes all; no shared secrets;
parameters given once, and at the token endpoint in the body alone.
Sources: RFC 6749, 7009, 7523, 7636, 9068, 9207, 9700; https://hl7.org/fhir/smart-app-launch/STU2.2/
"""

# authlib has no types.
# mypy: allow-subclassing-any

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple, cast

from authlib.common.urls import add_params_to_uri
from authlib.consts import default_json_headers
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    ClientMixin,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Payload,
    TokenEndpoint,
    TokenMixin,
    UnsupportedResponseTypeError,
    grants,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge
from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError
from flask import Response, g, request, session
from werkzeug.datastructures import MultiDict

from healthvisit.access import scopes
from healthvisit.access.requester import STAFF, Requester, Role
from healthvisit.accounts import attempts, clients, events, launches, people, providers, sessions, tokens
from healthvisit.accounts.clients import ClientApp
from healthvisit.accounts.errors import NotAdmitted, TooManyAttempts
from healthvisit.accounts.launches import Launch
from healthvisit.accounts.tables import hashed, microseconds
from healthvisit.accounts.tokens import Code, Family, Refresh
from healthvisit.exact_json import dumps
from healthvisit.faces import door
from healthvisit.faces.sign_in import blueprint

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AUTH_METHODS = ["private_key_jwt", "none"]
MOST_SCOPE = 2_000
MOST_NONCE = 200
# SMART backend services: a system's token lives five minutes at most, since it can always ask for another.
SYSTEM_TOKEN_S = 300
# What can be asked of how a person is asked. Our own: when they were last led to sign in for this request.
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
AFRESH_SINCE = "afresh_since"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_SECONDS = re.compile(r"[0-9]{1,10}\Z", re.ASCII)

CONTEXTS: dict[Role, frozenset[scopes.Context]] = {
    "parent": frozenset({"patient", "user"}),
    **dict.fromkeys(STAFF, frozenset[scopes.Context]({"patient", "user"})),
    "administrator": frozenset({"user"}),
    "support": frozenset({"user"}),
    "commissioner": frozenset({"user"}),
    "system-client": frozenset({"system"}),
}


class BadAddress(Exception):
    """The app or its redirect address is not registered: the answer is shown in place and sent nowhere."""


class Given(NamedTuple):
    """What a token response is made of. successor: of the refresh token that was shown."""

    family: Family
    successor: str | None = None
    nonce: str | None = None


class Granted(NamedTuple):
    """What a person agreed to: who, for patient/ scopes which child, and which visit it was opened for."""

    requester: Requester
    child: str | None
    encounter: str | None = None


class Client(ClientMixin):
    """A registered app, as authlib asks about it."""

    def __init__(self, app: ClientApp) -> None:
        self.app = app

    def get_client_id(self) -> str:
        return self.app.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.app.redirect_uris

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scope as asked when all of it may be granted, else None: authlib answers invalid_scope."""
        return scope if scope and _within(scope, self.app.scope) else None

    def check_client_secret(self, _client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == ("private_key_jwt" if self.app.confidential else "none")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and bool(self.app.redirect_uris)

    def check_grant_type(self, grant_type: str) -> bool:
        if self.app.account is not None:
            return grant_type == "client_credentials"
        return grant_type in ("authorization_code", "refresh_token")


class UsedCode(AuthorizationCodeMixin):
    """A code that this request has used up, as authlib asks about it."""

    code_challenge_method = "S256"

    def __init__(self, code: Code) -> None:
        self.family = code.family
        self.nonce = code.nonce
        self.redirect_uri = code.redirect_uri
        self.code_challenge = code.code_challenge

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.family.scope


class RefreshToken(TokenMixin):
    """A refresh token that may be exchanged, as authlib asks about it."""

    def __init__(self, refresh: Refresh) -> None:
        self.refresh = refresh

    def check_client(self, client: Client) -> bool:
        return self.refresh.family.client == client.get_client_id()

    def get_scope(self) -> str:
        return self.refresh.family.scope


class S256(CodeChallenge):
    """PKCE: S256 and nothing else, and no authorization request without it."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    CODE_CHALLENGE_METHODS: ClassVar = {
        "S256": lambda verifier, challenge: create_s256_code_challenge(verifier) == challenge
    }

    def validate_code_challenge(self, grant: Any, _redirect_uri: str) -> None:
        asked = grant.request.payload.data
        if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.match(
            asked.get("code_challenge", "")
        ):
            raise InvalidRequestError("A code_challenge of method S256 is required.")


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_requested_scope(self) -> None:
        """What authlib does not ask of an authorization request. Called once client and address are known."""
        asked = self.request.payload
        if not asked.state:
            raise InvalidRequestError("A state is required.")
        if asked.data.get("aud") != door.house().settings.fhir_base:
            raise InvalidRequestError("The aud must be the address of the FHIR service.")
        nonce = asked.data.get("nonce", "")
        if len(nonce) > MOST_NONCE or not nonce.isprintable():
            raise InvalidRequestError("The nonce is not one that can be given back.")
        _check_fits(asked.scope, self.request.client, self.request.user)

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        granted: Granted = request.user
        here = door.house()
        at = here.clock()
        connection = accounts_connection()
        secret = session[door.SESSION_ID]
        life_s = here.settings.session_s
        held = sessions.known(connection, hashed(secret), account=granted.requester.account)
        is_online = "online_access" in request.payload.scope.split(" ")
        if is_online or (held is not None and held.provider is not None):
            # Good as long as the person is signed in, and no longer; so is what a provider's word gave.
            life_s = sessions.seconds_left(connection, secret, at=at)
        family = tokens.open_family(
            connection,
            account=granted.requester.account,
            client=request.client.get_client_id(),
            scope=request.payload.scope,
            child=granted.child,
            encounter=granted.encounter,
            epoch=people.epoch_of(connection, granted.requester.account),
            session_hash=hashed(secret),
            at=at,
            life_s=life_s,
        )
        tokens.keep_code(
            connection,
            code,
            family,
            redirect_uri=request.payload.redirect_uri,
            code_challenge=request.payload.data["code_challenge"],
            nonce=request.payload.data.get("nonce") or None,
            at=at,
        )

    def query_authorization_code(self, code: str, client: Client) -> UsedCode | None:
        used = tokens.use_code(
            accounts_connection(), code, client=client.get_client_id(), at=door.house().clock()
        )
        return None if used is None else UsedCode(used)

    def authenticate_user(self, authorization_code: UsedCode) -> Given:
        return Given(authorization_code.family, nonce=authorization_code.nonce)

    def delete_authorization_code(self, _authorization_code: UsedCode) -> None:
        """Kept, used up, so that a second use is seen for what it is."""


class RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        found = tokens.refreshable(
            accounts_connection(),
            refresh_token,
            client=self.request.client.get_client_id(),
            at=door.house().clock(),
        )
        return None if found is None else RefreshToken(found)

    def _validate_token_scope(self, token: RefreshToken) -> None:
        asked = self.request.payload.scope
        if asked is not None and not _within(asked, token.get_scope()):
            raise InvalidScopeError()

    def authenticate_user(self, refresh_token: RefreshToken) -> Given:
        successor = tokens.exchange(accounts_connection(), refresh_token.refresh, at=door.house().clock())
        if successor is None:
            raise InvalidGrantError()
        return Given(refresh_token.refresh.family, successor)

    def revoke_old_credential(self, _refresh_token: RefreshToken) -> None:
        """Used up before the new one was made."""


class SystemGrant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("private_key_jwt",)

    def validate_token_request(self) -> None:
        super().validate_token_request()
        if self.request.client.get_allowed_scope(self.request.payload.scope) is None:
            raise InvalidScopeError()


class Revocation(RevocationEndpoint):
    """RFC 7009: 200 also for a token that is unknown, foreign, or long gone."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def authenticate_token(self, request: OAuth2Request, _client: Client) -> str:
        shown = request.form.get("token")
        if not shown:
            raise InvalidRequestError("A token is required.")
        # A token that we did not sign takes nothing back, though it names one that we did.
        return door.house().access_tokens.known_by(accounts_connection(), shown, at=door.house().clock())

    def revoke_token(self, token: str, request: OAuth2Request) -> None:
        # Which app a token is of is read from its row, never from what was sent.
        client = request.client.get_client_id()
        tokens.revoke(accounts_connection(), token, client=client, at=door.house().clock())
        told("revoke", "done", client=client)


class Introspection(TokenEndpoint):
    """RFC 7662: for an app that signs, about its own tokens; for a resource server of ours, about all.

    Of a token that is unknown, over, or another's it is said that it is not active, and nothing else.
    """

    ENDPOINT_NAME = "introspection"
    CLIENT_AUTH_METHODS: ClassVar = ["private_key_jwt"]

    def create_endpoint_response(self, request: OAuth2Request) -> tuple[int, dict[str, Any], Any]:
        client: Client = self.authenticate_endpoint_client(request)
        found = self.authenticate_token(request, client)
        return 200, {"active": False} if found is None else _described(found), default_json_headers

    def authenticate_token(self, request: OAuth2Request, client: Client) -> tokens.Standing | None:
        shown = request.form.get("token")
        if not shown:
            raise InvalidRequestError("A token is required.")
        at = door.house().clock()
        jti = door.house().access_tokens.known_by(accounts_connection(), shown, at=at)
        found = tokens.standing(accounts_connection(), jti, at=at)
        if found is None or not (client.app.introspects or found.family.client == client.app.client_id):
            return None
        return found


def _described(found: tokens.Standing) -> dict[str, Any]:
    family = found.family
    answer = {
        "active": True,
        "scope": found.scope,
        "client_id": family.client,
        "sub": family.account,
        "iss": door.house().settings.base_url,
        "exp": found.expires_at,
        **_context(family, found.scope, found.fhir_user),
    }
    if found.kind == "access":
        answer |= {"token_type": "Bearer", "aud": door.house().settings.fhir_base}
    held = sessions.known(accounts_connection(), family.session or "", account=family.account)
    if held is not None:
        # RFC 9470, 6.2: how, and when, the person showed who they are.
        answer["auth_time"] = int(held.signed_in_at.timestamp())
        answer |= {} if held.acr is None else {"acr": held.acr}
    return answer


def _context(family: Family, scope: str, fhir_user: str | None) -> dict[str, Any]:
    """Whom the app was opened for and by, as SMART names it."""
    known: dict[str, Any] = {"patient": family.child, "encounter": family.encounter}
    if family.child is not None:
        # It is opened in a window of its own, where nothing of ours says whose record it shows.
        known["need_patient_banner"] = True
    if "fhirUser" in scope.split(" "):
        known["fhirUser"] = _address(fhir_user)
    return {name: value for name, value in known.items() if value is not None}


def _address(fhir_user: str | None) -> str | None:
    return None if fhir_user is None else f"{door.house().settings.fhir_base}/{fhir_user}"


class Payload(OAuth2Payload):
    def __init__(self, sent: MultiDict[str, str]) -> None:
        self.sent = sent

    @property
    def data(self) -> MultiDict[str, str]:
        return self.sent

    @property
    def datalist(self) -> dict[str, list[str]]:
        return dict(self.sent.lists())


class Request(OAuth2Request):
    """The request as the service's own address names it, whatever stands between it and the browser."""

    def __init__(self, sent: MultiDict[str, str]) -> None:
        super().__init__(
            request.method, door.house().settings.base_url + request.path, headers=request.headers
        )
        self.payload = Payload(sent)

    @property
    def args(self) -> MultiDict[str, str]:
        return request.args

    @property
    def form(self) -> MultiDict[str, str]:
        return request.form


class Server(AuthorizationServer):
    def __init__(self) -> None:
        super().__init__()
        # authlib writes whole tokens to its log at DEBUG.
        logging.getLogger("authlib").setLevel(logging.WARNING)
        self.register_client_auth_method("private_key_jwt", _by_private_key)
        self.register_grant(CodeGrant, [S256()])
        self.register_grant(RefreshGrant)
        self.register_grant(SystemGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def query_client(self, client_id: str) -> Client | None:
        # A text that no app was registered under, PostgreSQL would not even take to compare.
        if len(client_id) > clients.MOST_CLIENT_ID or not client_id.isprintable():
            return None
        found = clients.find(accounts_connection(), client_id)
        return None if found is None else Client(found)

    def create_oauth2_request(self, _request: Any) -> Request:
        # A code or an assertion in an address would stand in every log on the way.
        return Request(request.args if request.path == "/authorize" else request.form)

    def generate_token(
        self,
        grant_type: str,
        client: Client,
        user: Given | None = None,
        scope: str | None = None,
        expires_in: int | None = None,  # noqa: ARG002  the names are authlib's
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        """The token response. user: what it is made of; None where a system asks for itself."""
        here = door.house()
        at = here.clock()
        connection = accounts_connection()
        life_s = here.settings.access_token_s
        if user is None:
            life_s = min(life_s, SYSTEM_TOKEN_S)
            user = Given(_system_family(client.app, cast(str, scope), life_s))
        family = user.family
        attempts.check(connection, "grants", family.account, at=at)
        attempts.count(connection, "grants", family.account, at=at)
        granted = scope or family.scope
        # Nothing outlives the grant it came of, however late it was renewed.
        life_s = min(life_s, (family.expires_at - microseconds(at)) // 1_000_000)
        answer: dict[str, Any] = {
            "access_token": here.access_tokens.issue(connection, family, granted, at=at, life_s=life_s),
            "token_type": "Bearer",
            "expires_in": life_s,
            "scope": granted,
        }
        if include_refresh_token and {"offline_access", "online_access"} & set(family.scope.split(" ")):
            answer["refresh_token"] = user.successor or tokens.new_refresh(connection, family)
        fhir_user = people.fhir_user_of(connection, family.account)
        if grant_type == "authorization_code" and "openid" in granted.split(" "):
            held = _held(connection, family)
            answer["id_token"] = here.access_tokens.id_token(
                family,
                at=at,
                signed_in_at=int(held.signed_in_at.timestamp()),
                acr=held.acr,
                nonce=user.nonce,
                fhir_user=_address(fhir_user) if "fhirUser" in granted.split(" ") else None,
            )
        told("token", "done", account=family.account, client=family.client)
        return answer | _context(family, granted, fhir_user)

    def save_token(self, _token: dict[str, Any], _request: OAuth2Request) -> None:
        """Kept when it was made."""

    def handle_response(self, status: int, payload: Any, headers: Any) -> Response:
        return Response(dumps(payload) if isinstance(payload, dict) else payload, status, headers)

    def handle_error_response(self, request: OAuth2Request, error: OAuth2Error) -> Response:
        answer: Response = super().handle_error_response(request, error)
        if error.error == "invalid_client" and not error.redirect_uri:
            # RFC 6749 5.2. Without a Basic challenge: a browser would ask the health visitor for a password.
            answer.status_code = 401
            answer.headers.pop("WWW-Authenticate", None)
        return answer


def _held(connection: Any, family: Family) -> sessions.Held:
    """The session in which it was granted. Raises InvalidGrantError where it is no longer known."""
    held = sessions.known(connection, family.session or "", account=family.account)
    if held is None:
        raise InvalidGrantError()
    return held


class Asking(NamedTuple):
    """A well-formed authorization request, not yet decided. launch: what a page of ours opened the app for.

    prompt, max_age (seconds): how the person is to be asked, OpenID Connect Core 1.0, 3.1.2.1.
    """

    grant: CodeGrant
    client: ClientApp
    redirect_uri: str
    scope: str
    needs_child: bool
    launch: Launch | None
    prompt: frozenset[str]
    max_age: int | None


def asked_by(requester: Requester) -> Asking | Response:
    """The authorization request of the current address, or the refusal that is sent back to the app.

    Raises BadAddress where there is no address to send a refusal to.
    """
    if any(len(values) > 1 for _, values in request.args.lists()):
        raise BadAddress
    redirect_uri = request.args.get("redirect_uri", "")
    with connected(writing=False):
        client = _addressed(redirect_uri)
        try:
            prompt, max_age = _prompt()
            if request.args.get("response_type") != "code":
                raise UnsupportedResponseTypeError("This response_type")
            grant = server.get_consent_grant(end_user=Granted(requester, None))
            launch = _launch(requester, client)
        except OAuth2Error as error:
            return _refused(error, redirect_uri)
    scope = request.args["scope"]
    needs_child = launch is None and _needs_child(scope)
    return Asking(grant, client.app, redirect_uri, scope, needs_child, launch, prompt, max_age)


def login_required() -> Response:
    """What an app is told that wants nobody to be asked, where somebody would have to sign in. Raises BadAddress."""
    redirect_uri = request.args.get("redirect_uri", "")
    with connected(writing=False):
        _addressed(redirect_uri)
        return _refused(LoginRequiredError(), redirect_uri)


def consent_required(asking: Asking) -> Response:
    """What an app is told that wants nobody to be asked, where somebody would have to agree."""
    return _refused(ConsentRequiredError(), asking.redirect_uri)


def is_fresh(asking: Asking) -> bool:
    """Whether the person showed who they are as lately as the app wants."""
    with connected(writing=False):
        held = sessions.known(
            accounts_connection(), hashed(session[door.SESSION_ID]), account=door.requester().account
        )
    if held is None:
        return False
    since = request.args.get(AFRESH_SINCE, "")
    if _SECONDS.match(since):
        asked_at = datetime.fromtimestamp(int(since), tz=UTC)
        # What a provider's own clock says may be a little before.
        if held.started_at >= asked_at <= held.signed_in_at + timedelta(seconds=providers.SKEW_S):
            return True
    if "login" in asking.prompt or "select_account" in asking.prompt or asking.max_age == 0:
        return False
    age_s = (door.house().clock() - held.signed_in_at).total_seconds()
    return asking.max_age is None or age_s <= asking.max_age


def _prompt() -> tuple[frozenset[str], int | None]:
    prompt = frozenset(request.args.get("prompt", "").split(" ")) - {""}
    max_age = request.args.get("max_age")
    if not prompt <= PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise InvalidRequestError("The prompt is not one of those that can be asked for.")
    if max_age is not None and not _SECONDS.match(max_age):
        raise InvalidRequestError("The max_age is a number of seconds.")
    return prompt, None if max_age is None else int(max_age)


def _addressed(redirect_uri: str) -> Client:
    """The app of the request, where the address is its own. Raises BadAddress."""
    client = server.query_client(request.args.get("client_id", ""))
    if client is None or not client.check_redirect_uri(redirect_uri):
        raise BadAddress
    return client


def decided(asking: Asking, requester: Requester, *, allowed: bool, child: str | None) -> Response:
    """The answer that takes the browser back to the app: a code, or the person's refusal."""
    asker = Granted(requester, child)
    if asking.launch is not None:
        asker = Granted(requester, asking.launch.child, asking.launch.encounter)
    granted = asker if allowed else None
    with connected(writing=True):
        if asking.launch is not None and not launches.use(
            accounts_connection(), asking.launch, at=door.house().clock()
        ):
            return _refused(InvalidRequestError("The launch was used before."), asking.redirect_uri)
        told(
            "consent",
            "done" if allowed else "refused",
            account=requester.account,
            client=asking.client.client_id,
        )
        asking.grant.request.user = asker
        return _with_issuer(
            server.create_authorization_response(
                request=asking.grant.request, grant_user=granted, grant=asking.grant
            )
        )


@blueprint.post("/token")
@door.without_cookie
@door.open_to_all
def token() -> Response:
    return _at_the_desk(server.create_token_response)


@blueprint.post("/revoke")
@door.without_cookie
@door.open_to_all
def revoke() -> Response:
    return _at_the_desk(lambda: server.create_endpoint_response("revocation"))


@blueprint.post("/introspect")
@door.without_cookie
@door.open_to_all
def introspect() -> Response:
    return _at_the_desk(lambda: server.create_endpoint_response("introspection"))


@blueprint.get("/jwks")
@door.open_to_all
def jwks() -> Response:
    """The public keys of this service's access tokens, for anyone who wants to check one."""
    body = dumps(door.house().access_tokens.keys.public)
    return Response(body, content_type="application/jwk-set+json")


@contextmanager
def connected(*, writing: bool) -> Iterator[None]:
    """One transaction for everything authlib asks for meanwhile; a refusal is an answer, and is kept too."""
    database = door.house().database
    with database.writing() if writing else database.reading() as connection:
        g.accounts_connection = connection
        try:
            yield
        finally:
            del g.accounts_connection


def accounts_connection() -> Any:
    """Handed on to the accounts as it is: no SQL is known here."""
    return g.accounts_connection


def told(
    kind: events.Kind, outcome: events.Outcome, *, account: str | None = None, client: str | None = None
) -> None:
    """Keep that it happened, in the transaction of `connected`."""
    events.add(
        accounts_connection(),
        kind,
        outcome,
        at=door.house().clock(),
        request=door.request_id(),
        account=account,
        client=client,
    )


def caller() -> str:
    """The address that asks. What stands before our own proxies' part of X-Forwarded-For, anyone may have written."""
    proxies = door.house().settings.proxies
    said = ",".join(request.headers.getlist("X-Forwarded-For"))
    if proxies and said and said.count(",") + 1 >= proxies:
        return said.split(",")[-proxies].strip()
    return request.remote_addr or ""


def _at_the_desk(ask: Any) -> Response:
    """The answer of one of the endpoints that apps ask; refusals are counted, and too many must wait."""
    at, address = door.house().clock(), caller()
    try:
        # In one transaction that writes: an assertion or a code is used up, whatever is asked with it.
        with connected(writing=True):
            attempts.check(accounts_connection(), "refusals", address, at=at)
            answer = _answered_by(ask)
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                attempts.count(accounts_connection(), "refusals", address, at=at)
                client = server.query_client(request.form.get("client_id", ""))
                told("token", "refused", client=None if client is None else client.app.client_id)
        return answer
    except TooManyAttempts as error:
        body = dumps({"error": "temporarily_unavailable"})
        busy = Response(body, HTTPStatus.TOO_MANY_REQUESTS, default_json_headers)
        busy.headers["Retry-After"] = str(error.wait_s)
        return busy


def _answered_by(ask: Any) -> Response:
    try:
        if any(len(values) > 1 for _, values in request.form.lists()):
            raise InvalidRequestError("A parameter stands twice.")
        if "Authorization" in request.headers or "client_secret" in request.form:
            raise InvalidClientError(description="There are no client secrets here.")
        if request.endpoint == "sign_in.token" and not request.form.get("grant_type"):
            raise InvalidRequestError("A grant_type is required.")
        return cast(Response, ask())
    except OAuth2Error as error:
        return server.handle_error_response(Request(request.form), error)


def _refused(error: OAuth2Error, redirect_uri: str) -> Response:
    error.redirect_uri = redirect_uri
    error.state = request.args.get("state")
    return _with_issuer(server.handle_error_response(Request(request.args), error))


def _with_issuer(answer: Response) -> Response:
    """RFC 9207: the app learns who answers. 303, so that no browser sends the form on."""
    answer.status_code = 303
    answer.location = add_params_to_uri(answer.location, [("iss", door.house().settings.base_url)])
    return answer


def _by_private_key(query_client: Any, request: OAuth2Request) -> Client | None:
    """private_key_jwt. Why an assertion does not stand is not said: who sends a good one need not ask."""
    if request.form.get("client_assertion_type") != ASSERTION_TYPE:
        return None
    assertion = request.form.get("client_assertion", "")
    here = door.house()
    try:
        client_id = tokens.unverified_claims(assertion).get("sub")
        client = query_client(client_id) if isinstance(client_id, str) else None
        if client is None or request.form.get("client_id", client_id) != client_id:
            raise NotAdmitted
        clients.check_assertion(
            accounts_connection(),
            assertion,
            client.app,
            audience=f"{here.settings.base_url}/token",
            at=here.clock(),
        )
    except NotAdmitted:
        raise InvalidClientError(description="The client assertion does not stand.") from None
    return cast(Client, client)


def _system_family(app: ClientApp, scope: str, life_s: int) -> Family:
    connection = accounts_connection()
    try:
        epoch = people.epoch_of(connection, cast(str, app.account))
    except NotAdmitted:
        raise InvalidClientError(description="The account of this app is closed.") from None
    return tokens.open_family(
        connection,
        account=cast(str, app.account),
        client=app.client_id,
        scope=scope,
        epoch=epoch,
        at=door.house().clock(),
        life_s=life_s,
    )


def _within(asked: str, most: str) -> bool:
    """Whether all of the scope text asked for is held by the other; never for text that is not understood."""
    if not asked or len(asked) > MOST_SCOPE:
        return False
    try:
        wanted = scopes.parse(asked)
    except scopes.UnknownScope:
        return False
    plain = set(asked.split(" ")) & scopes.PLAIN
    return bool(wanted) and scopes.within(wanted, scopes.parse(most)) and plain <= set(most.split(" "))


def _check_fits(scope: str | None, client: Client, granted: Granted) -> None:
    """Raises InvalidScopeError where the app may not ask for it, or the person cannot give it."""
    if client.get_allowed_scope(scope) is None or scope is None:
        raise InvalidScopeError()
    requester, plain = granted.requester, set(scope.split(" ")) & scopes.PLAIN
    if any(asked.context not in CONTEXTS[requester.role] for asked in scopes.parse(scope)):
        raise InvalidScopeError()
    if _needs_child(scope) and requester.role not in ("parent", *STAFF):
        raise InvalidScopeError()
    # Two lives at once, and a person of whom nothing can be said.
    if {"offline_access", "online_access"} <= plain or ("fhirUser" in plain and not requester.fhir_user):
        raise InvalidScopeError()


def _launch(requester: Requester, client: Client) -> Launch | None:
    """What the app was opened for. Raises InvalidRequestError for a launch that does not stand: it was used,
    is over, or is another person's or another app's; and where scope and launch do not go together."""
    shown = request.args.get("launch", "")
    if bool(shown) != ("launch" in request.args["scope"].split(" ")):
        raise InvalidRequestError("The scope launch and a launch go together.")
    if not shown:
        return None
    found = launches.standing(
        accounts_connection(),
        shown,
        account=requester.account,
        client=client.app.client_id,
        at=door.house().clock(),
    )
    if found is None:
        raise InvalidRequestError("The launch does not stand.")
    return found


def _needs_child(scope: str) -> bool:
    return "launch/patient" in scope.split(" ") or any(
        asked.context == "patient" for asked in scopes.parse(scope)
    )


server = Server()
