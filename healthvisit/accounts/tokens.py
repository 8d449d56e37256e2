"""Codes, refresh tokens and access tokens: made, checked, exchanged once, and taken back.

A code or refresh token is known by its hash alone. An access token is a JWT of RFC 9068 and also a row:
without a row that stands it opens nothing. Whatever was granted together falls together (its family).
"""

import hashlib
import hmac
import re
import secrets
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError
from sqlalchemy import Connection, Select, insert, select, update

from healthvisit.access import scopes
from healthvisit.access.scopes import Scope
from healthvisit.accounts import tables
from healthvisit.accounts.errors import NotAdmitted
from healthvisit.accounts.keys import SigningKeys
from healthvisit.accounts.tables import EPOCH, hashed, microseconds
from healthvisit.exact_json import JSON, loads

CODE_LIFE_S = 60
# A reply may be lost on the way to a tablet that is leaving the signal: so long it may ask again.
GRACE_S = 30
ID_TOKEN_LIFE_S = 300
SKEW_S = 60
MOST_TOKEN = 4096
MOST_REMEMBERED = 10_000
# Of P-256: what s of a signature is counted by. SEC 2, 2.4.2.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_COMPACT = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}\Z", re.ASCII)


class AccessToken(NamedTuple):
    """What a verified access token says. expires_at and issued_at in seconds since 1970."""

    account: str
    client: str
    scopes: tuple[Scope, ...]
    child: str | None
    epoch: int
    jti: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True)
class Family:
    """One grant by one person to one app.

    child: the one child that patient/ scopes speak of. encounter: the one visit that the app was opened for.
    session: hash of the browser session that it was given in.
    """

    id: str
    account: str
    client: str
    scope: str
    child: str | None
    epoch: int
    expires_at: int
    encounter: str | None = None
    session: str | None = None


class Code(NamedTuple):
    """An authorization code that has just been used up."""

    family: Family
    redirect_uri: str
    code_challenge: str
    nonce: str | None


class Refresh(NamedTuple):
    """A refresh token that can be exchanged, or was a moment ago by a request whose reply may be lost."""

    secret: str
    family: Family


class Standing(NamedTuple):
    """A token that would be taken now. expires_at in seconds since 1970; kind is access or refresh."""

    family: Family
    kind: str
    scope: str
    expires_at: int
    fhir_user: str | None


