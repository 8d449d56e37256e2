"""A short slice of the campaign; its whole length is run by scripts/fuzz, and told in docs/conformance.md."""

import pytest

from tests.fuzz.campaign import Campaign, a_demonstration


# What asks in this process reads a file's answer, and does not close it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_no_request_made_at_random_finds_what_the_document_does_not_say(tmp_path):
    demonstration = a_demonstration(tmp_path)
    result = Campaign(demonstration).run(500, seed=1)
    demonstration.database.dispose()
    assert result.cases >= 500
    assert not result.faults, result.examples
