"""A served demonstration as scripts/run makes it, and real Chromium in front of it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = next(
    (path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None
)
HEALTHVISIT = Path(sys.executable).parent / "healthvisit"
AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
PASSWORD = "practice-only"

# Enough for Bury's counts of the open quarter to be published.
CHILDREN = 2000
# Phone, tablet in portrait, desktop.
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1280, 900)}


@dataclass(frozen=True)
class Served:
    """address of a running demonstration; run: its shell command with its settings."""

    address: str
    folder: Path
    settings: dict[str, str]

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [HEALTHVISIT, *words],
            cwd=self.folder,
            env=os.environ | self.settings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [HEALTHVISIT, "demo", "--children", str(CHILDREN), "--port", str(port)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 600
    while True:
        try:
            urllib.request.urlopen(f"{address}/healthz").close()
            break
        except urllib.error.URLError:
            assert process.poll() is None, "the demonstration stopped by itself"
            assert time.monotonic() < until, "the demonstration was not served in ten minutes"
            time.sleep(0.3)
    offset = (folder / "instance" / "clock-offset-days").read_text().strip()
    yield Served(address, folder, {"HEALTHVISIT_BASE_URL": address, "HEALTHVISIT_CLOCK_OFFSET_DAYS": offset})
    process.send_signal(signal.SIGINT)
    process.wait(30)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Browser, served: Served) -> Iterator["Browse"]:
    """Opens browsers of their own for people; every fault that a page reports fails the test."""
    opened = Browse(chromium, served.address)
    yield opened
    opened.close()


class Browse:
    def __init__(self, chromium: Browser, address: str) -> None:
        self._chromium = chromium
        self._contexts: list[BrowserContext] = []
        self.address = address
        self.faults: list[str] = []

    def page(self, size: str = "tablet") -> Page:
        width, height = SIZES[size]
        context = self._chromium.new_context(viewport={"width": width, "height": height}, locale="en-GB")
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._refuse_elsewhere)
        return page

    def signed_in(self, name: str, path: str, size: str = "tablet") -> Page:
        page = self.page(size)
        page.goto(f"{self.address}{path}")
        sign_in(page, name)
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert self.faults == []

    def _refuse_elsewhere(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"a request went elsewhere: {request.url}")


def sign_in(page: Page, name: str) -> None:
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")


def violations(page: Page) -> list[str]:
    """Rules of axe that the page breaks, with the elements that break them."""
    # Run from outside the page's own policy, which lets in no script but ours.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]


def is_wider_than_the_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def reference(text: str) -> str:
    match = re.search(r"Encounter/[0-9a-f-]{36}", text)
    assert match, text
    return match[0]
