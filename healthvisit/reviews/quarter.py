"""A borough's quarter -> frozen MeasureReports, and the figures read back.
http://hl7.org/fhir/R4/measurereport.html

Two attributions, stated wherever the figures are shown (domain facts 8.2): a review counts for digitisation
in the borough whose team did it, and for coverage in the borough that answers for the child on the quarter's
last day. Counts are withheld when frozen (decision 16), so that no later reader can take them apart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, cast

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme import disclosure, indicators
from healthvisit.programme.boroughs import BOROUGHS, BY_GSS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.digitisation import (
    CLASSES,
    AtTarget,
    CaptureClass,
    Counts,
    Mode,
    boroughs_at_target,
    capture_class,
    trajectory,
    with_return,
)
from healthvisit.record.record import Record
from healthvisit.reviews import encounters, scoring, timeline
from healthvisit.reviews.answers import Coding, by_link_id
from healthvisit.reviews.arrival import BOROUGH_RETURN
from healthvisit.reviews.reading import bodies, chunks

REVIEWS = ("antenatal", "new-birth", "six-to-eight-week", "one-year", "two-year")
# Reviews whose class rests on their answers; of the others no source says what a record of them needs.
GATED = ("six-to-eight-week", "two-year")
COVERED = REVIEWS[1:]
DIGITISATION = f"{CANONICAL}/Measure/digitisation"
GREATER_MANCHESTER = "Organization/greater-manchester"
NOT_ASSESSABLE = f"{CANONICAL}/StructureDefinition/not-assessable"
PROVISIONAL = f"{CANONICAL}/StructureDefinition/provisional"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
ALL = disclosure.ALL


@dataclass
class _Borough:
    """What one borough's quarter came to. covered_until: last day of its return, None without one."""

    counts: dict[str, Counts] = field(default_factory=dict)
    covered_until: date | None = None
    source: str | None = None
    coverage: indicators.Coverage = field(default_factory=lambda: indicators.Coverage(0, 0))


def close(record: Record, quarter: Quarter, *, on: date, boroughs: Iterable[str] | None = None) -> JSON:
    """Count the quarter and write its reports: one for each borough, and Greater Manchester's.

    boroughs: slugs whose reports are written, all ten unless stated; Greater Manchester's is always written,
    and all ten are always counted, because what is withheld in one hangs on the others. Each report is new;
    the newest by date stands. The quarter may still be open: then what happened until `on` is counted, and
    marked provisional.
    Returns the transaction-response. The requester is the service itself. Raises ValueError for a quarter to
    come.
    """
    entries = [
        {"resource": report, "request": {"method": "POST", "url": "MeasureReport"}}
        for report in reports(record, quarter, on, boroughs)
    ]
    answer: JSON = record.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    return answer


def reports(
    record: Record, quarter: Quarter, on: date, boroughs: Iterable[str] | None = None
) -> Iterator[JSON]:
    """The reports as `close` writes them, counted on a day from the rows as they stand now; nothing is written.

    Raises ValueError for a quarter to come.
    """
    if quarter.first_on > on:
        raise ValueError(f"{quarter} has not begun")
    found = _boroughs(record, quarter, on)
    _add_coverage(record, quarter, found, min(quarter.last_on, on))
    wanted = None if boroughs is None else set(boroughs)
    return _reports(record, quarter, found, wanted, is_open=on <= quarter.last_on)


def organization(borough: str) -> str:
    return f"Organization/{borough}-health-visiting"


# What was done, and how it was captured


class _Contact(NamedTuple):
    """What the counting needs of one completed review; the resources themselves are not kept."""

    encounter: str
    borough: str
    review: str
    on: date
    mode: Mode
    ended_at: datetime | None
    recorded_at: datetime

    @property
    def has_form(self) -> bool:
        return self.review in encounters.FORMS and self.mode in ("point-of-care", "transcribed")


class _Form(NamedTuple):
    recorded_at: datetime | None
    is_complete: bool


class _Completed(NamedTuple):
    review: str
    on: date
    capture: CaptureClass


def held(record: Record, quarter: Quarter, borough: str, *, until: date) -> dict[str, Counts]:
    """What the record itself holds of a borough's completed reviews of the quarter, to a day and with it, by review.
    borough: slug."""
    completed = _captured(record, quarter, until)[borough]
    return {review: _counted(completed, review) for review in REVIEWS}


