"""Identity providers: who they are, how this service proves itself to them, and what of their answers is believed.

Two shapes. `cis2` is for staff: NHS Care Identity Service 2, an assurance level in `acr` and a selected role.
`nhs-login` is for parents: a vector of trust in `vot`, and a proofing level. What a provider is comes from the
deployer's file (settings.identity_providers) alone; nothing that a browser or a provider sends names another.

A sign-in that has begun is a row, good once, for the browser that began it: what proves the browser is in its
cookie, and nonce and verifier are made of that, so that nothing here would help a thief of the database.
Sources: OpenID Connect Core 1.0, 3.1; RFC 7523, 7636, 8485, 9207, 9700; threats D1-D13.
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from sqlalchemy import Connection, insert, select, update

from healthvisit.accounts import keys, tables
from healthvisit.accounts.errors import AccountError, NotAdmitted
from healthvisit.accounts.tables import hashed, microseconds
from healthvisit.accounts.tokens import header_of
from healthvisit.exact_json import JSON

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]

BEGUN_LIFE_S = 600
ASSERTION_LIFE_S = 60
SKEW_S = 60
# An id token was made for this very sign-in: one that is older was kept by somebody.
OLDEST_ID_TOKEN_S = 600
MOST_TEXT = 255
LEAST_RSA_BITS = 2048
MADE_RSA_BITS = 4096
# They name or carry a key, or ask for what a library might do: no library ever sees them.
_REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"})
_BACK_CHANNEL = "http://schemas.openid.net/event/backchannel-logout"
# The vectors of NHS login at proofing level P9, as its pages write them.
P9 = ("P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm")
PROOFED = "P9"

Why = Literal[
    "over",  # the sign-in was not begun here, or too long ago, or was used
    "cancelled",  # the provider says that the person, or it, broke off
    "unreachable",  # the provider does not answer as one that is well
    "unbelieved",  # its answer does not stand
    "weak",  # staff: assurance level too low
    "no-role",  # staff: no role was selected
    "unknown-workplace",  # staff: the organisation of the role is connected to no borough
    "unknown-post",  # staff: the role has no meaning here
    "proofing",  # parents: identity not proved to P9
    "incomplete",  # parents: NHS number, date of birth or family name were not shared
    "changed",  # parents: not who was linked before
    "unlinked",  # parents: nobody has linked them to a child
    "closed",  # the account was closed
]


class Refused(AccountError):
    """This sign-in ends here, and nothing of it is kept.

    why: what the page tells the person. fault: which check it was, for the log; never a value that was sent.
    """

    def __init__(self, why: Why, fault: str = "") -> None:
        super().__init__(fault or why)
        self.why: Why = why
        self.fault = fault or why


class BadProvider(ValueError):
    """The deployer's file of providers does not stand. The text says why and shows no key."""


class Provider(BaseModel):
    """One provider, as the deployer registered with it.

    name: of the redirect address, /sign-in/from/<name>. label: on the button. issuer: exactly as the provider
    writes it. key: file in the secrets folder with the private key that this service signs with. acr: for cis2,
    what the values of `acr` are worth as assurance level 1, 2 or 3, from the registration; others are refused.
    hosts: where its endpoints stand besides the issuer's own host.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    shape: Literal["cis2", "nhs-login"]
    label: Annotated[str, Field(min_length=1, max_length=60)]
    issuer: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]
    client_id: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}$")]
    assertion_algorithm: Algorithm = "RS512"
    id_token_algorithms: Annotated[list[Algorithm], Field(min_length=1)]
    acr: dict[str, Annotated[int, Field(ge=1, le=3)]] = {}
    hosts: list[Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d{1,5})?$")]] = []

    @model_validator(mode="after")
    def _of_its_shape(self) -> "Provider":
        at = urlsplit(self.issuer)
        if at.scheme not in ("https", "http") or not at.hostname or at.query or at.fragment or at.username:
            raise ValueError("the issuer is not an https address")
        if at.scheme == "http" and at.hostname != "127.0.0.1":
            raise ValueError("an issuer is reached by https")
        if self.shape == "cis2" and not self.acr:
            raise ValueError("what the values of acr are worth is missing")
        if self.shape == "nhs-login" and (
            self.acr or self.assertion_algorithm != "RS512" or self.id_token_algorithms != ["RS512"]
        ):
            raise ValueError("NHS login signs and is signed to with RS512, and has no acr")
        return self

    @property
    def is_of_parents(self) -> bool:
        return self.shape == "nhs-login"

    @property
    def origin(self) -> str:
        """scheme://host[:port], for a page whose form leads there."""
        at = urlsplit(self.issuer)
        return f"{at.scheme}://{at.netloc}"

    def may_call(self, address: str) -> bool:
        """Whether the address is on the provider's own hosts, and as safely reached as its issuer."""
        try:
            at, own = urlsplit(address), urlsplit(self.issuer)
            where = (at.hostname, at.port or 443)
        except ValueError:
            return False
        # What opens an address elsewhere has no place in one of theirs.
        if not address.isprintable() or " " in address or "\\" in address or at.username or at.fragment:
            return False
        if at.scheme != own.scheme:
            return False
        hosts = [urlsplit(f"//{host}") for host in [own.netloc, *self.hosts]]
        return where in [(host.hostname, host.port or 443) for host in hosts]

    def acr_values(self, *, least: int) -> str:
        """What to ask for, weakest first."""
        return " ".join(
            sorted((name for name in self.acr if self.acr[name] >= least), key=self.acr.__getitem__)
        )


