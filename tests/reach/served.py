"""One world, written and served in a process of its own, where chance and time are given (machine.py).

The whole service answers: the app of `create_app`, on a database of its own, with tokens and sessions that it gave
itself. It is asked as a WSGI server asks it, and every byte of the answer comes back.
"""

import io
import logging
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from joserfc.jwk import ECKey
from sqlalchemy import ScalarSelect, Select, select

from healthvisit import definitions as the_definitions
from healthvisit import exports
from healthvisit.access.requester import Role
from healthvisit.accounts import clients, people, relationships, tokens
from healthvisit.config import Settings, packaged
from healthvisit.database import metadata
from healthvisit.definitions import GSS_SYSTEM, Definitions
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.faces import door
from healthvisit.record import glass, imported, tables, transfers
from healthvisit.record import ids as newest
from healthvisit.record import record as the_record
from healthvisit.record.errors import NotFound
from healthvisit.record.instants import micros
from healthvisit.record.search import select as selects
from tests import conftest
from tests.builders import (
    BOROUGHS,
    NHS_NUMBER,
    NOW,
    OBSERVATION_CATEGORY,
    a_practitioner,
    a_requester,
    organization,
)
from tests.flows.demonstration import form_token
from tests.reach import families
from tests.reach.families import Deed, Written
from tests.reach.machine import EPOCH, Machine
from tests.reach.oracle import Asker
from tests.service import started

BASE = "http://127.0.0.1:8000"
PASSWORD = "practice-only"
# The requests of a trial begin when everything is written, and each is a millisecond after the one before.
BEGINNING = NOW
STEP = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Caller:
    """Who asks. children: names of a parent's children. patient: the one child that the token speaks of.

    opened: names of children of others whom it has opened in an emergency. has_pages: whether the pages, which a
    person sees without an app, show no more than the token reaches.
    """

    name: str
    role: str | None
    scopes: str = ""
    boroughs: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    patient: str | None = None
    opened: tuple[str, ...] = ()
    has_pages: bool = True

    def asker(self) -> Asker:
        """As the oracle is asked what to hide. Whoever shows no token is a parent of nobody. An administrator sees
        what was done with the children of a borough, also with restricted papers, though not with what: all that
        those who protect them see stays alike."""
        roles = {None: "parent", "administrator": "safeguarding-lead"}
        return Asker(
            roles.get(self.role, str(self.role)),
            self.scopes or "patient/*.rs",
            frozenset(BOROUGHS[slug] for slug in self.boroughs),
            frozenset(self.children),
            self.patient,
            frozenset(self.opened),
        )


_ALL, _READ = "user/*.cruds", "user/*.rs"
CALLERS = {
    caller.name: caller
    for caller in (
        Caller("bury", "health-visitor", _ALL, ("bury",)),
        Caller("salford", "health-visitor", _ALL, ("salford",)),
        Caller("two boroughs", "health-visitor", _ALL, ("bury", "salford")),
        Caller(
            "narrowed",
            "health-visitor",
            f"user/*.cruds?_tag={GSS_SYSTEM}|{BOROUGHS['bury']} "
            f"user/Observation.rs?category={OBSERVATION_CATEGORY}|vital-signs user/Group.cruds",
            ("bury", "salford"),
            has_pages=False,
        ),
        Caller(
            "for one child", "health-visitor", "patient/*.cruds", ("bury",), patient="b1", has_pages=False
        ),
        Caller("safeguarding lead", "safeguarding-lead", _ALL, ("bury",)),
        Caller("who opened", "health-visitor", _ALL, ("bury",), opened=("o1",)),
        Caller("administrator", "administrator", _READ, ("bury",)),
        Caller("support", "support", _READ),
        Caller("system", "system-client", "system/*.cruds", ("bury",), has_pages=False),
        Caller("parent", "parent", _READ, children=("b1", "b2")),
        Caller("other parent", "parent", "patient/*.rs", children=("b1",), patient="b1"),
        Caller("commissioner", "commissioner", _READ),
        Caller("nobody", None),
    )
}


class Asked(NamedTuple):
    """One request. number: what chance and the time are set by. credential: "token", "cookie", "form" (the cookie,
    and a form of its pages) or ""."""

    number: int
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    credential: str = "token"


class Answered(NamedTuple):
    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Told:
    """What stands in a world. ids: by the name of a paper. values: texts of search values by type and parameter,
    each with the id of whose it is; "transfer" and "opening" have ids, too. bodies: of what stands, by type and id.
    versions: how many of each."""

    ids: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    bodies: dict[tuple[str, str], bytes] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)


