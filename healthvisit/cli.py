"""Shell commands: `healthvisit <command>`. Each says what it did; none prints a child's name or number.

A command imports what it needs itself: `serve` only starts the processes that do the work, and importing all
that the other commands need took as long as the start of one of them.
"""

import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import click

from healthvisit.access.requester import STAFF, TABLET, Requester, Role
from healthvisit.access.scopes import parse
from healthvisit.config import Settings, packaged

if TYPE_CHECKING:
    from healthvisit.database import Database
    from healthvisit.definitions import Definitions
    from healthvisit.reviews.sheet import Fault

LONDON = ZoneInfo("Europe/London")
# A Monday in the last quarter before the target: the invented caseload is seen in its week.
DEMO_DAY = date(2021, 2, 15)
# Kept, so that the demonstration's time runs on from one start to the next.
OFFSET_FILE = Path("instance/clock-offset-days")
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"
SDS_PROFILE = "https://fhir.nhs.uk/Id/sds-role-profile-id"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
# What a visit needs, and no more.
TABLET_SCOPE = (
    "offline_access user/Patient.rs user/Encounter.crus user/QuestionnaireResponse.crus user/Observation.rs "
    "user/EpisodeOfCare.rs user/Questionnaire.rs user/Organization.rs user/Practitioner.rs "
    "user/PlanDefinition.rs user/CodeSystem.rs user/Provenance.crs"
)


class Shell:
    """What a command needs, made when first asked for."""

    def __init__(self) -> None:
        self.settings = Settings.from_environ()

    @cached_property
    def database(self) -> "Database":
        from healthvisit.database import Database

        return Database(self.settings.owner_database_url or self.settings.database_url)

    @cached_property
    def serving_database(self) -> "Database":
        from healthvisit.database import Database

        return Database(self.settings.database_url)

    @cached_property
    def definitions(self) -> "Definitions":
        from healthvisit import definitions

        return definitions.load(self.settings.definitions_folder, self.settings.instruments())

    def close(self) -> None:
        for name in ("database", "serving_database"):
            if name in self.__dict__:
                self.__dict__[name].dispose()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.settings.clock_offset_days)


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """The early-years developmental record of Greater Manchester."""
    context.obj = Shell()
    context.call_on_close(context.obj.close)


def service(command: str) -> Requester:
    """The service itself, for shell commands alone: no token and no session gives this role."""
    return Requester(account=command, role="service", scopes=parse("system/*.crus"))


@main.command()
@click.pass_obj
def migrate(shell: Shell) -> None:
    """Bring the database to this version's tables."""
    import alembic.command
    import alembic.config

    configuration = alembic.config.Config()
    configuration.set_main_option("script_location", str(packaged("migrations")))
    configuration.attributes["database"] = shell.database
    configuration.attributes["serving"] = shell.settings.serving_login()
    alembic.command.upgrade(configuration, "head")
    click.echo("The database has this version's tables.")


@main.command()
@click.pass_obj
def load_definitions(shell: Shell) -> None:
    """Store the FHIR definitions that have changed; make the keys and register the tablet if they are not yet."""
    from healthvisit.accounts import clients, keys
    from healthvisit.record import record as the_record
    from healthvisit.record.search import rebuild

    keys.ensure(shell.settings.secrets_folder)
    if rebuild.is_needed(shell.database, shell.definitions):
        # Before they are stored: where this is interrupted, it is known to be needed still.
        _reindex(shell)
    with the_record.opened(
        shell.database,
        service("load-definitions"),
        definitions=shell.definitions,
        at=shell.now(),
        writing=True,
    ) as record:
        changed = record.load_definitions(shell.definitions)
    with shell.database.writing() as connection:
        if clients.find(connection, TABLET) is None:
            clients.register(
                connection,
                client_id=TABLET,
                name="Health visiting tablet",
                scope=TABLET_SCOPE,
                redirect_uris=[f"{shell.settings.base_url}/tablet/signed-in"],
                first_party=True,
            )
    click.echo(f"{len(shell.definitions.resources)} definitions stand, {changed} of them new or changed.")


@main.command()
@click.pass_obj
def reindex(shell: Shell) -> None:
    """Make the search rows of the whole record again. load-definitions does it where search parameters changed."""
    _reindex(shell)


def _reindex(shell: Shell) -> None:
    from healthvisit.record.search import rebuild

    done = rebuild.rebuild(shell.database, shell.definitions)
    click.echo(f"The search rows of {done} resources were made again.")


