"""The service as tests start it: whole. What is the same each time, and takes longest, is read once a run: the
definitions, and the templates, compiled."""

from functools import cache
from pathlib import Path
from typing import cast

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache

from healthvisit import definitions
from healthvisit.app import create_app
from healthvisit.config import Settings
from healthvisit.definitions import Definitions
from healthvisit.faces.layout.templating import Pages


class _Compiled(BytecodeCache):
    """Of the templates that any service of this process rendered; one whose text is another is compiled anew."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (kept := self._kept.get(bucket.key)) is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


# The components are compiled by other rules, and may bear a name of ours.
_OURS, _COMPONENTS = _Compiled(), _Compiled()


def started(settings: Settings) -> Flask:
    made = create_app(settings, found=_definitions(settings.definitions_folder, settings.instruments()))
    pages = cast(Pages, made.jinja_env)
    pages.bytecode_cache, pages.components.bytecode_cache = _OURS, _COMPONENTS
    return made


@cache
def _definitions(folder: Path, instruments: Path | None) -> Definitions:
    return definitions.load(folder, instruments)
