"""The second lock: row-level security of PostgreSQL, put anew at each `healthvisit migrate` (docs/decisions/0013).

The service logs in as a role that owns nothing. What it is given of each table stands in GRANTED, and which rows
in the policies: they read settings that record/within.py makes of a reach and database.py tells the server with the
first statement of each unit of work. Nothing told means nothing seen. The condition of record/predicate.py is the
first lock; this one is written apart from it, in SQL, and must hold alone. What scopes narrow within a reach is for
the first alone. https://www.postgresql.org/docs/15/ddl-rowsecurity.html
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from healthvisit.access import visibility

SEARCH = (
    "search_token", "search_reference", "search_date", "search_string", "search_quantity", "search_pair",
)  # fmt: skip

_ADDED = "SELECT, INSERT"
_KEPT = "SELECT, INSERT, UPDATE"
_MADE_AGAIN = "SELECT, INSERT, DELETE"
_ALL = "SELECT, INSERT, UPDATE, DELETE"
# What the serving role may do with each table. History, audit and receipts are added to and never changed.
GRANTED = {
    # What a resource is and whose child's is never changed.
    "resource": "SELECT, INSERT,"
    " UPDATE (version, updated_at, author_borough, released_at, restricted, sensitive, deleted)",
    "resource_version": _ADDED,
    "responsibility": _MADE_AGAIN,
    "opened_glass": "SELECT, INSERT, UPDATE (reviewed_by, reviewed_at, outcome)",
    "transfer": "SELECT, INSERT, UPDATE (state, settled_by, settled_at, settled_reason, episode)",
    "ended_care": _ADDED,
    "imported_row": "SELECT, INSERT,"
    " UPDATE (state, content, child_rid, encounter, settled_by, settled_at, reason)",
    "late_visit": "SELECT, INSERT, UPDATE (state, content, encounter, settled_by, settled_at, reason)",
    "tablet": "SELECT, INSERT, UPDATE (boroughs, once, build, heard_at, unsent, oldest_at)",
    "child_identifier": "SELECT, INSERT, DELETE, UPDATE (held)",
    **dict.fromkeys(SEARCH, _MADE_AGAIN),
    "receipt": _ADDED,
    "audit_event": _ADDED,
    "audit_anchor": _ADDED,
    "export_job": _KEPT,
    "account_event": _ADDED,
    **dict.fromkeys(
        ("relationship", "client_app", "session", "token_family", "authorization_code", "token", "launch"), _KEPT
    ),
    **dict.fromkeys(("used_assertion", "verified_adult", "used_logout"), _KEPT),
    **dict.fromkeys(
        ("account", "account_borough", "sign_in_attempt", "begun_sign_in", "federated_identity", "workplace", "post"),
        _ALL,
    ),
}  # fmt: skip

_ACCOUNTS = "who may sign in, and how: asked before anybody is known, and tells nothing of a child's record"
# Tables without a policy, and why.
OPEN = {
    "audit_anchor": "hashes and places of streams; every process goes on from the last, whoever asks",
    "opened_glass": "who has whom open is asked before it is known who asks, as with relationships",
    "account_event": _ACCOUNTS,
    **dict.fromkeys(
        (
            "account", "account_borough", "relationship", "client_app", "session", "token_family",
            "authorization_code", "token", "launch", "used_assertion", "sign_in_attempt", "begun_sign_in",
            "used_logout", "federated_identity", "verified_adult", "workplace", "post",
        ),
        _ACCOUNTS,
    ),
}  # fmt: skip

# Search rows whose values name no person (record/within.py): how many there are may be counted across reach.
_NAMELESS = "strpos(parameter, 'identifier') = 0 AND parameter NOT IN ('phone', 'email', 'telecom')"


def _told(name: str) -> str:
    # What was never told and what is told no more are the same.
    return f"coalesce(current_setting('healthvisit.{name}', true), '')"


_KIND = _told("kind")
_OPENING = _told("opening")
_BOROUGHS = f"string_to_array({_told('boroughs')}, ',')"
_ON = f"nullif({_told('on')}, '')::date"
# As a subselect it is asked once for a statement and not for each row.
_NAMED = f"(SELECT healthvisit_named({_told('patients')}))::bigint[]"
_ONE_CHILD = f"{_told('patients')} <> ''"


def _mine(author: str) -> str:
    return f"{author} = ANY ((SELECT {_BOROUGHS})::text[])"


def _answers(child_rid: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM responsibility s WHERE s.child_rid = {child_rid}"
        f" AND s.borough = ANY ({_BOROUGHS}) AND s.from_on <= {_ON}"
        f" AND (s.until_on IS NULL OR s.until_on > {_ON}))"
    )


def _opened(child_rid: str) -> str:
    """Of a child of another borough, opened in an emergency."""
    named = f"(SELECT healthvisit_named({_told('opened')}))::bigint[]"
    return f"({_told('opened')} <> '' AND {child_rid} = ANY ({named}))"


def _of_patient(child_rid: str) -> str:
    return f"(NOT {_ONE_CHILD} OR {child_rid} = ANY ({_NAMED}))"


# What is seldom asked stands in functions: a condition costs each statement, asked or not.


def _despite(child_rid: str, author: str) -> str:
    """A paper that is restricted is reached all the same."""
    return f"healthvisit_despite({child_rid}, {author})"


def _offered(row: str) -> str:
    """What is told, while a transfer is dealt with, to the service that a child is offered to."""
    return f"{_OPENING} = 'transfer' AND healthvisit_offered({row}.child_rid, {row}.type, {row}.restricted)"


def _asked(row: str) -> str:
    """The Patients with the one NHS number that somebody gives who opens a child in an emergency."""
    return f"{_OPENING} = 'glass' AND {row}.type = 'Patient' AND healthvisit_asked({row}.rid)"


def _marked(row: str) -> str:
    """All that stands of a child of one's own, papers of other boroughs too, while it is marked or unmarked."""
    return f"{_OPENING} = 'marking' AND {_answers(f'{row}.child_rid')}"


