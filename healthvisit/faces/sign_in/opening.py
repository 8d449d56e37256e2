"""A health visitor opens an app of other makers for one child, and for one visit: SMART's EHR launch.

Source: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from flask import Response, redirect, render_template, request
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.access.requester import STAFF
from healthvisit.accounts import clients, launches
from healthvisit.faces import door
from healthvisit.faces.layout import headers
from healthvisit.faces.sign_in import blueprint, consent
from healthvisit.faces.sign_in.server import accounts_connection, connected, server, told

_ID = validate.Length(min=1, max=64)


class Opening(Schema):
    """patient, encounter: ids. app: a client id; the page that lists the apps has none yet."""

    class Meta:
        unknown = EXCLUDE

    patient = fields.Str(required=True, validate=_ID)
    encounter = fields.Str(load_default="", validate=validate.Length(max=64))
    app = fields.Str(load_default="", validate=validate.Length(max=200))


@blueprint.get("/apps")
@door.admits(*STAFF)
def choose_app() -> Response:
    asked = _asked(request.args)
    name = _child_within_reach(asked)
    with connected(writing=False):
        apps = clients.opened_for_a_child(accounts_connection())
    page = Response(
        render_template(
            "sign_in/apps.html",
            name=name,
            apps=apps,
            patient=asked["patient"],
            encounter=asked["encounter"],
        )
    )
    # The browser follows the form to the app, and asks this policy whether it may.
    there = sorted({f"{at.scheme}://{at.netloc}" for app in apps for at in [urlsplit(app.launch_uri or "")]})
    page.headers["Content-Security-Policy"] = headers.policy(form_action=tuple(there))
    return page


@blueprint.post("/apps")
@door.admits(*STAFF)
def open_app() -> AnyResponse:
    asked = _asked(request.form)
    _child_within_reach(asked)
    requester = door.requester()
    with connected(writing=True):
        found = server.query_client(asked["app"])
        app = None if found is None else found.app
        if app is None or app.launch_uri is None:
            raise NotFound
        secret = launches.begin(
            accounts_connection(),
            account=requester.account,
            client=app.client_id,
            child=asked["patient"],
            encounter=asked["encounter"] or None,
            at=door.house().clock(),
        )
        told("launch", "done", account=requester.account, client=app.client_id)
    more = urlencode({"iss": door.house().settings.fhir_base, "launch": secret})
    joined = "&" if "?" in app.launch_uri else "?"
    return redirect(f"{app.launch_uri}{joined}{more}", 303)


def _asked(sent: Mapping[str, str]) -> dict[str, str]:
    """Raises NotFound for what no page of ours sends."""
    try:
        return dict(Opening().load(sent))
    except ValidationError:
        raise NotFound from None


def _child_within_reach(asked: dict[str, str]) -> str:
    """First name of the child. Raises the record's NotFound for one whom the health visitor does not reach, and
    for a visit that is not this child's."""
    with door.record() as record:
        patient = record.read("Patient", asked["patient"]).json()
        if asked["encounter"]:
            encounter = record.read("Encounter", asked["encounter"]).json()
            if encounter.get("subject", {}).get("reference") != f"Patient/{asked['patient']}":
                raise NotFound
    return consent.first_name(patient)
