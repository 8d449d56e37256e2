"""Papers that are restricted for the safeguarding of a child, as they were marked before there was a column."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
VERSIONS = """
    select v.rid, v.version, r.child_rid, v.version = r.version as stands, v.body
    from resource_version v join resource r on r.rid = v.rid
    where r.audience = 'child' and r.type not in ('Patient', 'EpisodeOfCare') and WITHIN > 0
"""
NEVER = ("Patient", "EpisodeOfCare", "RelatedPerson")


def upgrade() -> None:
    for table in ("resource", "resource_version"):
        op.add_column(table, sa.Column("restricted", sa.Boolean(), nullable=False, server_default=sa.false()))
    connection = op.get_bind()
    within = "position(cast(:word as bytea) in v.body)"
    if connection.dialect.name == "sqlite":
        within = "instr(v.body, :word)"
    statement = VERSIONS.replace("WITHIN", within)
    versions = connection.execute(sa.text(statement), {"word": CONFIDENTIALITY.encode()}).all()
    marked = [row for row in versions if _is_marked(json.loads(row.body))]
    for row in marked:
        connection.execute(
            sa.text("update resource_version set restricted = true where rid = :rid and version = :version"),
            {"rid": row.rid, "version": row.version},
        )
    for child in {row.child_rid for row in marked if row.stands}:
        _restrict(connection, child)


def _is_marked(body: dict[str, Any]) -> bool:
    return any(
        label.get("code") in ("R", "V") and label.get("system") == CONFIDENTIALITY
        for label in body.get("meta", {}).get("security", ())
    )


def _restrict(connection: sa.Connection, child: int) -> None:
    """The child's marked papers, and those that name them."""
    papers = [
        (row.rid, f"{row.type}/{row.id}", json.loads(row.body))
        for row in connection.execute(
            sa.text(
                "select r.rid, r.type, r.id, v.body from resource r"
                " join resource_version v on v.rid = r.rid and v.version = r.version"
                " where r.child_rid = :child and not r.deleted"
            ),
            {"child": child},
        )
        if row.type not in ("Patient", "EpisodeOfCare")
    ]
    found = {name for _, name, body in papers if _is_marked(body)}
    passing = {name for name in found if not name.startswith(NEVER)}
    while fresh := {
        name for _, name, body in papers if name not in found and not passing.isdisjoint(_named(body))
    }:
        found |= fresh
        passing |= {name for name in fresh if not name.startswith(NEVER)}
    for rid, name, _ in papers:
        if name in found:
            connection.execute(
                sa.text("update resource set restricted = true where rid = :rid"), {"rid": rid}
            )


def _named(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = (
            {value["reference"].partition("/_history")[0]}
            if isinstance(value.get("reference"), str)
            else set()
        )
        return own.union(*map(_named, value.values()))
    return set().union(*map(_named, value)) if isinstance(value, list) else set()
