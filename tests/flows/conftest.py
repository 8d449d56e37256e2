from collections.abc import Iterator
from pathlib import Path

import pytest

from healthvisit.accounts import clients
from healthvisit.cli import DEMO_DAY, TABLET, TABLET_SCOPE
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record import record as the_record
from healthvisit.synthetic.seed import seed
from tests import builders
from tests.conftest import Copy, _template, migrate
from tests.flows.demonstration import BASE, STAFF_APP, STAFF_SCOPE, Demonstration

CHILDREN = 150


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets") / "secrets"


@pytest.fixture(scope="session")
def _seeded(
    tmp_path_factory: pytest.TempPathFactory, definitions: Definitions, secrets: Path
) -> Iterator[Copy]:
    def fill(database: Database) -> None:
        migrate(database)
        with the_record.opened(
            database, builders.a_requester("service"), definitions=definitions, at=builders.NOW, writing=True
        ) as record:
            record.load_definitions(definitions)
        with database.writing() as connection:
            for client_id, scope in ((TABLET, TABLET_SCOPE), (STAFF_APP, STAFF_SCOPE)):
                clients.register(
                    connection,
                    client_id=client_id,
                    name=client_id,
                    scope=scope,
                    redirect_uris=[f"{BASE}/tablet/signed-in"],
                    first_party=True,
                )
        seed(database, definitions, children=CHILDREN, as_at=DEMO_DAY, keys_folder=secrets)

    yield from _template(tmp_path_factory.mktemp("seeded"), fill)


@pytest.fixture
def demonstration(_seeded: Copy, tmp_path: Path, secrets: Path) -> Iterator[Demonstration]:
    """A service of its own for one test, with 150 invented children."""
    made = Demonstration(_seeded(tmp_path), secrets)
    yield made
    made.database.dispose()
