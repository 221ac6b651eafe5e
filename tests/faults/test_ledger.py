"""What the ledger calls missing is what the senders know was lost, to the event, whoever was killed meanwhile.

`SOAK_SEED=n make faults ARGS='-k ledger'` replays the kills; `LEDGER_SECONDS` sets how long they go on.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from tests.faults.edges import POSTED, TRACKED, Applications, Gateway, Poster
from tests.faults.pages import Pages, account_of, accounts, decisions, visiting
from tests.faults.pages import archived as archived_pages
from tests.faults.run_gateway import PROJECT
from tests.faults.stack import Stack, running

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(600)]
SECONDS = float(os.environ.get("LEDGER_SECONDS", "60"))
SEED = int(os.environ["SOAK_SEED"])  # chosen by conftest.py where nobody did
LONGEST_PAUSE_SECONDS = 2.0


class Sums(NamedTuple):
    """One kind of producer's line of the ledger."""

    sent: int
    stored: int
    dropped: int
    nowhere: int


def ledger(stack: Stack, kind: str) -> Sums:
    answer = stack.client.query(
        "SELECT sum(sent), sum(stored), sum(dropped), sum(missing) + sum(in_flight) "
        "FROM analytics.ledger WHERE producer_kind = {kind:String}",
        parameters={"kind": kind},
    )
    return Sums(*map(int, answer.result_rows[0]))


def archived(stack: Stack, name: str) -> int:
    return stack.ask(f"SELECT uniqExact(event_id) FROM tidegate.events_track WHERE name = '{name}'")


def havoc(stack: Stack, rng: Random, apps: Applications, gateway: Gateway, pages: Pages) -> None:
    """Kill applications, pages, the gateway and the worker, for so long."""
    worker, deadline = stack.worker(), time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            apps.run(fatal=rng.random() < 0.8)
            pages.live_on()
            threading.Event().wait(rng.uniform(0.0, LONGEST_PAUSE_SECONDS))
            victim = rng.choice(("gateway", "gateway", "worker", "nobody"))
            if victim == "gateway":
                gateway.kill_and_start_again()
            elif victim == "worker":
                worker.kill()
                worker.wait()
                worker = stack.worker()
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize("seed", [SEED])
def test_missing_is_what_was_lost_to_the_event(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    with running(tmp_path) as stack:
        apps, gateway = Applications(stack, rng), Gateway(stack)
        poster = Poster(gateway.url)
        poster.start()
        with visiting(gateway.url, PROJECT.write_key, rng) as pages:
            havoc(stack, rng, apps, gateway, pages)
            pages.end()
        apps.run(fatal=True)
        poster.stop()
        gateway.kill_and_start_again()
        gateway.stop()
        stack.drain()
        untold = ledger(stack, "sdk")
        lost_untold = apps.sent - archived(stack, TRACKED)
        apps.run(fatal=False)
        stack.drain()

        sdk, lost = ledger(stack, "sdk"), apps.sent - archived(stack, TRACKED)
        assert lost > 0, "the kills lost nothing: they prove nothing"
        assert sdk == (apps.sent, apps.sent - lost, 0, lost), (seed, apps.killed, stack.log())
        # The control: before the next start had read the counter of the last one killed, its tail was not known.
        assert untold.nowhere < lost_untold, seed

        edge = ledger(stack, "gateway")
        assert archived(stack, POSTED) == len(poster.taken)
        assert edge == (len(poster.taken), len(poster.taken), 0, 0), (seed, gateway.kills, poster.tries)
        assert gateway.kills > 0
        open_ones = "SELECT count() FROM analytics.producers WHERE state = 'open' AND producer_kind != 'browser'"
        assert stack.ask(open_ones) == 0
        check_pages(stack, pages)


def check_pages(stack: Stack, pages: Pages) -> None:
    """Killed pages lose what the stated bound allows, and only without consent; of all others nothing is missing."""
    there, told = archived_pages(stack), accounts(stack)
    decided = decisions(stack)
    found = [
        (visit, *account_of(visit, there.get(visit.token), told, decided)) for visit in pages.visits if visit.tracked
    ]
    lost = {visit.token: (lost, nowhere) for visit, lost, nowhere in found if lost}
    assert {visit.token for visit, *_ in found if visit.token in lost and (visit.consents or not visit.killed)} == set()
    # The control: with a bound of nothing, the tail of a killed page would be a sum that doesn't balance.
    assert sum(number for number, _ in lost.values()) > sum(nowhere for _, nowhere in lost.values()), "no page lost any"
    assert any(not visit.killed for visit, *_ in found)
    assert any(visit.killed and visit.consents for visit, *_ in found)
