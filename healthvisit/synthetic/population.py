"""Invented families, the same for the same seed: who they are, where they lived, which reviews they had.

Plain values only; `resources.py` makes FHIR of them. Every borough draws its families' shape from one random
stream and every family its own, so that a family stays as it is whatever was changed in another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import exp
from random import Random
from zoneinfo import ZoneInfo

from healthvisit.programme import asq3, dates, nhs_number
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.synthetic import names, parameters

LONDON = ZoneInfo("Europe/London")
REVIEWS = tuple(parameters.TIMING)
FORMS = {"six-to-eight-week": "six-to-eight-week-review", "two-year": "two-year-review"}
# The demonstration parent's child: old enough for the two-year review, which is still open.
DEMO_AGE_MONTHS = 27


@dataclass(frozen=True)
class World:
    """What a population is made from. as_at: the day after the last event. forms: of the instrument."""

    as_at: date
    forms: tuple[asq3.FormWindow, ...]
    seed: str = parameters.SEED


@dataclass(frozen=True)
class Episode:
    """One borough's responsibility: from the first day to before the last, None while it goes on."""

    borough: str
    from_on: date
    until_on: date | None = None


@dataclass(frozen=True)
class Contact:
    """One contact for one statutory review.

    capture: capture-mode code, or None for a review that only the borough's own books know; then no record is
    made. recorded_at: when it was first written down digitally, None for paper and unknown. answers: answers
    by linkId where a form was filled in: a code, a Decimal or a text.
    """

    review: str
    outcome: str
    borough: str
    started_at: datetime
    ended_at: datetime
    capture: str | None
    recorded_at: datetime | None
    place: str
    practitioner: str
    answers: Mapping[str, str | Decimal] = field(default_factory=dict)
    shared: bool = False


@dataclass(frozen=True)
class Child:
    """number: place in the borough, from 0."""

    number: int
    nhs_number: str
    given: str
    family: str
    gender: str
    born_on: date
    gestation_days: int | None
    episodes: tuple[Episode, ...]
    contacts: tuple[Contact, ...]


@dataclass(frozen=True)
class Family:
    """number: place in the borough, from 0; the family of Bury numbered 0 is the demonstration parent's."""

    borough: str
    number: int
    parent_given: str
    parent_family: str
    parent_gender: str
    telephone: str
    children: tuple[Child, ...]


def allotted(children: int) -> dict[str, list[int]]:
    """Children by borough and single year of age, in proportion to the Census; the sum is exactly `children`.

    Largest remainder, ties by the table's order. The demonstration child has a place whatever the size.
    """
    residents = [count for borough in BOROUGHS for count in borough.under_five]
    shares = [children * count / sum(residents) for count in residents]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda cell: counts[cell] - shares[cell])
    for cell in by_remainder[: children - sum(counts)]:
        counts[cell] += 1
    demo = 5 * [borough.slug for borough in BOROUGHS].index("bury") + 2
    if children and not counts[demo]:
        counts[counts.index(max(counts))] -= 1
        counts[demo] = 1
    return {borough.slug: counts[5 * place : 5 * place + 5] for place, borough in enumerate(BOROUGHS)}


def families(children: int, world: World) -> Iterator[Family]:
    """Every family, borough by borough. Nothing is kept, so memory does not grow with `children`."""
    for borough, by_age in allotted(children).items():
        yield from _of_borough(borough, list(by_age), world)


def _of_borough(borough: str, left: list[int], world: World) -> Iterator[Family]:
    shape = Random(f"{world.seed}/{borough}")  # noqa: S311  it guards nothing
    number = first_child = 0
    while any(left):
        if borough == "bury" and number == 0:
            ages, together = [2], False
        else:
            ages, together = _ages(shape, left)
        for age in ages:
            left[age] -= 1
        yield _family(
            borough,
            number,
            first_child,
            ages,
            together=together,
            world=world,
            rng=Random(f"{world.seed}/{borough}/{number}"),  # noqa: S311
        )
        number += 1
        first_child += len(ages)


def _ages(shape: Random, left: Sequence[int]) -> tuple[list[int], bool]:
    """Ages in years of one family's children, and whether the first two are twins."""
    age = shape.choices(range(5), left)[0]
    twins, sibling = shape.random() < parameters.TWINS, shape.random() < parameters.SIBLING
    ages = [age]
    if twins and left[age] > 1:
        ages.append(age)
    # Two years of age apart, so that the births are always more than a year apart.
    others = [left[other] if abs(other - age) >= 2 else 0 for other in range(5)]
    if sibling and any(others):
        ages.append(shape.choices(range(5), others)[0])
    return ages, ages[:2] == [age, age]


