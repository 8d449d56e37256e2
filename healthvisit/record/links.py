"""Links to another entry of the same bundle that are no references: values of uri, url, oid and uuid.

https://hl7.org/fhir/R4/http.html#trules
A canonical is left as it is, and so is a text: an identifier may say the same words and mean something else. A
narrative leads to no entry: the gate lets in only links to pages and addresses.
"""

import re
from collections.abc import Mapping
from typing import Any

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps
from healthvisit.record.elements import fields

_LINKING = frozenset(("uri", "url", "oid", "uuid"))
# A text that begins as an entry's fullUrl does.
_LINK = re.compile(rb'"((?:urn|https?):[^"\\]*)')


def rewritten(body: JSON, by: Mapping[str, str], definitions: Definitions) -> JSON:
    """The body with each such link that `by` knows replaced; the body itself is not touched."""
    # Written out, nearly every body is seen at once to hold none.
    if by and any(link.decode() in by for link in set(_LINK.findall(dumps(body)))):
        found: JSON = _rewritten(body, str(body["resourceType"]), by, definitions)
        return found
    return body


def _rewritten(value: Any, type_: str, by: Mapping[str, str], definitions: Definitions) -> Any:
    if isinstance(value, list):
        return [_rewritten(each, type_, by, definitions) for each in value]
    if isinstance(value, str):
        return by.get(value, value) if type_ in _LINKING else value
    if not isinstance(value, dict):
        return value
    known = fields(definitions, str(value.get("resourceType", type_)))
    return {
        name: _rewritten(inner, known[name].type, by, definitions) if name in known else inner
        for name, inner in value.items()
    }