@main.command()
@click.option("--children", default=2000, show_default=True, help="how many, up to 173000")
@click.pass_obj
def seed(shell: Shell, children: int) -> None:
    """Write invented children, their reviews and the demonstration's sign-ins. A second time changes nothing."""
    from healthvisit.synthetic.seed import seed as seed_record

    if shell.settings.mode == "production":
        raise click.UsageError("Invented children have no place in production.")
    begun = time.monotonic()

    def progress(done: int, total: int) -> None:
        if sys.stdout.isatty() or done >= total:
            click.echo(f"\r{done} of {total} children, {time.monotonic() - begun:.0f} s", nl=done >= total)

    seed_record(
        shell.database,
        shell.definitions,
        children=children,
        as_at=DEMO_DAY,
        keys_folder=shell.settings.secrets_folder,
        progress=progress,
    )


@main.command()
@click.argument("quarter")
@click.pass_obj
def close_quarter(shell: Shell, quarter: str) -> None:
    """Freeze the figures of QUARTER, for example "2020-21 Q4". Earlier frozen figures are kept."""
    from healthvisit.programme.dates import Quarter
    from healthvisit.record import record as the_record
    from healthvisit.reviews import national
    from healthvisit.reviews import quarter as quarters

    now = shell.now()
    try:
        asked = Quarter.parse(quarter)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with the_record.opened(
        shell.database, service("close-quarter"), definitions=shell.definitions, at=now, writing=True
    ) as record:
        quarters.close(record, asked, on=now.astimezone(LONDON).date())
        national.close(record, asked, on=now.astimezone(LONDON).date())
    click.echo(f"The figures of {asked} are frozen.")


@main.command()
@click.pass_obj
def import_template(shell: Shell) -> None:
    """Print the first line of a file for `import`; what each column means goes to the standard error."""
    from healthvisit.reviews import backlog

    click.echo(backlog.HEADER)
    for line in backlog.meanings(shell.definitions):
        click.echo(line, err=True)


@main.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--borough", required=True, help="GSS code of the borough whose service did the reviews")
@click.option(
    "--account",
    required=True,
    help="id of the team lead's or safeguarding lead's account who answers for the file",
)
@click.option("--dry-run", is_flag=True, help="only say what would be done with each row")
@click.pass_obj
def import_reviews(shell: Shell, file: IO[bytes], borough: str, account: str, dry_run: bool) -> None:
    """Bring reviews from paper or an older system: a CSV as import-template has it. The same file again adds nothing.

    What is uncertain waits at /staff/imports. Rows and columns are named, never what stands in them. Exit code 1 where
    a row cannot be taken: the others were.
    """
    from contextlib import AbstractContextManager
    from dataclasses import replace

    from healthvisit.record import endings, ids, imported
    from healthvisit.record import record as the_record
    from healthvisit.reviews import backlog, imports, sheet

    _refuse_unknown((borough,))
    now = shell.now()
    on = now.astimezone(LONDON).date()
    who = replace(_acting(shell, account, borough, *endings.LEADS), boroughs=frozenset((borough,)))
    request = ids.next_id()

    def opened(writing: bool) -> AbstractContextManager["the_record.Record"]:
        return the_record.opened(
            shell.serving_database,
            who,
            definitions=shell.definitions,
            at=now,
            writing=writing,
            request=request,
        )

    try:
        read = backlog.read(file.read(sheet.MOST_BYTES + 1), shell.definitions, on=on)
    except sheet.Unreadable as error:
        raise click.ClickException(f"Nothing was imported. {error}") from error
    for fault in read.faults:
        click.echo(_told_of_row(fault))
    counts = dict.fromkeys(_DONE, 0) | {"refused": read.faulty}
    questions = shell.definitions.codes(imported.QUESTIONS)
    for outcome in imports.run(opened, read, borough, dry=dry_run):
        counts[outcome.done] += 1
        if outcome.fault is not None:
            click.echo(_told_of_row(outcome.fault))
        elif dry_run or outcome.question is not None:
            why = "" if outcome.question is None else f" ({questions[outcome.question]})"
            click.echo(f"Row {outcome.number}: {_DONE[outcome.done][dry_run]}{why}.")
    click.echo("; ".join(f"{words[dry_run]}: {counts[done]}" for done, words in _DONE.items()) + ".")
    if counts["refused"]:
        sys.exit(1)


@main.command()
@click.pass_obj
def import_returns_template(shell: Shell) -> None:
    """Print the first line of a file for `import-returns`; what each column means goes to the standard error."""
    from healthvisit.reviews import returns

    click.echo(returns.HEADER)
    for line in returns.meanings(shell.definitions):
        click.echo(line, err=True)


