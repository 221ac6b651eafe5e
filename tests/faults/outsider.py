"""Someone else who reads the clean topics while workers come and go: another team, committed records only."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from confluent_kafka import Consumer, TopicPartition

from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import clean_schema
from tidegate_schemas.topics import KINDS, clean_topic, kind_of

CATCH_UP_SECONDS = 60.0


class Outsider:
    """Follows every clean topic from its beginning, in a thread, for as long as the block lasts."""

    def __init__(self, brokers: str, partitions: int) -> None:
        own = {"group.id": "outsider", "enable.auto.commit": False, "isolation.level": "read_committed"}
        self._consumer = Consumer({"bootstrap.servers": brokers, **own})
        self._consumer.assign([TopicPartition(clean_topic(k), p, 0) for k in KINDS for p in range(partitions)])
        self._codecs = {kind: RowCodec(clean_schema(kind)) for kind in KINDS}
        self._ids: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="outsider")

    def __enter__(self) -> Outsider:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._consumer.close()

    def _follow(self) -> None:
        while not self._over.is_set():
            for message in self._consumer.consume(1_000, timeout=0.2):
                if message.error() is None:
                    codec = self._codecs[kind_of(message.topic() or "")]
                    self._ids.append(str(codec.decode(message.value() or b"")["event_id"]))

    def ids(self, number: int) -> list[str]:
        """What was read, once there is so much of it or time is up; sorted."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while len(self._ids) < number and time.monotonic() < deadline:
            threading.Event().wait(0.2)
        return sorted(self._ids)
