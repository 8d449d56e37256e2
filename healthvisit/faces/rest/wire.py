"""Bytes in and out: media types, bodies, ETags, preferences, searchset and history Bundles, page links.

Bundles are joined from the stored bytes: what was sent is what comes back. https://hl7.org/fhir/R4/http.html
"""

import gzip
import random
import re
import time
import uuid
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from flask import Response, request
from werkzeug.datastructures import Accept, MIMEAccept
from werkzeug.exceptions import NotAcceptable, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_accept_header

from healthvisit.database import Contended
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.faces import door
from healthvisit.faces.rest.outcomes import CONTENT_TYPE, outcome
from healthvisit.record.errors import Invalid, Issue
from healthvisit.record.patch import JSON_PATCH
from healthvisit.record.record import Page, Record, Version

T = TypeVar("T")

_JSON_TYPES = ("application/fhir+json", "application/json")
_FORMATS = {"json", "application/json", "application/fhir+json", "text/json"}
_PREFERENCE = re.compile(r"\breturn=(minimal|representation|OperationOutcome)\b")
_STORED = Issue("informational", "Stored.")
# Below this, what packing saves is less than what it costs; and little is saved past this level.
_PACKED_FROM_BYTES, _PACKING = 1024, 4
# The kinds of patch that are taken.
ACCEPT_PATCH = f"{JSON_PATCH}, application/fhir+json"
# Before the second and the third try, at most.
_PAUSES_S = (0.05, 0.2)
_WEAK_TAG = re.compile(r'W/"([1-9][0-9]*)"\Z')


def agree_media_type() -> None:
    """Raises NotAcceptable unless the requester takes JSON. _format overrides Accept."""
    if request.query_string and (asked := request.args.get("_format")) is not None:
        if asked.split(";")[0].strip() not in _FORMATS:
            raise NotAcceptable("This service speaks application/fhir+json only.")
        return
    if not _takes_json(request.headers.get("Accept", "")):
        raise NotAcceptable("This service speaks application/fhir+json only.")


# An app says the same every time.
@lru_cache(maxsize=256)
def _takes_json(accept: str) -> bool:
    found = parse_accept_header(accept, MIMEAccept)
    return not found or found.best_match(_JSON_TYPES) is not None


def body() -> JSON:
    """The request's JSON object. Raises Malformed, Invalid, UnsupportedMediaType or RequestEntityTooLarge."""
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype not in _JSON_TYPES or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("Send application/fhir+json in UTF-8.")
    value = loads(sent())
    if not isinstance(value, dict):
        raise Invalid("The body must be one JSON object.")
    return value


def patch() -> JSON:
    """The request's patch as the record takes it: Parameters, or a Binary that holds a JSON Patch.

    Raises what `body` does. https://hl7.org/fhir/R4/http.html#patch
    """
    if request.mimetype == JSON_PATCH:
        data = b64encode(sent()).decode("ascii")
        return {"resourceType": "Binary", "contentType": JSON_PATCH, "data": data}
    if request.mimetype not in _JSON_TYPES:
        error = UnsupportedMediaType(
            "A patch is application/json-patch+json, or Parameters as application/fhir+json."
        )
        error.response = outcome([Issue("not-supported", str(error.description))], 415)
        error.response.headers["Accept-Patch"] = ACCEPT_PATCH
        raise error
    value = body()
    if value.get("resourceType") != "Parameters":
        raise Invalid("A patch in FHIR JSON is a Parameters resource.", "Parameters")
    return value


def sent() -> bytes:
    """The request's body, unpacked where it came packed.

    Raises UnsupportedMediaType for a packing other than gzip, RequestEntityTooLarge for one that unpacks to more
    than a body may have, Invalid for one that does not unpack.
    """
    text = request.get_data(cache=True)
    packing = request.headers.get("Content-Encoding", "identity").strip().lower()
    if packing == "identity":
        return text
    if packing != "gzip":
        raise UnsupportedMediaType("Send the body as it is, or in gzip.")
    most = door.house().settings.body_limit_bytes
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        # A few kilobytes can unpack to gigabytes: no more is unpacked than is taken.
        found = unpacking.decompress(text, most + 1)
    except zlib.error:
        raise Invalid("The body does not unpack.") from None
    if len(found) > most:
        raise RequestEntityTooLarge
    if not unpacking.eof or unpacking.unused_data:
        raise Invalid("The body does not unpack.")
    return found


def query() -> str:
    """The query of a conditional interaction, without what is about the bytes. Raises Invalid."""
    return urlencode(parameters())


def persistently(store: Callable[[], T]) -> T:
    """What `store` answers; it is tried again where another writer was in its way. Raises Unavailable."""
    for pause_s in _PAUSES_S:
        try:
            return store()
        except Contended:
            time.sleep(pause_s * random.random())  # noqa: S311 - nothing secret
    return store()


def parameters(*, form: bool = False) -> list[tuple[str, str]]:
    """Search parameters in the order sent, without _format and _pretty, which are about the bytes."""
    try:
        pairs = parse_qsl(request.query_string.decode("ascii"), keep_blank_values=True, errors="strict")
        if form:
            pairs += parse_qsl(sent().decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeError, ValueError):
        raise Invalid("The query is not well formed.") from None
    return [(name, value) for name, value in pairs if name not in ("_format", "_pretty")]


