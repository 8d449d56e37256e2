"""The house keeps its shape: floors, definitions, tables, settings and what travels in the wheel."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

from healthvisit.config import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_every_import_keeps_to_the_floors():
    found = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--config", "setup.cfg", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


def test_every_room_has_its_door_plate():
    bare = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "healthvisit").rglob("__init__.py")
        if not path.read_text().lstrip().startswith('"""')
    ]
    assert bare == []


def test_no_python_file_hides_the_fhir_library():
    assert list((ROOT / "fhir").rglob("*.py")) == []


@pytest.mark.parametrize("folder", ["fhir", "migrations"])
def test_every_file_of_the_definitions_and_migrations_travels_in_the_wheel(folder):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    carried = {
        path
        for globs in setup["options.data_files"].values()
        for pattern in globs.split()
        for path in ROOT.glob(pattern)
    }
    missing = {
        path
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path not in carried
    }
    assert missing == set()


def test_every_file_in_the_wheel_lands_in_the_folder_it_came_from():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for target, globs in setup["options.data_files"].items():
        for pattern in globs.split():
            assert target == f"share/healthvisit/{Path(pattern).parent}"


def test_every_setting_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    absent = [name for name in Settings.model_fields if f"HEALTHVISIT_{name.upper()}" not in readme]
    assert absent == []


def test_every_decision_has_its_number_once():
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))
