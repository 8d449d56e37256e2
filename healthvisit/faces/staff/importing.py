"""/staff/imports: those who lead say of which child a review of the paper backlog is, or that it is not taken."""

from collections.abc import Callable
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from werkzeug.wrappers import Response as AnyResponse

from healthvisit.accounts import people
from healthvisit.definitions import CANONICAL
from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.faces.layout.errors import STATUS
from healthvisit.faces.staff import blueprint, typed
from healthvisit.programme import nhs_number
from healthvisit.record import imported
from healthvisit.record.endings import LEADS
from healthvisit.record.errors import Forbidden, NotFound, Unprocessable
from healthvisit.record.imported import Waiting
from healthvisit.record.record import Record
from healthvisit.reviews import backlog, imports
from healthvisit.reviews.backlog import Row
from healthvisit.reviews.imports import Candidate

# How many rows one page lists; the rest comes when these are decided.
MOST = 50
# Of the radios: a child who is no candidate, named by its NHS number.
ANOTHER = "another"
_DONE = ("accepted", "refused", "aside")
_UNITS = {"weight_kg": ("Weight", "kg"), "length_cm": ("Length or height", "cm"), "head_cm": ("Head", "cm")}


class Deciding(Schema):
    """row: id of what waits. child: id of a candidate, or "another" for the one with the NHS number. reason: of
    refusing."""

    class Meta:
        unknown = EXCLUDE

    row = fields.Str(required=True, validate=validate.Length(min=1, max=64))
    child = fields.Str(load_default="")
    nhs_number = fields.Str(load_default="")
    reason = fields.Str(load_default="")


@blueprint.get("/imports")
@door.admits(*LEADS)
def importing() -> Response:
    with door.record() as record:
        found, total = imported.waiting(record, most=MOST)
    with door.house().database.reading() as connection:
        names = {each.brought_by: people.display_name(connection, each.brought_by) for each in found}
    page = render_template(
        "staff/imports.html",
        waiting=[_listed(each, names) for each in found if not each.is_aside],
        aside=[_listed(each, names) for each in found if each.is_aside],
        total=total,
        shown=len(found),
        done=done if (done := request.args.get("done")) in _DONE else None,
    )
    return Response(page)


@blueprint.get("/imports/rows/<row_id>")
@door.admits(*LEADS)
def deciding(row_id: str) -> Response:
    return _page(row_id)


@blueprint.post("/imports/accepted")
@door.admits(*LEADS)
def import_accepted() -> AnyResponse:
    form = _form()
    number = typed.number(form["nhs_number"])

    def accept(record: Record) -> None:
        if form["child"] != ANOTHER:
            imports.is_childs(record, form["row"], form["child"])
        elif nhs_number.is_valid(number):
            imports.is_of_number(record, form["row"], number)
        else:
            raise typed.Faulty({"nhs_number": "Enter the child’s NHS number: 10 digits"})

    if not form["child"]:
        return _page(form["row"], 400, {"child": "Choose which child was reviewed"}, form)
    return _settled(form, accept, "accepted")


@blueprint.post("/imports/refused")
@door.admits(*LEADS)
def import_refused() -> AnyResponse:
    form = _form()
    if form["reason"] not in door.house().definitions.codes(imported.REFUSALS):
        return _page(form["row"], 400, {"reason": "Choose why the row is not taken"}, form)
    return _settled(
        form, lambda record: imported.refuse(record, form["row"], reason=form["reason"]), "refused"
    )


@blueprint.post("/imports/aside")
@door.admits(*LEADS)
def import_set_aside() -> AnyResponse:
    form = _form()
    return _settled(form, lambda record: imported.set_aside(record, form["row"]), "aside")


def _settled(form: dict[str, str], do: Callable[[Record], None], done: str) -> AnyResponse:
    try:
        with door.record(writing=True) as record:
            do(record)
    except typed.Faulty as error:
        return _page(form["row"], error.status, error.faults, form)
    except (Forbidden, Unprocessable) as error:
        faults = {
            issue.expression if issue.expression == "nhs_number" else "child": issue.diagnostics.rstrip(".")
            for issue in error.issues
        }
        return _page(form["row"], STATUS[type(error)], faults, form)
    return redirect(url_for("staff.importing", done=done), 303)


