"""One transaction, from its Bundle to its answer: deletions, then what is new, then changes, then reading.

https://hl7.org/fhir/R4/http.html#trules

What is conditional or a patch is settled first: it becomes a plain create, update or deletion, so that all that
is written passes the same gate, and scores are made again when answers change. What was written by the time of
a refusal is for the database to undo.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from healthvisit.access.scopes import Letter
from healthvisit.definitions import GSS_SYSTEM, Definitions
from healthvisit.exact_json import JSON, Malformed, loads
from healthvisit.record import bundles, instants, links, ownership, patch, references
from healthvisit.record.audit import Event
from healthvisit.record.bundles import Entry, Parameters
from healthvisit.record.errors import (
    Conflict,
    Invalid,
    Issue,
    MultipleMatches,
    NotFound,
    RecordError,
    Unprocessable,
    VersionConflict,
)
from healthvisit.record.versions import Version
from healthvisit.record.writing import Writer, Writing, hold

_LETTERS: Mapping[str, Letter] = {"POST": "c", "PUT": "u", "PATCH": "u", "DELETE": "d"}
_EVENTS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_SUBSETTED = ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "SUBSETTED")


@dataclass(frozen=True)
class Transaction:
    """One transaction of one requester.

    matching: at most two of the resources within reach that match. current: one as its writer is shown it, to be
    changed. wrote: where its writer finds what was written. shown: what its writer is shown of that. The rest is what
    its names say, as the record does it.
    """

    connection: Connection
    definitions: Definitions
    writer: Writer
    events: list[Event]
    wrote: dict[tuple[str, str, int], Version]
    permit: Callable[[str, Letter], None]
    check: Callable[[JSON], None]
    matching: Callable[[str, Parameters], list[Version]]
    current: Callable[[str, str], Version]
    looked_up: Callable[[Entry], JSON]
    shown: Callable[[Writing], bytes]

    def carry_out(self, bundle: JSON, completed_by: Callable[[JSON], JSON] | None) -> JSON:
        """The transaction-response. completed_by: adds entries of the service's own after those that were sent.

        Raises every RecordError but TooCostly.
        """
        entries = bundles.entries(bundle)
        events = {entry.number: _event(entry) for entry in entries if not entry.reads}
        self.events.extend(events.values())
        self._permit(entries)
        self._hold(entries)
        deleted = self._deleted(entries)
        bundle, entries = self._settled(bundle, entries, deleted)
        _refuse_tags(entries)
        self.check(bundle)
        sent = len(bundle.get("entry", ()))
        if completed_by is not None:
            bundle = completed_by(bundle)
            own = bundle["entry"][sent:] if len(bundle.get("entry", ())) > sent else []
            if own:
                self.check({**bundle, "entry": own})
                entries = bundles.entries(bundle)
                events |= {entry.number: _event(entry) for entry in entries if entry.number >= sent}
                self.events.extend(event for number, event in events.items() if number >= sent)
        standing = self._standing(entries)
        written = self._written(entries, standing, sent)
        self.writer.refuse_dangling([each for each in deleted.values() if each is not None])

        responses: dict[int, JSON] = {}
        for number, writing in (written | deleted).items():
            if writing is not None:
                _tell(events[number], writing)
            responses[number] = self._answered(writing)
        for number, found in standing.items():
            events[number].interaction = "search-type"
            responses[number] = self._located(found, "200 OK")
        for entry in entries:
            if entry.reads:
                responses[entry.number] = self.looked_up(entry)
        return bundles.answer([responses[number] for number in sorted(responses) if number < sent])

    def _permit(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if not entry.reads:
                self.permit(entry.type, _LETTERS[entry.method])
            if entry.method == "PATCH":
                # It is refused or done by what stands there.
                self.permit(entry.type, "r")
            if entry.if_none_exist is not None or entry.criteria is not None:
                self.permit(entry.type, "s")

    def _hold(self, entries: Sequence[Entry]) -> None:
        """One writer at a time decides what a query finds, whichever interaction it belongs to."""
        hold(
            self.connection,
            (
                f"{entry.type}?{sorted(_criteria(entry))}"
                for entry in entries
                if entry.if_none_exist is not None or entry.criteria is not None
            ),
        )

    def _match(self, entry: Entry) -> Version | None:
        """The one resource within reach that a conditional entry finds. Out of reach is not found."""
        matches = self.matching(entry.type, _criteria(entry))
        if len(matches) > 1:
            raise MultipleMatches("More than one resource matches.", _asked_at(entry))
        return matches[0] if matches else None

    def _deleted(self, entries: Sequence[Entry]) -> dict[int, Writing | None]:
        """The deletions, done, by number of the entry; None where a query found nothing that is left."""
        found: dict[int, Writing | None] = {}
        for entry in entries:
            if entry.method == "DELETE":
                match = self._match(entry) if entry.id is None else None
                id_ = entry.id or (match.id if match else None)
                found[entry.number] = None
                if id_ is not None:
                    found[entry.number] = Writing(
                        entry.type, {}, entry.place, (), id=id_, method="DELETE", expects=_version(entry)
                    )
        self.writer.delete([writing for writing in found.values() if writing is not None])
        return found

    def _settled(
        self, bundle: JSON, entries: list[Entry], deleted: Mapping[int, Writing | None]
    ) -> tuple[JSON, list[Entry]]:
        """The bundle with each patch and conditional update as the plain create or update that it comes to, and
        conditional deletions as what they deleted."""
        plain: dict[int, JSON] = {}
        for entry in entries:
            deletion = deleted.get(entry.number)
            if deletion is not None:
                request = {"method": "DELETE", "url": f"{deletion.type}/{deletion.id}"}
                plain[entry.number] = {"request": request}
                continue
            if entry.method not in ("PUT", "PATCH") or (entry.method == "PUT" and entry.criteria is None):
                continue
            sent = bundle["entry"][entry.number]
            version = self._changed(entry)
            if entry.method == "PATCH":
                body = _patched(entry, version, self.definitions)
            else:
                body = {**(entry.body or {})}
                if version is not None:
                    body["id"] = version.id
            request = {"method": "POST", "url": entry.type}
            if version is not None:
                request = {"method": "PUT", "url": f"{entry.type}/{version.id}"}
                if entry.if_match is not None:
                    request["ifMatch"] = entry.if_match
                elif entry.method == "PATCH" and not ownership.is_of_a_child(entry.type):
                    # What was patched is what was read.
                    request["ifMatch"] = f'W/"{version.version}"'
            plain[entry.number] = {**sent, "resource": body, "request": request}
        if not plain:
            return bundle, entries
        settled = {
            **bundle,
            "entry": [plain.get(number, sent) for number, sent in enumerate(bundle["entry"])],
        }
        return settled, bundles.entries(settled)

    def _changed(self, entry: Entry) -> Version | None:
        """What a patch or a conditional update is about; None where there is none yet and one can be made."""
        if entry.id is not None:
            return self.current(entry.type, entry.id)
        found = self._match(entry)
        if found is not None:
            if (
                entry.body is not None
                and entry.method == "PUT"
                and entry.body.get("id", found.id) != found.id
            ):
                raise Invalid("The query finds a resource with another id.", f"{entry.place}.resource.id")
            return self.current(entry.type, found.id) if entry.method == "PATCH" else found
        if entry.method == "PATCH":
            raise NotFound
        if entry.body and "id" in entry.body:
            raise Conflict(
                "Nothing matches, and ids are given by this service.", f"{entry.place}.resource.id"
            )
        self.permit(entry.type, "c")
        return None

    def _standing(self, entries: Sequence[Entry]) -> dict[int, Version]:
        """What the conditional creates find, by number of the entry."""
        return {
            entry.number: found
            for entry in entries
            if entry.if_none_exist is not None and (found := self._match(entry)) is not None
        }

    def _written(
        self, entries: Sequence[Entry], standing: Mapping[int, Version], sent: int
    ) -> dict[int, Writing]:
        """What was written, by number of the entry, with the references as they are stored.

        sent: how many entries came from the requester; the rest are the service's own.
        """
        writings = {
            entry.number: Writing(
                entry.type,
                entry.body or {},
                f"{entry.place}.resource",
                (),
                method=entry.method,
                expects=_expected(entry),
                own=entry.number >= sent,
            )
            for entry in entries
            if entry.method in ("POST", "PUT") and entry.number not in standing
        }
        names: dict[str, str] = {}
        for entry in entries:
            if entry.number in writings and entry.id is not None:
                writings[entry.number].id = entry.id
            if entry.full_url is not None and entry.method in ("POST", "PUT"):
                named = standing[entry.number] if entry.number in standing else writings[entry.number]
                names[entry.full_url] = f"{named.type}/{named.id}"
        for entry in entries:
            if entry.number in writings:
                self._name(writings[entry.number], names | bundles.by_address(names, entry.full_url))
        for ready in self._in_turn(list(writings.values())):
            self.writer.write(ready)
        return writings

    def _name(self, writing: Writing, names: Mapping[str, str]) -> None:
        """Puts the resources that `names` knows into the body's references and links."""
        found: list[str] = []
        writing.body = links.rewritten(
            references.rewritten(writing.body, names, found), names, self.definitions
        )
        writing.references = found

    def _in_turn(self, writings: Sequence[Writing]) -> Iterator[Sequence[Writing]]:
        """The writings in the turns in which they can be written; nearly always all at once.

        A reference by query can mean what this transaction makes: it is asked once everything of its type is
        written, but for what can itself not be written before.
        """
        waiting = list(writings)
        while any(_queries(writing) for writing in waiting):
            late = _late(waiting)
            if len(late) < len(waiting):
                yield [writing for writing in waiting if writing.key not in late]
                waiting = [writing for writing in waiting if writing.key in late]
            types = {writing.type for writing in waiting}
            asking = [(writing, _queries(writing)) for writing in waiting if _queries(writing)]
            ripe = [
                (writing, queries)
                for writing, queries in asking
                if types.isdisjoint(type_ for type_, _ in queries.values())
            ]
            # A hundred measurements name their one child by the same query: it is asked once.
            found: dict[str, str] = {}
            for writing, queries in ripe or asking:
                self._find(writing, queries, found)
                self._name(writing, found)
        yield waiting

    def _find(self, writing: Writing, queries: Mapping[str, tuple[str, str]], found: dict[str, str]) -> None:
        """Adds the references by query of one writing, each as the one resource within reach that matches it."""
        for reference, (type_, query) in queries.items():
            if reference in found:
                continue
            self.permit(type_, "s")
            matches = self.matching(type_, bundles.criteria(query, writing.place))
            if len(matches) > 1:
                raise MultipleMatches("More than one resource matches a reference.", writing.place)
            if not matches:
                raise Unprocessable(
                    (Issue("not-found", "A reference names no known resource.", writing.place),)
                )
            found[reference] = f"{type_}/{matches[0].id}"

    def _answered(self, writing: Writing | None) -> JSON:
        if writing is None or not writing.version or writing.method == "DELETE":
            return bundles.response("204 No Content")
        version = Version(
            writing.type,
            writing.id,
            writing.version,
            instants.from_micros(writing.updated_at),
            self.shown(writing),
            writing.method,
        )
        return self._located(version, "200 OK" if writing.is_update else "201 Created")

    def _located(self, version: Version, status: str) -> JSON:
        self.wrote[version.type, version.id, version.version] = version
        return bundles.response(
            status,
            location=f"{version.type}/{version.id}/_history/{version.version}",
            etag=f'W/"{version.version}"',
            lastModified=instants.text(instants.micros(version.updated_at)),
        )