@main.command()
@click.argument("file", type=click.File("rb"))
@click.option("--borough", required=True, help="GSS code of the borough whose books these are")
@click.option(
    "--account", required=True, help="id of the account of an administrator or lead who answers for the file"
)
@click.option("--dry-run", is_flag=True, help="only say what would be done with each quarter")
@click.pass_obj
def import_returns(shell: Shell, file: IO[bytes], borough: str, account: str, dry_run: bool) -> None:
    """Bring a borough's own counts of completed reviews: a CSV as import-returns-template has it.

    All of the file is taken, or nothing where a row cannot be: a count that is under what the record itself holds is
    refused. What stood before is kept beside what comes. Exit code 1 where nothing was taken.
    """
    from dataclasses import replace

    from healthvisit.record import endings
    from healthvisit.record import record as the_record
    from healthvisit.reviews import returns, sheet

    _refuse_unknown((borough,))
    now = shell.now()
    who = _acting(shell, account, borough, "administrator", *endings.LEADS)
    # A return is written by the service itself, in the name of who answers for it: it counts what no team may see whole.
    writer = replace(service(who.account), boroughs=frozenset((borough,)))
    try:
        with the_record.opened(
            shell.database, writer, definitions=shell.definitions, at=now, writing=not dry_run
        ) as record:
            found = returns.bring(record, file.read(sheet.MOST_BYTES + 1), borough, dry=dry_run)
    except sheet.Unreadable as error:
        raise click.ClickException(f"Nothing was taken. {error}") from error
    for fault in found.faults:
        click.echo(_told_of_row(fault))
    if found.faults:
        click.echo("Nothing was taken.")
        sys.exit(1)
    for quarter, stood in found.quarters:
        taken = "would be taken" if dry_run else "taken"
        click.echo(f"{quarter}: {'stands so already' if stood else taken}.")


def _acting(shell: Shell, account: str, borough: str, *roles: Role) -> Requester:
    """Who has this account today. Raises UsageError unless it has one of the roles in the borough."""
    from healthvisit.access.scopes import Scope
    from healthvisit.accounts import people
    from healthvisit.accounts.errors import NotAdmitted

    on = shell.now().astimezone(LONDON).date()
    try:
        with shell.serving_database.reading() as connection:
            who = people.acting(connection, account, on=on, scopes=(Scope("user", "*", "cruds"),))
    except NotAdmitted:
        raise click.UsageError("There is no such account.") from None
    if who.role not in roles or borough not in who.boroughs:
        raise click.UsageError(f"The account is not of the {' or '.join(roles)} of this borough.")
    return who


# What became of a row, and what would.
_DONE = {
    "imported": ("imported", "would be imported"),
    "waits": ("waits for a decision at /staff/imports", "would wait for a decision at /staff/imports"),
    "came-before": ("came before", "came before"),
    "refused": ("cannot be taken", "cannot be taken"),
}


def _told_of_row(fault: "Fault") -> str:
    column = f", column {fault.column}" if fault.column else ""
    return f"Row {fault.row}{column}: {fault.text}."


@main.command()
@click.argument("quarter")
@click.pass_obj
def rederive(shell: Shell, quarter: str) -> None:
    """Count the frozen figures of QUARTER again from the rows and say which differ (exit code 1). Nothing is changed."""
    from healthvisit.programme.dates import Quarter
    from healthvisit.record import record as the_record
    from healthvisit.reviews import rederived

    try:
        asked = Quarter.parse(quarter)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with the_record.opened(
        shell.database, service("rederive"), definitions=shell.definitions, at=shell.now()
    ) as record:
        found = rederived.of_quarter(record, asked)
    if not found.numbers:
        raise click.ClickException(f"No figure of {asked} is frozen.")
    for each in found.differences:
        click.echo(
            f"{each.group}\t{each.reporter}\t{each.number}\tfrozen {each.frozen}\tfrom the rows {each.now}"
        )
    said = f"{found.numbers} numbers of {asked} were counted again from the rows"
    if found.differences:
        raise click.ClickException(f"{said}; not the same: {len(found.differences)}.")
    click.echo(f"{said}; none differs.")


@main.command()
@click.pass_obj
def forget(shell: Shell) -> None:
    """Delete tokens, keys and signed assertions that have ended; run it daily. No part of a child's record is
    touched."""
    from healthvisit.accounts import clients, keys, launches, providers, tokens

    at = datetime.now(UTC)
    with shell.database.writing() as connection:
        tokens.forget(connection, at=at)
        launches.forget(connection, at=at)
        providers.forget(connection, at=at)
        clients.forget_assertions(connection, at=at)
    keys.drop_ended(shell.settings.secrets_folder, at=at)
    click.echo("What had ended is forgotten.")


