"""The national indicators of a quarter -> frozen MeasureReports, and the figures read back.
http://hl7.org/fhir/R4/measurereport.html

A child counts for the borough that answers for it on the quarter's last day: where it lives is no fact of this record.
What each indicator counts: `programme.national`. Small counts are withheld when frozen (`national.release`).

What the record cannot say is not assessable: of a mother there is no record of her own, so C1 is. What was found in
children (`release.FINDINGS`) is, while the quarter is open: from one week to the next it would tell of a single child.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, cast

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme import indicators
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.programme.dates import Quarter, add_months
from healthvisit.programme.disclosure import ALL, SMALLEST_PUBLISHED
from healthvisit.programme.intervals import Interval, wilson
from healthvisit.programme.national import cohorts, release
from healthvisit.programme.national.release import CODES, FINDINGS
from healthvisit.programme.national.values import By, Child, Contact, Feeding, Mode, Thresholds
from healthvisit.record.record import Record
from healthvisit.reviews import encounters, scoring, timeline
from healthvisit.reviews import quarter as quarters
from healthvisit.reviews.answers import Coding, by_link_id
from healthvisit.reviews.reading import bodies, chunks

INDICATORS = ("C1", *CODES)
UNKNOWN = f"{CANONICAL}/StructureDefinition/unknown"
PRACTICE = f"{CANONICAL}/StructureDefinition/practice-instrument"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
# A family nurse has no type of its own, and may be another registered practitioner.
_BY: Mapping[str | None, By] = {"scphn": "health-visitor", "other-registered": "unknown", None: "unknown"}
# Who has gone to a child's home, or elsewhere to see it, was there.
_SEEN = ("HH", "FLD")
# Indicators that are a count, of nobody.
COUNTS = ("C1", "all-five")
# Indicators that rest on the instrument.
_SCORED = CODES[CODES.index("C6ii") :]
_SLUGS = [borough.slug for borough in BOROUGHS]


def measure(code: str) -> str:
    """Canonical URL of an indicator's Measure."""
    return f"{CANONICAL}/Measure/{code.lower()}"


def close(record: Record, quarter: Quarter, *, on: date, boroughs: Iterable[str] | None = None) -> JSON:
    """Count the quarter and write its reports: one for each indicator and borough, and Greater Manchester's.

    As `reviews.quarter.close`: boroughs are slugs, all ten unless stated; each report is new, and the newest by date
    stands. What was found in children stands as it was frozen first where what came since would change a count by less
    than the smallest that is published: both reports together would tell of those few.
    Returns the transaction-response. Raises ValueError for a quarter to come.
    """
    if quarter.first_on > on:
        raise ValueError(f"{quarter} has not begun")
    found = counted(record, quarter, on)
    standing = {(each.borough or ALL, each.code): each.figure for each in of_quarter(record, quarter)}
    kept = {code for code in FINDINGS if _tells_of_few(code, found, standing)}
    wanted = {*(_SLUGS if boroughs is None else boroughs), ALL}
    entries = [
        {"resource": report, "request": {"method": "POST", "url": "MeasureReport"}}
        for borough, code, report in _reports(record, quarter, on, found)
        if borough in wanted and code not in kept
    ]
    answer: JSON = record.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    return answer


def reports(record: Record, quarter: Quarter, on: date) -> Iterator[JSON]:
    """Every report of the quarter, counted on a day from the rows as they stand now; nothing is written."""
    for _, _, report in _reports(record, quarter, on, counted(record, quarter, on)):
        yield report


def _reports(
    record: Record, quarter: Quarter, on: date, found: Mapping[tuple[str, str], release.Figure]
) -> Iterator[tuple[str, str, JSON]]:
    """With the slug of its borough, or ALL, and its indicator."""
    write = _Words(record, quarter, is_open=on <= quarter.last_on)
    for borough in (*_SLUGS, ALL):
        for code in INDICATORS:
            yield borough, code, write.report(borough, code, found[borough, code])


def counted(record: Record, quarter: Quarter, on: date) -> dict[tuple[str, str], release.Figure]:
    """Every indicator of a quarter as it may be shown, by the borough's slug, or ALL, and the indicator's code.

    on: the last day of which anything is counted; children whose day comes after it are not due yet.
    """
    tally = release.Tally()
    thresholds = thresholds_of(record.definitions)
    for cohort in release.COHORTS:
        for each in children(record, cohort, quarter, on):
            tally.add(each.borough, cohort, each.child, quarter, thresholds)
    found = release.figures(tally, _SLUGS)
    for borough in (*_SLUGS, ALL):
        found[borough, "C1"] = release.Figure(reason="no-mothers-record")
        if on <= quarter.last_on:
            found |= {(borough, code): release.Figure(reason="open-quarter") for code in FINDINGS}
    return found


