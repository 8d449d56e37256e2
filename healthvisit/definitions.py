"""Reads the folder of FHIR definitions once, at start, and refuses to start on a bad file.

Must not know SQL, HTTP, or what a review is. Visitors use `load` and the `Definitions` it gives.
Everything here is read-only after start, so threads share it.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from healthvisit.exact_json import JSON, Malformed, loads

CANONICAL = "https://healthvisit.example/fhir"
GSS_SYSTEM = f"{CANONICAL}/Id/gss-code"

# Not FHIR resources: the compact table of R4 elements, and instrument packs.
_NOT_RESOURCES = ("r4", "packs", "examples")


class BadDefinition(Exception):
    """A file of the definitions folder cannot be used. The text names the file and the fault."""


class UnknownDefinition(LookupError):
    """No definition with that canonical URL, version or id."""


class Definitions:
    """The definitions by type and id, and by canonical URL and version.

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
                self._by_url[resource["url"]] = resource
                self._by_url[f"{resource['url']}|{resource.get('version', '')}"] = resource
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


def load(folder: Path, instruments: Path | None = None) -> Definitions:
    """Definitions of a folder. Raises BadDefinition with the file's name and its fault.

    instruments: folder of the instrument pack to use, or None for none.
    """
    resources: dict[tuple[str, str], JSON] = {}
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
        if key in resources or url in urls:
            raise BadDefinition(f"{path}: {'/'.join(key)} or its url stands twice")
        if url is not None:
            urls.add(url)
        resources[key] = resource
    elements = folder / "r4" / "elements.json"
    pack = None if instruments is None else _read(instruments / "pack.json")
    return Definitions(resources, _read(elements) if elements.exists() else {}, pack)


def _read(path: Path) -> JSON:
    try:
        value = loads(path.read_bytes())
    except (OSError, Malformed) as error:
        raise BadDefinition(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise BadDefinition(f"{path}: not a JSON object")
    return value
