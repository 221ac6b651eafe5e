"""A compacted topic as a table: read wholly once, then kept current by asking where it ends.

What is asked for is what was written before the question, so that the answer is never older than that: nobody waits for
news in the background, and where there are none a question costs one round trip to the broker. Records of transactions
that are open or were aborted count, too: one that hangs holds nobody up, and whoever writes here must write the same
again when they try again. A reader takes records more than once and in any order that compaction leaves.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from confluent_kafka import KafkaException, Message

from tidegate_stream.gate.errors import CompactedTableError
from tidegate_stream.log import Log, Place

_FETCH_WAIT_MS = 5
_STEP = 50_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a compacted topic; `value` is None where the key was removed."""

    key: bytes
    value: bytes | None


class CompactedTable:
    """Hands every record of a compacted topic to `take`, in the order of each partition, some thousands at a time.

    Calls block, and may come from any thread; `take` is never called by two at once. What it raises, `catch_up` raises,
    and the records come again.
    """

    def __init__(
        self, brokers: str, topic: str, take: Callable[[Sequence[Entry]], None], timeout_seconds: float = 20.0
    ) -> None:
        self._topic, self._take = topic, take
        self._log = Log(brokers, timeout_seconds=timeout_seconds, uncommitted=True, fetch_wait_ms=_FETCH_WAIT_MS)
        self._read: dict[Place, int] = {}
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._let_go = weakref.finalize(
            self, self._log.close
        )  # a client that nobody closed may hold up a process's end

    def catch_up(self) -> None:
        """Take all that was written before this call. Raises CompactedTableError where the broker or topic is away."""
        called_at = time.monotonic()
        with self._lock:
            if self._asked_at > called_at:  # another thread asked while this one waited for it
                return
            asking_at = time.monotonic()
            try:
                self._read_on()
            except KafkaException as error:
                raise CompactedTableError(self._topic, error.args[0].str()) from error
            self._asked_at = asking_at

    def close(self) -> None:
        """Let go of the broker."""
        with self._lock:
            self._let_go()

    def _read_on(self) -> None:
        if not self._read:
            self._read = dict.fromkeys(self._log.places([self._topic]), 0)
            if not self._read:
                raise CompactedTableError(self._topic, "there is no such topic")
        extents = self._log.extents(self._read)
        ends = {place: end for place, (_, end) in extents.items() if end != self._read[place]}
        if not ends:  # as nearly always
            return
        # A topic that ends before what was read was made anew.
        begins = {
            place: low if (read := self._read[place]) > end else max(read, low)
            for place, (low, end) in extents.items()
            if place in ends
        }
        entries = _entries(self._log.records(begins, ends))
        while step := list(islice(entries, _STEP)):
            self._take(step)
        self._read |= ends


def _entries(messages: Iterable[Message]) -> Iterator[Entry]:
    for message in messages:
        key, value = message.key(), message.value()
        if isinstance(key, bytes):
            yield Entry(key, value)