@contextmanager
def told_at(place: str, bundle: JSON) -> Iterator[None]:
    """Faults of a bundle's one entry, told as they stand where the entry came from.

    place: that of the entry in its batch, or "" for a resource that came alone.
    """
    try:
        yield
    except NotFound:
        raise
    except RecordError as error:
        first = "Bundle.entry[0]"
        resource = bundle["entry"][0].get("resource")
        type_ = str(resource.get("resourceType")) if isinstance(resource, dict) else ""

        def told(expression: str) -> str:
            if place:
                return expression.replace(first, place, 1)
            if expression.startswith(f"{first}.resource"):
                return expression.replace(f"{first}.resource", type_, 1)
            return expression.removeprefix(first).removeprefix(".")

        raise type(error)(
            [issue._replace(expression=told(issue.expression)) for issue in error.issues]
        ) from error


def _event(entry: Entry) -> Event:
    return Event(_EVENTS[entry.method], entry.type, entry.id)


def _tell(event: Event, writing: Writing) -> None:
    if event.interaction == "update" and not writing.is_update:
        event.interaction = "create"
    event.resource_id, event.child_rid = writing.id, writing.owned.child_rid
    if writing.method == "DELETE" and writing.before is not None:
        event.child_rid = writing.before.child_rid
        event.version = writing.before.version if writing.before.deleted else writing.version
    else:
        event.version = writing.version


