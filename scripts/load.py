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
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import create_engine, make_url

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
SERVICE, FLOOR = 8765, 8766
CLIENT = "bury-child-health-system"
CANONICAL = "https://healthvisit.example/fhir"
WEIGHT = {"system": "http://snomed.info/sct", "code": "27113001"}

Send = Callable[[http.client.HTTPConnection, int], None]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=float, default=4, help="length of each measurement")
    asked.add_argument("--children", type=int, default=300, help="children in the record before it starts")
    seconds, children = vars(asked.parse_args()).values()
    folder = Path(tempfile.mkdtemp(prefix="healthvisit-bench-"))
    folder.chmod(0o755)
    cluster = folder / "postgres"
    try:
        rows = measure("SQLite", folder / "sqlite", "", seconds, children)
        url = subprocess.check_output([ROOT / "scripts" / "postgres", "start", cluster, "durable"], text=True)
        try:
            rows += measure("PostgreSQL", folder / "pg", url.strip(), seconds, children)
        finally:
            subprocess.run([ROOT / "scripts" / "postgres", "stop", cluster], check=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(rows)


def measure(name: str, folder: Path, server: str, seconds: float, children: int) -> list[dict[str, Any]]:
    folder.mkdir()
    service_url, floor_url = (database(folder, server, each) for each in ("service", "floor"))
    settings = {
        "HEALTHVISIT_DATABASE_URL": service_url,
        "HEALTHVISIT_BASE_URL": f"http://127.0.0.1:{SERVICE}",
        "HEALTHVISIT_SECRETS_FOLDER": str(folder / "secrets"),
    }
    for command in (
        ["migrate"],
        ["load-definitions"],
        ["seed", "--children", str(children)],
    ):
        subprocess.run(
            [BIN / "healthvisit", *command], env=os.environ | settings, check=True, stdout=subprocess.DEVNULL
        )
    serve = [BIN / "healthvisit", "serve", "--port", str(SERVICE)]
    workers = str(os.cpu_count()) if server else "1"
    bare = [BIN / "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(FLOOR),
            "--log-level", "warning", "--workers", workers, "--blocking-threads", "4", "floor:app"]  # fmt: skip
    rows = []
    with (
        running(serve, settings, SERVICE, "/healthz") as service,
        running(
            bare, {"FLOOR_DATABASE": floor_url, "PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT}"}, FLOOR, "/"
        ) as floor,
    ):
        token = access_token(folder / "secrets")
        ours, theirs = Ours(token), Theirs()
        for work in ("transaction", "create", "read", "search"):
            for together in (1, 8):
                # The floor and the service take turns in one run, so that the machine's mood is the same for both.
                bottom = run(theirs.work(work), FLOOR, together, seconds)
                top = run(ours.work(work), SERVICE, together, seconds)
                each = 30 if work == "transaction" else 1
                rows.append(
                    {
                        "database": name,
                        "work": work,
                        "together": together,
                        "each": each,
                        "top": top,
                        "bottom": bottom,
                    }
                )
        rows.append(
            {
                "database": name,
                "memory": memory(service.pid),
                "bottom": memory(floor.pid),
                "start": service.start_s,
            }
        )
    return rows


class Ours:
    """The service's own requests. Each creates new ids, so that no answer is a receipt."""

    def __init__(self, token: str) -> None:
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        connection = http.client.HTTPConnection("127.0.0.1", SERVICE)
        made = self.ask(connection, "POST", "/fhir", bundle())
        self.patient = made["entry"][0]["response"]["location"].split("/")[-3]
        observation = next(e for e in made["entry"] if "Observation/" in e["response"]["location"])
        self.observation = observation["response"]["location"].split("/")[-3]
        self.weight = json.dumps(weight(f"Patient/{self.patient}", "12.40")).encode()

    def ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
    ) -> Any:
        connection.request(method, path, body, self.headers)
        answer = connection.getresponse()
        read = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {read[:600]!r}")
        return json.loads(read)

    def work(self, name: str) -> Send:
        search = f"/fhir/Observation?patient={self.patient}&code=27113001&_sort=-date"
        return {
            "transaction": lambda c, _n: self.ask(c, "POST", "/fhir", bundle()),
            "create": lambda c, _n: self.ask(c, "POST", "/fhir/Observation", self.weight),
            "read": lambda c, _n: self.ask(c, "GET", f"/fhir/Observation/{self.observation}"),
            "search": lambda c, _n: self.ask(c, "GET", search),
        }[name]


