"""The document: every route with who may use it and what it answers; the FHIR face's are told in `fhir`."""

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import NamedTuple

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from healthvisit.exact_json import JSON
from healthvisit.faces import door
from healthvisit.faces.commissioning import workbook
from healthvisit.faces.rest import capability
from healthvisit.faces.sign_in import account, federation, opening, pages
from healthvisit.faces.staff import ending, importing, late, moving
from healthvisit.faces.staff import opening as openings
from healthvisit.faces.tablet import views as tablet
from healthvisit.openapi import fhir
from healthvisit.openapi.shapes import SCHEMAS, TEXT, ref, texts

HTML, PLAIN, PROBLEM = "text/html", "application/json", "application/problem+json"

_ASSERTED = ("client_assertion_type", "client_assertion")
_ASKING = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge",
    "code_challenge_method", "launch", "nonce",
)  # fmt: skip
_GRANT = ("grant_type", "client_id", "code", "redirect_uri", "code_verifier", "refresh_token", "scope")
_REFUSALS = ("400", "401", "403", "404", "405", "413", "415", "503")


class Says(NamedTuple):
    """What a route outside /fhir does.

    sent: the form it takes; asked: its query; done: statuses when all is well; refused: which component it says no
    with.
    """

    summary: str
    answer: str = HTML
    sent: JSON | type[Schema] | None = None
    asked: tuple[str, ...] = ()
    done: tuple[int, ...] = (200,)
    refused: str = "Problem"


