"""People from an identity provider: known by issuer and subject, never by name or e-mail.

Staff: the account is made when they first sign in; its role and boroughs are those of the role that was selected
for this sign-in, by two tables of the deployer, and end with the session. What is in neither table gives nothing.
Parents: the account and its child come from a relationship that was verified (`link`), never from NHS login;
signing in only shows that this is the adult it was verified for. One adult is one identity.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple, get_args

from sqlalchemy import Connection, delete, insert, or_, select, text, update

from healthvisit.access.requester import Role
from healthvisit.accounts import relationships, tables
from healthvisit.accounts.errors import BadRegistration
from healthvisit.accounts.people import Person
from healthvisit.accounts.providers import MOST_TEXT, Provider, Refused
from healthvisit.accounts.tables import hashed
from healthvisit.exact_json import JSON
from healthvisit.programme import nhs_number
from healthvisit.programme.boroughs import BY_GSS

# What a role code of staff can mean here.
POSTS: tuple[Role, ...] = tuple(
    role for role in get_args(Role) if role not in ("parent", "system-client", "service")
)


class Selected(NamedTuple):
    """The role that a member of staff chose for this sign-in.

    user: SDS user id. profile: SDS role profile id. organisation: ODS code. code: of the role, as it was told.
    """

    user: str
    profile: str
    organisation: str
    code: str
    family: str
    given: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}".strip() or "A member of staff"


class Work(NamedTuple):
    """What a selected role is worth here on a day. boroughs: GSS code to the first day after, None for no end."""

    role: Role
    boroughs: Mapping[str, date | None]


class Adult(NamedTuple):
    """A parent, by what NHS login tells or what the record knows. number: NHS number. born_on: ISO date."""

    number: str
    born_on: str
    family: str
    given: str = ""


def selected_role(told: JSON) -> Selected:
    """What the userinfo endpoint told of the selected role. Raises Refused where there is not exactly one."""
    chosen, roles = told.get("selected_roleid"), told.get("nhsid_nrbac_roles")
    if not _is_text(chosen) or not isinstance(roles, list):
        raise Refused("no-role", "selected_roleid")
    found = [role for role in roles if isinstance(role, dict) and role.get("person_roleid") == chosen]
    if len(found) != 1 or not all(_is_text(found[0].get(name)) for name in ("org_code", "role_code")):
        raise Refused("no-role", "nhsid_nrbac_roles")
    if not _is_text(told.get("uid")):
        raise Refused("no-role", "uid")
    return Selected(
        told["uid"],
        str(chosen),
        found[0]["org_code"],
        found[0]["role_code"],
        _name(told.get("family_name")),
        _name(told.get("given_name")),
    )


def work_of(connection: Connection, selected: Selected, *, on: date) -> Work:
    """Raises Refused for an organisation or a role that the deployer's tables do not have on the day."""
    boroughs = _boroughs_of(connection, selected.organisation, on=on)
    if not boroughs:
        raise Refused("unknown-workplace", "org_code")
    role = _role_of(connection, selected.code)
    if role is None:
        raise Refused("unknown-post", "role_code")
    return Work(role, boroughs)


def check_open(connection: Connection, provider: Provider, subject: str) -> None:
    """Raises Refused where the account of this issuer and subject was closed."""
    account = _account_of(connection, provider, subject)
    if account is not None and not connection.scalar(
        select(tables.account.c.active).where(tables.account.c.id == account)
    ):
        raise Refused("closed")


def admit_staff(
    connection: Connection,
    provider: Provider,
    subject: str,
    selected: Selected,
    work: Work,
    *,
    fhir_user: str | None,
    on: date,
) -> Person:
    """The account of this issuer and subject, made where there is none, with the work of this sign-in.

    Where that is other work than before, every token and session of the account is out. Raises Refused.
    """
    account = _account_of(connection, provider, subject)
    if account is None:
        account = str(uuid.uuid4())
        _make(connection, account, role=work.role, name=selected.name, fhir_user=fhir_user)
        if not _bind(connection, provider, subject, account):
            # Another request of the same person was faster.
            connection.execute(delete(tables.account).where(tables.account.c.id == account))
            account = _account_of(connection, provider, subject)
    held = connection.execute(
        select(tables.account)
        .where(tables.account.c.id == account, tables.account.c.active)
        .with_for_update()
    ).one_or_none()
    if account is None or held is None:
        raise Refused("closed")
    _work_as(connection, account, work, on=on)
    connection.execute(
        update(tables.account)
        .where(tables.account.c.id == account)
        .values(name=selected.name, fhir_user=fhir_user)
    )
    connection.execute(
        update(tables.federated_identity)
        .where(tables.federated_identity.c.account == account)
        .values(organisation=selected.organisation, role_code=selected.code)
    )
    epoch: int = connection.execute(
        select(tables.account.c.epoch).where(tables.account.c.id == account)
    ).scalar_one()
    return Person(account, work.role, epoch)


