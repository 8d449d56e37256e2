"""The record as one requester reaches it: one request, one transaction.

Every interaction asks scope and role first (Forbidden), carries the reach predicate in its statement
(NotFound), and leaves an audit event in the same transaction as its data. https://hl7.org/fhir/R4/http.html
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, select

from healthvisit.access import reach as reaches
from healthvisit.access import scopes, visibility
from healthvisit.access.reach import BoroughReach, ChildReach, Reach
from healthvisit.access.requester import Requester, Role
from healthvisit.access.scopes import Letter
from healthvisit.database import Database, sent
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record import (
    audit,
    bundles,
    instants,
    ownership,
    predicate,
    receipts,
    references,
    sensitive,
    validation,
    within,
)
from healthvisit.record import history as histories
from healthvisit.record.audit import Event
from healthvisit.record.bundles import Entry, Parameters
from healthvisit.record.errors import (
    Forbidden,
    Gone,
    Invalid,
    Issue,
    NotFound,
    RecordError,
)
from healthvisit.record.inside import Inside
from healthvisit.record.search import query as queries
from healthvisit.record.search import select as selects
from healthvisit.record.search import summary
from healthvisit.record.sensitive import Masks
from healthvisit.record.tables import resource, resource_version
from healthvisit.record.transaction import Transaction, told_at
from healthvisit.record.versions import Page, Version, Written
from healthvisit.record.writing import Writer, Writing, hold

__all__ = ["Page", "Record", "Version", "Written", "opened"]

MOST_COUNT = 1000


@contextmanager
def opened(
    database: Database,
    requester: Requester,
    *,
    definitions: Definitions,
    at: datetime,
    writing: bool = False,
    request: str = "",
    direct: bool = False,
) -> Iterator["Record"]:
    """The record for one request; what is written in the block is kept whole when it ends, or not at all.

    at: aware UTC instant of the request. request: an id that its audit events share. direct: what is read goes
    nowhere but into the answer of the FHIR interface (sensitive.py). Many bundles may be sent
    within one block; they are kept or undone together.
    """
    events: list[Event] = []

    def told() -> list[tuple[Any, ...]]:
        return audit.told(events, requester, at=at, request=request)

    reach = reaches.of(requester, on=ownership.london_date(at))
    whose = within.told(reach, requester.account, at=at)
    try:
        with database.writing(whose) if writing else database.reading(whose) as connection:
            record = Record(
                connection,
                requester,
                definitions=definitions,
                at=at,
                writing=writing,
                events=events,
                direct=direct,
            )
            yield record
            if record.refusal is not None:
                # Half of a refused write may stand by now: nobody may go on as if it had not been asked.
                raise record.refusal
            if writing:
                audit.put(connection, told())
    except Exception as error:
        # The refusal is told after what it refused is undone, so that it is not undone with it.
        audit.undone(events, audit.REFUSED if isinstance(error, RecordError) else audit.FAILED)
        if events:
            database.add(audit.put, told())
        raise
    if events and not writing:
        # Before the answer leaves: what cannot be audited is not shown. Many readers' events are written down
        # together, each reader waiting for its own.
        database.add(audit.put, told())


class Record:
    """Made by `opened`. at: instant of the request; on: its civil date in Europe/London.

    refusal: the error that a write of this block has met, if any.
    """

    def __init__(
        self,
        connection: Connection,
        requester: Requester,
        *,
        definitions: Definitions,
        at: datetime,
        writing: bool,
        events: list[Event],
        direct: bool,
    ) -> None:
        self.requester = requester
        self.definitions = definitions
        self.at = at
        self.on = ownership.london_date(at)
        self.refusal: RecordError | None = None
        self._connection = connection
        self._writing = writing
        self._events = events
        self._reach = reaches.of(requester, on=self.on)
        self._masks = Masks(connection, self._within("r"), direct=direct)
        # Versions that this request wrote: the writer may have them back.
        self._wrote: dict[tuple[str, str, int], Version] = {}

    # Reading

    def read(self, type_: str, id_: str) -> Version:
        """The current version. Raises NotFound, Forbidden, or Gone for what was deleted."""
        with self._interaction("read", type_, id_) as event:
            self._permit(type_, "r")
            if type_ == "AuditEvent":
                found = audit.read(self._connection, self._within("r"), _id(id_))
                if found is None:
                    raise NotFound
                event.child_rid = found.child_rid
                return _of_event(found)
            row = self._current(type_, _id(id_))
            if row is not None and row.deleted:
                raise self._gone(type_, row)
            if row is None:
                raise NotFound
            seen = self._seen(type_, id_, row)
            if seen is None:
                raise NotFound
            event.version, event.child_rid = row.version, row.child_rid
            return seen

    def vread(self, type_: str, id_: str, version: str) -> Version:
        """One version, where its reader may have it. Raises NotFound, Forbidden, or Gone for a deletion."""
        if version.isdecimal() and (own := self._wrote.get((type_, id_, int(version)))):
            return own
        with self._interaction("vread", type_, id_) as event:
            self._permit(type_, "r")
            if not version.isascii() or not version.isdigit() or len(version) > 9:
                raise NotFound
            row = self._connection.execute(
                self._versions(type_, _id(id_)).where(resource_version.c.version == int(version))
            ).one_or_none()
            if row is None:
                raise NotFound
            event.version, event.child_rid = row.version, row.child_rid
            if row.method == "DELETE":
                raise Gone("It was deleted by this version.")
            return self._version(type_, id_, row)

    def history(
        self,
        type_: str | None,
        id_: str | None = None,
        *,
        count: int | str | None = None,
        page: str | None = None,
        since: str | None = None,
        at: str | None = None,
    ) -> Page:
        """Versions that the reader may have, newest first: of one resource, of a type, or of every type.

        since, at: texts of a date or an instant, as the specification has _since and _at.
        Raises NotFound where there is nothing of the one resource; Forbidden or Invalid.
        """
        level = "system" if type_ is None else "type" if id_ is None else "instance"
        with self._interaction(f"history-{level}", type_, id_) as event:
            if type_ == "AuditEvent" and id_ is None:
                raise Invalid((Issue("not-supported", "An AuditEvent has one version alone.", type_),))
            # To see every resource of a type is to search it.
            letter: Letter = "s" if id_ is None else "r"
            if type_ is not None:
                self._permit(type_, letter)
            types = (
                [each for each in reaches.PERMITTED[self.requester.role] if self._permitted(each, "s")]
                if type_ is None
                else [type_]
            )
            if not types:
                raise Forbidden("The role or the scopes do not include this interaction.")
            asked = histories.asked(
                types, None if id_ is None else _id(id_), count=count, page=page, since=since, at=at
            )
            found = histories.found(self._connection, self._within(letter), asked)
            if id_ is not None:
                # A time in which nothing changed is no reason to say that there is no such resource.
                if not found.total and not self._has_versions(asked):
                    raise NotFound
                event.child_rid = found.rows[0].child_rid if found.rows else None
            shown = [self._version(row.type, row.id, row) for row in found.rows]
            told = {"_count": count and str(asked.most), "_since": since, "_at": at}
            return Page(
                shown, [], found.total, found.next, [(name, text) for name, text in told.items() if text]
            )

    def search(
        self,
        type_: str,
        parameters: Sequence[tuple[str, str]],
        *,
        compartment: tuple[str, str] | None = None,
    ) -> Page:
        """One page of matches. Raises Forbidden, or Invalid for a parameter that is not understood.

        type_: "" for a search over the types that _type names. compartment: ("Patient", id), for what belongs
        to that child alone.
        """
        with self._interaction("search-type", type_ or None) as event:
            if type_:
                self._permit(type_, "s")
            return self._search(type_, parameters, event, compartment)

    def seen_by(self, child: str) -> list[audit.Seen]:
        """Who saw a child, as its family may be told. child: id of a Patient. Raises NotFound or Forbidden."""
        with self._interaction("operation", "Patient", child) as event:
            event.detail = "seen-by"
            self._permit("Patient", "r")
            row = self._current("Patient", _id(child))
            if row is None or row.deleted:
                raise NotFound
            event.child_rid = row.child_rid
            return audit.seen_by(self._connection, self._within("r"), child, at=self.at)

    def each(self, type_: str, parameters: Sequence[tuple[str, str]]) -> Iterator[Version]:
        """Every match of all pages, under one audit event. Ends with the block of `opened`."""
        with self._interaction("search-type", type_) as event:
            self._permit(type_, "s")
            asked = list(parameters)
            if not any(name == "_count" for name, _ in asked):
                asked.append(("_count", str(MOST_COUNT)))
            page = self._search(type_, asked, event)
        return self._all(type_, asked, page)

    def _all(self, type_: str, asked: Sequence[tuple[str, str]], page: Page) -> Iterator[Version]:
        yield from page.matches
        while page.next is not None:
            page = self._search(type_, [*asked, ("_page", page.next)], Event("search-type"))
            yield from page.matches

    # Writing

    def create(self, type_: str, body: JSON, *, if_none_exist: str | None = None) -> Written:
        """A new resource, or the one that `if_none_exist` (a query) finds within reach.

        Raises Invalid, Unprocessable, Forbidden, Conflict, MultipleMatches.
        """
        _refuse_another_type(type_, body)
        request = {"method": "POST", "url": type_}
        if if_none_exist is not None:
            request["ifNoneExist"] = if_none_exist
        return self._single({"resource": body, "request": request})

    def update(self, type_: str, id_: str, body: JSON, *, if_match: str | None = None) -> Written:
        """A new version. if_match: the version that the writer saw, W/"3" or 3; a child's resource needs one.

        Raises Invalid, Unprocessable, NotFound, Gone, Forbidden, Conflict, VersionConflict.
        """
        _refuse_another_type(type_, body)
        if body.get("id") != id_:
            raise Invalid((Issue("value", "The id is that of the address.", f"{type_}.id"),))
        return self._single({"resource": body, "request": _request("PUT", type_, id_, if_match)})

    def patch(self, type_: str, id_: str, patch: JSON, *, if_match: str | None = None) -> Written:
        """A new version, by a patch: Parameters (FHIRPath Patch), or a Binary that holds a JSON Patch.

        Raises what `update` does.
        """
        return self._single({"resource": patch, "request": _request("PATCH", type_, id_, if_match)})

    def delete(self, type_: str, id_: str, *, if_match: str | None = None) -> None:
        """No reader finds it any more; its versions stay. Deleting again is done already.

        Raises NotFound, Forbidden, VersionConflict, or Conflict while something that may be read refers to it.
        """
        self.one({"request": _request("DELETE", type_, id_, if_match)})

    def one(
        self,
        entry: JSON,
        *,
        place: str = "",
        operation: str | None = None,
        sent: bytes | None = None,
        completed_by: Callable[[JSON], JSON] | None = None,
        base: str = "",
    ) -> JSON:
        """The answer's entry to one entry that comes alone, as its own transaction.

        place: where it stands in its batch, for telling its faults. The rest is as `transact` has it.
        """
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        with told_at(place, bundle):
            alone = bundles.entry(0, entry)
            if alone.reads:
                return self._looked_up(alone, base)
            found: JSON = self._once(bundle, operation, sent, completed_by, base, None)["entry"][0]
            return found

    def transact(
        self,
        bundle: JSON,
        *,
        operation: str | None = None,
        sent: bytes | None = None,
        completed_by: Callable[[JSON], JSON] | None = None,
        base: str = "",
    ) -> JSON:
        """The transaction-response to a transaction Bundle: all of it is done, or nothing.

        operation: the sender's permanent UUID, by default that of Bundle.identifier; an operation that has
        been done gets its first answer. sent: the request's bytes, by which a repeat is known to be one.
        completed_by: adds the service's own entries after those of the bundle, once these are checked; what
        it adds needs no scope of the requester, and the answer leaves it out.
        base: address of this service, for the links of what is found.
        Raises any RecordError, with FHIRPath in the bundle.
        """
        return self._once(bundle, operation, sent, completed_by, base, Event("transaction"))

    def wrote(self, type_: str, id_: str, version: int) -> Version | None:
        """A version that this request wrote, or found as what it would have written."""
        return self._wrote.get((type_, id_, version))

    def _once(
        self,
        bundle: JSON,
        operation: str | None,
        sent: bytes | None,
        completed_by: Callable[[JSON], JSON] | None,
        base: str,
        whole: Event | None,
    ) -> JSON:
        """whole: the event of the transaction as such, for one of several entries."""
        if not self._writing:
            raise RuntimeError("the record was opened for reading")
        operation = bundles.uuid_text(operation, "") if operation else bundles.operation(bundle)
        try:
            if operation is not None:
                request_hash = sha256(dumps(bundle) if sent is None else sent).hexdigest()
                hold(self._connection, [f"operation {self.requester.account} {operation}"])
                first = receipts.first_answer(
                    self._connection, self.requester.account, operation, request_hash
                )
                if first is not None:
                    answer: JSON = loads(first)
                    self._events.append(Event("transaction"))
                    self._repeated(bundle, answer, base)
                    return answer
            if whole is not None:
                self._events.append(whole)
            answer = self._transaction(base).carry_out(bundle, completed_by)
            if operation is not None:
                receipts.keep(
                    self._connection,
                    self.requester.account,
                    operation,
                    request_hash,
                    dumps(answer),
                    self.at,
                )
        except RecordError as error:
            self.refusal = error
            raise
        return answer

    def _transaction(self, base: str) -> Transaction:
        return Transaction(
            self._connection,
            self.definitions,
            self._writer(),
            self._events,
            self._wrote,
            permit=self._permit,
            check=self._check,
            matching=self._matching,
            current=self._stored,
            looked_up=lambda entry: self._looked_up(entry, base),
            shown=self._shown_of_written,
        )

    def load_definitions(self, definitions: Definitions) -> int:
        """Write the definitions that are new or have changed, under their own ids. Returns how many.

        For the service's own commands alone. Raises Forbidden, Invalid, Unprocessable.
        """
        if self.requester.role != "service":
            raise Forbidden("Definitions come with the service.")
        standing = {
            (row.type, row.id): loads(row.body)
            for row in self._connection.execute(
                select(resource.c.type, resource.c.id, resource_version.c.body)
                .join(
                    resource_version,
                    (resource_version.c.rid == resource.c.rid)
                    & (resource_version.c.version == resource.c.version),
                )
                .where(resource.c.audience == "shared", self._readable)
            )
        }
        writings = []
        for (type_, id_), body in definitions.resources.items():
            if not ownership.is_shared(type_) or _same(standing.get((type_, id_)), body):
                continue
            self._permit(type_, "c")
            # Few and asked once for each version: these are read by both readers.
            validation.checked(body, type=type_, definitions=definitions, second_reader=True)
            found: list[str] = []
            references.rewritten(body, {}, found)
            method = "PUT" if (type_, id_) in standing else "POST"
            writings.append(Writing(type_, body, type_, found, id=id_, method=method))
        self._writer().write(writings)
        self._events += [
            Event("update" if each.is_update else "create", each.type, each.id, each.version)
            for each in writings
        ]
        return len(writings)

    @contextmanager
    def operation(self, name: str, type_: str | None = None, id_: str | None = None) -> Iterator[Inside]:
        """One operation of a file of its own in this room, under one audit event. name: "$everything"."""
        with self._interaction("operation", type_, id_) as event:
            event.detail = name
            yield Inside(
                self._connection,
                self.requester,
                self._within("r"),
                self.definitions,
                self.at,
                self.on,
                event,
                self._permitted,
                self._seen,
                self._events,
                self._masks,
            )

    # What the interactions share

    @cached_property
    def _readable(self) -> ColumnElement[bool]:
        return predicate.readable(self._reach, at=self.at)

    @contextmanager
    def _interaction(self, code: str, type_: str | None, id_: str | None = None) -> Iterator[Event]:
        """One audit event, whether it is done or refused."""
        # A text that is no id is not written down: it can hold anything.
        event = Event(code, type_, id_ if id_ is not None and references.is_id(id_) else None)
        self._events.append(event)
        try:
            yield event
        except RecordError:
            event.outcome = audit.REFUSED
            raise
        except Exception:
            event.outcome = audit.FAILED
            raise

    def _permit(self, type_: str, letter: Letter) -> None:
        """Raises Forbidden where the role or the scopes lack the interaction."""
        if not self._permitted(type_, letter):
            raise Forbidden("The role or the scopes do not include this interaction.", type_)

    def _permitted(self, type_: str, letter: Letter) -> bool:
        return reaches.permits(self.requester, type_, letter) and scopes.allows(
            self.requester.scopes, type_, letter
        )

    def _within(self, letter: Letter) -> Reach:
        """What the requester reaches by this letter: one reach for all of them, unless scopes narrow it."""
        return reaches.narrowed(self._reach, self.requester.scopes, letter)

    def _versions(self, type_: str, id_: str) -> Select[*tuple[Any, ...]]:
        return _versions(self._within("r")).params(type=type_, id=id_)

    def _version(self, type_: str, id_: str, row: Any) -> Version:
        """A version, under the mask of a sensitive child."""
        body = self._masks.of(type_, row.child_rid, row.body) if row.sensitive else row.body
        return Version(type_, id_, row.version, instants.from_micros(row.updated_at), body, row.method)

    def _shown_of_written(self, writing: Writing) -> bytes:
        owned = writing.owned
        if owned.sensitive:
            return self._masks.of(writing.type, owned.child_rid, writing.stored)
        return writing.stored

    def _seen(self, type_: str, id_: str, row: Any) -> Version | None:
        """A version as this requester sees it; None where there is nothing to see. row: with version, updated_at,
        method, body, child_rid and sensitive."""
        if not isinstance(self._reach, ChildReach) or ownership.is_shared(type_):
            return self._version(type_, id_, row)
        view = visibility.parents_view(type_, loads(row.body))
        if view is None:
            return None
        shown = dumps(view)
        # The number and time of the version would count changes that parents do not see. Their version is
        # that of the view: another number when it reads otherwise, and made now.
        return Version(type_, id_, zlib.crc32(shown) or 1, self.at, shown, "POST")

    def _search(
        self,
        type_: str,
        parameters: Sequence[tuple[str, str]],
        event: Event,
        compartment: tuple[str, str] | None = None,
    ) -> Page:
        if type_ == "AuditEvent":
            if compartment is not None:
                raise Forbidden("Audit events are searched by patient.", type_)
            return self._search_events(parameters, event)
        is_parent = isinstance(self._reach, ChildReach)
        if is_parent and not type_:
            raise Forbidden("The role searches one type at a time.")
        query = queries.parse(
            type_,
            parameters,
            self.definitions,
            only=visibility.searchable(type_) if is_parent else None,
            # A parent sees a view of a resource: going through it would tell what the view leaves out.
            direct=is_parent,
            compartment=compartment,
            asked_by=self.requester.account,
        )
        for part in query.parts:
            self._permit(part.type, "s")
        event.child_rid = self._child(query.patients)
        page = self._page(query)
        return Page(
            list(self._shown(page.matches, query)),
            list(self._shown(page.included, query)),
            page.total,
            page.next,
            list(query.processed),
        )

    def _page(self, query: queries.SearchQuery) -> selects.Page:
        # What a search brings along, or goes through, is reached by the same rules as what it finds.
        types = _readable_types(self.requester.role, self.requester.scopes)
        moment = predicate.moment(self._reach, self.at)
        through, matched = self._within("r"), self._within("s")
        if isinstance(through, BoroughReach) and isinstance(matched, BoroughReach) and sensitive.tells(query):
            through, matched = replace(through, near=True), replace(matched, near=True)
        return selects.page(self._connection, query, through, moment, types, self.at, matched=matched)

    def _shown(self, found: Iterable[selects.Found], query: queries.SearchQuery) -> Iterator[Version]:
        is_whole = query.summary == "false" and not query.elements
        for row in found:
            seen = self._seen(row.type, row.id, row)
            if seen is not None and is_whole:
                yield seen
            elif seen is not None:
                body = summary.summarised(seen.body, query.summary, query.elements, self.definitions)
                yield replace(seen, body=body)

    def _search_events(self, parameters: Sequence[tuple[str, str]], event: Event) -> Page:
        reach = self._within("s")
        query = audit.parse(parameters, reach, at=self.at)
        event.child_rid = self._child(query.patients)
        found, total, following = audit.page(self._connection, reach, query)
        return Page([_of_event(each) for each in found], [], total, following, list(query.processed))

    def _child(self, patients: Sequence[str]) -> int | None:
        """The child whom a search names, for the audit; None for several, and for one out of reach."""
        if len(patients) != 1:
            return None
        moment = predicate.moment(self._reach, self.at)
        found = sent(self._connection, _child(self._within("r")), id=patients[0], moment=moment)
        return found[0][0] if found else None

    def _writer(self) -> Writer:
        masks = None if self.requester.role == "service" else self._masks
        return Writer(
            self._connection, self.requester, self._reach, self.definitions, self.at, self.on, masks
        )

    def _single(self, entry: JSON) -> Written:
        response = self.one(entry)["response"]
        type_, id_, _, version = response["location"].split("/")
        return Written(self._wrote[type_, id_, int(version)], response["status"].startswith("201"))

    def _check(self, bundle: JSON) -> None:
        validation.bundle_checked(bundle, definitions=self.definitions, on=self.on)

    def _repeated(self, bundle: JSON, answer: JSON, base: str) -> None:
        """The writer may have back what the first answer names, as long as it is within reach. What was read is read
        again: it can be hidden by now."""
        for asked in bundles.entries(bundle):
            if asked.reads:
                answer["entry"][asked.number] = self._looked_up(asked, base)
        for entry in answer.get("entry", ()):
            match entry["response"].get("location", "").split("/"):
                case [type_, id_, "_history", version]:
                    row = self._connection.execute(
                        self._versions(type_, id_).where(resource_version.c.version == int(version))
                    ).one_or_none()
                    if row is not None:
                        self._wrote[type_, id_, int(version)] = self._version(type_, id_, row)

    def _matching(self, type_: str, criteria: Parameters) -> list[Version]:
        """At most two of the resources within reach that match."""
        query = queries.parse(type_, [*criteria, ("_count", "2")], self.definitions)
        return list(self._shown(self._page(query).matches, query))

    def _has_versions(self, asked: histories.Asked) -> bool:
        whole = asked._replace(since=None, at=None, page=None, most=0)
        return bool(histories.found(self._connection, self._within("r"), whole).total)

    def _current(self, type_: str, id_: str) -> Any:
        moment = predicate.moment(self._reach, self.at)
        rows = sent(self._connection, _current(self._within("r")), type=type_, id=id_, moment=moment)
        return rows[0] if rows else None

    def _stored(self, type_: str, id_: str) -> Version:
        """The current version as it is stored, or what is shown of it, for a patch. Raises NotFound or Gone."""
        row = self._current(type_, id_)
        if row is None:
            raise NotFound
        if row.deleted:
            raise self._gone(type_, row)
        version = Version(type_, id_, row.version, instants.from_micros(row.updated_at), row.body, row.method)
        if not row.sensitive:
            return version
        return replace(version, body=dumps(self._masks.part(type_, row.child_rid, version.json())))

    def _gone(self, type_: str, row: Row[*tuple[Any, ...]]) -> RecordError:
        """What to tell of a deleted resource. Parents are told that it is gone only if they could see it."""
        if isinstance(self._reach, ChildReach) and not ownership.is_shared(type_):
            before = self._connection.scalar(
                select(resource_version.c.body).where(
                    resource_version.c.rid == row.rid, resource_version.c.version == row.version - 1
                )
            )
            if before is None or visibility.parents_view(type_, loads(before)) is None:
                return NotFound()
        return Gone("It was deleted.")

    def _looked_up(self, entry: Entry, base: str) -> JSON:
        if entry.query is not None:
            page = self.search(entry.type, entry.query)
            shown = {} if entry.method == "HEAD" else {"resource": _searchset(page, entry.type, base)}
            return {**shown, **bundles.response("200 OK")}
        assert entry.id is not None
        if entry.version is None:
            version = self.read(entry.type, entry.id)
        else:
            version = self.vread(entry.type, entry.id, entry.version)
        held = version.is_held(entry.if_none_match, _instant(entry))
        shown = {} if held or entry.method == "HEAD" else {"resource": version.json()}
        return {
            **shown,
            **bundles.response(
                "304 Not Modified" if held else "200 OK",
                etag=f'W/"{version.version}"',
                lastModified=instants.text(instants.micros(version.updated_at)),
            ),
        }


@lru_cache(maxsize=256)
def _readable_types(role: Role, granted: tuple[scopes.Scope, ...]) -> frozenset[str]:
    """The types that the role may read, as far as these scopes go."""
    return frozenset(
        type_
        for type_, letters in reaches.PERMITTED[role].items()
        if "r" in letters and scopes.allows(granted, type_, "r")
    )


@lru_cache(maxsize=256)
def _child(reach: Reach) -> Select[*tuple[Any, ...]]:
    """The row of the Patient :id, where it may be read, or who saw it."""
    return select(resource.c.rid).where(
        resource.c.type == "Patient",
        resource.c.id == bindparam("id"),
        predicate.followed_then(reach, predicate.MOMENT),
    )


@lru_cache(maxsize=256)
def _current(reach: Reach) -> Select[*tuple[Any, ...]]:
    """The current version of the resource :type/:id, where it may be read or known to be deleted."""
    return (
        select(
            resource.c.rid,
            resource.c.child_rid,
            resource.c.sensitive,
            resource.c.deleted,
            resource_version.c.version,
            resource_version.c.updated_at,
            resource_version.c.method,
            resource_version.c.body,
        )
        .join(
            resource_version,
            (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
        )
        .where(
            resource.c.type == bindparam("type"),
            resource.c.id == bindparam("id"),
            predicate.known_then(reach, predicate.MOMENT),
        )
    )


@lru_cache(maxsize=256)
def _versions(reach: Reach) -> Select[*tuple[Any, ...]]:
    """The versions of the resource :type/:id that may be read."""
    return (
        select(
            resource.c.child_rid,
            resource.c.sensitive,
            resource_version.c.version,
            resource_version.c.updated_at,
            resource_version.c.method,
            resource_version.c.body,
        )
        .join(resource_version, resource_version.c.rid == resource.c.rid)
        .where(
            resource.c.type == bindparam("type"),
            resource.c.id == bindparam("id"),
            predicate.readable_version(reach),
        )
    )


def _request(method: str, type_: str, id_: str, if_match: str | None) -> JSON:
    return {"method": method, "url": f"{type_}/{id_}"} | (
        {"ifMatch": if_match} if if_match is not None else {}
    )


def _refuse_another_type(type_: str, body: JSON) -> None:
    if body.get("resourceType") != type_:
        raise Invalid((Issue("structure", f"A {type_} is needed.", f"{type_}.resourceType"),))


def _searchset(page: Page, type_: str, base: str) -> JSON:
    """base: address of this service, "" where it is not known."""
    root = f"{base}/" if base else ""
    shown: JSON = {"resourceType": "Bundle", "type": "searchset"}
    if page.total is not None:
        shown["total"] = page.total
    shown["link"] = [{"relation": "self", "url": _url(f"{root}{type_}", page.parameters)}]
    if page.next is not None:
        kept = [pair for pair in page.parameters if pair[0] != "_page"]
        following = _url(f"{root}{type_}", [*kept, ("_page", page.next)])
        shown["link"].append({"relation": "next", "url": following})
    found = [
        {
            **({"fullUrl": f"{root}{version.type}/{version.id}"} if base else {}),
            "resource": version.json(),
            "search": {"mode": mode},
        }
        for versions, mode in ((page.matches, "match"), (page.included, "include"))
        for version in versions
    ]
    # An empty array is not FHIR.
    return shown | ({"entry": found} if found else {})


def _url(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _instant(entry: Entry) -> datetime | None:
    """The instant of ifModifiedSince. Raises Invalid for what is none."""
    if entry.if_modified_since is None:
        return None
    try:
        at = datetime.fromisoformat(entry.if_modified_since)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid((Issue("value", "An instant is needed.", f"{entry.place}.request.ifModifiedSince"),))
    return at


def _of_event(found: audit.Found) -> Version:
    return Version(
        "AuditEvent", found.id, 1, instants.from_micros(found.recorded_at), dumps(found.body), "POST"
    )


def _same(stored: JSON | None, body: JSON) -> bool:
    """Whether a stored definition says what the file says."""
    if stored is None:
        return False
    meta = {name: value for name, value in stored["meta"].items() if name not in ("versionId", "lastUpdated")}
    own = {name: value for name, value in stored.items() if name != "meta"} | ({"meta": meta} if meta else {})
    # Compared as JSON: 1.0 and 1.00 are two numbers here.
    return _sorted(own) == _sorted(body)


def _sorted(value: JSON) -> bytes:
    return dumps(dict(sorted(value.items())))


def _id(text: str) -> str:
    """An id that can stand in a statement; any other text is the id of nothing."""
    if not references.is_id(text):
        raise NotFound
    return text
