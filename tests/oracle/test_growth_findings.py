from collections import Counter

from tests.oracle import growth_findings as oracle


def test_the_tablet_finds_what_the_facts_and_the_college_s_library_find():
    every = list(oracle.children(1_000, seed=2021))
    parted, found = [], Counter()
    for child, theirs in zip(every, oracle.by_tablet(every), strict=True):
        ours = oracle.told(child)
        found.update(ours)
        if ours != theirs:
            parted.append((child, ours ^ theirs))
    assert parted == []
    # Each was found often, and nowhere near always.
    assert len(found) == 11
    assert all(8 < count < 400 for count in found.values()), found
