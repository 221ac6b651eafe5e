"""A flood on one write key, at a gateway that really listens: it is told to wait, and others notice nothing."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from nacl.public import PrivateKey

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.limits import Rate
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import raw_topic

FLOOD, QUIET = "flooding-write-key", "quiet-write-key"
DEADLINE_SECONDS = 20.0
BATCH = 50
RATE = Rate(100, 200)


class Gateway:
    """A gateway at a port that the system picked."""

    def __init__(self, url: str, publisher: MemoryPublisher) -> None:
        self.url, self.publisher = url, publisher

    def send(self, client: httpx.Client, key: str, events: int) -> httpx.Response:
        batch = [{"type": "track", "event": "x", "userId": "1"}] * events
        return client.post(f"{self.url}/v1/batch", json={"batch": batch}, auth=(key, ""))

    def taken(self) -> Counter[str]:
        codec = RowCodec(raw_schema("track"))
        records = self.publisher.records.get(raw_topic("track"), [])
        return Counter(codec.decode(value)["project"] for _, value in records)


@contextmanager
def listening(rate: Rate) -> Iterator[Gateway]:
    publisher = MemoryPublisher()
    projects = (Project(1, "flood", FLOOD), Project(2, "quiet", QUIET))
    settings = GatewaySettings(
        "127.0.0.1", 0, "nowhere:1", projects, bytes(PrivateKey.generate().public_key), key_rate=rate
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings, publisher), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not server.started and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Gateway(f"http://127.0.0.1:{port}", publisher)
    finally:
        server.should_exit = True
        thread.join(DEADLINE_SECONDS)


def flood(gateway: Gateway, over: threading.Event, statuses: list[int]) -> None:
    with httpx.Client(timeout=DEADLINE_SECONDS) as client:
        while not over.is_set():
            statuses.append(gateway.send(client, FLOOD, BATCH).status_code)


def run_flood(gateway: Gateway, quiet_calls: int) -> tuple[Counter[int], Counter[int], float]:
    """Statuses of the flood and of a quiet key beside it, and how many seconds it took."""
    over, statuses, quiet = threading.Event(), list[int](), list[int]()
    floods = [threading.Thread(target=flood, args=(gateway, over, statuses)) for _ in range(3)]
    began = time.monotonic()
    for thread in floods:
        thread.start()
    with httpx.Client(timeout=DEADLINE_SECONDS) as client:
        while len(quiet) < quiet_calls or len(statuses) < 30:
            if len(quiet) < quiet_calls:
                quiet.append(gateway.send(client, QUIET, 1).status_code)
            else:
                over.wait(0.01)
    over.set()
    for thread in floods:
        thread.join(DEADLINE_SECONDS)
    return Counter(statuses), Counter(quiet), time.monotonic() - began


def test_a_flood_is_held_to_its_rate_and_another_key_loses_nothing() -> None:
    with listening(RATE) as gateway:
        flooding, quiet, seconds = run_flood(gateway, quiet_calls=20)
        assert quiet == {200: 20}
        assert set(flooding) == {200, 429}
        taken = gateway.taken()
        assert taken["quiet"] == 20
        assert taken["flood"] == flooding[200] * BATCH
        # The burst, what the rate allows in that time, and the debt of one batch.
        assert taken["flood"] <= RATE.burst_events + RATE.events_per_second * seconds + BATCH


def test_without_a_rate_the_same_flood_is_all_taken() -> None:
    with listening(Rate()) as gateway:
        flooding, quiet, _ = run_flood(gateway, quiet_calls=5)
        assert (set(flooding), set(quiet)) == ({200}, {200})


def test_a_connection_goes_on_after_a_large_request_that_was_refused_unread() -> None:
    with listening(Rate(0.001, 1)) as gateway, httpx.Client(timeout=DEADLINE_SECONDS) as client:
        assert gateway.send(client, FLOOD, 2).status_code == 200
        large = client.post(f"{gateway.url}/v1/batch", content=b" " * 3_000_000, auth=(FLOOD, ""))
        assert (large.status_code, large.json()["code"]) == (429, "rate_limited")
        assert gateway.send(client, QUIET, 1).status_code == 200
