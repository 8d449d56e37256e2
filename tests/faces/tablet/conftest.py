from pathlib import Path

import pytest
from flask import Flask

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from tests.faces.layout.pages import an_app
from tests.faces.tablet.a_tablet import Tablet, a_team


@pytest.fixture
def app(furnished: Database, tmp_path: Path) -> Flask:
    return an_app(furnished, tmp_path)


@pytest.fixture
def tablet(app: Flask, furnished: Database, definitions: Definitions) -> Tablet:
    a_team(furnished, definitions)
    return Tablet(app, "joan")