@main.command()
@click.option("--from", "first", default=0, help="seq of the event to begin at; what came before is believed")
@click.option(
    "--witnessed",
    type=click.File("rb"),
    help="what audit-head has printed, one a line, as it was kept elsewhere",
)
@click.option(
    "--keys",
    "kept",
    type=click.File("rb"),
    help="JWK Set of keys that signed those lines and were turned since",
)
@click.pass_obj
def audit_verify(shell: Shell, first: int, witnessed: IO[bytes] | None, kept: IO[bytes] | None) -> None:
    """Look whether an event of the audit was changed, removed, added or moved; exit code 1 names the first."""
    from healthvisit.accounts import witness
    from healthvisit.record import chain

    told = {}
    if witnessed is not None:
        try:
            told = witness.read(shell.settings.secrets_folder, witnessed, kept.read() if kept else None)
        except witness.Unbelieved as error:
            raise click.ClickException(str(error)) from error
    begun = time.monotonic()
    found = chain.verify(shell.database, first=first, witnessed=told)
    passed = max(time.monotonic() - begun, 0.001)
    click.echo(
        f"{found.chained} events in {found.streams} streams and {found.anchors} anchors were looked at in "
        f"{passed:.1f} s ({found.chained / passed:.0f} events/s)."
    )
    if found.unchained:
        click.echo(f"{found.unchained} events are from before the chain began.")
    if found.broken is not None:
        where = [
            f"{name} {value}"
            for name, value in (
                ("seq", found.broken.seq),
                ("stream", found.broken.stream),
                ("place", found.broken.place),
            )
            if value is not None
        ]
        click.echo(
            " ".join(["BROKEN:", *([f"event ({', '.join(where)})"] if where else []), found.broken.what])
        )
        sys.exit(1)
    click.echo("Each follows the one before it.")


@main.command()
@click.pass_obj
def audit_head(shell: Shell) -> None:
    """Tie the audit as it stands now and print its head, signed: to be kept where this service cannot reach."""
    from healthvisit.accounts import witness
    from healthvisit.record import chain, instants

    # The machine's own time, also in a demonstration: it is the machine that is watched.
    anchor = chain.anchor(shell.database, recorded_at=instants.micros(datetime.now(UTC)))
    click.echo(
        witness.signed(
            shell.settings.secrets_folder,
            witness.Head(
                issuer=shell.settings.base_url,
                number=anchor.number,
                hash=anchor.hash,
                through=anchor.through,
                recorded_at=instants.text(anchor.recorded_at),
            ),
        )
    )


@main.command()
@click.argument("child")
@click.pass_obj
def who_saw(shell: Shell, child: str) -> None:
    """Every event about CHILD, the id of a Patient: for whoever answers for the record. Asking is an event too."""
    from healthvisit.record import audit, instants

    found = audit.who_saw(shell.database, service("who-saw"), child, at=shell.now())
    if found is None:
        raise click.ClickException("There is no such Patient.")
    for each in found:
        click.echo(
            "\t".join(
                (
                    instants.text(each.recorded_at),
                    each.account,
                    each.role,
                    each.boroughs or "-",
                    each.client or "-",
                    # v3-ActReason: the glass was broken.
                    f"{each.interaction} BTG" if each.opened else each.interaction,
                    each.type or "-",
                    audit.OUTCOMES[each.outcome],
                )
            )
        )


@main.command()
@click.pass_obj
def unanswered_visits(shell: Shell) -> None:
    """Visits that tablets handed in and that nobody is shown, as no team answers for the child: by ids alone."""
    from healthvisit.record import instants, late
    from healthvisit.record import record as the_record

    with the_record.opened(
        shell.database, service("unanswered-visits"), definitions=shell.definitions, at=shell.now()
    ) as record:
        found = late.unanswered(record)
    for each in found:
        received = instants.text(instants.micros(each.received_at))
        click.echo("\t".join((received, each.from_borough, f"Patient/{each.child}", each.id)))
    if not found:
        click.echo("For every child of whom a visit waits there is a team that answers.", err=True)


@main.command()
@click.argument("child")
@click.option("--borough", required=True, help="GSS code of the borough whose service answers from today")
@click.pass_obj
def adopt(shell: Shell, child: str, borough: str) -> None:
    """Seal the record of CHILD, the id of a Patient, and make a new one that nobody can trace to it.

    Asks for the new NHS number and name, so that they stand in no history of commands and no list of processes.
    It cannot be undone.
    """
    from healthvisit.accounts import relationships
    from healthvisit.programme import nhs_number
    from healthvisit.record import adoption
    from healthvisit.record import record as the_record
    from healthvisit.record.errors import RecordError

    _refuse_unknown((borough,))
    number = str(click.prompt("New NHS number")).replace(" ", "")
    if not nhs_number.is_valid(number):
        raise click.UsageError("That is not an NHS number.")
    given = str(click.prompt("New given names, with spaces between")).split()
    family = str(click.prompt("New family name")).strip()
    if not given or not family:
        raise click.UsageError("A child has a given and a family name.")
    click.confirm("The old record will be sealed for everybody. This cannot be undone. Go on?", abort=True)
    at = datetime.now(UTC)
    try:
        with the_record.opened(
            shell.database,
            service("enter-child"),
            definitions=shell.definitions,
            at=shell.now(),
            writing=True,
        ) as record:
            made = adoption.adopt(
                record,
                child,
                adoption.Person(number, family, tuple(given), borough),
                besides=lambda connection: relationships.end_all(connection, child=child, at=at),
            )
    except RecordError as error:
        raise click.ClickException("; ".join(issue.diagnostics for issue in error.issues)) from None
    click.echo(f"The old record is sealed. The new one is Patient/{made.child}.")
    click.echo(f"{made.carried} papers were copied; {made.left} stay sealed.")


