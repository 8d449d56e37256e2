"""Where people see in which browsers they are signed in and what they have given to apps, and end it."""

from datetime import datetime

from flask import Response, redirect, render_template, request, session
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.accounts import sessions, tokens
from healthvisit.accounts.tables import hashed
from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.faces.sign_in import blueprint, consent
from healthvisit.faces.sign_in.server import accounts_connection, connected, told


class Ending(Schema):
    """Which of them to end: the hash of a session, or the id of what was given to an app."""

    class Meta:
        unknown = EXCLUDE

    id = fields.Str(required=True, validate=validate.Regexp(r"[0-9a-f-]{1,64}\Z"))


@blueprint.get("/account")
@door.admits(*door.PEOPLE)
def account() -> Response:
    who, at = door.requester().account, door.house().clock()
    with connected(writing=False):
        browsers = sessions.of(accounts_connection(), who, at=at)
        apps = tokens.grants_of(accounts_connection(), who, at=at)
    return Response(
        render_template(
            "sign_in/account.html",
            browsers=[
                {
                    "id": held.hash,
                    "since": _moment(held.started_at),
                    "until": _moment(held.expires_at),
                    "is_this": held.hash == _this(),
                }
                for held in browsers
            ],
            apps=[
                {
                    "id": grant.id,
                    "name": grant.app,
                    "may": consent.in_words(grant.scope),
                    "since": _moment(grant.granted_at),
                    "until": _moment(grant.expires_at),
                    "first_party": grant.first_party,
                }
                for grant in apps
            ],
            ended=request.args.get("ended") == "yes",
        )
    )


@blueprint.post("/account/browsers")
@door.admits(*door.PEOPLE)
def end_browser() -> AnyResponse:
    """End a session; the one of this browser signs its owner out here."""
    who, at, id_ = door.requester().account, door.house().clock(), _asked()
    with connected(writing=True):
        if sessions.known(accounts_connection(), id_, account=who) is None:
            raise NotFound
        sessions.end_known(accounts_connection(), id_, at=at)
        told("end-session", "done", account=who)
    if id_ == _this():
        session.clear()
        return redirect("/", 303)
    return redirect("/account?ended=yes", 303)


@blueprint.post("/account/apps")
@door.admits(*door.PEOPLE)
def end_app() -> AnyResponse:
    who, at, id_ = door.requester().account, door.house().clock(), _asked()
    with connected(writing=True):
        client = tokens.take_back(accounts_connection(), id_, account=who, at=at)
        if client is None:
            raise NotFound
        told("end-app", "done", account=who, client=client)
    return redirect("/account?ended=yes", 303)


def _asked() -> str:
    try:
        return str(Ending().load(request.form)["id"])
    except ValidationError:
        # What the page never sends is answered as what is not there.
        raise NotFound from None


def _this() -> str:
    return hashed(str(session[door.SESSION_ID]))


def _moment(at: datetime) -> str:
    """23 November 2026 at 09:05, on the clock of England."""
    here = at.astimezone(door.LONDON)
    return f"{words.day(here.date())} at {here:%H:%M}"
