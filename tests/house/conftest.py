from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from healthvisit.accounts import keys
from healthvisit.config import Settings
from healthvisit.database import Database
from tests.service import started


@pytest.fixture
def app(furnished: Database, tmp_path: Path) -> Iterator[Flask]:
    """The whole service, with its definitions and no child."""
    keys.ensure(tmp_path / "secrets")
    url = furnished.engine.url.render_as_string(hide_password=False)
    made = started(Settings(database_url=url, secrets_folder=tmp_path / "secrets"))
    yield made
    made.extensions["healthvisit"].database.dispose()
