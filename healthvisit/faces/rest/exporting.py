"""Bulk Data over HTTP: kick-off, status, files. https://hl7.org/fhir/uv/bulkdata/STU2/export.html"""

import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from flask import Response, request, stream_with_context

from healthvisit.access.requester import STAFF, Role
from healthvisit.accounts import people
from healthvisit.exact_json import dumps
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, wire
from healthvisit.faces.rest.asked import Asked
from healthvisit.faces.rest.outcomes import outcome
from healthvisit.record import export, instants
from healthvisit.record.errors import Forbidden, Invalid, Issue, NotFound
from healthvisit.record.export import File

# Parents see a view of the record, resource by resource: there is nothing of it in files.
ROLES: tuple[Role, ...] = (*STAFF, "commissioner", "system-client")

RETRY_S = 2
BLOCK = 1 << 18
_NDJSON = "application/fhir+ndjson"
_ASYNC = re.compile(r"(^|[,;\s])respond-async($|[,;\s])")
_LENIENT = re.compile(r"\bhandling\s*=\s*lenient\b")


def kick_off(asked: Asked) -> Response:
    prefer = request.headers.get("Prefer", "")
    if not _ASYNC.search(prefer):
        raise Invalid("An export is asked with Prefer: respond-async.")
    wanted = export.understood(
        asked.level,
        asked.id,
        asked.words,
        url=f"{_base()}{request.full_path.rstrip('?').removeprefix('/fhir')}",
        lenient=_LENIENT.search(prefer) is not None,
    )
    with door.record(writing=True) as record:
        job = export.ask(
            record,
            wanted,
            epoch=_epoch(),
            most=door.house().settings.export_jobs,
            request=door.request_id(),
            at=door.house().clock(),
        )
    answer = outcome([Issue("informational", "The export will be made.")], 202, severity="information")
    answer.headers["Content-Location"] = _address(job)
    return answer


@blueprint.get("/$export-status/<job>")
@door.admits(*ROLES)
def status(job: str) -> Response:
    here = door.house()
    found = export.status(here.database, door.requester(), job, at=here.clock())
    if found.state in ("waiting", "running") or found.answer is None:
        answer = Response(status=202)
        answer.headers["X-Progress"] = f"{found.written} resources written"
        answer.headers["Retry-After"] = str(RETRY_S)
        return answer
    if found.answer.fault is not None:
        told = "The export was not made. Ask again."
        return outcome([Issue(found.answer.fault, told)], 403 if found.answer.fault == "forbidden" else 500)

    def listed(files: list[File]) -> list[dict[str, object]]:
        return [
            {"type": each.type, "url": f"{_address(job)}/{each.name}", "count": each.lines} for each in files
        ]

    manifest = {
        "transactionTime": instants.text(found.answer.transaction_at),
        "request": found.asked.url,
        "requiresAccessToken": True,
        "output": listed(found.answer.files),
        "deleted": listed(found.answer.deleted),
        "error": [],
    }
    answer = Response(dumps(manifest), content_type="application/json")
    if found.expires_at is not None:
        answer.headers["Expires"] = wire.http_date(instants.from_micros(found.expires_at))
    return answer


@blueprint.delete("/$export-status/<job>")
@door.admits(*ROLES)
def cancel(job: str) -> Response:
    with door.record(writing=True) as record:
        export.cancel(record, job, at=door.house().clock())
    return outcome([Issue("informational", "The export is ended.")], 202, severity="information")


@blueprint.get("/$export-status/<job>/<name>")
@door.admits(*ROLES)
def file(job: str, name: str) -> Response:
    with door.record() as record:
        found = export.file(record, job, name, epoch=_epoch(), at=door.house().clock())
    packed = request.accept_encodings.quality("gzip") > 0 and request.method != "HEAD"
    # Opened here, so that a file that was deleted a moment ago is an error and no half answer.
    blocks = _blocks(door.house().settings.export_folder / found)
    admitted = _while_admitted(blocks)
    answer = Response(stream_with_context(_packed(admitted) if packed else admitted), content_type=_NDJSON)
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    return answer


def _blocks(path: Path) -> Generator[bytes, None, None]:
    if not path.is_file():
        raise NotFound
    opened = path.open("rb")

    def read() -> Generator[bytes, None, None]:
        with opened:
            while block := opened.read(BLOCK):
                yield block

    return read()


def _while_admitted(blocks: Generator[bytes, None, None]) -> Iterator[bytes]:
    """The blocks, for as long as the token stands and the account works for the same boroughs in the same role.

    Else it raises, and the connection breaks off: an answer that ended well would be taken for the whole file.
    """
    asked = door.requester()
    with closing(blocks):
        for block in blocks:
            yield block
            now = door.asked_again()
            if now.role != asked.role or not now.boroughs >= asked.boroughs:
                raise Forbidden("What the account may reach has changed since.")


def _packed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=31)
    for block in blocks:
        if made := packer.compress(block):
            yield made
    yield packer.flush()


def _epoch() -> int:
    with door.house().database.reading() as connection:
        return people.epoch_of(connection, door.requester().account)


def _address(job: str) -> str:
    return f"{_base()}/$export-status/{job}"


def _base() -> str:
    return door.house().settings.fhir_base