_FILE = TypeAdapter(list[Provider])


def read(file: Path | None, *, production: bool) -> Mapping[str, Provider]:
    """The providers of the deployer's file, by name. None is no provider.

    Raises BadProvider where the file does not stand, and in production for one that is not reached by https.
    """
    if file is None:
        return {}
    try:
        found = _FILE.validate_json(file.read_bytes())
    except OSError as error:
        raise BadProvider(f"{file} cannot be read") from error
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise BadProvider(f"{file}: {said}") from None
    by_name = {provider.name: provider for provider in found}
    if len(by_name) != len(found) or len({provider.issuer for provider in found}) != len(found):
        raise BadProvider(f"{file}: two providers have one name, or one issuer")
    if production and any(provider.issuer.startswith("http://") for provider in found):
        raise BadProvider(f"{file}: an issuer is reached by https")
    return by_name


def make_key(folder: Path, provider: Provider) -> JSON:
    """The public JWK Set to register with the provider; its private half is made where there is none yet."""
    path = folder / provider.key
    if not path.exists():
        kid = secrets.token_hex(8)
        made = (
            ECKey.generate_key(f"P-{provider.assertion_algorithm[2:].replace('512', '521')}", {"kid": kid})
            if provider.assertion_algorithm.startswith("ES")
            else RSAKey.generate_key(MADE_RSA_BITS, {"kid": kid})
        )
        keys.keep(path, json.dumps(made.as_dict(private=True)))
    key = _own_key(folder, provider)
    return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": provider.assertion_algorithm}]}


def check_key(folder: Path, provider: Provider) -> None:
    """Raises keys.Missing or BadProvider where this service could not prove itself to the provider."""
    _own_key(folder, provider)


def assertion(folder: Path, provider: Provider, *, audience: str, at: datetime) -> str:
    """What proves this service at the provider's token endpoint: private_key_jwt, OpenID Connect Core section 9."""
    key = _own_key(folder, provider)
    issued_at = int(at.timestamp())
    claims = {
        "iss": provider.client_id,
        "sub": provider.client_id,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + ASSERTION_LIFE_S,
        "jti": secrets.token_urlsafe(24),
    }
    header = {"alg": provider.assertion_algorithm, "typ": "JWT", "kid": str(key.kid)}
    return jwt.encode(header, claims, key, algorithms=[provider.assertion_algorithm])


def _own_key(folder: Path, provider: Provider) -> RSAKey | ECKey:
    held = json.loads(keys.kept(folder / provider.key))
    kind = ECKey if provider.assertion_algorithm.startswith("ES") else RSAKey
    try:
        key = kind.import_key(held)
    except (JoseError, ValueError, KeyError, TypeError):
        raise BadProvider(f"{provider.key} holds no key for {provider.assertion_algorithm}") from None
    if not key.is_private or not key.kid:
        raise BadProvider(f"{provider.key} is not a private key with a kid")
    return key


class Begun(NamedTuple):
    """A sign-in that has begun, with what the provider is to send back or be shown.

    challenge: of the verifier, PKCE S256. next: where the person wanted to go. afresh: whether they must show
    again who they are. begun_at: aware.
    """

    state: str
    nonce: str
    verifier: str
    next: str
    afresh: bool
    begun_at: datetime

    @property
    def challenge(self) -> str:
        return _b64(hashlib.sha256(self.verifier.encode("ascii")).digest())


def begin(
    connection: Connection, provider: Provider, browser: str, *, next_: str, afresh: bool, at: datetime
) -> Begun:
    """browser: the secret of the browser's cookie, to which the sign-in is bound."""
    state = secrets.token_urlsafe(32)
    connection.execute(
        insert(tables.begun_sign_in).values(
            hash=hashed(state),
            browser=hashed(browser),
            provider=provider.name,
            next=next_,
            afresh=afresh,
            begun_at=microseconds(at),
            expires_at=microseconds(at + timedelta(seconds=BEGUN_LIFE_S)),
        )
    )
    return _of(state, browser, next_, afresh, at)


