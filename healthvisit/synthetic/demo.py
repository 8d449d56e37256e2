"""The demonstration's people: two health visitors, Bury's leads and administrator, a parent, a commissioner and
one borough's system.

Made last, so that whoever can sign in finds a whole record. The passwords are printed on the first page:
there is no production with these accounts, because production refuses the local sign-in.
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

from joserfc.jwk import ECKey

from healthvisit.access.requester import Role
from healthvisit.accounts import clients, people, relationships
from healthvisit.database import Database
from healthvisit.programme.boroughs import BY_SLUG
from healthvisit.synthetic.population import Family
from healthvisit.synthetic.resources import child_urn

PASSWORD = "practice-only"  # noqa: S105  shown to everyone
# Whose child has earlier results released and the two-year review still open.
FAMILY = ("bury", 0)
CLIENT_ID = "bury-child-health-system"
KEY_FILE = f"{CLIENT_ID}.jwk.json"


# Who leads in Bury, by role.
LEADS: tuple[Role, ...] = ("team-lead", "safeguarding-lead")


class SignIn(NamedTuple):
    """One demonstration account. who: in plain words; name: what is typed; password: None for the system's
    key.
    """

    who: str
    name: str
    password: str | None


SIGN_INS = (
    SignIn("Health visitor in Bury", "bury", PASSWORD),
    SignIn("Health visitor in Salford", "salford", PASSWORD),
    SignIn("Team lead in Bury", "team-lead", PASSWORD),
    SignIn("Safeguarding lead in Bury", "safeguarding-lead", PASSWORD),
    SignIn("Administrator of Bury", "administrator", PASSWORD),
    SignIn("Parent of a child in Bury", "parent", PASSWORD),
    SignIn("Commissioner for Greater Manchester", "commissioner", PASSWORD),
    SignIn("Bury's child health system", CLIENT_ID, None),
)


def stand(database: Database) -> bool:
    """Whether the accounts are there, and with them all that was written before them."""
    with database.reading() as connection:
        return people.named(connection, "commissioner") is not None


def located(family: Family, locations: Mapping[str, str]) -> dict[str, str]:
    """What the parent's account needs of the family: references of child and parent, and the birth date."""
    child = family.children[0]
    return {
        "name": f"{family.parent_given} {family.parent_family}",
        "born_on": child.born_on.isoformat(),
        "child": locations[child_urn(family, child, "patient")],
        "related_person": locations[child_urn(family, child, "parent")],
    }


def make(
    database: Database,
    *,
    staff: Mapping[str, str],
    leads: Mapping[Role, str],
    names: Mapping[str, Mapping[str, str]],
    parent: Mapping[str, str],
    keys_folder: Path,
) -> None:
    """The accounts, in one commit.

    staff: reference of each borough's first health visitor, by slug. leads: Bury's, by role. names: of all of
    them. parent: as from `located`. keys_folder: gets the system client's private key, readable by its owner only.
    """
    key = _key(keys_folder / KEY_FILE)
    with database.writing() as connection:
        for borough in ("bury", "salford"):
            people.create_account(
                connection,
                role="health-visitor",
                name=f"{names[borough]['given']} {names[borough]['family']}",
                sign_in_name=borough,
                password=PASSWORD,
                fhir_user=staff[borough],
                boroughs=[BY_SLUG[borough].gss],
            )
        for role in LEADS:
            people.create_account(
                connection,
                role=role,
                name=f"{names[role]['given']} {names[role]['family']}",
                sign_in_name=role,
                password=PASSWORD,
                fhir_user=leads[role],
                boroughs=[BY_SLUG["bury"].gss],
            )
        people.create_account(
            connection,
            role="administrator",
            name="Bury administrator",
            sign_in_name="administrator",
            password=PASSWORD,
            boroughs=[BY_SLUG["bury"].gss],
        )
        adult = people.create_account(
            connection,
            role="parent",
            name=parent["name"],
            sign_in_name="parent",
            password=PASSWORD,
            fhir_user=parent["related_person"],
        )
        relationships.begin(
            connection,
            account=adult,
            child=parent["child"].partition("/")[2],
            from_on=date.fromisoformat(parent["born_on"]),
            related_person=parent["related_person"].partition("/")[2],
        )
        people.create_account(
            connection,
            role="commissioner",
            name="Greater Manchester commissioner",
            sign_in_name="commissioner",
            password=PASSWORD,
        )
        system = people.create_account(
            connection,
            role="system-client",
            name="Bury child health system",
            boroughs=[BY_SLUG["bury"].gss],
        )
        clients.register(
            connection,
            name="Bury child health system",
            scope="system/*.cruds",
            jwks={"keys": [key]},
            account=system,
            client_id=CLIENT_ID,
        )


def _key(path: Path) -> Mapping[str, object]:
    """The public half of the key in this file, made when the file is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(fresh.as_dict(private=True)))
    return ECKey.import_key(json.loads(path.read_text())).as_dict(private=False)
