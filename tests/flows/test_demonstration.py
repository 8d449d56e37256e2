"""What the clients of these tests are sent is searched: a word of another family does not pass unnoticed."""

import pytest

from tests.flows.demonstration import App


@pytest.mark.parametrize("name", ["parent", "commissioner"])
def test_a_child_that_is_sent_to_who_may_not_have_it_is_noticed(demonstration, name):
    health_visitor = demonstration.tablet("bury")
    own = demonstration.app_of("parent", "user/*.rs").found("Patient")
    other = next(
        id_ for id_ in demonstration.children(health_visitor) if id_ not in {one["id"] for one in own}
    )
    misled = App(demonstration.client(name), "")
    misled.headers = health_visitor.headers
    with pytest.raises(AssertionError, match=other):
        misled.get(f"/fhir/Patient/{other}")


def test_a_parent_may_have_what_is_her_child_s_while_she_has_a_right_to_it(demonstration):
    parent = demonstration.app_of("parent", "user/*.rs")
    (child,) = {one["id"] for one in parent.found("Patient")}
    misled = App(demonstration.client("parent"), "")
    misled.headers = demonstration.tablet("bury").headers
    assert misled.get(f"/fhir/Patient/{child}").status_code == 200
