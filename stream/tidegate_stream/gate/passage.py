"""The gate at work on one source partition: decode, judge, encode, commit. The only part that holds state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import orjson
from confluent_kafka import Message, TopicPartition

from tidegate_schemas.columns import ColumnCodec, Decoded
from tidegate_schemas.errors import DecodeError
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import clean_schema, consent_schema, dead_letter_schema, outcome_schema, raw_schema
from tidegate_schemas.topics import Kind, ids_topic, kind_of, raw_topic
from tidegate_stream.erasure import Erasure, erasure_of, text_of
from tidegate_stream.erasure.erasure import codec, request_key
from tidegate_stream.gate.cookieless import Cookieless, Visits
from tidegate_stream.gate.decisions import consent_key
from tidegate_stream.gate.elsewhere import Everywhere
from tidegate_stream.gate.erasures import KnownErasures
from tidegate_stream.gate.gate import Gate, GateResult
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.known_consents import KnownConsents
from tidegate_stream.gate.ledger import RawChunk, Records
from tidegate_stream.gate.rules.columns import Removed
from tidegate_stream.gate.rules.compiled import NO_RULES, Rules
from tidegate_stream.gate.sealing_keys import SealingKeys, no_keys
from tidegate_stream.gate.seen import SPAN_OFFSETS, Learnt, Memory, Seen
from tidegate_stream.gate.transaction import VISITED_KEY, Batch, PartitionTransactions, read_partition
from tidegate_stream.gate.unsealing import Opener


class KindGate:
    """The gate of one kind with its codecs; shared by the kind's partitions."""

    def __init__(
        self,
        kind: Kind,
        keys: Keys,
        registry: SchemaRegistry | None = None,
        session_gap_seconds: float = 1800.0,
        *,
        erasures: KnownErasures | None = None,
        consents: KnownConsents | None = None,
        rules: Rules = NO_RULES,
        sealing_keys: SealingKeys = no_keys,
    ) -> None:
        self.erasures = erasures or KnownErasures(None)
        self.consents = consents or KnownConsents(None)
        self._notice = codec(registry)
        cookieless = Cookieless(keys.salts, int(session_gap_seconds * 1_000_000))
        self.gate = Gate(
            kind,
            keys,
            registry=registry,
            cookieless=cookieless,
            tombstones=self.erasures.tombstones,
            consents=self.consents.consents,
            rules=rules,
        )
        self.raw = ColumnCodec(raw_schema(kind), registry)
        self._opener = Opener(kind, sealing_keys, registry)
        self.clean = ColumnCodec(clean_schema(kind), registry)
        self.dead_letter = ColumnCodec(dead_letter_schema(), registry)
        self.outcome = ColumnCodec(outcome_schema(), registry)
        self.consent = RowCodec(consent_schema(), registry)

    def judge(self, chunk: RawChunk, seen: Memory, visits: Visits | None = None) -> GateResult:
        """Decode and process a chunk in which no erasure stands."""
        return self.process(*self.read(chunk), seen, visits)

    def read(self, chunk: RawChunk) -> tuple[Decoded, RawChunk]:
        """Decode a chunk; and the chunk as it would be if nothing that the gate can open had been sealed."""
        if not (chunk.values and self._opener.is_sealed(chunk.values[0])):
            decoded = self.raw.decode(chunk.values)
            if not any(self._opener.is_sealed(chunk.values[record.index]) for record in decoded.bad):
                return decoded, chunk
        opened = self._opener.open(chunk.values)
        values = [opened.values.get(index, value) for index, value in enumerate(chunk.values)]
        decoded = self.raw.decode(values)
        unopened = {record.index: record for record in opened.bad}
        bad = [unopened.get(record.index, record) for record in decoded.bad]
        unsealed = Records(chunk.topic, chunk.partition, chunk.offsets, values, chunk.timestamps)
        return Decoded(decoded.frame, bad), unsealed

    def process(self, decoded: Decoded, chunk: RawChunk, seen: Memory, visits: Visits | None = None) -> GateResult:
        """Process a chunk that was decoded."""
        return self.gate.process(decoded.frame, decoded.bad, chunk, seen, visits)

    def erasures_in(self, decoded: Decoded, chunk: RawChunk) -> list[tuple[int, Erasure]]:
        """The erasures that stand in a chunk, each with its place there, in order."""
        found = ((record.index, self._erasure(chunk.values[record.index])) for record in decoded.bad)
        return sorted(((place, erasure) for place, erasure in found if erasure is not None), key=itemgetter(0))

    def _erasure(self, value: bytes | None) -> Erasure | None:
        """The erasure that a raw record is a notice of. The topic of erasures has the last word: any may write here."""
        try:
            notice = erasure_of(value or b"", self._notice)
        except (DecodeError, ValueError):
            return None
        return self.erasures.confirmed(notice)

    def notice(self, erasure: Erasure, offset: int) -> Batch:
        """What stands for an erasure in the clean topic."""
        return Batch([erasure.receipt_id.encode()], [text_of(erasure, self._notice)], [], [], None, offset)

    def encode(self, result: GateResult) -> Batch:
        """What a result writes."""
        return Batch(
            keys=result.keys,
            clean=self.clean.encode(result.clean) if result.clean.height else [],
            dead_letters=self.dead_letter.encode(result.dead_letters) if result.dead_letters.height else [],
            outcomes=self.outcome.encode(result.outcomes) if result.outcomes.height else [],
            learnt=result.learnt.encode() if result.learnt.ids.height else None,
            last_offset=result.last_offset,
            visited=orjson.dumps(result.visited) if result.visited else None,
            consents=[(consent_key(each), self.consent.encode(each)) for each in result.told.consents],
            erasures=[(request_key(each), text_of(each, self._notice)) for each in result.told.erasures],
        )


