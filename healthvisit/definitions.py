"""Reads the folder of FHIR definitions once, at start, and refuses to start on a bad file.

Must not know SQL, HTTP, or what a review is. Visitors use `load` and the `Definitions` it gives.
Everything here is read-only after start, so threads share it.

A form that is changed becomes a new version, and the one before stays in questionnaires/earlier: a tablet may have been
without signal since, and what it then sends names the version that was filled in.

An instrument pack brings what is licensed: the wording of the items, the ages of the forms and the cut-offs.
Its wording is merged into the Questionnaire, whose version and title then name the pack, so that a recorded
answer always says which words were read out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import Any

from healthvisit.exact_json import JSON, Malformed, loads

CANONICAL = "https://healthvisit.example/fhir"
GSS_SYSTEM = f"{CANONICAL}/Id/gss-code"

# Not FHIR resources: the compact table of R4 elements, and instrument packs.
_NOT_RESOURCES = ("r4", "packs", "examples")

# Definitions of our own, named by our canonical URL.
_CANONICAL_TYPES = (
    "CodeSystem", "ValueSet", "Questionnaire", "PlanDefinition", "Measure", "StructureDefinition",
)  # fmt: skip
_CODES = f"{CANONICAL}/CodeSystem/"
_EXTENSIONS = f"{CANONICAL}/StructureDefinition/"
_CORE = "http://hl7.org/fhir/StructureDefinition/"
_ITEM_TYPES = ("group", "display", "choice", "decimal", "integer", "string", "text", "date", "boolean")
_ANCHORS = ("birth", "conception", "setting")
_SPANS = ("months", "weeks", "days")


class BadDefinition(Exception):
    """A file of the definitions folder cannot be used. The text names the file and the fault."""


class UnknownDefinition(LookupError):
    """No definition with that canonical URL, version or id."""


class Definitions:
    """The definitions by type and id, and by canonical URL and version; by the URL alone, the version in use.

    boroughs: GSS code by Organization id, for the organisations that carry one.
    elements: the compact table of R4 elements (fhir/r4/elements.json), {} where the folder has none.
    pack: the instrument pack in use, or None.
    """

    def __init__(self, resources: Mapping[tuple[str, str], JSON], elements: JSON, pack: JSON | None) -> None:
        self.resources = MappingProxyType(dict(resources))
        self.elements = elements
        self.pack = pack
        self._by_url: dict[str, JSON] = {}
        for resource in self.resources.values():
            if "url" in resource:
                if not _is_earlier(resource):
                    self._by_url[resource["url"]] = resource
                for version in _versions(resource, pack):
                    self._by_url[f"{resource['url']}|{version}"] = resource
        self.boroughs: Mapping[str, str] = MappingProxyType(
            {
                resource["id"]: identifier["value"]
                for (type_, _), resource in self.resources.items()
                if type_ == "Organization"
                for identifier in resource.get("identifier", ())
                if identifier.get("system") == GSS_SYSTEM
            }
        )

    def of_type(self, type_: str) -> list[JSON]:
        return [resource for (found, _), resource in self.resources.items() if found == type_]

    def resource(self, type_: str, id_: str) -> JSON:
        try:
            return self.resources[type_, id_]
        except KeyError:
            raise UnknownDefinition(f"{type_}/{id_}") from None

    def by_url(self, url: str) -> JSON:
        """The definition with this canonical URL, with or without |version. Raises UnknownDefinition."""
        try:
            return self._by_url[url]
        except KeyError:
            raise UnknownDefinition(url) from None

    def codes(self, url: str) -> Mapping[str, str]:
        """Display by code of the CodeSystem with this URL."""
        return {concept["code"]: concept["display"] for concept in self.by_url(url)["concept"]}


def _is_earlier(resource: JSON) -> bool:
    """Whether it is a version of a form that was in use before."""
    return resource["resourceType"] == "Questionnaire" and not resource["url"].endswith(f"/{resource['id']}")


def _versions(resource: JSON, pack: JSON | None) -> Iterator[str]:
    """The version, and those that read the same words from an earlier version of the pack."""
    version: str = resource.get("version", "")
    yield version
    if pack is not None and version.endswith(own := f"-{pack['id']}.{pack['version']}"):
        for earlier in pack.get("earlier", ()):
            yield f"{version.removesuffix(own)}-{pack['id']}.{earlier}"


def load(folder: Path, instruments: Path | None = None) -> Definitions:
    """Definitions of a folder. Raises BadDefinition with the file's name and its fault.

    instruments: folder of the instrument pack to use, or None for none: the forms then show item numbers, and
    scores are recorded without being classified.
    """
    resources: dict[tuple[str, str], JSON] = {}
    paths: dict[tuple[str, str], Path] = {}
    urls: set[str] = set()
    if not folder.is_dir():
        raise BadDefinition(f"{folder} is not a folder")
    for path in sorted(folder.rglob("*.json")):
        if path.relative_to(folder).parts[0] in _NOT_RESOURCES:
            continue
        resource = _read(path)
        for name in ("resourceType", "id"):
            if not isinstance(resource.get(name), str):
                raise BadDefinition(f"{path}: {name} is missing")
        if resource["id"] != path.stem:
            raise BadDefinition(f"{path}: the id is {resource['id']}, not the file's name")
        key = resource["resourceType"], resource["id"]
        url = resource.get("url")
        # Versions of a form share its url.
        named = f"{url}|{resource.get('version')}" if key[0] == "Questionnaire" else url
        if key in resources or named in urls:
            raise BadDefinition(f"{path}: {'/'.join(key)} or its url stands twice")
        if url is not None:
            urls |= {url, str(named)}
        resources[key], paths[key] = resource, path
    codes = {
        resource["url"]: {concept.get("code") for concept in resource.get("concept", ())}
        for (type_, _), resource in resources.items()
        if type_ == "CodeSystem" and "url" in resource
    }
    for key, resource in resources.items():
        with _in(paths[key]):
            _check(resource, codes, urls)
            if _is_earlier(resource) and (key[0], resource["url"].rpartition("/")[2]) not in resources:
                raise _Fault("an earlier version of a form that is not there")
    pack = None
    if instruments is not None:
        path = instruments / "pack.json"
        pack = _read(path)
        with _in(path):
            _check_pack(pack, codes)
            resources = {
                key: _worded(resource, pack) if key[0] == "Questionnaire" else resource
                for key, resource in resources.items()
            }
    elements = folder / "r4" / "elements.json"
    return Definitions(resources, _read(elements) if elements.exists() else {}, pack)


def _read(path: Path) -> JSON:
    try:
        value = loads(path.read_bytes())
    except (OSError, Malformed) as error:
        raise BadDefinition(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise BadDefinition(f"{path}: not a JSON object")
    return value


class _Fault(Exception):
    """What is wrong with a definition, before the file's name is set in front of it."""