# Every route outside /fhir, by endpoint; tests/house/test_openapi.py asks for those that are not here.
OTHERS: dict[str, Says] = {
    "openapi": Says("this document", PLAIN),
    "layout.front": Says("the front page"),
    "layout.accessibility": Says("how accessible the pages are"),
    "layout.health": Says("whether the service is well", PLAIN),
    "layout.static": Says("a file of the pages", "*/*", done=(200, 304)),
    "tablet.shell": Says("the tablet's page"),
    "tablet.signed_in": Says("where the sign-in page sends a code", asked=("code", "state", "iss", "error")),
    "tablet.manifest": Says("the tablet's manifest", "application/manifest+json", done=(200, 304)),
    "tablet.growth_reference": Says("what the growth charts are drawn from", PLAIN, done=(200, 304)),
    "tablet.service_worker": Says("the tablet's service worker", "text/javascript"),
    "tablet.static": Says("a file of the tablet", "*/*", done=(200, 304)),
    "tablet.caseload": Says("what one health visitor's tablet carries", PLAIN),
    "staff.moving": Says("children moving in and out", asked=("done",)),
    "staff.offered": Says("offer a child to another service", sent=moving.Offering, done=(303,)),
    "staff.accepted": Says("accept a child", sent=moving.Answering, done=(303,)),
    "staff.declined": Says("decline a child", sent=moving.Answering, done=(303,)),
    "staff.withdrawn": Says("take an offer back", sent=moving.Answering, done=(303,)),
    "parents.children": Says("a parent's children", done=(200, 302)),
    "parents.progress": Says("one child's progress"),
    "parents.copy": Says("how to take a copy of what is shared of one child"),
    "parents.printed_copy": Says("what is shared of one child, to read and print", "application/pdf"),
    "parents.copied_document": Says(
        "what is shared of one child, as a FHIR document", "application/fhir+json"
    ),
    "parents.seen": Says("on which days what kind of person looked at a child's record"),
    "commissioning.overview": Says("digitisation by borough", asked=("quarter",)),
    "commissioning.borough": Says("one borough over time"),
    "commissioning.way": Says("one review's way from due to recorded digitally", asked=("quarter",)),
    "commissioning.digitisation_csv": Says("every borough and quarter", "text/csv"),
    "commissioning.digitisation_xlsx": Says(
        "every borough and quarter, as a workbook", workbook.CONTENT_TYPE
    ),
    "commissioning.national_indicators": Says("the national indicators of a quarter", asked=("quarter",)),
    "commissioning.national_indicator": Says("one national indicator over time"),
    "commissioning.indicators_csv": Says("every national indicator, borough and quarter", "text/csv"),
    "commissioning.indicators_xlsx": Says(
        "every national indicator, borough and quarter, as a workbook", workbook.CONTENT_TYPE
    ),
    "staff.figures": Says("the frozen indicators of one's own borough", asked=("quarter",)),
    "staff.figure": Says("the children behind a frozen number", asked=("quarter",)),
    "staff.ended": Says("children whose care ended", asked=("done",)),
    "staff.checking": Says(
        "what ending the care of a child would do", sent=ending.EndingForm, done=(200, 409)
    ),
    "staff.end": Says("end the care of a child", sent=ending.EndingForm, done=(303, 409)),
    "staff.taken_up": Says("take a child up again", sent=ending.TakingUp, done=(303, 409)),
    "staff.importing": Says("reviews of a paper backlog that wait for a decision", asked=("done",)),
    "staff.deciding": Says("one such review, and the children it may be of", done=(200, 409)),
    "staff.import_accepted": Says("say of which child it is", sent=importing.Deciding, done=(303, 409)),
    "staff.import_refused": Says("say that it is not taken", sent=importing.Deciding, done=(303, 409)),
    "staff.import_set_aside": Says("leave it for another day", sent=importing.Deciding, done=(303, 409)),
    "tablet.late_visits": Says(
        "hand in a visit of a child for whom one's team no longer answers",
        PLAIN,
        sent=tablet.HandingIn,
        done=(200, 422),
    ),
    "tablet.heartbeat": Says("how much a tablet still holds", PLAIN, sent=tablet.Heartbeat, done=(204, 429)),
    "staff.tablets": Says("the tablets of one's team, and what each still holds"),
    "staff.late_visits": Says("visits that were recorded before a child came", asked=("done",)),
    "staff.late_visit": Says("what was recorded at one of them", done=(200, 409)),
    "staff.late_taken": Says("take it into the record", sent=late.Settling, done=(303, 409)),
    "staff.late_refused": Says("say that it is not taken", sent=late.Settling, done=(303, 409)),
    "staff.opening": Says("the form that opens a child of another borough in an emergency"),
    "staff.opened": Says("open a child in an emergency", sent=openings.Emergency, done=(303, 429)),
    "staff.child": Says("what is needed of a child in the first minute"),
    "staff.openings": Says("the emergency openings that await a look", asked=("done",)),
    "staff.refused": Says("emergency openings that were refused to a borough's staff"),
    "staff.reviewed": Says("what came of looking at an opening", sent=openings.Reviewing, done=(303, 409)),
    "sign_in.sign_in": Says("the sign-in page", asked=("next", "afresh")),
    "sign_in.begin": Says(
        "go to an identity provider to sign in", sent=federation.Beginning, done=(200, 429)
    ),
    "sign_in.come_back": Says(
        "where an identity provider sends its answer", asked=("code", "state", "iss", "error"), done=(303,)
    ),
    "sign_in.ended": Says(
        "an identity provider says who signed out there", sent=texts("logout_token"), done=(200, 429)
    ),
    "sign_in.enter": Says("sign in", sent=pages.SignIn, done=(303, 429)),
    "sign_in.sign_out": Says("sign out", sent=texts(), done=(303,)),
    "sign_in.authorize": Says("an app asks for a code", asked=_ASKING),
    "sign_in.decide": Says("a person's answer to an app", sent=pages.Consent, asked=_ASKING, done=(303,)),
    "sign_in.token": Says(
        "a token for a code, a refresh token or a signed assertion",
        PLAIN,
        sent=texts(*_GRANT, *_ASSERTED, needs=("grant_type",)),
        done=(200, 429),
        refused="Ungranted",
    ),
    "sign_in.revoke": Says(
        "give a token back",
        PLAIN,
        sent=texts("token", "client_id", *_ASSERTED, needs=("token",)),
        done=(200, 429),
        refused="Ungranted",
    ),
    "sign_in.introspect": Says(
        "whether a token stands, RFC 7662",
        PLAIN,
        sent=texts("token", "token_type_hint", "client_id", *_ASSERTED, needs=("token",)),
        done=(200, 429),
        refused="Ungranted",
    ),
    "sign_in.jwks": Says("public keys of the access tokens", "application/jwk-set+json"),
    "sign_in.smart_configuration": Says("where an app asks for a token", PLAIN),
    "sign_in.authorization_server": Says("the authorization server, RFC 8414", PLAIN),
    "sign_in.openid_configuration": Says("the issuer of id tokens, OpenID Connect Discovery", PLAIN),
    "sign_in.account": Says("where a person is signed in, and which apps act for them", asked=("ended",)),
    "sign_in.end_browser": Says("end a sign-in", sent=account.Ending, done=(303,)),
    "sign_in.end_app": Says("end what an app was given", sent=account.Ending, done=(303,)),
    "sign_in.choose_app": Says("the apps that can be opened for a child", asked=("patient", "encounter")),
    "sign_in.open_app": Says("open an app for a child", sent=opening.Opening, done=(303,)),
}