def _tells_of_few(
    code: str,
    found: Mapping[tuple[str, str], release.Figure],
    standing: Mapping[tuple[str, str], "Figure"],
) -> bool:
    """Whether a count that was shown, beside the one that would be, gives a count below the smallest published."""
    for borough in (*_SLUGS, ALL):
        before, now = standing.get((borough, code)), found[borough, code]
        if before is None or before.reason == "open-quarter":
            continue
        for one, other in ((before.numerator, now.numerator), (before.denominator, now.denominator)):
            if one != other and (one is None or other is None or abs(one - other) < SMALLEST_PUBLISHED):
                return True
    return False


# The raw rows


class Found(NamedTuple):
    """One child of a cohort. patient: its resource. borough: slug of who answers for it."""

    patient: JSON
    borough: str
    child: Child


def children(record: Record, cohort: str, quarter: Quarter, on: date) -> Iterator[Found]:
    """The children of a cohort (`release.COHORTS`) whose day has come, for whom a borough answers on the quarter's last
    day, with what was recorded of the cohort's review; those alone whom the requester reaches."""
    first_on, last_on = cohorts.births(cohort, quarter)
    answering_on = min(on, quarter.last_on)
    due = {
        body["id"]: body
        for body in bodies(record, "Patient", ("birthdate", f"ge{first_on}"), ("birthdate", f"le{last_on}"))
        if _due_on(cohort, date.fromisoformat(body["birthDate"])) <= answering_on
    }
    for chunk in chunks(sorted(due)):
        patients = ("patient", ",".join(f"Patient/{id_}" for id_ in chunk))
        responsible = quarters.answering(record, patients, answering_on)
        contacts = _contacts(record, patients, release.REVIEW[cohort], on)
        for id_ in chunk:
            if id_ in responsible:
                yield Found(
                    due[id_],
                    responsible[id_],
                    Child(
                        date.fromisoformat(due[id_]["birthDate"]),
                        contacts.get(f"Patient/{id_}", ()),
                        timeline.died_on(due[id_]),
                        responsible=responsible[id_],
                    ),
                )


def _due_on(cohort: str, born_on: date) -> date:
    if cohort == "C4":
        return add_months(born_on, cohorts.C4_MONTHS)
    return indicators.due_on(release.REVIEW[cohort], born_on)


def _contacts(record: Record, patients: tuple[str, str], review: str, on: date) -> dict[str, list[Contact]]:
    """Contacts for a review by the child's reference, in the order in which they began."""
    found = [
        (body, event)
        for body in bodies(record, "Encounter", patients, ("type", f"{encounters.REVIEW}|{review}"))
        if (event := encounters.event(body)) is not None and event.on <= on
    ]
    found.sort(key=lambda each: (each[1].on, each[0]["period"]["start"], each[0]["id"]))
    fed = _feeding(record, patients) if review == "six-to-eight-week" else {}
    scores = _scores(record, patients) if review == "two-year" else {}
    contacts: dict[str, list[Contact]] = {}
    for body, event in found:
        here = f"Encounter/{body['id']}"
        score = scores.get(here, _Score(None, None, {}))
        contacts.setdefault(body["subject"]["reference"], []).append(
            Contact(
                review,
                event.on,
                event.outcome,
                mode_of(body),
                _BY.get(encounters.stated(body, "practitioner-type"), "other"),
                feeding=fed.get(here, "unknown"),
                instrument=score.instrument,
                form=score.form,
                points=score.points,
            )
        )
    return contacts


def mode_of(encounter: JSON) -> Mode:
    """Whether the child was met: a contact at a place was face to face, a virtual one (class VR) was not."""
    met = encounter.get("class", {})
    code = met.get("code") if met.get("system") == ACT_CODE else None
    if code == "VR":
        return "remote"
    return "face-to-face" if code in _SEEN or encounters.stated(encounter, "place") else "unknown"


def _feeding(record: Record, patients: tuple[str, str]) -> dict[str, Feeding]:
    """By the contact's reference."""
    found: dict[str, Feeding] = {}
    for body in _standing(record, patients, (timeline.OBSERVATION_CODE, "feeding-status")):
        for coding in body.get("valueCodeableConcept", {}).get("coding", ()):
            if coding.get("code") in ("totally", "partially", "not-at-all"):
                found[body["encounter"]["reference"]] = cast(Feeding, coding["code"])
    return found


class _Score(NamedTuple):
    instrument: str | None
    form: str | None
    points: Mapping[str, Decimal]


