"""Words that stand in one place alone are found nowhere that their reader may not look (canaries.py)."""

import base64
import gzip

import pytest

from tests.reach.canaries import Search, allowed, texts, words
from tests.reach.families import canary, everything, first
from tests.reach.served import CALLERS

WHO = tuple(name for name in CALLERS if name not in ("salford", "two boroughs"))


def test_nobody_is_sent_a_word_that_is_not_for_them(tmp_path):
    search = Search(tmp_path, seed=2021)
    leaks = search.run(WHO, 120)
    assert not leaks, leaks[:10]
    # Whoever looks in an empty room finds nothing: most of what is for them was found.
    for name in ("bury", "narrowed", "system", "safeguarding lead", "parent", "other parent"):
        may_have = allowed(search.steps, CALLERS[name])
        assert len(search.found[name]) > len(may_have) * 0.8, (name, len(search.found[name]), len(may_have))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda word: word.encode(),
        lambda word: word.upper().encode(),
        lambda word: gzip.compress(f"<p>{word}</p>".encode()),
        lambda word: "".join(f"\\u{ord(each):04x}" for each in word).encode(),
        lambda word: "".join(f"&#{ord(each)};" for each in word).encode(),
        lambda word: "".join(f"%{ord(each):02x}" for each in word).encode(),
        lambda word: b'{"data":"' + base64.b64encode(f"ab {word}".encode()) + b'"}',
        lambda word: base64.urlsafe_b64encode(f"{word}?>".encode()).rstrip(b"="),
    ],
)
def test_a_canary_is_found_whatever_it_is_wrapped_in(wrapped):
    word = canary("a place")
    assert any(word in words(text) for text in texts(wrapped(word)))


def test_a_parent_may_have_less_than_the_child_s_health_visitor_and_a_commissioner_nothing_of_a_child():
    steps = first(everything())
    of = {
        name: allowed(steps, CALLERS[name])
        for name in ("bury", "parent", "other parent", "commissioner", "nobody")
    }
    assert of["other parent"] < of["parent"] < of["bury"]
    assert not of["nobody"]
    assert len(of["commissioner"]) < 5