def _asked_at(entry: Entry) -> str:
    return f"{entry.place}.request.{'url' if entry.if_none_exist is None else 'ifNoneExist'}"


def _criteria(entry: Entry) -> Parameters:
    return bundles.criteria(entry.if_none_exist or entry.criteria or "", _asked_at(entry))


def _expected(entry: Entry) -> int | None:
    """The version that an update expects. Raises Invalid where a child's resource comes without one."""
    if entry.method != "PUT":
        return None
    if entry.if_match is None and ownership.is_of_a_child(entry.type):
        place = f"{entry.place}.request.ifMatch"
        raise Invalid((Issue("required", "If-Match is needed: the version that was changed.", place),))
    return _version(entry)


def _version(entry: Entry) -> int | None:
    """The version that If-Match names. Raises Invalid for what names none."""
    if entry.if_match is None:
        return None
    place = f"{entry.place}.request.ifMatch"
    version = entry.if_match.removeprefix("W/").strip('"')
    if not version.isascii() or not version.isdigit():
        raise Invalid((Issue("value", 'A version is W/"<number>".', place),))
    if len(version) > 9:
        raise VersionConflict("The resource has changed since that version.", place)
    return int(version)


def _patched(entry: Entry, version: Version | None, definitions: Definitions) -> JSON:
    """The body that a patch makes. Raises Invalid, Unprocessable, VersionConflict."""
    assert version is not None
    assert entry.body is not None
    # Asked before the patch is tried: another version may have nothing at the paths that it names.
    expected = _version(entry)
    if expected is not None and expected != version.version:
        raise VersionConflict("The resource has changed since that version.", entry.place)
    place = f"{entry.place}.resource"
    if entry.body.get("resourceType") == "Parameters":
        return patch.fhirpath(version.json(), entry.body, definitions, place)
    if entry.body.get("resourceType") != "Binary" or entry.body.get("contentType") != patch.JSON_PATCH:
        raise Invalid("A patch is Parameters, or a Binary with a JSON Patch.", place)
    try:
        operations = loads(b64decode(str(entry.body.get("data", "")), validate=True))
    except Malformed as error:
        raise Invalid((Issue("structure", f"The patch cannot be read: {error}.", place),)) from None
    except ValueError:
        raise Invalid((Issue("structure", "The data is not base64.", f"{place}.data"),)) from None
    return patch.json_patch(version.json(), operations, place)