def take(connection: Connection, provider: Provider, browser: str, state: str, *, at: datetime) -> Begun:
    """The sign-in of this state, used up by this call whatever becomes of it.

    Raises Refused for a state that this browser did not begin with this provider, and for one used or over.
    """
    row = tables.begun_sign_in.c
    found = connection.execute(
        select(row.next, row.afresh, row.begun_at).where(
            row.hash == hashed(state),
            row.browser == hashed(browser),
            row.provider == provider.name,
            row.used_at.is_(None),
            row.expires_at > microseconds(at),
        )
    ).one_or_none()
    if found is None:
        raise Refused("over", "state")
    used = connection.execute(
        update(tables.begun_sign_in)
        .where(row.hash == hashed(state), row.used_at.is_(None))
        .values(used_at=microseconds(at))
    )
    if used.rowcount != 1:
        raise Refused("over", "state used")
    begun_at = tables.EPOCH + timedelta(microseconds=found.begun_at)
    return _of(state, browser, found.next, found.afresh, begun_at)


def forget(connection: Connection, *, at: datetime) -> None:
    """Delete what had begun and is over, and logout tokens whose second use would be refused by their age."""
    for table in (tables.begun_sign_in, tables.used_logout):
        connection.execute(table.delete().where(table.c.expires_at < microseconds(at)))


def _of(state: str, browser: str, next_: str, afresh: bool, begun_at: datetime) -> Begun:
    def made(of: str) -> str:
        return _b64(hmac.digest(browser.encode("utf-8"), f"{of}:{state}".encode(), "sha256"))

    return Begun(state, made("nonce"), made("verifier"), next_, afresh, begun_at)


class SignedIn(NamedTuple):
    """What a provider's id token says, once it is believed. signed_in_at: aware, None where it is not told."""

    subject: str
    claims: JSON
    signed_in_at: datetime | None


def check_id_token(
    token: object,
    provider: Provider,
    key_set: object,
    begun: Begun,
    *,
    access_token: str,
    at: datetime,
) -> SignedIn:
    """What the id token says. key_set: the provider's JWK Set as it was fetched.

    Raises UnknownKey where its kid is not in the set, Refused where it does not stand otherwise.
    Source: OpenID Connect Core 1.0, 3.1.3.7 and 3.1.3.8.
    """
    claims, algorithm = _signed_by(token, provider, key_set)
    at_s = at.timestamp()
    _check(_is_text(claims.get("sub")), "sub")
    expires_at, issued_at = claims.get("exp"), claims.get("iat")
    _check(type(expires_at) is int and at_s < expires_at + SKEW_S, "exp")
    _check(type(issued_at) is int and at_s - OLDEST_ID_TOKEN_S < issued_at <= at_s + SKEW_S, "iat")
    _check(_not_before(claims, at_s), "nbf")
    _check(_same(claims.get("nonce"), begun.nonce), "nonce")
    if "at_hash" in claims:
        _check(_same(claims["at_hash"], _half_hash(access_token, algorithm)), "at_hash")
    said = claims.get("auth_time")
    _check(said is None or (type(said) is int and 0 < said <= at_s + SKEW_S), "auth_time")
    if begun.afresh:
        # Whoever was asked to show again who they are did so after they were asked.
        _check(said is not None and said >= int(begun.begun_at.timestamp()) - SKEW_S, "auth_time")
    signed_in_at = None if said is None else datetime.fromtimestamp(said, tz=at.tzinfo)
    return SignedIn(claims["sub"], claims, signed_in_at)


class LoggedOut(NamedTuple):
    """Whom a provider has signed out: a subject, or one of its sessions with it."""

    subject: str | None
    sid: str | None


def check_logout(
    connection: Connection, token: object, provider: Provider, key_set: object, *, at: datetime
) -> LoggedOut:
    """What a logout token says, which is used up.

    Raises as `check_id_token`. Source: OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6.
    """
    claims, _ = _signed_by(token, provider, key_set)
    at_s = at.timestamp()
    issued_at, expires_at, jti = claims.get("iat"), claims.get("exp"), claims.get("jti")
    _check(type(issued_at) is int and at_s - OLDEST_ID_TOKEN_S < issued_at <= at_s + SKEW_S, "iat")
    _check(expires_at is None or (type(expires_at) is int and at_s < expires_at + SKEW_S), "exp")
    events = claims.get("events")
    _check(isinstance(events, dict) and isinstance(events.get(_BACK_CHANNEL), dict), "events")
    # An id token must not sign anybody out.
    _check("nonce" not in claims, "nonce")
    subject, sid = claims.get("sub"), claims.get("sid")
    _check(subject is None or _is_text(subject), "sub")
    _check(sid is None or _is_text(sid), "sid")
    _check(bool(subject or sid), "sub")
    _check(_is_text(jti), "jti")
    used = tables.used_logout.c
    known = hashed(f"{provider.issuer} {jti}")
    _check(connection.scalar(select(used.jti_hash).where(used.jti_hash == known)) is None, "jti")
    connection.execute(
        insert(tables.used_logout).values(
            jti_hash=known, expires_at=microseconds(at + timedelta(seconds=2 * OLDEST_ID_TOKEN_S))
        )
    )
    return LoggedOut(subject, sid)


