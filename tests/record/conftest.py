import subprocess
import sys
from pathlib import Path

import pytest

FETCH = Path(__file__).resolve().parents[2] / "scripts" / "examples"


@pytest.fixture(scope="session")
def package() -> Path:
    """The folder of HL7's package of definitions and examples, fetched where it is not there yet."""
    told = subprocess.run([sys.executable, FETCH], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip())
