"""Every route passes the door, and answers an unsigned visitor with nothing of the record."""

import re

import pytest

from healthvisit.faces import door


def marked(app, rule):
    """The roles a view admits; the empty set for one that is open to all; None for one that says nothing."""
    return getattr(app.view_functions[rule.endpoint], "_door_admits", None)


def addresses(app):
    for rule in app.url_map.iter_rules():
        # Of a part that is one of several words, the first.
        yield rule, re.sub(r"<[^>]+>", "x", re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule))


def test_every_view_says_whom_it_admits(app):
    for rule in app.url_map.iter_rules():
        assert rule.endpoint.endswith(".static") or marked(app, rule) is not None, rule


def test_an_unmarked_view_stops_the_service(app, tmp_path):
    from flask import Flask

    house = app.extensions["healthvisit"]
    other = Flask("unmarked")
    other.add_url_rule("/forgotten", "forgotten", lambda: "everything")
    with pytest.raises(door.Unmarked):
        door.install(other, house)


def test_no_guarded_route_answers_without_a_credential(app):
    client = app.test_client()
    for rule, address in addresses(app):
        if not marked(app, rule):
            continue
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            answer = client.open(address, method=method)
            assert answer.status_code in (400, 401, 302, 303), (method, address, answer.status_code)
            assert b"Patient" not in answer.data


def test_no_answer_may_be_kept_by_a_cache_but_the_assets(app):
    client = app.test_client()
    for address in ("/fhir/metadata", "/fhir/Patient/x", "/parents/", "/commissioning/", "/sign-in", "/"):
        assert "no-store" in client.get(address).headers["Cache-Control"], address
