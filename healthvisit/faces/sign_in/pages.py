"""What people see: signing in and out, and agreeing that an app acts for them."""

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Response, redirect, render_template, request, session
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.accounts import people
from healthvisit.accounts.errors import TooManyAttempts
from healthvisit.faces import door
from healthvisit.faces.layout import headers
from healthvisit.faces.sign_in import blueprint, browsing, consent, federation, server
from healthvisit.programme import nhs_number

# Said alike for a name that nobody has and for a password that is wrong.
NOT_RIGHT = "The name or the password is not right"
# Said alike for a number that is nobody's and for a child of another borough.
NO_SUCH_CHILD = "Enter the NHS number of a child you look after"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"


class SignIn(Schema):
    """The sign-in form. Field names are those of the page, so that an error links to its field."""

    class Meta:
        unknown = EXCLUDE

    name = fields.Str(
        required=True,
        validate=[
            validate.Length(min=1, max=200, error="Enter your name"),
            # PostgreSQL does not take it even to compare.
            validate.ContainsNoneOf("\0", error=NOT_RIGHT),
        ],
        error_messages={"required": "Enter your name"},
    )
    password = fields.Str(
        required=True,
        validate=[
            validate.Length(min=1, error="Enter your password"),
            validate.Length(max=people.MOST_PASSWORD, error=NOT_RIGHT),
        ],
        error_messages={"required": "Enter your password"},
    )
    next = fields.Str(load_default="")


class Consent(Schema):
    """A person's answer. Which children they may choose from is asked of their account, not of the form.

    nhs_number: how a health visitor, who sees thousands, names the child.
    """

    class Meta:
        unknown = EXCLUDE

    decision = fields.Str(required=True, validate=validate.OneOf(["allow", "deny"]))
    child = fields.Str(load_default=None)
    nhs_number = fields.Str(load_default="", validate=validate.Length(max=20))


@blueprint.get("/sign-in")
@door.open_to_all
def sign_in() -> Response:
    return _form(200, next_=request.args.get("next", ""), afresh=request.args.get("afresh", ""))


@blueprint.post("/sign-in")
@door.open_to_all
def enter() -> AnyResponse:
    here = door.house()
    if here.settings.mode == "production":
        # No page of production shows this form.
        return _form(403)
    try:
        form = SignIn().load(request.form)
    except ValidationError as error:
        return _form(400, errors=_first(error), next_=request.form.get("next", ""))
    at = here.clock()
    try:
        person = people.sign_in(here.database, form["name"], form["password"], address=server.caller(), at=at)
    except TooManyAttempts as error:
        message = f"There were too many attempts. Try again in {error.wait_s} seconds"
        busy = _form(429, errors={"name": message}, next_=form["next"])
        busy.headers["Retry-After"] = str(error.wait_s)
        return busy
    if person is None:
        with server.connected(writing=True):
            # Looked for also where nobody has the name, so that both take the same time.
            named = people.named(server.accounts_connection(), form["name"])
            server.told("sign-in", "refused", account=named)
        return _form(400, errors={"name": NOT_RIGHT}, next_=form["next"])
    return browsing.entered(lambda: person, next_=form["next"])


@blueprint.post("/sign-out")
@door.open_to_all
def sign_out() -> AnyResponse:
    with server.connected(writing=True):
        provider = browsing.left()
    session.clear()
    elsewhere = None if provider is None else federation.ends_at(provider)
    answer: AnyResponse = redirect("/", 303)
    if elsewhere is not None:
        answer = browsing.leaving(elsewhere.address, title="You are signed out here", place=elsewhere.label)
    # Never "storage": it would take the visits that a tablet has not sent yet.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def _or_silently(view: Callable[[], AnyResponse]) -> Callable[[], AnyResponse]:
    """An app that wants nobody to be asked anything (prompt=none) is told that nobody has signed in."""

    @functools.wraps(view)
    def asked() -> AnyResponse:
        try:
            return view()
        except door.SignInNeeded:
            if request.args.get("prompt") != "none":
                raise
            return server.login_required()

    return asked


@blueprint.get("/authorize")
@_or_silently
@door.admits(*door.PEOPLE)
def authorize() -> AnyResponse:
    requester = door.requester()
    asking = _asked()
    if not isinstance(asking, server.Asking):
        return asking
    children = sorted(requester.children) if asking.needs_child else []
    if asking.needs_child and requester.role == "parent" and not children:
        return server.decided(asking, requester, allowed=False, child=None)
    is_parent_or_needs_none = requester.role == "parent" or not asking.needs_child
    if (
        asking.client.first_party
        and "consent" not in asking.prompt
        and is_parent_or_needs_none
        and len(children) <= 1
    ):
        return server.decided(asking, requester, allowed=True, child=children[0] if children else None)
    if "none" in asking.prompt:
        return server.consent_required(asking)
    return _consent(asking, 200)


