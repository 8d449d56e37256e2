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
    Column("kind", Text, nullable=False),  # demo (signs in here) or system (a client app's own)
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
    Index(None, "account"),
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