@dataclass(frozen=True)
class Passed:
    """What a chunk became, in records; `last_offset` is committed with it. For the counts see `GateResult`."""

    clean: int
    dead_lettered: int
    dropped: int
    last_offset: int
    nameless: Mapping[str, int] = field(default_factory=dict)
    removed: Removed = field(default_factory=dict)

    def __add__(self, other: Passed) -> Passed:
        return Passed(
            self.clean + other.clean,
            self.dead_lettered + other.dead_lettered,
            self.dropped + other.dropped,
            other.last_offset,
            _summed(self.nameless, other.nameless),
            _summed(self.removed, other.removed),
        )


class Passage:
    """One source partition. Opening fences the earlier owner, unless `transactions` did, and restores progress and
    duplicates. Blocks."""

    def __init__(
        self,
        gate: KindGate,
        brokers: str,
        partition: int,
        generation: int = 1,
        *,
        span: int = SPAN_OFFSETS,
        transactions: PartitionTransactions | None = None,
    ) -> None:
        self._gate = gate
        self._kind = gate.gate.kind
        topic = raw_topic(self._kind, generation)
        self._transactions = transactions or PartitionTransactions(brokers, topic, partition)
        self._transactions.find_progress()
        # The earlier owner may have come past notices of erasures that this process has not read of.
        gate.erasures.refresh()
        messages = read_partition(brokers, TopicPartition(ids_topic(self._kind, generation), partition))
        self.seen, self._visits = _restored(messages, span), Visits(_values(messages, VISITED_KEY))

    @property
    def progress(self) -> int:
        """Raw offset up to which (inclusive) everything has passed; -1 at the start."""
        return self._transactions.progress

    def take(self, chunk: RawChunk, elsewhere: Seen | None = None) -> Passed:
        """Pass a chunk in one transaction; what is at or below the progress is skipped.

        `elsewhere` knows the events that passed in other generations of the topic. What people decided is asked for
        first, so that no decision that any gate wrote before is missed.
        """
        fresh = above(chunk, self.progress)
        if not fresh.offsets:
            return Passed(0, 0, 0, self.progress)
        if kind_of(fresh.topic) != self._kind:
            raise ValueError(f"a chunk of {fresh.topic} came to the gate of {self._kind}")
        known = self.seen if elsewhere is None else Everywhere(self.seen, elsewhere)
        self._gate.consents.refresh()
        decoded, fresh = self._gate.read(fresh)
        if standing := self._gate.erasures_in(decoded, fresh):
            return self._around(fresh, standing, known)
        return self._judged(decoded, fresh, known)

    def _judged(self, decoded: Decoded, chunk: RawChunk, known: Memory) -> Passed:
        """Pass records among which no erasure stands."""
        result = self._gate.process(decoded, chunk, known, self._visits)
        self._transactions.write(self._gate.encode(result))
        self.seen.learn(result.learnt)
        self._visits.learn(result.visited)
        letters = result.dead_letters.height
        dropped = result.refused.height - letters
        return Passed(result.clean.height, letters, dropped, result.last_offset, result.nameless, result.removed)

    def _around(self, chunk: RawChunk, standing: Sequence[tuple[int, Erasure]], known: Memory) -> Passed:
        """Pass erasures, each in its place, and what lies before, between and after them."""
        passed, begin = Passed(0, 0, 0, self.progress), 0
        for place, erasure in (*standing, (len(chunk.offsets), None)):
            if begin < place:
                decoded, between = self._gate.read(cut(chunk, begin, place))
                passed += self._judged(decoded, between, known)
            if erasure is not None:
                self._transactions.write(self._gate.notice(erasure, chunk.offsets[place]))
            begin = place + 1
        return replace(passed, last_offset=self.progress)

    def close(self) -> None:
        """Let go of the partition."""
        self._transactions.close()


def _summed(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def above(chunk: RawChunk, offset: int) -> RawChunk:
    """The records of a chunk above an offset."""
    skip = sum(1 for at in chunk.offsets if at <= offset)
    return cut(chunk, skip, len(chunk.offsets)) if skip else chunk


def cut(chunk: RawChunk, begin: int, end: int) -> RawChunk:
    """The records of a chunk from one place to another (excluded)."""
    part = slice(begin, end)
    return Records(chunk.topic, chunk.partition, chunk.offsets[part], chunk.values[part], chunk.timestamps[part])


def _values(messages: Sequence[Message], key: bytes | None) -> list[bytes]:
    return [value for message in messages if message.key() == key and (value := message.value()) is not None]


def _restored(messages: Sequence[Message], span: int) -> Seen:
    learnt = [Learnt.decode(value) for value in _values(messages, None)]
    return Seen.restore(learnt, complete=not messages or messages[0].offset() == 0, span=span)
