"""The rules that UK Core and our own profiles add to base R4, where they bite.

UK Core R4 (https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient 2.6.1 and its extensions): almost all
of it is "be able to send and receive"; what can be wrong is the NHS number and the codes of a few
extensions. Our own extensions are read from their StructureDefinitions in the folder of definitions.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nhs_number.validate import is_valid

from healthvisit.definitions import CANONICAL, BadDefinition, Definitions, UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record.validation.faults import Fault, Faults, against

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"

_UK_CORE = "https://fhir.hl7.org.uk"
_HL7 = "http://hl7.org/fhir/StructureDefinition"
_OURS = f"{CANONICAL}/StructureDefinition/"
_TEN_DIGITS = re.compile(r"[0-9]{10}")

Codes = Mapping[str, frozenset[str]]

_VERIFICATION: Codes = {
    f"{_UK_CORE}/CodeSystem/UKCore-NHSNumberVerificationStatus": frozenset(
        [
            "number-present-and-verified",
            "number-present-but-not-traced",
            "trace-required",
            "trace-attempted",
            "trace-needs-to-be-resolved",
            "trace-in-progress",
            "number-not-present-and-trace-not-required",
            "trace-postponed",
            "number-present-and-traced-using-welsh-nhs-ar",
        ]
    ),
    f"{_UK_CORE}/CodeSystem/UKCore-NHSNumberVerificationStatusEngland": frozenset(
        ["01", "02", "03", "04", "05", "06", "07", "08"]
    ),
}
_BIRTH_SEX: Codes = {
    "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender": frozenset(["F", "M", "UN"]),
    "http://terminology.hl7.org/CodeSystem/v3-NullFlavor": frozenset(["UNK"]),
}
_DEATH: Codes = {f"{_UK_CORE}/CodeSystem/UKCore-DeathNotificationStatus": frozenset(["1", "2", "U"])}


def rules(definitions: Definitions) -> dict[str, list[Callable[[Any], Faults]]]:
    """Rules by the type they stand on, for the definitions in use."""
    extensions = {
        f"{_UK_CORE}/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus": _holds(
            "valueCodeableConcept", _VERIFICATION
        ),
        f"{_UK_CORE}/StructureDefinition/Extension-UKCore-BirthSex": _holds(
            "valueCodeableConcept", _BIRTH_SEX
        ),
        f"{_UK_CORE}/StructureDefinition/Extension-UKCore-EthnicCategory": _holds(
            "valueCodeableConcept", None
        ),
        f"{_UK_CORE}/StructureDefinition/Extension-UKCore-DeathNotificationStatus": _death_status,
        f"{_UK_CORE}/StructureDefinition/Extension-UKCore-ParentPresent": _holds("valueBoolean", None),
        f"{_UK_CORE}/StructureDefinition/Extension-UKCore-VaccinationProcedure": _holds(
            "valueCodeableConcept", None
        ),
        f"{_HL7}/patient-birthTime": _holds("valueDateTime", None),
    }
    for structure in definitions.of_type("StructureDefinition"):
        if structure.get("type") == "Extension":
            extensions[structure["url"]] = _as_defined(structure, definitions)
    return {
        "Identifier": [_nhs_number],
        "Extension": [_known_extension(extensions)],
        "Coding": [_own_code(_own_systems(definitions))],
        "Patient": [_one_nhs_number],
        "Immunization": [_says_why_not],
    }


def _nhs_number(identifier: JSON) -> Faults:
    """UK Core Patient, slice nhsNumber: a value, of ten digits, with its check digit."""
    if identifier.get("system") != NHS_NUMBER:
        return None
    number = identifier.get("value")
    if number is None:
        return against("required", "an NHS number needs its value", ".value")
    if not _TEN_DIGITS.fullmatch(number) or not is_valid(number):
        return against("value", "is not an NHS number: ten digits, the last a check digit", ".value")
    return None


def _one_nhs_number(patient: JSON) -> Faults:
    places = [at for at, each in enumerate(patient.get("identifier", ())) if each.get("system") == NHS_NUMBER]
    return [
        Fault("business-rule", "a child has one NHS number", f".identifier[{at}]", business=True)
        for at in places[1:]
    ] or None


def _says_why_not(immunization: JSON) -> Faults:
    """UK Core Immunization 2.4.0, ukcore-imm-001."""
    if immunization["status"] != "not-done" or "statusReason" in immunization:
        return None
    text = "ukcore-imm-001: If the immunization status is 'not-done' then the status reason SHALL be present"
    return against("invariant", text, ".statusReason")


def _death_status(extension: JSON) -> Faults:
    """UK Core's extension of two: how the death was notified, once; and from when."""
    told = [each for each in extension.get("extension", ()) if each["url"] == "deathNotificationStatus"]
    if len(told) != 1:
        return against("extension", "this extension holds deathNotificationStatus once", ".extension")
    return _holds("valueCodeableConcept", _DEATH)(told[0])


