"""The load of scripts/bench: starts the service and the floor on each database, sends requests, prints one table.

Absolute figures belong to the machine; the ratios to the floor, measured in the same run, are what travels.
Durability stays on: SQLite with synchronous FULL, PostgreSQL with fsync and synchronous_commit.
"""

import argparse
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import multiply
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import create_engine, make_url, text

from healthvisit.database import Database
from healthvisit.record.tables import metadata

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
SERVICE, FLOOR = 8765, 8766
OWNER, SERVING = "healthvisit_owner", "healthvisit_serving"
CLIENT = "bury-child-health-system"
CANONICAL = "https://healthvisit.example/fhir"
WEIGHT = {"system": "http://snomed.info/sct", "code": "27113001"}
# Children whose records the load reads and writes, one after the other.
CHILDREN = 40


class Request(NamedTuple):
    method: str
    path: str
    body: bytes | None = None


class Measured(NamedTuple):
    """per_s: requests a second; p50_ms and p95_ms of one request."""

    per_s: float
    p50_ms: float
    p95_ms: float


# Sends the requests in turn on every connection, and tells what came of it.
WRK = """
local asked = {%s}
local made, at = {}, 0
init = function()
  for place, each in ipairs(asked) do made[place] = wrk.format(each[1], each[2], nil, each[3]) end
end
request = function()
  at = at %% #made + 1
  return made[at]
end
done = function(summary, latency)
  local failed = summary.errors
  io.write(string.format("%%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(95),
    failed.status + failed.connect + failed.read + failed.write + failed.timeout))
end
"""