def _scores(record: Record, patients: tuple[str, str]) -> dict[str, _Score]:
    """What an instrument found, by the contact's reference."""
    codes = {(code["system"], code["code"]) for code in _instruments(record.definitions)}
    found = {body["encounter"]["reference"]: body for body in _standing(record, patients, *sorted(codes))}
    forms = _forms(record, sorted(found))
    return {
        encounter: _Score(
            "asq-3",
            forms.get(encounter),
            {
                coding["code"]: Decimal(str(component["valueQuantity"]["value"]))
                for component in body.get("component", ())
                for coding in component["code"].get("coding", ())
                if coding.get("system") == timeline.DOMAIN and "value" in component.get("valueQuantity", {})
            },
        )
        for encounter, body in found.items()
    }


def _standing(record: Record, patients: tuple[str, str], *codes: tuple[str, str]) -> Iterator[JSON]:
    """Observations of contacts that nobody has taken back."""
    asked = ("code", ",".join(f"{system}|{code}" for system, code in codes))
    for body in bodies(record, "Observation", patients, asked):
        if body.get("status") != "entered-in-error" and "reference" in body.get("encounter", {}):
            yield body


def _forms(record: Record, contacts: list[str]) -> dict[str, str]:
    """Which questionnaire of the instrument was used, by the contact's reference."""
    found = {}
    for chunk in chunks(contacts):
        for body in bodies(record, "QuestionnaireResponse", ("encounter", ",".join(chunk))):
            answer = by_link_id(body).get("asq3-form")
            form = None if answer is None else answer.value
            if body.get("status") in ("completed", "amended") and isinstance(form, Coding):
                found[body["encounter"]["reference"]] = form.code
    return found


def _instruments(definitions: Definitions) -> list[JSON]:
    """What a score is coded as where it is ASQ-3's, or stands for it in a demonstration."""
    return [scoring.ASQ3_CODE, (definitions.pack or {}).get("code", scoring.ASQ3_CODE)]


def thresholds_of(definitions: Definitions) -> Thresholds:
    """Of the instrument pack; none without one."""
    return {
        (form, domain): Decimal(content["cut_off"])
        for form, each in (definitions.pack or {}).get("forms", {}).items()
        for domain, content in each["domains"].items()
        if content["cut_off"] is not None
    }


# The reports


class _Words:
    """Reports of one quarter, with the displays of the definitions."""

    def __init__(self, record: Record, quarter: Quarter, *, is_open: bool) -> None:
        self._definitions, self._quarter, self._is_open = record.definitions, quarter, is_open
        self._at = record.at.isoformat()
        self._displays = record.definitions.codes(f"{CANONICAL}/CodeSystem/indicator")
        pack = record.definitions.pack
        invented = pack is not None and pack["code"]["code"] != scoring.ASQ3_CODE["code"]
        self._practice = pack["notice"] if pack is not None and invented else None

    def report(self, borough: str, code: str, figure: release.Figure) -> JSON:
        url = measure(code)
        report: JSON = {
            "resourceType": "MeasureReport",
            "status": "complete",
            "type": "summary",
            "measure": f"{url}|{self._definitions.by_url(url)['version']}",
            "date": self._at,
            "reporter": {
                "reference": quarters.GREATER_MANCHESTER if borough == ALL else quarters.organization(borough)
            },
            "period": {
                "start": self._quarter.first_on.isoformat(),
                "end": self._quarter.last_on.isoformat(),
            },
            "group": [self._group(code, figure)],
        }
        if self._is_open:
            report["extension"] = [{"url": quarters.PROVISIONAL, "valueCode": "open-quarter"}]
        return report

    def _group(self, code: str, figure: release.Figure) -> JSON:
        coding = {
            "system": f"{CANONICAL}/CodeSystem/indicator",
            "code": code,
            "display": self._displays[code],
        }
        extensions: list[JSON] = []
        if figure.reason is not None:
            extensions.append({"url": quarters.NOT_ASSESSABLE, "valueCode": figure.reason})
        elif figure.unknown is not None:
            extensions.append({"url": UNKNOWN, "valueUnsignedInt": figure.unknown})
        if code in _SCORED and self._practice is not None:
            extensions.append({"url": PRACTICE, "valueString": self._practice})
        group: JSON = {"extension": extensions} if extensions else {}
        group["code"] = {"coding": [coding]}
        if figure.reason is not None:
            group["measureScore"] = {"extension": [{"url": quarters.ABSENT, "valueCode": "unknown"}]}
        elif code in COUNTS:
            group["population"] = [quarters.populated("initial-population", figure.numerator)]
        else:
            group["population"] = [
                quarters.populated("numerator", figure.numerator),
                quarters.populated("denominator", figure.denominator),
            ]
            quarters.scored(group, figure.numerator, figure.denominator)
        return group


# The figures, read back


