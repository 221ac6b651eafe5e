"""The publisher on Kafka: acknowledged by all in-sync replicas, with a bounded queue."""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from tidegate.errors import PublishError, QueueFullError
from tidegate.publish.answers import report_of
from tidegate.publish.encoding import Encoding
from tidegate.publish.interfaces import GiveBack, KeyAndValue, OnDelivery
from tidegate.publish.sealed import Seal
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import MAX_RECORD_BYTES

_POLL_SECONDS = 0.1
_MESSAGE_OVERHEAD_BYTES = 65_536


class KafkaPublisher(Encoding):
    """A Publisher on Kafka: idempotent, acks from all in-sync replicas, partitions as Java's clients choose them.

    A thread of its own tells what was delivered. With `polled` it is whoever calls `poll`: Kafka's client takes the
    interpreter's lock anew for each record, and a busy thread gives that away every 5 ms only.
    """

    def __init__(  # noqa: PLR0913 - each is about another thing, and has a default
        self,
        brokers: str,
        *,
        client_id: str = "tidegate",
        registry: SchemaRegistry | None = None,
        generation: int = 1,
        linger_ms: int = 20,
        queue_messages: int = 100_000,
        delivery_timeout_seconds: float = 30.0,
        polled: bool = False,
        seal: Seal | None = None,
    ) -> None:
        super().__init__(registry, generation, seal)
        self._queue_messages = queue_messages
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "client.id": client_id,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "linger.ms": linger_ms,
                "compression.type": "lz4",
                "message.max.bytes": MAX_RECORD_BYTES + _MESSAGE_OVERHEAD_BYTES,
                "queue.buffering.max.messages": queue_messages,
                "queue.buffering.max.kbytes": 65_536,
                "delivery.timeout.ms": int(delivery_timeout_seconds * 1000),
                "reconnect.backoff.max.ms": 1000,
                "log_level": 2,
            },
            logger=logging.getLogger("tidegate.kafka"),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve_deliveries, name="tidegate-deliveries", daemon=True)
        if not polled:
            self._thread.start()

    def _serve_deliveries(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL_SECONDS)

    def poll(self) -> None:
        """See `Publisher.poll`."""
        self._producer.poll(0)

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        """See `Outlet.put`."""

        try:
            self._producer.produce(topic, value, key, on_delivery=report_of(on_delivery))
        except BufferError:
            raise QueueFullError(
                f"the producer's queue holds {len(self._producer)} records, as much as it may; "
                "Kafka is slower than the events come, or away"
            ) from None
        except KafkaException as error:
            raise PublishError(f"Kafka's client refused a record of {len(value)} bytes for {topic}: {error}") from error

    def put_all(
        self,
        topic: str,
        records: Sequence[KeyAndValue],
        on_delivery: OnDelivery | None,
        give_back: GiveBack | None = None,
    ) -> list[KeyAndValue]:
        """See `Outlet.put_all`."""
        report = report_of(on_delivery, give_back)
        # Where room comes free half-way, Kafka's client would take the last records before those in the middle.
        room = max(0, self._queue_messages - len(self._producer))
        messages: list[dict[str, Any]] = [{"key": key, "value": value} for key, value in records[:room]]
        left = list(records[room:])
        if not messages or self._producer.produce_batch(topic, messages, on_delivery=report) == len(messages):
            return left
        refused = list[KeyAndValue]()
        for message, record in zip(messages, records, strict=False):
            error = message.get("_error")
            if error is None:
                continue
            if error.code() == KafkaError._QUEUE_FULL:  # by its bytes
                refused.append(record)
            elif give_back is not None:
                give_back(record, str(error), on_delivery)
            elif on_delivery is not None:
                on_delivery(str(error))
        return refused + left

    def flush(self, timeout_seconds: float) -> int:
        """See `Publisher.flush`."""
        left: int = self._producer.flush(timeout_seconds)
        return left

    def ready(self, timeout_seconds: float) -> bool:
        """See `Publisher.ready`."""
        try:
            return bool(self._producer.list_topics(timeout=timeout_seconds).brokers)
        except KafkaException:
            return False

    def close(self, timeout_seconds: float = 10.0) -> int:
        """See `Publisher.close`."""
        left = self.flush(timeout_seconds)
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return left

    def abandon(self) -> None:
        """See `Publisher.abandon`.

        Its threads are none of the child's, and to wait for them, as its destructor does, would be for ever: so the
        child keeps it till its end.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
