"""/staff/moves: children moving in and out, and the answers to them."""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Response, redirect, render_template, request
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.access.requester import STAFF
from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.faces.layout.errors import STATUS
from healthvisit.faces.staff import blueprint, typed
from healthvisit.programme import nhs_number
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.record import endings, transfers
from healthvisit.record.errors import Conflict, Forbidden, NotFound, Unprocessable
from healthvisit.record.record import Record
from healthvisit.reviews import moves

_ID = validate.Length(min=1, max=64)
# What a field of the record is called on the page.
_FIELDS = {"to": "to", "reason": "reason", "note": "note"}


class Offering(Schema):
    """One child, named as health visitors name it, for another borough's service."""

    class Meta:
        unknown = EXCLUDE

    nhs_number = fields.Str(load_default="")
    to = fields.Str(load_default="")
    reason = fields.Str(load_default="")
    note = fields.Str(load_default="")
    restricted = fields.Str(load_default="", validate=validate.OneOf(["", "yes"]))


class Answering(Schema):
    """transfer: id of an offer. reason: of declining."""

    class Meta:
        unknown = EXCLUDE

    transfer = fields.Str(required=True, validate=_ID)
    reason = fields.Str(load_default="")


@blueprint.get("/moves")
@door.admits(*STAFF)
def moving() -> Response:
    return _page(done=request.args.get("done"))


@blueprint.post("/moves/offered")
@door.admits(*STAFF)
def offered() -> AnyResponse:
    sent = request.form.to_dict()

    def offer(record: Record) -> None:
        form = _form(Offering(), sent)
        _refuse_faults(
            {
                "nhs_number": not nhs_number.is_valid(typed.number(form["nhs_number"]))
                and "Enter the child’s NHS number: 10 digits",
                "to": not form["to"] and "Choose the service that the child is offered to",
                "reason": not form["reason"] and "Choose why the child is offered",
                "note": len(typed.lines(form["note"])) > transfers.MOST_NOTE
                and f"A note has at most {transfers.MOST_NOTE} characters",
            }
        )
        transfers.offer(
            record,
            _child(record, typed.number(form["nhs_number"])),
            to=f"Organization/{form['to']}",
            reason=form["reason"],
            note=typed.lines(form["note"]) or None,
            hand_over_restricted=form["restricted"] == "yes",
        )

    return _done(offer, "offered", "nhs_number", sent)


@blueprint.post("/moves/accepted")
@door.admits(*STAFF)
def accepted() -> AnyResponse:
    form = _answer()
    return _done(lambda record: transfers.accept(record, form["transfer"]), "accepted", "arriving")


@blueprint.post("/moves/declined")
@door.admits(*STAFF)
def declined() -> AnyResponse:
    form = _answer()
    field = f"reason-{form['transfer']}"

    def decline(record: Record) -> None:
        _refuse_faults({field: not form["reason"] and "Choose why the child is declined"})
        transfers.decline(record, form["transfer"], reason=form["reason"])

    return _done(decline, "declined", field)


@blueprint.post("/moves/withdrawn")
@door.admits(*STAFF)
def withdrawn() -> AnyResponse:
    form = _answer()
    return _done(lambda record: transfers.withdraw(record, form["transfer"]), "withdrawn", "leaving")


def _done(
    do: Callable[[Record], object], done: str, field: str, sent: dict[str, str] | None = None
) -> AnyResponse:
    """Back to the page, which says that it was done, or what stood in the way. field: where it is told."""
    try:
        with door.record(writing=True) as record:
            do(record)
    except typed.Faulty as error:
        return _page(error.status, faults=error.faults, sent=sent)
    except (Conflict, Forbidden, Unprocessable) as error:
        faults = {_FIELDS.get(issue.expression, field): issue.diagnostics for issue in error.issues}
        return _page(STATUS[type(error)], faults=faults, sent=sent)
    return redirect(f"/staff/moves?done={done}", 303)


def _child(record: Record, number: str) -> str:
    """Id of the child within reach who has the number. Raises typed.Faulty for none, and for two."""
    found = moves.with_number(record, number)
    if len(found) != 1:
        told = "No child" if not found else "More than one child"
        raise typed.Faulty(
            {"nhs_number": f"{told} of your service has this NHS number"}, 404 if not found else 409
        )
    return found[0]


def _answer() -> dict[str, str]:
    """Raises the record's NotFound for what no page of ours sends."""
    try:
        return dict(Answering().load(request.form))
    except ValidationError:
        raise NotFound from None


def _form(schema: Schema, sent: dict[str, str]) -> dict[str, str]:
    try:
        return dict(schema.load(sent))
    except ValidationError as error:
        raise typed.Faulty(dict.fromkeys(map(str, error.messages_dict), "Check this field")) from None


def _refuse_faults(asked: dict[str, str | bool]) -> None:
    """asked: by field, what is wrong with it, else False. Raises typed.Faulty."""
    faults = {field: str(told) for field, told in asked.items() if told}
    if faults:
        raise typed.Faulty(faults)


def _page(
    status: int = 200,
    *,
    faults: dict[str, str] | None = None,
    sent: dict[str, str] | None = None,
    done: str | None = None,
) -> Response:
    definitions = door.house().definitions
    with door.record() as record:
        found = moves.of_requester(record, door.today())
    own = door.requester().boroughs
    services = {
        id_: next(each.name for each in BOROUGHS if each.gss == gss)
        for id_, gss in sorted(definitions.boroughs.items())
        if own != {gss}
    }
    page = render_template(
        "staff/moves.html",
        arriving=[_card(each) for each in found["arriving"]],
        leaving=[_card(each) for each in found["leaving"]],
        arrived=[_card(each) for each in found["arrived"]],
        services=services,
        reasons=definitions.codes(transfers.REASONS),
        refusals=definitions.codes(transfers.REFUSALS),
        long_days=moves.LONG_WORKING_DAYS,
        is_lead=door.requester().role in endings.LEADS,
        faults=faults or {},
        sent=sent or {},
        done=done if done in ("offered", "accepted", "declined", "withdrawn") else None,
    )
    return Response(page, status)


def _card(move: dict[str, Any]) -> dict[str, Any]:
    """One child as the page shows it."""
    definitions = door.house().definitions
    number: str | None = move["nhs_number"]
    reasons = definitions.codes(transfers.REASONS)
    refusals = definitions.codes(transfers.REFUSALS)
    born: str | None = move["born"]
    return {
        **move,
        "name": move["name"] or "A child without a name yet",
        "born": "Not known" if born is None else _day(born),
        "nhs_number": "Not known" if number is None else words.nhs_number(number),
        "offered_on": _day(move["offered_on"]),
        "reason": None if move["reason"] is None else reasons.get(move["reason"], "Another reason"),
        "refusal": None if move["refusal"] is None else refusals.get(move["refusal"], "Another reason"),
    }


def _day(text: str) -> str:
    """A FHIR date in words; a month or a year alone stays as it is."""
    try:
        return words.day(date.fromisoformat(text))
    except ValueError:
        return text