class Line(NamedTuple):
    """One kind of work by so many connections at once. each: resources that a request stores."""

    work: str
    together: int
    each: int
    measured: Measured


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=int, default=4, help="length of each measurement")
    asked.add_argument("--children", type=int, default=300, help="children in the record before it starts")
    asked.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    asked.add_argument(
        "--size",
        type=int,
        action="append",
        default=[],
        help="instead of the floor: compare the service on records of so many resources; given once for each",
    )
    given = asked.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="healthvisit-bench-"))
    folder.chmod(0o755)
    try:
        if given.database != "postgresql":
            (folder / "sqlite").mkdir()
            bench("SQLite", folder / "sqlite", "", given)
        if given.database != "sqlite":
            (folder / "pg").mkdir()
            cluster = folder / "cluster"
            command = [ROOT / "scripts" / "postgres", "start", cluster, "durable"]
            url = subprocess.check_output(command, text=True).strip()
            try:
                bench("PostgreSQL", folder / "pg", url, given)
            finally:
                subprocess.run([ROOT / "scripts" / "postgres", "stop", cluster], check=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bench(name: str, folder: Path, server: str, given: argparse.Namespace) -> None:
    if given.size:
        by_size(name, folder, server, given)
    else:
        by_floor(name, folder, server, given)


def by_floor(name: str, folder: Path, server: str, given: argparse.Namespace) -> None:
    """The service beside the floor, which take turns, so that the machine's mood is the same for both."""
    settings = furnished(folder, database(folder, server, "service"), SERVICE, given.children)
    url = database(folder, server, "floor")
    bottom = Database(url)
    metadata.create_all(bottom.engine)
    bottom.dispose()
    workers = str(os.cpu_count()) if server else "1"
    bare = [BIN / "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(FLOOR),
            "--log-level", "warning", "--workers", workers, "--blocking-threads", "4", "floor:app"]  # fmt: skip
    beside = {"FLOOR_DATABASE": url, "PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"}
    print(
        f"{'database':11}{'work':13}{'at once':>8}{'per s':>9}{'p50 ms':>9}{'p95 ms':>9}{'floor per s':>13}"
        f"{'of floor':>10}{'MiB':>6}"
    )
    with running(SERVICE, settings) as service, running(FLOOR, beside, bare, "/") as floor:
        ours, theirs = Ours(SERVICE, access_token(SERVICE, folder / "secrets")), Theirs()
        ours.enter()
        p50_ms: dict[str, tuple[float, float]] = {}
        for work in ours.works:
            for together in (1, 8):
                below = theirs.measured(theirs.works[work], together, given.seconds)
                line = ours.line(work, together, given.seconds)
                if together == 1:
                    p50_ms[work] = line.measured.p50_ms, below.p50_ms
                print(
                    f"{shown(name, line)}{line.each * below.per_s:13.0f}"
                    f"{line.measured.per_s / below.per_s:10.2f}{memory(service.pid):6.0f}",
                    flush=True,
                )
        everything, read = p50_ms["$everything"][0], p50_ms["read"]
        print(
            f"{name}: $everything of one child takes {everything / read[0]:.1f} x a read, and "
            f"{everything / read[1]:.1f} x a read of the floor"
        )
        print(f"{name}: $export {ours.exported()}")
        print(
            f"{name}: memory of one worker {memory(service.pid):.0f} MiB (floor {memory(floor.pid):.0f}), "
            f"cold start {service.start_s:.2f} s"
        )


def by_size(name: str, folder: Path, server: str, given: argparse.Namespace) -> None:
    """The service on records of several sizes, which take turns."""
    first = database(folder, server, "first")
    furnished(folder, first, SERVICE, given.children)
    with ExitStack() as stack:
        sized = []
        for place, size in enumerate(sorted(given.size)):
            begun = time.perf_counter()
            url = database(folder, server, f"size{place}", copy_of=first)
            made = multiply.multiply(url, size)
            print(f"{name}: {made} resources made in {time.perf_counter() - begun:.0f} s", flush=True)
            settings = settings_of(folder, url, SERVICE + 2 + place)
            stack.enter_context(running(SERVICE + 2 + place, settings))
            ours = Ours(SERVICE + 2 + place, access_token(SERVICE + 2 + place, folder / "secrets"))
            ours.find(multiply.sample(url, 400))
            sized.append((made, ours))
        print(
            f"{'database':11}{'work':13}{'at once':>8}{'per s':>9}{'p50 ms':>9}{'p95 ms':>9}{'resources':>11}"
        )
        for work in sized[0][1].works:
            for together in (1, 8):
                lines = [(made, ours.line(work, together, given.seconds)) for made, ours in sized]
                for made, line in lines:
                    print(f"{shown(name, line)}{made:11}", flush=True)
                cost = lines[0][1].measured.per_s / lines[-1][1].measured.per_s
                print(f"{'':24}cost at {lines[-1][0]} is {cost:.2f} x that at {lines[0][0]}")


def shown(name: str, line: Line) -> str:
    found = line.measured
    return (
        f"{name:11}{line.work:13}{line.together:8}{line.each * found.per_s:9.0f}{found.p50_ms:9.2f}"
        f"{found.p95_ms:9.2f}"
    )


def settings_of(folder: Path, url: str, port: int) -> dict[str, str]:
    return {
        "HEALTHVISIT_DATABASE_URL": served(url),
        **({"HEALTHVISIT_OWNER_DATABASE_URL": url} if served(url) != url else {}),
        "HEALTHVISIT_BASE_URL": f"http://127.0.0.1:{port}",
        "HEALTHVISIT_SECRETS_FOLDER": str(folder / "secrets"),
        "HEALTHVISIT_ACCESS_TOKEN_S": "3600",
    }


def furnished(folder: Path, url: str, port: int, children: int) -> dict[str, str]:
    """A record of so many invented children, and the settings of a service on it."""
    settings = settings_of(folder, url, port)
    for command in (["migrate"], ["load-definitions"], ["seed", "--children", str(children)]):
        subprocess.run(
            [BIN / "healthvisit", *command], env=os.environ | settings, check=True, stdout=subprocess.DEVNULL
        )
    return settings


class Client:
    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.headers = headers
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def sent(self, request: Request, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        # The server hangs up on who has been silent for long: each request here begins anew.
        self.connection.close()
        self.connection.request(*request, self.headers | headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def ask(self, request: Request) -> Any:
        status, _, read = self.sent(request)
        if status >= 300:
            raise SystemExit(f"{request.method} {request.path}: {status} {read[:600]!r}")
        return json.loads(read)

    def measured(self, requests: Sequence[Request], together: int, seconds: int) -> Measured:
        """What `together` connections get in `seconds`, each sending one request after the other."""
        for request in requests[:20]:
            self.ask(request)
        return wrk(self.port, self.headers, requests, together, seconds)


class Ours(Client):
    """The service's own requests. works: the requests of each kind of work."""

    def __init__(self, port: int, token: str) -> None:
        super().__init__(port, {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"})
        self.works: dict[str, list[Request]] = {}

    def enter(self) -> None:
        """Enter children of the load's own, and work on them."""
        made = []
        for _ in range(CHILDREN):
            entries = self.ask(Request("POST", "/fhir", bundle()))["entry"]
            locations = [entry["response"]["location"].split("/") for entry in entries]
            made.append((locations[-1][-3], locations[0][-3]))
        # Children of their own for what is added: those who are searched keep their 24 weights.
        self._work(made[: CHILDREN // 2], [child for _, child in made[CHILDREN // 2 :]])

    def find(self, weights: list[tuple[str, str]]) -> None:
        """Work on these Observations and their children."""
        for id_, _ in weights[:20]:
            if self.ask(Request("GET", f"/fhir/Observation/{id_}"))["id"] != id_:
                raise SystemExit("a copy does not know its own id")
        self._work(weights, [child for _, child in weights])

    def _work(self, weights: list[tuple[str, str]], others: list[str]) -> None:
        children = [child for _, child in weights]
        # Counted by month and by how it was recorded: what the commissioners' figures are made of.
        months = [
            f"date=ge{year}-{month:02d}-01&date=le{year}-{month:02d}-28"
            for year in (2018, 2019, 2020)
            for month in range(1, 13)
        ]
        code = WEIGHT["code"]
        self.works = {
            "read": [Request("GET", f"/fhir/Observation/{id_}") for id_, _ in weights],
            "search": [
                Request("GET", f"/fhir/Observation?patient={child}&code={code}&_sort=-date")
                for child in children
            ],
            "_revinclude": [
                Request("GET", f"/fhir/Patient?_id={child}&_revinclude=Observation:patient")
                for child in children
            ],
            "$everything": [Request("GET", f"/fhir/Patient/{child}/$everything") for child in children],
            "count": [
                Request("GET", f"/fhir/Encounter?capture-mode=point-of-care&{month}&_summary=count")
                for month in months
            ],
            "create": [
                Request("POST", "/fhir/Observation", json.dumps(weight(f"Patient/{child}", "12.40")).encode())
                for child in others
            ],
            "transaction": [Request("POST", "/fhir", bundle())],
        }

    def line(self, work: str, together: int, seconds: int) -> Line:
        each = 30 if work == "transaction" else 1
        return Line(work, together, each, self.measured(self.works[work], together, seconds))

    def exported(self) -> str:
        """How fast the whole record within the client's reach is exported to files and fetched."""
        begun = time.perf_counter()
        asked = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
        status, headers, read = self.sent(Request("GET", "/fhir/$export"), **asked)
        if status != 202:
            return f"is refused: {status} {read[:200]!r}"
        place = headers["Content-Location"]
        while status == 202:
            time.sleep(0.05)
            status, headers, read = self.sent(Request("GET", place.removeprefix(self.address)))
            if time.perf_counter() - begun > 120:
                return "takes more than 120 s"
        done = time.perf_counter()
        lines = size = 0
        for file in json.loads(read)["output"]:
            _, _, found = self.sent(Request("GET", file["url"].removeprefix(self.address)))
            lines += found.count(b"\n") + (not found.endswith(b"\n"))
            size += len(found)
        return (
            f"{lines} resources, {size / 2**20:.1f} MiB: made in {done - begun:.2f} s "
            f"({lines / (done - begun):.0f} resources/s), fetched in {time.perf_counter() - done:.2f} s"
        )


class Theirs(Client):
    """The same work on the floor."""

    def __init__(self) -> None:
        super().__init__(FLOOR, {"Content-Type": "application/json"})
        made, children = [], []
        for _ in range(CHILDREN):
            sent = bundle()
            made.append(self.ask(Request("POST", "/bundle", sent))[-1])
            children.append(json.loads(sent)["entry"][0]["fullUrl"])
        of_child = [Request("GET", f"/everything?patient={child}") for child in children]
        self.works = {
            "read": [Request("GET", f"/one/{id_}") for id_ in made],
            "search": [
                Request("GET", f"/search?patient={child}&code={WEIGHT['code']}") for child in children
            ],
            "_revinclude": of_child,
            "$everything": of_child,
            "count": [Request("GET", f"/count?code=27113001&low=0&high={2**62}")],
            "create": [Request("POST", "/one", json.dumps(weight("Patient/1", "12.40")).encode())],
            "transaction": [Request("POST", "/bundle", bundle())],
        }


def wrk(
    port: int, headers: dict[str, str], requests: Sequence[Request], together: int, seconds: int
) -> Measured:
    """Raises SystemExit where a request is refused."""
    asked = ",\n".join(
        "{"
        + ", ".join(lua(part) for part in (each.method, each.path, (each.body or b"").decode()) if part)
        + "}"
        for each in requests
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            "".join(f"wrk.headers[ {lua(name)} ] = {lua(value)}\n" for name, value in headers.items())
        )
        script.write(WRK % asked)
        script.flush()
        found = subprocess.check_output(
            ["wrk", "-t1", f"-c{together}", f"-d{seconds}s", "-s", script.name, f"http://127.0.0.1:{port}"],
            text=True,
        )
    done, took_us, p50_us, p95_us, failed = map(int, found.splitlines()[-1].split())
    if failed or not done:
        raise SystemExit(f"{requests[0].method} {requests[0].path}: {failed} of {done} failed\n{found}")
    return Measured(done * 1e6 / took_us, p50_us / 1000, p95_us / 1000)


def lua(text: str) -> str:
    return f"[==[{text}]==]"


def bundle() -> bytes:
    """Thirty entries: a child new to Bury, the episode, two contacts, two half-filled forms and 24 weights."""
    child, episode, first, second = (f"urn:uuid:{uuid.uuid4()}" for _ in range(4))
    entries = [
        (child, {"resourceType": "Patient", "name": [{"family": "Bench", "given": ["Test"]}], "gender": "female",
                 "birthDate": "2018-11-02"}),
        (episode, {"resourceType": "EpisodeOfCare", "status": "active", "patient": {"reference": child},
                   "managingOrganization": {"reference": "Organization/bury-health-visiting"},
                   "period": {"start": "2018-11-02"}}),
        (first, encounter(child, episode, "six-to-eight-week", "2018-12-20")),
        (second, encounter(child, episode, "two-year", "2020-11-20")),
        (None, response(child, first, "2018-12-20", "totally")),
        (None, response(child, second, "2020-11-20", None)),
        *((None, weight(child, f"{3 + n / 2:.2f}", month=n)) for n in range(24)),
    ]  # fmt: skip
    return json.dumps(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"fullUrl": url or f"urn:uuid:{uuid.uuid4()}", "resource": r,
                 "request": {"method": "POST", "url": r["resourceType"]}}
                for url, r in entries
            ],
        }
    ).encode()  # fmt: skip


def encounter(child: str, episode: str, review: str, on: str) -> dict[str, Any]:
    def code(system: str, value: str) -> dict[str, Any]:
        return {"valueCoding": {"system": f"{CANONICAL}/CodeSystem/{system}", "code": value}}

    return {
        "resourceType": "Encounter",
        "extension": [
            {"url": f"{CANONICAL}/StructureDefinition/{name}", **code(name, value)}
            for name, value in (
                ("capture-mode", "point-of-care"),
                ("review-outcome", "completed"),
                ("place", "clinic"),
            )
        ],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"coding": [{"system": f"{CANONICAL}/CodeSystem/review", "code": review}]}],
        "subject": {"reference": child},
        "episodeOfCare": [{"reference": episode}],
        "period": {"start": f"{on}T10:00:00Z", "end": f"{on}T10:40:00Z"},
        "serviceProvider": {"reference": "Organization/bury-health-visiting"},
    }


def response(child: str, contact: str, on: str, feeding: str | None) -> dict[str, Any]:
    def item(link: str, **value: Any) -> dict[str, Any]:
        return {"linkId": link, "answer": [value]}

    def coding(system: str, code: str) -> dict[str, Any]:
        return {"valueCoding": {"system": f"{CANONICAL}/CodeSystem/{system}", "code": code}}

    groups: list[dict[str, Any]] = [
        {"linkId": "measurements", "item": [item("weight", valueDecimal=4.8 if feeding else 12.4)]}
    ]
    if feeding:
        groups.insert(
            0, {"linkId": "feeding", "item": [item("feeding-status", **coding("feeding-status", feeding))]}
        )
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{CANONICAL}/Questionnaire/{'six-to-eight-week' if feeding else 'two-year'}-review",
        "status": "completed",
        "subject": {"reference": child},
        "encounter": {"reference": contact},
        "authored": f"{on}T10:35:00Z",
        "item": groups,
    }


def weight(child: str, kg: str, month: int = 0) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                  "code": "vital-signs"}]}],
        "code": {"coding": [WEIGHT]},
        "subject": {"reference": child},
        "effectiveDateTime": f"{2019 + month // 12}-{1 + month % 12:02d}-15T10:00:00Z",
        "valueQuantity": {"value": float(kg), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }  # fmt: skip