@contextmanager
def _in(path: Path) -> Iterator[None]:
    """Faults found inside are told with the file's name."""
    try:
        yield
    except _Fault as fault:
        raise BadDefinition(f"{path}: {fault}") from None
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        # A file of another shape than the check reads; the error names what it stumbled over.
        raise BadDefinition(f"{path}: not of the expected shape, {type(error).__name__} {error}") from error


def _check(resource: JSON, codes: Mapping[str, set[str]], urls: set[str]) -> None:
    """Raises _Fault for a definition that the rooms above could not rely on."""
    type_ = resource["resourceType"]
    if type_ in _CANONICAL_TYPES:
        if not isinstance(resource.get("version"), str):
            raise _Fault("version is missing")
        own = f"{CANONICAL}/{type_}/{resource['id']}"
        earlier = own.removesuffix(f"-{resource['version']}")
        if resource.get("url") not in ((own, earlier) if type_ == "Questionnaire" else (own,)):
            raise _Fault(f"the url is not {own}")
    for each in _objects(resource):
        system, code, url = each.get("system"), each.get("code"), each.get("url")
        if isinstance(system, str) and isinstance(code, str):
            _check_code(system, code, codes)
        if isinstance(url, str) and url.startswith(_EXTENSIONS) and url not in urls:
            raise _Fault(f"no definition of the extension {url}")
    match type_:
        case "CodeSystem":
            _check_concepts(resource)
        case "ValueSet":
            for included in resource["compose"]["include"]:
                if included["system"].startswith(_CODES) and included["system"] not in codes:
                    raise _Fault(f"no code system {included['system']}")
        case "Questionnaire":
            _check_items(resource["item"])
        case "PlanDefinition":
            for action in resource["action"]:
                _check_window(action)


def _check_code(system: str, code: str, codes: Mapping[str, set[str]]) -> None:
    if system.startswith(_CODES) and code not in codes.get(system, ()):
        raise _Fault(f"no code {code} in {system}")


