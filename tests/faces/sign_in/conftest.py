from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from healthvisit.database import Database
from tests.faces.sign_in.a_service import Browser, Service


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Service:
    return Service(database, tmp_path)


@pytest.fixture(scope="package")
def unchanged(
    _bare: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Browser]]:
    """A service, and the nurse's browser, for tables of refusals: no test that uses it changes anything."""
    folder = tmp_path_factory.mktemp("unchanged")
    database = Database(_bare(folder))
    service = Service(database, folder)
    yield service, service.browser().signed_in("gemma")
    database.dispose()
