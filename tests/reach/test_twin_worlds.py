"""Twin worlds: what a caller may not see makes no difference to any byte of any answer (twin_worlds.py)."""

import os

from tests.reach import families, oracle
from tests.reach.served import CALLERS, Asked
from tests.reach.twin_worlds import SERVER, Pair, Probe, copies

REQUESTS = int(os.environ.get("HEALTHVISIT_TEST_PROBES", "2000"))


def test_what_is_hidden_from_a_caller_makes_no_difference_to_any_answer(tmp_path):
    server = os.environ.get(SERVER)
    with copies(tmp_path, server) as copy, Pair(copy, tmp_path) as pair:
        result = Probe(pair, seed=2021, database="PostgreSQL" if server else "SQLite").run(REQUESTS)
    assert result.count == REQUESTS
    assert not result.differences, "\n".join(each.told() for each in result.differences[:5])
    assert not result.faults, "\n".join(each.told() for each in result.faults[:5])
    # Whoever is refused everything finds no difference: each kind of caller was also answered, nobody the least often.
    share = REQUESTS // len(CALLERS)
    answered = {name for name, statuses in result.by_caller.items() if statuses["200"] >= share // 100}
    assert answered == set(CALLERS)


def test_who_leads_is_shown_what_waits_in_both_worlds_alike(tmp_path):
    """Else the trial would compare two refusals."""
    with copies(tmp_path, os.environ.get(SERVER)) as copy, Pair(copy, tmp_path) as pair:
        pair.open("safeguarding lead", 2021)
        pages = [
            Asked(0, "GET", path, credential="cookie") for path in ("/staff/late-visits", "/staff/imports")
        ]
        for one, other in pair.ask(pages):
            assert one == other
            assert one.status.startswith("200")
            assert b"Of salford" in one.body or b"Of bury" in one.body


def test_of_a_twin_its_caller_sees_what_is_in_the_first_world():
    """By the oracle alone: what differs between the worlds is hidden."""
    steps, deeds = families.everything(), families.deeds()
    for caller in CALLERS.values():
        asker = caller.asker()
        written, done = families.twin(steps, deeds, asker, 2021)
        one = families.world(families.first(steps), families.first(deeds))
        other = families.world(written, done)
        for type_ in oracle.TYPES:
            assert oracle.search(one, asker, type_) == oracle.search(other, asker, type_)
        told = [
            {
                (each, how)
                for each in here.offers.values()
                if (how := oracle.offered(here, asker, each)) != "nothing"
            }
            for here in (one, other)
        ]
        assert told[0] == told[1]
        assert len([each for each in written if each not in steps]) > 50, caller.name
        assert len([each for each in done if each not in deeds or each.extra]) > 5, caller.name