def access_token(port: int, secrets: Path) -> str:
    """A token of the seeded system client, asked for as a system asks: with a signed assertion."""
    registered = json.loads((secrets / f"{CLIENT}.jwk.json").read_text())
    key = ECKey.import_key(registered)
    now = int(time.time())
    claims = {"iss": CLIENT, "sub": CLIENT, "jti": str(uuid.uuid4()), "iat": now,
              "aud": f"http://127.0.0.1:{port}/token", "exp": now + 240}  # fmt: skip
    assertion = jwt.encode({"alg": "ES384", "kid": key.kid}, claims, key, algorithms=["ES384"])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(
        "POST",
        "/token",
        "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        f"&client_assertion={assertion}&scope=system/*.crus",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    answer = json.loads(connection.getresponse().read())
    return str(answer["access_token"])


@contextmanager
def running(
    port: int, settings: dict[str, str], command: Sequence[Any] = (), path: str = "/healthz"
) -> Iterator[Any]:
    """The process of a server that answers on the port: of the service, where no command is given."""
    command = command or [BIN / "healthvisit", "serve", "--port", str(port)]
    start = time.perf_counter()
    process: Any = subprocess.Popen([str(part) for part in command], env=os.environ | settings)
    try:
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            if process.poll() is not None or time.perf_counter() - start > 60:
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.02)
        process.start_s = time.perf_counter() - start
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def memory(pid: int) -> float:
    """Resident memory of the largest worker of a server, MiB; its first process only watches over them."""
    children = [p for p in Path("/proc").glob("[0-9]*") if (p / "stat").exists() and parent(p) == pid]
    pages = max(int((p / "statm").read_text().split()[1]) for p in children)
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def database(folder: Path, server: str, name: str, copy_of: str = "") -> str:
    """URL of a new database. copy_of: URL of the one that it begins as."""
    if not server:
        if copy_of:
            shutil.copyfile(copy_of.removeprefix("sqlite:///"), folder / f"{name}.db")
        return f"sqlite:///{folder / name}.db"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        template = f" template {make_url(copy_of).database}" if copy_of else ""
        for role in (OWNER, SERVING):
            if not connection.scalar(text("select 1 from pg_roles where rolname = :role"), {"role": role}):
                connection.exec_driver_sql(f"create role {role} login")
        connection.exec_driver_sql(f"create database {name}{template} owner {OWNER}")
        # Millions of rows are made between two checkpoints, so that a measurement meets none of them.
        connection.exec_driver_sql("alter system set max_wal_size = '8GB'")
        connection.exec_driver_sql("select pg_reload_conf()")
    engine.dispose()
    return make_url(server).set(database=name, username=OWNER).render_as_string(hide_password=False)


def served(url: str) -> str:
    """The URL by which the service logs in, of that of the owner of the tables."""
    asked = make_url(url)
    return asked.set(username=SERVING).render_as_string(hide_password=False) if asked.username else url


if __name__ == "__main__":
    sys.exit(main())
