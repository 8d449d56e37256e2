"""/staff/tablets: those who lead see which tablets their team uses, when each was last heard from, and what it holds."""

from datetime import datetime
from typing import Any

from flask import Response, render_template

from healthvisit.access import reach as reaches
from healthvisit.accounts import devices
from healthvisit.accounts.devices import Tablet
from healthvisit.faces import door
from healthvisit.faces.layout import words
from healthvisit.faces.staff import blueprint
from healthvisit.record import within
from healthvisit.record.endings import LEADS


@blueprint.get("/tablets")
@door.admits(*LEADS)
def tablets() -> Response:
    requester, at = door.requester(), door.now()
    told = within.told(reaches.of(requester, on=door.today()), requester.account, at=at)
    with door.house().database.reading(told) as connection:
        found = devices.of_boroughs(connection, requester.boroughs, at=at)
    page = render_template(
        "staff/tablets.html",
        tablets=[_row(each, at) for each in found],
        missed=sum(each.is_missed(at) for each in found),
        silent_days=devices.SILENT_DAYS,
    )
    return Response(page)


def _row(tablet: Tablet, at: datetime) -> dict[str, Any]:
    word = tablet.word
    return {
        "name": tablet.name,
        "is_closed": tablet.is_closed,
        "is_missed": tablet.is_missed(at),
        "device": word.device[:8],
        "build": word.build[:8],
        "unsent": word.unsent,
        "heard": _ago(tablet.heard_at, at),
        "oldest": _ago(word.oldest_at, at) if word.oldest_at is not None else "Nothing",
    }


def _ago(then: datetime, at: datetime) -> str:
    """The day, with the time where it is today's, and how long ago it is."""
    local, today = then.astimezone(door.LONDON), at.astimezone(door.LONDON)
    days = (today.date() - local.date()).days
    if days <= 0:
        return f"Today, {local:%H:%M}"
    return f"{words.day(local.date())}, {words.plural(days, 'day')} ago"
