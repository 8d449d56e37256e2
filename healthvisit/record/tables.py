"""Tables of the record.

`resource` points at the current version and holds what the server alone decides: whose it is and who may
reach it. `resource_version` is append-only and keeps the JSON as it was sent. The `search_*` tables are
narrow index rows of the current version. Instants are microseconds since 1970 UTC, so that both databases
compare them alike.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from healthvisit.database import metadata

# SQLite numbers rows by itself only for a column of its INTEGER type.
Rid = BigInteger().with_variant(Integer, "sqlite")
# A text that is searched by range or sorted: by code point, whatever language the database is set to.
Word = Text().with_variant(Text(collation="C"), "postgresql")

resource = Table(
    "resource",
    metadata,
    Column("rid", Rid, primary_key=True),
    Column("type", Word, nullable=False),
    Column("id", Word, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # shared, child, borough (a borough's own return) or published (frozen figures)
    Column("audience", Text, nullable=False),
    # the Patient row of the child this belongs to; a Patient belongs to itself
    Column("child_rid", Rid, ForeignKey("resource.rid")),
    # GSS code of the borough on whose behalf the current version was written
    Column("author_borough", Text),
    # when a professional released it to the parents
    Column("released_at", BigInteger),
    # it, or what it is about, carries a mark of confidentiality: for the safeguarding of the child
    Column("restricted", Boolean, nullable=False, server_default=false()),
    # of a child whose Patient is marked as sensitive: what can tell where the family is, is hidden
    Column("sensitive", Boolean, nullable=False, server_default=false()),
    # the current version is its deletion: it has no body and no search rows
    Column("deleted", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("type", "id"),
    Index(None, "child_rid", "type"),
    Index(None, "type", "updated_at", "rid"),
)

resource_version = Table(
    "resource_version",
    metadata,
    Column("rid", Rid, ForeignKey("resource.rid"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("author_borough", Text),
    Column("account", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # as it was written; what stands is as restricted as its row of resource
    Column("restricted", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("rid", "version"),
    # history of a type and of the whole record, in the order of time
    Index(None, "updated_at", "rid"),
)

# Which borough answers for a child, from EpisodeOfCare: from the first day to before the last.
responsibility = Table(
    "responsibility",
    metadata,
    Column("episode_rid", Rid, ForeignKey("resource.rid"), primary_key=True),
    Column("child_rid", Rid, ForeignKey("resource.rid"), nullable=False),
    Column("borough", Text, nullable=False),
    Column("from_on", Date, nullable=False),
    Column("until_on", Date),
    Index(None, "child_rid", "borough"),
    Index(None, "borough", "child_rid"),
)

# A child that one borough's service offers to another's, and what became of it. Rows are never deleted.
transfer = Table(
    "transfer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("child_rid", Rid, ForeignKey("resource.rid"), nullable=False),
    Column("from_borough", Text, nullable=False),
    Column("to_borough", Text, nullable=False),
    Column("offered_by", Text, nullable=False),  # account
    Column("offered_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),  # code of CodeSystem transfer-reason
    Column("note", Text),
    # the restricted papers of the child go with it
    Column("restricted_handed_over", Boolean, nullable=False),
    Column("state", Text, nullable=False),  # offered, accepted, declined or withdrawn
    Column("settled_by", Text),  # account
    Column("settled_at", BigInteger),
    Column("settled_reason", Text),  # code of CodeSystem transfer-refusal, where it was declined
    Column("episode", Text),  # id of the EpisodeOfCare that accepting began
    Index(
        "ix_transfer_offered",
        "child_rid",
        unique=True,
        sqlite_where=text("state = 'offered'"),
        postgresql_where=text("state = 'offered'"),
    ),
    Index(None, "to_borough", "state"),
    Index(None, "from_borough", "state"),
    Index(None, "child_rid", "state"),
)

# The care of a child that a service ended, and where the child went. Rows are never deleted.
ended_care = Table(
    "ended_care",
    metadata,
    Column("id", Text, primary_key=True),
    Column("child_rid", Rid, ForeignKey("resource.rid"), nullable=False),
    Column("borough", Text, nullable=False),
    Column("reason", Text, nullable=False),  # code of CodeSystem end-reason
    Column("ended_on", Date, nullable=False),
    # for those who lead alone: where the family went, and which service takes the child up there
    Column("place", Text),
    Column("service", Text),
    Column("ended_by", Text, nullable=False),  # account
    Column("ended_at", BigInteger, nullable=False),
    Index(None, "borough", "ended_at"),
    Index(None, "child_rid"),
)

# A child of another borough whom staff has opened in an emergency. Rows are never deleted.
opened_glass = Table(
    "opened_glass",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("boroughs", Text, nullable=False),  # GSS codes that the account worked for then, with commas
    Column("child_rid", Rid, ForeignKey("resource.rid"), nullable=False),
    # id of the Patient: who asks is known by one statement, which needs no row of the record
    Column("child", Text, nullable=False),
    Column("reason", Text, nullable=False),  # code of CodeSystem opening-reason
    Column("sentence", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("reviewed_by", Text),  # account
    Column("reviewed_at", BigInteger),
    Column("outcome", Text),  # code of CodeSystem opening-outcome
    Index(None, "account", "until"),
    Index(None, "child_rid", "opened_at"),
)

# A row of a borough's paper backlog or of an older system's extract. Rows are never deleted: the same file again adds
# nothing. What the row says of a child is kept while it waits for a person, and no longer.
imported_row = Table(
    "imported_row",
    metadata,
    Column("id", Text, primary_key=True),
    Column("borough", Text, nullable=False),
    Column("reference", Text, nullable=False),  # what names the review where it comes from
    Column("digest", Text, nullable=False),  # SHA-256 of what the row says
    Column("file", Text, nullable=False),  # SHA-256 of the file that brought it
    Column("number", Integer, nullable=False),  # of the row in that file, the header being 1
    Column("brought_by", Text, nullable=False),  # account
    Column("brought_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # imported, waiting, aside or refused
    Column("question", Text),  # code of CodeSystem import-question, where it had to wait
    Column("content", LargeBinary),  # JSON: the row, while it waits
    Column("child_rid", Rid, ForeignKey("resource.rid")),
    Column("encounter", Text),  # id of the Encounter that it became
    Column("settled_by", Text),  # account
    Column("settled_at", BigInteger),
    Column("reason", Text),  # code of CodeSystem import-refusal, where it was refused
    UniqueConstraint("borough", "reference"),
    Index(None, "borough", "state", "brought_at"),
)

# A visit of a child for whom the team that recorded it no longer answers. Rows are never deleted; what the visit says is
# kept until it stands in the record.
late_visit = Table(
    "late_visit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),  # who recorded it
    Column("operation", Text, nullable=False),  # the tablet's UUID
    Column("practitioner", Text),  # "Practitioner/<id>" of the account then
    Column("from_borough", Text, nullable=False),
    Column("child_rid", Rid, ForeignKey("resource.rid"), nullable=False),
    Column("restricted", Boolean, nullable=False),  # a paper of it is marked
    Column("content", LargeBinary),  # JSON: the transaction, byte for byte
    Column("received_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # waiting, taken or refused
    Column("encounter", Text),  # id of the Encounter that it became
    Column("settled_by", Text),  # account
    Column("settled_at", BigInteger),
    Column("reason", Text),  # code of CodeSystem late-visit-refusal, where it was refused
    UniqueConstraint("account", "operation"),
    Index(None, "child_rid", "state"),
)

# An NHS number is one child's, as far as whoever gives it can see. Where a child out of their reach has it both are
# held for a person to settle: telling would tell where a child is, or that there is one.
child_identifier = Table(
    "child_identifier",
    metadata,
    Column("system", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("borough", Text, nullable=False),
    Column("child_rid", Rid, ForeignKey("resource.rid"), nullable=False),
    Column("held", Boolean, nullable=False),
    PrimaryKeyConstraint("system", "value", "child_rid"),
    Index(None, "child_rid"),
)

# The search rows carry no foreign key: they are made again from the resource whenever it changes, by one
# function, and a check for each of ten rows a resource would cost more than the rows themselves.

search_token = Table(
    "search_token",
    metadata,
    Column("type", Word, nullable=False),
    Column("parameter", Word, nullable=False),
    Column("code", Word, nullable=False),
    Column("system", Word, nullable=False),  # "" where the coding states none
    Column("rid", Rid, nullable=False),
    # rid before system: one code is one range in the order of rid, and a probe for one resource is one seek
    PrimaryKeyConstraint("type", "parameter", "code", "rid", "system"),
    Index(None, "rid"),
    sqlite_with_rowid=False,
)

search_reference = Table(
    "search_reference",
    metadata,
    Column("type", Word, nullable=False),
    Column("parameter", Word, nullable=False),
    Column("target_type", Word, nullable=False),
    Column("target_id", Word, nullable=False),
    # the main date of the resource that refers, so that one patient's page by date is one index range
    Column("main_date", BigInteger, nullable=False),
    Column("rid", Rid, nullable=False),
    PrimaryKeyConstraint("type", "parameter", "target_id", "target_type", "main_date", "rid"),
    Index(None, "rid"),
    sqlite_with_rowid=False,
)

# A date is an interval: low its first microsecond, high its last; an open end is the least or greatest one.
search_date = Table(
    "search_date",
    metadata,
    Column("type", Word, nullable=False),
    Column("parameter", Word, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    Column("rid", Rid, nullable=False),
    # rid before high: a list by date is one range in the order of (low, rid)
    PrimaryKeyConstraint("type", "parameter", "low", "rid", "high"),
    Index(None, "rid"),
    # The few intervals longer than two days (search/date.py SHORT_US) are found by their end, so that every
    # other search between two dates is a range of low.
    Index(
        "ix_search_date_long",
        "type",
        "parameter",
        "high",
        "low",
        sqlite_where=text("high > low + 172800000000"),
        postgresql_where=text("high > low + 172800000000"),
    ),
    sqlite_with_rowid=False,
)

search_string = Table(
    "search_string",
    metadata,
    Column("type", Word, nullable=False),
    Column("parameter", Word, nullable=False),
    Column("folded", Word, nullable=False),  # lower case, no accents, single spaces
    Column("exact", Word, nullable=False),
    Column("rid", Rid, nullable=False),
    PrimaryKeyConstraint("type", "parameter", "folded", "exact", "rid"),
    Index(None, "rid"),
    sqlite_with_rowid=False,
)

# Numbers are kept as texts that sort as the numbers do (search/number.py): exact, whatever their digits.
search_quantity = Table(
    "search_quantity",
    metadata,
    Column("type", Word, nullable=False),
    Column("parameter", Word, nullable=False),
    Column("low", Word, nullable=False),
    Column("high", Word, nullable=False),
    Column("code", Word, nullable=False),  # of the unit; "" for a plain number
    Column("system", Word, nullable=False),
    Column("rid", Rid, nullable=False),
    PrimaryKeyConstraint("type", "parameter", "low", "rid", "high", "code", "system"),
    Index(None, "rid"),
    sqlite_with_rowid=False,
)

# Composite parameters: two values that stand in the same repeat, a code and a code or quantity.
search_pair = Table(
    "search_pair",
    metadata,
    Column("type", Word, nullable=False),
    Column("parameter", Word, nullable=False),
    Column("code", Word, nullable=False),
    Column("system", Word, nullable=False),
    Column("second_code", Word, nullable=False),
    Column("second_system", Word, nullable=False),
    Column("low", Word, nullable=False),  # "" where the second value is a code
    Column("high", Word, nullable=False),
    Column("rid", Rid, nullable=False),
    PrimaryKeyConstraint(
        "type", "parameter", "code", "low", "rid", "system", "second_code", "second_system", "high"
    ),
    Index(None, "rid"),
    sqlite_with_rowid=False,
)

receipt = Table(
    "receipt",
    metadata,
    Column("account", Text, nullable=False),
    Column("operation", Text, nullable=False),  # the tablet's UUID
    Column("request_hash", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account", "operation"),
)

# No foreign key here either: what was done is told even where the row it was done to is gone.
audit_event = Table(
    "audit_event",
    metadata,
    Column("seq", Rid, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("interaction", Text, nullable=False),  # FHIR restful-interaction code
    Column("outcome", SmallInteger, nullable=False),  # 0 done, 4 refused, 8 failed
    Column("account", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("client", Text),
    Column("type", Text),
    Column("resource_id", Text),
    Column("version", Integer),
    Column("child_rid", Rid),
    Column("request", Text, nullable=False),  # one id for all events of one request
    Column("detail", Text),  # an operation's name, and what it came to in numbers
    Column("boroughs", Text),  # GSS codes that the account worked for then, with commas
    # its place in the chain (record/chain.py); none for what was written before there was one
    Column("stream", BigInteger),
    Column("place", BigInteger),
    Column("before", LargeBinary),
    Column("hash", LargeBinary),
    Index(None, "child_rid", "seq"),
    Index("ix_audit_event_stream_place", "stream", "place", unique=True),
)

# How far the streams of the audit had come; chained as well.
audit_anchor = Table(
    "audit_anchor",
    metadata,
    Column("number", Rid, primary_key=True),
    Column("recorded_at", BigInteger, nullable=False),
    # greatest seq then, where every stream was looked at; else only those of the process that made it
    Column("through", BigInteger),
    Column("unchained", BigInteger, nullable=False),  # events from before the chain began
    Column("heads", Text, nullable=False),  # JSON: [stream, place, hash in hexadecimal] of each
    Column("before", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

# One Bulk Data export: what was asked, by whom, who works on it now, and what came of it. Kept after its files.
export_job = Table(
    "export_job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("epoch", Integer, nullable=False),  # of the account when it asked
    Column("scopes", Text, nullable=False),
    Column("asked", LargeBinary, nullable=False),  # JSON: export.Asked
    Column("request", Text, nullable=False),  # as in audit_event
    Column("asked_at", BigInteger, nullable=False),
    # waiting, running, done, failed, cancelled or forgotten
    Column("state", Text, nullable=False),
    # which try this is: a worker that lost its lease no longer writes
    Column("attempt", Integer, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),  # resources so far
    Column("answer", LargeBinary),  # JSON: export.Answer
    Column("expires_at", BigInteger),
    Index(None, "state", "asked_at"),
    Index(None, "account", "state"),
)