def _boroughs(record: Record, quarter: Quarter, on: date) -> dict[str, _Borough]:
    """Every borough's completed reviews of the quarter, with what only its own return knows."""
    standing = returns(record, quarter)
    return {
        slug: _reconciled(found, standing.get(slug)) for slug, found in _captured(record, quarter, on).items()
    }


def _captured(record: Record, quarter: Quarter, on: date) -> dict[str, list[_Completed]]:
    completed: dict[str, list[_Completed]] = {borough.slug: [] for borough in BOROUGHS}
    contacts = _contacts(record, quarter, on)
    forms = _forms(record, [each.encounter for each in contacts if each.has_form])
    for each in contacts:
        form = forms.get(each.encounter, _Form(None, each.review not in GATED))
        found = capture_class(
            each.mode,
            contact_ended_at=each.ended_at,
            recorded_at=form.recorded_at or each.recorded_at,
            complete=form.is_complete,
        )
        if found is not None:
            completed[each.borough].append(_Completed(each.review, each.on, found))
    return completed


def _reconciled(completed: Sequence[_Completed], returned: JSON | None) -> _Borough:
    if returned is None:
        return _Borough({review: _counted(completed, review) for review in REVIEWS})
    until = date.fromisoformat(returned["period"]["end"][:10])
    books = returned_counts(returned)
    counts = {}
    for review in REVIEWS:
        # What came after the return's last day is not in the borough's books yet, and takes nothing from
        # them.
        within = _counted((each for each in completed if each.on <= until), review)
        after = _counted((each for each in completed if each.on > until), review)
        reconciled = with_return(within, books.get(review, 0))
        counts[review] = (within if reconciled is None else reconciled.counts) + after
    return _Borough(counts, until, f"MeasureReport/{returned['id']}")


def _counted(completed: Iterable[_Completed], review: str) -> Counts:
    return Counts.of(each.capture for each in completed if each.review == review)


def _contacts(record: Record, quarter: Quarter, on: date) -> list[_Contact]:
    """Each child's completed review of the quarter once: the first, where a team recorded it twice."""
    day = timedelta(days=1)
    found: dict[tuple[str, str, str], _Contact] = {}
    for version in record.each(
        "Encounter",
        [
            # A contact near midnight may fall on another day in UTC: the civil date decides below.
            ("date", f"ge{quarter.first_on - day}"),
            ("date", f"le{min(quarter.last_on, on) + day}"),
        ],
    ):
        body = version.json()
        review, event, borough = encounters.review_of(body), encounters.event(body), _borough(record, body)
        if borough is None or review not in REVIEWS or event is None or event.outcome != "completed":
            continue
        key = body["subject"]["reference"], review, borough
        if event.on not in quarter or event.on > on or (key in found and found[key].on <= event.on):
            continue
        first = version if version.version == 1 else record.vread("Encounter", version.id, "1")
        found[key] = _Contact(
            f"Encounter/{version.id}",
            borough,
            review,
            event.on,
            cast(Mode, encounters.stated(body, "capture-mode") or "unknown"),
            encounters.ended_at(body),
            encounters.instant(body, "recorded-at") or first.updated_at,
        )
    return list(found.values())


def _borough(record: Record, encounter: JSON) -> str | None:
    """Slug of the borough whose team made the contact."""
    reference = encounter.get("serviceProvider", {}).get("reference", "")
    gss = record.definitions.boroughs.get(reference.removeprefix("Organization/"))
    return None if gss is None else BY_GSS[gss].slug


def _forms(record: Record, contacts: Sequence[str]) -> dict[str, _Form]:
    """When the form of each contact was filled in, and whether it is complete, by the contact's reference."""
    return {
        body["encounter"]["reference"]: _Form(
            encounters.moment(body.get("authored")), is_complete(body, record.definitions)
        )
        for chunk in chunks(contacts)
        for body in bodies(record, "QuestionnaireResponse", ("encounter", ",".join(chunk)))
        if body.get("status") in ("completed", "amended")
    }


def is_complete(response: JSON, definitions: Definitions) -> bool:
    """Whether the answers that its review needs are there: the gate before class A and B (domain facts 8.2).

    6 to 8 weeks: feeding status known. 2 years: the form is named and all five domains have points. The forms
    of the other reviews need no answer; a form that is not ours is never complete.
    """
    answers = by_link_id(response)
    form = response["questionnaire"].partition("|")[0].rpartition("/")[2]
    if form == encounters.FORMS["six-to-eight-week"]:
        feeding = answers.get("feeding-status")
        return feeding is not None and isinstance(feeding.value, Coding) and feeding.value.code != "unknown"
    if form == encounters.FORMS["two-year"]:
        counted = scoring.score(answers, definitions.pack)
        return counted is not None and counted.is_complete
    return form in encounters.FORMS.values()