@main.group()
def relationship() -> None:
    """Which adult may see which child."""


@relationship.command("list")
@click.argument("child")
@click.pass_obj
def relationship_list(shell: Shell, child: str) -> None:
    """Every adult's account that may, or once might, see CHILD, the id of a Patient. Asking is an event too."""
    from healthvisit.accounts import relationships
    from healthvisit.record import audit

    with shell.database.writing() as connection:
        if (
            audit.of_command(
                connection, service("relationship-list"), child, "relationship-list", at=shell.now()
            )
            is None
        ):
            raise click.ClickException("There is no such Patient.")
        found = relationships.of_child(connection, child)
    for each in found:
        until = "withdrawn" if each.withdrawn else str(each.until_on or "-")
        click.echo(f"{each.account}\t{each.from_on}\t{until}")


@relationship.command("end")
@click.option("--account", required=True, help="id of the adult's account, as relationship list has it")
@click.option("--child", required=True, help="id of the Patient")
@click.pass_obj
def relationship_end(shell: Shell, account: str, child: str) -> None:
    """From the next request on the adult and their apps see the child no more. Other adults are untouched."""
    from healthvisit.accounts import events, relationships
    from healthvisit.record import audit, ids

    at = datetime.now(UTC)
    with shell.database.writing() as connection:
        if not relationships.withdraw(connection, account=account, child=child, at=at):
            raise click.ClickException("This account has no standing relationship with this child.")
        events.add(connection, "end-relationship", "done", at=at, request=ids.next_id(), account=account)
        audit.of_command(connection, service("relationship-end"), child, "relationship-end", at=shell.now())
    click.echo("It is ended.")


@main.command()
@click.option("--at-once", is_flag=True, help="a key was stolen: every token is refused on its next use")
@click.pass_obj
def turn_keys(shell: Shell, at_once: bool) -> None:
    """Make a new key for tokens. The service takes it up at once; tokens of the keys before live out their time."""
    from healthvisit.accounts import keys

    kid = keys.turn(shell.settings.secrets_folder, at=datetime.now(UTC), at_once=at_once)
    before = "are believed no more" if at_once else "are believed until their tokens have expired"
    click.echo(f"Tokens are signed with the key {kid}; those before {before}.")


@main.group()
def person() -> None:
    """Accounts of staff, administrators, support and commissioners; parents have theirs by their children."""


@person.command("add")
@click.option(
    "--role", required=True, type=click.Choice([*STAFF, "administrator", "support", "commissioner"])
)
@click.option("--name", required=True, help="what pages call them")
@click.option(
    "--borough", "boroughs", multiple=True, help="GSS code; staff and administrators work for one or more"
)
@click.option(
    "--practitioner", default=None, help="id of their Practitioner, which the tablet of staff needs"
)
@click.option(
    "--sign-in-name", default=None, help="demo only: they sign in with it, and the password asked for next"
)
@click.pass_obj
def person_add(
    shell: Shell,
    role: Role,
    name: str,
    boroughs: tuple[str, ...],
    practitioner: str | None,
    sign_in_name: str | None,
) -> None:
    """Make an account for a person, from today on; prints its id."""
    from healthvisit.accounts import people
    from healthvisit.accounts.errors import BadRegistration

    _refuse_unknown(boroughs)
    if bool(boroughs) != (role in (*STAFF, "administrator")):
        raise click.UsageError("Staff and administrators work for a borough, and nobody else does.")
    if sign_in_name is not None and shell.settings.mode == "production":
        raise click.UsageError("Nobody signs in with a password in production.")
    password = None
    if sign_in_name is not None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        with shell.database.writing() as connection:
            account = people.create_account(
                connection,
                role=role,
                name=name,
                sign_in_name=sign_in_name,
                password=password,
                fhir_user=f"Practitioner/{practitioner}" if practitioner else None,
                boroughs=boroughs,
                from_on=shell.now().astimezone(LONDON).date(),
            )
    except BadRegistration as error:
        raise click.UsageError(f"The account was not made: {error}") from error
    click.echo(account)


def _refuse_unknown(boroughs: tuple[str, ...]) -> None:
    from healthvisit.programme.boroughs import BY_GSS

    unknown = set(boroughs) - set(BY_GSS)
    if unknown:
        raise click.UsageError(f"not a borough of Greater Manchester: {', '.join(sorted(unknown))}")


