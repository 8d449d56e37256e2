"""Another WSGI server than our own serves it too."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from healthvisit.accounts import keys

ROOT = Path(__file__).resolve().parents[2]


def test_gunicorn_serves_the_record(furnished, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keys.ensure(tmp_path / "secrets")
    settings = {
        "HEALTHVISIT_DATABASE_URL": furnished.engine.url.render_as_string(hide_password=False),
        "HEALTHVISIT_SECRETS_FOLDER": str(tmp_path / "secrets"),
    }
    command = [
        Path(sys.executable).parent / "gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--threads",
        "2",
        "wsgi",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                    assert answer.read() == b'{"status":"ok"}'
                    break
            except urllib.error.URLError:
                assert process.poll() is None, "it stopped by itself"
                assert time.monotonic() < until, "it did not answer in a minute"
                time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