def operation() -> str | None:
    """The sender's permanent UUID of this operation, from Idempotency-Key. Raises Invalid for anything else."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    try:
        return str(uuid.UUID(key.strip().strip('"')))
    except ValueError:
        raise Invalid("Idempotency-Key must be a UUID.") from None


def if_match() -> str | None:
    """The version that If-Match names, as text; None where there is no such header."""
    return tagged(request.headers.get("If-Match"))


def tagged(tag: str | None) -> str | None:
    """'W/"3"' -> "3". Raises Invalid for a tag that this service never gave."""
    if tag is None:
        return None
    match = _WEAK_TAG.match(tag.strip())
    if match is None:
        raise Invalid('A version is named as W/"<version>".')
    return match[1]


def location(version: Version) -> str:
    return f"{door.house().settings.fhir_base}/{version.type}/{version.id}/_history/{version.version}"


def resource(version: Version, status: int = 200) -> Response:
    """One resource with its ETag and Last-Modified; 304 where the requester already holds this version."""
    tag = f'W/"{version.version}"'
    reads = status == 200 and request.method in ("GET", "HEAD")
    if reads and version.is_held(request.headers.get("If-None-Match"), request.if_modified_since):
        answer = Response(status=304)
    else:
        answer = Response(version.body, status, content_type=CONTENT_TYPE)
    answer.headers["ETag"] = tag
    answer.headers["Last-Modified"] = http_date(version.updated_at)
    return answer


def written(version: Version, status: int) -> Response:
    """The answer to a create or update, as Prefer asks; a Location only where something was made or changed."""
    match _preferred():
        case "minimal":
            answer = Response(status=status)
        case "OperationOutcome":
            answer = outcome([_STORED], status, severity="information")
        case _:
            answer = Response(version.body, status, content_type=CONTENT_TYPE)
    answer.headers["ETag"] = f'W/"{version.version}"'
    answer.headers["Last-Modified"] = http_date(version.updated_at)
    answer.headers["Location"] = location(version)
    return answer


def prefer(entry: JSON, record: Record) -> None:
    """Fills the answer's entry to what was written in a bundle, as Prefer asks; no more than where it is,
    unless it asks."""
    preferred, response = _preferred(), entry["response"]
    if preferred == "representation" and "location" in response:
        type_, id_, _, version = response["location"].split("/")
        own = record.wrote(type_, id_, int(version))
        if own is not None:
            entry["resource"] = own.json()
    if preferred == "OperationOutcome" and "resource" not in entry:
        response["outcome"] = loads(outcome([_STORED], 200, severity="information").get_data())


def _preferred() -> str | None:
    match = _PREFERENCE.search(request.headers.get("Prefer", ""))
    return match[1] if match else None


def finished(response: Response) -> Response:
    """The answer indented where _pretty asks, and packed where its reader takes gzip and it is worth it."""
    if response.is_streamed or response.direct_passthrough or "Content-Encoding" in response.headers:
        return response
    if request.query_string and request.args.get("_pretty") == "true" and response.mimetype in _JSON_TYPES:
        response.set_data(msgspec.json.format(response.get_data(), indent=2))
    text = response.get_data()
    if len(text) < _PACKED_FROM_BYTES:
        return response
    response.vary.add("Accept-Encoding")
    if _takes_gzip(request.headers.get("Accept-Encoding", "")):
        response.set_data(gzip.compress(text, compresslevel=_PACKING, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=256)
def _takes_gzip(encodings: str) -> bool:
    return parse_accept_header(encodings, Accept).quality("gzip") > 0


def http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def searchset(page: Page, path: str) -> Response:
    base = door.house().settings.fhir_base
    entries = [
        b'{"fullUrl":"%s/%s/%s","resource":%s,"search":{"mode":"%s"}}'
        % (base.encode(), found.type.encode(), found.id.encode(), found.body, mode)
        for versions, mode in ((page.matches, b"match"), (page.included, b"include"))
        for found in versions
    ]
    return _bundle("searchset", page, path, entries)


def history(page: Page, path: str) -> Response:
    base = door.house().settings.fhir_base
    entries = [
        b'{"fullUrl":"%s/%s/%s",%s"request":%s,"response":%s}'
        % (
            base.encode(),
            found.type.encode(),
            found.id.encode(),
            # A deletion is told, and has nothing to show.
            b'"resource":%s,' % found.body if found.body else b"",
            *_how_it_came(found),
        )
        for found in page.matches
    ]
    return _bundle("history", page, path, entries)


_STATUSES = {"POST": "201 Created", "PUT": "200 OK", "DELETE": "204 No Content"}


def _how_it_came(version: Version) -> tuple[bytes, bytes]:
    created = version.method == "POST"
    return (
        dumps({"method": version.method, "url": version.type if created else f"{version.type}/{version.id}"}),
        dumps(
            {
                "status": _STATUSES[version.method],
                "etag": f'W/"{version.version}"',
                "lastModified": version.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        ),
    )


def _bundle(type_: str, page: Page, path: str, entries: Iterable[bytes]) -> Response:
    head: dict[str, Any] = {"resourceType": "Bundle", "type": type_}
    if page.total is not None:
        head["total"] = page.total
    head["link"] = [{"relation": "self", "url": _url(path, page.parameters)}]
    if page.next is not None:
        kept = [pair for pair in page.parameters if pair[0] != "_page"]
        head["link"].append({"relation": "next", "url": _url(path, [*kept, ("_page", page.next)])})
    text = dumps(head)
    joined = b",".join(entries)
    if joined:
        # An empty array is not FHIR: entry stands only where there is one.
        text = text[:-1] + b',"entry":[' + joined + b"]}"
    return Response(text, content_type=CONTENT_TYPE)


def _url(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    query = f"?{urlencode(pairs)}" if pairs else ""
    return f"{door.house().settings.fhir_base}/{path}{query}"