@person.command("link")
@click.argument("related_person")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help="first day on which the adult no longer sees the child",
)
@click.pass_obj
def person_link(shell: Shell, related_person: str, until: datetime | None) -> None:
    """From today on the adult of RELATED_PERSON, an id, sees the child that it names, signing in through NHS login.

    For whoever has verified the relationship. The resource has the adult's NHS number, date of birth and family
    name, by which they are known when they sign in; prints the id of their account.
    """
    from healthvisit.accounts import events, federated
    from healthvisit.accounts.errors import BadRegistration
    from healthvisit.record import ids
    from healthvisit.record import record as the_record
    from healthvisit.record.errors import RecordError

    try:
        with the_record.opened(
            shell.database, service("person-link"), definitions=shell.definitions, at=shell.now()
        ) as record:
            known = record.read("RelatedPerson", related_person).json()
    except RecordError as error:
        raise click.ClickException("There is no such RelatedPerson.") from error
    if known.get("active") is False or "end" in known.get("period", {}):
        raise click.ClickException("This relationship is over in the record.")
    numbers = {each.get("value") for each in known.get("identifier", ()) if each.get("system") == NHS_NUMBER}
    names = (name for name in known.get("name", ()) if name.get("use") in (None, "official", "usual"))
    name: dict[str, Any] = next(names, {})
    try:
        with shell.database.writing() as connection:
            account = federated.link(
                connection,
                federated.Adult(
                    number=numbers.pop() if len(numbers) == 1 else "",
                    born_on=known.get("birthDate", ""),
                    family=name.get("family", ""),
                    given=" ".join(name.get("given", ())),
                ),
                child=known["patient"]["reference"].rpartition("Patient/")[2],
                related_person=related_person,
                from_on=shell.now().astimezone(LONDON).date(),
                until_on=until.date() if until else None,
            )
            events.add(
                connection,
                "link",
                "done",
                at=datetime.now(UTC),
                request=ids.next_id(),
                account=account,
            )
    except BadRegistration as error:
        raise click.ClickException(f"They were not linked: {error}") from error
    click.echo(account)


@main.group()
def provider() -> None:
    """The identity providers that people sign in through, of the file that HEALTHVISIT_IDENTITY_PROVIDERS names."""


@provider.command("key")
@click.argument("name")
@click.pass_obj
def provider_key(shell: Shell, name: str) -> None:
    """Print the public JWK Set to register with the provider NAME; the key is made where there is none yet."""
    import json

    from healthvisit.accounts import keys, providers

    try:
        found = providers.read(
            shell.settings.identity_providers, production=shell.settings.mode == "production"
        )
        if name not in found:
            raise click.UsageError("The file names no such provider.")
        keys.ensure(shell.settings.secrets_folder)
        click.echo(json.dumps(providers.make_key(shell.settings.secrets_folder, found[name])))
    except (providers.BadProvider, keys.Missing) as error:
        raise click.ClickException(str(error)) from error


@provider.command("workplaces")
@click.argument("file", type=click.File("r", "utf-8-sig"))
@click.pass_obj
def provider_workplaces(shell: Shell, file: IO[str]) -> None:
    """In which boroughs each organisation works: a CSV with organisation,borough,from,until. It takes the place of
    the one before, and whose work it changes is signed out.

    organisation: ODS code. borough: GSS code. from, until: days, YYYY-MM-DD; until is the first day after, or empty.
    """
    from healthvisit.accounts import federated
    from healthvisit.accounts.errors import BadRegistration

    rows = _rows(file, ("organisation", "borough", "from", "until"))
    on = shell.now().astimezone(LONDON).date()
    try:
        given = [
            federated.Workplace(
                row["organisation"],
                row["borough"],
                date.fromisoformat(row["from"]),
                date.fromisoformat(row["until"]) if row["until"] else None,
            )
            for row in rows
        ]
        with shell.database.writing() as connection:
            changed = federated.set_workplaces(connection, given, on=on)
    except (BadRegistration, ValueError) as error:
        raise click.ClickException(f"The table is as it was: {error}") from error
    click.echo(f"{len(given)} rows stand; the work of {changed} people changed.")


@provider.command("roles")
@click.argument("file", type=click.File("r", "utf-8-sig"))
@click.pass_obj
def provider_roles(shell: Shell, file: IO[str]) -> None:
    """What each role code of staff means here: a CSV with role_code,role. It takes the place of the one before, and
    whose work it changes is signed out."""
    from healthvisit.accounts import federated
    from healthvisit.accounts.errors import BadRegistration

    rows = _rows(file, ("role_code", "role"))
    roles = {row["role_code"]: row["role"] for row in rows}
    try:
        if len(roles) < len(rows):
            raise BadRegistration("a role code stands twice")
        with shell.database.writing() as connection:
            changed = federated.set_posts(connection, roles, on=shell.now().astimezone(LONDON).date())
    except BadRegistration as error:
        raise click.ClickException(f"The table is as it was: {error}") from error
    click.echo(f"{len(roles)} rows stand; the work of {changed} people changed.")


