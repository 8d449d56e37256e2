"""The documents by which an app finds its way. They say what is so, and nothing else.

Sources: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html; RFC 8414; RFC 9207;
OpenID Connect Discovery 1.0.
"""

from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound

from healthvisit.accounts.clients import ASSERTION_ALGORITHMS
from healthvisit.exact_json import dumps
from healthvisit.faces import door
from healthvisit.faces.sign_in import blueprint, federation
from healthvisit.faces.sign_in.server import PROMPTS

CAPABILITIES = [
    "launch-ehr",
    "launch-standalone",
    "client-public",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
]
SCOPES = [
    "openid",
    "fhirUser",
    "launch",
    "launch/patient",
    "offline_access",
    "online_access",
    "patient/*.cruds",
    "user/*.cruds",
]


@blueprint.get("/fhir/.well-known/smart-configuration")
@door.open_to_all
def smart_configuration() -> Response:
    body = {**_endpoints(), "capabilities": _capabilities()}
    if _people_sign_in():
        base = door.house().settings.base_url
        # They belong to sign-on with an id token.
        body |= {"issuer": base, "jwks_uri": f"{base}/jwks"}
    return Response(dumps(body), content_type="application/json")


@blueprint.get("/.well-known/oauth-authorization-server")
@door.open_to_all
def authorization_server() -> Response:
    return Response(dumps(_server()), content_type="application/json")


@blueprint.get("/.well-known/openid-configuration")
@door.open_to_all
def openid_configuration() -> Response:
    """As the authorization server, and what its id tokens are like; where nobody can sign in none is issued."""
    if not _people_sign_in():
        raise NotFound
    body = {
        **_server(),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": ["iss", "aud", "sub", "iat", "exp", "auth_time", "nonce", "acr", "fhirUser"],
        "prompt_values_supported": sorted(PROMPTS),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
    return Response(dumps(body), content_type="application/json")


def _server() -> dict[str, Any]:
    base = door.house().settings.base_url
    return {
        "issuer": base,
        **_endpoints(),
        "jwks_uri": f"{base}/jwks",
        "revocation_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
    }


def _people_sign_in() -> bool:
    """Where no way for a person to sign in is connected, no app can be launched."""
    return door.house().settings.mode == "demo" or bool(federation.configured())


def _capabilities() -> list[str]:
    return CAPABILITIES if _people_sign_in() else ["client-confidential-asymmetric", "permission-v2"]


def _endpoints() -> dict[str, Any]:
    base = door.house().settings.base_url
    common = {
        "token_endpoint": f"{base}/token",
        "revocation_endpoint": f"{base}/revoke",
        "introspection_endpoint": f"{base}/introspect",
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
    }
    if not _people_sign_in():
        return {
            **common,
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "scopes_supported": ["system/*.cruds"],
        }
    return {
        **common,
        "authorization_endpoint": f"{base}/authorize",
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
        "response_modes_supported": ["query"],
        "scopes_supported": [*SCOPES, "system/*.cruds"],
    }