class World:
    """What is written before anybody asks. url: a database with this version's tables and the definitions.

    ids: by the name of a paper. written: how often each was.
    """

    def __init__(
        self, machine: Machine, definitions: Definitions, url: str, ids: Mapping[str, str] | None = None
    ) -> None:
        """ids: of a world that stands in this database already."""
        self.machine, self.definitions = machine, definitions
        self.database = conftest.kept(url)
        self.ids = dict(ids or {})
        self.written: Counter[str] = Counter()

    def write(self, steps: Iterable[Written], done: Iterable[Deed]) -> None:
        # It begins as in a process of its own, whose first id is greater than none.
        newest._last = 0
        self.machine.settle("practitioner", families.ENTERED - timedelta(hours=1))
        with self._opened("service", families.ENTERED - timedelta(hours=1)) as record:
            self.ids["Practitioner"] = record.create("Practitioner", a_practitioner()).version.id
        for step in sorted((*steps, *done), key=lambda each: each.at):
            if isinstance(step, Deed):
                self._do(step)
                continue
            self.written[step.paper] += 1
            self.machine.settle(f"{step.paper} {self.written[step.paper]}", step.at)
            with self._opened(step.writer, step.at) as record:
                self._one(record, step)

    def _one(self, record: the_record.Record, step: Written) -> None:
        id_ = self.ids.get(step.paper)
        if step.body is None:
            record.delete(step.type, str(id_))
        elif id_ is None:
            self.ids[step.paper] = record.create(step.type, self._named(step.body)).version.id
        else:
            body = {**self._named(step.body), "id": id_}
            record.update(step.type, id_, body, if_match=str(self.written[step.paper] - 1))

    def _do(self, deed: Deed) -> None:
        self.machine.settle(deed.name, deed.at)
        # A row may tell of a child who is not in this world.
        patient = self.ids.get(f"{deed.child} Patient", "")
        if deed.what == "open":
            with self.database.reading() as connection:
                number = connection.scalar(_number_of(patient))
            born = str(families.BORN + timedelta(days=deed.mistaken))
            who = self._account("health-visitor", deed.by)
            refused = suppress(NotFound) if deed.mistaken else nullcontext()
            with refused, self._opened(deed.by, deed.at, who) as record:
                glass.open_child(record, str(number), born, reason="safety", sentence=deed.words)
        elif deed.what == "import":
            row = families.imported(deed)
            digest = sha256(dumps(row)).hexdigest()
            brought = imported.Brought(BOROUGHS[deed.by], deed.name, digest, digest, 2)
            who = self._account("safeguarding-lead", deed.by)
            with self._opened(f"{deed.by} lead", deed.at, who) as record:
                imported.keep_waiting(record, brought, row, question="number-disagrees")
        elif deed.what == "late":
            who, operation = self._account("health-visitor", deed.by), str(uuid4())
            with self.database.writing() as connection:
                connection.execute(
                    tables.late_visit.insert().values(
                        id=newest.next_id(),
                        account=who,
                        operation=operation,
                        from_borough=BOROUGHS[deed.by],
                        child_rid=_rid_of(patient),
                        restricted=deed.restricted,
                        content=dumps(families.late_visit(deed, f"Patient/{patient}", operation)),
                        received_at=micros(deed.at),
                        state="waiting",
                    )
                )
        elif deed.state == "accepted":
            # What accepting writes stands among what is written.
            with self.database.writing() as connection:
                connection.execute(
                    tables.transfer.insert().values(
                        id=newest.next_id(),
                        child_rid=_rid_of(patient),
                        from_borough=BOROUGHS[deed.by],
                        to_borough=BOROUGHS[deed.to],
                        offered_by="somebody",
                        offered_at=micros(deed.at),
                        reason="other",
                        note=deed.words,
                        restricted_handed_over=deed.restricted,
                        state=deed.state,
                        settled_by="somebody else",
                        settled_at=micros(deed.at),
                    )
                )
        else:
            with self._opened(deed.by, deed.at) as record:
                self.ids[deed.name] = transfers.offer(
                    record, patient, to=organization(deed.to), reason="other", note=deed.words,
                    hand_over_restricted=deed.restricted,
                ).id  # fmt: skip
            self._settle(deed)

    def _account(self, role: Role, slug: str) -> str:
        """Whoever looks at what somebody did is told who it was."""
        with self.database.writing() as connection:
            return people.create_account(connection, role=role, name=f"Of {slug}", boroughs=[BOROUGHS[slug]])

    def _settle(self, deed: Deed) -> None:
        self.machine.settle(f"{deed.name} {deed.state}", deed.at)
        if deed.state == "declined":
            with self._opened(deed.to, deed.at) as record:
                transfers.decline(record, self.ids[deed.name], reason="other")
        elif deed.state == "withdrawn":
            with self._opened(deed.by, deed.at) as record:
                transfers.withdraw(record, self.ids[deed.name])

    def _opened(self, writer: str, at: datetime, account: str | None = None) -> Any:
        slug, _, other = writer.partition(" ")
        role: Any = {"system": "system-client", "lead": "safeguarding-lead"}.get(other, "health-visitor")
        requester = (
            a_requester("service")
            if slug == "service"
            else a_requester(role, boroughs=[slug], account=account)
        )
        return the_record.opened(
            self.database,
            requester,
            definitions=self.definitions,
            at=at,
            writing=True,
            request=writer,
            direct=True,
        )

    def _named(self, body: JSON) -> JSON:
        """With ids in place of names."""
        found: JSON = loads(dumps(body))
        for holder, key in list(families.places(found)):
            if key == "reference" and isinstance(holder[key], str) and "/@" in holder[key]:
                type_, _, name = holder[key].partition("/@")
                holder[key] = f"{type_}/{self.ids[name]}"
        return found


