"""Children and measurements by chance, read by the service and by the tablet's JavaScript: both must say the same.

Every edge is drawn often: prematurity from 22 weeks, one and two years of both ages, the steps of the reference,
values that no child has.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from healthvisit.programme import growth
from healthvisit.reviews.measurements import Point, growth_of
from healthvisit.reviews.timeline import Child, Gestation, Measurement

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "tablet" / "growth.js"
TABLE = ROOT / "healthvisit" / "programme" / "growth.json"
# The most that the two may part (in SD).
MOST_SD = 0.005
EDGES = (0, 1, 13, 14, 15, 365, 366, 730, 731, 732, 1460, 1461, 1825, 1826, 1827)
UNITS = {"weight": "kg", "length": "cm", "head": "cm"}
Case = dict[str, str | int | None]


def cases(count: int, seed: int = 2021) -> Iterator[Case]:
    random = Random(seed)
    for _ in range(count):
        gestation = random.choice(
            [
                None,
                280,
                *(random.choice((154, 223, 224, 258, 259, random.randrange(154, 313))) for _ in "12345"),
            ]
        )
        days = random.choice(EDGES) if random.random() < 0.4 else random.randrange(1900)
        if gestation is not None and random.random() < 0.3:
            # The same edge of the other age.
            days = max(0, days + growth.TERM_DAYS - gestation)
        measure = random.choice(list(UNITS))
        born = date(2015, 1, 1) + timedelta(random.randrange(2500))
        typical = {"weight": 3.3 + days / 130, "length": 50 + days / 28, "head": 35 + days / 110}[measure]
        odd = random.choice((0.1, 0.45, 2.2, 10)) if random.random() < 0.1 else 1.0
        yield {
            "born": str(born), "on": str(born + timedelta(days)), "gestation": gestation, "measure": measure,
            "sex": random.choice(("female", "male")),
            "value": f"{max(0.2, random.gauss(1, 0.12)) * typical * odd:.{random.choice((1, 2, 3))}f}",
        }  # fmt: skip


def by_service(case: Case) -> list[list[str | int | float]]:
    """Line, age, SD and words of each reading; none where the measurement is on no chart."""
    gestation = case["gestation"]
    child = Child(
        id="1",
        name="",
        born_on=date.fromisoformat(str(case["born"])),
        nhs_number=None,
        gender=str(case["sex"]),
        gestation=None if gestation is None else Gestation(*divmod(int(gestation), 7)),
    )
    measure = str(case["measure"])
    measured = Measurement(measure, Decimal(str(case["value"])), UNITS[measure], measure)  # type: ignore[arg-type]
    curves = growth_of(child, [(date.fromisoformat(str(case["on"])), (measured,))]).curves
    if not curves:
        return []
    point: Point = curves[0].points[0]
    readings = [point.shown, *([point.other] if point.other else [])]
    return [[each.line, each.age_days, each.standing.z, each.standing.place] for each in readings]


def by_tablet(every: list[Case]) -> list[list[list[str | int | float]]]:
    done = subprocess.run(
        [Path(sys.executable).parent / "node", SCRIPT, TABLE],
        input="".join(json.dumps(case) + "\n" for case in every),
        capture_output=True,
        check=True,
        text=True,
        timeout=300,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def differences(count: int) -> tuple[list[Case], int, float]:
    """Cases on which the two part, how many were on a chart, and the most SD between the two."""
    every = list(cases(count))
    parted, read, most = [], 0, 0.0
    for case, ours, theirs in zip(every, map(by_service, every), by_tablet(every), strict=True):
        read += bool(ours)
        apart = [abs(float(one[2]) - float(other[2])) for one, other in zip(ours, theirs, strict=False)]
        most = max([most, *apart])
        same = [[*one[:2], one[3]] for one in ours] == [[*one[:2], one[3]] for one in theirs]
        if not same or max(apart, default=0) > MOST_SD:
            parted.append(case)
    return parted, read, most


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    found, on_chart, furthest = differences(asked)
    print(f"{asked} measurements, {on_chart} on a chart, {len(found)} parted, {furthest:.2g} SD at most")
    print(*found[:10], sep="\n")
    sys.exit(bool(found))