@blueprint.post("/authorize")
@door.admits(*door.PEOPLE)
def decide() -> AnyResponse:
    requester = door.requester()
    asking = _asked()
    if not isinstance(asking, server.Asking):
        return asking
    try:
        form = Consent().load(request.form)
    except ValidationError:
        return _consent(asking, 400, errors={"decision": "Say whether you allow this"})
    allowed = form["decision"] == "allow"
    child = None
    if allowed and asking.needs_child and requester.role == "parent":
        child = form["child"]
        if child not in requester.children:
            return _consent(asking, 400, errors={"child": "Choose a child"})
    elif allowed and asking.needs_child:
        child = _child_numbered(form["nhs_number"])
        if child is None:
            return _consent(asking, 400, errors={"nhs_number": NO_SUCH_CHILD})
    return server.decided(asking, requester, allowed=allowed, child=child)


@blueprint.errorhandler(server.BadAddress)
def _bad_address(_error: server.BadAddress) -> Response:
    """Shown in place: an address that is not registered is never followed."""
    return _page("sign_in/bad_address.html", 400)


def _asked() -> server.Asking | AnyResponse:
    """What the app asks, unless the person must show again who they are before they are asked (OpenID Connect
    Core 1.0, 3.1.2.1): then the way to sign in, which leads back here."""
    asking = server.asked_by(door.requester())
    if not isinstance(asking, server.Asking) or server.is_fresh(asking):
        return asking
    if "none" in asking.prompt:
        return server.login_required()
    # Said by ourselves, so that whoever comes back is not asked again and again.
    since = {server.AFRESH_SINCE: str(int(door.house().clock().timestamp()))}
    there = f"{request.path}?{urlencode(request.args.to_dict() | since)}"
    return redirect("/sign-in?" + urlencode({"next": there, "afresh": "yes"}), 303)


def _consent(asking: server.Asking, status: int, errors: dict[str, str] | None = None) -> Response:
    is_parent = door.requester().role == "parent"
    children = _children_by_name() if asking.needs_child and is_parent else []
    page = _page(
        "sign_in/consent.html",
        status,
        app=asking.client.name,
        requests=consent.in_words(asking.scope),
        children=children,
        asks_number=asking.needs_child and not is_parent,
        first_party=asking.client.first_party,
        errors=errors or {},
        action=request.full_path,
    )
    there = urlsplit(asking.redirect_uri)
    page.headers["Content-Security-Policy"] = headers.policy(
        form_action=(f"{there.scheme}://{there.netloc}",)
    )
    return page


def _child_numbered(written: str) -> str | None:
    """Id of the child of this NHS number whom the person who asks reaches."""
    number = "".join(written.split())
    if not nhs_number.is_valid(number):
        return None
    with door.record() as record:
        found = record.search("Patient", [("identifier", f"{NHS_NUMBER}|{number}")]).matches
        return found[0].id if len(found) == 1 else None


def _children_by_name() -> list[tuple[str, str]]:
    """Id and first name of each child of the person who asks, by name."""
    with door.record() as record:
        found = [(child, record.read("Patient", child).json()) for child in sorted(door.requester().children)]
    return sorted(
        ((child, consent.first_name(patient)) for child, patient in found), key=lambda pair: pair[1]
    )


def _form(
    status: int, *, errors: dict[str, str] | None = None, next_: str = "", afresh: str = ""
) -> Response:
    """The ways in: a button for each identity provider, and name and password where they are taken."""
    name, here = request.form.get("name", ""), door.house()
    ways, takes_password = federation.configured(), here.settings.mode == "demo"
    if not ways and not takes_password:
        return _page("sign_in/not_connected.html", status)
    return _page(
        "sign_in/sign_in.html",
        status,
        errors=errors or {},
        name=name if name.isprintable() else "",
        next=browsing.local(next_),
        afresh="yes" if afresh == "yes" else "",
        ways=ways,
        takes_password=takes_password,
    )


def _page(template: str, status: int, **values: Any) -> Response:
    return Response(render_template(template, **values), status)


def _first(error: ValidationError) -> dict[str, str]:
    return {str(name): texts[0] for name, texts in error.messages_dict.items()}
