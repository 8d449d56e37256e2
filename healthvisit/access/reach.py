"""Requester -> Reach: which rows at most. Nothing stated means nothing reached.

The kinds of reach are separate classes, so that "no restriction" and "no match" can never be mistaken for
each other; `record/predicate.py` turns a Reach into the one SQL condition that every query carries.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from healthvisit.access.requester import STAFF, Requester
from healthvisit.access.scopes import CATEGORY, TAG, Letter, Scope

# FHIR types that hold no child's data. Letters are SMART's.
SHARED_TYPES = (
    "Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Questionnaire",
    "PlanDefinition", "Measure", "Library", "CodeSystem", "ValueSet", "SearchParameter", "StructureDefinition",
    "OperationDefinition", "CapabilityStatement",
)  # fmt: skip
# A child's clinical and working papers: what was entered by mistake may be deleted.
_PAPERS = (
    "RelatedPerson", "Encounter", "QuestionnaireResponse", "Observation", "Condition", "Immunization", "Flag",
    "CarePlan", "CareTeam", "Task", "ServiceRequest", "Communication", "Consent", "Appointment",
    "DocumentReference", "Binary", "List", "Composition", "RiskAssessment",
)  # fmt: skip
CHILD_TYPES = ("Patient", "EpisodeOfCare", *_PAPERS, "Provenance")
# What of a child can be restricted to who works for its safety: who the child is and who answers for it cannot.
RESTRICTED_TYPES = frozenset((*_PAPERS, "Provenance"))
# Of these, what tells of a person.
_OF_STAFF = ("Practitioner", "PractitionerRole")
# What a borough keeps for itself: its returns, and its lists of children.
BOROUGH_TYPES = ("MeasureReport", "Group")

# The child itself, who answered for it, and what was done to the record are never deleted.
_OF_A_CHILD = {
    **dict.fromkeys(("Patient", "EpisodeOfCare"), "crus"),
    **dict.fromkeys(_PAPERS, "cruds"),
    "Provenance": "crs",
    "Group": "cruds",
}

# The most a role may do, whatever its scopes say. A type not named is not reached.
PERMITTED: dict[str, dict[str, str]] = {
    **{
        role: {
            **_OF_A_CHILD,
            **dict.fromkeys(SHARED_TYPES, "rs"),
            "AuditEvent": "rs",
            "MeasureReport": "rs",
        }
        for role in STAFF
    },
    # Who saw which child, by ids; no paper of a child and no name.
    "administrator": dict.fromkeys(("AuditEvent", "Organization", "PractitionerRole", "MeasureReport"), "rs"),
    "support": dict.fromkeys((type_ for type_ in SHARED_TYPES if type_ not in _OF_STAFF), "rs"),
    "system-client": {
        **_OF_A_CHILD,
        **dict.fromkeys(SHARED_TYPES, "rs"),
        "MeasureReport": "crs",
    },
    "parent": {
        **dict.fromkeys(("Patient", "Encounter", "Observation"), "rs"),
        **dict.fromkeys(("Questionnaire", "PlanDefinition", "CodeSystem", "ValueSet"), "rs"),
    },
    "commissioner": dict.fromkeys(
        ("MeasureReport", "Measure", "Organization", "CodeSystem", "ValueSet", "PlanDefinition"), "rs"
    ),
    "service": {
        **dict.fromkeys((*SHARED_TYPES, "Provenance", "MeasureReport", "AuditEvent"), "crus"),
        **{type_: letters for type_, letters in _OF_A_CHILD.items() if type_ != "Provenance"},
    },
}


@dataclass(frozen=True)
class Nothing:
    """No row at all."""


@dataclass(frozen=True)
class Limit:
    """One way in which scopes reach a type. boroughs: those of the reach that are left; a parent's has none.
    categories: system and code, sorted; a resource has all of them. beyond: children who were opened outside of
    the boroughs are reached too."""

    boroughs: frozenset[str]
    categories: tuple[tuple[str, str], ...] = ()
    beyond: bool = False


# Types, and the ways in which they are reached: what is reached in one of them is reached. Each type once.
Narrowing = tuple[tuple[tuple[str, ...], tuple[Limit, ...]], ...]


@dataclass(frozen=True)
class BoroughReach:
    """Children whose responsible borough on the day is one of these; what these boroughs wrote, to read only;
    the boroughs' own returns; and everything that holds no child's data.

    patient: of one child alone, and of no borough's own. narrowing: by scopes; a type that it does not name is
    reached as the rest says. staff: reaches restricted papers that its boroughs wrote or were handed over.
    lead: reaches those of every child for whom one of its boroughs answers. opened: ids of children of other
    boroughs, to read only. near: of sensitive children those alone for whom one of its boroughs answers.
    """

    boroughs: frozenset[str]
    on: date
    patient: str | None = None
    narrowing: Narrowing = ()
    staff: bool = False
    lead: bool = False
    opened: frozenset[str] = frozenset()
    near: bool = False

    @property
    def whole(self) -> Limit:
        """What a type is reached by that no scope narrows."""
        return Limit(self.boroughs, beyond=bool(self.opened))

    def limits(self, type_: str) -> tuple[Limit, ...]:
        return _limits_in(self.narrowing, type_, self.whole)


@dataclass(frozen=True)
class OfficeReach:
    """The boroughs' own returns, the events about children for whom one of them answers on the day, and what
    holds no child's data. Never a child's row."""

    boroughs: frozenset[str]
    on: date
    narrowing: Narrowing = ()

    @property
    def whole(self) -> Limit:
        return Limit(self.boroughs)

    def limits(self, type_: str) -> tuple[Limit, ...]:
        return _limits_in(self.narrowing, type_, self.whole)


@dataclass(frozen=True)
class ChildReach:
    """What was released of these children, as the parents' view; and what holds no child's data."""

    children: frozenset[str]
    narrowing: Narrowing = ()


@dataclass(frozen=True)
class PublishedReach:
    """Published figures, and what holds no child's data. Never a child's row."""


@dataclass(frozen=True)
class SharedReach:
    """What holds no child's data and is no borough's own."""


@dataclass(frozen=True)
class WholeRecord:
    """Every row: for the service's own shell commands alone. No token and no session gives it."""


