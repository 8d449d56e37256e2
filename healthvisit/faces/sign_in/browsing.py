"""The browser of a person who signs in or out, whichever way they do: its session, and where it is led."""

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Response, redirect, render_template, session
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.access.requester import STAFF, Role
from healthvisit.accounts import sessions
from healthvisit.accounts.people import Person
from healthvisit.accounts.tables import hashed
from healthvisit.faces import door
from healthvisit.faces.sign_in.server import accounts_connection, connected, told

HOME: dict[Role, str] = {
    "parent": "/parents/",
    "commissioner": "/commissioning/",
    **dict.fromkeys(STAFF, "/tablet/"),
    "administrator": "/account",
    "support": "/account",
}


def entered(
    admitted: Callable[[], Person], *, next_: str, shown: sessions.Shown | None = None
) -> AnyResponse:
    """The browser is signed in, and led on.

    admitted: whom, asked in the transaction in which their session begins. shown: how they showed who they are,
    where it was not a password. next_: where they wanted to go.
    """
    here = door.house()
    at = here.clock()
    with connected(writing=True):
        connection = accounts_connection()
        person = admitted()
        begun = sessions.begin(connection, person, at=at, life_s=here.settings.session_s, shown=shown)
        # After the other has begun: the work of a selected role ends with the last session that stands.
        left()
        told("sign-in", "done", account=person.id)
        # A new id and a new form token: whatever the browser was given before is worth nothing now.
        session.clear()
        session[door.SESSION_ID] = begun
    return redirect(local(next_) or HOME[person.role], 303)


def left() -> str | None:
    """End the browser's session, in the transaction of `connected`; through which provider it was begun."""
    shown = session.get(door.SESSION_ID)
    if not isinstance(shown, str):
        return None
    connection = accounts_connection()
    account = sessions.end(connection, shown, at=door.house().clock())
    if account is None:
        return None
    told("sign-out", "done", account=account)
    held = sessions.known(connection, hashed(shown), account=account)
    return None if held is None else held.provider


def leaving(address: str, *, title: str, place: str) -> Response:
    """A page that leads on to another service by itself, for a form whose answer it is.

    Not a redirect: a browser holds the whole way of a form, through hosts of theirs that we do not know, to the
    policy of the page it was sent from.
    """
    page = Response(render_template("sign_in/leaving.html", address=address, title=title, place=place))
    page.headers["Refresh"] = f"0; url={address}"
    return page


def local(address: str) -> str:
    """The address when it is a path of this service, else "": nobody is led elsewhere after signing in."""
    parts = urlsplit(address) if address.isprintable() and "\\" not in address else None
    if (
        parts is None
        or parts.scheme
        or parts.netloc
        or not address.startswith("/")
        or address.startswith("//")
    ):
        return ""
    return address
