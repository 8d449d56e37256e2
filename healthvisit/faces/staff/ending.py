"""/staff/endings: those who lead end the care of a child who left, died or went to school, and take it up again."""

from datetime import date
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.accounts import people
from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.faces.layout.errors import STATUS
from healthvisit.faces.staff import blueprint, typed
from healthvisit.programme import nhs_number
from healthvisit.record import endings
from healthvisit.record.endings import LEADS, Ending
from healthvisit.record.errors import Conflict, Forbidden, NotFound, Unprocessable
from healthvisit.record.record import Record
from healthvisit.reviews import emergency, moves
from healthvisit.reviews import endings as reviews

# What a field of the record is called on the page.
_FIELDS = {"day": "day", "reason": "reason", "where": "where", "service": "service"}
_DONE = ("ended", "taken-up")


class EndingForm(Schema):
    """The form that ends the care of a child, as it is typed."""

    class Meta:
        unknown = EXCLUDE

    nhs_number = fields.Str(load_default="")
    day = fields.Str(load_default="", data_key="day-day")
    month = fields.Str(load_default="", data_key="day-month")
    year = fields.Str(load_default="", data_key="day-year")
    reason = fields.Str(load_default="")
    where = fields.Str(load_default="")
    service = fields.Str(load_default="")


class TakingUp(Schema):
    """ending: its id."""

    class Meta:
        unknown = EXCLUDE

    ending = fields.Str(required=True, validate=validate.Length(min=1, max=64))


@blueprint.get("/endings")
@door.admits(*LEADS)
def ended() -> Response:
    return _page(done=request.args.get("done"))


@blueprint.post("/endings/check")
@door.admits(*LEADS)
def checking() -> Response:
    """What would be done, to be looked at before it is."""
    sent = _sent()
    try:
        number, ending = _asked(sent)
        with door.record() as record:
            child = reviews.checked(record, _child(record, number), ending)
    except typed.Faulty as error:
        return _page(error.status, faults=error.faults, sent=sent)
    except (Conflict, Forbidden, Unprocessable) as error:
        return _refused(error, sent)
    reasons = door.house().definitions.codes(endings.REASONS)
    page = render_template(
        "staff/ending.html",
        child=child,
        number=words.nhs_number(number),
        ending=ending,
        reason=reasons[ending.reason],
        has_died=ending.reason == endings.DIED,
        sent={name: sent.get(name, "") for name in _NAMES},
    )
    return Response(page)


@blueprint.post("/endings")
@door.admits(*LEADS)
def end() -> AnyResponse:
    sent = _sent()
    try:
        number, ending = _asked(sent)
        with door.record(writing=True) as record:
            endings.end(record, _child(record, number), ending)
    except typed.Faulty as error:
        return _page(error.status, faults=error.faults, sent=sent)
    except (Conflict, Forbidden, Unprocessable) as error:
        return _refused(error, sent)
    return redirect(url_for("staff.ended", done="ended"), 303)


@blueprint.post("/endings/taken-up")
@door.admits(*LEADS)
def taken_up() -> AnyResponse:
    try:
        form = TakingUp().load(request.form)
    except ValidationError:
        raise NotFound from None
    try:
        with door.record(writing=True) as record:
            reviews.take_up(record, form["ending"])
    except Conflict as error:
        return _page(409, faults={"endings": error.issues[0].diagnostics.rstrip(".")})
    return redirect(url_for("staff.ended", done="taken-up"), 303)


_NAMES = tuple(field.data_key or name for name, field in EndingForm().fields.items())


def _sent() -> dict[str, str]:
    return {name: value.replace("\0", "") for name, value in request.form.items()}


def _asked(sent: dict[str, str]) -> tuple[str, Ending]:
    """NHS number and what is to be written. Raises typed.Faulty."""
    form = EndingForm().load(sent)
    number, on = typed.number(form["nhs_number"]), typed.day(sent, "day")
    where, service = typed.lines(form["where"]), typed.lines(form["service"])
    most = endings.MOST_WORDS
    faults = {
        "nhs_number": not nhs_number.is_valid(number) and "Enter the child’s NHS number: 10 digits",
        "reason": form["reason"] not in door.house().definitions.codes(endings.REASONS)
        and "Choose why care ends",
        "day": on is None and "Enter the day on which care ends",
        "where": (len(where) > most and f"Use at most {most} characters")
        or (form["reason"] in endings.LEFT and not where and "Say where the family went"),
        "service": len(service) > most and f"Use at most {most} characters",
    }
    told = {field: str(text) for field, text in faults.items() if text}
    if told or on is None:
        raise typed.Faulty(told, 400)
    return number, Ending(on, form["reason"], where or None, service or None)


def _child(record: Record, number: str) -> str:
    """Id of the child within reach who has the number. Raises typed.Faulty for none, and for two."""
    found = moves.with_number(record, number)
    if len(found) != 1:
        told = "No child" if not found else "More than one child"
        fault = {"nhs_number": f"{told} of your service has this NHS number"}
        raise typed.Faulty(fault, 404 if not found else 409)
    return found[0]


def _refused(error: Conflict | Forbidden | Unprocessable, sent: dict[str, str]) -> Response:
    faults = {
        _FIELDS.get(issue.expression, "nhs_number"): issue.diagnostics.rstrip(".") for issue in error.issues
    }
    return _page(STATUS[type(error)], faults=faults, sent=sent)


def _page(
    status: int = 200,
    *,
    faults: dict[str, str] | None = None,
    sent: dict[str, str] | None = None,
    done: str | None = None,
) -> Response:
    with door.record() as record:
        found = endings.listed(record)
    reasons = door.house().definitions.codes(endings.REASONS)
    last = {each.child: each.id for each in reversed(found)}
    with door.house().database.reading() as connection:
        listed = [
            {
                "id": each.id,
                "child": emergency.name_of(each.name),
                "facts": [
                    *_facts(each.ending, reasons, each.at.astimezone(door.LONDON).date()),
                    ("By", people.display_name(connection, each.account)),
                ],
                "can_be_taken_up": not each.answered and last[each.child] == each.id,
                "answered": each.answered,
            }
            for each in found
        ]
    page = render_template(
        "staff/endings.html",
        endings=listed,
        reasons=reasons,
        days=endings.TOLD_OF.days,
        faults=faults or {},
        sent=sent or {},
        done=done if done in _DONE else None,
    )
    return Response(page, status)


def _facts(ending: Ending, reasons: Any, written_on: date) -> list[tuple[str, str]]:
    told = [
        ("Why", reasons[ending.reason]),
        ("Ended on", words.day(ending.on)),
        ("Where to", ending.where),
        ("Service there", ending.service),
        ("Written down on", words.day(written_on)),
    ]
    return [(name, text) for name, text in told if text]