def _family(
    borough: str,
    number: int,
    first_child: int,
    ages: Sequence[int],
    *,
    together: bool,
    world: World,
    rng: Random,
) -> Family:
    tradition = rng.choices(names.TRADITIONS, [each.share for each in names.TRADITIONS])[0]
    family_name = rng.choice(tradition.families)
    mother = rng.random() < 0.85
    parent_given = rng.choice(tradition.mothers if mother else tradition.fathers)
    telephone = f"07700 900{rng.randrange(1000):03d}"  # Ofcom's range for drama: it reaches nobody
    demo = borough == "bury" and number == 0
    # A block of the test range for each borough, larger than any borough's under-fives.
    block = 90_000 * [each.slug for each in BOROUGHS].index(borough)
    as_at = world.as_at
    born = [_birthday(rng, age, as_at) for age in ages]
    if together:
        born[1] = born[0]
    if demo:
        born = [dates.add_months(as_at, -DEMO_AGE_MONTHS)]
    move = None if demo else _move(rng, borough, min(born), as_at)
    children: list[Child] = []
    for place, born_on in enumerate(born):
        girl = rng.random() < 0.488
        taken = {child.given for child in children}
        given = rng.choice(
            [name for name in (tradition.girls if girl else tradition.boys) if name not in taken]
        )
        gestation_days = _gestation(rng, twin=together and place < 2)
        if together and place == 1:
            gestation_days = children[0].gestation_days
        episodes = _episodes(borough, born_on, move)
        contacts = (
            _demo_contacts(rng, born_on, world)
            if demo
            else _contacts(rng, born_on, episodes, gestation_days, world)
        )
        children.append(
            Child(
                first_child + place,
                nhs_number.test_number(block + first_child + place),
                given,
                family_name,
                "female" if girl else "male",
                born_on,
                gestation_days,
                episodes,
                tuple(contacts),
            )
        )
    return Family(
        borough,
        number,
        parent_given,
        family_name,
        "female" if mother else "male",
        telephone,
        tuple(children),
    )


def _birthday(rng: Random, age: int, as_at: date) -> date:
    first = dates.add_months(as_at, -12 * (age + 1)) + timedelta(1)
    last = dates.add_months(as_at, -12 * age)
    return first + timedelta(rng.randrange((last - first).days + 1))


def _gestation(rng: Random, *, twin: bool) -> int | None:
    """Days of gestation at birth where the child was born before 37 weeks, else None: a term birth states
    none.
    """
    if rng.random() >= (0.5 if twin else parameters.PRETERM):
        return None
    # Most preterm births are late preterm.
    return 37 * 7 - 1 - min(int(rng.expovariate(1 / 16)), 88)


def _move(rng: Random, borough: str, earliest: date, as_at: date) -> tuple[str, date] | None:
    if rng.random() >= parameters.MOVED or (as_at - earliest).days < 2:
        return None
    former = rng.choice([other.slug for other in BOROUGHS if other.slug != borough])
    return former, earliest + timedelta(1 + rng.randrange((as_at - earliest).days - 1))


def _episodes(borough: str, born_on: date, move: tuple[str, date] | None) -> tuple[Episode, ...]:
    if move is None or move[1] <= born_on:
        return (Episode(borough, born_on),)
    former, on = move
    return Episode(former, born_on, on), Episode(borough, on)


def _contacts(
    rng: Random, born_on: date, episodes: Sequence[Episode], gestation_days: int | None, world: World
) -> Iterator[Contact]:
    ability = rng.gauss(0, 1)
    for review, timing in parameters.TIMING.items():
        start = dates.add_months(born_on, timing.after_months)
        typical = start + timedelta(rng.randint(*timing.typical))
        late = start + timedelta(rng.randint(*timing.late))
        drawn = rng.random()
        in_dip, dipped = parameters.DIP, rng.random() < parameters.DIP_NOT_DONE[review]
        ends = (
            (timing.on_time, "completed", typical),
            (timing.delayed, "completed", late),
            (timing.declined, "declined", typical),
            (timing.no_access, "no-access", typical),
        )
        for share, outcome, on in ends:
            drawn -= share
            if drawn >= 0:
                continue
            on = _working_day(on)
            if on < world.as_at and not (dipped and in_dip[0] <= on < in_dip[1]):
                yield _contact(
                    rng, review, outcome, on, _borough(episodes, on), born_on, gestation_days, ability, world
                )
            break


def _demo_contacts(rng: Random, born_on: date, world: World) -> Iterator[Contact]:
    """Earlier reviews done, shown and shared; the two-year review still to do."""
    for review, capture in (
        ("antenatal", "unknown"),
        ("new-birth", "paper-only"),
        ("six-to-eight-week", "transcribed"),
        ("one-year", "paper-only"),
    ):
        timing = parameters.TIMING[review]
        on = _working_day(dates.add_months(born_on, timing.after_months) + timedelta(timing.typical[0] + 2))
        contact = _visit(rng, review, "completed", on, "bury", capture)
        if capture == "transcribed":
            contact = _with_form(rng, contact, born_on, None, 0.5, world, shared=True)
        yield contact