_TYPES = ", ".join(f"'{type_}'" for type_ in sorted(visibility.TYPES))


def _reached(row: str, *, pointer: bool) -> str:
    """Rows of resource within reach. pointer: also those that lead to something of it without their content."""
    of_child = f"{row}.child_rid"
    child = f"{_mine(f'{row}.author_borough')} OR {_answers(of_child)} OR {_opened(of_child)}"
    office = f"{row}.audience = 'borough' AND {row}.type = 'MeasureReport'"
    office += f" AND {row}.author_borough = ANY ({_BOROUGHS})"
    more = ""
    borough = ""
    own = ""
    if pointer:
        own = f" OR healthvisit_once_wrote({row}.rid)"
        # A version that a team wrote is its own, also where another wrote what stands.
        child += (
            f" OR {row}.version > 1 AND EXISTS (SELECT 1 FROM healthvisit_wrote w WHERE w.rid = {row}.rid)"
        )
        office += f" OR {row}.type = 'Patient' AND {_answers(f'{row}.child_rid')}"
        borough = f" OR {_OPENING} = 'numbers' AND {row}.type = 'Patient'"
        more = "WHEN 'look' THEN true"
    return f"""CASE {_KIND}
        WHEN 'borough' THEN {row}.audience IN ('shared', 'published')
            OR {row}.audience = 'child' AND ({child}) AND {_of_patient(f"{row}.child_rid")}
                AND (NOT {row}.restricted OR {_despite(f"{row}.child_rid", f"{row}.author_borough")}{own})
            OR {row}.audience = 'borough' AND {row}.author_borough = ANY ({_BOROUGHS}) AND NOT {_ONE_CHILD}
            OR {_OPENING} <> '' AND {row}.audience = 'child'
                AND ({_offered(row)} OR {_asked(row)} OR {_marked(row)}{borough})
        WHEN 'office' THEN {row}.audience IN ('shared', 'published') OR {office}
        WHEN 'child' THEN {row}.audience = 'shared' OR {row}.audience = 'child' AND {row}.type IN ({_TYPES})
            AND ({row}.type = 'Patient' OR {row}.released_at <= nullif({_told("moment")}, '')::bigint)
            AND NOT {row}.restricted AND {row}.child_rid = ANY ({_NAMED})
        WHEN 'published' THEN {row}.audience IN ('shared', 'published')
        WHEN 'shared' THEN {row}.audience = 'shared'
        {more} ELSE false END"""


