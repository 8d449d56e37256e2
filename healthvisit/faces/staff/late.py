"""/staff/late-visits: those who lead take a visit into the record that another team recorded before the child came."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.accounts import people
from healthvisit.definitions import CANONICAL
from healthvisit.exact_json import JSON
from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.faces.layout.errors import STATUS
from healthvisit.faces.staff import blueprint
from healthvisit.programme.boroughs import BY_GSS
from healthvisit.record import late, ownership
from healthvisit.record.endings import LEADS
from healthvisit.record.errors import Forbidden, Invalid, NotFound, Unprocessable
from healthvisit.record.record import Record
from healthvisit.reviews import encounters
from healthvisit.reviews import late as visits
from healthvisit.reviews.late import Visit

# How many visits one page lists; the rest comes when these are decided.
MOST = 50
_DONE = ("taken", "refused")
_HIDDEN = "Not told: the family’s whereabouts are kept hidden"


class Settling(Schema):
    """visit: id of what waits. reason: of not taking it."""

    class Meta:
        unknown = EXCLUDE

    visit = fields.Str(required=True, validate=validate.Length(min=1, max=64))
    reason = fields.Str(load_default="")


@blueprint.get("/late-visits")
@door.admits(*LEADS)
def late_visits() -> Response:
    with door.record() as record:
        found, total = visits.listed(record, most=MOST)
    names = _names({each.late.account for each in found})
    page = render_template(
        "staff/late_visits.html",
        waiting=[_listed(each, names) for each in found if each.late.reason is None],
        refused=[_listed(each, names) for each in found if each.late.reason is not None],
        total=total,
        shown=len(found),
        done=done if (done := request.args.get("done")) in _DONE else None,
    )
    return Response(page)


@blueprint.get("/late-visits/visits/<visit_id>")
@door.admits(*LEADS)
def late_visit(visit_id: str) -> Response:
    return _page(visit_id)


@blueprint.post("/late-visits/taken")
@door.admits(*LEADS)
def late_taken() -> AnyResponse:
    form = _form()
    return _settled(form, lambda record: visits.take(record, form["visit"]), "taken")


@blueprint.post("/late-visits/refused")
@door.admits(*LEADS)
def late_refused() -> AnyResponse:
    form = _form()
    if form["reason"] not in door.house().definitions.codes(late.REFUSALS):
        return _page(form["visit"], 400, {"reason": "Choose why the visit is not taken"}, form)
    return _settled(form, lambda record: late.refuse(record, form["visit"], reason=form["reason"]), "refused")


def _settled(form: dict[str, str], do: Callable[[Record], None], done: str) -> AnyResponse:
    try:
        with door.record(writing=True) as record:
            do(record)
    except (Forbidden, Invalid, Unprocessable) as error:
        told = "; ".join(dict.fromkeys(issue.diagnostics.rstrip(".") for issue in error.issues))
        return _page(
            form["visit"], STATUS[type(error)], {"take": f"The record does not take it: {told}"}, form
        )
    return redirect(url_for("staff.late_visits", done=done), 303)


def _form() -> dict[str, str]:
    """Raises the record's NotFound for what no page of ours sends."""
    try:
        return dict(Settling().load({name: text.replace("\0", "") for name, text in request.form.items()}))
    except ValidationError:
        raise NotFound from None


def _page(
    visit_id: str, status: int = 200, faults: dict[str, str] | None = None, sent: dict[str, str] | None = None
) -> Response:
    with door.record() as record:
        found = visits.one(record, visit_id)
    definitions = door.house().definitions
    page = render_template(
        "staff/late_visit.html",
        visit=visit_id,
        child=_child(found.patient),
        facts=_facts(found),
        groups=found.groups,
        refusals=definitions.codes(late.REFUSALS),
        refusal=found.late.reason and definitions.codes(late.REFUSALS)[found.late.reason],
        faults=faults or {},
        sent=sent or {},
    )
    return Response(page, status)


def _listed(found: Visit, names: dict[str, str]) -> dict[str, Any]:
    return {
        "link": url_for("staff.late_visit", visit_id=found.late.id),
        "name": _name(found.patient),
        "facts": [
            *_child(found.patient)[1:],
            ("Visit", _kind(found.encounter)),
            ("When", _when(found.encounter)),
            ("Recorded by", names[found.late.account]),
            ("Handed in", _moment(found.late.received_at)),
        ],
    }


def _facts(found: Visit) -> list[tuple[str, str]]:
    """What was stated of the visit besides the answers."""
    body = found.encounter
    stated = (
        ("review-outcome", "Outcome"),
        ("capture-mode", "Written down"),
        ("contact-mode", "How they met"),
        ("place", "Where"),
        ("practitioner-type", "By"),
    )
    borough = _HIDDEN if found.marked else BY_GSS[found.late.from_borough].name
    names = _names({found.late.account})
    told = [
        ("Visit", _kind(body)),
        ("When", _when(body)),
        *((title, _code(name, code)) for name, title in stated if (code := encounters.stated(body, name))),
        ("Shared with the family", "Yes" if _is_released(body) else "No"),
        ("Recorded by", names[found.late.account]),
        ("Recorded for the service of", borough),
        ("Handed in", _moment(found.late.received_at)),
    ]
    return [(name, text) for name, text in told if text]


def _names(accounts: set[str]) -> dict[str, str]:
    with door.house().database.reading() as connection:
        return {account: people.display_name(connection, account) for account in accounts}


def _child(patient: JSON) -> list[tuple[str, str]]:
    number = next(iter(ownership.nhs_numbers(patient)), None)
    born = ownership.civil_date(patient.get("birthDate"))
    return [
        ("Child", _name(patient)),
        ("Born", words.day(born) if born else "Not known"),
        ("NHS number", words.nhs_number(number) if number else "Not known"),
    ]


def _name(patient: JSON) -> str:
    name: JSON = next(iter(patient.get("name", ())), {})
    return (
        f"{' '.join(name.get('given', ()))} {name.get('family', '')}".strip() or "A child without a name yet"
    )


def _kind(encounter: JSON) -> str:
    for name, code in (
        ("review", encounters.review_of(encounter)),
        ("contact", encounters.contact_of(encounter)),
    ):
        if code is not None:
            return _code(name, code)
    return "Another contact"


def _code(system: str, code: str) -> str:
    return door.house().definitions.codes(f"{CANONICAL}/CodeSystem/{system}").get(code, code)


def _when(encounter: JSON) -> str:
    """Day and, where they were stated, times of the visit, in London."""
    period = encounter.get("period", {})
    start, end = encounters.moment(period.get("start")), encounters.moment(period.get("end"))
    on = encounters.happened_on(encounter)
    if start is None:
        return words.day(on) if isinstance(on, date) else "Not known"
    until = f" to {_clock(end)}" if end is not None and _clock(end) != _clock(start) else ""
    return f"{words.day(start.astimezone(door.LONDON).date())}, {_clock(start)}{until}"


def _moment(at: datetime) -> str:
    return f"{words.day(at.astimezone(door.LONDON).date())}, {_clock(at)}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(door.LONDON):%H:%M}"


def _is_released(encounter: JSON) -> bool:
    return encounters.instant(encounter, "released-at") is not None
