"""/staff/open: a child of another borough in an emergency; /staff/openings: those who lead look at it afterwards."""

from datetime import datetime
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, Schema, fields, validate
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.access.requester import STAFF
from healthvisit.accounts import attempts, people
from healthvisit.accounts.errors import TooManyAttempts
from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.faces.staff import blueprint, typed
from healthvisit.programme import nhs_number
from healthvisit.programme.boroughs import BY_GSS
from healthvisit.record import glass
from healthvisit.record.errors import Conflict, Forbidden, NotFound, Unprocessable
from healthvisit.reviews import emergency

# Said alike for a number that nobody has and for a day on which another child was born.
NO_SUCH_CHILD = "No child has this NHS number and date of birth. Check both"
_ROLES = {
    "health-visitor": "Health visitor",
    "team-lead": "Team lead",
    "safeguarding-lead": "Safeguarding lead",
}


class Emergency(Schema):
    """The emergency form, as it is typed."""

    class Meta:
        unknown = EXCLUDE

    nhs_number = fields.Str(load_default="")
    day = fields.Str(load_default="", data_key="born-day")
    month = fields.Str(load_default="", data_key="born-month")
    year = fields.Str(load_default="", data_key="born-year")
    reason = fields.Str(load_default="")
    sentence = fields.Str(load_default="")


class Reviewing(Schema):
    """opening: its id. outcome: a code of OpeningOutcome."""

    class Meta:
        unknown = EXCLUDE

    opening = fields.Str(required=True, validate=validate.Length(min=1, max=64))
    outcome = fields.Str(load_default="")


@blueprint.get("/open")
@door.admits(*STAFF)
def opening() -> Response:
    return _form({}, {})


@blueprint.post("/open")
@door.admits(*STAFF)
def opened() -> AnyResponse:
    sent = {name: value.replace("\0", "") for name, value in request.form.items()}
    form = Emergency().load(sent)
    number, born = typed.number(form["nhs_number"]), typed.day(sent, "born")
    sentence = " ".join(form["sentence"].split())
    reasons = door.house().definitions.codes(glass.REASONS)
    faults = {
        "nhs_number": not nhs_number.is_valid(number) and "Enter the child’s NHS number: 10 digits",
        "born": born is None and "Enter the child’s date of birth",
        "reason": form["reason"] not in reasons and "Choose why you open this record",
        "sentence": not glass.LEAST_SENTENCE <= len(sentence) <= glass.MOST_SENTENCE
        and f"Say in {glass.LEAST_SENTENCE} to {glass.MOST_SENTENCE} characters what has happened",
    }
    if told := {field: text for field, text in faults.items() if text}:
        return _form(sent, told, 400)
    try:
        with door.house().database.writing() as connection:
            attempts.spend(connection, "openings", door.requester().account, at=door.house().clock())
    except TooManyAttempts as error:
        minutes = words.plural(-(-error.wait_s // 60), "minute")
        busy = _form(sent, {"nhs_number": f"You have tried too often. Try again in {minutes}"}, 429)
        busy.headers["Retry-After"] = str(error.wait_s)
        return busy
    try:
        with door.record(writing=True) as record:
            children = glass.open_child(record, number, str(born), reason=form["reason"], sentence=sentence)
    except NotFound:
        return _form(sent, {"nhs_number": NO_SUCH_CHILD}, 400)
    return redirect(url_for("staff.child", child_id=children[0]), 303)


@blueprint.get("/children/<child_id>")
@door.admits(*STAFF)
def child(child_id: str) -> str:
    with door.record() as record:
        found = emergency.of_child(record, child_id, door.today())
        until = next((each.until for each in glass.open_now(record) if each.child == child_id), None)
    return render_template("staff/child.html", child=found, until=until and _moment(until))


@blueprint.get("/openings")
@door.admits(*glass.REVIEWERS)
def openings() -> Response:
    return _awaiting()


@blueprint.get("/openings/refused")
@door.admits(*glass.REVIEWERS)
def refused() -> Response:
    with door.record() as record:
        found = glass.refused(record)
    with door.house().database.reading() as connection:
        listed = [
            {
                "who": people.display_name(connection, each.account),
                "role": _ROLES[each.role],
                "times": len(each.at),
                "first": _moment(each.at[-1]),
                "last": _moment(each.at[0]),
            }
            for each in found
        ]
    return _page("staff/refused.html", 200, refused=listed, days=glass.TOLD_OF_REFUSALS.days)


@blueprint.post("/openings")
@door.admits(*glass.REVIEWERS)
def reviewed() -> AnyResponse:
    form = Reviewing().load({name: value.replace("\0", "") for name, value in request.form.items()})
    try:
        with door.record(writing=True) as record:
            glass.review(record, form["opening"], outcome=form["outcome"])
    except Unprocessable:
        return _awaiting({f"outcome-{form['opening']}": "Choose what came of it"}, 400)
    except (Conflict, Forbidden) as error:
        return _awaiting({"openings": error.issues[0].diagnostics.rstrip(".")}, 409)
    return redirect(url_for("staff.openings", done="yes"), 303)


def _form(sent: dict[str, str], faults: dict[str, str], status: int = 200) -> Response:
    with door.record() as record:
        held = [
            (each.child, emergency.of_child(record, each.child, door.today()).name, _moment(each.until))
            for each in glass.open_now(record)
        ]
    return _page(
        "staff/open.html",
        status,
        sent=sent,
        faults=faults,
        held=held,
        is_lead=door.requester().role in glass.REVIEWERS,
        reasons=door.house().definitions.codes(glass.REASONS),
        hours=words.in_words(glass.LIFE.seconds // 3600),
    )


def _awaiting(faults: dict[str, str] | None = None, status: int = 200) -> Response:
    with door.record() as record:
        found = glass.awaiting(record)
    reasons = door.house().definitions.codes(glass.REASONS)
    with door.house().database.reading() as connection:
        listed = [
            {
                "id": each.id,
                "child": emergency.name_of(each.name),
                "link": url_for("staff.child", child_id=each.child),
                "who": people.display_name(connection, each.account),
                "role": _ROLES[each.role],
                "boroughs": words.listed([BY_GSS[gss].name for gss in each.boroughs]),
                "when": _moment(each.opened_at),
                "reason": reasons[each.reason],
                "sentence": each.sentence,
            }
            for each in found
        ]
    return _page(
        "staff/openings.html",
        status,
        openings=listed,
        outcomes=door.house().definitions.codes(glass.OUTCOMES),
        faults=faults or {},
        done=request.args.get("done") == "yes",
    )


def _page(template: str, status: int, **values: Any) -> Response:
    return Response(render_template(template, **values), status)


def _moment(at: datetime) -> str:
    """15 February 2021 at 09:05, on the clock of England."""
    here = at.astimezone(door.LONDON)
    return f"{words.day(here.date())} at {here:%H:%M}"
