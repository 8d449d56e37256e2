"""Questionnaire/$questionnaire-package: a form and all that its answers are drawn from, in one collection.

So that a tablet fetches a form once and works without signal.
"""

from collections.abc import Iterator, Mapping, Sequence

from healthvisit.definitions import Definitions, UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record.document import joined
from healthvisit.record.errors import Invalid, Issue, NotFound
from healthvisit.record.record import Record


def of_form(record: Record, id_: str | None, parameters: Mapping[str, Sequence[str]], *, base: str) -> bytes:
    """The form first, then its value sets and code systems. parameters: url and version, without an id.

    Raises NotFound, Forbidden or Invalid.
    """
    with record.operation("$questionnaire-package", "Questionnaire", id_) as inside:
        inside.permit("Questionnaire", "r")
        form = named(inside.definitions, "Questionnaire", id_, parameters, "version")
        keys = [("Questionnaire", form["id"])]
        for url in _sets(form, inside.definitions):
            try:
                found = inside.definitions.by_url(url)
            except UnknownDefinition:
                # Terminology of others is named, not shipped.
                continue
            keys.append((found["resourceType"], found["id"]))
        versions = inside.of(keys)
        if not versions or versions[0].type != "Questionnaire":
            raise NotFound
        return joined({"resourceType": "Bundle", "type": "collection"}, versions, base)


def named(
    definitions: Definitions,
    type_: str,
    id_: str | None,
    parameters: Mapping[str, Sequence[str]],
    version: str,
) -> JSON:
    """The definition of an id, or of the parameter url, with the parameter `version` where it is given.

    Raises NotFound, or Invalid where nothing names it.
    """
    url = next(iter(parameters.get("url", ())), None)
    if id_ is None and url is None:
        raise Invalid((Issue("required", "Its url is needed.", "url"),))
    try:
        found = definitions.resource(type_, id_) if id_ is not None else definitions.by_url(str(url))
    except UnknownDefinition:
        raise NotFound from None
    wanted = next(iter(parameters.get(version, ())), found.get("version"))
    is_other = url is not None and url.partition("|")[0] != found.get("url")
    if found["resourceType"] != type_ or is_other or wanted != found.get("version"):
        raise NotFound
    return found


def _sets(form: JSON, definitions: Definitions) -> Iterator[str]:
    """URLs of the value sets that the form names, and of those made of the codes that it offers."""
    urls = [each["answerValueSet"] for each in _items(form) if "answerValueSet" in each]
    systems = [
        option["valueCoding"]["system"]
        for each in _items(form)
        for option in each.get("answerOption", ())
        if "system" in option.get("valueCoding", {})
    ]
    for url in dict.fromkeys(urls):
        yield url
        try:
            composed = definitions.by_url(url).get("compose", {}).get("include", ())
        except UnknownDefinition:
            continue
        systems += [each["system"] for each in composed if "system" in each]
    for system in dict.fromkeys(systems):
        yield system
        try:
            set_ = definitions.by_url(system).get("valueSet")
        except UnknownDefinition:
            continue
        if set_ is not None and set_ not in urls:
            yield set_


def _items(element: JSON) -> Iterator[JSON]:
    for item in element.get("item", ()):
        yield item
        yield from _items(item)