# The borough's own return


def returns(record: Record, quarter: Quarter) -> dict[str, JSON]:
    """Each borough's return that begins with the quarter: the one that goes furthest into it, then the
    newest.
    """
    first_on, last_on = quarter.first_on.isoformat(), quarter.last_on.isoformat()
    found: dict[str, JSON] = {}
    for body in bodies(
        record,
        "MeasureReport",
        ("measure", BOROUGH_RETURN),
        ("period", f"ge{first_on}"),
        ("period", f"le{last_on}"),
    ):
        gss = record.definitions.boroughs.get(reporter_of(body).removeprefix("Organization/"))
        start, end = body["period"].get("start", "")[:10], body["period"].get("end", "")[:10]
        if (
            gss is None
            or body.get("status") != "complete"
            or start != first_on
            or not start <= end <= last_on
        ):
            continue
        slug = BY_GSS[gss].slug
        if slug not in found or _reach(found[slug]) <= _reach(body):
            found[slug] = body
    return found


def _reach(report: JSON) -> tuple[str, datetime]:
    return report["period"]["end"][:10], dated(report)


def reporter_of(report: JSON) -> str:
    reference: str = report.get("reporter", {}).get("reference", "")
    return reference


def returned_counts(report: JSON) -> dict[str, int]:
    """Completed reviews by review, as a borough's return has them."""
    return {
        coding["code"]: population["count"]
        for group in report.get("group", ())
        for coding in group.get("code", {}).get("coding", ())
        if coding.get("system") == encounters.REVIEW
        for population in group.get("population", ())
        if "count" in population
    }


# Who was due


def _add_coverage(record: Record, quarter: Quarter, found: Mapping[str, _Borough], on: date) -> None:
    for review in COVERED:
        births = indicators.due_births(review, quarter)
        if births is None:
            continue
        cohort = {
            body["id"]: body
            for body in bodies(
                record, "Patient", ("birthdate", f"ge{births[0]}"), ("birthdate", f"le{births[1]}")
            )
        }
        for chunk in chunks(sorted(cohort)):
            patients = ("patient", ",".join(f"Patient/{id_}" for id_ in chunk))
            responsible = answering(record, patients, on)
            completed: dict[str, list[date]] = {}
            for body in bodies(record, "Encounter", patients, ("type", f"{encounters.REVIEW}|{review}")):
                event = encounters.event(body)
                if event is not None and event.outcome == "completed" and event.on <= on:
                    completed.setdefault(body["subject"]["reference"].partition("/")[2], []).append(event.on)
            for id_ in chunk:
                born_on = date.fromisoformat(cohort[id_]["birthDate"])
                if id_ not in responsible or indicators.due_on(review, born_on) > on:
                    continue
                child = indicators.Child(born_on, completed.get(id_, ()), timeline.died_on(cohort[id_]))
                counted = indicators.coverage(review, [child], quarter)
                if counted is not None:
                    found[responsible[id_]].coverage += counted


def answering(record: Record, patients: tuple[str, str], on: date) -> dict[str, str]:
    """Slug of the borough that answers for each child on a day."""
    day = on.isoformat()
    found = {}
    for body in bodies(record, "EpisodeOfCare", patients):
        gss = record.definitions.boroughs.get(body["managingOrganization"]["reference"].partition("/")[2])
        start, end = body["period"].get("start", day)[:10], body["period"].get("end")
        answers = body["status"] in ("active", "onhold", "finished")
        if answers and gss is not None and start <= day and (end is None or day < end[:10]):
            found[body["patient"]["reference"].partition("/")[2]] = BY_GSS[gss].slug
    return found


# The reports


def _reports(
    record: Record, quarter: Quarter, found: Mapping[str, _Borough], wanted: set[str] | None, *, is_open: bool
) -> Iterator[JSON]:
    assessable = {slug: each for slug, each in found.items() if each.covered_until is not None}
    classes = disclosure.withhold(
        {
            (slug, review, class_): getattr(each.counts[review], class_)
            for slug, each in assessable.items()
            for review in REVIEWS
            for class_ in CLASSES
        }
        or {("none", "none", "none"): 0},
        keep=lambda key: key[2] in ("A", ALL),
    )
    covered = disclosure.withhold(
        {
            (slug, done): count
            for slug, each in found.items()
            for done, count in (
                ("completed", each.coverage.completed),
                ("not", each.coverage.due - each.coverage.completed),
            )
        },
        keep=lambda key: key[1] != "not",
    )
    for slug, each in found.items():
        if wanted is None or slug in wanted:
            yield _report(
                record, quarter, slug, organization(slug), [each], classes, covered, is_open=is_open
            )
    yield _report(
        record, quarter, ALL, GREATER_MANCHESTER, list(found.values()), classes, covered, is_open=is_open
    )