def _contact(
    rng: Random,
    review: str,
    outcome: str,
    on: date,
    borough: str,
    born_on: date,
    gestation_days: int | None,
    ability: float,
    world: World,
) -> Contact:
    if outcome != "completed":
        return _visit(rng, review, outcome, on, borough, "unknown")
    contact = _visit(rng, review, outcome, on, borough, _capture(rng, borough, on))
    if contact.recorded_at is not None and contact.recorded_at.date() >= world.as_at:
        # Still on paper on the day: the books know it, the record does not.
        return replace(contact, capture=None, recorded_at=None)
    if contact.capture in ("point-of-care", "transcribed") and review in FORMS:
        shared = rng.random() < parameters.SHARED_WITH_PARENTS
        return _with_form(rng, contact, born_on, gestation_days, ability, world, shared=shared)
    return contact


def _capture(rng: Random, borough: str, on: date) -> str | None:
    if rng.random() < parameters.point_of_care_share(borough, on):
        return "point-of-care"
    modes, shares = zip(*parameters.OTHERWISE, strict=True)
    chosen: str | None = rng.choices(modes, shares)[0]
    return chosen


def _visit(rng: Random, review: str, outcome: str, on: date, borough: str, capture: str | None) -> Contact:
    minutes = 9 * 60 + 5 * rng.randrange(90)
    started_at = datetime.combine(on, time(minutes // 60, minutes % 60), LONDON).astimezone(UTC)
    ended_at = started_at + timedelta(minutes=5 * rng.randint(6, 12) if outcome == "completed" else 5)
    delay = {
        "point-of-care": timedelta(minutes=rng.randint(1, 15)),
        "transcribed": timedelta(days=rng.randint(2, 25), minutes=rng.randrange(300)),
        "document": timedelta(days=rng.randint(1, 10), minutes=rng.randrange(300)),
    }.get(capture or "")
    return Contact(
        review,
        outcome,
        borough,
        started_at,
        ended_at,
        capture,
        None if delay is None else ended_at + delay,
        _drawn(rng, parameters.PLACES[review]),
        _drawn(rng, parameters.PRACTITIONERS[review]),
    )


def _with_form(
    rng: Random,
    contact: Contact,
    born_on: date,
    gestation_days: int | None,
    ability: float,
    world: World,
    *,
    shared: bool,
) -> Contact:
    answers: dict[str, str | Decimal] = {}
    early = 0.0 if gestation_days is None else (280 - gestation_days) / 7
    for name, (mean, spread) in parameters.SIZES[contact.review].items():
        smaller = early * (0.12 if contact.review == "six-to-eight-week" else 0.01) * spread
        value = max(mean - 3 * spread, min(mean + 3 * spread, rng.gauss(mean - smaller, spread)))
        answers[name] = Decimal(f"{value:.2f}" if name == "weight" else f"{value:.1f}")
    if contact.review == "six-to-eight-week":
        answers["feeding-status"] = _drawn(rng, parameters.FEEDING)
    else:
        answers["asq3-form"] = _form(world, born_on, contact.started_at.date())
        answers.update(_asq3_answers(rng, ability))
    answers["service-level"] = _drawn(rng, parameters.SERVICE_LEVELS)
    if rng.random() < 0.4:
        answers["plan-notes"] = rng.choice(parameters.NOTES)
    return replace(contact, answers=answers, shared=shared)


def _form(world: World, born_on: date, on: date) -> str:
    # The review is after the second birthday, when no age is adjusted any more.
    fitting = asq3.forms_for(dates.age(born_on, on), world.forms)
    return fitting[0] if fitting else world.forms[-1].form


def _asq3_answers(rng: Random, ability: float) -> Iterator[tuple[str, str]]:
    for domain in asq3.DOMAINS:
        strength = 1.9 + 0.8 * ability + rng.gauss(0, 0.8)
        for item in range(1, 7):
            if rng.random() < 0.008:
                continue  # left out
            able = 1 / (1 + exp(item * 0.35 - 0.9 - strength))
            drawn = rng.random()
            answer = "yes" if drawn < able else "sometimes" if drawn < (1 + able) / 2 else "not-yet"
            yield f"asq3-{domain}-{item}", answer


def _borough(episodes: Sequence[Episode], on: date) -> str:
    """Whose team visited: before birth, the borough that the child is born into."""
    for episode in reversed(episodes):
        if episode.from_on <= on:
            return episode.borough
    return episodes[0].borough


def _working_day(on: date) -> date:
    return on - timedelta(max(0, on.weekday() - 4))


def _drawn(rng: Random, shares: Sequence[tuple[str, float]]) -> str:
    return rng.choices([name for name, _ in shares], [share for _, share in shares])[0]
