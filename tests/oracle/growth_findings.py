"""What a child's measurements ask to be looked at, told a second time: from the domain facts (5.3) and decision 21
alone, with RCPCH's own library for where a point stands. It shares nothing with the tablet's code that it is held to.
"""

import json
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from rcpchgrowth import sds_for_measurement

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "healthvisit" / "programme" / "growth.json"
SCRIPT = ROOT / "tests" / "tablet" / "findings.js"
LIBRARY = {"weight": "weight", "length": "height", "head": "ofc", "bmi": "bmi"}
FIRST = {"weight": -119, "length": -105, "head": -119, "bmi": 731}
EDGES = (0, 0, 3, 13, 14, 20, 21, 22, 60, 182, 365, 730, 731, 800)
# A space is two thirds of an SD: above the 91st line is above 4/3, and so on.
SPACE = 2 / 3


def sds(measure, value, sex, days):
    """None where there is no chart, or for what no child has."""
    if not FIRST[measure] <= days <= 1826:
        return None
    try:
        found = sds_for_measurement("uk-who", days / 365.25, LIBRARY[measure], float(value), sex)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if isinstance(found, int | float) and abs(found) <= 8 else None


def months(born, on):
    whole = (on.year - born.year) * 12 + on.month - born.month
    return whole - (on.day < born.day and (on + timedelta(1)).month == on.month)


def told(child):
    """The codes of what is found, of a child as `children` makes one."""
    born, sex, gestation = date.fromisoformat(child["born"]), child["sex"], child["gestation"]
    is_preterm = gestation is not None and gestation < 259
    early = 280 - gestation if is_preterm else 0
    points = {}
    for each in child["measured"]:
        points[each["measure"], date.fromisoformat(each["on"])] = Decimal(each["value"])
    lists = {}
    for measure in ("weight", "length", "head"):
        rows = []
        for (name, on), value in sorted(points.items(), key=lambda item: item[0][1]):
            if name != measure:
                continue
            days = (on - born).days
            until = 0 if not is_preterm else 365.25 if gestation >= 224 else 730.5
            read = sds(measure, value, sex, days - early if days - early < until else days)
            if read is None:
                continue
            compared = None if 0 < days < 14 else sds(measure, value, sex, days - early)
            rows.append((days, value, read, None if compared is None else compared / SPACE, on))
        lists[measure] = rows
    found = set()
    weight, length, head = lists["weight"], lists["length"], lists["head"]
    if len(weight) > 1 and weight[0][0] == 0:
        lost = (weight[0][1] - weight[-1][1]) / weight[0][1] * 100
        if lost > 10:
            found.add("weight-loss")
        elif lost > 0 and weight[-1][0] >= 21:
            found.add("birth-weight-not-regained")
    if weight and weight[-1][3] is not None:
        spaces = [row[3] for row in weight if row[3] is not None]
        if len(spaces) > 2 and max(spaces[:-2]) - max(spaces[-2:]) >= 2:
            found.add("weight-drop")
        elif len(spaces) > 1 and max(spaces[:-1]) - spaces[-1] >= 2:
            found.add("weight-drop-once")
    for rows, code in ((weight, "weight-low"), (length, "length-low")):
        if rows and rows[-1][2] < -4 * SPACE:
            found.add(code)
    if head:
        if head[-1][2] > 4 * SPACE:
            found.add("head-high")
        spaces = [row[3] for row in head if row[3] is not None]
        if head[-1][3] is not None and len(spaces) > 1 and spaces[-1] - min(spaces[:-1]) >= 2:
            found.add("head-rise")
    both = {row[0] for row in weight} & {row[0] for row in length}
    if both and months(born, born + timedelta(max(both))) >= 24:
        kg, cm = (next(row[1] for row in rows if row[0] == max(both)) for rows in (weight, length))
        read = sds("bmi", float(kg) / (float(cm) / 100) ** 2, sex, max(both))
        if read is not None:
            found |= {"bmi-very-high"} if read > 2 else {"bmi-high"} if read > 4 / 3 else set()
            found |= {"bmi-low"} if read < -2 else set()
    return found


def children(count, seed):
    random = Random(seed)
    for _ in range(count):
        born = date(2015, 1, 1) + timedelta(random.randrange(2000))
        gestation = random.choice([None, 280, 258, 259, 223, 224, random.randrange(154, 309)])
        at, measured = random.gauss(1, 0.15), []
        last_day = random.choice((25, 1800, 1800))
        for _ in range(random.randrange(1, 9)):
            days = random.choice([each for each in EDGES if each <= last_day] + [random.randrange(last_day)])
            on = str(born + timedelta(days))
            at = at if random.random() < 0.7 else random.gauss(1, 0.2)
            is_baby = days < 365
            typical = {
                "weight": 3.3 + days / 90 if is_baby else 7.4 + days / 190,
                "length": 50 + days / 24 if is_baby else 65 + days / 42,
                "head": 35 + days / 45 if days < 300 else 44 + days / 300,
            }
            for measure, size in typical.items():
                if random.random() < 0.8:
                    power = {"weight": 1, "length": 0.4, "head": 0.5}[measure]
                    value = max(0.3, size * max(0.2, at) ** power * random.gauss(1, 0.04))
                    measured.append(
                        {"on": on, "measure": measure, "value": f"{value:.{random.choice((1, 2, 3))}f}"}
                    )
        random.shuffle(measured)
        yield {"born": str(born), "sex": random.choice(("female", "male")), "gestation": gestation,
               "measured": measured}  # fmt: skip


def by_tablet(every):
    done = subprocess.run(
        [Path(sys.executable).parent / "node", SCRIPT, TABLE],
        input="".join(json.dumps(each) + "\n" for each in every),
        capture_output=True,
        check=True,
        text=True,
        timeout=300,
    )
    return [set(json.loads(line)) for line in done.stdout.splitlines()]