class UnknownKey(Refused):
    """The token names a key that the provider's set, as it is held, has not: perhaps it was turned."""

    def __init__(self) -> None:
        super().__init__("unbelieved", "kid")


def _signed_by(token: object, provider: Provider, key_set: object) -> tuple[JSON, str]:
    """The claims, and the algorithm: signed by a key of the provider, for this service."""
    try:
        header = header_of(token if isinstance(token, str) and token.isascii() else "")
    except NotAdmitted:
        raise Refused("unbelieved", "form") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    _check(not _REFUSED_HEADERS & set(header), "header")
    _check(isinstance(algorithm, str) and algorithm in provider.id_token_algorithms, "alg")
    _check(_is_text(kid), "kid")
    key = _named(key_set, str(kid), str(algorithm))
    try:
        claims = jwt.decode(str(token), key, algorithms=[str(algorithm)]).claims
    except (JoseError, ValueError) as error:
        raise Refused("unbelieved", "signature") from error
    _check(claims.get("iss") == provider.issuer, "iss")
    _check(claims.get("aud") in (provider.client_id, [provider.client_id]), "aud")
    _check(claims.get("azp", provider.client_id) == provider.client_id, "azp")
    return claims, str(algorithm)


def _named(key_set: object, kid: str, algorithm: str) -> RSAKey | ECKey:
    """The one key of this kid. A key whose own words say that it is for something else is none."""
    held = key_set.get("keys") if isinstance(key_set, dict) else None
    _check(isinstance(held, list), "keys")
    named = [key for key in held or () if isinstance(key, dict) and key.get("kid") == kid]
    if not named:
        raise UnknownKey
    kind, class_ = ("EC", ECKey) if algorithm.startswith("ES") else ("RSA", RSAKey)
    found = named[0]
    _check(len(named) == 1 and found.get("kty") == kind, "kid")
    _check(found.get("use", "sig") == "sig" and found.get("alg", algorithm) == algorithm, "key")
    try:
        key: RSAKey | ECKey = class_.import_key(
            {name: found[name] for name in found if name in _PUBLIC[kind]}
        )
        bits = key.raw_value.key_size
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Refused("unbelieved", "key") from error
    _check(kind == "EC" or bits >= LEAST_RSA_BITS, "key")
    return key


_PUBLIC: Mapping[str, Sequence[str]] = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}


def check_assurance(provider: Provider, claims: JSON, *, least: int) -> str:
    """Staff: the `acr` of an id token, where the deployer knows it to be worth the level. Raises Refused."""
    said = claims.get("acr")
    if not isinstance(said, str) or provider.acr.get(said, 0) < least:
        raise Refused("weak", "acr")
    return said


def check_proofing(claims: JSON, told: JSON) -> str:
    """Parents: the vector of trust of this sign-in, where identity was proved to P9. Raises Refused.

    claims: of the id token. told: at the userinfo endpoint. Where a word stands in both it is the same.
    """
    vector, level = claims.get("vot"), told.get("identity_proofing_level")
    for name in ("vot", "identity_proofing_level"):
        if name in claims and name in told and claims[name] != told[name]:
            raise Refused("proofing", name)
    parts = set(vector.split(".")) if isinstance(vector, str) else set()
    # RFC 8485: the parts stand in any order, and more may be told than was asked.
    if level != PROOFED or not any(set(asked.split(".")) <= parts for asked in P9):
        raise Refused("proofing", "vot" if level == PROOFED else "identity_proofing_level")
    if any(part.startswith("P") and part != PROOFED for part in parts):
        raise Refused("proofing", "vot")
    return str(vector)


def _check(stands: bool, fault: str) -> None:
    if not stands:
        raise Refused("unbelieved", fault)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_TEXT and value.isprintable()


def _same(said: object, expected: str) -> bool:
    return isinstance(said, str) and hmac.compare_digest(said.encode("utf-8"), expected.encode("utf-8"))


def _not_before(claims: JSON, at_s: float) -> bool:
    said = claims.get("nbf")
    return said is None or (type(said) is int and said <= at_s + SKEW_S)


def _half_hash(text: str, algorithm: str) -> str:
    digest = hashlib.new(f"sha{algorithm[2:]}", text.encode("utf-8")).digest()
    return _b64(digest[: len(digest) // 2])


def _b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")
