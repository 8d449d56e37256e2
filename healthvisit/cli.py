"""Shell commands: `healthvisit <command>`. Each says what it did; none prints a child's name or number."""

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import alembic.command
import alembic.config
import click

from healthvisit import accounts, definitions, synthetic
from healthvisit.access.requester import Requester
from healthvisit.access.scopes import parse
from healthvisit.config import Settings, packaged
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.faces import sign_in
from healthvisit.programme import dates
from healthvisit.record import record as the_record
from healthvisit.reviews import quarter as quarters

# A Monday in the last quarter before the target: the day on which the invented caseload is seen.
DEMO_DAY = date(2021, 2, 15)
LONDON = ZoneInfo("Europe/London")


class Shell:
    """What a command needs, made when first asked for."""

    def __init__(self) -> None:
        self.settings = Settings.from_environ()

    @property
    def database(self) -> Database:
        return Database(self.settings.database_url)

    @property
    def definitions(self) -> Definitions:
        return definitions.load(self.settings.definitions_folder, self.settings.instruments())

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.settings.clock_offset_days)


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """The early-years developmental record of Greater Manchester."""
    context.obj = Shell()


def service(command: str) -> Requester:
    """The service itself, for shell commands alone: no token and no session gives this role."""
    return Requester(account=command, role="service", scopes=parse("system/*.crus"))


@main.command()
@click.pass_obj
def migrate(shell: Shell) -> None:
    """Bring the database to this version's tables."""
    configuration = alembic.config.Config()
    configuration.set_main_option("script_location", str(packaged("migrations")))
    configuration.attributes["database"] = shell.database
    alembic.command.upgrade(configuration, "head")
    click.echo("The database has this version's tables.")


@main.command()
@click.pass_obj
def load_definitions(shell: Shell) -> None:
    """Store the FHIR definitions that have changed, and make the token signing keys where there are none."""
    sign_in.keys.ensure(shell.settings.secrets_folder)
    found = shell.definitions
    with the_record.opened(
        shell.database, service("load-definitions"), definitions=found, at=shell.now(), writing=True
    ) as record:
        record.load_definitions(found)
    click.echo(f"{len(found.resources)} definitions stand at {shell.settings.fhir_base}.")


@main.command()
@click.argument("quarter")
@click.pass_obj
def close_quarter(shell: Shell, quarter: str) -> None:
    """Freeze the figures of QUARTER, for example "2020-21 Q4". Earlier frozen figures are kept."""
    now = shell.now()
    with the_record.opened(
        shell.database, service("close-quarter"), definitions=shell.definitions, at=now, writing=True
    ) as record:
        quarters.close(record, dates.Quarter.parse(quarter), on=now.astimezone(LONDON).date())
    click.echo(f"The figures of {quarter} are frozen.")


@main.command()
@click.option("--port", default=8000, show_default=True)
@click.option("--threads", default=4, show_default=True, help="requests answered at once by each process")
@click.option("--processes", default=None, type=int, help="default 1 on SQLite, one a core on PostgreSQL")
@click.pass_obj
def serve(shell: Shell, port: int, threads: int, processes: int | None) -> None:
    """Serve until stopped."""
    from granian import Granian
    from granian.constants import Interfaces

    sqlite = shell.settings.database_url.startswith("sqlite")
    if sqlite and processes not in (None, 1):
        # Two writing processes can corrupt a WAL file below SQLite 3.51.3 (decision 11).
        raise click.UsageError("SQLite is served by one process.")
    Granian(
        "healthvisit.app:create_app",
        address="127.0.0.1" if shell.settings.mode == "demo" else "0.0.0.0",  # noqa: S104 - a container's port
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=1 if sqlite else processes or os.cpu_count() or 1,
        blocking_threads=threads,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type]
    ).serve()


if __name__ == "__main__":
    main()