def adult_told(told: JSON) -> Adult:
    """What NHS login told of the parent. Raises Refused where a part is missing or is not one."""
    number, born_on, family = (told.get(name) for name in ("nhs_number", "birthdate", "family_name"))
    if not isinstance(number, str) or not nhs_number.is_valid(number):
        raise Refused("incomplete", "nhs_number")
    if not isinstance(born_on, str) or not _is_date(born_on):
        raise Refused("incomplete", "birthdate")
    if not isinstance(family, str) or not _folded(family):
        raise Refused("incomplete", "family_name")
    return Adult(number, born_on, family)


def admit_parent(
    connection: Connection, provider: Provider, subject: str, adult: Adult, *, on: date
) -> Person:
    """The account that was linked to a child for this adult; nothing is made but the bond with this identity.

    Raises Refused: for an adult whom nobody has linked; where another identity is known for the same NHS number;
    where number or date of birth are not those of before; and, at the first sign-in, the family name.
    """
    verified = tables.verified_adult.c
    by_number = connection.execute(
        select(tables.verified_adult).where(verified.number_hash == _hash("number", adult.number))
    ).one_or_none()
    account = _account_of(connection, provider, subject)
    if account is None:
        if by_number is None:
            raise Refused("unlinked")
        if by_number.birth_hash != _birth(adult) or by_number.name_hash != _family(adult):
            raise Refused("changed", "birthdate or family_name")
        account = by_number.account
        if not _bind(connection, provider, subject, account):
            raise Refused("changed", "sub")
    elif by_number is None or by_number.account != account or by_number.birth_hash != _birth(adult):
        raise Refused("changed", "nhs_number or birthdate")
    row = connection.execute(
        select(tables.account.c.epoch).where(
            tables.account.c.id == account, tables.account.c.active, tables.account.c.role == "parent"
        )
    ).one_or_none()
    if row is None:
        raise Refused("closed")
    held = tables.relationship.c
    stands = connection.execute(
        select(held.id).where(
            held.account == account,
            held.from_on <= on,
            or_(held.until_on.is_(None), held.until_on > on),
            held.withdrawn_at.is_(None),
        )
    ).first()
    if stands is None:
        raise Refused("unlinked", "relationship")
    return Person(account, "parent", row.epoch)


def link(
    connection: Connection,
    adult: Adult,
    *,
    child: str,
    related_person: str,
    from_on: date,
    until_on: date | None = None,
) -> str:
    """The account of an adult whose relationship with the child was verified; one adult has one account.

    child, related_person: ids of the Patient and of the RelatedPerson that names it.
    Raises BadRegistration where the adult cannot be told apart by what the record knows, or is linked already.
    """
    if not nhs_number.is_valid(adult.number) or not _is_date(adult.born_on) or not _folded(adult.family):
        raise BadRegistration(
            "the record knows no valid NHS number, date of birth and family name of the adult"
        )
    verified = tables.verified_adult.c
    known = connection.execute(
        select(tables.verified_adult).where(verified.number_hash == _hash("number", adult.number))
    ).one_or_none()
    if known is not None and (known.birth_hash, known.name_hash) != (_birth(adult), _family(adult)):
        raise BadRegistration("the NHS number is linked with another date of birth or family name")
    if known is None:
        account = str(uuid.uuid4())
        _make(
            connection,
            account,
            role="parent",
            name=f"{adult.given} {adult.family}".strip(),
            fhir_user=f"RelatedPerson/{related_person}",
        )
        connection.execute(
            insert(tables.verified_adult).values(
                account=account,
                number_hash=_hash("number", adult.number),
                birth_hash=_birth(adult),
                name_hash=_family(adult),
            )
        )
    else:
        account = known.account
    held = tables.relationship.c
    if connection.scalar(
        select(held.id).where(held.account == account, held.child == child, held.withdrawn_at.is_(None))
    ):
        raise BadRegistration("the adult is linked to the child already")
    relationships.begin(
        connection,
        account=account,
        child=child,
        related_person=related_person,
        from_on=from_on,
        until_on=until_on,
    )
    return account


class Workplace(NamedTuple):
    """An organisation works in a borough from the first day to before the last."""

    organisation: str
    borough: str
    from_on: date
    until_on: date | None


def set_workplaces(connection: Connection, rows: Iterable[Workplace], *, on: date) -> int:
    """These and no others from now on; how many people's work changed, who are out on their next request.

    Raises BadRegistration.
    """
    given = sorted(set(rows), key=lambda row: (row.organisation, row.borough, row.from_on))
    for before, row in zip([None, *given], given, strict=False):
        if not _is_text(row.organisation) or row.organisation != row.organisation.strip():
            raise BadRegistration("a row names no organisation")
        if row.borough not in BY_GSS:
            raise BadRegistration(f"{row.borough} is not a borough of Greater Manchester")
        if row.until_on is not None and row.until_on <= row.from_on:
            raise BadRegistration(f"{row.organisation} ends in {row.borough} before it begins")
        if (
            before is not None
            and before[:2] == row[:2]
            and (before.until_on is None or before.until_on > row.from_on)
        ):
            raise BadRegistration(f"{row.organisation} stands in {row.borough} twice on one day")
    connection.execute(delete(tables.workplace))
    if given:
        connection.execute(insert(tables.workplace), [row._asdict() for row in given])
    return _settle(connection, on=on)


