"""Two people's requests through one running service by 32 threads: each is told what they were told when alone.

What a service keeps from one request for the next, compiled statements, verified tokens, connections, has to know for
whom it was made.
"""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from tests.flows.demonstration import Demonstration, fill

THREADS, EACH = 32, 15
# No more at once than there are connections to a server: the others wait their turn.
AT_ONCE = 10
CHILDREN = 12


def _paths(app, demonstration):
    child = demonstration.a_child(app)
    return (
        "/fhir/Patient?_count=1000&_sort=_id",
        f"/fhir/Patient/{child}",
        f"/fhir/Observation?patient={child}&_total=accurate",
        f"/fhir/Encounter?subject=Patient/{child}&_include=Encounter:subject",
        "/fhir/Encounter?subject:Patient.gender=female&_total=accurate",
        "/fhir/Patient?_has:Encounter:subject:status=finished&_total=accurate",
        "/fhir/EpisodeOfCare?status=active&_summary=count",
        f"/fhir/Patient/{child}/$everything",
        "/fhir/Group",
        "/tablet/caseload",
    )


def test_of_two_who_ask_at_once_each_is_told_what_is_for_them_alone(database, definitions, tmp_path):
    fill(database, definitions, tmp_path / "secrets", children=CHILDREN)
    url = database.engine.url.render_as_string(hide_password=False)
    demonstration = Demonstration(url, tmp_path / "secrets")
    # The caseload says when it was put together.
    begun = datetime.now(UTC)
    house = demonstration.app.extensions["healthvisit"]
    demonstration.app.extensions["healthvisit"] = replace(house, clock=lambda: begun)
    apps = {name: demonstration.tablet(name) for name in ("bury", "salford")}
    paths = sorted({path for app in apps.values() for path in _paths(app, demonstration)})
    alone = {(name, path): _told(app.get(path)) for name, app in apps.items() for path in paths}
    # Where both are told the same, nothing could be mixed up.
    assert sum(alone["bury", path] != alone["salford", path] for path in paths) >= len(paths) - 3
    mixed = []
    turn = threading.Semaphore(AT_ONCE)

    def ask(number):
        random = Random(number)
        for _ in range(EACH):
            name, path = random.choice(("bury", "salford")), random.choice(paths)
            with turn:
                answer = demonstration.app.test_client().get(path, headers=apps[name].headers)
            if _told(answer) != alone[name, path]:
                mixed.append((name, path, answer.status))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    demonstration.database.dispose()
    assert not mixed


def _told(answer):
    headers = {name: value for name, value in answer.headers if name != "X-Request-Id"}
    return answer.status, headers, answer.data
