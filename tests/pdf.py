"""A PDF as who hears it meets it: its words page by page, and its tags."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pypdf


class Document:
    """text: all pages, without the lines at their feet. tags: (name, words for who does not see it or None), in the
    order of reading. everything: every word that it holds anywhere."""

    def __init__(self, made: bytes) -> None:
        self.reader = pypdf.PdfReader(BytesIO(made))
        self.root = self.reader.root_object
        pages = [page.extract_text() for page in self.reader.pages]
        self.text = "\n".join(re.sub(r"\n[^\n]*Page \d+ of \d+\s*$", "", page) for page in pages)
        self.tags = list(_tags(self.root["/StructTreeRoot"]["/K"]))
        told = [words for _, words in self.tags if words] + [
            str(each) for each in self.reader.metadata.values()
        ]
        self.everything = "\n".join([*pages, *told])

    def says(self, words: str) -> bool:
        """Whether these words stand in it, wherever its lines break."""
        return bare(words) in bare(self.text)


def bare(text: str) -> str:
    return "".join(text.split())


def _tags(node: Any) -> Iterator[tuple[str, str | None]]:
    node = node.get_object()
    if isinstance(node, list):
        for each in node:
            yield from _tags(each)
    elif isinstance(node, dict):
        if "/S" in node:
            yield node["/S"].removeprefix("/"), node.get("/Alt")
        if "/K" in node:
            yield from _tags(node["/K"])