@provider.command("staff")
@click.argument("file", type=click.File("r", "utf-8-sig"))
@click.pass_obj
def provider_staff(shell: Shell, file: IO[str]) -> None:
    """Enter staff in the record: a CSV with user,profile,organisation,given,family. Who is there already is left.

    user: SDS user id. profile: SDS role profile id. organisation: ODS code. Whoever signs in is known by the first
    as a Practitioner: whose caseload a tablet carries, and who an app is told that they are.
    """
    from healthvisit.record import record as the_record
    from healthvisit.record.errors import RecordError

    rows = _rows(file, ("user", "profile", "organisation", "given", "family"))
    if not all(value.strip() for row in rows for value in row.values()):
        raise click.ClickException("Nobody was entered: a value is missing.")

    def found(system: str, value: str) -> str:
        return urlencode({"identifier": f"{system}|{value}"})

    try:
        with the_record.opened(
            shell.database,
            service("provider-staff"),
            definitions=shell.definitions,
            at=shell.now(),
            writing=True,
        ) as record:
            for row in rows:
                person = record.create(
                    "Practitioner",
                    {
                        "resourceType": "Practitioner",
                        "identifier": [{"system": SDS_USER, "value": row["user"]}],
                        "active": True,
                        "name": [{"family": row["family"], "given": row["given"].split()}],
                    },
                    if_none_exist=found(SDS_USER, row["user"]),
                )
                record.create(
                    "PractitionerRole",
                    {
                        "resourceType": "PractitionerRole",
                        "identifier": [{"system": SDS_PROFILE, "value": row["profile"]}],
                        "active": True,
                        "practitioner": {"reference": f"Practitioner/{person.version.id}"},
                        "organization": {"identifier": {"system": ODS, "value": row["organisation"]}},
                    },
                    if_none_exist=found(SDS_PROFILE, row["profile"]),
                )
    except RecordError as error:
        said = "; ".join(issue.diagnostics for issue in error.issues)
        raise click.ClickException(f"Nobody was entered: {said}") from error
    click.echo(f"{len(rows)} rows stand in the record.")


def _rows(file: IO[str], columns: tuple[str, ...]) -> list[dict[str, str]]:
    import csv

    read = csv.DictReader(file, strict=True, restkey="more")
    try:
        rows = list(read)
    except csv.Error as error:
        raise click.ClickException(f"It is no CSV: {error}") from error
    if tuple(read.fieldnames or ()) != columns or any("more" in row or None in row.values() for row in rows):
        raise click.ClickException(f"The columns are {','.join(columns)}.")
    return rows


@main.group()
def client() -> None:
    """Apps and systems that may ask for tokens. Nobody else can register one."""


@client.command("add")
@click.option("--name", required=True, help="what people are told when they are asked to allow it")
@click.option("--scope", default="", help="the most it may ask for, SMART scopes with spaces between")
@click.option(
    "--redirect-uri", "redirect_uris", multiple=True, help="compared as exact text; may be repeated"
)
@click.option("--launch-uri", default=None, help="where health visitors open it for one child")
@click.option("--jwks", "jwks_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
              help="file with its public JWK Set: RSA of 2048 bits or more, or EC P-384")  # fmt: skip
@click.option("--borough", "boroughs", multiple=True, help="GSS code; of a system that acts for itself")
@click.option("--introspects", is_flag=True, help="a resource server: it may ask about every app's tokens")
@click.option("--client-id", default=None, help="made up where it is not given")
@click.pass_obj
def client_add(
    shell: Shell,
    name: str,
    scope: str,
    redirect_uris: tuple[str, ...],
    launch_uri: str | None,
    jwks_file: Path | None,
    boroughs: tuple[str, ...],
    introspects: bool,
    client_id: str | None,
) -> None:
    """Register an app of people (--redirect-uri), or a system (--jwks and --borough); prints its client id."""
    import json

    from healthvisit.accounts import clients, people
    from healthvisit.accounts.errors import BadRegistration

    _refuse_unknown(boroughs)
    try:
        jwks = None if jwks_file is None else json.loads(jwks_file.read_text("utf-8"))
        if jwks is not None and not isinstance(jwks, dict):
            raise BadRegistration("a JWK Set is a JSON object")
        with shell.database.writing() as connection:
            account = None
            if boroughs:
                account = people.create_account(
                    connection,
                    role="system-client",
                    name=name,
                    boroughs=boroughs,
                    from_on=shell.now().astimezone(LONDON).date(),
                )
            found = clients.register(
                connection,
                name=name,
                scope=scope,
                redirect_uris=redirect_uris,
                launch_uri=launch_uri,
                jwks=jwks,
                account=account,
                introspects=introspects,
                client_id=client_id,
            )
    except (BadRegistration, json.JSONDecodeError) as error:
        raise click.UsageError(f"It was not registered: {error}") from error
    click.echo(found)