def _refuse_tags(entries: Sequence[Entry]) -> None:
    """A borough is worked out by this service, and a part of a resource is not the resource."""
    for entry in entries:
        meta = entry.body.get("meta") if entry.body is not None else None
        tags = meta.get("tag") if isinstance(meta, dict) else None
        for number, tag in enumerate(tags if isinstance(tags, list) else ()):
            if not isinstance(tag, dict):
                continue
            place = f"{entry.place}.resource.meta.tag[{number}]"
            if tag.get("system") == GSS_SYSTEM:
                raise Unprocessable("Which borough it belongs to is for this service to say.", place)
            if (tag.get("system"), tag.get("code")) == _SUBSETTED:
                raise Unprocessable("Only a part of the resource was sent.", place)


def _queries(writing: Writing) -> dict[str, tuple[str, str]]:
    """Type and query of each reference by query that is not resolved yet."""
    return {
        reference: asked
        for reference in writing.references
        if "?" in reference and (asked := references.conditional(reference))
    }


def _late(waiting: Sequence[Writing]) -> set[references.Key]:
    """Those that refer by query, and those that refer to new ones among them: a reference leads to what
    stands."""
    new = {writing.key for writing in waiting if not writing.is_update}
    referrers: dict[references.Key, list[references.Key]] = {}
    for writing in waiting:
        for reference in writing.references:
            if (key := references.literal(reference)) in new and key is not None:
                referrers.setdefault(key, []).append(writing.key)
    late: set[references.Key] = set()
    met = [writing.key for writing in waiting if _queries(writing)]
    while met:
        key = met.pop()
        if key not in late:
            late.add(key)
            met += referrers.get(key, ())
    return late
