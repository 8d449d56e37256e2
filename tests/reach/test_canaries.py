"""Words that stand in one place alone are found nowhere that their reader may not look (canaries.py)."""

import base64
import gzip

import pytest

from healthvisit import printing
from tests.reach.canaries import Search, allowed, texts, words
from tests.reach.families import canary, deeds, everything, first
from tests.reach.served import CALLERS

WHO = tuple(name for name in CALLERS if name not in ("salford", "two boroughs"))


def test_nobody_is_sent_a_word_that_is_not_for_them(tmp_path):
    search = Search(tmp_path, seed=2021)
    leaks = search.run(WHO, 120)
    assert not leaks, leaks[:10]
    # Whoever looks in an empty room finds nothing: most of what is for them was found.
    for name in ("bury", "narrowed", "system", "safeguarding lead", "parent", "other parent"):
        may_have = allowed(search.steps, search.deeds, CALLERS[name])
        assert len(search.found[name]) > len(may_have) * 0.8, (name, len(search.found[name]), len(may_have))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda word: word.encode(),
        lambda word: word.upper().encode(),
        lambda word: gzip.compress(f"<p>{word}</p>".encode()),
        lambda word: printing.pdf(f"<html lang=en><title>A page</title><p>{word}"),
        lambda word: printing.pdf(f"<html lang=en><title>{word}</title><p>A page"),
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
    steps, done = first(everything()), first(deeds())
    of = {
        name: allowed(steps, done, CALLERS[name])
        for name in ("bury", "parent", "other parent", "commissioner", "nobody")
    }
    assert of["other parent"] < of["parent"] < of["bury"]
    assert not of["nobody"]
    assert len(of["commissioner"]) < 5


def test_why_a_child_was_offered_or_opened_is_for_those_who_look_after_it():
    done = first(deeds())
    words_of = {each.name: words(each.words) for each in done}
    of = {name: allowed((*first(everything()),), done, CALLERS[name]) for name in CALLERS}

    def those_who_may(name):
        return {who for who in of if words_of[name] <= of[who]}

    assert all(words_of.values())
    assert those_who_may("offer of s1") == {"salford", "two boroughs"}
    assert those_who_may("offer of o2") == set()
    assert those_who_may("opening of b2") == {"safeguarding lead"}
    assert those_who_may("opening of o1") == set()
