"""PlanDefinition -> programme windows: which table was in force on a day.

http://hl7.org/fhir/R4/plandefinition.html; each action carries our `window` extension.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple, cast

from healthvisit.definitions import CANONICAL, BadDefinition, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme.pathway import Anchor, Span, Window

WINDOW = f"{CANONICAL}/StructureDefinition/window"
REVIEWS = f"{CANONICAL}/CodeSystem/review"
STAGES = f"{CANONICAL}/CodeSystem/gm-stage"
CONTACTS = f"{CANONICAL}/CodeSystem/contact"
# Whose contact may be the assessment of a stage; each clock still tests its own window (domain facts 1.3).
# The other stages are assessed by midwives, providers and schools, or only for a child with needs found.
STAGE_REVIEWS = {"2": "new-birth", "3": "six-to-eight-week", "4": "one-year", "5": "two-year"}


class Stage(NamedTuple):
    """One stage of the Greater Manchester pathway. reviews: the reviews whose contact may satisfy it."""

    window: Window
    reviews: frozenset[str]


class Tables(NamedTuple):
    """Both clocks as they stood on one day, each in the order of its own source.

    contacts: when a suggested contact can be held. Nobody is late with one.
    """

    reviews: tuple[Window, ...]
    stages: tuple[Stage, ...]
    contacts: tuple[Window, ...]


def in_force(definitions: Definitions, on: date) -> Tables:
    """The tables of windows in force on a day. Raises BadDefinition where no active table covers it."""
    return Tables(
        tuple(_windows(definitions, REVIEWS, on)),
        tuple(
            Stage(window, frozenset({STAGE_REVIEWS[window.code]} if window.code in STAGE_REVIEWS else ()))
            for window in _windows(definitions, STAGES, on)
        ),
        tuple(_windows(definitions, CONTACTS, on)),
    )


def _windows(definitions: Definitions, system: str, on: date) -> Iterable[Window]:
    tables = [
        plan
        for plan in definitions.of_type("PlanDefinition")
        if plan.get("status") == "active" and _covers(plan, on) and _code(plan["action"][0], system)
    ]
    if not tables:
        raise BadDefinition(f"no table of {system} is in force on {on}")
    # A later table takes the place of an earlier one that was left without an end.
    newest = max(tables, key=lambda plan: (plan.get("effectivePeriod", {}).get("start", ""), plan["version"]))
    return [_window(action, system) for action in newest["action"]]


def _covers(plan: JSON, on: date) -> bool:
    period = plan.get("effectivePeriod", {})
    day = on.isoformat()
    start: str = period.get("start", day)
    end: str = period.get("end", day)
    return start[:10] <= day <= end[:10]


def _code(action: JSON, system: str) -> str | None:
    return next(
        (
            coding["code"]
            for concept in action.get("code", ())
            for coding in concept.get("coding", ())
            if coding.get("system") == system
        ),
        None,
    )


def _window(action: JSON, system: str) -> Window:
    code = _code(action, system)
    parts = next((_parts(each) for each in action.get("extension", ()) if each["url"] == WINDOW), None)
    if code is None or parts is None:
        raise BadDefinition(f"an action of the table of {system} has no code or no window")
    closes = parts.get("closes", {})
    return Window(
        code,
        action["title"],
        cast(Anchor, parts["anchor"]),
        _span(parts.get("opens")),
        _span(parts.get("closes")),
        closes_included=closes.get("included", True),
        targeted=parts.get("targeted", False),
    )


def _parts(extension: JSON) -> dict[str, Any]:
    """Parts of a complex extension by url, each a value or again parts."""
    return {
        part["url"]: _parts(part)
        if "extension" in part
        else next(value for name, value in part.items() if name.startswith("value"))
        for part in extension["extension"]
    }


def _span(parts: Mapping[str, int] | None) -> Span | None:
    if parts is None:
        return None
    return Span(parts.get("months", 0), parts.get("weeks", 0), parts.get("days", 0))