Reach = Nothing | BoroughReach | OfficeReach | ChildReach | PublishedReach | SharedReach | WholeRecord


_WHOLE = Limit(frozenset())
# What scopes narrow: what holds no child's data and is no borough's own is reached whatever borough they name.
_NARROWED_TYPES = (*CHILD_TYPES, *BOROUGH_TYPES, "AuditEvent")


def of(requester: Requester, *, on: date) -> Reach:
    """The most this requester reaches on this civil date."""
    match requester.role:
        case "health-visitor" | "team-lead" | "safeguarding-lead" | "system-client" if requester.boroughs:
            return BoroughReach(
                requester.boroughs,
                on,
                requester.patient,
                staff=requester.role in STAFF,
                lead=requester.role == "safeguarding-lead",
                opened=requester.opened if requester.role in STAFF else frozenset(),
            )
        case "administrator" if requester.boroughs and requester.patient is None:
            return OfficeReach(requester.boroughs, on)
        case "parent" if children := _children(requester):
            return ChildReach(children)
        case "commissioner":
            return PublishedReach()
        case "support":
            return SharedReach()
        case "service":
            return WholeRecord()
    return Nothing()


def _children(requester: Requester) -> frozenset[str]:
    return requester.children if requester.patient is None else requester.children & {requester.patient}


def narrowed(reach: Reach, granted: tuple[Scope, ...], letter: Letter) -> Reach:
    """What is left of a reach for one letter under scopes that name boroughs or categories.

    Whether a type is given at all is for `scopes.allows` to say. A type that no scope gives this letter is
    met by the way, by who refers to it: it is reached in the boroughs that the scopes name anywhere.
    """
    if not any(scope.conditions for scope in granted):
        return reach
    return _narrowed(reach, granted, letter)


@lru_cache(maxsize=1024)
def _narrowed(reach: Reach, granted: tuple[Scope, ...], letter: Letter) -> Reach:
    match reach:
        case BoroughReach() | OfficeReach():
            whole = reach.whole
        case ChildReach():
            whole = _WHOLE
        case PublishedReach() | SharedReach() | Nothing():
            return reach
        case WholeRecord():
            # The service's own commands hold no such scopes: who does is not one of them.
            return Nothing()
    by_limits: dict[tuple[Limit, ...], list[str]] = {}
    for type_ in _NARROWED_TYPES:
        by_limits.setdefault(_limits(whole, type_, letter, granted), []).append(type_)
    if isinstance(reach, BoroughReach | OfficeReach) and len(by_limits) == 1:
        ((limits, _),) = by_limits.items()
        if len(limits) == 1 and not limits[0].categories:
            # The same of every type: a reach like any other, and asked like any other.
            reach = replace(reach, boroughs=limits[0].boroughs)
            if isinstance(reach, BoroughReach) and not limits[0].beyond:
                return replace(reach, opened=frozenset())
            return reach
    return replace(
        reach,
        narrowing=tuple((tuple(types), limits) for limits, types in by_limits.items() if limits != (whole,)),
    )


def _limits(whole: Limit, type_: str, letter: Letter, granted: Iterable[Scope]) -> tuple[Limit, ...]:
    """The ways in which a type is reached, none of them within another, in one order."""
    giving = [scope for scope in granted if scope.gives(type_, letter)]
    if not giving:
        named = [_limit(whole, scope) for scope in granted]
        boroughs = frozenset[str]().union(*(limit.boroughs for limit in named if limit is not None))
        return (Limit(boroughs, beyond=any(limit is not None and limit.beyond for limit in named)),)
    found = {limit for scope in giving if (limit := _limit(whole, scope)) is not None}
    whole_ways = [limit for limit in found if not limit.categories]
    if not whole_ways:
        ways = found
    else:
        plain = Limit(
            frozenset[str]().union(*(limit.boroughs for limit in whole_ways)),
            beyond=any(limit.beyond for limit in whole_ways),
        )
        ways = {
            plain,
            *(
                limit
                for limit in found
                if limit.categories
                and not (limit.boroughs <= plain.boroughs and limit.beyond <= plain.beyond)
            ),
        }
    return tuple(sorted(ways, key=lambda limit: (sorted(limit.boroughs), limit.categories, limit.beyond)))


def _limit(whole: Limit, scope: Scope) -> Limit | None:
    """What one scope leaves; None where it names a borough to a parent, whom no borough is told."""
    tags = scope.values(TAG)
    if tags and whole == _WHOLE:
        return None
    boroughs = whole.boroughs
    for _, borough in tags:
        boroughs &= {borough}
    # Who names a borough does not mean a child of another.
    return Limit(boroughs, tuple(sorted(scope.values(CATEGORY))), whole.beyond and not tags)


def _limits_in(narrowing: Narrowing, type_: str, whole: Limit) -> tuple[Limit, ...]:
    return next((limits for types, limits in narrowing if type_ in types), (whole,))


def permits(requester: Requester, type_: str, letter: str) -> bool:
    """Whether the requester's role may ever do this with the type; scopes are asked separately."""
    return letter in PERMITTED[requester.role].get(type_, "")