@dataclass(frozen=True)
class Figure:
    """One indicator as it stands frozen.

    numerator, denominator, unknown: None where withheld or not assessable; a count has no denominator. reason: why
    there is no rate: withheld, none-due, a-count, or why it is not assessable; None where there is one. practice: the
    notice that the instrument is invented, None for a licensed one and where none is used.
    """

    numerator: int | None
    denominator: int | None
    unknown: int | None
    reason: str | None
    provisional: str | None
    practice: str | None
    frozen_at: datetime

    @property
    def rate(self) -> Fraction | None:
        """From 0 to 1."""
        if self.reason is not None or self.numerator is None or not self.denominator:
            return None
        return Fraction(self.numerator, self.denominator)

    @property
    def interval(self) -> Interval | None:
        """95%; None where there is no rate."""
        if self.rate is None or self.numerator is None or self.denominator is None:
            return None
        return wilson(self.numerator, self.denominator)


@dataclass(frozen=True)
class Indicator:
    """borough: slug, None for Greater Manchester. earlier: what was frozen before and differs, newest first."""

    code: str
    borough: str | None
    quarter: Quarter
    figure: Figure
    earlier: tuple[Figure, ...] = ()


def frozen(record: Record) -> list[Quarter]:
    """The quarters that have figures, earliest first."""
    asked = ("measure", measure("C2")), ("reporter", quarters.GREATER_MANCHESTER)
    return sorted({_quarter_of(body) for body in bodies(record, "MeasureReport", *asked)})


def of_quarter(record: Record, quarter: Quarter) -> list[Indicator]:
    """Every indicator of a quarter that is frozen: borough by borough, then Greater Manchester."""
    return _indicators(record, ("period", f"ge{quarter.first_on}"), ("period", f"le{quarter.last_on}"))


def of_borough(record: Record, borough: str | None) -> list[Indicator]:
    """Every indicator of a borough (its slug; None for Greater Manchester) in every quarter, earliest first."""
    reporter = quarters.GREATER_MANCHESTER if borough is None else quarters.organization(borough)
    return _indicators(record, ("reporter", reporter))


def of_indicator(record: Record, code: str) -> list[Indicator]:
    """One indicator in every quarter, earliest first: borough by borough, then Greater Manchester."""
    return _indicators(record, codes=(code,))


def everything(record: Record) -> list[Indicator]:
    """Every indicator that is frozen, quarter by quarter, as `of_quarter` orders them."""
    return _indicators(record)


def _indicators(
    record: Record, *asked: tuple[str, str], codes: Sequence[str] = INDICATORS
) -> list[Indicator]:
    measures = ("measure", ",".join(measure(code) for code in codes))
    reports: dict[tuple[Quarter, str, str], list[Figure]] = {}
    for body in bodies(record, "MeasureReport", measures, *asked):
        code = body["group"][0]["code"]["coding"][0]["code"]
        key = _quarter_of(body), quarters.reporter_of(body), code
        reports.setdefault(key, []).append(_figure(body, code))
    places = {quarters.organization(slug): slug for slug in _SLUGS}
    order = [*places, quarters.GREATER_MANCHESTER]
    found = []
    for quarter, reporter, code in sorted(
        reports, key=lambda key: (key[0], order.index(key[1]), INDICATORS.index(key[2]))
    ):
        figure, *before = sorted(
            reports[quarter, reporter, code], key=lambda each: each.frozen_at, reverse=True
        )
        found.append(Indicator(code, places.get(reporter), quarter, figure, _amended(figure, before)))
    return found


def _amended(figure: Figure, before: list[Figure]) -> tuple[Figure, ...]:
    """Those before that said something else than the one after them."""
    found = []
    for each in before:
        if (each.numerator, each.denominator, each.reason) != (
            figure.numerator,
            figure.denominator,
            figure.reason,
        ):
            found.append(each)
        figure = each
    return tuple(found)


def _quarter_of(report: JSON) -> Quarter:
    return Quarter.of(date.fromisoformat(report["period"]["start"][:10]))


def _figure(report: JSON, code: str) -> Figure:
    group = report["group"][0]
    stated = {
        each["url"]: next(value for name, value in each.items() if name.startswith("value"))
        for each in (*report.get("extension", ()), *group.get("extension", ()))
    }
    counts = {
        coding["code"]: population.get("count")
        for population in group.get("population", ())
        for coding in population["code"]["coding"]
    }
    numerator = counts.get("numerator", counts.get("initial-population"))
    denominator = counts.get("denominator")
    reason = stated.get(quarters.NOT_ASSESSABLE)
    if reason is None and numerator is None:
        reason = "withheld"
    elif reason is None and code in COUNTS:
        reason = "a-count"
    elif reason is None and denominator is None:
        reason = "withheld"
    elif reason is None and denominator == 0:
        reason = "none-due"
    return Figure(
        numerator,
        denominator,
        stated.get(UNKNOWN),
        reason,
        stated.get(quarters.PROVISIONAL),
        stated.get(PRACTICE),
        quarters.dated(report),
    )
