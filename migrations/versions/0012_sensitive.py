"""Children who are marked as sensitive: what is theirs, and what they are no longer searched by."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
PATIENTS = """
    select r.rid, v.body from resource r
    join resource_version v on v.rid = r.rid and v.version = r.version
    where r.type = 'Patient' and r.audience in ('child', 'sealed') and WITHIN > 0
"""
# What tells a place by its own name, or by what it leads to; by what stands in one of those that are shown of the
# others nobody searches.
PLACES = (
    "address", "address-city", "address-country", "address-postalcode", "address-state", "address-use", "telecom",
    "phone", "email", "general-practitioner", "link", "location", "facility", "setting", "slot",
)  # fmt: skip
BY_NAME = r"""
    delete from TABLE where rid in (select rid from resource where child_rid = :child)
    and (parameter in :places or parameter like '%\:identifier')
"""
BY_TARGET = """
    delete from search_reference where rid in (select rid from resource where child_rid = :child)
    and (target_type in ('Location', 'HealthcareService')
        or target_type = '' and parameter not in ('questionnaire', 'instantiates-canonical'))
"""
TABLES = (
    "search_token",
    "search_reference",
    "search_date",
    "search_string",
    "search_quantity",
    "search_pair",
)


def upgrade() -> None:
    op.add_column("resource", sa.Column("sensitive", sa.Boolean(), nullable=False, server_default=sa.false()))
    connection = op.get_bind()
    within = "position(cast(:word as bytea) in v.body)"
    if connection.dialect.name == "sqlite":
        within = "instr(v.body, :word)"
    patients = connection.execute(sa.text(PATIENTS.replace("WITHIN", within)), {"word": b'"security"'}).all()
    for patient in patients:
        labels = json.loads(patient.body).get("meta", {}).get("security", ())
        if any(
            label.get("code") in ("R", "V") and label.get("system") in (CONFIDENTIALITY, None)
            for label in labels
        ):
            _mark(connection, patient.rid)


def _mark(connection: sa.Connection, child: int) -> None:
    connection.execute(
        sa.text("update resource set sensitive = true where child_rid = :child"), {"child": child}
    )
    for table in TABLES:
        connection.execute(
            sa.text(BY_NAME.replace("TABLE", table)).bindparams(sa.bindparam("places", expanding=True)),
            {"child": child, "places": list(PLACES)},
        )
    connection.execute(sa.text(BY_TARGET), {"child": child})
