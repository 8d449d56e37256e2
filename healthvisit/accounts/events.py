"""What happened at the sign-in desk: who signed in, what an app was given or refused, what was taken back.

Rows are added, in the transaction of what they tell of, and never changed. Accounts and apps by id: no name,
no address, no token.
"""

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert

from healthvisit.accounts import tables
from healthvisit.accounts.tables import microseconds

Kind = Literal[
    "sign-in", "sign-out", "consent", "launch", "token", "revoke", "end-session", "end-app", "link",
    "end-relationship",
]  # fmt: skip
# held: too many attempts, so that nothing was looked at
Outcome = Literal["done", "refused", "held"]


def add(
    connection: Connection,
    kind: Kind,
    outcome: Outcome,
    *,
    at: datetime,
    request: str,
    account: str | None = None,
    client: str | None = None,
) -> None:
    """account, client: ids, None where what was shown names nobody. request: as the record's audit has it."""
    connection.execute(
        insert(tables.account_event).values(
            at=microseconds(at), kind=kind, outcome=outcome, account=account, client=client, request=request
        )
    )