class Served:
    """A world for one caller, served on PostgreSQL by a login that owns nothing."""

    def __init__(self, world: World, url: str, folder: Path, caller: Caller, seed: int, side: int) -> None:
        self.world, self.machine, self.ids = world, world.machine, world.ids
        self.caller, self.seed, self.side = caller, seed, side
        # As the owner of the tables sees it, whole.
        self.database = world.database
        self.settings = Settings(
            database_url=conftest.serving(url),
            secrets_folder=folder / "secrets",
            export_folder=folder / f"exports {side} {caller.name}",
            base_url=BASE,
            access_token_s=3600,
        )
        self.machine.settle("app", BEGINNING - timedelta(minutes=2))
        # Its first id in this process does not come of who asked before.
        newest._last = 0
        self.app = started(self.settings)
        house: door.House = self.app.extensions["healthvisit"]
        self.app.extensions["healthvisit"] = replace(house, clock=self.machine.now)
        self.house: door.House = self.app.extensions["healthvisit"]
        self.worker = exports.Worker(
            self.settings, self.house.database, self.house.definitions, self.machine.now
        )
        self._people()

    def close(self) -> None:
        self.house.database.dispose()
        self.database.dispose()

    # Who asks, and others

    def _people(self) -> None:
        at = BEGINNING - timedelta(minutes=1)
        if self.side == 2:
            # Others come and go: to the caller it must be as if they had not.
            self.machine.settle("others", at)
            with self.database.writing() as connection:
                for number, slug in enumerate(("bolton", "wigan", "bolton")):
                    other = people.create_account(
                        connection, role="health-visitor", name=families.canary(f"other {number}"),
                        boroughs=[BOROUGHS[slug]],
                    )  # fmt: skip
                    if number == 2:
                        people.close_account(connection, other)
        self.machine.settle("people", at)
        caller = self.caller
        self.token = self.cookie = self.form = ""
        if caller.role is None:
            return
        with self.database.writing() as connection:
            account = people.create_account(
                connection,
                role=caller.role,  # type: ignore[arg-type]
                name="Whoever asks",
                sign_in_name=None if caller.role == "system-client" else "caller",
                password=None if caller.role == "system-client" else PASSWORD,
                fhir_user=f"Practitioner/{self.ids['Practitioner']}" if caller.boroughs else None,
                boroughs=[BOROUGHS[slug] for slug in caller.boroughs],
            )
            for child in caller.children:
                relationships.begin(
                    connection, account=account, child=self.ids[f"{child} Patient"], from_on=date(2020, 1, 1)
                )
            is_system = caller.role == "system-client"
            for child in caller.opened:
                patient = self.ids[f"{child} Patient"]
                connection.execute(
                    tables.opened_glass.insert().values(
                        id=newest.next_id(), account=account, role=caller.role, boroughs="", child=patient,
                        child_rid=_rid_of(patient), reason="safety", sentence="It is the caller's own.",
                        opened_at=micros(at), until=micros(at + glass.LIFE),
                    )
                )  # fmt: skip
            client = clients.register(
                connection,
                client_id="app",
                name="An app",
                scope=caller.scopes,
                first_party=not is_system,
                redirect_uris=[] if is_system else [f"{BASE}/tablet/signed-in"],
                account=account if is_system else None,
                jwks={"keys": [_key()]} if is_system else None,
            )
            epoch = people.epoch_of(connection, account)
            family = tokens.open_family(
                connection, account=account, client=client, scope=caller.scopes, epoch=epoch, at=at, life_s=3600,
                child=self.ids[f"{caller.patient} Patient"] if caller.patient else None,
            )  # fmt: skip
            self.token = self.house.access_tokens.issue(connection, family, caller.scopes, at=at)
        if caller.has_pages:
            self.cookie = self._signed_in()
            page = self._asked("GET", "/account", {"HTTP_COOKIE": self.cookie})
            self.cookie = str(page.header("Set-Cookie")).partition(";")[0]
            self.form = form_token(page.body.decode())

    def _signed_in(self) -> str:
        page = self._asked("GET", "/sign-in", {})
        cookie = str(page.header("Set-Cookie")).partition(";")[0]
        form = f"csrf_token={form_token(page.body.decode())}&name=caller&password={PASSWORD}".encode()
        headers = {"HTTP_COOKIE": cookie, "CONTENT_TYPE": "application/x-www-form-urlencoded"}
        entered = self._asked("POST", "/sign-in", headers, form)
        assert entered.status.startswith("303"), entered
        return str(entered.header("Set-Cookie")).partition(";")[0]

    # Requests

    def ask(self, asked: Asked) -> Answered:
        self.machine.settle(f"{self.seed} {asked.number}", BEGINNING + asked.number * STEP)
        headers = {_environ(name): value for name, value in asked.headers}
        if asked.credential == "token" and self.token:
            headers["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        body = asked.body
        if asked.credential in ("cookie", "form") and self.cookie:
            headers["HTTP_COOKIE"] = self.cookie
            if asked.credential == "form":
                body += f"&csrf_token={self.form}".encode()
        answer = self._asked(asked.method, asked.path, headers, body, asked.query)
        if answer.status.startswith("202"):
            # What exports is another process; here it has worked before the next request comes.
            self.worker.once()
        return answer

    def _asked(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", query: str = ""
    ) -> Answered:
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1:8000",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **headers,
        }
        told: list[Any] = []

        def start(status: str, found: list[tuple[str, str]], _error: Any = None) -> Any:
            told[:] = [status, tuple(found)]

        blocks = self.app.wsgi_app(environ, start)
        try:
            text = b"".join(blocks)
        finally:
            close = getattr(blocks, "close", None)
            if close:
                close()
        return Answered(told[0], told[1], text)

    def secrets(self) -> set[str]:
        """What opens a door, and what it is kept as: nobody is shown any of it, nor the name of another account."""
        found = {PASSWORD, self.app.secret_key, self.cookie.partition("=")[2], self.token}
        secret = {"hash", "password_hash", "jti", "salt", "jti_hash", "code_challenge"}
        with self.database.reading() as connection:
            for table in metadata.sorted_tables:
                for column in table.columns:
                    if column.name in secret and table.name not in _SHOWN:
                        found |= {
                            value for (value,) in connection.execute(select(column)) if isinstance(value, str)
                        }
        return {str(each) for each in found if each}

    # What stands in it, for whoever makes requests of what is hidden

    def told(self) -> Told:
        found = Told(ids=dict(self.ids))
        with self.database.reading() as connection:
            ids = {}
            for row in connection.execute(select(tables.resource)):
                ids[row.rid] = row.id
                found.versions[row.type, row.id] = row.version
                found.values.setdefault((row.type, "_id"), []).append((row.id, row.id))
                updated = _instant(row.updated_at)
                found.values.setdefault((row.type, "_lastUpdated"), []).append((updated, row.id))
            standing = select(
                tables.resource.c.type, tables.resource.c.id, tables.resource_version.c.body
            ).where(
                tables.resource.c.rid == tables.resource_version.c.rid,
                tables.resource.c.version == tables.resource_version.c.version,
                tables.resource.c.audience != "shared",
            )
            for type_, id_, body in connection.execute(standing):
                if body:
                    found.bodies[type_, id_] = body
                    # By what has no search rows somebody may still look.
                    for name, text in _places(loads(body)):
                        found.values.setdefault((type_, name), []).append((text, id_))
            for table in tables.metadata.sorted_tables:
                if table.name.startswith("search_"):
                    for row in connection.execute(table.select()):
                        for text in _texts(table.name, row):
                            found.values.setdefault((row.type, row.parameter), []).append(
                                (text, ids[row.rid])
                            )
            for table, name in (
                (tables.transfer, "transfer"),
                (tables.opened_glass, "opening"),
                (tables.imported_row, "import"),
                (tables.late_visit, "late"),
            ):
                for id_ in connection.scalars(select(table.c.id)):
                    found.values.setdefault((name, "id"), []).append((id_, id_))
        # Both worlds are told in one order.
        for values in found.values.values():
            values.sort()
        return found


