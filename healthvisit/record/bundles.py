"""Transaction bundles: the entries in the order of processing, and the answer in the order they were sent.

https://hl7.org/fhir/R4/http.html#transaction
Entries POST, PUT and GET. References by urn:uuid or urn:oid are to the fullUrl of another entry.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from healthvisit.exact_json import JSON
from healthvisit.record import references
from healthvisit.record.errors import Invalid, Issue

ORDER = ("POST", "PUT", "GET")
# A bundle is one transaction, and others wait for it.
MOST_ENTRIES = 2000

Parameters = list[tuple[str, str]]


class Entry(NamedTuple):
    """number: where it stood; id: of PUT and GET; query: of a GET that searches; body: of POST and PUT."""

    number: int
    method: str
    type: str
    id: str | None = None
    version: str | None = None
    query: Parameters | None = None
    body: JSON | None = None
    full_url: str | None = None
    if_match: str | None = None
    if_none_exist: str | None = None

    @property
    def place(self) -> str:
        return f"Bundle.entry[{self.number}]"


def entries(bundle: JSON) -> list[Entry]:
    """Entries of a transaction in the order of processing. Raises Invalid for what is no transaction."""
    if bundle.get("type") != "transaction":
        raise _fault("not-supported", "The Bundle is a transaction.", "Bundle.type")
    sent = bundle.get("entry", [])
    if not isinstance(sent, list):
        raise _fault("structure", "Entries are a list.", "Bundle.entry")
    if len(sent) > MOST_ENTRIES:
        raise _fault("too-costly", f"A transaction has at most {MOST_ENTRIES} entries.", "Bundle.entry")
    found = [_entry(index, entry) for index, entry in enumerate(sent)]
    _refuse_twice(
        [(entry, entry.full_url) for entry in found if entry.method != "GET" and entry.full_url], "fullUrl"
    )
    _refuse_twice(
        [(entry, f"{entry.type}/{entry.id}") for entry in found if entry.method == "PUT"], "request.url"
    )
    _refuse_twice(
        [(entry, f"{entry.type}?{entry.if_none_exist}") for entry in found if entry.if_none_exist],
        "request.ifNoneExist",
    )
    return sorted(found, key=lambda entry: ORDER.index(entry.method))


def operation(bundle: JSON) -> str | None:
    """The tablet's UUID of the operation that the bundle carries, or None."""
    identifier = bundle.get("identifier")
    if not isinstance(identifier, dict):
        return None
    value = str(identifier.get("value", ""))
    if identifier.get("system") != "urn:ietf:rfc:3986" or not value.startswith("urn:uuid:"):
        return None
    return uuid_text(value.removeprefix("urn:uuid:"), "Bundle.identifier.value")


def uuid_text(value: str, place: str) -> str:
    """The UUID in its one usual writing. Raises Invalid for what is not a UUID."""
    try:
        return str(UUID(value))
    except ValueError:
        raise _fault("value", "A UUID is needed.", place) from None


def criteria(query: str, place: str) -> Parameters:
    """Parameters of a conditional interaction. Raises Invalid for none, or for one that shapes pages."""
    try:
        found = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        found = []
    if not found or any(name.startswith("_") and name != "_id" for name, _ in found):
        raise _fault("value", "Search criteria are needed.", place)
    return found


def answer(responses: Sequence[JSON]) -> JSON:
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": list(responses)}


def _entry(index: int, entry: Any) -> Entry:
    place = f"Bundle.entry[{index}]"
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        raise _fault("required", "A request is needed.", f"{place}.request")
    for name in ("ifMatch", "ifNoneExist"):
        if not isinstance(request.get(name, ""), str):
            raise _fault("structure", "A text is needed.", f"{place}.request.{name}")
    method = request.get("method")
    url = str(request.get("url", ""))
    if method not in ORDER:
        raise _fault("not-supported", "Entries are POST, PUT or GET.", f"{place}.request.method")
    if any(name in request for name in ("ifModifiedSince", "ifNoneMatch")):
        raise _fault("not-supported", "ifMatch and ifNoneExist alone are supported.", f"{place}.request")
    full_url = entry.get("fullUrl")
    if not isinstance(full_url, str | None):
        raise _fault("structure", "A text is needed.", f"{place}.fullUrl")
    if method == "GET":
        return _reading(index, url, place)
    body = entry.get("resource")
    if not isinstance(body, dict):
        raise _fault("required", "A resource is needed.", f"{place}.resource")
    type_ = str(body.get("resourceType"))
    if method == "POST":
        if url != type_:
            raise _fault("value", "The url is the resource's type.", f"{place}.request.url")
        return Entry(
            index,
            method,
            type_,
            body=body,
            full_url=full_url,
            if_none_exist=request.get("ifNoneExist"),
        )
    key = references.literal(url)
    if key is None or key != (type_, body.get("id")) or url != f"{key[0]}/{key[1]}":
        raise _fault("value", "The url is the resource's type and id.", f"{place}.request.url")
    return Entry(
        index, method, type_, id=key[1], body=body, full_url=full_url, if_match=request.get("ifMatch")
    )


def _reading(index: int, url: str, place: str) -> Entry:
    path, mark, query = url.partition("?")
    steps = path.split("/")
    if mark and len(steps) == 1 and steps[0]:
        return Entry(index, "GET", steps[0], query=parse_qsl(query, keep_blank_values=True))
    match steps:
        case [type_, id_] if not mark:
            return Entry(index, "GET", type_, id=id_)
        case [type_, id_, "_history", version] if not mark:
            return Entry(index, "GET", type_, id=id_, version=version)
    raise _fault("not-supported", "Entries read or search one type.", f"{place}.request.url")


def _refuse_twice(named: Sequence[tuple[Entry, str]], element: str) -> None:
    counts = Counter(name for _, name in named)
    for entry, name in named:
        if counts[name] > 1:
            raise _fault("invalid", "It stands twice in the transaction.", f"{entry.place}.{element}")


def _fault(code: str, problem: str, place: str) -> Invalid:
    return Invalid((Issue(code, problem, place),))


def response(status: str, **more: Any) -> JSON:
    return {"response": {"status": status, **more}}
