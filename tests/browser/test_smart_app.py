"""An app of other makers in a browser, on npm fhirclient: opened by a parent, and by a health visitor for a child.

The app stands on an origin of its own, as apps do, and its pages are the few lines that fhirclient asks for.
"""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Served, sign_in
from tests.browser.test_story import open_tablet

LIBRARY = (
    Path(__file__).resolve().parents[1]
    / "clients"
    / "node_modules"
    / "fhirclient"
    / "build"
    / "fhir-client.js"
)
SCOPE = "openid launch launch/patient patient/Patient.rs patient/Observation.rs"
OPENED = """
FHIR.oauth2.ready()
  .then(async (client) => {
    const child = await client.patient.read();
    const results = await client.request(`Observation?patient=${child.id}&_count=5`);
    const identity = client.state.tokenResponse.id_token;
    return { child: child.id, name: child.name[0].given[0], results: results.resourceType, identity };
  })
  .catch((error) => ({ error: String(error) }))
  .then((told) => { document.querySelector("pre").textContent = JSON.stringify(told); });
"""


def page_of(script: str) -> str:
    """The library, a place to tell in, and what to do."""
    library = '<script src="fhir-client.js"></script>'
    return f"<!DOCTYPE html><title>An app</title><pre></pre>{library}<script>{script}</script>"


@pytest.fixture(scope="module")
def smart_app(served: Served) -> Iterator[str]:
    """Address of the app, which is registered with the demonstration under this name."""
    pages: dict[str, bytes] = {
        "/fhir-client.js": LIBRARY.read_bytes(),
        "/index.html": page_of(OPENED).encode(),
    }

    class App(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = pages.get(self.path.partition("?")[0])
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html")
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            """Nothing is told of what is asked."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    address = f"http://127.0.0.1:{server.server_port}"
    for name, more in (("alone", {"iss": f"{served.address}/fhir"}), ("launch", {})):
        scope = SCOPE.replace("launch ", "", 1) if name == "alone" else SCOPE.replace("launch/patient ", "")
        asked = {
            "clientId": "smart-app",
            "scope": scope,
            "redirectUri": "index.html",
            "completeInTarget": True,
            **more,
        }
        pages[f"/{name}.html"] = page_of(f"FHIR.oauth2.authorize({json.dumps(asked)});").encode()
    served.run(
        "client", "add", "--name", "An app", "--client-id", "smart-app", "--scope", SCOPE,
        "--redirect-uri", f"{address}/index.html", "--launch-uri", f"{address}/launch.html",
    )  # fmt: skip
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


def told_by(page: Page) -> dict[str, str]:
    page.wait_for_url(re.compile(r"/index\.html"))
    page.wait_for_function("document.querySelector('pre')?.textContent")
    found: dict[str, str] = json.loads(page.locator("pre").inner_text())
    assert "error" not in found, found
    return found


def test_a_parent_opens_an_app_and_a_health_visitor_opens_it_for_the_same_child(
    chromium: Browser, served: Served, smart_app: str
):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{smart_app}/alone.html")
    sign_in(page, "parent")
    page.get_by_role("button", name="Allow", exact=True).wait_for()
    if page.locator("[name=child]").count():
        page.locator("[name=child]").first.check(force=True)
    page.get_by_role("button", name="Allow", exact=True).click()
    seen = told_by(page)
    assert seen["results"] == "Bundle"
    assert seen["identity"].count(".") == 2
    context.close()

    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{served.address}/apps?patient={seen['child']}")
    sign_in(page, "bury")
    page.get_by_role("button", name="An app").click()
    page.get_by_role("button", name="Allow", exact=True).click()
    again = told_by(page)
    assert (again["child"], again["name"]) == (seen["child"], seen["name"])
    assert again["results"] == "Bundle"
    context.close()


def test_an_app_is_opened_from_the_tablet_where_there_is_a_signal(browse):
    page = open_tablet(browse, "bury")
    page.locator("main li").get_by_role("link").first.click()
    link = page.get_by_role("link", name="Open an app for this child")
    link.wait_for()
    assert re.fullmatch(r"/apps\?patient=[0-9a-f-]{36}", link.get_attribute("href"))
    page.context.set_offline(True)
    page.get_by_text("Apps can be opened for this child when there is a signal.").wait_for()
    assert link.count() == 0
