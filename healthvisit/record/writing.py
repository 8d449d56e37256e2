"""Resources into rows: many at once, with one statement a table. This is the path that every write takes.

Order of the checks: may it be read (else NotFound, or the reference names nothing known), may it be written
(else Forbidden), is it the version that the writer saw (else VersionConflict), does it fit what already
stands.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, or_, select, text, update

from healthvisit.access import reach as reaches
from healthvisit.access import scopes, visibility
from healthvisit.access.reach import PERMITTED, RESTRICTED_TYPES, BoroughReach, Reach
from healthvisit.access.requester import STAFF, Requester
from healthvisit.access.scopes import CATEGORISED, Letter
from healthvisit.database import at_once, opening
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record import ids, instants, ownership, predicate, references, rows, sensitive, within
from healthvisit.record.errors import (
    Conflict,
    Forbidden,
    Gone,
    Issue,
    NotFound,
    RecordError,
    Unprocessable,
    VersionConflict,
)
from healthvisit.record.ownership import Owned, Responsibility
from healthvisit.record.references import Key, Target
from healthvisit.record.search import date as dates
from healthvisit.record.search import index
from healthvisit.record.sensitive import Masks
from healthvisit.record.tables import child_identifier, export_job, resource, resource_version, search_date
from healthvisit.record.tables import responsibility as responsibility_table

_COLUMNS = (
    "rid", "type", "id", "version", "updated_at", "audience", "child_rid", "author_borough", "released_at",
    "restricted", "sensitive",
)  # fmt: skip
_IDENTIFIER_COLUMNS = ("system", "value", "borough", "child_rid", "held")
_VERSION_COLUMNS = (
    "rid",
    "version",
    "updated_at",
    "method",
    "author_borough",
    "account",
    "body",
    "restricted",
)

_DELETABLE = frozenset(
    type_ for types in PERMITTED.values() for type_, letters in types.items() if "d" in letters
)

# Who is shown all of a sensitive child, in the words of a refusal.
_WHO_PROTECTS = "a safeguarding lead of the borough that answers for the child"

_LETTERS: Mapping[str, Letter] = {"POST": "c", "PUT": "u", "DELETE": "d"}

# How long before birth each type may speak of a child: a contact in pregnancy is of the child to come.
_BEFORE_BIRTH = {
    "Encounter": timedelta(weeks=44),
    "Observation": timedelta(0),
    "QuestionnaireResponse": timedelta(0),
    "Immunization": timedelta(0),
}


class Before(NamedTuple):
    """The current row of a resource that is to be changed or deleted."""

    rid: int
    version: int
    updated_at: int
    child_rid: int | None
    audience: str
    author_borough: str | None
    released_at: int | None
    restricted: bool
    sensitive: bool
    deleted: bool
    writable: bool


@dataclass
class Writing:
    """One resource to be written; what stands below `expects` is filled on the way.

    place: FHIRPath of the resource: its type, or where it stands in a bundle.
    references: every reference of the body, as it will be stored.
    method: POST for a new one, PUT for a new version, DELETE for the last.
    expects: the version that the writer saw, None where the writer did not say.
    own: the service adds it to what was sent; the role limits it, and no scope.
    """

    type: str
    body: JSON
    place: str
    references: Sequence[str]
    id: str = field(default_factory=ids.next_id)
    method: str = "POST"
    expects: int | None = None
    own: bool = False
    before: Before | None = None
    rid: int = 0
    version: int = 1
    updated_at: int = 0
    owned: Owned = ownership.SHARED
    resource: JSON = field(default_factory=dict)
    stored: bytes = b""

    @property
    def key(self) -> Key:
        return self.type, self.id

    @property
    def is_update(self) -> bool:
        return self.method == "PUT"

    @property
    def letter(self) -> Letter:
        return _LETTERS[self.method]


class _Taken(NamedTuple):
    """One child who has a number. readable: by who writes now."""

    child_rid: int
    readable: bool


def hold(connection: Connection, names: Iterable[str]) -> None:
    """Let one writer at a time decide about each of these names, until its transaction ends.

    SQLite has one writer anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    # Always in the same order, so that two writers never wait for each other.
    keys = sorted(
        {int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True) for name in names}
    )
    if keys:
        connection.execute(
            text("select pg_advisory_xact_lock(key) from unnest(cast(:keys as bigint[])) as key"),
            {"keys": keys},
        )


