"""A kill -9 of an application loses nothing that `track` had accepted in durable mode, and the test would notice."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import raw_topic
from tidegate_stream.log import Log

APP = Path(__file__).with_name("spooling_app.py")
KILLS = 3
EVENTS_A_LIFE = 2_000
pytestmark = pytest.mark.broker


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where no broker answers: taken, so that nobody else gets it."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def start(spool: Path, brokers: str, mode: str, first: int, count: int) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, str(APP), str(spool), brokers, mode, name_of(spool), str(first), str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def name_of(spool: Path) -> str:
    """The broker is shared: these events are told by their name."""
    return f"tick-{hashlib.sha256(str(spool).encode()).hexdigest()[:12]}"


def killed_after(app: subprocess.Popen[bytes], calls: int) -> list[int]:
    """Kill an application when so many calls have returned; the numbers of all that had by then."""
    assert app.stdout is not None
    said = [app.stdout.readline() for _ in range(calls)]
    app.send_signal(signal.SIGKILL)
    rest = app.stdout.read().splitlines(keepends=True)
    app.wait()
    return [int(line) for line in (*said, *rest) if line.endswith(b"\n")]


def arrived(brokers: str, spool: Path) -> list[tuple[int, str]]:
    """Numbers and ids of this test's events in the topic."""
    codec, found = RowCodec(raw_schema("track")), []
    with Log(brokers) as log:
        for message in log.records(dict.fromkeys(log.places([raw_topic("track")]), 0)):
            event = codec.decode(message.value() or b"")
            if event["name"] == name_of(spool):
                found.append((int(json.loads(event["properties"])["number"]), event["event_id"]))
    return found


def lives(spool: Path, nowhere: str, brokers: str, mode: str) -> set[int]:
    """Applications that are killed while no broker answers, and one that finds a broker; what they had accepted."""
    accepted: set[int] = set()
    for life in range(KILLS):
        app = start(spool, nowhere, mode, life * EVENTS_A_LIFE, EVENTS_A_LIFE)
        accepted.update(killed_after(app, 100 + 400 * life))
    last = start(spool, brokers, mode, KILLS * EVENTS_A_LIFE, 10)
    out, _ = last.communicate(timeout=60)
    lines = out.splitlines()
    assert lines[-1] == b"left 0"
    return accepted | {int(line) for line in lines[:-1]}


def test_what_was_accepted_arrives_once_by_its_id(broker: str, nowhere: str, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    accepted = lives(spool, nowhere, broker, "durable")
    found = arrived(broker, spool)
    assert accepted - {number for number, _ in found} == set()
    ids = Counter(number for number, _ in set(found))
    assert [number for number, different in ids.items() if different > 1] == []
    assert not list(spool.iterdir())


def test_a_spool_that_is_not_asked_first_loses_what_waits(broker: str, nowhere: str, tmp_path: Path) -> None:
    """The control: without `durable`, the same kills lose events."""
    spool = tmp_path / "spool"
    accepted = lives(spool, nowhere, broker, "overflow")
    assert accepted - {number for number, _ in arrived(broker, spool)} != set()
