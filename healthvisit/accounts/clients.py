"""Registered apps: public ones with redirect addresses, and systems that sign with a key of their own.

No app has a shared secret, and no key is ever fetched: a system's public keys are registered with it.
"""

import json
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import Connection, insert, select, text, update

from healthvisit.access import scopes
from healthvisit.accounts import tables
from healthvisit.accounts.errors import BadRegistration, NotAdmitted
from healthvisit.accounts.tables import EPOCH, hashed, microseconds
from healthvisit.accounts.tokens import header_of

# What an app may ask for besides resource scopes. Not launch/encounter: nobody is asked to choose a visit.
PLAIN_OFFERED = frozenset(
    {"openid", "fhirUser", "launch", "launch/patient", "offline_access", "online_access"}
)

ASSERTION_ALGORITHMS = {"RS384": "RSA", "ES384": "EC"}
LONGEST_ASSERTION_S = 300
SKEW_S = 60
MOST_CLIENT_ID = 200


@dataclass(frozen=True)
class ClientApp:
    """client_id, the name people see, and the most it may do; jwks is None for a public app."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    scope: str
    jwks: Mapping[str, Any] | None
    account: str | None
    first_party: bool
    launch_uri: str | None = None
    introspects: bool = False

    @property
    def confidential(self) -> bool:
        return self.jwks is not None


def register(
    connection: Connection,
    *,
    name: str,
    scope: str,
    redirect_uris: Sequence[str] = (),
    jwks: Mapping[str, Any] | None = None,
    account: str | None = None,
    first_party: bool = False,
    client_id: str | None = None,
    launch_uri: str | None = None,
    introspects: bool = False,
) -> str:
    """The new app's client id.

    scope: the most it may ask for.
    redirect_uris: addresses a code may be sent to, compared as exact text; a system client has none.
    jwks: public JWK Set of an app that authenticates: RSA of 2048 bits or more, or EC P-384, each with a kid.
    account: the system-client account that a system acts as.
    first_party: an app of the service itself; people are not asked for consent.
    launch_uri: where health visitors open the app for one child.
    introspects: a resource server: it may ask about every app's tokens. One that asks for none has no scope.
    Raises BadRegistration.
    """
    try:
        asked = scopes.parse(scope)
    except scopes.UnknownScope as error:
        raise BadRegistration(str(error)) from error
    if not set(scope.split(" ")) & scopes.PLAIN <= PLAIN_OFFERED:
        raise BadRegistration("launch/encounter is not offered")
    for uri in (*redirect_uris, *((launch_uri,) if launch_uri is not None else ())):
        _check_redirect_uri(uri)
    if launch_uri is not None and not redirect_uris:
        raise BadRegistration("an app that is opened for a child needs a redirect address")
    if jwks is not None:
        _check_jwks(jwks)
    is_system = account is not None
    if introspects and jwks is None:
        raise BadRegistration("a resource server has keys")
    only_introspects = introspects and not is_system and not redirect_uris
    if only_introspects and scope:
        raise BadRegistration("a resource server that acts for nobody has no scope")
    if is_system and (jwks is None or redirect_uris):
        raise BadRegistration("a system client has keys and no redirect address")
    if not is_system and not redirect_uris and not only_introspects:
        raise BadRegistration("an app for people needs a redirect address")
    if any((scope_.context == "system") != is_system for scope_ in asked) or bool(asked) == only_introspects:
        raise BadRegistration("system/ scopes are for system clients, and for them alone")
    client_id = client_id or secrets.token_urlsafe(16)
    if connection.scalar(
        select(tables.client_app.c.client_id).where(tables.client_app.c.client_id == client_id)
    ):
        raise BadRegistration("the client id is taken")
    if len(client_id) > MOST_CLIENT_ID or not client_id.isascii() or not client_id.isprintable():
        raise BadRegistration("a client id is at most 200 printable ASCII characters")
    connection.execute(
        insert(tables.client_app).values(
            client_id=client_id,
            name=name,
            confidential=jwks is not None,
            redirect_uris="\n".join(redirect_uris),
            scope=scope,
            jwks=None if jwks is None else json.dumps(jwks),
            account=account,
            first_party=first_party,
            launch_uri=launch_uri,
            introspects=introspects,
            active=True,
        )
    )
    return client_id


def find(connection: Connection, client_id: str) -> ClientApp | None:
    """The app, unless it was never registered or was closed."""
    row = connection.execute(
        select(tables.client_app).where(
            tables.client_app.c.client_id == client_id, tables.client_app.c.active
        )
    ).one_or_none()
    return None if row is None else _app(row)


def opened_for_a_child(connection: Connection) -> list[ClientApp]:
    """The apps that health visitors can open for one child, by name."""
    app = tables.client_app.c
    rows = connection.execute(
        select(tables.client_app).where(app.active, app.launch_uri.is_not(None)).order_by(app.name)
    )
    return [_app(row) for row in rows]


def origins(connection: Connection) -> frozenset[str]:
    """Where the pages of apps stand that may come in: scheme, host and port of their redirect addresses."""
    app = tables.client_app.c
    rows = connection.scalars(select(app.redirect_uris).where(app.active, app.redirect_uris != ""))
    parts = [urlsplit(uri) for uris in rows for uri in uris.split("\n")]
    return frozenset(f"{part.scheme}://{part.netloc}" for part in parts)


def everything(connection: Connection) -> list[tuple[ClientApp, bool]]:
    """Every app that was ever registered, and whether it still may come in."""
    rows = connection.execute(select(tables.client_app).order_by(tables.client_app.c.client_id))
    return [(_app(row), row.active) for row in rows]


def _app(row: Any) -> ClientApp:
    return ClientApp(
        client_id=row.client_id,
        name=row.name,
        redirect_uris=tuple(row.redirect_uris.split("\n")) if row.redirect_uris else (),
        scope=row.scope,
        jwks=None if row.jwks is None else json.loads(row.jwks),
        account=row.account,
        first_party=row.first_party,
        launch_uri=row.launch_uri,
        introspects=row.introspects,
    )


def close(connection: Connection, client_id: str) -> None:
    """The app is out: every token it holds is refused on its next request."""
    connection.execute(
        update(tables.client_app).where(tables.client_app.c.client_id == client_id).values(active=False)
    )


def check_assertion(
    connection: Connection, assertion: str, client: ClientApp, *, audience: str, at: datetime
) -> None:
    """Take a signed client assertion, once.

    audience: address of the token endpoint.
    Raises NotAdmitted, without saying for what.
    Source: SMART App Launch 2.2, backend services; RFC 7523 section 3.
    """
    if client.jwks is None:
        raise NotAdmitted
    header = header_of(assertion)
    if not set(header) <= {"alg", "kid", "typ"} or header.get("typ", "JWT") != "JWT":
        raise NotAdmitted
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ASSERTION_ALGORITHMS:
        raise NotAdmitted
    keys = [key for key in client.jwks["keys"] if key["kid"] == header.get("kid")]
    if len(keys) != 1 or keys[0]["kty"] != ASSERTION_ALGORITHMS[algorithm]:
        raise NotAdmitted
    key = RSAKey.import_key(keys[0]) if algorithm == "RS384" else ECKey.import_key(keys[0])
    try:
        claims = jwt.decode(assertion, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError) as error:
        raise NotAdmitted from error
    _check_claims(claims, client.client_id, audience, at)
    taken = connection.execute(
        text(
            "INSERT INTO used_assertion (client, jti_hash, expires_at)"
            " VALUES (:client, :jti_hash, :expires_at) ON CONFLICT (client, jti_hash) DO NOTHING"
        ),
        {
            "client": client.client_id,
            "jti_hash": hashed(claims["jti"]),
            "expires_at": claims["exp"] * 1_000_000,
        },
    )
    if taken.rowcount != 1:
        raise NotAdmitted


def forget_assertions(connection: Connection, *, at: datetime) -> None:
    """Assertions that have expired need not be remembered: they are refused anyway."""
    connection.execute(
        tables.used_assertion.delete().where(tables.used_assertion.c.expires_at < microseconds(at))
    )


def _check_claims(claims: Mapping[str, Any], client_id: str, audience: str, at: datetime) -> None:
    at_s = (at - EPOCH) // timedelta(seconds=1)
    exp, jti = claims.get("exp"), claims.get("jti")
    stands = (
        claims.get("iss") == client_id
        and claims.get("sub") == client_id
        and claims.get("aud") in (audience, [audience])
        and type(exp) is int
        and at_s < exp <= at_s + LONGEST_ASSERTION_S
        and all(
            name not in claims or (type(claims[name]) is int and claims[name] <= at_s + SKEW_S)
            for name in ("nbf", "iat")
        )
        and isinstance(jti, str)
        and 1 <= len(jti) <= 200
    )
    if not stands:
        raise NotAdmitted


def _check_redirect_uri(uri: str) -> None:
    parts = urlsplit(uri)
    is_own_machine = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if (
        not uri.isascii()
        or not uri.isprintable()
        or " " in uri
        or "\\" in uri
        or "#" in uri
        or "*" in uri
        or not parts.hostname
        or parts.username is not None
        or not (parts.scheme == "https" or is_own_machine)
    ):
        raise BadRegistration("a redirect address is https, or http on the app's own machine; no fragment")


def _check_jwks(jwks: Mapping[str, Any]) -> None:
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise BadRegistration("a JWK Set holds at least one key")
    kids = [key.get("kid") for key in keys]
    if not all(isinstance(kid, str) and kid for kid in kids) or len(set(kids)) != len(kids):
        raise BadRegistration("each key has a kid of its own")
    for key in keys:
        if {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key):
            raise BadRegistration("only public keys are registered")
        try:
            is_strong = _is_strong(key)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise BadRegistration("a key cannot be read") from error
        if not is_strong:
            raise BadRegistration("keys are RSA of 2048 bits or more, or EC P-384")


def _is_strong(key: Mapping[str, Any]) -> bool:
    if key.get("kty") == "RSA":
        modulus = urlsafe_b64decode(key["n"] + "=" * (-len(key["n"]) % 4)).lstrip(b"\0")
        return len(modulus) * 8 >= 2048 and bool(RSAKey.import_key(dict(key)))
    return key.get("kty") == "EC" and key.get("crv") == "P-384" and bool(ECKey.import_key(dict(key)))
