"""A page of HTML -> an accessible PDF (PDF/UA-1), made in a process of its own.

Lowest room of the house; knows bytes and text only. Visitors use `pdf`, `missing` and its two errors. WeasyPrint is
known here alone, and only in the process that this file starts: the service runs without the libraries that it stands
on. That process is told nothing of the service's settings, fetches nothing, and is ended when its time is up.
https://doc.courtbouillon.org/weasyprint/stable/; ISO 14289-1 (PDF/UA-1)
"""

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Mapping

# How long one PDF may take; how many one process of the service makes at a time, and how many may wait for their turn,
# and how long. Whoever waits keeps a thread from other requests.
MOST_S = 60
AT_A_TIME = 1
WAITING = 1
WAIT_S = 10

# What WeasyPrint opens, by the Debian package that has it.
_LIBRARIES: Mapping[str, str] = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}
# Where things stand on this machine: all that the process is told of what the service was told.
_TOLD = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "XDG_CACHE_HOME",
    "FONTCONFIG_FILE", "FONTCONFIG_PATH",
)  # fmt: skip
_places = threading.BoundedSemaphore(AT_A_TIME + WAITING)
_turns = threading.BoundedSemaphore(AT_A_TIME)


class NotPrinted(Exception):
    """No PDF was made. The text names no person and nothing of the page."""


class Busy(NotPrinted):
    """Others are being printed; later it can be asked again."""


def missing() -> tuple[str, ...]:
    """Debian packages without which nothing can be printed here, and which are not installed."""
    return tuple(package for library, package in _LIBRARIES.items() if not _opens(library))


def pdf(html: str) -> bytes:
    """The page as PDF/UA-1. html: a whole page with its language and title; its pictures stand in it as data.

    Raises Busy, or NotPrinted where a library is missing or it took too long.
    """
    if not _places.acquire(blocking=False):
        raise Busy("others are waiting")
    try:
        if not _turns.acquire(timeout=WAIT_S):
            raise Busy("others are being printed")
        try:
            return _made(html)
        finally:
            _turns.release()
    finally:
        _places.release()


def _made(html: str) -> bytes:
    try:
        made = subprocess.run(  # noqa: S603  this file, and nothing that anybody sends
            [sys.executable, "-m", __name__],
            input=html.encode(),
            capture_output=True,
            timeout=MOST_S,
            check=False,
            env={name: os.environ[name] for name in _TOLD if name in os.environ},
        )
    except subprocess.TimeoutExpired:
        raise NotPrinted(f"it took more than {MOST_S} s") from None
    if made.returncode or not made.stdout.startswith(b"%PDF-"):
        # What the library says may hold words of the page.
        raise NotPrinted(
            f"missing: {' '.join(missing()) or 'nothing that is known'}; ended {made.returncode}"
        )
    return made.stdout


def _opens(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _print() -> None:
    """What the process does: HTML from standard input, PDF to standard output."""
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    # Of the addresses that a page can name only those that hold what they name.
    fetcher = URLFetcher(allowed_protocols={"data"}, allow_redirects=False)
    page = HTML(string=sys.stdin.buffer.read().decode(), url_fetcher=fetcher)
    sys.stdout.buffer.write(page.write_pdf(pdf_variant="pdf/ua-1"))


if __name__ == "__main__":
    _print()
