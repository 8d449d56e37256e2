"""Who asks: made afresh for every request from the account as it stands now, never from the token alone."""

from dataclasses import dataclass
from typing import Literal

from healthvisit.access.scopes import Scope

Role = Literal[
    "health-visitor", "team-lead", "safeguarding-lead", "administrator", "support", "parent", "commissioner",
    "system-client", "service",
]  # fmt: skip
# Who works with children.
STAFF: tuple[Role, ...] = ("health-visitor", "team-lead", "safeguarding-lead")
# The client id of the tablet, an app of the service itself.
TABLET = "healthvisit-tablet"


@dataclass(frozen=True)
class Requester:
    """One person or app, and the most it may reach.

    account: the account's public id; for the service's own shell commands, the command's name.
    boroughs: GSS codes of the boroughs whose children the account works for today; empty reaches no child.
    children: ids of the Patients an adult may see today; only a parent has any.
    scopes: what the person or the registration delegated to the app that asks; scopes narrow, never widen.
    client: the app's client id, or None where the person uses the service's own pages.
    fhir_user: "Practitioner/<id>" or "RelatedPerson/<id>", or None.
    patient: id of the one Patient that a token was given for; None for one that names no child.
    opened: ids of Patients outside of the boroughs whom staff has opened in an emergency, to read, and for now.
    """

    account: str
    role: Role
    scopes: tuple[Scope, ...]
    boroughs: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()
    client: str | None = None
    fhir_user: str | None = None
    patient: str | None = None
    opened: frozenset[str] = frozenset()