def _objects(value: Any) -> Iterator[JSON]:
    """Every JSON object in a value, itself included."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _check_concepts(resource: JSON) -> None:
    concepts = [(concept["code"], concept["display"]) for concept in resource["concept"]]
    if len(dict(concepts)) != len(concepts):
        raise _Fault("a code stands twice")
    if resource.get("count", len(concepts)) != len(concepts):
        raise _Fault(f"count is {resource['count']}, and {len(concepts)} codes stand there")


def _check_items(items: Iterable[JSON], known: set[str] | None = None) -> None:
    """linkIds that stand once; groups with items; choices with options; limits in their order."""
    known = set() if known is None else known
    for item in items:
        link, type_ = item["linkId"], item["type"]
        if link in known:
            raise _Fault(f"the linkId {link} stands twice")
        known.add(link)
        if type_ not in _ITEM_TYPES:
            raise _Fault(f"{link}: no item type {type_} here")
        if type_ == "group" and not item.get("item"):
            raise _Fault(f"{link}: a group without items")
        if (type_ == "choice") != bool(item.get("answerOption")):
            raise _Fault(f"{link}: a choice has options, and nothing else has")
        if not item.get("text"):
            raise _Fault(f"{link}: without text")
        bounds = (
            f"{_CORE}minValue",
            f"{_EXTENSIONS}unlikely-below",
            f"{_EXTENSIONS}unlikely-above",
            f"{_CORE}maxValue",
        )
        limits = [limit for url in bounds if (limit := _extension(item, url)) is not None]
        if limits != sorted(limits):
            raise _Fault(f"{link}: limits that contradict one another")
        if type_ == "decimal" and "code" in item and _extension(item, f"{_CORE}questionnaire-unit") is None:
            raise _Fault(f"{link}: a measurement without a unit")
        _check_items(item.get("item", ()), known)


def _check_window(action: JSON) -> None:
    """One window for each action: fhir/profiles/window.json."""
    found = [each for each in action.get("extension", ()) if each["url"] == f"{_EXTENSIONS}window"]
    title = action["title"]
    if len(found) != 1 or not action.get("code"):
        raise _Fault(f"{title}: not one code and one window")
    if _extension(found[0], "anchor") not in _ANCHORS:
        raise _Fault(f"{title}: the window's anchor is none of {', '.join(_ANCHORS)}")
    edges = []
    for name in ("opens", "closes"):
        for edge in (each for each in found[0]["extension"] if each["url"] == name):
            span = {part["url"]: part["valueInteger"] for part in edge["extension"] if part["url"] in _SPANS}
            if not span or min(span.values()) < 0:
                raise _Fault(f"{title}: {name} is not a length of time")
            # Near enough to catch edges in the wrong order: the days of a month are told apart when a window
            # is used.
            edges.append(span.get("months", 0) * 30 + span.get("weeks", 0) * 7 + span.get("days", 0))
            if name == "closes" and not isinstance(_extension(edge, "included"), bool):
                raise _Fault(f"{title}: closes does not say whether its day is included")
    if edges != sorted(edges):
        raise _Fault(f"{title}: the window closes before it opens")


def _extension(element: JSON, url: str) -> Any:
    """The value of an extension, or None."""
    for extension in element.get("extension", ()):
        if extension["url"] == url:
            return next((value for name, value in extension.items() if name.startswith("value")), None)
    return None


# What a pack must say. Anything else in it would be read by nobody: refused, so that a misspelt edge is not
# lost.
_PACK = {"id", "title", "version", "notice", "code", "answers", "forms"}
_FORM = {"from_months", "until_months", "domains"}
_DOMAIN = {"items", "cut_off", "monitor_up_to"}
_ITEMS = 6
_VERSION = re.compile(r"[A-Za-z0-9.]+(-[A-Za-z0-9.]+)*")


def _check_pack(pack: JSON, codes: Mapping[str, set[str]]) -> None:
    """Raises _Fault for a pack that is not whole.

    earlier: versions of this pack whose forms all stand here as they were, so that what was answered by them is taken.
    """
    _named("the pack", pack, _PACK, optional={"description", "earlier"})
    for name in ("id", "version"):
        if not isinstance(pack[name], str) or not _VERSION.fullmatch(pack[name]):
            raise _Fault(f"{name} is not made of letters, digits, points and hyphens")
    for version in pack.get("earlier", ()):
        if not isinstance(version, str) or not _VERSION.fullmatch(version) or version == pack["version"]:
            raise _Fault("earlier is not a list of other versions")
    for name in ("title", "notice"):
        _text(f"the pack's {name}", pack[name])
    _named("code", pack["code"], {"system", "code", "display"})
    _check_code(pack["code"]["system"], pack["code"]["code"], codes)
    answers = pack["answers"]
    _named("answers", answers, codes[f"{_CODES}asq3-answer"])
    if not all(type(points) is int and points >= 0 for points in answers.values()):
        raise _Fault("the points of an answer are a whole number from 0")
    most = max(answers.values()) * _ITEMS
    if not pack["forms"]:
        raise _Fault("no forms")
    for month, form in pack["forms"].items():
        if month not in codes[f"{_CODES}asq3-form"]:
            raise _Fault(f"no form {month} in {_CODES}asq3-form")
        _named(f"form {month}", form, _FORM)
        first, until = form["from_months"], form["until_months"]
        if type(first) is not int or type(until) is not int or not 0 <= first < until:
            raise _Fault(f"form {month}: from_months and until_months are not two months in order")
        _named(f"form {month}, domains", form["domains"], codes[f"{_CODES}domain"])
        for domain, content in form["domains"].items():
            _check_domain(f"form {month}, {domain}", content, most)


def _check_domain(place: str, content: JSON, most: int) -> None:
    _named(place, content, _DOMAIN, optional={"code"})
    if len(content["items"]) != _ITEMS:
        raise _Fault(f"{place}: {len(content['items'])} items, not {_ITEMS}")
    for item in content["items"]:
        _text(f"{place}: an item", item)
    edges = [content["cut_off"], content["monitor_up_to"]]
    if edges == [None, None]:
        return
    # Text, not a number: a cut-off is compared exactly, digit for digit, in two languages.
    if not all(isinstance(edge, str) for edge in edges):
        raise _Fault(f"{place}: cut_off and monitor_up_to are two decimals in text, or both null")
    try:
        cut_off, monitor_up_to = map(Decimal, edges)
    except InvalidOperation:
        raise _Fault(f"{place}: a cut-off that is not a number") from None
    if not (cut_off.is_finite() and monitor_up_to.is_finite() and 0 <= cut_off < monitor_up_to <= most):
        raise _Fault(f"{place}: cut_off and monitor_up_to are not in order between 0 and {most}")


def _named(place: str, value: Any, names: set[str], optional: Iterable[str] = ()) -> None:
    """Raises _Fault unless the object has exactly these names."""
    if not isinstance(value, dict):
        raise _Fault(f"{place}: not an object")
    if missing := sorted(names - value.keys()):
        raise _Fault(f"{place}: without {', '.join(missing)}")
    if unknown := sorted(value.keys() - names - set(optional)):
        raise _Fault(f"{place}: has {', '.join(unknown)}, which is not known")


def _text(place: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise _Fault(f"{place}: without text")


def _worded(questionnaire: JSON, pack: JSON) -> JSON:
    """The Questionnaire with the pack's wording, if it has items for it: the group asq3, its notice, asq3-form,
    asq3-<domain>-<n>.

    Version 1.0.0 becomes 1.0.0-<pack id>.<pack version>; the title names the pack. Only forms of the pack can be chosen,
    and where it has none of those offered the whole group goes. Where the forms differ in an item's wording, the item
    keeps its number: which words were read out is told by the form that was chosen.
    """
    items = {item["linkId"]: item for item in _items(questionnaire["item"])}
    links = {
        f"asq3-{domain}-{number}": (domain, number - 1)
        for domain in next(iter(pack["forms"].values()))["domains"]
        for number in range(1, _ITEMS + 1)
    }
    if not items.keys() & links.keys():
        return questionnaire
    if missing := sorted({"asq3", "asq3-notice", "asq3-form", *links} - items.keys()):
        raise _Fault(f"Questionnaire/{questionnaire['id']} has no item {missing[0]} for its wording")
    offered = [option["valueCoding"]["code"] for option in items["asq3-form"]["answerOption"]]
    forms = {month: pack["forms"][month] for month in offered if month in pack["forms"]}
    wording = {"asq3": pack["title"], "asq3-notice": pack["notice"]}
    for link, (domain, at) in links.items():
        words = {form["domains"][domain]["items"][at] for form in forms.values()}
        if len(words) == 1:
            wording[link] = words.pop()

    def worded(items: Iterable[JSON]) -> list[JSON]:
        return [
            {
                **item,
                "text": wording.get(item["linkId"], item["text"]),
                **({"item": worded(item["item"])} if "item" in item else {}),
                **({"answerOption": offered} if (offered := options(item)) else {}),
            }
            for item in items
            if forms or item["linkId"] != "asq3"
        ]

    def options(item: JSON) -> list[JSON]:
        """A form that the pack does not have cannot be chosen."""
        every: list[JSON] = item.get("answerOption", [])
        if item["linkId"] != "asq3-form":
            return every
        return [option for option in every if option["valueCoding"]["code"] in forms]

    return {
        **questionnaire,
        "version": f"{questionnaire['version']}-{pack['id']}.{pack['version']}",
        "title": f"{questionnaire['title']} ({pack['title']})",
        "item": worded(questionnaire["item"]),
    }


def _items(items: Iterable[JSON]) -> Iterator[JSON]:
    for item in items:
        yield item
        yield from _items(item.get("item", ()))