def _report(
    record: Record,
    quarter: Quarter,
    name: str,
    reporter: str,
    parts: Sequence[_Borough],
    classes: Mapping[disclosure.Key, int | None],
    covered: Mapping[disclosure.Key, int | None],
    *,
    is_open: bool,
) -> JSON:
    write = _Words(record.definitions)
    covers = [each.covered_until for each in parts]
    groups = [
        write.unassessable(review)
        if None in covers
        else write.digitised(review, {class_: classes[name, review, class_] for class_ in (*CLASSES, ALL)})
        for review in (*REVIEWS, ALL)
    ]
    groups.append(write.covered(covered[name, "completed"], covered[name, ALL]))
    report: JSON = {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": f"{DIGITISATION}|{record.definitions.by_url(DIGITISATION)['version']}",
        "date": record.at.isoformat(),
        "reporter": {"reference": reporter},
        "period": {"start": quarter.first_on.isoformat(), "end": quarter.last_on.isoformat()},
        "group": groups,
    }
    reason = (
        "open-quarter"
        if is_open
        else "partial-return"
        if any(until is not None and until < quarter.last_on for until in covers)
        else None
    )
    if reason is not None:
        report["extension"] = [{"url": PROVISIONAL, "valueCode": reason}]
    sources = [{"reference": each.source} for each in parts if each.source is not None]
    if sources:
        report["evaluatedResource"] = sources
    return report


class _Words:
    """Groups of a report, with the displays of the definitions."""

    def __init__(self, definitions: Definitions) -> None:
        self._displays = {
            name: definitions.codes(f"{CANONICAL}/CodeSystem/{name}")
            for name in ("review", "indicator", "capture-class")
        }

    def digitised(self, review: str, counts: Mapping[str, int | None]) -> JSON:
        group: JSON = {
            "code": self._review(review),
            "population": [populated("numerator", counts["A"]), populated("denominator", counts[ALL])],
        }
        scored(group, counts["A"], counts[ALL])
        group["stratifier"] = [
            {
                "code": [self._concept("indicator", "capture-class")],
                "stratum": [
                    {
                        "value": self._concept("capture-class", class_),
                        "population": [populated("denominator", counts[class_])],
                    }
                    for class_ in CLASSES
                ],
            }
        ]
        return group

    def unassessable(self, review: str) -> JSON:
        return {
            "extension": [{"url": NOT_ASSESSABLE, "valueCode": "no-return"}],
            "code": self._review(review),
            "measureScore": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]},
        }

    def covered(self, completed: int | None, due: int | None) -> JSON:
        group: JSON = {
            "code": self._concept("indicator", "coverage"),
            "population": [populated("numerator", completed), populated("denominator", due)],
        }
        scored(group, completed, due)
        return group

    def _review(self, review: str) -> JSON:
        return self._concept("indicator", "all-reviews") if review == ALL else self._concept("review", review)

    def _concept(self, name: str, code: str) -> JSON:
        coding = {
            "system": f"{CANONICAL}/CodeSystem/{name}",
            "code": code,
            "display": self._displays[name][code],
        }
        return {"coding": [coding]}


def populated(code: str, count: int | None) -> JSON:
    population: JSON = {"code": {"coding": [{"system": POPULATION, "code": code}]}}
    if count is None:
        population["_count"] = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
    else:
        population["count"] = count
    return population


def scored(group: JSON, numerator: int | None, denominator: int | None) -> None:
    if numerator is None or denominator is None:
        group["measureScore"] = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}
    elif denominator:
        # One digit more than is ever shown; the counts beside it are exact.
        value = (Decimal(numerator) * 100 / Decimal(denominator)).quantize(Decimal("0.01"))
        group["measureScore"] = {
            "value": value,
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        }


# The figures, read back


@dataclass(frozen=True)
class Figure:
    """One number of one frozen report.

    numerator, denominator: None where withheld or not assessable. reason: why there is no rate: no-return,
    withheld, none-completed, or not-all-report (Greater Manchester); None where there is one. classes: count
    by capture class.
    """

    numerator: int | None = None
    denominator: int | None = None
    reason: str | None = None
    classes: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def rate(self) -> Fraction | None:
        """From 0 to 1."""
        if self.reason is not None or self.numerator is None or not self.denominator:
            return None
        return Fraction(self.numerator, self.denominator)


