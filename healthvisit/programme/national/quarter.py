"""Every national indicator of one borough's quarter."""

from collections.abc import Iterable, Sequence

from healthvisit.programme.asq3 import DOMAINS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.national.development import all_five, c6_domain, c6ii
from healthvisit.programme.national.reviewed import c4, c5, c6i, c8i, c8ii
from healthvisit.programme.national.values import AntenatalContact, Child, NotAssessable, Thresholds, Value
from healthvisit.programme.national.visits import c1, c2, c3


def of_quarter(
    quarter: Quarter,
    children: Iterable[Child],
    pregnancies: Iterable[Sequence[AntenatalContact]],
    thresholds: Thresholds,
) -> dict[str, Value]:
    """Every indicator of one borough by its code. children, pregnancies: the borough's; thresholds: empty without a
    licensed pack."""
    known = list(children)
    return {
        "C1": c1(pregnancies, quarter),
        "C2": c2(known, quarter),
        "C3": c3(known, quarter),
        "C8i": c8i(known, quarter),
        "C8ii": c8ii(known, quarter).prevalence(),
        "C4": c4(known, quarter),
        "C5": c5(known, quarter),
        "C6i": c6i(known, quarter),
        "C6ii": c6ii(known, quarter),
        **{f"C6-{domain}": c6_domain(domain, known, quarter, thresholds) for domain in DOMAINS},
        "all-five": all_five(known, quarter, thresholds),
        "C7": NotAssessable("no-definition"),
    }
