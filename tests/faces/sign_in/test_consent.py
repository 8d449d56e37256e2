import pytest

from healthvisit.access import reach
from healthvisit.faces.sign_in import consent


@pytest.mark.parametrize("type_", [*reach.CHILD_TYPES, *reach.BOROUGH_TYPES, *reach.SHARED_TYPES])
def test_whatever_an_app_asks_of_a_child_is_told_in_words_and_not_by_its_type(type_):
    (told,) = consent.in_words(f"user/{type_}.rs")
    assert type_ not in told
