"""What the document says of the FHIR face: one operation for each interaction of each type. https://hl7.org/fhir/R4/http.html"""

from collections.abc import Iterator
from typing import NamedTuple

from healthvisit.access import reach
from healthvisit.access.requester import STAFF, Role
from healthvisit.access.scopes import Letter
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.faces.rest import capability, exporting
from healthvisit.faces.rest.capability import Route
from healthvisit.faces.rest.interactions import APPS, SERVED
from healthvisit.faces.rest.operations import OPERATIONS, Level, Operation
from healthvisit.faces.rest.search import IN_COMPARTMENT
from healthvisit.openapi.shapes import (
    ID,
    INSTANT,
    OF_AN_OPERATION,
    RESULTS,
    SAID,
    TEXT,
    VALUES,
    bundle,
    ref,
    resource,
    stored,
)

FHIR = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"
JSON_PATCH = "application/json-patch+json"

# The contexts of SMART scopes in which a role's apps speak.
_CONTEXTS: dict[Role, str] = {
    **dict.fromkeys(STAFF, "user"),
    "administrator": "user",
    "support": "user",
    "parent": "patient",
    "commissioner": "user",
    "system-client": "system",
}
_LETTERS = {"c": "create", "r": "read", "u": "update and patch", "d": "delete", "s": "search"}

# Beside the interactions of the CapabilityStatement: those that it tells in another place.
_OF_A_TYPE: dict[str, tuple[Letter, Route]] = {
    **capability.INTERACTIONS,
    "search-by-form": ("s", ("POST", "/<>/_search")),
    "conditional-update": ("u", ("PUT", "/<>")),
    "conditional-patch": ("u", ("PATCH", "/<>")),
    "conditional-delete": ("d", ("DELETE", "/<>")),
}
_BY_ROUTE = {route: (code, letter) for code, (letter, route) in _OF_A_TYPE.items()}
_OF_THE_SYSTEM: dict[Route, str] = {
    ("GET", "/metadata"): "metadata",
    ("POST", ""): "batch-or-transaction",
    ("GET", ""): "search-system",
    ("POST", "/_search"): "search-system-by-form",
    ("GET", "/_history"): "history-system",
    ("GET", "/$export-status/<>"): "export-status",
    ("DELETE", "/$export-status/<>"): "export-cancel",
    ("GET", "/$export-status/<>/<>"): "export-file",
}
_OF_OPERATIONS: dict[str, Level] = {"/$<>": "system", "/<>/$<>": "type", "/<>/<>/$<>": "instance"}

# What is answered when all is well.
_DONE: dict[str, tuple[int, ...]] = {
    "create": (201, 200),
    "read": (200, 304),
    "vread": (200, 304),
    "conditional-update": (200, 201),
    "delete": (204,),
    "conditional-delete": (204,),
    "export-status": (200, 202),
    "export-cancel": (202,),
}
_READING = (400, 401, 403, 404, 406, 410, 503)
_WRITING = (*_READING, 405, 409, 412, 413, 415, 422)

HEADERS: dict[str, tuple[JSON, str]] = {
    "If-Match": (
        {"type": "string", "pattern": r'^W/"[1-9][0-9]{0,8}"$'},
        "The version that the writer saw; a child's resource is changed with it alone.",
    ),
    "If-None-Match": (TEXT, "A version that the reader holds already."),
    "If-None-Exist": (SAID, "A query: nothing is created where it finds one resource."),
    "Idempotency-Key": (
        {"type": "string", "format": "uuid"},
        "A permanent UUID of this operation: sent again, it gets its first answer.",
    ),
    "Prefer": (SAID, "return=representation (the default), minimal, or OperationOutcome."),
}
_SENDS: dict[str, tuple[str, ...]] = {
    "read": ("If-None-Match",),
    "create": ("If-None-Exist", "Idempotency-Key", "Prefer"),
    **dict.fromkeys(
        ("update", "conditional-update", "patch", "conditional-patch", "delete", "conditional-delete"),
        ("If-Match", "Idempotency-Key", "Prefer"),
    ),
    "batch-or-transaction": ("Idempotency-Key",),
}


