"""Operations: `$name` on the service, on a type, or on one resource. https://hl7.org/fhir/R4/operations.html

OPERATIONS is the one table: routes, /metadata and the OpenAPI document are drawn from it. Which parameters an
operation takes stands in its OperationDefinition (fhir/operationdefinitions); they are read here, in one
place, whether they come in the address or as Parameters. Whatever is not named there is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Literal

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from healthvisit.access.requester import STAFF, Role
from healthvisit.accounts import attempts
from healthvisit.accounts.errors import TooManyAttempts
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, exporting, wire
from healthvisit.faces.rest.asked import Asked
from healthvisit.faces.rest.interactions import APPS, SERVED
from healthvisit.faces.rest.outcomes import CONTENT_TYPE, outcome
from healthvisit.programme import nhs_number
from healthvisit.record import (
    document,
    endings,
    everything,
    glass,
    instants,
    lastn,
    package,
    terminology,
    transfers,
    trial,
)
from healthvisit.record.errors import Forbidden, Invalid, Issue, Unprocessable
from healthvisit.record.references import is_id
from healthvisit.reviews import moves

Level = Literal["system", "type", "instance"]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z", re.ASCII)
# Types of a parameter that is one word, and can stand in an address; any other is sent in a POST.
_WORDS = {"boolean", "canonical", "code", "date", "instant", "integer", "positiveInt", "string", "uri"}


@dataclass(frozen=True)
class Operation:
    """One operation at some levels. definition: id of its OperationDefinition. type: None for every type that
    is served. paged: also takes the _page of its own next link.
    """

    name: str
    definition: str
    levels: tuple[Level, ...]
    answer: Callable[[Asked], Response]
    type: str | None = None
    methods: tuple[str, ...] = ("GET", "POST")
    roles: tuple[Role, ...] = APPS
    paged: bool = False
    # The parameter that a POST may hold by itself, without Parameters around it.
    bare: str | None = field(default=None)


def _everything(asked: Asked) -> Response:
    with door.record() as record:
        page = everything.of_child(record, asked.id, asked.words)
    return wire.searchset(page, f"Patient/{asked.id}/$everything")


def _validate(asked: Asked) -> Response:
    with door.record() as record:
        issues = trial.of(
            record,
            asked.type,
            asked.id or None,
            asked.objects.get("resource"),
            mode=asked.word("mode"),
            profile=asked.word("profile"),
        )
    if not issues:
        return outcome([Issue("informational", "It would be stored as it is.")], 200, severity="information")
    return outcome(issues, 200)


def _document(asked: Asked) -> Response:
    if asked.word("persist") not in (None, "false"):
        raise Invalid((Issue("not-supported", "A document is made, and not kept.", "persist"),))
    with door.record() as record:
        return _json(document.of(record, asked.id, base=door.house().settings.fhir_base))


def _lastn(asked: Asked) -> Response:
    with door.record() as record:
        page = lastn.of_child(record, asked.words)
    return wire.searchset(page, "Observation/$lastn")


def _expand(asked: Asked) -> Response:
    with door.record() as record:
        return _json(dumps(terminology.expand(record, asked.id or None, asked.words)))


def _validate_code(asked: Asked) -> Response:
    with door.record() as record:
        answer = terminology.validate_code(record, asked.id or None, asked.words, asked.objects)
    return _json(dumps(answer))


def _lookup(asked: Asked) -> Response:
    with door.record() as record:
        return _json(dumps(terminology.lookup(record, asked.words, asked.objects)))


def _package(asked: Asked) -> Response:
    with door.record() as record:
        found = package.of_form(record, asked.id or None, asked.words, base=door.house().settings.fhir_base)
    return _json(found)


def _offer(asked: Asked) -> Response:
    with door.record(writing=True) as record:
        answer = transfers.offer(
            record,
            asked.id,
            to=_needed(asked, "to"),
            reason=_needed(asked, "reason"),
            note=asked.word("note"),
            hand_over_restricted=_flag(asked, "restricted"),
        )
    return _json(dumps(moves.settled(answer)))


def _accept(asked: Asked) -> Response:
    with door.record(writing=True) as record:
        answer = transfers.accept(record, _needed(asked, "transfer"))
    return _json(dumps(moves.settled(answer)))


def _decline(asked: Asked) -> Response:
    with door.record(writing=True) as record:
        answer = transfers.decline(record, _needed(asked, "transfer"), reason=_needed(asked, "reason"))
    return _json(dumps(moves.settled(answer)))


def _withdraw(asked: Asked) -> Response:
    with door.record(writing=True) as record:
        answer = transfers.withdraw(record, _needed(asked, "transfer"))
    return _json(dumps(moves.settled(answer)))


def _transfers(_asked: Asked) -> Response:
    with door.record() as record:
        return _json(dumps(moves.parameters(record, door.today())))


def _end_care(asked: Asked) -> Response:
    ending = endings.Ending(
        _day(asked, "day"), _needed(asked, "reason"), asked.word("where"), asked.word("service")
    )
    with door.record(writing=True) as record:
        ended = endings.end(record, asked.id, ending)
    return _parameters_of(
        {"name": "episode", "valueReference": {"reference": f"EpisodeOfCare/{ended.episode}"}},
        {"name": "cancelled", "valueInteger": ended.cancelled},
    )


def _open(asked: Asked) -> Response:
    number, born = _needed(asked, "nhs-number"), _day(asked, "born")
    reason, sentence = _needed(asked, "reason"), _needed(asked, "sentence")
    if not nhs_number.is_valid(number):
        raise Unprocessable((Issue("value", "An NHS number of 10 digits is needed.", "nhs-number"),))
    house = door.house()
    glass.refuse_unfit(house.definitions, reason, sentence)
    try:
        # The page and every app of an account share its tries.
        with house.database.writing() as connection:
            attempts.spend(connection, "openings", door.requester().account, at=house.clock())
    except TooManyAttempts as error:
        busy = outcome([Issue("throttled", "You have tried too often.")], 429)
        busy.headers["Retry-After"] = str(error.wait_s)
        return busy
    with door.record(writing=True) as record:
        children = glass.open_child(record, number, born.isoformat(), reason=reason, sentence=sentence)
        until = {each.child: each.until for each in glass.open_now(record)}
    found: list[JSON] = []
    for child in children:
        found.append({"name": "patient", "valueReference": {"reference": f"Patient/{child}"}})
        if child in until:
            at = instants.text(instants.micros(until[child]))
            found.append({"name": "until", "valueInstant": at})
    return _parameters_of(*found)


def _parameters_of(*found: JSON) -> Response:
    return _json(dumps({"resourceType": "Parameters", "parameter": list(found)}))


def _day(asked: Asked, name: str) -> date:
    text = _needed(asked, name)
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise Invalid((Issue("value", "A day is needed, such as 2021-02-15.", name),))
    return found


def _needed(asked: Asked, name: str) -> str:
    found = asked.word(name)
    if found is None:
        raise Invalid((Issue("required", "This parameter is needed.", name),))
    return found


def _flag(asked: Asked, name: str) -> bool:
    found = asked.word(name) or "false"
    if found not in ("true", "false"):
        raise Invalid((Issue("value", "true or false is needed.", name),))
    return found == "true"


OPERATIONS: tuple[Operation, ...] = (
    Operation("everything", "Patient-everything", ("instance",), _everything, "Patient", paged=True),
    Operation(
        "validate", "Resource-validate", ("type", "instance"), _validate, methods=("POST",), bare="resource"
    ),
    Operation("document", "Composition-document", ("instance",), _document, "Composition"),
    Operation("lastn", "Observation-lastn", ("type",), _lastn, "Observation"),
    Operation("expand", "ValueSet-expand", ("type", "instance"), _expand, "ValueSet"),
    Operation("validate-code", "ValueSet-validate-code", ("type", "instance"), _validate_code, "ValueSet"),
    Operation("lookup", "CodeSystem-lookup", ("type",), _lookup, "CodeSystem"),
    Operation(
        "questionnaire-package",
        "Questionnaire-questionnaire-package",
        ("type", "instance"),
        _package,
        "Questionnaire",
    ),
    Operation("export", "export", ("system",), exporting.kick_off, roles=exporting.ROLES),
    Operation("export", "patient-export", ("type",), exporting.kick_off, "Patient", roles=exporting.ROLES),
    Operation("export", "group-export", ("instance",), exporting.kick_off, "Group", roles=exporting.ROLES),
    Operation(
        "offer-transfer",
        "Patient-offer-transfer",
        ("instance",),
        _offer,
        "Patient",
        methods=("POST",),
        roles=STAFF,
    ),
    Operation("accept-transfer", "accept-transfer", ("system",), _accept, methods=("POST",), roles=STAFF),
    Operation("decline-transfer", "decline-transfer", ("system",), _decline, methods=("POST",), roles=STAFF),
    Operation(
        "withdraw-transfer", "withdraw-transfer", ("system",), _withdraw, methods=("POST",), roles=STAFF
    ),
    Operation("transfers", "transfers", ("system",), _transfers, roles=STAFF),
    Operation(
        "end-care",
        "Patient-end-care",
        ("instance",),
        _end_care,
        "Patient",
        methods=("POST",),
        roles=endings.LEADS,
    ),
    Operation("open", "open", ("system",), _open, methods=("POST",), roles=STAFF),
)


@blueprint.route("/$<name>", methods=METHODS)
@door.admits(*APPS)
def on_service(name: str) -> Response:
    return _answered(name, "system")


@blueprint.route("/<type_>/$<name>", methods=METHODS)
@door.admits(*APPS)
def on_type(type_: str, name: str) -> Response:
    return _answered(name, "type", type_)


@blueprint.route("/<type_>/<id_>/$<name>", methods=METHODS)
@door.admits(*APPS)
def on_instance(type_: str, id_: str, name: str) -> Response:
    return _answered(name, "instance", type_, id_)


def _answered(name: str, level: Level, type_: str = "", id_: str = "") -> Response:
    operation = next(
        (
            each
            for each in OPERATIONS
            if each.name == name
            and level in each.levels
            and (type_ == each.type or (each.type is None and (level == "system" or type_ in SERVED)))
        ),
        None,
    )
    if operation is None:
        raise NotFound("This service has no such operation here.")
    if request.method not in (*operation.methods, "HEAD"):
        raise MethodNotAllowed(list(operation.methods), "This operation is asked in another way.")
    wire.agree_media_type()
    if door.requester().role not in operation.roles:
        raise Forbidden("This is not open to your role.")
    if level == "instance" and not is_id(id_):
        raise NotFound("No such resource.")
    words, objects = _parameters(operation, door.house().definitions)
    return operation.answer(Asked(level, type_, id_, words, objects))


def _parameters(
    operation: Operation, definitions: Definitions
) -> tuple[dict[str, list[str]], dict[str, JSON]]:
    """The parameters that were given: those of one word, and those that are an object.

    Raises Invalid for one that the operation does not have, or has once.
    """
    taken = _taken(definitions, operation.definition)
    words: dict[str, list[str]] = {}
    objects: dict[str, JSON] = {}
    for name, text in wire.parameters():
        type_ = "string" if name == "_page" and operation.paged else _type(taken, name, name)
        if type_ not in _WORDS:
            raise Invalid((Issue("invalid", "This parameter is sent in a POST.", name),))
        words.setdefault(name, []).append(text)
    if request.method == "POST" and request.get_data():
        body = wire.body()
        if operation.bare and body.get("resourceType") != "Parameters":
            objects[operation.bare] = body
        else:
            _of_body(body, taken, words, objects)
    for name, texts in words.items():
        if len(texts) > 1 and (name == "_page" or taken[name][1] == "1"):
            raise Invalid((Issue("invalid", "This parameter stands once.", name),))
    return words, objects


def _of_body(
    body: JSON,
    taken: Mapping[str, tuple[str, str]],
    words: dict[str, list[str]],
    objects: dict[str, JSON],
) -> None:
    """Reads Parameters into words and objects. https://hl7.org/fhir/R4/parameters.html"""
    if body.get("resourceType") != "Parameters":
        raise Invalid("Send Parameters here.", "Parameters.resourceType")
    given = body.get("parameter", [])
    if not isinstance(given, list):
        raise Invalid("A list is needed.", "Parameters.parameter")
    for index, each in enumerate(given):
        place = f"Parameters.parameter[{index}]"
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise Invalid("A parameter has a name.", f"{place}.name")
        name = each["name"]
        type_ = _type(taken, name, place)
        held = [element for element in each if element.startswith("value") or element == "resource"]
        if len(held) != 1:
            raise Invalid("A parameter has one value, or a resource.", place)
        value = each[held[0]]
        if type_ == "Reference":
            value = value.get("reference") if isinstance(value, dict) else None
        elif type_ not in _WORDS:
            if not isinstance(value, dict) or name in objects:
                raise Invalid(f"One {type_} is needed.", place)
            objects[name] = value
            continue
        word = _word(value)
        if word is None:
            raise Invalid(f"A {type_} is needed.", place)
        words.setdefault(name, []).append(word)


def _word(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def _type(taken: Mapping[str, tuple[str, str]], name: str, place: str) -> str:
    if name not in taken:
        raise Invalid(
            (
                Issue(
                    "not-supported",
                    "This operation has no such parameter here.",
                    place if _NAME.match(place) or place != name else "parameter",
                ),
            )
        )
    return taken[name][0]


# By identity: definitions are read once, at start, and never change.
@lru_cache(maxsize=64)
def _taken(definitions: Definitions, id_: str) -> Mapping[str, tuple[str, str]]:
    """Type and most occurrences of each parameter that goes in."""
    parameters: Sequence[JSON] = definitions.resource("OperationDefinition", id_)["parameter"]
    return {each["name"]: (each["type"], each["max"]) for each in parameters if each["use"] == "in"}


def _json(body: bytes) -> Response:
    return Response(body, content_type=CONTENT_TYPE)