def _rid_of(patient: str) -> ScalarSelect[int]:
    return select(tables.resource.c.rid).where(tables.resource.c.id == patient).scalar_subquery()


def _number_of(patient: str) -> Select[tuple[str]]:
    here = tables.child_identifier.c
    return select(here.value).where(here.child_rid == _rid_of(patient), here.system == NHS_NUMBER)


def _key() -> dict[str, Any]:
    """What a system is registered with; its token is given to it here without being asked for."""
    return ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384", "kid": "one"}).as_dict(private=False)


# Whoever witnesses the audit is shown its hashes; a person ends a browser by what its session is kept as.
_SHOWN = ("audit_event", "audit_anchor", "session")


def _environ(name: str) -> str:
    known = name.upper().replace("-", "_")
    return known if known in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{known}"


def _places(body: JSON) -> Iterator[tuple[str, str]]:
    """Search parameters, and the texts of a Patient or of its mother that they would find."""
    if body["resourceType"] in ("Patient", "RelatedPerson"):
        for address in body.get("address", ()):
            for name, element in (("address-city", "city"), ("address-postalcode", "postalCode")):
                if element in address:
                    yield "address", str(address[element])
                    yield name, str(address[element])
        for contact in body.get("telecom", ()):
            yield "telecom", str(contact.get("value"))
            yield "phone", str(contact.get("value"))