@dataclass(frozen=True)
class Writer:
    """Writes for one requester, inside one transaction.

    masks: what the requester is shown of sensitive children; None for the service itself, which is shown everything.
    """

    connection: Connection
    requester: Requester
    reach: Reach
    definitions: Definitions
    at: datetime
    on: date
    masks: Masks | None = None

    def write(self, writings: Sequence[Writing]) -> None:
        """Write them all, or raise; what was written by then is for the transaction to undo."""
        if not writings:
            return
        self._find(writings)
        self._complete(writings)
        targets = self._targets(writings)
        fresh = [writing for writing in writings if not writing.is_update]
        # A child stands before what belongs to it.
        fresh.sort(key=lambda writing: writing.type != "Patient")
        for writing, rid in zip(fresh, self._rids(len(fresh)), strict=True):
            writing.rid = rid
        responsibilities = self._own(writings, targets)
        now = self._now
        for writing in writings:
            _make(writing, now)
        self._put(writings, fresh)
        self._spread(writings)
        self._mark(writings)
        self._put_responsibilities(writings, responsibilities)
        self._put_identifiers([writing for writing in writings if writing.type == "Patient"])

    def delete(self, deletions: Sequence[Writing]) -> None:
        """Delete them, as a last version without a body; what was deleted before stays as it is.

        No child and no episode is among them (access/reach.py), so who answers for whom stays. What still refers
        to them is for `refuse_dangling` to say, once all else is written.
        """
        self._find(deletions)
        found = [(each, each.before) for each in deletions if each.before and not each.before.deleted]
        if not found:
            return
        standing = self._standing({before.child_rid or 0 for _, before in found})
        now = self._now
        for deletion, before in found:
            author = before.author_borough
            if ownership.is_of_a_child(deletion.type):
                answering = standing.get(before.child_rid or 0, ())
                with _placed(deletion):
                    author = ownership.author_borough(
                        self.requester, answering, on=self.on, day=self.on, place=deletion.type
                    )
            deletion.owned = Owned(
                before.audience, before.child_rid, author, before.released_at, before.restricted
            )
            _number(deletion, now)
        fresh = [deletion for deletion, _ in found]
        self._move_on(fresh)
        self._put_versions(fresh)
        index.remove(self.connection, [deletion.rid for deletion in fresh])

    def refuse_dangling(self, deletions: Sequence[Writing]) -> None:
        """Raises Conflict where something that the requester can read still refers to what was deleted.

        A paper that is hidden keeps its reference: a refusal would tell that there is one.
        """
        permitted = [
            type_
            for type_, letters in PERMITTED[self.requester.role].items()
            if "r" in letters and scopes.allows(self.requester.scopes, type_, "r")
        ]
        referred = references.referred(
            self.connection,
            {deletion.key for deletion in deletions},
            self.definitions,
            self._within("r"),
            self.at,
            permitted=permitted,
        )
        for deletion in deletions:
            if deletion.key in referred:
                raise Conflict("Something that stands refers to it.", deletion.place)

    def _find(self, writings: Sequence[Writing]) -> None:
        """Fills `before` of what stands. An id that is not there is refused as one that is out of reach."""
        changed = {writing.key: writing for writing in writings if writing.method != "POST"}
        if not changed:
            return
        by_reach: dict[tuple[Reach, Reach], list[Writing]] = {}
        for writing in changed.values():
            reading = self._within("r", own=writing.own)
            by_reach.setdefault((reading, self._within(writing.letter, own=writing.own)), []).append(writing)
        for (reading, correcting), asked in by_reach.items():
            named = {
                "types": sorted({writing.type for writing in asked}),
                "ids": sorted({writing.id for writing in asked}),
            }
            keys = {writing.key for writing in asked}
            standing = self.connection.execute(_correctable(reading, correcting, self._moment), named)
            for type_, id_, *row in standing:
                if (type_, id_) in keys:
                    found = changed[type_, id_]
                    found.before = Before(*row)
                    found.rid = found.before.rid
        for writing in changed.values():
            before = writing.before
            if before is None:
                raise NotFound
            if before.deleted:
                if writing.method == "DELETE":
                    continue
                # An id that its readers were told is gone never comes back to life: they may have dropped it.
                raise Gone("It was deleted. What is written anew gets its own id.", writing.place)
            if not before.writable:
                raise Forbidden([_moved("forbidden", writing.place)])
            if writing.expects is not None and writing.expects != before.version:
                raise VersionConflict("The resource has changed since that version.", writing.place)

    def _complete(self, writings: Sequence[Writing]) -> None:
        """What the writer is not shown of a sensitive child stays as it stands. Raises Forbidden where it would be
        written over, or the mark taken away, whether or not something stands there."""
        if self.masks is None:
            return
        changed = {
            writing.rid: writing
            for writing in writings
            if writing.before is not None
            and writing.before.sensitive
            and not self.masks.is_whole(writing.type, writing.before.child_rid)
        }
        if not changed:
            return
        for row in self.connection.execute(_BODIES, {"rids": sorted(changed)}):
            writing = changed[row.rid]
            if writing.type == "Patient" and not ownership.is_marked(writing.body):
                raise Forbidden(
                    f"The mark is taken away by {_WHO_PROTECTS}.", f"{writing.place}.meta.security"
                )
            element = visibility.hidden_in(writing.type, writing.body)
            if element is not None:
                raise Forbidden(
                    f"What can tell where this child's family is, is changed by {_WHO_PROTECTS}.",
                    f"{writing.place}.{element}",
                )
            writing.body = visibility.completed(writing.type, writing.body, loads(row.body))

    def _targets(self, writings: Sequence[Writing]) -> dict[Key, Target]:
        """What the bodies refer to outside of themselves. Raises Unprocessable, naming every fault."""
        made = {writing.key for writing in writings if not writing.is_update}
        keys = {
            reference: references.literal(reference)
            for writing in writings
            for reference in writing.references
        }
        by_reach: dict[Reach, list[Writing]] = {}
        for writing in writings:
            by_reach.setdefault(self._within("r", own=writing.own), []).append(writing)
        every: dict[Key, Target] = {}
        for reading, referring in by_reach.items():
            named = {reference for writing in referring for reference in writing.references}
            wanted = {key for reference in named if (key := keys[reference]) and key not in made}
            found = self._held(
                references.targets(self.connection, wanted, reading, self.at, writing=self.reach),
                {writing.rid for writing in writings if writing.type == "Patient"},
            )
            known = made | found.keys()
            good = {reference for reference in named if keys[reference] in known}
            faults = [
                fault._replace(expression=path)
                for writing in referring
                if not good.issuperset(writing.references)
                for path, reference in references.located(writing.body, writing.place)
                if (fault := references.fault(writing.body, reference, known))
            ]
            if faults:
                raise Unprocessable(self._told_of_moves(faults, referring, good))
            every |= found
        return every

    def _told_of_moves(
        self, faults: Sequence[Issue], referring: Sequence[Writing], good: Collection[str]
    ) -> Sequence[Issue]:
        """The faults; where the Patient is a child whom the requester's services once had, it is told so.

        A tablet that was out while the child moved has answers that somebody must still get.
        """
        reading = self._within("r")
        if not isinstance(reading, BoroughReach):
            return faults
        located = {
            path: key[1]
            for writing in referring
            for path, reference in references.located(writing.body, writing.place)
            if reference not in good and (key := references.literal(reference)) and key[0] == "Patient"
        }
        boroughs = frozenset[str]().union(*(limit.boroughs for limit in reading.limits("Patient")))
        asked = select(resource.c.id).where(
            resource.c.type == "Patient",
            resource.c.id.in_(sorted(set(located.values()))),
            resource.c.audience == "child",
            resource.c.rid.in_(
                select(responsibility_table.c.child_rid).where(
                    responsibility_table.c.borough.in_(boroughs), responsibility_table.c.from_on <= self.on
                )
            ),
        )
        if reading.patient is not None:
            asked = asked.where(resource.c.id == reading.patient)
        once = set(self.connection.scalars(asked)) if located else set()
        return [
            _moved("business-rule", fault.expression) if located.get(fault.expression) in once else fault
            for fault in faults
        ]

    def _held(self, found: dict[Key, Target], written: Collection[int]) -> dict[Key, Target]:
        """Those of the targets that still stand, and that nobody deletes, or marks with their child, until this
        transaction ends.

        written: rids of the Patients that are written with them. SQLite has one writer anyway.
        """
        deletable = {target.rid for (type_, _), target in found.items() if type_ in _DELETABLE}
        # A Patient that is changed says itself how it is marked: two who change it do not wait for each other.
        children = {target.child_rid for target in found.values() if target.child_rid is not None}
        rids = sorted(deletable | (children - set(written)))
        if not rids or self.connection.dialect.name != "postgresql":
            return found
        # Who marks one of them waits, or has been waited for: it is as restricted as it is now.
        standing = {row.rid: row for row in self.connection.execute(_HELD, {"rids": rids})}
        return {
            key: target._replace(
                restricted=standing.get(target.rid, target).restricted,
                sensitive=standing.get(target.child_rid or 0, target).sensitive,
            )
            for key, target in found.items()
            if key[0] not in _DELETABLE or target.rid in standing
        }

    def _rids(self, count: int) -> Sequence[int]:
        if not count:
            return ()
        if self.connection.dialect.name == "postgresql":
            return self.connection.scalars(_NEXT_RIDS, {"count": count}).all()
        last = self.connection.scalar(_LAST_RID) or 0
        return range(last + 1, last + count + 1)

    def _own(self, writings: Sequence[Writing], targets: Mapping[Key, Target]) -> list[Responsibility]:
        """Fills `owned` of each, and gives the responsibilities that its episodes make."""
        child_rids = {key: target.child_rid for key, target in targets.items()}
        child_rids |= {writing.key: writing.rid for writing in writings if writing.type == "Patient"}
        of_children = [writing for writing in writings if ownership.is_of_a_child(writing.type)]
        of_children.sort(key=lambda writing: ownership.order(writing.type))
        for writing in of_children:
            with _placed(writing):
                child_rids[writing.key] = _child_rid(writing, child_rids)
        new_children = {
            writing.rid for writing in of_children if writing.type == "Patient" and not writing.is_update
        }
        episodes = [writing for writing in of_children if writing.type == "EpisodeOfCare"]
        # Held before it is read who answers: two services that take up a child at once do not both succeed.
        hold(self.connection, (f"child {child_rids[episode.key]}" for episode in episodes))
        standing = self._standing({child_rids[each.key] or 0 for each in of_children} - new_children)
        stood = {child_rid: tuple(each) for child_rid, each in standing.items()}
        made: list[Responsibility] = []
        for episode in episodes:
            child_rid = child_rids[episode.key] or 0
            with _placed(episode):
                fresh = ownership.responsibility(
                    episode.body,
                    episode_rid=episode.rid,
                    child_rid=child_rid,
                    requester=self.requester,
                    definitions=self.definitions,
                )
                others = [each for each in standing.get(child_rid, ()) if each.episode_rid != episode.rid]
                if fresh is not None:
                    ownership.agrees(fresh, others, opened=not episode.is_update, requester=self.requester)
                    others.append(fresh)
                    made.append(fresh)
                standing[child_rid] = others
        for episode in episodes:
            child_rid = child_rids[episode.key] or 0
            with _placed(episode):
                ownership.refuse_gap(stood.get(child_rid, ()), standing[child_rid], requester=self.requester)
        births = self._births(of_children, child_rids)
        writable = new_children | {target.child_rid for target in targets.values() if target.writable}
        writable |= {each.child_rid for each in made if each.on(self.on)}
        sensitive_children = {target.child_rid for target in targets.values() if target.sensitive}
        for writing in of_children:
            if writing.type == "Patient":
                marked = ownership.is_marked(writing.body)
                (sensitive_children.add if marked else sensitive_children.discard)(writing.rid)
        for writing in of_children:
            child_rid = child_rids[writing.key] or 0
            answering = standing.get(child_rid, ())
            if self.requester.role == "service":
                # An episode is the service's that it names, even one that ended on the day it began, or never began.
                its_own = [
                    each for each in (*made, *stood.get(child_rid, ())) if each.episode_rid == writing.rid
                ]
                answering = its_own[:1] or answering
            with _placed(writing):
                if not writing.is_update and writing.type != "EpisodeOfCare" and child_rid not in writable:
                    raise Forbidden([_moved("forbidden", writing.type)])
                _refuse_before_birth(writing, births.get(child_rid))
                day = ownership.day_of(writing.body) or self.on
                author = ownership.author_borough(
                    self.requester, answering, on=self.on, day=day, place=writing.type
                )
                released = ownership.released_at(writing.type, writing.body)
            is_sensitive = child_rid in sensitive_children
            writing.owned = Owned("child", child_rid, author, released, sensitive=is_sensitive)
        _refuse_other_children(of_children, child_rids)
        self._restrict(writings, targets)
        for writing in writings:
            if ownership.is_of_a_borough(writing.type):
                with _placed(writing):
                    writing.owned = ownership.of_a_borough(writing.body, self.requester, self.definitions)
        for writing in writings:
            with _placed(writing):
                self._refuse_beyond(writing, standing.get(writing.owned.child_rid or 0, ()))
        return made

    def _restrict(self, writings: Sequence[Writing], targets: Mapping[Key, Target]) -> None:
        """Fills `owned.restricted`. Raises Unprocessable for a mark on what cannot be restricted, and Forbidden
        where who writes it could not read it."""
        marked = {writing.key for writing in writings if ownership.is_marked(writing.body)}
        standing = {key for key, target in targets.items() if target.restricted} | self._attached(writings)
        if not marked and not standing:
            return
        papers = {
            writing.key: ownership.about(writing.body, writing.references)
            for writing in writings
            if writing.type in RESTRICTED_TYPES
        }
        found = ownership.restricted(papers, marked & papers.keys(), standing)
        for writing in writings:
            with _placed(writing):
                if writing.key in marked and writing.type not in (*RESTRICTED_TYPES, "Patient"):
                    place = f"{writing.type}.meta.security"
                    raise Unprocessable((Issue("business-rule", "A child's papers are restricted.", place),))
                if writing.key in found:
                    if self.requester.role not in (*STAFF, "service"):
                        raise Forbidden("Restricted papers are for staff.", writing.type)
                    writing.owned = replace(writing.owned, restricted=True)

    def _attached(self, writings: Sequence[Writing]) -> set[Key]:
        """Restricted ones of the Binaries that are attached by their address, which is no reference."""
        wanted = {
            key
            for writing in writings
            if writing.type == "DocumentReference"
            for key in ownership.about(writing.body, ())
            if key[0] == "Binary"
        }
        if not wanted:
            return set()
        found = self.connection.scalars(_RESTRICTED_BINARIES, {"ids": sorted(id_ for _, id_ in wanted)})
        return {("Binary", id_) for id_ in found}

    def _spread(self, writings: Sequence[Writing]) -> None:
        """What stands of a child is as restricted as what it is about: worked out anew where a paper was marked
        or is marked no more."""
        children = {
            writing.owned.child_rid
            for writing in writings
            if writing.before is not None and writing.before.restricted != writing.owned.restricted
        }
        for child_rid in sorted(child for child in children if child is not None):
            # Papers that another borough wrote, and those that are hidden from the writer, are marked too.
            with opening(self.connection, within.MARKING):
                self._spread_over(child_rid)

    def _spread_over(self, child_rid: int) -> None:
        standing: dict[Key, tuple[int, bool]] = {}
        papers: dict[Key, frozenset[Key]] = {}
        marked = []
        for row in self.connection.execute(_PAPERS_OF, {"child": child_rid}):
            key, body = (row.type, row.id), loads(row.body)
            named: list[str] = []
            references.rewritten(body, {}, named)
            standing[key], papers[key] = (row.rid, row.restricted), ownership.about(body, named)
            if ownership.is_marked(body):
                marked.append(key)
        # What is about a paper that was deleted stays as it is: that paper can have been restricted.
        kept = [key for key, (_, was) in standing.items() if was and papers[key] - papers.keys()]
        found = ownership.restricted(papers, [*marked, *kept])
        changed = [
            {"changed": rid, "is_restricted": key in found}
            for key, (rid, was) in standing.items()
            if was != (key in found)
        ]
        if changed:
            self.connection.execute(_RESTRICTED_NOW, sorted(changed, key=lambda each: each["changed"]))

    def _mark(self, writings: Sequence[Writing]) -> None:
        """All that the record has of a child is as sensitive as its Patient, and is searched by what is shown."""
        for writing in writings:
            before, is_sensitive = writing.before, writing.owned.sensitive
            if writing.type != "Patient" or before is None or before.sensitive == is_sensitive:
                continue
            # Papers that another borough wrote, and restricted ones, are marked too.
            with opening(self.connection, within.MARKING):
                self.connection.execute(_SENSITIVE_NOW, {"child": writing.rid, "is_sensitive": is_sensitive})
                if is_sensitive:
                    self.connection.execute(_EXPORTS_TAKEN_BACK)
                rows = self.connection.execute(_ALL_OF, {"child": writing.rid}).all()
                index.remove(self.connection, [row.rid for row in rows])
                index.put(
                    self.connection,
                    [
                        index.rows(
                            sensitive.indexed(row.type, loads(row.body), is_sensitive),
                            row.rid,
                            self.definitions,
                        )
                        for row in rows
                    ],
                )

    def _refuse_beyond(self, writing: Writing, answering: Sequence[Responsibility]) -> None:
        """Raises Forbidden where what is written, as it will stand, is out of what the token reaches.

        answering: who answers for the child once it is written.
        """
        is_new_child = writing.type == "Patient" and not writing.is_update
        if self.requester.patient is not None and (is_new_child or writing.owned.child_rid is None):
            raise Forbidden("The app was opened for one child alone.", writing.type)
        reach = self._within(writing.letter, own=writing.own)
        if reach is self.reach:
            return
        limits = reach.limits(writing.type) if isinstance(reach, BoroughReach) else ()
        boroughs = self._boroughs(writing, answering)
        categories = _categories(writing.body) if writing.type in CATEGORISED else set()
        if not any(boroughs & limit.boroughs and categories.issuperset(limit.categories) for limit in limits):
            raise Forbidden("The scopes do not include what would be written.", writing.type)

    def _boroughs(self, writing: Writing, answering: Sequence[Responsibility]) -> set[str | None]:
        """Whose it is once it is written: an episode the service's that it names, the rest the child's."""
        if writing.type == "EpisodeOfCare":
            key = references.literal(writing.body["managingOrganization"].get("reference", ""))
            return {self.definitions.boroughs.get(key[1]) if key else None}
        if not answering:
            return {writing.owned.author_borough}
        return {each.borough for each in answering if each.on(self.on)}

    def _within(self, letter: Letter, *, own: bool = False) -> Reach:
        return self.reach if own else reaches.narrowed(self.reach, self.requester.scopes, letter)

    def _standing(self, child_rids: set[int]) -> dict[int, list[Responsibility]]:
        """Responsibilities by child."""
        found: dict[int, list[Responsibility]] = {}
        if child_rids:
            answering = self.connection.execute(_STANDING, {"children": sorted(child_rids)})
            for row in answering:
                found.setdefault(row.child_rid, []).append(Responsibility(*row))
        return found

    def _births(self, writings: Sequence[Writing], child_rids: Mapping[Key, int | None]) -> dict[int, date]:
        """Date of birth by child, where it is known to the day or to the first day that it can mean."""
        found: dict[int, date] = {}
        for writing in writings:
            if writing.type == "Patient" and (born := ownership.civil_date(writing.body.get("birthDate"))):
                found[writing.rid] = born
        wanted = {child_rids[each.key] or 0 for each in writings if each.type in _BEFORE_BIRTH} - found.keys()
        if wanted:
            born_at = self.connection.execute(_BIRTHS, {"children": sorted(wanted)})
            # The first microsecond of a civil day in London can be eleven at night in UTC.
            found |= {rid: ownership.london_date(instants.from_micros(low)) for rid, low in born_at}
        return found

    def _put(self, writings: Sequence[Writing], fresh: Sequence[Writing]) -> None:
        with at_once(self.connection):
            self._put_rows(writings, fresh)

    def _put_rows(self, writings: Sequence[Writing], fresh: Sequence[Writing]) -> None:
        rows.put(
            self.connection,
            resource,
            _COLUMNS,
            [
                (
                    writing.rid,
                    writing.type,
                    writing.id,
                    writing.version,
                    writing.updated_at,
                    writing.owned.audience,
                    writing.owned.child_rid,
                    writing.owned.author_borough,
                    writing.owned.released_at,
                    writing.owned.restricted,
                    writing.owned.sensitive,
                )
                for writing in fresh
            ],
        )
        changed = [writing for writing in writings if writing.is_update]
        self._move_on(changed)
        self._put_versions(writings)
        if changed:
            index.remove(self.connection, [writing.rid for writing in changed])
        index.put(
            self.connection,
            [
                index.rows(
                    sensitive.indexed(writing.type, writing.resource, writing.owned.sensitive),
                    writing.rid,
                    self.definitions,
                )
                for writing in writings
            ],
        )

    def _move_on(self, changed: Sequence[Writing]) -> None:
        """Points the rows of what stands at their new versions."""
        if not changed:
            return
        done = self.connection.execute(
            _MOVED_ON,
            [
                {
                    "moved": writing.rid,
                    "seen": writing.version - 1,
                    "version": writing.version,
                    "updated_at": writing.updated_at,
                    "author_borough": writing.owned.author_borough,
                    "released_at": writing.owned.released_at,
                    "restricted": writing.owned.restricted,
                    "deleted": writing.method == "DELETE",
                }
                # Always in the same order, so that two writers never wait for each other.
                for writing in sorted(changed, key=lambda each: each.rid)
            ],
        )
        if done.rowcount == len(changed):
            return
        # Whoever came first has moved the version on, and their row was not found.
        named = {"rids": [writing.rid for writing in changed]}
        versions = {row.rid: row.version for row in self.connection.execute(_VERSIONS, named)}
        for writing in changed:
            if versions.get(writing.rid) != writing.version:
                raise VersionConflict("The resource has changed since that version.", writing.place)
        # It has the version that this writer gave it: another's, with the same number.
        raise VersionConflict("The resource has changed since that version.", changed[0].place)

    def _put_versions(self, writings: Sequence[Writing]) -> None:
        rows.put(
            self.connection,
            resource_version,
            _VERSION_COLUMNS,
            [
                (
                    writing.rid,
                    writing.version,
                    writing.updated_at,
                    writing.method,
                    writing.owned.author_borough,
                    self.requester.account,
                    writing.stored,
                    writing.owned.restricted,
                )
                for writing in writings
            ],
        )

    def _put_responsibilities(self, writings: Sequence[Writing], made: Sequence[Responsibility]) -> None:
        changed = [each.rid for each in writings if each.type == "EpisodeOfCare" and each.is_update]
        if changed:
            table = responsibility_table
            self.connection.execute(delete(table).where(table.c.episode_rid.in_(changed)))
        if made:
            self.connection.execute(insert(responsibility_table), [each._asdict() for each in made])

    def _put_identifiers(self, patients: Sequence[Writing]) -> None:
        """Keeps which child has which NHS number.

        Raises Conflict where a number is given that another child within reach has; where a child out of
        reach has it both are held for a person to settle, and the writer is told nothing.
        """
        numbers = [
            (writing, number) for writing in patients for number in ownership.nhs_numbers(writing.body)
        ]
        hold(self.connection, (f"nhs-number {number}" for _, number in numbers))
        taken = self._taken({number for _, number in numbers})
        changed = [writing.rid for writing in patients if writing.is_update]
        if changed:
            self.connection.execute(delete(child_identifier).where(child_identifier.c.child_rid.in_(changed)))
        kept = []
        for writing, number in numbers:
            borough = writing.owned.author_borough or ""
            own = [each for each in taken.get(number, ()) if each.child_rid == writing.rid]
            others = [each for each in taken.get(number, ()) if each.child_rid != writing.rid]
            # Two children who already have the same number may still be corrected in everything else.
            if not own and any(other.readable for other in others):
                raise Conflict("Another child has this NHS number.", f"{writing.place}.identifier")
            taken[number] = [*others, _Taken(writing.rid, readable=True)]
            kept.append((ownership.NHS_NUMBER, number, borough, writing.rid, bool(others)))
        held = {number for _, number, _, _, is_held in kept if is_held}
        if held:
            table = child_identifier.c
            with opening(self.connection, within.NUMBERS):
                self.connection.execute(
                    update(child_identifier)
                    .where(table.system == ownership.NHS_NUMBER, table.value.in_(held))
                    .values(held=True)
                )
        rows.put(self.connection, child_identifier, _IDENTIFIER_COLUMNS, kept)

    def _taken(self, numbers: Collection[str]) -> dict[str, list["_Taken"]]:
        """Which children have these NHS numbers, by number."""
        found: dict[str, list[_Taken]] = {}
        if numbers:
            # A number is only said to be taken by a child whom the app could find.
            reading = self._within("r")
            asked = _taken(reading, self._moment)
            with opening(self.connection, within.NUMBERS):
                standing = self.connection.execute(asked, {"numbers": sorted(numbers)}).all()
            for number, child_rid, readable in standing:
                found.setdefault(number, []).append(_Taken(child_rid, bool(readable)))
        return found

    @property
    def _moment(self) -> int:
        return predicate.moment(self.reach, self.at)

    @property
    def _now(self) -> int:
        return instants.micros(self.at) // instants.MILLISECOND_US * instants.MILLISECOND_US


