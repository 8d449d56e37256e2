"""People sign in through their identity provider: staff through CIS2, parents through NHS login.

Authorization code flow of OpenID Connect, with a redirect address for each provider. Who the person is comes
from the userinfo endpoint, and how they showed it from the id token; both are checked in `accounts.providers`.
Whatever does not stand ends on a page that says what to do, and leaves nothing behind.
Sources: OpenID Connect Core 1.0; Discovery 1.0; RP-Initiated Logout 1.0; RFC 7636, 9207, 9700.
"""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Generic, NamedTuple, TypeVar, cast
from urllib.parse import urlencode

from flask import Flask, Response, current_app, render_template, request, session
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.access.requester import STAFF, Requester
from healthvisit.access.scopes import parse
from healthvisit.accounts import attempts, federated, providers, sessions
from healthvisit.accounts.errors import TooManyAttempts
from healthvisit.accounts.people import Person
from healthvisit.accounts.providers import Provider, Refused
from healthvisit.exact_json import JSON
from healthvisit.faces import door
from healthvisit.faces.sign_in import blueprint, browsing, outbound
from healthvisit.faces.sign_in.server import ASSERTION_TYPE, accounts_connection, caller, connected, told
from healthvisit.record.record import opened

T = TypeVar("T")

# In the cookie of a browser that has begun to sign in: proves that the answer comes to who asked.
BROWSER = "signing_in"
# How long a provider's discovery document and keys are believed without asking again, and how soon after it is
# asked again for a key that is not among them.
HELD_S = 3600
LEAST_BETWEEN_S = 60
SCOPES = {"cis2": "openid profile nationalrbacaccess selectedrole", "nhs-login": "openid profile"}
VTR = f'["{providers.P9[0]}","{providers.P9[1]}","{providers.P9[2]}"]'
SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"

_STATUS = {"over": HTTPStatus.BAD_REQUEST, "unreachable": HTTPStatus.SERVICE_UNAVAILABLE}

log = logging.getLogger(__name__)


class Held(NamedTuple, Generic[T]):
    """What was fetched, and when by time.monotonic()."""

    value: T
    since: float


class Federation:
    """The providers by name, and what each was last heard to say of itself."""

    def __init__(self, house: door.House) -> None:
        settings = house.settings
        production = settings.mode == "production"
        self.providers = providers.read(settings.identity_providers, production=production)
        self.held: dict[str, Held[Any]] = {}
        for provider in self.providers.values():
            providers.check_key(settings.secrets_folder, provider)


def install(app: Flask) -> None:
    """Read who the providers are. Raises providers.BadProvider and keys.Missing rather than start half right."""
    app.extensions["healthvisit_federation"] = Federation(app.extensions["healthvisit"])


def configured() -> Sequence[Provider]:
    """The providers that people can sign in through, in the order of the deployer's file."""
    return list(_federation().providers.values())


class Beginning(Schema):
    """next: a path here. afresh: yes where the person must show again who they are."""

    class Meta:
        unknown = EXCLUDE

    next = fields.Str(load_default="", validate=validate.Length(max=8000))
    afresh = fields.Str(load_default="", validate=validate.OneOf(["", "yes"]))


class Known(NamedTuple):
    """What a provider says of itself, checked. ends_at: None where it has no end_session endpoint."""

    authorize: str
    token: str
    userinfo: str
    jwks: str
    ends_at: str | None
    has_pkce: bool
    tells_issuer: bool


@blueprint.post("/sign-in/with/<name>")
@door.open_to_all
def begin(name: str) -> AnyResponse:
    provider, here = _provider(name), door.house()
    at = here.clock()
    try:
        form = Beginning().load(request.form)
    except ValidationError:
        form = {"next": "", "afresh": ""}
    try:
        with connected(writing=True):
            attempts.check(accounts_connection(), "begun", caller(), at=at)
            attempts.count(accounts_connection(), "begun", caller(), at=at)
    except TooManyAttempts as error:
        busy = _page(provider, "unreachable", HTTPStatus.TOO_MANY_REQUESTS)
        busy.headers["Retry-After"] = str(error.wait_s)
        return busy
    try:
        known = _known(provider)
    except Refused as refused:
        return _refused(provider, refused)
    browser = session.get(BROWSER)
    if not isinstance(browser, str):
        browser = session[BROWSER] = secrets.token_urlsafe(32)
    with connected(writing=True):
        begun = providers.begin(
            accounts_connection(),
            provider,
            browser,
            next_=browsing.local(form["next"]),
            afresh=form["afresh"] == "yes",
            at=at,
        )
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": _redirect_uri(provider),
        "scope": SCOPES[provider.shape],
        "state": begun.state,
        "nonce": begun.nonce,
    }
    if known.has_pkce:
        asked |= {"code_challenge": begun.challenge, "code_challenge_method": "S256"}
    if provider.is_of_parents:
        asked["vtr"] = VTR
    else:
        asked["acr_values"] = provider.acr_values(least=here.settings.staff_assurance)
    if begun.afresh:
        asked |= {"prompt": "login", "max_age": "0"}
    return browsing.leaving(
        f"{known.authorize}?{urlencode(asked)}", title=f"Taking you to {provider.label}", place=provider.label
    )


