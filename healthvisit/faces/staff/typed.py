"""What people type into the forms of this face, as values, and what is wrong with it."""

from collections.abc import Mapping
from datetime import date


class Faulty(Exception):
    """A form that cannot be taken: what is wrong, by field."""

    def __init__(self, faults: dict[str, str], status: int = 400) -> None:
        super().__init__()
        self.faults = faults
        self.status = status


def day(sent: Mapping[str, str], name: str) -> date | None:
    """The day of a date input of the NHS design system (three fields), None for what is none."""
    parts = [sent.get(f"{name}-{part}", "").strip() for part in ("year", "month", "day")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    try:
        return date(*map(int, parts))
    except (ValueError, OverflowError):
        return None


def number(text: str) -> str:
    """An NHS number without its spaces."""
    return "".join(text.split())


def lines(text: str) -> str:
    """A browser sends each end of a line as two characters; a person counts one."""
    return text.replace("\r\n", "\n").strip()