class AccessTokens:
    """Signs and checks the access tokens of one issuer for one audience."""

    def __init__(self, keys: SigningKeys, *, issuer: str, audience: str, life_s: int) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self.life_s = life_s
        # Checking a signature costs ten times what the rest does. Only that it was good is remembered, by the
        # token's hash; expiry, account, epoch and revocation are looked at on every request.
        self._verified: dict[bytes, AccessToken] = {}

    def issue(
        self, connection: Connection, family: Family, scope: str, *, at: datetime, life_s: int | None = None
    ) -> str:
        """A new access token of the family. scope: what it carries, within the family's; life_s: or less."""
        self._keys_as_they_are()
        jti = str(uuid.uuid4())
        issued_at = int(at.timestamp())
        expires_at = issued_at + min(self.life_s, life_s or self.life_s)
        connection.execute(
            insert(tables.token).values(
                jti=jti, family=family.id, kind="access", scope=scope, expires_at=expires_at * 1_000_000
            )
        )
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": family.account,
            "client_id": family.client,
            "scope": scope,
            "iat": issued_at,
            "exp": expires_at,
            "jti": jti,
            "epoch": family.epoch,
        }
        if family.child is not None:
            claims["patient"] = family.child
        key = self.keys.newest
        header = {"alg": "ES256", "typ": "at+jwt", "kid": str(key.kid)}
        return _signed(jwt.encode(header, claims, key, algorithms=["ES256"]))

    def id_token(
        self,
        family: Family,
        *,
        at: datetime,
        signed_in_at: int,
        nonce: str | None,
        fhir_user: str | None,
        acr: str | None = None,
    ) -> str:
        """Who signed in, for the app alone that asked. It opens nothing: it is no access token by its typ.

        signed_in_at: seconds since 1970. nonce: the app's own. fhir_user: address of the person's resource.
        acr: what the person's identity provider says of how they showed who they are.
        Source: OpenID Connect Core 1.0 section 2; SMART App Launch 2.2, scopes for identity.
        """
        self._keys_as_they_are()
        issued_at = int(at.timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": family.client,
            "sub": family.account,
            "iat": issued_at,
            "exp": issued_at + ID_TOKEN_LIFE_S,
            "auth_time": signed_in_at,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if fhir_user is not None:
            claims["fhirUser"] = fhir_user
        if acr is not None:
            claims["acr"] = acr
        key = self.keys.newest
        return jwt.encode(
            {"alg": "ES256", "typ": "JWT", "kid": str(key.kid)}, claims, key, algorithms=["ES256"]
        )

    def verified(self, token: str, *, at: datetime) -> AccessToken:
        """What the token says. Raises NotAdmitted unless this service signed it for itself and it is in date.

        Source: RFC 9068 section 4; threats D1, D2, D3, D13.
        """
        if len(token) > MOST_TOKEN:
            raise NotAdmitted
        self._keys_as_they_are()
        digest = hashlib.sha256(token.encode("utf-8")).digest()
        found = self._verified.get(digest)
        if found is None:
            found = self._check(token)
            if len(self._verified) >= MOST_REMEMBERED:
                self._verified.clear()
            self._verified[digest] = found
        at_s = at.timestamp()
        if not found.issued_at - SKEW_S <= at_s < found.expires_at:
            raise NotAdmitted
        return found

    def known_by(self, connection: Connection, shown: str, *, at: datetime) -> str:
        """What the row of a token is found by: the jti of an access token that says what its row says, of anything
        else the hash."""
        try:
            token = self.verified(shown, at=at)
        except NotAdmitted:
            return hashed(shown)
        family = tables.token_family.c
        jti: str | None = connection.scalar(
            select(tables.token.c.jti)
            .join(tables.token_family, family.id == tables.token.c.family)
            .where(
                tables.token.c.jti == token.jti,
                family.account == token.account,
                family.client == token.client,
                family.epoch == token.epoch,
            )
        )
        return hashed(shown) if jti is None else jti

    def _keys_as_they_are(self) -> None:
        if self.keys.turned():
            self._verified.clear()

    def _check(self, token: str) -> AccessToken:
        header = header_of(token)
        # Exactly the header we write: no jwk, jku, x5u, x5c, crit or b64 is ever handed to a library.
        if set(header) != {"alg", "typ", "kid"} or header["alg"] != "ES256" or header["typ"] != "at+jwt":
            raise NotAdmitted
        key = self.keys.by_kid.get(header["kid"]) if isinstance(header["kid"], str) else None
        if key is None:
            raise NotAdmitted
        # Read by our own reader, which takes no name twice and no depth; believed below, when it was checked.
        claims = unverified_claims(token)
        try:
            jwt.decode(token, key, algorithms=["ES256"])
        except (JoseError, ValueError) as error:
            raise NotAdmitted from error
        if _r_and_s(token.rpartition(".")[2])[1] > ORDER // 2:
            raise NotAdmitted
        if claims.get("iss") != self.issuer or claims.get("aud") != self.audience:
            raise NotAdmitted
        texts = [claims.get(name) for name in ("sub", "client_id", "scope", "jti")]
        numbers = {name: claims.get(name) for name in ("epoch", "iat", "exp")}
        child = claims.get("patient")
        if (
            # Such as we write: no database is asked about others.
            not all(isinstance(value, str) and value and value.isprintable() for value in texts)
            or not all(type(value) is int and 0 <= value < 2**53 for value in numbers.values())
            or claims["epoch"] >= 2**31
            or not isinstance(child, str | None)
            or "nbf" in claims
        ):
            raise NotAdmitted
        try:
            granted = scopes.parse(claims["scope"])
        except scopes.UnknownScope as error:
            raise NotAdmitted from error
        if not granted:
            raise NotAdmitted
        return AccessToken(
            account=claims["sub"],
            client=claims["client_id"],
            scopes=granted,
            child=child,
            epoch=claims["epoch"],
            jti=claims["jti"],
            issued_at=claims["iat"],
            expires_at=claims["exp"],
        )


def header_of(token: str) -> JSON:
    """The header of a compact JWS, before anything in it is believed. Raises NotAdmitted."""
    return _part(token, 0)


def unverified_claims(token: str) -> JSON:
    """What a compact JWS claims, only to find out whose key to check it with. Raises NotAdmitted."""
    return _part(token, 1)


def _part(token: str, index: int) -> JSON:
    if len(token) > MOST_TOKEN or not _COMPACT.match(token):
        raise NotAdmitted
    parts = token.split(".")
    try:
        octets = [_octets(part) for part in parts]
        part = loads(octets[index])
    except ValueError as error:
        raise NotAdmitted from error
    # One spelling of the same octets is the token; another is not, though its signature would be good.
    if [_b64(each) for each in octets] != parts:
        raise NotAdmitted
    if not isinstance(part, dict):
        raise NotAdmitted
    return part


def _b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def _octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signed(token: str) -> str:
    """The token with the smaller s: each signature of ECDSA has a twin that is as good, and one is ours."""
    text, _, signature = token.rpartition(".")
    r, s = _r_and_s(signature)
    return f"{text}.{_b64(r.to_bytes(32, 'big') + min(s, ORDER - s).to_bytes(32, 'big'))}"


def _r_and_s(signature: str) -> tuple[int, int]:
    octets = _octets(signature)
    return int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big")


def open_family(
    connection: Connection,
    *,
    account: str,
    client: str,
    scope: str,
    epoch: int,
    at: datetime,
    life_s: int,
    child: str | None = None,
    encounter: str | None = None,
    session_hash: str | None = None,
) -> Family:
    """A new grant. life_s: after it nothing of the family is renewed, however often it was."""
    family = Family(
        id=str(uuid.uuid4()),
        account=account,
        client=client,
        scope=scope,
        child=child,
        epoch=epoch,
        expires_at=microseconds(at + timedelta(seconds=life_s)),
        encounter=encounter,
        session=session_hash,
    )
    connection.execute(
        insert(tables.token_family).values(
            id=family.id,
            account=account,
            client=client,
            scope=scope,
            child=child,
            encounter=encounter,
            epoch=epoch,
            session=session_hash,
            granted_at=microseconds(at),
            expires_at=family.expires_at,
        )
    )
    return family


def keep_code(
    connection: Connection,
    code: str,
    family: Family,
    *,
    redirect_uri: str,
    code_challenge: str,
    at: datetime,
    nonce: str | None = None,
) -> None:
    """Make the code good for the family, once and for 60 seconds. code_challenge: PKCE S256."""
    connection.execute(
        insert(tables.authorization_code).values(
            hash=hashed(code),
            family=family.id,
            client=family.client,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            nonce=nonce,
            expires_at=microseconds(at + timedelta(seconds=CODE_LIFE_S)),
        )
    )


def use_code(connection: Connection, code: str, *, client: str, at: datetime) -> Code | None:
    """The code, used up by this call whatever becomes of the request; None where it does not stand.

    A second use, or one by another app, means that the code was stolen: its whole family falls.
    """
    row = connection.execute(
        select(tables.authorization_code).where(tables.authorization_code.c.hash == hashed(code))
    ).one_or_none()
    if row is None:
        return None
    used = connection.execute(
        update(tables.authorization_code)
        .where(tables.authorization_code.c.hash == row.hash, tables.authorization_code.c.used_at.is_(None))
        .values(used_at=microseconds(at))
    )
    if used.rowcount != 1 or row.client != client:
        revoke_family(connection, row.family, at=at)
        return None
    family = _standing_family(connection, row.family, at)
    if family is None or row.expires_at <= microseconds(at):
        return None
    return Code(family, row.redirect_uri, row.code_challenge, row.nonce)


def new_refresh(connection: Connection, family: Family) -> str:
    """The first refresh token of the family; it expires with the family."""
    secret = secrets.token_urlsafe(32)
    _keep_refresh(connection, secret, family)
    return secret


def refreshable(connection: Connection, secret: str, *, client: str, at: datetime) -> Refresh | None:
    """The refresh token that can be exchanged, or None.

    One that another app shows, or that was exchanged more than a moment ago, was stolen: its family falls.
    """
    row = connection.execute(
        select(tables.token).where(tables.token.c.jti == hashed(secret), tables.token.c.kind == "refresh")
    ).one_or_none()
    if row is None:
        return None
    family = _standing_family(connection, row.family, at)
    if family is None or family.client != client:
        revoke_family(connection, row.family, at=at)
        return None
    if row.revoked_at is not None or row.expires_at <= microseconds(at):
        return None
    if row.used_at is not None and not _may_be_lost(row.used_at, row.salt, at):
        revoke_family(connection, row.family, at=at)
        return None
    return Refresh(secret, family)


def exchange(connection: Connection, refresh: Refresh, *, at: datetime) -> str | None:
    """The refresh token's only successor: however many requests ask for it at once, all are told the same.

    None, and the family falls, where it was exchanged too long ago or its successor is in use already.
    Source: RFC 9700 section 4.14.2.
    """
    token = tables.token.c
    jti = hashed(refresh.secret)
    salt = secrets.token_urlsafe(32)
    used = connection.execute(
        update(tables.token)
        .where(token.jti == jti, token.used_at.is_(None))
        .values(used_at=microseconds(at), salt=salt)
    )
    if used.rowcount == 1:
        # Whoever shows this one was told of it: what came before can no longer have been lost.
        connection.execute(
            update(tables.token)
            .where(token.family == refresh.family.id, token.kind == "refresh", token.jti != jti)
            .values(salt=None)
        )
        successor = _successor(refresh.secret, salt)
        _keep_refresh(connection, successor, refresh.family)
        return successor
    row = connection.execute(select(token.used_at, token.salt).where(token.jti == jti)).one()
    if not _may_be_lost(row.used_at, row.salt, at):
        revoke_family(connection, refresh.family.id, at=at)
        return None
    return _successor(refresh.secret, row.salt)


def _may_be_lost(used_at: int, salt: str | None, at: datetime) -> bool:
    return salt is not None and microseconds(at) <= used_at + GRACE_S * 1_000_000


def _successor(secret: str, salt: str) -> str:
    # Made again from what the app holds and what the database holds; neither alone is enough.
    return _b64(hmac.digest(salt.encode("ascii"), secret.encode("utf-8"), "sha256"))


def _keep_refresh(connection: Connection, secret: str, family: Family) -> None:
    connection.execute(
        insert(tables.token).values(
            jti=hashed(secret),
            family=family.id,
            kind="refresh",
            scope=family.scope,
            expires_at=family.expires_at,
        )
    )


def standing(connection: Connection, jti: str, *, at: datetime) -> Standing | None:
    """The token, where it would be taken now. jti: as in `revoke`."""
    row = connection.execute(
        select(tables.token, tables.account.c.fhir_user)
        .join(tables.token_family, tables.token_family.c.id == tables.token.c.family)
        .join(tables.account, tables.account.c.id == tables.token_family.c.account)
        .where(
            tables.token.c.jti == jti,
            tables.token.c.used_at.is_(None),
            tables.token.c.revoked_at.is_(None),
            tables.token.c.expires_at > microseconds(at),
        )
    ).one_or_none()
    family = None if row is None else _standing_family(connection, row.family, at)
    if row is None or family is None:
        return None
    return Standing(family, row.kind, row.scope, row.expires_at // 1_000_000, row.fhir_user)


def revoke(connection: Connection, jti: str, *, client: str, at: datetime) -> None:
    """Take back one access token, or the whole family of a refresh token; nothing where it is not this app's.

    jti: of an access token its jti, of a refresh token its hash.
    """
    row = connection.execute(
        select(tables.token.c.kind, tables.token.c.family)
        .join(tables.token_family, tables.token_family.c.id == tables.token.c.family)
        .where(tables.token.c.jti == jti, tables.token_family.c.client == client)
    ).one_or_none()
    if row is None:
        return
    if row.kind == "refresh":
        revoke_family(connection, row.family, at=at)
        return
    connection.execute(
        update(tables.token)
        .where(tables.token.c.jti == jti, tables.token.c.revoked_at.is_(None))
        .values(revoked_at=microseconds(at))
    )


def revoke_family(connection: Connection, family: str, *, at: datetime) -> None:
    """Everything that came of this grant is refused on its next use."""
    connection.execute(
        update(tables.token_family)
        .where(tables.token_family.c.id == family, tables.token_family.c.revoked_at.is_(None))
        .values(revoked_at=microseconds(at))
    )


class Grant(NamedTuple):
    """What a person has given to an app and can take back. Instants are aware."""

    id: str
    app: str
    scope: str
    child: str | None
    first_party: bool
    granted_at: datetime
    expires_at: datetime


def grants_of(connection: Connection, account: str, *, at: datetime) -> list[Grant]:
    """What stands of what the account has given, the latest first."""
    family, app = tables.token_family.c, tables.client_app.c
    rows = connection.execute(
        select(tables.token_family, app.name, app.first_party)
        .join(tables.client_app, app.client_id == family.client)
        .join(tables.account, tables.account.c.id == family.account)
        .where(
            family.account == account,
            family.revoked_at.is_(None),
            family.expires_at > microseconds(at),
            family.epoch == tables.account.c.epoch,
            app.active,
        )
        .order_by(family.granted_at.desc(), family.id)
    )
    return [
        Grant(
            row.id,
            row.name,
            row.scope,
            row.child,
            row.first_party,
            EPOCH + timedelta(microseconds=row.granted_at),
            EPOCH + timedelta(microseconds=row.expires_at),
        )
        for row in rows
    ]


def take_back(connection: Connection, grant: str, *, account: str, at: datetime) -> str | None:
    """End what the account has given; the app's client id, None where it is not the account's to end."""
    family = tables.token_family.c
    client: str | None = connection.scalar(
        select(family.client).where(
            family.id == grant, family.account == account, family.revoked_at.is_(None)
        )
    )
    if client is not None:
        revoke_family(connection, grant, at=at)
    return client


def forget(connection: Connection, *, at: datetime) -> None:
    """Delete codes and tokens a day after they expired: before that, a second use must still be noticed."""
    before = microseconds(at - timedelta(days=1))
    for table in (tables.authorization_code, tables.token):
        connection.execute(table.delete().where(table.c.expires_at < before))


def _standing_family(connection: Connection, id_: str, at: datetime) -> Family | None:
    row = connection.execute(_family(id_, at)).one_or_none()
    if row is None:
        return None
    return Family(
        row.id,
        row.account,
        row.client,
        row.scope,
        row.child,
        row.epoch,
        row.expires_at,
        row.encounter,
        row.session,
    )


def _family(id_: str, at: datetime) -> Select[Any]:
    return (
        select(tables.token_family)
        .join(tables.account, tables.account.c.id == tables.token_family.c.account)
        .join(tables.client_app, tables.client_app.c.client_id == tables.token_family.c.client)
        .where(
            tables.token_family.c.id == id_,
            tables.token_family.c.revoked_at.is_(None),
            tables.token_family.c.expires_at > microseconds(at),
            tables.account.c.active,
            tables.account.c.epoch == tables.token_family.c.epoch,
            tables.client_app.c.active,
        )
    )