@blueprint.get("/sign-in/from/<name>")
@door.open_to_all
def come_back(name: str) -> AnyResponse:
    provider = _provider(name)
    try:
        begun = _begun(provider)
        admitted, shown = _answered(provider, begun)
        return browsing.entered(admitted, next_=begun.next, shown=shown)
    except Refused as refused:
        return _refused(provider, refused)


@blueprint.post("/sign-in/ended/<name>")
@door.without_cookie
@door.open_to_all
def ended(name: str) -> Response:
    """The provider says that somebody has signed out there. OpenID Connect Back-Channel Logout 1.0, 2.7."""
    provider, at = _provider(name), door.house().clock()
    answer = Response(status=HTTPStatus.OK)
    try:
        with connected(writing=True):
            attempts.check(accounts_connection(), "refusals", caller(), at=at)

        def of(keys: JSON) -> None:
            with connected(writing=True):
                gone = providers.check_logout(
                    accounts_connection(), request.form.get("logout_token"), provider, keys, at=at
                )
                account = sessions.end_of_provider(
                    accounts_connection(),
                    provider.issuer,
                    provider.name,
                    subject=gone.subject,
                    sid=gone.sid,
                    at=at,
                )
                told("end-session", "done", account=account)

        _with_keys(provider, of)
    except TooManyAttempts as error:
        answer.status_code = HTTPStatus.TOO_MANY_REQUESTS
        answer.headers["Retry-After"] = str(error.wait_s)
    except Refused as refused:
        log.warning("logout told by %s refused: %s", provider.name, refused.fault)
        with connected(writing=True):
            attempts.count(accounts_connection(), "refusals", caller(), at=at)
        answer.status_code = HTTPStatus.BAD_REQUEST
    return answer


class Elsewhere(NamedTuple):
    """Where a person is signed out of their provider, and what it is called."""

    address: str
    label: str


def ends_at(name: str) -> Elsewhere | None:
    """Where the provider of this name signs the person out; None where it does not, or is not well."""
    provider = _federation().providers.get(name)
    if provider is None:
        return None
    try:
        address = _known(provider).ends_at
    except Refused:
        return None
    if address is None:
        return None
    back = f"{door.house().settings.base_url}/sign-in"
    asked = urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": back})
    return Elsewhere(f"{address}?{asked}", provider.label)


def _provider(name: str) -> Provider:
    found = _federation().providers.get(name)
    if found is None:
        raise NotFound
    return found


def _redirect_uri(provider: Provider) -> str:
    return f"{door.house().settings.base_url}/sign-in/from/{provider.name}"


def _begun(provider: Provider) -> providers.Begun:
    """The sign-in that the provider answers, used up. Raises Refused."""
    browser, state = session.get(BROWSER), request.args.get("state", "")
    if not isinstance(browser, str) or any(len(values) > 1 for _, values in request.args.lists()):
        raise Refused("over", "browser")
    with connected(writing=True):
        return providers.take(accounts_connection(), provider, browser, state, at=door.house().clock())


def _answered(provider: Provider, begun: providers.Begun) -> tuple[Callable[[], Person], sessions.Shown]:
    """What admits whoever has signed in, and how they did. Raises Refused."""
    known = _known(provider)
    issuer = request.args.get("iss")
    if issuer != provider.issuer and (issuer is not None or known.tells_issuer):
        raise Refused("unbelieved", "iss of the answer")
    fault = request.args.get("error")
    if fault is not None:
        if fault in ("server_error", "temporarily_unavailable"):
            raise Refused("unreachable", "error of the answer")
        raise Refused("cancelled", "error of the answer")
    code = request.args.get("code", "")
    if not code or len(code) > 4000:
        raise Refused("unbelieved", "code")
    here = door.house()
    at = here.clock()
    sent = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _redirect_uri(provider),
        "client_id": provider.client_id,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": providers.assertion(
            here.settings.secrets_folder, provider, audience=known.token, at=at
        ),
    }
    if known.has_pkce:
        sent["code_verifier"] = begun.verifier
    given = _fetched(known.token, form=sent)
    access_token = given.get("access_token")
    if not isinstance(access_token, str) or not access_token.isascii() or not access_token.isprintable():
        raise Refused("unbelieved", "access_token")
    signed_in = _with_keys(
        provider,
        lambda keys: providers.check_id_token(
            given.get("id_token"), provider, keys, begun, access_token=access_token, at=at
        ),
    )
    who = _fetched(known.userinfo, bearer=access_token)
    if who.get("sub") != signed_in.subject:
        raise Refused("unbelieved", "sub of userinfo")
    subject, sid = signed_in.subject, signed_in.claims.get("sid")
    if provider.is_of_parents:
        level = providers.check_proofing(signed_in.claims, who)
        admitted = _parent(provider, subject, who)
    else:
        level = providers.check_assurance(provider, signed_in.claims, least=here.settings.staff_assurance)
        admitted = _staff(provider, subject, who)
    return admitted, sessions.Shown(
        provider=provider.name,
        acr=level,
        sid=sid if isinstance(sid, str) else None,
        signed_in_at=signed_in.signed_in_at,
    )


