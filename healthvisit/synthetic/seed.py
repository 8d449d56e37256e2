"""Writes the synthetic children into the record, through the same door as every app: Record.transact.

What was interrupted goes on where it stood: every commit carries an operation number of its own, and the
record answers a repeated one without writing. A record that is wholly seeded is left as it is.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from random import Random
from uuid import uuid5

from healthvisit.access.requester import Requester, Role
from healthvisit.access.scopes import parse
from healthvisit.database import Database
from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme.boroughs import BOROUGHS, BY_SLUG
from healthvisit.programme.dates import Quarter
from healthvisit.record import record as the_record
from healthvisit.record.record import Record
from healthvisit.reviews import arrival, national, quarter, scoring
from healthvisit.synthetic import demo, names, parameters
from healthvisit.synthetic.population import LONDON, REVIEWS, Family, World, allotted, families
from healthvisit.synthetic.resources import (
    NAMESPACE,
    Practitioners,
    Writer,
    borough_return,
    practitioner,
    transaction,
)

FAMILIES_PER_COMMIT = 50
# The first quarter in which all five reviews are made: the eldest children are then two and a half.
FIRST_QUARTER = Quarter(2018, 4)

Progress = Callable[[int, int], None]
# Completed reviews by borough, quarter and review, whatever they were written on.
Books = Counter[tuple[str, Quarter, str]]


def seed(
    database: Database,
    definitions: Definitions,
    *,
    children: int,
    as_at: date,
    keys_folder: Path,
    progress: Progress = lambda _done, _total: None,
) -> tuple[demo.SignIn, ...]:
    """Children, staff, borough returns, frozen quarters and demonstration accounts. Returns the sign-ins.

    children: how many, up to the 173,000 under fives of Greater Manchester. as_at: the demonstration's today;
    the last visit was made the day before. keys_folder: where the system client's private key is written.
    progress: called with children written and children in all. The definitions stand in the record already.
    """
    if demo.stand(database):
        return demo.SIGN_INS
    # The first moment of the day: whenever the demonstration is first met, nothing in it is yet to come.
    at = datetime.combine(as_at, time(), LONDON)
    seeding = _Seeding(database, definitions, at, f"{children}/{as_at}")
    staff = seeding.staff(children)
    world = World(as_at, scoring.form_windows(definitions.pack))
    books: Books = Counter()
    writer = Writer(definitions, staff)
    found = families(children, world)
    number = done = 0
    parent: dict[str, str] = {}
    while batch := list(islice(found, FAMILIES_PER_COMMIT)):
        locations = seeding.families(number, writer, batch)
        for family in batch:
            if (family.borough, family.number) == demo.FAMILY:
                parent = demo.located(family, locations)
        done += sum(len(family.children) for family in batch)
        number += 1
        _enter(books, batch)
        if done < children:
            progress(done, children)
    quarters = list(FIRST_QUARTER.until(Quarter.of(as_at)))
    seeding.returns(books, quarters, as_at)
    for each in quarters:
        with seeding.record(_service()) as record:
            quarter.close(record, each, on=as_at)
            national.close(record, each, on=as_at)
    demo.make(
        database,
        staff={slug: references[0] for slug, references in staff.items() if references},
        leads=seeding.leads(),
        names={slug: staff_name(slug, 0) for slug in staff} | _NAMES_OF_LEADS,
        parent=parent,
        keys_folder=keys_folder,
    )
    progress(done, children)
    return demo.SIGN_INS


def staff_name(borough: str, number: int) -> Mapping[str, str]:
    """Invented name of a borough's health visitor, given and family."""
    rng = Random(f"{parameters.SEED}/staff/{borough}/{number}")  # noqa: S311  it guards nothing
    tradition = rng.choices(names.TRADITIONS, [each.share for each in names.TRADITIONS])[0]
    return {"given": rng.choice(tradition.mothers), "family": rng.choice(tradition.families)}