def _texts(table: str, row: Any) -> Iterator[str]:
    """How the value of an index row is asked for."""
    match table:
        case "search_token":
            yield row.code
            if row.system:
                yield f"{row.system}|{row.code}"
        case "search_reference":
            yield f"{row.target_type}/{row.target_id}"
            yield row.target_id
        case "search_date":
            for moment in {row.low, row.high}:
                if 0 < moment < 4_000_000_000_000_000:
                    yield _instant(moment)
                    yield _instant(moment)[:10]
        case "search_string":
            yield row.exact
            yield row.exact[:5]
        case "search_quantity":
            if row.low[:1] == "6":
                digits = row.low[4:] or "0"
                yield f"{digits[0]}.{digits[1:] or '0'}e{int(row.low[1:4]) - 500}"
        case "search_pair":
            yield f"{row.code}${row.second_code or '0'}"


def _instant(micros: int) -> str:
    return (EPOCH + timedelta(microseconds=micros)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# The process


def serve(pipe: Pipe) -> None:
    """Answers what comes through the pipe, until None comes: (what is to be done, with what).

    What is logged from INFO on, and what is printed, is kept, and told when it is asked for.
    """
    heard = io.StringIO()
    logging.basicConfig(stream=heard, level=logging.INFO, force=True)
    sys.stdout = sys.stderr = heard
    machine = Machine()
    machine.install()
    # Where a search goes another way because there is much, it does so here where there is little.
    selects.LONG, selects.MOST_RESOLVED = 40, 4
    folder = packaged("fhir")
    definitions = the_definitions.load(folder, folder / "packs" / "practice")
    served: Served | None = None
    while (message := pipe.recv()) is not None:
        what, given = message
        try:
            match what:
                case "write":
                    first = World(machine, definitions, given)
                    first.write(families.first(families.everything()), families.first(families.deeds()))
                    first.database.dispose()
                    answer: Any = first.ids
                case "open":
                    if served is not None:
                        served.close()
                    url, ids, where, caller, seed, side = given
                    world = World(machine, definitions, url, ids)
                    asker = CALLERS[caller]
                    if ids is None:
                        world.write(
                            *families.twin(families.everything(), families.deeds(), asker.asker(), seed)
                        )
                    served = Served(world, url, where, asker, seed, side)
                    answer = served.told()
                case "ask":
                    assert served is not None
                    answer = [served.ask(asked) for asked in given]
                case "secrets":
                    assert served is not None
                    answer = served.secrets()
                case "heard":
                    answer = heard.getvalue()
                case _:
                    raise ValueError(what)
        except Exception:
            # It stands in another process: what went wrong is told where it can be read.
            answer = Fault(traceback.format_exc())
        pipe.send(answer)


class Fault(NamedTuple):
    trace: str