# Statements are made once, and once for each reach where they carry its condition.
_STANDING = select(
    responsibility_table.c.episode_rid,
    responsibility_table.c.child_rid,
    responsibility_table.c.borough,
    responsibility_table.c.from_on,
    responsibility_table.c.until_on,
).where(responsibility_table.c.child_rid.in_(bindparam("children", expanding=True)))

_BIRTHS = select(search_date.c.rid, search_date.c.low).where(
    search_date.c.rid.in_(bindparam("children", expanding=True)),
    search_date.c.parameter == "birthdate",
    # A child whose birthday is not known has the row of no date.
    search_date.c.low > dates.LEAST,
)

_MOVED_ON = (
    update(resource)
    .where(resource.c.rid == bindparam("moved"), resource.c.version == bindparam("seen"))
    .values(
        version=bindparam("version"),
        updated_at=bindparam("updated_at"),
        author_borough=bindparam("author_borough"),
        released_at=bindparam("released_at"),
        restricted=bindparam("restricted"),
        deleted=bindparam("deleted"),
    )
)
_VERSIONS = select(resource.c.rid, resource.c.version).where(
    resource.c.rid.in_(bindparam("rids", expanding=True))
)
# A deletion of one of these waits; or has been waited for, and then the row is not found.
_HELD = (
    select(resource.c.rid, resource.c.restricted, resource.c.sensitive)
    .where(resource.c.rid.in_(bindparam("rids", expanding=True)), resource.c.deleted.is_(False))
    .order_by(resource.c.rid)
    .with_for_update(read=True)
)
_RESTRICTED_BINARIES = select(resource.c.id).where(
    resource.c.type == "Binary",
    resource.c.id.in_(bindparam("ids", expanding=True)),
    resource.c.restricted,
)
_PAPERS_OF = (
    select(resource.c.rid, resource.c.type, resource.c.id, resource.c.restricted, resource_version.c.body)
    .join(
        resource_version,
        (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
    )
    .where(
        resource.c.child_rid == bindparam("child"),
        resource.c.type.in_(sorted(RESTRICTED_TYPES)),
        resource.c.deleted.is_(False),
    )
)
_RESTRICTED_NOW = (
    update(resource)
    .where(resource.c.rid == bindparam("changed"))
    .values(restricted=bindparam("is_restricted"))
)
_CURRENT = select(resource.c.rid, resource.c.type, resource_version.c.body).join(
    resource_version,
    (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
)
_BODIES = _CURRENT.where(resource.c.rid.in_(bindparam("rids", expanding=True)))
_ALL_OF = _CURRENT.where(resource.c.child_rid == bindparam("child"), resource.c.deleted.is_(False)).order_by(
    resource.c.rid
)
_SENSITIVE_NOW = (
    update(resource)
    .where(resource.c.child_rid == bindparam("child"))
    .values(sensitive=bindparam("is_sensitive"))
)
# Which of them hold the child is not known.
_EXPORTS_TAKEN_BACK = (
    update(export_job).where(export_job.c.state.in_(("waiting", "running", "done"))).values(state="cancelled")
)
_LAST_RID = select(func.max(resource.c.rid))
_NEXT_RIDS = text("select nextval('resource_rid_seq') from generate_series(1, :count)")


@lru_cache(maxsize=256)
def _correctable(reading: Reach, correcting: Reach, moment: int) -> Select[*tuple[Any, ...]]:
    """Type, id, and what `Before` holds, of what may be changed, read or known to be deleted."""
    known = predicate.known_then(correcting, moment)
    if reading != correcting:
        known = or_(known, predicate.known_then(reading, moment))
    return select(
        resource.c.type,
        resource.c.id,
        resource.c.rid,
        resource.c.version,
        resource.c.updated_at,
        resource.c.child_rid,
        resource.c.audience,
        resource.c.author_borough,
        resource.c.released_at,
        resource.c.restricted,
        resource.c.sensitive,
        resource.c.deleted,
        predicate.correctable(correcting).label("writable"),
    ).where(
        resource.c.type.in_(bindparam("types", expanding=True)),
        resource.c.id.in_(bindparam("ids", expanding=True)),
        known,
    )


@lru_cache(maxsize=256)
def _taken(reach: Reach, moment: int) -> Select[str, int, bool]:
    table = child_identifier.c
    return (
        select(
            table.value,
            table.child_rid,
            predicate.readable_then(reach, moment).label("readable"),
        )
        .join(resource, resource.c.rid == table.child_rid)
        .where(table.system == ownership.NHS_NUMBER, table.value.in_(bindparam("numbers", expanding=True)))
    )


def _categories(body: JSON) -> set[tuple[str, str]]:
    """System and code of the categories of a body that was checked."""
    return {
        (coding.get("system", ""), coding.get("code", ""))
        for concept in body.get("category", ())
        for coding in concept.get("coding", ())
    }


def _number(writing: Writing, now: int) -> None:
    """Fills version and time."""
    before = writing.before
    # Versions of one resource follow each other in time, even where the clock does not.
    writing.updated_at = max(now, before.updated_at + instants.MILLISECOND_US) if before else now
    writing.version = before.version + 1 if before else 1


def _make(writing: Writing, now: int) -> None:
    """Fills version, time and the stored JSON: the body as sent, under the server's id and version."""
    _number(writing, now)
    head = {
        "resourceType": writing.type,
        "id": writing.id,
        "meta": {
            **writing.body.get("meta", {}),
            "versionId": str(writing.version),
            "lastUpdated": instants.text(writing.updated_at),
        },
    }
    writing.resource = {**head, **writing.body, **head}
    writing.stored = dumps(writing.resource)


def _child_rid(writing: Writing, child_rids: Mapping[Key, int | None]) -> int:
    """The child whom a resource belongs to. Raises Unprocessable for two children, or another than before."""
    if writing.type == "Patient":
        return writing.rid
    found = {child_rids.get(key): place for key, place in ownership.child_keys(writing.type, writing.body)}
    child_rid, place = next(iter(found.items()))
    before = writing.before
    if child_rid is None or len(found) > 1 or (before is not None and before.child_rid != child_rid):
        raise Unprocessable((Issue("business-rule", "It belongs to one child, and stays with it.", place),))
    return child_rid


def _refuse_before_birth(writing: Writing, born: date | None) -> None:
    most = _BEFORE_BIRTH.get(writing.type)
    day = ownership.day_of(writing.body)
    if most is not None and born is not None and day is not None and day < born - most:
        raise Unprocessable((Issue("business-rule", "The child was not born yet.", writing.type),))


def _refuse_other_children(writings: Sequence[Writing], child_rids: Mapping[Key, int | None]) -> None:
    """A child's contact, form or measurement refers to that child's own; a twin's is a likely mistake."""
    for writing in writings:
        if writing.type in ("Patient", "RelatedPerson"):
            continue
        own = writing.owned.child_rid
        strange = {
            reference
            for reference in writing.references
            if (key := references.literal(reference))
            and key[0] != "Patient"
            and child_rids.get(key, own) not in (own, None)
        }
        if strange:
            path = next(
                path
                for path, reference in references.located(writing.body, writing.place)
                if reference in strange
            )
            raise Unprocessable((Issue("business-rule", "It belongs to another child.", path),))


def _moved(code: str, place: str) -> Issue:
    return Issue(code, "This service does not answer for the child today.", place, "child-moved")


@contextmanager
def _placed(writing: Writing) -> Iterator[None]:
    """Faults of a resource are told by their place in the bundle that it came in."""
    try:
        yield
    except RecordError as error:
        if writing.place == writing.type or isinstance(error, NotFound):
            raise
        raise type(error)(
            [
                issue._replace(expression=writing.place + issue.expression.removeprefix(writing.type))
                for issue in error.issues
            ]
        ) from error