def document(app: Flask) -> JSON:
    """The OpenAPI document of an app with all its routes."""
    house: door.House = app.extensions["healthvisit"]
    base = house.settings.base_url
    spec = APISpec(
        title="healthvisit",
        version=version("healthvisit"),
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=_form_name)],
        info={
            "description": "The early-years developmental record of Greater Manchester. FHIR R4 is below /fhir, and "
            "/fhir/metadata says what is served; everything else is pages and sign-in.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        servers=[{"url": base}],
    )
    of_fhir = fhir.Operations(house.definitions)
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for path, operation in _operations(app, of_fhir, rule, method):
                _with_variables(path, operation)
                spec.path(path, operations={method.lower(): operation})
    for name, schema in {**SCHEMAS, **of_fhir.schemas}.items():
        spec.components.schema(name, schema)
    for name, parameter in of_fhir.parameters.items():
        spec.components.parameter(name, parameter["in"], parameter)
    spec.components.response(
        "Refused",
        {"description": "Why not", "content": {fhir.FHIR: {"schema": ref("OperationOutcome")}}},
    )
    spec.components.response(
        "Problem",
        {"description": "Why not", "content": {PROBLEM: {"schema": ref("Problem")}, HTML: {"schema": TEXT}}},
    )
    spec.components.response(
        "Ungranted",
        {
            "description": "Why not: RFC 6749, 5.2, or a body that no form is",
            "content": {PLAIN: {"schema": ref("Ungranted")}, PROBLEM: {"schema": ref("Problem")}},
        },
    )
    _add_security(spec, base, of_fhir)
    found: JSON = spec.to_dict()
    return found


def _form_name(schema: type[Schema]) -> str:
    """Not the schema's own name alone: Consent is a resource too."""
    return f"{schema.__name__}-form"


def _operations(app: Flask, of_fhir: fhir.Operations, rule: Rule, method: str) -> Iterable[tuple[str, JSON]]:
    path = re.sub(r"<(?:[^:>]+:)?(\w+?)_?>", r"{\1}", rule.rule)
    if not rule.endpoint.startswith("rest."):
        yield path, _other(app, rule)
    elif not capability.refuses(rule):
        for asked in fhir.interactions(method, capability.shape(rule)):
            named = path.replace("{type}", asked.type, 1)
            if asked.operation:
                named = named.replace("{name}", asked.operation.name, 1)
            yield named, of_fhir.of(asked)


def _with_variables(path: str, operation: JSON) -> None:
    operation["parameters"] += [
        {"name": name, "in": "path", "required": True, "schema": fhir.VARIABLES.get(name, TEXT)}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _other(app: Flask, rule: Rule) -> JSON:
    """A route outside /fhir."""
    says = OTHERS.get(rule.endpoint, Says(rule.endpoint))
    roles = sorted(getattr(app.view_functions[rule.endpoint], "_door_admits", ()))
    found: JSON = {
        "operationId": rule.endpoint,
        "summary": says.summary,
        "tags": [rule.endpoint.partition(".")[0]],
        "parameters": [{"name": name, "in": "query", "schema": TEXT} for name in says.asked],
        "responses": {str(status): _done(says, status) for status in says.done},
        "security": [],
    }
    if roles:
        found["x-roles"] = roles
        found["security"] = [{"smart": []}] if door.takes_token(rule.rule) else [{"session": roles}]
        # Whoever has not signed in is led to the sign-in page.
        found["responses"].setdefault("303", {"description": "Elsewhere"})
    if says.sent is not None and door.takes_token(rule.rule):
        found["requestBody"] = {"required": True, "content": {PLAIN: {"schema": says.sent}}}
    elif says.sent is not None:
        schema = {"allOf": [says.sent, texts("csrf_token")]} if isinstance(says.sent, type) else says.sent
        found["requestBody"] = {"required": True, "content": {fhir.FORM: {"schema": schema}}}
    for status in _REFUSALS:
        found["responses"].setdefault(status, says.refused)
    return found


def _done(says: Says, status: int) -> JSON:
    if 300 <= status < 400:
        return {"description": "Elsewhere, or as you hold it"}
    schema = {"type": "object"} if "json" in says.answer else TEXT
    return {"description": "Done", "content": {says.answer: {"schema": schema}}}


def _add_security(spec: APISpec, base: str, of_fhir: fhir.Operations) -> None:
    code = {
        "authorizationUrl": f"{base}/authorize",
        "tokenUrl": f"{base}/token",
        "refreshUrl": f"{base}/token",
    }
    spec.components.security_scheme(
        "smart",
        {
            "type": "oauth2",
            "description": "People's apps: SMART App Launch 2.2, authorization code with PKCE (S256).",
            "flows": {"authorizationCode": {**code, "scopes": of_fhir.scopes["smart"]}},
        },
    )
    spec.components.security_scheme(
        "system",
        {
            "type": "oauth2",
            "description": "Systems: SMART backend services, private_key_jwt.",
            "flows": {"clientCredentials": {"tokenUrl": f"{base}/token", "scopes": of_fhir.scopes["system"]}},
        },
    )
    spec.components.security_scheme(
        "session",
        {
            "type": "apiKey",
            "in": "cookie",
            "name": "healthvisit_session",
            "description": "A person who has signed in; the roles that are let in are named.",
        },
    )