# Views and functions are asked with the rights of the owner, past the policies. They tell of rows by
# numbers that name nobody, and no more than a policy asks of them.
_VIEWS = {
    "healthvisit_wrote": f"SELECT v.rid FROM resource_version v WHERE v.author_borough = ANY ({_BOROUGHS})",
    "healthvisit_reached": f"SELECT r.rid FROM resource r WHERE {_reached('r', pointer=False)}",
    # No reach has the record of a child from before its adoption.
    "healthvisit_sealed": "SELECT r.rid FROM resource r WHERE r.audience = 'sealed'",
    # What nobody may write to who asks now.
    "healthvisit_foreign": f"""SELECT r.rid FROM resource r
        WHERE (r.audience = 'sealed' OR coalesce(r.author_borough <> ALL ({_BOROUGHS}), true))
            AND NOT ({_offered("r")}) AND NOT ({_marked("r")})""",
}

# By name: arguments, type, and the one question that is answered.
_FUNCTIONS = {
    # The rows of Patients, by their ids with commas.
    "healthvisit_named": (
        "ids text",
        "bigint[]",
        """SELECT coalesce(array_agg(r.rid), '{}') FROM resource r
            WHERE r.type = 'Patient' AND r.id = ANY (string_to_array(ids, ','))""",
    ),
    "healthvisit_despite": (
        "child bigint, author text",
        "boolean",
        f"""SELECT {_told("staff")} = 'true' AND (author = ANY ({_BOROUGHS}) OR EXISTS (
                SELECT 1 FROM transfer t WHERE t.child_rid = child AND t.to_borough = ANY ({_BOROUGHS})
                    AND t.state = 'accepted' AND t.restricted_handed_over))
            OR {_told("lead")} = 'true' AND ({_answers("child")} OR {_opened("child")})""",
    ),
    # A version of what is restricted now, which staff of the borough wrote before.
    "healthvisit_once_wrote": (
        "which bigint",
        "boolean",
        f"""SELECT {_told("staff")} = 'true' AND EXISTS (SELECT 1 FROM resource_version v
            WHERE v.rid = which AND v.author_borough = ANY ({_BOROUGHS}))""",
    ),
    "healthvisit_offered": (
        "child bigint, kind text, restricted boolean",
        "boolean",
        f"""SELECT EXISTS (SELECT 1 FROM transfer t WHERE t.child_rid = child AND t.to_borough = ANY ({_BOROUGHS})
            AND (kind = 'Patient' OR t.state = 'offered'
                AND kind IN ('EpisodeOfCare', 'Provenance', 'Task', 'ServiceRequest')
                AND (NOT restricted OR t.restricted_handed_over)))""",
    ),
    "healthvisit_asked": (
        "child bigint",
        "boolean",
        f"""SELECT EXISTS (SELECT 1 FROM child_identifier i WHERE i.child_rid = child AND i.value = {_told("asked")})""",
    ),
    # The number of a child whom one of the boroughs ever had, wherever the child is now.
    "healthvisit_once_had": (
        "which text, had text",
        "bigint",
        f"""SELECT r.rid FROM resource r WHERE {_OPENING} = 'handing-in' AND r.type = 'Patient' AND r.id = which
            AND (EXISTS (SELECT 1 FROM responsibility s WHERE s.child_rid = r.rid
                    AND s.borough = ANY (string_to_array(had, ',')))
                OR EXISTS (SELECT 1 FROM resource p JOIN resource_version v ON v.rid = p.rid
                    WHERE p.child_rid = r.rid AND v.author_borough = ANY (string_to_array(had, ','))))""",
    ),
    # That a restricted paper was read or written tells that it is there.
    "healthvisit_hides": (
        "kind text, which text",
        "boolean",
        f"""SELECT EXISTS (SELECT 1 FROM resource r WHERE r.type = kind AND r.id = which AND r.restricted
            AND NOT ({_KIND} = 'borough' AND {_despite("r.child_rid", "r.author_borough")}))""",
    ),
    "healthvisit_reads": (
        "which bigint, number integer",
        "boolean",
        f"""SELECT EXISTS (SELECT 1 FROM resource_version v JOIN resource r ON r.rid = v.rid
            WHERE v.rid = which AND v.version = number AND CASE {_KIND}
            WHEN 'borough' THEN r.audience IN ('shared', 'published')
                OR r.audience = 'child' AND {_of_patient("r.child_rid")}
                    AND (v.author_borough = ANY ({_BOROUGHS}) OR {_answers("r.child_rid")} OR {_opened("r.child_rid")})
                    AND (NOT r.restricted AND (NOT v.restricted OR v.version = r.version)
                        OR {_despite("r.child_rid", "v.author_borough")})
                OR r.audience = 'borough' AND v.author_borough = ANY ({_BOROUGHS}) AND NOT {_ONE_CHILD}
                OR r.audience = 'child' AND ({_offered("r")} OR {_asked("r")} OR {_marked("r")})
            WHEN 'office' THEN r.audience IN ('shared', 'published')
                OR r.audience = 'borough' AND r.type = 'MeasureReport' AND v.author_borough = ANY ({_BOROUGHS})
            ELSE {_reached("r", pointer=False)}
                AND (r.audience <> 'child' OR v.version = r.version OR r.deleted AND v.version = r.version - 1)
            END)""",
    ),
}