class Interaction(NamedTuple):
    """One thing that can be asked. type: "" where it names none. letter: of the scope it needs, "" where what is
    sent or found decides. operation: the $name, with the method and level it is asked by."""

    code: str
    type: str = ""
    letter: Letter | str = ""
    operation: Operation | None = None
    method: str = ""
    level: Level = "system"

    @property
    def name(self) -> str:
        return f"{self.code}-{self.type}" if self.type else self.code

    @property
    def searches(self) -> bool:
        return self.code.startswith("search")

    @property
    def changes(self) -> bool:
        return self.letter in ("c", "u", "d") or self.code == "batch-or-transaction"

    @property
    def roles(self) -> list[Role]:
        return [
            role for role in APPS if not self.type or self.letter in reach.PERMITTED[role].get(self.type, "")
        ]


def interactions(method: str, shape: str) -> Iterator[Interaction]:
    """What a route stands for: one interaction for each type that has it, where it names a type.

    Raises KeyError for a route that says nothing here.
    """
    if found := _BY_ROUTE.get((method, shape)):
        code, letter = found
        for type_, letters in SERVED.items():
            told = "search-type" if code == "search-by-form" else code
            if letter in letters and (type_ != "AuditEvent" or told in capability.OF_AUDIT):
                yield Interaction(code, type_, letter)
    elif (method, shape) == capability.COMPARTMENT:
        for type_ in IN_COMPARTMENT:
            yield Interaction("search-compartment", type_, "s")
    elif level := _OF_OPERATIONS.get(shape):
        for each in OPERATIONS:
            if level in each.levels and method in each.methods:
                for type_ in [""] if level == "system" else [each.type] if each.type else SERVED:
                    code = f"{each.name}-by-{method.lower()}-on-{level}"
                    yield Interaction(code, type_, "", each, method, level)
    else:
        yield Interaction(_OF_THE_SYSTEM[method, shape])


