"""One permanent answer per tablet operation, so that a repeated sync changes nothing (decision 6).

A lost reply, a replay, a second tablet with the same copy: whoever sends an operation again gets the first
answer, byte for byte, for ever. It is kept in the same transaction as what it answers for.
"""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from healthvisit.record import instants
from healthvisit.record.errors import Issue, Unprocessable
from healthvisit.record.tables import receipt


def first_answer(connection: Connection, account: str, operation: str, request_hash: str) -> bytes | None:
    """The answer that this account's operation got, or None where it has not happened.

    Raises Unprocessable where it came with another request: one of the two would be lost unseen.
    """
    row = connection.execute(
        select(receipt.c.request_hash, receipt.c.answer).where(
            receipt.c.account == account, receipt.c.operation == operation
        )
    ).one_or_none()
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise Unprocessable((Issue("duplicate", "This operation was sent before with another content."),))
    return bytes(row.answer)


def keep(
    connection: Connection, account: str, operation: str, request_hash: str, answer: bytes, at: datetime
) -> None:
    connection.execute(
        insert(receipt).values(
            account=account,
            operation=operation,
            request_hash=request_hash,
            received_at=instants.micros(at),
            answer=answer,
        )
    )
