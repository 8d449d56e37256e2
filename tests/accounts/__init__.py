from datetime import datetime

from sqlalchemy import Connection

from healthvisit.accounts import clients, people, tokens


def a_family(connection: Connection, *, at: datetime, scope: str = "user/Patient.rs") -> tokens.Family:
    """What one nurse granted to one app."""
    account = people.create_account(connection, role="health-visitor", name="Gemma")
    client = clients.register(
        connection, name="Reader", scope=scope, redirect_uris=["https://reader.example/cb"]
    )
    return tokens.open_family(
        connection, account=account, client=client, scope=scope, epoch=1, at=at, life_s=3600
    )