def _not_foreign(rid: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM healthvisit_foreign f WHERE f.rid = {rid})"


def _within(rid: str) -> str:
    # A value and no EXISTS: PostgreSQL would rather read every resource first than ask for each row.
    return f"(SELECT true FROM healthvisit_reached r WHERE r.rid = {rid})"


_OWN = f"""{_KIND} = 'borough' AND (
    resource.audience = 'child' AND {_mine("resource.author_borough")} AND {_of_patient("resource.child_rid")}
        AND ({_answers("resource.child_rid")}
            OR {_not_foreign("resource.child_rid")}
                AND NOT EXISTS (SELECT 1 FROM responsibility n WHERE n.child_rid = resource.child_rid
                    AND n.from_on <= {_ON} AND (n.until_on IS NULL OR n.until_on > {_ON}))"""
_OWN_END = f""")
    OR resource.audience = 'borough' AND resource.author_borough = ANY ({_BOROUGHS}) AND NOT {_ONE_CHILD}
    OR resource.audience = 'child' AND ({_offered("resource")} OR {_marked("resource")}))"""
# A service takes up a child again whom it may still read.
_ENTERED = f"{_OWN} OR resource.type = 'EpisodeOfCare' AND {_within('resource.child_rid')}{_OWN_END}"
# And it corrects when its own time ended.
_CHANGED = f"""{_OWN} OR resource.type = 'EpisodeOfCare' AND EXISTS (SELECT 1 FROM responsibility e
    WHERE e.episode_rid = resource.rid AND e.borough = ANY ({_BOROUGHS})){_OWN_END}"""

# A new service also takes back what one before it still offers.
_OF_A_SIDE = f"""{_KIND} = 'borough' AND (transfer.from_borough = ANY ({_BOROUGHS})
    OR transfer.to_borough = ANY ({_BOROUGHS}) OR {_answers("transfer.child_rid")})"""
_OWN_EPISODE = f"""{_KIND} = 'borough' AND (responsibility.borough = ANY ({_BOROUGHS})
        AND {_not_foreign("responsibility.episode_rid")}
    OR {_OPENING} = 'transfer' AND healthvisit_offered(responsibility.child_rid, 'EpisodeOfCare', false))"""
_OF_AN_IMPORT = f"""{_KIND} = 'borough' AND {_told("staff")} = 'true' AND NOT {_ONE_CHILD}
    AND {_mine("imported_row.borough")}"""
_OWN_ACCOUNT = f"account = {_told('account')}"
_OF_A_LATE_VISIT = f"""{_KIND} = 'borough' AND {_told("staff")} = 'true' AND NOT {_ONE_CHILD}
    AND (NOT late_visit.restricted OR {_told("lead")} = 'true') AND {_answers("late_visit.child_rid")}"""
# What was exported before a child was marked is taken back.
_OF_A_JOB = f"({_KIND} = 'worker' OR {_OWN_ACCOUNT} OR {_KIND} = 'borough' AND {_OPENING} = 'marking')"