def _staff(provider: Provider, subject: str, who: JSON) -> Callable[[], Person]:
    selected, on = federated.selected_role(who), door.today()
    with connected(writing=False):
        work = federated.work_of(accounts_connection(), selected, on=on)
        federated.check_open(accounts_connection(), provider, subject)
    practitioner = _practitioner(selected, work)
    return lambda: federated.admit_staff(
        accounts_connection(), provider, subject, selected, work, fhir_user=practitioner, on=on
    )


def _parent(provider: Provider, subject: str, who: JSON) -> Callable[[], Person]:
    adult = federated.adult_told(who)
    return lambda: federated.admit_parent(accounts_connection(), provider, subject, adult, on=door.today())


def _practitioner(selected: federated.Selected, work: federated.Work) -> str | None:
    """ "Practitioner/<id>" of the SDS user id, where the record knows exactly one; for staff with children alone."""
    if work.role not in STAFF:
        return None
    here = door.house()
    # With the rights that they are about to have, and of these the least.
    asking = Requester(
        account="sign-in",
        role=work.role,
        boroughs=frozenset(work.boroughs),
        scopes=parse("user/Practitioner.rs"),
    )
    with opened(
        here.database, asking, definitions=here.definitions, at=door.now(), request=door.request_id()
    ) as record:
        found = record.search("Practitioner", [("identifier", f"{SDS_USER}|{selected.user}")]).matches
        return f"Practitioner/{found[0].id}" if len(found) == 1 else None


def _known(provider: Provider) -> Known:
    """The provider's discovery document, fetched at most once an hour. Raises Refused."""
    return _held(f"known {provider.issuer}", lambda: _discovered(provider)).value


def _discovered(provider: Provider) -> Known:
    said = _fetched(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if said.get("issuer") != provider.issuer:
        raise Refused("unbelieved", "issuer of the discovery document")
    endpoints = [
        said.get(name)
        for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    ]
    ending = said.get("end_session_endpoint")
    for address in [*endpoints, *([] if ending is None else [ending])]:
        # With a query of its own, what is asked would stand behind it, or in place of it.
        if not isinstance(address, str) or "?" in address or not provider.may_call(address):
            raise Refused("unbelieved", "endpoint of the discovery document")
    authorize, token, userinfo, jwks = map(str, endpoints)
    methods = said.get("token_endpoint_auth_methods_supported")
    if isinstance(methods, list) and "private_key_jwt" not in methods:
        raise Refused("unbelieved", "private_key_jwt")
    challenges = said.get("code_challenge_methods_supported")
    return Known(
        authorize,
        token,
        userinfo,
        jwks,
        ending,
        has_pkce=isinstance(challenges, list) and "S256" in challenges,
        tells_issuer=said.get("authorization_response_iss_parameter_supported") is True,
    )


def _with_keys(provider: Provider, check: Callable[[JSON], T]) -> T:
    """What `check` makes of the provider's keys; where it asks for one that is new, they are fetched again."""
    name, known = f"keys {provider.issuer}", _known(provider)
    held = _held(name, lambda: _fetched(known.jwks))
    try:
        return check(held.value)
    except providers.UnknownKey:
        if time.monotonic() - held.since < LEAST_BETWEEN_S:
            raise
        _federation().held.pop(name, None)
        return check(_held(name, lambda: _fetched(known.jwks)).value)


def _held(name: str, fetch: Callable[[], T]) -> Held[T]:
    held = _federation().held
    found = held.get(name)
    if found is None or time.monotonic() - found.since > HELD_S:
        found = held[name] = Held(fetch(), time.monotonic())
    return found


def _federation() -> Federation:
    return cast(Federation, current_app.extensions["healthvisit_federation"])


def _fetched(address: str, *, form: dict[str, str] | None = None, bearer: str | None = None) -> JSON:
    try:
        return outbound.fetch(address, form=form, bearer=bearer)
    except outbound.Declined as error:
        raise Refused("unbelieved", str(error)) from None
    except outbound.Unreachable as error:
        raise Refused("unreachable", str(error)) from None


def _refused(provider: Provider, refused: Refused) -> Response:
    # Which provider and which check; nothing of the person.
    log.warning("sign-in through %s refused: %s (%s)", provider.name, refused.why, refused.fault)
    with connected(writing=True):
        told("sign-in", "refused")
    return _page(provider, refused.why, _STATUS.get(refused.why, HTTPStatus.FORBIDDEN))


def _page(provider: Provider, why: providers.Why, status: int) -> Response:
    page = render_template(
        "sign_in/refused.html",
        why=why,
        label=provider.label,
        name=provider.name,
        request_id=door.request_id(),
    )
    return Response(page, status)