class Operations:
    """Operations of the document, and what of it they share.

    scopes: by security scheme, what each scope allows. schemas, parameters: components by name.
    """

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.scopes: dict[str, dict[str, str]] = {"smart": {}, "system": {}}
        self.schemas: dict[str, JSON] = {}
        self.parameters: dict[str, JSON] = {
            name: {"name": name, "in": "header", "description": said, "schema": schema}
            for name, (schema, said) in HEADERS.items()
        }
        for name, schema in {**RESULTS, "_since": INSTANT, "_at": INSTANT}.items():
            self.parameters[name] = {"name": name, "in": "query", "schema": schema}
        for each in definitions.of_type("SearchParameter"):
            self.parameters[each["id"]] = {
                "name": each["code"],
                "in": "query",
                "description": each["url"],
                "schema": VALUES[each["type"]],
            }
        for type_ in SERVED:
            self.schemas[type_] = resource(type_)
            self.schemas[f"{type_}-stored"] = stored(type_)

    def of(self, asked: Interaction) -> JSON:
        """One operation; components are named by their names."""
        starts = asked.operation is not None and asked.operation.answer is exporting.kick_off
        done = (202,) if starts else _DONE.get(asked.code, (200,))
        found: JSON = {
            "operationId": asked.name,
            "summary": asked.name.replace("-", " "),
            "tags": [asked.type or "FHIR"],
            "parameters": [*self._parameters(asked), *self._words(asked)],
            "responses": {
                **{str(status): self._done(asked, status) for status in done},
                **{str(status): "Refused" for status in (_WRITING if asked.changes else _READING)},
                # So many exports of one account may wait.
                **({"429": "Refused"} if starts else {}),
            },
        }
        if asked.code == "metadata":
            return found | {"security": []}
        if content := self._content(asked):
            found["requestBody"] = {"required": True, "content": content}
        return found | {"security": self._security(asked), "x-roles": asked.roles}

    def _security(self, asked: Interaction) -> list[JSON]:
        """The scopes of which one is needed."""
        if not asked.letter:
            return [{"smart": []}, {"system": []}]
        found: list[JSON] = []
        for context in dict.fromkeys(_CONTEXTS[role] for role in asked.roles):
            scheme, scope = (
                "system" if context == "system" else "smart",
                f"{context}/{asked.type}.{asked.letter}",
            )
            self.scopes[scheme][scope] = f"{_LETTERS[asked.letter]} {asked.type}"
            found.append({scheme: [scope]})
        return found

    def _parameters(self, asked: Interaction) -> Iterator[str]:
        yield from _SENDS.get(asked.code, ())
        if asked.code.startswith("history"):
            yield from ("_count", "_since", "_at")
        # A form carries its own.
        if not asked.searches or asked.code.endswith("by-form"):
            return
        yield from RESULTS
        urls = {url for _, url, _ in capability.search_parameters(asked.type, self.definitions)}
        for each in self.definitions.of_type("SearchParameter"):
            if each["url"] in urls:
                yield each["id"]

    def _words(self, asked: Interaction) -> Iterator[JSON]:
        """Parameters of an operation that can stand in an address."""
        if asked.operation is None:
            return
        if asked.operation.answer is exporting.kick_off:
            yield {"name": "Prefer", "in": "header", "required": True, "schema": {"const": "respond-async"}}
        if asked.method != "GET":
            return
        for each in self._definition(asked)["parameter"]:
            if each["use"] == "in" and each["type"] in OF_AN_OPERATION:
                needed = {"required": True} if each["min"] else {}
                yield {
                    "name": each["name"],
                    "in": "query",
                    **needed,
                    "schema": OF_AN_OPERATION[each["type"]],
                }

    def _definition(self, asked: Interaction) -> JSON:
        assert asked.operation is not None
        return self.definitions.resource("OperationDefinition", asked.operation.definition)

    def _content(self, asked: Interaction) -> JSON:
        if asked.operation is not None:
            if asked.method != "POST":
                return {}
            bare = [ref(asked.type)] if asked.operation.bare else []
            return {FHIR: {"schema": {"anyOf": [ref("Parameters"), *bare]}}}
        match asked.code:
            case "create" | "update" | "conditional-update":
                return {FHIR: {"schema": ref(asked.type)}}
            case "patch" | "conditional-patch":
                return {JSON_PATCH: {"schema": ref("JSONPatch")}, FHIR: {"schema": ref("Parameters")}}
            case "batch-or-transaction":
                return {FHIR: {"schema": bundle("transaction", "batch")}}
            case "search-by-form":
                properties = {
                    code: VALUES[kind]
                    for code, _, kind in capability.search_parameters(asked.type, self.definitions)
                }
                self.schemas[f"{asked.type}-search"] = {"type": "object", "properties": RESULTS | properties}
                return {FORM: {"schema": ref(f"{asked.type}-search")}}
            case "search-system-by-form":
                return {FORM: {"schema": {"type": "object", "properties": RESULTS | {"_type": SAID}}}}
        return {}

    def _done(self, asked: Interaction, status: int) -> JSON:
        if status in (204, 304):
            return {"description": "Done" if status == 204 else "As you hold it"}
        if asked.operation is not None:
            schema = ref("OperationOutcome") if status == 202 else self._returned(asked)
        elif asked.code == "export-file":
            return {
                "description": "One resource a line",
                "content": {"application/fhir+ndjson": {"schema": TEXT}},
            }
        elif asked.code == "export-status":
            if status == 202:
                return {"description": "Not made yet"}
            return {
                "description": "The files",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        elif asked.code == "export-cancel":
            schema = ref("OperationOutcome")
        elif asked.searches:
            schema = bundle("searchset")
        elif asked.code.startswith("history"):
            schema = bundle("history")
        elif asked.code == "batch-or-transaction":
            schema = bundle("transaction-response", "batch-response")
        elif not asked.type:
            schema = ref("Resource")
        elif asked.changes:
            # What is answered is the writer's to prefer.
            schema = {"anyOf": [ref(f"{asked.type}-stored"), ref("OperationOutcome")]}
        else:
            schema = ref(f"{asked.type}-stored")
        found: JSON = {"description": "Done", "content": {FHIR: {"schema": schema}}}
        if asked.letter and not asked.searches and not asked.code.startswith("history"):
            found["headers"] = {"ETag": {"schema": TEXT}, "Last-Modified": {"schema": TEXT}}
        if status == 201:
            found["links"] = {
                code: {
                    "operationId": f"{code}-{asked.type}",
                    "parameters": {"id": "$response.body#/id"}
                    | ({} if code == "read" else {"If-Match": "$response.header.ETag"}),
                }
                for code in ("read", "update", "patch", "delete")
                if _OF_A_TYPE[code][0] in SERVED[asked.type]
            }
        return found

    def _returned(self, asked: Interaction) -> JSON:
        """What the operation's definition says of its answer."""
        gives = [each for each in self._definition(asked)["parameter"] if each["use"] == "out"]
        match [each.get("type") for each in gives if each["name"] == "return"]:
            case [str() as type_]:
                return ref(type_)
            case _:
                return ref("Parameters") if gives else ref("Bundle")


VARIABLES: dict[str, JSON] = {"id": ID, "version": {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"}}
