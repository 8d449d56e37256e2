"""C6ii, the ASQ-3 domains (C6iii to C6vii) and all five: what the 2 year reviews of C6i found."""

from collections.abc import Iterable

from healthvisit.programme.asq3 import DOMAINS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.national.cohorts import cohort
from healthvisit.programme.national.reviewed import two_year_review
from healthvisit.programme.national.values import Child, Contact, NotAssessable, Proportion, Thresholds


def c6ii(children: Iterable[Child], quarter: Quarter) -> Proportion:
    """Reviews with ASQ-3, of the reviews of C6i: not of the children due."""
    used = [review.instrument for review in _reviews(children, quarter)]
    return Proportion(used.count("asq-3"), len(used), used.count(None))


def c6_domain(
    domain: str, children: Iterable[Child], quarter: Quarter, thresholds: Thresholds
) -> Proportion | NotAssessable:
    """Reviews at or above the threshold of their questionnaire, of those with ASQ-3 points in the domain (LG Inform
    13644).

    Not assessable where a review used a questionnaire without a threshold: which ones count was not in the text.
    Raises ValueError for a domain that ASQ-3 does not have.
    """
    if domain not in DOMAINS:
        raise ValueError(f"ASQ-3 has no domain {domain}")
    reached = [
        _is_reached(review, domain, thresholds)
        for review in _reviews(children, quarter)
        if review.instrument == "asq-3" and domain in review.points
    ]
    if None in reached:
        return NotAssessable("no-threshold")
    return Proportion(reached.count(True), len(reached))


def all_five(children: Iterable[Child], quarter: Quarter, thresholds: Thresholds) -> NotAssessable:
    """How many reviews are at or above in all five domains; of how many was not in the text we could read."""
    reached = [
        [_is_reached(review, domain, thresholds) for domain in DOMAINS]
        for review in _reviews(children, quarter)
        if review.instrument == "asq-3" and all(domain in review.points for domain in DOMAINS)
    ]
    if any(None in each for each in reached):
        return NotAssessable("no-threshold")
    return NotAssessable("no-denominator", counted=sum(all(each) for each in reached))


def _reviews(children: Iterable[Child], quarter: Quarter) -> list[Contact]:
    found = (two_year_review(child, quarter) for child in cohort("C6i", children, quarter))
    return [review for review in found if review is not None]


def _is_reached(review: Contact, domain: str, thresholds: Thresholds) -> bool | None:
    """Points on the threshold reach it. None where the questionnaire has no threshold, or nobody knows which it was."""
    if review.form is None or (review.form, domain) not in thresholds:
        return None
    return review.points[domain] >= thresholds[review.form, domain]