@client.command("list")
@click.pass_obj
def client_list(shell: Shell) -> None:
    """Every app that was registered, with the most that it may ask for."""
    from healthvisit.accounts import clients

    with shell.database.reading() as connection:
        found = clients.everything(connection)
    for app, is_active in found:
        kind = "system" if app.account else "resource server" if app.introspects else "app"
        standing = "" if is_active else " (disabled)"
        click.echo(f"{app.client_id}{standing}\t{kind}\t{app.name}\t{app.scope}")


@client.command("disable")
@click.argument("client_id")
@click.pass_obj
def client_disable(shell: Shell, client_id: str) -> None:
    """Every token of CLIENT_ID is refused on its next use, and it is given no other."""
    from healthvisit.accounts import clients

    with shell.database.writing() as connection:
        if clients.find(connection, client_id) is None:
            raise click.UsageError("No app of this client id is active.")
        clients.close(connection, client_id)
    click.echo(f"{client_id} is disabled.")


@main.command()
@click.pass_obj
def export_worker(shell: Shell) -> None:
    """Make the exports that apps ask for, until stopped with Ctrl-C."""
    from healthvisit import exports

    if shell.serving_database.is_sqlite:
        # Two writing processes can corrupt a WAL file below SQLite 3.51.3 (decision 11).
        raise click.UsageError("On SQLite the service itself makes the exports.")
    exports.Worker(shell.settings, shell.serving_database, shell.definitions, lambda: datetime.now(UTC)).run()


@main.command()
@click.option("--port", default=8000, show_default=True)
@click.option("--threads", default=4, show_default=True, help="requests answered at once by each process")
@click.option("--processes", default=None, type=int, help="default 1 on SQLite, one a core on PostgreSQL")
@click.pass_obj
def serve(shell: Shell, port: int, threads: int, processes: int | None) -> None:
    """Serve until stopped with Ctrl-C."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    sqlite = shell.settings.database_url.startswith("sqlite")
    if sqlite and processes not in (None, 1):
        # Two writing processes can corrupt a WAL file below SQLite 3.51.3 (decision 11).
        raise click.UsageError("SQLite is served by one process.")
    Granian(
        "healthvisit.app:served",
        address="127.0.0.1" if shell.settings.mode == "demo" else "0.0.0.0",  # noqa: S104 - behind a proxy
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=1 if sqlite else processes or os.cpu_count() or 1,
        blocking_threads=threads,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve()


@main.command()
@click.option("--children", default=2000, show_default=True, help="invented children, up to 173000")
@click.option(
    "--database", "url", default=None, help="a postgresql+psycopg:// URL instead of the SQLite file"
)
@click.option("--port", default=8000, show_default=True)
@click.pass_context
def demo(context: click.Context, children: int, url: str | None, port: int) -> None:
    """Make or reuse a demonstration in instance/, serve it, and print what to open. What scripts/run does."""
    from healthvisit.synthetic import demo as demonstration

    os.environ["HEALTHVISIT_MODE"] = "demo"
    os.environ["HEALTHVISIT_BASE_URL"] = f"http://127.0.0.1:{port}"
    os.environ["HEALTHVISIT_CLOCK_OFFSET_DAYS"] = str(_clock_offset_days(datetime.now(UTC).date()))
    if url is not None:
        os.environ["HEALTHVISIT_DATABASE_URL"] = url
    shell = context.obj = Shell()
    context.call_on_close(shell.close)
    context.invoke(migrate)
    context.invoke(load_definitions)
    context.invoke(seed, children=children)
    shell.database.dispose()
    address = shell.settings.base_url
    click.echo(f"""
Open {address}/

  Health visitors  {address}/tablet/
  Parents          {address}/parents/
  Commissioners    {address}/commissioning/
  Apps             {address}/fhir/metadata

Sign in as (every child and every number is invented):""")
    for each in demonstration.SIGN_INS:
        if each.password is not None:
            click.echo(f"  {each.who:38} {each.name:14} {each.password}")
        else:
            click.echo(f"  {each.who:38} {each.name}, with the key in {shell.settings.secrets_folder}/")
    click.echo("\nCtrl-C stops it; what is recorded is kept in instance/ for the next time.", nl=True)
    sys.stdout.flush()
    context.invoke(serve, port=port)


def _clock_offset_days(today: date) -> int:
    """Days from the real calendar to the demonstration's, which begins in DEMO_DAY's week on today's weekday."""
    if not OFFSET_FILE.exists():
        first = DEMO_DAY + timedelta(days=today.weekday())
        OFFSET_FILE.parent.mkdir(parents=True, exist_ok=True)
        OFFSET_FILE.write_text(f"{(first - today).days}\n")
    return int(OFFSET_FILE.read_text())


if __name__ == "__main__":
    main()
