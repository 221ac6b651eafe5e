"""One Kafka transaction a chunk: clean records, dead letters, outcomes and progress, or none of them.

Each source partition has a producer of its own, whose transactional id names it. The broker fences the producer
that had the id before, so a zombie can't add to a clean topic what its successor has added already; and the
successor reads from the progress record where to go on.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, Message, Producer, TopicPartition

from tidegate_schemas.subjects import MAX_RECORD_BYTES
from tidegate_schemas.topics import (
    CONSENTS,
    DEAD_LETTERS,
    ERASURES,
    GATE_PROGRESS,
    OUTCOMES,
    clean_topic,
    generation_of,
    ids_topic,
    kind_of,
    of_generation,
    raw_topic,
)
from tidegate_stream.failpoint import failpoint
from tidegate_stream.gate.errors import FencedError, TransactionError
from tidegate_stream.log import Log

NO_PROGRESS = -1
VISITED_KEY = b"visited"
"""Key of the records in an ids topic that tell of visits; those of ids have none."""
TRANSACTION_TIMEOUT_SECONDS = 60.0
ABORT_CHECK_SECONDS = 10.0
"""How often a broker looks for transactions that took too long: Kafka's default, and the embedded broker's."""
MESSAGE_OVERHEAD_BYTES = 65_536
ONLY_PARTITION = 0
"""Of topics that each gate reads wholly."""
QUEUE_MESSAGES = 50_000
QUEUE_KIBIBYTES = 32_768
_PROGRESS = struct.Struct(">q")


@dataclass(frozen=True)
class Batch:
    """Encoded records of one chunk. `clean` goes to the chunk's own partition number, under `keys`.

    `learnt` is what de-duplication is to remember, `visited` which visitors without consent are under way around
    midnight: both for whoever has the partition next. `consents` are decisions and `erasures` what they want erased, by
    key, for all gates.
    """

    keys: Sequence[bytes]
    clean: Sequence[bytes]
    dead_letters: Sequence[bytes]
    outcomes: Sequence[bytes]
    learnt: bytes | None
    last_offset: int
    visited: bytes | None = None
    consents: Sequence[tuple[bytes, bytes]] = ()
    erasures: Sequence[tuple[bytes, bytes]] = ()


def transactional_id(topic: str, partition: int) -> str:
    """Who writes for a source partition, in one generation of topics."""
    generation = generation_of(topic)
    return f"tidegate-gate-{raw_topic(kind_of(topic))}-{partition}-g{generation}"


def progress_key(topic: str, partition: int) -> bytes:
    """Key of a source partition's progress record."""
    return f"{topic}/{partition}".encode()


