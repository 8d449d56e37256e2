"""What the record gives back: versions of resources, and pages of them."""

from dataclasses import dataclass
from datetime import datetime

from healthvisit.exact_json import JSON, loads


@dataclass(frozen=True)
class Version:
    """One version of one resource. body: its JSON as it is stored, or the parents' view of it; b"" for the
    version that is a deletion, whose method is "DELETE"."""

    type: str
    id: str
    version: int
    updated_at: datetime
    body: bytes
    method: str

    def json(self) -> JSON:
        found: JSON = loads(self.body)
        return found

    def is_held(self, tags: str | None, since: datetime | None) -> bool:
        """Whether a reader who states these has this version. tags: If-None-Match, which alone counts where it
        is given; since: If-Modified-Since. https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2"""
        if tags is not None:
            named = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
            return "*" in named or f'"{self.version}"' in named
        # That header has whole seconds.
        return since is not None and self.updated_at.replace(microsecond=0) <= since


@dataclass(frozen=True)
class Written:
    """created: False for an update, and where a conditional create found what it looked for."""

    version: Version
    created: bool


@dataclass(frozen=True)
class Page:
    """total: of all pages, None where it is not known. next: the _page of the next one, None on the last.
    parameters: what was understood, for the self link."""

    matches: list[Version]
    included: list[Version]
    total: int | None
    next: str | None
    parameters: list[tuple[str, str]]