@dataclass(frozen=True)
class Area:
    """One borough's quarter as it stands frozen, or Greater Manchester's.

    borough: slug, None for Greater Manchester. reviews: figure by review code. provisional: open-quarter,
    partial-return, or None. frozen_at: when these figures were counted.
    """

    borough: str | None
    name: str
    gss: str | None
    digitisation: Figure
    coverage: Figure
    reviews: Mapping[str, Figure]
    provisional: str | None
    frozen_at: datetime


@dataclass(frozen=True)
class QuarterFigures:
    """One quarter. boroughs: those with a report, in the order of their GSS codes. reporting: how many of ten
    have a
    return. line: where the straight line to 100% stands on the quarter's last day."""

    quarter: Quarter
    boroughs: tuple[Area, ...]
    whole: Area | None
    reporting: int
    at_target: AtTarget
    line: Fraction | None


def figures(record: Record) -> tuple[QuarterFigures, ...]:
    """Every frozen quarter, earliest first: of several reports of one reporter and period, the newest by
    date.
    """
    newest: dict[tuple[Quarter, str], JSON] = {}
    for body in bodies(record, "MeasureReport", ("measure", DIGITISATION)):
        key = Quarter.of(date.fromisoformat(body["period"]["start"][:10])), reporter_of(body)
        if body.get("status") == "complete" and (key not in newest or dated(newest[key]) <= dated(body)):
            newest[key] = body
    quarters = sorted({quarter for quarter, _ in newest})
    found = [_quarter(quarter, newest) for quarter in quarters]
    begins = next(
        (
            (each.quarter.last_on, rate)
            for each in found
            if each.whole is not None and (rate := each.whole.digitisation.rate) is not None
        ),
        None,
    )
    if begins is None:
        return tuple(found)
    first_on, first_rate = begins
    return tuple(
        replace(each, line=trajectory(each.quarter.last_on, first_on=first_on, first_rate=first_rate))
        for each in found
    )


def _quarter(quarter: Quarter, newest: Mapping[tuple[Quarter, str], JSON]) -> QuarterFigures:
    areas = tuple(
        _area(newest[key], borough.slug, borough.name, borough.gss)
        for borough in BOROUGHS
        if (key := (quarter, organization(borough.slug))) in newest
    )
    whole = newest.get((quarter, GREATER_MANCHESTER))
    return QuarterFigures(
        quarter,
        areas,
        None if whole is None else _area(whole, None, "Greater Manchester", None),
        sum(area.digitisation.reason != "no-return" for area in areas),
        boroughs_at_target(
            {
                borough.slug: next(
                    (area.digitisation.rate for area in areas if area.borough == borough.slug), None
                )
                for borough in BOROUGHS
            }
        ),
        None,
    )


def _area(report: JSON, borough: str | None, name: str, gss: str | None) -> Area:
    by_code: dict[str, Figure] = {
        coding["code"]: _figure(group, whole=borough is None)
        for group in report.get("group", ())
        for coding in group["code"]["coding"]
    }
    provisional: str | None = next(
        (each["valueCode"] for each in report.get("extension", ()) if each["url"] == PROVISIONAL), None
    )
    return Area(
        borough,
        name,
        gss,
        by_code["all-reviews"],
        by_code["coverage"],
        {review: by_code[review] for review in REVIEWS},
        provisional,
        dated(report),
    )


def _figure(group: JSON, *, whole: bool) -> Figure:
    if any(each["url"] == NOT_ASSESSABLE for each in group.get("extension", ())):
        return Figure(reason="not-all-report" if whole else "no-return")
    counts = {
        coding["code"]: population.get("count")
        for population in group["population"]
        for coding in population["code"]["coding"]
    }
    numerator, denominator = counts["numerator"], counts["denominator"]
    reason = (
        "withheld"
        if numerator is None or denominator is None
        else "none-completed"
        if denominator == 0
        else None
    )
    classes = {
        stratum["value"]["coding"][0]["code"]: stratum["population"][0].get("count")
        for stratifier in group.get("stratifier", ())
        for stratum in stratifier["stratum"]
    }
    return Figure(numerator, denominator, reason, classes)


def dated(report: JSON) -> datetime:
    at = datetime.fromisoformat(report["date"])
    # A borough's system may state the day alone.
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
