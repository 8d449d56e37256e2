import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.access import scopes
from healthvisit.access.scopes import Scope


def test_a_scope_text_is_read_and_written_alike():
    assert [str(scope) for scope in scopes.parse("openid user/Observation.rs fhirUser user/*.c")] == [
        "user/Observation.rs",
        "user/*.c",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "user/Observation.sr",
        "user/Observation.",
        "user/Observation.read",
        "user/Observation.*",
        "user/Observation.rs?category=survey",
        "nurse/Observation.rs",
        "user/observation.rs",
        "user/Observation",
        "*",
        "user/Observation.rs\u00a0user/Patient.rs",
        "user/Observation.rs\n",
        "patient/Observation.rs user/Observation.rs",
    ],
)
def test_a_scope_that_is_not_understood_is_refused_never_dropped(text):
    with pytest.raises(scopes.UnknownScope):
        scopes.parse(text)


def test_reading_does_not_include_searching():
    held = scopes.parse("user/Observation.r")
    assert scopes.allows(held, "Observation", "r")
    assert not scopes.allows(held, "Observation", "s")
    assert not scopes.allows(held, "Patient", "r")


_letters = st.sets(st.sampled_from("cruds"), min_size=1).map(
    lambda chosen: "".join(letter for letter in scopes.LETTERS if letter in chosen)
)
_scopes = st.builds(
    Scope,
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(["*", "Patient", "Observation"]),
    _letters,
)


@given(
    st.lists(_scopes),
    st.lists(_scopes),
    st.sampled_from(["Patient", "Observation"]),
    st.sampled_from("cruds"),
)
def test_scopes_that_are_within_others_never_allow_more(asked, most, type_, letter):
    if scopes.within(asked, most) and scopes.allows(asked, type_, letter):
        assert scopes.allows(most, type_, letter)


def test_no_scope_allows_nothing():
    assert not any(scopes.allows((), "Patient", letter) for letter in "cruds")
