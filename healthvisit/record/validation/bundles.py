"""The envelope of a batch or transaction.  https://hl7.org/fhir/R4/http.html#transaction

Each entry says what is asked (request) and, where something is written, holds the resource; places are from
the Bundle.
"""

import re
from collections.abc import Callable, Iterator

from healthvisit.exact_json import JSON
from healthvisit.record.validation.faults import Fault, blamed

_ASKED = re.compile(
    r"([A-Z][A-Za-z]+)(?:/([A-Za-z0-9\-.]{1,64})(/_history(?:/[A-Za-z0-9\-.]{1,64})?)?)?(\?\S*)?"
)
_FULL_URL = re.compile(
    r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+|https?://[^\s/]+/\S+"
)
_WITH_BODY = ("POST", "PUT", "PATCH")


def envelope(bundle: JSON, knows: Callable[[str], bool]) -> list[Fault]:
    """Faults of a well-formed Bundle as something to be carried out. knows: whether we keep a type."""
    if bundle["type"] not in ("batch", "transaction"):
        return [Fault("value", "must be batch or transaction here", ".type")]
    found: list[Fault] = []
    met: set[str] = set()
    for at, entry in enumerate(bundle.get("entry", ())):
        found += blamed(f".entry[{at}]", _entry(entry, met, knows))
    return found


def types(bundle: JSON) -> dict[str, str]:
    """Type of each resource of a well-formed Bundle by the fullUrl of its entry."""
    return {
        entry["fullUrl"]: entry["resource"]["resourceType"]
        for entry in bundle.get("entry", ())
        if "fullUrl" in entry and "resource" in entry
    }


def _entry(entry: JSON, met: set[str], knows: Callable[[str], bool]) -> Iterator[Fault]:
    for name in ("search", "response"):
        if name in entry:
            yield Fault("structure", f"a request has no {name} (bdl-2, bdl-4)", f".{name}")
    if (full_url := entry.get("fullUrl")) is not None:
        if not _FULL_URL.fullmatch(full_url):
            yield Fault(
                "value",
                "is not urn:uuid: and a UUID in small letters, urn:oid:, or an absolute URL",
                ".fullUrl",
            )
        if full_url in met:
            yield Fault("value", "stands on another entry too (bdl-7)", ".fullUrl")
        met.add(full_url)
    if "request" not in entry:
        yield Fault("required", "is missing (bdl-3)", ".request")
        return
    method, url = entry["request"].get("method"), entry["request"].get("url", "")
    asked = _ASKED.fullmatch(url)
    if asked is None:
        # The service itself can be asked for what it is, but nothing else without a type.
        if url != "metadata":
            yield Fault("value", "is not Type, Type/id or Type?search", ".request.url")
        return
    if not knows(asked[1]):
        yield Fault("not-supported", "names a type this server does not keep", ".request.url")
        return
    resource = entry.get("resource")
    if method not in _WITH_BODY:
        if resource is not None:
            yield Fault("structure", f"{method} carries no resource", ".resource")
    elif resource is None:
        yield Fault("required", f"{method} carries a resource", ".resource")
    elif method != "PATCH":
        yield from _addressed(method, asked, resource)


def _addressed(method: str, asked: re.Match[str], resource: JSON) -> Iterator[Fault]:
    """POST goes to a type, PUT to a resource of that type and id."""
    type_, id_, history, query = asked.groups()
    if resource.get("resourceType") != type_:
        yield Fault("value", "is not the type that the entry's request names", ".resource.resourceType")
    if method == "POST" and (id_ or query):
        yield Fault("value", "POST goes to a type", ".request.url")
    if method == "PUT":
        if history or not (id_ or query):
            yield Fault("value", "PUT goes to Type/id", ".request.url")
        elif id_ and resource.get("id") != id_:
            yield Fault("value", "is not the id that the entry's request names", ".resource.id")
