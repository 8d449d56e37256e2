"""A record made of rows as tests/oracle/rows.py has them, and what is frozen of it."""

from datetime import UTC, date, datetime
from decimal import Decimal

from healthvisit.definitions import CANONICAL
from healthvisit.programme.dates import Quarter
from healthvisit.record import record as the_record
from healthvisit.reviews import national
from healthvisit.reviews import quarter as quarters
from tests.builders import (
    BOROUGHS,
    DOMAINS,
    FORMS,
    a_patient,
    a_requester,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_episode,
    code_of,
    extension,
)

Q3 = Quarter.parse("2020-21 Q3")
SLUGS = {gss: slug for slug, gss in BOROUGHS.items()}
# After everything that the rows tell of.
LATER = datetime(2027, 6, 1, 9, tzinfo=UTC)
VISITED = {"face-to-face": "HH", "remote": "VR", "unknown": "AMB"}
WHO = {"health-visitor": "scphn", "other": "nursery-nurse"}


class Town:
    """A record of rows as tests/oracle/rows.py has them, and what is frozen of it."""

    def __init__(self, database, definitions):
        self.database, self.definitions = database, definitions
        self.children = []
        self.minutes = 0

    def opened(self, requester, *, at=LATER, writing=False):
        return the_record.opened(
            self.database, requester, definitions=self.definitions, at=at, writing=writing
        )

    def keep(self, *children, at=LATER):
        for child in children:
            self.children.append(child)
            with self.opened(a_requester("service"), writing=True, at=at) as record:
                record.transact(a_transaction(*_entries(child)))

    def close(self, quarter=Q3, on=None, **options):
        at = self._at(on)
        with self.opened(a_requester("service"), writing=True, at=at) as record:
            national.close(record, quarter, on=at.date(), **options)

    def close_all(self, quarter=Q3, on=None):
        """Digitisation and coverage too."""
        self.close(quarter, on)
        at = self._at(on)
        with self.opened(a_requester("service"), writing=True, at=at) as record:
            quarters.close(record, quarter, on=at.date())

    def _at(self, on):
        self.minutes += 1
        on = on or LATER.date()
        return datetime(on.year, on.month, on.day, 9, self.minutes, tzinfo=UTC)

    def frozen(self, code, borough="bury", quarter=Q3):
        """An indicator as a commissioner reads it."""
        with self.opened(a_requester("commissioner")) as record:
            return next(
                each
                for each in national.of_quarter(record, quarter)
                if (each.code, each.borough) == (code, borough)
            )

    def counts(self, code, borough="bury", quarter=Q3):
        figure = self.frozen(code, borough, quarter).figure
        return figure.numerator, figure.denominator


def a_row(born="2020-09-20", borough="bury", *contacts, died=None, stays=None):
    """One child as a raw row. contacts: `seen`."""
    born = date.fromisoformat(born)
    return {
        "born": born,
        "died": died,
        "stays": stays or [{"borough": BOROUGHS[borough], "from": born, "to": None}],
        "contacts": list(contacts),
    }


def seen(kind="new-birth", on="2020-10-01", **of):
    return {
        "kind": kind, "on": date.fromisoformat(on), "result": "completed", "how": "face-to-face",
        "who": "health-visitor", "fed": "unknown", "tool": None, "sheet": None, "scores": {}, **of,
    }  # fmt: skip


def a_score(points=60, sheet="24", **domains):
    return {
        "tool": "asq-3",
        "sheet": sheet,
        "scores": {domain: Decimal(domains.get(domain.replace("-", "_"), points)) for domain in DOMAINS},
    }


def _entries(row):
    child = a_urn()
    patient = a_patient(born=str(row["born"]))
    if row["died"]:
        patient["deceasedDateTime"] = str(row["died"])
    yield an_entry(patient, full_url=child)
    for stay in row["stays"]:
        until = stay["to"] and str(stay["to"])
        yield an_entry(an_episode(child, borough=SLUGS[stay["borough"]], start=str(stay["from"]), end=until))
    for contact in row["contacts"]:
        yield from _contact(child, contact)


def _contact(child, contact):
    encounter = a_urn()
    body = an_encounter(child, review=contact["kind"], on=str(contact["on"]), outcome=contact["result"])
    body["class"]["code"] = VISITED[contact["how"]]
    left = {"place"} if contact["how"] != "face-to-face" else set()
    body["extension"] = [
        each
        for each in body["extension"]
        if each["url"].rpartition("/")[2] not in {"practitioner-type", *left}
    ]
    if contact["who"] in WHO:
        type_ = code_of("practitioner-type", WHO[contact["who"]])
        body["extension"].append(extension("practitioner-type", valueCoding=type_))
    yield an_entry(body, full_url=encounter)
    if contact["result"] != "completed":
        return
    about = {
        "status": "final",
        "subject": {"reference": child},
        "encounter": {"reference": encounter},
        "effectiveDateTime": f"{contact['on']}T10:00:00Z",
    }
    if contact["kind"] == "six-to-eight-week":
        fed = {"coding": [code_of("feeding-status", contact["fed"])]}
        code = {"coding": [code_of("observation-code", "feeding-status")]}
        yield an_entry({"resourceType": "Observation", "code": code, "valueCodeableConcept": fed, **about})
    if contact["tool"] == "asq-3":
        components = [
            {
                "code": {"coding": [code_of("domain", domain)]},
                "valueQuantity": {"value": points, "unit": "points"},
            }
            for domain, points in contact["scores"].items()
        ]
        score = {
            "resourceType": "Observation",
            "code": {"coding": [code_of("observation-code", "practice-instrument")]},
            **({"component": components} if components else {}),
            **about,
        }
        yield an_entry(score)
        if contact["sheet"]:
            yield an_entry(_form(child, encounter, contact))


def _form(child, encounter, contact):
    chosen = {"linkId": "asq3-form", "answer": [{"valueCoding": code_of("asq3-form", contact["sheet"])}]}
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{CANONICAL}/Questionnaire/two-year-review|{FORMS['two-year-review']}",
        "status": "completed",
        "subject": {"reference": child},
        "encounter": {"reference": encounter},
        "authored": f"{contact['on']}T10:45:00Z",
        "item": [{"linkId": "asq3", "item": [chosen]}],
    }
