"""Shell, service worker, manifest, caseload, visits of children who went, and what a tablet says of itself.

The shell and the files hold nobody's data; the rest asks the door.
What the worker keeps is named after the content of every file, so a new build is taken whole or not at all.
"""

import hashlib
import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request, send_from_directory
from marshmallow import Schema, ValidationError, fields, validate

from healthvisit.access.requester import STAFF
from healthvisit.accounts import devices, people
from healthvisit.exact_json import Malformed, dumps, loads
from healthvisit.faces import door, layout
from healthvisit.programme import growth
from healthvisit.record import instants, late, within
from healthvisit.record.errors import Forbidden, Invalid, TooMany
from healthvisit.reviews import caseload as caseloads

blueprint = Blueprint(
    "tablet", __name__, url_prefix="/tablet", static_folder="static", template_folder="templates"
)

HERE = Path(__file__).parent
STATIC = HERE / "static"
ASSETS = Path(layout.__file__).parent / "static"
GROWTH = Path(growth.__file__).with_name("growth.json")

# A licence text or a type declaration is served to who asks, and is no part of the page.
_KEPT = {".js", ".css", ".png", ".svg"}
# A tablet that was never emptied, and a clock that is off: more than this is neither.
MOST_UNSENT = 100_000
MOST_AGE_S = 20 * 366 * 86_400
_LAYOUT = ("nhsuk.css", "images/favicon.svg")


@blueprint.get("/")
@door.open_to_all
def shell() -> str:
    return render_template("tablet/shell.html", build=precache()[0])


@blueprint.get("/signed-in")
@door.open_to_all
def signed_in() -> str:
    """Where the sign-in page sends the code. The page takes it and leaves the address at once."""
    return render_template("tablet/shell.html", build=precache()[0])


@blueprint.get("/manifest.webmanifest")
@door.open_to_all
def manifest() -> Response:
    return send_from_directory(STATIC, "manifest.webmanifest", mimetype="application/manifest+json")


@blueprint.get("/service_worker.js")
@door.open_to_all
def service_worker() -> Response:
    build, files = precache()
    head = f"const BUILD = {json.dumps(build)};\nconst FILES = {json.dumps(files)};\n\n"
    code = (STATIC / "service_worker.js").read_text(encoding="utf-8")
    return Response(head + code, content_type="text/javascript; charset=utf-8")


@blueprint.get("/growth.json")
@door.open_to_all
def growth_reference() -> Response:
    """What the growth charts are drawn from, so that a measurement is placed without a signal."""
    return send_from_directory(GROWTH.parent, GROWTH.name)


@blueprint.get("/caseload")
@door.admits(*STAFF)
def caseload() -> Response:
    with door.record() as record:
        carried = caseloads.of_practitioner(record, record.requester.fhir_user, on=door.today())
    return Response(dumps(carried), content_type="application/json")


class HandingIn(Schema):
    """A visit of a child for whom the team no longer answers. operation: its permanent UUID; handed in again it gets its
    first receipt. visit: the transaction, as the text that would have been sent."""

    operation = fields.UUID(required=True)
    visit = fields.Str(required=True, validate=validate.Length(min=1))


@blueprint.post("/late-visits")
@door.admits(*STAFF)
def late_visits() -> Response:
    sent = _sent(HandingIn())
    account = door.requester().account
    with door.house().database.reading(within.of_account(account)) as connection:
        boroughs = people.worked_for(connection, account, on=door.today())
        boroughs |= devices.worked_for(connection, account)
    with door.record(writing=True) as record:
        receipt = late.hand_in(record, str(sent["operation"]), sent["visit"], worked_for=boroughs)
    told = {"reference": receipt.id, "received_at": instants.text(instants.micros(receipt.at))}
    return Response(dumps(told), content_type="application/json")


class Heartbeat(Schema):
    """What a tablet says of itself. device: its own id. build: of its page. unsent: contacts that it alone holds.
    oldest_age_s: seconds since the first of them was recorded, null for none."""

    device = fields.UUID(required=True)
    build = fields.Str(required=True, validate=validate.Regexp(r"[0-9a-f]{0,64}\Z"))
    unsent = fields.Int(required=True, strict=True, validate=validate.Range(0, MOST_UNSENT))
    oldest_age_s = fields.Int(
        required=True, strict=True, allow_none=True, validate=validate.Range(0, MOST_AGE_S)
    )


@blueprint.post("/heartbeat")
@door.admits(*STAFF)
def heartbeat() -> Response:
    sent = _sent(Heartbeat())
    requester, at, age_s = door.requester(), door.now(), sent["oldest_age_s"]
    word = devices.Word(
        str(sent["device"]),
        sent["build"],
        sent["unsent"],
        None if age_s is None or not sent["unsent"] else at - timedelta(seconds=age_s),
    )
    with door.house().database.writing(within.of_account(requester.account)) as connection:
        is_kept = devices.heard(connection, requester.account, word, boroughs=requester.boroughs, at=at)
    if not is_kept:
        raise TooMany("The account has more tablets than a person has.")
    return Response(status=204)


def _sent(schema: Schema) -> dict[str, Any]:
    """Raises the record's Invalid for a body that does not fit, whatever is in it."""
    try:
        return dict(schema.load(loads(request.get_data())))
    except (Malformed, ValidationError):
        raise Invalid("The body is not what is asked for.") from None


@cache
def precache() -> tuple[str, list[str]]:
    """The build's name and every address that the page needs without a signal."""
    found = {"/tablet/": HERE / "templates" / "tablet" / "shell.html"}
    found["/tablet/manifest.webmanifest"] = STATIC / "manifest.webmanifest"
    found["/tablet/growth.json"] = GROWTH
    for path in sorted(STATIC.rglob("*")):
        if path.suffix in _KEPT and path.name != "service_worker.js":
            found[f"/tablet/static/{path.relative_to(STATIC).as_posix()}"] = path
    for name in _LAYOUT:
        found[f"/assets/{name}"] = ASSETS / name
    digest = hashlib.sha256((STATIC / "service_worker.js").read_bytes())
    for address, path in found.items():
        digest.update(address.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16], list(found)


@blueprint.errorhandler(door.SignInNeeded)
def _sign_in_needed(_error: door.SignInNeeded) -> Response:
    return _refused(401, "Sign in again.", {"WWW-Authenticate": 'Bearer realm="healthvisit"'})


@blueprint.errorhandler(Forbidden)
def _forbidden(_error: Forbidden) -> Response:
    return _refused(403, "This account has no caseload.")


def _refused(status: int, title: str, headers: dict[str, str] | None = None) -> Response:
    body = dumps({"title": title, "status": status})
    return Response(body, status, headers, content_type="application/problem+json")
