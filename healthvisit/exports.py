"""The export worker: takes up what was asked of the record, as the person or app that asked stands now.

Joins the record, which knows jobs and resources, and the accounts, which know who may still have them.
Visitors are the app, which works beside its requests, and the command `healthvisit export-worker`.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from healthvisit.access.requester import Requester
from healthvisit.access.scopes import parse
from healthvisit.accounts import clients, errors, people
from healthvisit.config import Settings
from healthvisit.database import Database, Unavailable
from healthvisit.definitions import Definitions
from healthvisit.record import export, ownership
from healthvisit.record.export import Job, Withdrawn

POLL_S = 2

log = logging.getLogger(__name__)


class Worker:
    """One job at a time, until it is stopped."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        definitions: Definitions,
        clock: Callable[[], datetime],
    ) -> None:
        def now() -> datetime:
            return clock() + timedelta(days=settings.clock_offset_days)

        def requester(job: Job) -> Requester:
            """Who asked, as the account stands now. Raises Withdrawn."""
            # The token that asked may have ended meanwhile; its account, epoch and app must stand.
            with database.reading() as connection:
                if clients.find(connection, job.client) is None:
                    raise Withdrawn
                try:
                    found = people.requester_for(
                        connection,
                        job.account,
                        on=ownership.london_date(now()),
                        scopes=parse(job.scopes),
                        client=None,
                        epoch=job.epoch,
                    )
                except errors.NotAdmitted as error:
                    raise Withdrawn from error
            return replace(found, client=job.client)

        self.work = export.Work(
            database,
            definitions,
            settings.export_folder,
            timedelta(hours=settings.export_hours),
            requester,
            now,
            clock,
        )
        self._stopped = threading.Event()

    def once(self) -> bool:
        """Do one job, if there is one; whether there was."""
        at = self.work.clock()
        if not export.waiting(self.work.database, at=at):
            return False
        export.forget(self.work)
        job = export.take(self.work.database, at=at)
        if job is None:
            return False
        try:
            export.do(self.work, job)
        except Unavailable:
            # The lease ends by itself, and the job is taken up again.
            raise
        except Exception as error:
            # The requester is told that it failed; the next requester's export is still done. The log is told the
            # type and place alone: a message or a local value could name a child.
            nameless = Exception(type(error).__name__).with_traceback(error.__traceback__)
            log.error("export %s failed: %s", job.id, type(error).__name__, exc_info=nameless)
            export.fail(self.work, job)
        return True

    def run(self) -> None:
        """Work until `stop`."""
        while not self._stopped.is_set():
            try:
                worked = self.once()
            except Unavailable:
                worked = False
            if not worked:
                self._stopped.wait(POLL_S)

    def start(self) -> threading.Thread:
        """Work in a thread that ends with the process: what it leaves is taken up by the next."""
        thread = threading.Thread(target=self.run, name="exports", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stopped.set()