# By table and command: the rows that are seen, or changed, and what may be written.
POLICIES: dict[str, dict[str, str]] = {
    "resource": {
        "SELECT": f"USING ({_reached('resource', pointer=True)})",
        "INSERT": f"WITH CHECK ({_ENTERED})",
        # What a reference names is held while it is written, by a lock that asks for this.
        "UPDATE": f"USING ({_KIND} = 'borough') WITH CHECK ({_CHANGED})",
    },
    "resource_version": {
        "SELECT": f"""USING ({_KIND} = 'borough' AND NOT {_ONE_CHILD} AND {_told("staff")} = 'true'
                AND {_mine("resource_version.author_borough")} AND NOT EXISTS (
                    SELECT 1 FROM healthvisit_sealed d WHERE d.rid = resource_version.rid)
            OR healthvisit_reads(resource_version.rid, resource_version.version))""",
        "INSERT": f"""WITH CHECK ({_KIND} = 'borough' AND {_not_foreign("resource_version.rid")}
            AND ({_OPENING} = 'transfer' OR {_mine("resource_version.author_borough")}))""",
    },
    # By numbers that name nobody: who wrote last year, and who may write now, hangs on all of them.
    "responsibility": {
        "SELECT": f"USING ({_KIND} IN ('borough', 'office')"
        # A parent's page asks until when somebody answered, and shows not who.
        f" OR {_KIND} = 'child' AND {_OPENING} = 'care' AND responsibility.child_rid = ANY ({_NAMED}))",
        "INSERT": f"WITH CHECK ({_OWN_EPISODE})",
        "DELETE": f"USING ({_OWN_EPISODE})",
    },
    "transfer": {
        "SELECT": f"USING ({_OF_A_SIDE})",
        "INSERT": f"WITH CHECK ({_KIND} = 'borough' AND transfer.from_borough = ANY ({_BOROUGHS}))",
        "UPDATE": f"USING ({_OF_A_SIDE}) WITH CHECK ({_OF_A_SIDE})",
    },
    # Where a family went is for staff of the borough that knows it; who of them is for the first lock.
    "ended_care": {
        "SELECT": f"USING ({_KIND} = 'borough' AND {_told('staff')} = 'true' AND {_mine('ended_care.borough')})",
        "INSERT": f"WITH CHECK ({_KIND} = 'borough' AND {_mine('ended_care.borough')}"
        f" AND {_answers('ended_care.child_rid')})",
    },
    # What a paper says of a child whom nobody has found yet is for staff of the borough that brought it.
    "imported_row": {
        "SELECT": f"USING ({_OF_AN_IMPORT})",
        "INSERT": f"WITH CHECK ({_OF_AN_IMPORT})",
        "UPDATE": f"USING ({_OF_AN_IMPORT}) WITH CHECK ({_OF_AN_IMPORT})",
    },
    # What was recorded of a child who went is for staff of the borough that answers for the child now; who recorded it
    # is shown nothing of it.
    "late_visit": {
        "SELECT": f"USING ({_OF_A_LATE_VISIT})",
        "INSERT": f"WITH CHECK ({_OWN_ACCOUNT} AND state = 'waiting')",
        "UPDATE": f"USING ({_OF_A_LATE_VISIT}) WITH CHECK ({_OF_A_LATE_VISIT})",
    },
    # A tablet tells of itself; that staff of its boroughs, past ones too, are told is for the first lock to narrow.
    "tablet": {
        "SELECT": f"""USING ({_OWN_ACCOUNT} OR {_KIND} = 'borough' AND {_told("staff")} = 'true' AND NOT {_ONE_CHILD}
            AND string_to_array(tablet.once, ',') && {_BOROUGHS})""",
        "INSERT": f"WITH CHECK ({_OWN_ACCOUNT})",
        "UPDATE": f"USING ({_OWN_ACCOUNT}) WITH CHECK ({_OWN_ACCOUNT})",
    },
    "child_identifier": {
        "SELECT": f"USING ({_OPENING} = 'numbers' OR {_OPENING} = 'glass' AND child_identifier.value = {_told('asked')}"
        f" OR {_within('child_identifier.child_rid')})",
        "INSERT": f"WITH CHECK ({_KIND} = 'borough' AND {_not_foreign('child_identifier.child_rid')})",
        "DELETE": f"USING ({_KIND} = 'borough' AND {_not_foreign('child_identifier.child_rid')})",
        "UPDATE": f"USING ({_OPENING} = 'numbers') WITH CHECK (child_identifier.held)",
    },
    "receipt": {"SELECT": f"USING ({_OWN_ACCOUNT})", "INSERT": f"WITH CHECK ({_OWN_ACCOUNT})"},
    "audit_event": {
        "SELECT": f"""USING (CASE {_KIND}
            WHEN 'borough' THEN {_answers("audit_event.child_rid")} AND {_of_patient("audit_event.child_rid")}
            WHEN 'office' THEN {_answers("audit_event.child_rid")}
            WHEN 'child' THEN audit_event.child_rid = ANY ({_NAMED})
            ELSE false END
            AND NOT healthvisit_hides(audit_event.type, audit_event.resource_id)
            OR {_OPENING} = 'refusals' AND {_KIND} = 'borough' AND {_told("staff")} = 'true'
                AND audit_event.child_rid IS NULL AND audit_event.outcome = 4 AND audit_event.detail = '$open'
                AND string_to_array(audit_event.boroughs, ',') && {_BOROUGHS})""",
        # One statement writes the events of several who ask at once.
        "INSERT": "WITH CHECK (true)",
    },
    "export_job": {
        "SELECT": f"USING ({_OF_A_JOB})",
        "INSERT": f"WITH CHECK ({_OWN_ACCOUNT})",
        "UPDATE": f"USING ({_OF_A_JOB}) WITH CHECK ({_OF_A_JOB})",
    },
    **{
        table: {
            "SELECT": f"""USING (CASE {_KIND} WHEN 'look' THEN {looked}
                ELSE {_within(f"{table}.rid")} END)""",
            "INSERT": f"WITH CHECK ({_KIND} = 'borough' AND {_not_foreign(f'{table}.rid')})",
            "DELETE": f"USING ({_KIND} = 'borough' AND {_not_foreign(f'{table}.rid')})",
        }
        for table, looked in {
            **dict.fromkeys(SEARCH, _NAMELESS),
            "search_string": "false",
            "search_reference": f"target_type <> 'Patient' AND {_NAMELESS}",
        }.items()
    },
}  # fmt: skip


