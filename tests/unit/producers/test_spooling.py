"""A spool before an outlet: what it does while the outlet refuses, and when it no longer does."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.waiting import wait_until

from tidegate import Client
from tidegate.errors import InvalidSettingError, SpoolFullError
from tidegate.publish import MemoryPublisher, OnDelivery
from tidegate.spool.frames import Record
from tidegate.spool.publisher import Mode, SpoolingPublisher
from tidegate.spool.spool import Spool
from tidegate_schemas.reasons import Reason
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Away(MemoryPublisher):
    """An outlet whose broker is away until it is told to come back."""

    away = True

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        if not self.away:
            super().put(topic, key, value, on_delivery)
        elif on_delivery:
            on_delivery("timed out")

    @property
    def names(self) -> list[str]:
        codec = RowCodec(raw_schema("track"))
        return [codec.decode(value)["name"] for _, value in self.records.get("raw.track", [])]


@pytest.mark.parametrize("mode", ["durable", "overflow"])
def test_what_came_while_the_broker_was_away_is_sent_in_order_when_it_is_back(mode: Mode, tmp_path: Path) -> None:
    outlet = Away()
    publisher = SpoolingPublisher(outlet, tmp_path, mode=mode)
    client = Client(publisher=publisher, clock=lambda: NOON)
    for number in range(50):
        client.track(f"event_{number}")
    client.flush(0.1)
    assert (publisher.pending, outlet.names) == (50, [])
    outlet.away = False
    assert client.flush(20) == 0
    assert outlet.names == [f"event_{number}" for number in range(50)]
    client.track("after")
    assert client.shutdown() == 0
    assert outlet.names[50:] == ["after"]
    assert list(tmp_path.iterdir()) == []


def test_a_full_spool_keeps_what_it_has_and_the_rest_is_counted(tmp_path: Path) -> None:
    outlet = Away()
    publisher = SpoolingPublisher(outlet, tmp_path, max_bytes=2_000, mode="durable")
    client = Client(publisher=publisher, spool=tmp_path, durable=True, clock=lambda: NOON)
    for number in range(20):
        client.track(f"event_{number}", {"text": "x" * 200})
    dropped = client.dropped[Reason.QUEUE_FULL]
    assert 0 < dropped < 20
    outlet.away = False
    client.shutdown(20)
    assert outlet.names == [f"event_{number}" for number in range(20 - dropped)]


def test_what_a_process_left_is_sent_by_the_next_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left = Spool(tmp_path / "earlier")
    left.append(Record("raw.track", b"key", b"value"))
    left.close()
    outlet = MemoryPublisher()
    with caplog.at_level(logging.INFO, "tidegate.spool"):
        publisher = SpoolingPublisher(outlet, tmp_path)
    wait_until(lambda: outlet.records == {"raw.track": [(b"key", b"value")]}, 20, "nothing was sent")
    assert "sending 1 records that an earlier process left" in caplog.text
    publisher.close()
    assert list(tmp_path.iterdir()) == []


def test_a_spool_whose_process_runs_is_left_alone(tmp_path: Path) -> None:
    running = Spool(tmp_path / "running")
    running.append(Record("raw.track", b"key", b"value"))
    outlet = MemoryPublisher()
    SpoolingPublisher(outlet, tmp_path).close()
    assert (outlet.records, running.pending) == ({}, 1)
    running.close()


def test_durable_needs_a_place() -> None:
    with pytest.raises(InvalidSettingError, match="durable needs a spool"):
        Client(durable=True)


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """The system cuts a write short at this size and refuses the next one, as it does where a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_a_full_disk_cut_short_is_taken_back(tmp_path: Path) -> None:
    records = [Record("raw.track", b"%d" % number, b"x" * 100) for number in range(3)]
    spool = Spool(tmp_path / "spool")
    place = spool.append(records[0])
    with (
        files_of_at_most(place.end + 50),
        pytest.raises(SpoolFullError, match="disk refused 128 bytes: File too large"),
    ):
        spool.append(records[1])
    spool.append(records[2])
    assert [record for _, record in spool.take(10)] == [records[0], records[2]]
    assert (spool.pending, spool.lost_bytes) == (2, 0)
    spool.close()
