import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.access import scopes
from healthvisit.access.scopes import Scope
from healthvisit.definitions import GSS_SYSTEM

BURY = f"{GSS_SYSTEM}|E08000002"
SALFORD = f"{GSS_SYSTEM}|E08000006"
VITAL_SIGNS = "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"


def test_a_scope_text_is_read_and_written_alike():
    text = f"user/Observation.rs user/*.c user/Observation.rs?_tag={BURY}&category={VITAL_SIGNS}"
    assert [str(scope) for scope in scopes.parse(f"openid {text} fhirUser")] == text.split(" ")


def test_a_borough_is_named_in_scopes_by_the_system_of_the_record():
    assert scopes.BOROUGH_SYSTEM == GSS_SYSTEM


@pytest.mark.parametrize(
    ("asked", "meant"), [("read", "rs"), ("write", "cud"), ("*", "cruds")], ids=["read", "write", "all"]
)
def test_scopes_of_version_1_are_understood(asked, meant):
    assert scopes.parse(f"user/Observation.{asked}") == (Scope("user", "Observation", meant),)
    assert scopes.parse(f"patient/*.{asked}") == (Scope("patient", "*", meant),)


def test_conditions_are_kept_in_one_order_and_once():
    told = scopes.parse(f"user/Condition.r?category={VITAL_SIGNS}&_tag={BURY}&_tag={BURY}")
    assert told == (Scope("user", "Condition", "r", (("_tag", BURY), ("category", VITAL_SIGNS))),)


@pytest.mark.parametrize(
    "text",
    [
        "user/Observation.sr",
        "user/Observation.rr",
        "user/Observation.",
        "user/Observation.reads",
        "user/Observation.**",
        "user/Observation.?category=survey",
        "user/Observation.rs?category=survey",
        "user/Observation.rs?",
        "user/Observation.rs?_tag",
        "user/Observation.rs?_tag=",
        "user/Observation.rs?_tag=E08000002",
        "user/Observation.rs?_tag=|E08000002",
        f"user/Observation.rs?_tag={GSS_SYSTEM}|",
        f"user/Observation.rs?_tag={GSS_SYSTEM}|bury",
        f"user/Observation.rs?_tag={GSS_SYSTEM}|E0800000\u0662",
        "user/Observation.rs?_tag=https://elsewhere.example/gss-code|E08000002",
        f"user/Observation.rs?_tag={BURY},{SALFORD}",
        f"user/Observation.rs?_tag={BURY}&",
        f"user/Observation.rs?&_tag={BURY}",
        f"user/Observation.rs?_tag={BURY}?_tag={BURY}",
        f"user/Observation.rs?_tag:not={BURY}",
        "user/Observation.rs?_tag:missing=true",
        f"user/Observation.rs?tag={BURY}",
        f"user/Observation.read?_tag={BURY}",
        f"user/Observation.*?_tag={BURY}",
        f"user/Observation.rs?subject:Patient._tag={BURY}",
        f"user/Observation.rs?_has:Observation:subject:_tag={BURY}",
        "user/Observation.rs?_filter=status+eq+final",
        f"user/Observation.rs?category:not={VITAL_SIGNS}",
        f"user/Observation.rs?category={VITAL_SIGNS},x",
        f"user/Observation.rs?category={VITAL_SIGNS}\n",
        f"user/Encounter.rs?category={VITAL_SIGNS}",
        f"user/*.rs?category={VITAL_SIGNS}",
        "user/Observation.rs?code=http://snomed.info/sct|27113001",
        "user/Observation.rs?status=final",
        "user/Observation.rs?patient=Patient/1",
        "nurse/Observation.rs",
        "user/observation.rs",
        "user/Observation",
        "user/O.rs",
        "*",
        "user/Observation.rs\u00a0user/Patient.rs",
        "user/Observation.rs\tuser/Patient.rs",
        "user/Observation.rs\n",
        "patient/Observation.rs user/Observation.rs",
        "system/Observation.rs user/Observation.rs",
        "launch/practitioner",
        "fhiruser",
    ],
)
def test_a_scope_that_is_not_understood_is_refused_never_dropped(text):
    with pytest.raises(scopes.UnknownScope):
        scopes.parse(text)
    with pytest.raises(scopes.UnknownScope):
        scopes.parse(f"user/Patient.rs {text} openid")


def test_reading_does_not_include_searching():
    held = scopes.parse("user/Observation.r")
    assert scopes.allows(held, "Observation", "r")
    assert not scopes.allows(held, "Observation", "s")
    assert not scopes.allows(held, "Patient", "r")


def test_no_scope_allows_nothing():
    assert not any(scopes.allows((), "Patient", letter) for letter in "cruds")


