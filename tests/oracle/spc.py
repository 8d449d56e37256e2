"""The XmR chart told a second time, point by point and by counting, over whole numbers of a common denominator.

A series is a list of whole numbers or None, in units of which the caller knows the size. Everything is multiplied out,
so that no division is made: with n points and m ranges kept, the mean is total / n and the spread kept / m.
"""

FEW, FEW_RANGES = 10, 5


def told(series, good, target=None):
    """A word why there is no chart, or variation, assurance and each point's rules as pairs of rule and side."""
    known = [x for x in series if x is not None]
    n = len(known)
    if n < FEW:
        return "too-few-points"
    pairs = [series[i : i + 2] for i in range(len(series) - 1)]
    ranges = [abs(pair[0] - pair[1]) for pair in pairs if None not in pair]
    if len(ranges) < FEW_RANGES:
        return "too-few-ranges"
    # r > 3.267 * sum / count
    kept = [r for r in ranges if not 1000 * r * len(ranges) > 3267 * sum(ranges)]
    total, spread, m = sum(known), sum(kept), len(kept)
    if spread == 0 and min(known) != max(known):
        return "no-spread"

    def apart(x):
        """n * m * 100 times the distance from the mean."""
        return (x * n - total) * m * 100

    width = 266 * spread * n
    rules = [_rules(series, i, apart, width) for i in range(len(series))]
    last = [i for i, x in enumerate(series) if x is not None][-1]
    sides = {side for _, side in rules[last]}
    if not sides:
        variation = "common-cause"
    elif good == "neither" or sides == {"high", "low"}:
        variation = "changing"
    elif sides == {good}:
        variation = "improving"
    else:
        variation = "worsening"
    assurance = None
    if target is not None and good != "neither":
        goal = apart(target)
        inside = [edge >= goal if good == "high" else edge <= goal for edge in (-width, width)]
        assurance = {2: "will-pass", 1: "hit-and-miss", 0: "will-fail"}[sum(inside)]
    return variation, assurance, rules


def _rules(series, i, apart, width):
    """Of one point, by looking to its left and to its right."""
    if series[i] is None:
        return set()
    found = set()
    for side, sign in (("high", 1), ("low", -1)):

        def at(j, sign=sign):
            """Distance to this side; None beyond the ends and in a gap."""
            return sign * apart(series[j]) if 0 <= j < len(series) and series[j] is not None else None

        if at(i) > width:
            found.add(("outside", side))
        for start in range(i - 6, i + 1):
            seven = [at(j) for j in range(start, start + 7)]
            if None in seven:
                continue
            if all(d > 0 for d in seven):
                found.add(("shift", side))
            if all(seven[k] < seven[k + 1] for k in range(6)):
                found.add(("trend", side))
        for start in range(i - 2, i + 1):
            three = [at(j) for j in range(start, start + 3)]
            if None not in three and 3 * at(i) > 2 * width and sum(3 * d > 2 * width for d in three) >= 2:
                found.add(("two-of-three", side))
    return found