class PartitionTransactions:
    """Transactions of one source partition. All calls block; use it from one thread at a time.

    Opening fences any earlier owner, and ends what it left open. After that the progress can be found: the raw offset
    up to which (inclusive) everything is in committed transactions.
    """

    def __init__(self, brokers: str, topic: str, partition: int) -> None:
        self._topic, self._partition = topic, partition
        kind, self._generation = kind_of(topic), generation_of(topic)
        self._clean_topic, self._ids_topic = clean_topic(kind, self._generation), ids_topic(kind, self._generation)
        self._producer = Producer(_settings(brokers, transactional_id(topic, partition)))
        _guarded(lambda: self._producer.init_transactions(TRANSACTION_TIMEOUT_SECONDS))
        self._brokers, self.progress = brokers, NO_PROGRESS

    def find_progress(self) -> int:
        """Read the progress, which is to be known before anything is written."""
        self.progress = read_progress(self._brokers, self._topic, self._partition)
        return self.progress

    def write(self, batch: Batch) -> None:
        """Commit a chunk, and move the progress to its last offset.

        FencedError: another gate owns the partition, this one must end. TransactionError: nothing was written.
        """
        if batch.last_offset <= self.progress:
            return
        _guarded(self._producer.begin_transaction)
        try:
            failpoint("transaction_begun")
            _guarded(lambda: self._produce(batch))
            failpoint("transaction_written")
            _guarded(lambda: self._producer.commit_transaction(TRANSACTION_TIMEOUT_SECONDS))
        except TransactionError:
            _guarded(lambda: self._producer.abort_transaction(TRANSACTION_TIMEOUT_SECONDS))
            raise
        failpoint("transaction_committed")
        self.progress = batch.last_offset

    def close(self) -> None:
        """Let go of the producer; an open transaction is aborted by its successor."""
        self._producer.purge()
        self._producer.poll(0)

    def _produce(self, batch: Batch) -> None:
        pairs = zip(batch.keys, batch.clean, strict=True)
        self._send(self._clean_topic, [{"key": key, "value": value} for key, value in pairs])
        self._send(of_generation(DEAD_LETTERS, self._generation), [{"value": value} for value in batch.dead_letters])
        self._send(of_generation(OUTCOMES, self._generation), [{"value": value} for value in batch.outcomes])
        self._send(self._ids_topic, [{"value": batch.learnt}] if batch.learnt else [])
        self._send(self._ids_topic, [{"key": VISITED_KEY, "value": batch.visited}] if batch.visited else [])
        for topic, told in ((CONSENTS, batch.consents), (ERASURES, batch.erasures)):
            self._send(topic, [{"key": key, "value": value} for key, value in told], ONLY_PARTITION)
        progress = {
            "key": progress_key(self._topic, self._partition),
            "value": _PROGRESS.pack(batch.last_offset),
        }
        self._send(of_generation(GATE_PROGRESS, self._generation), [progress])

    def _send(self, topic: str, messages: list[dict[str, Any]], partition: int | None = None) -> None:
        """Queue messages for a partition, the source's own if none is given.

        Where the queue is full, wait until the broker has taken some.
        """
        where = self._partition if partition is None else partition
        while messages:
            step, messages = messages[: QUEUE_MESSAGES // 2], messages[QUEUE_MESSAGES // 2 :]
            while step:
                with contextlib.suppress(BufferError):  # what didn't fit is marked, message by message
                    self._producer.produce_batch(topic, step, partition=where)
                step = [_unmarked(message) for message in step if "_error" in message]
                self._producer.poll(0.05 if step else 0)


def _unmarked(message: dict[str, Any]) -> dict[str, Any]:
    error = message.pop("_error")
    if getattr(error, "code", lambda: None)() != _QUEUE_FULL:
        raise KafkaException(error)
    return message


_QUEUE_FULL = -184  # KafkaError._QUEUE_FULL
_FENCED_NAMES = frozenset({"_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH", "FENCED_INSTANCE_ID"})


def _settings(brokers: str, transactional: str) -> dict[str, str | int | float | bool]:
    return {
        "bootstrap.servers": brokers,
        "client.id": transactional,
        "transactional.id": transactional,
        "transaction.timeout.ms": int(TRANSACTION_TIMEOUT_SECONDS * 1000),
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        "compression.type": "lz4",
        "message.max.bytes": MAX_RECORD_BYTES + MESSAGE_OVERHEAD_BYTES,
        "queue.buffering.max.messages": QUEUE_MESSAGES,
        "queue.buffering.max.kbytes": QUEUE_KIBIBYTES,
    }


def _guarded(step: Callable[[], object]) -> None:
    """Run a step of a transaction; retriable failures are repeated, others become the gate's own errors."""
    while True:
        try:
            step()
        except KafkaException as exception:
            error = exception.args[0]
            if error.name() in _FENCED_NAMES or error.fatal():
                raise FencedError(f"the gate's producer was fenced or failed for good: {error.str()}") from exception
            if error.retriable():
                continue
            raise TransactionError(f"the gate's transaction failed: {error.str()}") from exception
        return


def read_progress(brokers: str, topic: str, partition: int) -> int:
    """The committed progress of a source partition, `NO_PROGRESS` if there is none.

    Waits for transactions of gates of other kinds in the same partition. Where no successor ends one that a killed gate
    left open, as nobody has its partition, the broker does.
    """
    progress = NO_PROGRESS
    key = progress_key(topic, partition)
    place = TopicPartition(of_generation(GATE_PROGRESS, generation_of(topic)), partition)
    for message in read_partition(brokers, place, TRANSACTION_TIMEOUT_SECONDS + ABORT_CHECK_SECONDS + 20):
        if message.key() == key and (value := message.value()) is not None:
            progress = _PROGRESS.unpack(value)[0]
    return progress


def read_partition(brokers: str, place: TopicPartition, timeout_seconds: float = 30.0) -> list[Message]:
    """Committed messages of a partition, up to its present end. Raises TransactionError.

    Not to where the last transaction that is over ends, which is what a careful reader is told: one that a killed gate
    of another kind left open would hide what came after it, and a chunk that had passed was judged again.
    """
    where = (place.topic, place.partition)
    try:
        with Log(brokers, timeout_seconds=timeout_seconds, uncommitted=True) as whole:
            begin, end = whole.extents([where])[where]
        with Log(brokers, timeout_seconds=timeout_seconds) as log:
            return list(log.records({where: begin}, {where: end})) if begin < end else []
    except KafkaException as error:
        raise TransactionError(f"{place.topic}/{place.partition} could not be read: {error.args[0].str()}") from error
