"""One request of an operation, once its parameters are read."""

from collections.abc import Mapping
from dataclasses import dataclass

from healthvisit.exact_json import JSON


@dataclass(frozen=True)
class Asked:
    """level: system, type or instance; type and id are "" where it has none. words: parameters of one word, in
    the order given; objects: those that are a resource or another object.
    """

    level: str
    type: str
    id: str
    words: Mapping[str, list[str]]
    objects: Mapping[str, JSON]

    def word(self, name: str) -> str | None:
        return next(iter(self.words.get(name, ())), None)
