"""Twin worlds: what a caller may not see makes no difference to any byte of any answer (twin_worlds.py)."""

import os

from tests.reach import families, oracle
from tests.reach.served import CALLERS
from tests.reach.twin_worlds import SERVER, Pair, Probe, copies

REQUESTS = int(os.environ.get("HEALTHVISIT_TEST_PROBES", "2000"))


def test_what_is_hidden_from_a_caller_makes_no_difference_to_any_answer(tmp_path):
    server = os.environ.get(SERVER)
    with copies(tmp_path, server) as copy, Pair(copy, tmp_path) as pair:
        result = Probe(pair, seed=2021, database="PostgreSQL" if server else "SQLite").run(REQUESTS)
    assert result.count == REQUESTS
    assert not result.differences, "\n".join(each.told() for each in result.differences[:5])
    # Whoever is refused everything finds no difference: each kind of caller was also answered, nobody the least often.
    share = REQUESTS // len(CALLERS)
    answered = {name for name, statuses in result.by_caller.items() if statuses["200"] >= share // 50}
    assert answered == set(CALLERS)


def test_of_a_twin_its_caller_sees_what_is_in_the_first_world():
    """By the oracle alone: what differs between the worlds is hidden."""
    steps = families.everything()
    for caller in CALLERS.values():
        asker = caller.asker()
        one, other = (
            families.world(each) for each in (families.first(steps), families.twin(steps, asker, 2021))
        )
        for type_ in oracle.TYPES:
            assert oracle.search(one, asker, type_) == oracle.search(other, asker, type_)
        changed = [each for each in families.twin(steps, asker, 2021) if each not in steps]
        assert len(changed) > 50, caller.name
