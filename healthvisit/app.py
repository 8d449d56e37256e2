"""Builds the app: the only place that knows every room."""

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask

from healthvisit import definitions, exports, openapi
from healthvisit.config import Settings
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.faces import commissioning, door, layout, parents, rest, sign_in, staff, tablet


class PassesPolicies(Exception):
    """The database's own lock does not hold this service, and in production it must."""


class _App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # No view here is a coroutine: asking whether it is one takes longer than a view's own first line.
        return func


def create_app(settings: Settings | None = None, *, found: Definitions | None = None) -> Flask:
    """The service as a WSGI app. found: the definitions that the settings name, where they are loaded already.

    Raises BadDefinition, PassesPolicies or a settings error rather than start half right.
    """
    settings = settings or Settings.from_environ()
    house = door.House(
        settings=settings,
        database=Database(settings.database_url),
        definitions=found or definitions.load(settings.definitions_folder, settings.instruments()),
    )
    if settings.mode == "production" and house.database.passes_policies():
        raise PassesPolicies("HEALTHVISIT_DATABASE_URL is a login that owns tables, or a superuser's")
    app = _App(__name__, static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.body_limit_bytes
    layout.install(app)
    for face in (rest, sign_in, tablet, staff, parents, commissioning, layout):
        app.register_blueprint(face.blueprint)
    openapi.install(app)
    door.install(app, house)
    sign_in.federation.install(app)
    # The server's own access log would write addresses, and a FHIR address can carry an NHS number.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    return app


def served() -> Flask:
    """The app as a server runs it, which also makes the exports that are asked of it."""
    app = create_app()
    house: door.House = app.extensions["healthvisit"]
    if house.settings.export_in_service:
        exports.Worker(house.settings, house.database, house.definitions, house.clock).start()
    return app