class Theirs:
    """The same work on the floor."""

    def __init__(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", FLOOR)
        self.ids = self.ask(connection, "POST", "/bundle", bundle())
        self.weight = json.dumps(weight("Patient/1", "12.40")).encode()

    def ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
    ) -> Any:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    def work(self, name: str) -> Send:
        return {
            "transaction": lambda c, _n: self.ask(c, "POST", "/bundle", bundle()),
            "create": lambda c, _n: self.ask(c, "POST", "/one", self.weight),
            "read": lambda c, n: self.ask(c, "GET", f"/one/{self.ids[-1]}"),
            "search": lambda c, _n: self.ask(c, "GET", "/search?patient=1&code=27113001"),
        }[name]


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


def access_token(secrets: Path) -> str:
    """A token of the seeded system client, asked for as a system asks: with a signed assertion."""
    registered = json.loads((secrets / f"{CLIENT}.jwk.json").read_text())
    key = ECKey.import_key(registered)
    now = int(time.time())
    claims = {"iss": CLIENT, "sub": CLIENT, "jti": str(uuid.uuid4()), "iat": now,
              "aud": f"http://127.0.0.1:{SERVICE}/token", "exp": now + 240}  # fmt: skip
    assertion = jwt.encode({"alg": "ES384", "kid": key.kid}, claims, key, algorithms=["ES384"])
    connection = http.client.HTTPConnection("127.0.0.1", SERVICE)
    connection.request(
        "POST",
        "/token",
        "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        f"&client_assertion={assertion}&scope=system/*.crus",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    answer = json.loads(connection.getresponse().read())
    return str(answer["access_token"])


def run(send: Send, port: int, together: int, seconds: float) -> list[float]:
    """Seconds each request took, of `together` clients that send one after the other for `seconds`."""
    took: list[list[float]] = [[] for _ in range(together)]
    until = time.perf_counter() + seconds

    def client(mine: list[float]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while (start := time.perf_counter()) < until:
            send(connection, len(mine))
            mine.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client, args=(mine,)) for mine in took]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(second for mine in took for second in mine)


@contextmanager
def running(command: list[Any], settings: dict[str, str], port: int, path: str) -> Iterator[Any]:
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
    """Resident memory of a process and its children, MiB."""
    children = [p for p in Path("/proc").glob("[0-9]*") if (p / "stat").exists() and parent(p) == pid]
    pages = sum(int((p / "statm").read_text().split()[1]) for p in [Path("/proc") / str(pid), *children])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def database(folder: Path, server: str, name: str) -> str:
    if not server:
        return f"sqlite:///{folder / name}.db"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def show(rows: list[dict[str, Any]]) -> None:
    print(
        f"{'database':11}{'work':13}{'at once':>8}{'per s':>9}{'p50 ms':>9}{'p95 ms':>9}"
        f"{'floor per s':>13}{'of floor':>10}"
    )
    for row in rows:
        if "memory" in row:
            continue
        top, bottom, each = row["top"], row["bottom"], row["each"]
        ours, theirs = (each * rate(times, row["together"]) for times in (top, bottom))
        print(
            f"{row['database']:11}{row['work']:13}{row['together']:8}{ours:9.0f}{statistics.median(top) * 1000:9.2f}"
            f"{top[int(len(top) * 0.95)] * 1000:9.2f}{theirs:13.0f}{ours / theirs:10.2f}"
        )
    for row in rows:
        if "memory" in row:
            print(
                f"{row['database']:11}memory {row['memory']:.0f} MiB (floor {row['bottom']:.0f}), "
                f"cold start {row['start']:.2f} s"
            )


def rate(times: list[float], together: int) -> float:
    return together * len(times) / sum(times)


if __name__ == "__main__":
    sys.exit(main())
