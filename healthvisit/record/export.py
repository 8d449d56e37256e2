"""Bulk Data export: asked within a request, done outside of it, and taken up again after a restart.

A job is a row of export_job. A worker claims it by a lease that it renews with every page; a worker that
lost its lease, or whose job was cancelled, writes no more. For each page the requester is made afresh from
the account, so what is written is within reach as it is then, and an account that was closed gets nothing
further. Files hold the stored bytes, one resource a line.
https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, or_, select, update

from healthvisit.access import reach as reaches
from healthvisit.access import scopes
from healthvisit.access.reach import CHILD_TYPES, PERMITTED, SHARED_TYPES, ChildReach, Reach
from healthvisit.access.requester import Requester, Role
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record import audit, bundles, ids, instants, ownership, predicate, within
from healthvisit.record.audit import Event
from healthvisit.record.errors import Forbidden, Invalid, Issue, NotFound, TooMany
from healthvisit.record.everything import since_of
from healthvisit.record.record import Record, opened
from healthvisit.record.references import is_id, literal
from healthvisit.record.search import query as queries
from healthvisit.record.sensitive import Masks
from healthvisit.record.tables import export_job, resource, resource_version
from healthvisit.record.writing import hold

PAGE = 2000
MOST_LINES = 100_000
MOST_ATTEMPTS = 3
LEASE = timedelta(seconds=60)
# What was being written when the export began, and was not to be seen yet, is told again by the next one.
PENDING = timedelta(seconds=60)
# How many children stand in one statement.
CHUNK = 200
FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson")

_NOT_EXPORTED = ("AuditEvent",)
_RESULT = ("_count", "_sort", "_include", "_revinclude", "_total", "_summary", "_elements", "_page")


class Withdrawn(Exception):
    """The account or the app that asked is closed, or may no longer do what it might."""


class Lost(Exception):
    """The job was cancelled, or another worker has taken it up."""


@dataclass(frozen=True)
class Asked:
    """level: system, patient or group. types: None for all that may be read. since: microseconds since 1970
    UTC. filters: searches by type, of which a resource matches one. patients: ids, None for all children.
    url: of the request.
    """

    level: str
    url: str
    group: str | None = None
    types: list[str] | None = None
    since: int | None = None
    filters: dict[str, list[str]] = field(default_factory=dict)
    patients: list[str] | None = None


class File(NamedTuple):
    """One file of a job. type: of its resources; "Bundle" where they tell of deletions."""

    type: str
    name: str
    lines: int


@dataclass(frozen=True)
class Answer:
    """What came of a job. boroughs: for whose children it was written. fault: an issue code, where it failed."""

    files: list[File] = field(default_factory=list)
    deleted: list[File] = field(default_factory=list)
    transaction_at: int = 0
    boroughs: list[str] = field(default_factory=list)
    fault: str | None = None


@dataclass(frozen=True)
class Job:
    id: str
    account: str
    role: Role
    client: str
    epoch: int
    scopes: str
    asked: Asked
    request: str
    state: str
    attempt: int
    written: int
    answer: Answer | None
    expires_at: int | None


# What the request asks


def understood(
    level: str, id_: str, parameters: Mapping[str, Sequence[str]], *, url: str, lenient: bool
) -> Asked:
    """lenient: leave out types that are not kept here, instead of refusing them. Raises Invalid."""
    format_ = next(iter(parameters.get("_outputFormat", ())), FORMATS[0])
    # A plus sign in an address is a space.
    if format_.replace(" ", "+") not in FORMATS:
        raise Invalid((Issue("not-supported", "Files are application/fhir+ndjson.", "_outputFormat"),))
    types = [type_ for value in parameters.get("_type", ()) for type_ in value.split(",")]
    if not lenient and (unknown := [type_ for type_ in types if type_ not in _exported()]):
        raise Invalid(
            (Issue("not-supported", f"{len(unknown)} types are not exported by this service.", "_type"),)
        )
    filters: dict[str, list[str]] = {}
    # Commas part filters, and stand in them too: each begins with its type.
    for value in parameters.get("_typeFilter", ()):
        for text in _parted(value):
            type_, mark, query = text.partition("?")
            if not mark or type_ not in _exported() or (types and type_ not in types):
                raise Invalid((Issue("value", "A search of a type that is exported.", "_typeFilter"),))
            filters.setdefault(type_, []).append(query)
    patients = None
    if "patient" in parameters:
        keys = [literal(text) for text in parameters["patient"]]
        if any(key is None or key[0] != "Patient" for key in keys):
            raise Invalid((Issue("value", "A reference Patient/id is needed.", "patient"),))
        patients = [key[1] for key in keys if key is not None]
    return Asked(
        level={"type": "patient", "instance": "group"}.get(level, level),
        url=url,
        group=id_ or None,
        types=sorted({type_ for type_ in types if type_ in _exported()}) if types else None,
        since=since_of(parameters.get("_since", ())),
        filters=filters,
        patients=patients,
    )


def _parted(value: str) -> Iterator[str]:
    """The filters of one parameter: "A?b=1,2,C?d=3" is A?b=1,2 and C?d=3."""
    parts: list[str] = []
    for word in value.split(","):
        if parts and "?" not in word:
            parts[-1] += f",{word}"
        else:
            parts.append(word)
    yield from parts


def _exported() -> frozenset[str]:
    return frozenset(PERMITTED["service"]) - frozenset(_NOT_EXPORTED)


def ask(record: Record, asked: Asked, *, epoch: int, most: int, request: str, at: datetime) -> str:
    """The id of a new job. epoch: of the account now. most: jobs that one account may have under way.

    Raises Forbidden, NotFound for a group out of reach, Invalid, and TooMany.
    """
    with record.operation("$export", "Group" if asked.group else None, asked.group) as inside:
        if inside.requester.client is None or isinstance(inside.reach, ChildReach):
            raise Forbidden("Apps of health visiting export.")
        if inside.requester.patient is not None:
            raise Forbidden("An app that was opened for one child exports nothing.")
        for type_ in asked.types or ():
            inside.permit(type_, "r")
        if not _types(asked, inside.requester):
            raise Forbidden("The role or the scopes include nothing that is exported.")
        if asked.group is not None:
            inside.permit("Group", "r")
            if not inside.of([("Group", asked.group)]):
                raise NotFound
        for type_, texts in asked.filters.items():
            inside.permit(type_, "s")
            for text in texts:
                _criteria(inside.definitions, type_, text)
        account = inside.requester.account
        hold(inside.connection, [f"exports of {account}"])
        under_way = inside.connection.scalar(
            select(func.count())
            .select_from(export_job)
            .where(export_job.c.account == account, export_job.c.state.in_(("waiting", "running")))
        )
        if (under_way or 0) >= most:
            raise TooMany(f"An account has at most {most} exports under way.")
        job = ids.next_id()
        inside.connection.execute(
            export_job.insert().values(
                id=job,
                account=account,
                role=inside.requester.role,
                client=inside.requester.client,
                epoch=epoch,
                scopes=" ".join(map(str, inside.requester.scopes)),
                asked=dumps(asdict(asked)),
                request=request,
                asked_at=instants.micros(at),
                state="waiting",
                attempt=0,
                leased_until=0,
                written=0,
            )
        )
        return job


def _criteria(definitions: Definitions, type_: str, text: str) -> list[tuple[str, str]]:
    """The search of a filter. Raises Invalid."""
    criteria = list(bundles.criteria(text, "_typeFilter"))
    if any(name in _RESULT for name, _ in criteria):
        raise Invalid((Issue("not-supported", "A filter says which, not how.", "_typeFilter"),))
    queries.parse(type_, criteria, definitions)
    return criteria


def status(database: Database, requester: Requester, id_: str, *, at: datetime) -> Job:
    """The job as it stands, without a line in the audit: it is asked every few seconds. Raises NotFound."""
    with database.reading(within.of_account(requester.account)) as connection:
        return found(connection, requester, id_, at=at)


def found(connection: Connection, requester: Requester, id_: str, *, at: datetime) -> Job:
    """The job, for the account and the app that asked. Raises NotFound: another's is not told from none."""
    if not is_id(id_):
        raise NotFound
    row = connection.execute(
        select(export_job).where(
            export_job.c.id == id_,
            export_job.c.account == requester.account,
            export_job.c.client == requester.client,
            export_job.c.state.in_(("waiting", "running", "done", "failed")),
            or_(export_job.c.expires_at.is_(None), export_job.c.expires_at > instants.micros(at)),
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return _job(row)


def cancel(record: Record, id_: str, *, at: datetime) -> None:
    """End a job, and what it made. Raises NotFound."""
    with record.operation("$export cancelled") as inside:
        found(inside.connection, inside.requester, id_, at=at)
        inside.connection.execute(update(export_job).where(export_job.c.id == id_).values(state="cancelled"))


def file(record: Record, id_: str, name: str, *, epoch: int, at: datetime) -> Path:
    """Where a file stands below the folder of exports. epoch: of the account now.

    Raises NotFound, and Forbidden where the requester may no longer have what was written.
    """
    with record.operation("$export file") as inside:
        job = found(inside.connection, inside.requester, id_, at=at)
        answer = job.answer or Answer()
        one = next((each for each in [*answer.files, *answer.deleted] if each.name == name), None)
        if job.state != "done" or one is None:
            raise NotFound
        inside.event.detail = f"$export file {one.type} {one.lines}"
        if job.epoch != epoch or not inside.requester.boroughs.issuperset(answer.boroughs):
            raise Forbidden("What the account may reach has changed since. Ask for a new export.")
        exported = list(scopes.parse(job.scopes))
        if one.type != "Bundle":
            inside.permit(one.type, "r")
            exported = [
                each._replace(type=one.type, letters="r") for each in exported if each.gives(one.type, "r")
            ]
        # The file holds what the token that asked for it reached: another may be narrower.
        within = scopes.within(exported, inside.requester.scopes)
        if inside.requester.patient is not None or not within:
            raise Forbidden("The scopes do not include what was exported.", one.type)
        return _folder(job) / one.name


def _job(row: Any) -> Job:
    answer = None
    if row.answer is not None:
        told = loads(row.answer)
        answer = Answer(
            **{
                **told,
                "files": [File(*each) for each in told["files"]],
                "deleted": [File(*each) for each in told["deleted"]],
            }
        )
    return Job(
        row.id,
        row.account,
        row.role,
        row.client,
        row.epoch,
        row.scopes,
        Asked(**loads(row.asked)),
        row.request,
        row.state,
        row.attempt,
        row.written,
        answer,
        row.expires_at,
    )


def _folder(job: Job) -> Path:
    """Of one attempt: two workers never write to one file."""
    return Path(job.id) / str(job.attempt)


def _types(asked: Asked, requester: Requester) -> list[str]:
    """The types that are exported to this requester."""
    every = _exported() if asked.level == "system" else frozenset(CHILD_TYPES)
    return sorted(
        type_
        for type_ in (every if asked.types is None else asked.types)
        if reaches.permits(requester, type_, "r") and scopes.allows(requester.scopes, type_, "r")
    )


# The work


def take(database: Database, *, at: datetime) -> Job | None:
    """The job that has waited longest, or whose worker has gone; it is this worker's until its lease ends."""
    with database.writing(within.WORKING) as connection:
        row = connection.execute(
            select(export_job)
            .where(
                or_(
                    export_job.c.state == "waiting",
                    and_(export_job.c.state == "running", export_job.c.leased_until < instants.micros(at)),
                )
            )
            .order_by(export_job.c.asked_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is None:
            return None
        taken = {
            "state": "running",
            "attempt": row.attempt + 1,
            "leased_until": instants.micros(at + LEASE),
            "written": 0,
        }
        connection.execute(update(export_job).where(export_job.c.id == row.id).values(**taken))
        return _job(connection.execute(select(export_job).where(export_job.c.id == row.id)).one())


def waiting(database: Database, *, at: datetime) -> bool:
    """Whether there is something to take; asked often, so it only reads."""
    with database.reading(within.WORKING) as connection:
        one = select(export_job.c.id).where(
            or_(
                export_job.c.state == "waiting",
                and_(export_job.c.state == "running", export_job.c.leased_until < instants.micros(at)),
                _over(at),
            )
        )
        return connection.scalar(one.limit(1)) is not None


@dataclass(frozen=True)
class Work:
    """What a worker stands on. requester: who asked, as the account stands now; it raises Withdrawn.

    now: the record's time; clock: the real one, by which leases and files end. folder: of all exports.
    """

    database: Database
    definitions: Definitions
    folder: Path
    kept: timedelta
    requester: Callable[[Job], Requester]
    now: Callable[[], datetime]
    clock: Callable[[], datetime]


def do(work: Work, job: Job) -> None:
    """Write the files of a job that was taken. Whatever stops it leaves no half of them to be fetched."""
    folder = work.folder / _folder(job)
    if job.attempt > MOST_ATTEMPTS:
        fail(work, job)
        return
    work.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.parent.mkdir(exist_ok=True, mode=0o700)
    # An attempt before this one may have left half a file; one after it is not this worker's to touch.
    for attempt in range(1, job.attempt):
        shutil.rmtree(folder.parent / str(attempt), ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        with _Files(folder) as files:
            run = _Run(work, job, files)
            answer = run.answer()
        _end(work, job, answer, run.events())
    except Lost:
        shutil.rmtree(folder, ignore_errors=True)
    except Withdrawn:
        fail(work, job, "forbidden")


def fail(work: Work, job: Job, fault: str = "exception") -> None:
    """End a job without its files. fault: FHIR issue code, "exception" where it is ours."""
    shutil.rmtree(work.folder / _folder(job), ignore_errors=True)
    with suppress(Lost):
        _end(work, job, Answer(fault=fault))


def forget(work: Work) -> None:
    """Delete the files whose time has come, and those of jobs that were cancelled."""
    with work.database.reading(within.WORKING) as connection:
        ended = connection.scalars(select(export_job.c.id).where(_over(work.clock()))).all()
    for id_ in ended:
        shutil.rmtree(work.folder / id_, ignore_errors=True)
    if ended:
        with work.database.writing(within.WORKING) as connection:
            connection.execute(update(export_job).where(export_job.c.id.in_(ended)).values(state="forgotten"))


def _over(at: datetime) -> ColumnElement[bool]:
    return or_(
        export_job.c.state == "cancelled",
        and_(export_job.c.state.in_(("done", "failed")), export_job.c.expires_at <= instants.micros(at)),
    )


def _end(work: Work, job: Job, answer: Answer, events: Sequence[Event] = ()) -> None:
    """The job is done, or has failed; what was written is told in the audit with it.

    Raises Lost where it is no longer this worker's.
    """
    at = work.clock()
    with work.database.writing(within.WORKING) as connection:
        changed = connection.execute(
            update(export_job)
            .where(_held(job))
            .values(
                state="done" if answer.fault is None else "failed",
                answer=dumps(asdict(answer)),
                expires_at=instants.micros(at + work.kept),
            )
        )
        if changed.rowcount != 1:
            raise Lost
        told = audit.told(
            events or [Event("operation", detail="$export", outcome=audit.FAILED)],
            Requester(job.account, job.role, (), client=job.client),
            at=work.now(),
            request=job.request,
        )
        audit.put(connection, told)


def _held(job: Job) -> ColumnElement[bool]:
    return and_(
        export_job.c.id == job.id, export_job.c.state == "running", export_job.c.attempt == job.attempt
    )


class _Files:
    """Files of one job: one resource a line, and a further file after MOST_LINES."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.closed: list[File] = []
        self._open: dict[str, tuple[BinaryIO, str, int]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def put(self, type_: str, lines: Sequence[bytes]) -> None:
        if type_ not in self._open:
            name = f"{type_}-{sum(each.type == type_ for each in self.closed) + 1}.ndjson"
            descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._open[type_] = self._stack.enter_context(os.fdopen(descriptor, "wb")), name, 0
        handle, name, count = self._open[type_]
        handle.write(b"\n".join(lines) + b"\n")
        self._open[type_] = handle, name, count + len(lines)
        if count + len(lines) >= MOST_LINES:
            self._close(type_)

    def finish(self) -> list[File]:
        for type_ in sorted(self._open):
            self._close(type_)
        return self.closed

    def _close(self, type_: str) -> None:
        handle, name, count = self._open.pop(type_)
        handle.flush()
        # Before the job is called done: what it names must still stand after the power has gone.
        os.fsync(handle.fileno())
        handle.close()
        self.closed.append(File(type_, name, count))


class _Run:
    """One attempt at one job."""

    def __init__(self, work: Work, job: Job, files: _Files) -> None:
        self.work = work
        self.job = job
        self.asked = job.asked
        self.files = files
        self.counts: dict[str, int] = {}
        self.boroughs: set[str] = set()

    def answer(self) -> Answer:
        begun = self.work.now() - PENDING
        chunks = self._chunks()
        for chunk in chunks:
            self._pages(chunk)
        for type_, texts in self.asked.filters.items():
            self._matches(type_, texts, chunks)
        deleted = self._deletions(chunks) if self.asked.since is not None else 0
        files = self.files.finish()
        return Answer(
            [each for each in files if each.type != "Bundle"],
            [each for each in files if each.type == "Bundle"] if deleted else [],
            instants.micros(begun),
            sorted(self.boroughs),
        )

    def events(self) -> list[Event]:
        told = [
            Event("operation", type_, detail=f"$export {count}")
            for type_, count in sorted(self.counts.items())
        ]
        return told or [Event("operation", detail="$export 0")]

    def _pages(self, chunk: Sequence[int] | None) -> None:
        """The current versions, in the order of their numbers. chunk: of these children, None for all."""
        after = -1
        while True:
            with self._reading() as (connection, requester, reach):
                types = [each for each in self._types(requester, chunk) if each not in self.asked.filters]
                rows = (
                    connection.execute(
                        _page(reach, self._moment(reach), chunk is not None, self.asked.since is not None),
                        {"types": types, "after": after, "since": self.asked.since, "children": chunk},
                    ).all()
                    if types
                    else []
                )
                masks = Masks(connection, reach, direct=False)
                by_type: dict[str, list[bytes]] = {}
                for row in rows:
                    body = masks.of(row.type, row.child_rid, row.body) if row.sensitive else row.body
                    by_type.setdefault(row.type, []).append(body)
            for type_, lines in by_type.items():
                self._put(type_, lines)
            self._renew()
            if len(rows) < PAGE:
                return
            after = rows[-1].rid

    def _matches(self, type_: str, texts: Sequence[str], chunks: Sequence[Sequence[int] | None]) -> None:
        """The matches of a type's filters, each once."""
        seen: set[str] = set()
        for chunk in chunks:
            with self._reading() as (connection, requester, _):
                narrowed = self._narrowed(connection, type_, chunk)
            if type_ not in self._types(requester, chunk):
                continue
            for text in texts:
                asked = [*_criteria(self.work.definitions, type_, text), *narrowed]
                with opened(
                    self.work.database,
                    requester,
                    definitions=self.work.definitions,
                    at=self.work.now(),
                    request=self.job.request,
                ) as record:
                    matches = (version for version in record.each(type_, asked) if version.id not in seen)
                    while page := list(islice(matches, PAGE)):
                        seen.update(version.id for version in page)
                        self._put(type_, [version.body for version in page])
                self._renew()

    def _narrowed(
        self, connection: Connection, type_: str, chunk: Sequence[int] | None
    ) -> list[tuple[str, str]]:
        found = []
        if self.asked.since is not None:
            found.append(("_lastUpdated", f"gt{instants.text(self.asked.since)}"))
        if chunk is not None and type_ in CHILD_TYPES:
            named = connection.scalars(
                select(resource.c.id).where(resource.c.rid.in_(chunk), resource.c.type == "Patient")
            ).all()
            # No id of ours is a single hyphen: a chunk of no child finds nothing.
            found.append(("_id" if type_ == "Patient" else "patient", ",".join(named) or "-"))
        return found

    def _deletions(self, chunks: Sequence[Sequence[int] | None]) -> int:
        """How many resources were deleted since, each told as an entry of a transaction."""
        count = 0
        for chunk in chunks:
            after = -1
            while True:
                with self._reading() as (connection, requester, reach):
                    rows = connection.execute(
                        _deleted(reach, self._moment(reach), chunk is not None),
                        {
                            "types": self._types(requester, chunk),
                            "after": after,
                            "since": self.asked.since,
                            "children": chunk,
                        },
                    ).all()
                if rows:
                    entries = [
                        {"request": {"method": "DELETE", "url": f"{row.type}/{row.id}"}} for row in rows
                    ]
                    bundle: JSON = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
                    self.files.put("Bundle", [dumps(bundle)])
                    count += len(rows)
                self._renew()
                if len(rows) < PAGE:
                    break
                after = rows[-1].rid
        return count

    def _chunks(self) -> list[Sequence[int] | None]:
        """The children of whom it is asked, some at a time; None where it is of all."""
        if self.asked.group is None and self.asked.patients is None:
            return [None]
        with self._reading() as (connection, _, reach):
            wanted = list(dict.fromkeys(self._members(connection, reach)))
            rids: list[int] = []
            for start in range(0, len(wanted), CHUNK):
                rids += connection.scalars(
                    select(resource.c.rid).where(
                        resource.c.type == "Patient",
                        resource.c.id.in_(wanted[start : start + CHUNK]),
                        predicate.readable_then(reach, self._moment(reach)),
                    )
                ).all()
        return [rids[start : start + CHUNK] for start in range(0, len(rids), CHUNK)]

    def _members(self, connection: Connection, reach: Reach) -> list[str]:
        """Ids of the Patients asked for; of a Group, of its members of today. Raises Withdrawn."""
        if self.asked.group is None:
            return self.asked.patients or []
        body = connection.scalar(
            select(resource_version.c.body)
            .join(
                resource,
                (resource_version.c.rid == resource.c.rid)
                & (resource_version.c.version == resource.c.version),
            )
            .where(
                resource.c.type == "Group",
                resource.c.id == self.asked.group,
                predicate.readable_then(reach, self._moment(reach)),
            )
        )
        if body is None:
            raise Withdrawn
        keys = [
            literal(member["entity"].get("reference", ""))
            for member in loads(body).get("member", ())
            if not member.get("inactive")
        ]
        members = [key[1] for key in keys if key is not None and key[0] == "Patient"]
        if self.asked.patients is None:
            return members
        return [id_ for id_ in self.asked.patients if id_ in set(members)]

    def _types(self, requester: Requester, chunk: Sequence[int] | None) -> list[str]:
        found = _types(self.asked, requester)
        return found if chunk is None else [type_ for type_ in found if type_ not in SHARED_TYPES]

    @contextmanager
    def _reading(self) -> Iterator[tuple[Connection, Requester, Reach]]:
        """A connection, who asked, and what that reaches now. Raises Withdrawn."""
        requester = self.work.requester(self.job)
        at = self.work.now()
        whole = reaches.of(requester, on=ownership.london_date(at))
        reach = reaches.narrowed(whole, requester.scopes, "r")
        # What parents see of a resource is not what is stored of it.
        if isinstance(reach, ChildReach):
            raise Withdrawn
        self.boroughs |= requester.boroughs
        with self.work.database.reading(within.told(whole, requester.account, at=at)) as connection:
            yield connection, requester, reach

    def _moment(self, reach: Reach) -> int:
        return predicate.moment(reach, self.work.now())

    def _put(self, type_: str, lines: Sequence[bytes]) -> None:
        self.files.put(type_, lines)
        self.counts[type_] = self.counts.get(type_, 0) + len(lines)

    def _renew(self) -> None:
        """Raises Lost where the job is no longer this worker's."""
        with self.work.database.writing(within.WORKING) as connection:
            renewed = connection.execute(
                update(export_job)
                .where(_held(self.job))
                .values(
                    written=sum(self.counts.values()),
                    leased_until=instants.micros(self.work.clock() + LEASE),
                )
            )
        if renewed.rowcount != 1:
            raise Lost


@lru_cache(maxsize=64)
def _page(reach: Reach, moment: int, chunked: bool, since: bool) -> Select[*tuple[Any, ...]]:
    conditions = [*_asked(chunked), predicate.readable_then(reach, moment)]
    if since:
        conditions.append(resource.c.updated_at > bindparam("since"))
    return (
        select(
            resource.c.rid,
            resource.c.type,
            resource.c.child_rid,
            resource.c.sensitive,
            resource_version.c.body,
        )
        .join(
            resource_version,
            (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
        )
        .where(*conditions)
        .order_by(resource.c.rid)
        .limit(PAGE)
    )


@lru_cache(maxsize=64)
def _deleted(reach: Reach, moment: int, chunked: bool) -> Select[int, str, str]:
    return (
        select(resource.c.rid, resource.c.type, resource.c.id)
        .where(
            *_asked(chunked),
            resource.c.deleted.is_(True),
            resource.c.updated_at > bindparam("since"),
            predicate.known_then(reach, moment),
        )
        .order_by(resource.c.rid)
        .limit(PAGE)
    )


def _asked(chunked: bool) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        resource.c.type.in_(bindparam("types", expanding=True)),
        resource.c.rid > bindparam("after"),
    ]
    if chunked:
        found.append(resource.c.child_rid.in_(bindparam("children", expanding=True)))
    return found
