"""/staff/figures: the frozen indicators of one's own borough, and the children behind each number."""

from collections import Counter

from flask import render_template, request

from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.faces.staff import blueprint
from healthvisit.programme.boroughs import BY_GSS, Borough
from healthvisit.programme.dates import Quarter
from healthvisit.record.endings import LEADS
from healthvisit.record.errors import NotFound
from healthvisit.reviews import national, subjects
from healthvisit.reviews.national import Indicator
from healthvisit.reviews.subjects import Standing

_STANDINGS: dict[Standing, str] = {
    "rule-unknown": "Not assessable whether it counts",
    "fact-missing": "Not counted: something was not recorded",
    "not-counted": "Not counted",
    "counted": "Counted",
}


@blueprint.get("/figures")
@door.admits(*LEADS)
def figures() -> str:
    with door.record() as record:
        known = national.frozen(record)
        quarter = _quarter(request.args.get("quarter"), known)
        found = [] if quarter is None else national.of_quarter(record, quarter)
        titles = {code: _title(record.definitions.by_url(national.measure(code))) for code in subjects.CODES}
    boroughs = [
        (
            borough,
            [
                (each.code, titles[each.code], *_frozen(each))
                for each in found
                if each.borough == borough.slug and each.code in titles
            ],
        )
        for borough in _own()
    ]
    return render_template(
        "staff/figures.html", boroughs=boroughs, quarter=quarter, quarters=sorted(known, reverse=True)
    )


@blueprint.get("/figures/<gss>/<code>")
@door.admits(*LEADS)
def figure(gss: str, code: str) -> str:
    borough = next((each for each in _own() if each.gss == gss), None)
    if borough is None or code not in subjects.CODES:
        raise NotFound
    with door.record() as record:
        quarter = _quarter(request.args.get("quarter", ""), national.frozen(record))
        frozen = [] if quarter is None else national.of_quarter(record, quarter)
        each = next((each for each in frozen if (each.code, each.borough) == (code, borough.slug)), None)
        if each is None:
            raise NotFound
        found = subjects.of_figure(record, each)
        title = _title(record.definitions.by_url(national.measure(code)))
    counts = Counter(subject.standing for subject in found)
    return render_template(
        "staff/figure.html",
        title=title,
        borough=borough.name,
        each=each,
        frozen=_frozen(each),
        reached=len(found),
        standings=[(_STANDINGS[standing], counts[standing]) for standing in _STANDINGS if counts[standing]],
        rows=[
            (
                subject.name,
                words.day(subject.born_on),
                words.nhs_number(subject.nhs_number) if subject.nhs_number else "Not known",
                _STANDINGS[subject.standing],
            )
            for subject in found
        ],
    )


def _own() -> list[Borough]:
    return [BY_GSS[gss] for gss in sorted(door.requester().boroughs) if gss in BY_GSS]


def _quarter(asked: str | None, known: list[Quarter]) -> Quarter | None:
    """The quarter asked for; the newest that has ended where none is, else the newest. Raises NotFound for another."""
    if asked is None:
        ended = [each for each in known if each.last_on < door.today()] or known
        return ended[-1] if ended else None
    try:
        quarter = Quarter.parse(asked)
    except ValueError:
        raise NotFound from None
    if quarter not in known:
        raise NotFound
    return quarter


def _title(measure: dict[str, str]) -> str:
    return measure["title"]


def _frozen(each: Indicator) -> tuple[str, str, str]:
    """What is counted, of how many, and the share, as frozen."""
    figure = each.figure
    missing = "Withheld" if figure.reason in (None, "withheld", "a-count", "none-due") else "Not assessable"
    counted, of = (
        missing if number is None else words.count(number)
        for number in (figure.numerator, figure.denominator)
    )
    is_count = each.code in national.COUNTS
    share = "None" if is_count else missing if figure.rate is None else words.rate(figure.rate)
    return counted, "None" if is_count else of, "None due" if figure.reason == "none-due" else share
