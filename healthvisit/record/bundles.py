"""Transaction bundles: the entries in the order of processing, and the answer in the order they were sent.

https://hl7.org/fhir/R4/http.html#transaction
References to the fullUrl of another entry are to that entry. https://hl7.org/fhir/R4/bundle.html#references
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from healthvisit.exact_json import JSON
from healthvisit.record import references
from healthvisit.record.errors import Invalid, Issue

# Where each method stands in the order of processing.
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
# A bundle is one transaction, and others wait for it.
MOST_ENTRIES = 2000

# The conditions that an entry may state, and with which methods.
_CONDITIONS = {
    "ifMatch": ("PUT", "PATCH", "DELETE"),
    "ifNoneExist": ("POST",),
    "ifNoneMatch": ("GET", "HEAD"),
    "ifModifiedSince": ("GET", "HEAD"),
}
# What shapes a page of results says nothing of which resource is meant.
_SHAPING = frozenset(
    ("_count", "_page", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_format")
)
_RESTFUL = re.compile(r"(https?://\S+)/([A-Z][A-Za-z]+/[A-Za-z0-9.\-]{1,64})(?:/_history/\S+)?\Z")

Parameters = list[tuple[str, str]]


class Entry(NamedTuple):
    """number: where it stood; id: of what is read or changed; query: of a GET that searches; criteria: by which
    a conditional update, patch or deletion finds its one resource; body: of POST, PUT and PATCH."""

    number: int
    method: str
    type: str
    id: str | None = None
    version: str | None = None
    query: Parameters | None = None
    criteria: str | None = None
    body: JSON | None = None
    full_url: str | None = None
    if_match: str | None = None
    if_none_exist: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None

    @property
    def place(self) -> str:
        return f"Bundle.entry[{self.number}]"

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")


def entries(bundle: JSON) -> list[Entry]:
    """Entries of a transaction in the order of processing. Raises Invalid for what is no transaction."""
    if bundle.get("type") != "transaction":
        raise _fault("not-supported", "The Bundle is a transaction.", "Bundle.type")
    found = [entry(index, each) for index, each in enumerate(listed(bundle))]
    _refuse_twice(
        [(entry, entry.full_url) for entry in found if not entry.reads and entry.full_url], "fullUrl"
    )
    # Each resource is written once at most, whatever is done to it.
    _refuse_twice(
        [(entry, f"{entry.type}/{entry.id}") for entry in found if not entry.reads and entry.id],
        "request.url",
    )
    _refuse_twice(
        [(entry, f"{entry.type}?{entry.if_none_exist}") for entry in found if entry.if_none_exist],
        "request.ifNoneExist",
    )
    return sorted(found, key=lambda entry: ORDER[entry.method])


def listed(bundle: JSON) -> list[Any]:
    """The entries as they were sent. Raises Invalid for no list, or one that is too long."""
    sent = bundle.get("entry", [])
    if not isinstance(sent, list):
        raise _fault("structure", "Entries are a list.", "Bundle.entry")
    if len(sent) > MOST_ENTRIES:
        raise _fault("too-costly", f"A Bundle has at most {MOST_ENTRIES} entries here.", "Bundle.entry")
    return sent


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
    if not found or any(name.partition(":")[0] in _SHAPING for name, _ in found):
        raise _fault("value", "Search criteria are needed.", place)
    return found


def by_address(names: Mapping[str, str], full_url: str | None) -> dict[str, str]:
    """Names that a relative reference in an entry can mean: those of the server that its fullUrl names.

    names: Type/id here, by fullUrl. A relative reference in an entry under a urn names this service's own.
    """
    match = _RESTFUL.match(full_url or "")
    if match is None:
        return {}
    root = f"{match[1]}/"
    return {
        relative[2]: here
        for address, here in names.items()
        if address.startswith(root) and (relative := _RESTFUL.match(address)) and relative[1] == match[1]
    }


def answer(responses: Sequence[JSON], type_: str = "transaction-response") -> JSON:
    found: JSON = {"resourceType": "Bundle", "type": type_}
    # An empty array is not FHIR.
    return found | ({"entry": list(responses)} if responses else {})


def response(status: str, **more: Any) -> JSON:
    return {"response": {"status": status, **more}}


def entry(index: int, sent: Any) -> Entry:
    """One entry of a batch or transaction. Raises Invalid for what is no interaction of this service."""
    place = f"Bundle.entry[{index}]"
    request = sent.get("request") if isinstance(sent, dict) else None
    if not isinstance(request, dict):
        raise _fault("required", "A request is needed.", f"{place}.request")
    method = request.get("method")
    url = str(request.get("url", ""))
    if not isinstance(method, str) or method not in ORDER:
        raise _fault(
            "not-supported", "Entries are POST, PUT, PATCH, DELETE, GET or HEAD.", f"{place}.request.method"
        )
    for name, methods in _CONDITIONS.items():
        if name not in request:
            continue
        if not isinstance(request[name], str):
            raise _fault("structure", "A text is needed.", f"{place}.request.{name}")
        if method not in methods:
            raise _fault("not-supported", f"It does not go with {method}.", f"{place}.request.{name}")
    full_url = sent.get("fullUrl")
    if not isinstance(full_url, str | None):
        raise _fault("structure", "A text is needed.", f"{place}.fullUrl")
    if method in ("GET", "HEAD"):
        return _reading(index, method, url, place)._replace(
            if_none_match=request.get("ifNoneMatch"), if_modified_since=request.get("ifModifiedSince")
        )
    body = sent.get("resource")
    if method == "DELETE":
        if body is not None:
            raise _fault("structure", "A deletion carries no resource.", f"{place}.resource")
    elif not isinstance(body, dict):
        raise _fault("required", "A resource is needed.", f"{place}.resource")
    if method == "POST":
        type_ = str(body.get("resourceType")) if body else ""
        if url != type_:
            raise _fault("value", "The url is the resource's type.", f"{place}.request.url")
        return Entry(
            index, method, type_, body=body, full_url=full_url, if_none_exist=request.get("ifNoneExist")
        )
    found = _changing(index, method, url, place)._replace(
        body=body, full_url=full_url, if_match=request.get("ifMatch")
    )
    if method == "PUT" and body is not None:
        same_id = body.get("id") == found.id if found.id else True
        if not same_id or body.get("resourceType") != found.type:
            raise _fault("value", "The url is the resource's type and id.", f"{place}.request.url")
    return found


def _changing(index: int, method: str, url: str, place: str) -> Entry:
    """Type/id, or Type?criteria for the one resource that matches."""
    if asked := references.conditional(url):
        type_, query = asked
        criteria(query, f"{place}.request.url")
        return Entry(index, method, type_, criteria=query)
    key = references.literal(url)
    if key is None or url != f"{key[0]}/{key[1]}":
        raise _fault("value", "The url is the resource's type and id.", f"{place}.request.url")
    return Entry(index, method, key[0], id=key[1])


def _reading(index: int, method: str, url: str, place: str) -> Entry:
    path, mark, query = url.partition("?")
    steps = path.split("/")
    if len(steps) == 1 and references.is_type(steps[0]):
        return Entry(index, method, steps[0], query=parse_qsl(query, keep_blank_values=True))
    match steps:
        case [type_, id_] if not mark:
            return Entry(index, method, type_, id=id_)
        case [type_, id_, "_history", version] if not mark:
            return Entry(index, method, type_, id=id_, version=version)
    raise _fault("not-supported", "Entries read or search one type.", f"{place}.request.url")


def _refuse_twice(named: Sequence[tuple[Entry, str]], element: str) -> None:
    counts = Counter(name for _, name in named)
    for entry, name in named:
        if counts[name] > 1:
            raise _fault("invalid", "It stands twice in the transaction.", f"{entry.place}.{element}")


def _fault(code: str, problem: str, place: str) -> Invalid:
    return Invalid((Issue(code, problem, place),))
