"""Who is killed and when is the seed's doing alone."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from tidegate_infra.demo.chaos import PAUSE_SECONDS, VICTIMS, blows


def test_a_seed_replays_the_order_of_victims_and_the_pauses() -> None:
    assert list(islice(blows(4), 50)) == list(islice(blows(4), 50))


def test_another_seed_is_another_order() -> None:
    orders = {tuple(blow.victim for blow in islice(blows(seed), 12)) for seed in range(20)}
    assert len(orders) > 15


def test_every_candidate_is_hit_once_a_round_and_nobody_else_is() -> None:
    for seed in range(20):
        hit = [blow.victim for blow in islice(blows(seed), 3 * len(VICTIMS))]
        for begin in range(0, len(hit), len(VICTIMS)):
            assert Counter(hit[begin : begin + len(VICTIMS)]) == Counter(VICTIMS)
    assert {blow.victim for blow in islice(blows(1, ["worker", "gateway"]), 10)} == {"worker", "gateway"}


def test_pauses_stay_within_their_bounds() -> None:
    least, most = PAUSE_SECONDS
    assert all(least <= blow.pause_seconds <= most for blow in islice(blows(9), 200))
