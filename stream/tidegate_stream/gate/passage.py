"""The gate at work on one source partition: decode, judge, encode, commit. The only part that holds state."""

from __future__ import annotations

from dataclasses import dataclass, field

from confluent_kafka import TopicPartition

from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import clean_schema, dead_letter_schema, outcome_schema, raw_schema
from tidegate_schemas.topics import Kind, ids_topic, kind_of, raw_topic
from tidegate_stream.gate.elsewhere import Everywhere
from tidegate_stream.gate.gate import Gate, GateResult
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.ledger import RawChunk, Records
from tidegate_stream.gate.rules.columns import Removed
from tidegate_stream.gate.rules.compiled import NO_RULES, Rules
from tidegate_stream.gate.seen import SPAN_OFFSETS, Learnt, Memory, Seen
from tidegate_stream.gate.transaction import Batch, PartitionTransactions, read_partition


class KindGate:
    """The gate of one kind with its codecs; shared by the kind's partitions."""

    def __init__(self, kind: Kind, keys: Keys, registry: SchemaRegistry | None = None, rules: Rules = NO_RULES) -> None:
        self.gate = Gate(kind, keys, registry=registry, rules=rules)
        self.raw = ColumnCodec(raw_schema(kind), registry)
        self.clean = ColumnCodec(clean_schema(kind), registry)
        self.dead_letter = ColumnCodec(dead_letter_schema(), registry)
        self.outcome = ColumnCodec(outcome_schema(), registry)

    def judge(self, chunk: RawChunk, seen: Memory) -> GateResult:
        """Decode and process a chunk."""
        decoded = self.raw.decode(chunk.values)
        return self.gate.process(decoded.frame, decoded.bad, chunk, seen)

    def encode(self, result: GateResult) -> Batch:
        """What a result writes."""
        return Batch(
            keys=result.keys,
            clean=self.clean.encode(result.clean) if result.clean.height else [],
            dead_letters=self.dead_letter.encode(result.dead_letters) if result.dead_letters.height else [],
            outcomes=self.outcome.encode(result.outcomes) if result.outcomes.height else [],
            learnt=result.learnt.encode() if result.learnt.ids.height else None,
            last_offset=result.last_offset,
        )


@dataclass(frozen=True)
class Passed:
    """What a chunk became, in records; `last_offset` is committed with it. `removed`: properties, by project."""

    clean: int
    dead_lettered: int
    dropped: int
    last_offset: int
    removed: Removed = field(default_factory=dict)


class Passage:
    """One source partition. Opening fences the earlier owner and restores progress and duplicates. Blocks."""

    def __init__(
        self,
        gate: KindGate,
        brokers: str,
        partition: int,
        generation: int = 1,
        *,
        span: int = SPAN_OFFSETS,
    ) -> None:
        self._gate = gate
        self._kind = gate.gate.kind
        self._transactions = PartitionTransactions(brokers, raw_topic(self._kind, generation), partition)
        self.seen = _restored(brokers, TopicPartition(ids_topic(self._kind, generation), partition), span)

    @property
    def progress(self) -> int:
        """Raw offset up to which (inclusive) everything has passed; -1 at the start."""
        return self._transactions.progress

    def take(self, chunk: RawChunk, elsewhere: Seen | None = None) -> Passed:
        """Pass a chunk in one transaction; what is at or below the progress is skipped.

        `elsewhere` knows the events that passed in other generations of the topic.
        """
        fresh = above(chunk, self.progress)
        if not fresh.offsets:
            return Passed(0, 0, 0, self.progress)
        if kind_of(fresh.topic) != self._kind:
            raise ValueError(f"a chunk of {fresh.topic} came to the gate of {self._kind}")
        known = self.seen if elsewhere is None else Everywhere(self.seen, elsewhere)
        result = self._gate.judge(fresh, known)
        self._transactions.write(self._gate.encode(result))
        self.seen.learn(result.learnt)
        letters = result.dead_letters.height
        dropped = result.refused.height - letters
        return Passed(result.clean.height, letters, dropped, result.last_offset, result.removed)

    def close(self) -> None:
        """Let go of the partition."""
        self._transactions.close()


def above(chunk: RawChunk, offset: int) -> RawChunk:
    """The records of a chunk above an offset."""
    skip = sum(1 for at in chunk.offsets if at <= offset)
    if not skip:
        return chunk
    return Records(chunk.topic, chunk.partition, chunk.offsets[skip:], chunk.values[skip:], chunk.timestamps[skip:])


def _restored(brokers: str, place: TopicPartition, span: int) -> Seen:
    messages = read_partition(brokers, place)
    learnt = [Learnt.decode(value) for message in messages if (value := message.value()) is not None]
    return Seen.restore(learnt, complete=not messages or messages[0].offset() == 0, span=span)