# Beyond the numbers of those who carry a caseload.
_NUMBERS_OF_LEADS = {role: 1000 + number for number, role in enumerate(demo.LEADS)}
_NAMES_OF_LEADS = {role: staff_name("bury", number) for role, number in _NUMBERS_OF_LEADS.items()}


class _Seeding:
    """The record as the seed writes to it. name: tells one seed's operations from another's."""

    def __init__(self, database: Database, definitions: Definitions, at: datetime, name: str) -> None:
        self._database = database
        self._definitions = definitions
        self._at = at
        self._name = name

    def record(self, requester: Requester) -> AbstractContextManager[Record]:
        return the_record.opened(
            self._database, requester, definitions=self._definitions, at=self._at, writing=True
        )

    def write(self, what: str, entries: Sequence[JSON], requester: Requester | None = None) -> dict[str, str]:
        """References of what was written, by fullUrl."""
        operation = str(uuid5(NAMESPACE, f"{self._name}/{what}"))
        with self.record(requester or _service()) as record:
            answer = record.transact(
                transaction(entries),
                operation=operation,
                completed_by=lambda bundle: arrival.complete(bundle, self._definitions),
            )
        return {
            entry["fullUrl"]: "/".join(made["response"]["location"].split("/")[-4:-2])
            for entry, made in zip(entries, answer["entry"], strict=True)
            if "fullUrl" in entry
        }

    def staff(self, children: int) -> Practitioners:
        """References of each borough's health visitors, one for every 300 children."""
        found = {}
        for borough, by_age in allotted(children).items():
            count = max(1, math.ceil(sum(by_age) / parameters.CHILDREN_PER_PRACTITIONER))
            people = [practitioner(borough, number, staff_name(borough, number)) for number in range(count)]
            made = self.write(f"staff/{borough}", [entry for entries in people for entry in entries])
            found[borough] = [made[entries[0]["fullUrl"]] for entries in people]
        return found

    def leads(self) -> dict[Role, str]:
        """References of those who lead in Bury, by role."""
        found: dict[Role, str] = {}
        for role, number in _NUMBERS_OF_LEADS.items():
            entries = practitioner("bury", number, _NAMES_OF_LEADS[role])
            found[role] = self.write(f"leads/{role}", entries)[entries[0]["fullUrl"]]
        return found

    def families(self, number: int, writer: Writer, batch: Iterable[Family]) -> dict[str, str]:
        entries = [entry for family in batch for entry in writer.entries(family)]
        return self.write(f"families/{number}", entries)

    def returns(self, books: Books, quarters: Iterable[Quarter], as_at: date) -> None:
        """Each borough's own return for each quarter; the open one goes to the day before `as_at`."""
        version = self._definitions.by_url(f"{CANONICAL}/Measure/borough-return")["version"]
        displays = self._definitions.codes(f"{CANONICAL}/CodeSystem/review")
        for borough in BOROUGHS:
            entries = [
                borough_return(
                    borough.slug,
                    each,
                    {review: books[borough.slug, each, review] for review in REVIEWS},
                    as_at=as_at,
                    version=version,
                    displays=displays,
                )
                for each in quarters
                if (borough.slug, str(each)) != parameters.NO_RETURN and each.first_on < as_at
            ]
            self.write(f"returns/{borough.slug}", entries, _service(borough.slug))


def _service(*boroughs: str) -> Requester:
    """The seed as the record sees it; with a borough, it writes that borough's own return."""
    return Requester(
        "seed",
        "service",
        parse("system/*.cruds"),
        boroughs=frozenset(BY_SLUG[slug].gss for slug in boroughs),
    )


def _enter(books: Books, batch: Iterable[Family]) -> None:
    books.update(_completed(batch))


def _completed(batch: Iterable[Family]) -> Iterator[tuple[str, Quarter, str]]:
    for family in batch:
        for child in family.children:
            for contact in child.contacts:
                if contact.outcome == "completed":
                    on = contact.started_at.astimezone(LONDON).date()
                    yield contact.borough, Quarter.of(on), contact.review
