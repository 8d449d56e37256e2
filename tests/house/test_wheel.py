"""Deployers do not run from a checkout: the wheel serves, with its definitions and migrations, from an empty folder."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin folder of an environment that holds the locked requirements and the wheel, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source, environment = folder / "source", folder / "environment"
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "instance", "node_modules", "tests"),
    )
    python = environment / "bin" / "python"
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", folder / "made", source)
    uv("venv", "--python", sys.executable, environment)
    uv("pip", "install", "--python", python, "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    uv("pip", "install", "--python", python, "--no-deps", *(folder / "made").glob("*.whl"))
    return environment / "bin"


def test_an_installed_wheel_makes_and_serves_a_record(installed, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [installed / "healthvisit", "demo", "--children", "10", "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    try:
        for path in ("/fhir/metadata", "/", "/tablet/", "/assets/nhsuk.css"):
            assert answered(f"http://127.0.0.1:{port}{path}", process) == 200, path
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, "Ctrl-C did not stop it cleanly"


def uv(*words: object) -> None:
    done = subprocess.run([BIN / "uv", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def answered(address: str, process: subprocess.Popen) -> int:
    until = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address) as answer:
                return int(answer.status)
        except urllib.error.URLError:
            assert process.poll() is None, "it stopped by itself"
            assert time.monotonic() < until, "it did not answer in two minutes"
            time.sleep(0.2)
