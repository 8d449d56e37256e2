from collections.abc import Iterator
from pathlib import Path

import pytest

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from tests.conftest import Copy, _template, migrate
from tests.flows.demonstration import Demonstration, fill

CHILDREN = 150


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets") / "secrets"


@pytest.fixture(scope="session")
def _seeded(
    tmp_path_factory: pytest.TempPathFactory, definitions: Definitions, secrets: Path
) -> Iterator[Copy]:
    def prepare(database: Database) -> None:
        migrate(database)
        fill(database, definitions, secrets, children=CHILDREN)

    yield from _template(tmp_path_factory.mktemp("seeded"), prepare)


@pytest.fixture
def demonstration(_seeded: Copy, tmp_path: Path, secrets: Path) -> Iterator[Demonstration]:
    """A service of its own for one test, with 150 invented children."""
    url = _seeded(tmp_path)
    made = Demonstration(url, secrets)
    yield made
    made.database.dispose()
    made.app.extensions["healthvisit"].database.dispose()
    _seeded.forget(url)