def _form() -> dict[str, str]:
    """Raises the record's NotFound for what no page of ours sends."""
    try:
        return dict(Deciding().load({name: text.replace("\0", "") for name, text in request.form.items()}))
    except ValidationError:
        raise NotFound from None


def _page(
    row_id: str, status: int = 200, faults: dict[str, str] | None = None, sent: dict[str, str] | None = None
) -> Response:
    with door.record() as record:
        found = imports.deciding(record, row_id)
    definitions = door.house().definitions
    questions = definitions.codes(imported.QUESTIONS)
    page = render_template(
        "staff/import.html",
        row=row_id,
        facts=_facts(found.row),
        question=questions[found.waiting.question],
        unlikely=words.listed([_UNITS[name][0].lower() for name in found.unlikely]),
        is_aside=found.waiting.is_aside,
        candidates=[_candidate(each, questions) for each in found.candidates],
        another=ANOTHER,
        refusals=definitions.codes(imported.REFUSALS),
        faults=faults or {},
        sent=sent or {},
    )
    return Response(page, status)


def _listed(waiting: Waiting, names: dict[str, str]) -> dict[str, Any]:
    definitions = door.house().definitions
    row = backlog.again(waiting.content, waiting.number)
    brought_on = waiting.brought_at.astimezone(door.LONDON).date()
    return {
        "link": url_for("staff.deciding", row_id=waiting.id),
        "child": f"{' '.join(row.given)} {row.family}",
        "facts": [
            ("Born", words.day(row.born_on)),
            (_code("review", row.review), words.day(row.done_on)),
            ("Reference", row.reference),
            ("Brought", f"{words.day(brought_on)}, by {names[waiting.brought_by]}, row {waiting.number}"),
        ],
        "question": definitions.codes(imported.QUESTIONS)[waiting.question],
    }


def _facts(row: Row) -> list[tuple[str, str]]:
    """What the paper or the older system says, line by line."""
    told = [
        ("Reference", row.reference),
        ("Child", f"{' '.join(row.given)} {row.family}"),
        ("Born", words.day(row.born_on)),
        ("NHS number", row.nhs_number and words.nhs_number(row.nhs_number)),
        ("Postcode", row.postcode),
        ("Sex", row.sex and row.sex.capitalize()),
        ("Review", _code("review", row.review)),
        ("Done on", words.day(row.done_on)),
        ("Outcome", _code("review-outcome", row.outcome)),
        ("Written down", _code("capture-mode", row.mode)),
        ("On paper on", words.day(row.paper_on)),
        ("Typed in on", words.day(row.keyed_on)),
        ("By", row.practitioner and _code("practitioner-type", row.practitioner)),
        ("Where", row.place and _code("place", row.place)),
        ("How they met", row.contact and _code("contact-mode", row.contact)),
        *(
            (title, f"{row.measured[name]} {unit}")
            for name, (title, unit) in _UNITS.items()
            if name in row.measured
        ),
    ]
    return [(name, text) for name, text in told if text]


def _code(system: str, code: str) -> str:
    return door.house().definitions.codes(f"{CANONICAL}/CodeSystem/{system}")[code]


def _candidate(candidate: Candidate, questions: Any) -> dict[str, Any]:
    number = candidate.nhs_number
    told = [
        f"Born {words.day(candidate.born_on)}" if candidate.born_on else "",
        f"NHS number {words.nhs_number(number)}" if number else "No NHS number",
        (candidate.sex or "").capitalize(),
        candidate.postcode or "",
    ]
    doubt = candidate.barred or candidate.asked
    return {
        "id": candidate.id,
        "name": f"{candidate.given} {candidate.family}".strip() or "A child without a name",
        "told": ", ".join(text for text in told if text),
        "doubt": doubt and questions[doubt],
        "is_barred": candidate.barred is not None,
    }
