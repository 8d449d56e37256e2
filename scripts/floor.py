"""The floor that the bench measures against: bare Flask routes that do the same reads and writes, as durably.

The same tables, rows and transactions, on a database of its own; no FHIR, no policy, no audit.
Not part of the service: `scripts/bench` starts it.
"""

import itertools
import json
import os
import time
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import bindparam, func, insert, select, text, true

from healthvisit.database import Database
from healthvisit.record import tables as t

# Index rows that one stored resource makes on the average: six, as in the record itself.
INDEX_ROWS = 5

database = Database(os.environ["FLOOR_DATABASE"])
# One process writes to SQLite; PostgreSQL numbers the rows of several.
numbers = itertools.count(1)
SEQUENCE = text("select nextval('resource_rid_seq') from generate_series(1, :count)")

READ = (
    select(t.resource_version.c.body)
    .join(t.resource, t.resource.c.rid == t.resource_version.c.rid)
    .where(t.resource.c.type == "Observation", t.resource.c.id == bindparam("id"))
)
has_code = select(t.search_token.c.rid).where(
    t.search_token.c.type == "Observation",
    t.search_token.c.parameter == "code",
    t.search_token.c.code == bindparam("code"),
    t.search_token.c.rid == t.search_reference.c.rid,
)
of_patient = (
    select(t.resource_version.c.body)
    .select_from(t.search_reference)
    .join(t.resource_version, t.search_reference.c.rid == t.resource_version.c.rid)
    .where(
        t.search_reference.c.type == "Observation",
        t.search_reference.c.parameter == "patient",
        t.search_reference.c.target_id == bindparam("patient"),
        t.search_reference.c.target_type == "Patient",
    )
    .order_by(t.search_reference.c.main_date.desc())
    .limit(50)
)
EVERYTHING = (
    select(t.resource_version.c.body)
    .select_from(t.search_reference)
    .join(t.resource_version, t.search_reference.c.rid == t.resource_version.c.rid)
    .where(
        t.search_reference.c.type.in_(("EpisodeOfCare", "Encounter", "QuestionnaireResponse", "Observation")),
        t.search_reference.c.parameter == "patient",
        t.search_reference.c.target_id == bindparam("patient"),
        t.search_reference.c.target_type == "Patient",
    )
)
COUNT = (
    select(func.count())
    .select_from(t.search_token)
    .join(t.search_reference, t.search_reference.c.rid == t.search_token.c.rid)
    .where(
        t.search_token.c.type == "Encounter",
        t.search_token.c.parameter == "code",
        t.search_token.c.code == bindparam("code"),
        t.search_reference.c.main_date.between(bindparam("low"), bindparam("high")),
    )
)
# Each database in the shape that it answers by index: PostgreSQL makes a hash of all rows out of exists().
SEARCH = (
    of_patient.where(has_code.exists())
    if database.is_sqlite
    else of_patient.join(has_code.limit(1).lateral(), true())
)

app = Flask(__name__)


def store(resources: list[dict[str, Any]]) -> list[str]:
    at = time.time_ns() // 1000
    with database.writing() as connection:
        if database.is_sqlite:
            rows = list(zip(numbers, resources, strict=False))
        else:
            rows = list(zip(connection.scalars(SEQUENCE, {"count": len(resources)}), resources, strict=True))
        connection.execute(
            insert(t.resource),
            [
                {
                    "rid": rid,
                    "type": r["resourceType"],
                    "id": str(rid),
                    "version": 1,
                    "updated_at": at,
                    "audience": "child",
                }
                for rid, r in rows
            ],
        )
        connection.execute(
            insert(t.resource_version),
            [
                {"rid": rid, "version": 1, "updated_at": at, "method": "POST", "account": "floor",
                 "body": json.dumps(r).encode()}
                for rid, r in rows
            ],
        )  # fmt: skip
        connection.execute(
            insert(t.search_token),
            [
                {"type": r["resourceType"], "parameter": "code" if n == 0 else f"p{n}", "code": "27113001",
                 "system": "", "rid": rid}
                for rid, r in rows
                for n in range(INDEX_ROWS)
            ],
        )  # fmt: skip
        connection.execute(
            insert(t.search_reference),
            [
                {"type": r["resourceType"], "parameter": "patient", "target_type": "Patient",
                 "target_id": child(r) or str(rid), "main_date": at + n, "rid": rid}
                for n, (rid, r) in enumerate(rows)
            ],
        )  # fmt: skip
    return [str(rid) for rid, _ in rows]


def child(resource: dict[str, Any]) -> str | None:
    found: str | None = (resource.get("subject") or resource.get("patient") or {}).get("reference")
    return found


@app.get("/")
def ready() -> Response:
    return Response("ready")


@app.post("/bundle")
def bundle() -> Response:
    ids = store([entry["resource"] for entry in json.loads(request.data)["entry"]])
    return Response(json.dumps(ids), content_type="application/json")


@app.post("/one")
def one() -> Response:
    return Response(json.dumps(store([json.loads(request.data)])), 201, content_type="application/json")


@app.get("/one/<id_>")
def read(id_: str) -> Response:
    with database.reading() as connection:
        body = connection.execute(READ, {"id": id_}).scalar()
    return Response(body, 200 if body else 404, content_type="application/json")


@app.get("/search")
def search() -> Response:
    with database.reading() as connection:
        found = connection.execute(SEARCH, {"patient": request.args["patient"], "code": request.args["code"]})
        joined = b",".join(row.body for row in found)
    return Response(b"[" + joined + b"]", content_type="application/json")


@app.get("/everything")
def everything() -> Response:
    with database.reading() as connection:
        joined = b",".join(
            row.body for row in connection.execute(EVERYTHING, {"patient": request.args["patient"]})
        )
    return Response(b"[" + joined + b"]", content_type="application/json")


@app.get("/count")
def count() -> Response:
    with database.reading() as connection:
        asked = {name: int(request.args[name]) for name in ("low", "high")}
        found = connection.execute(COUNT, {"code": request.args["code"], **asked}).scalar()
    return Response(json.dumps(found), content_type="application/json")
