"""The document of the whole service and the service itself say the same."""

import re

import pytest
from schemathesis import openapi

from healthvisit.exact_json import dumps, loads
from healthvisit.openapi import ADDRESS, document
from healthvisit.openapi.document import OTHERS


@pytest.fixture
def told(app):
    return loads(dumps(document(app)))


def _refused(rule):
    """An operation is asked by GET or POST; its routes take the others so as to say so."""
    return {"PUT", "PATCH", "DELETE"} if rule.rule.endswith("/$<name>") else set()


def operations(told):
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_every_route_is_in_the_document_and_nothing_else_is(app, told):
    asked = app.url_map.bind("127.0.0.1")
    found = set()
    for path, method, _ in operations(told):
        rule, _ = asked.match(re.sub(r"\{\w+\}", "x", path), method, return_rule=True)
        found.add((rule.rule, method))
    every = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "rest.unknown"
        for method in rule.methods - {"HEAD", "OPTIONS", *_refused(rule)}
    }
    assert found == every


def test_every_route_outside_fhir_says_what_it_does(app):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("rest.")}
    assert endpoints <= OTHERS.keys()


def test_the_document_is_open_to_all_and_names_nobody(app, told):
    answer = app.test_client().get(ADDRESS)
    assert answer.status_code == 200
    assert loads(answer.data) == told


def test_every_reference_of_the_document_leads_somewhere(told):
    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', dumps(told).decode())):
        found = told
        for step in reference.split("/"):
            found = found[step]


def test_every_operation_has_a_name_of_its_own_and_says_who_may(told):
    names = [operation["operationId"] for _, _, operation in operations(told)]
    assert len(set(names)) == len(names)
    for path, method, operation in operations(told):
        assert bool(operation["security"]) == bool(operation.get("x-roles")), (method, path)


def test_a_tool_of_others_reads_the_document(told):
    for each in openapi.from_dict(told).get_all_operations():
        each.ok()