def put(connection: Connection, serving: str | None) -> None:
    """Put policies and grants as this version has them; on SQLite nothing.

    serving: the login of the service, None where it is the owner's own: nobody else is let in then, and the
    service itself has the first lock alone.
    """
    if connection.dialect.name != "postgresql":
        return
    for statement in _statements(connection, serving):
        connection.exec_driver_sql(statement)


def _statements(connection: Connection, serving: str | None) -> Iterator[str]:
    quoted = connection.dialect.identifier_preparer.quote_identifier
    schema = quoted(str(connection.scalar(text("SELECT current_schema()"))))
    standing = connection.execute(
        text("SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema()")
    ).all()
    for table, policy in standing:
        yield f"DROP POLICY {quoted(policy)} ON {quoted(table)}"
    for view in _VIEWS:
        yield f"DROP VIEW IF EXISTS {view}"
    for name, (arguments, _, _) in _FUNCTIONS.items():
        yield f"DROP FUNCTION IF EXISTS {name}({arguments})"
    for name, (arguments, kind, asked) in _FUNCTIONS.items():
        yield (
            f"CREATE FUNCTION {name}({arguments}) RETURNS {kind} LANGUAGE plpgsql STABLE SECURITY DEFINER"
            f" SET search_path = {schema}, pg_temp AS $$ BEGIN RETURN ({asked}); END $$"
        )
        yield f"REVOKE ALL ON FUNCTION {name}({arguments}) FROM PUBLIC"
    for view, asked in _VIEWS.items():
        yield f"CREATE VIEW {view} AS {asked}"
    for table in POLICIES:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        yield f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)"
    if serving is None:
        return
    role = quoted(serving)
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
    for name, (arguments, _, _) in _FUNCTIONS.items():
        yield f"GRANT EXECUTE ON FUNCTION {name}({arguments}) TO {role}"
    for view in _VIEWS:
        yield f"GRANT SELECT ON {view} TO {role}"
    for table, granted in GRANTED.items():
        yield f"GRANT {granted} ON {table} TO {role}"
    for table, by_command in POLICIES.items():
        for command, condition in by_command.items():
            name = f"serving_{command.lower()}"
            yield f"CREATE POLICY {name} ON {table} FOR {command} TO {role} {condition}"