def test_what_two_apps_share_is_met_type_by_type():
    held = scopes.parse(f"user/*.rs?_tag={BURY} user/Patient.cruds")
    asked = scopes.parse(f"user/Observation.cr?category={VITAL_SIGNS} user/Patient.r user/Task.c")
    assert [str(scope) for scope in scopes.meet(held, asked)] == [
        f"user/Observation.r?_tag={BURY}&category={VITAL_SIGNS}",
        "user/Patient.r",
    ]


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        ("user/*.rs", "user/Observation.rs"),
        ("user/Observation.rs", "user/Observation.r"),
        ("user/Observation.rs", f"user/Observation.rs?_tag={BURY}"),
        (f"user/*.rs?_tag={BURY}", f"user/Observation.s?_tag={BURY}&category={VITAL_SIGNS}"),
    ],
)
def test_an_app_is_never_given_more_than_it_is_registered_for(wider, narrower):
    assert scopes.within(scopes.parse(narrower), scopes.parse(wider))
    assert not scopes.within(scopes.parse(wider), scopes.parse(narrower))


def test_one_boroughs_scope_is_not_anothers_nor_one_contexts_that_of_another():
    bury, salford = (scopes.parse(f"user/Observation.rs?_tag={each}") for each in (BURY, SALFORD))
    assert not scopes.within(bury, salford)
    assert not scopes.within(scopes.parse("patient/*.r"), scopes.parse("user/*.r"))
    assert not scopes.meet(scopes.parse("patient/*.r"), scopes.parse("user/*.r"))


_letters = st.sets(st.sampled_from("cruds"), min_size=1).map(
    lambda chosen: "".join(letter for letter in scopes.LETTERS if letter in chosen)
)
_tags = st.sampled_from([("_tag", BURY), ("_tag", SALFORD)])
_categories = st.sampled_from([("category", VITAL_SIGNS), ("category", "urn:x:y|survey")])


@st.composite
def _scopes(draw, contexts=("patient", "user", "system")):
    type_ = draw(st.sampled_from(["*", "Patient", "Observation", "Condition"]))
    offered = st.one_of(_tags, _categories) if type_ in scopes.CATEGORISED else _tags
    conditions = tuple(sorted(draw(st.sets(offered, max_size=3))))
    return Scope(draw(st.sampled_from(contexts)), type_, draw(_letters), conditions)


_sets = st.lists(_scopes(), max_size=4)
# One resource and one thing to do with it: a scope without a star, of one letter.
_atoms = (
    _scopes()
    .filter(lambda scope: scope.type != "*")
    .map(lambda scope: scope._replace(letters=scope.letters[:1]))
)


def _allowed(scopes_, atom):
    """Whether a resource that meets the atom's conditions, and no others, is allowed."""
    return any(
        scope.context == atom.context
        and scope.gives(atom.type, atom.letters)
        and set(scope.conditions) <= set(atom.conditions)
        for scope in scopes_
    )


@given(_scopes())
def test_what_is_written_is_read_back(scope):
    assert scopes.parse(str(scope)) == (scope,)


@given(st.sampled_from(["patient", "user", "system"]).flatmap(lambda each: st.lists(_scopes((each,)))))
def test_a_set_of_scopes_is_written_and_read_back(found):
    assert scopes.parse(" ".join(map(str, found))) == tuple(found)


@given(_scopes(), _scopes(), _scopes())
def test_containing_is_a_partial_order(one, two, three):
    assert one.contains(one)
    if one.contains(two) and two.contains(one):
        assert one == two
    if one.contains(two) and two.contains(three):
        assert one.contains(three)


@given(_sets, _sets, _sets)
def test_meeting_is_commutative_associative_and_idempotent(one, two, three):
    assert scopes.meet(one, two) == scopes.meet(two, one)
    assert scopes.meet(scopes.meet(one, two), three) == scopes.meet(one, scopes.meet(two, three))
    assert scopes.meet(one, one) == scopes.normal(one)
    assert scopes.normal(scopes.normal(one)) == scopes.normal(one)


@given(_sets, _sets, _atoms)
def test_a_meeting_allows_what_both_allow_and_nothing_else(one, two, atom):
    both = scopes.meet(one, two)
    assert scopes.within(both, one)
    assert scopes.within(both, two)
    assert _allowed(both, atom) == (_allowed(one, atom) and _allowed(two, atom))


@given(_sets, _atoms)
def test_the_normal_form_allows_the_same(found, atom):
    assert _allowed(scopes.normal(found), atom) == _allowed(found, atom)
    assert scopes.within(found, scopes.normal(found))
    assert scopes.within(scopes.normal(found), found)


@given(_sets, _sets)
def test_two_sets_that_allow_the_same_are_written_alike(one, two):
    if scopes.within(one, two) and scopes.within(two, one):
        assert scopes.normal(one) == scopes.normal(two)


@given(_sets, _sets, _atoms)
def test_scopes_that_are_within_others_never_allow_more(asked, most, atom):
    if scopes.within(asked, most) and _allowed(asked, atom):
        assert _allowed(most, atom)
