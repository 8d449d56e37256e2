"""What a commissioner asks for in an address, checked: a quarter, a borough, an indicator."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from healthvisit.programme.boroughs import BY_GSS, Borough
from healthvisit.programme.dates import Quarter
from healthvisit.record.errors import NotFound
from healthvisit.reviews import national
from healthvisit.reviews.quarter import REVIEWS, QuarterFigures

NOT_IN_LIST = "Select a quarter from the list"


class _QuarterField(fields.Field[Quarter]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Quarter:
        try:
            return Quarter.parse(value)
        except (ValueError, TypeError):
            raise ValidationError(NOT_IN_LIST) from None


class _Query(Schema):
    class Meta:
        unknown = EXCLUDE

    quarter = _QuarterField(load_default=None)


class Choice(NamedTuple):
    """quarter: the one to show, None while there are no figures; error: what is wrong with what was asked."""

    quarter: Quarter | None
    error: str | None


def chosen(arguments: Mapping[str, str], figures: Sequence[QuarterFigures]) -> Choice:
    """The quarter asked for; else the newest for which a borough has reported, else the newest."""
    known = [each.quarter for each in figures]
    newest = next(
        (each.quarter for each in reversed(figures) if each.reporting), known[-1] if known else None
    )
    return _choice(arguments, known, newest)


def ended(arguments: Mapping[str, str], known: Sequence[Quarter], *, on: date) -> Choice:
    """The quarter asked for; else the newest that has ended by `on`, else the newest. known: earliest first."""
    newest = next((each for each in reversed(known) if each.last_on < on), known[-1] if known else None)
    return _choice(arguments, known, newest)


def _choice(arguments: Mapping[str, str], known: Sequence[Quarter], newest: Quarter | None) -> Choice:
    try:
        asked = _Query().load(arguments)["quarter"]
    except ValidationError:
        return Choice(newest, NOT_IN_LIST)
    if asked is None:
        return Choice(newest, None)
    return Choice(asked, None) if asked in known else Choice(newest, NOT_IN_LIST)


def borough(gss: str) -> Borough:
    """Raises NotFound for a code that is none of the ten."""
    if gss not in BY_GSS:
        raise NotFound
    return BY_GSS[gss]


def indicator(code: str) -> str:
    """Raises NotFound for a code that is no indicator's."""
    if code not in national.INDICATORS:
        raise NotFound
    return code


def review(code: str) -> str:
    """Raises NotFound for a code that is no statutory review's."""
    if code not in REVIEWS:
        raise NotFound
    return code
