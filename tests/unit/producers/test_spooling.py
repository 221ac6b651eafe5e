"""A spool before an outlet: what it does while the outlet refuses, and when it no longer does."""

from __future__ import annotations

import errno
import logging
import os
import resource
import threading
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
from tidegate.spool.publisher import PROBE, Mode, SpoolingPublisher
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


class Held(MemoryPublisher):
    """An outlet that is asked whether records are there, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.unanswered: list[OnDelivery] = []

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        super().put(topic, key, value, None)
        if on_delivery:
            self.unanswered.append(on_delivery)

    def answer(self, error: str | None, most: int = 1_000) -> None:
        answered, self.unanswered = self.unanswered[:most], self.unanswered[most:]
        for each in answered:
            each(error)

    @property
    def keys(self) -> list[bytes]:
        return [key for key, _ in self.records.get("raw.track", [])]


def test_what_comes_after_an_outage_goes_by_the_outlet_as_soon_as_it_has_all_that_waited(tmp_path: Path) -> None:
    outlet = Held()
    publisher = SpoolingPublisher(outlet, tmp_path)
    publisher.put("raw.track", b"1", b"", None)
    assert (publisher.kept, outlet.keys) == (0, [b"1"])  # all is well: nothing goes to disk
    outlet.answer("timed out")
    publisher.put("raw.track", b"2", b"", None)
    assert publisher.kept == 2
    wait_until(lambda: outlet.keys == [b"1", b"1", b"2"], 20, "nothing was tried")
    publisher.put("raw.track", b"3", b"", None)
    assert publisher.kept == 3  # tried, but nobody knows yet whether Kafka is back
    outlet.answer(None, most=1)
    wait_until(lambda: outlet.keys == [b"1", b"1", b"2", b"3"], 20, "nothing more was sent")
    publisher.put("raw.track", b"4", b"", None)
    assert (publisher.kept, publisher.pending, outlet.keys[4:]) == (3, 2, [b"4"])
    outlet.answer(None)
    assert publisher.close() == 0


def test_few_records_are_tried_while_nobody_answers(tmp_path: Path) -> None:
    outlet = Held()
    publisher = SpoolingPublisher(outlet, tmp_path)
    publisher.put("raw.track", b"first", b"", None)
    outlet.answer("timed out")
    for number in range(500):
        publisher.put("raw.track", b"%d" % number, b"", None)
    wait_until(lambda: len(outlet.unanswered) == PROBE, 20, "nothing was tried")
    assert publisher.kept == 501
    outlet.answer(None)
    wait_until(lambda: len(outlet.keys) == 1 + 501, 20, "not all was sent")
    outlet.answer(None)
    assert publisher.close() == 0
    assert outlet.keys[1:] == [b"first", *(b"%d" % number for number in range(500))]


def test_a_batch_that_the_outlet_gives_back_is_kept_and_answered_for(tmp_path: Path) -> None:
    outlet = Held()
    publisher = SpoolingPublisher(outlet, tmp_path)
    answers: list[str | None] = []
    records = [(b"%d" % number, b"value") for number in range(3)]
    assert publisher.put_many("track", records, answers.append) == []
    assert answers == []
    outlet.answer("timed out")
    assert (answers, publisher.pending) == ([None] * 3, 3)
    wait_until(lambda: len(outlet.keys) == 6, 20, "nothing was tried")
    outlet.answer(None)
    assert publisher.close() == 0
    assert outlet.records["raw.track"] == records * 2


@pytest.mark.parametrize("synced", [True, False])
def test_what_is_synced_is_answered_for_when_the_medium_has_it_and_no_sooner(
    synced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `synced`, which is the control, the answer doesn't wait for the medium."""
    written, sync = threading.Event(), os.fdatasync

    def slow(handle: int) -> None:
        written.wait(20)
        sync(handle)

    monkeypatch.setattr(os, "fdatasync", slow)
    publisher = SpoolingPublisher(Away(), tmp_path, synced=synced)
    answers: list[str | None] = []
    publisher.put("raw.track", b"key", b"value", answers.append)
    assert answers == ([] if synced else [None])
    written.set()
    wait_until(lambda: answers == [None], 20, "no answer")
    publisher.close(0.1)


def test_a_disk_that_does_not_keep_what_was_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    publisher = SpoolingPublisher(Away(), tmp_path, synced=True)
    monkeypatch.setattr(os, "fdatasync", broken)
    answers: list[str | None] = []
    publisher.put("raw.track", b"key", b"value", answers.append)
    wait_until(lambda: answers, 20, "no answer")
    assert answers == ["the spool's disk does not hold it: Input/output error"]
    publisher.close(0.1)


def test_what_earlier_processes_left_takes_room_too(tmp_path: Path) -> None:
    earlier = Spool(tmp_path / "earlier")
    earlier.append(Record("raw.track", b"key", b"x" * 3_000))
    earlier.close()
    publisher = SpoolingPublisher(Away(), tmp_path, max_bytes=4_000)
    answers: list[str | None] = []
    publisher.put("raw.track", b"key", b"x" * 2_000, answers.append)
    assert answers == ["timed out; the spool holds 3030 bytes of 4000 at most"]
    assert publisher.oldest_at is not None
    publisher.close(0.1)


def test_nothing_stays_on_disk_of_what_kafka_has(tmp_path: Path) -> None:
    """Raw records hold personal data: a file is not kept until it is full."""
    outlet = Held()
    publisher = SpoolingPublisher(outlet, tmp_path)
    publisher.put("raw.track", b"key", b"personal", None)
    outlet.answer("timed out")
    assert publisher.held_bytes > 0
    wait_until(lambda: outlet.unanswered, 20, "nothing was tried")
    outlet.answer(None)
    wait_until(lambda: not list(tmp_path.glob("*/*.segment")), 20, "the file is still there")
    assert (publisher.held_bytes, publisher.oldest_at) == (0, None)
    publisher.put("raw.track", b"again", b"", None)
    outlet.answer("timed out")
    wait_until(lambda: outlet.keys[-1] == b"again" and len(outlet.keys) == 4, 20, "nothing was tried")
    outlet.answer(None)
    assert publisher.close() == 0


def test_closing_a_spool_twice_is_an_error_and_closes_nobody_elses_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.close()
    others = [os.open(tmp_path, os.O_RDONLY) for _ in range(3)]  # the numbers that are free again
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            spool.close()
        assert all(os.fstat(other) for other in others)
    finally:
        for other in others:
            os.close(other)
