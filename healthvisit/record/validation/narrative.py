"""Narrative: a small, strict piece of XHTML, refused and never rewritten.

Allowed is what https://hl7.org/fhir/R4/narrative.html#xhtml allows (txt-1), and less where a browser would
fetch or run something: pictures only from inside the resource or from a file beside the page that shows it,
links only to pages and addresses.
"""

import re
from xml.parsers import expat

from healthvisit.record.validation.faults import Faults, against, wrong

_XHTML = "http://www.w3.org/1999/xhtml"
_XML = "http://www.w3.org/XML/1998/namespace"
_ELEMENTS_TEXT = """
    a abbr acronym address b bdo big blockquote br caption center cite code col colgroup dd del dfn div
    dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre q s samp small span strike strong sub sup
    table tbody td tfoot th thead tr tt u ul var
"""
_ELEMENTS = frozenset(_ELEMENTS_TEXT.split())
_ATTRIBUTES_TEXT = """
    abbr align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff cite
    class color cols colspan compact datetime dir frame headers height href hspace id lang longdesc name
    noshade nowrap rel rev rowspan rules scope size span src start style summary tabindex title type
    valign value vspace width
"""
_ATTRIBUTES = frozenset(_ATTRIBUTES_TEXT.split())
_LINK = re.compile(r"(?:https?://|mailto:|tel:|#|\./|\.\./|[A-Za-z0-9_])[^\x00-\x20]*", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)
_SAFE_SCHEMES = ("http:", "https:", "mailto:", "tel:")
# A name without a slash leads to no other host and to nothing but a picture.
_FILE = r"[A-Za-z0-9_\-]{1,64}\.(?:png|gif|jpe?g)|data: ?image/(?:png|gif|jpeg);base64,[A-Za-z0-9+/=\s]+"
_PICTURE = re.compile(rf"#[A-Za-z0-9\-.]{{1,64}}|{_FILE}")
_BACKGROUND = re.compile(rf"\burl\((?:{_FILE})\)")
# A backslash or a comment could hide the words from us, but not from a browser.
_BAD_STYLE = re.compile(r"url|expression|javascript|behaviou?r|binding|[\\@<]|/\*", re.IGNORECASE)


class _RefusedError(Exception):
    pass


def xhtml(value: object) -> Faults:
    """Faults of Narrative.div."""
    if type(value) is not str:
        return wrong("structure", "the narrative must be a string of XHTML")
    # Read by ourselves before the parser: a document type or an instruction has no place in a narrative,
    # and entities declared in one can grow without end.
    if re.search(r"<!(?!--)|<\?", value):
        return wrong("value", "the narrative must not declare, instruct or quote raw text")
    reader = expat.ParserCreate(namespace_separator=" ")
    seen = _Seen()
    reader.StartElementHandler = seen.opened
    reader.CharacterDataHandler = seen.text
    try:
        reader.Parse(value.encode("utf-8"), True)
    except _RefusedError as refused:
        return against("invariant", f"txt-1: {refused}")
    except (expat.ExpatError, UnicodeEncodeError):
        return wrong("value", "the narrative is not well-formed XHTML (only XML's own entities are known)")
    if not seen.content:
        return against("invariant", "txt-2: The narrative SHALL have some non-whitespace content")
    return None


class _Seen:
    def __init__(self) -> None:
        self.content = False
        self.depth = 0

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if self.depth == 0 and local != "div":
            raise _RefusedError("the narrative is one div")
        self.depth += 1
        if space != _XHTML:
            raise _RefusedError("only elements of the XHTML namespace are allowed")
        if local not in _ELEMENTS:
            raise _RefusedError("an element is not among those allowed in a narrative")
        if local == "img":
            self.content = True
        for attribute, value in attributes.items():
            _attribute(local, attribute, value)

    def text(self, text: str) -> None:
        if not text.isspace():
            self.content = True


def _attribute(element: str, attribute: str, value: str) -> None:
    if attribute == f"{_XML} lang":
        return
    if attribute not in _ATTRIBUTES:
        raise _RefusedError("an attribute is not among those allowed in a narrative")
    if attribute == "style" and _BAD_STYLE.search(_BACKGROUND.sub("", value)):
        raise _RefusedError("a style must not name another place or carry code")
    if attribute == "src" and not (element == "img" and _PICTURE.fullmatch(value)):
        raise _RefusedError(
            "a picture must stand in the resource itself, or beside the page by its plain name"
        )
    if attribute in ("href", "cite", "longdesc"):
        scheme = _SCHEME.match(value)
        if not _LINK.fullmatch(value) or (scheme and scheme[0].lower() not in _SAFE_SCHEMES):
            raise _RefusedError("a link must lead to a page, an address or a part of this narrative")
