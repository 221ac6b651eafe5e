"""The SDK: what a call costs its thread, against Segment's and PostHog's; and how many events/s arrive at Kafka."""

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import segment.analytics.client as segment
from tests.benchmarks.peers.systems import apart
from tests.benchmarks.row import Row

from tidegate import Client, Tracked
from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.broker.topics import create_topics, tidegate_topics

HERE = Path(__file__).parent / "edges"
ROUNDS = 5
CALLS = 20_000
EVENTS = 200_000
PROPERTIES = {"total": 12.5, "currency": "EUR", "items": 3, "feature": "cart"}


def rows() -> dict[str, Callable[[Path], Row]]:
    """Every figure of the SDK, by its name."""
    return {
        "edges.sdk_call_microseconds": _call,
        "edges.sdk_call_against_posthog": _call_against_posthog,
        "edges.sdk_track_events_per_second": _track,
        "edges.sdk_track_many_events_per_second": _track_many,
    }


@contextmanager
def _client(home: Path) -> Iterator[Client]:
    with broker_fixture.start(home) as broker:
        create_topics(broker.bootstrap, tidegate_topics(4))
        client = Client(brokers=broker.bootstrap, service="shop", device=False)
        client.track("warm_up", PROPERTIES)
        assert client.flush(30) == 0
        yield client
        assert client.shutdown(30) == 0
        assert not client.dropped


def _call(home: Path) -> Row:
    """CPU time of the calling thread, in turns; both clients queue, Segment's without a thread that would send."""
    theirs = segment.Client("key", send=False, max_queue_size=ROUNDS * CALLS)
    theirs.send = True
    with _client(home) as ours:
        costs: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(ROUNDS):
            costs["ours"].append(_cost(lambda: ours.track("order_placed", PROPERTIES, user_id="42")))
            ours.flush(30)
            costs["theirs"].append(_cost(lambda: theirs.track("42", "order_placed", PROPERTIES)))
    value, against = (statistics.median(costs[name]) for name in ("ours", "theirs"))
    name, mark = "edges.sdk_call_microseconds", "<= 1 x of Segment's, and < 20"
    met = value <= against and value < 20
    return Row(name, value, "us of the caller's thread", against, value / against, mark, met)


def _call_against_posthog(home: Path) -> Row:
    """PostHog's client has an environment and a process of its own; in turns."""
    command = apart(HERE / "posthog_call.py", HERE / "requirements-posthog.txt")
    ours_found, theirs_found = list[float](), list[float]()
    with _client(home) as ours:
        for _ in range(ROUNDS):
            ours_found.append(_cost(lambda: ours.track("order_placed", PROPERTIES, user_id="42")))
            ours.flush(30)
            said = subprocess.run([*command, str(CALLS)], capture_output=True, text=True, check=True).stdout
            theirs_found.append(float(said))
    value, against = statistics.median(ours_found), statistics.median(theirs_found)
    name, unit = "edges.sdk_call_against_posthog", "us of the caller's thread"
    return Row(name, value, unit, against, value / against, "<= 1 x of PostHog's", value <= against)


def _cost(call: Callable[[], object]) -> float:
    before = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - before) / CALLS * 1e6


def _track(home: Path) -> Row:
    with _client(home) as client:

        def work() -> None:
            for number in range(EVENTS):
                if number % 1_000 == 0:
                    while client.queued > 40_000:
                        time.sleep(0.001)
                client.track("order_placed", PROPERTIES, user_id=str(number % 1_000))

        value = _rate(client, work)
    return Row("edges.sdk_track_events_per_second", value, "events/s", None, None, ">= 30000", value >= 30_000)


def _track_many(home: Path) -> Row:
    events: list[Tracked] = [
        {"event": "order_placed", "properties": PROPERTIES, "user_id": str(number % 1_000)} for number in range(EVENTS)
    ]
    with _client(home) as client:
        value = _rate(client, lambda: client.track_many(events, wait_seconds=60))
    return Row("edges.sdk_track_many_events_per_second", value, "events/s", None, None, ">= 80000", value >= 80_000)


def _rate(client: Client, work: Callable[[], None]) -> float:
    """Events/s until Kafka has acknowledged the last one; the median of some rounds."""
    rates = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        work()
        assert client.flush(60) == 0
        rates.append(EVENTS / (time.perf_counter() - before))
    return statistics.median(rates)
