"""What is sent is what comes back: every element, every digit."""

from decimal import Decimal

from healthvisit.exact_json import dumps, loads
from tests import builders
from tests.flows.demonstration import located

UK = "https://fhir.hl7.org.uk"

# A UK Core Patient with the elements that UK Core names, by hand from its published profile (2.6.1).
PATIENT = rb"""{
  "resourceType": "Patient",
  "extension": [
    {"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-BirthSex",
     "valueCodeableConcept": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender",
                                          "code": "F", "display": "Female"}]}},
    {"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory",
     "valueCodeableConcept": {"coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland",
                                          "code": "Z", "display": "Not stated"}]}},
    {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
     "valueAddress": {"city": "Bury", "country": "GBR"}},
    {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": true}
  ],
  "identifier": [
    {"extension": [
      {"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
       "valueCodeableConcept": {"coding": [
         {"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland",
          "code": "01", "display": "Number present and verified"}]}}],
     "use": "official", "system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"},
    {"use": "usual", "system": "https://bury.example/hospital", "value": "A-00123", "period": {"start": "2020"}}
  ],
  "active": true,
  "name": [
    {"use": "official", "family": "O\u2019Br\u00edan-\u0141ukasz", "given": ["\u0410\u043d\u043d\u0430", "Zo\u00eb"],
     "prefix": ["Miss"], "period": {"start": "2018-12-01"}},
    {"use": "nickname", "text": "Z"}
  ],
  "telecom": [{"system": "phone", "value": "+44 7700 900123", "use": "mobile", "rank": 1}],
  "gender": "female",
  "birthDate": "2018-12-01",
  "_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                                "valueDateTime": "2018-12-01T03:17:42.120+00:00"}]},
  "address": [
    {"extension": [
      {"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AddressKey",
       "extension": [{"url": "type", "valueCodeableConcept": {"coding": [
          {"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-AddressKeyType", "code": "UPRN"}]}},
          {"url": "key", "valueString": "10009876543"}]}],
     "use": "home", "type": "both", "line": ["Flat 1", "2 Example Street"], "_line": [null, {"id": "line-two"}],
     "city": "Bury", "postalCode": "BL9 0SW"}
  ],
  "multipleBirthInteger": 2,
  "contact": [{"relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131",
                                            "code": "N"}]}],
              "name": {"family": "Example"}}],
  "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "pl"}]}, "preferred": true}],
  "managingOrganization": {"reference": "Organization/bury-health-visiting"}
}"""


def without_what_the_server_sets(resource):
    meta = {
        name: value
        for name, value in resource.get("meta", {}).items()
        if name not in ("versionId", "lastUpdated")
    }
    rest = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    return rest | ({"meta": meta} if meta else {})


def test_a_uk_core_patient_comes_back_with_every_element(demonstration):
    tablet = demonstration.system()
    sent = loads(PATIENT)

    answer = tablet.post("/fhir/Patient", PATIENT)

    assert answer.status_code == 201, answer.text
    stored = tablet.read(f"/fhir/{located(answer)}")
    assert without_what_the_server_sets(stored) == sent


def test_a_thirty_item_response_comes_back_with_every_digit(demonstration):
    tablet = demonstration.tablet("bury")
    child = demonstration.a_child(tablet)
    form = tablet.found("Questionnaire", ("_id", "two-year-review"))[0]
    visit = builders.a_visit(f"Patient/{child}", on="2021-02-14")
    response = visit["entry"][1]["resource"]
    response |= {
        "questionnaire": f"{form['url']}|{form['version']}",
        "authored": "2021-02-14T10:40:07.120+00:00",
    }
    answers = [item for item in walked(response) if "answer" in item]
    weight = next(item for item in answers if item["linkId"] == "weight")
    weight["answer"][0]["valueDecimal"] = Decimal("12.400")
    assert len([item for item in answers if item["linkId"].startswith("asq3-")]) > 30

    answer = tablet.post("/fhir", visit)

    assert answer.status_code == 200, answer.text
    where = answer.json["entry"][1]["response"]["location"].split("/_history")[0]
    raw = tablet.get(f"/fhir/{where}").data
    assert b"12.400" in raw
    assert b"2021-02-14T10:40:07.120+00:00" in raw
    response["encounter"] = {"reference": located(answer)}
    assert dumps(without_what_the_server_sets(loads(raw))["item"]) == dumps(response["item"])
    assert without_what_the_server_sets(loads(raw)) == response


def walked(item):
    for each in item.get("item", ()):
        yield each
        yield from walked(each)