def _known_extension(known: Mapping[str, Callable[[JSON], Faults]]) -> Callable[[Any], Faults]:
    def check(extension: JSON) -> Faults:
        url = extension["url"]
        if (rule := known.get(url)) is not None:
            return rule(extension)
        if url.startswith(_OURS):
            return against("extension", "is not an extension that this service defines", ".url")
        return None

    return check


def _holds(name: str, codes: Codes | None) -> Callable[[JSON], Faults]:
    """An extension whose value has this one type and, where codes are given, one of them."""

    def check(extension: JSON) -> Faults:
        if name not in extension:
            return against("extension", f"this extension holds {name}", ".value")
        return None if codes is None else _coded(extension[name], codes)

    return check


def _coded(value: Any, codes: Codes) -> Faults:
    codings = value.get("coding", ()) if isinstance(value, dict) and "system" not in value else [value]
    if any(coding.get("code") in codes.get(coding.get("system"), ()) for coding in codings):
        return None
    return against("code-invalid", "has no code of the value set that this extension requires", ".value")


def _as_defined(structure: JSON, definitions: Definitions) -> Callable[[JSON], Faults]:
    """The check of one of our extensions, from its differential; one that nests others is let through."""
    elements = {element["id"]: element for element in structure["differential"]["element"]}
    value = elements.get("Extension.value[x]")
    if value is None or value.get("max") == "0":
        return lambda _: None
    types = [stated["code"] for stated in value.get("type", ())]
    names = frozenset(f"value{type_[0].upper()}{type_[1:]}" for type_ in types)
    binding = value.get("binding", {})
    codes = _value_set(binding["valueSet"], definitions) if binding.get("strength") == "required" else None

    def check(extension: JSON) -> Faults:
        present = sorted(names.intersection(extension))
        if names and not present:
            return against("extension", f"this extension holds {' or '.join(sorted(names))}", ".value")
        if codes is None:
            return None
        found = extension[present[0]]
        if isinstance(found, str):
            return (
                None
                if any(found in allowed for allowed in codes.values())
                else against(
                    "code-invalid", "is not a code of the value set that this extension requires", ".value"
                )
            )
        return _coded(found, codes)

    return check


def _own_systems(definitions: Definitions) -> dict[str, frozenset[str]]:
    return {
        system["url"]: frozenset(_codes(system.get("concept", ())))
        for system in definitions.of_type("CodeSystem")
        if system.get("content") == "complete"
    }


def _own_code(systems: Codes) -> Callable[[Any], Faults]:
    """A code that names one of our systems is one of its codes."""

    def check(coding: JSON) -> Faults:
        codes = systems.get(coding.get("system", ""))
        if codes is None or coding.get("code") in codes:
            return None
        if "code" not in coding:
            return against("required", "a code of this system is missing", ".code")
        return against("code-invalid", "is not a code of the system it names", ".code")

    return check


def _value_set(url: str, definitions: Definitions) -> dict[str, frozenset[str]]:
    """Codes by system of one of our value sets. Raises BadDefinition where a part is not in the folder."""
    try:
        compose = definitions.by_url(url)["compose"]
        return {
            include["system"]: frozenset(
                _codes(include.get("concept") or definitions.by_url(include["system"])["concept"])
            )
            for include in compose["include"]
        }
    except (UnknownDefinition, KeyError) as error:
        raise BadDefinition(f"{url}: {error} is not in the folder of definitions") from error


def _codes(concepts: Sequence[JSON]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", ()))
