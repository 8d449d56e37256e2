"""Tables of people, apps, relationships, sessions and tokens.

Text throughout: a token does not fit where a library thought it would, and SQLite would not say so. Instants
are microseconds since 1970 UTC. What opens a door is kept as its SHA-256 (`hash`), never in clear.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
)

from healthvisit.database import metadata

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970 UTC of an aware instant."""
    return (at - EPOCH) // timedelta(microseconds=1)


def hashed(secret: str) -> str:
    """How a random secret is kept. Not for passwords: those are guessable and need argon2."""
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()


account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    # demo (signs in here), federated (through an identity provider) or system (a client app's own)
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sign_in_name", Text, unique=True),
    Column("password_hash", Text),
    Column("fhir_user", Text),
    # raised whenever what the account may do changes: every token and session of an older epoch is out
    Column("epoch", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
)

# For which boroughs the account works: from the first day to before the last.
account_borough = Table(
    "account_borough",
    metadata,
    Column("account", Text, ForeignKey("account.id"), nullable=False),
    Column("borough", Text, nullable=False),
    Column("from_on", Date, nullable=False),
    Column("until_on", Date),
    PrimaryKeyConstraint("account", "borough", "from_on"),
)

# One person's work on one tablet, as the tablet last told of it. Nothing of a child.
tablet = Table(
    "tablet",
    metadata,
    Column("account", Text, ForeignKey("account.id"), nullable=False),
    Column("device", Text, nullable=False),  # the id that the tablet made for itself
    Column(
        "boroughs", Text, nullable=False
    ),  # GSS codes that the account works for, or did last, with commas
    Column("once", Text, nullable=False),  # all that it ever worked for with this tablet
    Column("build", Text, nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    Column("heard_at", BigInteger, nullable=False),
    Column("unsent", Integer, nullable=False),
    Column("oldest_at", BigInteger),
    PrimaryKeyConstraint("account", "device"),
)

# Which adult may see which child. Parents are judged one by one: each pair has its row, and none is deleted.
relationship = Table(
    "relationship",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("account.id"), nullable=False),
    Column("child", Text, nullable=False),
    Column("related_person", Text),
    Column("from_on", Date, nullable=False),
    Column("until_on", Date),
    Column("withdrawn_at", BigInteger),
    Index(None, "account"),
    Index(None, "child"),
)

client_app = Table(
    "client_app",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("confidential", Boolean, nullable=False),
    Column("redirect_uris", Text, nullable=False),  # one a line; compared as exact text
    Column("scope", Text, nullable=False),  # the most it may ask for
    Column("jwks", Text),
    Column("account", Text, ForeignKey("account.id")),  # whom a system client acts as
    Column("first_party", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("launch_uri", Text),  # where the app is opened for one child, from the service's own pages
    # a resource server of ours: it may ask about the tokens of every app, not only its own
    Column("introspects", Boolean, nullable=False, server_default=false()),
)

session = Table(
    "session",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account", Text, ForeignKey("account.id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    # of an identity provider, and of what it told: NULL for a password
    Column("provider", Text),
    Column("acr", Text),
    Column("sid", Text),  # its own name of the session there
    Column("signed_in_at", BigInteger),  # when the person showed who they are
    Index(None, "account"),
    Index(None, "sid"),
)

# One grant by one person to one app; every token that comes of it belongs to this family and falls with it.
token_family = Table(
    "token_family",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("account.id"), nullable=False),
    Column("client", Text, ForeignKey("client_app.client_id"), nullable=False),
    Column("scope", Text, nullable=False),
    Column("child", Text),  # the one child that patient/ scopes speak of
    Column("epoch", Integer, nullable=False),
    Column("session", Text),  # hash of the browser session it was granted in
    Column("granted_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("encounter", Text),  # the one visit that the app was opened for
    Index(None, "account"),
    Index(None, "session"),
)

authorization_code = Table(
    "authorization_code",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("family", Text, ForeignKey("token_family.id"), nullable=False),
    Column("client", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("nonce", Text),  # of the app, for its id token
)

token = Table(
    "token",
    metadata,
    Column("jti", Text, primary_key=True),  # of an access token its jti, of a refresh token its hash
    Column("family", Text, ForeignKey("token_family.id"), nullable=False),
    Column("kind", Text, nullable=False),  # access or refresh
    Column("scope", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),  # of a refresh token: when it was exchanged
    Column("revoked_at", BigInteger),
    Column(
        "salt", Text
    ),  # of a refresh token that was exchanged: its successor is made of both, and kept nowhere
    Index(None, "family"),
)

# What one health visitor opened one app for; good once, for that person and that app.
launch = Table(
    "launch",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account", Text, ForeignKey("account.id"), nullable=False),
    Column("client", Text, ForeignKey("client_app.client_id"), nullable=False),
    Column("child", Text, nullable=False),
    Column("encounter", Text),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

used_assertion = Table(
    "used_assertion",
    metadata,
    Column("client", Text, nullable=False),
    Column("jti_hash", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("client", "jti_hash"),
)

# What sign-in was tried with lately: a hash of the name, and of the address it came from.
sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("wait_until", BigInteger, nullable=False),
)

# A sign-in that was handed to an identity provider; good once, for the browser that began it.
begun_sign_in = Table(
    "begun_sign_in",
    metadata,
    Column("hash", Text, primary_key=True),  # of the state
    Column("browser", Text, nullable=False),  # hash of the browser's secret
    Column("provider", Text, nullable=False),
    Column("next", Text, nullable=False),  # path here, "" for the person's own pages
    Column("afresh", Boolean, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Index(None, "expires_at"),
)

used_logout = Table(
    "used_logout",
    metadata,
    Column("jti_hash", Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
)

# Who an account is to an identity provider: one of them, and there one person.
federated_identity = Table(
    "federated_identity",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("account", Text, ForeignKey("account.id"), nullable=False, unique=True),
    Column("organisation", Text),  # ODS code of the role that staff selected last
    Column("role_code", Text),
    PrimaryKeyConstraint("issuer", "subject"),
)

# Adults whose relationship with a child was verified. By hash: no number of an adult stands here.
verified_adult = Table(
    "verified_adult",
    metadata,
    Column("account", Text, ForeignKey("account.id"), primary_key=True),
    Column("number_hash", Text, nullable=False, unique=True),
    Column("birth_hash", Text, nullable=False),
    Column("name_hash", Text, nullable=False),
)

# The deployer's tables: in which boroughs an organisation works, from the first day to before the last ...
workplace = Table(
    "workplace",
    metadata,
    Column("organisation", Text, nullable=False),  # ODS code
    Column("borough", Text, nullable=False),
    Column("from_on", Date, nullable=False),
    Column("until_on", Date),
    PrimaryKeyConstraint("organisation", "borough", "from_on"),
)

# ... and what a role code of the provider means here.
post = Table(
    "post",
    metadata,
    Column("role_code", Text, primary_key=True),
    Column("role", Text, nullable=False),
)

# Who signed in, which app was given what kind of thing, and what was refused. Rows are added and never changed.
account_event = Table(
    "account_event",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # events.Kind
    Column("outcome", Text, nullable=False),  # done, refused or held
    Column("account", Text),  # NULL where nobody is known by what was shown
    Column("client", Text),
    Column("request", Text, nullable=False),  # as in audit_event
    Index(None, "account", "seq"),
)