def set_posts(connection: Connection, roles: Mapping[str, str], *, on: date) -> int:
    """Role codes and what they mean here, and no others from now on; as `set_workplaces`."""
    for code, role in roles.items():
        if not _is_text(code) or code != code.strip():
            raise BadRegistration("a row names no role code")
        if role not in POSTS:
            raise BadRegistration(f"{role} is no role of staff: {', '.join(POSTS)}")
    connection.execute(delete(tables.post))
    if roles:
        connection.execute(
            insert(tables.post), [{"role_code": code, "role": role} for code, role in roles.items()]
        )
    return _settle(connection, on=on)


def _settle(connection: Connection, *, on: date) -> int:
    """Bring everybody who has signed in to what the tables say now."""
    identity = tables.federated_identity.c
    changed = 0
    for row in connection.execute(
        select(identity.account, identity.organisation, identity.role_code).where(
            identity.organisation.is_not(None)
        )
    ).all():
        role = _role_of(connection, row.role_code)
        boroughs = {} if role is None else _boroughs_of(connection, row.organisation, on=on)
        held: Role = connection.execute(
            select(tables.account.c.role).where(tables.account.c.id == row.account)
        ).scalar_one()
        changed += _work_as(connection, row.account, Work(role or held, boroughs), on=on)
    return changed


def _work_as(connection: Connection, account: str, work: Work, *, on: date) -> bool:
    """The account's role and boroughs; whether they changed, and with them its epoch."""
    held = tables.account_borough.c
    before = {
        row.borough: row.until_on
        for row in connection.execute(select(held.borough, held.until_on).where(held.account == account))
    }
    role = connection.execute(
        select(tables.account.c.role).where(tables.account.c.id == account)
    ).scalar_one()
    if (role, before) == (work.role, dict(work.boroughs)):
        return False
    # No row is of an earlier sign-in: what it gave ended with it.
    connection.execute(delete(tables.account_borough).where(held.account == account))
    for borough, until_on in work.boroughs.items():
        connection.execute(
            insert(tables.account_borough).values(
                account=account, borough=borough, from_on=on, until_on=until_on
            )
        )
    connection.execute(
        update(tables.account)
        .where(tables.account.c.id == account)
        .values(role=work.role, epoch=tables.account.c.epoch + 1)
    )
    return True


def _boroughs_of(connection: Connection, organisation: str, *, on: date) -> dict[str, date | None]:
    row = tables.workplace.c
    found = connection.execute(
        select(row.borough, row.until_on).where(
            row.organisation == organisation,
            row.from_on <= on,
            or_(row.until_on.is_(None), row.until_on > on),
        )
    )
    return {each.borough: each.until_on for each in found}


def _role_of(connection: Connection, code: str) -> Role | None:
    role: Role | None = connection.scalar(select(tables.post.c.role).where(tables.post.c.role_code == code))
    return role if role in POSTS else None


def _account_of(connection: Connection, provider: Provider, subject: str) -> str | None:
    identity = tables.federated_identity.c
    found: str | None = connection.scalar(
        select(identity.account).where(identity.issuer == provider.issuer, identity.subject == subject)
    )
    return found


def _make(connection: Connection, id_: str, *, role: Role, name: str, fhir_user: str | None) -> None:
    connection.execute(
        insert(tables.account).values(
            id=id_, kind="federated", role=role, name=name, fhir_user=fhir_user, epoch=1, active=True
        )
    )


def _bind(connection: Connection, provider: Provider, subject: str, account: str) -> bool:
    """Whether issuer and subject are now the account's, and it had no other identity."""
    bound = connection.execute(
        text(
            "INSERT INTO federated_identity (issuer, subject, account) VALUES (:issuer, :subject, :account)"
            " ON CONFLICT DO NOTHING"
        ),
        {"issuer": provider.issuer, "subject": subject, "account": account},
    )
    return bound.rowcount == 1


def _hash(kind: str, value: str) -> str:
    return hashed(f"adult {kind}:{value}")


def _birth(adult: Adult) -> str:
    return _hash("birth", f"{adult.number} {adult.born_on}")


def _family(adult: Adult) -> str:
    return _hash("family", f"{adult.number} {_folded(adult.family)}")


def _folded(name: str) -> str:
    return " ".join(name.casefold().replace("’", "'").split())


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_TEXT and value.isprintable()


def _name(value: object) -> str:
    return str(value).strip() if _is_text(value) else ""


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
